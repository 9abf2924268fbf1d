//! What must hold of every pyramid: the same bytes however it was baked, no seams, no fringes, constants that stay
//! constant, parents made of their children.

#![allow(clippy::unwrap_used)]

mod kept;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use azulejo::archive::{
    MbtilesOptions, Metadata, Overwrite, RemoteOptions, RowScheme, SinkOptions, TilesetKind,
    open_sink,
};
use azulejo::encode::Format;
use azulejo::geo::affine::Affine;
use azulejo::geo::scheme::Scheme;
use azulejo::geo::tile::TileCoord;
use azulejo::geo::transform::crs::Crs;
use azulejo::geo::transform::{Georef, Placement};
use azulejo::mosaic::Mosaic;
use azulejo::pyramid::Baked;
use azulejo::pyramid::plan::{Blank, Plan, PlanOptions};
use azulejo::raster::kernel::{KERNELS, Resampling};
use azulejo::raster::reduce::Reducer;
use azulejo::raster::{Raster, SampleType, Samples};
use azulejo::source::Source;
use azulejo::source::gdal::{GdalSource, OpenOptions};
use azulejo::source::memory::MemorySource;

use self::kept::{bake, bake_into};

fn fixture(name: &str) -> Arc<dyn Source> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures")
        .join(name);
    Arc::new(GdalSource::open(path.to_str().unwrap(), &OpenOptions::default()).unwrap())
}

fn options(resampling: Option<Resampling>) -> PlanOptions {
    PlanOptions {
        resampling,
        ..PlanOptions::new(Scheme::named("WebMercatorQuad").unwrap())
    }
}

/// The tiles as pictures: red, green, blue, alpha.
fn pictures(tiles: &[(TileCoord, Vec<u8>)]) -> BTreeMap<TileCoord, image::RgbaImage> {
    tiles
        .iter()
        .map(|(tile, data)| (*tile, image::load_from_memory(data).unwrap().to_rgba8()))
        .collect()
}

fn metadata(plan: &Plan) -> Metadata {
    Metadata {
        name: "test".into(),
        description: None,
        attribution: None,
        kind: TilesetKind::Overlay,
        version: "1.0.0".into(),
        format: Format::Png,
        bounds: plan.bounds,
        center: (
            (plan.bounds.west + plan.bounds.east) / 2.0,
            (plan.bounds.south + plan.bounds.north) / 2.0,
            plan.zoom_overall,
        ),
        zoom_min: plan.zoom_min,
        zoom_max: plan.zoom_max,
        tile_size_px: 256,
        scheme_id: "WebMercatorQuad".into(),
        matrix_roots: (1, 1),
        extra: Vec::new(),
    }
}

#[test]
fn any_number_of_threads_and_any_height_of_shards_give_the_same_file() {
    let folder = tempfile::tempdir().unwrap();
    for name in [
        "RGB.byte.tif",
        "small_world.tif",
        "s2_dateline_utm60.tif",
        "byte_pct.tif",
    ] {
        let mosaic = Mosaic::new(vec![fixture(name)]).unwrap();
        let zoom_max = Plan::new(&mosaic, options(None)).unwrap().zoom_max + 1;
        let plan = Plan::new(
            &mosaic,
            PlanOptions {
                zoom_min: Some(0),
                zoom_max: Some(zoom_max),
                ..options(None)
            },
        )
        .unwrap();
        let mut first: Option<(Vec<u8>, Baked)> = None;
        for (jobs, height) in [
            (1, None),
            (2, None),
            (8, None),
            (2, Some(0)),
            (1, Some(1)),
            (8, Some(2)),
            (2, Some(30)),
        ] {
            let path = folder
                .path()
                .join(format!("{name}-{jobs}-{height:?}.mbtiles"));
            let sink_options = SinkOptions {
                overwrite: Overwrite::Refuse,
                rows: RowScheme::Xyz,
                format: Format::Png,
                matrix_roots: (1, 1),
                mbtiles: MbtilesOptions::default(),
                hosts: Vec::new(),
                remote: RemoteOptions::default(),
            };
            let mut sinks = vec![open_sink(&path, &sink_options).unwrap()];
            let baked = bake_into(&mosaic, &plan, &mut sinks, jobs, height);
            sinks
                .remove(0)
                .finish(&metadata(&plan))
                .unwrap()
                .publish()
                .unwrap();
            let bytes = std::fs::read(&path).unwrap();
            assert!(baked.tiles() > 0);
            match &first {
                None => first = Some((bytes, baked)),
                Some((expected, same)) => {
                    assert!(
                        bytes == *expected,
                        "{name} with {jobs} threads and shards {height:?} zooms high differs"
                    );
                    assert_eq!(baked, *same);
                }
            }
        }
    }
}

#[test]
fn tiles_come_in_post_order_and_every_zoom_along_the_hilbert_curve() {
    let mosaic = Mosaic::new(vec![fixture("small_world.tif")]).unwrap();
    let plan = Plan::new(
        &mosaic,
        PlanOptions {
            zoom_min: Some(0),
            zoom_max: Some(4),
            ..options(None)
        },
    )
    .unwrap();
    let (tiles, baked) = bake(&mosaic, &plan, 2, Some(1));
    assert_eq!(baked.tiles(), 1 + 4 + 16 + 64 + 256);
    let order: Vec<TileCoord> = tiles.iter().map(|(tile, _)| *tile).collect();
    for (k, tile) in order.iter().enumerate() {
        if let Some(parent) = tile.parent() {
            assert!(
                order[k + 1..].contains(&parent),
                "{tile} comes before its parent"
            );
        }
    }
    for z in 0..=4 {
        let ids: Vec<u64> = order
            .iter()
            .filter(|tile| tile.z() == z)
            .map(|tile| tile.pmtiles_id())
            .collect();
        assert!(ids.is_sorted(), "zoom {z}");
    }
}

#[test]
fn a_parent_is_the_mean_of_its_children() {
    let mosaic = Mosaic::new(vec![fixture("RGB.byte.tif")]).unwrap();
    let plan = Plan::new(&mosaic, options(None)).unwrap();
    let pictures = pictures(&bake(&mosaic, &plan, 2, None).0);
    let mut compared = 0;
    for (tile, picture) in pictures.iter().filter(|(tile, _)| tile.z() < plan.zoom_max) {
        for child in tile.children() {
            let Some(below) = pictures.get(&child) else {
                continue;
            };
            let (qx, qy) = child.quadrant();
            for (x, y) in (0..128_u32).flat_map(|y| (0..128_u32).map(move |x| (x, y))) {
                let four = [(0, 0), (1, 0), (0, 1), (1, 1)]
                    .map(|(dx, dy)| below.get_pixel(2 * x + dx, 2 * y + dy).0);
                if four.iter().any(|p| p[3] != 255) {
                    continue;
                }
                let here = picture
                    .get_pixel(x + 128 * qx as u32, y + 128 * qy as u32)
                    .0;
                for band in 0..3 {
                    let sum: u32 = four.iter().map(|p| u32::from(p[band])).sum();
                    assert!(
                        u32::from(here[band]).abs_diff(sum / 4) <= 1,
                        "{tile} at {x}, {y}"
                    );
                }
                compared += 1;
            }
        }
    }
    assert!(compared > 100_000, "{compared}");
}

/// A picture in UTM, `size` pixels a side, that spans several tiles; `pixel` gives colour and mask.
fn utm_picture(size: usize, pixel: impl Fn(usize, usize) -> ([u8; 3], u8)) -> Arc<dyn Source> {
    let mut values = Vec::new();
    let mut mask = Vec::new();
    for (row, col) in (0..size).flat_map(|row| (0..size).map(move |col| (row, col))) {
        let (colour, m) = pixel(col, row);
        values.extend(if m == 0 { [0; 3] } else { colour });
        mask.push(m);
    }
    let raster =
        Raster::from_parts(size, size, 3, SampleType::U8, Samples::U8(values), mask).unwrap();
    let placement = Placement {
        crs: Crs::parse("EPSG:32632").unwrap(),
        georef: Georef::Affine(Affine([600_000.0, 10.0, 0.0, 5_300_000.0, 0.0, -10.0])),
        width: size,
        height: size,
    };
    Arc::new(MemorySource::new("picture", raster, placement).unwrap())
}

#[test]
fn a_ramp_has_no_step_at_the_edges_of_tiles_with_any_kernel() {
    // 900 pixels, one level each 4: the steepest step within a tile is the bar for the step between tiles.
    let source = utm_picture(900, |col, row| {
        (
            [(col / 4) as u8, (row / 4) as u8, ((col + row) / 8) as u8],
            255,
        )
    });
    for kernel in &KERNELS {
        // One zoom too low, native, one above: kernels that widen, and those that do not.
        for zoom_max in [12, 13, 14, 15] {
            let mosaic = Mosaic::new(vec![Arc::clone(&source)]).unwrap();
            let plan = Plan::new(
                &mosaic,
                PlanOptions {
                    zoom_min: Some(zoom_max),
                    zoom_max: Some(zoom_max),
                    ..options(Some(kernel.resampling))
                },
            )
            .unwrap();
            let pictures = pictures(&bake(&mosaic, &plan, 2, None).0);
            let (mut inside, mut across) = (0, 0);
            let step = |a: &image::Rgba<u8>, b: &image::Rgba<u8>| {
                if a[3] == 0 || b[3] == 0 {
                    0
                } else {
                    (0..3).map(|k| a[k].abs_diff(b[k])).max().unwrap()
                }
            };
            for (tile, picture) in &pictures {
                for k in 0..256 {
                    // Away from the picture's own edges everything is smooth; they are in the alpha channel.
                    inside = inside.max(
                        (1..255)
                            .map(|x| step(picture.get_pixel(x, k), picture.get_pixel(x + 1, k)))
                            .max()
                            .unwrap(),
                    );
                    inside = inside.max(
                        (1..255)
                            .map(|y| step(picture.get_pixel(k, y), picture.get_pixel(k, y + 1)))
                            .max()
                            .unwrap(),
                    );
                    for (other, neighbour) in &pictures {
                        if other.x() == tile.x() + 1 && other.y() == tile.y() {
                            across = across
                                .max(step(picture.get_pixel(255, k), neighbour.get_pixel(0, k)));
                        }
                        if other.y() == tile.y() + 1 && other.x() == tile.x() {
                            across = across
                                .max(step(picture.get_pixel(k, 255), neighbour.get_pixel(k, 0)));
                        }
                    }
                }
            }
            assert!(pictures.len() > 1, "one tile has no neighbours to compare");
            assert!(
                across <= inside.max(1),
                "{} at zoom {zoom_max}: a step of {across} between tiles, {inside} within",
                kernel.name
            );
        }
    }
}

#[test]
fn a_transparent_collar_leaves_no_rim() {
    // One colour inside a disc; outside nothing (hard), or a soft edge. Whatever is visible must be that colour.
    const COLOUR: [u8; 3] = [200, 120, 40];
    let distance = |col: usize, row: usize| (col as f64 - 300.0).hypot(row as f64 - 300.0);
    let hard = utm_picture(600, |col, row| {
        (COLOUR, if distance(col, row) < 250.0 { 255 } else { 0 })
    });
    let soft = utm_picture(600, |col, row| {
        (
            COLOUR,
            (255.0 * (270.0 - distance(col, row)) / 20.0).clamp(0.0, 255.0) as u8,
        )
    });
    for (name, source) in [("hard", hard), ("soft", soft)] {
        for kernel in &KERNELS {
            for reducer in [
                Reducer::Average,
                Reducer::Nearest,
                Reducer::Mode,
                Reducer::Min,
                Reducer::Max,
            ] {
                let mosaic = Mosaic::new(vec![Arc::clone(&source)]).unwrap();
                let plan = Plan::new(
                    &mosaic,
                    PlanOptions {
                        zoom_min: Some(9),
                        zoom_max: Some(13),
                        reducer: Some(reducer),
                        ..options(Some(kernel.resampling))
                    },
                )
                .unwrap();
                let pictures = pictures(&bake(&mosaic, &plan, 2, None).0);
                assert!(!pictures.is_empty(), "{name}, {}", kernel.name);
                for (tile, picture) in pictures {
                    for pixel in picture.pixels().filter(|p| p[3] > 0) {
                        let off = (0..3).map(|k| pixel[k].abs_diff(COLOUR[k])).max().unwrap();
                        assert!(
                            off == 0,
                            "{name}, {}, {}: {tile} shows {pixel:?}",
                            kernel.name,
                            reducer.name()
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn a_constant_stays_constant_in_8_and_in_16_bits() {
    for kernel in &KERNELS {
        for value in [0_u16, 1, 77, 255, 1000, 65535] {
            let (sample_type, samples) = if value < 256 {
                (SampleType::U8, Samples::U8(vec![value as u8; 300 * 300]))
            } else {
                (
                    SampleType::U16,
                    Samples::F32(vec![f32::from(value); 300 * 300]),
                )
            };
            let raster =
                Raster::from_parts(300, 300, 1, sample_type, samples, vec![255; 300 * 300])
                    .unwrap();
            let placement = Placement {
                crs: Crs::parse("EPSG:2056").unwrap(),
                georef: Georef::Affine(Affine([2_600_000.0, 17.0, 3.0, 1_200_000.0, 3.0, -17.0])),
                width: 300,
                height: 300,
            };
            let source = MemorySource::new("flat", raster, placement).unwrap();
            let mosaic = Mosaic::new(vec![Arc::new(source)]).unwrap();
            for zoom_max in [11, 13, 14] {
                let plan = Plan::new(
                    &mosaic,
                    PlanOptions {
                        zoom_max: Some(zoom_max),
                        ..options(Some(kernel.resampling))
                    },
                )
                .unwrap();
                let tiles = bake(&mosaic, &plan, 2, None).0;
                assert!(!tiles.is_empty(), "{} of {value}", kernel.name);
                for (tile, data) in tiles {
                    let picture = image::load_from_memory(&data).unwrap().to_luma_alpha16();
                    let expected = if value < 256 { value * 257 } else { value };
                    for pixel in picture.pixels().filter(|p| p[1] > 0) {
                        assert!(
                            pixel[0].abs_diff(expected) <= u16::from(value > 255),
                            "{} of {value}: {tile} shows {pixel:?}",
                            kernel.name
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn blank_tiles_are_kept_only_when_asked_for() {
    let mosaic = Mosaic::new(vec![fixture("test_gdal2tiles_exclude_transparent.tif")]).unwrap();
    let at = |blank| {
        Plan::new(
            &mosaic,
            PlanOptions {
                zoom_min: Some(14),
                zoom_max: Some(16),
                blank,
                ..options(None)
            },
        )
        .unwrap()
    };
    let (skipped, kept) = (at(Blank::Skip), at(Blank::Keep));
    let skipped = bake(&mosaic, &skipped, 2, None).0;
    let (all, baked) = bake(&mosaic, &kept, 2, None);
    assert_eq!(
        baked.tiles(),
        kept.count_all(),
        "every planned tile is there"
    );
    assert!(skipped.len() < all.len());
    for (tile, picture) in pictures(&all) {
        let blank = picture.pixels().all(|p| p[3] == 0);
        assert_eq!(skipped.iter().any(|(t, _)| *t == tile), !blank, "{tile}");
    }
}

#[test]
fn opaque_tiles_have_no_alpha_and_others_do() {
    let mosaic = Mosaic::new(vec![fixture("RGB.byte.tif")]).unwrap();
    let plan = Plan::new(&mosaic, options(None)).unwrap();
    let (mut opaque, mut partial) = (0, 0);
    for (tile, data) in bake(&mosaic, &plan, 2, None).0 {
        let picture = image::load_from_memory(&data).unwrap();
        let whole = picture.to_rgba8().pixels().all(|p| p[3] == 255);
        assert_eq!(picture.color().has_alpha(), !whole, "{tile}");
        if whole { opaque += 1 } else { partial += 1 }
    }
    assert!(opaque > 0 && partial > 0);
}
