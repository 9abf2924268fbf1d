//! A raster, described: what GDAL says of the file, and what `tile` would make of it.

use std::sync::Arc;

use azulejo::error::{Error, Result};
use azulejo::geo::scheme::{Scheme, Strategy};
use azulejo::mosaic::Mosaic;
use azulejo::pyramid::plan::{Blank, Plan, PlanOptions};
use azulejo::source::gdal::{GdalSource, OpenOptions, type_name, vsi_path};
use azulejo::source::{Source, SourceInfo};
use gdal::{Dataset, Metadata};
use serde_json::{Value, json};

use super::{Description, degrees};
use crate::cli::ground::PixelSize;
use crate::cli::{human, redact, report, summary};

/// Describes the raster that GDAL calls `name`.
///
/// # Errors
/// When GDAL cannot open it.
pub(super) fn describe(name: &str) -> Result<Description> {
    let opened = GdalSource::open(name, &OpenOptions::default());
    let dataset = match (Dataset::open(vsi_path(name)), &opened) {
        (Ok(dataset), _) => dataset,
        // The library says better why.
        (Err(_), Err(error)) => return Err(error.clone()),
        (Err(error), Ok(_)) => return Err(Error::input(name, error)),
    };
    let file = File::of(&dataset);
    let mut lines = file.lines();
    let mut object = json!({ "path": redact::text(name), "kind": "raster" });
    add(&mut object, file.json());
    match opened.and_then(|source| Tiles::of(Arc::new(source))) {
        Ok(tiles) => {
            lines.extend(tiles.lines());
            add(&mut object, tiles.json());
        }
        Err(error) => {
            let text = error.to_string();
            let text = text.strip_prefix(&format!("{name}: ")).unwrap_or(&text);
            lines.push(("refused", redact::text(text)));
            let (refused, help) = (
                redact::text(&error.to_string()),
                error.help().map(redact::text),
            );
            add(&mut object, json!({ "refused": refused, "help": help }));
        }
    }
    Ok(Description {
        title: redact::text(name),
        lines,
        json: object,
    })
}

pub(super) fn add(object: &mut Value, more: Value) {
    if let (Value::Object(object), Value::Object(more)) = (object, more) {
        object.extend(more);
    }
}

/// What the file says.
struct File {
    driver: String,
    size: (usize, usize),
    bands: Vec<Band>,
    crs: Option<String>,
    overviews: Vec<(usize, usize)>,
}

struct Band {
    data_type: String,
    /// Empty where the file gives it none.
    name: String,
    role: String,
    nodata: Option<f64>,
}

impl File {
    fn of(dataset: &Dataset) -> Self {
        let bands = (1..=dataset.raster_count()).filter_map(|i| dataset.rasterband(i).ok());
        let srs = dataset
            .spatial_ref()
            .ok()
            .or_else(|| dataset.gcp_spatial_ref());
        let overviews = dataset.rasterband(1).map_or_else(
            |_| Vec::new(),
            |band| {
                let n = band.overview_count().unwrap_or(0).max(0) as usize;
                (0..n)
                    .filter_map(|i| band.overview(i).ok())
                    .map(|o| o.size())
                    .collect()
            },
        );
        Self {
            driver: dataset.driver().short_name(),
            size: dataset.raster_size(),
            bands: bands
                .map(|band| Band {
                    data_type: type_name(&band),
                    name: band.description().unwrap_or_default(),
                    role: band.color_interpretation().name().to_lowercase(),
                    nodata: band.no_data_value(),
                })
                .collect(),
            crs: srs.map(|srs| match (srs.auth_name(), srs.auth_code()) {
                (Some(authority), Ok(code)) => format!("{authority}:{code}"),
                _ => srs.name().unwrap_or_else(|| "unnamed".into()),
            }),
            overviews,
        }
    }

    fn lines(&self) -> Vec<(&'static str, String)> {
        let (width, height) = self.size;
        let bands = self.bands.iter().map(|band| {
            let nodata = band
                .nodata
                .map_or_else(String::new, |v| format!(" nodata {v}"));
            let name = match band.name.as_str() {
                "" => String::new(),
                name => format!(" \"{name}\""),
            };
            format!("{} {}{name}{nodata}", band.data_type, band.role)
        });
        let overviews: Vec<String> = self
            .overviews
            .iter()
            .map(|(w, h)| format!("{w} x {h}"))
            .collect();
        let overviews = if overviews.is_empty() {
            "none".into()
        } else {
            overviews.join(", ")
        };
        vec![
            (
                "raster",
                format!("{}, {width} x {height} pixels", self.driver),
            ),
            ("bands", grouped(bands)),
            ("crs", self.crs.clone().unwrap_or_else(|| "none".into())),
            ("overviews", overviews),
        ]
    }

    fn json(&self) -> Value {
        let bands = self.bands.iter().map(|band| {
            // JSON has no word for "not a number".
            let nodata = band.nodata.map(|v| {
                if v.is_finite() {
                    json!(v)
                } else {
                    json!(v.to_string())
                }
            });
            json!({ "type": band.data_type, "colour": band.role, "name": band.name, "nodata": nodata })
        });
        json!({
            "driver": self.driver,
            "width": self.size.0,
            "height": self.size.1,
            "bands": bands.collect::<Vec<_>>(),
            "crs": self.crs,
            "overviews": self.overviews,
        })
    }
}

/// `3 x UInt16 gray, Byte alpha`.
fn grouped(items: impl Iterator<Item = String>) -> String {
    let mut groups: Vec<(String, usize)> = Vec::new();
    for item in items {
        match groups.last_mut() {
            Some((last, n)) if *last == item => *n += 1,
            _ => groups.push((item, 1)),
        }
    }
    let text = groups.into_iter().map(|(item, n)| {
        if n == 1 {
            item
        } else {
            format!("{n} x {item}")
        }
    });
    text.collect::<Vec<_>>().join(", ")
}

/// What `tile` would make of it, without options.
pub(super) struct Tiles {
    pub(super) info: SourceInfo,
    plan: Plan,
}

impl Tiles {
    pub(super) fn of(source: Arc<dyn Source>) -> Result<Self> {
        let info = source.info().clone();
        let plan = Plan::new(
            &Mosaic::new(vec![source])?,
            PlanOptions {
                scheme: Scheme::named("WebMercatorQuad")?,
                tile_size_px: 256,
                zoom_min: None,
                zoom_max: None,
                strategy: Strategy::default(),
                resampling: None,
                reducer: None,
                blank: Blank::Skip,
            },
        )?;
        Ok(Self { info, plan })
    }

    pub(super) fn lines(&self) -> Vec<(&'static str, String)> {
        let plan = &self.plan;
        let size = PixelSize::of(&self.info.placement).map(PixelSize::text);
        let tiles = human::counted(plan.count_all(), "tile");
        let zooms = summary::zooms(plan);
        let mut lines = vec![
            (
                "pixel",
                size.unwrap_or_else(|| "placed by control points".into()),
            ),
            ("bounds", degrees(&plan.bounds)),
            ("mask", report::mask(self.info.mask).into()),
            (
                "zooms",
                format!("{zooms} in {} · {tiles} at most", plan.scheme.id()),
            ),
        ];
        lines.extend(self.info.notes.iter().map(|note| ("note", note.clone())));
        lines
    }

    pub(super) fn json(&self) -> Value {
        let (info, plan) = (&self.info, &self.plan);
        let bounds = plan.bounds;
        let (size, unit) = match PixelSize::of(&info.placement) {
            Some(PixelSize::Metres(side)) => (Some(side), Some("metre")),
            Some(PixelSize::Degrees(side)) => (Some(side), Some("degree")),
            None => (None, None),
        };
        json!({
            "pixel_size": size,
            "pixel_unit": unit,
            "bounds": [bounds.west, bounds.south, bounds.east, bounds.north],
            "mask": report::mask(info.mask),
            "palette": info.palette,
            "tiling_scheme": plan.scheme.id(),
            "zoom_min": plan.zoom_min,
            "zoom_max": plan.zoom_max,
            "tiles_at_most": plan.count_all(),
            "notes": info.notes,
        })
    }
}
