//! What `azulejo merge` reports.

use azulejo::archive::Published;
use azulejo::merge::grid::Grid;
use azulejo::merge::{FileKind, Look};
use azulejo::raster::gaps::Gaps;
use serde_json::{Map, Value, json};

use super::MergeArgs;
use crate::cli::report::{Run, options, shown, text};

/// All that the report tells of.
pub(super) struct Report<'a> {
    pub(super) args: &'a MergeArgs,
    pub(super) grid: &'a Grid,
    pub(super) look: &'a Look,
    pub(super) published: &'a Published,
    /// Valid samples that would have been taken for nodata.
    pub(super) changed_samples: u64,
    pub(super) jobs: usize,
    pub(super) memory_bytes: u64,
    pub(super) run: Run<'a>,
}

impl Report<'_> {
    /// The report.
    pub(super) fn json(&self) -> Value {
        let (grid, bounds) = (self.grid, self.grid.bounds());
        let gaps = match self.look.gaps {
            Gaps::Nodata(_) => "nodata",
            Gaps::Alpha => "alpha",
            Gaps::Mask => "mask",
        };
        let nodata = match self.look.gaps {
            // JSON has no NaN.
            Gaps::Nodata(value) if !value.is_finite() => json!(value.to_string()),
            Gaps::Nodata(value) => json!(value),
            _ => Value::Null,
        };
        let names = self.look.bands.iter().map(|band| &band.description);
        let own = json!({
            "grid": {
                "crs": grid.crs.name(),
                "width": grid.width,
                "height": grid.height,
                "geotransform": grid.affine.0,
                "bounds": [bounds.west, bounds.south, bounds.east, bounds.north],
            },
            "bands": names.collect::<Vec<_>>(),
            "type": self.look.sample_type.gdal_name(),
            "gaps": gaps,
            "nodata": nodata,
            "changed_samples": self.changed_samples,
            "outputs": [{
                "path": text(&self.published.path),
                "bytes": self.published.bytes,
                "sha256": self.published.sha256,
            }],
        });
        self.run.json(self.options(), own)
    }

    /// Every option by its long name, as it took effect.
    fn options(&self) -> Map<String, Value> {
        let args = self.args;
        let (width, height) = self.grid.pixel();
        let own = json!({
            "crs": self.grid.crs.name(),
            "res": [width, height],
            "bounds": args.bounds.map(|b| [b.west, b.south, b.east, b.north]),
            "like": args.like.as_deref().map(shown),
            "resampling": args.resampling.kernel().name,
            "compress": args.compress.name(),
            "format": match args.format {
                FileKind::Cog => "cog",
                FileKind::GeoTiff => "gtiff",
            },
            "output": text(&args.output),
            "overwrite": args.overwrite,
        });
        options(&args.source, own, &args.run, self.jobs, self.memory_bytes)
    }
}
