//! [`Planes`]: a window with as many bands as no loop is made for, taken apart.

use crate::raster::{Raster, Samples};

/// A raster for each band.
pub(super) struct Planes {
    pub(super) bands: Vec<Raster>,
}

impl Planes {
    /// The bands of `source` where they are neither one nor three: those of pictures, for which there are loops.
    pub(super) fn of(source: &Raster) -> Option<Self> {
        let n = source.bands();
        if n == 1 || n == 3 {
            return None;
        }
        let bands = (0..n).map(|band| {
            let mut plane = Raster::empty(source.width(), source.height(), 1, source.sample_type());
            plane.mask.copy_from_slice(&source.mask);
            plane.samples = band_of(&source.samples, band, n);
            plane
        });
        Some(Self {
            bands: bands.collect(),
        })
    }
}

fn band_of(samples: &Samples, band: usize, n: usize) -> Samples {
    fn every<T: Copy>(values: &[T], band: usize, n: usize) -> Vec<T> {
        values.iter().skip(band).step_by(n).copied().collect()
    }
    match samples {
        Samples::U8(values) => Samples::U8(every(values, band, n)),
        Samples::F32(values) => Samples::F32(every(values, band, n)),
        Samples::F64(values) => Samples::F64(every(values, band, n)),
    }
}

/// A kind of samples that can be found in any [`Samples`] that are of it.
pub(super) trait Plane: Sized {
    /// The samples. All rasters of one window have one kind.
    fn of(samples: &Samples) -> &[Self];
}

macro_rules! plane {
    ($type:ty, $kind:ident) => {
        impl Plane for $type {
            fn of(samples: &Samples) -> &[Self] {
                match samples {
                    Samples::$kind(values) => values,
                    _ => unreachable!("rasters that meet have one kind of samples"),
                }
            }
        }
    };
}

plane!(u8, U8);
plane!(f32, F32);
plane!(f64, F64);
