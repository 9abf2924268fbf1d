//! `--legend`: what colours stand for, beside the tiles.

use std::fs;
use std::path::Path;

use azulejo::archive::{FileOutput, Overwrite};
use azulejo::encode::{Format, Settings, encoder};
use azulejo::error::{Error, Result};
use azulejo::raster::image::{Channels, Image, Pixels};
use azulejo::style::legend::Legend;

use super::Decided;
use crate::cli::report::check_replaced;

/// How large letters are drawn: twice the least size.
const SCALE: usize = 2;

/// A legend that is still to be written.
pub(in crate::cli) struct LegendFile {
    file: FileOutput,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    Png,
    Svg,
    Json,
}

impl LegendFile {
    /// Makes a temporary file beside `path`, which shows that the legend can be written.
    ///
    /// # Errors
    /// [`Kind::Usage`](azulejo::error::Kind::Usage) for an ending that no legend has,
    /// [`Kind::Output`](azulejo::error::Kind::Output) when the file cannot be written.
    pub(in crate::cli) fn create(path: &Path, overwrite: Overwrite) -> Result<Self> {
        let ending = path.extension().map(|end| end.to_ascii_lowercase());
        let kind = match ending.as_ref().and_then(|end| end.to_str()) {
            Some("png") => Kind::Png,
            Some("svg") => Kind::Svg,
            Some("json") => Kind::Json,
            _ => {
                return Err(Error::usage(format!(
                    "{}: no known kind of legend; expected a path that ends in .png, .svg or .json",
                    path.display()
                )));
            }
        };
        Ok(Self {
            file: FileOutput::create(path, overwrite, |path| check_replaced(path, "legend"))?,
            kind,
        })
    }

    /// Writes the legend of what was decided, and gives it its name.
    ///
    /// # Errors
    /// When the disk is full, or something has come into its place.
    pub(in crate::cli) fn write(self, decided: &Decided) -> Result<()> {
        let legend = decided
            .legend
            .as_ref()
            .ok_or_else(|| Error::internal("a legend of no colours"))?;
        let bytes = match self.kind {
            Kind::Svg => legend.svg().into_bytes(),
            Kind::Json => format!("{:#}\n", legend.json()).into_bytes(),
            Kind::Png => png(legend)?,
        };
        fs::write(self.file.path(), bytes)
            .map_err(|error| Error::writing(self.file.shown(), &error))?;
        self.file.finish()?.publish().map(drop)
    }
}

fn png(legend: &Legend) -> Result<Vec<u8>> {
    let (width, height, pixels) = legend.pixels(SCALE);
    let image = Image {
        width,
        height,
        channels: Channels::Rgba,
        pixels: Pixels::U8(pixels),
    };
    let mut out = Vec::new();
    encoder(Format::Png, &Settings::default())?.encode(&image, &mut out)?;
    Ok(out)
}
