//! [`Cutline`]: the polygons of a file that OGR reads.

use std::path::Path;

use gdal::vector::{Layer, LayerAccess};
use gdal::{Dataset, DatasetOptions, GdalOpenFlags};
use gdal_sys::{OGRGeometryH, OGRwkbGeometryType};
use sha2::{Digest, Sha256};

use super::Shapes;
use crate::error::{Error, Result};
use crate::geo::polygon::Place;
use crate::geo::transform::crs::{Crs, gdal_message};
use crate::source::gdal::{init, vsi_path};

/// Degrees of an arc that become one straight line: the line is then within 2.4 millionths of the radius.
const ARC_STEP_DEGREES: f64 = 0.25;

/// The polygons of all layers of a file, united.
#[derive(Debug, Clone)]
pub struct Cutline {
    name: String,
    /// One for each layer that has polygons.
    shapes: Vec<Shapes>,
    notes: Vec<String>,
}

impl Cutline {
    /// Reads the polygons of `name`: a path, or anything OGR opens. Features of all layers count, each layer in its own
    /// system; GeoJSON without one is in degrees. Heights are left out, curves become lines, and what is no polygon is
    /// passed over.
    ///
    /// # Errors
    /// [`Kind::Input`](crate::error::Kind::Input) when it is missing, is no vector file, has no polygons, or does not say
    /// in which system they are.
    pub fn open(name: &str) -> Result<Self> {
        init();
        let dataset = open(name)?;
        let (mut shapes, mut n_features, mut n_others) = (Vec::new(), 0, 0);
        for mut layer in dataset.layers() {
            let mut found = Found::default();
            read(&mut layer, &mut found);
            n_features += found.n_features;
            n_others += found.n_features - found.n_with_polygons;
            if !found.polygons.is_empty() {
                shapes.push(Shapes {
                    crs: crs_of(name, &layer)?,
                    polygons: found.polygons,
                });
            }
        }
        if shapes.is_empty() {
            let found = match n_features {
                0 => "no features in it",
                _ => "no polygons in it, but other geometries or none",
            };
            return Err(Error::input(
                name,
                format_args!("{found}; expected polygons to clip to"),
            ));
        }
        let notes = match n_others {
            0 => Vec::new(),
            n => vec![format!(
                "{name}: {n} of {n_features} features are no polygons and were passed over"
            )],
        };
        Ok(Self {
            name: name.to_owned(),
            shapes,
            notes,
        })
    }

    /// As it was asked for.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the user should know.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// SHA-256 of the polygons and their systems, by which they are known again, wherever they come from.
    pub fn digest(&self) -> [u8; 32] {
        let mut digest = Sha256::new();
        let mut number = |n: usize| digest.update((n as u64).to_le_bytes());
        number(self.shapes.len());
        for shapes in &self.shapes {
            for polygon in &shapes.polygons {
                let lengths = polygon.iter().map(Vec::len);
                std::iter::once(polygon.len())
                    .chain(lengths)
                    .for_each(&mut number);
            }
        }
        for shapes in &self.shapes {
            digest.update(&*shapes.crs.id());
            for place in shapes.polygons.iter().flatten().flatten().flatten() {
                digest.update(place.to_bits().to_le_bytes());
            }
        }
        digest.finalize().into()
    }

    pub(super) fn shapes(&self) -> &[Shapes] {
        &self.shapes
    }
}

fn open(name: &str) -> Result<Dataset> {
    let path = vsi_path(name);
    let looks_local = !path.starts_with("/vsi")
        && !path.trim_start().starts_with(['<', '{'])
        && !path.contains(':');
    if looks_local && !Path::new(&path).exists() {
        return Err(Error::input(
            name,
            "no such file; expected one with polygons",
        ));
    }
    let with = |kind: GdalOpenFlags| {
        let options = DatasetOptions {
            open_flags: kind | GdalOpenFlags::GDAL_OF_READONLY,
            ..DatasetOptions::default()
        };
        Dataset::open_ex(&path, options)
    };
    // SAFETY: no arguments; clears this thread's last message, so that an old one is not blamed.
    unsafe { gdal_sys::CPLErrorReset() };
    with(GdalOpenFlags::GDAL_OF_VECTOR | GdalOpenFlags::GDAL_OF_VERBOSE_ERROR).map_err(|error| {
        if with(GdalOpenFlags::GDAL_OF_RASTER).is_ok() {
            return Error::input(name, "a raster; expected a file with polygons");
        }
        let reason = match error {
            gdal::errors::GdalError::NullPointer { msg, .. } if !msg.is_empty() => msg,
            _ => gdal_message(),
        };
        Error::input(
            name,
            format_args!(
                "cannot be opened ({reason}); expected a file with polygons that OGR reads"
            ),
        )
    })
}

fn crs_of(name: &str, layer: &Layer) -> Result<Crs> {
    let help = format!("ogr2ogr -a_srs EPSG:CODE with-crs.gpkg '{name}'");
    // What a GeoPackage says of a layer whose system nobody knows.
    let known = |srs: &gdal::spatial_ref::SpatialRef| {
        !srs.name()
            .is_some_and(|name| name.starts_with("Undefined "))
    };
    let srs = layer.spatial_ref().filter(known).ok_or_else(|| {
        let found = "no coordinate reference system in the file; expected one";
        Error::input(name, found).with_help(help.clone())
    })?;
    Crs::from_spatial_ref(&srs).ok_or_else(|| {
        let found = "a local coordinate system; expected one with a place on the Earth";
        Error::input(name, found).with_help(help)
    })
}

#[derive(Default)]
struct Found {
    polygons: Vec<Vec<Vec<Place>>>,
    n_features: u64,
    n_with_polygons: u64,
}

fn read(layer: &mut Layer, found: &mut Found) {
    for feature in layer.features() {
        found.n_features += 1;
        let before = found.polygons.len();
        // SAFETY: the feature lives until the end of this turn; the geometry is its own, and what was made of it is
        // destroyed once.
        unsafe {
            let geometry = gdal_sys::OGR_F_GetGeometryRef(feature.c_feature());
            if geometry.is_null() {
                continue;
            }
            let linear =
                gdal_sys::OGR_G_GetLinearGeometry(geometry, ARC_STEP_DEGREES, std::ptr::null_mut());
            if !linear.is_null() {
                add_polygons(linear, &mut found.polygons);
                gdal_sys::OGR_G_DestroyGeometry(linear);
            }
        }
        found.n_with_polygons += u64::from(found.polygons.len() > before);
    }
}

/// The polygons that `geometry`, without curves, is or holds.
///
/// # Safety
/// `geometry` is a geometry of OGR's that lives throughout.
unsafe fn add_polygons(geometry: OGRGeometryH, polygons: &mut Vec<Vec<Vec<Place>>>) {
    // SAFETY: as this function's own; parts live as long as the whole.
    unsafe {
        let n = gdal_sys::OGR_G_GetGeometryCount(geometry);
        let parts = (0..n).map(|k| gdal_sys::OGR_G_GetGeometryRef(geometry, k));
        match gdal_sys::OGR_GT_Flatten(gdal_sys::OGR_G_GetGeometryType(geometry)) {
            OGRwkbGeometryType::wkbPolygon | OGRwkbGeometryType::wkbTriangle => {
                let rings: Vec<Vec<Place>> = parts
                    .map(|ring| places(ring))
                    .filter(|ring| ring.len() > 2)
                    .collect();
                if !rings.is_empty() {
                    polygons.push(rings);
                }
            }
            OGRwkbGeometryType::wkbMultiPolygon
            | OGRwkbGeometryType::wkbGeometryCollection
            | OGRwkbGeometryType::wkbPolyhedralSurface
            | OGRwkbGeometryType::wkbTIN => parts.for_each(|part| add_polygons(part, polygons)),
            _ => {}
        }
    }
}

/// # Safety
/// As [`add_polygons`], of a ring.
unsafe fn places(ring: OGRGeometryH) -> Vec<Place> {
    // SAFETY: indices are within the ring.
    unsafe {
        let n = gdal_sys::OGR_G_GetPointCount(ring);
        (0..n)
            .map(|k| [gdal_sys::OGR_G_GetX(ring, k), gdal_sys::OGR_G_GetY(ring, k)])
            .filter(|[x, y]| x.is_finite() && y.is_finite())
            .collect()
    }
}
