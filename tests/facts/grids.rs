//! Files on the very grid of a zoom: their tiles are windows of the file.

use std::slice::from_ref;

use azulejo::pyramid::plan::PlanOptions;
use azulejo::raster::kernel::KERNELS;
use azulejo::raster::{Raster, SampleType, Samples};
use image::DynamicImage;

use crate::bench::{Tileset, bake, data, defaults, pixels, source, zooms};

/// The pixels of a tile, gray or red, green and blue, with alpha behind: as 16 bits, whatever it is stored as.
fn spread_out(picture: &DynamicImage, bands: usize) -> Vec<u16> {
    let alpha = picture.color().has_alpha();
    let of_8 = |v: &u8| u16::from(*v);
    let (values, opaque): (Vec<u16>, u16) = match picture {
        DynamicImage::ImageLuma8(p) => (p.iter().map(of_8).collect(), 255),
        DynamicImage::ImageLumaA8(p) => (p.iter().map(of_8).collect(), 255),
        DynamicImage::ImageRgb8(p) => (p.iter().map(of_8).collect(), 255),
        DynamicImage::ImageRgba8(p) => (p.iter().map(of_8).collect(), 255),
        DynamicImage::ImageLuma16(p) => (p.to_vec(), 65535),
        DynamicImage::ImageLumaA16(p) => (p.to_vec(), 65535),
        DynamicImage::ImageRgb16(p) => (p.to_vec(), 65535),
        DynamicImage::ImageRgba16(p) => (p.to_vec(), 65535),
        other => panic!("{:?}", other.color()),
    };
    let stored = usize::from(picture.color().channel_count()) - usize::from(alpha);
    let mut out = Vec::with_capacity(values.len());
    for pixel in values.chunks_exact(stored + usize::from(alpha)) {
        // A gray picture may be stored as such though its source has three equal bands.
        out.extend((0..bands).map(|b| pixel[b.min(stored - 1)]));
        out.push(if alpha { pixel[stored] } else { opaque });
    }
    out
}

/// A window of the file in the same form.
fn window(file: &Raster, col: usize, row: usize, size: usize) -> Vec<u16> {
    let bands = file.bands();
    let mut out = Vec::with_capacity(size * size * (bands + 1));
    for y in row..row + size {
        for x in col..col + size {
            let k = y * file.width() + x;
            let mask = u16::from(file.mask[k]);
            match &file.samples {
                Samples::U8(v) => {
                    out.extend(v[k * bands..(k + 1) * bands].iter().map(|&v| u16::from(v)));
                }
                Samples::F32(v) => {
                    out.extend(v[k * bands..(k + 1) * bands].iter().map(|&v| v as u16))
                }
                Samples::F64(_) => panic!("no tile is {}", file.sample_type()),
            }
            out.push(match file.sample_type() {
                SampleType::U8 => mask,
                SampleType::U16 => mask * 257,
                other => panic!("no tile is {other}"),
            });
        }
    }
    out
}

fn check_windows(name: &str, tileset: &Tileset, file: &Raster, (z, x0, y0): (u8, u32, u32)) {
    let size = tileset.plan.shape.tile_size_px;
    let (columns, rows) = (file.width() / size, file.height() / size);
    for row in 0..rows {
        for column in 0..columns {
            let address = (z, x0 + column as u32, y0 + row as u32);
            let expected = window(file, column * size, row * size, size);
            let blank = expected
                .chunks_exact(file.bands() + 1)
                .all(|px| px[file.bands()] == 0);
            if blank {
                assert!(!tileset.tiles.contains_key(&address), "{name} {address:?}");
                continue;
            }
            let found = spread_out(&tileset.picture(address), file.bands());
            assert!(
                found == expected,
                "{name} {address:?} is not the window of the file"
            );
        }
    }
    let outside = tileset.tiles.keys().find(|(_, x, y)| {
        !(x0..x0 + columns as u32).contains(x) || !(y0..y0 + rows as u32).contains(y)
    });
    assert_eq!(outside, None, "{name}");
    assert_eq!(tileset.plan.count(z), (columns * rows) as u64, "{name}");
}

#[test]
fn every_kernel_gives_back_a_file_on_the_grid_bit_for_bit() {
    let rows = [
        ("multispectral/l8_web_aligned.tif", 256, (8, 72, 89), (4, 4)),
        (
            "alpha_mask_nodata/cogeo_internal_mask.tif",
            256,
            (18, 224756, 101420),
            (4, 4),
        ),
        (
            "alpha_mask_nodata/shade_nodata255.tif",
            256,
            (14, 3344, 6224),
            (4, 4),
        ),
        (
            "palette/landcover_3857_cog.tif",
            256,
            (17, 36611, 49678),
            (28, 34),
        ),
        (
            "golden/naip_martin_256_lzw_z3.tif",
            256,
            (18, 42708, 97340),
            (4, 8),
        ),
        (
            "golden/naip_martin_512_deflate_z2.tif",
            512,
            (17, 21354, 48670),
            (2, 4),
        ),
    ];
    for (file, tile_size_px, first, (columns, lines)) in rows {
        let Some(path) = data(file) else { continue };
        let pixels = pixels(&source(&path).unwrap()).unwrap();
        let size = (columns * tile_size_px, lines * tile_size_px);
        assert_eq!((pixels.width(), pixels.height()), size, "{file}");
        let mut digest = None;
        for kernel in &KERNELS {
            let options = PlanOptions {
                tile_size_px,
                resampling: Some(kernel.resampling),
                zoom_min: Some(first.0),
                ..defaults()
            };
            let tileset = bake(from_ref(&path), options).unwrap();
            assert_eq!(tileset.plan.zoom_max, first.0, "{file}");
            // Once is enough to look at pixels: the other kernels make the same bytes.
            let same = *digest.get_or_insert_with(|| {
                check_windows(file, &tileset, &pixels, first);
                tileset.baked.digest
            });
            assert!(same == tileset.baked.digest, "{file} {}", kernel.name);
        }
    }
}

#[test]
fn four_quarters_give_the_tiles_of_the_whole_with_every_kernel() {
    let Some(whole) = data("rgb/RGB.byte.tif") else {
        return;
    };
    let quarters: Option<Vec<_>> = (1..=4)
        .map(|k| data(&format!("mosaic/rgb{k}.tif")))
        .collect();
    let Some(quarters) = quarters else { return };
    for kernel in &KERNELS {
        let options = PlanOptions {
            resampling: Some(kernel.resampling),
            ..zooms((4, 10), defaults())
        };
        let of_whole = bake(from_ref(&whole), options.clone()).unwrap();
        let of_quarters = bake(&quarters, options).unwrap();
        assert_eq!(
            of_whole.addresses(),
            of_quarters.addresses(),
            "{}",
            kernel.name
        );
        for (address, bytes) in &of_whole.tiles {
            assert!(
                bytes == &of_quarters.tiles[address],
                "{} {address:?}",
                kernel.name
            );
        }
    }
}
