//! Formulas on bytes, by tables.
//!
//! Bands by themselves are a table of 256 bytes each. Saturation needs all three: what is before it is a table from bytes to
//! linear light; what comes behind it, the way back from linear light included, only ever rises with the light, so that for
//! each byte there is a least light to reach it. Finding the byte is then a search, which begins from a coarse table and
//! seldom goes further than one step.

use super::colour::{from_linear, saturate, to_linear};
use super::{Curve, Operation};

/// How many pieces linear light from 0 to 1 is cut into where a search begins.
const PIECES: usize = 4096;

/// How many pixels are worked on at once.
const BLOCK: usize = 64;

/// What misses a whole number by less has reached it. The matrices to XYZ and back undo each other but to 0.0002 of a byte.
pub(super) const NEARLY: f64 = 5e-4;

/// A formula made ready for bytes.
#[derive(Debug, Clone)]
pub(super) enum Tables {
    /// What becomes of each byte, by band.
    Bands(Box<[[u8; 256]; 3]>),
    /// One saturation, with bands by themselves before and behind it.
    Saturation(Box<Saturation>),
    /// Anything else, operation by operation.
    Slow(Vec<Operation>),
}

#[derive(Debug, Clone)]
pub(super) struct Saturation {
    before: [[f64; 256]; 3],
    proportion: f64,
    behind: [Steps; 3],
}

/// Linear light to bytes.
#[derive(Debug, Clone)]
struct Steps {
    /// The least light that makes this byte. The first is below all light, one behind the last above it.
    least: [f64; 257],
    /// The byte where each piece of light begins.
    begin: [u8; PIECES],
}

/// Runs operations on one colour, from 0 to 1.
pub(super) fn run(operations: &[Operation], colour: [f64; 3]) -> [f64; 3] {
    operations
        .iter()
        .fold(colour, |colour, operation| match *operation {
            Operation::Bands { bands, curve } => {
                let mut changed = colour;
                for band in 0..3 {
                    if bands[band] {
                        changed[band] = curve.at(colour[band]);
                    }
                }
                changed
            }
            Operation::Saturation(proportion) => {
                saturate(colour.map(to_linear), proportion).map(from_linear)
            }
        })
}

/// A value from 0 to 1 as a byte.
fn byte(value: f64) -> u8 {
    (value * 255.0 + NEARLY) as u8
}

/// What operations, none of which is a saturation, do to one band.
fn curves(operations: &[Operation], band: usize) -> Vec<Curve> {
    operations
        .iter()
        .filter_map(|operation| match *operation {
            Operation::Bands { bands, curve } => bands[band].then_some(curve),
            Operation::Saturation(_) => None,
        })
        .collect()
}

fn along(curves: &[Curve], value: f64) -> f64 {
    curves.iter().fold(value, |value, curve| curve.at(value))
}

impl Tables {
    pub(super) fn new(operations: &[Operation]) -> Self {
        let is_saturation = |operation: &Operation| matches!(operation, Operation::Saturation(_));
        let Some(at) = operations.iter().position(is_saturation) else {
            let table = |band| {
                let curves = curves(operations, band);
                std::array::from_fn(|value| byte(along(&curves, value as f64 / 255.0)))
            };
            return Self::Bands(Box::new(std::array::from_fn(table)));
        };
        let (before, behind) = (&operations[..at], &operations[at + 1..]);
        match operations[at] {
            Operation::Saturation(proportion) if !behind.iter().any(is_saturation) => {
                Self::Saturation(Box::new(Saturation::new(before, proportion, behind)))
            }
            _ => Self::Slow(operations.to_vec()),
        }
    }

    pub(super) fn apply(&self, rgb: &mut [u8]) {
        let pixels = rgb.as_chunks_mut::<3>().0;
        match self {
            Self::Bands(tables) => {
                for pixel in pixels {
                    for (value, table) in pixel.iter_mut().zip(tables.iter()) {
                        *value = table[usize::from(*value)];
                    }
                }
            }
            Self::Saturation(saturation) => saturation.apply(pixels),
            Self::Slow(operations) => {
                for pixel in pixels {
                    let colour = pixel.map(|value| f64::from(value) / 255.0);
                    *pixel = run(operations, colour).map(byte);
                }
            }
        }
    }
}

impl Saturation {
    fn new(before: &[Operation], proportion: f64, behind: &[Operation]) -> Self {
        let table = |band| {
            let curves = curves(before, band);
            std::array::from_fn(|value| to_linear(along(&curves, value as f64 / 255.0)))
        };
        Self {
            before: std::array::from_fn(table),
            proportion,
            behind: std::array::from_fn(|band| Steps::new(&curves(behind, band))),
        }
    }

    fn apply(&self, pixels: &mut [[u8; 3]]) {
        let mut light = [[0.0; BLOCK]; 3];
        for block in pixels.chunks_mut(BLOCK) {
            for (col, pixel) in block.iter().enumerate() {
                for band in 0..3 {
                    light[band][col] = self.before[band][usize::from(pixel[band])];
                }
            }
            self.saturate(&mut light);
            for (col, pixel) in block.iter_mut().enumerate() {
                *pixel = std::array::from_fn(|band| self.behind[band].byte(light[band][col]));
            }
        }
    }

    /// A loop with nothing else in it, which the compiler puts into vectors.
    fn saturate(&self, [red, green, blue]: &mut [[f64; BLOCK]; 3]) {
        for ((red, green), blue) in red.iter_mut().zip(green).zip(blue) {
            [*red, *green, *blue] = saturate([*red, *green, *blue], self.proportion);
        }
    }
}

impl Steps {
    fn new(curves: &[Curve]) -> Self {
        let at = |light: f64| byte(along(curves, from_linear(light)));
        let mut least = [f64::INFINITY; 257];
        let mut low = 0.0;
        for value in at(0.0).saturating_add(1)..=at(1.0) {
            low = least_reaching(low, value, at);
            least[usize::from(value)] = low;
        }
        least[..=usize::from(at(0.0))].fill(f64::NEG_INFINITY);
        let mut steps = Self {
            least,
            begin: [0; PIECES],
        };
        for piece in 0..PIECES {
            steps.begin[piece] = steps.from(0, piece as f64 / PIECES as f64);
        }
        steps
    }

    fn byte(&self, light: f64) -> u8 {
        // Nothing is lighter than 1, nor is what is no number after proportions beyond all measure.
        let light = light.min(1.0);
        let piece = (light * PIECES as f64) as usize;
        self.from(self.begin[piece.min(PIECES - 1)], light)
    }

    /// The byte of `light`, which is not below `value`.
    #[inline]
    fn from(&self, mut value: u8, light: f64) -> u8 {
        // Whether there is a first step is anybody's guess; a second is rare.
        value += u8::from(light >= self.least[usize::from(value) + 1]);
        while light >= self.least[usize::from(value) + 1] {
            value += 1;
        }
        value
    }
}

/// The least light from `low` to 1 that makes a byte of `value` or more.
fn least_reaching(low: f64, value: u8, at: impl Fn(f64) -> u8) -> f64 {
    if at(low) >= value {
        return low;
    }
    // Positive numbers are in the order of their bits.
    let (mut below, mut reached) = (low.to_bits(), 1f64.to_bits());
    while below + 1 < reached {
        let middle = below + (reached - below) / 2;
        if at(f64::from_bits(middle)) >= value {
            reached = middle;
        } else {
            below = middle;
        }
    }
    f64::from_bits(reached)
}
