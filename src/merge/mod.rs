//! Several rasters into one: [`merge`].
//!
//! A merged raster is made as tiles are: blocks of its grid are rendered on all threads, band by band, because each band of
//! a file may have its own idea of what is not there. They are painted on an ordinary dataset, in memory where it fits and
//! beside the output where it does not; the output is a copy of that, written in one go from first to last byte.

mod canvas;
mod copy;
pub mod grid;
mod order;

use std::io;

use crate::archive::FileOutput;
use crate::error::{Error, Kind, Result};
use crate::geo::layout::Layout;
use crate::mosaic::Mosaic;
use crate::pyramid::places::layout_in;
use crate::pyramid::times::{self, Clock, Times, Watch};
use crate::pyramid::{Parallel, stream};
use crate::raster::gaps::Gaps;
use crate::raster::kernel::Resampling;
use crate::raster::{Raster, SampleType, Samples};
use crate::render::{Job, Renderer};
use crate::source::gdal::{BandFacts, disk_was_full};

use self::canvas::Canvas;
use self::grid::Grid;
use self::order::Order;

/// Pixels a side of what is rendered at once, and of the blocks of the files.
pub const BLOCK_PX: usize = 512;

/// Blocks a thread, all bands of them, that are in the making or wait to be painted.
pub const AHEAD: usize = 2;

/// What a merged raster says of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Look {
    /// Its bands, alpha not counted.
    pub bands: Vec<BandFacts>,
    /// Their samples.
    pub sample_type: SampleType,
    /// How it says what is not there.
    pub gaps: Gaps,
}

impl Look {
    /// GDAL's name of the type that the samples are stored as: their own, but for bytes with a sign a wider one where this
    /// GDAL has no type for them.
    pub fn stored_as(&self) -> &'static str {
        match self.sample_type {
            SampleType::I8 if canvas::int8().is_none() => SampleType::I16.gdal_name(),
            other => other.gdal_name(),
        }
    }
}

/// What kind of file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A Cloud Optimized GeoTIFF, with overviews.
    Cog,
    /// A tiled GeoTIFF.
    GeoTiff,
}

/// How blocks are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // They are called what they are.
pub enum Compression {
    None,
    Deflate,
    Lzw,
    Zstd,
    Lerc,
    Jpeg,
    Webp,
}

impl Compression {
    /// All of them by their names.
    pub const NAMES: [(&str, Self); 7] = [
        ("deflate", Self::Deflate),
        ("zstd", Self::Zstd),
        ("lzw", Self::Lzw),
        ("lerc", Self::Lerc),
        ("jpeg", Self::Jpeg),
        ("webp", Self::Webp),
        ("none", Self::None),
    ];

    /// Whether samples come back only nearly as they were.
    pub fn is_lossy(self) -> bool {
        matches!(self, Self::Jpeg | Self::Webp)
    }

    /// What it is called.
    pub fn name(self) -> &'static str {
        let row = Self::NAMES.iter().find(|row| row.1 == self);
        row.map_or("", |row| row.0)
    }

    /// The one called `name`.
    pub fn named(name: &str) -> Option<Self> {
        let row = Self::NAMES.iter().find(|row| row.0 == name);
        row.map(|row| row.1)
    }
}

/// How the file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileOptions {
    /// Its kind.
    pub kind: FileKind,
    /// Of its blocks.
    pub compression: Compression,
    /// Threads that compress.
    pub jobs: usize,
    /// Whether samples are floating-point numbers.
    pub floats: bool,
    /// Whether samples are classes, which cannot be averaged.
    pub classes: bool,
}

/// What is to be merged, and how.
pub struct Merge<'a> {
    /// For each band of the output a mosaic of one band; all of the same sources in the same order.
    pub bands: &'a [Mosaic],
    /// Whether each band of the sources can be decoded without the others; it says in what order they are best read.
    pub apart: bool,
    /// Where the pixels lie.
    pub grid: &'a Grid,
    /// The kernel.
    pub resampling: Resampling,
    /// What the file says of itself.
    pub look: &'a Look,
    /// How it is written.
    pub file: FileOptions,
    /// How much is done at a time.
    pub limits: Limits,
}

/// How much is done at a time. None of it changes a pixel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Threads.
    pub jobs: usize,
    /// The most bytes of a canvas in memory.
    pub canvas_bytes: u64,
    /// Pixels of a source that are read at once, usually and at most: see [`Renderer::with_windows`].
    pub windows_px: (usize, usize),
}

/// How far a merge is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Stage {
    /// Blocks that are read and painted, of how many.
    Reading(u64, u64),
    /// The part of the file that is written, 0 to 1.
    Writing(f64),
}

/// Merges into the temporary of `output`, which is left to be finished. `tick` hears about ten times a second how far it is;
/// an error of its stops it.
///
/// # Errors
/// When a source cannot be read or the output not be written.
pub fn merge(
    job: &Merge,
    output: &FileOutput,
    tick: &mut dyn FnMut(Stage) -> Result<()>,
) -> Result<Merged> {
    job.file.compression.check(job.look)?;
    let name = output.shown().to_string();
    let canvas_bytes = canvas_bytes(job.grid, job.bands.len(), job.look.sample_type);
    let scratch = (canvas_bytes > job.limits.canvas_bytes)
        .then(|| output.scratch())
        .transpose()?;
    let path = scratch.as_ref().map(|scratch| scratch.path());
    let mut canvas = Canvas::create(job.grid, job.look, path, name.clone())?;
    let full = |error| if_full(output, error);
    let clock = Clock::default();
    let any = job.paint(&mut canvas, &clock, tick).map_err(full)?;
    let (dataset, moved) = canvas.finish().map_err(full)?;
    if any {
        tick(Stage::Writing(0.0))?;
        let mut writing = |done| tick(Stage::Writing(done));
        copy::write(&dataset, output.path(), &name, &job.file, &mut writing).map_err(full)?;
    }
    Ok(Merged {
        any,
        moved,
        times: clock.times(),
    })
}

/// What came of a merge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Merged {
    /// Whether there is any pixel. Without, nothing is written.
    pub any: bool,
    /// Valid samples that would have been taken for nodata, and became the value beside it.
    pub moved: u64,
    /// Where the time went until all was painted.
    pub times: Times,
}

/// `error`, or that the disk is full if that is why: GDAL has many words for it.
fn if_full(output: &FileOutput, error: Error) -> Error {
    if error.kind() != Kind::Output || !disk_was_full() {
        return error;
    }
    Error::writing(output.shown(), &io::ErrorKind::StorageFull.into())
}

/// Bytes of all pixels of `grid`, uncompressed, with what says which of them are there.
pub fn canvas_bytes(grid: &Grid, n_bands: usize, sample_type: SampleType) -> u64 {
    let sample = Samples::zeros(sample_type, 0).sample_bytes();
    (grid.width as u64)
        .saturating_mul(grid.height as u64)
        .saturating_mul(((n_bands + 1) * sample) as u64)
}

impl Merge<'_> {
    /// Renders all blocks and paints them.
    fn paint(
        &self,
        canvas: &mut Canvas,
        clock: &Clock,
        tick: &mut dyn FnMut(Stage) -> Result<()>,
    ) -> Result<bool> {
        let (width, _) = self.grid.pixel();
        let layout = |band| layout_in(band, self.grid.bounds(), &self.grid.crs, width);
        let layouts = self.bands.iter().map(layout).collect::<Result<Vec<_>>>()?;
        let bands = self.bands.iter().zip(&layouts);
        let jobs: Vec<Job> = bands.map(|(band, layout)| self.job(band, layout)).collect();
        let blocks = |pixels: usize| pixels.div_ceil(BLOCK_PX);
        let n_blocks = (blocks(self.grid.width), blocks(self.grid.height));
        let order = Order::new(n_blocks, jobs.len(), self.apart);
        let n = order.len();
        let parallel = Parallel {
            jobs: self.limits.jobs,
            ahead: AHEAD * self.limits.jobs,
        };
        let (usual_px, most_px) = self.limits.windows_px;
        let renderers = || {
            let renderer = |job| Renderer::new(job).with_windows(usual_px, most_px);
            let renderers = jobs.iter().map(renderer).collect::<Vec<_>>();
            Ok((renderers, Watch::start(clock)))
        };
        let block = |(renderers, spent): &mut (Vec<Renderer>, Watch), index| {
            spent.restart();
            let step = order.step(index);
            let (col, row) = (step.col * BLOCK_PX, step.row * BLOCK_PX);
            let bounds = self.grid.block(col, row, BLOCK_PX);
            let bands = renderers[step.bands].iter_mut();
            let rendered = bands.map(|band| band.render(&bounds));
            let rendered = rendered.collect::<Result<Vec<Option<Raster>>>>();
            spent.lap(times::Stage::Render);
            rendered
        };
        let mut any = false;
        let mut spent = Watch::start(clock);
        stream(parallel, n, renderers, block, |next| {
            let mut done = 0;
            let total = n as u64;
            while let Some(bands) = next(&mut || tick(Stage::Reading(done, total)))? {
                spent.lap(times::Stage::AwaitTiles);
                let step = order.step(done as usize);
                any |= bands.iter().any(Option::is_some);
                let place = (step.col * BLOCK_PX, step.row * BLOCK_PX);
                canvas.paint(place, step.bands.start, &bands)?;
                spent.lap(times::Stage::Write);
                done += 1;
                tick(Stage::Reading(done, total))?;
            }
            Ok(())
        })?;
        Ok(any)
    }

    fn job<'a>(&'a self, mosaic: &'a Mosaic, layout: &'a Layout) -> Job<'a> {
        Job {
            mosaic,
            layout,
            crs: &self.grid.crs,
            resampling: self.resampling,
            tile_size_px: BLOCK_PX,
            margin_px: 0,
        }
    }
}
