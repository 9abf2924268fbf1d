//! What of a tile is data, and what a parent has of it.

use super::agree::Quarter;
use super::picture::{Picture, values};
use crate::raster::Raster;
use crate::raster::reduce::Reducer;

/// Whole pixels of a parent that a tile must come to for it to be missed: whatever the overviews are made by, four pixels that
/// are all there come to one that is.
const SOLID: usize = 4;

/// Which part of a tile must be something where the format cannot say so. What is lossy blurs the edges of nothing.
const PART: usize = 64;

/// How many of `n_pixels` must be there.
fn enough(picture: &Picture, n_pixels: usize) -> usize {
    if picture.has_alpha {
        SOLID
    } else {
        SOLID.max(n_pixels / PART)
    }
}

/// Whether a pixel shows nothing where a format cannot say so: it is white or black.
fn is_ground(pixel: &[f32]) -> bool {
    let is_all = |is: &dyn Fn(f32) -> bool| pixel.iter().all(|&value| is(value));
    is_all(&|value| value >= 240.0) || is_all(&|value| value <= 15.0)
}

/// A child reduced, beside its quadrant.
pub(super) fn quarter<'a>(
    reduced: &'a Raster,
    child: &Picture,
    parent: &'a Picture,
    quadrant: (usize, usize),
) -> Quarter<'a> {
    Quarter {
        child: reduced,
        parent: &parent.raster,
        quadrant,
        is_lossless: child.is_lossless && parent.is_lossless,
        unit: child.unit.max(parent.unit),
    }
}

/// `child` at half its size; `None` if that is no quadrant of `parent`.
pub(super) fn reduced(child: &Picture, parent: &Picture, reducer: Reducer) -> Option<Raster> {
    let (a, b) = (&child.raster, &parent.raster);
    let alike = (a.width(), a.height(), a.bands()) == (b.width(), b.height(), b.bands());
    let even = a.width().is_multiple_of(2) && a.height().is_multiple_of(2);
    (alike && even).then(|| reducer.reduce(a))
}

/// Whether a tile comes to some whole pixels at half its size.
pub(super) fn is_solid(picture: &Picture) -> bool {
    let (raster, width) = (&picture.raster, picture.raster.width());
    let (all, bands) = (values(raster), raster.bands());
    let is_there = |k: usize| {
        let is_shown = || picture.has_alpha || !is_ground(&all[k * bands..(k + 1) * bands]);
        raster.mask[k] == 255 && is_shown()
    };
    let rows = (0..raster.height() / 2).map(|row| 2 * row * width);
    let pixels = rows.flat_map(|start| (0..width / 2).map(move |col| start + 2 * col));
    let whole = |&k: &usize| {
        let four = [k, k + 1, k + width, k + width + 1];
        four.into_iter().all(is_there)
    };
    pixels.filter(whole).count() >= enough(picture, raster.mask.len() / 4)
}

/// Whether a parent has data in a quadrant: `None` if not, otherwise whether it may be none, opaque and of one colour.
pub(super) fn data_in(parent: &Picture, quadrant: (usize, usize)) -> Option<bool> {
    let (raster, all) = (&parent.raster, values(&parent.raster));
    let (width, height) = (raster.width() / 2, raster.height() / 2);
    // Kernels reach over the edge of a quadrant by a pixel or two, JPEG's blocks by eight and more.
    let is_opaque = raster.is_opaque();
    let margin = if is_opaque {
        width / 8
    } else {
        (width / 8).min(2)
    };
    let bands = raster.bands();
    let (mut n, mut n_shown) = (0, 0);
    let mut ranges = vec![(f32::MAX, f32::MIN); bands];
    for row in margin..height.saturating_sub(margin) {
        let start = (quadrant.1 * height + row) * raster.width() + quadrant.0 * width;
        for k in start + margin..start + width.saturating_sub(margin) {
            if raster.mask[k] < 128 {
                continue;
            }
            let pixel = &all[k * bands..(k + 1) * bands];
            n += 1;
            n_shown += usize::from(!is_ground(pixel));
            for (range, &value) in ranges.iter_mut().zip(pixel) {
                *range = (range.0.min(value), range.1.max(value));
            }
        }
    }
    if n < SOLID {
        return None;
    }
    let is_one = |(low, high): &(f32, f32)| high - low <= 16.0 * parent.unit;
    let is_nothing = !parent.has_alpha && n_shown < enough(parent, width * height);
    Some(is_opaque && (is_nothing || ranges.iter().all(is_one)))
}
