//! [`Affine`]: pixels to coordinates and back, the six numbers of a geotransform.

use super::bounds::Bounds;

/// `x = a + b*col + c*row`, `y = d + e*col + f*row`, in the order of GDAL's geotransform `[a, b, c, d, e, f]`.
///
/// Pixel corners are at whole numbers: (0, 0) is the upper left corner of the first pixel, its centre is (0.5, 0.5).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Affine(pub [f64; 6]);

impl Affine {
    /// The north-up grid that lays `width` by `height` pixels over `bounds`.
    pub fn over(bounds: &Bounds, width: usize, height: usize) -> Self {
        Self([
            bounds.west,
            bounds.width() / width as f64,
            0.0,
            bounds.north,
            0.0,
            -bounds.height() / height as f64,
        ])
    }

    /// The coordinates of a place in pixels.
    pub fn apply(&self, col: f64, row: f64) -> (f64, f64) {
        let [a, b, c, d, e, f] = self.0;
        (a + b * col + c * row, d + e * col + f * row)
    }

    /// Coordinates back to pixels; `None` when the grid has no area.
    pub fn inverse(&self) -> Option<Self> {
        let [a, b, c, d, e, f] = self.0;
        if c == 0.0 && e == 0.0 && b != 0.0 && f != 0.0 {
            // Not through the determinant: a north-up grid keeps every bit it can.
            return Some(Self([-a / b, 1.0 / b, 0.0, -d / f, 0.0, 1.0 / f]));
        }
        let det = b * f - c * e;
        if det == 0.0 || !det.is_finite() {
            return None;
        }
        Some(Self([
            (c * d - a * f) / det,
            f / det,
            -c / det,
            (a * e - b * d) / det,
            -e / det,
            b / det,
        ]))
    }
}
