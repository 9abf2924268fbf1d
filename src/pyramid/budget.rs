//! One ceiling for the memory, and how it is divided: [`Budget`].

use crate::error::{Error, Kind, Result};
use crate::raster::Samples;

use super::node::Shape;

/// The program, its libraries with GDAL's drivers and PROJ's database, and the headers of some sources: measured, 58 MB.
pub const BASE_BYTES: usize = 64 << 20;

/// PROJ's context and transformations, coordinates of a strip of a tile, open datasets: measured, 4 MB a thread.
const THREAD_BYTES: usize = 6 << 20;

/// Rasters of the size of a tile that a thread has at one time: the quarters that wait in the canvases of its walk, the
/// tile being warped or reduced, and an encoder's copies. Measured with tiles of 4096 pixels: fewer than these.
const TILES_AT_ONCE: usize = 8;

/// Windows of the usual size at least: a tile of 256 pixels that shrinks its source by 1.4.
const LEAST_WINDOW_PX: usize = 1 << 17;

/// What a window is put together in, and one file's part of it.
const WINDOW_COPIES: usize = 2;

/// Of a unit of the block cache besides the one in the cache: GDAL's buffers, its samples before they are converted, and
/// one that a thread still uses after it has left the cache.
const UNIT_COPIES: usize = 3;

/// Units of the block cache that a thread should find again: those around its tile.
const UNITS_A_THREAD: usize = 4;

/// Bytes of encoded tiles a thread: several shards of tiles that hardly compress.
const MOST_SHARDS_BYTES: usize = 64 << 20;

/// The least ceiling that makes sense: one thread just fits.
pub const LEAST_CEILING_BYTES: u64 = 128 << 20;

/// How the memory is divided. None of it changes a byte of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Threads: as many as were wanted, or as there is memory for.
    pub jobs: usize,
    /// Pixels of a source that a thread reads at once. What needs more is made in pieces.
    pub window_px: usize,
    /// Pixels of a source that it reads for a single pixel of a tile.
    pub most_window_px: usize,
    /// Bytes of encoded tiles between baking and writing: shards in progress and shards that wait for one before them.
    pub shards_bytes: usize,
    /// Bytes of the cache of decoded blocks.
    pub cache_bytes: usize,
    /// The most bytes of one unit of it.
    pub unit_bytes: usize,
}

/// What is to be divided, and for whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Demand {
    /// All memory that the process may have.
    pub ceiling_bytes: u64,
    /// Of it, GDAL's own cache of blocks.
    pub gdal_bytes: u64,
    /// Threads wanted.
    pub jobs: usize,
    /// Of the rasters.
    pub shape: Shape,
    /// Pixels of the largest block of any source.
    pub block_px: usize,
    /// What waits for one thread to take it, in bytes a thread, where that is known. `None` for encoded tiles, of which
    /// there may be many or few.
    pub waiting_bytes: Option<usize>,
    /// Bytes that each thread needs for soft seams: see [`seam_bytes`](crate::render::seam_bytes).
    pub seam_bytes: usize,
    /// What the cache of blocks has use for, in bytes: more is left alone. `None` for all there is.
    pub cache_bytes: Option<usize>,
}

impl Default for Budget {
    /// For programs that have memory to spare.
    fn default() -> Self {
        Self {
            jobs: 1,
            window_px: 1 << 24,
            most_window_px: 1 << 28,
            shards_bytes: 1 << 30,
            cache_bytes: 1 << 30,
            unit_bytes: 128 << 20,
        }
    }
}

/// Bytes of a pixel with its mask.
pub fn pixel_bytes(shape: &Shape) -> usize {
    shape.bands * Samples::zeros(shape.sample_type, 0).sample_bytes() + 1
}

impl Budget {
    /// Divides what `demand` offers, among fewer threads than it wants if there is not enough for all.
    ///
    /// # Errors
    /// [`Kind::Resources`] when not even one thread fits.
    pub fn new(demand: &Demand) -> Result<Self> {
        (1..=demand.jobs.max(1))
            .rev()
            .find_map(|jobs| Self::of_jobs(demand, jobs))
            .ok_or_else(|| {
                let mib = |bytes: u64| bytes.div_ceil(1 << 20);
                let wanted = demand.least_bytes();
                Error::new(
                    Kind::Resources,
                    format!(
                        "{} MiB of memory; expected at least {} MiB for tiles of {} pixels",
                        mib(demand.ceiling_bytes),
                        mib(wanted),
                        demand.shape.tile_size_px
                    ),
                )
                .with_help(format!("--memory {}MiB", mib(wanted)))
            })
    }

    fn of_jobs(demand: &Demand, jobs: usize) -> Option<Self> {
        let ceiling = usize::try_from(demand.ceiling_bytes).unwrap_or(usize::MAX);
        let gdal = usize::try_from(demand.gdal_bytes).unwrap_or(usize::MAX);
        let free = ceiling.saturating_sub(gdal);
        if free < demand.needed(jobs) {
            return None;
        }
        let pixel = pixel_bytes(&demand.shape);
        let free = free - demand.fixed(jobs);
        // Windows are mostly small, encoded tiles soon gone; blocks are what more memory is good for.
        let least = demand.least(jobs);
        let spare = free - least.sum();
        let windows_bytes = (least.windows + spare / 12).min(jobs * WINDOW_COPIES * (pixel << 28));
        let shards_bytes = match demand.waiting_bytes {
            Some(_) => least.shards,
            None => (least.shards + spare / 6)
                .min(jobs * MOST_SHARDS_BYTES.max(16 * demand.tile_bytes())),
        };
        let blocks_bytes = free - windows_bytes - shards_bytes;
        let window_px = windows_bytes / jobs / WINDOW_COPIES / pixel;
        let most_unit_bytes = blocks_bytes / (8 + UNIT_COPIES * jobs);
        let unit_bytes = demand.unit_bytes().min(most_unit_bytes);
        let useful_bytes = demand
            .cache_bytes
            .map_or(usize::MAX, |bytes| bytes.max(8 * unit_bytes));
        Some(Self {
            jobs,
            window_px: window_px.min(1 << 24),
            most_window_px: window_px,
            shards_bytes,
            cache_bytes: (blocks_bytes - unit_bytes * UNIT_COPIES * jobs).min(useful_bytes),
            unit_bytes,
        })
    }
}

/// Bytes of the parts that can be large or small, at least.
struct Least {
    windows: usize,
    shards: usize,
    blocks: usize,
}

impl Least {
    fn sum(&self) -> usize {
        self.windows + self.shards + self.blocks
    }
}

impl Demand {
    /// The least ceiling under which one thread fits.
    pub fn least_bytes(&self) -> u64 {
        self.needed(1) as u64 + self.gdal_bytes
    }

    /// Bytes that `jobs` threads need whatever they do.
    fn fixed(&self, jobs: usize) -> usize {
        // The thread that folds the crown has canvases and an encoder too.
        let tiles = TILES_AT_ONCE * self.tile_bytes() * (jobs + 1);
        BASE_BYTES + (THREAD_BYTES + self.seam_bytes) * jobs + tiles
    }

    fn least(&self, jobs: usize) -> Least {
        let pixel = pixel_bytes(&self.shape);
        // The units of ordinary blocks; larger ones are cut to what there is.
        let unit_bytes = (1 << 18) * pixel;
        Least {
            windows: LEAST_WINDOW_PX * pixel * WINDOW_COPIES * jobs,
            shards: jobs * self.waiting_bytes.unwrap_or(2 * self.tile_bytes()),
            blocks: (UNITS_A_THREAD + UNIT_COPIES) * unit_bytes * jobs,
        }
    }

    fn needed(&self, jobs: usize) -> usize {
        self.fixed(jobs) + self.least(jobs).sum()
    }

    fn tile_bytes(&self) -> usize {
        self.shape.tile_size_px.pow(2) * pixel_bytes(&self.shape)
    }

    /// Of the largest unit that the sources would have if there were memory enough.
    fn unit_bytes(&self) -> usize {
        self.block_px
            .max(1 << 18)
            .saturating_mul(pixel_bytes(&self.shape))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::raster::SampleType;

    proptest! {
        #[test]
        fn the_parts_are_no_more_than_the_whole(
            ceiling_mib in 128_u64..1 << 20,
            gdal_mib in 16_u64..100,
            jobs in 1_usize..200,
            (tile_log2, bands) in (6_u32..12, prop::sample::select(vec![1_usize, 3])),
            sample_type in prop::sample::select(vec![SampleType::U8, SampleType::U16]),
            block_px in 1_usize..1 << 32,
            waiting_bytes in prop::option::of(0_usize..1 << 26),
            seam_bytes in prop::sample::select(vec![0_usize, 100 << 20]),
            cache_bytes in prop::option::of(0_usize..1 << 32),
        ) {
            let demand = Demand {
                ceiling_bytes: ceiling_mib << 20,
                gdal_bytes: gdal_mib << 20,
                jobs,
                shape: Shape { tile_size_px: 1 << tile_log2, bands, sample_type },
                block_px,
                waiting_bytes,
                seam_bytes,
                cache_bytes,
            };
            let pixel = pixel_bytes(&demand.shape);
            let Ok(budget) = Budget::new(&demand) else {
                prop_assert!(demand.least_bytes() > demand.ceiling_bytes);
                return Ok(());
            };
            prop_assert!((1..=jobs).contains(&budget.jobs));
            let sum = demand.fixed(budget.jobs)
                + budget.most_window_px * pixel * WINDOW_COPIES * budget.jobs
                + budget.shards_bytes
                + budget.cache_bytes
                + budget.unit_bytes * UNIT_COPIES * budget.jobs;
            prop_assert!(sum as u64 + demand.gdal_bytes <= demand.ceiling_bytes);
            prop_assert!(budget.window_px >= LEAST_WINDOW_PX);
            prop_assert!(budget.window_px <= budget.most_window_px);
            prop_assert!(budget.unit_bytes <= budget.cache_bytes / 8 + 1);
            if let Some(useful_bytes) = cache_bytes {
                prop_assert!(budget.cache_bytes <= useful_bytes.max(8 * budget.unit_bytes));
            }
            if budget.jobs < jobs {
                let one_more = demand.needed(budget.jobs + 1) as u64 + demand.gdal_bytes;
                prop_assert!(one_more > demand.ceiling_bytes);
            }
        }
    }
}
