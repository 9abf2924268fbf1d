//! `azulejo tile`: from options to published tilesets.

use std::sync::Arc;
use std::time::Instant;

use azulejo::archive::{Published, Sink};
use azulejo::error::{Error, Kind, Result};
use azulejo::mosaic::clip::Clip;
use azulejo::pyramid::checkpoint::Checkpoint;
use azulejo::pyramid::plan::Plan;
use azulejo::pyramid::{self, Baked, BuildOptions, Progress};
use azulejo::source::SourceInfo;
use azulejo::source::cache::Hole;
use azulejo::source::stack::scene::Opened;
use azulejo::style::{self, Step};
use serde_json::json;

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
use super::update::{self, Book, Expired};
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
    let report_file = args
        .run
        .report
        .as_deref()
        .map(ReportFile::create)
        .transpose()?;
    let roots = outputs::matrix_roots(&job.scheme)?;
    let overwrite = args.update.overwrite(&args.outputs);
    let legend = args.style.legend.as_deref();
    let legend = legend
        .map(|path| LegendFile::create(path, overwrite))
        .transpose()?;
    let stored = args.format.picture.info().stored;
    let sinks = args.outputs.open(stored, roots, overwrite, &interrupt);
    let mut sinks = sinks.map_err(|error| resume::exists(error, &args.outputs.paths))?;
    let expired = before.watched(args, &mut sinks, &job.scheme)?;

    phases.end("prepare");
    let ready = Ready::new((args, &mut job), named, (console, &interrupt))?;
    let clip = ready.clip.as_ref();
    console.say(
        "sources",
        &summary::sources(&args.source, &ready.infos, clip),
    );
    let outlook = plan::ahead(args, (&job, &ready), started, (console, &interrupt))?;
    let summary = summary::plan(args, &ready.plan, outlook.as_ref());
    console.say("plan", &summary);
    ready.notes.iter().for_each(|note| console.note(note));
    if console.style() == Style::Json {
        console.event(&start_event(&ready.plan));
    }

    phases.join(&ready.phases);
    let metadata = provenance::metadata((args, &job), &ready, (console, &interrupt))?;
    let options = ready.options(args, &job);
    let files = ready.sources.iter().map(Opened::files);
    let files = SourceFiles::look(files, args.resume.fingerprint);
    let book = before.book(args, (&job, &ready), &options, &files)?;
    let note = book.as_ref().and_then(|book| book.note.clone());
    note.iter().for_each(|note| console.note(note));
    let sources = (&ready.sources[..], &files, clip);
    let checkpoint = resume::checkpoint(args, &options, sources, &ready.cache)?;
    phases.end("fingerprint");
    let surveyed = ready.cache.times();
    let baked = build(
        (args, &job),
        &ready,
        &mut sinks,
        (checkpoint.clone(), book.as_ref()),
        (console, &interrupt),
    );
    let baked = baked.map_err(|error| resume::ended(error, checkpoint.as_deref()))?;
    phases.end("bake");
    let mut notes = ready.notes;
    notes.extend(note);
    let updated = book.as_ref().and_then(Book::told);
    updated.iter().for_each(|note| console.note(note));
    notes.extend(updated);
    let kept = checkpoint.as_deref().and_then(resume::note);
    kept.iter().for_each(|note| console.note(note));
    notes.extend(kept);
    let too_large = args.encoding.too_large(&baked);
    too_large.iter().for_each(|note| console.note(note));
    notes.extend(too_large);
    let beyond = beyond_range(&ready.decided.style);
    beyond.iter().for_each(|note| console.note(note));
    notes.extend(beyond);
    let holes = ready.cache.holes();
    holes::warn(&holes, console);
    check_stored(&baked, &ready.infos, &holes, clip)?;
    // Complete before an output gets its name, though they get theirs after it.
    let state = book.as_ref().map(|book| book.finish(!holes.is_empty()));
    let list = expired.map(Expired::write).transpose()?;
    let after: Vec<_> = state
        .transpose()?
        .flatten()
        .into_iter()
        .chain(list)
        .collect();
    let ending = Ending {
        sinks,
        metadata: &metadata,
        tiles: &baked,
        report: report_file,
        started,
    };
    let report = |published: &[Published]| {
        phases.end("finish");
        let spent = Spent {
            phases: &phases,
            workers: ready.budget.jobs,
            times: baked.times,
            reads: ready.cache.times().since(surveyed),
        };
        let run = Run {
            command: "tile",
            infos: &ready.infos,
            files: files.as_ref().ok(),
            notes: &notes,
            reads: ready.cache.reads(),
            holes: &holes,
            elapsed: started.elapsed(),
            times: spent.of_bake(),
        };
        let report = Report {
            args,
            plan: &ready.plan,
            metadata: &metadata,
            values: &ready.decided.told,
            baked: &baked,
            published,
            recipe: &job.recipe,
            jobs: ready.budget.jobs,
            memory_bytes: ready.demand.ceiling_bytes,
            shards: checkpoint.as_deref().map(Checkpoint::shards),
            updated: book.as_ref().map(|book| book.ledger.updated()),
            run,
        };
        report.json()
    };
    let concluded = ending.conclude(report, (console, &interrupt));
    concluded.map_err(|error| resume::ended(error, checkpoint.as_deref()))?;
    update::publish(after).map_err(update::there_all_the_same)?;
    if let Some(checkpoint) = &checkpoint {
        resume::finish(checkpoint);
    }
    if let Some(file) = legend {
        file.write(&ready.decided)?;
    }
    holes::check(&holes, "--report FILE lists them all")
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
