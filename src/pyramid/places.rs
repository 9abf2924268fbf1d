//! [`Places`]: where the sources lie, in the scheme and in degrees.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::error::{Error, Kind, Result};
use crate::geo::bounds::Bounds;
use crate::geo::cover::Footprint;
use crate::geo::layout::Layout;
use crate::geo::scheme::Scheme;
use crate::geo::transform::crs::{Crs, Projection};
use crate::geo::transform::rings::Target;
use crate::geo::transform::ways::Ways;
use crate::mosaic::Mosaic;
use crate::mosaic::clip::{Clip, Placed};
use crate::source::Source;

/// Where the layers of a mosaic lie.
pub(super) struct Places {
    /// In the scheme.
    pub(super) layout: Layout,
    /// All of the data in degrees on WGS 84, cut to what the scheme can show; never across the antimeridian.
    pub(super) bounds: Bounds,
    /// Its middle.
    pub(super) center: (f64, f64),
}

const WHOLE: Bounds = Bounds {
    west: -180.0,
    south: -90.0,
    east: 180.0,
    north: 90.0,
};

impl Places {
    /// Places in `scheme`, whose system is `crs`. `pixel` is the size of a pixel at the highest zoom that was asked for.
    ///
    /// # Errors
    /// [`Kind::Input`] when a source has no place on the Earth, or PROJ knows no way from there to the scheme;
    /// [`Kind::NoOverlap`] when no source meets the mosaic's clip.
    pub(super) fn find(
        mosaic: &Mosaic,
        scheme: &Scheme,
        crs: &Crs,
        pixel: Option<f64>,
    ) -> Result<Self> {
        let mut to_lon_lat = Ways::to_lon_lat()?;
        let areas = areas(mosaic, &mut to_lon_lat);
        let pixel = |finest| CLIP_TOLERANCE_PX * pixel.unwrap_or(finest);
        let ways = Ways::to(crs);
        let (layout, clip_bounds) = layout(mosaic, (scheme.extent(), crs), (ways, areas), pixel)?;
        let (bounds, center) = lon_lat_bounds(
            mosaic,
            (layout.footprints(), clip_bounds),
            &mut to_lon_lat,
            scheme,
            crs,
        )?;
        Ok(Self {
            layout,
            bounds,
            center,
        })
    }
}

/// Where the layers of `mosaic`, cut to its clip, lie in `extent`, which is in coordinates of `crs` and may go beyond half a
/// turn round the Earth.
///
/// # Errors
/// As [`Places::find`].
pub(crate) fn layout_in(mosaic: &Mosaic, extent: Bounds, crs: &Crs, pixel: f64) -> Result<Layout> {
    let areas = areas(mosaic, &mut Ways::to_lon_lat()?);
    let tolerance = |_| CLIP_TOLERANCE_PX * pixel;
    let ways = Ways::within(crs, &extent);
    let (layout, _) = layout(mosaic, (extent, crs), (ways, areas), tolerance)?;
    Ok(layout.within(extent))
}

/// The layout by `ways` to `crs`, and the clip's bounds in degrees if there is one. `tolerance` says of the size of the smallest pixels how far
/// edges of a clip may stray.
fn layout(
    mosaic: &Mosaic,
    (extent, crs): (Bounds, &Crs),
    (mut ways, areas): (Ways, Vec<Option<Bounds>>),
    tolerance: impl Fn(f64) -> f64,
) -> Result<(Layout, Option<Bounds>)> {
    let footprints = footprints(mosaic, extent, crs, (&mut ways, &areas))?;
    let finest = finest(&footprints);
    let layout = Layout::new(footprints, areas);
    let (Some(clip), Some(finest)) = (mosaic.clip(), finest) else {
        return Ok((layout, None));
    };
    let target = Target {
        crs,
        extent,
        tolerance: tolerance(finest),
    };
    let Placed { area, bounds } = clip.place(target)?;
    let layout = layout.clipped(area);
    if layout.footprints().iter().all(Option::is_none) {
        return Err(apart(mosaic));
    }
    Ok((layout, bounds))
}

fn footprints(
    mosaic: &Mosaic,
    extent: Bounds,
    crs: &Crs,
    (ways, areas): (&mut Ways, &[Option<Bounds>]),
) -> Result<Vec<Option<Footprint>>> {
    let footprint = |(layer, area): (&std::sync::Arc<dyn Source>, &Option<Bounds>)| {
        footprint(layer.as_ref(), extent, crs, (&mut *ways, *area))
    };
    mosaic.layers().iter().zip(areas).map(footprint).collect()
}

/// How far edges of a clip may stray, in pixels of the highest zoom; half of it where that zoom is chosen by the sources'
/// resolution, which may be up to twice as coarse.
const CLIP_TOLERANCE_PX: f64 = 0.02;

/// The size of the smallest pixels among the sources, in the scheme's units.
pub(super) fn finest(footprints: &[Option<Footprint>]) -> Option<f64> {
    let resolutions = footprints.iter().flatten().map(|f| f.resolution);
    resolutions.min_by(f64::total_cmp)
}

/// No source meets the mosaic's clip.
pub(super) fn apart(mosaic: &Mosaic) -> Error {
    let clip = mosaic.clip().map_or_else(String::new, Clip::name);
    let first = mosaic.layers().first().map_or("", |l| &l.info().name);
    let found = match mosaic.layers().len() {
        0 | 1 => format!("{first}: does not meet {clip}"),
        n => format!("{first} and {} more: none meets {clip}", n - 1),
    };
    Error::new(
        Kind::NoOverlap,
        format!("{found}; expected sources that the clip touches"),
    )
    .with_help("azulejo info tells where a raster lies; --bbox takes degrees unless --bbox-crs names another system")
}

/// By which area PROJ chooses the way to each layer: that of all layers in the same system, so that one way serves them all.
fn areas(mosaic: &Mosaic, to_lon_lat: &mut Ways) -> Vec<Option<Bounds>> {
    let mut by_system: HashMap<Cow<'_, str>, Option<Bounds>> = HashMap::new();
    for layer in mosaic.layers() {
        let placement = &layer.info().placement;
        let found = placement.lon_lat_bounds_of(&[placement.whole()], to_lon_lat);
        let Some(bounds) = found.into_iter().flatten().next() else {
            continue;
        };
        let area = by_system.entry(placement.crs.id()).or_default();
        *area = Some(area.map_or(bounds, |area| {
            let mut both = area.union(&bounds);
            if area.west > area.east || bounds.west > bounds.east {
                (both.west, both.east) = (WHOLE.west, WHOLE.east);
            }
            both
        }));
    }
    let of = |layer: &std::sync::Arc<dyn Source>| {
        by_system
            .get(&layer.info().placement.crs.id())
            .copied()
            .flatten()
    };
    mosaic.layers().iter().map(of).collect()
}

fn footprint(
    layer: &dyn Source,
    extent: Bounds,
    crs: &Crs,
    (ways, area): (&mut Ways, Option<Bounds>),
) -> Result<Option<Footprint>> {
    let info = layer.info();
    let named = |e: Error| {
        let repair = format!(
            "if the file names the wrong system: gdal_edit.py -a_srs EPSG:CODE '{}'",
            info.name
        );
        Error::input(&info.name, e).with_help(repair)
    };
    let footprint = Footprint::new(
        &info.placement,
        &layer.outlines(),
        extent,
        crs,
        (ways, area),
    )
    .map_err(named)?;
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
}

/// The data of all layers that meet the scheme, in degrees, and its middle.
fn lon_lat_bounds(
    mosaic: &Mosaic,
    (footprints, clip): (&[Option<Footprint>], Option<Bounds>),
    to_lon_lat: &mut Ways,
    scheme: &Scheme,
    crs: &Crs,
) -> Result<(Bounds, (f64, f64))> {
    let mut all: Option<Bounds> = None;
    // The same, but in one piece across the antimeridian, beyond 180 degrees.
    let mut in_one_piece: Option<Bounds> = None;
    for (layer, footprint) in mosaic.layers().iter().zip(footprints) {
        let Some(footprint) = footprint else { continue };
        let outlines = layer.outlines();
        for bounds in layer
            .info()
            .placement
            .lon_lat_bounds_of(&outlines, to_lon_lat)
        {
            let mut bounds = bounds.filter(|b| b.south.is_finite()).unwrap_or(WHOLE);
            // Longitudes of 200 to 220 are -160 to -140.
            let turns = ((bounds.west + 180.0 + 1e-9) / 360.0).floor() * 360.0;
            (bounds.west, bounds.east) = (bounds.west - turns, bounds.east - turns);
            let mut piece = bounds;
            piece.east += if bounds.west > bounds.east {
                360.0
            } else {
                0.0
            };
            in_one_piece = Some(in_one_piece.map_or(piece, |all| near(&all, piece).union(&all)));
            // On both sides of the antimeridian; bounds must not wrap.
            let both = footprint.parts.len() > 1 && outlines.len() == 1;
            if bounds.west > bounds.east || bounds.east > 180.0 + 1e-9 || both {
                (bounds.west, bounds.east) = (WHOLE.west, WHOLE.east);
            }
            all = Some(all.map_or(bounds, |a| a.union(&bounds)));
        }
    }
    let world = world_bounds(scheme, crs)?;
    let all = all.unwrap_or(world).intersection(&world).unwrap_or(world);
    let (all, in_one_piece) = match clip {
        Some(clip) => (
            within(&all, &clip).or(within(&world, &clip)).unwrap_or(all),
            in_one_piece.map(|piece| piece_within(&piece, &clip)),
        ),
        None => (all, in_one_piece),
    };
    let mut lon = (all.west + all.east) / 2.0;
    let wraps = (all.west, all.east) == (WHOLE.west, WHOLE.east);
    if let Some(piece) = in_one_piece.filter(|piece| wraps && piece.width() < 360.0) {
        lon = (piece.west + piece.east) / 2.0;
        lon -= ((lon + 180.0) / 360.0).floor() * 360.0;
    }
    Ok((all, (lon, (all.south + all.north) / 2.0)))
}

/// What `all`, which is within -180 and 180 degrees, shares with `clip`, which may go beyond.
fn within(all: &Bounds, clip: &Bounds) -> Option<Bounds> {
    let before = shifted(clip, -360.0);
    let both = [*clip, before].into_iter();
    both.filter_map(|c| all.intersection(&c))
        .reduce(|a, b| a.union(&b))
}

/// What `piece` shares with `clip`, on the turn round the Earth on which that is most.
fn piece_within(piece: &Bounds, clip: &Bounds) -> Bounds {
    if piece.width() >= 360.0 {
        return *clip;
    }
    [-360.0, 0.0, 360.0]
        .iter()
        .filter_map(|&turn| piece.intersection(&shifted(clip, turn)))
        .max_by(|a, b| a.width().total_cmp(&b.width()))
        .unwrap_or(*piece)
}

fn shifted(bounds: &Bounds, by: f64) -> Bounds {
    Bounds::new(
        bounds.west + by,
        bounds.south,
        bounds.east + by,
        bounds.north,
    )
}

/// `piece`, taken round the Earth to where it is nearest to `all`.
fn near(all: &Bounds, piece: Bounds) -> Bounds {
    let apart = (all.west + all.east - piece.west - piece.east) / 2.0;
    let shift = (apart / 360.0).round() * 360.0;
    Bounds::new(
        piece.west + shift,
        piece.south,
        piece.east + shift,
        piece.north,
    )
}

/// What a scheme that goes round the Earth can show, in degrees; all of the Earth for any other.
fn world_bounds(scheme: &Scheme, crs: &Crs) -> Result<Bounds> {
    if crs.period().is_none() {
        return Ok(WHOLE);
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
