//! What is said of one thing: a way, a level, a node.

use azulejo::geo::bounds::Bounds;
use azulejo::geo::transform::map::Way;
use azulejo::pyramid::explain::NodeKind;
use azulejo::render::trace::{LayerUse, Read};

use super::facts::Layer;
use crate::cli::human;

/// `a, b to c, d` with so many decimals.
pub(super) fn sides(bounds: &Bounds, decimals: usize) -> String {
    let Bounds {
        west,
        south,
        east,
        north,
    } = bounds;
    format!("{west:.decimals$}, {south:.decimals$} to {east:.decimals$}, {north:.decimals$}")
}

/// `2 x 1.5`.
pub(super) fn pair((x, y): (f64, f64)) -> String {
    format!("{} x {}", human::three_digits(x), human::three_digits(y))
}

pub(super) fn way(used: &LayerUse) -> String {
    let error = used.way.error_px();
    let points = human::counted(used.points, "point");
    match used.way {
        Way::Shift => "by whole pixels: the tile is a part of it, pixel by pixel".to_owned(),
        Way::Affine => "exact: tile and source are of one coordinate system".to_owned(),
        Way::Axes => format!(
            "columns by x alone, rows by y alone, PROJ asked at {points}: within {error} source pixels"
        ),
        Way::Grid => {
            format!("PROJ asked at {points}, straight between them: within {error} source pixels")
        }
    }
}

/// `full resolution`, `overview 2`.
pub(super) fn level_name(level: usize) -> String {
    match level {
        0 => "full resolution".to_owned(),
        n => format!("overview {n}"),
    }
}

/// Which level was read, and why.
pub(super) fn level(layer: &Layer<'_>, read: &Read) -> String {
    let found = layer.level(read);
    let (width, height) = (found.width, found.height);
    let size = layer.pixel_size(read);
    let size = size.map_or_else(String::new, |size| format!(", pixels of {}", size.text()));
    let n = layer.info().levels.len();
    let why = match (read.level, n) {
        (0, 1) => "it has no overviews",
        (0, _) => "all overviews are coarser than the tile",
        (k, n) if k + 1 == n => "the coarsest there is",
        _ => "the coarsest that is as fine as the tile",
    };
    format!(
        "{} ({width} x {height}{size}): {why}",
        level_name(read.level)
    )
}

/// What the tile has of a layer.
pub(super) fn gives(used: &LayerUse, is_first: bool, pixels: u64) -> String {
    let share = |n: u64| 100.0 * n as f64 / pixels as f64;
    let (valid, new) = (used.valid_px, used.new_px);
    if valid == 0 {
        return "nothing: no valid pixel in the tile".to_owned();
    }
    let of_new = match new {
        _ if is_first => String::new(),
        0 => ", all of which are in sources before it".to_owned(),
        n => format!(
            ", {} ({:.1} %) in no source before it",
            human::count(n),
            share(n)
        ),
    };
    format!(
        "{} of {} pixels ({:.1} %){of_new}",
        human::count(valid),
        human::count(pixels),
        share(valid)
    )
}

pub(super) fn node(kind: NodeKind, pixels: u64) -> String {
    match kind {
        NodeKind::Empty => "empty: there is nothing on it".to_owned(),
        NodeKind::OneColour => "one colour, whole, all over".to_owned(),
        NodeKind::Pixels { valid, partly } => {
            let partly = match partly {
                0 => String::new(),
                n => format!(", {} of them in part", human::count(n)),
            };
            let (valid, pixels) = (human::count(valid), human::count(pixels));
            format!("pixels: {valid} of {pixels} have data{partly}")
        }
    }
}

/// `0.21 s`, `3.4 ms`.
pub(super) fn short(seconds: f64) -> String {
    if seconds >= 0.1 {
        format!("{} s", human::three_digits(seconds))
    } else if seconds < 5e-6 {
        "0 ms".to_owned()
    } else {
        format!("{} ms", human::three_digits(seconds * 1e3))
    }
}
