//! [`Ground`]: what is made of the heights of base tiles, which are given with their neighbours.

use std::sync::Arc;

use super::Form;
use super::colormap::ColorMap;
use super::relief::{self, Blend, Hillshade, Relief};
use super::step::reals;
use crate::error::{Error, Result};
use crate::raster::{Raster, SampleType, Samples};

/// How strongly shade is laid over colours: so that they can still be told apart in it.
const STRENGTH: f32 = 0.8;

/// Pixels beyond a tile that it takes.
pub const MARGIN_PX: usize = 1;

/// What is done with heights.
#[derive(Debug, Clone)]
pub enum Ground {
    /// Shade, in gray.
    Shade(Hillshade),
    /// Colours of heights, with shade laid over them.
    ShadedColours(Hillshade, Arc<ColorMap>),
    /// A slope, in numbers.
    Slope(relief::SlopeUnit),
}

impl Ground {
    /// What becomes of values of the form `form`.
    pub(super) fn form(&self, form: Form) -> Result<Form> {
        if form.bands != 1 {
            return Err(
                Error::usage(format!("{} bands for heights; expected one", form.bands))
                    .with_help("-b NUMBER"),
            );
        }
        let (bands, sample_type) = match self {
            Self::Shade(_) => (1, SampleType::U8),
            Self::ShadedColours(..) => (3, SampleType::U8),
            Self::Slope(_) => (1, SampleType::F32),
        };
        Ok(Form { bands, sample_type })
    }

    /// What becomes of the tile in the middle of `heights`, which has [`MARGIN_PX`] more on every side. Width and height of
    /// its pixels in metres are given for each of its rows.
    pub fn apply(&self, heights: &Raster, pixel_m: &[[f64; 2]]) -> Raster {
        let size = (
            heights.width() - 2 * MARGIN_PX,
            heights.height() - 2 * MARGIN_PX,
        );
        match self {
            Self::Slope(unit) => made(&Relief::Slope(*unit), heights, size, pixel_m),
            Self::Shade(hillshade) => shade(*hillshade, heights, size, pixel_m),
            Self::ShadedColours(hillshade, map) => {
                let shade = shade(*hillshade, heights, size, pixel_m);
                let inner = heights.crop(MARGIN_PX, MARGIN_PX, size.0, size.1);
                let mut out = Raster::empty(size.0, size.1, 3, SampleType::U8);
                out.mask.copy_from_slice(&inner.mask);
                if let (Samples::U8(rgb), Samples::U8(shades)) = (&mut out.samples, &shade.samples)
                {
                    map.apply(&reals(&inner), &mut out.mask, rgb);
                    Blend::new(hillshade.flat(), STRENGTH).apply(rgb, shades);
                }
                out.clear_hidden();
                out
            }
        }
    }
}

fn made(relief: &Relief, heights: &Raster, size: (usize, usize), pixel_m: &[[f64; 2]]) -> Raster {
    let (width, height) = size;
    let mut out = Raster::empty(width, height, 1, SampleType::F32);
    let ground = relief::Ground {
        heights: &reals(heights),
        mask: &heights.mask,
        width,
        height,
        pixel_m,
    };
    if let Samples::F32(values) = &mut out.samples {
        relief.apply(&ground, values, &mut out.mask);
    }
    out
}

fn shade(
    hillshade: Hillshade,
    heights: &Raster,
    size: (usize, usize),
    pixel_m: &[[f64; 2]],
) -> Raster {
    let shade = made(&Relief::Hillshade(hillshade), heights, size, pixel_m);
    let mut out = Raster::empty(size.0, size.1, 1, SampleType::U8);
    out.mask.copy_from_slice(&shade.mask);
    if let (Samples::F32(shades), Samples::U8(bytes)) = (&shade.samples, &mut out.samples) {
        relief::to_bytes(shades, bytes);
    }
    out.clear_hidden();
    out
}
