//! Bilinear where it is not widened: what lies between four pixels, exactly.
//!
//! A sample is what [`between`] says in an f64, rounded half up; a place counts to 2⁻³² pixel, see [`split`]. What is faster
//! ([`avx2`]) computes in an f32 first, and anew by [`between`] what comes so near to half a step between two bytes that it
//! might be rounded the wrong way.

use super::avx2;
use super::convolve::{Lane, Part, masked};
use super::supports::{Extent, Run, Supports, Whole, floor, whole_support};
use super::{MaskKind, Pixels, Places};

/// The two pixels that count on each axis: the one whose centre is at or before the place, and the next.
pub(super) const EXTENT: Extent = Extent { first: 0, taps: 2 };

/// What a run of whole supports is made of: the samples of a window `width` pixels wide.
#[derive(Clone, Copy)]
pub(super) struct Input<'a, S> {
    pub(super) samples: &'a [S],
    pub(super) width: usize,
    pub(super) run: Run<'a, f64>,
}

/// A place along one axis (pixel corners at whole numbers), counted from the centre of the first pixel and rounded to 2⁻³²
/// pixel. A window that begins elsewhere takes other bits from a place, far behind these: so a pixel does not depend on how
/// a tile was cut into windows, nor a tie on the last bit of a sine.
#[inline(always)]
fn from_centre(place: f64) -> f64 {
    // Added to a number below 2^19 it leaves so many bits to fractions.
    const MAGIC: f64 = 1.5 * (1_u64 << 20) as f64;
    (place - 0.5) + MAGIC - MAGIC
}

/// Splits a place into the pixel whose centre is at or before it, and how far it is from there to the next.
pub(super) fn split(place: f64) -> (isize, f64) {
    let x = from_centre(place);
    (x.floor() as isize, x - x.floor())
}

/// [`split`] in 32 bits. What is no number, or is far beyond a window, comes to lie outside any.
#[inline(always)]
pub(super) fn split_32(place: f64) -> (i32, f64) {
    let x = from_centre(place);
    let at = floor(x);
    (at, x - f64::from(at))
}

/// The sample at a fraction of the way from the upper left of `corners` (upper two, lower two) to the right and down.
#[inline(always)]
fn between(corners: [[f64; 2]; 2], right: f64, down: f64) -> f64 {
    let [upper, lower] = corners.map(|[a, b]| a * (1.0 - right) + b * right);
    upper * (1.0 - down) + lower * down
}

/// The pixel whose support begins at `origin` and is whole.
#[inline(always)]
pub(super) fn exact<S: Lane, const N: usize>(
    samples: &[S],
    width: usize,
    origin: usize,
    (right, down): (f64, f64),
) -> [S; N] {
    let two = |from: usize| {
        let two = samples[from * N..].as_chunks::<N>().0.first_chunk::<2>();
        two.expect("whole supports lie within the window")
    };
    let [upper, lower] = [two(origin), two(origin + width)];
    std::array::from_fn(|band| {
        let corners = [upper, lower].map(|two| two.map(|pixel| pixel[band].value()));
        S::from_mean(between(corners, right, down))
    })
}

/// One row of the tile.
pub(super) fn row<S: Lane>(
    source: &Pixels<S>,
    places: &Places,
    mask_kind: MaskKind,
    (supports, whole): (&mut Supports<f64>, &Whole),
    dst: &mut [S],
    mask: &mut [u8],
) {
    supports.find(places, (EXTENT, EXTENT), source.raster, whole);
    match source.raster.bands() {
        1 => row_of_bands::<S, 1>(source, places, mask_kind, supports, dst, mask),
        3 => row_of_bands::<S, 3>(source, places, mask_kind, supports, dst, mask),
        n => unreachable!("a tile has 1 or 3 bands, not {n}"),
    }
}

fn row_of_bands<S: Lane, const N: usize>(
    source: &Pixels<S>,
    places: &Places,
    mask_kind: MaskKind,
    supports: &Supports<f64>,
    dst: &mut [S],
    mask: &mut [u8],
) {
    supports.fill(
        places,
        (dst.as_chunks_mut::<N>().0, mask),
        |run, dst| {
            let input = Input {
                samples: source.samples,
                width: source.raster.width(),
                run,
            };
            if !S::between_by_vectors(&input, dst) {
                avx2::compiled(Plain { input, dst });
            }
        },
        |place| pixel(source, place, mask_kind),
    );
}

/// The obvious loop.
struct Plain<'a, S, const N: usize> {
    input: Input<'a, S>,
    dst: &'a mut [[S; N]],
}

impl<S: Lane, const N: usize> avx2::Work for Plain<'_, S, N> {
    #[inline(always)]
    fn run(self) {
        let Input {
            samples,
            width,
            run,
        } = self.input;
        let fractions = run.cols.iter().zip(run.rows);
        for ((dst, &origin), (&right, &down)) in self.dst.iter_mut().zip(run.origins).zip(fractions)
        {
            *dst = exact(samples, width, origin as usize, (right, down));
        }
    }
}

/// Any pixel and its mask, by looking at everything; `None` where there is nothing.
pub(super) fn pixel<S: Lane, const N: usize>(
    source: &Pixels<S>,
    (col, row): (f64, f64),
    mask_kind: MaskKind,
) -> Option<([S; N], u8)> {
    let centre = source.holding(col, row)?;
    if source.raster.mask[centre] == 0 {
        return None;
    }
    let ((col, right), (row, down)) = (split(col), split(row));
    if let Some(origin) = whole_support(source.raster, (EXTENT, EXTENT), mask_kind, (col, row)) {
        let width = source.raster.width();
        let pixel = exact(source.samples, width, origin, (right, down));
        return Some((pixel, 255));
    }
    let weights = [[1.0 - right, right], [1.0 - down, down]];
    let part: Part<S, N> = masked(source, (col, row), (&weights[0], &weights[1]))?;
    Some((part.pixel, part.mask(mask_kind)))
}
