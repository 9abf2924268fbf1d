//! Outputs: where they may go, and the sinks behind them.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use azulejo::archive::{
    MbtilesOptions, Metadata, Overwrite, Published, Sink, SinkOptions, Staged, open_sink,
};
use azulejo::error::{Error, Result};
use azulejo::geo::scheme::Scheme;
use azulejo::pyramid::Baked;

use super::args::TileArgs;
use super::sources::SourceArgs;

/// Makes sure that none of `written` lies in another one or in the place of anything that is read: `sources`, the lists that
/// `args` names them by, the cutline, and `others`, each with what it is.
///
/// # Errors
/// [`Kind::Usage`](azulejo::error::Kind::Usage), naming both.
pub(super) fn check_places<'a>(
    written: impl Iterator<Item = &'a PathBuf>,
    args: &SourceArgs,
    sources: &[String],
    others: &[(&'static str, &str)],
) -> Result<()> {
    check_apart(written, read(args, sources).chain(others.iter().copied()))
}

/// Makes sure that none of `written` lies in another one or in the place of anything of `read`, each with what it is.
///
/// # Errors
/// [`Kind::Usage`](azulejo::error::Kind::Usage), naming both.
pub(super) fn check_apart<'a, 'b>(
    written: impl Iterator<Item = &'a PathBuf>,
    read: impl Iterator<Item = (&'static str, &'b str)>,
) -> Result<()> {
    let written: Vec<(&Path, PathBuf)> = written.map(|path| (path.as_path(), real(path))).collect();
    for (i, (path, place)) in written.iter().enumerate() {
        for (other, other_place) in &written[..i] {
            if place.starts_with(other_place) || other_place.starts_with(place) {
                return Err(Error::usage(format!(
                    "{}: the same place as {}, or one inside the other; expected outputs apart from each other",
                    path.display(),
                    other.display()
                )));
            }
        }
    }
    for (what, name) in read {
        let path = Path::new(name);
        if !path.exists() {
            continue;
        }
        let read_place = real(path);
        if let Some((path, _)) = written
            .iter()
            .find(|(_, place)| read_place.starts_with(place))
        {
            return Err(Error::usage(format!(
                "{}: an output that is, or holds, the {what} {name}; expected outputs apart from what is read",
                path.display()
            )));
        }
    }
    Ok(())
}

/// What is read, as far as it may be files: what each is, and its name.
fn read<'a>(
    args: &'a SourceArgs,
    sources: &'a [String],
) -> impl Iterator<Item = (&'static str, &'a str)> {
    let given = args.names.iter().filter_map(|name| name.to_str());
    let lists = given.filter_map(|name| name.strip_prefix('@'));
    let sources = sources.iter().map(|name| ("source", name.as_str()));
    let cutline = args.clip.cutline.iter();
    sources
        .chain(lists.map(|name| ("list of sources", name)))
        .chain(cutline.map(|name| ("cutline", name.as_str())))
}

/// Where `path` is or will be, past symbolic links as far as it exists.
fn real(path: &Path) -> PathBuf {
    if let Ok(place) = path.canonicalize() {
        return place;
    }
    let folder = path.parent().map(|p| {
        if p == Path::new("") {
            Path::new(".")
        } else {
            p
        }
    });
    match (folder.map(Path::canonicalize), path.file_name()) {
        (Some(Ok(folder)), Some(name)) => folder.join(name),
        _ => path.to_path_buf(),
    }
}

/// Opens a sink for each output. They check that nothing is there and that they can write.
///
/// # Errors
/// As [`open_sink`].
pub(super) fn open(args: &TileArgs, scheme: &Scheme) -> Result<Vec<Box<dyn Sink>>> {
    let options = SinkOptions {
        overwrite: overwrite(args.overwrite),
        rows: args.scheme,
        format: args.format,
        matrix_roots: matrix_roots(scheme)?,
        mbtiles: mbtiles_options(args)?,
    };
    args.output
        .iter()
        .map(|path| open_sink(path, &options))
        .collect()
}

/// What MBTiles files among the outputs are told. An option that would be ignored is refused, so that nobody believes it did
/// something.
fn mbtiles_options(args: &TileArgs) -> Result<MbtilesOptions> {
    let kind = args.mbtiles_type;
    let agg_hash = args.agg_hash;
    let asked = [("--mbtiles-type", kind.is_some()), ("--agg-hash", agg_hash)];
    if let Some((option, _)) = asked.iter().find(|(_, is_asked)| *is_asked)
        && !writes(args, "mbtiles")
    {
        return Err(Error::usage(format!(
            "{option}: no output is an MBTiles file; expected one, or {option} left out"
        ))
        .with_help("-o tiles.mbtiles"));
    }
    Ok(MbtilesOptions { kind, agg_hash })
}

/// Whether an output ends in `suffix`.
pub(super) fn writes(args: &TileArgs, suffix: &str) -> bool {
    let is_one = |path: &PathBuf| {
        path.extension()
            .is_some_and(|found| found.eq_ignore_ascii_case(suffix))
    };
    args.output.iter().any(is_one)
}

/// What to do about outputs that exist, by whether they may be replaced.
pub(super) fn overwrite(may: bool) -> Overwrite {
    if may {
        Overwrite::Replace
    } else {
        Overwrite::Refuse
    }
}

/// Completes all outputs. The metadata tells the zooms that have tiles, which may be fewer than were planned.
///
/// # Errors
/// As [`Sink::finish`].
pub(super) fn finish(
    sinks: Vec<Box<dyn Sink>>,
    planned: &Metadata,
    baked: &Baked,
) -> Result<Vec<Staged>> {
    let mut metadata = planned.clone();
    if let (Some(min), Some(max)) = (baked.zooms.keys().next(), baked.zooms.keys().last()) {
        (metadata.zoom_min, metadata.zoom_max) = (*min, *max);
        metadata.center.2 = metadata.center.2.clamp(*min, *max);
    }
    sinks
        .into_iter()
        .map(|sink| sink.finish(&metadata))
        .collect()
}

/// Gives the outputs their names, until one fails: those that have them, and the failure.
pub(super) fn publish(staged: Vec<Staged>) -> (Vec<Published>, Result<()>) {
    let mut published: Vec<Published> = Vec::with_capacity(staged.len());
    for output in staged {
        match output.publish() {
            Ok(output) => published.push(output),
            Err(error) => return (published, Err(error)),
        }
    }
    (published, Ok(()))
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

/// The outputs in one line, for messages.
pub(super) fn listed(outputs: &[PathBuf]) -> String {
    let names = outputs
        .iter()
        .map(|path| OsStr::to_string_lossy(path.as_os_str()));
    names.collect::<Vec<_>>().join(", ")
}
