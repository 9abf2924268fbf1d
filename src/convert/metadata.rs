//! What a piece of a tileset says about itself: what the whole says, as far as it is true of the piece; what it leaves out is
//! told by the tiles.

use crate::archive::{DEFAULT_VERSION, StoredMetadata, TilesetKind};
use crate::error::Result;
use crate::geo::bounds::Bounds;
use crate::geo::scheme::Scheme;
use crate::geo::tile::TileCoord;
use crate::geo::transform::crs::{Crs, Projection};

/// Pixels along a side of a tile where nothing is told, as every reader has it.
pub(super) const TILE_SIZE_PX: u32 = 256;

const WHOLE: Bounds = Bounds {
    west: -180.0,
    south: -90.0,
    east: 180.0,
    north: 90.0,
};

/// What is told, and what had to be made up for it.
pub(super) struct Told<'a> {
    pub(super) stored: &'a StoredMetadata,
    /// `None` when the tileset's scheme is not known.
    pub(super) scheme: Option<&'a Scheme>,
    /// Of the piece, zooms ascending; at least one.
    pub(super) tiles: &'a [TileCoord],
    /// What the piece is cut to, in degrees, perhaps beyond 180.
    pub(super) cut: Option<Bounds>,
    /// Names of what the tileset does not tell.
    pub(super) missing: Vec<&'static str>,
}

impl Told<'_> {
    /// Where there is data: as told, else the tiles of the highest zoom; in the piece.
    ///
    /// # Errors
    /// When PROJ knows no way from the scheme to degrees.
    pub(super) fn bounds(&mut self) -> Result<Bounds> {
        let told = self.stored.bounds.and_then(|b| b.intersection(&WHOLE));
        let (Some(bounds), None) = (told, self.cut) else {
            let covered = self.covered()?;
            if told.is_none() {
                self.missing.push("bounds");
            }
            let bounds = told.unwrap_or(covered);
            let Some(cut) = self.cut else {
                return Ok(bounds);
            };
            // Tiles reach beyond the area, and data may be in that part only.
            let piece = within(&bounds, &cut).or(bounds.intersection(&covered));
            return Ok(piece.unwrap_or(covered));
        };
        Ok(bounds)
    }

    /// Where a viewer starts: as told if that is in the piece, whose `bounds` these are, or nothing was cut off; else its middle.
    pub(super) fn center(&mut self, bounds: &Bounds) -> (f64, f64, u8) {
        let (lowest, highest) = self.zooms();
        let on_globe = |&(lon, lat, _): &(f64, f64, u8)| {
            (WHOLE.west..=WHOLE.east).contains(&lon) && (WHOLE.south..=WHOLE.north).contains(&lat)
        };
        let told = self.stored.center.filter(on_globe);
        if told.is_none() {
            self.missing.push("center");
        }
        let piece = self.cut.and_then(|cut| in_one_piece(bounds, &cut));
        let piece = piece.unwrap_or(*bounds);
        let in_piece = |&(lon, lat, _): &(f64, f64, u8)| {
            let is_in = |lon: f64| (piece.west..=piece.east).contains(&lon);
            (is_in(lon) || is_in(lon + 360.0)) && (piece.south..=piece.north).contains(&lat)
        };
        let middle = || {
            let lon = (piece.west + piece.east) / 2.0;
            let turn = if piece.east > 180.0 && lon >= 180.0 {
                360.0
            } else {
                0.0
            };
            (lon - turn, (piece.south + piece.north) / 2.0)
        };
        let (lon, lat) = told
            .filter(|center| self.cut.is_none() || in_piece(center))
            .map_or_else(middle, |(lon, lat, _)| (lon, lat));
        let zoom = told.map_or(lowest, |center| center.2);
        (lon, lat, zoom.clamp(lowest, highest))
    }

    /// The lowest and the highest zoom that have tiles.
    pub(super) fn zooms(&self) -> (u8, u8) {
        let z = |tile: Option<&TileCoord>| tile.map_or(0, |tile| tile.z());
        (z(self.tiles.first()), z(self.tiles.last()))
    }

    /// The revision of the tileset.
    pub(super) fn version(&self) -> String {
        let told = self.stored.rows.get("version");
        told.map_or_else(|| DEFAULT_VERSION.to_owned(), Clone::clone)
    }

    /// Whether it lies over other maps or under them.
    pub(super) fn kind(&mut self) -> TilesetKind {
        match self.stored.rows.get("type").map(|word| word.trim()) {
            Some("baselayer") => TilesetKind::Baselayer,
            Some("overlay") => TilesetKind::Overlay,
            _ => {
                self.missing.push("type");
                TilesetKind::Overlay
            }
        }
    }

    /// What the tiles of the highest zoom cover, in degrees; all of the Earth in a scheme that nobody knows.
    fn covered(&self) -> Result<Bounds> {
        let Some(scheme) = self.scheme else {
            return Ok(WHOLE);
        };
        let highest = self.zooms().1;
        let from = self.tiles.partition_point(|tile| tile.z() < highest);
        let squares = self.tiles[from..].iter().map(|&tile| scheme.bounds(tile));
        match squares.reduce(|all, square| all.union(&square)) {
            Some(all) => degrees(&all, scheme),
            None => Ok(WHOLE),
        }
    }
}

/// What `all`, which is within -180 and 180 degrees, shares with `cut`, which may go beyond: from the westernmost to the
/// easternmost of it where it is in two pieces.
fn within(all: &Bounds, cut: &Bounds) -> Option<Bounds> {
    let turn = |by: f64| Bounds::new(cut.west + by, cut.south, cut.east + by, cut.north);
    let both = [cut.to_owned(), turn(-360.0)].into_iter();
    both.filter_map(|cut| all.intersection(&cut))
        .reduce(|a, b| a.union(&b))
}

/// The same, not from -180 to 180 where it is in two pieces, but across the antimeridian and beyond 180 as `cut` is.
fn in_one_piece(all: &Bounds, cut: &Bounds) -> Option<Bounds> {
    let turn = |by: f64| Bounds::new(all.west + by, all.south, all.east + by, all.north);
    let both = [all.to_owned(), turn(360.0)].into_iter();
    both.filter_map(|all| all.intersection(cut))
        .reduce(|a, b| a.union(&b))
}

/// A rectangle of `scheme` in degrees.
///
/// # Errors
/// When PROJ knows no way.
pub(crate) fn degrees(square: &Bounds, scheme: &Scheme) -> Result<Bounds> {
    let crs = Crs::parse(scheme.crs())?;
    let way = Projection::new(&crs, &Crs::lon_lat()?, None)?;
    let Some(period) = crs.period() else {
        // Round a pole, or across the antimeridian: all longitudes.
        let found = way.apply_to_bounds(square).filter(|b| b.west < b.east);
        return Ok(found.and_then(|b| b.intersection(&WHOLE)).unwrap_or(WHOLE));
    };
    // Meridians are upright and evenly spaced.
    let middle = crs.middle();
    let lon = |x: f64| ((x - middle) / period * 360.0).clamp(-180.0, 180.0);
    let (mut xs, mut ys) = ([middle; 2], [square.south, square.north]);
    way.apply(&mut xs, &mut ys);
    let lat = |y: f64, pole: f64| if y.is_finite() { y } else { pole };
    let (south, north) = (lat(ys[0], -90.0), lat(ys[1], 90.0));
    let found = Bounds::new(lon(square.west), south, lon(square.east), north);
    Ok(found.intersection(&WHOLE).unwrap_or(WHOLE))
}
