//! How the tiles of a tileset are encoded: [`Recipe`], and [`TileEncoder`], which goes by it.

use std::collections::BTreeMap;

use super::{Edges, Encode, Format, Settings, encoder};
use crate::error::{Error, Result};
use crate::raster::image::Image;

/// How the tiles of a tileset are encoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipe {
    /// Their format.
    pub format: Format,
    /// How each is made; its quality is that of the zooms below those of `quality_from`.
    pub settings: Settings,
    /// From which zoom on another quality holds, zooms ascending.
    pub quality_from: Vec<(u8, u8)>,
    /// The bytes that a tile may have. Larger ones are made smaller, at the price of quality.
    pub tile_bytes_max: Option<usize>,
}

impl From<Format> for Recipe {
    fn from(format: Format) -> Self {
        Self {
            format,
            settings: Settings::default(),
            quality_from: Vec::new(),
            tile_bytes_max: None,
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
            encoder(self.format, &self.settings_with(quality, Edges::Exact))?;
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

/// Encodes tiles by a [`Recipe`]: the same picture at the same zoom gives the same bytes, always.
pub struct TileEncoder {
    recipe: Recipe,
    /// One for each quality that is asked for.
    encoders: BTreeMap<Option<u8>, Box<dyn Encode>>,
}

impl TileEncoder {
    /// An encoder that goes by `recipe`.
    ///
    /// # Errors
    /// As [`Recipe::check`].
    pub fn new(recipe: &Recipe) -> Result<Self> {
        recipe.check()?;
        let open = |quality| {
            let settings = recipe.settings_with(quality, Edges::Exact);
            Ok((quality, encoder(recipe.format, &settings)?))
        };
        Ok(Self {
            encoders: recipe.qualities().map(open).collect::<Result<_>>()?,
            recipe: recipe.clone(),
        })
    }

    /// What two zooms have in common if the same picture gives the same bytes in both.
    pub fn class(&self, z: u8) -> Option<u8> {
        self.recipe.quality_at(z)
    }

    /// Appends `image`, which is of zoom `z`, encoded to `out`. After an error `out` is as it was.
    ///
    /// # Errors
    /// When the format cannot hold the picture.
    pub fn encode(&mut self, z: u8, image: &Image, out: &mut Vec<u8>) -> Result<Fit> {
        let quality = self.recipe.quality_at(z);
        let encoder = self.encoders.get_mut(&quality);
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
