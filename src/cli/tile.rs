//! `azulejo tile`: from options to published tilesets.

use std::sync::Arc;
use std::time::Instant;

use azulejo::archive::{Metadata, Published, Sink};
use azulejo::error::{Error, Kind, Result};
use azulejo::mosaic::clip::Clip;
use azulejo::pyramid::checkpoint::Checkpoint;
use azulejo::pyramid::plan::Plan;
use azulejo::pyramid::{self, Baked, BuildOptions, Progress};
use azulejo::source::SourceInfo;
use azulejo::source::cache::{Hole, ReadTimes};
use azulejo::source::stack::scene::Opened;
use azulejo::style::{self, Step};
use serde_json::{Value, json};

use super::args::TileArgs;
use super::console::Console;
use super::fingerprint::SourceFiles;
use super::interrupt::Interrupt;
use super::job::{Job, Ready};
use super::outputs::{self, Ending};
use super::progress::{Meter, Phase, Style};
use super::report::tile::Report;
use super::report::times::{Phases, Spent};
use super::report::{ReportFile, Run};
use super::sources::Named;
use super::style::LegendFile;
use super::update::{self, Before, Book, Expired};
use super::{holes, panics, plan, provenance, resume, running, summary};

/// Runs the command.
///
/// # Errors
/// For every reason not to publish, or not to have published, the outputs.
pub(super) fn run(args: &TileArgs, console: &Console) -> Result<()> {
    let started = Instant::now();
    running::ended(bake(args, console, started), &args.outputs.listed())
}

fn bake(args: &TileArgs, console: &Console, started: Instant) -> Result<()> {
    let mut phases = Phases::since(started);
    let mut job = Job::new(args)?;
    let named = args.source.named(args.resampling)?;
    check_places(args, &named)?;
    let before = args.update.before(&args.outputs)?;
    job.surveys = before.surveys();
    // From here on there is something to clean up; until here a signal may end the program as it likes.
    let interrupt = Interrupt::install()?;
    let watch = (console, &interrupt);
    let mut opened = OpenOutputs::new(args, &job, &before, &interrupt)?;
    phases.end("prepare");
    let ready = Ready::new((args, &mut job), named, watch)?;
    announce(args, (&job, &ready), started, watch)?;
    phases.join(&ready.phases);

    let metadata = provenance::metadata((args, &job), &ready, watch)?;
    let options = ready.options(args, &job);
    let files = ready.sources.iter().map(Opened::files);
    let files = SourceFiles::look(files, args.resume.fingerprint);
    let book = before.book(args, (&job, &ready), &options, &files)?;
    let mut notes = ready.notes.clone();
    let note = book.as_ref().and_then(|book| book.note.clone());
    notes.extend(said(console, note));
    let sources = (&ready.sources[..], &files, ready.clip.as_ref());
    let checkpoint = resume::checkpoint(args, &options, sources, &ready.cache)?;
    phases.end("fingerprint");
    let surveyed = ready.cache.times();
    let kept = (checkpoint.clone(), book.as_ref());
    let baked = build((args, &job), &ready, &mut opened.sinks, kept, watch);
    let baked = baked.map_err(|error| resume::ended(error, checkpoint.as_deref()))?;
    phases.end("bake");
    notes.extend(said(console, book.as_ref().and_then(Book::told)));
    notes.extend(said(console, checkpoint.as_deref().and_then(resume::note)));
    notes.extend(said(console, args.encoding.too_large(&baked)));
    notes.extend(said(console, beyond_range(&ready.decided.style)));
    let made = Made {
        args,
        job: &job,
        ready: &ready,
        metadata: &metadata,
        files: files.as_ref().ok(),
        baked: &baked,
        notes: &notes,
        holes: ready.cache.holes(),
        reads: ready.cache.times().since(surveyed),
        checkpoint: checkpoint.as_deref(),
        book: book.as_ref(),
    };
    made.conclude(opened, (phases, started), watch)
}

/// What is written, claimed before the work.
struct OpenOutputs {
    report: Option<ReportFile>,
    legend: Option<LegendFile>,
    sinks: Vec<Box<dyn Sink>>,
    expired: Option<Expired>,
}

impl OpenOutputs {
    fn new(args: &TileArgs, job: &Job, before: &Before, interrupt: &Interrupt) -> Result<Self> {
        let report = args.run.report.as_deref();
        let report = report.map(ReportFile::create).transpose()?;
        let roots = outputs::matrix_roots(&job.scheme)?;
        let overwrite = args.update.overwrite(&args.outputs);
        let legend = args.style.legend.as_deref();
        let legend = legend
            .map(|path| LegendFile::create(path, overwrite))
            .transpose()?;
        let stored = args.format.picture.info().stored;
        let sinks = args.outputs.open(stored, roots, overwrite, interrupt);
        let mut sinks = sinks.map_err(|error| resume::exists(error, &args.outputs.paths))?;
        let expired = before.watched(args, &mut sinks, &job.scheme)?;
        Ok(Self {
            report,
            legend,
            sinks,
            expired,
        })
    }
}

/// Says what is baked of what, and stops where that is more than the user wants.
fn announce(
    args: &TileArgs,
    (job, ready): (&Job, &Ready),
    started: Instant,
    (console, interrupt): (&Console, &Interrupt),
) -> Result<()> {
    let sources = summary::sources(&args.source, &ready.infos, ready.clip.as_ref());
    console.say("sources", &sources);
    let outlook = plan::ahead(args, (job, ready), started, (console, interrupt))?;
    let summary = summary::plan(args, &ready.plan, outlook.as_ref());
    console.say("plan", &summary);
    ready.notes.iter().for_each(|note| console.note(note));
    if console.style() == Style::Json {
        console.event(&start_event(&ready.plan));
    }
    Ok(())
}

/// `note`, which has been said.
fn said(console: &Console, note: Option<String>) -> Option<String> {
    note.iter().for_each(|note| console.note(note));
    note
}

/// All tiles, which are in outputs without a name.
struct Made<'a> {
    args: &'a TileArgs,
    job: &'a Job,
    ready: &'a Ready,
    metadata: &'a Metadata,
    files: Option<&'a SourceFiles>,
    baked: &'a Baked,
    notes: &'a [String],
    holes: Vec<Hole>,
    reads: ReadTimes,
    checkpoint: Option<&'a Checkpoint>,
    book: Option<&'a Book>,
}

impl Made<'_> {
    /// Gives everything its name, the outputs first, and says so.
    fn conclude(
        &self,
        opened: OpenOutputs,
        (mut phases, started): (Phases, Instant),
        (console, interrupt): (&Console, &Interrupt),
    ) -> Result<()> {
        let ready = self.ready;
        holes::warn(&self.holes, console);
        check_stored(self.baked, &ready.infos, &self.holes, ready.clip.as_ref())?;
        // Complete before an output gets its name, though they get theirs after it.
        let state = self.book.map(|book| book.finish(!self.holes.is_empty()));
        let list = opened.expired.map(Expired::write).transpose()?;
        let after: Vec<_> = state
            .transpose()?
            .flatten()
            .into_iter()
            .chain(list)
            .collect();
        let ending = Ending {
            sinks: opened.sinks,
            metadata: self.metadata,
            tiles: self.baked,
            report: opened.report,
            started,
        };
        let report = |published: &[Published]| {
            phases.end("finish");
            self.report(published, &phases, started)
        };
        let concluded = ending.conclude(report, (console, interrupt));
        concluded.map_err(|error| resume::ended(error, self.checkpoint))?;
        update::publish(after).map_err(update::there_all_the_same)?;
        if let Some(checkpoint) = self.checkpoint {
            resume::finish(checkpoint);
        }
        if let Some(file) = opened.legend {
            file.write(&ready.decided)?;
        }
        holes::check(&self.holes, "--report FILE lists them all")
    }

    fn report(&self, published: &[Published], phases: &Phases, started: Instant) -> Value {
        let ready = self.ready;
        let spent = Spent {
            phases,
            workers: ready.budget.jobs,
            times: self.baked.times,
            reads: self.reads,
        };
        let run = Run {
            command: "tile",
            infos: &ready.infos,
            files: self.files,
            notes: self.notes,
            reads: ready.cache.reads(),
            holes: &self.holes,
            elapsed: started.elapsed(),
            times: spent.of_bake(),
        };
        let report = Report {
            args: self.args,
            plan: &ready.plan,
            metadata: self.metadata,
            values: &ready.decided.told,
            baked: self.baked,
            published,
            recipe: &self.job.recipe,
            jobs: ready.budget.jobs,
            memory_bytes: ready.demand.ceiling_bytes,
            shards: self.checkpoint.map(Checkpoint::shards),
            updated: self.book.map(|book| book.ledger.updated()),
            run,
        };
        report.json()
    }
}

/// Makes sure that nothing is written in the place of anything that is read.
///
/// # Errors
/// [`Kind::Usage`], naming both.
pub(super) fn check_places(args: &TileArgs, named: &Named) -> Result<()> {
    let written = args.outputs.paths.iter();
    let written = written.chain(&args.run.report).chain(&args.style.legend);
    let written = written.chain(&args.update.expired);
    let scheme = ("tiling scheme", args.tiling_scheme.as_str());
    let map = args.style.colormap.as_deref();
    let others: Vec<_> = std::iter::once(scheme)
        .chain(map.map(|map| ("colour map", map)))
        .collect();
    outputs::check_places(written, &args.source, &named.manifest.names, &others)
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

fn build(
    (args, job): (&TileArgs, &Job),
    ready: &Ready,
    sinks: &mut [Box<dyn Sink>],
    (checkpoint, book): (Option<Arc<Checkpoint>>, Option<&Book>),
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
        &ready.mosaic,
        &ready.plan,
        &job.recipe,
        sinks,
        &BuildOptions {
            jobs: ready.budget.jobs,
            shard_height: args.shard_height,
            budget: ready.budget,
            // Nobody else will read it.
            digest: args.run.report.is_some(),
            checkpoint,
            ledger: book.map(|book| Arc::clone(&book.ledger)),
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
