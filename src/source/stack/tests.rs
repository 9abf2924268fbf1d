#![allow(clippy::unwrap_used)] // A test that cannot go on panics.

use std::sync::Mutex;

use proptest::prelude::*;

use super::*;
use crate::error::Kind;
use crate::geo::affine::Affine;
use crate::geo::transform::crs::Crs;
use crate::geo::transform::gcp::Gcp;
use crate::geo::transform::{Georef, Placement};

/// A band in memory, with overviews, that writes down which levels it is read at.
struct Pixels {
    info: SourceInfo,
    levels: Vec<Raster>,
    reads: Mutex<Vec<usize>>,
}

impl Source for Pixels {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn read(&self, level: usize, window: Window) -> Result<Raster> {
        self.reads.lock().unwrap().push(level);
        Ok(self.levels[level].crop(window.col, window.row, window.width, window.height))
    }
}

/// Where a band lies: its upper left corner, its pixels' size, how many of them.
#[derive(Debug, Clone, Copy)]
struct Grid {
    corner: (f64, f64),
    pixel: f64,
    size: (usize, usize),
}

impl Grid {
    fn placement(self) -> Placement {
        let (x, y) = self.corner;
        Placement {
            crs: Crs::parse("EPSG:32632").unwrap(),
            georef: Georef::Affine(Affine([x, self.pixel, 0.0, y, 0.0, -self.pixel])),
            width: self.size.0,
            height: self.size.1,
        }
    }
}

/// The 10 m grid of the tests, or part of it in larger pixels.
fn grid(pixel: f64, width: usize, height: usize) -> Grid {
    Grid {
        corner: (399_960.0, 5_200_020.0),
        pixel,
        size: (width, height),
    }
}

/// The band on `grid` with `n_levels` levels, each half of the one before, with `value` of the east and north of a pixel's
/// centre and mask 0 where it is NaN.
fn band(
    sample_type: SampleType,
    grid: Grid,
    n_levels: usize,
    value: impl Fn(f64, f64) -> f64,
) -> Arc<Pixels> {
    let (width, height) = grid.size;
    let level = |k: usize| {
        let (w, h) = (width.div_ceil(1 << k), height.div_ceil(1 << k));
        let mut raster = Raster::empty(w, h, 1, sample_type);
        for i in 0..w * h {
            let (col, row) = ((i % w) as f64 + 0.5, (i / w) as f64 + 0.5);
            let (col, row) = (
                col * width as f64 / w as f64,
                row * height as f64 / h as f64,
            );
            let value = value(
                grid.corner.0 + col * grid.pixel,
                grid.corner.1 - row * grid.pixel,
            );
            if !value.is_nan() {
                raster.set_sample(i, value);
                raster.mask[i] = 255;
            }
        }
        raster
    };
    let levels: Vec<Raster> = (0..n_levels).map(level).collect();
    let opaque = levels.iter().all(Raster::is_opaque);
    let info = SourceInfo {
        name: format!("{} m", grid.pixel),
        placement: grid.placement(),
        sample_type,
        bands: 1,
        mask: if opaque {
            MaskKind::None
        } else {
            MaskKind::Binary
        },
        palette: false,
        levels: levels
            .iter()
            .map(|raster| Level {
                width: raster.width(),
                height: raster.height(),
                block: (64, 64),
            })
            .collect(),
        notes: Vec::new(),
    };
    Arc::new(Pixels {
        info,
        levels,
        reads: Mutex::default(),
    })
}

fn stack(bands: &[Arc<Pixels>], resampling: Resampling) -> Result<Stack> {
    let bands = bands.iter().cloned().map(|band| band as Arc<dyn Source>);
    Stack::new("scene", bands.collect(), resampling)
}

fn all(source: &dyn Source, level: usize) -> Raster {
    let Level { width, height, .. } = source.info().levels[level];
    let window = Window {
        col: 0,
        row: 0,
        width,
        height,
    };
    source.read(level, window).unwrap()
}

/// Something that varies, with holes.
fn noise(seed: u64) -> impl Fn(f64, f64) -> f64 {
    move |east, north| {
        let mut state = (east * 7.0) as u64 ^ ((north * 13.0) as u64) << 20 ^ seed << 50;
        state = state.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        state ^= state >> 29;
        state = state.wrapping_mul(0xBF58_476D_1CE4_E5B9);
        match state >> 60 {
            0 => f64::NAN,
            _ => (state >> 40 & 0xff) as f64,
        }
    }
}

const KERNELS: [Resampling; 7] = [
    Resampling::Nearest,
    Resampling::Bilinear,
    Resampling::Cubic,
    Resampling::CubicSpline,
    Resampling::Lanczos,
    Resampling::Average,
    Resampling::Mode,
];

proptest! {
    /// A pixel depends on its place alone.
    #[test]
    fn any_window_is_a_part_of_the_whole(
        kernel in 0..KERNELS.len(),
        sample_type in prop::sample::select(vec![SampleType::U8, SampleType::U16, SampleType::F64]),
        pixels in prop::sample::select(vec![(20.0, 60.0), (10.0, 15.0), (13.7, 71.3), (20.0, 10.0)]),
        moved in (-50_f64..50.0, -50_f64..50.0),
        cut in (0_usize..90, 0_usize..70, 1_usize..90, 1_usize..70),
    ) {
        let near = Grid { corner: (399_960.0 + moved.0, 5_200_020.0 + moved.1), ..grid(pixels.1, 12, 14) };
        let bands = [
            band(sample_type, grid(10.0, 90, 70), 3, noise(1)),
            band(sample_type, grid(pixels.0, 45, 35), 2, noise(2)),
            band(sample_type, near, 1, |east, north| (east + north) % 256.0),
        ];
        let stack = stack(&bands, KERNELS[kernel]).unwrap();
        for level in 0..stack.info().levels.len() {
            let Level { width, height, .. } = stack.info().levels[level];
            let (col, row) = (cut.0 % width, cut.1 % height);
            let window = Window { col, row, width: cut.2.min(width - col), height: cut.3.min(height - row) };
            let whole = all(&stack, level);
            let part = stack.read(level, window).unwrap();
            prop_assert_eq!(part, whole.crop(col, row, window.width, window.height));
        }
    }
}

#[test]
fn pixels_come_from_where_they_lie() {
    // Linear in place, as bilinear is: what is wrong shows as a distance.
    let east = |east: f64, _: f64| east - 399_960.0;
    let check = |pixel: f64, moved: f64, expected_within: f64| {
        let coarse = Grid {
            corner: (399_960.0 - moved, 5_200_020.0 + moved),
            ..grid(pixel, 90, 90)
        };
        let bands = [
            band(SampleType::F64, grid(10.0, 60, 50), 2, east),
            band(SampleType::F64, coarse, 2, east),
            band(SampleType::F64, coarse, 2, |_, north| north - 5_200_020.0),
        ];
        let stack = stack(&bands, Resampling::Bilinear).unwrap();
        // A widened kernel is not linear any more.
        let n_levels = if pixel == 12.3 { 1 } else { 2 };
        for level in 0..n_levels {
            let raster = all(&stack, level);
            let size = 10.0 * (1 << level) as f64;
            for (i, mask) in raster.mask.iter().enumerate() {
                let place = (
                    (i % raster.width()) as f64 + 0.5,
                    (i / raster.width()) as f64 + 0.5,
                );
                // Beyond the outermost centres of the coarse pixels there is nothing to be linear in.
                if place.0 * size < pixel || place.1 * size < pixel {
                    continue;
                }
                assert_eq!(*mask, 255);
                let off = [0, 1, 2].map(|k| raster.samples.get(i * 3 + k));
                let truth = [place.0 * size, place.0 * size, -place.1 * size];
                for (off, truth) in off.into_iter().zip(truth) {
                    assert!(
                        (off - truth).abs() <= expected_within,
                        "{pixel} {level} {i}: {off}, {truth}"
                    );
                }
            }
        }
    };
    // Weights are those of the nearest 512th of a pixel.
    check(10.0, 0.0, 1e-9);
    check(10.0, 200.0, 1e-9);
    check(20.0, 0.0, 20.0 / 512.0);
    check(60.0, 0.0, 60.0 / 512.0);
    check(60.0, 33.3, 60.0 / 512.0);
    check(12.3, 4.7, 12.3 / 512.0);
}

#[test]
fn a_pixel_is_there_when_all_bands_are() {
    let hole = |east: f64, _: f64| if east < 400_000.0 { f64::NAN } else { 7.0 };
    // Ends in the middle of the scene.
    let short = grid(20.0, 25, 10);
    let bands = [
        band(SampleType::U8, grid(10.0, 60, 50), 1, |_, _| 5.0),
        band(SampleType::U8, grid(20.0, 30, 25), 1, hole),
        band(SampleType::U16, short, 1, |_, _| 999.0),
    ];
    for kernel in KERNELS {
        let stack = stack(&bands, kernel).unwrap();
        let info = stack.info();
        assert_eq!((info.bands, info.sample_type), (3, SampleType::U16));
        assert_eq!(info.mask, MaskKind::Binary);
        let raster = all(&stack, 0);
        for (i, mask) in raster.mask.iter().enumerate() {
            let (col, row) = (i % 60, i / 60);
            let there = (4..50).contains(&col) && row < 20;
            assert_eq!(
                *mask,
                if there { 255 } else { 0 },
                "{kernel:?} {col}, {row}"
            );
            let values = [0, 1, 2].map(|k| raster.samples.get(i * 3 + k));
            let expected = if there { [5.0, 7.0, 999.0] } else { [0.0; 3] };
            for (value, expected) in values.into_iter().zip(expected) {
                assert!(
                    (value - expected).abs() < 1e-3,
                    "{kernel:?} {col}, {row}: {value}"
                );
            }
        }
    }
    let full = [
        &bands[0],
        &bands[0],
        &band(SampleType::U8, grid(20.0, 30, 25), 1, |_, _| 1.0),
    ];
    let full = stack(&full.map(Arc::clone), Resampling::Cubic).unwrap();
    assert_eq!(full.info().mask, MaskKind::None);
    assert!(all(&full, 0).is_opaque());
}

#[test]
fn coarse_levels_are_read_from_overviews() {
    // 120, 60, 30 and 15 pixels; 60, 30, 15; 20, 10.
    let bands = [
        band(SampleType::U8, grid(10.0, 120, 120), 4, noise(1)),
        band(SampleType::U8, grid(20.0, 60, 60), 3, noise(2)),
        band(SampleType::U8, grid(60.0, 20, 20), 2, noise(3)),
    ];
    let stack_of = |bands: &[Arc<Pixels>]| stack(bands, Resampling::Cubic).unwrap();
    let stack = stack_of(&bands);
    let widths: Vec<usize> = stack
        .info()
        .levels
        .iter()
        .map(|level| level.width)
        .collect();
    assert_eq!(widths, [120, 60, 30, 15]);
    for (level, expected) in [[0, 0, 0], [1, 0, 0], [2, 1, 0], [3, 2, 0]]
        .into_iter()
        .enumerate()
    {
        all(&stack, level);
        let read = bands
            .each_ref()
            .map(|band| band.reads.lock().unwrap().pop().unwrap());
        assert_eq!(read, expected, "level {level}");
    }
    // A band without overviews has to be read in full.
    let plain = band(SampleType::U8, grid(10.0, 120, 120), 1, noise(4));
    let with_plain = stack_of(&[bands[0].clone(), plain, bands[1].clone()]);
    assert_eq!(with_plain.info().levels.len(), 1);
}

#[test]
fn bands_that_do_not_fit_together_are_refused() {
    let fine = band(SampleType::U8, grid(10.0, 60, 50), 1, |_, _| 1.0);
    let check = |change: &dyn Fn(&mut SourceInfo), said: &str| {
        let made = band(SampleType::U8, grid(20.0, 30, 25), 1, |_, _| 1.0);
        let mut other = Arc::into_inner(made).unwrap();
        other.info.name = "other".into();
        change(&mut other.info);
        let refused = stack(
            &[fine.clone(), Arc::new(other), fine.clone()],
            Resampling::Cubic,
        );
        let error = refused.err().unwrap();
        assert_eq!(error.kind(), Kind::Input);
        let text = error.to_string();
        assert!(text.starts_with("other: ") && text.contains(said), "{text}");
    };
    check(
        &|info| info.placement.crs = Crs::parse("EPSG:32633").unwrap(),
        "EPSG:32633) than in 10 m",
    );
    let turned = |info: &mut SourceInfo| {
        let Georef::Affine(Affine([x, b, _, y, _, f])) = info.placement.georef else {
            panic!("no affine")
        };
        info.placement.georef = Georef::Affine(Affine([x, b, 0.1, y, 0.1, f]));
    };
    check(&turned, "turned another way than in 10 m");
    let gcps = |info: &mut SourceInfo| {
        let gcp = Gcp {
            col: 0.0,
            row: 0.0,
            x: 0.0,
            y: 0.0,
        };
        info.placement.georef = Georef::Gcps(vec![gcp]);
    };
    check(&gcps, "other control points than in 10 m");
    check(
        &|info| info.bands = 3,
        "3 bands; expected one, to be a band of scene",
    );
    let none = stack(&[], Resampling::Cubic).err().unwrap();
    assert!(
        none.to_string().contains("0 bands; expected 1 to 64"),
        "{none}"
    );
}
