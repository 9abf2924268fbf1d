use super::*;
use crate::raster::kernel::KERNELS;
use crate::raster::{SampleType, Samples};

/// A raster of noise: its mask is whole but for the pixels in which `holes` of 256 chances come true.
pub(super) fn noise(
    (width, height): (usize, usize),
    bands: usize,
    sample_type: SampleType,
    holes: u32,
    mut seed: u32,
) -> Raster {
    let mut random = move || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        seed >> 8
    };
    let mut raster = Raster::empty(width, height, bands, sample_type);
    for k in 0..width * height * bands {
        // Extremes, which overshoot most, and what lies between.
        let value = match random() % 4 {
            0 => 0,
            1 => 255,
            _ => random() & 255,
        };
        let value = match sample_type {
            SampleType::U8 => f64::from(value),
            _ => f64::from(value * 257) + 0.1,
        };
        raster.set_sample(k, value);
    }
    for mask in &mut raster.mask {
        *mask = match random() % 256 < holes {
            true => [0, 0, 1, 77, 254][random() as usize % 5],
            false => 255,
        };
    }
    raster.clear_hidden();
    raster
}

/// One tile pixel from the middle of `source`, which it covers as a square of `scale` pixels: its first sample and its mask.
fn pixel(source: &Raster, resampling: Resampling, scale: (f64, f64), kind: MaskKind) -> (f64, u8) {
    let sampler = Sampler::new(resampling, scale, kind, false);
    let mut tile = Raster::empty(1, 1, source.bands(), source.sample_type());
    // Not quite the middle: a phase other than 0.
    let (col, row) = (
        source.width() as f64 / 2.0 + 0.3,
        source.height() as f64 / 2.0 + 0.3,
    );
    let (w, h) = (scale.0 / 2.0, scale.1 / 2.0);
    let places = Places {
        cols: &[col],
        rows: &[row],
        upper: (&[col - w], &[row - h]),
        lower: (&[col + w], &[row + h]),
    };
    sampler.over(source).sample_row(&places, &mut tile, 0, 0);
    tile.finish();
    (tile.samples.get(0), tile.mask[0])
}

fn constant(width: usize, height: usize, sample_type: SampleType, value: f64) -> Raster {
    let mut raster = Raster::empty(width, height, 1, sample_type);
    for k in 0..width * height {
        raster.set_sample(k, value);
    }
    raster.mask.fill(255);
    raster
}

#[test]
fn a_constant_stays_constant_however_much_it_shrinks() {
    for (sample_type, value) in [
        (SampleType::U8, 200.0),
        (SampleType::U16, 60_001.0),
        (SampleType::I16, -31_001.0),
        (SampleType::F64, 1e6),
    ] {
        for scale in [(5000.0, 2.0), (2.0, 5000.0), (70_000.0, 1.0)] {
            let size = |scale: f64| (7.0 * scale) as usize + 8;
            let source = constant(size(scale.0), size(scale.1), sample_type, value);
            for kernel in &KERNELS {
                for kind in [MaskKind::None, MaskKind::Binary, MaskKind::Graded] {
                    let (found, mask) = pixel(&source, kernel.resampling, scale, kind);
                    let name = kernel.name;
                    assert!(
                        (found - value).abs() <= 1e-9 * value.abs() && mask == 255,
                        "{sample_type:?} {name} {scale:?} {kind:?}: {found} under {mask}"
                    );
                }
            }
        }
    }
}

#[test]
fn the_mean_across_a_border_is_there_however_much_it_enlarges() {
    let mut source = constant(2, 1, SampleType::U8, 100.0);
    source.set_sample(1, 200.0);
    for length in [1.5, 0.9, 0.1, 1e-3, 1e-5] {
        let sampler = Sampler::new(Resampling::Average, (length, 1.0), MaskKind::None, false);
        let mut tile = Raster::empty(1, 1, 1, SampleType::U8);
        let places = Places {
            cols: &[1.0],
            rows: &[0.5],
            upper: (&[1.0 - 0.3 * length], &[0.0]),
            lower: (&[1.0 + 0.7 * length], &[1.0]),
        };
        sampler.over(&source).sample_row(&places, &mut tile, 0, 0);
        let wanted = if length > 1.1 { 169.0 } else { 170.0 };
        assert_eq!(
            (tile.samples.get(0), tile.mask[0]),
            (wanted, 255),
            "{length}"
        );
    }
}

/// Every value once, but for one of the last: whoever looks through all of them for each pixel does not come back.
#[test]
fn the_most_frequent_of_very_many_values_is_found_soon() {
    let size = 500;
    let mut source = constant(size, size, SampleType::I32, 0.0);
    for k in 0..size * size {
        source.set_sample(k, k as f64);
    }
    let last = size * size - size - 2;
    source.set_sample(last, last as f64 - 1.0);
    let scale = (size as f64 - 2.0, size as f64 - 2.0);
    let start = std::time::Instant::now();
    let (value, mask) = pixel(&source, Resampling::Mode, scale, MaskKind::None);
    assert_eq!((value, mask), (last as f64 - 1.0, 255));
    assert!(start.elapsed().as_secs() < 5);
}

/// Against counting by hand, with ties, few values and many.
#[test]
fn the_first_value_to_have_the_most_votes_wins() {
    let mut state = 1_u32;
    let mut random = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) as usize
    };
    for n_values in [2, 5, 16, 17, 18, 40, 200] {
        for _ in 0..50 {
            let mut source = constant(9, 9, SampleType::I16, 0.0);
            for k in 0..81 {
                source.set_sample(k, (random() % n_values) as f64 - 1.0);
                source.mask[k] = if random() % 4 == 0 { 0 } else { 255 };
            }
            source.clear_hidden();
            let mut counts: Vec<(f64, u32)> = Vec::new();
            let mut best = (0.0, 0);
            for k in (0..81).filter(|&k| source.mask[k] > 0) {
                let value = source.samples.get(k);
                if !counts.iter().any(|(v, _)| *v == value) {
                    counts.push((value, 0));
                }
                let (_, n) = counts.iter_mut().find(|(v, _)| *v == value).unwrap();
                *n += 1;
                if *n > best.1 {
                    best = (value, *n);
                }
            }
            let found = pixel(&source, Resampling::Mode, (8.8, 8.8), MaskKind::Binary);
            assert_eq!(found, (best.0, 255), "{n_values} values");
        }
    }
}

/// Band `band` of `raster`, as a raster of its own.
fn one_band(raster: &Raster, band: usize) -> Raster {
    let (width, height) = (raster.width(), raster.height());
    let mut one = Raster::empty(width, height, 1, raster.sample_type());
    for k in 0..width * height {
        let value = raster.samples.get(k * raster.bands() + band);
        match &mut one.samples {
            Samples::U8(to) => to[k] = value as u8,
            Samples::F32(to) => to[k] = value as f32,
            Samples::F64(to) => to[k] = value,
        }
    }
    one.mask.copy_from_slice(&raster.mask);
    one
}

#[test]
fn any_number_of_bands_is_each_by_itself() {
    const N: usize = 40;
    for kernel in &KERNELS {
        for (bands, sample_type) in [
            (2, SampleType::U8),
            (4, SampleType::F32),
            (5, SampleType::U16),
            (7, SampleType::F64),
        ] {
            let source = noise((37, 23), bands, sample_type, 9, bands as u32);
            let along = |from: f64, to: f64| -> Vec<f64> {
                (0..N)
                    .map(|i| from + (to - from) * i as f64 / N as f64)
                    .collect()
            };
            let (cols, rows) = (along(-1.0, 38.0), along(2.0, 19.5));
            let moved =
                |list: &[f64], by: f64| -> Vec<f64> { list.iter().map(|v| v + by).collect() };
            let (west, north) = (moved(&cols, -0.6), moved(&rows, -0.6));
            let (east, south) = (moved(&cols, 0.6), moved(&rows, 0.6));
            let places = Places {
                cols: &cols,
                rows: &rows,
                upper: (&west, &north),
                lower: (&east, &south),
            };
            let sampler = Sampler::new(kernel.resampling, (1.2, 1.2), MaskKind::Graded, false);
            let made = |source: &Raster| {
                let mut tile = Raster::empty(N, 1, source.bands(), sample_type);
                sampler.over(source).sample_row(&places, &mut tile, 0, 0);
                tile
            };
            let all = made(&source);
            for band in 0..bands {
                let one = made(&one_band(&source, band));
                let of_all = one_band(&all, band);
                assert_eq!(
                    of_all.samples, one.samples,
                    "{} {bands} {band}",
                    kernel.name
                );
                // Bands vote apart, and the last one says how much of a pixel is there.
                if kernel.resampling != Resampling::Mode || band + 1 == bands {
                    assert_eq!(of_all.mask, one.mask, "{} {bands} {band}", kernel.name);
                }
            }
        }
    }
}
