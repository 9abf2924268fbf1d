//! [`Piece`]: what of a tileset is taken.

use crate::error::{Error, Kind, Result};
use crate::geo::bounds::Bounds;
use crate::geo::polygon::{Area, Touch};
use crate::geo::scheme::Scheme;
use crate::geo::tile::TileCoord;
use crate::geo::transform::crs::Crs;
use crate::geo::transform::rings::Target;
use crate::mosaic::clip::{Clip, Placed};

/// How far edges of an area may stray, in pixels of the deepest zoom.
const TOLERANCE_PX: f64 = 0.02;

/// Pixels along the side of a tile, for the tolerance only: of larger tiles it is a larger part of a pixel.
const TILE_PX: u32 = 256;

/// Zooms and an area; by default everything.
#[derive(Debug, Clone, Default)]
pub struct Piece {
    /// The lowest zoom that is taken.
    pub zoom_min: Option<u8>,
    /// The highest zoom that is taken.
    pub zoom_max: Option<u8>,
    /// The area whose tiles are taken: those that share more with it than an edge.
    pub clip: Option<Clip>,
}

impl Piece {
    /// What it is called in messages: `zooms 5 to 12 within city.geojson`.
    fn name(&self) -> String {
        let zooms = match (self.zoom_min, self.zoom_max) {
            (None, None) => None,
            (Some(min), None) => Some(format!("from zoom {min} on")),
            (None, Some(max)) => Some(format!("up to zoom {max}")),
            (Some(min), Some(max)) if min == max => Some(format!("of zoom {min}")),
            (Some(min), Some(max)) => Some(format!("of zooms {min} to {max}")),
        };
        let within = self.clip.as_ref().map(|c| format!("within {}", c.name()));
        let names: Vec<String> = zooms.into_iter().chain(within).collect();
        names.join(" ")
    }

    fn has_zoom(&self, z: u8) -> bool {
        self.zoom_min.is_none_or(|min| min <= z) && self.zoom_max.is_none_or(|max| z <= max)
    }

    /// Takes what is not in the piece out of `tiles`, which are of the tileset at `path`, in `scheme` as far as that is
    /// known. What is in the area, in degrees, if there is one: see [`Placed::bounds`].
    ///
    /// # Errors
    /// [`Kind::NoOverlap`] when nothing is left, [`Kind::Input`] for an area in a scheme that nobody knows.
    pub(super) fn cut(
        &self,
        path: &str,
        scheme: std::result::Result<&Scheme, &str>,
        tiles: &mut Vec<TileCoord>,
    ) -> Result<Option<Bounds>> {
        tiles.retain(|tile| self.has_zoom(tile.z()));
        let mut around = None;
        if let (Some(clip), Some(last)) = (&self.clip, tiles.last()) {
            let scheme = scheme.map_err(|id| {
                Error::input(
                    path,
                    format_args!("tiles of the scheme {id}, whose places are not known; expected a known scheme to cut an area from"),
                )
            })?;
            let Placed { area, bounds } = place(clip, scheme, last.z())?;
            tiles.retain(|&tile| is_within(&area, scheme, tile));
            around = bounds;
        }
        if tiles.is_empty() {
            let found = format!("{path}: no tiles {}; expected at least one", self.name());
            return Err(Error::new(Kind::NoOverlap, found)
                .with_help(format!("azulejo info {path} tells what is there")));
        }
        Ok(around)
    }
}

/// `clip` in the system of `scheme`, exact enough for zoom `z`.
fn place(clip: &Clip, scheme: &Scheme, z: u8) -> Result<Placed> {
    let crs = Crs::parse(scheme.crs())?;
    clip.place(Target {
        crs: &crs,
        extent: scheme.extent(),
        tolerance: TOLERANCE_PX * scheme.resolution(z, TILE_PX),
    })
}

/// Whether a tile shares more with `area` than an edge: what lies in a millionth of its side along its own edges does not
/// count, so that a rectangle of whole tiles, told in decimals, is these tiles and no others.
fn is_within(area: &Area, scheme: &Scheme, tile: TileCoord) -> bool {
    area.touch(&scheme.bounds(tile)) != Touch::Outside
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // A test that cannot go on panics.
mod tests {
    use super::*;
    use crate::mosaic::clip::Bbox;

    fn bbox(sides: [f64; 4]) -> Clip {
        let bbox = Bbox::new(sides, &Crs::lon_lat().unwrap()).unwrap();
        Clip::new(vec![bbox], None).unwrap()
    }

    /// All tiles of zooms 0 to 5 of `scheme`, zooms ascending.
    fn all(scheme: &Scheme) -> Vec<TileCoord> {
        let of = |z: u8| {
            let (columns, rows) = scheme.matrix_size(z);
            let tiles =
                (0..rows).flat_map(move |y| (0..columns).map(move |x| (z, x as u32, y as u32)));
            tiles.map(|(z, x, y)| TileCoord::new(z, x, y))
        };
        (0..=5).flat_map(of).collect()
    }

    /// West, south, east and north of a tile in degrees, by the formula of slippy maps.
    fn degrees(scheme: &Scheme, tile: TileCoord) -> [f64; 4] {
        if scheme.id() == "WorldCRS84Quad" {
            let b = scheme.bounds(tile);
            return [b.west, b.south, b.east, b.north];
        }
        let n = f64::from(1u32 << tile.z());
        let lon = |x: u32| f64::from(x) / n * 360.0 - 180.0;
        let lat = |y: u32| {
            let angle = std::f64::consts::PI * (1.0 - 2.0 * f64::from(y) / n);
            angle.sinh().atan().to_degrees()
        };
        let (x, y) = (tile.x(), tile.y());
        [lon(x), lat(y + 1), lon(x + 1), lat(y)]
    }

    /// Whether two ranges share more than `hair`.
    fn share(a: [f64; 2], b: [f64; 2], hair: f64) -> bool {
        a[1].min(b[1]) - a[0].max(b[0]) > hair
    }

    #[test]
    fn boxes_take_the_tiles_that_they_share_an_area_with() {
        let mercator = Scheme::named("WebMercatorQuad").unwrap();
        let whole = degrees(&mercator, TileCoord::new(4, 7, 5));
        let boxes = [
            whole,
            [2.2, 48.8, 2.5, 48.9],
            [-45.0, -40.97989806962013, 22.5, 0.0],
            [170.0, -50.0, -170.0, -30.0],
            [-180.0, -90.0, 180.0, 90.0],
            [-1e-3, -1e-3, 1e-3, 1e-3],
        ];
        for id in ["WebMercatorQuad", "WorldCRS84Quad"] {
            let scheme = Scheme::named(id).unwrap();
            for sides in boxes {
                let [west, south, east, north] = sides;
                let piece = Piece {
                    clip: Some(bbox(sides)),
                    ..Piece::default()
                };
                let mut found = all(&scheme);
                piece.cut("x", Ok(&scheme), &mut found).unwrap();
                let turns = if west > east { 360.0 } else { 0.0 };
                let meets = |&tile: &TileCoord| {
                    let [w, s, e, n] = degrees(&scheme, tile);
                    let across = [0.0, 360.0]
                        .iter()
                        .any(|t| share([w + t, e + t], [west, east + turns], 1e-7));
                    across && share([s, n], [south, north], 1e-7)
                };
                let mut expected = all(&scheme);
                expected.retain(meets);
                assert!(!expected.is_empty());
                assert_eq!(found, expected, "{id} {sides:?}");
            }
        }
        let piece = Piece {
            clip: Some(bbox(whole)),
            zoom_min: Some(4),
            zoom_max: Some(4),
        };
        let mut found = all(&mercator);
        let around = piece.cut("x", Ok(&mercator), &mut found).unwrap().unwrap();
        assert_eq!(found, [TileCoord::new(4, 7, 5)]);
        assert!((around.west - whole[0]).abs() < 1e-9 && (around.north - whole[3]).abs() < 1e-9);
    }

    #[test]
    fn nothing_left_is_an_error_that_says_what_was_wanted() {
        let scheme = Scheme::named("WebMercatorQuad").unwrap();
        let cases = [
            (Some(9), None, None, "from zoom 9 on"),
            (Some(7), Some(7), None, "of zoom 7"),
            (
                None,
                Some(2),
                Some([3.0, 86.0, 4.0, 87.0]),
                "up to zoom 2 within the box 3,86,4,87",
            ),
        ];
        for (zoom_min, zoom_max, sides, said) in cases {
            let piece = Piece {
                zoom_min,
                zoom_max,
                clip: sides.map(bbox),
            };
            let error = piece.cut("x.mbtiles", Ok(&scheme), &mut all(&scheme));
            let error = error.unwrap_err();
            assert_eq!(error.kind(), Kind::NoOverlap);
            assert!(
                error.to_string().contains(&format!("no tiles {said};")),
                "{error}"
            );
        }
    }

    #[test]
    fn an_unknown_scheme_can_be_cut_by_zooms_only() {
        let tiles = vec![TileCoord::new(0, 0, 0), TileCoord::new(1, 1, 0)];
        let zooms = Piece {
            zoom_min: Some(1),
            ..Piece::default()
        };
        let mut found = tiles.clone();
        assert_eq!(zooms.cut("x", Err("Local"), &mut found).unwrap(), None);
        assert_eq!(found, tiles[1..]);
        let area = Piece {
            clip: Some(bbox([0.0, 0.0, 1.0, 1.0])),
            ..Piece::default()
        };
        let error = area.cut("x", Err("Local"), &mut tiles.clone()).unwrap_err();
        assert_eq!(error.kind(), Kind::Input);
    }
}
