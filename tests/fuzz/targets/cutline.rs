//! Polygons of any places, in one of some coordinate systems, which GDAL reads as GeoJSON: what is made of them agrees with itself.

use azulejo::geo::bounds::Bounds;
use azulejo::geo::polygon::{Area, Touch};
use azulejo::geo::scheme::Scheme;
use azulejo::geo::transform::crs::Crs;
use azulejo::geo::transform::rings::Target;
use azulejo::mosaic::clip::{Clip, Cutline};

/// Systems, and what a number from -32768 to 32767 is multiplied with there.
const SYSTEMS: [(&str, f64); 5] = [
    ("OGC:CRS84", 0.01),
    ("EPSG:3857", 1000.0),
    ("EPSG:32633", 300.0),
    ("EPSG:3031", 500.0),
    ("EPSG:2193", 200.0),
];

/// Numbers: more edges than this are slow, and nothing new.
const NUMBERS: usize = 400;

/// Pixels a side of the pictures that are drawn.
const SIDE: usize = 16;

pub fn run(bytes: &[u8]) {
    let Some((&system, numbers)) = bytes.split_first() else {
        return;
    };
    let (name, unit) = SYSTEMS[usize::from(system) % SYSTEMS.len()];
    let text = geojson(name, unit, numbers);
    let cutline = match Cutline::open(&text) {
        Ok(cutline) => cutline,
        Err(_) => return,
    };
    let digest = Cutline::open(&text).expect("it was opened before").digest();
    assert_eq!(cutline.digest(), digest);
    let Some(clip) = Clip::new(Vec::new(), Some(cutline)) else {
        return;
    };
    for name in ["WebMercatorQuad", "WorldCRS84Quad"] {
        let scheme = Scheme::named(name).expect("a scheme of ours");
        let crs = Crs::parse(scheme.crs()).expect("a system of ours");
        let extent = scheme.extent();
        let tolerance = extent.width() / 4e5;
        let target = Target {
            crs: &crs,
            extent,
            tolerance,
        };
        if let Ok(placed) = clip.place(target) {
            draw(&placed.area, &extent);
        }
    }
}

/// A feature for each ring: a length, and as many places. Lengths of 128 and more are of a hole in the polygon before.
fn geojson(system: &str, unit: f64, numbers: &[u8]) -> String {
    let mut polygons: Vec<Vec<String>> = Vec::new();
    let mut rest = &numbers[..numbers.len().min(2 * NUMBERS)];
    while let Some((&n, more)) = rest.split_first() {
        let (places, more) = more.split_at(more.len().min(usize::from(n % 128) * 4));
        rest = more;
        let place = |four: &[u8; 4]| {
            let [x, y] = [[four[0], four[1]], [four[2], four[3]]]
                .map(|two| f64::from(i16::from_le_bytes(two)) * unit);
            format!("[{x},{y}]")
        };
        let mut ring: Vec<String> = places.as_chunks::<4>().0.iter().map(place).collect();
        ring.extend(ring.first().cloned());
        let ring = format!("[{}]", ring.join(","));
        match polygons.last_mut() {
            Some(polygon) if n >= 128 => polygon.push(ring),
            _ => polygons.push(vec![ring]),
        }
    }
    let feature = |rings: &Vec<String>| {
        let rings = rings.join(",");
        format!(
            r#"{{"type":"Feature","properties":{{}},"geometry":{{"type":"Polygon","coordinates":[{rings}]}}}}"#
        )
    };
    let features: Vec<String> = polygons.iter().map(feature).collect();
    let features = features.join(",");
    format!(
        r#"{{"type":"FeatureCollection","crs":{{"type":"name","properties":{{"name":"{system}"}}}},"features":[{features}]}}"#
    )
}

/// What touches nothing covers nothing, what lies inside covers all, and cells hold all that is covered.
fn draw(area: &Area, extent: &Bounds) {
    let (mut covered, mut centres, mut ramp) = (Vec::new(), Vec::new(), Vec::new());
    let cells = area.cells(extent, SIDE as u64, SIDE as u64);
    let (width, height) = (extent.width() / SIDE as f64, extent.height() / SIDE as f64);
    for row in 0..SIDE {
        for col in 0..SIDE {
            let (west, north) = (
                extent.west + col as f64 * width,
                extent.north - row as f64 * height,
            );
            let bounds = Bounds::new(west, north - height, west + width, north);
            area.coverage(&bounds, SIDE, SIDE, &mut covered);
            match area.touch(&bounds) {
                Touch::Outside => assert!(covered.iter().all(|&value| value == 0), "{bounds:?}"),
                Touch::Inside => assert!(covered.iter().all(|&value| value == 255), "{bounds:?}"),
                Touch::Edge => {}
            }
            if covered.iter().any(|&value| value > 0) {
                let holds = |&[west, north, east, south]: &[u32; 4]| {
                    (west..=east).contains(&(col as u32)) && (north..=south).contains(&(row as u32))
                };
                assert!(cells.iter().any(holds), "{col} {row}");
            }
        }
    }
    area.coverage(extent, SIDE, SIDE, &mut covered);
    area.centres(extent, SIDE, SIDE, &mut centres);
    area.ramp(extent, SIDE, SIDE, 2.5, &mut ramp);
    assert_eq!([covered.len(), centres.len(), ramp.len()], [SIDE * SIDE; 3]);
    assert!(
        centres
            .iter()
            .zip(&ramp)
            .all(|(&centre, &ramp)| centre > 0 || ramp == 0)
    );
}
