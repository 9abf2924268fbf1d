//! The median of each band.

use super::Combine;
use crate::raster::Raster;

#[derive(Default)]
pub(super) struct Median {
    layers: Vec<Raster>,
}

impl Combine for Median {
    fn feed(&mut self, layer: Raster) {
        self.layers.push(layer);
    }

    fn finish(self: Box<Self>) -> Option<Raster> {
        let mut layers = self.layers;
        let mut out = layers.first()?.clone();
        if layers.len() == 1 {
            return layers.pop();
        }
        let bands = out.bands();
        let mut values = Vec::with_capacity(layers.len());
        for k in 0..out.mask.len() {
            out.mask[k] = layers.iter().map(|l| l.mask[k]).max().unwrap_or(0);
            if out.mask[k] == 0 {
                continue;
            }
            for i in k * bands..(k + 1) * bands {
                values.clear();
                let there = layers.iter().filter(|l| l.mask[k] > 0);
                values.extend(there.map(|l| l.samples.get(i)));
                out.set_sample(i, median(&mut values));
            }
        }
        Some(out)
    }
}

/// Of at least one value.
fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let half = values.len() / 2;
    if values.len() % 2 == 1 {
        values[half]
    } else {
        (values[half - 1] + values[half]) / 2.0
    }
}
