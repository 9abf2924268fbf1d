//! Single-band files as one source: [`Stack`].
//!
//! The bands of a satellite's scene come in files of their own, some coarser than others. They are put on the finest grid
//! among them when a window is read. A pixel depends on its place alone, whatever window it is read in, and is there when
//! all bands are.
//!
//! [`pattern`] reads scenes and bands from the names of files; [`scene`] picks bands by name and opens them.

pub mod pattern;
pub mod scene;
mod way;

use std::sync::Arc;

use self::way::Way;
use super::{Level, Source, SourceInfo, Window};
use crate::error::{Error, Result};
use crate::raster::kernel::Resampling;
use crate::raster::resample::MaskKind;
use crate::raster::{Raster, SampleType, Samples};

/// Sources of one band each as one source with a band from each, in their order.
///
/// Its grid and its area are those of the finest of them. What another lacks of that area is not there; what it has
/// beyond is not shown.
pub struct Stack {
    info: SourceInfo,
    bands: Vec<Band>,
    resampling: Resampling,
}

struct Band {
    source: Arc<dyn Source>,
    /// To each level of the stack.
    ways: Vec<Way>,
}

impl Stack {
    /// The stack of `bands` called `name`. Coarser bands are brought to the finest grid by `resampling`; by
    /// `nearest` where that is `nearest` or `mode`, which make no new values, and by `bilinear` instead of `average`,
    /// which would show their pixels as squares.
    ///
    /// # Errors
    /// [`Kind::Input`](crate::error::Kind::Input), naming two sources, when they have different coordinate systems, are
    /// turned against each other, or have control points that differ; or naming the one that has more than one band.
    pub fn new(
        name: impl Into<String>,
        bands: Vec<Arc<dyn Source>>,
        resampling: Resampling,
    ) -> Result<Self> {
        let name = name.into();
        super::check_bands(&name, bands.len())?;
        if let Some(source) = bands.iter().find(|source| source.info().bands != 1) {
            let info = source.info();
            let found = format_args!("{} bands; expected one, to be a band of {name}", info.bands);
            return Err(Error::input(&info.name, found));
        }
        let resampling = match resampling {
            Resampling::Mode => Resampling::Nearest,
            Resampling::Average => Resampling::Bilinear,
            other => other,
        };
        let finest = finest(&bands);
        let bands = bands
            .into_iter()
            .map(|source| {
                let ways = way::all(&finest, source.info(), resampling)?;
                Ok(Band { source, ways })
            })
            .collect::<Result<Vec<_>>>()?;
        let n_levels = bands.iter().map(|band| band.ways.len()).min().unwrap_or(1);
        let info = describe(name, &finest, &bands, n_levels);
        Ok(Self {
            info,
            bands,
            resampling,
        })
    }

    /// The same stack of sources that `wrap` makes of its own, such as ones read through a cache.
    ///
    /// # Errors
    /// As [`Stack::new`], when `wrap` makes others of them.
    pub fn over(&self, wrap: &dyn Fn(Arc<dyn Source>) -> Arc<dyn Source>) -> Result<Self> {
        let bands = self.bands.iter().map(|band| wrap(Arc::clone(&band.source)));
        Self::new(self.info.name.clone(), bands.collect(), self.resampling)
    }
}

/// The one with the smallest pixels; the first of several.
fn finest(bands: &[Arc<dyn Source>]) -> SourceInfo {
    let mut finest = bands[0].info();
    for band in &bands[1..] {
        // A thousandth: the same size, written in decimals.
        if way::pixel_area(band.info()) < way::pixel_area(finest) * 0.999 {
            finest = band.info();
        }
    }
    finest.clone()
}

fn describe(name: String, finest: &SourceInfo, bands: &[Band], n_levels: usize) -> SourceInfo {
    let infos = || bands.iter().map(|band| band.source.info());
    let sample_type = infos().fold(
        infos().next().map_or(SampleType::U8, first_type),
        |all, i| all.union(i.sample_type),
    );
    let kinds: Vec<MaskKind> = infos().map(|info| info.mask).collect();
    let all_cover = bands
        .iter()
        .all(|band| (0..n_levels).all(|level| band.ways[level].covers(&finest.levels[level])));
    let mask = if kinds.contains(&MaskKind::Graded) {
        MaskKind::Graded
    } else if kinds.contains(&MaskKind::Binary) || !all_cover {
        MaskKind::Binary
    } else {
        MaskKind::None
    };
    let levels = (0..n_levels).map(|level| Level {
        block: largest_block(bands, level),
        ..finest.levels[level]
    });
    let mut notes: Vec<String> = Vec::new();
    for note in infos().flat_map(|info| &info.notes) {
        if !notes.contains(note) {
            notes.push(note.clone());
        }
    }
    SourceInfo {
        name,
        placement: finest.placement.clone(),
        sample_type,
        bands: bands.len(),
        mask,
        palette: false,
        levels: levels.collect(),
        notes,
    }
}

fn first_type(info: &SourceInfo) -> SampleType {
    info.sample_type
}

/// Of the files that a level is made of: memory must be enough for that one.
fn largest_block(bands: &[Band], level: usize) -> (usize, usize) {
    let blocks = bands
        .iter()
        .map(|band| band.source.info().levels[band.ways[level].level].block);
    blocks
        .max_by_key(|block| block.0.saturating_mul(block.1))
        .unwrap_or((1, 1))
}

impl Source for Stack {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn files(&self) -> Result<Vec<String>> {
        let files = self.bands.iter().map(|band| band.source.files());
        Ok(files.collect::<Result<Vec<_>>>()?.concat())
    }

    fn read(&self, level: usize, window: Window) -> Result<Raster> {
        if window.width * window.height <= TOGETHER_PX
            && let Some(whole) = self.read_together(level, window)?
        {
            return Ok(whole);
        }
        let (n, sample_type) = (self.info.bands, self.info.sample_type);
        let empty = || Raster::empty(window.width, window.height, n, sample_type);
        let mut whole = empty();
        whole.mask.fill(255);
        for (index, band) in self.bands.iter().enumerate() {
            let Some(layer) = band.ways[level].read(band.source.as_ref(), window)? else {
                return Ok(empty());
            };
            put(&mut whole, index, &layer);
        }
        whole.clear_hidden();
        Ok(whole)
    }
}

/// Pixels of a window whose bands may all be held beside the whole.
const TOGETHER_PX: usize = 1 << 20;

impl Stack {
    /// The usual case in one pass, which is much of what it takes to read three bands: all of floating point, whole numbers of 16
    /// bits among them, and there. `None` for any other.
    fn read_together(&self, level: usize, window: Window) -> Result<Option<Raster>> {
        let [red, green, blue] = &self.bands[..] else {
            return Ok(None);
        };
        let floats = |band: &Band| {
            let zeros = Samples::zeros(band.source.info().sample_type, 0);
            matches!(zeros, Samples::F32(_))
        };
        if ![red, green, blue].into_iter().all(floats) {
            return Ok(None);
        }
        let read = |band: &Band| band.ways[level].read(band.source.as_ref(), window);
        let (Some(red), Some(green), Some(blue)) = (read(red)?, read(green)?, read(blue)?) else {
            return Ok(None);
        };
        let (Samples::F32(r), Samples::F32(g), Samples::F32(b)) =
            (&red.samples, &green.samples, &blue.samples)
        else {
            return Ok(None);
        };
        let n = window.width * window.height;
        let (r, g, b) = (&r[..n], &g[..n], &b[..n]);
        let pixels: Vec<[f32; 3]> = (0..n).map(|k| [r[k], g[k], b[k]]).collect();
        let masks = [&red.mask[..n], &green.mask[..n], &blue.mask[..n]];
        let mask = (0..n).map(|k| masks[0][k].min(masks[1][k]).min(masks[2][k]));
        let samples = Samples::F32(pixels.into_flattened());
        let (width, height, sample_type) = (window.width, window.height, self.info.sample_type);
        let mut whole = Raster::from_parts(width, height, 3, sample_type, samples, mask.collect())?;
        whole.clear_hidden();
        Ok(Some(whole))
    }
}

/// Makes `layer`, of one band, band `index` of `whole`, and hides what it does not have.
fn put(whole: &mut Raster, index: usize, layer: &Raster) {
    for (all, own) in whole.mask.iter_mut().zip(&layer.mask) {
        *all = (*all).min(*own);
    }
    let n = whole.bands();
    match (&mut whole.samples, &layer.samples) {
        (Samples::U8(to), Samples::U8(from)) => spread(to, from, index, n, |v| v),
        (Samples::F32(to), Samples::U8(from)) => spread(to, from, index, n, f32::from),
        (Samples::F32(to), Samples::F32(from)) => spread(to, from, index, n, |v| v),
        (Samples::F64(to), Samples::U8(from)) => spread(to, from, index, n, f64::from),
        (Samples::F64(to), Samples::F32(from)) => spread(to, from, index, n, f64::from),
        (Samples::F64(to), Samples::F64(from)) => spread(to, from, index, n, |v| v),
        _ => unreachable!("the stack's type holds those of its bands"),
    }
}

#[inline(always)]
fn spread<A: Copy, B: Copy>(
    to: &mut [B],
    from: &[A],
    index: usize,
    n: usize,
    as_b: impl Fn(A) -> B,
) {
    // To step by what is known takes half as long.
    if n == 3 {
        for (to, from) in to.as_chunks_mut::<3>().0.iter_mut().zip(from) {
            to[index] = as_b(*from);
        }
        return;
    }
    for (to, from) in to.iter_mut().skip(index).step_by(n).zip(from) {
        *to = as_b(*from);
    }
}

#[cfg(test)]
mod tests;
