//! What formats of values take, which are files that say what their samples are and where they lie: [`Values`], one tile, and
//! [`Label`], what all tiles of a tileset have in common.

use crate::error::Result;
use crate::raster::Raster;
use crate::raster::gaps::Gaps;

/// Encodes values as tiles of one format, with fixed settings and one label: the same values at the same place give the same
/// bytes, always.
pub trait EncodeValues: Send {
    /// Appends the encoded `tile` to `out`. After an error `out` is as it was.
    ///
    /// # Errors
    /// When the format cannot hold the tile.
    fn encode(&mut self, tile: &Values, out: &mut Vec<u8>) -> Result<()>;
}

/// The values of a tile.
#[derive(Debug, Clone, Copy)]
pub struct Values<'a> {
    /// Samples of integer types may have fractions still: they are rounded when they are stored, halves upwards.
    pub raster: &'a Raster,
    /// Where they lie.
    pub place: Place,
}

/// Where a tile lies, in the units of the coordinate system of its scheme.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    /// Its zoom.
    pub z: u8,
    /// Its west edge.
    pub west: f64,
    /// Its north edge.
    pub north: f64,
    /// The side of a pixel, the same for all tiles of a zoom.
    pub pixel: f64,
}

/// What all tiles of values of a tileset say of themselves.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Label {
    /// The coordinate system that the tiles lie in. A bake puts in that of its scheme.
    pub keys: GeoKeys,
    /// How they say what is not there.
    pub gaps: Gaps,
    /// What is said of the bands, alpha not counted, as far as something is.
    pub bands: Vec<BandLabel>,
    /// The colours that the values of a single 8-bit band stand for: red, green and blue, from value 0 on.
    pub palette: Vec<[u8; 3]>,
}

/// What is said of a band.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BandLabel {
    /// Its name, or nothing.
    pub description: String,
    /// By which samples are multiplied to become measurements.
    pub scale: Option<f64>,
    /// What is added to them then.
    pub offset: Option<f64>,
    /// Of the measurements, or nothing.
    pub unit: String,
}

/// A coordinate system as GeoTIFF has it (OGC 19-008r4, section 7.1.2); without keys none is named.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GeoKeys {
    /// `GeoKeyDirectory`.
    pub directory: Vec<u16>,
    /// `GeoDoubleParams`.
    pub doubles: Vec<f64>,
    /// `GeoAsciiParams`.
    pub ascii: String,
}
