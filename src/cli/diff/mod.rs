//! `azulejo diff`: what differs between two tilesets.

mod files;
mod told;

use std::path::PathBuf;

use azulejo::diff::{DiffOptions, Difference, Pair};
use azulejo::error::{Error, Kind, Result};
use clap::Args;

use self::files::Files;
use self::told::Told;
use super::console::Console;
use super::human;
use super::interrupt::Interrupt;
use super::memory;
use super::outputs;
use super::progress::{Meter, Phase};
use super::report::place;
use super::running::{self, PaceArgs};
use super::values;

pub(super) const EXAMPLES: &str = "\
Examples:
  azulejo diff old.mbtiles new.pmtiles
  azulejo diff old/ new/ --tolerance 3 --heatmap where.png
  azulejo diff old.mbtiles new.mbtiles --tiles-only --expired purge.txt
  azulejo diff --json old.pmtiles new.pmtiles | jq '.tiles'
  azulejo diff https://example.com/live.pmtiles new.pmtiles --expired purge.geojson

What differs:
  Tiles with the same bytes are equal. Others are decoded; if their pixels are the same, they
  are equal too, and counted as encoded anew. Pixels are compared as red, green, blue and alpha;
  what is under alpha 0 in both is the same. Of a changed tile is told the largest difference of
  two samples (max) and their mean, both over the pixels visible in both tiles, PSNR over the
  same samples, and how many pixels are visible in one only. Alpha is among the samples where it
  is not whole in both. 16-bit pictures are compared with all their bits, GeoTIFF tiles as the
  numbers that they hold.
  Tiles that cannot be decoded (AVIF, vector tiles, damaged ones) are changed when their bytes
  differ. What the tilesets say about themselves is compared, too, unless --tiles-only: such
  differences are on no list, but in the exit code.

Colours of --heatmap:
  transparent   in neither
  light gray    equal
  blue-gray     encoded anew, or within the tolerance
  green         in B only
  blue          in A only
  yellow        changed, by up to 4 of 255
  light orange  by up to 16
  orange        by up to 48
  red           by up to 112
  dark red      by more, or too unlike to be compared
  The largest difference counts, that of alpha included. GeoTIFF tiles have no 255: the largest
  difference of all takes its place. A square that stands for several tiles shows what comes
  last among them in this list.

JSON:
  schema            azulejo-diff/1
  different         whether the exit code is 6
  a, b              path, tiles
  tolerance         as given; so is tiles_only
  tiles             equal, reencoded, within_tolerance, changed, added, removed
  zooms             the same for each zoom
  largest           the changed tile with the largest difference, as in changes
  metadata          key, a and b of what the tilesets say otherwise; null: not at all
  not_compared      changed tiles that could not be decoded
  heatmap           zoom, columns, rows, square_px; null without --heatmap
  changes           tile (z/x/y, y from the north) and change (added, changed, removed); of
                    changed ones max, mean, psnr (null: infinite, or of values), of (the largest
                    sample: 255, 65535; null: values), pixels (visible in both) and mask (pixels
                    visible in one only), or else reason. The first 100,000.
  changes_left_out  how many more there are

Exit codes:
  0 no difference, 6 differences, 2 usage, or tilesets that cannot be compared, 3 a tileset is
  unreadable; others as those of 'azulejo tile'.";

const JOBS: &str = "\
Threads that decode, or ALL_CPUS. Also from GDAL_NUM_THREADS. Never changes a result. [default: all processors]";

/// Options of `azulejo diff`.
#[derive(Args)]
#[command(mut_arg("jobs", |arg| arg.help(JOBS)))]
pub(super) struct DiffArgs {
    /// A tileset, the old one: a .mbtiles or .pmtiles file, or a folder of Z/X/Y files, by azulejo or by others; or a PMTiles
    /// archive in the network: https://, s3://, gs://, az:// or a name of GDAL's that begins with /vsi.
    #[arg(value_name = "A")]
    a: PathBuf,

    /// Another one, the new one: in any container, of the same grid and with tiles of the same size.
    #[arg(value_name = "B")]
    b: PathBuf,

    /// Differences that count as none: tiles in which no sample differs by more than N, of 255, are equal. 16-bit pictures are
    /// measured by 255, too; of GeoTIFF tiles N is in the unit of their values. A pixel that is visible in one tile only
    /// differs by its alpha, in GeoTIFF tiles by more than any N.
    #[arg(long, value_name = "N", default_value = "0", value_parser = values::tolerance, allow_negative_numbers = true, help_heading = "Comparison")]
    tolerance: f64,

    /// Pass over what the tilesets say about themselves: name, bounds, center and the like.
    #[arg(long, help_heading = "Comparison")]
    tiles_only: bool,

    /// Print JSON.
    #[arg(long, help_heading = "Results")]
    json: bool,

    /// List the tiles that were added, changed or removed in a file, by its end: .txt (z/x/y, one a line), .json (three lists) or
    /// .geojson (outlines in degrees). It replaces a file of that name.
    #[arg(long, value_name = "FILE", help_heading = "Results")]
    expired: Option<PathBuf>,

    /// Draw a map of where tiles differ, a PNG: of the highest zoom of both at which all fits 2048 pixels a side, each tile a
    /// square, coloured by the largest difference of the tile and those below it. It replaces a file of that name.
    #[arg(long, value_name = "FILE.png", help_heading = "Results")]
    heatmap: Option<PathBuf>,

    #[command(flatten)]
    pub(super) pace: PaceArgs,
}

/// Changed tiles that JSON lists.
const LISTED_MAX: usize = 100_000;

/// Runs the command.
///
/// # Errors
/// [`Kind::Found`] when there are differences, and for every reason not to find out.
pub(super) fn run(args: &DiffArgs, console: &Console) -> Result<()> {
    let files: Vec<String> = args
        .files()
        .map(|path| path.display().to_string())
        .collect();
    let compared = compare(args, console);
    if files.is_empty() {
        return compared;
    }
    running::ended(compared, &files.join(", "))
}

fn compare(args: &DiffArgs, console: &Console) -> Result<()> {
    azulejo::source::gdal::init();
    let (a, b) = (args.a.to_string_lossy(), args.b.to_string_lossy());
    let read = [("tileset", &*a), ("tileset", &*b)];
    outputs::check_apart(args.files(), read.into_iter())?;
    outputs::check_outside(args.files(), read.into_iter())?;
    files::check_names(args)?;
    let jobs = args.pace.jobs()?;
    let mut pair = Pair::open(&args.a, &args.b)?;
    let (jobs, note) = keep_to_ulimit(jobs, &pair)?;
    note.iter().for_each(|note| console.note(note));
    // From here on there is something to clean up; until here a signal may end the program as it likes.
    let interrupt = Interrupt::install()?;
    pair.heed(&interrupt.flag());
    let files = Files::create(args, &pair)?;
    let options = DiffOptions {
        tolerance: args.tolerance,
        jobs,
        listed_max: LISTED_MAX,
        heatmap: args.heatmap.is_some(),
    };
    let mut meter = Meter::start(console, Phase::Comparing);
    let found = pair.compare(&options, &mut |progress| {
        interrupt.check()?;
        meter.update(progress);
        Ok(())
    });
    drop(meter);
    let mut found = found?;
    if args.tiles_only {
        found.metadata.clear();
    }
    interrupt.check()?;
    files.write(&found)?;
    if let Some((n, first)) = &found.not_compared {
        let tiles = human::counted(*n, "tile");
        console.warn(&format!(
            "{tiles} with other bytes that could not be decoded, and count as changed; the first is {first}"
        ));
    }
    let told = Told {
        args,
        pair: &pair,
        found: &found,
    };
    console.summarise(|| told.json());
    let text = match args.json {
        true => format!("{:#}\n", told.json()),
        false => told.text(),
    };
    console.print(&text)?;
    differences(args, &found)
}

impl DiffArgs {
    /// What is written.
    fn files(&self) -> impl Iterator<Item = &PathBuf> {
        self.expired.iter().chain(&self.heatmap)
    }
}

/// As many of `jobs` threads as `ulimit` leaves room for, and what to say if it is not all: nobody comes back from an allocation
/// that fails.
fn keep_to_ulimit(jobs: usize, pair: &Pair) -> Result<(usize, Option<String>)> {
    /// What reading the tilesets and making files of the result takes.
    const OTHER_BYTES: u64 = 64 << 20;
    // Two pictures of 16 bits, each twice for a moment, or values as 64-bit numbers; and what a thread has anyway.
    const PIXEL_BYTES: u64 = 64;
    const THREAD_BYTES: u64 = 12 << 20;
    let side = u64::from(pair.tile_size_px());
    let each = side.saturating_mul(side).saturating_mul(PIXEL_BYTES);
    memory::jobs_within_own_limit(jobs, each.saturating_add(THREAD_BYTES), OTHER_BYTES)
}

/// The error that says that there are differences, if there are any.
fn differences(args: &DiffArgs, found: &Difference) -> Result<()> {
    let total = found.total();
    let parts = [
        (total.changed, "changed"),
        (total.added, "added"),
        (total.removed, "removed"),
    ];
    let parts = parts.into_iter().filter(|(n, _)| *n > 0);
    let parts: Vec<String> = parts
        .map(|(n, what)| format!("{} {what}", human::counted(n, "tile")))
        .chain((!found.metadata.is_empty()).then(|| {
            let n = found.metadata.len() as u64;
            format!("{} of metadata", human::counted(n, "line"))
        }))
        .collect();
    if parts.is_empty() {
        return Ok(());
    }
    let (a, b) = (place(&args.a), place(&args.b));
    Err(Error::new(
        Kind::Found,
        format!("{a} and {b} differ: {}", parts.join(", ")),
    ))
}
