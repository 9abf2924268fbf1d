//! Mean and mode over the area of a tile pixel: the source pixels between its upper left and its lower right corner, each
//! counting by the part of it that lies there.

use std::collections::HashMap;

use super::{MaskKind, Pixels, Places, avx2};
use crate::raster::sample::Sample;

/// Steps a source pixel is divided into along each axis when shares of it are counted. Shares, and sums of shares times
/// samples, are then whole numbers, exact in an f64 for any window that fits in memory.
const STEPS: f64 = 1024.0;

/// The pixels between two places along one axis: the first, and the end (exclusive).
struct Span {
    first: usize,
    end: usize,
    low: f64,
    high: f64,
}

impl Span {
    /// `None` when nothing of it lies within `0..size`.
    #[inline(always)]
    fn new(a: f64, b: f64, size: usize) -> Option<Self> {
        // A hair is rounding.
        const HAIR: f64 = 1e-9;
        if !(a.is_finite() && b.is_finite()) {
            return None;
        }
        let (low, high) = (a.min(b), a.max(b));
        let first = (low + HAIR).floor();
        // A span within one pixel, or without a length, is of the pixel in which it starts.
        let end = (high - HAIR).ceil().max(first + 1.0);
        let (first, end) = (first.max(0.0), end.min(size as f64));
        (first < end).then_some(Self {
            first: first as usize,
            end: end as usize,
            low,
            high,
        })
    }

    /// The share of pixel `k` that lies in the span, in [`STEPS`]; of a span shorter than a pixel, the share of the span that
    /// lies in pixel `k`, which cannot be none in both of two. A pixel that is alone counts whole: there is nothing to weigh it
    /// against.
    #[inline(always)]
    fn share(&self, k: usize) -> f64 {
        if self.first + 1 == self.end {
            return STEPS;
        }
        let share = (self.high.min(k as f64 + 1.0) - self.low.max(k as f64)).clamp(0.0, 1.0);
        (share / (self.high - self.low).min(1.0) * STEPS).round()
    }
}

/// The source pixels under tile pixel `i`.
#[inline(always)]
fn spans<S>(source: &Pixels<S>, places: &Places, i: usize) -> Option<(Span, Span)> {
    let cols = Span::new(places.upper.0[i], places.lower.0[i], source.raster.width())?;
    let rows = Span::new(places.upper.1[i], places.lower.1[i], source.raster.height())?;
    Some((cols, rows))
}

pub(super) fn mean_row<S: Sample>(
    source: &Pixels<S>,
    places: &Places,
    mask_kind: MaskKind,
    dst: &mut [S],
    mask: &mut [u8],
) {
    match source.raster.bands() {
        1 => avx2::compiled(MeanRow::<S, 1>(source, places, mask_kind, dst, mask)),
        3 => avx2::compiled(MeanRow::<S, 3>(source, places, mask_kind, dst, mask)),
        n => unreachable!("{n} bands are sampled one by one"),
    }
}

/// A row of means of pixels of `N` bands.
struct MeanRow<'a, S, const N: usize>(
    &'a Pixels<'a, S>,
    &'a Places<'a>,
    MaskKind,
    &'a mut [S],
    &'a mut [u8],
);

impl<S: Sample, const N: usize> avx2::Work for MeanRow<'_, S, N> {
    #[inline(always)]
    fn run(self) {
        let Self(source, places, mask_kind, dst, mask) = self;
        let dst = dst.as_chunks_mut::<N>().0;
        // Shares of the columns, which every row needs.
        let mut shares = Vec::new();
        for (i, (dst, mask)) in dst.iter_mut().zip(mask).enumerate() {
            let Some((cols, rows)) = spans(source, places, i) else {
                continue;
            };
            shares.clear();
            for col in cols.first..cols.end {
                shares.push(cols.share(col));
            }
            let sums = sums::<S, N>(source, &shares, cols.first, &rows);
            let share = if sums.covered > 0.0 {
                (sums.covered / sums.inside + 0.5).clamp(0.0, 255.0) as u8
            } else {
                0
            };
            if share > 0 {
                for (dst, sum) in dst.iter_mut().zip(sums.bands) {
                    *dst = S::from_mean(sum / sums.covered);
                }
                *mask = if mask_kind == MaskKind::Graded {
                    share
                } else {
                    255
                };
            }
        }
    }
}

/// Sums over an area.
struct Sums<const N: usize> {
    /// Of samples by what they weigh.
    bands: [f64; N],
    /// Of what they weigh: share times mask.
    covered: f64,
    /// Of the shares of those that are there.
    inside: f64,
}

/// The sums over the columns from `first` on, of which `shares` are taken, and the rows of `rows`.
#[inline(always)]
fn sums<S: Sample, const N: usize>(
    source: &Pixels<S>,
    shares: &[f64],
    first: usize,
    rows: &Span,
) -> Sums<N> {
    let mut bands = [0.0; N];
    let (mut covered, mut inside) = (0.0, 0.0);
    for row in rows.first..rows.end {
        let row_share = rows.share(row);
        let start = row * source.raster.width() + first;
        let masks = &source.raster.mask[start..start + shares.len()];
        let pixels = &source.samples[start * N..(start + shares.len()) * N];
        let pixels = pixels.as_chunks::<N>().0;
        for ((&col_share, &mask), pixel) in shares.iter().zip(masks).zip(pixels) {
            if mask == 0 {
                continue;
            }
            let share = row_share * col_share;
            let weight = share * f64::from(mask);
            inside += share;
            covered += weight;
            for band in 0..N {
                bands[band] += weight * pixel[band].value();
            }
        }
    }
    Sums {
        bands,
        covered,
        inside,
    }
}

/// The most frequent value, counted as GDAL's warper does: every pixel that the area touches has one vote, and of values
/// with as many votes the first to have had them wins. Band by band, but for `classes`, whose colours stand for one value
/// each and must not be mixed.
pub(super) fn mode_row<S: Sample>(
    source: &Pixels<S>,
    places: &Places,
    classes: bool,
    dst: &mut [S],
    mask: &mut [u8],
) {
    let bands = source.raster.bands();
    let step = if classes { bands } else { 1 };
    let mut votes = Votes::default();
    for (i, (dst, mask)) in dst.chunks_exact_mut(bands).zip(mask).enumerate() {
        let Some((cols, rows)) = spans(source, places, i) else {
            continue;
        };
        for first in (0..bands).step_by(step) {
            let value = |k: usize| &source.pixel(k)[first..first + step];
            if let Some(k) = most_frequent(source, &cols, &rows, value, &mut votes) {
                dst[first..first + step].copy_from_slice(value(k));
                *mask = source.raster.mask[k];
            }
        }
    }
}

/// The votes of one tile pixel.
#[derive(Default)]
struct Votes {
    /// Candidates in the order in which they were seen: the index of a pixel that has the value, and the votes for it.
    candidates: Vec<(usize, u32)>,
    /// Where they stand there, by their values; only once they are more than [`FEW`].
    by_value: HashMap<[u64; 3], usize>,
}

/// Candidates that are found sooner by looking at each than by a hash.
const FEW: usize = 16;

impl Votes {
    /// Counts the vote of pixel `k` and returns how many its value has now.
    fn count<'a, S: Sample + 'a>(&mut self, k: usize, value: impl Fn(usize) -> &'a [S]) -> u32 {
        let n = self.candidates.len();
        let at = if n <= FEW {
            let same = |(seen, _): &(usize, u32)| value(*seen) == value(k);
            self.candidates.iter().position(same)
        } else {
            if self.by_value.is_empty() {
                let seen = self.candidates.iter().enumerate();
                self.by_value
                    .extend(seen.map(|(at, (seen, _))| (key(value(*seen)), at)));
            }
            let at = *self.by_value.entry(key(value(k))).or_insert(n);
            (at < n).then_some(at)
        };
        let at = at.unwrap_or_else(|| {
            self.candidates.push((k, 0));
            n
        });
        self.candidates[at].1 += 1;
        self.candidates[at].1
    }

    fn clear(&mut self) {
        self.candidates.clear();
        self.by_value.clear();
    }
}

/// The same for values that are equal: there is a zero with a minus sign.
fn key<S: Sample>(value: &[S]) -> [u64; 3] {
    let mut key = [0; 3];
    for (key, v) in key.iter_mut().zip(value) {
        *key = (v.value() + 0.0).to_bits();
    }
    key
}

/// The index of a pixel that has the most frequent value.
fn most_frequent<'a, S: Sample + 'a>(
    source: &Pixels<S>,
    cols: &Span,
    rows: &Span,
    value: impl Fn(usize) -> &'a [S],
    votes: &mut Votes,
) -> Option<usize> {
    votes.clear();
    let mut best: Option<(usize, u32)> = None;
    for row in rows.first..rows.end {
        for k in row * source.raster.width() + cols.first..row * source.raster.width() + cols.end {
            if source.raster.mask[k] == 0 {
                continue;
            }
            let n = votes.count(k, &value);
            if best.is_none_or(|(_, most)| n > most) {
                best = Some((k, n));
            }
        }
    }
    best.map(|(k, _)| k)
}
