//! `azulejo verify`: whether a tileset is whole and true.

mod against;
mod recorded;
mod told;

use std::path::PathBuf;

use azulejo::error::{Error, Kind, Result};
use azulejo::pyramid::Progress;
use azulejo::verify::{KINDS, Options, Recorded, Sample, Verified, verify};
use clap::Args;

use self::recorded::Report;
use super::args::TileArgs;
use super::console::Console;
use super::human;
use super::interrupt::Interrupt;
use super::looks;
use super::progress::{Meter, Phase};
use super::report::place as shown;
use super::values;

const EXAMPLES: &str = "\
Examples:
  azulejo verify city.mbtiles
  azulejo tile ortho.tif -o ortho.pmtiles --report ortho.json
  azulejo verify ortho.pmtiles --report ortho.json
  azulejo verify ortho.pmtiles --report ortho.json --against ortho.tif
  azulejo verify relief.mbtiles --against dem.tif --hillshade -f webp --sample all
  azulejo verify city.mbtiles --against 'orthos/*.tif' -f jpeg --min-zoom 14 --tolerance 8
  azulejo verify --json city/ | jq '.findings[] | [.kind, .place, .found] | @tsv'
  azulejo verify --ignore stray city/
  azulejo verify https://example.com/city.pmtiles

Against the sources:
  With --against, tiles are baked once more and compared: those of --sample, or all. The same
  bytes are the same; others are decoded and compared as by 'azulejo diff'. What made the tiles
  must be told, by the options of 'azulejo tile' or by --report; zooms are those of the tileset.
  An overview is made of all tiles below it: those of the lowest zooms take as long as a bake.
  --min-zoom compares from that zoom on.";

/// Examples, the kinds of findings, exit codes.
pub(super) fn after_help() -> String {
    let kinds = KINDS
        .iter()
        .map(|info| format!("  {:<14}{}", info.name, info.meaning));
    let kinds = kinds.collect::<Vec<_>>().join("\n");
    format!(
        "{EXAMPLES}\n\nFindings:\n{kinds}\n\nExit codes:\n  0 nothing found, 1 internal error, 2 usage, 3 no tileset, or a source that is unreadable,\n  6 something found, 8 the sources and the grid do not meet, 9 out of memory, 75 try again,\n  130 interrupted"
    )
}

/// Options of `azulejo verify`.
#[derive(Args)]
#[command(
    mut_args(looks::beside_a_tileset),
    mut_arg("jobs", |arg| arg.help(JOBS)),
    mut_arg("report", |arg| arg.help(REPORT).help_heading(None::<&'static str>))
)]
pub(super) struct VerifyArgs {
    /// A tileset: a .mbtiles or .pmtiles file, or a folder of Z/X/Y files, by azulejo or by others; or a PMTiles archive in the
    /// network: https://, s3://, gs://, az:// or a name of GDAL's that begins with /vsi. All of its tiles are read.
    #[arg(value_name = "TILESET")]
    tileset: PathBuf,

    /// Print JSON: all that was seen, and of each kind of findings the first 1000.
    #[arg(long)]
    json: bool,

    /// The SHA-256 over all tiles that they should have: `tiles_sha256` in the report of 'azulejo tile' and 'azulejo convert'.
    #[arg(long, value_name = "HEX", value_parser = digest, conflicts_with = "report")]
    digest: Option<String>,

    /// Kinds of findings, separated by commas, that are none for this tileset: they are counted in a note.
    #[arg(long, value_name = "KINDS", value_delimiter = ',', value_parser = kind)]
    ignore: Vec<azulejo::verify::Kind>,

    /// Tiles to compare with what the sources make of them: so many, of all zooms and from all over each, the first and the last
    /// among them, the same every time; or all.
    #[arg(long, value_name = "N|all", default_value = "64", value_parser = sample, help_heading = looks::AGAINST)]
    sample: Sample,

    /// Differences from what the sources make that count as none: tiles in which no sample differs by more than N, of 255, are equal.
    /// 16-bit pictures are measured by 255, too; of GeoTIFF tiles N is in the unit of their values.
    #[arg(long, value_name = "N", default_value = "0", value_parser = values::tolerance, allow_negative_numbers = true, help_heading = looks::AGAINST)]
    tolerance: f64,

    #[command(flatten)]
    pub(super) bake: TileArgs,
}

const JOBS: &str = "\
Threads, or ALL_CPUS. Also from GDAL_NUM_THREADS. Never changes what is found. [default: all processors]";

const REPORT: &str = "\
The report that was written when the tileset was made ('azulejo tile --report'): tiles and bytes of every zoom, their SHA-256 and \
the rule of the overviews are compared with it. With --against, the options that it tells are those of the bake";

fn sample(text: &str) -> std::result::Result<Sample, String> {
    match text.parse() {
        _ if text == "all" => Ok(Sample::All),
        Ok(n) if n > 0 => Ok(Sample::Tiles(n)),
        _ => Err("expected a number of tiles, 1 or more, or all".to_owned()),
    }
}

fn digest(text: &str) -> std::result::Result<String, String> {
    let is_hex = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hex {
        Ok(text.to_lowercase())
    } else {
        Err("expected the 64 hexadecimal digits of a SHA-256".to_owned())
    }
}

fn kind(text: &str) -> std::result::Result<azulejo::verify::Kind, String> {
    azulejo::verify::Kind::from_name(text).ok_or_else(|| {
        let names: Vec<_> = KINDS.iter().map(|info| info.name).collect();
        format!("no kind of findings; expected one of {}", names.join(", "))
    })
}

/// Runs the command.
///
/// # Errors
/// [`Kind::Found`] when something is wrong with the tileset, [`Kind::Input`] when there is none.
pub(super) fn run(args: &VerifyArgs, console: &Console) -> Result<()> {
    azulejo::source::gdal::init();
    let interrupt = Interrupt::install()?;
    let report = args
        .bake
        .run
        .report
        .as_deref()
        .map(Report::read)
        .transpose()?;
    let recorded = match &report {
        Some(report) => report.recorded(),
        None => Recorded {
            digest: args.digest.clone(),
            ..Recorded::default()
        },
    };
    let options = Options {
        jobs: args.bake.run.pace.jobs()?,
        recorded,
        ignore: args.ignore.clone(),
        stop: Some(interrupt.flag()),
    };
    let prepared = against::prepare(args, report.as_ref(), (console, &interrupt))?;
    let mut meter = Meter::start(console, Phase::Verifying);
    let mut verified = verify(&args.tileset, &options, &mut |progress: &Progress| {
        interrupt.check()?;
        // Until tiles are listed nobody knows how many there are.
        if progress.planned > 0 {
            meter.update(progress);
        }
        Ok(())
    })?;
    drop(meter);
    if let Some(prepared) = prepared {
        let watch = (console, &interrupt);
        prepared.compare(args, &options, &mut verified, watch)?;
    }
    console.summarise(|| told::json(&args.tileset, &verified));
    if args.json {
        let told = told::json(&args.tileset, &verified);
        console.print(&format!("{told:#}\n"))?;
    } else {
        console.print(&told::text(&args.tileset, &verified))?;
    }
    ended(args, &verified)
}

/// The error that says that something was found, if something was.
fn ended(args: &VerifyArgs, verified: &Verified) -> Result<()> {
    match verified.findings.total() {
        0 => Ok(()),
        n => {
            let kinds = verified.findings.by_kind().count() as u64;
            let path = shown(&args.tileset);
            let found = format!(
                "{path}: {} of {}; expected none",
                human::counted(n, "finding"),
                human::counted(kinds, "kind")
            );
            Err(Error::new(Kind::Found, found))
        }
    }
}
