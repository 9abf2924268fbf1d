//! The size of a source's pixels in the units of its own coordinate system.

use azulejo::geo::transform::{Georef, Placement};
use gdal::spatial_ref::SpatialRef;

use super::human;

/// The side of a pixel: the square root of its area.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum PixelSize {
    /// Of a projected system.
    Metres(f64),
    /// Of a geographic system.
    Degrees(f64),
}

impl PixelSize {
    /// The size of the pixels at `placement`; `None` where control points leave it open.
    pub(super) fn of(placement: &Placement) -> Option<Self> {
        let Georef::Affine(affine) = &placement.georef else {
            return None;
        };
        let [_, a, b, _, d, e] = affine.0;
        let side = (a * e - b * d).abs().sqrt();
        let srs = SpatialRef::from_wkt(placement.crs.wkt()).ok()?;
        Some(if srs.is_geographic() {
            Self::Degrees((side * srs.angular_units()).to_degrees())
        } else {
            Self::Metres(side * srs.linear_units())
        })
    }

    /// The size of pixels so many times as large.
    pub(super) fn times(self, factor: f64) -> Self {
        match self {
            Self::Metres(side) => Self::Metres(side * factor),
            Self::Degrees(side) => Self::Degrees(side * factor),
        }
    }

    /// As people read it.
    pub(super) fn text(self) -> String {
        match self {
            Self::Metres(side) => human::metres(side),
            Self::Degrees(side) => format!("{}°", human::three_digits(side)),
        }
    }

    /// As text for all of `sizes`: one size or a range; `None` when they cannot be compared.
    pub(super) fn range(sizes: impl IntoIterator<Item = Option<Self>>) -> Option<String> {
        let mut sizes = sizes.into_iter();
        let first = sizes.next()??;
        let (mut low, mut high) = (first, first);
        for size in sizes {
            let size = size?;
            if size.is_below(low)? {
                low = size;
            }
            if high.is_below(size)? {
                high = size;
            }
        }
        let (low, high) = (low.text(), high.text());
        Some(if low == high {
            low
        } else {
            format!("{low} to {high}")
        })
    }

    fn is_below(self, other: Self) -> Option<bool> {
        match (self, other) {
            (Self::Metres(a), Self::Metres(b)) | (Self::Degrees(a), Self::Degrees(b)) => {
                Some(a < b)
            }
            _ => None,
        }
    }
}
