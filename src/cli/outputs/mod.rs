//! Outputs: their options, and the sinks behind them.

mod ending;
mod places;
mod remote;
mod targets;

use std::path::PathBuf;

use azulejo::archive::{
    Host, MbtilesOptions, MbtilesType, Metadata, Overwrite, RowScheme, Sink, SinkOptions,
    TilesetKind, names_folder, open_sink,
};
use azulejo::encode::Format;
use azulejo::error::{Error, Result};
use azulejo::geo::scheme::Scheme;
use clap::Args;
use serde_json::{Value, json};

use super::interrupt::Interrupt;
use super::report::{extend, pairs, text};
use super::values::{self, KeyValue};

pub(super) use ending::Ending;
pub(super) use places::{check_apart, check_outside, check_places};
use remote::RemoteArgs;
pub(super) use targets::Target;

/// Options of the outputs, and of what they say about themselves.
#[derive(Args)]
#[command(next_help_heading = "Outputs")]
pub(super) struct OutputArgs {
    /// Where the tiles go: a path that ends in .mbtiles or .pmtiles, or a folder; or such a place in an object store, by an
    /// address that begins with s3://, gs:// or az://. Repeat it to write several outputs at once.
    #[arg(
        id = "output",
        short = 'o',
        long = "output",
        value_name = "PATH",
        required = true
    )]
    pub(super) paths: Vec<PathBuf>,

    /// How the rows in a folder that is written are counted: xyz from the north, tms from the south.
    #[arg(
        long,
        value_name = "xyz|tms",
        default_value = "xyz",
        alias = "convention",
        value_parser = values::row_scheme
    )]
    scheme: RowScheme,

    /// How an MBTiles file keeps its tiles: flat, each by itself, or normalized, equal ones once. [default: normalized
    /// where that saves a tenth of the file or more, otherwise flat]
    #[arg(long, value_name = "flat|normalized", value_parser = values::mbtiles_type)]
    mbtiles_type: Option<MbtilesType>,

    /// Tell agg_tiles_hash in the metadata of an MBTiles file, by which MapLibre's 'mbtiles' validates and compares files.
    #[arg(long)]
    agg_hash: bool,

    /// Put notes for a web server or a service into a folder that is written: nginx (nginx.conf), caddy (Caddyfile) or headers
    /// (_headers, for Netlify, Cloudflare Pages and others). Repeatable.
    #[arg(long, value_name = "HOST", value_parser = values::host)]
    hosting: Vec<Host>,

    /// Name of the tileset. [default: the source's file name; the output's, of several sources]
    #[arg(long, value_name = "TEXT")]
    pub(super) name: Option<String>,

    /// Description of the tileset.
    #[arg(long, value_name = "TEXT")]
    pub(super) description: Option<String>,

    /// Whom the map must thank; may hold HTML.
    #[arg(long, value_name = "TEXT")]
    pub(super) attribution: Option<String>,

    /// Whether the tileset lies over other maps or under them: overlay or baselayer. [default: overlay]
    #[arg(long = "type", value_name = "TYPE", value_parser = values::tileset_kind)]
    pub(super) kind: Option<TilesetKind>,

    /// Revision of the tileset. [default: 1.0.0]
    #[arg(long, value_name = "VERSION")]
    pub(super) version_string: Option<String>,

    /// One more line of metadata. Repeatable.
    #[arg(long, value_name = "NAME=VALUE")]
    pub(super) meta: Vec<KeyValue>,

    /// Replace outputs that exist, once the new ones are complete. Without it they are an error and stay untouched.
    #[arg(long)]
    overwrite: bool,

    #[command(flatten)]
    remote: RemoteArgs,
}

impl OutputArgs {
    /// What to do about outputs that exist.
    pub(super) fn overwrite(&self) -> Overwrite {
        overwrite(self.overwrite)
    }

    /// Opens a sink for each output, for tiles of `format` on a grid of `matrix_roots` columns and rows at zoom 0. They
    /// check that nothing is there that `overwrite` would keep, and that they can write. Those in object stores look at `interrupt` while they wait.
    ///
    /// # Errors
    /// As [`open_sink`].
    pub(super) fn open(
        &self,
        format: Format,
        matrix_roots: (u32, u32),
        overwrite: Overwrite,
        interrupt: &Interrupt,
    ) -> Result<Vec<Box<dyn Sink>>> {
        let options = self.options(format, matrix_roots, overwrite, interrupt)?;
        let open = |path: &PathBuf| open_sink(path, &options);
        self.paths.iter().map(open).collect()
    }

    /// How they are written.
    fn options(
        &self,
        format: Format,
        matrix_roots: (u32, u32),
        overwrite: Overwrite,
        interrupt: &Interrupt,
    ) -> Result<SinkOptions> {
        Ok(SinkOptions {
            overwrite,
            rows: self.scheme,
            format,
            matrix_roots,
            mbtiles: self.mbtiles()?,
            hosts: self.hosts()?,
            remote: self.remote.options(&self.paths, interrupt)?,
        })
    }

    /// What MBTiles files among the outputs are told. An option that would be ignored is refused, so that nobody believes
    /// it did something.
    fn mbtiles(&self) -> Result<MbtilesOptions> {
        let kind = self.mbtiles_type;
        let agg_hash = self.agg_hash;
        let asked = [("--mbtiles-type", kind.is_some()), ("--agg-hash", agg_hash)];
        if let Some((option, _)) = asked.iter().find(|(_, is_asked)| *is_asked)
            && !self.writes("mbtiles")
        {
            return Err(Error::usage(format!(
                "{option}: no output is an MBTiles file; expected one, or {option} left out"
            ))
            .with_help("-o tiles.mbtiles"));
        }
        Ok(MbtilesOptions { kind, agg_hash })
    }

    /// Whom folders among the outputs have notes for, each once.
    fn hosts(&self) -> Result<Vec<Host>> {
        let any_folder = self.paths.iter().any(|path| names_folder(path));
        if !self.hosting.is_empty() && !any_folder {
            let found = "--hosting: no output is a folder; expected one, or --hosting left out";
            return Err(Error::usage(found).with_help("-o tiles/"));
        }
        let asked = |host: &Host| self.hosting.contains(host);
        Ok(Host::ALL.into_iter().filter(asked).collect())
    }

    /// Whether an output ends in `suffix`.
    pub(super) fn writes(&self, suffix: &str) -> bool {
        let is_one = |path: &PathBuf| {
            path.extension()
                .is_some_and(|found| found.eq_ignore_ascii_case(suffix))
        };
        self.paths.iter().any(is_one)
    }

    /// The outputs in one line, for messages.
    pub(super) fn listed(&self) -> String {
        let names = self.paths.iter().map(|path| path.to_string_lossy());
        names.collect::<Vec<_>>().join(", ")
    }

    /// Every option by its long name, as it took effect on what says `metadata` about itself.
    pub(super) fn json(&self, metadata: &Metadata) -> Value {
        let mut options = json!({
            "output": self.paths.iter().map(|path| text(path)).collect::<Vec<_>>(),
            "scheme": self.scheme.name(),
            "mbtiles-type": self.mbtiles_type.map(MbtilesType::name),
            "agg-hash": self.agg_hash,
            "hosting": self.hosting.iter().map(|host| host.name()).collect::<Vec<_>>(),
            "name": metadata.name,
            "description": metadata.description,
            "attribution": metadata.attribution,
            "type": metadata.kind.name(),
            "version-string": metadata.version,
            "meta": pairs(&self.meta),
            "overwrite": self.overwrite,
        });
        extend(&mut options, self.remote.json());
        options
    }
}

/// What to do about outputs that exist, by whether they may be replaced.
pub(super) fn overwrite(may: bool) -> Overwrite {
    if may {
        Overwrite::Replace
    } else {
        Overwrite::Refuse
    }
}

/// Columns and rows at zoom 0.
///
/// # Errors
/// When there are more than a container can tell.
pub(super) fn matrix_roots(scheme: &Scheme) -> Result<(u32, u32)> {
    let (columns, rows) = scheme.matrix_size(0);
    match (u32::try_from(columns), u32::try_from(rows)) {
        (Ok(columns), Ok(rows)) => Ok((columns, rows)),
        _ => Err(Error::internal(format!(
            "{columns} x {rows} tiles at zoom 0; expected fewer"
        ))),
    }
}
