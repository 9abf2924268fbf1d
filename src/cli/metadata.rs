//! What a tileset will say about itself.

use std::path::PathBuf;

use azulejo::archive::{DEFAULT_VERSION, Metadata, TilesetKind};
use azulejo::error::{Error, Result};
use azulejo::pyramid::plan::Plan;

use super::args::TileArgs;
use super::redact;

/// The metadata of what `plan` will bake of `sources`, checked.
///
/// # Errors
/// [`Kind::Usage`](azulejo::error::Kind::Usage) for rows that cannot be written.
pub(super) fn describe(
    args: &TileArgs,
    sources: &[String],
    plan: &Plan,
    rows: &[(String, String)],
) -> Result<Metadata> {
    let outputs = &args.outputs;
    let bounds = plan.bounds;
    let version = outputs.version_string.clone();
    let version = version.unwrap_or_else(|| DEFAULT_VERSION.to_owned());
    let meta = outputs.meta.iter();
    let mut extra: Vec<_> = meta
        .map(|pair| (pair.key.clone(), pair.value.clone().into()))
        .collect();
    // What the user says goes before what we would.
    let new = rows
        .iter()
        .filter(|row| !outputs.meta.iter().any(|pair| pair.key == row.0));
    extra.extend(new.map(|(key, value)| (key.clone(), value.clone().into())));
    // By name, as they come back from containers: whatever they were put into.
    extra.sort_by(|a: &(String, _), b| a.0.cmp(&b.0));
    let metadata = Metadata {
        name: outputs
            .name
            .clone()
            .unwrap_or_else(|| default_name(sources, &outputs.paths)),
        description: outputs.description.clone(),
        attribution: outputs.attribution.clone(),
        kind: outputs.kind.unwrap_or(TilesetKind::Overlay),
        version,
        format: args.format.picture.info().stored,
        bounds,
        center: (plan.center.0, plan.center.1, plan.zoom_overall),
        zoom_min: plan.zoom_min,
        zoom_max: plan.zoom_max,
        tile_size_px: u32::try_from(plan.shape.tile_size_px)
            .map_err(|_| Error::internal("a tile size that no plan has"))?,
        scheme_id: plan.scheme.id().to_owned(),
        matrix_roots: super::outputs::matrix_roots(&plan.scheme)?,
        extra,
    };
    metadata.check()?;
    Ok(metadata)
}

/// A tileset of one source is called as its file, one of several, or of one without a file, as the first output.
fn default_name(sources: &[String], outputs: &[PathBuf]) -> String {
    // A dataset written out in place of a name: `<VRTDataset>…`.
    let written_out = |name: &String| name.trim_start().starts_with(['<', '{']);
    let named = match (sources, outputs) {
        ([one], _) if !written_out(one) => PathBuf::from(redact::address(one)),
        (_, [first, ..]) => first.clone(),
        _ => PathBuf::new(),
    };
    let stem = named.file_stem().unwrap_or_default().to_string_lossy();
    if stem.is_empty() {
        "tiles".into()
    } else {
        stem.into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_from_files() {
        let check = |sources: &[&str], output: &str, expected: &str| {
            let sources: Vec<String> = sources.iter().map(|&s| s.into()).collect();
            let outputs = [PathBuf::from(output), PathBuf::from("other.mbtiles")];
            assert_eq!(default_name(&sources, &outputs), expected);
        };
        check(&["a/ortho.tif"], "x.mbtiles", "ortho");
        check(&["https://host/data/ortho.tif"], "x.mbtiles", "ortho");
        check(&["http://host/b.tif?sig=abc/SECRET"], "x.mbtiles", "b");
        check(&["https://me:SECRET@host"], "x.mbtiles", "host");
        check(&["<VRTDataset>a/SECRET</VRTDataset>"], "x.mbtiles", "x");
        check(&["a.tif", "b.tif"], "out/x.mbtiles", "x");
        check(&["a.tif", "b.tif"], "out/tiles/", "tiles");
        check(&["/"], "x.mbtiles", "tiles");
    }
}
