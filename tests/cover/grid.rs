//! Grids of tiles, told once more in plain numbers.

use std::path::{Path, PathBuf};

/// A quadtree of tiles of 256 pixels.
pub(crate) struct Grid {
    pub(crate) name: &'static str,
    pub(crate) crs: &'static str,
    /// The upper left corner of tile 0, 0.
    origin: (f64, f64),
    /// Of a tile of zoom 0.
    side: f64,
    /// Columns and rows of zoom 0.
    roots: (u32, u32),
    /// How far along x the same place comes again: the whole width, if it does.
    pub(crate) period: Option<f64>,
}

/// Half the width of WebMercatorQuad: half the equator of a sphere of 6378137 m.
const HALF: f64 = 6_378_137.0 * std::f64::consts::PI;

pub(crate) const MERCATOR: Grid = Grid {
    name: "WebMercatorQuad",
    crs: "EPSG:3857",
    origin: (-HALF, HALF),
    side: 2.0 * HALF,
    roots: (1, 1),
    period: Some(2.0 * HALF),
};

pub(crate) const DEGREES: Grid = Grid {
    name: "WorldCRS84Quad",
    crs: "OGC:CRS84",
    origin: (-180.0, 90.0),
    side: 180.0,
    roots: (2, 1),
    period: Some(360.0),
};

/// Around the north pole, far into the southern hemisphere.
pub(crate) const ARCTIC: Grid = Grid {
    name: "arctic",
    crs: "EPSG:3995",
    origin: (-12_800_000.0, 12_800_000.0),
    side: 25_600_000.0,
    roots: (1, 1),
    period: None,
};

/// Around the south pole.
pub(crate) const ANTARCTIC: Grid = Grid {
    name: "antarctic",
    crs: "EPSG:3031",
    origin: (-5_120_000.0, 5_120_000.0),
    side: 10_240_000.0,
    roots: (1, 1),
    period: None,
};

/// The zone whose eastern edge is the antimeridian, and what lies beyond.
pub(crate) const UTM_60: Grid = Grid {
    name: "utm60",
    crs: "EPSG:32660",
    origin: (-780_000.0, 6_500_000.0),
    side: 2_560_000.0,
    roots: (1, 1),
    period: None,
};

impl Grid {
    /// What `--tiling-scheme` takes: a name, or the file that is written into `folder`.
    pub(crate) fn scheme(&self, folder: &Path) -> PathBuf {
        let Some(code) = self
            .crs
            .strip_prefix("EPSG:")
            .filter(|_| self.period.is_none())
        else {
            return self.name.into();
        };
        let levels: Vec<String> = (0..8)
            .map(|z| {
                format!(
                    r#"{{"id": "{z}", "cellSize": {}, "pointOfOrigin": [{}, {}], "tileWidth": 256,
                    "tileHeight": 256, "matrixWidth": {}, "matrixHeight": {}}}"#,
                    self.side / 256.0 / f64::from(1_u32 << z),
                    self.origin.0,
                    self.origin.1,
                    self.columns(z),
                    self.rows(z)
                )
            })
            .collect();
        let json = format!(
            r#"{{"crs": "http://www.opengis.net/def/crs/EPSG/0/{code}", "tileMatrices": [{}]}}"#,
            levels.join(",")
        );
        let path = folder.join(format!("{}.json", self.name));
        std::fs::write(&path, json).unwrap();
        path
    }

    pub(crate) fn columns(&self, z: u8) -> u32 {
        self.roots.0 << z
    }

    pub(crate) fn rows(&self, z: u8) -> u32 {
        self.roots.1 << z
    }

    /// Of a pixel at zoom `z`.
    pub(crate) fn pixel(&self, z: u8) -> f64 {
        self.side / f64::from(1_u32 << z) / 256.0
    }

    /// The place `right` and `down` pixels from the upper left corner of tile `x`, `y`.
    pub(crate) fn place(&self, (z, x, y): (u8, u32, u32), right: f64, down: f64) -> (f64, f64) {
        let pixel = self.pixel(z);
        (
            self.origin.0 + (f64::from(x) * 256.0 + right) * pixel,
            self.origin.1 - (f64::from(y) * 256.0 + down) * pixel,
        )
    }

    /// The column and the row, with fractions, of a place.
    pub(crate) fn address(&self, z: u8, x: f64, y: f64) -> (f64, f64) {
        let side = self.pixel(z) * 256.0;
        ((x - self.origin.0) / side, (self.origin.1 - y) / side)
    }
}
