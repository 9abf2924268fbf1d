//! `azulejo explain`: how one tile comes about, and that tile.

mod facts;
mod json;
mod told;
mod words;

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use azulejo::archive::FileOutput;
use azulejo::encode::Format;
use azulejo::error::{Error, Kind, Result};
use azulejo::geo::tile::{MAX_ZOOM, TileCoord};
use azulejo::pyramid::explain::{Explained, explain, tile_of};
use azulejo::pyramid::{BuildOptions, Progress};
use azulejo::source::cache::Reads;
use clap::Args;

use self::facts::Facts;
use self::told::Told;
use super::args::TileArgs;
use super::console::Console;
use super::interrupt::Interrupt;
use super::job::{Job, Ready};
use super::progress::{Meter, Phase};
use super::report::check_replaced;
use super::{holes, looks, outputs, panics, running, summary};

pub(super) const EXAMPLES: &str = "\
Examples:
  azulejo explain ortho.tif 12/1171/1566
  azulejo explain 'orthos/*.tif' -f webp 17/68012/45210 -o tile.webp
  azulejo explain dem.tif --hillshade -z 8-14 10/532/361 --json | jq '.layers'

What is told:
  tile      what it covers, and whether it is made of the sources (a base tile) or of the tiles
            below it (an overview); then of which zoom, how many, and by which rule
  sources   of a base tile, each that meets it: the way from the tile's pixels to its own and how
            near to PROJ's it is; how much the tile shrinks it, and which level of it is therefore
            read (the full resolution, or the coarsest overview that is still as fine as the
            tile); the window that is read; the kernel, and how many pixels it looks at; the mask;
            how many pixels of the tile it has, and how many of them no source before it
            has. One that is hidden by those before it is not read
  clip      how the tile lies to it
  node      what the tile is in the pyramid: empty, one colour, or pixels
  stored    its format and bytes, and where it would be in a folder
  times     by stage, summed up over all threads; for all tiles that were made on the way
  blocks    of the sources that were decoded for it

Exit codes:
  0 done, 2 usage, or a tile outside the zooms or the grid, 3 a source is unreadable, 4 the file
  exists or cannot be written, 5 done, with holes where sources are damaged, 8 no source meets the
  tile, or there is nothing on it to be written with -o; others as those of 'azulejo tile'.";

const NAMES: &str = "\
Sources, as those of 'azulejo tile': paths, quoted patterns, folders, @list.txt, - or any name that GDAL opens; and last the \
tile: zoom, column from the west and row from the north, as in 12/1171/1566";

/// Options of `azulejo explain`.
#[derive(Args)]
#[command(
    override_usage = "azulejo explain [OPTIONS] <SOURCE>... <Z/X/Y>",
    mut_args(|arg| looks::without_others(arg, "names")),
    mut_arg("report", |arg| arg.hide(true).conflicts_with("names")),
    mut_arg("names", |arg| arg.help(NAMES).value_name("SOURCE... Z/X/Y")),
    mut_arg("output", |arg| {
        arg.required(false)
            .value_name("FILE")
            .help("Write the tile to a file")
            .help_heading("Results")
    }),
    mut_arg("overwrite", |arg| {
        arg.help("Replace a file that exists").help_heading("Results")
    })
)]
pub(super) struct ExplainArgs {
    #[command(flatten)]
    pub(super) tile: TileArgs,

    /// Print JSON.
    #[arg(long, help_heading = "Results")]
    json: bool,
}

/// Takes the tile's address from the end of `names`: options may stand anywhere between them, which leaves no other way to tell
/// which is the last.
fn address(names: &mut Vec<OsString>) -> Result<(u8, u32, u32)> {
    let last = names.pop().unwrap_or_default();
    let last = last.to_string_lossy();
    let mut parts = last.split('/');
    let mut number = || parts.next()?.parse::<u32>().ok();
    let parsed = (number(), number(), number());
    let (Some(z), Some(x), Some(y), None) = (parsed.0, parsed.1, parsed.2, parts.next()) else {
        let found =
            format!("{last}: no tile; expected zoom, column and row last, as in 12/1171/1566");
        return Err(Error::usage(found).with_help("azulejo explain SOURCE... Z/X/Y"));
    };
    if names.is_empty() {
        let found = format!("{last}: a tile of no source; expected sources before it");
        return Err(Error::usage(found).with_help("azulejo explain SOURCE... Z/X/Y"));
    }
    let z = u8::try_from(z)
        .map_err(|_| Error::usage(format!("{last}: zoom {z}; expected 0 to {MAX_ZOOM}")))?;
    Ok((z, x, y))
}

/// Runs the command.
///
/// # Errors
/// For every reason not to tell of the tile, or not to have written it.
pub(super) fn run(mut args: ExplainArgs, console: &Console) -> Result<()> {
    let address = address(&mut args.tile.source.names)?;
    let told = tell(&args, address, console);
    match args.file() {
        Ok(Some(file)) => running::ended(told, &file.display().to_string()),
        _ => told,
    }
}

fn tell(args: &ExplainArgs, address: (u8, u32, u32), console: &Console) -> Result<()> {
    let started = Instant::now();
    let file = args.file()?;
    let tile = &args.tile;
    check_ending(file, tile.format.picture)?;
    let mut job = Job::new(tile)?;
    let named = tile.source.named(tile.resampling)?;
    let scheme = ("tiling scheme", tile.tiling_scheme.as_str());
    let map = tile
        .style
        .colormap
        .as_deref()
        .map(|map| ("colour map", map));
    let others: Vec<_> = std::iter::once(scheme).chain(map).collect();
    outputs::check_places(
        file.into_iter(),
        &tile.source,
        &named.manifest.names,
        &others,
    )?;
    let interrupt = Interrupt::install()?;
    let may = tile.outputs.overwrite();
    let file = file.map(|path| FileOutput::create(path, may, |path| check_replaced(path, "tile")));
    let file = file.transpose()?;
    let mut ready = Ready::new((tile, &mut job), named, (console, &interrupt))?;
    console.say(
        "sources",
        &summary::sources(&tile.source, &ready.infos, ready.clip.as_ref()),
    );
    console.say("plan", &summary::plan(tile, &ready.plan, None));
    ready.notes.iter().for_each(|note| console.note(note));
    let address = tile_of(&ready.plan, address)?;
    ready.plan = ready.plan.narrowed(&[address]);
    let opened = started.elapsed();
    let before = ready.cache.reads();
    let explained = one(&ready, &job, address, (console, &interrupt))?;
    let facts = Facts {
        args: tile,
        ready: &ready,
        tile: address,
        explained: &explained,
        opened,
        reads: since(before, ready.cache.reads()),
    };
    let told = Told {
        facts: &facts,
        file: file.as_ref().map(|file| file.shown().to_string()),
    };
    let text = if args.json {
        format!("{:#}\n", told.json())
    } else {
        told.text()
    };
    let found = ready.cache.holes();
    holes::warn(&found, console);
    if let Some(file) = file {
        write(file, &explained, &address.to_string())?;
    }
    console.print(&text)?;
    holes::check(&found, "--on-read-error fail ends at the first")
}

impl ExplainArgs {
    /// Where the tile goes, if anywhere.
    fn file(&self) -> Result<Option<&PathBuf>> {
        match &self.tile.outputs.paths[..] {
            [] => Ok(None),
            [file] => Ok(Some(file)),
            files => Err(Error::usage(format!(
                "--output: {} files for one tile; expected one",
                files.len()
            ))),
        }
    }
}

/// Refuses a file whose name says that it is of another format.
fn check_ending(file: Option<&PathBuf>, format: Format) -> Result<()> {
    let Some(file) = file else { return Ok(()) };
    let ending = file.extension().and_then(|ending| ending.to_str());
    let Some(ending) = ending.map(str::to_ascii_lowercase) else {
        return Ok(());
    };
    let fits = format.info().tiles.iter().any(|format| {
        let info = format.info();
        info.extension == ending || info.name == ending || info.aliases.contains(&&*ending)
    });
    if fits {
        return Ok(());
    }
    let expected = format.info().extension;
    Err(Error::usage(format!(
        "{}: a tile of {format}; expected a file that ends in .{expected}",
        file.display()
    ))
    .with_help("-f for tiles of another format"))
}

/// Bakes the tile and what it is made of.
fn one(
    ready: &Ready,
    job: &Job,
    tile: TileCoord,
    (console, interrupt): (&Console, &Interrupt),
) -> Result<Explained> {
    let mut meter = Meter::start(console, Phase::Baking);
    let mut watch = |progress: &Progress| {
        interrupt.check()?;
        panics::check()?;
        meter.update(progress);
        Ok(())
    };
    let options = BuildOptions {
        jobs: ready.budget.jobs,
        shard_height: None,
        budget: ready.budget,
        digest: false,
        checkpoint: None,
        ledger: None,
    };
    explain(
        &ready.mosaic,
        &ready.plan,
        &job.recipe,
        tile,
        &options,
        &mut watch,
    )
}

/// Reads between two times.
fn since(before: Reads, after: Reads) -> Reads {
    Reads {
        blocks_decoded: after.blocks_decoded - before.blocks_decoded,
        blocks_touched: after.blocks_touched - before.blocks_touched,
    }
}

fn write(file: FileOutput, explained: &Explained, tile: &str) -> Result<()> {
    let Some(data) = &explained.data else {
        let found = format!(
            "tile {tile}: there is nothing on it; expected a tile that is stored, to write it"
        );
        return Err(Error::new(Kind::NoOverlap, found).with_help("--keep-blank, or no -o"));
    };
    let data: &Arc<[u8]> = data;
    fs::write(file.path(), data).map_err(|error| Error::writing(file.shown(), &error))?;
    file.finish()?.publish().map(drop)
}
