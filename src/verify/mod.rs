//! Whether a tileset is whole and true: [`verify`] is the way in.
//!
//! The container is looked at by [`audit`], which goes on after a fault; then every tile is decoded, family by
//! family: a parent and its children, which are compared with it and with each other. What a tileset says of itself is
//! compared with what was seen.
//!
//! With the sources at hand, [`against`] compares tiles with what these make of them.
//!
//! Nothing is written. What is found is a list of [`Finding`]s, which are faults; what is only unusual is a note.

mod against;
mod agree;
mod described;
mod findings;
mod gathered;
mod kinds;
mod look;
mod moved;
mod picture;
mod quadrant;
mod sample;
mod seam;
mod units;
mod walk;

pub use self::against::{Against, Comparison, Rendering, against};
pub use self::agree::Typical;
pub use self::findings::{Finding, Findings, KEPT};
pub use self::gathered::Seams;
pub use self::kinds::{KINDS, Kind, KindInfo};
pub use self::sample::Sample;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use self::walk::Walk;
use crate::archive::{Flaw, Store, audit, open_store};
use crate::convert::post_order;
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::geo::tile::TileCoord;
use crate::pyramid::{Progress, Tally};
use crate::raster::reduce::Reducer;

/// How to verify.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Threads.
    pub jobs: usize,
    /// What was recorded when the tileset was made.
    pub recorded: Recorded,
    /// Kinds that are no findings: they are counted in a note.
    pub ignore: Vec<Kind>,
    /// Set, it ends waiting for a server.
    pub stop: Option<Arc<AtomicBool>>,
}

/// What is known of a tileset from when it was made, as far as it is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recorded {
    /// [`Baked::digest`](crate::pyramid::Baked::digest), in hexadecimal digits.
    pub digest: Option<String>,
    /// Tiles and bytes of each zoom.
    pub zooms: Option<BTreeMap<u8, (u64, u64)>>,
    /// What its overviews were made by.
    pub reducer: Option<Reducer>,
}

/// What was seen.
#[derive(Debug, Clone, Default)]
pub struct Verified {
    /// What there is at each zoom.
    pub zooms: BTreeMap<u8, Zoom>,
    /// Tiles whose pixels were looked at.
    pub n_decoded: u64,
    /// Tiles that were compared with their parents.
    pub n_compared: u64,
    /// How parents and children differ as a rule; `None` where there are none.
    pub overviews: Option<Typical>,
    /// The digest of the tiles, if there was one to compare it with.
    pub digest: Option<String>,
    /// What came of comparing tiles with what the sources make of them, if they were: see [`against`].
    pub against: Option<Against>,
    /// What is wrong.
    pub findings: Findings,
    /// What is unusual.
    pub notes: Vec<String>,
}

/// What was seen of a zoom.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Zoom {
    /// Tiles.
    pub tiles: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How they meet.
    pub seams: Seams,
}

/// Looks at all of the tileset at `path`, or at an address (see [`open_store`]). `watch` is told how far it is; an error of its
/// ends the work.
///
/// # Errors
/// [`Kind::Input`](ErrorKind::Input) when there is nothing there, or nothing that is a tileset: one that is damaged has findings.
/// [`Kind::Retry`](ErrorKind::Retry) when a server does not answer.
pub fn verify(
    path: &Path,
    options: &Options,
    watch: &mut dyn FnMut(&Progress) -> Result<()>,
) -> Result<Verified> {
    let mut audit = audit(path, &mut || watch(&Progress::of(0, 0)))?;
    let tiles = audit.tiles.take();
    let mut verified = Verified {
        notes: std::mem::take(&mut audit.notes),
        ..Verified::default()
    };
    if audit.n_left_out > 0 {
        let n = audit.n_left_out;
        let note = format!("{n} more faults of the container are not listed, nor counted");
        verified.notes.push(note);
    }
    for fault in audit.faults {
        verified.findings.add(fault.into());
    }
    match open(path, &mut verified)? {
        Some(store) => contents(store, tiles, options, &mut verified, watch)?,
        None => verified
            .notes
            .push("its tiles cannot be reached, and were not looked at".to_owned()),
    }
    pass_over(&mut verified, &options.ignore);
    Ok(verified)
}

/// Makes notes of the findings of some kinds.
fn pass_over(verified: &mut Verified, kinds: &[Kind]) {
    for (kind, n) in verified.findings.ignore(kinds) {
        verified.notes.push(format!(
            "{}: {n} passed over, as asked for",
            kind.info().name
        ));
    }
}

/// The store, unless the container is damaged, of which there is a finding then.
fn open(path: &Path, verified: &mut Verified) -> Result<Option<Box<dyn Store>>> {
    match open_store(path) {
        Ok(store) => Ok(Some(store)),
        Err(error) if error.kind() != ErrorKind::Input => Err(error),
        Err(error) => {
            if verified.findings.total() == 0 {
                let text = error.to_string();
                let told = text.split_once("; expected ");
                let (found, expected) = told.unwrap_or((&text, "a container that is whole"));
                verified
                    .findings
                    .add(Finding::at(Flaw::Container.into(), "", found, expected));
            }
            Ok(None)
        }
    }
}

fn contents(
    mut store: Box<dyn Store>,
    tiles: Option<Vec<TileCoord>>,
    options: &Options,
    verified: &mut Verified,
    watch: &mut dyn FnMut(&Progress) -> Result<()>,
) -> Result<()> {
    let Some(tiles) = tiles else {
        verified
            .notes
            .push("its tiles cannot be listed, and were not looked at".to_owned());
        return Ok(());
    };
    if tiles.is_empty() {
        verified.findings.add(Finding::at(
            Flaw::Container.into(),
            "",
            "no tiles",
            "at least one",
        ));
        return Ok(());
    }
    if let Some(stop) = &options.stop {
        store.heed(Arc::clone(stop));
    }
    store.expect(&tiles)?;
    Walk::new(&mut *store, &tiles, options, verified).run(watch)?;
    let told = recorded(&mut *store, &tiles, options, verified, watch);
    // Faults may be those of another file in the same place.
    store.check_unchanged()?;
    told
}

/// Compares the tiles with what was recorded of them.
fn recorded(
    store: &mut dyn Store,
    tiles: &[TileCoord],
    options: &Options,
    verified: &mut Verified,
    watch: &mut dyn FnMut(&Progress) -> Result<()>,
) -> Result<()> {
    let Recorded { digest, zooms, .. } = &options.recorded;
    if let Some(zooms) = zooms {
        counts(zooms, verified);
    }
    let Some(expected) = digest else {
        return Ok(());
    };
    let mut tally = Tally::new(true);
    let planned = tiles.len() as u64;
    for (done, tile) in (0..).zip(post_order(tiles)) {
        watch(&Progress::of(done, planned))?;
        match store.read(tile) {
            Ok(data) => {
                if let Some(data) = data.filter(|data| !data.is_empty()) {
                    tally.add(tile, &data);
                }
            }
            // There is a finding of it already, and no digest can be right.
            Err(error) if error.kind() == ErrorKind::Input => {}
            Err(error) => return Err(error),
        }
    }
    let digest = tally
        .finish()
        .digest
        .ok_or_else(|| Error::internal("a sum without a digest"))?;
    let found: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    if !expected.trim().eq_ignore_ascii_case(&found) {
        let finding = Finding::at(
            Flaw::Digest.into(),
            "all tiles",
            found.clone(),
            expected.clone(),
        );
        verified.findings.add(finding);
    }
    verified.digest = Some(found);
    Ok(())
}

/// Compares what there is at each zoom with what was recorded.
fn counts(zooms: &BTreeMap<u8, (u64, u64)>, verified: &mut Verified) {
    let all: std::collections::BTreeSet<u8> =
        zooms.keys().chain(verified.zooms.keys()).copied().collect();
    for z in all {
        let told = |(tiles, bytes): (u64, u64)| format!("{tiles} tiles of {bytes} bytes");
        let seen = verified
            .zooms
            .get(&z)
            .map_or((0, 0), |zoom| (zoom.tiles, zoom.bytes));
        let expected = zooms.get(&z).copied().unwrap_or_default();
        if seen != expected {
            let place = format!("zoom {z}");
            verified.findings.add(Finding::at(
                Flaw::Digest.into(),
                &place,
                told(seen),
                told(expected),
            ));
        }
    }
}
