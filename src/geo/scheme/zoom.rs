//! Resolutions of zooms, and the zoom for a resolution.

use std::str::FromStr;

use super::{Scheme, side};
use crate::error::{Error, Result};

/// Two resolutions closer than this, relative to each other, are the same one. The number is GDAL's (its COG driver).
const SAME_RESOLUTION: f64 = 1e-8;

/// Which zoom to take for a resolution between those of two zooms. [`FromStr`] reads `auto`, `lower` and `upper`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Strategy {
    /// The zoom whose resolution is nearer in ratio; the deeper one if both are equally near. Its name is `auto`.
    #[default]
    Nearest,
    /// The coarser zoom: fewer tiles, detail is lost.
    Lower,
    /// The finer zoom: more tiles, no detail is lost.
    Upper,
}

impl FromStr for Strategy {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "auto" => Ok(Self::Nearest),
            "lower" => Ok(Self::Lower),
            "upper" => Ok(Self::Upper),
            other => Err(Error::usage(format!(
                "zoom level strategy '{other}' is unknown; expected auto, lower or upper"
            ))),
        }
    }
}

impl Scheme {
    /// The side of a pixel at zoom `z`, in CRS units, when tiles are `tile_size_px` pixels wide. What a tile covers does
    /// not depend on its pixels: twice as many are half as large.
    pub fn resolution(&self, z: u8, tile_size_px: u32) -> f64 {
        self.root_size / (f64::from(tile_size_px) * side(z))
    }

    /// The zoom for data with pixels of `resolution` CRS units (above zero), in tiles of `tile_size_px` pixels.
    ///
    /// A resolution within 1e-8 of a zoom's is that zoom. Beyond the coarsest and the deepest zoom the answer is that
    /// zoom, whatever the strategy. The rule is that of morecantile's `zoom_for_res` and of GDAL's COG driver.
    pub fn zoom_for_resolution(
        &self,
        resolution: f64,
        tile_size_px: u32,
        strategy: Strategy,
    ) -> u8 {
        let of = |z| self.resolution(z, tile_size_px);
        let same = |z| (resolution - of(z)).abs() <= SAME_RESOLUTION * of(z);
        let Some(finer) = (0..=self.zoom_max).find(|&z| resolution > of(z) || same(z)) else {
            return self.zoom_max;
        };
        if finer == 0 || same(finer) {
            return finer;
        }
        let coarser = finer - 1;
        match strategy {
            Strategy::Upper => finer,
            Strategy::Lower => coarser,
            Strategy::Nearest if of(coarser) / resolution < resolution / of(finer) => coarser,
            Strategy::Nearest => finer,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::Strategy::{Lower, Nearest, Upper};
    use super::*;
    use crate::geo::tile::MAX_ZOOM;
    use proptest::prelude::{prop_assert_eq, proptest};

    fn web() -> Scheme {
        Scheme::named("WebMercatorQuad").unwrap()
    }

    #[test]
    fn resolutions_are_those_of_morecantile_and_halve_with_twice_the_pixels() {
        let web = web();
        let rows = [
            (7, 1222.9924525628178),
            (8, 611.4962262814075),
            (24, 0.009330691929342784),
        ];
        for (z, expected) in rows {
            // They divide in other steps: the last bits differ.
            let ratio = web.resolution(z, 256) / expected;
            assert!((ratio - 1.0).abs() < 4e-15, "{z}: {ratio}");
            assert_eq!(web.resolution(z, 512), web.resolution(z, 256) / 2.0);
            assert_eq!(web.resolution(z, 512), web.resolution(z + 1, 256));
        }
    }

    #[test]
    fn a_zoom_is_chosen_as_morecantile_and_martin_choose_it() {
        let web = web();
        let rows = [
            (612.0, 256, Nearest, 8),
            (612.0, 256, Lower, 7),
            (612.0, 256, Upper, 8),
            (610.0, 256, Nearest, 8),
            (610.0, 256, Lower, 8),
            (610.0, 256, Upper, 9),
            // Morecantile answers 24, where its WebMercatorQuad ends; ours goes on to 30.
            (0.0001, 256, Nearest, 30),
            (0.0001, 256, Lower, 30),
            (0.0001, 256, Upper, 30),
            // Coarser than the whole world in one pixel.
            (1e9, 256, Nearest, 0),
            (1e9, 256, Lower, 0),
            (1e9, 256, Upper, 0),
            // A resolution that misses its zoom by noise.
            (611.4962262814075 * (1.0 - 0.9e-8), 256, Upper, 8),
            (611.4962262814075 * (1.0 + 0.9e-8), 256, Lower, 8),
            (611.4962262814075 * (1.0 - 1.1e-8), 256, Upper, 9),
            (611.4962262814075 * (1.0 + 1.1e-8), 256, Lower, 7),
            // A file said to fit zoom 18, whose pixels are 0.99999958 of it.
            (0.5971642834779395 * 0.99999958, 256, Nearest, 18),
            // Nearest is meant in ratio: the border is 1.414 times a resolution, not 1.5 times.
            (611.4962262814075 * 1.41, 256, Nearest, 8),
            (611.4962262814075 * 1.42, 256, Nearest, 7),
            // Martin's table of resolutions and tile sizes.
            (156543.03392804103, 256, Nearest, 0),
            (78271.51696402051, 256, Nearest, 1),
            (78271.51696402051, 512, Nearest, 0),
            (39135.75848201026, 256, Nearest, 2),
            (39135.75848201026, 512, Nearest, 1),
            (39135.75848201026, 1024, Nearest, 0),
            (19567.87924100513, 256, Nearest, 3),
            (19567.87924100513, 512, Nearest, 2),
            (19567.87924100513, 1024, Nearest, 1),
            (9783.939620502564, 512, Nearest, 3),
            (9783.939620502564, 1024, Nearest, 2),
            // The world in 256 and 512 pixels, the second a trifle wider than the world.
            (40075016.68557849 / 256.0, 256, Nearest, 0),
            (
                40075016.68557849 / 512.0 * (180.00000000007202 / 180.0),
                256,
                Nearest,
                1,
            ),
        ];
        for (resolution, tile_size_px, strategy, zoom) in rows {
            let found = web.zoom_for_resolution(resolution, tile_size_px, strategy);
            assert_eq!(
                found, zoom,
                "{resolution} m, {tile_size_px} px, {strategy:?}"
            );
        }
    }

    #[test]
    fn strategies_go_by_name() {
        for (name, strategy) in [("auto", Nearest), ("lower", Lower), ("upper", Upper)] {
            assert_eq!(name.parse::<Strategy>().unwrap(), strategy);
        }
        let error = "best".parse::<Strategy>().unwrap_err();
        assert!(error.to_string().contains("auto, lower or upper"));
    }

    proptest! {
        #[test]
        fn the_resolution_of_a_zoom_chooses_that_zoom(z in 0..=MAX_ZOOM, power in 6u32..12) {
            for strategy in [Nearest, Lower, Upper] {
                let web = web();
                prop_assert_eq!(web.zoom_for_resolution(web.resolution(z, 1 << power), 1 << power, strategy), z);
            }
        }
    }
}
