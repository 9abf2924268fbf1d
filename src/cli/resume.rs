//! `--resume`: what a bake is of, and where its finished parts are kept.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use azulejo::error::{Error, Kind, Result};
use azulejo::mosaic::clip::Clip;
use azulejo::pyramid::checkpoint::{Checkpoint, Facts};
use azulejo::remote::virtual_name;
use azulejo::source::cache::BlockCache;
use azulejo::source::stack::scene::Opened;
use clap::Args;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::args::TileArgs;
use super::fingerprint::{FileFacts, Fingerprint, SourceFiles};
use super::report;
use super::running::place;
use super::versions;

/// How long a bake goes on before it keeps what it has finished, unless it is asked to from the start.
const PATIENCE: Duration = Duration::from_secs(10);

/// Bytes of an output's name that fit the name of the folder beside it.
const LONGEST_NAME: usize = 200;

/// Options of going on with a bake that was cut off.
#[derive(Args)]
#[command(next_help_heading = "Running")]
pub(super) struct ResumeArgs {
    /// Go on with a run that was interrupted or killed: what it had finished is taken, if sources, options and versions are
    /// the same, and the outputs are the same to the byte. Finished parts are kept beside the first output
    /// (.NAME.azulejo-resume; of outputs in object stores below ~/.cache/azulejo) while there is room, by any run that takes
    /// more than 10 seconds, with --resume by shorter ones too, and removed when the outputs are complete.
    #[arg(long, display_order = place::RESUME)]
    pub(super) resume: bool,

    /// How --resume tells that a source is the same: stat, by path, size and time of change; or content, by the SHA-256 of
    /// all that is in its files, wherever they are. --report tells it too.
    #[arg(long, value_name = "stat|content", default_value = "stat", hide_possible_values = true, display_order = place::RESUME + 1)]
    pub(super) fingerprint: Fingerprint,
}

impl ResumeArgs {
    /// As options, by their long names.
    pub(super) fn json(&self) -> Value {
        json!({ "resume": self.resume, "fingerprint": self.fingerprint.name() })
    }
}

/// Where the bake of `sources`, made of such files and clipped, keeps its finished parts, and has those of a run before it.
/// `decided` are options as they took effect. `None` where they cannot be kept, and nobody has asked for it.
///
/// # Errors
/// With `--resume`: when a file cannot be read, what is there is of another bake, or another run is at it.
pub(super) fn checkpoint(
    args: &TileArgs,
    decided: &Value,
    sources: (&[Opened], &Result<SourceFiles>, Option<&Clip>),
    cache: &Arc<BlockCache>,
) -> Result<Option<Arc<Checkpoint>>> {
    let asked = args.resume.resume;
    let made = facts(args, decided, sources).and_then(|facts| {
        let folder = folder(&args.outputs.paths)?;
        if asked {
            Checkpoint::resume(&folder, facts)
        } else {
            Checkpoint::begin(&folder, facts, PATIENCE)
        }
    });
    match made {
        Ok(checkpoint) => {
            let cache = Arc::clone(cache);
            // What is left out now may be there when the bake goes on.
            let checkpoint = checkpoint.keeping_if(move || !cache.has_holes());
            Ok(Some(Arc::new(checkpoint)))
        }
        Err(error) if asked => Err(error),
        Err(error) => {
            log::info!("finished parts are not kept: {error}");
            Ok(None)
        }
    }
}

/// `error` of a bake with this checkpoint: with what can be done about it.
pub(super) fn ended(error: Error, checkpoint: Option<&Checkpoint>) -> Error {
    if !checkpoint.is_some_and(Checkpoint::is_of_use) {
        return error;
    }
    let help = "the same command with --resume goes on with what is finished";
    match (error.kind(), error.help()) {
        (Kind::Internal | Kind::Usage, _) => error,
        (_, None) => error.with_help(help),
        (Kind::Input | Kind::Damaged, Some(first)) => {
            let both = format!("{first}; or, if it passes, {help}");
            error.with_help(both)
        }
        (_, Some(first)) => {
            let both = format!("{first}; then {help}");
            error.with_help(both)
        }
    }
}

/// `error` of claiming `outputs`: where one is there already, and finished parts of its bake as well, with what can be done about
/// them. A run that was killed after it had given its output the name has left both.
pub(super) fn exists(error: Error, outputs: &[PathBuf]) -> Error {
    let help = error.help().filter(|help| help.starts_with("--overwrite"));
    let help = help.map(str::to_owned);
    let kept = folder(outputs).ok();
    let kept = kept.filter(|folder| Checkpoint::is_in(folder));
    let (Some(help), Some(folder)) = (help, kept) else {
        return error;
    };
    let both = format!(
        "{help}; finished parts of a bake of it are still in {}: --overwrite removes them, with --resume it takes them",
        folder.display()
    );
    error.with_help(both)
}

/// What to say of a bake with this checkpoint: what it took over, and that it could not keep what it was asked to.
pub(super) fn note(checkpoint: &Checkpoint) -> Option<String> {
    let shards = checkpoint.shards();
    let parts = |n: u64| format!("{n} finished part{}", if n == 1 { "" } else { "s" });
    if shards.taken > 0 {
        let taken = parts(shards.taken);
        return Some(format!("{taken} taken from a run that was cut off"));
    }
    if shards.removed > 0 && checkpoint.was_unusable() {
        let removed = parts(shards.removed);
        return Some(format!(
            "{removed} of a run that was cut off removed: it could not be told what they are of"
        ));
    }
    if shards.removed > 0 {
        let removed = parts(shards.removed);
        return Some(format!(
            "{removed} of a run that was cut off removed; --resume goes on with such"
        ));
    }
    let failure = checkpoint.failure()?;
    Some(format!("finished parts were not all kept: {failure}"))
}

/// Removes what was kept: the outputs are there. What cannot be removed is in nobody's way.
pub(super) fn finish(checkpoint: &Checkpoint) {
    if let Err(error) = checkpoint.finish() {
        log::warn!("{error}");
    }
}

/// Where finished parts are kept: beside the first output here, or else in the user's folder for such things.
fn folder(outputs: &[PathBuf]) -> Result<PathBuf> {
    let is_here = |path: &&PathBuf| virtual_name(path).is_none();
    if let Some(first) = outputs.iter().find(is_here) {
        let name = first.file_name().unwrap_or_default();
        let mut hidden = OsString::from(".");
        // Names end at 255 bytes on most systems.
        if name.len() <= LONGEST_NAME {
            hidden.push(name);
        } else {
            let digest = Sha256::digest(name.as_encoded_bytes());
            let start: String = name.to_string_lossy().chars().take(50).collect();
            hidden.push(format!("{start}-{}", report::hex(&digest[..8])));
        }
        hidden.push(".azulejo-resume");
        return Ok(first.parent().unwrap_or(Path::new("")).join(hidden));
    }
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let caches = variable("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| variable("HOME").map(|home| Path::new(&home).join(".cache")));
    let Some(caches) = caches else {
        return Err(Error::usage(
            "--resume: no place for finished parts; expected the variable HOME or XDG_CACHE_HOME, or an output here",
        ));
    };
    let mut digest = Sha256::new();
    for output in outputs {
        digest.update(output.as_os_str().as_encoded_bytes());
        digest.update([0]);
    }
    Ok(caches
        .join("azulejo")
        .join(report::hex(&digest.finalize()[..16])))
}

/// All that decides what the tiles are.
fn facts(
    args: &TileArgs,
    decided: &Value,
    (sources, files, clip): (&[Opened], &Result<SourceFiles>, Option<&Clip>),
) -> Result<Facts> {
    let mut facts = fixed_facts(args, decided, clip)?;
    let files = files.as_ref().map_err(Error::clone)?;
    let fact = |file: &FileFacts| (format!("source {}", file.name), json!(file.identity()));
    facts.extend(files.all().map(fact));
    let names = sources
        .iter()
        .map(|source| report::shown(&source.info().name));
    let order: Vec<String> = names.collect();
    facts.push(("order of sources".to_owned(), json!(order)));
    Ok(Facts::new(facts))
}

/// All that decides what the tiles are, but the sources.
///
/// # Errors
/// When a file cannot be read.
pub(super) fn fixed_facts(
    args: &TileArgs,
    decided: &Value,
    clip: Option<&Clip>,
) -> Result<Vec<(String, Value)>> {
    let mut facts: Vec<(String, Value)> = Vec::new();
    let versions = versions::json();
    for library in ["azulejo", "gdal", "proj"] {
        facts.push((format!("version of {library}"), versions[library].clone()));
    }
    facts.extend(deciding(decided).map(|(name, value)| (format!("--{name}"), value)));
    facts.push((
        Facts::METHOD.to_owned(),
        args.resume.json()["fingerprint"].clone(),
    ));
    let read = [
        Some(args.tiling_scheme.as_str()),
        args.style.colormap.as_deref(),
    ];
    for file in read.into_iter().flatten() {
        if Path::new(file).is_file() {
            let found = FileFacts::look(file, args.resume.fingerprint)?;
            facts.push((format!("file {file}"), json!(found.identity())));
        }
    }
    if let Some(cutline) = clip.and_then(Clip::cutline) {
        facts.push((
            "polygons of --cutline".to_owned(),
            json!(format!("sha256 {}", report::hex(&cutline.digest()))),
        ));
    }
    Ok(facts)
}

/// Those of `decided`, options as they took effect, that decide what the tiles are.
pub(super) fn deciding(decided: &Value) -> impl Iterator<Item = (String, Value)> {
    let options = decided.as_object().into_iter().flatten();
    // Legends are no tiles.
    let options = options.filter(|(name, _)| !name.starts_with("legend"));
    options.map(|(name, value)| {
        let value = match name.as_str() {
            "config" => without(value, &NO_PIXELS),
            "oo" => without(value, &["NUM_THREADS"]),
            _ => value.clone(),
        };
        (name.clone(), value)
    })
}

/// What the names of GDAL's options begin with that change no pixel.
const NO_PIXELS: [&str; 9] = [
    "GDAL_CACHEMAX",
    "GDAL_NUM_THREADS",
    "GDAL_HTTP_",
    "CPL_DEBUG",
    "CPL_VSIL_CURL_",
    "VSI_CACHE",
    "AWS_",
    "GS_",
    "AZURE_",
];

/// `options` without those whose names begin like one of `beginnings`.
fn without(options: &Value, beginnings: &[&str]) -> Value {
    let Some(options) = options.as_object() else {
        return options.clone();
    };
    let stays = |name: &str| {
        let name = name.to_uppercase();
        !beginnings
            .iter()
            .any(|beginning| name.starts_with(beginning))
    };
    let kept = options.iter().filter(|(name, _)| stays(name));
    Value::Object(
        kept.map(|(name, value)| (name.clone(), value.clone()))
            .collect(),
    )
}
