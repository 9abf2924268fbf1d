//! What is known only when all families were seen: [`Gathered`].

use std::collections::{BTreeMap, HashMap};

use super::Verified;
use super::findings::Finding;
use super::kinds::Kind;
use super::look::{Hole, Looker, Seen, neighbour};
use super::seam::{Edge, Score, Side, score};
use super::units::{Unit, has};
use crate::geo::bounds::Bounds;
use crate::geo::tile::TileCoord;

/// Of the seams of a zoom, more than this part that are bad are what the tileset is like.
const BAD_SEAMS: f64 = 0.25;

/// Of the tiles of a zoom, more than this part without children are where a tileset goes less deep.
const CHILDLESS: f64 = 0.25;

/// How the tiles of a zoom meet.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Seams {
    /// Pairs of neighbours.
    pub pairs: u64,
    /// Those between which there is a step.
    pub bad: u64,
    /// Mean difference of pixels across a seam, in steps of 255.
    pub across: f64,
    /// The same one pixel inside.
    pub inside: f64,
}

/// What is gathered on the way.
#[derive(Default)]
pub(super) struct Gathered {
    holes: Vec<Hole>,
    /// As [`Seen::childless`], by zoom.
    childless: BTreeMap<u8, Vec<(TileCoord, bool)>>,
    waiting: HashMap<(TileCoord, Side), (Edge, bool)>,
    /// Seams that are bad of tiles that do not agree with a parent.
    bad: HashMap<TileCoord, u8>,
    has_alpha: bool,
    pub(super) lowest_is_solid: bool,
    pub(super) outside: (u64, Option<TileCoord>),
    pub(super) extent: Option<Bounds>,
    n_unknown: u64,
}

impl Gathered {
    /// Adds what was seen of a family.
    pub(super) fn add(
        &mut self,
        seen: Seen,
        unit: &Unit,
        looker: &Looker<'_>,
        verified: &mut Verified,
    ) {
        for (z, bytes) in &seen.tiles {
            let zoom = verified.zooms.entry(*z).or_default();
            zoom.tiles += 1;
            zoom.bytes += bytes;
        }
        verified.n_decoded += seen.n_decoded;
        verified.n_compared += seen.n_pairs;
        self.n_unknown += seen.n_opaque;
        self.has_alpha |= seen.has_alpha;
        self.lowest_is_solid |= unit.is_lowest && !seen.solid.is_empty();
        self.extend_over(&seen.solid, looker);
        self.outside.0 += seen.outside.len() as u64;
        self.outside.1 = self.outside.1.or(seen.outside.first().copied());
        self.holes.extend(&seen.holes);
        if let (Some(parent), Some(is_plain)) = (unit.parent, seen.childless) {
            let parents = self.childless.entry(parent.z()).or_default();
            parents.push((parent, is_plain));
        }
        for (a, b, score) in &seen.scores {
            for (tile, is_bad) in [(*a, score.is_bad()), (*b, score.is_bad())] {
                self.count_bad(tile, is_bad && !seen.confirmed.contains(&tile));
            }
            add_seam(verified, a.z(), score);
        }
        for (tile, side, edge) in seen.edges {
            let confirmed = seen.confirmed.contains(&tile);
            self.meet((tile, side), (edge, confirmed), verified);
        }
        seen.findings
            .into_iter()
            .for_each(|finding| verified.findings.add(finding));
    }

    /// Adds tiles with data of the highest zoom to what those cover.
    fn extend_over(&mut self, solid: &[TileCoord], looker: &Looker<'_>) {
        let highest = looker.tiles.last().map(|tile| tile.z());
        let Some(scheme) = looker.scheme else { return };
        for &tile in solid.iter().filter(|tile| Some(tile.z()) == highest) {
            let bounds = scheme.bounds(tile);
            self.extent = Some(self.extent.map_or(bounds, |extent| extent.union(&bounds)));
        }
    }

    /// Scores a seam once both of its sides are there.
    fn meet(
        &mut self,
        (tile, side): (TileCoord, Side),
        (edge, confirmed): (Edge, bool),
        verified: &mut Verified,
    ) {
        let opposite = match side {
            Side::East => Side::West,
            Side::West => Side::East,
            Side::South => Side::North,
            Side::North => Side::South,
        };
        let Some(other) = neighbour(tile, side) else {
            return;
        };
        let Some((beside, other_confirmed)) = self.waiting.remove(&(other, opposite)) else {
            self.waiting.insert((tile, side), (edge, confirmed));
            return;
        };
        let Some(score) = score(&edge, &beside) else {
            return;
        };
        self.count_bad(tile, score.is_bad() && !confirmed);
        self.count_bad(other, score.is_bad() && !other_confirmed);
        add_seam(verified, tile.z(), &score);
    }

    fn count_bad(&mut self, tile: TileCoord, is_bad: bool) {
        if is_bad {
            *self.bad.entry(tile).or_default() += 1;
        }
    }

    /// Takes down what is known now.
    pub(super) fn conclude(&self, tiles: &[TileCoord], verified: &mut Verified) {
        if self.n_unknown > 0 {
            verified.notes.push(format!(
                "tiles that cannot be decoded here, and were only counted: {}",
                self.n_unknown
            ));
        }
        for zoom in verified.zooms.values_mut() {
            let pairs = zoom.seams.pairs.max(1) as f64;
            zoom.seams.across /= pairs;
            zoom.seams.inside /= pairs;
        }
        self.holes(verified);
        self.childless(verified);
        self.seams(tiles, verified);
    }

    fn holes(&self, verified: &mut Verified) {
        let mut n_plain = 0;
        for Hole { tile, is_plain } in &self.holes {
            // Where nothing is transparent, nothing may be of one colour.
            if *is_plain && !self.has_alpha {
                n_plain += 1;
                continue;
            }
            let expected = "a tile, as its parent has data there";
            verified
                .findings
                .add(Finding::of(Kind::Hole, *tile, "missing", expected));
        }
        if n_plain > 0 {
            verified.notes.push(format!(
                "tiles that are missing where their parents are of one colour: {n_plain}"
            ));
        }
    }

    fn childless(&self, verified: &mut Verified) {
        for (z, parents) in &self.childless {
            let all = verified.zooms.get(z).map_or(0, |zoom| zoom.tiles) as f64;
            if parents.len() > 2 && parents.len() as f64 > CHILDLESS * all {
                let n = parents.len();
                verified.notes.push(format!(
                    "zoom {z}: {n} tiles with data have none below them: not as deep everywhere"
                ));
                continue;
            }
            for &(parent, is_plain) in parents {
                if is_plain && !self.has_alpha {
                    continue;
                }
                let found = "all four tiles below it are missing";
                verified.findings.add(Finding::of(
                    Kind::Hole,
                    parent,
                    found,
                    "tiles where it has data",
                ));
            }
        }
    }

    fn seams(&self, tiles: &[TileCoord], verified: &mut Verified) {
        let mut bad: Vec<(TileCoord, u8)> = self.bad.iter().map(|(tile, n)| (*tile, *n)).collect();
        bad.sort_unstable();
        for (tile, n) in bad {
            let seams = verified
                .zooms
                .get(&tile.z())
                .map(|zoom| zoom.seams)
                .unwrap_or_default();
            if seams.bad as f64 > BAD_SEAMS * seams.pairs as f64 {
                continue;
            }
            let sides = [Side::East, Side::South, Side::West, Side::North];
            let beside = sides.iter().filter_map(|&side| neighbour(tile, side));
            let n_beside = beside.filter(|&other| has(tiles, other)).count();
            if n >= 3 || n == 2 && n_beside == 2 {
                let found = format!("steps at {n} of its {n_beside} sides with neighbours");
                let expected = "a picture that goes on";
                verified
                    .findings
                    .add(Finding::of(Kind::Seam, tile, found, expected));
            }
        }
    }
}

/// Adds up a seam; sums become means at the end.
fn add_seam(verified: &mut Verified, z: u8, score: &Score) {
    let seams = &mut verified.zooms.entry(z).or_default().seams;
    seams.pairs += 1;
    seams.bad += u64::from(score.is_bad());
    seams.across += f64::from(score.across);
    seams.inside += f64::from(score.inside);
}
