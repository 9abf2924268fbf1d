//! What is to be clipped to, from options.

use azulejo::error::Result;
use azulejo::geo::transform::crs::Crs;
use azulejo::mosaic::clip::{Bbox, Clip, Cutline};

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
