//! Whether a picture is damaged, as GDAL sees it.

use gdal::Dataset;

use super::messages::watched;
use super::{init, with_bytes};
use crate::error::{Error, Result};

/// What GDAL says of damaged data in a picture of which `bytes` is the file; `None` if it has nothing to say. Other decoders
/// make something of every JPEG, and say nothing.
///
/// # Errors
/// When it cannot be decoded at all, or there is no memory for a copy.
pub fn damage_in(bytes: &[u8], extension: &str) -> Result<Option<String>> {
    init();
    with_bytes(bytes, extension, |name| {
        let (read, damage) = watched(|| -> gdal::errors::Result<()> {
            let dataset = Dataset::open(name)?;
            let (width, height) = dataset.raster_size();
            // All bands are decoded with the first.
            let band = dataset.rasterband(1)?;
            band.read_as::<u8>((0, 0), (width, height), (width, height), None)?;
            Ok(())
        });
        match damage {
            Some(damage) => Ok(Some(damage)),
            None => read
                .map(|()| None)
                .map_err(|error| Error::input("tile", error)),
        }
    })
}
