//! azulejo bakes rasters into map tiles: it reads sources through GDAL, lays them over each other, renders every tile of a
//! zoom range in parallel, and writes them into an MBTiles file, a PMTiles archive or a folder, the same bytes every time.
//!
//! # Bird's-eye view
//!
//! The folders, read top to bottom, are the pipeline:
//!
//! ```text
//! files → source → mosaic → render → [reduce up the tree] → style → encode → archive → files
//!                     └──────────────── pyramid drives these ────────────────────┘
//! ```
//!
//! # Floor plan
//!
//! | floor | module | what is there |
//! |---|---|---|
//! | | [`error`] | the one error type; every module may import it |
//! | ground: where things are, no pixels | [`remote`] | object stores: objects listed, read, put and deleted; files in the network read in parts |
//! | | [`geo`] | bounds, tiles and their Hilbert order, lists of changed tiles, schemes, footprints, the way from a tile's pixel to a source's |
//! | first: pixels, no files, no geography | [`raster`] | rasters with a mask, kernels, reducers, pictures for encoders |
//! | second: where pixels come from | [`source`] | anything that can be read window by window; GDAL's datasets; blocks of plain TIFF files decoded without GDAL; a cache of decoded blocks, and what decoding takes; scenes stacked from single-band files, Sentinel-2's products |
//! | | [`mosaic`] | layers in paint order; lists of files, and which of them make a scene; files cut from one grid put together again; what all is clipped to |
//! | third: to a finished tile | [`render`] | one base tile from a mosaic |
//! | | [`style`] | values to pictures: expressions, stretches, colour maps and formulas, legends; heights to shade, slope and codes |
//! | | [`encode`] | pictures to bytes: PNG, JPEG, WebP, AVIF, and the choice between them; values with their place to bytes: GeoTIFF |
//! | | [`archive`] | containers of tiles, written and read: MBTiles, PMTiles, folders |
//! | fourth: the walk | [`pyramid`] | the plan, the tree walk, the threads, a sample that tells what a bake will take, finished parts kept for a run that is cut off, and what parts are made of for a run that brings them up to date; [`pyramid::build`] is the one way in; one tile and how it comes about: [`pyramid::explain`] |
//! | | [`merge`] | a mosaic into one GeoTIFF, block by block; [`merge::merge`] is the one way in |
//! | | [`convert`] | a tileset, or a piece of it, from one container into others; [`convert::Tileset`] is the one way in |
//! | | [`diff`] | what differs between two tilesets; [`diff::Pair`] is the one way in |
//! | | [`verify`] | whether a tileset is whole and true: its container, what it says of itself, its tiles, parents and neighbours: [`verify::verify`]; whether it is what its sources make of it: [`verify::against`] |
//!
//! The binary (`main.rs` and `cli/`) uses these names like any other program and owns the command line.
//!
//! Who may import whom: `geo`, `raster` and `remote` import `error` only; `source` imports all three; `mosaic` imports `source` and below;
//! `render` imports `mosaic` and below; `style` and `encode` import `raster`; `archive` imports `geo`, `remote` and `encode`'s table of formats;
//! `pyramid` imports all of these; `merge` has its threads and layouts from `pyramid`; `convert` imports `archive`,
//! names of `remote`, the clip of `mosaic`, and the sums of `pyramid`; `diff` imports `archive`, what `encode` and `source` decode, and
//! the threads of `pyramid`; `verify` imports `archive`, `encode`, `raster`, the codes of heights of
//! `style`, `source` (GDAL decodes tiles of values), `mosaic` and `pyramid` (which bake tiles once more), the order of `convert`, and the pixels
//! of `diff`. By absence: no clap outside `cli`, no
//! call of GDAL outside `source/gdal`, `remote/ranges` (which reads parts of files over the network), `geo/transform`, `mosaic/clip` (which reads polygons), `merge` (which writes through
//! it), `geo/scheme` (which asks it for the axes of a coordinate system) and `cli` (which sets its options and tells of its
//! version and of what it says about a raster), no threads outside `pyramid/run`, no network, nothing async and no tokio outside `remote` (whose one thread waits for stores), no `unsafe` but for calls of C and in the two modules of
//! code for wide vectors, `raster/resample/avx2` and `encode/png/filter/wide`, which have plain twins.
//! `tests/architecture.rs` reads the `use` lines and enforces this.
//!
//! # Six types carry the program
//!
//! - [`geo::tile::TileCoord`]: zoom, x east, y south, checked once.
//! - [`raster::Raster`]: samples, interleaved, and a mask byte a pixel. Nodata, alpha and mask bands become the mask when a
//!   source is read and are never seen again.
//! - [`source::Source`]: says what it is, reads a window of a level.
//! - [`pyramid::node::Node`]: empty, one colour, or a block of pixels: what a finished tile hands to its parent.
//! - [`encode::Encode`]: a picture to bytes; and its twin [`encode::EncodeValues`] for formats whose tiles are the values
//!   themselves, with the place where they lie.
//! - [`archive::Sink`] and its reading twin [`archive::Store`].
//!
//! Kernels, reducers, schemes, formats and containers are tables: a new one is one file (or function) and one line, and each
//! table has one suite of tests that runs over all its rows.
//!
//! # Invariants
//!
//! 1. **Overviews come from pixels in hand.** A parent is made of its four children's un-encoded pixels: nothing is decoded
//!    again, no lossy level compresses another, no source is read twice.
//! 2. **Tiles come in one order.** Depth first, children along the Hilbert curve before their parent, whatever the number of
//!    threads and wherever the tree is cut into shards. Hence the same bytes.
//! 3. **A pixel depends on its tile alone**: on no thread, shard, cache, ceiling of memory or neighbour. 8-bit samples are worked on in whole
//!    numbers, or so that the result is what 64-bit floating point says; floating point has one order of operations and no
//!    fused multiply-add.
//! 4. **Nothing half done.** An output has its final name only when it is complete and synced.
//! 5. Pixel corners are at whole numbers, in sources and in tiles.

pub mod archive;
pub mod convert;
pub mod diff;
pub mod encode;
pub mod error;
pub mod geo;
pub mod merge;
pub mod mosaic;
pub mod pyramid;
pub mod raster;
pub mod remote;
pub mod render;
pub mod source;
pub mod style;
pub mod verify;
