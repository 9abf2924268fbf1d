//! `--max-tiles` and `--max-bytes`: what is too much to begin with.

use azulejo::error::{Error, Kind, Result};
use azulejo::pyramid::plan::Plan;
use clap::Args;
use serde_json::{Value, json};

use super::outlook::Outlook;
use crate::cli::human;
use crate::cli::running::place;
use crate::cli::values;

/// Options that end a run before any tile is made.
#[derive(Args)]
#[command(next_help_heading = "Running")]
pub(in crate::cli) struct LimitArgs {
    /// Stop with exit code 7 before any tile is baked if there are more than N tiles to look at, all zooms together. Blank
    /// ones count, too.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), display_order = place::LIMITS)]
    max_tiles: Option<u64>,

    /// Stop with exit code 7 before any tile is baked if the tiles will have more bytes together, counted once however many
    /// outputs there are: 20GB, 500MB, 4GiB. That is told from a sample (see 'azulejo plan'), which takes a moment.
    #[arg(long, value_name = "SIZE", value_parser = values::bytes, display_order = place::LIMITS + 1)]
    max_bytes: Option<u64>,
}

impl LimitArgs {
    /// Whether a sample must be taken.
    pub(in crate::cli) fn are_of_bytes(&self) -> bool {
        self.max_bytes.is_some()
    }

    /// As options, by their long names.
    pub(in crate::cli) fn json(&self) -> Value {
        json!({ "max-tiles": self.max_tiles, "max-bytes": self.max_bytes })
    }

    /// Makes sure that `plan` has no more tiles than are wanted.
    ///
    /// # Errors
    /// [`Kind::Limit`] when it has.
    pub(in crate::cli) fn check_tiles(&self, plan: &Plan) -> Result<()> {
        let found = plan.count_all();
        let Some(max) = self.max_tiles.filter(|max| found > *max) else {
            return Ok(());
        };
        let mut sum = 0;
        let fits = |zoom: &u8| {
            sum += plan.count(*zoom);
            sum <= max
        };
        let zooms = (plan.zoom_min..=plan.zoom_max).take_while(fits);
        let less = zooms.last().map(|zoom| {
            let tiles: u64 = (plan.zoom_min..=zoom).map(|z| plan.count(z)).sum();
            format!("--max-zoom {zoom} has {}", human::counted(tiles, "tile"))
        });
        let error = Error::new(
            Kind::Limit,
            format!(
                "{} to look at; expected at most {}, by --max-tiles",
                human::counted(found, "tile"),
                human::count(max)
            ),
        );
        Err(error.with_help(ways_out(less, &format!("--max-tiles {found}"))))
    }

    /// Makes sure that tiles will have no more bytes than are wanted, as far as `outlook` can tell.
    ///
    /// # Errors
    /// [`Kind::Limit`] when they will.
    pub(in crate::cli) fn check_bytes(&self, outlook: &Outlook) -> Result<()> {
        let of = &outlook.forecast.bytes;
        let Some(max) = self.max_bytes.filter(|max| of.estimate > *max as f64) else {
            return Ok(());
        };
        let mut sum = 0.0;
        let zooms = outlook.forecast.zooms.iter().map(|zoom| {
            sum += zoom.bytes;
            (zoom.zoom, sum)
        });
        let less = zooms.take_while(|(_, sum)| *sum <= max as f64).last();
        let less = less.map(|(zoom, sum)| {
            let bytes = human::bytes(sum as u64);
            format!("--max-zoom {zoom} has about {bytes}")
        });
        let error = Error::new(
            Kind::Limit,
            format!(
                "{} of tiles; expected at most {}, by --max-bytes",
                super::told::of(of, |v| human::bytes(v as u64)),
                human::bytes(max)
            ),
        );
        let enough = (of.high / 1e6).ceil() as u64;
        Err(error.with_help(ways_out(less, &format!("--max-bytes {enough}MB"))))
    }
}

/// What to do: `less`, if there is such a zoom, or `more`.
fn ways_out(less: Option<String>, more: &str) -> String {
    let less = less.map_or_else(String::new, |less| format!("{less}; "));
    format!("{less}--bbox or --cutline for a part of it; or {more}")
}
