//! One family of tiles looked at: decoded, compared with the parent and with each other: [`Looker::look`].

mod edges;
mod family;
mod open;

use std::collections::BTreeMap;
use std::sync::Mutex;

use super::agree::Typical;
use super::findings::Finding;
use super::kinds::Kind;
use super::picture::{Meaning, Picture};
use super::quadrant::is_solid;
use super::seam::{Edge, Score, Side};
use super::units::Unit;
use crate::archive::Store;
use crate::encode::Format;
use crate::error::Result;
use crate::geo::bounds::Bounds;
use crate::geo::scheme::Scheme;
use crate::geo::tile::TileCoord;

pub(super) use self::edges::neighbour;
pub(super) use self::open::unreadable;

/// What all families are looked at with.
pub(super) struct Looker<'a> {
    pub(super) store: Mutex<&'a mut dyn Store>,
    pub(super) tiles: &'a [TileCoord],
    pub(super) meaning: Meaning,
    /// What tiles should be.
    pub(super) format: Option<Format>,
    pub(super) size_px: Option<(usize, usize)>,
    pub(super) typical: Typical,
    /// Zooms of parents that are moved as a whole, as [`Moved::zooms`](super::moved::Moved::zooms).
    pub(super) moved: BTreeMap<u8, (isize, isize)>,
    pub(super) scheme: Option<&'a Scheme>,
    /// The bounds that the tileset tells, in the units of the scheme, and a bit more.
    pub(super) area: Option<Bounds>,
}

/// What was seen of a family.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) findings: Vec<Finding>,
    /// Zoom and bytes of each tile.
    pub(super) tiles: Vec<(u8, u64)>,
    pub(super) n_decoded: u64,
    /// Of a format that cannot be decoded here.
    pub(super) n_opaque: u64,
    pub(super) n_pairs: u64,
    /// Tiles that are missing though there is something of them in the parent.
    pub(super) holes: Vec<Hole>,
    /// Where the parent has data and no children at all: whether it is all as [`Hole::is_plain`].
    pub(super) childless: Option<bool>,
    /// Sides of tiles whose neighbours belong to other families.
    pub(super) edges: Vec<(TileCoord, Side, Edge)>,
    /// How tiles of the family meet.
    pub(super) scores: Vec<(TileCoord, TileCoord, Score)>,
    /// Tiles that agree with their parent.
    pub(super) confirmed: Vec<TileCoord>,
    /// Whether some pixel is not opaque.
    pub(super) has_alpha: bool,
    /// Tiles that have data worth a pixel of a parent.
    pub(super) solid: Vec<TileCoord>,
    /// Those of them that the bounds do not reach.
    pub(super) outside: Vec<TileCoord>,
}

/// A missing tile.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hole {
    pub(super) tile: TileCoord,
    /// Whether what the parent has in its place is opaque and of one colour, which may be how it shows nothing.
    pub(super) is_plain: bool,
}

impl Looker<'_> {
    /// Looks at `unit`.
    ///
    /// # Errors
    /// When the container cannot be reached any more.
    pub(super) fn look(&self, unit: &Unit) -> Result<Seen> {
        let mut seen = Seen::default();
        let tiles = &self.tiles[unit.children.clone()];
        let mut children: Vec<(TileCoord, Option<Picture>)> = Vec::with_capacity(tiles.len());
        for &tile in tiles {
            children.push((tile, self.open(tile, &mut seen)?));
        }
        let parent = match unit.parent.filter(|_| unit.has_parent) {
            Some(parent) => self.parent(parent)?.map(|picture| (parent, picture)),
            None => None,
        };
        for (tile, picture) in &children {
            self.alone(*tile, picture.as_ref(), unit, &mut seen);
        }
        if let Some((tile, picture)) = &parent {
            self.missing((*tile, picture), &children, &mut seen);
            self.compare((*tile, picture), &children, &mut seen);
        }
        self.seams(&children, &mut seen);
        Ok(seen)
    }

    /// What can be said of a tile by itself.
    fn alone(&self, tile: TileCoord, picture: Option<&Picture>, unit: &Unit, seen: &mut Seen) {
        let is_data = picture.is_none_or(is_solid);
        if let Some(picture) = picture {
            seen.has_alpha |= !picture.raster.is_opaque();
        }
        if !is_data {
            return;
        }
        if !unit.has_parent && !unit.is_lowest {
            let parent = unit
                .parent
                .map_or_else(String::new, |parent| parent.to_string());
            let found = "no tile above it";
            seen.findings.push(Finding::of(
                Kind::Orphan,
                tile,
                found,
                format!("its parent {parent}"),
            ));
        }
        if picture.is_none() {
            return;
        }
        seen.solid.push(tile);
        if let (Some(scheme), Some(area)) = (self.scheme, &self.area)
            && !scheme.bounds(tile).intersects(area)
        {
            seen.outside.push(tile);
        }
    }
}
