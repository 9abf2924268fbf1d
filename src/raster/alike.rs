//! Rasters made alike: [`Raster::with_bands`] and [`Raster::with_type`].

use super::{Raster, SampleType, Samples};

impl Raster {
    /// The same with `sample_type`, which must hold all values of its own.
    #[must_use]
    pub fn with_type(mut self, sample_type: SampleType) -> Self {
        if !self.samples.carry(sample_type) {
            self.samples = match (self.samples, Samples::zeros(sample_type, 0)) {
                (Samples::U8(values), Samples::F32(_)) => {
                    Samples::F32(values.into_iter().map(f32::from).collect())
                }
                (Samples::U8(values), Samples::F64(_)) => {
                    Samples::F64(values.into_iter().map(f64::from).collect())
                }
                (Samples::F32(values), Samples::F64(_)) => {
                    Samples::F64(values.into_iter().map(f64::from).collect())
                }
                _ => unreachable!("no type holds less than one that is part of it"),
            };
        }
        self.sample_type = sample_type;
        self
    }

    /// The same with its one band `bands` times, as gray is red, green and blue.
    #[must_use]
    pub fn with_bands(mut self, bands: usize) -> Self {
        if self.bands == 1 && bands > 1 {
            self.samples = match self.samples {
                Samples::U8(values) => Samples::U8(repeated(&values, bands)),
                Samples::F32(values) => Samples::F32(repeated(&values, bands)),
                Samples::F64(values) => Samples::F64(repeated(&values, bands)),
            };
            self.bands = bands;
        }
        self
    }
}

fn repeated<T: Copy>(values: &[T], times: usize) -> Vec<T> {
    values
        .iter()
        .flat_map(|&value| std::iter::repeat_n(value, times))
        .collect()
}
