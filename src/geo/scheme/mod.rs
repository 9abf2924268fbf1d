//! [`Scheme`]: a tile matrix set whose levels form a quadtree.
//!
//! The words are those of the OGC standard "Two Dimensional Tile Matrix Set" (17-083r4). Known schemes are the files in
//! `geo/schemes`, and the table below; the user's own come in by path. Absent here: data, and the choice of tiles.

mod crs;
mod json;
mod zoom;

use std::path::Path;

pub use zoom::Strategy;

use super::bounds::Bounds;
use super::tile::{MAX_ZOOM, TileCoord};
use crate::error::{Error, Kind, Result};

/// The schemes that go by name. A new one is a file beside the others, and a line here.
const SCHEMES: &[(&str, &str)] = &[
    (
        "WebMercatorQuad",
        include_str!("../schemes/WebMercatorQuad.json"),
    ),
    (
        "WorldCRS84Quad",
        include_str!("../schemes/WorldCRS84Quad.json"),
    ),
    (
        "WorldMercatorWGS84Quad",
        include_str!("../schemes/WorldMercatorWGS84Quad.json"),
    ),
];

/// Names that other tools have for the same grids. Understood, not listed.
const ALIASES: &[(&str, &str)] = &[
    ("GoogleMapsCompatible", "WebMercatorQuad"),
    ("mercator", "WebMercatorQuad"),
];

/// A grid of square tiles in which each tile has exactly four children, over one or more roots side by side.
///
/// Coordinates are always x (east) before y (north), whatever the axis order of the CRS: whoever hands [`crs`](Self::crs)
/// to GDAL or PROJ asks for the traditional GIS order. Rows are counted from the north, even where the file of a scheme
/// has its origin in the south. Zooms are those of the file, from 0 on, at most [`MAX_ZOOM`].
#[derive(Debug, Clone, PartialEq)]
pub struct Scheme {
    id: String,
    title: String,
    crs: String,
    /// The upper left corner of all tiles, in CRS units.
    west: f64,
    north: f64,
    /// The side of a tile at zoom 0, in CRS units.
    root_size: f64,
    /// Columns and rows at zoom 0. Shifted left by `zoom_max` both still count within `u32`.
    roots: (u32, u32),
    zoom_max: u8,
}

/// Where schemes come from.
impl Scheme {
    /// The names that [`Scheme::named`] understands, without aliases.
    pub fn names() -> impl Iterator<Item = &'static str> {
        SCHEMES.iter().map(|(name, _)| *name)
    }

    /// A scheme by its OGC name, such as `WebMercatorQuad`.
    ///
    /// # Errors
    ///
    /// [`Kind::Usage`] when there is none of that name; the message lists those there are.
    pub fn named(name: &str) -> Result<Self> {
        let found = find(name).ok_or_else(|| {
            let names = Self::names().collect::<Vec<_>>().join(", ");
            Error::usage(format!(
                "tiling scheme '{name}' is neither a known name nor a file; expected {names}, or an OGC TileMatrixSet in JSON"
            ))
        })?;
        let (name, text) = *found;
        Self::from_json(text, Path::new(name))
    }

    /// A scheme by name or, where no scheme has that name, from the JSON file at that path.
    ///
    /// # Errors
    ///
    /// As [`Scheme::named`] when there is neither, [`Kind::Input`] when the file cannot be read, and as
    /// [`Scheme::from_json`].
    pub fn open(path_or_name: &str) -> Result<Self> {
        let path = Path::new(path_or_name);
        if find(path_or_name).is_some() || !path.exists() {
            return Self::named(path_or_name);
        }
        let text = std::fs::read_to_string(path).map_err(|error| {
            Error::input(
                path_or_name,
                format_args!("cannot be read ({error}); expected an OGC TileMatrixSet in JSON"),
            )
        })?;
        Self::from_json(&text, path)
    }

    /// A scheme from the text of an OGC TileMatrixSet in JSON, of version 1.0 (17-083r2) or 2.0 (17-083r4). The path is
    /// for messages; its stem is the id of a scheme that has none.
    ///
    /// # Errors
    ///
    /// [`Kind::Input`], with the path, when the text is no tile matrix set, its numbers make no sense, GDAL cannot tell
    /// the axes of its CRS where that is needed, or its levels are not a quadtree with zooms from 0 on.
    pub fn from_json(text: &str, path: &Path) -> Result<Self> {
        json::read(text, path)
    }
}

/// What a scheme is.
impl Scheme {
    /// The identifier, e.g. `WebMercatorQuad`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The title for people; the id where the file has none.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The coordinate reference system as GDAL's `SetFromUserInput` reads it: `EPSG:3857`, `OGC:CRS84`, PROJJSON, …
    pub fn crs(&self) -> &str {
        &self.crs
    }

    /// The upper left corner of all tiles: x (east), then y (north), in CRS units.
    pub fn origin(&self) -> (f64, f64) {
        (self.west, self.north)
    }

    /// The side of a tile at zoom 0, in CRS units.
    pub fn root_size(&self) -> f64 {
        self.root_size
    }

    /// The deepest zoom.
    pub fn zoom_max(&self) -> u8 {
        self.zoom_max
    }

    /// Columns and rows of all tiles at zoom `z`, which is at most [`MAX_ZOOM`].
    pub fn matrix_size(&self, z: u8) -> (u64, u64) {
        assert!(z <= MAX_ZOOM, "zoom {z} is deeper than any");
        (u64::from(self.roots.0) << z, u64::from(self.roots.1) << z)
    }

    /// What all tiles together cover, in CRS units.
    pub fn extent(&self) -> Bounds {
        let (columns, rows) = self.matrix_size(0);
        Bounds::new(
            self.west,
            self.edge_y(0, rows),
            self.edge_x(0, columns),
            self.north,
        )
    }
}

/// Tiles.
impl Scheme {
    /// The tile `z/x/y`, `y` from the north.
    ///
    /// # Errors
    ///
    /// [`Kind::Usage`] when the scheme has no such tile; the message says what range is valid.
    pub fn tile(&self, z: u8, x: u32, y: u32) -> Result<TileCoord> {
        let refuse = |axis: &str, found: u64, last: u64, of: String| {
            Error::new(
                Kind::Usage,
                format!("tile {z}/{x}/{y}: {axis} is {found}; expected 0 to {last} {of}"),
            )
        };
        if z > self.zoom_max {
            let last = u64::from(self.zoom_max);
            return Err(refuse(
                "zoom",
                u64::from(z),
                last,
                format!("in {}", self.id),
            ));
        }
        let (columns, rows) = self.matrix_size(z);
        for (axis, found, n) in [("x", u64::from(x), columns), ("y", u64::from(y), rows)] {
            if found >= n {
                let of = format!("at zoom {z} of {}", self.id);
                return Err(refuse(axis, found, n - 1, of));
            }
        }
        Ok(TileCoord::new(z, x, y))
    }

    /// The tiles of zoom 0, row by row from the north-west.
    pub fn roots(&self) -> impl Iterator<Item = TileCoord> + use<> {
        let (columns, rows) = self.roots;
        (0..rows).flat_map(move |y| (0..columns).map(move |x| TileCoord::new(0, x, y)))
    }

    /// What a tile of this scheme covers, in CRS units. Neighbours share their edges, and parents the edges of their
    /// children, to the last bit.
    pub fn bounds(&self, tile: TileCoord) -> Bounds {
        let (z, x, y) = (tile.z(), u64::from(tile.x()), u64::from(tile.y()));
        Bounds::new(
            self.edge_x(z, x),
            self.edge_y(z, y + 1),
            self.edge_x(z, x + 1),
            self.edge_y(z, y),
        )
    }

    /// The tile of zoom `z` that holds a point in CRS units, x before y; `None` outside, for NaN, and for a zoom that
    /// the scheme does not have.
    ///
    /// A point on an edge belongs to the tile east or south of it, but on the far edge of the grid to the last tile.
    pub fn tile_at(&self, z: u8, x: f64, y: f64) -> Option<TileCoord> {
        if z > self.zoom_max {
            return None;
        }
        let (columns, rows) = self.matrix_size(z);
        let column = interval(columns, x, |col| self.edge_x(z, col))?;
        // Rows grow southwards: with both signs turned the edges ascend, as they do for columns.
        let row = interval(rows, -y, |row| -self.edge_y(z, row))?;
        Some(TileCoord::new(z, column, row))
    }

    /// The west edge of a column. The quotient is exact, and the same number for `(z, col)` and `(z + 1, 2 * col)`; what
    /// is rounded after that is therefore rounded alike for all tiles that share an edge.
    fn edge_x(&self, z: u8, col: u64) -> f64 {
        self.west + self.root_size * (col as f64 / side(z))
    }

    /// The north edge of a row.
    fn edge_y(&self, z: u8, row: u64) -> f64 {
        self.north - self.root_size * (row as f64 / side(z))
    }
}

/// The row of the table of schemes for a name or an alias.
fn find(name: &str) -> Option<&'static (&'static str, &'static str)> {
    let alias = ALIASES.iter().find(|(alias, _)| *alias == name);
    let name = alias.map_or(name, |(_, meant)| meant);
    SCHEMES.iter().find(|(known, _)| *known == name)
}

/// Tiles along a side of one root at zoom `z`: a power of two, hence exact.
fn side(z: u8) -> f64 {
    f64::from(z).exp2()
}

/// Which of `n` intervals between ascending edges holds `value`, the last edge included.
///
/// A division alone may be off by one beside an edge, because edges are rounded. The edges themselves decide, so that
/// the interval found is always one whose edges enclose the value.
fn interval(n: u64, value: f64, edge: impl Fn(u64) -> f64) -> Option<u32> {
    let (first, last) = (edge(0), edge(n));
    if !(first <= value && value <= last) {
        return None;
    }
    let mut index = (((value - first) / (last - first) * n as f64) as u64).min(n - 1);
    while index > 0 && edge(index) > value {
        index -= 1;
    }
    while index + 1 < n && edge(index + 1) <= value {
        index += 1;
    }
    u32::try_from(index).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::{Strategy as _, any, prop_assert_eq, prop_assume, proptest};
    use std::f64::consts::PI;

    const RADIUS: f64 = 6378137.0;

    fn web() -> Scheme {
        Scheme::named("WebMercatorQuad").unwrap()
    }

    /// Spherical Mercator, from degrees.
    fn mercator(lon: f64, lat: f64) -> (f64, f64) {
        let y = ((1.0 + lat.to_radians().sin()) / (1.0 - lat.to_radians().sin())).ln() / 2.0;
        (RADIUS * lon.to_radians(), RADIUS * y)
    }

    /// And back.
    fn degrees(x: f64, y: f64) -> (f64, f64) {
        let lat = (y / RADIUS).sinh().atan();
        ((x / RADIUS).to_degrees(), lat.to_degrees())
    }

    fn assert_close(found: f64, expected: f64, tolerance: f64) {
        let off = (found - expected).abs();
        assert!(off <= tolerance, "{found} is {off:e} from {expected}");
    }

    /// The tiles of a zoom that share an area with a rectangle.
    fn covering(scheme: &Scheme, z: u8, bounds: Bounds) -> Vec<TileCoord> {
        let bounds = bounds.intersection(&scheme.extent()).unwrap();
        let first = scheme.tile_at(z, bounds.west, bounds.north).unwrap();
        let (east, south) = (bounds.east.next_down(), bounds.south.next_up());
        let last = scheme.tile_at(z, east, south).unwrap();
        (first.y()..=last.y())
            .flat_map(|y| (first.x()..=last.x()).map(move |x| TileCoord::new(z, x, y)))
            .collect()
    }

    #[test]
    fn the_known_schemes_are_what_their_names_say() {
        let world = RADIUS * PI;
        assert_eq!(world, 20037508.342789244);
        let square = Bounds::new(-world, -world, world, world);
        let degrees = Bounds::new(-180.0, -90.0, 180.0, 90.0);
        let rows = [
            ("WebMercatorQuad", "EPSG:3857", (1, 1), square),
            ("WorldMercatorWGS84Quad", "EPSG:3395", (1, 1), square),
            ("WorldCRS84Quad", "OGC:CRS84", (2, 1), degrees),
        ];
        assert!(Scheme::names().eq([
            "WebMercatorQuad",
            "WorldCRS84Quad",
            "WorldMercatorWGS84Quad"
        ]));
        for (name, crs, roots, extent) in rows {
            let scheme = Scheme::open(name).unwrap();
            assert_eq!((scheme.id(), scheme.crs()), (name, crs));
            assert!(!scheme.title().is_empty());
            assert_eq!(scheme.extent(), extent, "{name}");
            assert_eq!(scheme.origin(), (extent.west, extent.north));
            assert_eq!(scheme.matrix_size(0), roots);
            // Other programs stop at 24; tile addresses of ours reach to 30.
            assert_eq!(scheme.zoom_max(), MAX_ZOOM);
            for z in 0..=MAX_ZOOM {
                let corner = scheme.bounds(scheme.tile(z, 0, 0).unwrap());
                assert_eq!(corner.west, extent.west);
                let exact =
                    scheme.root_size() / f64::from(256u32 << z.min(20)) / side(z - z.min(20));
                assert_eq!(scheme.resolution(z, 256), exact, "{name} {z}");
            }
        }
    }

    #[test]
    fn aliases_are_the_same_scheme_and_other_names_are_answered_with_the_known_ones() {
        for alias in ["GoogleMapsCompatible", "mercator"] {
            assert_eq!(Scheme::named(alias).unwrap(), web());
        }
        for unknown in ["WebMercatorSquare", "no/such/file.json", ""] {
            let error = Scheme::open(unknown).unwrap_err();
            assert_eq!(error.kind(), Kind::Usage);
            let text = error.to_string();
            assert!(text.contains(unknown), "{text}");
            assert!(text.contains("WebMercatorQuad, WorldCRS84Quad"), "{text}");
        }
        let folder = Scheme::open(env!("CARGO_MANIFEST_DIR")).unwrap_err();
        assert_eq!(folder.kind(), Kind::Input);
    }

    #[test]
    fn tiles_lie_where_mercantile_puts_them() {
        let web = web();
        let bounds = web.bounds(web.tile(10, 486, 332).unwrap());
        assert_close(bounds.west, -1017529.7205322663, 2e-9);
        assert_close(bounds.south, 7005300.768279833, 2e-9);
        assert_close(bounds.east, -978393.962050256, 2e-9);
        assert_close(bounds.north, 7044436.526761846, 4e-9);
        let (west, north) = degrees(bounds.west, bounds.north);
        assert_close(west, -9.140625, 1e-13);
        assert_close(north, 53.33087298301705, 1e-13);
        let (east, south) = degrees(bounds.east, bounds.south);
        assert_close(east, -8.7890625, 1e-13);
        assert_close(south, 53.12040528310657, 1e-13);
    }

    #[test]
    fn points_lie_in_the_tiles_that_mercantile_names() {
        let web = web();
        let check = |lon, lat, z, expected: &str| {
            let (x, y) = mercator(lon, lat);
            let found = web.tile_at(z, x, y);
            let found = found.map_or("none".into(), |tile| tile.to_string());
            assert_eq!(found, expected, "{lon} {lat} at zoom {z}");
        };
        check(20.6852, 40.1222, 9, "9/285/193");
        check(180.0, -85.0, 1, "1/1/1");
        check(-180.0, 85.0, 1, "1/0/0");
        check(0.0, 0.0, 1, "1/1/1");
        check(0.0, 90.0, 1, "none");
        check(0.0, -90.0, 1, "none");
        check(f64::NAN, 0.0, 1, "none");
        for (lat, fraction) in [(85.0511287798066, 0.0), (-85.0511287798066, 1.0)] {
            let (_, y) = mercator(0.0, lat);
            assert_close((web.origin().1 - y) / web.root_size(), fraction, 1e-15);
        }
    }

    #[test]
    fn the_far_edge_belongs_to_the_last_tile_and_what_is_beyond_to_none() {
        for name in Scheme::names() {
            let scheme = Scheme::named(name).unwrap();
            let all = scheme.extent();
            for z in [0, 1, 7, 24, MAX_ZOOM] {
                let (columns, rows) = scheme.matrix_size(z);
                let last = scheme.tile_at(z, all.east, all.south).unwrap();
                assert_eq!(
                    (u64::from(last.x()) + 1, u64::from(last.y()) + 1),
                    (columns, rows)
                );
                let first = scheme.tile_at(z, all.west, all.north).unwrap();
                assert_eq!((first.x(), first.y()), (0, 0));
                assert_eq!(scheme.tile_at(z, all.east.next_up(), 0.0), None);
                assert_eq!(scheme.tile_at(z, all.west.next_down(), 0.0), None);
                assert_eq!(scheme.tile_at(z, 0.0, all.north.next_up()), None);
                assert_eq!(scheme.tile_at(z, 0.0, all.south.next_down()), None);
            }
            assert_eq!(scheme.tile_at(MAX_ZOOM + 1, 0.0, 0.0), None);
        }
    }

    #[test]
    fn a_tiles_own_bounds_are_covered_by_it_and_by_its_four_children() {
        let web = web();
        for (z, x, y) in [(14, 3413, 6202), (10, 486, 332), (10, 10, 10)] {
            let tile = web.tile(z, x, y).unwrap();
            assert_eq!(covering(&web, z, web.bounds(tile)), [tile]);
            let mut below = covering(&web, z + 1, web.bounds(tile));
            below.sort_by_key(|child| child.hilbert());
            assert_eq!(below, tile.children());
        }
        // The whole globe: its rows end where the grid ends.
        let globe = Bounds::new(-2e8, -2e8, 2e8, 2e8);
        assert_eq!(covering(&web, 1, globe).len(), 4);
    }

    #[test]
    fn addresses_outside_the_matrix_are_refused_with_the_valid_range() {
        let web = web();
        let check = |z, x, y, message: &str| {
            let error = web.tile(z, x, y).unwrap_err();
            assert_eq!(error.kind(), Kind::Usage);
            assert_eq!(error.to_string(), message);
        };
        check(
            31,
            0,
            0,
            "tile 31/0/0: zoom is 31; expected 0 to 30 in WebMercatorQuad",
        );
        check(
            3,
            8,
            0,
            "tile 3/8/0: x is 8; expected 0 to 7 at zoom 3 of WebMercatorQuad",
        );
        check(
            0,
            0,
            1,
            "tile 0/0/1: y is 1; expected 0 to 0 at zoom 0 of WebMercatorQuad",
        );
        let last = (1 << 30) - 1;
        assert!(web.tile(30, last, last).is_ok());
        let degrees = Scheme::named("WorldCRS84Quad").unwrap();
        assert!(degrees.tile(1, 3, 1).is_ok());
        assert!(degrees.tile(1, 3, 2).is_err());
    }

    #[test]
    fn roots_come_row_by_row() {
        let mut scheme = Scheme::named("WorldCRS84Quad").unwrap();
        let names = |scheme: &Scheme| {
            scheme
                .roots()
                .map(|tile| tile.to_string())
                .collect::<Vec<_>>()
        };
        assert_eq!(names(&scheme), ["0/0/0", "0/1/0"]);
        scheme.roots = (2, 2);
        assert_eq!(names(&scheme), ["0/0/0", "0/1/0", "0/0/1", "0/1/1"]);
    }

    /// A tile of a scheme, known or with awkward numbers.
    fn any_tile() -> impl proptest::strategy::Strategy<Value = (Scheme, TileCoord)> {
        let schemes = Scheme::names().map(|name| Scheme::named(name).unwrap());
        let mut schemes: Vec<_> = schemes.collect();
        schemes.push(Scheme {
            west: 419435.9938,
            north: 6758167.443,
            root_size: 1e7 / 3.0,
            roots: (3, 2),
            zoom_max: 24,
            ..web()
        });
        let scheme = proptest::sample::select(schemes);
        (scheme, 0..=MAX_ZOOM, any::<u32>(), any::<u32>()).prop_map(|(scheme, z, x, y)| {
            let z = z.min(scheme.zoom_max);
            let (columns, rows) = scheme.matrix_size(z);
            let (x, y) = (u64::from(x) % columns, u64::from(y) % rows);
            let tile = scheme.tile(z, x as u32, y as u32).unwrap();
            (scheme, tile)
        })
    }

    proptest! {
        #[test]
        fn a_point_of_a_tile_leads_back_to_it((scheme, tile) in any_tile(), right in 0.0..0.99, down in 0.0..0.99) {
            let bounds = scheme.bounds(tile);
            let inside = (bounds.west + bounds.width() * right, bounds.north - bounds.height() * down);
            for (x, y) in [(bounds.west, bounds.north), inside, (bounds.east.next_down(), bounds.south.next_up())] {
                prop_assert_eq!(scheme.tile_at(tile.z(), x, y), Some(tile));
            }
        }

        #[test]
        fn children_share_the_edges_of_their_parent_to_the_last_bit((scheme, tile) in any_tile()) {
            prop_assume!(tile.z() < scheme.zoom_max());
            let whole = scheme.bounds(tile);
            let at = |quadrant| {
                let child = tile.children().into_iter().find(|child| child.quadrant() == quadrant);
                scheme.bounds(child.unwrap())
            };
            let (nw, ne, sw, se) = (at((0, 0)), at((1, 0)), at((0, 1)), at((1, 1)));
            prop_assert_eq!((nw.west, nw.north), (whole.west, whole.north));
            prop_assert_eq!((se.east, se.south), (whole.east, whole.south));
            prop_assert_eq!((ne.east, ne.north, ne.west), (whole.east, whole.north, nw.east));
            prop_assert_eq!((sw.west, sw.south, sw.north), (whole.west, whole.south, nw.south));
            prop_assert_eq!((se.west, se.north), (nw.east, nw.south));
        }

        #[test]
        fn neighbours_share_an_edge_to_the_last_bit((scheme, tile) in any_tile()) {
            let here = scheme.bounds(tile);
            if let Ok(east) = scheme.tile(tile.z(), tile.x() + 1, tile.y()) {
                prop_assert_eq!(scheme.bounds(east).west, here.east);
            }
            if let Ok(south) = scheme.tile(tile.z(), tile.x(), tile.y() + 1) {
                prop_assert_eq!(scheme.bounds(south).north, here.south);
            }
        }
    }
}
