//! Rules for where sources overlap, beside what slow and simple means make of them: each source warped by GDAL onto the tile
//! by itself, and the layers combined pixel by pixel.

#![allow(clippy::unwrap_used)]

mod oracle;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use azulejo::geo::scheme::Scheme;
use azulejo::mosaic::Mosaic;
use azulejo::mosaic::rule::RULES;
use azulejo::pyramid::plan::{Plan, PlanOptions};
use azulejo::raster::kernel::Resampling;
use azulejo::render::Renderer;
use azulejo::source::Source;
use azulejo::source::gdal::{GdalSource, OpenOptions, init};
use gdal::Dataset;

use self::oracle::{gdal_translate, gdal_warp};

/// Pictures with alpha that overlap, in three systems: as it is, in degrees and dark, turned into Lambert's and negative.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let original = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/RGB.byte.tif");
    let part = |name: &str, args: &[&str]| {
        let path = folder.join(name);
        gdal_translate(&original, &path, args);
        path
    };
    let warped = |name: &str, from: &Path, args: &[&str]| {
        let dataset = Dataset::open(from).unwrap();
        let all = [&["-of", "MEM", "-q", "-dstalpha", "-r", "bilinear"], args].concat();
        let warped = gdal_warp(&dataset, &all);
        let path = folder.join(name);
        let driver = gdal::DriverManager::get_driver_by_name("GTiff").unwrap();
        let copy = warped
            .create_copy(&driver, &path, &Default::default())
            .unwrap();
        copy.close().unwrap();
        path
    };
    let west = part("west.tif", &["-srcwin", "0", "0", "500", "600"]);
    let dark = part(
        "dark.tif",
        &[
            "-srcwin", "250", "100", "541", "618", "-scale", "0", "255", "0", "120",
        ],
    );
    let negative = part(
        "negative.tif",
        &[
            "-srcwin", "100", "200", "500", "400", "-scale", "1", "255", "255", "1",
        ],
    );
    vec![
        warped("a.tif", &west, &["-t_srs", "EPSG:32617"]),
        warped("b.tif", &dark, &["-t_srs", "EPSG:4326"]),
        warped(
            "c.tif",
            &negative,
            &[
                "-t_srs",
                "+proj=lcc +lat_1=20 +lat_2=60 +lon_0=-60 +datum=WGS84",
            ],
        ),
    ]
}

/// What a rule makes of the values of the sources that have one, in their order.
fn combine(rule: &str, all: &[f64]) -> f64 {
    let mut sorted = all.to_vec();
    sorted.sort_by(f64::total_cmp);
    let n = all.len();
    match rule {
        "first" => all[0],
        "last" => all[n - 1],
        "min" => sorted[0],
        "max" => sorted[n - 1],
        "mean" => all.iter().sum::<f64>() / n as f64,
        "median" => (sorted[(n - 1) / 2] + sorted[n / 2]) / 2.0,
        "count" => n as f64,
        _ => panic!("{rule}"),
    }
}

/// The bands and the alpha of a tile, as GDAL warps a source onto it.
fn layer(dataset: &Dataset, extent: &[String; 4], kernel: &str) -> Vec<Vec<u8>> {
    let [w, s, e, n] = extent.each_ref().map(String::as_str);
    let args = [
        "-of",
        "MEM",
        "-q",
        "-t_srs",
        "EPSG:3857",
        "-te",
        w,
        s,
        e,
        n,
        "-ts",
        "256",
        "256",
        "-r",
        kernel,
        "-et",
        "0",
        "-dstalpha",
        "-wo",
        "XSCALE=1",
        "-wo",
        "YSCALE=1",
    ];
    let warped = gdal_warp(dataset, &args);
    let band = |number| {
        let band = warped.rasterband(number).unwrap();
        let read = band.read_as::<u8>((0, 0), (256, 256), (256, 256), None);
        read.unwrap().data().to_vec()
    };
    (1..=4).map(band).collect()
}

#[test]
fn every_rule_is_what_slow_and_simple_means_make_of_it() {
    init();
    let folder = tempfile::tempdir().unwrap();
    let paths = sources(folder.path());
    let datasets: Vec<Dataset> = paths
        .iter()
        .map(|path| Dataset::open(path).unwrap())
        .collect();
    for (resampling, kernel) in [
        (Resampling::Nearest, "near"),
        (Resampling::Bilinear, "bilinear"),
    ] {
        for row in &RULES {
            let open = |path: &PathBuf| -> Arc<dyn Source> {
                let opened = GdalSource::open(path.to_str().unwrap(), &OpenOptions::default());
                Arc::new(opened.unwrap())
            };
            let mosaic = Mosaic::with_rule(paths.iter().map(open).collect(), row.rule).unwrap();
            let plan = Plan::new(
                &mosaic,
                PlanOptions {
                    zoom_max: Some(10),
                    resampling: Some(resampling),
                    ..PlanOptions::new(Scheme::named("WebMercatorQuad").unwrap())
                },
            )
            .unwrap();
            let job = plan.job(&mosaic);
            let mut renderer = Renderer::new(&job);
            let (mut n, mut near, mut holes, mut overlaps) = (0, 0, 0, 0);
            for tile in plan.tiles(10).into_iter().step_by(7) {
                let bounds = plan.scheme.bounds(tile);
                let ours = renderer.render(&bounds).unwrap();
                let extent = [bounds.west, bounds.south, bounds.east, bounds.north]
                    .map(|v| format!("{v:.17e}"));
                let layers: Vec<_> = datasets.iter().map(|d| layer(d, &extent, kernel)).collect();
                for k in 0..256 * 256 {
                    let alphas = || layers.iter().map(|layer| layer[3][k]);
                    // What is there in part is another matter.
                    if alphas().any(|a| a > 0 && a < 255) {
                        continue;
                    }
                    let there: Vec<_> = layers.iter().filter(|layer| layer[3][k] == 255).collect();
                    let mask = ours.as_ref().map_or(0, |raster| raster.mask[k]);
                    n += 1;
                    holes += usize::from((mask > 0) == there.is_empty());
                    if mask == 0 || there.is_empty() {
                        near += usize::from((mask > 0) != there.is_empty());
                        continue;
                    }
                    overlaps += usize::from(there.len() > 1);
                    let raster = ours.as_ref().unwrap();
                    let bands = raster.bands();
                    let close = (0..bands).all(|band| {
                        let values: Vec<f64> =
                            there.iter().map(|l| f64::from(l[band][k])).collect();
                        let expected = combine(row.name, &values);
                        (raster.samples.get(k * bands + band) - expected).abs() <= 2.0
                    });
                    near += usize::from(close);
                }
            }
            let share = |part: usize| part as f64 / n as f64;
            assert!(
                n > 500_000 && share(overlaps) > 0.1,
                "{n} {}",
                share(overlaps)
            );
            let name = row.name;
            assert!(
                share(near) > 0.998,
                "{name} {kernel}: {:.5} within 2",
                share(near)
            );
            assert!(
                share(holes) < 0.002,
                "{name} {kernel}: {:.5} masks differ",
                share(holes)
            );
        }
    }
}
