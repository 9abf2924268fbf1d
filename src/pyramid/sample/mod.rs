//! What a bake will come to, from a sample of it that is really made: [`take`], and [`Sample::forecast`].
//!
//! The sample is of *clusters*: the tiles below one tile of the zoom above the base, and that tile. They lie evenly along the walk,
//! one in each of as many equal parts of it, at a place that a fixed sequence of numbers chooses: the same job has the same sample. Where
//! few of them leave much open, more are looked at.
//! Tiles are rendered, reduced, styled and encoded as a bake does it, and nothing is written.
//!
//! Zooms above the clusters are told from how the two zooms in them differ. A job of few pixels is made whole, and nothing is left to
//! be told.

mod choose;
mod forecast;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

pub use self::forecast::{Forecast, Of, Zoom};
use super::emit::Emitter;
use super::node::{Canvas, Node};
use super::plan::Plan;
use super::survey::Means;
use super::walk::{Shared, Walker};
use super::{Next, Parallel, budget, placed, stream};
use crate::encode::{Recipe, TileEncoder};
use crate::error::Result;
use crate::geo::tile::TileCoord;
use crate::mosaic::Mosaic;
use crate::render::Renderer;
use crate::source::meter::{Decoded, decoded_here, thread_cpu};

/// Clusters at least: from fewer nobody can tell how much they differ.
const LEAST_CLUSTERS: usize = 6;

/// Clusters at most where fewer leave the bytes open by half or more to each side, as of a small job with tiles that are very unlike each
/// other. They are looked at until it is less: twice as many each time.
const MORE_CLUSTERS: usize = 32;

/// Tiles of a cluster.
const CLUSTER_TILES: u64 = 5;

/// The root of a cluster, and for how many it stands, beside the others.
type Root = (TileCoord, f64);

/// A sample of a bake.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// In the order of the walk.
    clusters: Vec<Cluster>,
    /// Whether it is all of the bake.
    pub is_whole: bool,
    /// What the pixels of a tile weigh before they are encoded.
    tile_bytes: usize,
}

/// What was made of one cluster.
#[derive(Debug, Clone, Default, PartialEq)]
struct Cluster {
    /// For how many clusters it stands, beside the others.
    weight: f64,
    /// The base, and the zooms above it.
    levels: Vec<Level>,
}

/// The tiles of one zoom of a cluster.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Level {
    /// Looked at.
    tiles: u64,
    /// Not blank.
    stored: u64,
    /// Of those.
    bytes: u64,
    /// Processor time, decoding left out.
    cpu: Duration,
    decoded: Decoded,
}

/// Makes a sample of what `plan` makes of `mosaic`, encoded by `recipe`. `tick` hears how many tiles are done, of how many; an error
/// of its ends the work.
///
/// # Errors
/// When a source cannot be read, or a format cannot hold the picture.
pub fn take(
    mosaic: &Mosaic,
    plan: &Plan,
    recipe: &Recipe,
    means: Means,
    tick: &mut dyn FnMut(u64, u64) -> Result<()>,
) -> Result<Sample> {
    let recipe = &placed(recipe, plan)?;
    let chosen = choose::clusters(plan, mosaic, LEAST_CLUSTERS, MORE_CLUSTERS);
    let mut made = BTreeMap::new();
    let mut look = 0;
    loop {
        let wanted = chosen.by(look).into_iter();
        let new: Vec<usize> = wanted.filter(|at| !made.contains_key(at)).collect();
        let roots: Vec<TileCoord> = new.iter().map(|&at| chosen.root(at)).collect();
        let work = (means, &*roots, chosen.is_whole);
        made.extend(new.into_iter().zip(make(mosaic, plan, recipe, work, tick)?));
        let sample = Sample {
            clusters: chosen.weighted(&made),
            is_whole: chosen.is_whole,
            tile_bytes: plan.shape.tile_size_px.pow(2) * budget::pixel_bytes(&plan.shape),
        };
        let bytes = sample.forecast(plan).bytes;
        let is_vague = bytes.high - bytes.low > bytes.estimate;
        if made.len() >= chosen.len() || !is_vague {
            return Ok(sample);
        }
        look += 1;
    }
}

/// Makes the clusters below `roots`, or if these are all of the bake, all of it.
fn make(
    mosaic: &Mosaic,
    plan: &Plan,
    recipe: &Recipe,
    (means, roots, is_whole): (Means, &[TileCoord], bool),
    tick: &mut dyn FnMut(u64, u64) -> Result<()>,
) -> Result<Vec<Cluster>> {
    let planned = if is_whole {
        plan.count_all()
    } else {
        CLUSTER_TILES * roots.len() as u64
    };
    let job = plan.job(mosaic);
    let shared = Shared::default();
    let (usual_px, most_px) = means.windows_px;
    let n_started = AtomicUsize::new(0);
    let start = || {
        let renderer = Renderer::new(&job).with_windows(usual_px, most_px);
        let emitter = Emitter::new(TileEncoder::new(recipe)?, plan);
        let mut bench = Bench {
            walker: Walker::new(plan, renderer, emitter, &shared, None, None),
            plan,
            cluster: Cluster::default(),
        };
        // Each of a few threads with what it is likely to make first: they need not wait for each other, and what was decoded is used.
        // What decoding takes is seen from all the other clusters.
        let k = n_started.fetch_add(1, Ordering::Relaxed) % (roots.len() / 3).max(1);
        if !is_whole && let Some(&root) = roots.get(k) {
            bench.warm_up(root)?;
        }
        Ok(bench)
    };
    let make = |bench: &mut Bench, k: usize| bench.cluster(roots[k]);
    let parallel = Parallel {
        jobs: means.jobs,
        ahead: usize::MAX,
    };
    let mut clusters = Vec::with_capacity(roots.len());
    stream(
        parallel,
        roots.len(),
        start,
        make,
        |next: &mut Next<'_, Cluster>| {
            let mut done = 0;
            while let Some(cluster) = next(&mut || tick(done, planned))? {
                done += cluster.tiles();
                clusters.push(cluster);
                tick(done.min(planned), planned)?;
            }
            Ok(())
        },
    )?;
    Ok(clusters)
}

impl Cluster {
    fn tiles(&self) -> u64 {
        self.levels.iter().map(|level| level.tiles).sum()
    }
}

impl Sample {
    /// Tiles that were made or found blank.
    pub fn n_tiles(&self) -> u64 {
        self.clusters.iter().map(Cluster::tiles).sum()
    }

    /// Pixels of the sources that were decoded.
    pub fn decoded_px(&self) -> u64 {
        let levels = self.clusters.iter().flat_map(|cluster| &cluster.levels);
        levels.map(|level| level.decoded.decoded_px).sum()
    }

    /// Places that they lie at.
    pub fn n_clusters(&self) -> usize {
        self.clusters.len()
    }
}

/// One thread's place of work.
struct Bench<'a> {
    walker: Walker<'a>,
    plan: &'a Plan,
    /// The one in the making.
    cluster: Cluster,
}

impl Bench<'_> {
    /// Renders a tile below `root` that nobody counts: with the first, a thread opens files, asks PROJ for the way and gets its memory.
    fn warm_up(&mut self, root: TileCoord) -> Result<()> {
        let mut tile = root;
        while !self.plan.is_leaf(tile) {
            let children = tile.children();
            let covered = children.into_iter().find(|&child| self.plan.covers(child));
            tile = covered.expect("a tile is covered when one of its children is");
        }
        self.walker.render(tile).map(drop)
    }

    fn cluster(&mut self, root: TileCoord) -> Result<Cluster> {
        self.cluster = Cluster::default();
        if self.plan.wants(root) {
            self.walk(root)?;
        } else {
            for child in root.children() {
                self.walk(child)?;
            }
        }
        Ok(std::mem::take(&mut self.cluster))
    }

    /// As the walk of a bake, with a clock beside each tile.
    fn walk(&mut self, tile: TileCoord) -> Result<Node> {
        if !self.plan.covers(tile) {
            return Ok(Node::Empty);
        }
        let mut canvas = Canvas::empty(self.plan.shape);
        let is_leaf = self.plan.is_leaf(tile);
        if !is_leaf {
            for child in tile.children() {
                canvas.place(child.quadrant(), self.walk(child)?);
            }
        }
        let (cpu_before, decoded_before) = (thread_cpu(), decoded_here());
        let mut node = if is_leaf {
            self.walker.render(tile)?
        } else {
            canvas.into_node()
        };
        let emitted = self.walker.encode(tile, &mut node)?;
        let reduced = node.reduce(self.plan.reducer);
        let decoded = decoded_here() - decoded_before;
        let height = usize::from(self.plan.zoom_max - tile.z());
        let levels = &mut self.cluster.levels;
        if levels.len() <= height {
            levels.resize(height + 1, Level::default());
        }
        let level = &mut levels[height];
        level.tiles += 1;
        level.stored += u64::from(emitted.is_some());
        level.bytes += emitted.map_or(0, |emitted| emitted.data.len() as u64);
        level.cpu += (thread_cpu() - cpu_before).saturating_sub(decoded.cpu);
        level.decoded += decoded;
        Ok(reduced)
    }
}
