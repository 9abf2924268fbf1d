//! How the tiles of a tileset are encoded: [`Recipe`], and [`TileEncoder`], which goes by it.

use std::collections::BTreeMap;

use super::values::{EncodeValues, Label, Place, Values};
use super::{Edges, Encode, Format, Settings, encoder, no_pictures, values_encoder};
use crate::error::{Error, Result};
use crate::raster::Raster;
use crate::raster::image::Image;

/// How the tiles of a tileset are encoded.
#[derive(Debug, Clone, PartialEq)]
pub struct Recipe {
    /// Their format.
    pub format: Format,
    /// How each is made; its quality is that of the zooms below those of `quality_from`.
    pub settings: Settings,
    /// From which zoom on another quality holds, zooms ascending.
    pub quality_from: Vec<(u8, u8)>,
    /// The bytes that a tile may have. Larger ones are made smaller, at the price of quality.
    pub tile_bytes_max: Option<usize>,
    /// What tiles of values say of themselves. Pictures say nothing.
    pub label: Label,
}

impl From<Format> for Recipe {
    fn from(format: Format) -> Self {
        Self {
            format,
            settings: Settings::default(),
            quality_from: Vec::new(),
            tile_bytes_max: None,
            label: Label::default(),
        }
    }
}

impl Recipe {
    /// Whether it can be followed.
    ///
    /// # Errors
    /// When a setting is out of range or means nothing for the format.
    pub fn check(&self) -> Result<()> {
        let ascending = self.quality_from.is_sorted_by(|a, b| a.0 < b.0);
        if !ascending {
            return Err(Error::usage(
                "qualities of zooms that do not ascend; expected as in 70,14:50,16:40",
            ));
        }
        for quality in self.qualities() {
            let settings = self.settings_with(quality, self.settings.edges);
            match self.format.info().is_of_values() {
                true => drop(values_encoder(self.format, &settings, &self.label)?),
                false => drop(encoder(self.format, &settings)?),
            }
        }
        if self.settings.edges == Edges::Lossy
            && !matches!(self.format, Format::Webp | Format::Mixed)
        {
            return Err(Error::usage(format!(
                "lossy edges of {} tiles, in which those with transparency are like the others; expected webp or mixed",
                self.format
            ))
            .with_help("leave --lossy-edges away, or -f webp"));
        }
        let can_lose = self.format.quality(&self.settings).is_some();
        if self.tile_bytes_max.is_some() && !can_lose {
            return Err(Error::usage(format!(
                "{} tiles keep every pixel, and cannot be made smaller; expected a format that can",
                self.format
            ))
            .with_help(
                "leave --max-tile-bytes away, or write jpeg, mixed, palette or lossy webp",
            ));
        }
        Ok(())
    }

    /// The quality of tiles of zoom `z`, if it is asked for.
    fn quality_at(&self, z: u8) -> Option<u8> {
        let from = self.quality_from.iter().rev().find(|from| from.0 <= z);
        from.map(|from| from.1).or(self.settings.quality)
    }

    /// All qualities that are asked for.
    fn qualities(&self) -> impl Iterator<Item = Option<u8>> {
        let from = self.quality_from.iter().map(|from| Some(from.1));
        std::iter::once(self.settings.quality).chain(from)
    }

    fn settings_with(&self, quality: Option<u8>, edges: Edges) -> Settings {
        Settings {
            quality,
            edges,
            ..self.settings
        }
    }
}

/// Whether a tile has as few bytes as it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// It has.
    Fits,
    /// It has more even at the lowest quality, in which it is then.
    TooLarge,
}

/// Encodes tiles by a [`Recipe`]: the same picture at the same zoom gives the same bytes, always, and so do the same values
/// at the same place.
pub struct TileEncoder {
    recipe: Recipe,
    encoders: Encoders,
}

enum Encoders {
    /// One for each quality that is asked for.
    Pictures(BTreeMap<Option<u8>, Box<dyn Encode>>),
    Values(Box<dyn EncodeValues>),
}

impl TileEncoder {
    /// An encoder that goes by `recipe`.
    ///
    /// # Errors
    /// As [`Recipe::check`].
    pub fn new(recipe: &Recipe) -> Result<Self> {
        recipe.check()?;
        let Recipe {
            format,
            settings,
            label,
            ..
        } = recipe;
        let open = |quality| {
            let settings = recipe.settings_with(quality, settings.edges);
            Ok((quality, encoder(*format, &settings)?))
        };
        let encoders = match format.info().is_of_values() {
            true => Encoders::Values(values_encoder(*format, settings, label)?),
            false => Encoders::Pictures(recipe.qualities().map(open).collect::<Result<_>>()?),
        };
        Ok(Self {
            encoders,
            recipe: recipe.clone(),
        })
    }

    /// Whether tiles say where they lie: the same pixels then give other bytes elsewhere.
    pub fn tells_place(&self) -> bool {
        matches!(self.encoders, Encoders::Values(_))
    }

    /// What two zooms have in common if the same picture gives the same bytes in both.
    pub fn class(&self, z: u8) -> Option<u8> {
        self.recipe.quality_at(z)
    }

    /// Appends the tile that `raster` is, which lies at `place`, encoded to `out`: its picture, or its values. `raster` may be
    /// lent, and is the same after. After an error `out` is as it was.
    ///
    /// # Errors
    /// When the format cannot hold the tile.
    pub fn encode_raster(
        &mut self,
        place: Place,
        raster: &mut Raster,
        out: &mut Vec<u8>,
    ) -> Result<Fit> {
        if let Encoders::Values(encoder) = &mut self.encoders {
            encoder.encode(&Values { raster, place }, out)?;
            return Ok(Fit::Fits);
        }
        Image::lend(raster, |image| self.encode(place.z, image, out))
    }

    /// Appends `image`, which is of zoom `z`, encoded to `out`. After an error `out` is as it was.
    ///
    /// # Errors
    /// When the format cannot hold the picture; one of values holds none.
    pub fn encode(&mut self, z: u8, image: &Image, out: &mut Vec<u8>) -> Result<Fit> {
        let quality = self.recipe.quality_at(z);
        let Encoders::Pictures(encoders) = &mut self.encoders else {
            return Err(no_pictures(self.recipe.format));
        };
        let encoder = encoders.get_mut(&quality);
        let start = out.len();
        encoder
            .expect("there is an encoder for every quality")
            .encode(image, out)?;
        match self.recipe.tile_bytes_max {
            Some(max) if out.len() - start > max => {
                let squeezed = self.squeeze(quality, image, max)?;
                out.truncate(start);
                out.extend_from_slice(&squeezed);
                Ok(if squeezed.len() > max {
                    Fit::TooLarge
                } else {
                    Fit::Fits
                })
            }
            _ => Ok(Fit::Fits),
        }
    }

    /// `image` in the highest quality of at most `quality` that has `max` bytes or fewer, found by bisection; in the lowest
    /// if none has.
    ///
    /// Bytes do not fall strictly with the quality, so now and then there is a somewhat higher one that would do. Encoders
    /// are made for the purpose: few tiles come here, and a hundred encoders that wait for them would need much memory.
    fn squeeze(&self, quality: Option<u8>, image: &Image, max: usize) -> Result<Vec<u8>> {
        let Recipe {
            format, settings, ..
        } = self.recipe;
        let asked = Settings {
            quality,
            ..settings
        };
        let at = |quality: u8| {
            let mut out = Vec::new();
            let settings = self.recipe.settings_with(Some(quality), Edges::Lossy);
            encoder(format, &settings)?.encode(image, &mut out)?;
            Ok::<_, Error>(out)
        };
        let highest = format.quality(&asked).unwrap_or(100);
        let (mut fits, mut too_large) = (1, highest + 1);
        let mut best = at(fits)?;
        if best.len() > max {
            return Ok(best);
        }
        while too_large - fits > 1 {
            let middle = (fits + too_large) / 2;
            let tile = at(middle)?;
            if tile.len() <= max {
                (fits, best) = (middle, tile);
            } else {
                too_large = middle;
            }
        }
        Ok(best)
    }
}
