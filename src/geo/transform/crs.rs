//! [`Crs`]: a coordinate reference system, and [`Projection`]: PROJ's way from one to another, called through GDAL.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::{CStr, c_int};
use std::fs::File;
use std::ptr;

use gdal::spatial_ref::{AxisMappingStrategy, SpatialRef};
use gdal_sys::OGRCoordinateTransformationH;

use crate::error::{Error, Kind, Result};
use crate::geo::bounds::Bounds;

/// A coordinate reference system. Coordinates in it are always x (east, longitude) before y (north, latitude), whatever
/// order its authority prescribes.
#[derive(Debug, Clone)]
pub struct Crs {
    /// Not always the same for one code: PROJ tells of a datum or of the ensemble that it stands for, as it has met it before on
    /// the thread that asks. See [`Crs::id`].
    wkt: String,
    name: String,
    /// Its code by EPSG, when what EPSG says of that is the same to the letter: of two codes GDAL finds the way between them
    /// twenty times faster than of two texts.
    epsg: Option<u32>,
    round: Option<Round>,
    geographic: bool,
}

/// How x goes round the Earth.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Round {
    /// From any x to the next that is the same place.
    period: f64,
    /// The x in the middle of those that PROJ gives.
    middle: f64,
}

impl PartialEq for Crs {
    fn eq(&self, other: &Self) -> bool {
        self.id() == other.id()
    }
}

/// Why PROJ knows nothing.
fn no_database() -> Error {
    if no_handles_left() {
        let found = "PROJ: its database, proj.db, cannot be opened: too many open files; expected a higher limit of the system's";
        return Error::new(Kind::Resources, found).with_help("ulimit -n 4096");
    }
    Error::usage("PROJ: its database, proj.db, was not found or is of another version; expected it where PROJ was installed")
        .with_help("unset PROJ_DATA and PROJ_LIB, or set PROJ_DATA to the folder that holds PROJ's own proj.db")
}

/// Whether this process (EMFILE) or the system (ENFILE) has no file handles to spare: a library opens several at a time, and
/// does not say why it could not.
fn no_handles_left() -> bool {
    const SPARE: usize = 4;
    let opened: Vec<_> = (0..SPARE).map(|_| File::open("/dev/null")).collect();
    let is_limit = |error: &std::io::Error| matches!(error.raw_os_error(), Some(23 | 24));
    opened.iter().any(|file| file.as_ref().is_err_and(is_limit))
}

impl Crs {
    /// Longitude and latitude in degrees on WGS 84.
    ///
    /// # Errors
    /// When PROJ's database cannot be found.
    pub fn lon_lat() -> Result<Self> {
        // The same as OGC:CRS84, as x is before y here. But most files in degrees are of this name, tiling schemes are based on
        // it, and PROJ knows the ways from it: it seeks those from the other for 15 ms.
        Self::parse("EPSG:4326")
    }

    /// What a user may write: `EPSG:2056`, a PROJ string, WKT, PROJJSON, or a file that holds one of them.
    ///
    /// # Errors
    /// [`Kind::Usage`] when PROJ does not understand it, or when it has no place on the Earth's surface.
    pub fn parse(definition: &str) -> Result<Self> {
        let unknown = || {
            Error::usage(format!(
                "{definition:?} is not a coordinate reference system that PROJ knows; expected EPSG:code, WKT, PROJJSON or a PROJ string"
            ))
        };
        let srs = SpatialRef::from_definition(definition).map_err(|_| {
            // Without its database PROJ knows no codes at all, and would blame the one that was asked for.
            match SpatialRef::from_epsg(4326) {
                Ok(_) => unknown(),
                Err(_) => no_database(),
            }
        })?;
        Self::from_spatial_ref(&srs).ok_or_else(unknown)
    }

    /// The system that GDAL found in a file; `None` when it is a local one (engineering, geocentric), which says nothing
    /// of a place on the Earth.
    pub fn from_spatial_ref(srs: &SpatialRef) -> Option<Self> {
        if srs.is_local()
            || srs.is_geocentric()
            || !(srs.is_geographic() || srs.is_projected() || srs.is_derived_geographic())
        {
            return None;
        }
        let wkt = export_wkt2(srs).or_else(|| srs.to_wkt().ok())?;
        let name = match (srs.auth_name(), srs.auth_code()) {
            (Some(authority), Ok(code)) => format!("{authority}:{code}"),
            _ => srs.name().unwrap_or_else(|| "unnamed".into()),
        };
        let mut crs = Self {
            epsg: epsg(srs, &wkt),
            wkt,
            name,
            round: None,
            geographic: srs.is_geographic(),
        };
        crs.round = crs.known_round(srs);
        Some(crs)
    }

    /// `EPSG:code` where there is one, else the name in the file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its code by EPSG, if what EPSG says of that is the same.
    pub fn epsg(&self) -> Option<u32> {
        self.epsg
    }

    /// What two systems have in common that are the same: the code by EPSG, if what EPSG says of that is the same, or else the text.
    pub fn id(&self) -> Cow<'_, str> {
        match self.epsg {
            Some(code) => format!("EPSG:{code}").into(),
            None => (&*self.wkt).into(),
        }
    }

    /// Whether its coordinates are longitude and latitude.
    pub fn is_geographic(&self) -> bool {
        self.geographic
    }

    /// Metres in a unit of its coordinates; 1 where they are degrees.
    pub fn unit_m(&self) -> f64 {
        let projected = self.spatial_ref().ok().filter(|_| !self.geographic);
        let unit = projected.map_or(1.0, |srs| srs.linear_units());
        if unit.is_finite() && unit > 0.0 {
            unit
        } else {
            1.0
        }
    }

    /// What it is made for, by its authority: degrees on WGS 84; west > east crosses the antimeridian.
    pub fn area_of_use(&self) -> Option<Bounds> {
        let area = self.spatial_ref().ok()?.area_of_use()?;
        Some(Bounds::new(
            area.west_lon_degree,
            area.south_lat_degree,
            area.east_lon_degree,
            area.north_lat_degree,
        ))
    }

    /// WKT 2 of the system.
    pub fn wkt(&self) -> &str {
        &self.wkt
    }

    /// How far along x the Earth repeats itself: 360 for degrees, the length of the equator for Mercator; `None` where
    /// going round does not come back to the same y (all but geographic and normal cylindrical systems).
    pub fn period(&self) -> Option<f64> {
        self.round.map(|round| round.period)
    }

    /// The x that lies in the middle of one [`Crs::period`], as PROJ gives coordinates: 0, or the false easting.
    pub fn middle(&self) -> f64 {
        self.round.map_or(0.0, |round| round.middle)
    }

    /// [`Crs::find_round`], once for each system: files of one system come by the thousand.
    fn known_round(&self, srs: &SpatialRef) -> Option<Round> {
        thread_local! {
            static KNOWN: RefCell<HashMap<String, Option<Round>>> = RefCell::default();
        }
        if let Some(known) = KNOWN.with_borrow(|known| known.get(&self.wkt).copied()) {
            return known;
        }
        let found = self.find_round(srs);
        KNOWN.with_borrow_mut(|known| known.insert(self.wkt.clone(), found));
        found
    }

    fn find_round(&self, srs: &SpatialRef) -> Option<Round> {
        if srs.is_geographic() {
            return Some(Round {
                period: std::f64::consts::TAU / srs.angular_units(),
                middle: 0.0,
            });
        }
        const CYLINDRICAL: [&str; 6] = [
            "Mercator_1SP",
            "Mercator_2SP",
            "Mercator_Auxiliary_Sphere",
            "Equirectangular",
            "Cylindrical_Equal_Area",
            "Miller_Cylindrical",
        ];
        let method = srs.get_attr_value("PROJECTION", 0).ok().flatten()?;
        if !CYLINDRICAL.contains(&method.as_str()) {
            return None;
        }
        // A quarter of the way round, either side of the middle: on a cylinder half of it all lies between.
        let middle = srs
            .get_proj_param("central_meridian")
            .ok()
            .flatten()
            .unwrap_or(0.0);
        let projection = Projection::new(&Self::lon_lat().ok()?, self, None).ok()?;
        let (mut xs, mut ys) = ([middle - 80.0, middle + 80.0], [0.0, 0.0]);
        projection.apply(&mut xs, &mut ys);
        let period = (xs[1] - xs[0]).abs() * 360.0 / 160.0;
        let middle = (xs[0] + xs[1]) / 2.0;
        (period.is_finite() && period > 0.0 && middle.is_finite())
            .then_some(Round { period, middle })
    }

    pub(super) fn spatial_ref(&self) -> Result<SpatialRef> {
        let srs = match self.epsg {
            Some(code) => SpatialRef::from_epsg(code),
            None => SpatialRef::from_definition(&self.wkt),
        };
        let mut srs = srs.map_err(|e| Error::internal(format!("{}: {e}", self.name)))?;
        srs.set_axis_mapping_strategy(AxisMappingStrategy::TraditionalGisOrder);
        Ok(srs)
    }
}

/// The code of `srs` by EPSG, if EPSG says `wkt` of it.
fn epsg(srs: &SpatialRef, wkt: &str) -> Option<u32> {
    if srs.auth_name()? != "EPSG" {
        return None;
    }
    let code = u32::try_from(srs.auth_code().ok()?).ok()?;
    let official = SpatialRef::from_epsg(code).ok()?;
    (export_wkt2(&official)? == wkt).then_some(code)
}

fn export_wkt2(srs: &SpatialRef) -> Option<String> {
    let mut text = ptr::null_mut();
    let options = [c"FORMAT=WKT2_2019".as_ptr(), ptr::null()];
    // SAFETY: the handle lives as long as `srs`, the options end with a null, and `text` is freed below.
    let code = unsafe { gdal_sys::OSRExportToWktEx(srs.to_c_hsrs(), &mut text, options.as_ptr()) };
    if text.is_null() {
        return None;
    }
    // SAFETY: GDAL returned a C string, which it leaves to the caller to free.
    let wkt = unsafe {
        let wkt = CStr::from_ptr(text).to_string_lossy().into_owned();
        gdal_sys::VSIFree(text.cast());
        wkt
    };
    (code == gdal_sys::OGRErr::OGRERR_NONE && !wkt.is_empty()).then_some(wkt)
}

/// GDAL's own words for what went wrong last on this thread.
pub(crate) fn gdal_message() -> String {
    // SAFETY: GDAL returns a C string that belongs to this thread and lives until its next error; it is copied here.
    let text = unsafe { CStr::from_ptr(gdal_sys::CPLGetLastErrorMsg()) }.to_string_lossy();
    let text = text.trim();
    if text.is_empty() {
        "GDAL gave no reason".into()
    } else {
        text.into()
    }
}

/// Coordinates in one system told in another. Belongs to the thread that made it: PROJ's objects cannot be shared, and
/// building one takes up to 15 ms, so each thread keeps its own.
pub struct Projection {
    /// Null when both systems are the same and nothing needs doing.
    handle: OGRCoordinateTransformationH,
}

impl Projection {
    /// The way from `from` to `to`. PROJ chooses among datum shifts the one that is best for `area` (west, south, east,
    /// north in degrees; west > east crosses the antimeridian).
    ///
    /// # Errors
    /// [`Kind::Input`] when PROJ knows no way, as between two celestial bodies.
    pub fn new(from: &Crs, to: &Crs, area: Option<Bounds>) -> Result<Self> {
        let (source, target) = (from.spatial_ref()?, to.spatial_ref()?);
        // SAFETY: both handles live until the end of this function.
        if unsafe { gdal_sys::OSRIsSame(source.to_c_hsrs(), target.to_c_hsrs()) } != 0 {
            return Ok(Self {
                handle: ptr::null_mut(),
            });
        }
        // SAFETY: the options are destroyed after use; the transformation keeps its own copies of what it needs.
        let handle = unsafe {
            let options = gdal_sys::OCTNewCoordinateTransformationOptions();
            if let Some(b) = area {
                gdal_sys::OCTCoordinateTransformationOptionsSetAreaOfInterest(
                    options, b.west, b.south, b.east, b.north,
                );
            }
            gdal_sys::CPLErrorReset();
            let handle = gdal_sys::OCTNewCoordinateTransformationEx(
                source.to_c_hsrs(),
                target.to_c_hsrs(),
                options,
            );
            gdal_sys::OCTDestroyCoordinateTransformationOptions(options);
            handle
        };
        if handle.is_null() {
            let message = gdal_message();
            // What follows is the whole of both systems, in WKT.
            let reason = message.split(" from `").next().unwrap_or(&message);
            return Err(Error::new(
                Kind::Input,
                format!("no way from {} to {}: {reason}", from.name, to.name),
            ));
        }
        Ok(Self { handle })
    }

    /// Whether both systems are the same.
    pub fn is_identity(&self) -> bool {
        self.handle.is_null()
    }

    /// Projects `xs`, `ys` in place. A point that has no image becomes NaN in both.
    pub fn apply(&self, xs: &mut [f64], ys: &mut [f64]) {
        assert_eq!(xs.len(), ys.len(), "as many x as y");
        if self.handle.is_null() || xs.is_empty() {
            return;
        }
        let n = c_int::try_from(xs.len()).expect("a few thousand points at a time");
        let mut success: Vec<c_int> = vec![0; xs.len()];
        // SAFETY: all three arrays hold n values; a null z is allowed.
        unsafe {
            gdal_sys::OCTTransformEx(
                self.handle,
                n,
                xs.as_mut_ptr(),
                ys.as_mut_ptr(),
                ptr::null_mut(),
                success.as_mut_ptr(),
            )
        };
        for ((x, y), ok) in xs.iter_mut().zip(ys.iter_mut()).zip(success) {
            if ok == 0 || !x.is_finite() || !y.is_finite() {
                (*x, *y) = (f64::NAN, f64::NAN);
            }
        }
    }

    /// The rectangle around the image of `bounds`, its edges followed with 21 points each, poles inside it noticed. When
    /// the target is geographic, west > east means that the image crosses the antimeridian.
    pub fn apply_to_bounds(&self, bounds: &Bounds) -> Option<Bounds> {
        if self.handle.is_null() {
            return Some(*bounds);
        }
        let (mut w, mut s, mut e, mut n) = (0.0, 0.0, 0.0, 0.0);
        // SAFETY: plain numbers in, four valid pointers out.
        let ok = unsafe {
            gdal_sys::OCTTransformBounds(
                self.handle,
                bounds.west,
                bounds.south,
                bounds.east,
                bounds.north,
                &mut w,
                &mut s,
                &mut e,
                &mut n,
                21,
            )
        };
        (ok != 0 && [w, s, e, n].iter().all(|v| v.is_finite())).then(|| Bounds::new(w, s, e, n))
    }
}

impl Drop for Projection {
    fn drop(&mut self) {
        if !self.handle.is_null() {
            // SAFETY: made by OCTNewCoordinateTransformationEx, destroyed once.
            unsafe { gdal_sys::OCTDestroyCoordinateTransformation(self.handle) };
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // A test that cannot go on panics.
mod tests {
    use super::*;

    /// Where (9, 40), in degrees, is in `crs`.
    fn place(crs: &Crs) -> (f64, f64) {
        let (mut xs, mut ys) = ([9.0], [40.0]);
        let way = Projection::new(&Crs::lon_lat().unwrap(), crs, None).unwrap();
        way.apply(&mut xs, &mut ys);
        (xs[0], ys[0])
    }

    #[test]
    fn a_code_and_what_it_stands_for_lead_to_the_same_place() {
        // Of the same datum, of others with several ways to it, of one by a grid, in feet, around a pole, in degrees.
        let codes = [
            3857, 32632, 3035, 25832, 27700, 31370, 28992, 2154, 2263, 3413, 4326, 4258, 4267,
        ];
        for code in codes {
            let coded = Crs::parse(&format!("EPSG:{code}")).unwrap();
            assert_eq!(coded.epsg, Some(code));
            let spelt = Crs {
                epsg: None,
                ..coded.clone()
            };
            let (coded, spelt) = (place(&coded), place(&spelt));
            assert!(
                coded == spelt || coded.0.is_nan() && spelt.0.is_nan(),
                "EPSG:{code}"
            );
        }
    }

    #[test]
    fn a_code_that_the_rest_belies_is_not_believed() {
        let zone = Crs::parse("EPSG:32632").unwrap();
        let moved = zone.wkt().replace("500000", "400000");
        let moved = Crs::parse(&moved).unwrap();
        assert_eq!((moved.name(), moved.epsg), ("EPSG:32632", None));
        assert!((place(&zone).0 - 500_000.0).abs() < 1e-6);
        assert!((place(&moved).0 - 400_000.0).abs() < 1e-6);
    }
}
