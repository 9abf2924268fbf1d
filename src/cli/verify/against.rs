//! `--against`: tiles compared with what the sources make of them.

use azulejo::archive::{StoredMetadata, open_store};
use azulejo::error::{Error, Kind, Result};
use azulejo::geo::tile::TileCoord;
use azulejo::pyramid::plan::Plan;
use azulejo::pyramid::{BuildOptions, Progress};
use azulejo::verify::{Comparison, Options, Rendering, Verified, against};

use super::VerifyArgs;
use super::recorded::Report;
use crate::cli::args::TileArgs;
use crate::cli::console::Console;
use crate::cli::interrupt::Interrupt;
use crate::cli::job::{Job, Ready};
use crate::cli::progress::{Meter, Phase};
use crate::cli::report::place as shown;
use crate::cli::{holes, panics};

/// Sources that are open, and how tiles are made of them.
pub(super) struct Prepared {
    job: Job,
    ready: Ready,
    /// What is to be said of how the tileset was made.
    note: Option<String>,
}

/// Opens the sources of `--against` and decides how tiles are made of them: before the tileset is looked through, as that may take
/// long. `None` without sources, or if the tileset cannot be read, of which there are findings then.
///
/// # Errors
/// As those of a bake, and [`Kind::Usage`] when its tiles would be of another grid, size or format than the tileset's.
pub(super) fn prepare(
    args: &VerifyArgs,
    report: Option<&Report>,
    (console, interrupt): (&Console, &Interrupt),
) -> Result<Option<Prepared>> {
    let names = &args.bake.source.names;
    if names.is_empty() {
        return Ok(None);
    }
    let Some((stored, tiles)) = listed(args, interrupt)? else {
        return Ok(None);
    };
    let (Some(first), Some(last)) = (tiles.first(), tiles.last()) else {
        return Ok(None);
    };
    let told;
    let bake: &TileArgs = match report {
        None => &args.bake,
        Some(report) => {
            let mut options = report.options(names)?;
            options.run = args.bake.run.clone();
            told = options;
            &told
        }
    };
    let mut job = Job::new(bake)?;
    job.fill_zooms(first.z(), last.z());
    let named = bake.source.named(bake.resampling)?;
    let ready = Ready::new((bake, &mut job), named, (console, interrupt))?;
    ready.notes.iter().for_each(|note| console.note(note));
    check_alike(args, bake, &stored, &ready.plan)?;
    if last.z() > ready.plan.zoom_max {
        let (path, base, highest) = (shown(&args.tileset), ready.plan.zoom_max, last.z());
        let found = format!(
            "{path}: tiles of zoom {highest}; expected none beyond {base}, of which the base would be"
        );
        return Err(Error::usage(found).with_help("--max-zoom as in the bake"));
    }
    let note = report.and_then(Report::note);
    Ok(Some(Prepared { job, ready, note }))
}

impl Prepared {
    /// Bakes tiles and compares them; what is found is added to `verified`.
    ///
    /// # Errors
    /// When the tileset or a source cannot be read.
    pub(super) fn compare(
        self,
        args: &VerifyArgs,
        options: &Options,
        verified: &mut Verified,
        (console, interrupt): (&Console, &Interrupt),
    ) -> Result<()> {
        let Self { job, ready, note } = self;
        let Ready {
            plan,
            mosaic,
            budget,
            cache,
            ..
        } = ready;
        let build = BuildOptions {
            jobs: budget.jobs,
            shard_height: None,
            budget,
            digest: false,
            checkpoint: None,
            ledger: None,
        };
        let rendering = Rendering {
            mosaic: &mosaic,
            plan,
            recipe: &job.recipe,
            build: &build,
        };
        let comparison = Comparison {
            sample: args.sample,
            tolerance: args.tolerance,
        };
        let mut meter = Meter::start(console, Phase::Comparing);
        let mut watch = |progress: &Progress| {
            interrupt.check()?;
            panics::check()?;
            meter.update(progress);
            Ok(())
        };
        let compared = against(
            &args.tileset,
            rendering,
            comparison,
            options,
            verified,
            &mut watch,
        );
        drop(meter);
        holes::warn(&cache.holes(), console);
        verified.notes.extend(note);
        compared
    }
}

/// What the tileset tells, and its tiles; `None` if it cannot be read.
fn listed(
    args: &VerifyArgs,
    interrupt: &Interrupt,
) -> Result<Option<(StoredMetadata, Vec<TileCoord>)>> {
    let read = || -> Result<(StoredMetadata, Vec<TileCoord>)> {
        let mut store = open_store(&args.tileset)?;
        store.heed(interrupt.flag());
        let tiles = store.tiles()?;
        Ok((store.metadata().clone(), tiles))
    };
    match read() {
        Ok(listed) => Ok(Some(listed)),
        Err(error) => {
            // Then there are findings of it.
            match error.kind() {
                Kind::Input | Kind::Damaged => Ok(None),
                _ => Err(error),
            }
        }
    }
}

/// Refuses a bake whose tiles are not what those of the tileset are: all of them would differ.
fn check_alike(
    args: &VerifyArgs,
    bake: &TileArgs,
    stored: &StoredMetadata,
    plan: &Plan,
) -> Result<()> {
    let path = shown(&args.tileset);
    let unlike = |found: String, expected: String, help: String| {
        Err(Error::usage(format!("{path}: {found}; expected {expected}")).with_help(help))
    };
    let (own, told) = (plan.scheme.id(), &stored.scheme_id);
    if own != told {
        let expected = format!("those of {own}, which would be baked");
        return unlike(
            format!("tiles of {told}"),
            expected,
            format!("--tiling-scheme {told}"),
        );
    }
    let size = plan.shape.tile_size_px;
    if let Some(told) = stored.tile_size_px.filter(|&told| told as usize != size) {
        let expected = format!("of {size}, which would be baked");
        return unlike(
            format!("tiles of {told} pixels"),
            expected,
            format!("--tile-size {told}"),
        );
    }
    let format = bake.format.picture.info().stored;
    if let Some(told) = stored.format.filter(|&told| told != format) {
        let expected = format!("{format}, which would be baked");
        return unlike(format!("tiles in {told}"), expected, format!("-f {told}"));
    }
    Ok(())
}
