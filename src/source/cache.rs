//! Decoded blocks, kept for all threads: [`BlockCache`], and [`Cached`], a source that reads through it.
//!
//! The walk comes back to a source's blocks from neighbouring tiles, on whatever thread. A block is decoded once while it
//! is here or on its way; who wants one that is on its way waits for that one and for nothing else. The lock is never held
//! while a block is decoded.
//!
//! What is kept is a *unit*: a block of the file, or several where they are small, or a part of one that is too large for
//! the memory. Units say nothing about pixels: whatever the cache holds, a window has the same ones.

mod grid;
mod holes;
mod store;
mod times;

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use self::grid::Grid;
use self::store::{Canvas, Unit};
use super::{Source, SourceInfo, Window, meter};
use crate::error::{Error, Kind, Result};
use crate::geo::transform::PixelRect;
use crate::raster::Raster;
use crate::raster::resample::MaskKind;

pub use self::holes::Hole;
pub use self::times::{ReadTimes, Reads};

/// What becomes of blocks that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnReadError {
    /// The read fails.
    Fail,
    /// They become holes, which [`BlockCache::holes`] lists.
    Skip,
}

/// Decoded units of all sources, at most so many bytes of them. The least recently used goes first.
pub struct BlockCache {
    budget_bytes: usize,
    most_unit_bytes: usize,
    state: Mutex<State>,
    holes: Mutex<holes::Holes>,
    n_sources: AtomicU64,
    clock: times::Clock,
}

/// A unit's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    source: u64,
    level: usize,
    unit: u64,
}

#[derive(Default)]
struct State {
    entries: HashMap<Key, Entry>,
    /// Finished entries by the time of their last use, a count.
    by_use: BTreeMap<u64, Key>,
    n_uses: u64,
    /// Of finished units, and of those on their way at their full size.
    held_bytes: usize,
    reads: Reads,
    /// One bit a unit that was ever decoded, in pages: a source may have more units than there is memory for bits.
    touched: HashMap<(u64, usize, u64), Box<[u64; PAGE_WORDS]>>,
}

/// 1024 units.
const PAGE_WORDS: usize = 16;

enum Entry {
    Ready { unit: Arc<Unit>, used: u64 },
    OnItsWay(Arc<Slot>),
}

/// Where those who want a unit wait for it.
#[derive(Default)]
struct Slot {
    done: Mutex<Option<Result<Arc<Unit>>>>,
    arrived: Condvar,
}

/// Bytes of units that are worth keeping on a walk along a Hilbert curve over `sources`, by `jobs` threads side by side.
///
/// The walk comes back to the units at the edges of the squares that it fills. Those of small squares come back soon and
/// are still there; those of squares that do not fit are decoded again. With room for squares half as wide as everything
/// that is a few units in a hundred, and to halve it takes four times the memory. Units that are wide and low, as strips
/// are, want squares as wide as they.
pub fn walk_bytes(sources: &[SourceInfo], jobs: usize) -> usize {
    let pixels = |info: &SourceInfo| info.levels[0].width.saturating_mul(info.levels[0].height);
    let all_px = sources.iter().map(pixels).fold(0, usize::saturating_add);
    let of_source = |info: &SourceInfo| {
        let pixel_bytes = store::pixel_bytes(info);
        let (width, height) = Grid::new(&info.levels[0], pixel_bytes, usize::MAX).unit();
        let unit = usize::midpoint(width, height);
        let side = (all_px.isqrt() / 2).clamp(SQUARE_UNITS.0 * unit, SQUARE_UNITS.1 * unit);
        let square = (side + width).saturating_mul(side + height);
        let beside = jobs.saturating_mul(PX_A_THREAD);
        square.saturating_add(beside).saturating_mul(pixel_bytes)
    };
    let whole = |info| pixels(info).saturating_mul(store::pixel_bytes(info));
    // Where sources meet, the units of both are wanted.
    let layers = sources.len().clamp(1, 2);
    let one = sources.iter().map(of_source).max().unwrap_or(0);
    let all = sources.iter().map(whole).fold(0, usize::saturating_add);
    one.saturating_mul(layers).min(all)
}

/// The sides of the squares, in units, at least and at most.
const SQUARE_UNITS: (usize, usize) = (9, 16);

/// Pixels that a thread is at while another is elsewhere.
const PX_A_THREAD: usize = 1 << 21;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing in here panics between two changes that belong together.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl BlockCache {
    /// A cache of at most `budget_bytes`, plus one unit a thread that is in use. No unit has more than `most_unit_bytes`
    /// (at least a row of pixels, however).
    pub fn new(budget_bytes: usize, most_unit_bytes: usize) -> Self {
        Self {
            budget_bytes,
            most_unit_bytes,
            state: Mutex::default(),
            holes: Mutex::default(),
            n_sources: AtomicU64::new(0),
            clock: times::Clock::default(),
        }
    }

    /// How often units were decoded so far.
    pub fn reads(&self) -> Reads {
        lock(&self.state).reads
    }

    /// How long that took so far.
    pub fn times(&self) -> ReadTimes {
        self.clock.times()
    }

    /// Lets go of all units that are finished: nothing, or little, will be read any more.
    pub fn clear(&self) {
        let gone = lock(&self.state).make_room(0, 0);
        drop(gone);
    }

    /// Forgets all that was read so far and what is told of it, as if nothing had been.
    pub fn forget(&self) {
        self.clear();
        let mut state = lock(&self.state);
        state.reads = Reads::default();
        state.touched.clear();
        drop(state);
        *lock(&self.holes) = holes::Holes::default();
    }

    /// Bytes of what is kept.
    pub fn held_bytes(&self) -> usize {
        lock(&self.state).held_bytes
    }

    /// Whether any block was left out so far.
    pub fn has_holes(&self) -> bool {
        !lock(&self.holes).is_empty()
    }

    /// The blocks that could not be read and were left out, each once, in the order of the sources, levels, rows and
    /// columns.
    pub fn holes(&self) -> Vec<Hole> {
        lock(&self.holes).list()
    }

    /// The unit at `key`, from here or from `decode`, which makes at most `bytes`.
    fn unit(
        &self,
        key: Key,
        bytes: usize,
        decode: impl FnOnce() -> Result<Unit>,
    ) -> Result<Arc<Unit>> {
        let mut state = lock(&self.state);
        let slot = match state.entries.get(&key) {
            Some(Entry::Ready { unit, used }) => {
                let (unit, used) = (Arc::clone(unit), *used);
                state.use_again(key, used);
                return Ok(unit);
            }
            Some(Entry::OnItsWay(slot)) => {
                let slot = Arc::clone(slot);
                drop(state);
                return self.clock.waiting(|| slot.wait());
            }
            None => Arc::new(Slot::default()),
        };
        let gone = state.make_room(bytes, self.budget_bytes);
        state.held_bytes += bytes;
        state
            .entries
            .insert(key, Entry::OnItsWay(Arc::clone(&slot)));
        state.count(key);
        drop(state);
        // Freeing memory takes its time, and nobody should wait for that either.
        drop(gone);
        let mut arrival = Arrival {
            cache: self,
            key,
            bytes,
            slot,
            outcome: None,
        };
        let result = self.clock.decoding(decode).map(Arc::new);
        arrival.outcome = Some(result.clone());
        result
    }
}

/// A unit on its way. Dropped, it tells those who wait, even when the one who decoded it did not live to.
struct Arrival<'a> {
    cache: &'a BlockCache,
    key: Key,
    bytes: usize,
    slot: Arc<Slot>,
    outcome: Option<Result<Arc<Unit>>>,
}

impl Drop for Arrival<'_> {
    fn drop(&mut self) {
        let outcome = self
            .outcome
            .take()
            .unwrap_or_else(|| Err(Error::internal("the thread that read a block has died")));
        lock(&self.cache.state).arrive(self.key, self.bytes, &outcome);
        *lock(&self.slot.done) = Some(outcome);
        self.slot.arrived.notify_all();
    }
}

impl Slot {
    fn wait(&self) -> Result<Arc<Unit>> {
        let mut done = lock(&self.done);
        loop {
            if let Some(outcome) = &*done {
                return outcome.clone();
            }
            done = self
                .arrived
                .wait(done)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl State {
    fn use_again(&mut self, key: Key, used: u64) {
        self.by_use.remove(&used);
        let now = self.next_use(key);
        if let Some(Entry::Ready { used, .. }) = self.entries.get_mut(&key) {
            *used = now;
        }
    }

    fn next_use(&mut self, key: Key) -> u64 {
        self.n_uses += 1;
        self.by_use.insert(self.n_uses, key);
        self.n_uses
    }

    /// Lets go of units until `bytes` more fit into `budget_bytes`, or there are none left.
    fn make_room(&mut self, bytes: usize, budget_bytes: usize) -> Vec<Arc<Unit>> {
        let mut gone = Vec::new();
        while self.held_bytes + bytes > budget_bytes {
            let Some((_, key)) = self.by_use.pop_first() else {
                break;
            };
            if let Some(Entry::Ready { unit, .. }) = self.entries.remove(&key) {
                self.held_bytes -= unit.bytes();
                gone.push(unit);
            }
        }
        gone
    }

    /// Puts a finished unit where it is expected; what could not be decoded is forgotten.
    fn arrive(&mut self, key: Key, reserved_bytes: usize, outcome: &Result<Arc<Unit>>) {
        self.held_bytes -= reserved_bytes;
        self.entries.remove(&key);
        if let Ok(unit) = outcome {
            self.held_bytes += unit.bytes();
            let used = self.next_use(key);
            let unit = Arc::clone(unit);
            self.entries.insert(key, Entry::Ready { unit, used });
        }
    }

    fn count(&mut self, key: Key) {
        let (page, bit) = (key.unit / 1024, key.unit % 1024);
        let page = self
            .touched
            .entry((key.source, key.level, page))
            .or_default();
        let word = &mut page[bit as usize / 64];
        let mask = 1 << (bit % 64);
        self.reads.blocks_decoded += 1;
        self.reads.blocks_touched += u64::from(*word & mask == 0);
        *word |= mask;
    }
}

/// A source whose decoded units are kept in a [`BlockCache`].
pub struct Cached {
    inner: Arc<dyn Source>,
    cache: Arc<BlockCache>,
    info: SourceInfo,
    /// Among the sources of the cache.
    id: u64,
    grids: Vec<Grid>,
    on_read_error: OnReadError,
}

impl Cached {
    /// `inner`, read through `cache`.
    pub fn new(inner: Arc<dyn Source>, cache: Arc<BlockCache>, on_read_error: OnReadError) -> Self {
        let mut info = inner.info().clone();
        if on_read_error == OnReadError::Skip && info.mask == MaskKind::None {
            // There may be holes.
            info.mask = MaskKind::Binary;
        }
        let pixel_bytes = store::pixel_bytes(&info);
        let grid = |level| Grid::new(level, pixel_bytes, cache.most_unit_bytes);
        let grids = info.levels.iter().map(grid).collect();
        let id = cache.n_sources.fetch_add(1, Ordering::Relaxed);
        Self {
            inner,
            cache,
            info,
            id,
            grids,
            on_read_error,
        }
    }

    fn decode(&self, level: usize, window: Window) -> Result<Unit> {
        let raster = match self.inner.read(level, window) {
            Err(error) if error.kind() == Kind::Damaged => self.salvage(level, window, error),
            result => result,
        }?;
        Ok(Unit::new(raster))
    }

    /// Reads `window`, which cannot be read in one go, block by block.
    fn salvage(&self, level: usize, window: Window, error: Error) -> Result<Raster> {
        let mut canvas = Canvas::new(window, &self.info);
        for (block, whole) in self.grids[level].blocks(window) {
            match self.inner.read(level, block) {
                Ok(raster) => canvas.put(&Unit::new(raster), block),
                Err(error) if error.kind() == Kind::Damaged => match self.on_read_error {
                    OnReadError::Fail => return Err(error),
                    OnReadError::Skip => {
                        log::debug!("{error}");
                        lock(&self.cache.holes).add(self.id, &self.info.name, level, whole);
                    }
                },
                // The file has gone, or most of it: what was wrong first says more.
                Err(_) if self.on_read_error == OnReadError::Fail => return Err(error),
                Err(gone) => return Err(gone),
            }
        }
        if self.on_read_error == OnReadError::Fail {
            // Read once more it is whole; but nobody knows which of the two is true.
            return Err(error);
        }
        canvas.finish()
    }
}

impl Source for Cached {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn outlines(&self) -> Vec<PixelRect> {
        self.inner.outlines()
    }

    fn files(&self) -> Result<Vec<String>> {
        self.inner.files()
    }

    fn read(&self, level: usize, window: Window) -> Result<Raster> {
        meter::ask(window.width * window.height);
        let mut canvas = Canvas::new(window, &self.info);
        for (index, place) in self.grids[level].units(window) {
            let key = Key {
                source: self.id,
                level,
                unit: index,
            };
            let bytes = store::most_bytes(&self.info, place);
            let decode = || meter::decode(place.width * place.height, || self.decode(level, place));
            let unit = self.cache.unit(key, bytes, decode)?;
            canvas.put(&unit, place);
        }
        canvas.finish()
    }
}

#[cfg(test)]
mod tests;
