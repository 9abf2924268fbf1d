//! azulejo bakes rasters into map tiles.

pub mod archive;
pub mod encode;
pub mod error;
pub mod geo;
pub mod mosaic;
pub mod pyramid;
pub mod raster;
pub mod render;
pub mod source;
