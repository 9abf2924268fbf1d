//! The sides of tiles, where they meet.

use super::{Looker, Seen};
use crate::geo::tile::TileCoord;
use crate::verify::picture::Picture;
use crate::verify::seam::{Edge, Side, score};
use crate::verify::units::has;

impl Looker<'_> {
    /// Scores the seams within the family, and keeps the sides that others meet.
    pub(super) fn seams(&self, children: &[(TileCoord, Option<Picture>)], seen: &mut Seen) {
        let mut edges = Vec::new();
        for (tile, picture) in children {
            let Some(picture) = picture else { continue };
            for side in [Side::East, Side::South, Side::West, Side::North] {
                let neighbour = neighbour(*tile, side);
                if neighbour.is_some_and(|neighbour| has(self.tiles, neighbour)) {
                    edges.extend(Edge::of(picture, side).map(|edge| (*tile, side, edge)));
                }
            }
        }
        for (tile, side, edge) in edges {
            let other = neighbour(tile, side).filter(|other| other.parent() == tile.parent());
            let (Some(other), true) = (other, tile.z() > 0) else {
                seen.edges.push((tile, side, edge));
                continue;
            };
            let opposite = match side {
                Side::East => Side::West,
                Side::South => Side::North,
                Side::West | Side::North => continue,
            };
            let beside = children.iter().find(|(tile, _)| *tile == other);
            let beside = beside.and_then(|(_, picture)| Edge::of(picture.as_ref()?, opposite));
            let met = beside.and_then(|beside| score(&edge, &beside));
            seen.scores.extend(met.map(|score| (tile, other, score)));
        }
    }
}

/// The tile beside `tile`, if the matrix goes on there; not across the antimeridian.
pub(in crate::verify) fn neighbour(tile: TileCoord, side: Side) -> Option<TileCoord> {
    let (z, x, y) = (tile.z(), tile.x(), tile.y());
    let (x, y) = match side {
        Side::East => (x.checked_add(1)?, y),
        Side::South => (x, y.checked_add(1)?),
        Side::West => (x.checked_sub(1)?, y),
        Side::North => (x, y.checked_sub(1)?),
    };
    Some(TileCoord::new(z, x, y))
}
