//! Pixels in memory: [`Raster`], what every floor above hands on.
//!
//! Absent here: files, coordinates on the Earth, threads.

pub mod image;
pub mod kernel;
mod paint;
pub mod reduce;
pub mod resample;
pub mod weights;

use crate::error::{Error, Result};

/// The type of a sample as a source stores it and as a lossless tile gives it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SampleType {
    /// 8 bits, 0..=255.
    U8,
    /// 16 bits, 0..=65535, carried as `f32`, which holds every one of them exactly.
    U16,
}

impl std::fmt::Display for SampleType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::U8 => "8-bit",
            Self::U16 => "16-bit",
        })
    }
}

/// The samples of a raster, interleaved by pixel: all bands of the first pixel, then all of the second.
#[derive(Debug, Clone, PartialEq)]
pub enum Samples {
    /// 8-bit samples; all arithmetic on them is in integers.
    U8(Vec<u8>),
    /// Everything else.
    F32(Vec<f32>),
}

impl Samples {
    /// The sample at index `i`.
    pub fn get(&self, i: usize) -> f64 {
        match self {
            Self::U8(values) => f64::from(values[i]),
            Self::F32(values) => f64::from(values[i]),
        }
    }

    /// `n` zeros of the kind that carries `sample_type`.
    pub fn zeros(sample_type: SampleType, n: usize) -> Self {
        match sample_type {
            SampleType::U8 => Self::U8(vec![0; n]),
            SampleType::U16 => Self::F32(vec![0.0; n]),
        }
    }
}

/// A rectangle of pixels: rows top to bottom, pixels left to right, bands interleaved, and one mask byte a pixel.
///
/// The mask is 0 where there is nothing, 255 where the pixel is whole, between where it is partly covered. Nodata, alpha
/// and masks of a source all become this mask when they are read. Samples are *not* premultiplied; under mask 0 they
/// are 0.
#[derive(Debug, Clone, PartialEq)]
pub struct Raster {
    width: usize,
    height: usize,
    bands: usize,
    sample_type: SampleType,
    /// `width * height * bands` samples.
    pub samples: Samples,
    /// `width * height` bytes.
    pub mask: Vec<u8>,
}

impl Raster {
    /// An empty raster (mask 0 everywhere) of `width` by `height` pixels with `bands` bands, alpha not counted.
    pub fn empty(width: usize, height: usize, bands: usize, sample_type: SampleType) -> Self {
        let samples = Samples::zeros(sample_type, width * height * bands);
        Self {
            width,
            height,
            bands,
            sample_type,
            samples,
            mask: vec![0; width * height],
        }
    }

    /// A raster over samples and mask that exist already.
    ///
    /// # Errors
    /// When their lengths or their kind do not fit the size and type given.
    pub fn from_parts(
        width: usize,
        height: usize,
        bands: usize,
        sample_type: SampleType,
        samples: Samples,
        mask: Vec<u8>,
    ) -> Result<Self> {
        let n = match (&samples, sample_type) {
            (Samples::U8(values), SampleType::U8) => values.len(),
            (Samples::F32(values), SampleType::U16) => values.len(),
            _ => {
                return Err(Error::internal(
                    "raster: the samples are not of the type given",
                ));
            }
        };
        if n != width * height * bands || mask.len() != width * height {
            return Err(Error::internal(format!(
                "raster: {n} samples and {} mask bytes for {width} x {height} x {bands}",
                mask.len()
            )));
        }
        Ok(Self {
            width,
            height,
            bands,
            sample_type,
            samples,
            mask,
        })
    }

    /// Pixels from left to right.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows from top to bottom.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Samples a pixel, the mask not counted.
    pub fn bands(&self) -> usize {
        self.bands
    }

    /// What the samples stand for.
    pub fn sample_type(&self) -> SampleType {
        self.sample_type
    }

    /// Sets the sample at index `i` (see [`Raster::samples`]) to the value of its type nearest to `value`, halves upwards.
    pub fn set_sample(&mut self, i: usize, value: f64) {
        match &mut self.samples {
            Samples::U8(values) => values[i] = (value + 0.5) as u8,
            Samples::F32(values) => {
                values[i] = match self.sample_type {
                    SampleType::U16 => (value + 0.5).floor().clamp(0.0, 65535.0) as f32,
                    SampleType::U8 => unreachable!("8-bit samples are carried as such"),
                }
            }
        }
    }

    /// Whether every pixel is whole.
    pub fn is_opaque(&self) -> bool {
        self.mask.iter().all(|&m| m == 255)
    }

    /// Whether there is nothing at all.
    pub fn is_empty(&self) -> bool {
        self.mask.iter().all(|&m| m == 0)
    }
}
