//! Values and colours in tiles beside what programs that nobody here wrote make of the same files: numpy, rio-tiler, rio-color,
//! matplotlib, rio-rgbify, gdalwarp and gdaldem. All through the command line.
//!
//! Those that cannot run with the tests have left goldens, which say what wrote them. Some files lie outside this repository: a
//! test whose file is not there says so and passes.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

#[path = "values_oracle/colours.rs"]
mod colours;
mod desk;
#[path = "values_oracle/expressions.rs"]
mod expressions;
#[path = "values_oracle/heights.rs"]
mod heights;
mod oracle;
#[path = "values_oracle/percentiles.rs"]
mod percentiles;
mod program;
#[path = "values_oracle/relief.rs"]
mod relief;
mod skip;
#[path = "desk/tiles.rs"]
mod tiles;

use std::path::Path;

/// A file of the collection of real rasters, which not everybody has; some of them are among the fixtures.
fn data(name: &str) -> Option<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let collected = root.join("../shared/data").join(name);
    let kept = root.join("fixtures").join(collected.file_name()?);
    let found = [kept, collected].into_iter().find(|path| path.exists());
    if found.is_none() {
        skip::skipped(format!("{name}, as ../shared is not here"));
    }
    found.map(|path| path.to_str().unwrap().to_owned())
}

/// The lines of a golden that are no comments.
fn lines(golden: &str) -> impl Iterator<Item = &str> {
    golden.lines().filter(|line| !line.starts_with('#'))
}
