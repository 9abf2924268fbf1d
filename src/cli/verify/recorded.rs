//! What the report of a bake tells of its tiles, and of how they were made.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use azulejo::encode::DEFAULT_EFFORT;
use azulejo::error::{Error, Result};
use azulejo::raster::reduce::Reducer;
use azulejo::verify::Recorded;
use serde_json::Value;

use crate::cli::args::{self, TileArgs};
use crate::cli::versions;

/// A report that was read.
pub(super) struct Report {
    /// Its file.
    path: String,
    json: Value,
}

/// Options that say how tiles are made, by the names that they have in reports and on the command line.
const OPTIONS: [&str; 36] = [
    "src-crs",
    "bands",
    "stack",
    "nodata",
    "mosaic",
    "bbox",
    "bbox-crs",
    "cutline",
    "feather",
    "oo",
    "config",
    "on-read-error",
    "expression",
    "rescale",
    "unscale",
    "colormap",
    "color-formula",
    "hillshade",
    "light",
    "slope",
    "height-base",
    "height-interval",
    "round",
    "nodata-height",
    "min-zoom",
    "max-zoom",
    "tiling-scheme",
    "tile-size",
    "resampling",
    "overview-resampling",
    "format",
    "quality",
    "lossless",
    "lossy-edges",
    "max-tile-bytes",
    "keep-blank",
];

impl Report {
    /// Reads the report at `path`.
    ///
    /// # Errors
    /// [`Kind::Input`](azulejo::error::Kind::Input) when there is none.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let shown = path.display();
        let text = std::fs::read(path)
            .map_err(|error| Error::input(&shown, format_args!("cannot be read ({error})")))?;
        let report: Option<Value> = serde_json::from_slice(&text).ok();
        let report = report.filter(|report| report["zooms"].is_array());
        let Some(json) = report else {
            let found = "no report; expected what 'azulejo tile --report' has written";
            return Err(Error::input(shown, found));
        };
        Ok(Self {
            path: shown.to_string(),
            json,
        })
    }

    /// What it tells of the tiles.
    pub(super) fn recorded(&self) -> Recorded {
        let report = &self.json;
        let zooms = report["zooms"].as_array().into_iter().flatten();
        let zoom = |row: &Value| {
            let z = u8::try_from(row["zoom"].as_u64()?).ok()?;
            Some((z, (row["tiles"].as_u64()?, row["bytes"].as_u64()?)))
        };
        let zooms: Option<BTreeMap<u8, (u64, u64)>> = zooms.map(zoom).collect();
        let reducer = report["options"]["overview-resampling"].as_str();
        Recorded {
            digest: report["tiles_sha256"].as_str().map(str::to_owned),
            zooms,
            reducer: reducer.and_then(Reducer::from_name),
        }
    }

    /// The options that the bake of `sources` had.
    ///
    /// # Errors
    /// [`Kind::Input`](azulejo::error::Kind::Input) when the report is not of a bake, or its options are none of ours.
    pub(super) fn options(&self, sources: &[OsString]) -> Result<Box<TileArgs>> {
        let options = &self.json["options"];
        if options["max-zoom"].as_u64().is_none() || options["resampling"].is_null() {
            let found =
                "does not tell how tiles were made of sources; expected a report of 'azulejo tile'";
            let error = Error::input(&self.path, found);
            return Err(error.with_help("leave --report out, and give the options of the bake"));
        }
        let mut typed: Vec<OsString> = Vec::new();
        for name in OPTIONS {
            let values = values(name, &options[name]);
            typed.extend(values.into_iter().map(OsString::from));
        }
        let effort = options["effort"]
            .as_u64()
            .filter(|&effort| effort != u64::from(DEFAULT_EFFORT));
        typed.extend(effort.map(|effort| format!("--effort={effort}").into()));
        args::tile(sources, &typed).map_err(|said| {
            let found = format_args!("options that are none of this version's: {said}");
            Error::input(&self.path, found)
                .with_help("leave --report out, and give the options of the bake")
        })
    }

    /// What to say if the bake was another program's, or with other libraries.
    pub(super) fn note(&self) -> Option<String> {
        let (then, now) = (&self.json["versions"], versions::json());
        let libraries = ["azulejo", "gdal", "proj"];
        let other = |name: &&&str| then[**name] != now[**name];
        let differ: Vec<String> = libraries
            .iter()
            .filter(other)
            .map(|name| {
                let text = |of: &Value| of[*name].as_str().unwrap_or("unknown").to_owned();
                format!("{name} {} then, {} now", text(then), text(&now))
            })
            .collect();
        (!differ.is_empty()).then(|| {
            format!(
                "baked with other versions ({}): pixels may differ a little; --tolerance takes such tiles for equal",
                differ.join("; ")
            )
        })
    }
}

/// An option as it is typed, as often as it was.
fn values(name: &str, value: &Value) -> Vec<String> {
    let one = |text: &str| format!("--{name}={text}");
    match value {
        Value::Null | Value::Bool(false) => Vec::new(),
        Value::Bool(true) => vec![format!("--{name}")],
        Value::Number(number) => vec![one(&number.to_string())],
        Value::String(text) => vec![one(text)],
        // Boxes: lists of four numbers.
        Value::Array(rows) => {
            let sides = |row: &Value| {
                let sides = row.as_array().into_iter().flatten().map(Value::to_string);
                one(&sides.collect::<Vec<_>>().join(","))
            };
            rows.iter().map(sides).collect()
        }
        // Stars stand for what looked like a secret: it comes from the environment, or not at all.
        Value::Object(pairs) => {
            let pairs = pairs
                .iter()
                .filter_map(|(key, value)| Some((key, value.as_str()?)));
            let told = pairs.filter(|(_, value)| *value != "***");
            told.map(|(key, value)| one(&format!("{key}={value}")))
                .collect()
        }
    }
}
