//! [`Plan`]: everything that is decided before the first tile: which zooms, which tiles, in which order.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::error::{Error, Kind, Result};
use crate::geo::bounds::Bounds;
use crate::geo::cover::Footprint;
use crate::geo::layout::Layout;
use crate::geo::scheme::{Scheme, Strategy};
use crate::geo::tile::TileCoord;
use crate::geo::transform::crs::Crs;
use crate::mosaic::Mosaic;
use crate::raster::kernel::Resampling;
use crate::raster::reduce::Reducer;
use crate::render::Job;
use crate::style::ground::MARGIN_PX;
use crate::style::{Form, Style};

use super::cover::Cover;
use super::node::Shape;
use super::places::{self, Places};
use super::selection::Selection;

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

impl PlanOptions {
    /// Tiles of 256 pixels in `scheme`; all else is left to the plan.
    pub fn new(scheme: Scheme) -> Self {
        Self {
            scheme,
            tile_size_px: 256,
            zoom_min: None,
            zoom_max: None,
            strategy: Strategy::Nearest,
            resampling: None,
            reducer: None,
            blank: Blank::Skip,
        }
    }
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
    /// What becomes of the values of a tile when it is shown.
    pub style: Style,
    /// The data in degrees on WGS 84, cut to what the scheme can show; never across the antimeridian: such data has all
    /// longitudes.
    pub bounds: Bounds,
    /// The middle of the data, longitude and latitude; of data across the antimeridian, the middle of both sides taken
    /// together.
    pub center: (f64, f64),
    /// Where the layers of the mosaic lie.
    pub layout: Layout,
    /// The tiles that the sources may touch.
    cover: Cover,
    /// Those that are wanted, if not all are.
    selection: Option<Arc<Selection>>,
    /// Tiles of each zoom that must be looked at for those, where there is a selection.
    selected: BTreeMap<u8, u64>,
}

impl Plan {
    /// Decides what to bake of `mosaic`.
    ///
    /// # Errors
    /// [`Kind::Usage`] for zooms or sizes that cannot be, [`Kind::NoOverlap`] when no source meets the scheme or the clip,
    /// [`Kind::Input`] when a source has no place there.
    pub fn new(mosaic: &Mosaic, options: PlanOptions) -> Result<Self> {
        let (scheme, tile_size_px) = (options.scheme.clone(), options.tile_size_px);
        if !tile_size_px.is_power_of_two() || !(64..=4096).contains(&tile_size_px) {
            return Err(Error::usage(format!(
                "tiles of {tile_size_px} pixels; expected a power of two from 64 to 4096"
            )));
        }
        let crs = Crs::parse(scheme.crs())?;
        check_feather(mosaic, options.resampling)?;
        let pixel = options.zoom_max.map(|zoom| {
            let zoom = zoom.min(scheme.zoom_max());
            scheme.resolution(zoom, tile_size_px as u32)
        });
        let places = Places::find(mosaic, &scheme, &crs, pixel)?;
        let footprints = places.layout.footprints();
        let zoom_max = highest_zoom(mosaic, footprints, &options)?;
        let resolution = scheme.resolution(zoom_max, tile_size_px as u32);
        let areas = footprints.iter().flatten().flat_map(Footprint::boxes);
        let mut cover = Cover::new(&scheme, zoom_max, resolution, areas);
        if let Some(area) = places.layout.clip() {
            cover = cover.clipped(&scheme, area);
            if cover.count(zoom_max) == 0 {
                return Err(places::apart(mosaic));
            }
        }
        let zoom_overall = cover.zoom_of_one_tile();
        let zoom_min = lowest_zoom(zoom_overall, zoom_max, &scheme, &options)?;
        let (resampling, reducer) = if mosaic.is_palette() {
            (Resampling::Nearest, Reducer::Mode)
        } else {
            (Resampling::Cubic, Reducer::Average)
        };
        Ok(Self {
            shape: Shape {
                tile_size_px,
                bands: mosaic.bands(),
                sample_type: mosaic.sample_type(),
            },
            resampling: options.resampling.unwrap_or(resampling),
            reducer: options.reducer.unwrap_or(reducer),
            blank: options.blank,
            style: Style::default(),
            zoom_overall: zoom_overall.clamp(zoom_min, zoom_max),
            zoom_min,
            zoom_max,
            scheme,
            crs,
            bounds: places.bounds,
            center: places.center,
            layout: places.layout,
            cover,
            selection: None,
            selected: BTreeMap::new(),
        })
    }

    /// The plan with `style`, which must be for what the plan's tree carries so far: the mosaic's values.
    ///
    /// # Errors
    /// [`Kind::Usage`] when it is for others.
    pub fn styled(mut self, style: Style) -> Result<Self> {
        let tree = style.tree(Form {
            bands: self.shape.bands,
            sample_type: self.shape.sample_type,
        })?;
        self.shape.bands = tree.bands;
        self.shape.sample_type = tree.sample_type;
        self.style = style;
        Ok(self)
    }

    /// The plan for `tiles` alone, as far as it has them: what they are made of is rendered and reduced, and nothing else comes out.
    #[must_use]
    pub fn narrowed(mut self, tiles: &[TileCoord]) -> Self {
        let wanted = tiles.iter().copied();
        let wanted = wanted.filter(|&tile| self.wants(tile) && self.covers(tile));
        let selection = Selection::new(wanted);
        self.zoom_min = selection.zoom_min().unwrap_or(self.zoom_max);
        self.selection = Some(Arc::new(selection));
        let count = |z| (z, self.walk(z).count() as u64);
        self.selected = (self.zoom_min..=self.zoom_max).map(count).collect();
        self
    }

    /// The tiles that are wanted, if not all are.
    pub(super) fn selection(&self) -> Option<&Arc<Selection>> {
        self.selection.as_ref()
    }

    /// Pixels beyond each side of a base tile that are rendered with it.
    pub fn margin_px(&self) -> usize {
        self.style.ground().map_or(0, |_| MARGIN_PX)
    }

    /// What the rendering of every tile has in common: base tiles of `mosaic`, which the plan must be for.
    pub fn job<'a>(&'a self, mosaic: &'a Mosaic) -> Job<'a> {
        Job {
            mosaic,
            layout: &self.layout,
            crs: &self.crs,
            resampling: self.resampling,
            tile_size_px: self.shape.tile_size_px,
            margin_px: self.margin_px(),
        }
    }

    /// Whether the sources may touch `tile`, and it is of use.
    pub fn covers(&self, tile: TileCoord) -> bool {
        let is_of_use = |selection: &Arc<Selection>| selection.needs(tile);
        self.selection.as_ref().is_none_or(is_of_use) && self.cover.holds(tile)
    }

    /// Whether `tile` is made from the sources.
    pub fn is_leaf(&self, tile: TileCoord) -> bool {
        tile.z() == self.zoom_max
    }

    /// Whether `tile` is of a zoom that the user wants.
    pub fn wants(&self, tile: TileCoord) -> bool {
        (self.zoom_min..=self.zoom_max).contains(&tile.z())
    }

    /// How many tiles of zoom `z` the sources may touch, and are of use.
    pub fn count(&self, z: u8) -> u64 {
        match &self.selection {
            None => self.cover.count(z),
            Some(_) => self.selected.get(&z).copied().unwrap_or(0),
        }
    }

    /// How many tiles of all zooms together the sources may touch.
    pub fn count_all(&self) -> u64 {
        (self.zoom_min..=self.zoom_max).map(|z| self.count(z)).sum()
    }

    /// How many tiles the rectangles around all that the sources may touch have, one a zoom; around the Earth for sources across the
    /// antimeridian.
    pub fn count_around_all(&self) -> u64 {
        let zooms = self.zoom_min..=self.zoom_max;
        zooms.map(|z| self.cover.count_around(z)).sum()
    }

    /// The covered tiles of zoom `z` in the order of the walk: root by root, each along the Hilbert curve. One by one: at
    /// a high zoom there may be more than fit in memory.
    pub fn walk(&self, z: u8) -> impl Iterator<Item = TileCoord> + Send + '_ {
        // A scheme may have more roots than there is time to look at: only those that are covered are.
        let mut roots = self.cover.roots();
        let mut waiting: Vec<TileCoord> = Vec::new();
        std::iter::from_fn(move || {
            loop {
                let tile = waiting.pop().or_else(|| roots.next())?;
                if !self.covers(tile) {
                    continue;
                }
                if tile.z() == z {
                    return Some(tile);
                }
                waiting.extend(tile.children().into_iter().rev());
            }
        })
    }

    /// All of [`Plan::walk`].
    pub fn tiles(&self, z: u8) -> Vec<TileCoord> {
        self.walk(z).collect()
    }
}

/// Refuses to soften edges of classes: half a class is none.
fn check_feather(mosaic: &Mosaic, resampling: Option<Resampling>) -> Result<()> {
    if mosaic.feather_px() == 0.0 {
        return Ok(());
    }
    if mosaic.is_palette() {
        return Err(Error::usage(
            "a soft edge of a palette's classes, which cannot be half there; expected no feather",
        )
        .with_help("leave --feather out"));
    }
    match resampling {
        Some(kernel) if kernel.keeps_values() => Err(Error::usage(format!(
            "a soft edge with {}, which keeps values as they are; expected another kernel or no feather",
            kernel.kernel().name
        ))
        .with_help("-r bilinear, or leave --feather out")),
        _ => Ok(()),
    }
}

/// The highest zoom: the one asked for, or the one nearest to the finest source's own resolution.
fn highest_zoom(
    mosaic: &Mosaic,
    footprints: &[Option<Footprint>],
    options: &PlanOptions,
) -> Result<u8> {
    let scheme = &options.scheme;
    let Some(finest) = places::finest(footprints) else {
        let first = mosaic.layers().first().map_or("", |l| &l.info().name);
        let found = match mosaic.layers().len() {
            0 | 1 => format!("{first}: does not meet {}", scheme.id()),
            n => format!("{first} and {} more: none meets {}", n - 1, scheme.id()),
        };
        let found = format!("{found}; expected data within its extent");
        return Err(Error::new(Kind::NoOverlap, found).with_help(
            "another --tiling-scheme, such as WorldCRS84Quad, which has the whole Earth",
        ));
    };
    let native = scheme.zoom_for_resolution(finest, options.tile_size_px as u32, options.strategy);
    checked_zoom(scheme, options.zoom_max.unwrap_or(native))
}

/// The lowest zoom: the one asked for, or the one at which one tile holds all.
fn lowest_zoom(
    zoom_overall: u8,
    zoom_max: u8,
    scheme: &Scheme,
    options: &PlanOptions,
) -> Result<u8> {
    let zoom_min = checked_zoom(scheme, options.zoom_min.unwrap_or(zoom_overall))?;
    if zoom_min <= zoom_max {
        return Ok(zoom_min);
    }
    let source = match options.zoom_max {
        Some(_) => "asked for",
        None => "nearest to the sources' resolution",
    };
    Err(Error::usage(format!(
        "zoom {zoom_min} to {zoom_max} ({source}) is not a range; expected the lowest zoom first"
    ))
    .with_help(format!(
        "--zoom {zoom_min}-{zoom_min}, or a lower --min-zoom"
    )))
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
