//! One tile read and decoded, and what is wrong with it taken down.

use std::sync::PoisonError;

use super::{Looker, Seen};
use crate::encode::Format;
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::geo::tile::TileCoord;
use crate::verify::findings::Finding;
use crate::verify::kinds::Kind;
use crate::verify::picture::{Picture, bad_end, hidden_damage};

impl Looker<'_> {
    /// The bytes of a tile, or what is wrong with them.
    fn read(&self, tile: TileCoord) -> Result<std::result::Result<Vec<u8>, String>> {
        let mut store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        match store.read(tile) {
            Ok(Some(data)) => Ok(Ok(data)),
            Ok(None) => Ok(Err("listed, but not there".to_owned())),
            Err(error) => unreadable(error).map(Err),
        }
    }

    /// The pixels of a tile; what is wrong with it is taken down.
    pub(super) fn open(&self, tile: TileCoord, seen: &mut Seen) -> Result<Option<Picture>> {
        let data = match self.read(tile)? {
            Ok(data) => data,
            Err(found) => {
                seen.tiles.push((tile.z(), 0));
                seen.findings
                    .push(Finding::of(Kind::Damaged, tile, found, "a tile"));
                return Ok(None);
            }
        };
        seen.tiles.push((tile.z(), data.len() as u64));
        if data.is_empty() {
            seen.findings
                .push(Finding::of(Kind::Empty, tile, "no bytes", "a picture"));
            return Ok(None);
        }
        if let (Some(expected), Some(found)) = (self.format, Format::sniff(&data))
            && !expected.holds(found)
        {
            seen.findings.push(Finding::of(
                Kind::TileFormat,
                tile,
                found.name(),
                expected.name(),
            ));
        }
        let picture = match Picture::read(&data, self.meaning) {
            Ok(Some(picture)) => picture,
            Ok(None) => {
                seen.n_opaque += 1;
                return Ok(None);
            }
            Err(found) => {
                seen.findings
                    .push(Finding::of(Kind::Damaged, tile, found, "a picture"));
                return Ok(None);
            }
        };
        if let Some(found) = bad_end(&data) {
            let expected = "a picture and nothing else";
            seen.findings
                .push(Finding::of(Kind::Damaged, tile, found, expected));
        }
        match hidden_damage(&data) {
            Ok(None) => {}
            Ok(Some(found)) => {
                seen.findings
                    .push(Finding::of(Kind::Damaged, tile, found, "a picture"));
            }
            // One reader in two takes it: it may be unusual.
            Err(error) => log::debug!("tile {tile}: {error}"),
        }
        seen.n_decoded += 1;
        let size = (picture.raster.width(), picture.raster.height());
        if let Some(expected) = self.size_px.filter(|&expected| expected != size) {
            let told = |(width, height): (usize, usize)| format!("{width} x {height} pixels");
            seen.findings
                .push(Finding::of(Kind::Size, tile, told(size), told(expected)));
        }
        Ok(Some(picture))
    }

    /// The pixels of a parent; `None` if something is wrong with it, which is taken down when it is a child.
    pub(super) fn parent(&self, tile: TileCoord) -> Result<Option<Picture>> {
        let data = self.read(tile)?;
        let picture = data.and_then(|data| Picture::read(&data, self.meaning));
        Ok(picture.unwrap_or_default())
    }
}

/// What a failure of a store to read a tile says of the tile.
///
/// # Errors
/// `error`, if it is none of the tile's.
pub(in crate::verify) fn unreadable(error: Error) -> Result<String> {
    match error.kind() {
        ErrorKind::Input | ErrorKind::Damaged => Ok(error.to_string()),
        _ => Err(error),
    }
}
