//! Faults, and how they are planted: a row of one of [`FAULTS`] each.

mod archive;
mod folder;
mod how;
mod mbtiles;
mod pmtiles;

use crate::desk::Desk;
pub(crate) use archive::Archive;
pub(crate) use how::{move_zoom, sql};

/// A fault.
pub(crate) struct Fault {
    pub(crate) name: &'static str,
    /// Where it is planted.
    pub(crate) tileset: &'static str,
    /// Options of `verify`.
    pub(crate) options: &'static [&'static str],
    pub(crate) plant: fn(&Desk),
    /// Kinds of findings, of which one at least must be there.
    pub(crate) kinds: &'static [&'static str],
}

impl Fault {
    /// Whether a file is wanted for it.
    pub(crate) fn needs(&self, name: &str) -> bool {
        self.tileset == name || name == "b.mbtiles" || name == "a.json"
    }
}

const fn row(
    name: &'static str,
    tileset: &'static str,
    plant: fn(&Desk),
    kinds: &'static [&'static str],
) -> Fault {
    Fault {
        name,
        tileset,
        options: &[],
        plant,
        kinds,
    }
}

const DB: &str = "a.mbtiles";
const NORMAL: &str = "n.mbtiles";
const PM: &str = "a.pmtiles";

/// All of them, by the container they are planted in.
pub(crate) const FAULTS: [&[Fault]; 3] = [mbtiles::FAULTS, pmtiles::FAULTS, folder::FAULTS];
