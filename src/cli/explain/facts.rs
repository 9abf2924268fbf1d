//! What there is to tell of a tile: [`Facts`], and of one source in it: [`Layer`].

use std::time::Duration;

use azulejo::geo::bounds::Bounds;
use azulejo::geo::tile::TileCoord;
use azulejo::geo::transform::crs::{Crs, Projection};
use azulejo::pyramid::explain::{Explained, Made};
use azulejo::render::trace::{LayerUse, Read, TileTrace};
use azulejo::source::cache::Reads;
use azulejo::source::gdal::vsi_path;
use azulejo::source::{Level, Source, SourceInfo};
use gdal::Dataset;

use crate::cli::args::TileArgs;
use crate::cli::ground::PixelSize;
use crate::cli::job::Ready;

/// A tile that was made, and all around it.
pub(super) struct Facts<'a> {
    pub(super) args: &'a TileArgs,
    pub(super) ready: &'a Ready,
    pub(super) tile: TileCoord,
    pub(super) explained: &'a Explained,
    /// What it took until sources were open and all was decided.
    pub(super) opened: Duration,
    /// For this tile.
    pub(super) reads: Reads,
}

/// A layer of the mosaic: a source, or several that lie on one grid.
pub(super) struct Layer<'a> {
    pub(super) source: &'a dyn Source,
    pub(super) used: &'a LayerUse,
}

/// A part of what was read.
pub(super) struct Window {
    /// The file's name.
    pub(super) name: String,
    /// Columns of the level, from the first on.
    pub(super) cols: (i64, i64),
    /// Rows.
    pub(super) rows: (i64, i64),
}

impl Facts<'_> {
    /// What the tile covers, in the scheme's coordinates.
    pub(super) fn bounds(&self) -> Bounds {
        self.ready.plan.scheme.bounds(self.tile)
    }

    /// The same in degrees, where PROJ can tell.
    pub(super) fn degrees(&self) -> Option<Bounds> {
        let to = Crs::lon_lat().ok()?;
        let way = Projection::new(&self.ready.plan.crs, &to, None).ok()?;
        way.apply_to_bounds(&self.bounds())
    }

    /// What the tile was rendered of; `None` for an overview.
    pub(super) fn base(&self) -> Option<&TileTrace> {
        match &self.explained.made {
            Made::Base(trace) => Some(trace),
            Made::Overview { .. } => None,
        }
    }

    /// A layer's place in the list of sources, from where it says something.
    pub(super) fn source(&self, layer: usize) -> &dyn Source {
        self.ready.mosaic.layers()[layer].as_ref()
    }

    /// The layers that were warped for a base tile.
    pub(super) fn layers(&self) -> impl Iterator<Item = Layer<'_>> {
        let uses = self.base().into_iter().flat_map(|trace| &trace.uses);
        uses.map(|used| Layer {
            source: self.source(used.layer),
            used,
        })
    }

    /// Pixels of a tile.
    pub(super) fn pixels(&self) -> u64 {
        (self.ready.plan.shape.tile_size_px as u64).pow(2)
    }

    /// The name that the tile has in a folder.
    pub(super) fn place(&self) -> String {
        let format = self.args.format.picture.info().stored;
        format!("{}.{}", self.tile, format.info().extension)
    }

    /// The row of the tile from the south.
    pub(super) fn row_from_south(&self) -> u64 {
        let (_, rows) = self.ready.plan.scheme.matrix_size(self.tile.z());
        rows - 1 - u64::from(self.tile.y())
    }
}

impl<'a> Layer<'a> {
    pub(super) fn info(&self) -> &'a SourceInfo {
        self.source.info()
    }

    /// The level that was read.
    pub(super) fn level(&self, read: &Read) -> Level {
        self.info().levels[read.level]
    }

    /// The size of its pixels.
    pub(super) fn pixel_size(&self, read: &Read) -> Option<PixelSize> {
        let (full, level) = (self.info().levels[0], self.level(read));
        let factor = full.width as f64 / level.width as f64;
        Some(PixelSize::of(&self.info().placement)?.times(factor))
    }

    /// What was read of each file.
    pub(super) fn windows(&self, read: &Read) -> Vec<Window> {
        let (full, level) = (self.info().levels[0], self.level(read));
        let shrink = (
            full.width as f64 / level.width as f64,
            full.height as f64 / level.height as f64,
        );
        let cols = (read.col, read.col + read.width as i64);
        let rows = (read.row as i64, (read.row + read.height) as i64);
        let outlines = self.source.outlines();
        let whole = Window {
            name: self.info().name.clone(),
            cols,
            rows,
        };
        // Once more round the Earth, files are not told apart.
        if outlines.len() < 2 || cols.0 < 0 || cols.1 > level.width as i64 {
            return vec![whole];
        }
        let own = |first: usize, n: usize, shrink: f64, (from, to): (i64, i64)| {
            let start = (first as f64 / shrink).round() as i64;
            let end = ((first + n) as f64 / shrink).round() as i64;
            let (from, to) = (from.max(start), to.min(end));
            (from < to).then_some((from - start, to - start))
        };
        let parts = outlines.iter().zip(self.source.names());
        let part = |(rect, name)| {
            let rect: &azulejo::geo::transform::PixelRect = rect;
            Some(Window {
                name,
                cols: own(rect.col, rect.width, shrink.0, cols)?,
                rows: own(rect.row, rect.height, shrink.1, rows)?,
            })
        };
        parts.filter_map(part).collect()
    }

    /// The values of its bands that mean nothing, as its file has them; `None` where it has none, or says it otherwise.
    pub(super) fn nodata(&self) -> Option<String> {
        let name = self.source.names().into_iter().next()?;
        let dataset = Dataset::open(vsi_path(&name)).ok()?;
        let band = |k| dataset.rasterband(k).ok()?.no_data_value();
        let mut values: Vec<String> = (1..=dataset.raster_count())
            .filter_map(band)
            .map(|value| value.to_string())
            .collect();
        values.dedup();
        (!values.is_empty()).then(|| values.join(","))
    }
}
