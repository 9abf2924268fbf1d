//! [`Metres`]: how wide and how high the pixels of a tile are on the ground.

use super::crs::{Crs, Projection};
use crate::error::Result;
use crate::geo::bounds::Bounds;

/// The equator's radius of WGS 84 in metres, and its flattening.
const RADIUS_M: f64 = 6_378_137.0;
const FLATTENING: f64 = 1.0 / 298.257_223_563;

/// Pixels from one row that is measured to the next; those between are interpolated.
const STEP_PX: usize = 16;

/// A ruler for tiles in one system. Belongs to the thread that made it.
pub struct Metres {
    to_lon_lat: Projection,
}

impl Metres {
    /// A ruler for tiles in `crs`.
    ///
    /// # Errors
    /// When there is no way from the system to degrees.
    pub fn of(crs: &Crs) -> Result<Self> {
        Ok(Self {
            to_lon_lat: Projection::new(crs, &Crs::lon_lat()?, None)?,
        })
    }

    /// Width and height in metres of the pixels in the middle of each row of a tile of `size_px` by `size_px` pixels over
    /// `bounds`, from the north. Where a row is nowhere on the Earth it is that of the row next to it.
    pub fn rows(&self, bounds: &Bounds, size_px: usize) -> Vec<[f64; 2]> {
        let (dx, dy) = (
            bounds.width() / size_px as f64,
            bounds.height() / size_px as f64,
        );
        let measured: Vec<usize> = (0..size_px).step_by(STEP_PX).chain([size_px - 1]).collect();
        let x = (bounds.west + bounds.east) / 2.0;
        // West and east of the middle of each row, north and south of it.
        let (mut xs, mut ys) = (Vec::new(), Vec::new());
        for &row in &measured {
            let y = bounds.north - (row as f64 + 0.5) * dy;
            xs.extend([x - dx / 2.0, x + dx / 2.0, x, x]);
            ys.extend([y, y, y + dy / 2.0, y - dy / 2.0]);
        }
        self.to_lon_lat.apply(&mut xs, &mut ys);
        let mut known: Option<[f64; 2]> = None;
        let mut sizes: Vec<Option<[f64; 2]>> = Vec::new();
        for (lon, lat) in xs.chunks_exact(4).zip(ys.chunks_exact(4)) {
            let across = distance((lon[0], lat[0]), (lon[1], lat[1]));
            let down = distance((lon[2], lat[2]), (lon[3], lat[3]));
            let size = [across, down];
            let is_real = size.iter().all(|m| m.is_finite() && *m > 0.0);
            known = if is_real { Some(size) } else { known };
            sizes.push(known);
        }
        let first = sizes.iter().flatten().next().copied().unwrap_or([dx, dy]);
        let sizes: Vec<[f64; 2]> = sizes
            .into_iter()
            .map(|size| size.unwrap_or(first))
            .collect();
        (0..size_px)
            .map(|row| {
                let k = (row / STEP_PX).min(measured.len() - 2);
                let (from, to) = (measured[k], measured[k + 1]);
                let part = (row - from) as f64 / (to - from).max(1) as f64;
                let between =
                    |axis: usize| sizes[k][axis] + (sizes[k + 1][axis] - sizes[k][axis]) * part;
                [between(0), between(1)]
            })
            .collect()
    }
}

/// Metres between two places close to each other, in degrees on WGS 84: by the radii of curvature of the ellipsoid half-way
/// (Snyder, "Map Projections: A Working Manual", 1987, equations 4-18 and 4-19).
fn distance(a: (f64, f64), b: (f64, f64)) -> f64 {
    let e2 = FLATTENING * (2.0 - FLATTENING);
    let lat = (a.1 + b.1).to_radians() / 2.0;
    let w = (1.0 - e2 * lat.sin().powi(2)).sqrt();
    let (prime, meridian) = (RADIUS_M / w, RADIUS_M * (1.0 - e2) / w.powi(3));
    // The short way across the antimeridian.
    let turn = (b.0 - a.0 + 540.0).rem_euclid(360.0) - 180.0;
    let (east, north) = (
        prime * lat.cos() * turn.to_radians(),
        meridian * (b.1 - a.1).to_radians(),
    );
    east.hypot(north)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // A test that cannot go on panics.
mod tests {
    use super::*;
    use crate::geo::scheme::Scheme;
    use crate::geo::tile::TileCoord;

    #[test]
    fn pixels_measure_what_they_do_on_the_ground() {
        let check = |crs: &str, bounds: Bounds, row: usize, expected: [f64; 2]| {
            let rows = Metres::of(&Crs::parse(crs).unwrap())
                .unwrap()
                .rows(&bounds, 256);
            assert_eq!(rows.len(), 256);
            for (found, expected) in rows[row].iter().zip(expected) {
                assert!((found / expected - 1.0).abs() < 1e-3, "{crs}: {rows:?}");
            }
        };
        // A degree at the equator, and at 60 degrees (geodesics by GeographicLib's GeodSolve).
        let degree = |south: f64| Bounds::new(9.0, south, 10.0, south + 1.0);
        check(
            "EPSG:4326",
            degree(-0.5),
            128,
            [111_319.5 / 256.0, 110_574.3 / 256.0],
        );
        check(
            "EPSG:4326",
            degree(59.5),
            128,
            [55_800.0 / 256.0, 111_412.3 / 256.0],
        );
        // UTM is true to 0.04 percent.
        let utm = Bounds::new(500_000.0, 4_000_000.0, 502_560.0, 4_002_560.0);
        check("EPSG:32632", utm, 0, [10.0, 10.0]);
        // Web Mercator stretches by the secant of the latitude.
        let scheme = Scheme::named("WebMercatorQuad").unwrap();
        let bounds = scheme.bounds(TileCoord::new(10, 536, 360));
        let lat = (bounds.north / RADIUS_M).sinh().atan();
        let metres = bounds.width() / 256.0 * lat.cos();
        check("EPSG:3857", bounds, 0, [metres * 1.0016, metres * 0.9983]);
    }

    #[test]
    fn rows_between_are_nearly_as_good_as_measured() {
        let metres = Metres::of(&Crs::parse("EPSG:3857").unwrap()).unwrap();
        let scheme = Scheme::named("WebMercatorQuad").unwrap();
        for tile in [
            TileCoord::new(3, 4, 1),
            TileCoord::new(0, 0, 0),
            TileCoord::new(12, 2000, 1300),
        ] {
            let bounds = scheme.bounds(tile);
            let rows = metres.rows(&bounds, 256);
            let dy = bounds.height() / 256.0;
            for (row, found) in rows.iter().enumerate() {
                let y = bounds.north - (row as f64 + 0.5) * dy;
                let (mut xs, mut ys) = ([0.0, 0.0], [y + dy / 2.0, y - dy / 2.0]);
                metres.to_lon_lat.apply(&mut xs, &mut ys);
                let down = distance((xs[0], ys[0]), (xs[1], ys[1]));
                assert!(
                    (found[1] / down - 1.0).abs() < 0.02,
                    "{tile} {row}: {found:?} {down}"
                );
            }
        }
    }
}
