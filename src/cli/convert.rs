//! `azulejo convert`: a tileset in another container.

use std::path::PathBuf;
use std::time::Instant;

use azulejo::archive::{MbtilesOptions, RowScheme, Sink, SinkOptions, TilesetKind, open_sink};
use azulejo::convert::{Copied, Described, Piece, Tileset};
use azulejo::encode::Format;
use azulejo::error::Result;
use azulejo::geo::transform::crs::Crs;
use azulejo::mosaic::clip::{Bbox, Clip, Cutline};
use azulejo::pyramid::Progress;
use clap::Args;
use serde_json::json;

use super::console::Console;
use super::interrupt::Interrupt;
use super::progress::{Meter, Phase, Style, seconds};
use super::report::ReportFile;
use super::report::convert::Report;
use super::running::{self, Loudness, place};
use super::values::{self, KeyValue, Sides, Zooms};
use super::{outputs, summary};

pub(super) const EXAMPLES: &str = "\
Examples:
  azulejo convert city.mbtiles -o city.pmtiles
  azulejo convert city.pmtiles -o city/ -o city.mbtiles
  azulejo convert world.mbtiles -z 0-12 --bbox 5.9,45.8,10.5,47.9 -o swiss.pmtiles
  azulejo convert world.mbtiles --region aoi.geojson --name 'The valley' -o valley.mbtiles
  azulejo convert city/ --scheme tms -o city-tms/";

/// Options of `azulejo convert`.
#[derive(Args)]
pub(super) struct ConvertArgs {
    /// A tileset: a .mbtiles or .pmtiles file, or a folder of Z/X/Y files, by azulejo or by others.
    #[arg(value_name = "TILESET")]
    pub(super) tileset: PathBuf,

    /// Zooms to take: 5-12, 12 (that one), 5- (from 5 on) or -12 (up to 12). [default: all]
    #[arg(
        short,
        long,
        value_name = "ZOOMS",
        allow_negative_numbers = true,
        conflicts_with_all = ["min_zoom", "max_zoom"],
        help_heading = "Piece"
    )]
    zoom: Option<Zooms>,

    /// The lowest zoom to take.
    #[arg(long, value_name = "ZOOM", alias = "minzoom", help_heading = "Piece")]
    min_zoom: Option<u8>,

    /// The highest zoom to take.
    #[arg(long, value_name = "ZOOM", alias = "maxzoom", help_heading = "Piece")]
    max_zoom: Option<u8>,

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

    /// Where the tiles go: a path that ends in .mbtiles or .pmtiles, or a folder. Repeat it to write several outputs at
    /// once.
    #[arg(
        short,
        long,
        value_name = "PATH",
        required = true,
        help_heading = "Outputs"
    )]
    pub(super) output: Vec<PathBuf>,

    /// How the rows in a folder that is written are counted: xyz from the north, tms from the south.
    #[arg(
        long,
        value_name = "xyz|tms",
        default_value = "xyz",
        alias = "convention",
        value_parser = values::row_scheme,
        help_heading = "Outputs"
    )]
    pub(super) scheme: RowScheme,

    /// Name of the tileset. This and the other words about it are the tileset's own unless given. [default: its own]
    #[arg(long, value_name = "TEXT", help_heading = "Outputs")]
    name: Option<String>,

    /// Description of the tileset.
    #[arg(long, value_name = "TEXT", help_heading = "Outputs")]
    description: Option<String>,

    /// Whom the map must thank; may hold HTML.
    #[arg(long, value_name = "TEXT", help_heading = "Outputs")]
    attribution: Option<String>,

    /// Whether the tileset lies over other maps or under them: overlay or baselayer.
    #[arg(long = "type", value_name = "TYPE", value_parser = values::tileset_kind, help_heading = "Outputs")]
    kind: Option<TilesetKind>,

    /// Revision of the tileset.
    #[arg(long, value_name = "VERSION", help_heading = "Outputs")]
    version_string: Option<String>,

    /// One more line of metadata, or another text for one that is there. Repeatable.
    #[arg(long, value_name = "NAME=VALUE", help_heading = "Outputs")]
    pub(super) meta: Vec<KeyValue>,

    /// Replace outputs that exist, once the new ones are complete. Without it they are an error and stay untouched.
    #[arg(long, help_heading = "Outputs")]
    pub(super) overwrite: bool,

    /// How progress is shown on stderr: auto is a bar on a terminal and a line every 10 s elsewhere; json turns all of
    /// stderr into one JSON object a line.
    #[arg(
        long,
        value_name = "STYLE",
        default_value = "auto",
        hide_possible_values = true,
        display_order = place::PROGRESS,
        help_heading = "Running"
    )]
    pub(super) progress: Style,

    /// Write what was done to a file, as JSON. It replaces a file of that name.
    #[arg(long, value_name = "FILE", display_order = place::REPORT, help_heading = "Running")]
    pub(super) report: Option<PathBuf>,

    #[command(flatten)]
    pub(super) loudness: Loudness,
}

/// Runs the command.
///
/// # Errors
/// For every reason not to publish, or not to have published, the outputs.
pub(super) fn run(args: &ConvertArgs, console: &Console) -> Result<()> {
    let started = Instant::now();
    running::ended(
        convert(args, console, started),
        &outputs::listed(&args.output),
    )
}

fn convert(args: &ConvertArgs, console: &Console, started: Instant) -> Result<()> {
    azulejo::source::gdal::init();
    check_places(args)?;
    let clip = args.clip()?;
    let mut notes: Vec<String> = clip
        .iter()
        .filter_map(Clip::cutline)
        .flat_map(|cutline| cutline.notes().to_vec())
        .collect();
    let mut tileset = Tileset::open(&args.tileset)?;
    let zooms = args.zooms();
    tileset.cut(&Piece {
        zoom_min: zooms.min,
        zoom_max: zooms.max,
        clip,
    })?;
    let format = tileset.format()?;
    let mut described = tileset.describe(format)?;
    args.put_into(&mut described)?;
    notes.append(&mut described.notes);

    // From here on there is something to clean up; until here a signal may end the program as it likes.
    let interrupt = Interrupt::install()?;
    let report_file = args.report.as_deref().map(ReportFile::create).transpose()?;
    let mut sinks = open(args, &described)?;
    console.say("tileset", &summary::tileset(&tileset, &described.metadata));
    notes.iter().for_each(|note| console.note(note));
    if console.style() == Style::Json {
        console.event(&start_event(&tileset, &described));
    }
    let copied = copy(
        (&mut tileset, format, report_file.is_some()),
        &mut sinks,
        (console, &interrupt),
    )?;
    copied.notes.iter().for_each(|note| console.warn(note));
    notes.extend_from_slice(&copied.notes);

    let staged = outputs::finish(sinks, &described.metadata, &copied.tiles)?;
    interrupt.check()?;
    let (published, all_published) = outputs::publish(staged);
    // Before anything goes to stdout, which may be full: it must withhold neither an output nor the report.
    let reported = all_published.and_then(|()| {
        let Some(file) = report_file else {
            return Ok(());
        };
        let report = Report {
            args,
            zooms,
            tileset: &tileset,
            metadata: &described.metadata,
            copied: &copied.tiles,
            published: &published,
            notes: &notes,
            elapsed: started.elapsed(),
        };
        file.write(&report.json())
    });
    for output in &published {
        console.print(&summary::result(output, started.elapsed()))?;
    }
    reported?;
    if console.style() == Style::Json {
        console.event(&json!({
            "event": "end",
            "stored": copied.tiles.tiles(),
            "bytes": copied.tiles.bytes(),
            "elapsed_s": seconds(started.elapsed()),
        }));
    }
    Ok(())
}

impl ConvertArgs {
    /// The zooms asked for, however they were said.
    fn zooms(&self) -> Zooms {
        self.zoom.unwrap_or(Zooms {
            min: self.min_zoom,
            max: self.max_zoom,
        })
    }

    /// The area asked for; the file of polygons is read here.
    fn clip(&self) -> Result<Option<Clip>> {
        let crs = Crs::lon_lat()?;
        let boxes = self.bbox.iter().map(|sides| Bbox::new(sides.0, &crs));
        let boxes = boxes.collect::<Result<Vec<_>>>()?;
        let region = self.region.as_deref().map(Cutline::open).transpose()?;
        Ok(Clip::new(boxes, region))
    }

    /// Says about the tileset what the user says, and checks it.
    fn put_into(&self, described: &mut Described) -> Result<()> {
        let metadata = &mut described.metadata;
        if let Some(name) = &self.name {
            metadata.name.clone_from(name);
        }
        if let Some(version) = &self.version_string {
            metadata.version.clone_from(version);
        }
        metadata.description = self.description.clone().or(metadata.description.take());
        metadata.attribution = self.attribution.clone().or(metadata.attribution.take());
        metadata.kind = self.kind.unwrap_or(metadata.kind);
        for KeyValue { key, value } in &self.meta {
            metadata.extra.retain(|(known, _)| known != key);
            metadata.extra.push((key.clone(), value.clone()));
        }
        metadata.extra.sort();
        metadata.check()
    }
}

/// Makes sure that no output takes the place of another or of what is read.
fn check_places(args: &ConvertArgs) -> Result<()> {
    let written = args.output.iter().chain(&args.report);
    let tileset = args.tileset.to_string_lossy();
    let region = args.region.iter().map(|name| ("region", name.as_str()));
    let read = std::iter::once(("tileset", &*tileset)).chain(region);
    outputs::check_apart(written, read)
}

fn open(args: &ConvertArgs, described: &Described) -> Result<Vec<Box<dyn Sink>>> {
    let options = SinkOptions {
        overwrite: outputs::overwrite(args.overwrite),
        rows: args.scheme,
        format: described.metadata.format,
        matrix_roots: described.metadata.matrix_roots,
        mbtiles: MbtilesOptions::default(),
    };
    let open = |path: &PathBuf| open_sink(path, &options);
    args.output.iter().map(open).collect()
}

fn copy(
    (tileset, format, digest): (&mut Tileset, Format, bool),
    sinks: &mut [Box<dyn Sink>],
    (console, interrupt): (&Console, &Interrupt),
) -> Result<Copied> {
    let mut meter = Meter::start(console, Phase::Copying);
    let mut watch = |progress: &Progress| {
        interrupt.check()?;
        meter.update(progress);
        Ok(())
    };
    tileset.copy(format, sinks, digest, &mut watch)
}

fn start_event(tileset: &Tileset, described: &Described) -> serde_json::Value {
    json!({
        "event": "start",
        "planned": tileset.n_tiles().0,
        "zoom_min": described.metadata.zoom_min,
        "zoom_max": described.metadata.zoom_max,
    })
}
