//! The smallest, or the largest, value of each band.

use super::Combine;
use crate::raster::{Raster, of_one_kind};

#[derive(Clone, Copy)]
pub(super) enum Better {
    Smaller,
    Larger,
}

pub(super) struct Extreme {
    better: Better,
    canvas: Option<Raster>,
}

impl Extreme {
    pub(super) fn new(better: Better) -> Self {
        Self {
            better,
            canvas: None,
        }
    }
}

impl Combine for Extreme {
    fn feed(&mut self, layer: Raster) {
        let Some(canvas) = &mut self.canvas else {
            self.canvas = Some(layer);
            return;
        };
        let (bands, better) = (canvas.bands(), self.better);
        let masks = (&mut canvas.mask[..], &layer.mask[..]);
        of_one_kind!((&mut canvas.samples, &layer.samples), |ours, new| {
            keep(ours, new, masks, bands, better)
        });
    }

    fn finish(self: Box<Self>) -> Option<Raster> {
        self.canvas
    }
}

fn keep<T: Copy + PartialOrd>(
    ours: &mut [T],
    new: &[T],
    (our_mask, new_mask): (&mut [u8], &[u8]),
    bands: usize,
    better: Better,
) {
    let pixels = ours.chunks_exact_mut(bands).zip(new.chunks_exact(bands));
    for ((ours, new), (mask, &new_mask)) in pixels.zip(our_mask.iter_mut().zip(new_mask)) {
        if new_mask == 0 {
            continue;
        }
        if *mask == 0 {
            ours.copy_from_slice(new);
        } else {
            for (ours, &new) in ours.iter_mut().zip(new) {
                *ours = match better {
                    Better::Smaller if new < *ours => new,
                    Better::Larger if new > *ours => new,
                    _ => *ours,
                };
            }
        }
        *mask = (*mask).max(new_mask);
    }
}
