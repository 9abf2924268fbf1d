//! What pixels hold: codecs, masks, means, overviews.

use std::path::Path;
use std::slice::from_ref;

use azulejo::geo::bounds::Bounds;
use azulejo::geo::cover::{Footprint, Part};
use azulejo::geo::layout::Layout;
use azulejo::pyramid::plan::PlanOptions;
use azulejo::raster::kernel::Resampling;
use azulejo::raster::{Raster, Samples};
use azulejo::render::{Job, Renderer};
use azulejo::source::Source;
use gdal::raster::Buffer;
use gdal::{DriverManager, GdalOpenFlags};
use image::{ColorType, GenericImageView};

use crate::bench::{
    Address, bake, checksum, data, defaults, mosaic, nearest, pixels, plan, render, source,
    translate, zooms,
};

/// One band of a raster.
fn band(raster: &Raster, band: usize) -> Vec<u32> {
    let bands = raster.bands();
    match &raster.samples {
        Samples::U8(v) => v
            .iter()
            .skip(band)
            .step_by(bands)
            .map(|&v| u32::from(v))
            .collect(),
        Samples::F32(v) => v
            .iter()
            .skip(band)
            .step_by(bands)
            .map(|&v| v as u32)
            .collect(),
        Samples::F64(v) => v
            .iter()
            .skip(band)
            .step_by(bands)
            .map(|&v| v as u32)
            .collect(),
    }
}

fn read(path: &Path) -> Raster {
    pixels(&source(path).unwrap()).unwrap()
}

#[test]
fn every_codec_gives_the_checksums_of_gdal() {
    let colours: &[u32] = &[21212, 21053, 21349];
    let rows: &[(&str, &[u32])] = &[
        ("codecs/rgbsmall_NONE.tif", colours),
        ("codecs/rgbsmall_LZW.tif", colours),
        ("codecs/rgbsmall_LZW_tiled.tif", colours),
        ("codecs/rgbsmall_DEFLATE.tif", colours),
        ("codecs/rgbsmall_DEFLATE_tiled_separate.tif", colours),
        ("codecs/rgbsmall_ZSTD.tif", colours),
        ("codecs/rgbsmall_LERC.tif", colours),
        ("codecs/byte_LZW_predictor_2.tif", &[4672]),
        ("codecs/byte_with_ovr.tif", &[4672]),
        ("codecs/float32_LZW_predictor_3.tif", &[4672]),
        ("codecs/int16_big_endian.tif", &[4672]),
        ("jp2/byte_lossless_golden.jp2", &[4672]),
        ("georef/byte.tif", &[4672]),
        ("golden/gdalwarp/utmsmall.tif", &[50054]),
        ("rgb/RGB.byte.tif", &[25420, 29131, 37860]),
    ];
    for (file, expected) in rows {
        let Some(path) = data(file) else { continue };
        let raster = read(&path);
        let found: Vec<u32> = (0..raster.bands())
            .map(|b| checksum(band(&raster, b)))
            .collect();
        assert_eq!(found, *expected, "{file}");
    }
}

#[test]
fn lossy_and_repacked_twins_differ_no_more_than_the_peers_say() {
    for (file, twin, most) in [
        ("jp2/testJpeg2000.jp2", "jp2/jpegTiff.tif", 0),
        ("jp2/s2_band.jp2", "jp2/s2_band.tif", 10),
        ("codecs/rgbsmall_WEBP.tif", "codecs/rgbsmall_NONE.tif", 0),
        ("codecs/rgbsmall_JPEG.tif", "codecs/rgbsmall_NONE.tif", 40),
        (
            "codecs/rgbsmall_JPEG_ycbcr.tif",
            "codecs/rgbsmall_NONE.tif",
            40,
        ),
    ] {
        let (Some(path), Some(twin)) = (data(file), data(twin)) else {
            continue;
        };
        let (a, b) = (read(&path), read(&twin));
        assert_eq!(a.bands(), b.bands(), "{file}");
        let difference = (0..a.bands())
            .flat_map(|k| band(&a, k).into_iter().zip(band(&b, k)))
            .map(|(a, b)| a.abs_diff(b))
            .max()
            .unwrap();
        println!("{file}: at most {difference}");
        assert!(difference <= most, "{file}: {difference}");
    }
    let Some(rgb) = data("multispectral/l8_rgb.tif") else {
        return;
    };
    let rgb = read(&rgb);
    for (k, colour) in ["red", "green", "blue"].iter().enumerate() {
        let Some(path) = data(&format!("multispectral/l8_{colour}.tif")) else {
            continue;
        };
        let one = read(&path);
        let close = band(&one, 0).into_iter().zip(band(&rgb, k));
        assert!(
            close.into_iter().all(|(a, b)| a.abs_diff(b) <= 1),
            "{colour}"
        );
    }
}

#[test]
fn five_ways_to_say_what_is_not_there_leave_as_many_pixels_as_rio_tiler() {
    for (file, expected) in [
        ("hro_alpha", 10044),
        ("hro_mask", 2739),
        ("hro_extmask", 2739),
        ("hro_nodata", 2364),
        ("hro_plain", 0),
    ] {
        let Some(path) = data(&format!("alpha_mask_nodata/{file}.tif")) else {
            continue;
        };
        let raster = read(&path);
        assert_eq!(raster.mask.len(), 88856, "{file}");
        let found = raster.mask.iter().filter(|&&m| m == 0).count();
        assert_eq!(found, expected, "{file}");
    }
}

#[test]
fn tiles_are_whole_or_in_part_there_as_rio_tiler_finds_them() {
    // Whether all of the tile is there; `None` where the peer only says that some is.
    let rows: &[(&str, Address, Option<bool>)] = &[
        (
            "alpha_mask_nodata/hro_alpha.tif",
            (22, 876432, 1603670),
            Some(false),
        ),
        (
            "alpha_mask_nodata/hro_mask.tif",
            (22, 876431, 1603669),
            Some(false),
        ),
        (
            "alpha_mask_nodata/hro_extmask.tif",
            (22, 876431, 1603669),
            Some(false),
        ),
        ("multispectral/l8_cog_nodata.tif", (7, 43, 24), Some(true)),
        ("multispectral/l8_cog_nodata.tif", (7, 42, 24), Some(false)),
        ("georef/s1_gcps_cog.tif", (8, 183, 120), None),
        ("projections/s2_dateline_utm60.tif", (8, 0, 84), None),
        ("projections/s2_dateline_utm60.tif", (8, 255, 84), None),
    ];
    for &(file, address, whole) in rows {
        let Some(path) = data(file) else { continue };
        for options in [nearest(), defaults()] {
            let kernel = options.resampling;
            let raster = render(&path, address, options).unwrap().unwrap();
            let there = raster.mask.iter().filter(|&&m| m > 0).count();
            println!("{file} {address:?} {kernel:?}: {there}");
            assert!(there > 0, "{file} {address:?}");
            let found = raster.is_opaque();
            assert!(
                whole.is_none_or(|w| w == found),
                "{file} {address:?}: {there} px"
            );
        }
    }
    if let Some(path) = data("multispectral/l8_cog_uint16.tif") {
        let error_or_nothing = render(&path, (7, 38, 24), nearest());
        assert!(matches!(error_or_nothing, Ok(None)), "7/38/24 is outside");
    }
}

/// A value of the file at a place, through the nearest pixel of a deep tile.
#[test]
fn values_at_places_are_those_of_rio_tiler() {
    let rows = [
        (
            "multispectral/l8_cog_nodata.tif",
            (-57.566, 73.6885),
            Some(2800),
        ),
        (
            "multispectral/l8_cog_nodata.tif",
            (-53.54620193828792, 73.28439084323475),
            None,
        ),
        (
            "multispectral/l8_cog_uint16.tif",
            (-53.54620193828792, 73.28439084323475),
            Some(1),
        ),
    ];
    for (file, (lon, lat), expected) in rows {
        let Some(path) = data(file) else { continue };
        let plan = plan(&path, defaults()).unwrap();
        let radius = 6378137.0;
        let x = radius * f64::to_radians(lon);
        let y = radius
            * (std::f64::consts::FRAC_PI_4 + f64::to_radians(lat) / 2.0)
                .tan()
                .ln();
        // Deep enough that the pixel of the tile is a hundredth of the file's.
        let z = plan.zoom_max + 7;
        let tile = plan.scheme.tile_at(z, x, y).unwrap();
        let raster = render(&path, (z, tile.x(), tile.y()), nearest()).unwrap();
        let bounds = plan.scheme.bounds(tile);
        let resolution = plan.scheme.resolution(z, 256);
        let (col, row) = (
            (x - bounds.west) / resolution,
            (bounds.north - y) / resolution,
        );
        let k = row as usize * 256 + col as usize;
        let found = raster.filter(|r| r.mask[k] > 0).map(|r| band(&r, 0)[k]);
        assert_eq!(found, expected, "{file} {lon} {lat}");
    }
}

#[test]
fn opaque_pictures_with_an_alpha_band_become_tiles_without_one() {
    let Some(path) = data("golden/small_world.tif") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let rgba = folder.path().join("rgba.tif");
    let args = [
        "-b",
        "1",
        "-b",
        "2",
        "-b",
        "3",
        "-b",
        "mask",
        "-colorinterp_4",
        "alpha",
    ];
    translate(&path, &rgba, &args);
    assert!(gdal::Dataset::open(&rgba).unwrap().raster_count() == 4);
    let tileset = bake(&[rgba], zooms((0, 1), defaults())).unwrap();
    assert_eq!(tileset.tiles.len(), 5);
    for address in tileset.tiles.keys() {
        assert_eq!(
            tileset.picture(*address).color(),
            ColorType::Rgb8,
            "{address:?}"
        );
    }
}

/// GDAL's checksums of the default tile depend on its cubic kernel to the last bit: they are printed, not asked for. What is
/// asked: gray with alpha, as many pixels as the file covers, and each of them, with nearest, a value of the file.
#[test]
fn a_small_file_becomes_a_tile_of_gray_and_alpha() {
    let Some(path) = data("georef/byte.tif") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let utm = folder.path().join("byte.tif");
    translate(&path, &utm, &["-a_srs", "EPSG:32611"]);
    let file = band(&read(&utm), 0);
    for options in [defaults(), nearest()] {
        let kernel = options.resampling;
        let tileset = bake(from_ref(&utm), options).unwrap();
        let tile = tileset.picture((11, 354, 818)).to_rgba8();
        assert!(tile.pixels().all(|p| p.0[0] == p.0[1] && p.0[1] == p.0[2]));
        let gray: Vec<u32> = tile.pixels().map(|p| u32::from(p.0[0])).collect();
        let alpha: Vec<u32> = tile.pixels().map(|p| u32::from(p.0[3])).collect();
        println!(
            "{kernel:?}: {} and {}, GDAL 4160 and 4415",
            checksum(gray.clone()),
            checksum(alpha.clone())
        );
        assert!(alpha.iter().all(|&a| a == 0 || a == 255));
        // 20 pixels of 60 m, at 76.4 m to the east of 1 / cos(33.9 degrees).
        let there = alpha.iter().filter(|&&a| a == 255).count();
        assert!((330..=380).contains(&there), "{there}");
        assert_eq!(checksum(alpha.clone()), 4415, "{kernel:?}");
        if kernel == Some(Resampling::Nearest) {
            let shown = gray.iter().zip(&alpha).filter(|(_, a)| **a > 0);
            assert!(shown.into_iter().all(|(v, _)| file.contains(v)));
        }
    }
}

/// A GeoTIFF on the grid of zoom `z`, its upper left corner `(col, row)` pixels from that of tile `z/x/y` of WebMercatorQuad.
struct Grid {
    z: u8,
    x: u32,
    y: u32,
    side: usize,
}

impl Grid {
    fn write(&self, path: &Path, nodata: Option<f64>, value: impl Fn(usize, usize) -> u8) {
        let half = 20037508.342789244;
        let tile = 2.0 * half / f64::from(1_u32 << self.z);
        let driver = DriverManager::get_driver_by_name("GTiff").unwrap();
        let mut dataset = driver
            .create_with_band_type::<u8, _>(path, self.side, self.side, 1)
            .unwrap();
        let west = -half + tile * f64::from(self.x);
        let north = half - tile * f64::from(self.y);
        let pixel = tile / 256.0;
        dataset
            .set_geo_transform(&[west, pixel, 0.0, north, 0.0, -pixel])
            .unwrap();
        let crs = gdal::spatial_ref::SpatialRef::from_epsg(3857).unwrap();
        dataset.set_spatial_ref(&crs).unwrap();
        let n = self.side * self.side;
        let values = (0..n)
            .map(|k| value(k % self.side, k / self.side))
            .collect();
        let mut band = dataset.rasterband(1).unwrap();
        band.set_no_data_value(nodata).unwrap();
        let mut buffer = Buffer::new((self.side, self.side), values);
        band.write((0, 0), (self.side, self.side), &mut buffer)
            .unwrap();
        dataset.flush_cache().unwrap();
    }
}

/// 10, 20, 30 and 40, of which 20 is nodata: 80 / 3, over three quarters of the pixel.
#[test]
fn the_mean_of_four_pixels_leaves_out_the_one_that_is_not_there() {
    azulejo::source::gdal::init();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("four.tif");
    let grid = Grid {
        z: 10,
        x: 512,
        y: 340,
        side: 512,
    };
    grid.write(&path, Some(20.0), |x, y| [[10, 20], [30, 40]][y % 2][x % 2]);
    let tileset = bake(&[path], zooms((9, 10), defaults())).unwrap();
    assert_eq!(tileset.count(10), 4);
    let tile = tileset.picture((9, 256, 170)).to_rgba8();
    assert_eq!(tile.dimensions(), (256, 256));
    let first = tile.get_pixel(0, 0);
    assert!(tile.pixels().all(|p| p.0 == [27, 27, 27, 191]), "{first:?}");
}

/// Each overview is of one value, which no other level has: the tile tells from which it was made.
#[test]
fn tiles_are_made_of_the_sources_overviews() {
    azulejo::source::gdal::init();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pyramid.tif");
    let grid = Grid {
        z: 8,
        x: 128,
        y: 80,
        side: 2048,
    };
    grid.write(&path, None, |x, y| if (x + y) % 2 == 0 { 40 } else { 60 });
    let open = gdal::DatasetOptions {
        open_flags: GdalOpenFlags::GDAL_OF_UPDATE,
        ..Default::default()
    };
    let mut dataset = gdal::Dataset::open_ex(&path, open).unwrap();
    dataset.build_overviews("NEAREST", &[2, 4, 8], &[]).unwrap();
    for (k, value) in [102, 104, 127].into_iter().enumerate() {
        let mut overview = dataset.rasterband(1).unwrap().overview(k).unwrap();
        let (w, h) = overview.size();
        let mut buffer = Buffer::new((w, h), vec![value; w * h]);
        overview.write((0, 0), (w, h), &mut buffer).unwrap();
    }
    dataset.flush_cache().unwrap();
    drop(dataset);
    assert_eq!(source(&path).unwrap().info().levels.len(), 4);
    for kernel in [Resampling::Nearest, Resampling::Cubic, Resampling::Average] {
        for (z, expected) in [
            (8, None),
            (7, Some(102)),
            (6, Some(104)),
            (5, Some(127)),
            (4, Some(127)),
            (0, Some(127)),
        ] {
            let options = PlanOptions {
                resampling: Some(kernel),
                ..zooms((z, z), defaults())
            };
            let tileset = bake(from_ref(&path), options).unwrap();
            assert!(!tileset.tiles.is_empty(), "{kernel:?} {z}");
            for address in tileset.tiles.keys() {
                for (_, _, pixel) in tileset.picture(*address).pixels() {
                    let expected: &[u8] = match &expected {
                        Some(value) => from_ref(value),
                        None => &[40, 60],
                    };
                    let [v, _, _, a] = pixel.0;
                    assert!(
                        a == 0 || expected.contains(&v),
                        "{kernel:?} {address:?}: {v}"
                    );
                }
            }
        }
    }
}

/// Palettes keep their colours: no kernel and no overview that the plan chooses by itself makes new ones.
#[test]
fn tiles_of_a_palette_have_no_other_colours() {
    for file in [
        "palette/byte_pct.tif",
        "palette/nlcd2011_zion.tif",
        "georef/austria_pixelscale_area.tif",
    ] {
        let Some(path) = data(file) else { continue };
        let raster = read(&path);
        let Samples::U8(values) = &raster.samples else {
            panic!("{file}")
        };
        let mut colours: Vec<&[u8]> = values.chunks_exact(3).collect();
        colours.sort_unstable();
        colours.dedup();
        let plan = plan(&path, defaults()).unwrap();
        let range = (plan.zoom_max.saturating_sub(3), plan.zoom_max);
        let tileset = bake(&[path], zooms(range, defaults())).unwrap();
        assert!(!tileset.tiles.is_empty(), "{file}");
        for address in tileset.tiles.keys() {
            for pixel in tileset.picture(*address).to_rgba8().pixels() {
                let [colour @ .., alpha] = &pixel.0;
                let known = colours.binary_search(&colour.as_slice()).is_ok();
                assert!(*alpha == 0 || known, "{file} {address:?}: {pixel:?}");
            }
        }
    }
}

/// What GDAL's warper made of `utmsmall.tif` without leaving its coordinate system: pure resampling. GDAL's own tests allow a
/// difference of 1.
#[test]
fn resampling_within_one_system_is_that_of_the_warper() {
    let rows = [
        ("near", Resampling::Nearest, 500, 0),
        ("blinear", Resampling::Bilinear, 500, 0),
        // GDAL weighs what lies across the edge of the picture differently: two source pixels, six times enlarged.
        ("cubic", Resampling::Cubic, 500, 12),
        ("average", Resampling::Average, 50, 0),
        ("mode", Resampling::Mode, 50, 0),
    ];
    let Some(path) = data("golden/gdalwarp/utmsmall.tif") else {
        return;
    };
    let mosaic = mosaic(from_ref(&path)).unwrap();
    let info = mosaic.layers()[0].info().clone();
    let whole = info.placement.bounds().unwrap();
    let layout = Layout::new(
        vec![Some(Footprint {
            parts: vec![Part {
                turns: 0,
                boxes: vec![whole],
            }],
            resolution: 60.0,
        })],
        vec![None],
    );
    let file = band(&read(&path), 0);
    for (name, resampling, size, edge) in rows {
        let Some(golden) = data(&format!("golden/gdalwarp/utmsmall_{name}.tiff")) else {
            continue;
        };
        let golden = band(&read(&golden), 0);
        let tile_size_px = usize::next_power_of_two(size);
        let job = Job {
            mosaic: &mosaic,
            layout: &layout,
            crs: &info.placement.crs,
            resampling,
            tile_size_px,
            margin_px: 0,
        };
        // 10 or 120 m a pixel from the upper left corner; a tile is a little larger than their picture.
        let side = tile_size_px as f64 * if size == 500 { 10.0 } else { 120.0 };
        let (west, north) = (whole.west, whole.north);
        let bounds = Bounds::new(west, north - side, west + side, north);
        let ours = band(&Renderer::new(&job).render(&bounds).unwrap().unwrap(), 0);
        let inside = |k: &usize| k % size >= edge && k / size >= edge;
        let our = |k: usize| ours[k / size * tile_size_px + k % size];
        let pairs = (0..size * size)
            .filter(inside)
            .map(|k| (k, our(k), golden[k]));
        let different = pairs.clone().filter(|(_, a, b)| a != b).count();
        let worst = pairs.clone().map(|(_, a, b)| a.abs_diff(b)).max().unwrap();
        println!(
            "{name}: {different} of {} differ, at most {worst}",
            pairs.clone().count()
        );
        match resampling {
            Resampling::Nearest => assert_eq!(different, 0, "{name}"),
            // Of equally frequent values any will do.
            Resampling::Mode => {
                for (k, value, theirs) in pairs {
                    let (col, row) = (k % size * 2, k / size * 2);
                    let four = [0, 1, 100, 101].map(|offset| file[row * 100 + col + offset]);
                    let n = |v: u32| four.iter().filter(|&&f| f == v).count();
                    assert_eq!(n(value), n(theirs), "{four:?}: {value} and {theirs}");
                }
            }
            _ => assert!(worst <= 1, "{name}: {worst}"),
        }
    }
}

/// Mapbox's own warp of a picture, eight tiles a side at zoom 16; JPEG, made with a bilinear kernel. GDAL with that kernel is
/// 33.4 dB from it, a pixel to any side far less.
#[test]
fn a_warped_picture_is_where_mapbox_put_it() {
    let golden = data("golden/rio-alpha/13-1359-2747-kamloops.tif");
    let (Some(path), Some(golden)) = (data("mosaic/kamloops_6156D.tif"), golden) else {
        return;
    };
    let golden = read(&golden);
    let options = PlanOptions {
        resampling: Some(Resampling::Bilinear),
        ..zooms((16, 16), defaults())
    };
    let tileset = bake(&[path], options).unwrap();
    let psnr = |dx: i32, dy: i32| {
        let (mut squares, mut n) = (0.0, 0_u64);
        for &(z, x, y) in tileset.tiles.keys() {
            let tile = tileset.picture((z, x, y)).to_rgba8();
            for (col, row, pixel) in tile.enumerate_pixels() {
                let at = |tile: u32, first: u32, pixel: u32, shift: i32| {
                    (tile as i32 - first as i32) * 256 + pixel as i32 + shift
                };
                let (gx, gy) = (at(x, 1359 * 8, col, dx), at(y, 2747 * 8, row, dy));
                if pixel.0[3] < 255 || !(0..2048).contains(&gx) || !(0..2048).contains(&gy) {
                    continue;
                }
                let k = gy as usize * 2048 + gx as usize;
                let Samples::U8(values) = &golden.samples else {
                    panic!("8 bits")
                };
                if golden.mask[k] < 255 {
                    continue;
                }
                for b in 0..3 {
                    let off = f64::from(pixel.0[b]) - f64::from(values[3 * k + b]);
                    squares += off * off;
                    n += 1;
                }
            }
        }
        (10.0 * (255.0 * 255.0 * n as f64 / squares).log10(), n / 3)
    };
    let (in_place, n) = psnr(0, 0);
    println!("{in_place:.1} dB over {n} pixels");
    assert!(
        in_place >= 32.0 && n > 200_000,
        "{in_place} dB over {n} pixels"
    );
    for (dx, dy) in [(1, 0), (-1, 0), (0, 1), (0, -1)] {
        let (shifted, _) = psnr(dx, dy);
        assert!(
            shifted < in_place - 3.0,
            "shifted by {dx}, {dy}: {shifted} dB"
        );
    }
}
