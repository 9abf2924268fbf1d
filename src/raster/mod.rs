//! Pixels in memory: [`Raster`], what every floor above hands on.
//!
//! Absent here: files, coordinates on the Earth, threads.

mod alike;
pub mod depth;
pub mod gaps;
pub mod image;
pub mod kernel;
mod paint;
pub mod reduce;
pub mod resample;
mod sample;
pub mod weights;

use crate::error::{Error, Result};

use sample::Sample;
pub use sample::{SampleType, Samples};
pub(crate) use sample::{of_any_kind, of_one_kind};

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

/// Bytes of a mask that are looked at before asking whether to go on: many at once is faster than one by one.
const CHUNK: usize = 256;

/// Whether all of `mask` is 255.
fn all_whole(mask: &[u8]) -> bool {
    let whole = |bytes: &[u8]| bytes.iter().fold(255, |all, m| all & m) == 255;
    mask.chunks(CHUNK).all(whole)
}

/// Whether all of `mask` is 0.
fn all_hidden(mask: &[u8]) -> bool {
    let hidden = |bytes: &[u8]| bytes.iter().fold(0, |any, m| any | m) == 0;
    mask.chunks(CHUNK).all(hidden)
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
        if !samples.carry(sample_type) {
            return Err(Error::internal(
                "raster: the samples are not of the type given",
            ));
        }
        let n = samples.len();
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
        let value = match self.sample_type.range() {
            Some((low, high)) => (value + 0.5).floor().clamp(low, high),
            None => value,
        };
        match &mut self.samples {
            Samples::U8(values) => values[i] = value as u8,
            Samples::F32(values) => values[i] = value as f32,
            Samples::F64(values) => values[i] = value,
        }
    }

    /// Whether every pixel is whole.
    pub fn is_opaque(&self) -> bool {
        all_whole(&self.mask)
    }

    /// Whether there is nothing at all.
    pub fn is_empty(&self) -> bool {
        all_hidden(&self.mask)
    }

    /// The part of it that is `width` by `height` pixels and has its upper left corner at (`col`, `row`). All of it must lie
    /// within this raster.
    #[must_use]
    pub fn crop(&self, col: usize, row: usize, width: usize, height: usize) -> Self {
        let mut out = Self::empty(width, height, self.bands, self.sample_type);
        let starts = || (row..row + height).map(|r| r * self.width + col);
        of_one_kind!((&self.samples, &mut out.samples), |src, dst| {
            copy_lines(src, starts(), dst, width * self.bands, self.bands);
        });
        copy_lines(&self.mask, starts(), &mut out.mask, width, 1);
        out
    }

    /// Closes the door on what is not there: a pixel with a sample that is no finite number gets mask 0, for no kernel could
    /// make a number of it; and samples under mask 0 become 0, so that they cannot leak into anything.
    pub fn clear_hidden(&mut self) {
        fn clear<S: Sample>(values: &mut [S], mask: &mut [u8], bands: usize) {
            // Most stretches have nothing to hide; to see that takes less than to go through them pixel by pixel.
            const STRETCH_PX: usize = 1024;
            let stretches = values.chunks_mut(STRETCH_PX * bands);
            for (values, mask) in stretches.zip(mask.chunks_mut(STRETCH_PX)) {
                let numbers = values.iter().fold(true, |all, v| all & v.is_number());
                if numbers & mask.iter().fold(true, |all, &m| all & (m > 0)) {
                    continue;
                }
                if mask.iter().fold(0, |all, &m| all | m) == 0 {
                    values.fill(S::default());
                    continue;
                }
                match bands {
                    1 => one_by_one::<S, 1>(values, mask),
                    3 => one_by_one::<S, 3>(values, mask),
                    _ => {
                        for (pixel, mask) in values.chunks_exact_mut(bands).zip(mask) {
                            hide(pixel, mask);
                        }
                    }
                }
            }
        }
        fn one_by_one<S: Sample, const N: usize>(values: &mut [S], mask: &mut [u8]) {
            for (pixel, mask) in values.as_chunks_mut::<N>().0.iter_mut().zip(mask) {
                hide(pixel, mask);
            }
        }
        #[inline(always)]
        fn hide<S: Sample>(pixel: &mut [S], mask: &mut u8) {
            let numbers = pixel.iter().fold(true, |all, v| all & v.is_number());
            *mask = if numbers { *mask } else { 0 };
            for v in pixel {
                *v = if *mask == 0 { S::default() } else { *v };
            }
        }
        // Most rasters are whole, and bytes are always numbers.
        if matches!(self.samples, Samples::U8(_)) && self.is_opaque() {
            return;
        }
        let bands = self.bands;
        of_any_kind!(&mut self.samples, |values| clear(
            values,
            &mut self.mask,
            bands
        ));
    }

    /// Makes every sample a value that the sample type has: those of integer types are rounded to the nearest, half up, and
    /// kept within the type's range. Floating point stays as it is.
    pub fn finish(&mut self) {
        let Some((low, high)) = self.sample_type.range() else {
            return;
        };
        match &mut self.samples {
            Samples::U8(_) => {}
            Samples::F32(values) => values
                .iter_mut()
                // In f64, where adding a half rounds nothing.
                .for_each(|v| *v = (f64::from(*v) + 0.5).floor().clamp(low, high) as f32),
            Samples::F64(values) => values
                .iter_mut()
                .for_each(|v| *v = (*v + 0.5).floor().clamp(low, high)),
        }
    }
}

/// Fills `dst` with lines of `n` values, of which those of line k start at pixel `starts[k]` of `src`.
fn copy_lines<T: Copy>(
    src: &[T],
    starts: impl Iterator<Item = usize>,
    dst: &mut [T],
    n: usize,
    bands: usize,
) {
    for (start, dst) in starts.zip(dst.chunks_exact_mut(n.max(1))) {
        dst.copy_from_slice(&src[start * bands..][..n]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raster(sample_type: SampleType, samples: Samples) -> Raster {
        let n = samples.len();
        Raster::from_parts(n, 1, 1, sample_type, samples, vec![255; n]).unwrap()
    }

    #[test]
    fn finished_samples_are_values_of_their_type() {
        let check = |sample_type, samples, expected| {
            let mut raster = raster(sample_type, samples);
            raster.finish();
            assert_eq!(raster.samples, expected, "{sample_type:?}");
        };
        check(
            SampleType::I16,
            Samples::F32(vec![-0.5, 0.5, -1.5, 1.5, 0.49, -4e4, 4e4]),
            Samples::F32(vec![0.0, 1.0, -1.0, 2.0, 0.0, -32768.0, 32767.0]),
        );
        check(
            SampleType::U32,
            // 2^32 - 1 and a half, which an f32 could not hold.
            Samples::F64(vec![-3.0, 4_294_967_294.5, 5e9, 16_777_217.0]),
            Samples::F64(vec![0.0, 4_294_967_295.0, 4_294_967_295.0, 16_777_217.0]),
        );
        check(
            SampleType::F32,
            Samples::F32(vec![-0.5, 1e30]),
            Samples::F32(vec![-0.5, 1e30]),
        );
    }

    #[test]
    fn samples_are_carried_by_a_kind_that_holds_them() {
        let kinds: [fn() -> Samples; 3] = [
            || Samples::U8(Vec::new()),
            || Samples::F32(Vec::new()),
            || Samples::F64(Vec::new()),
        ];
        for sample_type in SampleType::ALL {
            let fits = kinds.iter().filter(|kind| kind().carry(sample_type));
            assert_eq!(fits.count(), 1, "{sample_type:?}");
            if let Some((low, high)) = sample_type.range() {
                let (low, high) = (low as f32, high as f32);
                let exact = f64::from(low) == sample_type.range().unwrap().0
                    && f64::from(high) == sample_type.range().unwrap().1;
                let in_f32 = Samples::F32(Vec::new()).carry(sample_type);
                assert!(exact || !in_f32, "{sample_type:?}");
            }
        }
        let wrong = Raster::from_parts(1, 1, 1, SampleType::I32, kinds[1](), vec![0]);
        assert!(wrong.is_err());
    }

    #[test]
    fn a_crop_is_a_part() {
        let samples = Samples::F64((0..24).map(f64::from).collect());
        let whole =
            Raster::from_parts(4, 3, 2, SampleType::F64, samples, (0..12).collect()).unwrap();
        let part = whole.crop(1, 1, 2, 2);
        assert_eq!(
            part.samples,
            Samples::F64(vec![10.0, 11.0, 12.0, 13.0, 18.0, 19.0, 20.0, 21.0])
        );
        assert_eq!(part.mask, [5, 6, 9, 10]);
        assert_eq!(whole.crop(0, 0, 4, 3), whole);
    }
}
