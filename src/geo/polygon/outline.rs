//! [`Outline`]: the rings of one polygon, and which of their edges a rectangle has to do with.

use std::ops::Range;

use super::boxes::{self, BoxTree, Next};
use super::{Place, Touch};
use crate::geo::bounds::Bounds;

/// Edges in one block, the smallest thing that has a rectangle.
const BLOCK: usize = 8;

/// Rings, one after the other.
pub(super) struct Outline {
    /// Each ring's first place again at its end.
    places: Vec<Place>,
    blocks: Vec<Block>,
    tree: BoxTree,
}

/// Some edges of one ring, as positions in `places`: edges `first` to `end - 1`, each from its own place to the next.
struct Block {
    first: usize,
    end: usize,
    ring: Range<usize>,
}

impl Outline {
    pub(super) fn new(rings: Vec<Vec<Place>>) -> Option<Self> {
        let mut rings: Vec<(Bounds, Vec<Place>)> = rings.into_iter().filter_map(closed).collect();
        boxes::sort(&mut rings, |ring| ring.0);
        let mut places = Vec::with_capacity(rings.iter().map(|ring| ring.1.len()).sum());
        let (mut blocks, mut around) = (Vec::new(), Vec::new());
        for (_, ring) in rings {
            let start = places.len();
            places.extend(ring);
            // As many edges as places but one.
            let last = places.len() - 1;
            for first in (start..last).step_by(BLOCK) {
                let end = (first + BLOCK).min(last);
                blocks.push(Block {
                    first,
                    end,
                    ring: start..last,
                });
                around.extend(bounds_of(&places[first..=end]));
            }
        }
        (!blocks.is_empty()).then(|| Self {
            places,
            blocks,
            tree: BoxTree::new(around),
        })
    }

    /// Of all rings, each ring's first one again at its end.
    pub(super) fn places(&self) -> &[Place] {
        &self.places
    }

    pub(super) fn bounds(&self) -> Bounds {
        self.tree.bounds().expect("an outline has an edge")
    }

    /// The stretches of ring that blocks consist of, each by its two ends. Rings that are whole within have no ends, and
    /// cross nothing that encloses or passes them.
    fn stretches(&self, blocks: Range<usize>) -> [Option<(Place, Place)>; 2] {
        let (a, b) = (&self.blocks[blocks.start], &self.blocks[blocks.end - 1]);
        let stretch = |from: usize, to: usize| Some((self.places[from], self.places[to]));
        if a.ring == b.ring {
            [stretch(a.first, b.end), None]
        } else {
            [stretch(a.first, a.ring.end), stretch(b.ring.start, b.end)]
        }
    }

    /// Hands `f` the edges that say what is inside within `bounds`: those that come near it, and for those further west
    /// straight lines that cross the same rows.
    pub(super) fn edges(&self, bounds: &Bounds, mut f: impl FnMut(Place, Place)) {
        self.tree.visit(|around, range| {
            if around.north <= bounds.south
                || around.south >= bounds.north
                || around.west >= bounds.east
            {
                return Next::Skip;
            }
            if around.east <= bounds.west {
                for (from, to) in self.stretches(range).into_iter().flatten() {
                    f(from, to);
                }
                return Next::Skip;
            }
            if range.len() > 1 {
                return Next::Descend;
            }
            let block = &self.blocks[range.start];
            for edge in self.places[block.first..=block.end].windows(2) {
                f(edge[0], edge[1]);
            }
            Next::Skip
        });
    }

    /// How the inner of `bounds` lies to this polygon.
    pub(super) fn touch(&self, bounds: &Bounds) -> Touch {
        let middle = [
            (bounds.west + bounds.east) / 2.0,
            (bounds.south + bounds.north) / 2.0,
        ];
        let (mut odd, mut edge) = (false, false);
        self.tree.visit(|around, range| {
            if around.north <= bounds.south
                || around.south >= bounds.north
                || around.west >= bounds.east
            {
                return Next::Skip;
            }
            if around.east <= bounds.west {
                for (from, to) in self.stretches(range).into_iter().flatten() {
                    odd ^= (from[1] > middle[1]) != (to[1] > middle[1]);
                }
                return Next::Skip;
            }
            if range.len() > 1 {
                return Next::Descend;
            }
            let block = &self.blocks[range.start];
            for pair in self.places[block.first..=block.end].windows(2) {
                let (from, to) = (pair[0], pair[1]);
                if crosses(from, to, bounds) {
                    edge = true;
                    return Next::Stop;
                }
                odd ^= passes_west(from, to, middle);
            }
            Next::Skip
        });
        match (edge, odd) {
            (true, _) => Touch::Edge,
            (false, true) => Touch::Inside,
            (false, false) => Touch::Outside,
        }
    }
}

/// A ring with its first place at its end, and the rectangle around it; `None` without an area.
fn closed(mut ring: Vec<Place>) -> Option<(Bounds, Vec<Place>)> {
    ring.dedup();
    if ring.first() != ring.last() {
        ring.push(ring[0]);
    }
    let around = bounds_of(&ring)?;
    (ring.len() > 3 && around.west < around.east && around.south < around.north)
        .then_some((around, ring))
}

fn bounds_of(places: &[Place]) -> Option<Bounds> {
    places
        .iter()
        .map(|&[x, y]| Bounds::new(x, y, x, y))
        .reduce(|all, place| all.union(&place))
}

/// Whether an edge may enter the inner of a rectangle.
fn crosses(from: Place, to: Place, bounds: &Bounds) -> bool {
    if from[0].max(to[0]) <= bounds.west
        || from[0].min(to[0]) >= bounds.east
        || from[1].max(to[1]) <= bounds.south
        || from[1].min(to[1]) >= bounds.north
    {
        return false;
    }
    // How far the middle of the rectangle is off the line, against how far its corners reach towards it.
    let (dx, dy) = (to[0] - from[0], to[1] - from[1]);
    let (x, y) = (
        (bounds.west + bounds.east) / 2.0 - from[0],
        (bounds.south + bounds.north) / 2.0 - from[1],
    );
    let reach = dx.abs() * bounds.height() / 2.0 + dy.abs() * bounds.width() / 2.0;
    (dx * y - dy * x).abs() <= reach
}

/// Whether an edge crosses the height of `place` west of it.
fn passes_west(from: Place, to: Place, place: Place) -> bool {
    if (from[1] > place[1]) == (to[1] > place[1]) {
        return false;
    }
    let t = (place[1] - from[1]) / (to[1] - from[1]);
    from[0] + (to[0] - from[0]) * t < place[0]
}
