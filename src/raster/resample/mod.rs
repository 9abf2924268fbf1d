//! From a window of source pixels to a row of tile pixels, wherever those lie in it: [`Sampler`].
//!
//! Every method weighs a pixel by its mask, which is what premultiplied alpha means: what is not there lends no colour.
//! Bilinear that is not widened is exact. Of the other kernels, 8-bit samples are worked on in integers, all others in
//! floating point with one order of operations, so that the result does not depend on the processor. Samples of integer
//! types stay within their range, with fractions.

mod area;
mod avx2;
mod bilinear;
mod convolve;
mod level;
mod planes;
mod supports;

use std::sync::{Arc, OnceLock};

use super::Raster;
use super::kernel::{KERNELS, Method, Resampling};
use super::sample::{Sample, of_one_kind};
use super::weights::WeightTable;

pub(crate) use self::avx2::{Work, compiled};
use self::planes::Planes;
use self::supports::{Supports, Whole};

/// How a mask is to be understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MaskKind {
    /// All pixels are whole.
    None,
    /// Pixels are there or not (nodata, mask bands), and so are those of a tile, which are never covered in part: mean and mode
    /// make one of any area that touches a pixel that is there, all other kernels where the source pixel at its centre is there.
    Binary,
    /// Pixels cover in part (alpha): a tile pixel covers as much as those it is made of.
    Graded,
}

/// Where the pixels of one tile row lie in a source window, corners at whole numbers. NaN where there is no source.
pub struct Places<'a> {
    /// Columns of the centres.
    pub cols: &'a [f64],
    /// Rows of the centres.
    pub rows: &'a [f64],
    /// Columns and rows of the upper left corners of all pixels; empty unless [`Sampler::needs_corners`].
    pub upper: (&'a [f64], &'a [f64]),
    /// Columns and rows of the lower right corners of all pixels; likewise.
    pub lower: (&'a [f64], &'a [f64]),
}

/// A kernel made ready for one tile: its weights at the scale that the tile has there.
pub struct Sampler {
    kind: Kind,
    mask: MaskKind,
}

enum Kind {
    Nearest,
    /// Not widened.
    Bilinear,
    Convolution {
        cols: Arc<WeightTable>,
        rows: Arc<WeightTable>,
        /// Where part of the support is missing, a kernel with negative lobes would lack the other half of its bargain
        /// and ring: cubic then steps down to bilinear.
        steps_down: bool,
        /// Lanczos would ring most of all, and leaves out what has less than half of its support; so does GDAL's.
        needs_half: bool,
    },
    Mean,
    Mode {
        classes: bool,
    },
}

impl Sampler {
    /// `resampling` for a tile that shrinks the source `scale` times (columns, rows); below 1 it enlarges. `classes` says that
    /// a pixel's bands are one value, not several.
    pub fn new(resampling: Resampling, scale: (f64, f64), mask: MaskKind, classes: bool) -> Self {
        let plain = scale.0 <= 1.0 && scale.1 <= 1.0;
        let kind = match resampling.kernel().method {
            Method::Nearest => Kind::Nearest,
            Method::Convolution { .. } if resampling == Resampling::Bilinear && plain => {
                Kind::Bilinear
            }
            Method::Convolution { .. } => Kind::Convolution {
                cols: table(resampling, scale.0),
                rows: table(resampling, scale.1),
                steps_down: resampling == Resampling::Cubic && plain,
                needs_half: resampling == Resampling::Lanczos,
            },
            Method::AreaMean => Kind::Mean,
            Method::AreaMode => Kind::Mode { classes },
        };
        Self { kind, mask }
    }

    /// Whether [`Places`] must have the corners of the pixels.
    pub fn needs_corners(&self) -> bool {
        matches!(self.kind, Kind::Mean | Kind::Mode { .. })
    }

    /// Looks through `source`, a window, once for all the rows that are made of it.
    pub fn over<'a>(&'a self, source: &'a Raster) -> Over<'a> {
        let whole = match &self.kind {
            Kind::Bilinear => {
                let taps = bilinear::EXTENT.taps;
                Whole::new(source, self.mask, taps, taps)
            }
            Kind::Convolution { cols, rows, .. } => {
                Whole::new(source, self.mask, cols.taps, rows.taps)
            }
            Kind::Nearest | Kind::Mean | Kind::Mode { .. } => Whole::Unknown,
        };
        Over {
            sampler: self,
            source,
            whole,
            phases: Supports::default(),
            fractions: Supports::default(),
            planes: Planes::of(source),
        }
    }
}

/// A sampler over one window of the source.
pub struct Over<'a> {
    sampler: &'a Sampler,
    source: &'a Raster,
    whole: Whole,
    /// Buffers.
    phases: Supports<i32>,
    fractions: Supports<f64>,
    /// The bands one by one, where there is no loop for so many.
    planes: Option<Planes>,
}

impl Over<'_> {
    /// Fills row `row` of `out`, from its pixel `first` on, with what lies at `places` in the window. Pixels of the row that
    /// find nothing are left alone.
    pub fn sample_row(&mut self, places: &Places, out: &mut Raster, row: usize, first: usize) {
        let (bands, n) = (out.bands(), places.cols.len());
        let start = row * out.width() + first;
        // 8-bit samples cannot leave their range.
        let range = out.sample_type().range();
        let mask = &mut out.mask[start..start + n];
        let planes = self.planes.take();
        of_one_kind!((&self.source.samples, &mut out.samples), |src, dst| {
            let dst = &mut dst[start * bands..(start + n) * bands];
            match &planes {
                None => {
                    let pixels = Pixels {
                        samples: src,
                        raster: self.source,
                    };
                    self.sample(&pixels, places, dst, mask);
                }
                Some(planes) => self.sample_planes(planes, places, dst, mask),
            }
            // A lobe may reach beyond what the type holds.
            if let Some((low, high)) = range {
                dst.iter_mut().for_each(|v| *v = v.within(low, high));
            }
        });
        self.planes = planes;
    }

    /// [`Over::sample`], band by band. All have one mask, and so do the pixels that are made of them.
    fn sample_planes<S: convolve::Lane + planes::Plane>(
        &mut self,
        planes: &Planes,
        places: &Places,
        dst: &mut [S],
        mask: &mut [u8],
    ) {
        let bands = planes.bands.len();
        let mut line = vec![S::default(); places.cols.len()];
        for (band, raster) in planes.bands.iter().enumerate() {
            let pixels = Pixels {
                samples: S::of(&raster.samples),
                raster,
            };
            for (line, dst) in line.iter_mut().zip(dst.iter().skip(band).step_by(bands)) {
                *line = *dst;
            }
            self.sample(&pixels, places, &mut line, mask);
            for (line, dst) in line.iter().zip(dst.iter_mut().skip(band).step_by(bands)) {
                *dst = *line;
            }
        }
    }

    fn sample<S: convolve::Lane>(
        &mut self,
        source: &Pixels<S>,
        places: &Places,
        dst: &mut [S],
        mask: &mut [u8],
    ) {
        let mask_kind = self.sampler.mask;
        match &self.sampler.kind {
            Kind::Nearest => nearest(source, places, dst, mask),
            Kind::Bilinear => {
                let supports = (&mut self.fractions, &self.whole);
                bilinear::row(source, places, mask_kind, supports, dst, mask);
            }
            Kind::Convolution {
                cols,
                rows,
                steps_down,
                needs_half,
            } => {
                convolve::row(
                    source,
                    places,
                    &convolve::Tables {
                        cols,
                        rows,
                        steps_down: *steps_down,
                        needs_half: *needs_half,
                    },
                    mask_kind,
                    (&mut self.phases, &self.whole),
                    dst,
                    mask,
                );
            }
            Kind::Mean => area::mean_row(source, places, mask_kind, dst, mask),
            Kind::Mode { classes } => area::mode_row(source, places, *classes, dst, mask),
        }
    }
}

/// The weights of a convolution. Those of a kernel that is not widened are made once.
fn table(resampling: Resampling, scale: f64) -> Arc<WeightTable> {
    static PLAIN: [OnceLock<Arc<WeightTable>>; KERNELS.len()] =
        [const { OnceLock::new() }; KERNELS.len()];
    let make = |scale| {
        let Method::Convolution { radius, weight } = resampling.kernel().method else {
            unreachable!("only a convolution has weights");
        };
        Arc::new(WeightTable::new(radius, weight, scale))
    };
    if scale > 1.0 {
        return make(scale);
    }
    let index = KERNELS.iter().position(|k| k.resampling == resampling);
    let index = index.expect("every kernel has a row");
    Arc::clone(PLAIN[index].get_or_init(|| make(1.0)))
}

/// The samples of a window, typed, and the window they are of.
struct Pixels<'a, S> {
    samples: &'a [S],
    raster: &'a Raster,
}

impl<S> Pixels<'_, S> {
    /// The index of the pixel that holds a place; `None` outside the window. The far edges belong to the last pixels, and
    /// a hair beyond an edge is rounding.
    fn holding(&self, col: f64, row: f64) -> Option<usize> {
        const HAIR: f64 = 1e-9;
        let (w, h) = (self.raster.width(), self.raster.height());
        if !(col >= -HAIR && row >= -HAIR && col <= w as f64 + HAIR && row <= h as f64 + HAIR) {
            return None;
        }
        let (col, row) = ((col + HAIR) as usize, (row + HAIR) as usize);
        Some(row.min(h - 1) * w + col.min(w - 1))
    }

    fn pixel(&self, index: usize) -> &[S] {
        let bands = self.raster.bands();
        &self.samples[index * bands..(index + 1) * bands]
    }
}

fn nearest<S: Copy>(source: &Pixels<S>, places: &Places, dst: &mut [S], mask: &mut [u8]) {
    match source.raster.bands() {
        1 => nearest_of(source, places, dst.as_chunks_mut::<1>().0, mask),
        3 => nearest_of(source, places, dst.as_chunks_mut::<3>().0, mask),
        n => unreachable!("{n} bands are sampled one by one"),
    }
}

/// To copy a few bytes takes less than to ask how many.
fn nearest_of<S: Copy, const N: usize>(
    source: &Pixels<S>,
    places: &Places,
    dst: &mut [[S; N]],
    mask: &mut [u8],
) {
    let pixels = source.samples.as_chunks::<N>().0;
    let places = places.cols.iter().zip(places.rows);
    for ((dst, mask), (&col, &row)) in dst.iter_mut().zip(mask).zip(places) {
        let Some(k) = source.holding(col, row) else {
            continue;
        };
        if source.raster.mask[k] > 0 {
            *dst = pixels[k];
            *mask = source.raster.mask[k];
        }
    }
}

#[cfg(test)]
mod tests;
