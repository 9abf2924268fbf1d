//! Painting one raster below another: what is there already stays.

use super::{Raster, Samples};

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
            match (&mut self.samples, &other.samples) {
                (Samples::U8(dst), Samples::U8(src)) => {
                    under(
                        &mut dst[to * bands..(to + n) * bands],
                        &src[from * bands..(from + n) * bands],
                        masks,
                        bands,
                        |v| (v + 0.5) as u8,
                    );
                }
                (Samples::F32(dst), Samples::F32(src)) => {
                    under(
                        &mut dst[to * bands..(to + n) * bands],
                        &src[from * bands..(from + n) * bands],
                        masks,
                        bands,
                        |v| v as f32,
                    );
                }
                _ => unreachable!("layers of one mosaic have one sample type"),
            }
        }
    }
}

/// One row of [`Raster::paint_under`]: Porter and Duff's "over" with the new pixels below.
fn under<S: Copy + Into<f64>>(
    dst: &mut [S],
    src: &[S],
    (dst_mask, src_mask): (&mut [u8], &[u8]),
    bands: usize,
    round: impl Fn(f64) -> S,
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
                    *d = round(((*d).into() * f64::from(*above) + s.into() * shown) / covered);
                }
                *above = (covered + 0.5) as u8;
            }
        }
    }
}
