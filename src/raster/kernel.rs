//! Resampling kernels: one row of [`KERNELS`] each.

use std::f64::consts::PI;

/// How a base tile's pixels are made of a source's. When the tile shrinks the source, every kernel but `Nearest` widens
/// so that each source pixel counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Resampling {
    /// The source pixel that holds the centre.
    Nearest,
    /// Linear between 2 x 2 pixels.
    Bilinear,
    /// Cubic convolution over 4 x 4 pixels (Keys 1981, a = -0.5).
    Cubic,
    /// Cubic B-spline over 4 x 4 pixels: smooth, a little soft.
    CubicSpline,
    /// Windowed sinc over 6 x 6 pixels; nothing where fewer than half of them are there.
    Lanczos,
    /// The mean over the pixel's area.
    Average,
    /// The most frequent of the values that the pixel's area touches.
    Mode,
}

/// How the pixels that count for a tile pixel are found and weighed.
#[derive(Debug, Clone, Copy)]
pub enum Method {
    /// The nearest pixel, as it is.
    Nearest,
    /// A weight by distance, along columns and rows separately, up to `radius` source pixels away.
    Convolution {
        /// Reach in source pixels, before widening.
        radius: f64,
        /// The weight at a distance.
        weight: fn(f64) -> f64,
    },
    /// The mean of the pixels under the tile pixel, by the area they share.
    AreaMean,
    /// The most frequent of the pixels under the tile pixel.
    AreaMode,
}

/// A kernel: its name on the command line and its method.
pub struct Kernel {
    /// Which one.
    pub resampling: Resampling,
    /// As GDAL calls it.
    pub name: &'static str,
    /// How it works.
    pub method: Method,
}

/// Every kernel there is.
pub const KERNELS: [Kernel; 7] = [
    Kernel {
        resampling: Resampling::Nearest,
        name: "nearest",
        method: Method::Nearest,
    },
    Kernel {
        resampling: Resampling::Bilinear,
        name: "bilinear",
        method: Method::Convolution {
            radius: 1.0,
            weight: triangle,
        },
    },
    Kernel {
        resampling: Resampling::Cubic,
        name: "cubic",
        method: Method::Convolution {
            radius: 2.0,
            weight: keys,
        },
    },
    Kernel {
        resampling: Resampling::CubicSpline,
        name: "cubicspline",
        method: Method::Convolution {
            radius: 2.0,
            weight: b_spline,
        },
    },
    Kernel {
        resampling: Resampling::Lanczos,
        name: "lanczos",
        method: Method::Convolution {
            radius: 3.0,
            weight: lanczos3,
        },
    },
    Kernel {
        resampling: Resampling::Average,
        name: "average",
        method: Method::AreaMean,
    },
    Kernel {
        resampling: Resampling::Mode,
        name: "mode",
        method: Method::AreaMode,
    },
];

impl Resampling {
    /// This kernel's row of the table.
    pub fn kernel(self) -> &'static Kernel {
        KERNELS
            .iter()
            .find(|kernel| kernel.resampling == self)
            .expect("every kernel has a row")
    }

    /// The kernel of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        KERNELS
            .iter()
            .find(|kernel| kernel.name == name)
            .map(|kernel| kernel.resampling)
    }

    /// Whether its pixels have values of the source's and no others: what classes need.
    pub fn keeps_values(self) -> bool {
        matches!(self, Self::Nearest | Self::Mode)
    }

    /// Source pixels along a side of what a pixel is made of, when the source is shrunk `scale` times.
    pub fn support(self, scale: f64) -> f64 {
        match self.kernel().method {
            Method::Nearest => 1.0,
            Method::Convolution { radius, .. } => 2.0 * radius * scale.max(1.0),
            Method::AreaMean | Method::AreaMode => scale,
        }
    }

    /// How far from a pixel's place its source pixels lie, in source pixels, when the source is shrunk `scale` times
    /// (at least 1).
    pub fn reach(self, scale: f64) -> f64 {
        match self.kernel().method {
            Method::Nearest => 1.0,
            Method::Convolution { radius, .. } => radius * scale.max(1.0) + 1.0,
            Method::AreaMean | Method::AreaMode => scale + 1.0,
        }
    }
}

fn triangle(x: f64) -> f64 {
    (1.0 - x.abs()).max(0.0)
}

/// R. Keys, "Cubic convolution interpolation for digital image processing", 1981, equation 15, a = -1/2.
fn keys(x: f64) -> f64 {
    let x = x.abs();
    if x < 1.0 {
        (1.5 * x - 2.5) * x * x + 1.0
    } else if x < 2.0 {
        ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    } else {
        0.0
    }
}

fn b_spline(x: f64) -> f64 {
    let cube = |v: f64| if v > 0.0 { v * v * v } else { 0.0 };
    let x = x.abs();
    (cube(2.0 - x) - 4.0 * cube(1.0 - x)) / 6.0
}

fn lanczos3(x: f64) -> f64 {
    let sinc = |v: f64| {
        if v == 0.0 {
            1.0
        } else {
            (PI * v).sin() / (PI * v)
        }
    };
    if x.abs() < 3.0 {
        sinc(x) * sinc(x / 3.0)
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn convolution_weights_sum_to_one_wherever_the_centre_lies() {
        for kernel in &KERNELS {
            let Method::Convolution { radius, weight } = kernel.method else {
                continue;
            };
            // Lanczos sums to 1 only nearly; the weight tables normalise.
            let tolerance = if kernel.resampling == Resampling::Lanczos {
                0.02
            } else {
                1e-12
            };
            for step in 0..=32 {
                let offset = f64::from(step) / 32.0;
                let sum: f64 = (-4..=4).map(|k| weight(f64::from(k) - offset)).sum();
                assert!(
                    (sum - 1.0).abs() < tolerance,
                    "{} at {offset}: {sum}",
                    kernel.name
                );
            }
            assert_eq!(weight(radius), 0.0, "{} ends at its radius", kernel.name);
        }
    }

    #[test]
    fn names_come_back() {
        for kernel in &KERNELS {
            assert_eq!(Resampling::from_name(kernel.name), Some(kernel.resampling));
        }
        assert_eq!(Resampling::from_name("gauss"), None);
    }
}
