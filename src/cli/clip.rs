//! What is to be clipped to, from options.

use azulejo::error::{Error, Result};
use azulejo::geo::transform::crs::Crs;
use azulejo::mosaic::clip::{Bbox, Clip, Cutline};
use azulejo::raster::kernel::Resampling;

use clap::Args;

use super::values::{self, Sides};

/// Options of what is to be clipped to.
#[derive(Args)]
#[command(next_help_heading = "Sources")]
pub(super) struct ClipArgs {
    /// Clip to a rectangle, in degrees unless --bbox-crs says otherwise; west > east crosses the antimeridian. Repeatable:
    /// what lies in any of them is kept.
    #[arg(
        long,
        value_name = "W,S,E,N",
        value_parser = values::sides,
        allow_hyphen_values = true
    )]
    pub(super) bbox: Vec<Sides>,

    /// Coordinate reference system of --bbox: EPSG:2056, WKT, a PROJ string; x (east) comes first in any. [default:
    /// degrees on WGS 84]
    #[arg(long, value_name = "CRS", requires = "bbox")]
    pub(super) bbox_crs: Option<String>,

    /// Clip to the polygons of a file, of all its layers: anything that OGR reads, in any coordinate reference system that
    /// the file names. With --bbox, what lies in both is kept.
    #[arg(long, value_name = "FILE")]
    pub(super) cutline: Option<String>,

    /// Soften the edge of the clip: from nothing at the edge to whole so many pixels inside, pixels of the highest zoom. With
    /// --mosaic first or last, sources fade likewise into those below them. Not for palettes, nearest and mode, whose pixels cannot be half there.
    #[arg(
        long,
        value_name = "PIXELS",
        default_value = "0",
        hide_default_value = true,
        allow_negative_numbers = true,
        value_parser = values::feather
    )]
    pub(super) feather: f64,
}

/// The clip that `args` ask for; the file of a cutline is read here. `None` without any.
///
/// # Errors
/// For boxes and files that hold no area, and systems that PROJ does not know.
pub(super) fn clip(args: &ClipArgs) -> Result<Option<Clip>> {
    let crs = args.bbox_crs.as_deref().map(Crs::parse).transpose()?;
    let boxed = |sides: &Sides| match &crs {
        Some(crs) => Bbox::new(sides.0, crs),
        None => Bbox::new(sides.0, &Crs::lon_lat()?),
    };
    let boxes = args.bbox.iter().map(boxed);
    let boxes = boxes.collect::<Result<Vec<_>>>()?;
    let cutline = args.cutline.as_deref().map(Cutline::open).transpose()?;
    Ok(Clip::new(boxes, cutline))
}

/// Refuses a feather that would soften nothing: without the edge of a clip or seams between sources, or with a kernel whose
/// pixels are there or not.
///
/// # Errors
/// [`Kind::Usage`](azulejo::error::Kind::Usage).
pub(super) fn check_feather(
    feather: f64,
    kernel: Option<Resampling>,
    has_edge: bool,
) -> Result<()> {
    if feather > 0.0 && !has_edge {
        return Err(Error::usage(
            "--feather without an edge to soften; expected --cutline, --bbox, or several sources of which the first or last wins",
        ));
    }
    if feather > 0.0 && matches!(kernel, Some(Resampling::Nearest | Resampling::Mode)) {
        return Err(Error::usage(
            "--feather with a kernel whose pixels cannot be half there; expected another than nearest and mode",
        )
        .with_help("-r bilinear"));
    }
    Ok(())
}
