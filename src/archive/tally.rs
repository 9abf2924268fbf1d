//! [`Tally`]: what went into a container, and whether that agrees with what is said about it.

use super::{Metadata, SinkOptions};
use crate::encode::Format;
use crate::error::{Error, Result};
use crate::geo::tile::{MAX_ZOOM, TileCoord};

/// Counts the tiles of a sink and keeps a spoilt container from being finished.
pub(super) struct Tally {
    format: Format,
    matrix_roots: (u32, u32),
    n_tiles: u64,
    /// Bytes of all tiles.
    bytes: u64,
    /// Bit z is set once a tile of zoom z is written.
    zooms: u32,
    spoilt: bool,
}

impl Tally {
    /// Nothing written yet.
    pub(super) fn new(options: &SinkOptions) -> Self {
        let SinkOptions {
            format,
            matrix_roots,
            ..
        } = *options;
        Self {
            format,
            matrix_roots,
            n_tiles: 0,
            bytes: 0,
            zooms: 0,
            spoilt: false,
        }
    }

    /// Tiles written.
    pub(super) fn n_tiles(&self) -> u64 {
        self.n_tiles
    }

    /// Bytes of all tiles written.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Writes one tile by `write` if it may be written, and counts it. A failure spoils the container for good: part of
    /// the tile may be in it.
    pub(super) fn add(
        &mut self,
        tile: TileCoord,
        data: &[u8],
        write: impl FnOnce() -> Result<()>,
    ) -> Result<()> {
        self.check_tile(tile, data)
            .and_then(|()| write())
            .inspect_err(|_| self.spoilt = true)?;
        self.n_tiles += 1;
        self.bytes += data.len() as u64;
        self.zooms |= 1 << tile.z();
        Ok(())
    }

    fn check_tile(&self, tile: TileCoord, data: &[u8]) -> Result<()> {
        if self.spoilt {
            return Err(Error::internal(format!(
                "tile {tile} written after a failure"
            )));
        }
        if !in_matrix(
            tile.z(),
            tile.x().into(),
            tile.y().into(),
            self.matrix_roots,
        ) {
            return Err(Error::internal(format!(
                "tile {tile} is outside the tile matrix"
            )));
        }
        if data.is_empty() {
            return Err(Error::internal(format!("tile {tile} has no bytes")));
        }
        Ok(())
    }

    /// Refuses to finish a spoilt container, or one of which `metadata` is not true.
    pub(super) fn check(&self, metadata: &Metadata) -> Result<()> {
        metadata.check()?;
        if self.spoilt {
            return Err(Error::internal(
                "a container was finished after a failed write",
            ));
        }
        if (metadata.format, metadata.matrix_roots) != (self.format, self.matrix_roots) {
            return Err(Error::internal(
                "the metadata tells another format or tile matrix",
            ));
        }
        let told = (metadata.zoom_min..=metadata.zoom_max).fold(0, |bits, z| bits | 1u32 << z);
        if self.zooms & !told != 0 {
            return Err(Error::internal(
                "a tile lies outside the zooms that the metadata tells",
            ));
        }
        Ok(())
    }
}

/// Whether a matrix with `roots` tiles at zoom 0 (across, down) has the tile `z/x/y`.
fn in_matrix(z: u8, x: i64, y: i64, roots: (u32, u32)) -> bool {
    let has = |n: u32, at: i64| at < i64::from(n) << z && (0..=i64::from(u32::MAX)).contains(&at);
    z <= MAX_ZOOM && has(roots.0, x) && has(roots.1, y)
}

/// The tile at `z/x/y`, if the matrix has it.
pub(super) fn address(z: u8, x: i64, y: i64, roots: (u32, u32)) -> Option<TileCoord> {
    let within = in_matrix(z, x, y, roots);
    within.then(|| TileCoord::new(z, x as u32, y as u32))
}

/// A row counted from the other end: from the south instead of the north, or back. `None` if there is no such row.
pub(super) fn flip(z: u8, y: i64, roots: (u32, u32)) -> Option<i64> {
    let n_rows = i64::from(roots.1) << z;
    (0..n_rows).contains(&y).then(|| n_rows - 1 - y)
}

/// Sorts addresses into the order of [`Store::tiles`](super::Store::tiles) and drops repeated ones.
pub(super) fn sort(tiles: &mut Vec<TileCoord>) -> usize {
    // The key is computed once a tile, not once a comparison: a Hilbert index costs a step a zoom.
    tiles.sort_by_cached_key(|&tile| place(tile));
    let n = tiles.len();
    tiles.dedup();
    n - tiles.len()
}

/// What addresses are sorted by, as [`sort`] does.
pub(super) fn place(tile: TileCoord) -> (u8, u32, u32, u64) {
    let z = tile.z();
    (z, tile.y() >> z, tile.x() >> z, tile.hilbert())
}
