//! Reads a [`Scheme`] from OGC TileMatrixSet JSON, and refuses what is not a quadtree.
//!
//! Both editions of the standard are read: 1.0 (17-083r2: `tileMatrix`, `identifier`, `topLeftCorner`, `supportedCRS`) and
//! 2.0 (17-083r4: `tileMatrices`, `id`, `pointOfOrigin`, `crs`).
//!
//! The geometry comes from level 0 alone. Its numbers are the large ones: a file that prints ten digits says more about
//! the grid there than at level 24, and every other level is a power of two away, which costs no precision. The levels
//! below are only checked against it.

use std::path::Path;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::{Scheme, crs};
use crate::error::{Error, Result};
use crate::geo::tile::MAX_ZOOM;

/// The side in metres of the pixel that `scaleDenominator` is defined by.
const STANDARD_PIXEL_M: f64 = 0.28e-3;

/// How far, relative to level 0, a level's cells may be from half those of the level above: files round their numbers.
const CELL_TOLERANCE: f64 = 1e-6;

/// How far, relative to the side of a root, the origin of a level may be from that of level 0.
const ORIGIN_TOLERANCE: f64 = 1e-9;

/// How far, relative to its side, a grid that is centred on x = 0 may be from exactly so. A few roundings, no more.
const CENTRE_TOLERANCE: f64 = 1e-12;

/// Something of a document, or the clause that says what is wrong; [`read`] puts the path before it.
type Found<T> = std::result::Result<T, String>;

const EXPECTED: &str = "a quadtree: every level twice as wide and high as the one before";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    #[serde(alias = "identifier")]
    id: Option<String>,
    title: Option<String>,
    #[serde(alias = "supportedCRS")]
    crs: Value,
    ordered_axes: Option<Vec<String>>,
    #[serde(alias = "tileMatrix")]
    tile_matrices: Vec<Level>,
}

/// Numbers are read as `f64` even where they count: some writers put `256.0`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Level {
    #[serde(alias = "identifier")]
    id: Value,
    scale_denominator: Option<f64>,
    /// Absent in 17-083r2.
    cell_size: Option<f64>,
    #[serde(alias = "topLeftCorner")]
    point_of_origin: [f64; 2],
    #[serde(default)]
    corner_of_origin: Corner,
    tile_width: f64,
    tile_height: f64,
    matrix_width: f64,
    matrix_height: f64,
    variable_matrix_widths: Option<Vec<IgnoredAny>>,
}

#[derive(Deserialize, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
enum Corner {
    #[default]
    TopLeft,
    BottomLeft,
}

/// Reads and checks a tile matrix set; see [`Scheme::from_json`].
pub(super) fn read(text: &str, path: &Path) -> Result<Scheme> {
    let document: Document = serde_json::from_str(text).map_err(|error| {
        let found = format!("not a tile matrix set ({error})");
        Error::input(
            path.display(),
            format_args!("{found}; expected an OGC TileMatrixSet in JSON"),
        )
    })?;
    scheme(document, path).map_err(|message| Error::input(path.display(), message))
}

/// The scheme of a document, or a clause that says why there is none.
fn scheme(mut document: Document, path: &Path) -> Found<Scheme> {
    let definition = crs::definition(&document.crs).ok_or_else(|| {
        format!(
            "crs {} names no coordinate system; expected one such as http://www.opengis.net/def/crs/EPSG/0/3857",
            document.crs
        )
    })?;
    sort_levels(&mut document.tile_matrices)?;
    let levels = &document.tile_matrices;
    let first = levels
        .first()
        .ok_or_else(|| format!("there are no levels; expected {EXPECTED}"))?;
    let (root_size, roots) = root(first, &definition)?;
    for (z, level) in levels.iter().enumerate().skip(1) {
        check_level(z, level, first, roots)?;
        check_origin(z, level, first, ORIGIN_TOLERANCE * root_size)?;
    }

    let [mut west, mut origin_y] = first.point_of_origin;
    if north_first(document.ordered_axes.as_deref(), &definition)? {
        (west, origin_y) = (origin_y, west);
    }
    let root_size = centred(west, root_size, roots.0);
    let north = match first.corner_of_origin {
        Corner::TopLeft => origin_y,
        Corner::BottomLeft => origin_y + root_size * f64::from(roots.1),
    };
    let stem = || path.file_stem().unwrap_or_default().to_string_lossy();
    let id = document.id.unwrap_or_else(|| stem().into_owned());
    let scheme = Scheme {
        title: document.title.unwrap_or_else(|| id.clone()),
        id,
        crs: definition,
        west,
        north,
        root_size,
        roots,
        zoom_max: (levels.len() - 1).min(usize::from(MAX_ZOOM)) as u8,
    };
    check_numbers(&scheme)?;
    Ok(scheme)
}

/// The side of a root in CRS units, and how many columns and rows of them there are, from level 0.
fn root(first: &Level, definition: &str) -> Found<(f64, (u32, u32))> {
    let cell = cell_size(first, definition)?;
    let columns = whole(first.matrix_width, "matrix width")?;
    let rows = whole(first.matrix_height, "matrix height")?;
    let tile_size_px = whole(first.tile_width, "tile width")?;
    if first.tile_width != first.tile_height {
        return Err(format!(
            "tiles are {} x {} pixels; expected square tiles",
            first.tile_width, first.tile_height
        ));
    }
    Ok((cell * f64::from(tile_size_px), (columns, rows)))
}

/// Brings the levels into the order of their ids (the standard leaves it open), which must be the zooms from 0 on:
/// tiles are known by these numbers, so a grid that starts at level 1 is not renumbered.
fn sort_levels(levels: &mut [Level]) -> Found<()> {
    let zoom = |level: &Level| match &level.id {
        Value::String(id) => id.parse::<i64>().ok(),
        id => id.as_i64(),
    };
    levels.sort_by_key(zoom);
    for (z, level) in levels.iter().enumerate() {
        if zoom(level) != i64::try_from(z).ok() {
            return Err(format!(
                "level ids are not consecutive whole numbers from 0 ({} is in the place of \"{z}\"); expected {EXPECTED}, with zooms from 0",
                level.id
            ));
        }
        if level
            .variable_matrix_widths
            .as_ref()
            .is_some_and(|widths| !widths.is_empty())
        {
            return Err(format!(
                "variable matrix widths at level {z}; expected {EXPECTED}"
            ));
        }
    }
    Ok(())
}

/// Whether a level continues the quadtree that starts with `first`.
fn check_level(z: usize, level: &Level, first: &Level, roots: (u32, u32)) -> Found<()> {
    let refuse = |found: String| Err(format!("{found}; expected {EXPECTED}"));
    let scale = (z as f64).exp2();
    let size = |scale: f64| (f64::from(roots.0) * scale, f64::from(roots.1) * scale);
    let (columns, rows) = (level.matrix_width, level.matrix_height);
    if (columns, rows) != size(scale) {
        let (columns_before, rows_before) = size(scale / 2.0);
        return refuse(format!(
            "level {z} is {columns} x {rows} tiles after {columns_before} x {rows_before}"
        ));
    }
    if (level.tile_width, level.tile_height) != (first.tile_width, first.tile_height) {
        return refuse(format!(
            "tile size changes from {} to {} x {} pixels at level {z}",
            first.tile_width, level.tile_width, level.tile_height
        ));
    }
    // Whichever number both levels have; they are proportional.
    let cells = [
        (first.cell_size, level.cell_size),
        (first.scale_denominator, level.scale_denominator),
    ];
    let (before, here) = match cells.into_iter().find_map(|(a, b)| a.zip(b)) {
        Some(pair) => pair,
        None => return refuse(format!("level {z} has no cell size")),
    };
    let shrunk = before / here;
    let off = (shrunk / scale - 1.0).abs();
    if off.is_nan() || off > CELL_TOLERANCE {
        return refuse(if z == 1 {
            format!("levels shrink by {shrunk:.6}, not 2")
        } else {
            format!("level {z} shrinks level 0 by {shrunk:.6}, not {scale}")
        });
    }
    Ok(())
}

/// Whether a level hangs from the same corner as the first, give or take `tolerance` CRS units.
fn check_origin(z: usize, level: &Level, first: &Level, tolerance: f64) -> Found<()> {
    let (here, before) = (level.point_of_origin, first.point_of_origin);
    let moved = (here[0] - before[0]).abs().max((here[1] - before[1]).abs());
    if level.corner_of_origin == first.corner_of_origin && moved <= tolerance {
        Ok(())
    } else {
        Err(format!(
            "the origin of level {z} is {here:?} after {before:?}; expected the same for all levels"
        ))
    }
}

/// The side of a pixel of a level in CRS units: as the file says, or from the scale.
fn cell_size(level: &Level, definition: &str) -> Found<f64> {
    let cell = match (level.cell_size, level.scale_denominator) {
        (Some(cell), _) => cell,
        (None, Some(scale)) => scale * STANDARD_PIXEL_M / crs::axes(definition)?.metres_per_unit,
        (None, None) => {
            return Err("level 0 has no cellSize; expected one, or a scaleDenominator".into());
        }
    };
    if cell.is_finite() && cell > 0.0 {
        Ok(cell)
    } else {
        Err(format!(
            "the cell size of level 0 is {cell}; expected a number above zero"
        ))
    }
}

/// Whether the numbers of a point are written north before east. `X` and `Y` are taken as east and north, except in a CRS
/// whose own first axis is a northing that it calls X (Gauss-Krüger, for one). Without names, the order is the CRS's.
fn north_first(ordered_axes: Option<&[String]>, definition: &str) -> Found<bool> {
    let first = ordered_axes.and_then(|axes| axes.first());
    let first = first.map(|name| name.to_lowercase()).unwrap_or_default();
    let starts = |names: &[&str]| names.iter().any(|name| first.starts_with(name));
    if first == "n" || first == "y" || starts(&["north", "lat"]) {
        return Ok(true);
    }
    if first == "e" || starts(&["east", "lon"]) {
        return Ok(false);
    }
    let axes = crs::axes(definition)?;
    let same_name = axes.first_abbreviation.eq_ignore_ascii_case("x");
    Ok(axes.north_first && (first != "x" || same_name))
}

/// The side of a root, sharpened where it is said twice. A grid centred on x = 0 is twice as wide as its origin is far
/// out, and files print that number with more care than a scale: a WorldCRS84Quad made of its scale denominators would
/// miss 180 degrees by a few last bits.
fn centred(west: f64, root_size: f64, columns: u32) -> f64 {
    let columns = f64::from(columns);
    let off = west + root_size * columns / 2.0;
    if off.abs() <= CENTRE_TOLERANCE * root_size {
        -2.0 * west / columns
    } else {
        root_size
    }
}

/// A count of at least 1.
fn whole(value: f64, what: &str) -> Found<u32> {
    if value >= 1.0 && value <= f64::from(u32::MAX) && value.fract() == 0.0 {
        Ok(value as u32)
    } else {
        Err(format!(
            "the {what} of level 0 is {value}; expected a whole number from 1 to {}",
            u32::MAX
        ))
    }
}

/// Whether tiles of the deepest zoom can be addressed, and told apart by their coordinates.
fn check_numbers(scheme: &Scheme) -> Found<()> {
    let (columns, rows) = scheme.matrix_size(scheme.zoom_max);
    if columns.max(rows) > 1 << 32 {
        return Err(format!(
            "level {} is {columns} x {rows} tiles; expected at most 4294967296 a side",
            scheme.zoom_max
        ));
    }
    let extent = scheme.extent();
    let sides = [extent.west, extent.south, extent.east, extent.north];
    let far = sides.iter().fold(0.0, |far: f64, side| far.max(side.abs()));
    let smallest = scheme.root_size / super::side(scheme.zoom_max);
    // Sums of such coordinates are off by a few of their last bits at worst.
    if sides.iter().all(|side| side.is_finite()) && smallest > 8.0 * f64::EPSILON * far {
        Ok(())
    } else {
        Err(format!(
            "tiles of level {} are {smallest} wide at coordinates up to {far}; expected numbers that tell them apart",
            scheme.zoom_max
        ))
    }
}

#[cfg(test)]
mod tests;
