#![allow(clippy::unwrap_used)]

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::geo::affine::Affine;
use crate::geo::tile::TileCoord;
use crate::geo::transform::crs::Crs;
use crate::geo::transform::{Georef, Placement};
use crate::raster::{SampleType, Samples};
use crate::source::Level;
use crate::source::memory::MemorySource;

/// Pixels that are all different, in rows of blocks; every read is written down.
struct Blocks {
    pixels: MemorySource,
    info: SourceInfo,
    reads: Mutex<Vec<Window>>,
    /// Windows that touch one of these pixels cannot be read.
    damaged: Vec<(usize, usize)>,
    /// Told of the column and row of each read, which then waits for word to go on.
    gate: Option<Gate>,
}

type Gate = (Sender<(usize, usize)>, Mutex<Receiver<()>>);

fn blocks(width: usize, height: usize, block: (usize, usize)) -> Blocks {
    let n = width * height;
    let samples = Samples::F32((0..n).map(|k| k as f32).collect());
    // Whole, empty and mixed places.
    let mask = (0..n)
        .map(|k| match k % width / 16 % 3 {
            0 => 255,
            1 => 0,
            _ => (k % 256) as u8,
        })
        .collect();
    let mut raster = Raster::from_parts(width, height, 1, SampleType::U16, samples, mask).unwrap();
    if let Samples::F32(values) = &mut raster.samples {
        for (value, mask) in values.iter_mut().zip(&raster.mask) {
            *value *= f32::from(u8::from(*mask > 0));
        }
    }
    let placement = Placement {
        crs: Crs::parse("EPSG:3857").unwrap(),
        georef: Georef::Affine(Affine([0.0, 1.0, 0.0, 0.0, 0.0, -1.0])),
        width,
        height,
    };
    let pixels = MemorySource::new("blocks", raster, placement).unwrap();
    let mut info = pixels.info().clone();
    info.levels[0].block = block;
    Blocks {
        pixels,
        info,
        reads: Mutex::default(),
        damaged: Vec::new(),
        gate: None,
    }
}

impl Source for Blocks {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn read(&self, level: usize, window: Window) -> Result<Raster> {
        lock(&self.reads).push(window);
        if let Some((told, word)) = &self.gate {
            told.send((window.col, window.row)).unwrap();
            lock(word).recv().unwrap();
        }
        let within = |&(col, row): &(usize, usize)| {
            (window.col..window.col + window.width).contains(&col)
                && (window.row..window.row + window.height).contains(&row)
        };
        if self.damaged.iter().any(within) {
            return Err(Error::new(Kind::Damaged, "blocks: damaged"));
        }
        self.pixels.read(level, window)
    }
}

fn window(col: usize, row: usize, width: usize, height: usize) -> Window {
    Window {
        col,
        row,
        width,
        height,
    }
}

fn cached(inner: &Arc<Blocks>, budget_bytes: usize, unit_bytes: usize) -> Cached {
    let inner: Arc<dyn Source> = inner.clone();
    let cache = Arc::new(BlockCache::new(budget_bytes, unit_bytes));
    Cached::new(inner, cache, OnReadError::Fail)
}

#[test]
fn units_follow_the_blocks() {
    let check = |(width, height), block, most_unit_bytes, expected: (usize, usize)| {
        let level = Level {
            width,
            height,
            block,
        };
        let grid = Grid::new(&level, 4, most_unit_bytes);
        let (_, first) = grid.units(window(0, 0, 1, 1)).next().unwrap();
        assert_eq!((first.width, first.height), expected, "{block:?}");
    };
    let large = 64 << 20;
    check((9000, 9000), (512, 512), large, (512, 512));
    check((9000, 9000), (256, 256), large, (256, 256));
    check((9000, 9000), (128, 128), large, (512, 512));
    check((9000, 9000), (2048, 2048), large, (2048, 2048));
    // Rows of strips.
    check((8192, 8192), (8192, 1), large, (8192, 32));
    check((8192, 8192), (8192, 16), large, (8192, 32));
    check((300_000, 9000), (300_000, 1), large, (300_000, 1));
    // Small rasters, and blocks that reach beyond them.
    check((100, 50), (512, 512), large, (100, 50));
    check((100, 50), (100, 1), large, (100, 50));
    // Too large for the memory: cut, evenly.
    check((8000, 8000), (8000, 8000), 32 << 20, (8000, 1000));
    check((8000, 10), (8000, 10), 4000, (1000, 1));
    check((9000, 9000), (64, 64), 1 << 18, (512, 128));
}

proptest! {
    #[test]
    fn units_cover_a_window_once(
        (width, height) in (1_usize..400, 1_usize..400),
        block in (1_usize..500, 1_usize..500),
        most_unit_bytes in 1_usize..100_000,
        cut in (0_usize..400, 0_usize..400, 1_usize..400, 1_usize..400),
    ) {
        let grid = Grid::new(&Level { width, height, block }, 4, most_unit_bytes);
        let (col, row) = (cut.0 % width, cut.1 % height);
        let asked = window(col, row, cut.2.min(width - col), cut.3.min(height - row));
        let mut seen = vec![0_u8; width * height];
        let mut numbers = std::collections::BTreeSet::new();
        for (number, place) in grid.units(asked) {
            prop_assert!(numbers.insert(number));
            for row in place.row..place.row + place.height {
                for col in place.col..place.col + place.width {
                    seen[row * width + col] += 1;
                }
            }
        }
        prop_assert!(seen.iter().all(|&n| n <= 1));
        for row in asked.row..asked.row + asked.height {
            for col in asked.col..asked.col + asked.width {
                prop_assert_eq!(seen[row * width + col], 1);
            }
        }
    }

    /// Whatever there is room for, even nothing, windows have the pixels of the source.
    #[test]
    fn windows_are_those_of_the_source(
        block in (1_usize..120, 1_usize..120),
        budget_bytes in 0_usize..60_000,
        most_unit_bytes in 1_usize..20_000,
        windows in prop::collection::vec((0_usize..90, 0_usize..70, 1_usize..90, 1_usize..70), 1..12),
    ) {
        let inner = Arc::new(blocks(90, 70, block));
        let source = cached(&inner, budget_bytes, most_unit_bytes);
        for (col, row, width, height) in windows {
            let asked = window(col, row, width.min(90 - col), height.min(70 - row));
            prop_assert_eq!(source.read(0, asked).unwrap(), inner.pixels.read(0, asked).unwrap());
        }
        prop_assert!(lock(&source.cache.state).held_bytes <= budget_bytes.max(90 * 70 * 5 + 256));
    }
}

#[test]
fn the_least_recently_used_unit_goes_first() {
    let inner = Arc::new(blocks(300 * 4, 300, (300, 300)));
    // Each of these units weighs 450 kB.
    let source = cached(&inner, 1_000_000, 1 << 20);
    let touch = |unit: usize| {
        let before = lock(&inner.reads).len();
        source.read(0, window(unit * 300 + 7, 20, 50, 50)).unwrap();
        lock(&inner.reads).len() > before
    };
    let decoded: Vec<bool> = [0, 1, 0, 2, 0, 1, 2].map(touch).to_vec();
    assert_eq!(decoded, [true, true, false, true, false, true, true]);
    assert_eq!(
        source.cache.reads(),
        Reads {
            blocks_decoded: 5,
            blocks_touched: 3
        }
    );
}

#[test]
fn who_wants_a_unit_on_its_way_waits_for_that_one_alone() {
    let ((told, arrivals), (word, gate)) = (channel(), channel());
    let mut inner = blocks(600, 300, (300, 300));
    inner.gate = Some((told, Mutex::new(gate)));
    let inner = Arc::new(inner);
    let source = cached(&inner, 10 << 20, 1 << 20);
    let soon = Duration::from_secs(20);
    std::thread::scope(|scope| {
        let same = [0, 1, 2].map(|k| {
            let source = &source;
            scope.spawn(move || source.read(0, window(10 * k, 0, 100, 100)).unwrap())
        });
        assert_eq!(arrivals.recv_timeout(soon), Ok((0, 0)));
        // While that one is being decoded, another can be begun.
        let other = scope.spawn(|| source.read(0, window(400, 0, 10, 10)).unwrap());
        assert_eq!(arrivals.recv_timeout(soon), Ok((300, 0)));
        word.send(()).unwrap();
        word.send(()).unwrap();
        for (k, reader) in same.into_iter().enumerate() {
            let expected = inner.pixels.read(0, window(10 * k, 0, 100, 100)).unwrap();
            assert_eq!(reader.join().unwrap(), expected);
        }
        other.join().unwrap();
    });
    assert_eq!(lock(&inner.reads).len(), 2);
}

#[test]
fn what_could_not_be_read_is_tried_again_and_names_no_more_than_its_block() {
    let mut inner = blocks(512, 512, (64, 64));
    inner.damaged = vec![(130, 70)];
    let inner = Arc::new(inner);
    let source = cached(&inner, 10 << 20, 4 << 20);
    for _ in 0..2 {
        let refused = source.read(0, window(0, 0, 10, 10)).unwrap_err();
        assert_eq!(refused.kind(), Kind::Damaged);
        // The last that was tried.
        assert_eq!(*lock(&inner.reads).last().unwrap(), window(128, 64, 64, 64));
    }
}

#[test]
fn damaged_blocks_become_holes_each_told_once() {
    let mut inner = blocks(1000, 600, (100, 100));
    inner.damaged = vec![(130, 70), (999, 599), (950, 510)];
    let inner = Arc::new(inner);
    let source = Cached::new(
        inner.clone(),
        Arc::new(BlockCache::new(0, 4 << 20)),
        OnReadError::Skip,
    );
    let holes = [window(100, 0, 100, 100), window(900, 500, 100, 100)];
    let all = window(0, 0, 1000, 600);
    for _ in 0..2 {
        let found = source.read(0, all).unwrap();
        let whole = inner.pixels.read(0, all).unwrap();
        for (k, mask) in found.mask.iter().enumerate() {
            let (col, row) = (k % 1000, k / 1000);
            let lost = holes.iter().any(|hole| {
                (hole.col..hole.col + 100).contains(&col)
                    && (hole.row..hole.row + 100).contains(&row)
            });
            let expected = if lost { 0 } else { whole.mask[k] };
            assert_eq!(*mask, expected, "{col}, {row}");
        }
    }
    let told: Vec<Window> = source
        .cache
        .holes()
        .iter()
        .map(|hole| hole.window)
        .collect();
    assert_eq!(told, holes);
}

#[test]
fn a_thread_that_dies_leaves_nobody_waiting() {
    let inner = Arc::new(blocks(100, 100, (100, 100)));
    let source = cached(&inner, 1 << 20, 1 << 20);
    let key = Key {
        source: 7,
        level: 0,
        unit: 0,
    };
    let died = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _ = source.cache.unit(key, 10, || panic!("on purpose"));
    }));
    assert!(died.is_err());
    let held = lock(&source.cache.state).held_bytes;
    assert_eq!(held, 0);
    let again = source.cache.unit(key, 10, || Ok(Unit::Empty));
    assert!(again.is_ok());
}

/// One value all over, in blocks, at no cost.
struct Flat(SourceInfo);

impl Source for Flat {
    fn info(&self) -> &SourceInfo {
        &self.0
    }

    fn read(&self, _level: usize, window: Window) -> Result<Raster> {
        let n = window.width * window.height;
        let samples = Samples::U8(vec![7; n]);
        let mask = vec![255; n];
        Raster::from_parts(
            window.width,
            window.height,
            1,
            SampleType::U8,
            samples,
            mask,
        )
    }
}

#[test]
fn a_walk_finds_most_units_again() {
    for (side, block) in [(12_000, (256, 256)), (3000, (512, 512)), (4000, (4000, 8))] {
        let mut info = blocks(1, 1, block).info;
        info.sample_type = SampleType::U8;
        (info.placement.width, info.placement.height) = (side, side);
        (info.levels[0].width, info.levels[0].height) = (side, side);
        info.levels[0].block = block;
        let budget_bytes = walk_bytes(std::slice::from_ref(&info), 1);
        // Not simply everything, but for strips.
        let is_all = budget_bytes == side * side * 2;
        assert_eq!(is_all, side < 12_000, "{side}");
        let cache = Arc::new(BlockCache::new(budget_bytes, 1 << 20));
        let source = Cached::new(Arc::new(Flat(info)), cache, OnReadError::Fail);
        // Tiles that do not keep to the blocks.
        let mut tiles: Vec<TileCoord> = (0..64 * 64)
            .map(|k| TileCoord::new(6, k % 64, k / 64))
            .collect();
        tiles.sort_by_key(|tile| tile.hilbert());
        for tile in tiles {
            let span = |at: u32| {
                let start = (at as usize * 250 + 100).saturating_sub(2);
                (start < side).then(|| (start, 254.min(side - start)))
            };
            if let (Some((col, width)), Some((row, height))) = (span(tile.x()), span(tile.y())) {
                source.read(0, window(col, row, width, height)).unwrap();
            }
        }
        let reads = source.cache.reads();
        assert!(
            reads.blocks_decoded * 100 <= reads.blocks_touched * 108,
            "{side}: {reads:?}"
        );
    }
}
