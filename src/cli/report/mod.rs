//! `--report`: what was done, as JSON for other programs. What there is to be told, and how, is in `report.schema.json` beside
//! this file: whoever adds a field describes it there.

pub(super) mod convert;
pub(super) mod tile;
pub(super) mod times;

use std::fs;
use std::io::BufReader;
use std::path::Path;
use std::time::Duration;

use azulejo::archive::{FileOutput, Overwrite};
use azulejo::error::{Error, Result};
use azulejo::raster::resample::MaskKind;
use azulejo::remote::virtual_name;
use azulejo::source::SourceInfo;
use azulejo::source::cache::{Hole, OnReadError, Reads};
use serde_json::{Map, Value, json};

use super::fingerprint::SourceFiles;
use super::memory;
use super::progress::seconds;
use super::redact;
use super::running::RunArgs;
use super::sources::SourceArgs;
use super::values::KeyValue;
use super::versions;

/// Changes when a reader of the report would have to.
const SCHEMA: &str = "azulejo-report/1";

/// What it begins with in every version.
const SCHEMAS: &str = "azulejo-report/";

/// The report's file: claimed before the work, written after it, complete or not there.
pub(super) struct ReportFile(FileOutput);

impl ReportFile {
    /// Makes a temporary file beside `path`, which shows that the report can be written. A symbolic link stays, as with
    /// outputs: what it points at is replaced.
    ///
    /// # Errors
    /// [`Kind::Output`](azulejo::error::Kind::Output) when it cannot, or something is there that is no report;
    /// [`Kind::Usage`](azulejo::error::Kind::Usage) for what means another thing elsewhere.
    pub(super) fn create(path: &Path) -> Result<Self> {
        if path.as_os_str() == "-" {
            return Err(Error::usage(
                "--report: - is no file, and what comes out on standard output is for people; expected a file",
            )
            .with_help("--report run.json, or ./- for a file of that name"));
        }
        FileOutput::create(path, Overwrite::Replace, |path| {
            check_replaced(path, "report")?;
            check_report(path)
        })
        .map(Self)
    }

    /// Writes the report and gives it its name.
    ///
    /// # Errors
    /// When the disk is full, or something has come into its place.
    pub(super) fn write(self, report: &Value) -> Result<()> {
        let written = fs::write(self.0.path(), format!("{report:#}\n"));
        written.map_err(|error| Error::writing(self.0.shown(), &error))?;
        self.0.finish()?.publish().map(drop)
    }
}

/// Makes sure that what a report would replace is one, or an empty file: what somebody wrote is not lost to a slip.
fn check_report(path: &Path) -> Result<()> {
    #[derive(serde::Deserialize)]
    struct Any {
        schema: String,
    }
    let file = fs::File::open(path).map_err(|error| Error::writing(path.display(), &error))?;
    let is_empty = file.metadata().is_ok_and(|found| found.len() == 0);
    let is_report = || {
        let found: Option<Any> = serde_json::from_reader(BufReader::new(file)).ok();
        found.is_some_and(|found| found.schema.starts_with(SCHEMAS))
    };
    if is_empty || is_report() {
        return Ok(());
    }
    let found = "something else than a report is there; expected a report of azulejo's, an empty file or nothing";
    Err(Error::output(path.display(), found).with_help("move it away, or name another file"))
}

/// Makes sure that what is to be replaced is a file: renaming over a pipe or a device would take that away.
pub(super) fn check_replaced(path: &Path, what_for: &str) -> Result<()> {
    let found = fs::metadata(path).map_err(|error| Error::writing(path.display(), &error))?;
    if found.is_file() {
        return Ok(());
    }
    let what = if found.is_dir() {
        "a folder"
    } else {
        "no regular file"
    };
    Err(Error::output(
        path.display(),
        format_args!("{what}; expected a file for the {what_for}"),
    ))
}

/// What reports of sources tell of.
pub(super) struct Run<'a> {
    /// The command.
    pub(super) command: &'static str,
    pub(super) infos: &'a [SourceInfo],
    /// The files of each, if that could be told.
    pub(super) files: Option<&'a SourceFiles>,
    pub(super) notes: &'a [String],
    pub(super) reads: Reads,
    pub(super) holes: &'a [Hole],
    pub(super) elapsed: Duration,
    /// Where that went.
    pub(super) times: Value,
}

impl Run<'_> {
    /// The report, of `options` as they took effect and `own`, an object of what the command has made.
    pub(super) fn json(&self, options: Map<String, Value>, own: Value) -> Value {
        let sources = json!({ "sources": self.sources() });
        let reads = json!({
            "reads": {
                "blocks_decoded": self.reads.blocks_decoded,
                "blocks_touched": self.reads.blocks_touched,
            },
            "holes": self.holes.iter().map(hole).collect::<Vec<_>>(),
        });
        let facts = Facts {
            command: self.command,
            elapsed: self.elapsed,
            times: &self.times,
            notes: self.notes,
        };
        facts.json(options, [sources, own, reads])
    }

    fn sources(&self) -> Vec<Value> {
        let told = self.files.map(|files| files.json().collect());
        let files = told.unwrap_or_else(|| vec![Value::Null; self.infos.len()]);
        let sources = self.infos.iter().zip(&files);
        sources.map(|(info, files)| source(info, files)).collect()
    }
}

/// What every report tells of.
struct Facts<'a> {
    command: &'static str,
    elapsed: Duration,
    times: &'a Value,
    notes: &'a [String],
}

impl Facts<'_> {
    /// The report, of `options` as they took effect and `parts`, objects of what went in and what came out.
    fn json(&self, options: Map<String, Value>, parts: impl IntoIterator<Item = Value>) -> Value {
        let mut report = json!({
            "schema": SCHEMA,
            "command": self.command,
            "versions": versions::json(),
            "options": options,
        });
        let run = json!({
            "seconds": seconds(self.elapsed),
            "times": self.times,
            "peak_memory_bytes": peak_memory_bytes(),
            "notes": self.notes.iter().map(|note| redact::text(note)).collect::<Vec<_>>(),
        });
        for part in parts.into_iter().chain([run, source_date()]) {
            extend(&mut report, part);
        }
        report
    }
}

/// The only date there is: one that somebody chose.
pub(super) fn source_date() -> Value {
    let epoch = std::env::var("SOURCE_DATE_EPOCH").ok();
    let epoch = epoch.and_then(|e| e.parse::<i64>().ok());
    epoch.map_or(json!({}), |epoch| json!({ "source_date_epoch": epoch }))
}

/// Adds the fields of the object `more` to those of `object`.
pub(super) fn extend(object: &mut Value, more: Value) {
    if let (Value::Object(object), Value::Object(more)) = (object, more) {
        object.extend(more);
    }
}

/// Options of the sources by their long names, then `own`, an object of others, and those of running.
pub(super) fn options(
    source: &SourceArgs,
    own: Value,
    run: &RunArgs,
    jobs: usize,
    memory_bytes: u64,
) -> Map<String, Value> {
    let mut options = json!({
        "sources": source.names.iter().map(|s| shown(&s.to_string_lossy())).collect::<Vec<_>>(),
        "on-read-error": match source.on_read_error {
            OnReadError::Fail => "fail",
            OnReadError::Skip => "skip",
        },
    });
    extend(&mut options, of_sources(source));
    extend(&mut options, own);
    let run = json!({
        "jobs": jobs,
        "memory": memory_bytes,
        "report": run.report.as_deref().map(text),
    });
    extend(&mut options, run);
    match options {
        Value::Object(options) => options,
        _ => Map::new(),
    }
}

/// Options by their long names that say what is read of the sources.
pub(super) fn of_sources(source: &SourceArgs) -> Value {
    let bands: Vec<String> = source.bands.iter().map(ToString::to_string).collect();
    json!({
        "src-crs": source.src_crs,
        "bands": (!bands.is_empty()).then(|| bands.join(",")),
        "stack": source.stack.as_ref().map(ToString::to_string),
        "nodata": source.nodata.as_ref().map(ToString::to_string),
        "mosaic": source.mosaic.row().name,
        "bbox": source.clip.bbox.iter().map(|sides| sides.0).collect::<Vec<_>>(),
        "bbox-crs": source.clip.bbox_crs,
        "cutline": source.clip.cutline.as_deref().map(shown),
        "feather": source.clip.feather,
        "oo": pairs(&source.oo),
        "config": pairs(&source.config),
    })
}

/// As digits, two a byte.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A path as text.
pub(super) fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// Where a tileset is, without what gives access to it.
pub(super) fn place(path: &Path) -> String {
    virtual_name(path).map_or_else(|| text(path), shown)
}

/// A source's name, without what gives access to it.
pub(super) fn shown(name: &str) -> String {
    if name.trim_start().starts_with(['<', '{']) {
        redact::text(name)
    } else {
        redact::address(name)
    }
}

fn source(info: &SourceInfo, files: &Value) -> Value {
    let placement = &info.placement;
    json!({
        "name": shown(&info.name),
        "files": files,
        "width": placement.width,
        "height": placement.height,
        "bands": info.bands,
        "type": info.sample_type.gdal_name(),
        "palette": info.palette,
        "mask": mask(info.mask),
        "crs": placement.crs.name(),
        "overviews": info.levels.len() - 1,
    })
}

fn hole(hole: &Hole) -> Value {
    json!({
        "source": shown(&hole.source),
        "level": hole.level,
        "col": hole.window.col,
        "row": hole.window.row,
        "width": hole.window.width,
        "height": hole.window.height,
    })
}

/// How pixels say that they are not there.
pub(super) fn mask(mask: MaskKind) -> &'static str {
    match mask {
        MaskKind::None => "none",
        MaskKind::Binary => "binary",
        MaskKind::Graded => "alpha",
    }
}

/// Options with names of their own. Reports are passed around, so what looks like a secret stays out of them.
pub(super) fn pairs(pairs: &[KeyValue]) -> Value {
    const SECRET: [&str; 7] = ["SECRET", "TOKEN", "PASS", "PWD", "KEY", "AUTH", "HEADER"];
    let shown = |pair: &KeyValue| {
        let name = pair.key.to_uppercase();
        let secret = SECRET.iter().any(|word| name.contains(word));
        let value = if secret {
            "***".to_owned()
        } else {
            redact::text(&pair.value)
        };
        (pair.key.clone(), json!(value))
    };
    Value::Object(pairs.iter().map(shown).collect::<Map<_, _>>())
}

/// The most memory that the process has had at one time.
pub(super) fn peak_memory_bytes() -> u64 {
    if let Some(peak) = memory::peak_bytes() {
        return peak;
    }
    // SAFETY: all zeros is a valid `rusage`, which the call fills in.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &mut usage);
        usage
    };
    let unit = if cfg!(target_vendor = "apple") {
        1
    } else {
        1024
    };
    u64::try_from(usage.ru_maxrss).unwrap_or(0) * unit
}
