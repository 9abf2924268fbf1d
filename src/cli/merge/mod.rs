//! `azulejo merge`: from options to one published raster.

mod args;
mod look;
mod report;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use azulejo::archive::{FileOutput, FileType, Published};
use azulejo::error::{Error, Kind, Result};
use azulejo::geo::transform::crs::Crs;
use azulejo::merge::grid::{Grid, GridOptions};
use azulejo::merge::{
    AHEAD, BLOCK_PX, FileOptions, Limits, Look, Merge, Merged, Stage, canvas_bytes, merge,
};
use azulejo::mosaic::Mosaic;
use azulejo::mosaic::clip::Clip;
use azulejo::mosaic::manifest::Manifest;
use azulejo::mosaic::scenes::{self, Item};
use azulejo::pyramid::Progress;
use azulejo::pyramid::budget::{Demand, pixel_bytes};
use azulejo::pyramid::node::Shape;
use azulejo::raster::gaps::Gaps;
use azulejo::source::cache::BlockCache;
use azulejo::source::gdal::{GdalSource, OpenOptions};
use azulejo::source::{Source, SourceInfo};

use super::console::Console;
use super::fingerprint::{Fingerprint, SourceFiles};
use super::interrupt::Interrupt;
use super::progress::{Meter, Phase};
use super::report::times::{Phases, Spent};
use super::report::{ReportFile, Run, peak_memory_bytes};
use super::running::{self, Means};
use super::sources::Named;
use super::{holes, human, memory, outputs, sources, summary};

use self::look::Choice;
use self::report::Report;

pub(super) use self::args::{EXAMPLES, MergeArgs};
pub(super) use self::look::{Band, bands_of};

/// The part of the ceiling that the canvas may have before it goes to the disk: one of so many.
const CANVAS_SHARE: u64 = 3;

/// What a merged raster looks like, also one of more than 4 GB.
const TIFF: FileType = FileType {
    name: "a TIFF file",
    format: "a TIFF file",
    beginnings: &[b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"],
};

/// Runs the command.
///
/// # Errors
/// For every reason not to publish the output.
pub(super) fn run(args: &MergeArgs, console: &Console) -> Result<()> {
    let started = Instant::now();
    let merged = merge_all(args, console, started);
    running::ended(merged, &args.output.display().to_string())
}

fn merge_all(args: &MergeArgs, console: &Console, started: Instant) -> Result<()> {
    check_name(&args.output)?;
    let mut phases = Phases::since(started);
    let means = args.run.means(&args.source.config)?;
    let named = args.source.named(Some(args.resampling))?;
    let (interrupt, report_file, output) = claim(args, &named)?;
    phases.end("prepare");
    let opened = open(args, &named.manifest, means.jobs, (console, &interrupt))?;
    phases.end("open");
    let files = report_file.as_ref().map(|_| opened.files()).transpose()?;
    let plan = Plan::new(args, &means, &named, &opened)?;
    plan.say(args, &named, console);
    phases.end("plan");
    let into = (&output, &mut phases);
    let merged = watched(&plan.job(args), into, &plan.cache, (console, &interrupt))?;
    let holes = plan.cache.holes();
    holes::warn(&holes, console);
    if !merged.any {
        return Err(no_overlap(&plan.infos, &plan.grid));
    }
    warn_of_moved(merged.moved, &plan.look, console);
    let staged = output.finish()?;
    interrupt.check()?;
    let published = staged.publish()?;
    phases.end("finish");
    let elapsed = started.elapsed();
    let spent = Spent {
        phases: &phases,
        workers: plan.limits.jobs,
        times: merged.times,
        reads: plan.cache.times(),
    };
    // Before anything goes to stdout, which may be full.
    let report = Report {
        args,
        grid: &plan.grid,
        look: &plan.look,
        published: &published,
        changed_samples: merged.moved,
        jobs: plan.limits.jobs,
        memory_bytes: means.memory_bytes,
        run: Run {
            command: "merge",
            infos: &plan.infos,
            files: files.as_ref(),
            notes: &plan.notes,
            reads: plan.cache.reads(),
            holes: &holes,
            elapsed,
            times: spent.of_merge(),
        },
    };
    console.summarise(|| report.json());
    let reported = report_file.map_or(Ok(()), |file| file.write(&report.json()));
    let there = |error| running::all_the_same(error, std::slice::from_ref(&published));
    let printed = console.print(&result_line(&published, &plan.grid, elapsed));
    printed.map_err(there)?;
    reported.map_err(there)?;
    holes::check(&holes, "--report FILE lists them all")
}

/// What is going to be merged, and with what.
struct Plan {
    infos: Vec<SourceInfo>,
    grid: Grid,
    cache: Arc<BlockCache>,
    mosaics: Vec<Mosaic>,
    apart: bool,
    look: Look,
    limits: Limits,
    notes: Vec<String>,
}

impl Plan {
    fn new(args: &MergeArgs, means: &Means, named: &Named, opened: &Opened) -> Result<Self> {
        let clip = named.clip.as_ref();
        let infos = opened.infos();
        opened.choice.check(args)?;
        let grid = grid(args, opened, clip)?;
        let demand = demand(args, means, opened, &grid);
        let (budget, cache) = memory::divide(&demand)?;
        let mosaics = opened.mosaics(args, &cache, clip)?;
        let mut notes = named.notes(&opened.notes, &infos);
        notes.extend(opened.choice.note(args));
        notes.extend(memory::note(&budget, &demand, means.is_lowered));
        Ok(Self {
            look: opened.choice.look(args, &infos, &mosaics),
            infos,
            grid,
            cache,
            mosaics,
            apart: opened.choice.apart,
            limits: Limits {
                jobs: budget.jobs,
                canvas_bytes: means.memory_bytes.saturating_sub(demand.ceiling_bytes),
                windows_px: (budget.window_px, budget.most_window_px),
            },
            notes,
        })
    }

    fn say(&self, args: &MergeArgs, named: &Named, console: &Console) {
        let sources = summary::sources(&args.source, &self.infos, named.clip.as_ref());
        console.say("sources", &sources);
        console.say("output", &output_line(&self.grid, &self.look));
        self.notes.iter().for_each(|note| console.note(note));
    }

    fn job(&self, args: &MergeArgs) -> Merge<'_> {
        Merge {
            bands: &self.mosaics,
            apart: self.apart,
            grid: &self.grid,
            resampling: args.resampling,
            look: &self.look,
            file: file_options(args, &self.look, self.limits.jobs),
            limits: self.limits,
        }
    }
}

/// Makes sure that the output and the report can be written where they are wanted. From here on there is something to clean
/// up; until here a signal may end the program as it likes.
fn claim(args: &MergeArgs, named: &Named) -> Result<(Interrupt, Option<ReportFile>, FileOutput)> {
    let report = args.run.report.as_ref();
    let written = [&args.output].into_iter().chain(report);
    let like = args.like.iter().map(|name| ("grid", name.as_str()));
    let like: Vec<_> = like.collect();
    outputs::check_places(written, &args.source, &named.manifest.names, &like)?;
    let interrupt = Interrupt::install()?;
    let report = report.map(|path| ReportFile::create(path)).transpose()?;
    let output = FileOutput::create(&args.output, outputs::overwrite(args.overwrite), |path| {
        TIFF.check_replaced(path)
    })?;
    Ok((interrupt, report, output))
}

/// Samples that had to be changed, because the value that marks gaps was taken.
fn warn_of_moved(moved: u64, look: &Look, console: &Console) {
    if let (Gaps::Nodata(nodata), 1..) = (look.gaps, moved) {
        console.warn(&format!(
            "{} had the value {nodata}, which marks gaps in the output, and became the one beside it; \
             sources mark theirs by other values",
            human::counted(moved, "valid sample")
        ));
    }
}

/// The grid of the output: that of another file, or one for the sources, cropped to the clip unless its bounds are told.
fn grid(args: &MergeArgs, opened: &Opened, clip: Option<&Clip>) -> Result<Grid> {
    if let Some(name) = &args.like {
        return Grid::like(&GdalSource::open(name, &options(args)?)?);
    }
    let grid = Grid::choose(&opened.finest_first(), &grid_options(args)?)?;
    match clip {
        Some(clip) if args.bounds.is_none() => grid.cropped(clip),
        _ => Ok(grid),
    }
}

fn file_options(args: &MergeArgs, look: &Look, jobs: usize) -> FileOptions {
    FileOptions {
        kind: args.format,
        compression: args.compress,
        jobs: if memory::is_limited() { 1 } else { jobs },
        floats: look.sample_type.range().is_none(),
        classes: look.bands.iter().any(|band| !band.palette.is_empty()),
    }
}

/// `merged.tif  10,980 x 10,980 pixels · 412 MB · 58 s · peak 250 MiB · sha256 4c1f93…`.
fn result_line(published: &Published, grid: &Grid, elapsed: Duration) -> String {
    format!(
        "{}  {} x {} pixels · {} · {} · peak {} · sha256 {}\n",
        published.path.display(),
        human::count(grid.width as u64),
        human::count(grid.height as u64),
        human::bytes(published.bytes),
        human::duration(elapsed),
        human::memory(peak_memory_bytes()),
        published.sha256.as_deref().unwrap_or_default(),
    )
}

fn check_name(path: &Path) -> Result<()> {
    let ending = path
        .extension()
        .and_then(|e| e.to_str())
        .unwrap_or_default();
    if ["tif", "tiff"].contains(&ending.to_lowercase().as_str()) {
        return Ok(());
    }
    Err(Error::usage(format!(
        "{}: no name of a GeoTIFF; expected one that ends in .tif",
        path.display()
    )))
}

fn options(args: &MergeArgs) -> Result<OpenOptions> {
    Ok(OpenOptions {
        indices: true,
        ..args.source.open_options()?
    })
}

fn grid_options(args: &MergeArgs) -> Result<GridOptions> {
    Ok(GridOptions {
        crs: args.crs.as_deref().map(Crs::parse).transpose()?,
        resolution: args.res,
        bounds: args.bounds,
    })
}

/// All sources, once for each band.
struct Opened {
    choice: Choice,
    bands: Vec<Vec<Arc<dyn Source>>>,
    notes: Vec<String>,
}

/// Opens every source for every band, on all threads.
fn open(
    args: &MergeArgs,
    names: &Manifest,
    jobs: usize,
    watch: (&Console, &Interrupt),
) -> Result<Opened> {
    let options = options(args)?;
    let found = scenes::items(names, args.source.stack.as_ref())?;
    let facts = |item: &Item| look::bands_of(item, &args.source.bands, &options);
    let items = sources::open_all(jobs, &found.items, facts, watch)?;
    let choice = Choice::new(&items)?;
    let mut notes = found.notes;
    for item in &found.items {
        notes.extend(look::notes_of(item, args)?);
    }
    let open = |bands: &Vec<Band>| look::open(bands, args, &options);
    let sources = sources::open_all(jobs, &items, open, watch)?;
    let bands = (0..choice.n_bands())
        .map(|band| sources.iter().map(|of| Arc::clone(&of[band])).collect())
        .collect();
    Ok(Opened {
        choice,
        bands,
        notes,
    })
}

impl Opened {
    /// Of the first band of each, which says how many there are.
    fn infos(&self) -> Vec<SourceInfo> {
        let info = |source: &Arc<dyn Source>| SourceInfo {
            bands: self.choice.n_bands(),
            ..source.info().clone()
        };
        self.bands[0].iter().map(info).collect()
    }

    /// The files of each: those of its first band, and of all others that lie elsewhere.
    fn files(&self) -> Result<SourceFiles> {
        let of = |index: usize| {
            let files = self.bands.iter().map(|band| band[index].files());
            Ok(files.collect::<Result<Vec<_>>>()?.concat())
        };
        SourceFiles::look((0..self.bands[0].len()).map(of), Fingerprint::Stat)
    }

    /// All of all bands, first the one of the first item that has the smallest pixels.
    fn finest_first(&self) -> Vec<&dyn Source> {
        let mut first: Vec<&dyn Source> = self.bands.iter().map(|of| of[0].as_ref()).collect();
        first.sort_by_key(|source| std::cmp::Reverse(source.info().placement.width));
        let others = self.bands.iter().flat_map(|of| &of[1..]);
        first.into_iter().chain(others.map(AsRef::as_ref)).collect()
    }

    fn mosaics(
        &self,
        args: &MergeArgs,
        cache: &Arc<BlockCache>,
        clip: Option<&Clip>,
    ) -> Result<Vec<Mosaic>> {
        let cached = |source: &Arc<dyn Source>| args.source.through(cache, Arc::clone(source));
        let mosaic = |band: &Vec<Arc<dyn Source>>| {
            let sources = band.iter().map(cached).collect();
            args.source.mosaic(sources, clip)
        };
        self.bands.iter().map(mosaic).collect()
    }
}

/// What is to be divided, without the canvas: that has its share if it fits, and is on the disk if not.
fn demand(args: &MergeArgs, means: &Means, opened: &Opened, grid: &Grid) -> Demand {
    // Bands are rendered one by one; those of one file wait for each other.
    let shape = Shape {
        tile_size_px: BLOCK_PX,
        bands: 1,
        sample_type: opened.choice.sample_type(),
    };
    let together = if opened.choice.apart {
        1
    } else {
        opened.choice.n_bands()
    };
    let block_bytes = BLOCK_PX * BLOCK_PX * pixel_bytes(&shape) * together;
    let seams = args.source.seam_bytes(opened.bands[0].len(), &shape);
    let sources = opened.bands.iter().flatten();
    let mut demand = means.demand((shape, seams), sources.map(|source| source.info()));
    // And the one that is painted.
    demand.waiting_bytes = Some((AHEAD + 1) * block_bytes);
    let (least, memory_bytes) = (demand.least_bytes(), means.memory_bytes);
    let canvas = canvas_bytes(grid, opened.choice.n_bands(), shape.sample_type);
    if canvas <= memory_bytes / CANVAS_SHARE {
        demand.ceiling_bytes -= canvas;
    }
    demand.ceiling_bytes = demand.ceiling_bytes.max(least);
    if means.is_asked {
        demand.ceiling_bytes = demand.ceiling_bytes.min(memory_bytes);
    }
    demand
}

/// Merges, and shows how far it is, and what it took. When all is read, `cache` is emptied.
fn watched(
    job: &Merge,
    (output, phases): (&FileOutput, &mut Phases),
    cache: &BlockCache,
    (console, interrupt): (&Console, &Interrupt),
) -> Result<Merged> {
    let mut meter = Meter::start(console, Phase::Reading);
    let mut writing = false;
    let merged = merge(job, output, &mut |stage| {
        interrupt.check()?;
        let (done, planned) = match stage {
            Stage::Reading(done, planned) => (done, planned),
            Stage::Writing(part) => ((part * 100.0) as u64, 100),
        };
        if matches!(stage, Stage::Writing(_)) && !writing {
            writing = true;
            phases.end("render");
            memory::give_back(cache);
            meter = Meter::start(console, Phase::Writing);
        }
        meter.update(&Progress::of(done, planned));
        Ok(())
    })?;
    phases.end("write");
    Ok(merged)
}

/// `10980 x 10980 pixels, 3 bands of UInt16 in EPSG:32632 · 723 MB`.
fn output_line(grid: &Grid, look: &Look) -> String {
    let pixels = (grid.width as u64).saturating_mul(grid.height as u64);
    format!(
        "{} x {} pixels, {} of {} in {} · {}",
        human::count(grid.width as u64),
        human::count(grid.height as u64),
        human::counted(look.bands.len() as u64, "band"),
        look.stored_as(),
        grid.crs.name(),
        human::pixels(pixels)
    )
}

fn no_overlap(infos: &[SourceInfo], grid: &Grid) -> Error {
    let name = match infos {
        [one] => one.name.clone(),
        _ => format!("{} sources", infos.len()),
    };
    let b = grid.bounds();
    let found = format!(
        "{name}: no valid pixel in {},{},{},{} of {}; expected at least one",
        b.west,
        b.south,
        b.east,
        b.north,
        grid.crs.name()
    );
    Error::new(Kind::NoOverlap, found)
}
