//! Which clusters are made: [`clusters`].

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use super::super::plan::Plan;
use super::{Cluster, Root};
use crate::geo::cover::Footprint;
use crate::geo::tile::TileCoord;
use crate::mosaic::Mosaic;
use crate::source::{Level, Source};

/// A job of no more pixels is made whole: 128 tiles of 256 pixels, some tenths of a second.
const WHOLE_PX: u64 = 1 << 23;

/// Base tiles for which there is one cluster of four, a sample of one in 96, where what is decoded for a cluster is no more than
/// [`USUAL_WASTE`] of what it needs. Whoever asks what a bake takes should not wait for a twentieth of it.
const TILES_A_CLUSTER: f64 = 384.0;

/// Pixels decoded for one that is needed: four tiles of 256 pixels and blocks of 512, at 1:1.
const USUAL_WASTE: f64 = 4.0;

/// Pixels a side of what small blocks are decoded in.
const UNIT_PX: f64 = 512.0;

/// Clusters at most: the error falls with the root of their number, to a few percent.
const MOST_CLUSTERS: u64 = 256;

/// Clusters that there are for each that is made, at least, where those made first leave much open.
const CLUSTERS_FOR_ONE: u64 = 4;

/// Tiles that are listed in order to find evenly spread ones among them: listing so many takes less than a tenth of a second.
const MOST_LISTED: u64 = 1 << 18;

/// The clusters of a sample.
pub(super) struct Chosen {
    /// In the order of the walk.
    roots: Vec<Root>,
    /// Equal parts of the row; the first look is at one cluster in each.
    n_parts: usize,
    /// Whether they are all there is, with all zooms.
    pub(super) is_whole: bool,
}

impl Chosen {
    /// Which are made by the end of the look with the number `look`: of each part one, two, four, and so on to all of them.
    pub(super) fn by(&self, look: u32) -> BTreeSet<usize> {
        let of_part = |k| {
            let part = self.part(k);
            let n = part.len().min(1 << look.min(16));
            let first = mixed(k as u64) as usize % part.len();
            // Evenly in their part, with those of the look before among them.
            (0..n).map(move |j| part.start + (first + j * part.len() / n) % part.len())
        };
        (0..self.n_parts).flat_map(of_part).collect()
    }

    /// How many there are for all looks.
    pub(super) fn len(&self) -> usize {
        self.roots.len()
    }

    /// The root of the one at a place in the row.
    pub(super) fn root(&self, at: usize) -> TileCoord {
        self.roots[at].0
    }

    /// The clusters in the part with the number `k`.
    fn part(&self, k: usize) -> Range<usize> {
        let start = |k: usize| k * self.roots.len() / self.n_parts;
        start(k)..start(k + 1)
    }

    /// What was `made`, by their places in the row: those of a part stand for all of it.
    pub(super) fn weighted(&self, made: &BTreeMap<usize, Cluster>) -> Vec<Cluster> {
        let weight = |at: usize| self.roots[at].1;
        let of_part = |k| {
            let part = self.part(k);
            let all: f64 = part.clone().map(weight).sum();
            let seen: f64 = made.range(part.clone()).map(|(&at, _)| weight(at)).sum();
            made.range(part).map(move |(&at, cluster)| Cluster {
                weight: weight(at) * all / seen,
                ..cluster.clone()
            })
        };
        (0..self.n_parts).flat_map(of_part).collect()
    }
}

/// Chooses the clusters of a sample of `plan`: `least` of them to be made first, or more of a large job, and those that may follow
/// if there are to be `more`; less of either if there are not so many.
pub(super) fn clusters(plan: &Plan, mosaic: &Mosaic, least: usize, more: usize) -> Chosen {
    let tile_px = plan.shape.tile_size_px.pow(2) as u64;
    if plan.count_all().saturating_mul(tile_px) <= WHOLE_PX {
        let roots: Vec<Root> = plan.walk(plan.zoom_min).map(|tile| (tile, 1.0)).collect();
        return Chosen {
            n_parts: roots.len(),
            roots,
            is_whole: true,
        };
    }
    let root_zoom = plan.zoom_max.saturating_sub(1);
    let short = |&zoom: &u8| plan.count(zoom) <= MOST_LISTED;
    let list_zoom = (0..=root_zoom).rev().find(short).unwrap_or(0);
    let tiles_a_cluster = TILES_A_CLUSTER * (waste(plan, mosaic) / USUAL_WASTE).max(1.0);
    let n = plan.count(plan.zoom_max) as f64 / tiles_a_cluster;
    let n_first = (n as u64).clamp(least as u64, MOST_CLUSTERS);
    // Not so many more that it comes to a good part of the bake; and beside many, a few more would not tell much more.
    let more = (plan.count(root_zoom) / CLUSTERS_FOR_ONE).min(more as u64);
    let is_few = n_first == least as u64;
    let n = if is_few || more >= 2 * n_first {
        more.max(n_first)
    } else {
        n_first
    };
    let picked = Picked::new(plan.count(list_zoom), n);
    let below = |(k, tile)| below(plan, (tile, 1.0), root_zoom, mixed(k));
    let roots: Vec<Root> = picked.of(plan.walk(list_zoom)).map(below).collect();
    Chosen {
        n_parts: roots.len().min(n_first as usize),
        roots,
        is_whole: false,
    }
}

/// Pixels that are decoded for a cluster, as its tiles are made by themselves, for one that they need: the mean over all layers. Large
/// blocks, and strips as wide as the source, reach far beyond it.
fn waste(plan: &Plan, mosaic: &Mosaic) -> f64 {
    let tile_px = plan.shape.tile_size_px;
    let side = 2.0 * plan.scheme.resolution(plan.zoom_max, tile_px as u32) * tile_px as f64;
    let footprints = plan.layout.footprints().iter();
    let of_layer = |(footprint, layer): (&Option<Footprint>, &Arc<dyn Source>)| {
        let levels = &layer.info().levels;
        let full_px = side / footprint.as_ref()?.resolution;
        // By the overview that is not coarser than the tile.
        let fits = |level: &&Level| {
            let shrunk = level.width as f64 / levels[0].width as f64;
            full_px * shrunk >= 2.0 * tile_px as f64
        };
        let level = levels.iter().rev().find(fits).unwrap_or(&levels[0]);
        let px = (full_px * level.width as f64 / levels[0].width as f64).max(1.0);
        let width = (level.block.0 as f64).max(UNIT_PX);
        let height = (level.block.1 as f64).max(UNIT_PX * UNIT_PX / width);
        Some((px + width) * (px + height) / (px * px))
    };
    let wastes = footprints.zip(mosaic.layers()).filter_map(of_layer);
    let (n, sum) = wastes.fold((0.0, 0.0), |(n, sum), waste| (n + 1.0, sum + waste));
    if n > 0.0 { sum / n } else { USUAL_WASTE }
}

/// Places in a row of things, one in each of some equal parts.
struct Picked {
    length: u64,
    n: u64,
}

impl Picked {
    fn new(length: u64, n: u64) -> Self {
        Self {
            length,
            n: n.min(length),
        }
    }

    /// The place in the part with the number `k`.
    fn place(&self, k: u64) -> u64 {
        let start = |k: u64| (u128::from(k) * u128::from(self.length) / u128::from(self.n)) as u64;
        let (first, end) = (start(k), start(k + 1));
        first + mixed(k) % (end - first)
    }

    /// Those of `items` that lie at the places, each with the number of its part.
    fn of<T>(self, items: impl Iterator<Item = T>) -> impl Iterator<Item = (u64, T)> {
        let places: Vec<u64> = (0..self.n).map(|k| self.place(k)).collect();
        let mut places = (0..).zip(places).peekable();
        (0..).zip(items).filter_map(move |(at, item)| {
            let (k, _) = places.next_if(|(_, place)| *place == at)?;
            Some((k, item))
        })
    }
}

/// A tile of `zoom` below `tile`, and for how many it stands: at every zoom down one of the children that are covered, for all of
/// them.
fn below(plan: &Plan, (tile, weight): Root, zoom: u8, number: u64) -> Root {
    if tile.z() == zoom {
        return (tile, weight);
    }
    let children = tile.children().into_iter();
    let covered: Vec<TileCoord> = children.filter(|&child| plan.covers(child)).collect();
    let child = covered[number as usize % covered.len()];
    let number = mixed(number);
    below(plan, (child, weight * covered.len() as f64), zoom, number)
}

/// A number that has nothing to do with `k` but is always the same: SplitMix64 (Steele, Lea and Flood).
fn mixed(k: u64) -> u64 {
    let mut z = k.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_picked_of_each_part_and_always_the_same() {
        for (length, n) in [(10, 10), (11, 3), (1000, 7), (5, 8), (1, 1), (1 << 40, 4)] {
            let picked = Picked::new(length, n);
            for k in 0..picked.n {
                let (place, n) = (picked.place(k), picked.n);
                assert!(place >= k * length / n, "{length} {n} {k}");
                assert!(place < (k + 1) * length / n, "{length} {n} {k}");
            }
        }
        let picked = |n| -> Vec<(u64, u32)> { Picked::new(100, n).of(0..100).collect() };
        assert_eq!(picked(9).len(), 9);
        assert_eq!(picked(9), picked(9));
        assert_eq!(picked(100), (0..100).zip(0..100).collect::<Vec<_>>());
    }

    #[test]
    fn each_look_is_at_twice_as_many_and_they_stand_for_all() {
        for (n, n_parts) in [(32, 6), (32, 8), (32, 32), (33, 9), (10, 9), (1, 1), (0, 0)] {
            let roots: Vec<Root> = (0..n)
                .map(|k| (TileCoord::new(9, k, 0), f64::from(k + 1)))
                .collect();
            let total: f64 = roots.iter().map(|(_, weight)| weight).sum();
            let chosen = Chosen {
                roots,
                n_parts,
                is_whole: false,
            };
            let mut before = BTreeSet::new();
            for look in 0..40 {
                let seen = chosen.by(look);
                assert!(seen.is_superset(&before), "{n} {n_parts} {look}");
                let most = n_parts << look.min(16);
                assert!(seen.len() <= most.min(chosen.len()), "{n} {n_parts} {look}");
                // What a cluster is made of is told by a number in it.
                let made = |at: usize| (at, made_of(chosen.root(at)));
                let weighted = chosen.weighted(&seen.iter().copied().map(made).collect());
                let told: Vec<usize> = weighted.iter().map(number_of).collect();
                assert_eq!(told, seen.iter().copied().collect::<Vec<_>>());
                let weights: f64 = weighted.iter().map(|cluster| cluster.weight).sum();
                assert!((weights - total).abs() < 1e-9, "{n} {n_parts} {look}");
                for k in 0..n_parts {
                    assert!(seen.range(chosen.part(k)).next().is_some());
                }
                before = seen;
            }
            assert_eq!(before.len(), chosen.len());
        }
    }

    fn made_of(root: TileCoord) -> Cluster {
        Cluster {
            weight: 0.0,
            levels: vec![super::super::Level {
                tiles: root.x().into(),
                ..Default::default()
            }],
        }
    }

    fn number_of(cluster: &Cluster) -> usize {
        cluster.levels[0].tiles as usize
    }

    #[test]
    fn mixed_numbers_are_spread() {
        let mean = (0..1000)
            .map(|k| mixed(k) as f64 / u64::MAX as f64)
            .sum::<f64>()
            / 1000.0;
        assert!((mean - 0.5).abs() < 0.03, "{mean}");
    }
}
