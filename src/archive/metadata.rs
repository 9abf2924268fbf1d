//! [`Metadata`]: what a tileset says about itself, said once and rendered for every container.

use serde_json::{Map, Value, json};

use crate::encode::Format;
use crate::error::{Error, Result};
use crate::geo::bounds::Bounds;
use crate::geo::tile::MAX_ZOOM;

/// The revision of a tileset that nobody has numbered.
pub const DEFAULT_VERSION: &str = "1.0.0";

/// The tiling scheme that every reader takes for granted, and that is therefore not written down.
pub(super) const DEFAULT_SCHEME: &str = "WebMercatorQuad";

/// What a tileset says about itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Metadata {
    /// What people call it.
    pub name: String,
    /// What it shows.
    pub description: Option<String>,
    /// Whom to thank; may hold HTML.
    pub attribution: Option<String>,
    /// Whether it lies over other maps or under them.
    pub kind: TilesetKind,
    /// The revision of the tileset, by semantic versioning: of the tileset, not of any specification.
    pub version: String,
    /// The format of the tiles.
    pub format: Format,
    /// Where there is data, in degrees of WGS 84, not widened to whole tiles. Never across the antimeridian: both
    /// specifications want west <= east.
    pub bounds: Bounds,
    /// Where a viewer starts: longitude, latitude, zoom.
    pub center: (f64, f64, u8),
    /// The lowest zoom with tiles.
    pub zoom_min: u8,
    /// The highest zoom with tiles.
    pub zoom_max: u8,
    /// Pixels along a side of a tile.
    pub tile_size_px: u32,
    /// The tiling scheme, such as `WebMercatorQuad`.
    pub scheme_id: String,
    /// Tiles at zoom 0, across and down.
    pub matrix_roots: (u32, u32),
    /// More rows: text as the user gave it, and whatever JSON a tileset has that is read.
    pub extra: Vec<(String, Value)>,
}

/// Parts of a degree that are told.
pub(super) const PER_DEGREE: f64 = 1e7;

/// How a tileset is meant to be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TilesetKind {
    /// Over another map.
    Overlay,
    /// As the lowest map.
    Baselayer,
}

impl TilesetKind {
    /// The word of the MBTiles specification.
    pub fn name(self) -> &'static str {
        match self {
            Self::Overlay => "overlay",
            Self::Baselayer => "baselayer",
        }
    }
}

/// How rows of tiles are numbered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowScheme {
    /// From the north downwards, as OpenStreetMap does and all of our own code.
    Xyz,
    /// From the south upwards, as the Tile Map Service does.
    Tms,
}

impl RowScheme {
    /// The word of the TileJSON specification.
    pub fn name(self) -> &'static str {
        match self {
            Self::Xyz => "xyz",
            Self::Tms => "tms",
        }
    }
}

/// Names that we write ourselves, or that readers take for the same thing, and that [`Metadata::extra`] must therefore
/// leave alone.
pub(super) const OUR_NAMES: &[&str] = &[
    "tilejson",
    "tiles",
    "scheme",
    "name",
    "format",
    "bounds",
    "center",
    "minzoom",
    "maxzoom",
    "type",
    "version",
    "description",
    "attribution",
    "tileSize",
    "tile_size",
    "tilesize",
    "tiling_scheme",
    "matrix_roots",
    TILE_FORMATS,
];

/// The row that says which formats there are among the tiles, where it is more than one.
pub(super) const TILE_FORMATS: &str = "tile_formats";

/// The row in which MBTiles holds what is not text: a JSON object (MBTiles 1.3, "Vector tileset metadata").
pub(super) const JSON: &str = "json";

/// Rows that are numbers in the header of a PMTiles archive.
const IN_PMTILES_HEADER: &[&str] = &["format", "bounds", "center", "minzoom", "maxzoom"];

impl Metadata {
    /// Whether all of it can be written and is true of some tileset. Sinks ask again; to fail before working, ask as
    /// soon as the plan is known.
    ///
    /// # Errors
    /// [`Kind::Usage`](crate::error::Kind::Usage) for an empty name and for extra rows that are taken or said twice;
    /// [`Kind::Internal`](crate::error::Kind::Internal) for numbers out of range, which we computed ourselves.
    pub fn check(&self) -> Result<()> {
        if self.name.is_empty() {
            return Err(Error::usage("the tileset's name is empty; expected a name"));
        }
        for (i, (key, _)) in self.extra.iter().enumerate() {
            if OUR_NAMES.contains(&key.as_str()) {
                return Err(Error::usage(format!(
                    "metadata `{key}` is written by azulejo itself; expected another key"
                )));
            }
            if key.is_empty() || self.extra[..i].iter().any(|(earlier, _)| earlier == key) {
                return Err(Error::usage(format!(
                    "metadata key `{key}` is empty or given twice; expected each once"
                )));
            }
        }
        self.check_numbers()
            .map_err(|what| Error::internal(format!("metadata: {what}")))
    }

    fn check_numbers(&self) -> std::result::Result<(), String> {
        let [west, south, east, north] = self.bounds.sides();
        let (lon, lat, zoom) = self.center;
        // Not a number fails every comparison, so it is caught too.
        let in_order = -180.0 <= west && west <= east && east <= 180.0;
        if !(in_order && -90.0 <= south && south <= north && north <= 90.0) {
            return Err(format!(
                "bounds {west}, {south}, {east}, {north} are not on the globe"
            ));
        }
        if !((-180.0..=180.0).contains(&lon) && (-90.0..=90.0).contains(&lat)) {
            return Err(format!("center {lon}, {lat} is not on the globe"));
        }
        if !(self.zoom_min..=self.zoom_max).contains(&zoom) || self.zoom_max > MAX_ZOOM {
            let (min, max) = (self.zoom_min, self.zoom_max);
            return Err(format!("zooms {min} to {max} with the center at {zoom}"));
        }
        Ok(())
    }

    /// The rows of an MBTiles `metadata` table (MBTiles 1.3): first those that must be there, then those that should,
    /// then those that may.
    ///
    /// Four rows are not in the specification. `tile_formats` (`jpg,png`) stands only where tiles are of more than one. `tileSize` (pixels, as in MapLibre's extension of TileJSON, which is
    /// where servers hand it on to) stands only when it is not 256; `tiling_scheme` and `matrix_roots` only when the
    /// scheme is not `WebMercatorQuad`. Other readers pass over them.
    ///
    /// Extra rows that are not text are in the row `json` together, or, where a row has that name already, each is JSON.
    pub fn rows(&self) -> Vec<(String, String)> {
        let mut rows = self.own_rows();
        let mut json = Map::new();
        for (key, value) in &self.extra {
            match value {
                Value::String(text) => rows.push((key.clone(), text.clone())),
                value => drop(json.insert(key.clone(), value.clone())),
            }
        }
        if rows.iter().any(|(key, _)| key == JSON) {
            rows.extend(
                json.into_iter()
                    .map(|(key, value)| (key, value.to_string())),
            );
        } else if !json.is_empty() {
            rows.push((JSON.to_owned(), Value::Object(json).to_string()));
        }
        rows
    }

    /// The rows that we write ourselves.
    fn own_rows(&self) -> Vec<(String, String)> {
        let (bounds, (lon, lat, zoom)) = self.rounded();
        let mut rows: Vec<(&str, String)> = vec![
            ("name", self.name.clone()),
            ("format", self.format.info().mbtiles.into()),
            ("bounds", bounds.map(text).join(",")),
            ("center", format!("{},{},{zoom}", text(lon), text(lat))),
            ("minzoom", self.zoom_min.to_string()),
            ("maxzoom", self.zoom_max.to_string()),
            ("type", self.kind.name().into()),
            ("version", self.version.clone()),
        ];
        rows.extend(self.description.clone().map(|text| ("description", text)));
        rows.extend(self.attribution.clone().map(|text| ("attribution", text)));
        if self.tile_size_px != 256 {
            rows.push(("tileSize", self.tile_size_px.to_string()));
        }
        if !self.is_default_scheme() {
            let (across, down) = self.matrix_roots;
            rows.push(("tiling_scheme", self.scheme_id.clone()));
            rows.push(("matrix_roots", format!("{across},{down}")));
        }
        rows.extend(self.tile_formats().map(|names| (TILE_FORMATS, names)));
        rows.into_iter()
            .map(|(key, value)| (key.to_string(), value))
            .collect()
    }

    /// The rows as members of a JSON object: our own are strings, the others what they are.
    fn members(&self) -> impl Iterator<Item = (String, Value)> {
        let own = self.own_rows().into_iter();
        own.map(|(key, value)| (key, Value::String(value)))
            .chain(self.extra.iter().cloned())
    }

    /// `metadata.json` of a folder: the rows as one object, flat and of strings, as mb-util writes and reads it, but for extra
    /// rows that are not text.
    pub fn metadata_json(&self) -> String {
        pretty(self.members().collect())
    }

    /// The metadata of a PMTiles archive: the rows that its header has no field for, as one object. Our own are strings, which
    /// is what its specification wants them to be.
    pub(super) fn pmtiles_json(&self) -> String {
        let in_header = |key: &str| IN_PMTILES_HEADER.contains(&key);
        let members = self.members().filter(|(key, _)| !in_header(key));
        Value::Object(members.collect()).to_string()
    }

    /// `tilejson.json` of a folder (TileJSON 2.2.0) whose rows are numbered by `rows`. `tiles` is relative to the file,
    /// so the folder can be served from anywhere. That is why it is not TileJSON 3.0.0, whose addresses must be
    /// absolute (section 3.2): where the folder will be served is not known here.
    ///
    /// `tileSize` is not in the specification but read by MapLibre and Mapbox GL, which take tiles to be 512 pixels
    /// wide otherwise; so it is always there.
    pub fn tilejson(&self, rows: RowScheme) -> String {
        self.tilejson_above("", rows)
    }

    /// [`Metadata::tilejson`] of tiles that lie in `folder`, a relative address that ends in a slash or is empty.
    pub(super) fn tilejson_above(&self, folder: &str, rows: RowScheme) -> String {
        let (bounds, (lon, lat, zoom)) = self.rounded();
        let template = format!("{folder}{{z}}/{{x}}/{{y}}.{}", self.format.extension());
        let mut object: Map<String, Value> = Map::new();
        let mut put = |key: &str, value: Value| object.insert(key.to_string(), value);
        put("tilejson", json!("2.2.0"));
        put("name", json!(self.name));
        put("version", json!(self.version));
        put("tiles", json!([template]));
        put("scheme", json!(rows.name()));
        put("tileSize", json!(self.tile_size_px));
        put("minzoom", json!(self.zoom_min));
        put("maxzoom", json!(self.zoom_max));
        put("bounds", Value::Array(bounds.map(number).into()));
        put("center", json!([number(lon), number(lat), zoom]));
        put("format", json!(self.format.info().mbtiles));
        put("type", json!(self.kind.name()));
        for (key, value) in [
            ("description", &self.description),
            ("attribution", &self.attribution),
        ] {
            if let Some(value) = value {
                put(key, json!(value));
            }
        }
        if let Some(names) = self.tile_formats() {
            put(TILE_FORMATS, json!(names));
        }
        if !self.is_default_scheme() {
            put("tiling_scheme", json!(self.scheme_id));
            put(
                "matrix_roots",
                json!([self.matrix_roots.0, self.matrix_roots.1]),
            );
        }
        for (key, value) in &self.extra {
            put(key, value.clone());
        }
        pretty(object)
    }

    /// Bounds (west, south, east, north) and center as every container tells them: to a ten-millionth of a degree, about a
    /// centimetre on the ground. PMTiles holds no more, and a tileset says the same wherever it is.
    fn rounded(&self) -> ([f64; 4], (f64, f64, u8)) {
        let (lon, lat, zoom) = self.center;
        let round = |degrees: f64| (degrees * PER_DEGREE).round() / PER_DEGREE;
        (
            self.bounds.sides().map(round),
            (round(lon), round(lat), zoom),
        )
    }

    /// The formats of the tiles, where there are several.
    fn tile_formats(&self) -> Option<String> {
        let tiles = self.format.info().tiles;
        (tiles.len() > 1).then(|| names_of(tiles))
    }

    fn is_default_scheme(&self) -> bool {
        self.scheme_id == DEFAULT_SCHEME && self.matrix_roots == (1, 1)
    }
}

/// `jpg,png`: as `format` would tell each.
pub(super) fn names_of(formats: &[Format]) -> String {
    let names: Vec<_> = formats.iter().map(|f| f.info().mbtiles).collect();
    names.join(",")
}

/// The shortest decimal number that reads back as `value`, never in scientific notation, zero without a sign.
pub(super) fn text(value: f64) -> String {
    // Minus zero plus zero is zero.
    format!("{}", value + 0.0)
}

/// `value` as a JSON number, a whole one without `.0`. Whole degrees are far within `i64`.
fn number(value: f64) -> Value {
    if value.fract() == 0.0 {
        json!(value as i64)
    } else {
        json!(value)
    }
}

/// An object as text for people: indented, in the order given, ending in a newline.
fn pretty(object: Map<String, Value>) -> String {
    format!("{:#}\n", Value::Object(object))
}
