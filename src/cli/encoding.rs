//! How tiles are encoded, from options.

use azulejo::encode::{DEFAULT_EFFORT, Edges, Format, Label, Recipe, Settings};
use azulejo::pyramid::Baked;
use clap::Args;
use serde_json::{Value, json};

use super::human;
use super::values::{self, Qualities};

/// Options of encoding.
#[derive(Args)]
#[command(next_help_heading = "Tiles")]
pub(super) struct EncodingArgs {
    /// Quality of lossy tiles, 1 to 100, or by zoom: 70,14:50 is 50 from zoom 14 on, and 70 below. Tiles with
    /// transparency are lossless in webp and mixed; alpha of avif is nearly exact, a few of 255 off. Of palette, the colours in hundredths of 256. [default: 85 for jpeg and
    /// mixed, 75 for webp and avif, 100 for palette]
    #[arg(long, value_name = "N[,ZOOM:N]...")]
    quality: Option<Qualities>,

    /// WebP that keeps every pixel as it is. PNG always does.
    #[arg(long)]
    lossless: bool,

    /// Let --quality count for the colours of tiles with transparency, too, in webp and mixed: far fewer bytes along edges. In
    /// webp the alpha stays exact; in mixed such tiles get a palette.
    #[arg(long, conflicts_with = "lossless")]
    lossy_edges: bool,

    /// The most bytes of a tile, as in 50KB, 64KiB or 50000: the quality of larger ones is lowered until they fit, those
    /// with transparency included. A note says how many do not even at the lowest.
    #[arg(long, value_name = "BYTES", value_parser = values::tile_bytes)]
    max_tile_bytes: Option<usize>,

    /// From 0, the fastest, to 9, the smallest tiles. 9 takes many times longer than 3 for a few percent. [default: 3]
    #[arg(
        long,
        value_name = "0-9",
        value_parser = clap::value_parser!(u8).range(0..=9),
    )]
    effort: Option<u8>,
}

impl EncodingArgs {
    /// Whether nothing is asked for.
    pub(super) fn is_usual(&self) -> bool {
        let Self {
            quality,
            lossless,
            lossy_edges,
            max_tile_bytes,
            effort,
        } = self;
        let none = max_tile_bytes.is_none() && effort.is_none();
        quality.is_none() && !lossless && !lossy_edges && none
    }

    /// What is asked for, for tiles of `format`. It is not checked.
    pub(super) fn recipe(&self, format: Format) -> Recipe {
        let quality = self.quality.as_ref();
        Recipe {
            format,
            settings: Settings {
                quality: quality.and_then(|quality| quality.below),
                lossless: self.lossless,
                effort: self.effort,
                edges: if self.lossy_edges {
                    Edges::Lossy
                } else {
                    Edges::Exact
                },
            },
            quality_from: quality.map_or_else(Vec::new, |quality| quality.from.clone()),
            tile_bytes_max: self.max_tile_bytes,
            label: Label::default(),
        }
    }

    /// Tiles that are larger than they should be, if there are any.
    pub(super) fn too_large(&self, tiles: &Baked) -> Option<String> {
        let max = self.max_tile_bytes.filter(|_| tiles.too_large > 0)?;
        Some(format!(
            "tiles larger than {} even at the lowest quality, in which they are: {}",
            human::bytes(max as u64),
            human::count(tiles.too_large)
        ))
    }
}

/// What becomes of transparency in tiles of `format`, if it does not stay.
pub(super) fn note(format: Format) -> Option<String> {
    let note = format!("{format} has no transparency: tiles are white where there is no data");
    (!format.info().alpha).then_some(note)
}

/// The options by their long names, as they took effect in `recipe`.
pub(super) fn json(recipe: &Recipe) -> Value {
    json!({
        "format": recipe.format.name(),
        "quality": quality(recipe),
        "lossless": recipe.settings.lossless,
        "lossy-edges": recipe.settings.edges == Edges::Lossy,
        "max-tile-bytes": recipe.tile_bytes_max,
        "effort": recipe.settings.effort.unwrap_or(DEFAULT_EFFORT),
    })
}

/// The quality that took effect, as it is asked for where it changes with the zoom; null for tiles that keep every pixel.
fn quality(recipe: &Recipe) -> Value {
    let below = recipe.format.quality(&recipe.settings);
    if recipe.quality_from.is_empty() {
        return json!(below);
    }
    let from = recipe.quality_from.iter();
    let from = from.map(|(zoom, quality)| format!("{zoom}:{quality}"));
    let all: Vec<String> = below.iter().map(u8::to_string).chain(from).collect();
    json!(all.join(","))
}
