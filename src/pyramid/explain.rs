//! How one tile comes about: [`explain`]. Its pixels come from the walk that [`build`](super::build) takes, on all threads; what is
//! told of them was taken down by the renderer on the way.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::crown::Crown;
use super::emit::Emitter;
use super::node::Node;
use super::plan::Plan;
use super::run::{Next, Parallel, stream};
use super::times::Watch;
use super::walk::{Shard, Shared, WalkTimes, Walker};
use super::{BuildOptions, Progress, placed, shard_zoom};
use crate::encode::{Fit, Recipe, TileEncoder};
use crate::error::{Error, Kind, Result};
use crate::geo::tile::TileCoord;
use crate::mosaic::Mosaic;
use crate::render::trace::{Spent, TileTrace, Trace};
use crate::render::{Job, Renderer};

/// A tile, and how it came about.
#[derive(Debug, Clone)]
pub struct Explained {
    /// Its bytes; `None` if it is not stored, as there is nothing on it.
    pub data: Option<Arc<[u8]>>,
    /// Whether it has as few bytes as it should.
    pub fit: Fit,
    /// What it is in the tree.
    pub node: NodeKind,
    /// What it was made of.
    pub made: Made,
    /// What that took, summed up over all threads.
    pub times: Times,
}

/// What a tile is to its parent, before it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeKind {
    /// Nothing.
    Empty,
    /// One colour, whole, all over.
    OneColour,
    /// Anything else.
    Pixels {
        /// Pixels that are there, in full or in part.
        valid: u64,
        /// Those that are there in part.
        partly: u64,
    },
}

impl NodeKind {
    fn of(node: &Node) -> Self {
        match node {
            Node::Empty => Self::Empty,
            Node::Solid(_) => Self::OneColour,
            Node::Block(raster) => {
                let count = |is: fn(u8) -> bool| raster.mask.iter().filter(|&&m| is(m)).count();
                Self::Pixels {
                    valid: count(|m| m > 0) as u64,
                    partly: count(|m| m > 0 && m < 255) as u64,
                }
            }
        }
    }
}

/// What a tile is made of.
#[derive(Debug, Clone)]
pub enum Made {
    /// Of the sources.
    Base(TileTrace),
    /// Of the tiles below it.
    Overview {
        /// The zoom of the base tiles.
        base_zoom: u8,
        /// Base tiles that the sources may touch.
        base_tiles: u64,
        /// Those on which there is something.
        with_data: u64,
        /// What of the layers is in them, by their numbers.
        layers: BTreeMap<usize, LayerSum>,
    },
}

/// What of a layer is in many tiles.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LayerSum {
    /// Tiles for which it was read.
    pub tiles: u64,
    /// Levels that were read.
    pub levels: BTreeSet<usize>,
    /// As [`LayerUse::valid_px`](crate::render::trace::LayerUse::valid_px), of all of them.
    pub valid_px: u64,
    /// As [`LayerUse::new_px`](crate::render::trace::LayerUse::new_px), of all of them.
    pub new_px: u64,
}

/// Time by stage.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Times {
    /// Base tiles of the sources.
    pub render: Spent,
    /// Four pixels to one, and quarters put together.
    pub reduce: Duration,
    /// Shade or slope of base tiles, and what is done with the values of the tile when it is shown.
    pub style: Duration,
    /// The picture to bytes.
    pub encode: Duration,
}

/// The tile `z/x/y` of `plan`.
///
/// # Errors
/// [`Kind::Usage`] when the plan has no such zoom, or the scheme no such tile; [`Kind::NoOverlap`] when no source meets it.
pub fn tile_of(plan: &Plan, (z, x, y): (u8, u32, u32)) -> Result<TileCoord> {
    if !(plan.zoom_min..=plan.zoom_max).contains(&z) {
        let (low, high) = (plan.zoom_min, plan.zoom_max);
        let found = format!("tile {z}/{x}/{y}: zoom {z}; expected {low} to {high}, as is baked");
        return Err(Error::usage(found).with_help("-z for other zooms"));
    }
    let tile = plan.scheme.tile(z, x, y)?;
    if plan.covers(tile) {
        return Ok(tile);
    }
    let near = plan.walk(z).next();
    let found = format!(
        "tile {tile}: no source meets it, within the clip if there is one; expected one that is baked"
    );
    let error = Error::new(Kind::NoOverlap, found);
    Err(match near {
        Some(near) => error.with_help(format!("{near} is the first of that zoom that is")),
        None => error,
    })
}

/// Renders `tile`, reduces what it is made of and encodes it by `recipe`, as [`build`](super::build) would, and tells how. `plan` must be
/// [narrowed](Plan::narrowed) to the tile. `watch` is told about ten times a second how far it is; an error of its ends the work.
///
/// # Errors
/// As those of [`build`](super::build).
pub fn explain(
    mosaic: &Mosaic,
    plan: &Plan,
    recipe: &Recipe,
    tile: TileCoord,
    options: &BuildOptions,
    watch: &mut dyn FnMut(&Progress) -> Result<()>,
) -> Result<Explained> {
    let bake = Bake {
        plan,
        job: &plan.job(mosaic),
        recipe: &placed(recipe, plan)?,
        options,
        shared: &Shared::default(),
    };
    let mut seen = Seen::default();
    let mut node = if plan.is_leaf(tile) {
        bake.base(tile, &mut seen, watch)?
    } else {
        bake.overview(tile, &mut seen, watch)?
    };
    let kind = NodeKind::of(&node);
    let mut emitter = bake.emitter()?;
    let emitted = emitter.emit(tile, &mut node)?;
    seen.times.style += emitter.times().style;
    seen.times.encode += emitter.times().encode;
    let made = match (plan.is_leaf(tile), seen.first) {
        (true, first) => Made::Base(first.unwrap_or_default()),
        (false, _) => Made::Overview {
            base_zoom: plan.zoom_max,
            base_tiles: plan.count(plan.zoom_max),
            with_data: seen.with_data,
            layers: seen.layers,
        },
    };
    Ok(Explained {
        fit: emitted.as_ref().map_or(Fit::Fits, |emitted| emitted.fit),
        data: emitted.map(|emitted| emitted.data),
        node: kind,
        made,
        times: seen.times,
    })
}

/// What one tile is baked with.
struct Bake<'a> {
    plan: &'a Plan,
    job: &'a Job<'a>,
    recipe: &'a Recipe,
    options: &'a BuildOptions,
    shared: &'a Shared,
}

impl<'a> Bake<'a> {
    fn emitter(&self) -> Result<Emitter> {
        Ok(Emitter::new(TileEncoder::new(self.recipe)?, self.plan))
    }

    /// A walker that takes down what it renders.
    fn walker(&self) -> Result<Walker<'a>> {
        let budget = &self.options.budget;
        let renderer =
            Renderer::new(self.job).with_windows(budget.window_px, budget.most_window_px);
        let renderer = renderer.traced();
        Ok(Walker::new(
            self.plan,
            renderer,
            self.emitter()?,
            self.shared,
            None,
            None,
        ))
    }

    /// A base tile.
    fn base(
        &self,
        tile: TileCoord,
        seen: &mut Seen,
        watch: &mut dyn FnMut(&Progress) -> Result<()>,
    ) -> Result<Node> {
        watch(&Progress::of(0, 1))?;
        let mut walker = self.walker()?;
        let node = walker.node(tile)?;
        seen.add(walker.take_trace());
        watch(&Progress::of(1, 1))?;
        Ok(node)
    }

    /// An overview, of all that is below it.
    fn overview(
        &self,
        tile: TileCoord,
        seen: &mut Seen,
        watch: &mut dyn FnMut(&Progress) -> Result<()>,
    ) -> Result<Node> {
        let planned = self.plan.count_all();
        let progress = || {
            Progress::of(
                self.shared.done.load(Ordering::Relaxed).min(planned),
                planned,
            )
        };
        // The tile itself is made here.
        let shard_zoom = shard_zoom(self.plan, self.recipe, self.options).max(tile.z() + 1);
        let shards = self.plan.tiles(shard_zoom);
        let parallel = Parallel {
            jobs: self.options.jobs.max(1),
            ahead: 4 * self.options.jobs.max(1),
        };
        let make = |walker: &mut Walker<'a>, k: usize| {
            let shard = walker.watched(shards[k])?;
            Ok((shard, walker.take_trace()))
        };
        let mut made = Node::Empty;
        let take = |next: &mut Next<'_, (Shard, Walked)>| {
            let next_shard = || {
                let mut tick = || watch(&progress()).inspect_err(|_| self.stop());
                tick()?;
                let made = next(&mut tick)?;
                let (shard, walked) =
                    made.ok_or_else(|| Error::internal("a part of a tile is missing"))?;
                seen.add(walked);
                Ok(shard)
            };
            let spent = Watch::start(&self.shared.clock);
            let emitter = self.emitter()?;
            let mut crown =
                Crown::new(
                    self.plan,
                    shard_zoom,
                    emitter,
                    spent,
                    next_shard,
                    |_| Ok(()),
                );
            made = crown.node(tile)?;
            let reduce = crown.reducing();
            drop(crown);
            seen.times.reduce += reduce;
            Ok(())
        };
        stream(parallel, shards.len(), || self.walker(), make, take)?;
        watch(&Progress::of(planned, planned))?;
        Ok(made)
    }

    /// Has the threads end after the base tile that they are at.
    fn stop(&self) {
        self.shared.stop.store(true, Ordering::Relaxed);
    }
}

/// What a walker took down since the last time.
type Walked = (Trace, WalkTimes);

/// What was seen of all base tiles.
#[derive(Default)]
struct Seen {
    first: Option<TileTrace>,
    with_data: u64,
    layers: BTreeMap<usize, LayerSum>,
    times: Times,
}

impl Seen {
    fn add(&mut self, (trace, times): Walked) {
        self.times.render.add(&trace.spent);
        self.times.reduce += times.reduce;
        self.times.style += times.ground;
        for tile in trace.tiles {
            self.with_data += u64::from(tile.has_data);
            let mut before = None;
            for used in tile.uses.iter().filter(|used| used.read.is_some()) {
                let sum = self.layers.entry(used.layer).or_default();
                sum.tiles += u64::from(before.replace(used.layer) != Some(used.layer));
                sum.levels.extend(used.read.map(|read| read.level));
                sum.valid_px += used.valid_px;
                sum.new_px += used.new_px;
            }
            if self.first.is_none() {
                self.first = Some(tile);
            }
        }
    }
}
