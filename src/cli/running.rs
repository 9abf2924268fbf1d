//! How a command runs: its options, and what they come to.

use std::path::PathBuf;

use azulejo::archive::Published;
use azulejo::error::{Error, Kind, Result};
use azulejo::pyramid::budget::Demand;
use azulejo::pyramid::node::Shape;
use azulejo::source::SourceInfo;
use azulejo::source::gdal::{cache_max_bytes, init};
use clap::{ArgAction, Args};

use super::memory;
use super::progress::Style;
use super::values::{self, Jobs, KeyValue};

/// Places among the options of running in `--help`: a command has some of its own between them.
pub(super) mod place {
    pub(in crate::cli) const JOBS: usize = 0;
    pub(in crate::cli) const MEMORY: usize = 1;
    pub(in crate::cli) const SHARD_HEIGHT: usize = 2;
    /// And the next one.
    pub(in crate::cli) const RESUME: usize = 3;
    pub(in crate::cli) const PROGRESS: usize = 5;
    pub(in crate::cli) const REPORT: usize = 6;
    /// And the next one.
    pub(in crate::cli) const LOUDNESS: usize = 7;
    /// And the next two.
    pub(in crate::cli) const LIMITS: usize = 9;
}

/// Options of every command that takes long.
#[derive(Clone, Args)]
#[command(next_help_heading = "Running")]
pub(super) struct PaceArgs {
    /// Threads, or ALL_CPUS. Also from GDAL_NUM_THREADS. Never changes a byte. [default: all processors]
    #[arg(short, long, value_name = "N", alias = "num-threads", display_order = place::JOBS)]
    jobs: Option<Jobs>,

    /// How progress is shown on stderr: auto is a bar on a terminal and a line every 10 s elsewhere; json turns all of
    /// stderr into one JSON object a line (azulejo-progress/1, described in src/cli/report/progress.schema.json of the source).
    #[arg(
        long,
        value_name = "STYLE",
        default_value = "auto",
        hide_possible_values = true,
        display_order = place::PROGRESS
    )]
    pub(super) progress: Style,

    #[command(flatten)]
    pub(super) loudness: Loudness,
}

/// Options of running.
#[derive(Clone, Args)]
#[command(next_help_heading = "Running")]
pub(super) struct RunArgs {
    #[command(flatten)]
    pub(super) pace: PaceArgs,

    /// Ceiling for caches, buffers and queues together, with KiB, MiB, GiB, KB, MB or GB, or in bytes; at least 128MiB. With
    /// little of it, fewer threads run. Never changes a byte. [default: what the job has use for, at most half of what the
    /// machine or its container has free]
    #[arg(long, value_name = "SIZE", value_parser = values::memory, display_order = place::MEMORY)]
    memory: Option<u64>,

    /// Write what was done to a file, as JSON (azulejo-report/1, described in src/cli/report/report.schema.json of the source):
    /// sources with their files, options, outputs with their digests, where the time went, memory, notes, holes. It replaces a
    /// file of that name.
    #[arg(long, value_name = "FILE", display_order = place::REPORT)]
    pub(super) report: Option<PathBuf>,
}

/// How much is said.
#[derive(Debug, Clone, Copy, Args)]
#[command(next_help_heading = "Running")]
pub(super) struct Loudness {
    /// Say more: GDAL's messages with -v, everything with -vv. RUST_LOG says it more precisely.
    #[arg(short, long, action = ArgAction::Count, display_order = place::LOUDNESS)]
    pub(super) verbose: u8,

    /// Say nothing but errors and the results.
    #[arg(short, long, conflicts_with = "verbose", display_order = place::LOUDNESS + 1)]
    pub(super) quiet: bool,
}

/// What a command may use.
#[derive(Clone, Copy)]
pub(super) struct Means {
    /// Threads wanted.
    pub(super) jobs: usize,
    /// The ceiling of memory.
    pub(super) memory_bytes: u64,
    /// Whether somebody has asked for that ceiling.
    pub(super) is_asked: bool,
    /// Whether there is less of it than asked for.
    pub(super) is_lowered: bool,
}

impl PaceArgs {
    /// Threads: as the user says, else as GDAL's users say, else all.
    ///
    /// # Errors
    /// When the variable for GDAL's threads says something else.
    pub(super) fn jobs(&self) -> Result<usize> {
        if let Some(jobs) = self.jobs {
            return Ok(jobs.0);
        }
        let told = gdal::config::get_config_option("GDAL_NUM_THREADS", "").unwrap_or_default();
        if told.is_empty() {
            return Ok(Jobs::all().0);
        }
        let jobs: std::result::Result<Jobs, _> = told.parse();
        jobs.map(|jobs| jobs.0)
            .map_err(|refusal| Error::usage(format!("GDAL_NUM_THREADS={told}: {refusal}")))
    }
}

impl RunArgs {
    /// What the options come to, after GDAL has been told of it and of `config`.
    ///
    /// # Errors
    /// When GDAL refuses an option, or the variable for its threads says something else.
    pub(super) fn means(&self, config: &[KeyValue]) -> Result<Means> {
        let memory_bytes = self.memory.unwrap_or_else(memory::half_of_what_is_free);
        configure_gdal(config)?;
        let jobs = self.pace.jobs()?;
        memory::share_with_gdal(memory_bytes, jobs)?;
        let within = memory::within_own_limit(memory_bytes, jobs)?;
        Ok(Means {
            jobs,
            memory_bytes: within,
            is_asked: self.memory.is_some(),
            is_lowered: within < memory_bytes && self.memory.is_some(),
        })
    }
}

impl Means {
    /// What is to be divided for rasters of `shape` made of sources such as `infos`, with soft seams between them.
    pub(super) fn demand<'a>(
        &self,
        (shape, seam_bytes): (Shape, usize),
        infos: impl Iterator<Item = &'a SourceInfo>,
    ) -> Demand {
        let blocks = infos.flat_map(|info| &info.levels);
        let block_px = blocks.map(|level| level.block.0.saturating_mul(level.block.1));
        Demand {
            ceiling_bytes: self.memory_bytes,
            gdal_bytes: cache_max_bytes(),
            jobs: self.jobs,
            shape,
            block_px: block_px.max().unwrap_or(1),
            seam_bytes,
            waiting_bytes: None,
            cache_bytes: None,
        }
    }
}

/// Sets GDAL's configuration options.
fn configure_gdal(config: &[KeyValue]) -> Result<()> {
    init();
    let refused = |error| Error::usage(format!("--config: GDAL refuses it ({error})"));
    for option in config {
        gdal::config::set_config_option(&option.key, &option.value).map_err(refused)?;
    }
    Ok(())
}

/// How a command that was to write `outputs` ends: interrupted, it says that they are not there.
///
/// # Errors
/// That of `result`.
pub(super) fn ended(result: Result<()>, outputs: &str) -> Result<()> {
    result.map_err(|error| match error.kind() {
        Kind::Interrupted => {
            let message = format!("interrupted; nothing was written under {outputs}");
            let ended = Error::new(Kind::Interrupted, message);
            match error.help() {
                Some(help) => ended.with_help(help),
                None => ended,
            }
        }
        _ => error,
    })
}

/// `error`, which came when `published` were there, as one that says so.
pub(super) fn all_the_same(error: Error, published: &[Published]) -> Error {
    if published.is_empty() {
        return error;
    }
    let names = published.iter().map(|output| output.path.to_string_lossy());
    let names = names.collect::<Vec<_>>().join(", ");
    error.with_more(format_args!("written all the same: {names}"))
}
