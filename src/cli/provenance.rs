//! `--provenance`: how a tileset came about, told by itself. The same for the same sources, options and versions, whoever bakes
//! them, wherever and when.

use std::collections::BTreeMap;
use std::path::Path;

use azulejo::archive::Metadata;
use azulejo::error::Result;
use azulejo::mosaic::clip::Clip;
use azulejo::source::gdal::FileState;
use azulejo::source::stack::scene::Opened;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::args::TileArgs;
use super::console::Console;
use super::interrupt::Interrupt;
use super::job::{Job, Ready};
use super::report::{self, extend};
use super::{human, resume, sources, versions};

/// The row of the metadata, a JSON object.
pub(super) const NAME: &str = "provenance";

/// Changes when a reader of the JSON would have to.
const SCHEMA: &str = "azulejo-provenance/1";

/// Files that are listed: browsers load the metadata before the first tile.
const LISTED: usize = 1000;

/// Sources that people are shown.
const SHOWN: usize = 20;

/// The metadata of `ready`; with `--provenance` it tells how its tiles come about, for which every file of the sources is read,
/// wherever it is.
///
/// # Errors
/// When a file cannot be read to its end, or `--meta` has taken the name.
pub(super) fn metadata(
    (args, job): (&TileArgs, &Job),
    ready: &Ready,
    watch: (&Console, &Interrupt),
) -> Result<Metadata> {
    let mut metadata = ready.metadata.clone();
    if args.provenance {
        metadata
            .extra
            .push((NAME.to_owned(), told((args, job), ready, watch)?));
        metadata.extra.sort_by(|a, b| a.0.cmp(&b.0));
        metadata.check()?;
    }
    Ok(metadata)
}

fn told(
    (args, job): (&TileArgs, &Job),
    ready: &Ready,
    watch: (&Console, &Interrupt),
) -> Result<Value> {
    let mut files = Vec::with_capacity(ready.sources.len());
    for source in &ready.sources {
        files.push(files_of(source)?);
    }
    let others = others(args);
    let mut all: Vec<&str> = files.iter().flatten().map(String::as_str).collect();
    all.extend(others.iter().map(|(_, file)| *file));
    all.sort_unstable();
    all.dedup();
    let sums = sources::open_all(job.means.jobs, &all, |file| Sum::of(file), watch)?;
    let sums: BTreeMap<&str, Sum> = all.iter().copied().zip(sums).collect();

    let decided = ready.options(args, job);
    let options = resume::deciding(&decided).filter(|(_, value)| !is_empty(value));
    let mut told = json!({
        "schema": SCHEMA,
        "versions": {
            "azulejo": versions::AZULEJO,
            "gdal": versions::gdal(),
            "proj": versions::proj(),
        },
        "options": options.collect::<Map<_, _>>(),
    });
    extend(&mut told, told_of_sources(&ready.sources, &files, &sums));
    extend(
        &mut told,
        told_of_others(&others, &sums, ready.clip.as_ref()),
    );
    extend(&mut told, report::source_date());
    Ok(told)
}

/// Adds to a tileset that tells how it came about what becomes of it now, by `options`; a tileset that does not tell stays silent.
pub(super) fn go_on(metadata: &mut Metadata, mut options: Value) {
    let ours = metadata.extra.iter_mut().find(|(key, _)| key == NAME);
    let Some((_, Value::Object(told))) = ours else {
        return;
    };
    if let Value::Object(options) = &mut options {
        options.retain(|_, value| !is_empty(value));
    }
    let step = json!({ "azulejo": versions::AZULEJO, "command": "convert", "options": options });
    let then = told.entry("then").or_insert_with(|| json!([]));
    if let Value::Array(steps) = then {
        steps.push(step);
    }
}

/// What is in a file; neither for what is none, such as a table in a database or a folder.
struct Sum {
    bytes: Option<u64>,
    sha256: Option<String>,
}

impl Sum {
    fn of(file: &str) -> Result<Self> {
        let state = FileState::of(file);
        if state.bytes.is_none() || Path::new(file).is_dir() {
            let (bytes, sha256) = (None, None);
            return Ok(Self { bytes, sha256 });
        }
        Ok(Self {
            bytes: state.bytes,
            sha256: Some(report::hex(&state.sha256()?)),
        })
    }

    fn told(&self, name: &str) -> Value {
        json!({ "name": name, "bytes": self.bytes, "sha256": self.sha256 })
    }
}

/// The files of a source, in order; of a dataset that is written out in place of a name, those that it refers to.
fn files_of(source: &Opened) -> Result<Vec<String>> {
    let mut files = source.files()?;
    files.retain(|file| !file.trim_start().starts_with(['<', '{']));
    files.sort();
    files.dedup();
    Ok(files)
}

/// Other files that decide what the tiles are, with their options. Of a cutline the polygons count.
fn others(args: &TileArgs) -> Vec<(&'static str, &str)> {
    let read = [
        ("tiling-scheme", Some(args.tiling_scheme.as_str())),
        ("colormap", args.style.colormap.as_deref()),
    ];
    let read = read
        .into_iter()
        .filter_map(|(option, file)| Some((option, file?)));
    read.filter(|(_, file)| Path::new(file).is_file()).collect()
}

/// The first sources with their files, and one sum over the sums of all.
fn told_of_sources(sources: &[Opened], files: &[Vec<String>], sums: &BTreeMap<&str, Sum>) -> Value {
    let mut digest = Sha256::new();
    for file in files.iter().flatten() {
        let sha256 = sums[file.as_str()].sha256.as_deref();
        digest.update(sha256.unwrap_or_default());
        digest.update("\n");
    }
    let mut n_files = 0;
    let listed = sources.iter().zip(files).take_while(|(_, files)| {
        n_files += files.len();
        n_files <= LISTED
    });
    let listed = listed.map(|(source, files)| {
        let name = report::shown(&source.info().name);
        let files = files.iter().map(|file| {
            let sum = &sums[file.as_str()];
            sum.told(&beside(&name, &report::shown(file)))
        });
        json!({ "name": name, "files": files.collect::<Vec<_>>() })
    });
    let listed: Vec<Value> = listed.collect();
    let mut told = json!({
        "sources_sha256": report::hex(&digest.finalize()),
        "sources": listed,
    });
    if listed.len() < sources.len() {
        let left_out = sources.len() - listed.len();
        extend(&mut told, json!({ "sources_left_out": left_out }));
    }
    told
}

fn told_of_others(
    others: &[(&str, &str)],
    sums: &BTreeMap<&str, Sum>,
    clip: Option<&Clip>,
) -> Value {
    let mut told: Vec<Value> = Vec::new();
    for (option, file) in others {
        let mut other = json!({ "option": option });
        extend(&mut other, sums[file].told(&report::shown(file)));
        told.push(other);
    }
    if let Some(cutline) = clip.and_then(Clip::cutline) {
        let sum = report::hex(&cutline.digest());
        told.push(json!({ "option": "cutline", "polygons_sha256": sum }));
    }
    match told.is_empty() {
        true => json!({}),
        false => json!({ "others": told }),
    }
}

/// What `file` is called beside the source `name`, wherever that lies: below its folder, or else without any folder.
fn beside(name: &str, file: &str) -> String {
    let folder = name.rfind('/').map_or("", |at| &name[..=at]);
    let below = file
        .strip_prefix(folder)
        .filter(|rest| !rest.starts_with('/'));
    let last = file.rsplit('/').next().unwrap_or(file);
    below.unwrap_or(last).to_owned()
}

/// Whether an option says nothing.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(list) => list.is_empty(),
        Value::Object(object) => object.is_empty(),
        _ => false,
    }
}

/// What a tileset tells of how it came about, for people.
pub(super) fn lines(told: &Value) -> Vec<(&'static str, String)> {
    let versions = |names: &[&str]| {
        let parts = names.iter().filter_map(|name| {
            let version = told["versions"][name.to_lowercase()].as_str()?;
            Some(format!("{name} {version}"))
        });
        parts.collect::<Vec<_>>().join(", ")
    };
    let made_by = versions(&["azulejo", "GDAL", "PROJ"]);
    let mut lines = vec![("made by", made_by), ("options", options(&told["options"]))];
    let sources = told["sources"].as_array().map_or(&[][..], Vec::as_slice);
    let shown = sources.iter().take(SHOWN).map(source);
    lines.extend(shown.map(|line| ("from", line)));
    let left_out = told["sources_left_out"].as_u64().unwrap_or(0);
    let n_more = sources.len().saturating_sub(SHOWN) as u64 + left_out;
    if n_more > 0 {
        let more = human::counted(n_more, "source");
        lines.push(("from", format!("and {more} more, with --json")));
    }
    let steps = told["then"].as_array().into_iter().flatten();
    lines.extend(steps.map(|step| {
        let version = step["azulejo"].as_str().unwrap_or_default();
        let what = options(&step["options"]);
        ("then", format!("azulejo {version} convert · {what}"))
    }));
    lines.retain(|(_, text)| !text.is_empty());
    lines
}

/// `min-zoom 5 · max-zoom 10 · format png`.
fn options(options: &Value) -> String {
    let options = options.as_object().into_iter().flatten();
    let told = options.map(|(name, value)| match value {
        Value::String(text) => format!("{name} {text}"),
        value => format!("{name} {value}"),
    });
    told.collect::<Vec<_>>().join(" · ")
}

/// `ortho.tif · 1.2 MB · sha256 4c1f93…`, or `scene · 4 files · 1.2 MB`.
fn source(source: &Value) -> String {
    let files = source["files"].as_array().map_or(&[][..], Vec::as_slice);
    let bytes = files.iter().filter_map(|file| file["bytes"].as_u64()).sum();
    let name = source["name"].as_str().unwrap_or_default();
    let size = human::bytes(bytes);
    match files {
        [] => name.to_owned(),
        [file] => match file["sha256"].as_str() {
            Some(sum) => format!("{name} · {size} · sha256 {sum}"),
            None => name.to_owned(),
        },
        files => format!("{name} · {} files · {size}", files.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_called_as_they_lie_beside_their_source() {
        for (name, file, expected) in [
            ("a.tif", "a.tif", "a.tif"),
            ("data/a.tif", "data/a.tif.ovr", "a.tif.ovr"),
            ("data/a.vrt", "data/parts/b.tif", "parts/b.tif"),
            ("data/a.vrt", "/home/me/parts/b.tif", "b.tif"),
            ("a.vrt", "/home/me/parts/b.tif", "b.tif"),
            ("/a.vrt", "/home/b.tif", "home/b.tif"),
            ("https://host/a.tif", "/vsicurl/https://host/a.tif", "a.tif"),
            ("a.vrt", "data/b.tif", "data/b.tif"),
        ] {
            assert_eq!(beside(name, file), expected, "{name} {file}");
        }
    }

    #[test]
    fn a_tileset_that_tells_nothing_of_itself_stays_silent() {
        let lines = lines(&json!({ "what": "by another program" }));
        assert_eq!(lines, []);
    }
}
