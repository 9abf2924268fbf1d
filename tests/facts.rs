//! Facts that other software has established about real rasters: which tiles have data, where files lie, what values they
//! hold, what must fail. Each was written into the tests of a peer (GDAL, rasterio, rio-tiler, rio-mbtiles, rio-pmtiles,
//! martin) or computed by one of them on the same file.
//!
//! Most of the files lie outside this repository. A test whose file is not there says so and passes.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

#[path = "facts/archives.rs"]
mod archives;
#[path = "facts/bench.rs"]
mod bench;
#[path = "facts/broken.rs"]
mod broken;
#[path = "facts/grids.rs"]
mod grids;
#[path = "facts/peers.rs"]
mod peers;
#[path = "facts/places.rs"]
mod places;
#[path = "skip/mod.rs"]
mod skip;
#[path = "facts/tiles.rs"]
mod tiles;
#[path = "facts/values.rs"]
mod values;
