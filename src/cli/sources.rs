//! Sources: their options, and how they come to be open, whatever is made of them.

use std::ffi::OsString;
use std::sync::Arc;

use azulejo::error::Result;
use azulejo::geo::transform::crs::Crs;
use azulejo::mosaic::Mosaic;
use azulejo::mosaic::clip::Clip;
use azulejo::mosaic::manifest::{self, Manifest};
use azulejo::mosaic::rule::Rule;
use azulejo::pyramid::budget::pixel_bytes;
use azulejo::pyramid::node::Shape;
use azulejo::pyramid::{Progress, gather};
use azulejo::raster::kernel::Resampling;
use azulejo::render::seam_bytes;
use azulejo::source::cache::{BlockCache, Cached, OnReadError};
use azulejo::source::gdal::{BandId, Nodata, OpenOptions};
use azulejo::source::stack::pattern::Pattern;
use azulejo::source::{Source, SourceInfo};
use clap::Args;

use super::clip::{self, ClipArgs};
use super::console::Console;
use super::interrupt::Interrupt;
use super::progress::{Meter, Phase};
use super::summary;
use super::values::{self, KeyValue};

/// Options of the sources. Commands to which one means something else say so in place of its text here.
#[derive(Args)]
#[command(next_help_heading = "Sources")]
pub(super) struct SourceArgs {
    /// A raster: a path, a quoted pattern ('*.tif'), a folder, a Sentinel-2 product (.SAFE, or a .zip of it), @list.txt (one
    /// source a line, # for comments), - for such a list on standard input, or any name that GDAL opens (/vsizip/…,
    /// NETCDF:…, https://…, s3://…). Relative paths start at the current folder, in lists too. A product is shown in true
    /// colours, its black being "nothing here" as its maker has it, or by its bands with -b. Where sources overlap, --mosaic
    /// says what is shown.
    #[arg(value_name = "SOURCE", required = true, help_heading = None)]
    pub(super) names: Vec<OsString>,

    /// Coordinate reference system of the sources that carry none: EPSG:2056, WKT, a PROJ string. Without it such a
    /// source is an error.
    #[arg(long, value_name = "CRS")]
    pub(super) src_crs: Option<String>,

    /// Bands to take, 1 or 3 of them, with -f tif any number, counted from 1 or by the names that the file gives them: 4,3,2 or
    /// B04,B03,B02. `a` takes the band flagged as alpha for that; without it none is. [default: all of a source of 1, 3 or
    /// 4 bands; of more those flagged as red, green and blue, else the first three; with -f tif all of a file]
    #[arg(short, long, value_name = "BANDS", value_delimiter = ',', value_parser = values::band)]
    pub(super) bands: Vec<BandId>,

    /// Builds each scene from files of single bands, whose resolutions may differ: '{scene}_{band}.tif'. {scene} and
    /// {band} stand for one or more characters, * for any, none for /; {scene} is read as long as it can be, {band} without
    /// _ if it can. All SOURCEs must match, but for files found in a folder. Bands then go by name: -b B04,B03,B02 or
    /// red,green,blue; coarser ones are brought to the finest grid by the kernel of -r; a pixel is there when all its bands
    /// are. [default bands: red, green and blue, or B04,B03,B02, or all of a scene that has 1 or 3]
    #[arg(long, value_name = "PATTERN", value_parser = values::stack)]
    pub(super) stack: Option<Pattern>,

    /// Values that mean "nothing here": one for all bands or one for each (-9999 or 255,255,255), several such sets
    /// with ; between them, nan, or none to ignore the file's own. Alpha and masks stay. [default: the file's]
    #[arg(long, value_name = "VALUES", value_parser = values::nodata, allow_hyphen_values = true)]
    pub(super) nodata: Option<Nodata>,

    /// What becomes of a pixel that several sources have: first or last (the first or last in the list with a valid one
    /// wins), min, max, mean, median, or count (how many have one).
    #[arg(long, value_name = "RULE", default_value = "first", value_parser = values::rule)]
    pub(super) mosaic: Rule,

    #[command(flatten)]
    pub(super) clip: ClipArgs,

    /// Open option for GDAL's drivers. Repeatable.
    #[arg(long, value_name = "NAME=VALUE")]
    pub(super) oo: Vec<KeyValue>,

    /// What becomes of a block of a source that is damaged: fail ends the run; skip leaves a hole, tells where, publishes
    /// the outputs and ends with exit code 5.
    #[arg(long, value_name = "fail|skip", default_value = "fail", value_parser = values::on_read_error)]
    pub(super) on_read_error: OnReadError,

    /// Configuration option for GDAL, such as GDAL_HTTP_MAX_RETRY=3. GDAL_CACHEMAX (megabytes for GDAL's own cache of
    /// blocks, 16 to 64 if nothing else is said) counts towards --memory. Repeatable.
    #[arg(long, value_name = "NAME=VALUE")]
    pub(super) config: Vec<KeyValue>,
}

/// What the options name, before a source is opened.
pub(super) struct Named {
    pub(super) manifest: Manifest,
    /// The cutline has been read.
    pub(super) clip: Option<Clip>,
}

impl SourceArgs {
    /// Lists the sources and reads what they are clipped to. `kernel` is the one asked for, if any.
    ///
    /// # Errors
    /// For lists and cutlines that cannot be read, and a feather that would soften nothing.
    pub(super) fn named(&self, kernel: Option<Resampling>) -> Result<Named> {
        let clip = clip::clip(&self.clip)?;
        let manifest = manifest::expand(&self.names, &mut std::io::stdin().lock())?;
        let several = manifest.names.len() > 1;
        let has_edge = clip.is_some() || several && self.mosaic.takes_one();
        clip::check_feather(self.clip.feather, kernel, has_edge)?;
        Ok(Named { manifest, clip })
    }

    /// How files are opened, whatever bands are taken of them.
    ///
    /// # Errors
    /// For a coordinate system that PROJ does not know.
    pub(super) fn open_options(&self) -> Result<OpenOptions> {
        Ok(OpenOptions {
            crs: self.src_crs.as_deref().map(Crs::parse).transpose()?,
            driver: self.oo.iter().map(ToString::to_string).collect(),
            ..OpenOptions::default()
        })
    }

    /// `source`, its blocks kept in `cache`.
    pub(super) fn through(
        &self,
        cache: &Arc<BlockCache>,
        source: Arc<dyn Source>,
    ) -> Arc<dyn Source> {
        Arc::new(Cached::new(source, Arc::clone(cache), self.on_read_error))
    }

    /// `sources` over each other, with soft seams if they are wanted, within `clip` if there is one.
    ///
    /// # Errors
    /// As [`Mosaic::with_rule`].
    pub(super) fn mosaic(
        &self,
        sources: Vec<Arc<dyn Source>>,
        clip: Option<&Clip>,
    ) -> Result<Mosaic> {
        let mosaic = Mosaic::with_rule(sources, self.mosaic)?.feathered(self.clip.feather);
        Ok(match clip {
            Some(clip) => mosaic.clipped(clip.clone()),
            None => mosaic,
        })
    }

    /// What seams between `n_sources` cost a thread that makes rasters of `shape`.
    pub(super) fn seam_bytes(&self, n_sources: usize, shape: &Shape) -> usize {
        if n_sources > 1 && self.mosaic.takes_one() {
            seam_bytes(self.clip.feather, shape.tile_size_px, pixel_bytes(shape))
        } else {
            0
        }
    }
}

impl Named {
    /// What the user should know of the sources, `passed_over` among it, and of the clip.
    pub(super) fn notes(&self, passed_over: &[String], infos: &[SourceInfo]) -> Vec<String> {
        let mut notes = [&self.manifest.notes[..], passed_over].concat();
        notes.extend(summary::source_notes(infos));
        let cutline = self.clip.as_ref().and_then(Clip::cutline);
        notes.extend(cutline.iter().flat_map(|cutline| cutline.notes().to_vec()));
        notes
    }
}

/// What `open` makes of each of `items`, on `jobs` threads; shows how far it is.
///
/// # Errors
/// The first of `open`'s, in the order of the items, or that of an interruption.
pub(super) fn open_all<T: Sync, R: Send>(
    jobs: usize,
    items: &[T],
    open: impl Fn(&T) -> Result<R> + Sync,
    (console, interrupt): (&Console, &Interrupt),
) -> Result<Vec<R>> {
    let mut meter = Meter::start(console, Phase::Opening);
    let planned = items.len() as u64;
    gather(jobs, items, open, |done| {
        interrupt.check()?;
        meter.update(&Progress::of(done as u64, planned));
        Ok(())
    })
}
