//! Painting one raster below another: what is there already stays.

use super::sample::{Sample, of_one_kind};
use super::{Raster, all_hidden, all_whole};

impl Raster {
    /// Paints `other` below what is here already, its upper left corner at (`col`, `row`): pixels that are whole stay, empty
    /// ones are taken from `other`, half-covered ones let it shine through.
    pub fn paint_under(&mut self, other: &Self, col: usize, row: usize) {
        let (bands, width) = (self.bands(), self.width());
        for r in 0..other.height() {
            let to = (row + r) * width + col;
            let from = r * other.width();
            let n = other.width();
            let masks = (&mut self.mask[to..to + n], &other.mask[from..from + n]);
            if all_hidden(masks.0) && all_whole(masks.1) {
                masks.0.fill(255);
                of_one_kind!((&mut self.samples, &other.samples), |dst, src| {
                    dst[to * bands..(to + n) * bands]
                        .copy_from_slice(&src[from * bands..(from + n) * bands]);
                });
                continue;
            }
            of_one_kind!((&mut self.samples, &other.samples), |dst, src| under(
                &mut dst[to * bands..(to + n) * bands],
                &src[from * bands..(from + n) * bands],
                masks,
                bands,
            ));
        }
    }
}

/// One row of [`Raster::paint_under`]: Porter and Duff's "over" with the new pixels below.
fn under<S: Sample>(
    dst: &mut [S],
    src: &[S],
    (dst_mask, src_mask): (&mut [u8], &[u8]),
    bands: usize,
) {
    for (((dst, src), above), &below) in dst
        .chunks_exact_mut(bands)
        .zip(src.chunks_exact(bands))
        .zip(dst_mask)
        .zip(src_mask)
    {
        match (*above, below) {
            (255, _) | (_, 0) => {}
            (0, _) => {
                dst.copy_from_slice(src);
                *above = below;
            }
            _ => {
                let shown = f64::from(below) * f64::from(255 - *above) / 255.0;
                let covered = f64::from(*above) + shown;
                for (d, &s) in dst.iter_mut().zip(src) {
                    let sum = d.value() * f64::from(*above) + s.value() * shown;
                    *d = S::from_mean(sum / covered);
                }
                *above = (covered + 0.5) as u8;
            }
        }
    }
}
