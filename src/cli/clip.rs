//! What is to be clipped to, from options.

use azulejo::error::{Error, Result};
use azulejo::geo::transform::crs::Crs;
use azulejo::mosaic::Mosaic;
use azulejo::mosaic::clip::{Bbox, Clip, Cutline};
use azulejo::raster::kernel::Resampling;

use super::values::Sides;

/// The clip of `boxes` in `crs`, or degrees, and the file of a cutline, which is read here. `None` without either.
///
/// # Errors
/// For boxes and files that hold no area, and systems that PROJ does not know.
pub(super) fn clip(
    boxes: &[Sides],
    crs: Option<&str>,
    cutline: Option<&str>,
) -> Result<Option<Clip>> {
    let crs = match crs {
        Some(crs) => Crs::parse(crs)?,
        None => Crs::lon_lat()?,
    };
    let boxes = boxes.iter().map(|sides| Bbox::new(sides.0, &crs));
    let boxes = boxes.collect::<Result<Vec<_>>>()?;
    let cutline = cutline.map(Cutline::open).transpose()?;
    Ok(Clip::new(boxes, cutline))
}

/// What the user should know of it.
pub(super) fn notes(clip: &Clip) -> Vec<String> {
    clip.cutline()
        .map(|cutline| cutline.notes().to_vec())
        .unwrap_or_default()
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

/// `mosaic` with its seams softened, and within `clip` if there is one.
pub(super) fn cut(mosaic: Mosaic, clip: Option<&Clip>, feather: f64) -> Mosaic {
    let mosaic = mosaic.feathered(feather);
    match clip {
        Some(clip) => mosaic.clipped(clip.clone()),
        None => mosaic,
    }
}
