//! Which zooms, from options.

use azulejo::error::{Error, Result};
use clap::Args;

use super::values::Zooms;

/// Options of zooms. Commands that choose others than all say so.
#[derive(Args)]
pub(super) struct ZoomArgs {
    /// Zooms to take: 5-12, 12 (that one), 5- (from 5 on) or -12 (up to 12). [default: all]
    #[arg(
        short,
        long,
        value_name = "ZOOMS",
        allow_negative_numbers = true,
        conflicts_with_all = ["min_zoom", "max_zoom"]
    )]
    zoom: Option<Zooms>,

    /// The lowest zoom to take.
    #[arg(long, value_name = "ZOOM", alias = "minzoom")]
    min_zoom: Option<u8>,

    /// The highest zoom to take.
    #[arg(long, value_name = "ZOOM", alias = "maxzoom")]
    max_zoom: Option<u8>,
}

impl ZoomArgs {
    /// The zooms asked for, however they were said.
    ///
    /// # Errors
    /// [`Kind::Usage`](azulejo::error::Kind::Usage) for a highest zoom below the lowest.
    pub(super) fn asked(&self) -> Result<Zooms> {
        let zooms = self.zoom.unwrap_or(Zooms {
            min: self.min_zoom,
            max: self.max_zoom,
        });
        match (zooms.min, zooms.max) {
            (Some(min), Some(max)) if min > max => Err(Error::usage(format!(
                "zooms {min} to {max} are not a range; expected the lowest zoom first"
            ))),
            _ => Ok(zooms),
        }
    }
}
