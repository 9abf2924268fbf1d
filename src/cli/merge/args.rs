//! Options of `azulejo merge`.

use std::path::PathBuf;

use azulejo::geo::bounds::Bounds;
use azulejo::merge::{Compression, FileKind};
use azulejo::raster::kernel::Resampling;
use clap::Args;

use super::super::running::RunArgs;
use super::super::sources::SourceArgs;
use super::super::values;

pub(in crate::cli) const EXAMPLES: &str = "\
Examples:
  azulejo merge 'scenes/*.tif' -o merged.tif
  azulejo merge north.tif south.tif --mosaic max --crs EPSG:3035 --res 20 -r bilinear -o europe.tif
  azulejo merge old.tif new.tif --mosaic last --like grid.tif --compress zstd -o updated.tif";

const SOURCES: &str = "\
Rasters, named as for 'azulejo tile': paths, quoted patterns, folders, @list.txt, -, or anything that GDAL opens";

const BANDS: &str = "\
Bands to take, any number of them, counted from 1 or by the names that the first source gives them: 4,3,2 or B04,B03. \
[default: all]";

const STACK: &str = "\
Builds each scene from files of single bands, whose resolutions may differ: '{scene}_{band}.tif'. {scene} and {band} stand \
for one or more characters, * for any, none for /; {scene} is read as long as it can be, {band} without _ if it can. All \
SOURCEs must match, but for files found in a folder. Bands then go by name: -b B04,B03,B02 or red,green,blue, any number of \
them; each is warped by itself from its own resolution to the output's, that of the finest unless --res says otherwise. \
[default bands: red, green and blue, or B04,B03,B02, or all of a scene that has 1 or 3]";

const NODATA: &str = "\
Values that mean \"nothing here\": one for all bands or one for each, several such sets with ; between them, nan, or none to \
ignore the files' own. Each band is looked at by itself; the first value marks gaps in the output";

const MEMORY: &str = "\
Ceiling for caches, buffers and the merged raster; what does not fit is kept beside the output meanwhile. 128MiB or more: \
several bands of wide samples need more, and say so. Never changes a byte. [default: half of what the machine or its \
container has free]";

/// Options of `azulejo merge`. Those shared with other commands that mean something else here say what.
#[derive(Args)]
#[command(
    mut_arg("names", |arg| arg.help(SOURCES)),
    mut_arg("bands", |arg| arg.help(BANDS)),
    mut_arg("stack", |arg| arg.help(STACK)),
    mut_arg("nodata", |arg| arg.help(NODATA)),
    mut_arg("memory", |arg| arg.help(MEMORY))
)]
pub(in crate::cli) struct MergeArgs {
    #[command(flatten)]
    pub(super) source: SourceArgs,

    /// Coordinate reference system of the output. [default: the first source's]
    #[arg(
        long,
        value_name = "CRS",
        help_heading = "Grid",
        conflicts_with = "like"
    )]
    pub(super) crs: Option<String>,

    /// Size of a pixel in units of that system: 10, or 10,20 for its width and height. [default: the first source's]
    #[arg(long, value_name = "X[,Y]", value_parser = values::resolution, allow_hyphen_values = true, help_heading = "Grid", conflicts_with = "like")]
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

    #[command(flatten)]
    pub(in crate::cli) run: RunArgs,
}
