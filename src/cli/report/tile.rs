//! What `azulejo tile` reports.

use azulejo::archive::{Metadata, Published};
use azulejo::encode::Recipe;
use azulejo::geo::scheme::Strategy;
use azulejo::pyramid::Baked;
use azulejo::pyramid::checkpoint::Shards;
use azulejo::pyramid::plan::Plan;
use azulejo::pyramid::state::Updated;
use serde_json::{Map, Value, json};

use super::{Run, extend, hex, options, text};
use crate::cli::args::TileArgs;
use crate::cli::encoding;

/// All that the report tells of.
pub(in crate::cli) struct Report<'a> {
    pub(in crate::cli) args: &'a TileArgs,
    pub(in crate::cli) plan: &'a Plan,
    pub(in crate::cli) metadata: &'a Metadata,
    /// What values became, see [`Decided`](crate::cli::style::Decided).
    pub(in crate::cli) values: &'a Value,
    pub(in crate::cli) baked: &'a Baked,
    pub(in crate::cli) published: &'a [Published],
    pub(in crate::cli) recipe: &'a Recipe,
    pub(in crate::cli) jobs: usize,
    pub(in crate::cli) memory_bytes: u64,
    /// Parts taken and kept, where they are.
    pub(in crate::cli) shards: Option<Shards>,
    /// How the shards of an update came about, where it is written down.
    pub(in crate::cli) updated: Option<Updated>,
    pub(in crate::cli) run: Run<'a>,
}

impl Report<'_> {
    /// The report.
    pub(in crate::cli) fn json(&self) -> Value {
        let mut own = json!({ "plan": self.plan(), "values": self.values });
        extend(&mut own, made(self.baked, self.published));
        let shards = self
            .shards
            .map(|shards| json!({ "taken": shards.taken, "kept": shards.kept }));
        extend(&mut own, json!({ "parts": shards }));
        let updated = self.updated.map(|updated| {
            let Updated {
                clean,
                dirty,
                altered,
            } = updated;
            json!({ "parts_taken": clean, "parts_baked": dirty, "parts_altered": altered })
        });
        extend(&mut own, json!({ "update": updated }));
        self.run.json(self.options(), own)
    }

    /// Every option by its long name, as it took effect.
    fn options(&self) -> Map<String, Value> {
        let Self {
            args,
            plan,
            recipe,
            metadata,
            ..
        } = self;
        let mut own = of_tiles(args, plan, recipe);
        let running = json!({
            "zoom-level-strategy": strategy(args.zoom_level_strategy),
            "shard-height": args.shard_height,
            "provenance": args.provenance,
        });
        extend(&mut own, running);
        extend(&mut own, args.resume.json());
        extend(&mut own, args.update.json());
        extend(&mut own, args.limits.json());
        extend(&mut own, args.outputs.json(metadata));
        options(&args.source, own, &args.run, self.jobs, self.memory_bytes)
    }

    fn plan(&self) -> Value {
        let plan = self.plan;
        let bounds = plan.bounds;
        let planned = (plan.zoom_min..=plan.zoom_max)
            .map(|z| json!({ "zoom": z, "tiles": plan.count(z) }))
            .collect::<Vec<_>>();
        json!({
            "tiling_scheme": plan.scheme.id(),
            "crs": plan.crs.name(),
            "zoom_min": plan.zoom_min,
            "zoom_max": plan.zoom_max,
            "tile_size": plan.shape.tile_size_px,
            "resampling": plan.resampling.kernel().name,
            "overview_resampling": plan.reducer.name(),
            "bounds": [bounds.west, bounds.south, bounds.east, bounds.north],
            "tiles_at_most": plan.count_all(),
            "zooms": planned,
        })
    }
}

/// Options by their long names that say what tiles of `plan` look like.
pub(in crate::cli) fn of_tiles(args: &TileArgs, plan: &Plan, recipe: &Recipe) -> Value {
    let mut options = json!({
        "min-zoom": plan.zoom_min,
        "max-zoom": plan.zoom_max,
        "tiling-scheme": args.tiling_scheme,
        "tile-size": args.tile_size,
        "resampling": plan.resampling.kernel().name,
        "overview-resampling": plan.reducer.name(),
        "keep-blank": args.keep_blank,
    });
    extend(&mut options, args.style.json());
    extend(&mut options, encoding::json(recipe));
    // Heights have formats of their own, whatever they are to encoders.
    extend(&mut options, json!({ "format": args.format.to_string() }));
    options
}

/// The outputs, and the tiles in them.
pub(super) fn made(tiles: &Baked, published: &[Published]) -> Value {
    let zooms = tiles
        .zooms
        .iter()
        .map(|(z, zoom)| json!({ "zoom": z, "tiles": zoom.tiles, "bytes": zoom.bytes }));
    let outputs = published.iter().map(|output| {
        let mut told = json!({
            "path": text(&output.path),
            "tiles": output.n_tiles,
            "stored": output.n_stored,
            "bytes": output.bytes,
            "sha256": output.sha256,
        });
        if let Some(transfer) = output.transfer {
            let objects = json!({
                "sent": transfer.sent,
                "skipped": transfer.skipped,
                "pruned": transfer.pruned,
            });
            extend(&mut told, objects);
        }
        told
    });
    json!({
        "outputs": outputs.collect::<Vec<_>>(),
        "zooms": zooms.collect::<Vec<_>>(),
        "tiles": tiles.tiles(),
        "bytes": tiles.bytes(),
        "tiles_repeated": tiles.repeated,
        "tiles_too_large": tiles.too_large,
        "tiles_sha256": tiles.digest.map(|digest| hex(&digest)),
    })
}

/// The word on the command line.
fn strategy(strategy: Strategy) -> &'static str {
    match strategy {
        Strategy::Nearest => "auto",
        Strategy::Lower => "lower",
        Strategy::Upper => "upper",
    }
}
