//! Which colour each pixel takes: the nearest to what it is plus what its neighbours could not be (Floyd and Steinberg,
//! 1976), row after row, to and fro.

use super::nearest::{Nearest, SCALE};
use super::{Kind, kind};
use crate::encode::colours::Rgba;

/// How much of an error is handed on, in sixteenths. All of it makes more noise than it makes shades, and noise is bytes.
const HANDED_ON: i32 = 12;

/// The indices into `palette`, which has colours of all kinds there are, of `pixels` in rows of `width`.
pub(super) fn indices(pixels: &[Rgba], width: usize, palette: &[Rgba]) -> Vec<u8> {
    let scaled = |colour: Rgba| colour.map(|v| i32::from(v) * SCALE);
    let of = |wanted: Kind| {
        let all = palette.iter().zip(0_u8..=255);
        let some = all.filter(move |&(&colour, _)| kind(colour) == wanted);
        Nearest::new(some.map(|(&colour, index)| (scaled(colour), index)))
    };
    let (opaque, between) = (of(Kind::Opaque), of(Kind::Between));
    // There is one at most, and it is the first, as the darkest.
    let transparent = 0;

    let mut out = vec![0; pixels.len()];
    // What is handed on to this row and to the next, with room on both sides.
    let mut here = vec![[0_i32; 4]; width + 2];
    let mut next = here.clone();
    for (y, (row, out)) in pixels
        .chunks_exact(width)
        .zip(out.chunks_exact_mut(width))
        .enumerate()
    {
        let backwards = y % 2 == 1;
        for k in 0..width {
            let x = if backwards { width - 1 - k } else { k };
            let nearest = match kind(row[x]) {
                Kind::Transparent => {
                    out[x] = transparent;
                    continue;
                }
                Kind::Between => &between,
                Kind::Opaque => &opaque,
            };
            let mut wanted = scaled(row[x]);
            for (v, error) in wanted.iter_mut().zip(here[x + 1]) {
                *v = (*v + error).clamp(0, 255 * SCALE);
            }
            // An opaque pixel gets nothing of its neighbours' alpha.
            if row[x][3] == 255 {
                wanted[3] = 255 * SCALE;
            }
            let (found, index) = nearest.find(wanted);
            out[x] = index;
            // The one after, and below: the one before, this one, the one after.
            let (before, after) = if backwards { (x + 2, x) } else { (x, x + 2) };
            for channel in 0..4 {
                let error = (wanted[channel] - found[channel]) * HANDED_ON / 16;
                here[after][channel] += error * 7 / 16;
                next[before][channel] += error * 3 / 16;
                next[x + 1][channel] += error * 5 / 16;
                next[after][channel] += error / 16;
            }
        }
        std::mem::swap(&mut here, &mut next);
        next.fill([0; 4]);
    }
    out
}
