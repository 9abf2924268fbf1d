//! Ground control points, by GDAL's own polynomial transformer.

use std::ffi::{c_int, c_void};

use crate::error::{Error, Kind, Result};

/// A ground control point: a place in the picture and its coordinates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gcp {
    /// Pixels from the left edge.
    pub col: f64,
    /// Pixels from the upper edge.
    pub row: f64,
    /// East or longitude.
    pub x: f64,
    /// North or latitude.
    pub y: f64,
}

/// A polynomial through control points, both ways. GDAL chooses its order by how many points there are.
pub(super) struct GcpTransform {
    handle: *mut c_void,
}

impl GcpTransform {
    /// # Errors
    /// [`Kind::Input`] when the points do not determine a polynomial (fewer than three, or in one line).
    pub(super) fn new(gcps: &[Gcp]) -> Result<Self> {
        let list: Vec<gdal_sys::GDAL_GCP> = gcps
            .iter()
            .map(|gcp| gdal_sys::GDAL_GCP {
                // The transformer copies these strings; an empty one will do.
                pszId: c"".as_ptr().cast_mut(),
                pszInfo: c"".as_ptr().cast_mut(),
                dfGCPPixel: gcp.col,
                dfGCPLine: gcp.row,
                dfGCPX: gcp.x,
                dfGCPY: gcp.y,
                dfGCPZ: 0.0,
            })
            .collect();
        let n = c_int::try_from(list.len())
            .map_err(|_| Error::new(Kind::Input, "too many ground control points"))?;
        // SAFETY: the list holds n points and is copied by GDAL; its strings are not written to.
        let handle = unsafe { gdal_sys::GDALCreateGCPTransformer(n, list.as_ptr(), 0, 0) };
        if handle.is_null() {
            return Err(Error::new(
                Kind::Input,
                format!(
                    "{n} ground control points that determine no transformation ({}); expected at least 3, not in one line",
                    super::crs::gdal_message()
                ),
            ));
        }
        Ok(Self { handle })
    }

    /// Pixels to coordinates, in place; NaN where there is no image.
    pub(super) fn to_coordinates(&self, cols: &mut [f64], rows: &mut [f64]) {
        self.apply(cols, rows, 0);
    }

    /// Coordinates to pixels, in place; NaN where there is no image.
    pub(super) fn to_pixels(&self, xs: &mut [f64], ys: &mut [f64]) {
        self.apply(xs, ys, 1);
    }

    fn apply(&self, xs: &mut [f64], ys: &mut [f64], to_source: c_int) {
        let n = c_int::try_from(xs.len()).expect("a few thousand points at a time");
        let mut zs = vec![0.0; xs.len()];
        let mut success: Vec<c_int> = vec![0; xs.len()];
        // SAFETY: all four arrays hold n values.
        unsafe {
            gdal_sys::GDALGCPTransform(
                self.handle,
                to_source,
                n,
                xs.as_mut_ptr(),
                ys.as_mut_ptr(),
                zs.as_mut_ptr(),
                success.as_mut_ptr(),
            )
        };
        for ((x, y), ok) in xs.iter_mut().zip(ys.iter_mut()).zip(success) {
            if ok == 0 || !x.is_finite() || !y.is_finite() {
                (*x, *y) = (f64::NAN, f64::NAN);
            }
        }
    }
}

impl Drop for GcpTransform {
    fn drop(&mut self) {
        // SAFETY: made by GDALCreateGCPTransformer, destroyed once.
        unsafe { gdal_sys::GDALDestroyGCPTransformer(self.handle) };
    }
}
