//! [`Step`]: what is done with each pixel of a tile, whichever zoom it is of.

use std::borrow::Cow;
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Form;
use super::colormap::ColorMap;
use super::expression::{Evaluator, Expression};
use super::formula::Formula;
use super::rescale::{self, Stretch};
use super::terrain::Encoding;
use crate::error::{Error, Result};
use crate::raster::{Raster, SampleType, Samples};

/// One thing that is done with the pixels of a tile.
#[derive(Debug, Clone)]
pub enum Step {
    /// Values to other values. The bands are those that the expression names, in its order.
    Expression(Arc<Expression>),
    /// Values to bytes, each band by its own stretch.
    Rescale(Arc<[Stretch]>),
    /// One band to three of colour.
    ColorMap(Arc<ColorMap>),
    /// Colours to colours.
    Formula(Arc<Formula>),
    /// Heights to three bands that stand for them.
    Terrain(Arc<Heights>),
}

/// How heights become colours.
#[derive(Debug)]
pub struct Heights {
    /// The numbers.
    pub encoding: Encoding,
    /// For each zoom, from 0 on, how many low bits they do without; none beyond the last.
    pub bits: Vec<u8>,
    /// The height of what is not there, in metres; without one it stays so.
    pub nodata: Option<f32>,
    /// Whether some height was not within the encoding's range.
    beyond: AtomicBool,
}

thread_local! {
    /// The same, of what this thread has seen since it was asked.
    static BEYOND_HERE: Cell<bool> = const { Cell::new(false) };
}

impl Heights {
    /// Heights by `encoding`; see the fields.
    pub fn new(encoding: Encoding, bits: Vec<u8>, nodata: Option<f32>) -> Self {
        Self {
            encoding,
            bits,
            nodata,
            beyond: AtomicBool::new(false),
        }
    }

    /// Whether some height so far was not within the encoding's range, and became the end next to it.
    pub fn were_beyond(&self) -> bool {
        self.beyond.load(Ordering::Relaxed)
    }

    /// From now on some were.
    pub(super) fn note_beyond(&self) {
        self.beyond.store(true, Ordering::Relaxed);
        BEYOND_HERE.set(true);
    }

    /// Whether the thread that calls has come by some since it asked the last time.
    pub(super) fn take_beyond_here() -> bool {
        BEYOND_HERE.take()
    }

    /// Looks at those that are there.
    fn look_at(&self, heights: &[f32], mask: &[u8]) {
        let (low, high) = self.encoding.range();
        // What is half a step beyond is rounded to the end, as others are.
        let half = self.encoding.interval() / 2.0;
        let (low, high) = (low - half, high + half);
        let is_beyond = |(height, mask): (&f32, &u8)| {
            let height = f64::from(*height);
            (*mask > 0) & ((height < low) | (height > high))
        };
        if heights.iter().zip(mask).any(is_beyond) {
            self.note_beyond();
        }
    }

    fn bits_at(&self, z: u8) -> u8 {
        self.bits.get(usize::from(z)).copied().unwrap_or(0)
    }
}

/// Bytes of red, green and blue.
const COLOURS: Form = Form {
    bands: 3,
    sample_type: SampleType::U8,
};

impl Step {
    /// What becomes of pixels of the form `form`.
    pub(super) fn form(&self, form: Form) -> Result<Form> {
        match self {
            Self::Expression(expression) => {
                check_bands("the expression", expression.bands().len().max(1), form)?;
                Ok(Form {
                    bands: expression.n_outputs(),
                    sample_type: SampleType::F32,
                })
            }
            Self::Rescale(stretches) => {
                check_bands("the ranges", stretches.len(), form)?;
                Ok(Form {
                    sample_type: SampleType::U8,
                    ..form
                })
            }
            Self::ColorMap(_) => check_bands("a colour map", 1, form).map(|()| COLOURS),
            Self::Terrain(_) => check_bands("an encoding of heights", 1, form).map(|()| COLOURS),
            Self::Formula(_) => {
                check_bands("a colour formula", 3, form)?;
                match form.sample_type {
                    SampleType::U8 => Ok(form),
                    other => Err(Error::usage(format!(
                        "{other} values for a colour formula; expected 8-bit colours"
                    ))
                    .with_help("--rescale MIN,MAX")),
                }
            }
        }
    }

    /// What two zooms have in common if it does the same with both; `None` where all zooms are alike.
    pub(super) fn class(&self, z: u8) -> Option<u8> {
        match self {
            Self::Terrain(heights) if !heights.bits.is_empty() => Some(heights.bits_at(z)),
            _ => None,
        }
    }

    /// What becomes of `raster`, a tile of zoom `z`.
    pub(super) fn apply(&self, z: u8, raster: &Raster) -> Raster {
        match self {
            Self::Expression(expression) => evaluate(expression, raster),
            Self::Rescale(stretches) => rescale::apply(stretches, raster),
            Self::ColorMap(map) => {
                coloured(raster, |values, mask, rgb| map.apply(values, mask, rgb))
            }
            Self::Formula(formula) => {
                let mut out = raster.clone();
                if let Samples::U8(rgb) = &mut out.samples {
                    formula.apply(rgb);
                }
                out.clear_hidden();
                out
            }
            Self::Terrain(heights) => encoded(heights, z, raster),
        }
    }
}

fn check_bands(what: &str, wanted: usize, form: Form) -> Result<()> {
    if form.bands == wanted {
        return Ok(());
    }
    let plural = |n: usize| if n == 1 { "band" } else { "bands" };
    Err(Error::usage(format!(
        "{} {} of values for {what}; expected {wanted}",
        form.bands,
        plural(form.bands)
    )))
}

/// The samples of `raster` as 32-bit floating point.
pub(super) fn reals(raster: &Raster) -> Cow<'_, [f32]> {
    match &raster.samples {
        Samples::U8(values) => values.iter().map(|&v| f32::from(v)).collect(),
        Samples::F32(values) => Cow::Borrowed(values),
        Samples::F64(values) => values.iter().map(|&v| v as f32).collect(),
    }
}

fn evaluate(expression: &Expression, raster: &Raster) -> Raster {
    let names = expression.bands();
    let bind = |name: &str| names.iter().position(|known| known == name);
    let mut evaluator = Evaluator::new(expression, raster.bands(), bind)
        .expect("the bands are those that the expression names");
    let (width, height) = (raster.width(), raster.height());
    let mut out = Raster::empty(width, height, evaluator.n_outputs(), SampleType::F32);
    out.mask.copy_from_slice(&raster.mask);
    if let Samples::F32(values) = &mut out.samples {
        evaluator.evaluate(&reals(raster), &mut out.mask, values);
    }
    out
}

/// Three bytes for each value of `raster`, made by `paint` of values and mask.
fn coloured(raster: &Raster, paint: impl Fn(&[f32], &mut [u8], &mut [u8])) -> Raster {
    let mut out = Raster::empty(raster.width(), raster.height(), 3, SampleType::U8);
    out.mask.copy_from_slice(&raster.mask);
    if let Samples::U8(rgb) = &mut out.samples {
        paint(&reals(raster), &mut out.mask, rgb);
    }
    out.clear_hidden();
    out
}

fn encoded(heights: &Heights, z: u8, raster: &Raster) -> Raster {
    let bits = heights.bits_at(z);
    heights.look_at(&reals(raster), &raster.mask);
    let Some(nodata) = heights.nodata else {
        // Half a height is none: what is there is there, or colours would be blended into heights by whoever shows them.
        return coloured(raster, |values, mask, rgb| {
            heights.encoding.encode(values, bits, rgb);
            mask.iter_mut().filter(|m| **m > 0).for_each(|m| *m = 255);
        });
    };
    let mut filled = reals(raster).into_owned();
    for (height, mask) in filled.iter_mut().zip(&raster.mask) {
        *height = if *mask == 0 { nodata } else { *height };
    }
    coloured(raster, |_, mask, rgb| {
        heights.encoding.encode(&filled, bits, rgb);
        mask.fill(255);
    })
}
