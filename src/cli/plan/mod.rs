//! `azulejo plan`: what `azulejo tile` with the same options would do. Nothing is written, not even aside.

mod limits;
mod outlook;
mod told;

use std::time::Instant;

use azulejo::error::Result;
use clap::Args;

use super::args::TileArgs;
use super::console::Console;
use super::interrupt::Interrupt;
use super::job::{Job, Ready};
use super::outputs::{self, Target};
use super::running::place;
use super::{panics, summary, tile};

pub(super) use limits::LimitArgs;
pub(super) use outlook::Outlook;

/// A bake of so many tiles takes half a minute or so, beside which a sample is next to nothing.
const LARGE: u64 = 20_000;

pub(super) const EXAMPLES: &str = "\
Examples:
  azulejo plan ortho.tif
  azulejo plan 'orthos/*.tif' -z 10-19 -f webp -o city.mbtiles -o s3://maps/city/
  azulejo plan ortho.tif -f mixed --quality 80 --json | jq '.bytes, .seconds'
  azulejo plan world.tif --max-tiles 1000000 --max-bytes 50GB -o world.pmtiles

How it is told:
  Counts of tiles to look at are exact. Bytes, time and blank tiles are told from a sample: one
  base tile in 96 or so, 24 to 1024 of them, in groups of four with the tile above each, evenly
  spread, is really rendered and encoded. What is in brackets holds in 95 of 100 jobs; of time
  only while nothing else is at work on the machine and the disk keeps up. A job of up to 128
  tiles of 256 pixels is made whole. Sources are opened, and looked through for percentiles, as
  'azulejo tile' does it.
  Options that name files to write (-o, --report, --legend, --expired) are checked, but nothing is
  written; --resume and --update make no difference: the plan is of the whole bake.";

/// Options of `azulejo plan`.
#[derive(Args)]
#[command(mut_arg("output", |arg| arg.required(false)))]
pub(super) struct PlanArgs {
    #[command(flatten)]
    pub(super) tile: TileArgs,

    /// Print JSON.
    #[arg(long, display_order = place::LIMITS + 2, help_heading = "Running")]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// As `azulejo tile` before its first tile, but for outputs that exist or cannot be written.
pub(super) fn run(args: &PlanArgs, console: &Console) -> Result<()> {
    let started = Instant::now();
    let tile_args = &args.tile;
    let mut job = Job::new(tile_args)?;
    let named = tile_args.source.named(tile_args.resampling)?;
    tile::check_places(tile_args, &named)?;
    let interrupt = Interrupt::install()?;
    let watch = (console, &interrupt);
    let targets = targets(tile_args, &job, &interrupt)?;
    let ready = Ready::new((tile_args, &mut job), named, watch)?;
    let clip = ready.clip.as_ref();
    let sources = summary::sources(&tile_args.source, &ready.infos, clip);
    console.say("sources", &sources);
    let outlook = Outlook::take((&job, &ready), &targets, started, watch)?;
    panics::check()?;
    let summary = summary::plan(tile_args, &ready.plan, Some(&outlook));
    console.say("plan", &summary);
    ready.notes.iter().for_each(|note| console.note(note));
    for target in targets.iter().filter(|target| target.is_taken) {
        console.note(&format!(
            "{}: exists already; azulejo tile replaces it with --overwrite only",
            target.path.display()
        ));
    }
    tile_args.limits.check_bytes(&outlook)?;
    let plan = &ready.plan;
    let told = told::Told {
        plan,
        targets: &targets,
        outlook: &outlook,
        jobs: ready.budget.jobs,
        notes: &ready.notes,
    };
    if args.json {
        console.print(&format!("{:#}\n", told.json()))
    } else {
        console.print(&told.text())
    }
}

/// What a bake that is ready to begin has before it: where it is large enough to ask, or must be asked.
///
/// # Errors
/// As [`Outlook::take`], and [`Kind::Limit`](azulejo::error::Kind::Limit) when it is more than the user wants.
pub(super) fn ahead(
    args: &TileArgs,
    (job, ready): (&Job, &Ready),
    started: Instant,
    (console, interrupt): (&Console, &Interrupt),
) -> Result<Option<Outlook>> {
    let is_shown = !args.run.pace.loudness.quiet && !args.resume.resume && !args.update.update;
    let is_large = ready.plan.count_all() >= LARGE;
    let is_asked = args.limits.are_of_bytes() || (is_large && is_shown);
    if !is_asked {
        return Ok(None);
    }
    let targets = targets(args, job, interrupt)?;
    let outlook = Outlook::take((job, ready), &targets, started, (console, interrupt))?;
    panics::check()?;
    args.limits.check_bytes(&outlook)?;
    Ok(Some(outlook))
}

fn targets(args: &TileArgs, job: &Job, interrupt: &Interrupt) -> Result<Vec<Target>> {
    let stored = args.format.picture.info().stored;
    let roots = outputs::matrix_roots(&job.scheme)?;
    let overwrite = args.update.overwrite(&args.outputs);
    args.outputs.targets(stored, roots, overwrite, interrupt)
}
