//! All of a bake that is decided before its first tile: [`Job`], from the options alone, and [`Ready`], from the sources too.

use std::sync::Arc;
use std::time::Instant;

use azulejo::archive::Metadata;
use azulejo::encode::Recipe;
use azulejo::error::Result;
use azulejo::geo::scheme::Scheme;
use azulejo::mosaic::Mosaic;
use azulejo::mosaic::clip::Clip;
use azulejo::mosaic::scenes::{self, Item};
use azulejo::pyramid::aside;
use azulejo::pyramid::budget::{Budget, Demand};
use azulejo::pyramid::node::Shape;
use azulejo::pyramid::plan::{Blank, Plan, PlanOptions};
use azulejo::raster::SampleType;
use azulejo::raster::kernel::Resampling;
use azulejo::raster::reduce::Reducer;
use azulejo::source::SourceInfo;
use azulejo::source::cache::{BlockCache, walk_bytes};
use azulejo::source::gdal::OpenOptions;
use azulejo::source::stack::scene::Opened;
use azulejo::style::Form;
use serde_json::{Value, json};

use super::args::TileArgs;
use super::console::Console;
use super::interrupt::Interrupt;
use super::label::{self, Told};
use super::report::extend;
use super::report::times::Phases;
use super::running::Means;
use super::sources::Named;
use super::style::{Decided, Map, Site, Surveys};
use super::values::Zooms;
use super::{memory, metadata, report, sources, summary};

/// What the options come to, checked before a source is touched.
pub(super) struct Job {
    pub(super) scheme: Scheme,
    zooms: Zooms,
    open: OpenOptions,
    pub(super) recipe: Recipe,
    map: Map,
    pub(super) means: Means,
    /// What was found by looking through all sources, now or for an earlier bake.
    pub(super) surveys: Surveys,
}

impl Job {
    /// What `args` come to.
    ///
    /// # Errors
    /// For settings that mean nothing, together or by themselves.
    pub(super) fn new(args: &TileArgs) -> Result<Self> {
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
            surveys: Surveys::default(),
        })
    }

    /// Takes `lowest` and `highest` for the zooms that nobody has asked for.
    pub(super) fn fill_zooms(&mut self, lowest: u8, highest: u8) {
        let highest = *self.zooms.max.get_or_insert(highest);
        self.zooms.min.get_or_insert(lowest.min(highest));
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

/// Sources that are open, and all that was decided of what is made of them.
pub(super) struct Ready {
    /// What they are clipped to.
    pub(super) clip: Option<Clip>,
    /// In paint order.
    pub(super) sources: Vec<Opened>,
    /// What each of them is.
    pub(super) infos: Vec<SourceInfo>,
    pub(super) demand: Demand,
    pub(super) budget: Budget,
    /// Through which `mosaic` reads.
    pub(super) cache: Arc<BlockCache>,
    pub(super) mosaic: Mosaic,
    /// With its style.
    pub(super) plan: Plan,
    pub(super) decided: Decided,
    pub(super) metadata: Metadata,
    /// For the user.
    pub(super) notes: Vec<String>,
    /// What all that took.
    pub(super) phases: Phases,
}

impl Ready {
    /// Opens the sources that `named` lists and decides what is baked of them. Looks through them where it must.
    ///
    /// # Errors
    /// When a source cannot be read, or options and sources do not go together.
    pub(super) fn new(
        (args, job): (&TileArgs, &mut Job),
        named: Named,
        (console, interrupt): (&Console, &Interrupt),
    ) -> Result<Self> {
        let mut phases = Phases::since(Instant::now());
        let found = scenes::items(&named.manifest, args.source.stack.as_ref())?;
        let told = Told::read(args, &found.items, &job.open)?;
        let sources = open_sources((args, job), &found.items, (console, interrupt))?;
        phases.end("open");
        let infos: Vec<SourceInfo> = sources.iter().map(Opened::info).collect();
        let demand = job.demand(args, &infos);
        let (budget, cache) = memory::divide(&demand)?;
        let cached = |source| args.source.through(&cache, source);
        let cached = sources.iter().map(|source| source.over(&cached));
        let mosaic = cached.collect::<Result<_>>()?;
        let mosaic = args.source.mosaic(mosaic, named.clip.as_ref())?;
        let options = job.plan_options(args, &told);
        let plan = aside(|| Plan::new(&mosaic, options))?;
        args.limits.check_tiles(&plan)?;
        let site = Site {
            mosaic: &mosaic,
            plan: &plan,
            budget: &budget,
            console,
            interrupt,
            surveys: &job.surveys,
        };
        phases.end("plan");
        let mut decided = args.style.decide(&site, &args.format, job.map.clone())?;
        phases.end("survey");
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
        let metadata = metadata::describe(args, &named.manifest.names, &plan, &decided.rows)?;
        let mut notes = named.notes(&found.notes, &infos);
        notes.extend(decided.notes.iter().cloned());
        notes.extend(is_of_values.then(|| label::note(args, &job.recipe.label, form)));
        notes.extend(summary::notes(args, &plan)?);
        notes.extend(memory::note(&budget, &demand, job.means.is_lowered));
        phases.end("plan");
        Ok(Self {
            clip: named.clip,
            sources,
            infos,
            demand,
            budget,
            cache,
            mosaic,
            plan,
            decided,
            metadata,
            notes,
            phases,
        })
    }

    /// Options by their long names that decide what the tiles are, as they took effect.
    pub(super) fn options(&self, args: &TileArgs, job: &Job) -> Value {
        let mut options = report::tile::of_tiles(args, &self.plan, &job.recipe);
        extend(&mut options, report::of_sources(&args.source));
        let rescale = json!({ "rescale, as it came out": self.decided.told });
        extend(&mut options, rescale);
        options
    }
}

/// Opens `items`, scenes put together.
fn open_sources(
    (args, job): (&TileArgs, &Job),
    items: &[Item],
    watch: (&Console, &Interrupt),
) -> Result<Vec<Opened>> {
    let kernel = args.resampling.unwrap_or(Resampling::Cubic);
    let options = &job.open;
    let open = |item: &Item| match args.style.keeps_values(&args.format) {
        true => item.open(&label::with_all_bands(item, options)?, kernel),
        false => item.open(options, kernel),
    };
    sources::open_all(job.means.jobs, items, open, watch)
}
