use super::crs::Projection;
use super::*;
use crate::geo::cover::Footprint;
use crate::geo::scheme::Scheme;

const WIDTH: usize = 40;
const HEIGHT: usize = 30;

fn affine(crs: &str, geotransform: [f64; 6]) -> Placement {
    placed(crs, Georef::Affine(Affine(geotransform)))
}

fn placed(crs: &str, georef: Georef) -> Placement {
    Placement {
        crs: Crs::parse(crs).unwrap(),
        georef,
        width: WIDTH,
        height: HEIGHT,
    }
}

/// Four corners that run from `west` to `east` and from `north` 10 degrees down.
fn gcps(west: f64, east: f64, north: f64) -> Placement {
    let (w, h) = (WIDTH as f64, HEIGHT as f64);
    let gcp = |col: f64, row: f64| Gcp {
        col,
        row,
        x: west + (east - west) * col / w,
        y: north - 10.0 * row / h,
    };
    let all = [gcp(0.0, 0.0), gcp(w, 0.0), gcp(w, h), gcp(0.0, h)];
    placed("EPSG:4326", Georef::Gcps(all.to_vec()))
}

/// Sources that cross the antimeridian, or the ends of their own system.
fn sources() -> Vec<(&'static str, Placement)> {
    let north_up = |crs: &str, west: f64, size: f64, north: f64| {
        affine(crs, [west, size, 0.0, north, 0.0, -size])
    };
    vec![
        ("points, east of it", gcps(175.0, 185.0, 20.0)),
        ("points, west of it", gcps(-187.0, -175.0, -5.0)),
        ("points in 0..360", gcps(190.0, 200.0, 5.0)),
        (
            "eqc around 180",
            north_up("+proj=eqc +lon_0=180", -2e6, 1e5, 3e6),
        ),
        (
            "eqc across its own ends",
            north_up("+proj=eqc +lon_0=180", 18e6, 1e5, 1e6),
        ),
        (
            "Mercator around 150",
            north_up("+proj=merc +lon_0=150", 1e6, 1e5, 4e6),
        ),
        (
            "Mercator across its own ends",
            north_up("+proj=merc +lon_0=150", -22e6, 1e5, 4e6),
        ),
        (
            "Mercator with a false easting",
            north_up("+proj=merc +x_0=20000000", 38e6, 1e5, 4e6),
        ),
        (
            "eqc with both",
            north_up("+proj=eqc +lon_0=100 +x_0=20000000", 27e6, 1e5, 1e6),
        ),
        (
            "turned, beyond 180",
            affine("EPSG:4326", [172.0, 0.3, 0.15, 20.0, 0.2, -0.25]),
        ),
        (
            "turned, beyond -180",
            affine("EPSG:4326", [-186.0, 0.2, 0.2, -10.0, 0.25, -0.2]),
        ),
    ]
}

/// Every corner of every pixel in degrees, followed without a jump: columns, rows, longitudes, latitudes.
fn every_corner(placement: &Placement) -> [Vec<f64>; 4] {
    let n = (WIDTH + 1) * (HEIGHT + 1);
    let place = |k: usize| ((k % (WIDTH + 1)) as f64, (k / (WIDTH + 1)) as f64);
    let (cols, rows): (Vec<f64>, Vec<f64>) = (0..n).map(place).unzip();
    let (mut xs, mut ys): (Vec<f64>, Vec<f64>) = match &placement.georef {
        Georef::Affine(affine) => (0..n).map(|k| affine.apply(cols[k], rows[k])).unzip(),
        // These are corners, and all between is linear.
        Georef::Gcps(gcps) => (0..n)
            .map(|k| {
                let (right, down) = (cols[k] / WIDTH as f64, rows[k] / HEIGHT as f64);
                (
                    gcps[0].x + (gcps[2].x - gcps[0].x) * right,
                    gcps[0].y + (gcps[2].y - gcps[0].y) * down,
                )
            })
            .unzip(),
    };
    let lon_lat = Crs::lon_lat().unwrap();
    let projection = Projection::new(&placement.crs, &lon_lat, None).unwrap();
    projection.apply(&mut xs, &mut ys);
    let first = xs[0];
    for x in &mut xs {
        *x -= ((*x - first) / 360.0).round() * 360.0;
    }
    [cols, rows, xs, ys]
}

fn extremes(values: &[f64]) -> (f64, f64) {
    values
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &v| {
            (low.min(v), high.max(v))
        })
}

fn normal(lon: f64) -> f64 {
    (lon + 180.0).rem_euclid(360.0) - 180.0
}

#[test]
fn bounds_across_the_antimeridian_are_those_of_every_pixel() {
    for (name, placement) in sources() {
        let [_, _, lons, lats] = every_corner(&placement);
        let (found, lon, lat) = (
            placement.lon_lat_bounds().unwrap(),
            extremes(&lons),
            extremes(&lats),
        );
        let near = |a: f64, b: f64| (a - b).abs() < 1e-3;
        let same_lon = |a: f64, b: f64| normal(a - b).abs() < 1e-3;
        assert!(
            same_lon(found.west, lon.0) && same_lon(found.east, lon.1),
            "{name}: {found:?} for {lon:?}"
        );
        assert!(
            near(found.south, lat.0) && near(found.north, lat.1),
            "{name}: {found:?} for {lat:?}"
        );
    }
}

/// How much of the x axis the boxes cover.
fn width_together(boxes: &[Bounds]) -> f64 {
    let mut spans: Vec<(f64, f64)> = boxes.iter().map(|b| (b.west, b.east)).collect();
    spans.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut done = f64::NEG_INFINITY;
    let mut width = 0.0;
    for (west, east) in spans {
        width += (east - west.max(done)).max(0.0);
        done = done.max(east);
    }
    width
}

#[test]
fn every_pixel_across_the_antimeridian_is_met_where_it_lies() {
    let scheme = Scheme::named("WebMercatorQuad").unwrap();
    let target = Crs::parse("EPSG:3857").unwrap();
    let to_target = Projection::new(&Crs::lon_lat().unwrap(), &target, None).unwrap();
    for (name, placement) in sources() {
        let [cols, rows, lons, lats] = every_corner(&placement);
        let mut xs: Vec<f64> = lons.iter().map(|&lon| normal(lon)).collect();
        let mut ys = lats;
        to_target.apply(&mut xs, &mut ys);
        let mut ways = Ways::to(&target);
        let rects = [placement.whole()];
        let footprint = Footprint::new(
            &placement,
            &rects,
            scheme.extent(),
            &target,
            (&mut ways, None),
        );
        let footprint = footprint.unwrap().unwrap();
        let mut met = vec![false; xs.len()];
        for part in &footprint.parts {
            let transform = PixelTransform::new(&mut ways, &placement, None, part.turns).unwrap();
            let (mut back_cols, mut back_rows) = (xs.clone(), ys.clone());
            transform.to_source(&mut back_cols, &mut back_rows);
            for k in 0..xs.len() {
                let boxed = part.boxes.iter().any(|b| {
                    xs[k] >= b.west - 1.0
                        && xs[k] <= b.east + 1.0
                        && ys[k] >= b.south - 1.0
                        && ys[k] <= b.north + 1.0
                });
                let off = (back_cols[k] - cols[k]).hypot(back_rows[k] - rows[k]);
                met[k] |= boxed && off < 1e-3;
            }
        }
        let missed = met.iter().filter(|met| !**met).count();
        assert_eq!(missed, 0, "{name}: of {} corners", met.len());
        // And nothing much beside: the boxes are as wide, together, as what they are around.
        let (west, east) = extremes(&lons);
        let wide = (east - west) / 360.0 * 2.0 * 20_037_508.342_789_244;
        let around = footprint
            .parts
            .iter()
            .map(|part| width_together(&part.boxes));
        let widest = around.fold(0.0, f64::max);
        assert!(widest <= wide * 1.02, "{name}: {widest} for {wide}");
    }
}
