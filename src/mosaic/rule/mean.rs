//! The mean of each band. A source that covers a pixel by half counts half.

use super::Combine;
use crate::raster::{Raster, of_any_kind};

#[derive(Default)]
pub(super) struct Mean {
    /// The first layer; its pixels are the result for as long as it is alone.
    first: Option<Raster>,
    /// Sums of samples, each times its mask; 2^53 is far beyond 8-bit samples of all layers there can be, so they are exact.
    sums: Vec<f64>,
    /// Sums of masks.
    weights: Vec<f64>,
}

impl Mean {
    fn add(&mut self, layer: &Raster) {
        let bands = layer.bands();
        let n = layer.mask.len();
        self.sums.resize(n * bands, 0.0);
        self.weights.resize(n, 0.0);
        of_any_kind!(&layer.samples, |values| add(
            &mut self.sums,
            values,
            &layer.mask,
            bands
        ));
        for (weight, &mask) in self.weights.iter_mut().zip(&layer.mask) {
            *weight += f64::from(mask);
        }
    }
}

fn add<T: Copy + Into<f64>>(sums: &mut [f64], values: &[T], mask: &[u8], bands: usize) {
    let pixels = sums.chunks_exact_mut(bands).zip(values.chunks_exact(bands));
    for ((sums, values), &mask) in pixels.zip(mask) {
        for (sum, &value) in sums.iter_mut().zip(values) {
            *sum += value.into() * f64::from(mask);
        }
    }
}

impl Combine for Mean {
    fn feed(&mut self, layer: Raster) {
        let Some(mut first) = self.first.take() else {
            self.first = Some(layer);
            return;
        };
        if self.sums.is_empty() {
            self.add(&first);
        }
        self.add(&layer);
        for (ours, &new) in first.mask.iter_mut().zip(&layer.mask) {
            *ours = (*ours).max(new);
        }
        self.first = Some(first);
    }

    fn finish(self: Box<Self>) -> Option<Raster> {
        let mut out = self.first?;
        if self.sums.is_empty() {
            return Some(out);
        }
        let bands = out.bands();
        for (k, &weight) in self.weights.iter().enumerate().filter(|(_, w)| **w > 0.0) {
            for i in k * bands..(k + 1) * bands {
                out.set_sample(i, self.sums[i] / weight);
            }
        }
        Some(out)
    }
}
