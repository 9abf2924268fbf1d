//! `azulejo info`: what rasters and tilesets are.

mod product;
mod raster;
mod tileset;

use std::ffi::{OsStr, OsString};
use std::path::Path;

use azulejo::error::{Error, Result};
use azulejo::mosaic::manifest;
use azulejo::remote::{virtual_name, without_query};
use azulejo::source::gdal::is_raster;
use azulejo::source::safe;
use serde_json::{Value, json};

use super::args::InfoArgs;
use super::console::Console;

/// Changes when a reader of the JSON would have to.
const SCHEMA: &str = "azulejo-info/1";

/// One thing described: as lines of a label and a text each, and as JSON.
struct Description {
    title: String,
    lines: Vec<(&'static str, String)>,
    json: Value,
}

/// Runs the command. What cannot be described is told of, and keeps nothing else from being described.
///
/// # Errors
/// The last of what could not be read.
pub(super) fn run(args: &InfoArgs, console: &Console) -> Result<()> {
    azulejo::source::gdal::init();
    let mut objects = Vec::new();
    let mut failed: Option<Error> = None;
    let mut n_printed = 0;
    for path in &args.paths {
        for described in describe(path) {
            match described {
                Ok(description) if args.json => objects.push(description.json),
                Ok(description) => {
                    let gap = if n_printed > 0 { "\n" } else { "" };
                    console.print(&format!("{gap}{}", description.text()))?;
                    n_printed += 1;
                }
                // All but the last are told of here; the last one ends the program.
                Err(error) => {
                    if let Some(earlier) = failed.replace(error) {
                        console.error(&earlier);
                    }
                }
            }
        }
    }
    if args.json {
        let all = json!({ "schema": SCHEMA, "paths": objects });
        console.print(&format!("{all:#}\n"))?;
    }
    failed.map_or(Ok(()), Err)
}

/// All that `name` stands for.
fn describe(name: &OsString) -> Vec<Result<Description>> {
    let path = Path::new(name);
    if is_tileset(path) {
        return vec![tileset::describe(path)];
    }
    let given: [&OsStr; 1] = [name];
    match manifest::expand(&given, &mut std::io::stdin().lock()) {
        Ok(manifest) => manifest
            .names
            .iter()
            .flat_map(|n| describe_one(n))
            .collect(),
        // A tileset with something wrong in it is no folder that lacks rasters.
        Err(error) => vec![Err(damaged_tileset(path).unwrap_or(error))],
    }
}

/// A raster, or the scenes of a product.
fn describe_one(name: &str) -> Vec<Result<Description>> {
    match safe::scenes(name) {
        None => vec![raster::describe(name)],
        Some(Err(error)) => vec![Err(error)],
        Some(Ok(scenes)) => scenes.iter().map(product::describe).collect(),
    }
}

/// Why the folder at `path`, which has the shape of a tileset, is none.
fn damaged_tileset(path: &Path) -> Option<Error> {
    if azulejo::archive::resembles_tileset(path) {
        azulejo::archive::open_store(path).err()
    } else {
        None
    }
}

/// Whether `path` is a container of ours: a folder is one unless GDAL takes it, or rasters in it, for rasters.
fn is_tileset(path: &Path) -> bool {
    let (path, is_far) = match virtual_name(path) {
        Some(name) => (Path::new(without_query(name)), true),
        None => (path, false),
    };
    if path.is_dir() {
        return !is_raster(path) && azulejo::archive::open_store(path).is_ok();
    }
    // GDAL reads MBTiles too, but knows less of them than we do.
    let suffix = path.extension().map(|s| s.to_string_lossy().to_lowercase());
    (is_far || path.is_file())
        && suffix.is_some_and(|suffix| {
            azulejo::archive::ARCHIVES
                .iter()
                .any(|archive| archive.suffix == Some(&suffix))
        })
}

impl Description {
    fn text(&self) -> String {
        let mut text = format!("{}\n", self.title);
        for (label, line) in &self.lines {
            text += &format!("  {label:<11}{line}\n");
        }
        text
    }
}

/// `west, south, east, north` with as many decimals as a tenth of a metre needs.
fn degrees(bounds: &azulejo::geo::bounds::Bounds) -> String {
    [bounds.west, bounds.south, bounds.east, bounds.north]
        .map(|v| format!("{v:.6}"))
        .join(", ")
}
