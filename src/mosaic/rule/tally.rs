//! How many sources there are.

use super::Combine;
use crate::raster::{Raster, SampleType};

pub(super) struct Count {
    sample_type: SampleType,
    out: Option<Raster>,
}

impl Count {
    pub(super) fn new(sample_type: SampleType) -> Self {
        Self {
            sample_type,
            out: None,
        }
    }
}

impl Combine for Count {
    fn feed(&mut self, layer: Raster) {
        let (width, height, sample_type) = (layer.width(), layer.height(), self.sample_type);
        let out = self
            .out
            .get_or_insert_with(|| Raster::empty(width, height, 1, sample_type));
        for (k, _) in layer.mask.iter().enumerate().filter(|(_, m)| **m > 0) {
            let count = out.samples.get(k);
            out.set_sample(k, count + 1.0);
            out.mask[k] = 255;
        }
    }

    fn finish(self: Box<Self>) -> Option<Raster> {
        self.out
    }
}
