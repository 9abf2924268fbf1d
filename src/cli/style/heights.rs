//! Heights as colours: `-f terrarium` and `-f terrain-rgb`.

use azulejo::encode::Format;
use azulejo::error::{Error, Result};
use azulejo::style::Heights;
use azulejo::style::terrain::{Encoding, Rounding};

use super::{Site, StyleArgs};

/// Metres in a degree of the equator.
const DEGREE_M: f64 = 111_319.49;

/// A format of tiles: of pictures, or of heights.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::cli) struct TileFormat {
    /// What the tiles are to whoever decodes them.
    pub(in crate::cli) picture: Format,
    /// What they stand for.
    pub(in crate::cli) heights: Option<Encoding>,
}

/// Formats of heights by their names.
const OF_HEIGHTS: [(&str, Encoding); 2] = [
    ("terrarium", Encoding::TERRARIUM),
    ("terrain-rgb", Encoding::TERRAIN_RGB),
];

impl std::str::FromStr for TileFormat {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        if let Some((_, encoding)) = OF_HEIGHTS.iter().find(|row| row.0 == text) {
            return Ok(Self {
                picture: Format::Png,
                heights: Some(*encoding),
            });
        }
        let picture = Format::from_name(text)
            .map_err(|error| format!("{error}, or, of heights, terrarium, terrain-rgb"))?;
        Ok(Self {
            picture,
            heights: None,
        })
    }
}

impl std::fmt::Display for TileFormat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let row = OF_HEIGHTS.iter().find(|row| Some(row.1) == self.heights);
        match row {
            Some((name, _)) => f.write_str(name),
            None => self.picture.fmt(f),
        }
    }
}

impl StyleArgs {
    /// Refuses options of heights where there are none, and others where there are.
    ///
    /// # Errors
    /// [`Kind::Usage`](azulejo::error::Kind::Usage).
    pub(super) fn check_heights(&self, format: &TileFormat) -> Result<()> {
        let given = |list: &[(&'static str, bool)]| {
            let mut given = list.iter().filter(|(_, given)| *given);
            given.next().map(|(name, _)| *name)
        };
        let of_codes = given(&[
            ("--height-base", self.height_base.is_some()),
            ("--height-interval", self.height_interval.is_some()),
        ]);
        let of_heights = given(&[
            ("--round", self.round.is_some()),
            ("--nodata-height", self.nodata_height.is_some()),
        ]);
        let of_pictures = given(&[
            ("--rescale", !self.rescale.is_empty()),
            ("--colormap", self.colormap.is_some()),
            ("--color-formula", self.color_formula.is_some()),
            ("--hillshade", self.hillshade.is_some()),
            ("--slope", self.slope.is_some()),
            ("--expression", self.expression.is_some()),
        ]);
        match format.heights {
            None => match of_codes.or(of_heights) {
                Some(option) => Err(Error::usage(format!(
                    "{option}: of heights, which {format} tiles are not; expected -f terrain-rgb or -f terrarium"
                ))),
                None => Ok(()),
            },
            Some(encoding) => {
                if let Some(option) = of_pictures {
                    return Err(Error::usage(format!(
                        "{option}: {format} tiles hold heights as they are; expected a format of pictures, or no such option"
                    )));
                }
                match of_codes.filter(|_| encoding == Encoding::TERRARIUM) {
                    Some(option) => Err(Error::usage(format!(
                        "{option}: terrarium has one base and one interval; expected -f terrain-rgb"
                    ))),
                    None => Ok(()),
                }
            }
        }
    }

    /// How heights become colours, if they do.
    ///
    /// # Errors
    /// [`Kind::Usage`](azulejo::error::Kind::Usage) for a base and an interval that leave no room for heights.
    pub(super) fn encoded(&self, site: &Site, format: &TileFormat) -> Result<Option<Heights>> {
        let Some(usual) = format.heights else {
            return Ok(None);
        };
        let encoding = match (self.height_base, self.height_interval) {
            (None, None) => usual,
            (base, interval) => Encoding::terrain_rgb(
                base.unwrap_or(usual.base()),
                interval.unwrap_or(usual.interval()),
            )?,
        };
        let plan = site.plan;
        let unit_m = if plan.crs.is_geographic() {
            DEGREE_M
        } else {
            plan.crs.unit_m()
        };
        let rounding = self.round.clone().unwrap_or(Rounding::None);
        let bits = |z: u8| {
            let pixel = plan.scheme.resolution(z, plan.shape.tile_size_px as u32);
            rounding.bits(&encoding, z, pixel * unit_m)
        };
        let bits = match rounding {
            Rounding::None => Vec::new(),
            _ => (0..=plan.zoom_max).map(bits).collect(),
        };
        let (low, high) = encoding.range();
        if let Some(nodata) = self.nodata_height
            && !(low..=high).contains(&f64::from(nodata))
        {
            return Err(Error::usage(format!(
                "--nodata-height {nodata}: no height that {} tiles can tell; expected one from {low} to {high} m",
                encoding.name()
            )));
        }
        Ok(Some(Heights::new(encoding, bits, self.nodata_height)))
    }
}
