//! `azulejo tile`: from options to published tilesets.

use std::sync::Arc;
use std::time::Instant;

use azulejo::archive::{Published, Sink};
use azulejo::encode::Recipe;
use azulejo::error::{Error, Kind, Result};
use azulejo::geo::scheme::Scheme;
use azulejo::mosaic::Mosaic;
use azulejo::mosaic::clip::Clip;
use azulejo::mosaic::scenes::{self, Item};
use azulejo::pyramid::budget::{Budget, Demand};
use azulejo::pyramid::checkpoint::Checkpoint;
use azulejo::pyramid::node::Shape;
use azulejo::pyramid::plan::{Blank, Plan, PlanOptions};
use azulejo::pyramid::{self, Baked, BuildOptions, Progress};
use azulejo::raster::SampleType;
use azulejo::raster::kernel::Resampling;
use azulejo::raster::reduce::Reducer;
use azulejo::source::SourceInfo;
use azulejo::source::cache::{Hole, walk_bytes};
use azulejo::source::gdal::OpenOptions;
use azulejo::source::stack::scene::Opened;
use azulejo::style::{self, Form, Step};
use serde_json::json;

use super::args::TileArgs;
use super::console::Console;
use super::interrupt::Interrupt;
use super::label::{self, Told};
use super::outputs::{self, Ending};
use super::progress::{Meter, Phase, Style};
use super::report::tile::Report;
use super::report::{ReportFile, Run, extend};
use super::running::{self, Means};
use super::style::{LegendFile, Map, Site};
use super::values::Zooms;
use super::{holes, memory, metadata, panics, report, resume, sources, summary};

/// Runs the command.
///
/// # Errors
/// For every reason not to publish, or not to have published, the outputs.
pub(super) fn run(args: &TileArgs, console: &Console) -> Result<()> {
    let started = Instant::now();
    running::ended(bake(args, console, started), &args.outputs.listed())
}

fn bake(args: &TileArgs, console: &Console, started: Instant) -> Result<()> {
    let mut job = Job::new(args)?;
    let named = args.source.named(args.resampling)?;
    let (manifest, clip) = (&named.manifest, named.clip.as_ref());
    let written = args.outputs.paths.iter();
    let written = written.chain(&args.run.report).chain(&args.style.legend);
    let scheme = ("tiling scheme", args.tiling_scheme.as_str());
    let map = args.style.colormap.as_deref();
    let others: Vec<_> = std::iter::once(scheme)
        .chain(map.map(|map| ("colour map", map)))
        .collect();
    outputs::check_places(written, &args.source, &manifest.names, &others)?;
    // From here on there is something to clean up; until here a signal may end the program as it likes.
    let interrupt = Interrupt::install()?;
    let report_file = args
        .run
        .report
        .as_deref()
        .map(ReportFile::create)
        .transpose()?;
    let roots = outputs::matrix_roots(&job.scheme)?;
    let legend = args.style.legend.as_deref();
    let legend = legend
        .map(|path| LegendFile::create(path, args.outputs.overwrite()))
        .transpose()?;
    let stored = args.format.picture.info().stored;
    let mut sinks = args.outputs.open(stored, roots, &interrupt)?;

    let found = scenes::items(manifest, args.source.stack.as_ref())?;
    let told = Told::read(args, &found.items, &job.open)?;
    let sources = open_sources((args, &job), &found.items, (console, &interrupt))?;
    let infos: Vec<SourceInfo> = sources.iter().map(Opened::info).collect();
    let demand = job.demand(args, &infos);
    let (budget, cache) = memory::divide(&demand)?;
    let cached = |source| args.source.through(&cache, source);
    let cached = sources.iter().map(|source| source.over(&cached));
    let mosaic = args.source.mosaic(cached.collect::<Result<_>>()?, clip)?;
    let plan = Plan::new(&mosaic, job.plan_options(args, &told))?;
    let site = Site {
        mosaic: &mosaic,
        plan: &plan,
        budget: &budget,
        console,
        interrupt: &interrupt,
    };
    let mut decided = args.style.decide(&site, &args.format, job.map.clone())?;
    let form = decided.style.form(Form {
        bands: mosaic.bands(),
        sample_type: mosaic.sample_type(),
    })?;
    let plan = plan.styled(decided.style.clone())?;
    let is_of_values = args.format.picture.info().is_of_values();
    if is_of_values {
        job.recipe.label = told.label(args, &infos, form);
        extend(&mut decided.told, label::json(&job.recipe.label, form));
    }
    let metadata = metadata::describe(args, &manifest.names, &plan, &decided.rows)?;

    let mut notes = named.notes(&found.notes, &infos);
    notes.extend(decided.notes.iter().cloned());
    notes.extend(is_of_values.then(|| label::note(args, &job.recipe.label, form)));
    notes.extend(summary::notes(args, &plan)?);
    notes.extend(memory::note(&budget, &demand, job.means.is_lowered));
    console.say("sources", &summary::sources(&args.source, &infos, clip));
    console.say("plan", &summary::plan(args, &plan));
    notes.iter().for_each(|note| console.note(note));
    if console.style() == Style::Json {
        console.event(&start_event(&plan));
    }

    let mut tiles = report::tile::of_tiles(args, &plan, &job.recipe);
    extend(&mut tiles, report::of_sources(&args.source));
    let decided_as = [&tiles, &json!({ "rescale, as it came out": decided.told })];
    let checkpoint = resume::checkpoint(args, &decided_as, (&sources, clip), &cache)?;
    let baked = build(
        (&job, budget),
        &mosaic,
        &plan,
        &mut sinks,
        checkpoint.clone(),
        (console, &interrupt),
    );
    let baked = baked.map_err(|error| resume::ended(error, checkpoint.as_deref()))?;
    let kept = checkpoint.as_deref().and_then(resume::note);
    kept.iter().for_each(|note| console.note(note));
    notes.extend(kept);
    let too_large = args.encoding.too_large(&baked);
    too_large.iter().for_each(|note| console.note(note));
    notes.extend(too_large);
    let beyond = beyond_range(&decided.style);
    beyond.iter().for_each(|note| console.note(note));
    notes.extend(beyond);
    let holes = cache.holes();
    holes::warn(&holes, console);
    check_stored(&baked, &infos, &holes, clip)?;
    let ending = Ending {
        sinks,
        metadata: &metadata,
        tiles: &baked,
        report: report_file,
        started,
    };
    let report = |published: &[Published]| {
        let run = Run {
            infos: &infos,
            notes: &notes,
            reads: cache.reads(),
            holes: &holes,
            elapsed: started.elapsed(),
        };
        let report = Report {
            args,
            plan: &plan,
            metadata: &metadata,
            values: &decided.told,
            baked: &baked,
            published,
            recipe: &job.recipe,
            jobs: budget.jobs,
            memory_bytes: demand.ceiling_bytes,
            shards: checkpoint.as_deref().map(Checkpoint::shards),
            run,
        };
        report.json()
    };
    let concluded = ending.conclude(report, (console, &interrupt));
    concluded.map_err(|error| resume::ended(error, checkpoint.as_deref()))?;
    if let Some(checkpoint) = &checkpoint {
        resume::finish(checkpoint);
    }
    if let Some(file) = legend {
        file.write(&decided)?;
    }
    holes::check(&holes, "--report FILE lists them all")
}

/// That heights were beyond what their encoding can tell, if some were.
fn beyond_range(style: &style::Style) -> Option<String> {
    let is_heights = |step: &Step| match step {
        Step::Terrain(heights) => Some(Arc::clone(heights)),
        _ => None,
    };
    let heights = style.steps().iter().find_map(is_heights)?;
    let (low, high) = heights.encoding.range();
    let name = heights.encoding.name();
    style.were_beyond().then(|| {
        format!(
            "some heights are beyond the {low} to {high} m that {name} tiles can tell, and are told as these"
        )
    })
}

/// What the options come to, checked before a source is touched.
struct Job {
    scheme: Scheme,
    zooms: Zooms,
    open: OpenOptions,
    recipe: Recipe,
    map: Map,
    means: Means,
    shard_height: Option<u8>,
    /// Whether somebody will read the digest of the tiles.
    digest: bool,
}

impl Job {
    fn new(args: &TileArgs) -> Result<Self> {
        let means = args.run.means(&args.source.config)?;
        let recipe = args.encoding.recipe(args.format.picture);
        // Refuses settings that mean nothing for the format.
        recipe.check()?;
        let map = args.style.check(&args.format)?;
        Ok(Self {
            scheme: Scheme::open(&args.tiling_scheme)?,
            zooms: args.zooms.asked()?,
            open: OpenOptions {
                bands: args.style.bands(&args.source.bands, &args.format)?,
                indices: args.style.takes_indices(&args.format),
                nodata: args.source.nodata.clone(),
                unscale: args.style.unscale,
                fractions: args.style.takes_heights(&args.format),
                all_bands: args.style.computes(),
                ..args.source.open_options()?
            },
            recipe,
            map,
            means,
            shard_height: args.shard_height,
            digest: args.run.report.is_some(),
        })
    }

    fn demand(&self, args: &TileArgs, infos: &[SourceInfo]) -> Demand {
        let types = infos.iter().map(|info| info.sample_type);
        let shape = Shape {
            tile_size_px: args.tile_size,
            // All sources have as many, or the mosaic refuses them.
            bands: infos.iter().map(|info| info.bands).max().unwrap_or(1),
            sample_type: types.reduce(SampleType::union).unwrap_or(SampleType::U8),
        };
        let seams = args.source.seam_bytes(infos.len(), &shape);
        let mut demand = self.means.demand((shape, seams), infos.iter());
        if !self.means.is_asked {
            // Nobody has asked for less than it takes, nor for more than is of use.
            demand.ceiling_bytes = demand.ceiling_bytes.max(demand.least_bytes());
            demand.cache_bytes = Some(walk_bytes(infos, demand.jobs));
        }
        demand
    }

    fn plan_options(&self, args: &TileArgs, told: &Told) -> PlanOptions {
        let (kernel, reducer) = if told.is_palette() {
            (Some(Resampling::Nearest), Some(Reducer::Mode))
        } else {
            args.style.usual(&self.map, &args.format)
        };
        PlanOptions {
            scheme: self.scheme.clone(),
            tile_size_px: args.tile_size,
            zoom_min: self.zooms.min,
            zoom_max: self.zooms.max,
            strategy: args.zoom_level_strategy,
            resampling: args.resampling.or(kernel),
            reducer: args.overview_resampling.or(reducer),
            blank: if args.keep_blank {
                Blank::Keep
            } else {
                Blank::Skip
            },
        }
    }
}

/// Opens `items`, scenes put together.
fn open_sources(
    (args, job): (&TileArgs, &Job),
    items: &[Item],
    watch: (&Console, &Interrupt),
) -> Result<Vec<Opened>> {
    let kernel = args.resampling.unwrap_or(Resampling::Cubic);
    let open = |item: &Item| match args.style.keeps_values(&args.format) {
        true => item.open(&label::with_all_bands(item, &job.open)?, kernel),
        false => item.open(&job.open, kernel),
    };
    sources::open_all(job.means.jobs, items, open, watch)
}

fn build(
    (job, budget): (&Job, Budget),
    mosaic: &Mosaic,
    plan: &Plan,
    sinks: &mut [Box<dyn Sink>],
    checkpoint: Option<Arc<Checkpoint>>,
    (console, interrupt): (&Console, &Interrupt),
) -> Result<Baked> {
    let mut meter = Meter::start(console, Phase::Baking);
    let mut watch = |progress: &Progress| {
        interrupt.check()?;
        panics::check()?;
        meter.update(progress);
        Ok(())
    };
    pyramid::build(
        mosaic,
        plan,
        &job.recipe,
        sinks,
        &BuildOptions {
            jobs: budget.jobs,
            shard_height: job.shard_height,
            budget,
            digest: job.digest,
            checkpoint,
        },
        &mut watch,
    )
}

fn check_stored(
    baked: &Baked,
    infos: &[SourceInfo],
    holes: &[Hole],
    clip: Option<&Clip>,
) -> Result<()> {
    if baked.tiles() > 0 {
        return Ok(());
    }
    let name = match infos {
        [one] => one.name.clone(),
        _ => format!("{} sources", infos.len()),
    };
    if !holes.is_empty() {
        let found = "damaged, and no valid pixel in any tile; expected at least one";
        return Err(Error::input(name, found));
    }
    let within = clip.map_or_else(String::new, |clip| format!(" within {}", clip.name()));
    Err(Error::new(
        Kind::NoOverlap,
        format!("{name}: no valid pixel{within} in any tile; expected at least one"),
    )
    .with_help("--keep-blank stores tiles with nothing on them"))
}

fn start_event(plan: &Plan) -> serde_json::Value {
    json!({
        "event": "start",
        "planned": plan.count_all(),
        "zoom_min": plan.zoom_min,
        "zoom_max": plan.zoom_max,
    })
}
