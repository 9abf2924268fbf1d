//! The rasters that the stages work on.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use azulejo::geo::affine::Affine;
use azulejo::geo::scheme::Scheme;
use azulejo::geo::tile::TileCoord;
use azulejo::geo::transform::{Georef, Placement};
use azulejo::mosaic::Mosaic;
use azulejo::pyramid::plan::{Plan, PlanOptions};
use azulejo::raster::Raster;
use azulejo::raster::kernel::Resampling;
use azulejo::render::Renderer;
use azulejo::source::gdal::{GdalSource, OpenOptions};
use azulejo::source::memory::MemorySource;
use azulejo::source::{Source, Window};

use super::Anything;

/// Pixels a side of a tile.
pub(crate) const TILE_PX: usize = 256;
/// Pixels a side, at most, of the part of a file that is worked on: more than GDAL's cache holds.
const PART_PX: usize = 4096;

/// A raster file.
pub(crate) struct File {
    pub(crate) name: &'static str,
    path: PathBuf,
    /// Whether it stands for all others: only its tiles are encoded in all ways, and written.
    pub(crate) in_full: bool,
}

/// The fixture, and what is in `$BENCH/data`.
pub(crate) fn files() -> Vec<File> {
    let mut files: Vec<File> = Vec::new();
    if let Some(folder) = std::env::var_os("BENCH") {
        let data = Path::new(&folder).join("data");
        for (name, file) in [("A8", "A8.tif"), ("B", "B/b11.tif"), ("E", "E.tif")] {
            let path = data.join(file);
            if path.exists() {
                files.push(File {
                    name,
                    path,
                    in_full: files.is_empty(),
                });
            }
        }
    }
    files.push(File {
        name: "fixture",
        path: Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/RGB.byte.tif"),
        in_full: files.is_empty(),
    });
    files
}

impl File {
    pub(crate) fn open(&self) -> Anything<GdalSource> {
        let name = self.path.to_str().ok_or("a path that is not UTF-8")?;
        Ok(GdalSource::open(name, &OpenOptions::default())?)
    }

    /// The blocks of the part that is worked on.
    pub(crate) fn windows(&self) -> Anything<Vec<Window>> {
        let source = self.open()?;
        let (width, height) = part(&source);
        let (block_width, block_height) = source.info().levels[0].block;
        let mut windows = Vec::new();
        for row in (0..height).step_by(block_height) {
            for col in (0..width).step_by(block_width) {
                windows.push(Window {
                    col,
                    row,
                    width: block_width.min(width - col),
                    height: block_height.min(height - row),
                });
            }
        }
        Ok(windows)
    }
}

fn part(source: &dyn Source) -> (usize, usize) {
    let placement = &source.info().placement;
    (placement.width.min(PART_PX), placement.height.min(PART_PX))
}

/// A part of a file, in memory.
pub(crate) struct Scene {
    pub(crate) name: &'static str,
    pub(crate) mosaic: Mosaic,
}

impl Scene {
    /// The middle of a file.
    pub(crate) fn open(file: &File) -> Anything<Self> {
        let source = file.open()?;
        let (width, height) = part(&source);
        let placement = &source.info().placement;
        let col = (placement.width - width) / 2;
        let row = (placement.height - height) / 2;
        let raster = source.read(
            0,
            Window {
                col,
                row,
                width,
                height,
            },
        )?;
        let Georef::Affine(Affine(g)) = &placement.georef else {
            return Err(format!("{}: expected a geotransform", file.path.display()).into());
        };
        let (x, y) = (col as f64, row as f64);
        let corner = (g[0] + x * g[1] + y * g[2], g[3] + x * g[4] + y * g[5]);
        let placement = Placement {
            crs: placement.crs.clone(),
            georef: Georef::Affine(Affine([corner.0, g[1], g[2], corner.1, g[4], g[5]])),
            width,
            height,
        };
        let source: Arc<dyn Source> = Arc::new(MemorySource::new(file.name, raster, placement)?);
        Ok(Self {
            name: file.name,
            mosaic: Mosaic::new(vec![source])?,
        })
    }

    pub(crate) fn plan(&self, resampling: Resampling) -> Anything<Plan> {
        let options = PlanOptions {
            resampling: Some(resampling),
            ..PlanOptions::new(Scheme::named("WebMercatorQuad")?)
        };
        Ok(Plan::new(&self.mosaic, options)?)
    }

    /// At most `n` base tiles, spread over the scene.
    pub(crate) fn places(&self, plan: &Plan, n: usize) -> Vec<TileCoord> {
        let all = plan.tiles(plan.zoom_max);
        let n = n.min(all.len());
        (0..n).map(|i| all[i * all.len() / n]).collect()
    }

    /// The pixels of these tiles.
    pub(crate) fn tiles(&self, resampling: Resampling, n: usize) -> Anything<Vec<Raster>> {
        let plan = self.plan(resampling)?;
        let job = plan.job(&self.mosaic);
        let mut renderer = Renderer::new(&job);
        let mut tiles = Vec::new();
        for tile in self.places(&plan, n) {
            tiles.extend(renderer.render(&plan.scheme.bounds(tile))?);
        }
        Ok(tiles)
    }
}
