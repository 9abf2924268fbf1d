//! From a window of source pixels to a row of tile pixels, wherever those lie in it: [`Sampler`].
//!
//! Every method weighs a pixel by its mask, which is what premultiplied alpha means: what is not there lends no colour.
//! 8-bit samples are worked on in integers, all others in floating point with one order of operations, so that the result
//! does not depend on the processor. Samples of integer types stay within their range, with fractions.

mod area;
mod convolve;

use super::Raster;
use super::kernel::{Method, Resampling};
use super::sample::{Sample, of_one_kind};
use super::weights::WeightTable;

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
    Convolution {
        cols: WeightTable,
        rows: WeightTable,
        /// Where part of the support is missing, a kernel with negative lobes would lack the other half of its bargain
        /// and ring: cubic then steps down to bilinear.
        fallback: Option<Box<WeightTable>>,
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
        let kind =
            match resampling.kernel().method {
                Method::Nearest => Kind::Nearest,
                Method::Convolution { radius, weight } => {
                    let plain = scale.0 <= 1.0 && scale.1 <= 1.0;
                    let fallback = (resampling == Resampling::Cubic && plain).then(|| {
                        match Resampling::Bilinear.kernel().method {
                            Method::Convolution { radius, weight } => {
                                Box::new(WeightTable::new(radius, weight, 1.0))
                            }
                            _ => unreachable!("bilinear is a convolution"),
                        }
                    });
                    Kind::Convolution {
                        cols: WeightTable::new(radius, weight, scale.0),
                        rows: WeightTable::new(radius, weight, scale.1),
                        fallback,
                        needs_half: resampling == Resampling::Lanczos,
                    }
                }
                Method::AreaMean => Kind::Mean,
                Method::AreaMode => Kind::Mode { classes },
            };
        Self { kind, mask }
    }

    /// Whether [`Places`] must have the corners of the pixels.
    pub fn needs_corners(&self) -> bool {
        matches!(self.kind, Kind::Mean | Kind::Mode { .. })
    }

    /// Fills row `row` of `out`, from its pixel `first` on, with what lies at `places` in `source`. Pixels of the row that
    /// find nothing are left alone.
    pub fn sample_row(
        &self,
        source: &Raster,
        places: &Places,
        out: &mut Raster,
        row: usize,
        first: usize,
    ) {
        let (bands, n) = (out.bands(), places.cols.len());
        let start = row * out.width() + first;
        // 8-bit samples cannot leave their range.
        let range = out.sample_type().range();
        let mask = &mut out.mask[start..start + n];
        of_one_kind!((&source.samples, &mut out.samples), |src, dst| {
            let pixels = Pixels {
                samples: src,
                raster: source,
            };
            let dst = &mut dst[start * bands..(start + n) * bands];
            self.sample(&pixels, places, dst, mask);
            // A lobe may reach beyond what the type holds.
            if let Some((low, high)) = range {
                dst.iter_mut().for_each(|v| *v = v.within(low, high));
            }
        });
    }

    fn sample<S: convolve::Lane>(
        &self,
        source: &Pixels<S>,
        places: &Places,
        dst: &mut [S],
        mask: &mut [u8],
    ) {
        match &self.kind {
            Kind::Nearest => nearest(source, places, dst, mask),
            Kind::Convolution {
                cols,
                rows,
                fallback,
                needs_half,
            } => {
                convolve::row(
                    source,
                    places,
                    &convolve::Tables {
                        cols,
                        rows,
                        fallback: fallback.as_deref(),
                        needs_half: *needs_half,
                    },
                    self.mask,
                    dst,
                    mask,
                );
            }
            Kind::Mean => area::mean_row(source, places, self.mask, dst, mask),
            Kind::Mode { classes } => area::mode_row(source, places, *classes, dst, mask),
        }
    }
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
    let bands = source.raster.bands();
    for (i, (dst, mask)) in dst.chunks_exact_mut(bands).zip(mask).enumerate() {
        let Some(k) = source.holding(places.cols[i], places.rows[i]) else {
            continue;
        };
        if source.raster.mask[k] > 0 {
            dst.copy_from_slice(source.pixel(k));
            *mask = source.raster.mask[k];
        }
    }
}

#[cfg(test)]
mod tests;
