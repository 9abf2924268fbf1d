//! [`Changes`]: tiles that were added, changed or removed, as lists for other programs: for whoever purges a cache.
//!
//! ```text
//! .txt      9/145/219                                     an address a line, in the order of the tiles
//! .json     {"added": ["9/145/219"], "changed": [], "removed": []}
//! .geojson  a FeatureCollection of the tiles' outlines in degrees, each with z, x, y and change
//! ```
//!
//! Addresses are z/x/y, y from the north.

use std::io::{self, Write};
use std::path::Path;

use super::scheme::Scheme;
use super::tile::TileCoord;
use super::transform::crs::{Crs, Projection};
use crate::error::{Error, Result};

/// What has become of a tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Change {
    /// There was none before.
    Added,
    /// It shows something else.
    Changed,
    /// There is none any more.
    Removed,
}

impl Change {
    /// All of them, as lists have them.
    pub const ALL: [Self; 3] = [Self::Added, Self::Changed, Self::Removed];

    /// `added`, `changed` or `removed`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Changed => "changed",
            Self::Removed => "removed",
        }
    }
}

/// Tiles that are not what they were, in the order in which they were told of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes(Vec<(TileCoord, Change)>);

/// What a list is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListKind {
    /// An address a line, as osm2pgsql's lists of expired tiles have it.
    Text,
    /// Three lists of addresses in one object.
    Json,
    /// Outlines on the Earth.
    GeoJson,
}

/// How a list is written.
pub enum ListForm {
    /// As [`ListKind::Text`].
    Text,
    /// As [`ListKind::Json`].
    Json,
    /// As [`ListKind::GeoJson`].
    GeoJson(Outlines),
}

impl ListKind {
    /// The kind that the end of `path` asks for.
    ///
    /// # Errors
    /// [`Kind::Usage`](crate::error::Kind::Usage) for an end that no list has.
    pub fn of(path: &Path) -> Result<Self> {
        let end = path.extension().map(|end| end.to_ascii_lowercase());
        match end.as_ref().and_then(|end| end.to_str()) {
            Some("txt") => Ok(Self::Text),
            Some("json") => Ok(Self::Json),
            Some("geojson") => Ok(Self::GeoJson),
            _ => Err(Error::usage(format!(
                "{}: no known kind of list; expected a path that ends in .txt, .json or .geojson",
                path.display()
            ))),
        }
    }

    /// How such a list of tiles of `scheme` is written.
    ///
    /// # Errors
    /// As [`Outlines::new`].
    pub fn form(self, scheme: Option<&Scheme>) -> Result<ListForm> {
        Ok(match self {
            Self::Text => ListForm::Text,
            Self::Json => ListForm::Json,
            Self::GeoJson => ListForm::GeoJson(Outlines::new(scheme)?),
        })
    }
}

impl Changes {
    /// Adds a tile.
    pub fn push(&mut self, tile: TileCoord, change: Change) {
        self.0.push((tile, change));
    }

    /// Puts them in the order of stores: zooms ascending, within a zoom root by root, within a root along the Hilbert curve.
    pub fn sort(&mut self) {
        self.0.sort_by_key(|(tile, _)| {
            let z = tile.z();
            (z, tile.y() >> z, tile.x() >> z, tile.hilbert())
        });
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (TileCoord, Change)> + '_ {
        self.0.iter().copied()
    }

    /// Those that are `change`.
    pub fn of(&self, change: Change) -> impl Iterator<Item = TileCoord> + '_ {
        let these = self.iter().filter(move |(_, found)| *found == change);
        these.map(|(tile, _)| tile)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Writes them all to `out`.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(&self, form: &ListForm, out: &mut dyn Write) -> io::Result<()> {
        match form {
            ListForm::Text => self
                .iter()
                .try_for_each(|(tile, _)| writeln!(out, "{tile}")),
            ListForm::Json => self.write_json(out),
            ListForm::GeoJson(outlines) => self.write_geojson(outlines, out),
        }
    }

    /// An address a line here too: such lists are looked at, and compared line by line.
    fn write_json(&self, out: &mut dyn Write) -> io::Result<()> {
        for (k, change) in Change::ALL.into_iter().enumerate() {
            let start = if k == 0 { "{" } else { "," };
            write!(out, "{start}\n  \"{}\": [", change.name())?;
            let mut gap = "\n";
            for tile in self.of(change) {
                write!(out, "{gap}    \"{tile}\"")?;
                gap = ",\n";
            }
            let end = if gap == "\n" { "]" } else { "\n  ]" };
            out.write_all(end.as_bytes())?;
        }
        out.write_all(b"\n}\n")
    }

    fn write_geojson(&self, outlines: &Outlines, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(b"{\"type\": \"FeatureCollection\", \"features\": [")?;
        let mut gap = "\n";
        for (tile, change) in self.iter() {
            let (z, x, y) = (tile.z(), tile.x(), tile.y());
            let corners = outlines.corners(tile);
            let ring = corners.map(|(lon, lat)| format!("[{lon}, {lat}]"));
            write!(
                out,
                "{gap}{{\"type\": \"Feature\", \"properties\": {{\"z\": {z}, \"x\": {x}, \"y\": {y}, \"change\": \"{}\"}}, \
                 \"geometry\": {{\"type\": \"Polygon\", \"coordinates\": [[{}, {}]]}}}}",
                change.name(),
                ring.join(", "),
                ring[0]
            )?;
            gap = ",\n";
        }
        out.write_all(b"\n]}\n")
    }
}

/// Where tiles lie in degrees of WGS 84.
pub struct Outlines {
    scheme: Scheme,
    way: Projection,
    /// How far the scheme's coordinates go round the Earth, and where the middle is.
    period: f64,
    middle: f64,
}

impl Outlines {
    /// Outlines of tiles of `scheme`, whose edges must be meridians and parallels: then the corners are all there is to tell.
    ///
    /// # Errors
    /// [`Kind::Usage`](crate::error::Kind::Usage) when the scheme is not known, or not of that kind.
    pub fn new(scheme: Option<&Scheme>) -> Result<Self> {
        const WAY_OUT: &str = "lists that end in .txt or .json have addresses only";
        let Some(scheme) = scheme else {
            let found = "outlines of tiles of a scheme that nobody knows; expected a known one";
            return Err(Error::usage(found).with_help(WAY_OUT));
        };
        let crs = Crs::parse(scheme.crs())?;
        let Some(period) = crs.period() else {
            let found = format!(
                "outlines of tiles of {}, whose edges are curved in degrees; expected a scheme of meridians and parallels",
                scheme.id()
            );
            return Err(Error::usage(found).with_help(WAY_OUT));
        };
        Ok(Self {
            scheme: scheme.clone(),
            way: Projection::new(&crs, &Crs::lon_lat()?, None)?,
            period,
            middle: crs.middle(),
        })
    }

    /// Longitude and latitude of the corners, anticlockwise from the south-west (RFC 7946, section 3.1.6).
    fn corners(&self, tile: TileCoord) -> [(f64, f64); 4] {
        let square = self.scheme.bounds(tile);
        // Meridians are evenly spaced, and the ends of the Earth are ends here: PROJ would take 180 for -180 at times.
        let lon = |x: f64| rounded(((x - self.middle) / self.period * 360.0).clamp(-180.0, 180.0));
        let (mut xs, mut ys) = ([self.middle; 2], [square.south, square.north]);
        self.way.apply(&mut xs, &mut ys);
        let lat = |y: f64, pole: f64| rounded(if y.is_finite() { y } else { pole });
        let (west, east) = (lon(square.west), lon(square.east));
        let (south, north) = (lat(ys[0], -90.0), lat(ys[1], 90.0));
        [(west, south), (east, south), (east, north), (west, north)]
    }
}

/// To a tenth of a millimetre on the ground; zero without a sign.
fn rounded(degrees: f64) -> f64 {
    (degrees * 1e9).round() / 1e9 + 0.0
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // A test that cannot go on panics.
mod tests {
    use super::*;
    use serde_json::Value;

    fn changes() -> Changes {
        let mut changes = Changes::default();
        changes.push(TileCoord::new(0, 0, 0), Change::Changed);
        changes.push(TileCoord::new(1, 1, 0), Change::Removed);
        changes.push(TileCoord::new(3, 7, 7), Change::Added);
        changes
    }

    fn written(changes: &Changes, path: &str, scheme: &str) -> String {
        let scheme = Scheme::named(scheme).unwrap();
        let kind = ListKind::of(Path::new(path)).unwrap();
        let form = kind.form(Some(&scheme)).unwrap();
        let mut out = Vec::new();
        changes.write(&form, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn addresses_stand_one_a_line_or_by_what_became_of_them() {
        assert_eq!(
            written(&changes(), "a.TXT", "WebMercatorQuad"),
            "0/0/0\n1/1/0\n3/7/7\n"
        );
        let json: Value =
            serde_json::from_str(&written(&changes(), "a.json", "WebMercatorQuad")).unwrap();
        let expected = r#"{"added": ["3/7/7"], "changed": ["0/0/0"], "removed": ["1/1/0"]}"#;
        assert_eq!(json, serde_json::from_str::<Value>(expected).unwrap());
    }

    #[test]
    fn no_changes_are_a_list_of_nothing() {
        let none = Changes::default();
        assert_eq!(written(&none, "a.txt", "WebMercatorQuad"), "");
        for path in ["a.json", "a.geojson"] {
            let text = written(&none, path, "WebMercatorQuad");
            let json: Value = serde_json::from_str(&text).unwrap();
            assert!(json.as_object().unwrap().len() > 1, "{text}");
        }
    }

    #[test]
    fn outlines_are_those_of_the_grid() {
        let rings = |scheme: &str, changes: &Changes| -> Vec<Vec<(f64, f64)>> {
            let text = written(changes, "a.geojson", scheme);
            let json: Value = serde_json::from_str(&text).unwrap();
            let features = json["features"].as_array().unwrap().iter();
            let place = |p: &Value| (p[0].as_f64().unwrap(), p[1].as_f64().unwrap());
            features
                .map(|f| {
                    let ring = f["geometry"]["coordinates"][0].as_array().unwrap();
                    ring.iter().map(place).collect()
                })
                .collect()
        };
        // The end of Web Mercator: atan(sinh(pi)).
        let end = std::f64::consts::PI.sinh().atan().to_degrees();
        let close = |found: &[(f64, f64)], expected: [(f64, f64); 5]| {
            let pairs = found.iter().zip(expected);
            let near = |a: (f64, f64), b: (f64, f64)| (a.0 - b.0).abs() + (a.1 - b.1).abs() < 1e-6;
            assert!(
                found.len() == 5 && pairs.into_iter().all(|(a, b)| near(*a, b)),
                "{found:?}"
            );
        };
        let web = rings("WebMercatorQuad", &changes());
        let square = |w: f64, s: f64, e: f64, n: f64| [(w, s), (e, s), (e, n), (w, n), (w, s)];
        close(&web[0], square(-180.0, -end, 180.0, end));
        close(&web[1], square(0.0, 0.0, 180.0, end));
        let mut one = Changes::default();
        one.push(TileCoord::new(0, 1, 0), Change::Added);
        let degrees = rings("WorldCRS84Quad", &one);
        close(&degrees[0], square(0.0, -90.0, 180.0, 90.0));
    }

    #[test]
    fn what_cannot_be_listed_is_refused_with_a_way_out() {
        let refused = |path: &str, scheme: Option<&Scheme>| {
            let form = ListKind::of(Path::new(path)).and_then(|kind| kind.form(scheme));
            let error = form.err().unwrap();
            format!("{error} {}", error.help().unwrap_or_default())
        };
        assert!(refused("a.csv", None).contains(".txt, .json or .geojson"));
        assert!(refused("a", None).contains(".txt, .json or .geojson"));
        assert!(refused("a.geojson", None).contains("end in .txt or .json"));
        let utm = r#"{"id": "Utm32", "crs": "EPSG:32632", "tileMatrices": [{"id": "0", "cellSize": 16000,
            "pointOfOrigin": [-1548000, 8000000.5], "tileWidth": 256, "tileHeight": 256,
            "matrixWidth": 1, "matrixHeight": 1}]}"#;
        let utm = Scheme::from_json(utm, Path::new("utm.json")).unwrap();
        assert!(refused("a.geojson", Some(&utm)).contains("Utm32"));
    }
}
