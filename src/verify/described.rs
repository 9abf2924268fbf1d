//! Whether what a tileset says of itself is true of its tiles.

use super::findings::{Finding, Findings};
use super::kinds::Kind;
use crate::archive::StoredMetadata;
use crate::convert::degrees;
use crate::encode::Format;
use crate::geo::bounds::Bounds;
use crate::geo::scheme::Scheme;
use crate::geo::tile::TileCoord;
use crate::geo::transform::crs::{Crs, Projection};

/// How many times as large as the area of the tiles bounds may be. Sources with much nodata have bounds that are larger than
/// what is there; bounds of a world for a city are wrong.
const TOO_LARGE: f64 = 64.0;

/// Where the square world of web maps ends.
const MERCATOR_END: f64 = 85.051_128_779_806_6;

/// What the tiles are.
pub(super) struct Facts<'a> {
    /// Zooms ascending; at least one.
    pub(super) tiles: &'a [TileCoord],
    /// Whether a tile of the lowest zoom has enough data for a parent.
    pub(super) lowest_is_solid: bool,
    /// Tiles with data that the bounds do not reach: how many, and the first.
    pub(super) outside: (u64, Option<TileCoord>),
    /// What the tiles of the highest zoom that have data cover, in the units of the scheme.
    pub(super) extent: Option<Bounds>,
    pub(super) scheme: Option<&'a Scheme>,
}

/// The bounds that are told, in the units of `scheme`; `None` where none are told or there is no way.
pub(super) fn area(stored: &StoredMetadata, scheme: Option<&Scheme>) -> Option<Bounds> {
    let (told, scheme) = (stored.bounds?, scheme?);
    let crs = Crs::parse(scheme.crs()).ok()?;
    let way = Projection::new(&Crs::lon_lat().ok()?, &crs, None).ok()?;
    let finite = |b: &Bounds| b.sides().iter().all(|side| side.is_finite());
    let on_globe = Bounds::new(
        told.west.clamp(-180.0, 180.0),
        told.south.clamp(-90.0, 90.0),
        told.east.clamp(-180.0, 180.0),
        told.north.clamp(-90.0, 90.0),
    );
    let nearer = Bounds::new(
        on_globe.west,
        on_globe.south.clamp(-MERCATOR_END, MERCATOR_END),
        on_globe.east,
        on_globe.north.clamp(-MERCATOR_END, MERCATOR_END),
    );
    // Poles are infinitely far in Mercator's projection.
    let is_web = scheme.extent().north > 180.0 && crs.period().is_some();
    let tried = if is_web {
        [nearer, nearer]
    } else {
        [on_globe, nearer]
    };
    tried
        .iter()
        .find_map(|bounds| way.apply_to_bounds(bounds).filter(finite))
}

/// Compares what is told with what there is.
pub(super) fn check(
    stored: &StoredMetadata,
    facts: &Facts<'_>,
    findings: &mut Findings,
    notes: &mut Vec<String>,
) {
    zooms(stored, facts, findings);
    bounds(stored, facts, findings, notes);
    center(stored, facts, findings);
    if let Some(word) = stored.rows.get("type").map(|word| word.trim())
        && !["", "overlay", "baselayer"].contains(&word)
    {
        findings.add(Finding::at(
            Kind::Type,
            "type",
            word,
            "overlay or baselayer",
        ));
    }
}

fn zooms(stored: &StoredMetadata, facts: &Facts<'_>, findings: &mut Findings) {
    let z = |tile: Option<&TileCoord>| tile.map_or(0, |tile| tile.z());
    let (lowest, highest) = (z(facts.tiles.first()), z(facts.tiles.last()));
    let mut add = |place: &str, found: String, expected: u8| {
        let expected = format!("{expected}, as the tiles have it");
        findings.add(Finding::at(Kind::Zooms, place, found, expected));
    };
    for (place, told) in [("minzoom", stored.zoom_min), ("maxzoom", stored.zoom_max)] {
        let text = stored.rows.get(place).map(|text| text.trim());
        if let (None, Some(text)) = (told, text.filter(|text| !text.is_empty())) {
            let expected = if place == "minzoom" { lowest } else { highest };
            add(place, format!("{text:?}"), expected);
        }
    }
    // What has a few pixels only may vanish on its way up.
    if let Some(told) = stored.zoom_min
        && (told > lowest || told < lowest && facts.lowest_is_solid)
    {
        add("minzoom", told.to_string(), lowest);
    }
    if let Some(told) = stored.zoom_max.filter(|&told| told != highest) {
        add("maxzoom", told.to_string(), highest);
    }
}

fn bounds(
    stored: &StoredMetadata,
    facts: &Facts<'_>,
    findings: &mut Findings,
    notes: &mut Vec<String>,
) {
    let text = stored.rows.get("bounds").map(|text| text.trim().to_owned());
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return;
    };
    let Some(told) = stored.bounds else {
        if wraps(&text) {
            notes.push(format!(
                "bounds {text} go across the antimeridian, which not all readers take"
            ));
        } else {
            let expected = "west, south, east and north in degrees";
            findings.add(Finding::at(Kind::Bounds, "bounds", text, expected));
        }
        return;
    };
    let covered = facts.extent.zip(facts.scheme);
    let covered = covered.and_then(|(extent, scheme)| degrees(&extent, scheme).ok());
    let expected = covered.map_or_else(
        || "bounds that reach all tiles".to_owned(),
        |b| {
            format!(
                "within {:.6}, {:.6}, {:.6}, {:.6}, where the tiles are",
                b.west, b.south, b.east, b.north
            )
        },
    );
    if let (n @ 1.., Some(tile)) = facts.outside {
        let found = format!("{text}, which {n} tiles are outside of, the first {tile}");
        // Of a few, it is rather the tiles than the bounds.
        let all = "bounds that reach all tiles, or no such tiles".to_owned();
        let few = n * 4 < facts.tiles.len() as u64;
        let expected = if few { all } else { expected };
        findings.add(Finding::at(Kind::Bounds, "bounds", found, expected));
        return;
    }
    let size = |bounds: &Bounds| bounds.width() * bounds.height();
    if let Some(covered) = covered
        && size(&told) > TOO_LARGE * size(&covered)
    {
        findings.add(Finding::at(Kind::Bounds, "bounds", text, expected));
    }
}

/// Whether these are bounds on the globe whose west is east of their east.
fn wraps(text: &str) -> bool {
    let numbers: Option<Vec<f64>> = text.split(',').map(|n| n.trim().parse().ok()).collect();
    let Some([west, south, east, north]) = numbers.as_deref() else {
        return false;
    };
    let lon = |lon: &f64| (-180.0..=180.0).contains(lon);
    let lat = |lat: &f64| (-90.0..=90.0).contains(lat);
    lon(west) && lon(east) && lat(south) && lat(north) && west > east && south <= north
}

fn center(stored: &StoredMetadata, facts: &Facts<'_>, findings: &mut Findings) {
    let text = stored.rows.get("center").map(|text| text.trim().to_owned());
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return;
    };
    let Some((lon, lat, zoom)) = stored.center else {
        let expected = "longitude, latitude and zoom";
        findings.add(Finding::at(Kind::Center, "center", text, expected));
        return;
    };
    // How archives say that they have none.
    if (lon, lat, zoom) == (0.0, 0.0, 0) {
        return;
    }
    let near = 1e-6;
    let is_in = |bounds: &Bounds| {
        (bounds.west - near..=bounds.east + near).contains(&lon)
            && (bounds.south - near..=bounds.north + near).contains(&lat)
    };
    if let Some(bounds) = stored.bounds.filter(|bounds| !is_in(bounds)) {
        let [west, south, east, north] = bounds.sides();
        let expected = format!("a place within the bounds {west},{south},{east},{north}");
        findings.add(Finding::at(Kind::Center, "center", text, expected));
        return;
    }
    let z = |tile: Option<&TileCoord>| tile.map_or(0, |tile| tile.z());
    let (lowest, highest) = (z(facts.tiles.first()), z(facts.tiles.last()));
    let lowest = lowest.min(stored.zoom_min.unwrap_or(lowest));
    if !(lowest..=highest).contains(&zoom) {
        let expected = format!("a zoom from {lowest} to {highest}");
        findings.add(Finding::at(Kind::Center, "center", text, expected));
    }
}

/// The format that tiles should be of, by what is told and the formats of some of the tiles; an untrue word is taken down.
pub(super) fn format(
    stored: &StoredMetadata,
    sample: &[Format],
    findings: &mut Findings,
    notes: &mut Vec<String>,
) -> Option<Format> {
    let count = |format: Format| sample.iter().filter(|&&found| found == format).count();
    let most = sample.iter().copied().max_by_key(|&format| count(format))?;
    let word = stored.rows.get("format").map(|word| word.trim());
    let word = word.filter(|word| !word.is_empty());
    let is_told = word.is_some() || stored.rows.contains_key("tile_formats");
    let Some(told) = stored.format.filter(|_| is_told) else {
        return Some(most);
    };
    // A word that nobody knows is passed over by those who read metadata, for what the first tile shows.
    if let Some(word) = word.filter(|word| Format::from_name(word).is_err()) {
        findings.add(Finding::at(Kind::Format, "format", word, most.name()));
        return Some(most);
    }
    let n_other = sample.iter().filter(|&&found| !told.holds(found)).count();
    if !told.holds(most) {
        let expected = format!("{}, as the tiles are", most.name());
        findings.add(Finding::at(Kind::Format, "format", told.name(), expected));
        return Some(most);
    }
    // Caches mix opaque and transparent tiles without a word.
    let mixed = Format::Mixed;
    if sample.len() >= 20
        && n_other * 10 > sample.len()
        && sample.iter().all(|&found| mixed.holds(found))
    {
        notes.push(format!(
            "tiles are {}, which the metadata does not tell: it says {}",
            "png and jpeg",
            told.name()
        ));
        return Some(mixed);
    }
    Some(told)
}
