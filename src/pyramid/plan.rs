//! [`Plan`]: everything that is decided before the first tile: which zooms, which tiles, in which order.

use crate::error::{Error, Kind, Result};
use crate::geo::bounds::Bounds;
use crate::geo::cover::Footprint;
use crate::geo::scheme::{Scheme, Strategy};
use crate::geo::tile::TileCoord;
use crate::geo::transform::crs::{Crs, Projection};
use crate::mosaic::Mosaic;
use crate::raster::kernel::Resampling;
use crate::raster::reduce::Reducer;

use super::node::Shape;

/// What the user asks of a pyramid. `None` leaves the choice to the plan.
#[derive(Debug, Clone)]
pub struct PlanOptions {
    /// The grid of tiles.
    pub scheme: Scheme,
    /// Pixels a side: a power of two from 64 to 4096.
    pub tile_size_px: usize,
    /// The lowest zoom. By default the one at which the data fits one tile.
    pub zoom_min: Option<u8>,
    /// The highest zoom. By default the one nearest to the sources' own resolution.
    pub zoom_max: Option<u8>,
    /// What "nearest" means.
    pub strategy: Strategy,
    /// By default cubic, and nearest for palettes.
    pub resampling: Option<Resampling>,
    /// By default the mean, and the mode for palettes.
    pub reducer: Option<Reducer>,
    /// What becomes of tiles with nothing on them.
    pub blank: Blank,
}

/// What becomes of tiles with nothing on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blank {
    /// They are not stored.
    Skip,
    /// They are stored, within the rectangles around the sources.
    Keep,
}

/// What will be baked.
pub struct Plan {
    /// The grid of tiles.
    pub scheme: Scheme,
    /// The scheme's coordinate system.
    pub crs: Crs,
    /// Of all rasters on the way.
    pub shape: Shape,
    /// The top of the pyramid.
    pub zoom_min: u8,
    /// Its base, made from the sources.
    pub zoom_max: u8,
    /// The zoom at which all fits one tile, or the lowest: a good place to start looking.
    pub zoom_overall: u8,
    /// For the base.
    pub resampling: Resampling,
    /// For all zooms above it.
    pub reducer: Reducer,
    /// What becomes of tiles with nothing on them.
    pub blank: Blank,
    /// The data in degrees on WGS 84, cut to what the scheme can show; never across the antimeridian: such data has all
    /// longitudes.
    pub bounds: Bounds,
    /// Where each layer of the mosaic lies.
    pub footprints: Vec<Option<Footprint>>,
    /// Tiles of `zoom_max` that the sources touch, as rectangles that may overlap.
    cover: Vec<TileRect>,
}

/// Tiles from (`west`, `north`) to (`east`, `south`), all included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct TileRect {
    west: u32,
    east: u32,
    north: u32,
    south: u32,
}

impl TileRect {
    /// The same area `levels` zooms up.
    fn up(self, levels: u8) -> Self {
        Self {
            west: self.west >> levels,
            east: self.east >> levels,
            north: self.north >> levels,
            south: self.south >> levels,
        }
    }

    fn holds(self, x: u32, y: u32) -> bool {
        (self.west..=self.east).contains(&x) && (self.north..=self.south).contains(&y)
    }
}

impl Plan {
    /// Decides what to bake of `mosaic`.
    ///
    /// # Errors
    /// [`Kind::Usage`] for zooms or sizes that cannot be, [`Kind::NoOverlap`] when no source meets the scheme,
    /// [`Kind::Input`] when a source has no place there.
    pub fn new(mosaic: &Mosaic, options: PlanOptions) -> Result<Self> {
        let PlanOptions {
            scheme,
            tile_size_px,
            ..
        } = options;
        if !tile_size_px.is_power_of_two() || !(64..=4096).contains(&tile_size_px) {
            return Err(Error::usage(format!(
                "tiles of {tile_size_px} pixels; expected a power of two from 64 to 4096"
            )));
        }
        let crs = Crs::parse(scheme.crs())?;
        let footprints = footprints(mosaic, &scheme, &crs)?;
        let finest = footprints
            .iter()
            .flatten()
            .map(|f| f.resolution)
            .min_by(f64::total_cmp);
        let Some(finest) = finest else {
            return Err(Error::new(
                Kind::NoOverlap,
                format!(
                    "no source meets {}; expected data within its extent",
                    scheme.id()
                ),
            )
            .with_help("another --tiling-scheme, such as WorldCRS84Quad for the polar regions"));
        };
        let native = scheme.zoom_for_resolution(finest, tile_size_px as u32, options.strategy);
        let zoom_max = checked_zoom(&scheme, options.zoom_max.unwrap_or(native))?;
        let resolution = scheme.resolution(zoom_max, tile_size_px as u32);
        let cover: Vec<TileRect> = footprints
            .iter()
            .flatten()
            .flat_map(Footprint::boxes)
            .map(|b| tile_rect(&scheme, zoom_max, b, resolution))
            .collect();
        let zoom_overall = zoom_of_one_tile(&cover, zoom_max);
        let zoom_min = checked_zoom(&scheme, options.zoom_min.unwrap_or(zoom_overall))?;
        if zoom_min > zoom_max {
            let source = if options.zoom_max.is_some() {
                "asked for"
            } else {
                "nearest to the sources' resolution"
            };
            return Err(Error::usage(format!("zoom {zoom_min} to {zoom_max} ({source}) is not a range; expected the lowest zoom first"))
                .with_help(format!("--zoom {zoom_min}-{zoom_min}, or a lower --min-zoom")));
        }
        let bounds = lon_lat_bounds(mosaic, &footprints, &scheme, &crs)?;
        let palette = mosaic.is_palette();
        Ok(Self {
            shape: Shape {
                tile_size_px,
                bands: mosaic.bands(),
                sample_type: mosaic.sample_type(),
            },
            resampling: options.resampling.unwrap_or(if palette {
                Resampling::Nearest
            } else {
                Resampling::Cubic
            }),
            reducer: options.reducer.unwrap_or(if palette {
                Reducer::Mode
            } else {
                Reducer::Average
            }),
            blank: options.blank,
            zoom_overall: zoom_overall.clamp(zoom_min, zoom_max),
            zoom_min,
            zoom_max,
            scheme,
            crs,
            bounds,
            footprints,
            cover,
        })
    }

    /// Whether the sources may touch `tile`.
    pub fn covers(&self, tile: TileCoord) -> bool {
        let levels = self.zoom_max - tile.z();
        self.cover
            .iter()
            .any(|rect| rect.up(levels).holds(tile.x(), tile.y()))
    }

    /// Whether `tile` is made from the sources.
    pub fn is_leaf(&self, tile: TileCoord) -> bool {
        tile.z() == self.zoom_max
    }

    /// Whether `tile` is of a zoom that the user wants.
    pub fn wants(&self, tile: TileCoord) -> bool {
        (self.zoom_min..=self.zoom_max).contains(&tile.z())
    }

    /// How many tiles of zoom `z` the sources may touch.
    pub fn count(&self, z: u8) -> u64 {
        let rects: Vec<TileRect> = self
            .cover
            .iter()
            .map(|rect| rect.up(self.zoom_max - z))
            .collect();
        let columns = |r: &TileRect| u64::from(r.east - r.west) + 1;
        if let [one] = rects[..] {
            return columns(&one) * (u64::from(one.south - one.north) + 1);
        }
        let mut edges: Vec<u32> = rects.iter().flat_map(|r| [r.north, r.south + 1]).collect();
        edges.sort_unstable();
        edges.dedup();
        // Between two edges all rows hold the same columns.
        edges
            .windows(2)
            .map(|rows| columns_of(&rects, rows[0]) * u64::from(rows[1] - rows[0]))
            .sum()
    }

    /// How many tiles of all zooms together the sources may touch.
    pub fn count_all(&self) -> u64 {
        (self.zoom_min..=self.zoom_max).map(|z| self.count(z)).sum()
    }

    /// The covered tiles of zoom `z` in the order of the walk: root by root, each along the Hilbert curve.
    pub fn tiles(&self, z: u8) -> Vec<TileCoord> {
        let mut found = Vec::new();
        for root in self.scheme.roots() {
            self.descend(root, z, &mut found);
        }
        found
    }

    fn descend(&self, tile: TileCoord, z: u8, found: &mut Vec<TileCoord>) {
        if !self.covers(tile) {
            return;
        }
        if tile.z() == z {
            found.push(tile);
            return;
        }
        for child in tile.children() {
            self.descend(child, z, found);
        }
    }
}

/// The columns that the rectangles cover in one row.
fn columns_of(rects: &[TileRect], row: u32) -> u64 {
    let mut spans: Vec<(u64, u64)> = rects
        .iter()
        .filter(|r| (r.north..=r.south).contains(&row))
        .map(|r| (u64::from(r.west), u64::from(r.east) + 1))
        .collect();
    spans.sort_unstable();
    let (mut total, mut reached) = (0, 0);
    for (west, end) in spans {
        total += end.saturating_sub(west.max(reached));
        reached = reached.max(end);
    }
    total
}

fn checked_zoom(scheme: &Scheme, zoom: u8) -> Result<u8> {
    if zoom > scheme.zoom_max() {
        return Err(Error::usage(format!(
            "zoom {zoom}; expected 0 to {}, which is what {} has",
            scheme.zoom_max(),
            scheme.id()
        )));
    }
    Ok(zoom)
}

fn footprints(mosaic: &Mosaic, scheme: &Scheme, crs: &Crs) -> Result<Vec<Option<Footprint>>> {
    let of_layer = |layer: &std::sync::Arc<dyn crate::source::Source>| {
        let info = layer.info();
        let named = |e: Error| {
            let repair = format!(
                "if the file names the wrong system: gdal_edit.py -a_srs EPSG:CODE '{}'",
                info.name
            );
            Error::input(&info.name, e).with_help(repair)
        };
        let footprint =
            Footprint::new(&info.placement, &layer.outlines(), scheme, crs).map_err(named)?;
        if footprint.is_none() && info.placement.lon_lat_bounds().is_none() {
            let found = format!(
                "coordinates in {} that have no place on the Earth",
                info.placement.crs.name()
            );
            return Err(named(Error::new(
                Kind::Input,
                format!("{found}; expected a system that PROJ can undo"),
            )));
        }
        Ok(footprint)
    };
    mosaic.layers().iter().map(of_layer).collect()
}

/// The tiles of zoom `z` that `area` touches by more than a thousandth of a pixel: less is rounding in a geotransform, and
/// no pixel's centre lies there.
fn tile_rect(scheme: &Scheme, z: u8, area: &Bounds, resolution: f64) -> TileRect {
    let slack = resolution * 1e-3;
    let extent = scheme.extent();
    let (columns, rows) = scheme.matrix_size(z);
    let index = |offset: f64, size: f64, n: u64| {
        (offset / size * n as f64)
            .floor()
            .clamp(0.0, n as f64 - 1.0) as u32
    };
    let west = index(area.west + slack - extent.west, extent.width(), columns);
    let east = index(area.east - slack - extent.west, extent.width(), columns);
    let north = index(extent.north - area.north + slack, extent.height(), rows);
    let south = index(extent.north - area.south - slack, extent.height(), rows);
    TileRect {
        west,
        east: east.max(west),
        north,
        south: south.max(north),
    }
}

/// The highest zoom at which one tile holds everything; 0 when none does.
fn zoom_of_one_tile(cover: &[TileRect], zoom_max: u8) -> u8 {
    let one = |z: &u8| {
        let mut rects = cover.iter().map(|rect| rect.up(zoom_max - z));
        let first = rects.next();
        first.is_none_or(|f| f.west == f.east && f.north == f.south && rects.all(|r| r == f))
    };
    (0..=zoom_max).rev().find(one).unwrap_or(0)
}

/// The data of all layers that meet the scheme, in degrees.
fn lon_lat_bounds(
    mosaic: &Mosaic,
    footprints: &[Option<Footprint>],
    scheme: &Scheme,
    crs: &Crs,
) -> Result<Bounds> {
    let mut all: Option<Bounds> = None;
    for (layer, footprint) in mosaic.layers().iter().zip(footprints) {
        let Some(footprint) = footprint else { continue };
        for bounds in layer.info().placement.lon_lat_bounds_of(&layer.outlines()) {
            let mut bounds = bounds
                .filter(|b| b.south.is_finite())
                .unwrap_or(Bounds::new(-180.0, -90.0, 180.0, 90.0));
            // Longitudes beyond a half turn, or taken round the Earth: the data is on both sides of the antimeridian.
            let beyond = bounds.east > 180.0 + 1e-9 || bounds.west < -180.0 - 1e-9;
            if bounds.west > bounds.east || footprint.parts.len() > 1 || beyond {
                (bounds.west, bounds.east) = (-180.0, 180.0);
            }
            all = Some(all.map_or(bounds, |a| a.union(&bounds)));
        }
    }
    let world = world_bounds(scheme, crs)?;
    let all = all.unwrap_or(world);
    Ok(all.intersection(&world).unwrap_or(world))
}

/// What a scheme that goes round the Earth can show, in degrees; all of the Earth for any other.
fn world_bounds(scheme: &Scheme, crs: &Crs) -> Result<Bounds> {
    let whole = Bounds::new(-180.0, -90.0, 180.0, 90.0);
    if crs.period().is_none() {
        return Ok(whole);
    }
    let extent = scheme.extent();
    let (mut xs, mut ys) = ([extent.west, extent.east], [extent.south, extent.north]);
    Projection::new(crs, &Crs::lon_lat()?, None)?.apply(&mut xs, &mut ys);
    let latitude = |v: f64, instead: f64| {
        if v.is_finite() {
            v.clamp(-90.0, 90.0)
        } else {
            instead
        }
    };
    Ok(Bounds::new(
        -180.0,
        latitude(ys[0], -90.0),
        180.0,
        latitude(ys[1], 90.0),
    ))
}
