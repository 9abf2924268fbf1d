//! Where rasterio and rio-tiler put a hundred files, and at which zoom: a table of their answers.

use std::fs;

use azulejo::error::Kind;
use azulejo::pyramid::plan::Plan;

use crate::bench::{data, defaults, plan, shared};

/// A file about which we say something else than the peers, what we say, and why.
struct Deviation {
    file: &'static str,
    zoom: u8,
    /// West, south, east, north, where it is not the zoom alone.
    bounds: Option<[f64; 4]>,
    why: &'static str,
}

/// Rasterio has one resolution for all of a file: that of its diagonal in the output, which near a pole or the antimeridian
/// is a line across the world. Ours is the median over the file.
const DEVIATIONS: &[Deviation] = &[
    Deviation {
        file: "rgb/world.rgb.tif",
        zoom: 1,
        bounds: None,
        why: "theirs is spoilt by the poles; 512 pixels round the equator are zoom 1",
    },
    Deviation {
        file: "georef/southup_inverted_lat.tif",
        zoom: 1,
        bounds: None,
        why: "theirs is spoilt by the poles",
    },
    Deviation {
        file: "mosaic/heterogeneous_world_east.tif",
        zoom: 1,
        bounds: None,
        why: "theirs is spoilt by the poles; 256 pixels half way round the equator are zoom 1",
    },
    Deviation {
        file: "mosaic/heterogeneous_world_west.tif",
        zoom: 1,
        bounds: None,
        why: "theirs is spoilt by the poles; 256 pixels half way round the equator are zoom 1",
    },
    Deviation {
        file: "golden/small_world.tif",
        zoom: 0,
        bounds: None,
        why: "theirs is spoilt by the poles",
    },
    Deviation {
        file: "palette/small_world_pct.tif",
        zoom: 0,
        bounds: None,
        why: "theirs is spoilt by the poles",
    },
    Deviation {
        file: "projections/goes_geostationary.tif",
        zoom: 3,
        bounds: None,
        why: "theirs is spoilt by the limb of the Earth",
    },
    Deviation {
        file: "projections/sst_3413_rgba.tif",
        zoom: 6,
        bounds: None,
        why: "theirs is a mean in which the north counts most; here pixels span 1.9 to 11.7 km",
    },
    Deviation {
        file: "projections/sea_ice_3031_cog.tif",
        zoom: 4,
        bounds: None,
        why: "theirs is the diagonal of a map that runs once round the Earth",
    },
    Deviation {
        file: "projections/nz_habitat_antimeridian.tif",
        zoom: 0,
        bounds: Some([-180.0, -56.542405128, 180.0, -25.542405128]),
        why: "theirs is along the diagonal, nearly all width; here pixels are higher than wide",
    },
    Deviation {
        file: "projections/s2_dateline_utm60.tif",
        zoom: 10,
        bounds: Some([-180.0, 50.5818535, 180.0, 52.7737430]),
        why: "theirs is spoilt by the antimeridian; bounds in metadata may not cross it",
    },
    Deviation {
        file: "georef/white-gemini-iv.vrt",
        zoom: 9,
        bounds: Some([-78.763685224, 23.671294901, -76.601537692, 25.441266233]),
        why: "turned: theirs is the rectangle around it, and the resolution of that",
    },
    Deviation {
        file: "georef/geomatrix.tif",
        zoom: 15,
        bounds: Some([-104.847415093, 10.119305491, -104.846278878, 10.120431334]),
        why: "turned: theirs is the rectangle around it, and the resolution of that",
    },
    Deviation {
        file: "rgb/RGB.byte.gcp.vrt",
        zoom: 14,
        bounds: Some([-123.487798015, 49.486064005, -123.400135604, 49.528118586]),
        why: "theirs is its geotransform, which is none; ours are its control points",
    },
];

#[test]
fn zooms_and_bounds_of_all_files_are_those_of_the_peers() {
    let Some(table) = shared("oracles_peers.csv") else {
        return;
    };
    let (mut failures, mut compared) = (Vec::new(), 0);
    for line in fs::read_to_string(table).unwrap().lines().skip(1) {
        // Only the last field may hold commas.
        let fields: Vec<&str> = line.splitn(15, ',').collect();
        let (file, zoom) = (fields[0], fields[6].parse::<u8>().ok());
        let Some(path) = data(file) else { continue };
        match (plan(&path, defaults()), zoom) {
            (Ok(plan), Some(zoom)) => {
                compared += 1;
                failures.extend(compare(file, &plan, zoom, &fields[1..6]));
            }
            (Err(error), None) if error.kind() == Kind::Input => {}
            (Ok(plan), None) => {
                failures.push(format!("{file}: zoom {}, theirs none", plan.zoom_max))
            }
            (Err(error), _) => failures.push(format!("{file}: {error}")),
        }
    }
    println!("{compared} files compared");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// What is wrong with our plan, in the light of theirs: native zoom, west, south, east, north and resolution.
fn compare(file: &str, plan: &Plan, zoom: u8, numbers: &[&str]) -> Option<String> {
    let numbers: Vec<f64> = numbers.iter().map(|n| n.parse().unwrap()).collect();
    let deviation = DEVIATIONS.iter().find(|d| d.file == file);
    let our_zoom = plan.zoom_max;
    let ratio = plan.layout.footprints()[0].as_ref().unwrap().resolution / numbers[4];
    let b = plan.bounds;
    let ours = [b.west, b.south, b.east, b.north];
    // What Web Mercator can show.
    const LAT: f64 = 85.0511287798066;
    let cut = |south: f64, north: f64| (south.max(-LAT), north.min(LAT));
    let (south, north) = cut(numbers[1], numbers[3]);
    let theirs = [numbers[0], south, numbers[2], north];
    let near = |expected: [f64; 4], share: f64| {
        let sizes = [b.width(), b.height(), b.width(), b.height()];
        let tolerances = sizes.map(|size| (size * share).max(1e-6));
        (0..4).all(|k| (ours[k] - expected[k]).abs() <= tolerances[k])
    };
    let line = format!(
        "{file}: zoom {our_zoom}, theirs {zoom}; {ours:?}, theirs {theirs:?}; {ratio:.3} of their resolution"
    );
    // Of pixels that are not square we take the area, they the diagonal.
    let agrees = our_zoom == zoom && near(theirs, 1e-3) && (0.94..=1.05).contains(&ratio);
    match deviation {
        None => (!agrees).then_some(line),
        Some(d) => {
            println!("{line}\n    {}", d.why);
            let as_said = our_zoom == d.zoom && near(d.bounds.unwrap_or(theirs), 0.0);
            (agrees || !as_said).then(|| format!("not as explained: {line}"))
        }
    }
}
