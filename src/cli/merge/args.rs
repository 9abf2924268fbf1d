//! Options of `azulejo merge`.

use std::ffi::OsString;
use std::path::PathBuf;

use azulejo::geo::bounds::Bounds;
use azulejo::merge::{Compression, FileKind};
use azulejo::mosaic::rule::Rule;
use azulejo::raster::kernel::Resampling;
use azulejo::source::cache::OnReadError;
use azulejo::source::gdal::{BandId, Nodata};
use azulejo::source::stack::pattern::Pattern;
use clap::Args;

use super::super::args::Loudness;
use super::super::clip::ClipArgs;
use super::super::progress::Style;
use super::super::values::{self, Jobs, KeyValue};

pub(in crate::cli) const EXAMPLES: &str = "\
Examples:
  azulejo merge 'scenes/*.tif' -o merged.tif
  azulejo merge north.tif south.tif --mosaic max --crs EPSG:3035 --res 20 -r bilinear -o europe.tif
  azulejo merge old.tif new.tif --mosaic last --like grid.tif --compress zstd -o updated.tif";

/// Options of `azulejo merge`.
#[derive(Args)]
pub(in crate::cli) struct MergeArgs {
    /// Rasters, named as for 'azulejo tile': paths, quoted patterns, folders, @list.txt, -, or anything that GDAL opens.
    #[arg(value_name = "SOURCE", required = true)]
    pub(super) sources: Vec<OsString>,

    /// Coordinate reference system of the sources that carry none.
    #[arg(long, value_name = "CRS", help_heading = "Sources")]
    pub(super) src_crs: Option<String>,

    /// Bands to take, any number of them, counted from 1 or by the names that the first source gives them: 4,3,2 or
    /// B04,B03. [default: all]
    #[arg(short, long, value_name = "BANDS", value_delimiter = ',', value_parser = values::band, help_heading = "Sources")]
    pub(super) bands: Vec<BandId>,

    /// Builds each scene from files of single bands, whose resolutions may differ: '{scene}_{band}.tif'. {scene} and
    /// {band} stand for one or more characters, * for any, none for /; {scene} is read as long as it can be, {band} without
    /// _ if it can. All SOURCEs must match, but for files found in a folder. Bands then go by name: -b B04,B03,B02 or
    /// red,green,blue, any number of them; each is warped by itself from its own resolution to the output's, that of the
    /// finest unless --res says otherwise. [default bands: red, green and blue, or B04,B03,B02, or all of a scene that has
    /// 1 or 3]
    #[arg(long, value_name = "PATTERN", value_parser = values::stack, help_heading = "Sources")]
    pub(super) stack: Option<Pattern>,

    /// Values that mean "nothing here": one for all bands or one for each, several such sets with ; between them, nan, or
    /// none to ignore the files' own. Each band is looked at by itself; the first value marks gaps in the output.
    #[arg(
        long,
        value_name = "VALUES",
        value_parser = values::nodata,
        allow_hyphen_values = true,
        help_heading = "Sources"
    )]
    pub(super) nodata: Option<Nodata>,

    /// What becomes of a pixel that several sources have: first, last, min, max, mean, median, or count.
    #[arg(
        long,
        value_name = "RULE",
        default_value = "first",
        value_parser = values::rule,
        help_heading = "Sources"
    )]
    pub(super) mosaic: Rule,

    #[command(flatten)]
    pub(super) clip: ClipArgs,

    /// Open option for GDAL's drivers. Repeatable.
    #[arg(long, value_name = "NAME=VALUE", help_heading = "Sources")]
    pub(super) oo: Vec<KeyValue>,

    /// What becomes of a block of a source that is damaged: fail ends the merge; skip leaves a hole, tells where, and ends
    /// with exit code 5.
    #[arg(
        long,
        value_name = "fail|skip",
        default_value = "fail",
        value_parser = values::on_read_error,
        help_heading = "Sources"
    )]
    pub(super) on_read_error: OnReadError,

    /// Configuration option for GDAL. Repeatable.
    #[arg(long, value_name = "NAME=VALUE", help_heading = "Sources")]
    pub(super) config: Vec<KeyValue>,

    /// Coordinate reference system of the output. [default: the first source's]
    #[arg(
        long,
        value_name = "CRS",
        help_heading = "Grid",
        conflicts_with = "like"
    )]
    pub(super) crs: Option<String>,

    /// Size of a pixel in units of that system: 10, or 10,20 for its width and height. [default: the first source's]
    #[arg(long, value_name = "X[,Y]", value_parser = values::resolution, help_heading = "Grid", conflicts_with = "like")]
    pub(super) res: Option<(f64, f64)>,

    /// What the output covers, in that system: west,south,east,north; degrees may go beyond 180, as in 170,-20,190,-10.
    /// [default: all that can be seen of the sources there, across the antimeridian where that is less than half as wide]
    #[arg(
        long,
        value_name = "W,S,E,N",
        value_parser = values::bounds,
        allow_hyphen_values = true,
        help_heading = "Grid",
        conflicts_with = "like"
    )]
    pub(super) bounds: Option<Bounds>,

    /// A raster whose coordinate system, pixels and extent are taken for the output.
    #[arg(long, value_name = "FILE", help_heading = "Grid")]
    pub(super) like: Option<String>,

    /// How pixels that do not lie on the sources' are made of them: nearest, bilinear, cubic, cubicspline, lanczos, average
    /// or mode.
    #[arg(
        short,
        long,
        value_name = "KERNEL",
        default_value = "nearest",
        value_parser = values::resampling,
        help_heading = "Grid"
    )]
    pub(super) resampling: Resampling,

    /// How the output is compressed: deflate, zstd, lzw, lerc, jpeg, webp or none.
    #[arg(
        long,
        value_name = "METHOD",
        default_value = "deflate",
        value_parser = values::compression,
        help_heading = "Output"
    )]
    pub(super) compress: Compression,

    /// What is written: cog, a Cloud Optimized GeoTIFF with overviews, or gtiff, a tiled GeoTIFF without.
    #[arg(
        short,
        long,
        value_name = "cog|gtiff",
        default_value = "cog",
        value_parser = values::file_kind,
        help_heading = "Output"
    )]
    pub(super) format: FileKind,

    /// Where the output goes, a path that ends in .tif or .tiff.
    #[arg(short, long, value_name = "PATH", help_heading = "Output")]
    pub(super) output: PathBuf,

    /// Replace an output that exists, once the new one is complete.
    #[arg(long, help_heading = "Output")]
    pub(super) overwrite: bool,

    /// Threads, or ALL_CPUS. Also from GDAL_NUM_THREADS. Never changes a byte. [default: all processors]
    #[arg(
        short,
        long,
        value_name = "N",
        alias = "num-threads",
        help_heading = "Running"
    )]
    pub(super) jobs: Option<Jobs>,

    /// Ceiling for caches, buffers and the merged raster; what does not fit is kept beside the output meanwhile. 128MiB
    /// or more: several bands of wide samples need more, and say so. Never changes a byte. [default: half of what the machine or its container has free]
    #[arg(long, value_name = "SIZE", value_parser = values::memory, help_heading = "Running")]
    pub(super) memory: Option<u64>,

    /// How progress is shown on stderr: auto, bar, plain, json or none.
    #[arg(
        long,
        value_name = "STYLE",
        default_value = "auto",
        hide_possible_values = true,
        help_heading = "Running"
    )]
    pub(in crate::cli) progress: Style,

    #[command(flatten)]
    pub(in crate::cli) loudness: Loudness,
}
