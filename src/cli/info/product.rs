//! A scene of a Sentinel-2 product, described: its bands, and what `tile` would make of it without options.

use azulejo::error::Result;
use azulejo::raster::kernel::Resampling;
use azulejo::source::Source;
use azulejo::source::gdal::{GdalSource, OpenOptions};
use azulejo::source::stack::scene::Scene;
use serde_json::{Value, json};

use super::Description;
use super::raster::{Tiles, add};
use crate::cli::ground::PixelSize;
use crate::cli::redact;

/// Describes `scene`.
///
/// # Errors
/// When one of its bands cannot be opened.
pub(super) fn describe(scene: &Scene) -> Result<Description> {
    let bands = scene.bands.iter().map(|band| {
        let source = GdalSource::open(&band.path, &OpenOptions::default())?;
        let size = PixelSize::of(&source.info().placement).map(PixelSize::text);
        Ok((band.name.as_str(), size.unwrap_or_default()))
    });
    let bands: Vec<(&str, String)> = bands.collect::<Result<_>>()?;
    let opened = scene.open(&OpenOptions::default(), Resampling::Cubic)?;
    let mut tiles = Tiles::of(opened.over(&|source| source)?)?;
    tiles.info = opened.info();
    let name = redact::text(&scene.name);
    let shown: Vec<String> = opened.bands().iter().map(ToString::to_string).collect();
    let mut lines = vec![
        ("product", "Sentinel-2".to_owned()),
        ("bands", by_size(&bands)),
        ("shown", shown.join(", ")),
    ];
    lines.extend(tiles.lines());
    let list: Vec<Value> = bands
        .iter()
        .map(|(name, size)| json!({ "name": name, "pixel": size }))
        .collect();
    let mut object = json!({ "path": name, "kind": "sentinel-2", "bands": list, "shown": shown });
    add(&mut object, tiles.json());
    Ok(Description {
        title: name,
        lines,
        json: object,
    })
}

/// `B02, B03 of 10 m · B05 of 20 m`.
fn by_size(bands: &[(&str, String)]) -> String {
    let mut groups: Vec<(&str, Vec<&str>)> = Vec::new();
    for (name, size) in bands {
        match groups.iter_mut().find(|group| group.0 == size) {
            Some(group) => group.1.push(name),
            None => groups.push((size, vec![name])),
        }
    }
    let group = |(size, names): &(&str, Vec<&str>)| format!("{} of {size}", names.join(", "));
    groups.iter().map(group).collect::<Vec<_>>().join(" · ")
}
