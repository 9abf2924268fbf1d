//! How a tile came about, for programs.

use azulejo::encode::{Fit, Format};
use azulejo::geo::bounds::Bounds;
use azulejo::pyramid::explain::{LayerSum, Made, NodeKind};
use azulejo::render::trace::{ClipTouch, Read};
use serde_json::{Map, Value, json};

use super::facts::{Layer, Window};
use super::told::Told;
use crate::cli::redact;
use crate::cli::report;

/// Changes when a reader of the JSON would have to.
const SCHEMA: &str = "azulejo-explain/1";

impl Told<'_> {
    /// For programs.
    pub(super) fn json(&self) -> Value {
        let facts = self.facts;
        let plan = &facts.ready.plan;
        let (tile, explained) = (facts.tile, facts.explained);
        let corners = |b: &Bounds| json!([b.west, b.south, b.east, b.north]);
        let layers: Vec<Value> = facts
            .layers()
            .map(|layer| self.layer_json(&layer))
            .collect();
        let hidden = facts.base().map_or(&[][..], |trace| &trace.hidden);
        let hidden: Vec<String> = hidden
            .iter()
            .map(|&layer| report::shown(&facts.source(layer).info().name))
            .collect();
        let stages: Map<String, Value> = self
            .stages()
            .map(|(stage, time)| (stage.to_owned(), json!((time * 1e6).round() / 1e6)))
            .into_iter()
            .collect();
        json!({
            "schema": SCHEMA,
            "tile": { "z": tile.z(), "x": tile.x(), "y": tile.y() },
            "tiling_scheme": plan.scheme.id(),
            "crs": plan.crs.name(),
            "bounds": corners(&facts.bounds()),
            "bounds_degrees": facts.degrees().as_ref().map(corners),
            "tile_size": plan.shape.tile_size_px,
            "resolution": plan.scheme.resolution(tile.z(), plan.shape.tile_size_px as u32),
            "is_base": facts.base().is_some(),
            "mosaic": facts.args.source.mosaic.row().name,
            "resampling": plan.resampling.kernel().name,
            "overview_resampling": plan.reducer.name(),
            "layers": layers,
            "hidden": hidden,
            "overview": self.overview_json(),
            "clip": facts.ready.clip.as_ref().map(|clip| json!({
                "name": report::shown(&clip.name()),
                "tile": facts.base().and_then(|trace| trace.clip).map(clip_name),
            })),
            "values": facts.ready.decided.told,
            "node": node_json(explained.node),
            "format": explained.data.as_ref().and_then(|data| Format::sniff(data)).map(Format::name),
            "bytes": explained.data.as_ref().map(|data| data.len()),
            "fits": explained.fit == Fit::Fits,
            "path": facts.place(),
            "row_from_south": facts.row_from_south(),
            "written": self.file,
            "seconds": stages,
            "blocks_decoded": facts.reads.blocks_decoded,
            "notes": facts.ready.notes.iter().map(|note| redact::text(note)).collect::<Vec<_>>(),
        })
    }

    fn layer_json(&self, layer: &Layer<'_>) -> Value {
        let (info, used) = (layer.info(), layer.used);
        let window = |read: &Read| json!({ "col": read.col, "row": read.row, "width": read.width, "height": read.height });
        let files = |read: &Read| {
            let file = |window: Window| {
                json!({
                    "name": report::shown(&window.name),
                    "col": window.cols.0,
                    "row": window.rows.0,
                    "width": window.cols.1 - window.cols.0,
                    "height": window.rows.1 - window.rows.0,
                })
            };
            layer
                .windows(read)
                .into_iter()
                .map(file)
                .collect::<Vec<_>>()
        };
        let read = used.read.as_ref().map(|read| {
            let level = layer.level(read);
            json!({
                "level": read.level,
                "level_size": [level.width, level.height],
                "pixel_size": layer.pixel_size(read).map(|size| size.text()),
                "scale": [read.scale.0, read.scale.1],
                "level_scale": [read.level_scale.0, read.level_scale.1],
                "support": [read.support_px.0, read.support_px.1],
                "window": (read.pieces > 0).then(|| window(read)),
                "files": if read.pieces > 0 { files(read) } else { Vec::new() },
                "pieces": read.pieces,
            })
        });
        json!({
            "name": report::shown(&info.name),
            "crs": info.placement.crs.name(),
            "width": info.placement.width,
            "height": info.placement.height,
            "levels": info.levels.len(),
            "mask": report::mask(info.mask),
            "nodata": layer.nodata(),
            "turns": used.turns,
            "way": used.way.name(),
            "points": used.points,
            "error_px": used.way.error_px(),
            "read": read,
            "valid_pixels": used.valid_px,
            "new_pixels": used.new_px,
        })
    }

    fn overview_json(&self) -> Value {
        let Made::Overview {
            base_zoom,
            base_tiles,
            with_data,
            layers,
        } = &self.facts.explained.made
        else {
            return Value::Null;
        };
        let layer = |(&layer, sum): (&usize, &LayerSum)| {
            json!({
                "name": report::shown(&self.facts.source(layer).info().name),
                "tiles": sum.tiles,
                "levels": sum.levels,
                "valid_pixels": sum.valid_px,
                "new_pixels": sum.new_px,
            })
        };
        json!({
            "base_zoom": base_zoom,
            "base_tiles": base_tiles,
            "with_data": with_data,
            "layers": layers.iter().map(layer).collect::<Vec<_>>(),
        })
    }
}

fn node_json(kind: NodeKind) -> Value {
    match kind {
        NodeKind::Empty => json!({ "kind": "empty", "valid_pixels": 0 }),
        NodeKind::OneColour => json!({ "kind": "one colour" }),
        NodeKind::Pixels { valid, partly } => {
            json!({ "kind": "pixels", "valid_pixels": valid, "partly_valid_pixels": partly })
        }
    }
}

fn clip_name(clip: ClipTouch) -> &'static str {
    match clip {
        ClipTouch::Inside => "inside",
        ClipTouch::Edge => "edge",
        ClipTouch::Outside => "outside",
    }
}
