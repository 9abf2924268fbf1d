//! Whether tiles are what the sources make of them: [`against`]. They are baked once more, by the walk of a bake, and compared as
//! they come.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::findings::Finding;
use super::kinds::Kind;
use super::look::unreadable;
use super::sample::Sample;
use super::{Options, Verified, pass_over};
use crate::archive::{Digest, Metadata, Sink, Staged, Store, open_store};
use crate::diff::pixels::{Shown, compare, decode};
use crate::diff::{Measure, order};
use crate::encode::Recipe;
use crate::error::{Error, Result};
use crate::geo::tile::TileCoord;
use crate::mosaic::Mosaic;
use crate::pyramid::plan::Plan;
use crate::pyramid::{BuildOptions, Progress, build};

/// What tiles are made of, and how.
pub struct Rendering<'a> {
    /// The sources.
    pub mosaic: &'a Mosaic,
    /// What was baked: its highest zoom is that of the base, its lowest the first that is compared.
    pub plan: Plan,
    /// How tiles were encoded.
    pub recipe: &'a Recipe,
    /// How to bake.
    pub build: &'a BuildOptions,
}

/// How to compare.
#[derive(Debug, Clone, Copy)]
pub struct Comparison {
    /// Which tiles.
    pub sample: Sample,
    /// The largest difference that is none: see [`Measure::is_within`].
    pub tolerance: f64,
}

/// What was compared.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Against {
    /// Tiles that were looked at.
    pub tiles: u64,
    /// Of how many that are stored, or that the sources may touch.
    pub of: u64,
    /// The same bytes.
    pub equal: u64,
    /// Other bytes that show the same.
    pub reencoded: u64,
    /// Different within the tolerance.
    pub within: u64,
    /// Different.
    pub different: u64,
    /// Not stored, though the sources have data.
    pub missing: u64,
    /// Stored, though the sources have nothing.
    pub surplus: u64,
    /// Neither stored nor made.
    pub nothing: u64,
    /// Stored, but unreadable.
    pub unreadable: u64,
    /// The tile with the largest difference, the first of several.
    pub largest: Option<(TileCoord, Measure)>,
}

/// Compares tiles of the tileset at `path` with what `rendering` makes; what it finds is added to `verified`. `watch` is told how far
/// it is; an error of its ends the work.
///
/// # Errors
/// When the tileset or a source cannot be read.
pub fn against(
    path: &Path,
    rendering: Rendering<'_>,
    comparison: Comparison,
    options: &Options,
    verified: &mut Verified,
    watch: &mut dyn FnMut(&Progress) -> Result<()>,
) -> Result<()> {
    let mut store = open_store(path)?;
    if let Some(stop) = &options.stop {
        store.heed(Arc::clone(stop));
    }
    let candidates = candidates(&store.tiles()?, &rendering.plan);
    let tiles: Vec<TileCoord> = candidates.iter().map(|met| met.tile()).collect();
    let sample = comparison.sample.of(&tiles);
    let stored = candidates
        .iter()
        .filter(|met| !matches!(met, order::Met::InB(_)));
    let stored: Vec<TileCoord> = stored.map(|met| met.tile()).collect();
    let is_stored = |tile: &TileCoord| super::units::has(&stored, *tile);
    let expected: Vec<TileCoord> = sample.iter().copied().filter(is_stored).collect();
    store.expect(&expected)?;
    let Rendering {
        mosaic,
        plan,
        recipe,
        build: how,
    } = rendering;
    let plan = plan.narrowed(&sample);
    let beside = Beside(Arc::new(Mutex::new(State {
        store,
        waiting: sample.iter().map(|tile| (*tile, is_stored(tile))).collect(),
        tolerance: comparison.tolerance,
        told: Against {
            tiles: sample.len() as u64,
            of: tiles.len() as u64,
            ..Against::default()
        },
        findings: Vec::new(),
    })));
    let state = Arc::clone(&beside.0);
    build(
        mosaic,
        &plan,
        recipe,
        &mut [Box::new(beside) as Box<dyn Sink>],
        how,
        watch,
    )?;
    let mut state = lock(&state);
    state.conclude();
    state.store.check_unchanged()?;
    let findings = std::mem::take(&mut state.findings);
    findings
        .into_iter()
        .for_each(|finding| verified.findings.add(finding));
    verified.against = Some(state.told);
    pass_over(verified, &options.ignore);
    Ok(())
}

/// Tiles of the zooms that `stored` and `plan` have in common, of which one of them has each: A is `stored`.
fn candidates(stored: &[TileCoord], plan: &Plan) -> Vec<order::Met> {
    let (Some(first), Some(last)) = (stored.first(), stored.last()) else {
        return Vec::new();
    };
    let zooms = first.z().max(plan.zoom_min)..=last.z().min(plan.zoom_max);
    let planned: Vec<TileCoord> = zooms.clone().flat_map(|z| plan.walk(z)).collect();
    let stored: Vec<TileCoord> = stored
        .iter()
        .copied()
        .filter(|tile| zooms.contains(&tile.z()))
        .collect();
    order::merged(&stored, &planned).collect()
}

/// What a tile should be.
const EXPECTED: &str = "what the sources make of it";

/// A sink that keeps nothing: what comes in is compared with what is stored.
struct Beside(Arc<Mutex<State>>);

struct State {
    store: Box<dyn Store>,
    /// Tiles that have not come yet, and whether they are stored.
    waiting: HashMap<TileCoord, bool>,
    tolerance: f64,
    told: Against,
    findings: Vec<Finding>,
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    // A tile is either counted or not.
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Sink for Beside {
    fn write(&mut self, tile: TileCoord, data: &[u8], _: Option<Digest>) -> Result<()> {
        lock(&self.0).compare(tile, data)
    }

    fn finish(self: Box<Self>, _: &Metadata) -> Result<Staged> {
        Err(Error::internal("tiles that were compared are no output"))
    }
}

impl State {
    /// Compares what is stored with `made`.
    fn compare(&mut self, tile: TileCoord, made: &[u8]) -> Result<()> {
        let Some(is_stored) = self.waiting.remove(&tile) else {
            return Ok(());
        };
        if !is_stored {
            self.told.missing += 1;
            let finding = Finding::of(
                Kind::Missing,
                tile,
                "missing",
                "a tile, as the sources have data there",
            );
            self.findings.push(finding);
            return Ok(());
        }
        let stored = match self.store.read(tile) {
            Ok(stored) => stored.unwrap_or_default(),
            Err(error) => {
                // There is a finding of it already.
                unreadable(error)?;
                self.told.unreadable += 1;
                return Ok(());
            }
        };
        if stored == made {
            self.told.equal += 1;
            return Ok(());
        }
        self.compare_pixels(tile, stored, made.to_vec());
        Ok(())
    }

    fn compare_pixels(&mut self, tile: TileCoord, mut stored: Vec<u8>, mut made: Vec<u8>) {
        let measured = both(&mut stored, &mut made).and_then(|(stored, made)| {
            compare(&stored, &made).map_err(|unlike| (unlike.a, unlike.b))
        });
        let (found, expected) = match measured {
            Ok(measure) if measure.is_nothing() => {
                self.told.reencoded += 1;
                return;
            }
            Ok(measure) => {
                let most = self
                    .told
                    .largest
                    .as_ref()
                    .map_or(0.0, |(_, most)| most.largest());
                if measure.largest() > most {
                    self.told.largest = Some((tile, measure));
                }
                if measure.is_within(self.tolerance) {
                    self.told.within += 1;
                    return;
                }
                let share = format!(
                    "{:.1} % of its pixels differ: {measure}",
                    100.0 * measure.share()
                );
                (share, EXPECTED.to_owned())
            }
            Err(unlike) => unlike,
        };
        self.told.different += 1;
        self.findings
            .push(Finding::of(Kind::Source, tile, found, expected));
    }

    /// Takes down what has not come.
    fn conclude(&mut self) {
        for (tile, is_stored) in std::mem::take(&mut self.waiting) {
            if !is_stored {
                self.told.nothing += 1;
                continue;
            }
            self.told.surplus += 1;
            let expected = "none, as the sources have nothing there";
            self.findings
                .push(Finding::of(Kind::Surplus, tile, "a tile", expected));
        }
        self.findings.sort_by_key(|finding| finding.tile);
    }
}

/// Both decoded, or what is found and what is expected of the first that cannot be.
fn both(
    stored: &mut [u8],
    made: &mut [u8],
) -> std::result::Result<(Shown, Shown), (String, String)> {
    let read = |found: String| {
        let found = format!("other bytes, which cannot be decoded ({found})");
        (found, EXPECTED.to_owned())
    };
    Ok((decode(stored).map_err(read)?, decode(made).map_err(read)?))
}
