use super::*;
use crate::raster::SampleType;
use crate::raster::kernel::KERNELS;

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
    sampler.sample_row(source, &places, &mut tile, 0, 0);
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
