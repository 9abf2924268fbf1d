//! The options, and their reference: what `--help` prints stands here.

use std::ffi::OsString;

use azulejo::error::Error;
use azulejo::geo::scheme::Strategy;
use azulejo::raster::kernel::Resampling;
use azulejo::raster::reduce::Reducer;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use super::console::Console;
use super::convert::{self, ConvertArgs};
use super::diff::{self, DiffArgs};
use super::doctor::{self, DoctorArgs};
use super::encoding::EncodingArgs;
use super::environment;
use super::explain::{self, ExplainArgs};
use super::github::HELP as GITHUB;
use super::merge::{self, MergeArgs};
use super::outputs::OutputArgs;
use super::plan::{self, LimitArgs, PlanArgs};
use super::progress::Style;
use super::resume::ResumeArgs;
use super::running::{Loudness, RunArgs, place};
use super::sources::SourceArgs;
use super::style::{StyleArgs, TileFormat};
use super::update::UpdateArgs;
use super::values;
use super::verify::{self, VerifyArgs};
use super::versions;
use super::zooms::ZoomArgs;

#[derive(Parser)]
#[command(
    name = "azulejo",
    version,
    long_version = versions::long(),
    about = "Bakes rasters into map tiles",
    after_help = "'azulejo tile --help' has every option and examples.",
    subcommand_required = true,
    arg_required_else_help = true,
    disable_help_subcommand = true
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// What is to be done.
#[derive(Subcommand)]
pub(super) enum Command {
    /// Bake rasters into a pyramid of map tiles
    #[command(after_help = format!("{TILE_EXAMPLES}\n\n{COMMON}\n\n{GITHUB}"))]
    Tile(Box<TileArgs>),
    /// Tell what a bake would take: tiles, bytes, time, memory; write nothing
    #[command(after_help = format!("{}\n\n{COMMON}", plan::EXAMPLES))]
    Plan(Box<PlanArgs>),
    /// Tell how one tile comes about, and write it
    #[command(after_help = explain::EXAMPLES)]
    Explain(Box<ExplainArgs>),
    /// Merge rasters into one Cloud Optimized GeoTIFF
    #[command(after_help = format!("{}\n\n{COMMON}\n\n{GITHUB}", merge::EXAMPLES))]
    Merge(Box<MergeArgs>),
    /// Put a tileset, or a piece of it, into other containers
    #[command(after_help = format!("{}\n\n{COMMON}\n\n{GITHUB}", convert::EXAMPLES))]
    Convert(Box<ConvertArgs>),
    /// Tell what differs between two tilesets
    #[command(after_help = format!("{}\n\n{GITHUB}", diff::EXAMPLES))]
    Diff(Box<DiffArgs>),
    /// Look for faults in a tileset: is it whole and true?
    #[command(after_help = format!("{}\n\n{GITHUB}", verify::after_help()))]
    Verify(Box<VerifyArgs>),
    /// Describe rasters and tilesets
    #[command(after_help = INFO_EXAMPLES)]
    Info(InfoArgs),
    /// Look at this machine and its libraries, and say what to mend
    #[command(after_help = doctor::EXAMPLES)]
    Doctor(DoctorArgs),
}

const TILE_EXAMPLES: &str = "\
Examples:
  azulejo tile ortho.tif -o ortho.mbtiles
  azulejo tile 'orthos/*.tif' -z 10-19 -f webp -o city.mbtiles -o city/
  azulejo tile ortho.tif -f webp -o ortho.pmtiles
  azulejo tile ortho.tif -f mixed --quality 80,18:70 --max-tile-bytes 50KB -o ortho.mbtiles
  azulejo tile ortho.tif -o s3://maps/ortho/ --publish 2026-11-22
  azulejo tile 'orthos/*.tif' --cutline city.geojson --feather 8 -o city.mbtiles
  azulejo tile world.tif --bbox 170,-50,-170,-30 -o antipodes.mbtiles
  azulejo tile naip.tif -b 4,1,2 --nodata 0 -o infrared.mbtiles
  azulejo tile S2B_MSIL2A_20220618.SAFE -o true-colour.mbtiles
  azulejo tile S2B_MSIL2A_20220618.zip -b B08,B04,B03 -o infrared.mbtiles
  azulejo tile 'LC08*_B*.TIF' --stack '{scene}_{band}.TIF' -b nir,red,green -o landsat.mbtiles
  azulejo tile landsat.tif --expression '(b5-b4)/(b5+b4)' --rescale -0.2,0.9 --colormap rdylgn -o ndvi.mbtiles
  azulejo tile dem.tif --hillshade --colormap gist_earth --legend heights.png -o relief.mbtiles
  azulejo tile dem.tif -f terrain-rgb --round auto -o heights.pmtiles
  azulejo tile dem.tif -f tif -o values/
  azulejo tile old.tif --src-crs EPSG:31370 -r lanczos -f jpeg --quality 90 -o old.mbtiles
  azulejo tile 'orthos/*.tif' -o city.mbtiles --resume
  azulejo tile 'orthos/*.tif' -o city.mbtiles --update --expired purge.txt
  azulejo tile 'orthos/*.tif' -o city.pmtiles --provenance
  azulejo tile world.tif -o world.pmtiles --max-tiles 1000000 --max-bytes 50GB
  find . -name '*.tif' | azulejo tile - -o all.mbtiles --report all.json";

/// What holds for all commands that write something.
const COMMON: &str = "\
Environment:
  Every option can come from a variable: --memory from AZULEJO_MEMORY, --overwrite from
  AZULEJO_OVERWRITE=1; of an option that may be repeated, one value a line. The command line wins.
  NO_COLOR, RUST_LOG, SOURCE_DATE_EPOCH, GDAL_*, CPL_*, PROJ_* and AWS_* are honoured.
  What is read over the network takes GDAL's: GDAL_HTTP_*, AWS_*, GS_*, AZURE_*; AWS_ENDPOINT_URL, too.
  Outputs in object stores take what the stores' own tools take: AWS_ACCESS_KEY_ID,
  AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION, AWS_ENDPOINT_URL, AWS_PROFILE with ~/.aws,
  or the machine's role; GOOGLE_APPLICATION_CREDENTIALS; AZURE_STORAGE_ACCOUNT, AZURE_STORAGE_KEY,
  AZURE_STORAGE_SAS_TOKEN, AZURE_STORAGE_CONNECTION_STRING.

Exit codes:
  0 done, 1 internal error, 2 usage, 3 a source is unreadable or without a coordinate system,
  4 an output exists or cannot be written, 5 done, with holes where sources are damaged,
  7 more than --max-tiles or --max-bytes, 8 sources and grid or clip do not meet,
  9 out of disk or memory, 75 try again, 130 interrupted";

const INFO_EXAMPLES: &str = "\
Examples:
  azulejo info ortho.tif
  azulejo info --json city.mbtiles | jq '.paths[0].zooms'
  azulejo info https://example.com/planet.pmtiles";

const ZOOM: &str = "\
Zooms: 5-12, 12 (that one), 5- (from 5 on), -12 (up to 12) or auto. What is left open is chosen: the highest is the one \
nearest to the sources' resolution, the lowest the one at which all fits one tile. [default: auto]";

/// Options of `azulejo tile`.
#[derive(Args)]
#[command(
    mut_arg("zoom", |arg| arg.help(ZOOM).help_heading("Grid")),
    mut_arg("min_zoom", |arg| {
        arg.help("The lowest zoom; the other end is chosen unless --max-zoom names it").help_heading("Grid")
    }),
    mut_arg("max_zoom", |arg| {
        arg.help("The highest zoom; the other end is chosen unless --min-zoom names it").help_heading("Grid")
    })
)]
pub(super) struct TileArgs {
    #[command(flatten)]
    pub(super) source: SourceArgs,

    #[command(flatten)]
    pub(super) style: StyleArgs,

    #[command(flatten)]
    pub(super) zooms: ZoomArgs,

    /// Which zoom is chosen for a resolution between two: auto (the nearer), lower or upper.
    #[arg(
        long,
        value_name = "STRATEGY",
        default_value = "auto",
        help_heading = "Grid"
    )]
    pub(super) zoom_level_strategy: Strategy,

    /// The grid of tiles: WebMercatorQuad, WorldCRS84Quad, WorldMercatorWGS84Quad, or a file with an OGC TileMatrixSet
    /// in JSON whose levels form a quadtree.
    #[arg(
        long,
        value_name = "NAME|FILE",
        default_value = "WebMercatorQuad",
        help_heading = "Grid"
    )]
    pub(super) tiling_scheme: String,

    /// Pixels along a side of a tile, a power of two.
    #[arg(long, value_name = "PIXELS", default_value = "256", value_parser = values::tile_size, help_heading = "Grid")]
    pub(super) tile_size: usize,

    /// How the tiles of the highest zoom are made of the sources: nearest, bilinear, cubic, cubicspline, lanczos,
    /// average or mode. [default: cubic; bilinear for heights; nearest for palettes and colour maps of classes]
    #[arg(short, long, value_name = "KERNEL", value_parser = values::resampling, help_heading = "Grid")]
    pub(super) resampling: Option<Resampling>,

    /// How four pixels become one, from zoom to zoom: average, nearest, mode, min or max. [default: average; mode for
    /// palettes and colour maps of classes]
    #[arg(long, value_name = "RULE", value_parser = values::reducer, help_heading = "Grid")]
    pub(super) overview_resampling: Option<Reducer>,

    /// Format of the tiles: png, jpeg, webp; of heights, terrarium or terrain-rgb, in PNG; palette: PNG of at most 256 colours, alpha included; mixed: JPEG where a tile is opaque, PNG
    /// where it is not; avif, if it is built in. Of values, tif: GeoTIFF of the sources' own type, all bands (or those of -b)
    /// with their place, nothing stretched; what is not there is the file's nodata value, or NaN, alpha or a mask.
    #[arg(short, long, default_value = "png", help_heading = "Tiles")]
    pub(super) format: TileFormat,

    #[command(flatten)]
    pub(super) encoding: EncodingArgs,

    /// Store tiles on which there is nothing, too.
    #[arg(long, help_heading = "Tiles")]
    pub(super) keep_blank: bool,

    #[command(flatten)]
    pub(super) outputs: OutputArgs,

    /// Tell in the metadata how the tiles came about, in the JSON object `provenance`: the versions of azulejo, GDAL and PROJ, the
    /// options that decide what the tiles are, and the sources with bytes and SHA-256 of their files. These are read in full for
    /// it. No time, machine or folder is told, so the same job tells the same; 'azulejo info' shows it, 'azulejo convert' keeps it.
    #[arg(long, help_heading = "Outputs")]
    pub(super) provenance: bool,

    #[command(flatten)]
    pub(super) run: RunArgs,

    #[command(flatten)]
    pub(super) resume: ResumeArgs,

    #[command(flatten)]
    pub(super) update: UpdateArgs,

    #[command(flatten)]
    pub(super) limits: LimitArgs,

    /// Zooms that one thread bakes at a stretch: more need more memory, fewer spread small jobs better. Never changes a
    /// byte. [default: chosen]
    #[arg(long, value_name = "N", help_heading = "Running", display_order = place::SHARD_HEIGHT)]
    pub(super) shard_height: Option<u8>,
}

/// Options of `azulejo info`.
#[derive(Args)]
pub(super) struct InfoArgs {
    /// A raster, a Sentinel-2 product or a tileset; a pattern, folder or list stands for all rasters that it names. Rasters and
    /// PMTiles archives may be in the network: https://, s3://, gs://, az:// or a name of GDAL's that begins with /vsi. Of
    /// such an archive the directories are read, and no tiles.
    #[arg(value_name = "PATH", required = true)]
    pub(super) paths: Vec<OsString>,

    /// Print JSON.
    #[arg(long)]
    pub(super) json: bool,

    #[command(flatten)]
    pub(super) loudness: Loudness,
}

impl Command {
    /// How much is said.
    pub(super) fn loudness(&self) -> Loudness {
        match self {
            Self::Tile(args) => args.run.pace.loudness,
            Self::Plan(args) => args.tile.run.pace.loudness,
            Self::Explain(args) => args.tile.run.pace.loudness,
            Self::Merge(args) => args.run.pace.loudness,
            Self::Convert(args) => args.pace.loudness,
            Self::Diff(args) => args.pace.loudness,
            Self::Doctor(args) => args.loudness,
            Self::Verify(args) => args.bake.run.pace.loudness,
            Self::Info(args) => args.loudness,
        }
    }

    /// How progress is shown; not at all to those who want quiet and have not asked for a style.
    pub(super) fn progress(&self) -> Style {
        let asked = match self {
            Self::Tile(args) => args.run.pace.progress,
            Self::Plan(args) => args.tile.run.pace.progress,
            Self::Explain(args) => args.tile.run.pace.progress,
            Self::Merge(args) => args.run.pace.progress,
            Self::Convert(args) => args.pace.progress,
            Self::Diff(args) => args.pace.progress,
            Self::Info(_) | Self::Doctor(_) => Style::None,
            Self::Verify(args) => args.bake.run.pace.progress,
        };
        if self.loudness().quiet && asked == Style::Auto {
            return Style::None;
        }
        asked
    }
}

/// What the user asks for. Ends the program for `--help`, `--version` and options that clap refuses.
pub(super) fn parse() -> Command {
    let typed = environment::typed(Cli::command());
    let mut command = environment::attach(Cli::command(), &typed);
    let parsed = command
        .try_get_matches_from_mut(std::env::args_os())
        .and_then(|matches| Cli::from_arg_matches(&matches));
    match parsed {
        Ok(cli) => cli.command,
        Err(error) => refuse(error.format(&mut command)),
    }
}

/// Options of `azulejo tile` as they are read from `typed`, for `sources`; no variable adds to them, and no output.
///
/// # Errors
/// What clap says of the first that is none.
pub(super) fn tile(
    sources: &[OsString],
    typed: &[OsString],
) -> std::result::Result<Box<TileArgs>, String> {
    let words = ["azulejo", "tile", "--output=none"].map(OsString::from);
    let end = OsString::from("--");
    let words = words.iter().chain(typed).chain([&end]).chain(sources);
    let read = Cli::command()
        .try_get_matches_from(words)
        .and_then(|matches| Cli::from_arg_matches(&matches));
    match read.map(|cli| cli.command) {
        Ok(Command::Tile(args)) => Ok(args),
        Ok(_) => Err("another command".to_owned()),
        Err(error) => {
            let text = error.render().to_string();
            let first = text.lines().next().unwrap_or_default();
            Err(first.strip_prefix("error: ").unwrap_or(first).to_owned())
        }
    }
}

/// Ends the program with what clap says, as an event where all of stderr is to be JSON.
fn refuse(error: clap::Error) -> ! {
    let (text, is_json) = (error.render().to_string(), wants_json(std::env::args_os()));
    let loudness = Loudness {
        verbose: 0,
        quiet: false,
    };
    let console = |style| Console::new(loudness, style);
    if error.use_stderr() && !is_json && console(Style::None).github().is_on() {
        console(Style::None).refusal(&text);
        std::process::exit(error.exit_code());
    }
    if !error.use_stderr() || !is_json {
        error.exit();
    }
    let first = text.split("\n\n").next().unwrap_or_default();
    let message = first.strip_prefix("error: ").unwrap_or(first);
    let message = message.split_whitespace().collect::<Vec<_>>().join(" ");
    let refusal = Error::usage(message).with_help("azulejo tile --help");
    console(Style::Json).error(&refusal);
    std::process::exit(error.exit_code());
}

/// Whether `--progress json` is asked for, by options that may make no sense otherwise or by a variable.
fn wants_json(args: impl Iterator<Item = OsString>) -> bool {
    let mut told = None;
    let args = args.map(|arg| arg.to_string_lossy().into_owned());
    let mut args = args.take_while(|arg| arg != "--");
    while let Some(arg) = args.next() {
        if arg == "--progress" {
            told = args.next();
        } else if let Some(value) = arg.strip_prefix("--progress=") {
            told = Some(value.to_owned());
        }
    }
    let told = told.or_else(|| std::env::var("AZULEJO_PROGRESS").ok());
    told.is_some_and(|style| style == "json")
}

/// Variables that look like ours and belong to no option.
pub(super) fn unknown_variables() -> Vec<String> {
    environment::unknown(&Cli::command())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_consistent() {
        Cli::command().debug_assert();
    }
}
