//! `azulejo convert`: a tileset in another container.

use std::path::PathBuf;
use std::time::Instant;

use azulejo::archive::{Metadata, Published, Sink};
use azulejo::convert::{Copied, Described, Piece, Recoding, Tileset};
use azulejo::encode::{Format, encoder};
use azulejo::error::Result;
use azulejo::geo::transform::crs::Crs;
use azulejo::mosaic::clip::{Bbox, Clip, Cutline};
use azulejo::pyramid::Progress;
use azulejo::source::cache::ReadTimes;
use clap::Args;
use serde_json::{Value, json};

use super::console::Console;
use super::encoding::{self, EncodingArgs};
use super::fingerprint::{FileFacts, Fingerprint};
use super::interrupt::Interrupt;
use super::memory;
use super::outputs::{self, Ending, OutputArgs};
use super::progress::{Meter, Phase, Style};
use super::provenance;
use super::report::convert::Report;
use super::report::times::{Phases, Spent};
use super::report::{ReportFile, extend, shown};
use super::running::{self, PaceArgs, place};
use super::summary;
use super::values::{self, KeyValue, Sides, Zooms};
use super::zooms::ZoomArgs;

pub(super) const EXAMPLES: &str = "\
Examples:
  azulejo convert city.mbtiles -o city.pmtiles
  azulejo convert city.pmtiles -o city/ -o city.mbtiles
  azulejo convert world.mbtiles -z 0-12 --bbox 5.9,45.8,10.5,47.9 -o swiss.pmtiles
  azulejo convert world.mbtiles --region aoi.geojson --name 'The valley' -o valley.mbtiles
  azulejo convert city.mbtiles -f webp --quality 80 -o city-webp.mbtiles
  azulejo convert city/ --scheme tms -o city-tms/
  azulejo convert https://example.com/planet.pmtiles --bbox 5.9,45.8,10.5,47.9 -o swiss.pmtiles";

const NAME: &str = "\
Name of the tileset. This and the other words about it are the tileset's own unless given. [default: its own]";

const JOBS: &str = "\
Threads that encode, or ALL_CPUS. Also from GDAL_NUM_THREADS. Never changes a byte. [default: all processors]";

/// Options of `azulejo convert`. Those shared with other commands that mean something else here say what.
#[derive(Args)]
#[command(
    mut_arg("zoom", |arg| arg.help_heading("Piece")),
    mut_arg("min_zoom", |arg| arg.help_heading("Piece")),
    mut_arg("max_zoom", |arg| arg.help_heading("Piece")),
    mut_arg("name", |arg| arg.help(NAME)),
    mut_arg("jobs", |arg| arg.help(JOBS)),
    mut_arg("kind", |arg| {
        arg.help("Whether the tileset lies over other maps or under them: overlay or baselayer")
    }),
    mut_arg("version_string", |arg| arg.help("Revision of the tileset")),
    mut_arg("meta", |arg| {
        arg.help("One more line of metadata, or another text for one that is there. Repeatable")
    })
)]
pub(super) struct ConvertArgs {
    /// A tileset: a .mbtiles or .pmtiles file, or a folder of Z/X/Y files, by azulejo or by others; or a PMTiles archive in the
    /// network, of which only what is needed is read: https://, s3://, gs://, az:// or a name of GDAL's that begins with /vsi.
    #[arg(value_name = "TILESET")]
    pub(super) tileset: PathBuf,

    #[command(flatten)]
    pub(super) zooms: ZoomArgs,

    /// Take the tiles that share more than an edge with a rectangle, in degrees; west > east crosses the antimeridian.
    /// Repeatable: tiles of any of them are taken.
    #[arg(
        long,
        value_name = "W,S,E,N",
        value_parser = values::sides,
        allow_hyphen_values = true,
        help_heading = "Piece"
    )]
    pub(super) bbox: Vec<Sides>,

    /// Take the tiles that share more than an edge with the polygons of a file, of all its layers: anything that OGR reads,
    /// in any coordinate reference system that the file names. With --bbox, tiles of what lies in both are taken.
    #[arg(long, value_name = "FILE", help_heading = "Piece")]
    pub(super) region: Option<String>,

    /// Format that tiles are brought to: png, jpeg, webp, palette or mixed, as for 'azulejo tile'. Tiles that are of it stay as
    /// they are, unless another option says how tiles are to be encoded. [default: tiles stay as they are]
    #[arg(short, long, value_parser = values::format, help_heading = "Tiles")]
    format: Option<Format>,

    #[command(flatten)]
    encoding: EncodingArgs,

    #[command(flatten)]
    pub(super) outputs: OutputArgs,

    /// Write what was done to a file, as JSON (azulejo-report/1, described in src/cli/report/report.schema.json of the source).
    /// It replaces a file of that name.
    #[arg(long, value_name = "FILE", display_order = place::REPORT, help_heading = "Running")]
    pub(super) report: Option<PathBuf>,

    #[command(flatten)]
    pub(super) pace: PaceArgs,
}

/// Runs the command.
///
/// # Errors
/// For every reason not to publish, or not to have published, the outputs.
pub(super) fn run(args: &ConvertArgs, console: &Console) -> Result<()> {
    let started = Instant::now();
    running::ended(convert(args, console, started), &args.outputs.listed())
}

fn convert(args: &ConvertArgs, console: &Console, started: Instant) -> Result<()> {
    azulejo::source::gdal::init();
    let mut phases = Phases::since(started);
    check_places(args)?;
    let zooms = args.zooms.asked()?;
    let clip = args.clip()?;
    let mut notes: Vec<String> = clip
        .iter()
        .filter_map(Clip::cutline)
        .flat_map(|cutline| cutline.notes().to_vec())
        .collect();
    let file = args
        .tileset
        .is_file()
        .then(|| args.tileset.to_string_lossy());
    let file = file.map(|path| FileFacts::look(&path, Fingerprint::Stat));
    let file = file.transpose()?;
    let mut tileset = Tileset::open(&args.tileset)?;
    tileset.cut(&Piece {
        zoom_min: zooms.min,
        zoom_max: zooms.max,
        clip,
    })?;
    let found = tileset.format()?;
    let mut recoding = args.recoding(found)?;
    if let Some(recoding) = &mut recoding {
        notes.extend(keep_to_ulimit(
            recoding,
            &tileset,
            args.outputs.paths.len(),
        )?);
    }
    let format = recoding.as_ref().map_or(found, |r| r.recipe.format);
    let mut described = tileset.describe(found)?;
    described.metadata.format = format.info().stored;
    args.put_into(&mut described)?;
    if let Some(changed) = args.changed(&tileset, zooms, recoding.as_ref()) {
        provenance::go_on(&mut described.metadata, changed);
    }
    notes.append(&mut described.notes);
    notes.extend(recoding.as_ref().and_then(|_| encoding::note(format)));

    // From here on there is something to clean up; until here a signal may end the program as it likes.
    let interrupt = Interrupt::install()?;
    tileset.heed(interrupt.flag());
    let report_file = args.report.as_deref().map(ReportFile::create).transpose()?;
    let Metadata {
        format: written,
        matrix_roots,
        ..
    } = described.metadata;
    let mut sinks =
        args.outputs
            .open(written, matrix_roots, args.outputs.overwrite(), &interrupt)?;
    console.say("tileset", &summary::tileset(&tileset, &described.metadata));
    notes.iter().for_each(|note| console.note(note));
    if console.style() == Style::Json {
        console.event(&start_event(&tileset, &described));
    }
    phases.end("prepare");
    let copied = copy(
        (
            &mut tileset,
            found,
            recoding.as_ref(),
            report_file.is_some(),
        ),
        &mut sinks,
        (console, &interrupt),
    )?;
    phases.end("copy");
    copied.notes.iter().for_each(|note| console.warn(note));
    notes.extend_from_slice(&copied.notes);
    let too_large = args.encoding.too_large(&copied.tiles);
    too_large.iter().for_each(|note| console.note(note));
    notes.extend(too_large);

    let ending = Ending {
        sinks,
        metadata: &described.metadata,
        tiles: &copied.tiles,
        report: report_file,
        started,
    };
    let report = |published: &[Published]| {
        phases.end("finish");
        let spent = Spent {
            phases: &phases,
            workers: recoding.as_ref().map_or(0, |recoding| recoding.jobs),
            times: copied.tiles.times,
            reads: ReadTimes::default(),
        };
        let report = Report {
            args,
            zooms,
            tileset: &tileset,
            file: file.as_ref(),
            metadata: &described.metadata,
            copied: &copied.tiles,
            recoding: recoding.as_ref(),
            published,
            notes: &notes,
            elapsed: started.elapsed(),
            times: spent.of_copy(),
        };
        report.json()
    };
    ending.conclude(report, (console, &interrupt))
}

impl ConvertArgs {
    /// The area asked for; the file of polygons is read here.
    fn clip(&self) -> Result<Option<Clip>> {
        let crs = Crs::lon_lat()?;
        let boxes = self.bbox.iter().map(|sides| {
            let help =
                "--bbox takes degrees; --region takes polygons in any coordinate reference system";
            Bbox::new(sides.0, &crs).map_err(|error| error.with_help(help))
        });
        let boxes = boxes.collect::<Result<Vec<_>>>()?;
        let region = self.region.as_deref().map(Cutline::open).transpose()?;
        Ok(Clip::new(boxes, region))
    }

    /// How tiles that are `found` are encoded anew; `None` if they stay as they are.
    fn recoding(&self, found: Format) -> Result<Option<Recoding>> {
        if self.format.is_none() && self.encoding.is_usual() {
            return Ok(None);
        }
        let recipe = self.encoding.recipe(self.format.unwrap_or(found));
        recipe.check()?;
        let stays = recipe.format == found && self.encoding.is_usual();
        if recipe.format.info().is_of_values() && !stays {
            // Refuses, and says why.
            encoder(recipe.format, &recipe.settings)?;
        }
        Ok(Some(Recoding {
            recipe,
            keep: self.encoding.is_usual(),
            jobs: self.pace.jobs()?,
        }))
    }

    /// Options by their long names that make other tiles, or fewer, of those there are; `None` if all stay as they are.
    fn changed(
        &self,
        tileset: &Tileset,
        zooms: Zooms,
        recoding: Option<&Recoding>,
    ) -> Option<Value> {
        let (taken, all) = tileset.n_tiles();
        if taken == all && recoding.is_none() {
            return None;
        }
        let mut options = recoding.map_or(json!({}), |recoding| encoding::json(&recoding.recipe));
        if taken < all {
            extend(&mut options, self.piece(zooms));
        }
        Some(options)
    }

    /// Options by their long names that say which tiles are taken.
    pub(super) fn piece(&self, zooms: Zooms) -> Value {
        json!({
            "min-zoom": zooms.min,
            "max-zoom": zooms.max,
            "bbox": self.bbox.iter().map(|sides| sides.0).collect::<Vec<_>>(),
            "region": self.region.as_deref().map(shown),
        })
    }

    /// Says about the tileset what the user says, and checks it.
    fn put_into(&self, described: &mut Described) -> Result<()> {
        let metadata = &mut described.metadata;
        if let Some(name) = &self.outputs.name {
            metadata.name.clone_from(name);
        }
        if let Some(version) = &self.outputs.version_string {
            metadata.version.clone_from(version);
        }
        metadata.description = self
            .outputs
            .description
            .clone()
            .or(metadata.description.take());
        metadata.attribution = self
            .outputs
            .attribution
            .clone()
            .or(metadata.attribution.take());
        metadata.kind = self.outputs.kind.unwrap_or(metadata.kind);
        for KeyValue { key, value } in &self.outputs.meta {
            metadata.extra.retain(|(known, _)| known != key);
            metadata.extra.push((key.clone(), value.clone().into()));
        }
        metadata.extra.sort_by(|a, b| a.0.cmp(&b.0));
        metadata.check()
    }
}

/// Lowers the number of threads to what `ulimit` leaves room for, and says so: nobody comes back from an allocation that
/// fails.
///
/// # Errors
/// [`Kind::Resources`](azulejo::error::Kind::Resources) when there is no room for one.
fn keep_to_ulimit(
    recoding: &mut Recoding,
    tileset: &Tileset,
    n_outputs: usize,
) -> Result<Option<String>> {
    /// The cache of a database that is written, and what is read.
    const OUTPUT_BYTES: u64 = 24 << 20;
    // Measured of webp, which takes most but for avif: 20 MB for tiles of 256 pixels, 50 MB for those of 1024.
    let (least, by_pixel) = match recoding.recipe.format {
        Format::Avif => (64 << 20, 256),
        _ => (20 << 20, 64),
    };
    let side = u64::from(tileset.stored().tile_size_px.unwrap_or(256));
    let each = side.saturating_mul(side).saturating_mul(by_pixel);
    let each = each.saturating_add(least);
    let others = OUTPUT_BYTES * n_outputs as u64;
    let (jobs, note) = memory::jobs_within_own_limit(recoding.jobs, each, others)?;
    recoding.jobs = jobs;
    Ok(note)
}

/// Makes sure that no output takes the place of another or of what is read.
fn check_places(args: &ConvertArgs) -> Result<()> {
    let written = args.outputs.paths.iter().chain(&args.report);
    let tileset = args.tileset.to_string_lossy();
    let region = args.region.iter().map(|name| ("region", name.as_str()));
    let read = std::iter::once(("tileset", &*tileset)).chain(region);
    outputs::check_apart(written, read)
}

fn copy(
    (tileset, found, recoding, digest): (&mut Tileset, Format, Option<&Recoding>, bool),
    sinks: &mut [Box<dyn Sink>],
    (console, interrupt): (&Console, &Interrupt),
) -> Result<Copied> {
    let mut meter = Meter::start(console, Phase::Copying);
    let mut watch = |progress: &Progress| {
        interrupt.check()?;
        meter.update(progress);
        Ok(())
    };
    match recoding {
        Some(recoding) => tileset.recode(recoding, sinks, digest, &mut watch),
        None => tileset.copy(found, sinks, digest, &mut watch),
    }
}

fn start_event(tileset: &Tileset, described: &Described) -> serde_json::Value {
    json!({
        "event": "start",
        "planned": tileset.n_tiles().0,
        "zoom_min": described.metadata.zoom_min,
        "zoom_max": described.metadata.zoom_max,
    })
}
