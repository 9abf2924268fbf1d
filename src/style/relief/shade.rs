//! From gradients to shades and slopes. The formulas are those of `gdaldem`.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_PI_2, PI};

use super::angle::{arc_cosine, arc_tangent, between};
use super::{Hillshade, Light, SlopeUnit};
use crate::raster::resample::{Work, compiled};

/// How steep it is, in degrees or percent.
pub(super) fn slope(unit: SlopeUnit, east: &[f64], north: &[f64], out: &mut [f32]) {
    match unit {
        SlopeUnit::Degrees => each(east, north, out, |p, q| {
            arc_tangent((p * p + q * q).sqrt()).to_degrees()
        }),
        SlopeUnit::Percent => each(east, north, out, |p, q| 100.0 * (p * p + q * q).sqrt()),
    }
}

/// Shades of ground that falls by `east` towards the east and rises by `north` towards the north, 1 to 255, from Igor 0 to 255.
pub(super) fn hillshade(hillshade: &Hillshade, east: &[f64], north: &[f64], out: &mut [f32]) {
    let (sin_az, cos_az) = hillshade.azimuth.to_radians().sin_cos();
    let (up, level) = hillshade.altitude.to_radians().sin_cos();
    // The light comes from there: its parts towards the east, the north and up.
    let (light_east, light_north) = (level * sin_az, level * cos_az);
    // The normal of the ground is (p, -q, 1), not of length 1.
    let lit = |p: f64, q: f64| up + (light_east * p - light_north * q);
    let length = |p: f64, q: f64| (1.0 + (p * p + q * q)).sqrt();
    match hillshade.light {
        Light::Plain => each(east, north, out, |p, q| {
            1.0 + 254.0 * (lit(p, q) / length(p, q)).max(0.0)
        }),
        Light::Multidirectional => each(east, north, out, |p, q| {
            1.0 + 254.0 * multidirectional(p, q, up, level).max(0.0) / length(p, q)
        }),
        Light::Combined => each(east, north, out, |p, q| {
            let from_light = arc_cosine(lit(p, q) / length(p, q));
            let steepness = arc_tangent((p * p + q * q).sqrt());
            let dark = from_light * steepness / (FRAC_PI_2 * FRAC_PI_2);
            1.0 + 254.0 * (1.0 - dark).max(0.0)
        }),
        Light::Igor => each(east, north, out, |p, q| {
            let steepness = arc_tangent((p * p + q * q).sqrt()) / FRAC_PI_2;
            // How far it faces away from the light, which shines along (-sin, -cos).
            let dot = -(p * sin_az - q * cos_az);
            let cross = (p * cos_az + q * sin_az).abs();
            let away = if dot == 0.0 && cross == 0.0 {
                0.0
            } else {
                1.0 - between(dot, cross) / PI
            };
            255.0 * (1.0 - steepness * away)
        }),
    }
}

/// The four lights' shade, each weighted by the square of the sine between it and where the ground faces (U.S. Geological Survey,
/// Open-File Report 92-422), not yet divided by the normal's length.
#[inline]
fn multidirectional(p: f64, q: f64, up: f64, level: f64) -> f64 {
    let (pp, qq) = (p * p, q * q);
    let both = pp + qq;
    let south_west = (up - (p - q) * (level * FRAC_1_SQRT_2)).max(0.0);
    let west = (up - p * level).max(0.0);
    let north_west = (up - (p + q) * (level * FRAC_1_SQRT_2)).max(0.0);
    let north = (up - q * level).max(0.0);
    let weight = 0.5 * both - p * q;
    let sum = weight * south_west + pp * west + (both - weight) * north_west + qq * north;
    if both == 0.0 { up } else { sum / (both + both) }
}

fn each(east: &[f64], north: &[f64], out: &mut [f32], formula: impl Fn(f64, f64) -> f64) {
    compiled(Each {
        east,
        north,
        out,
        formula,
    });
}

/// One loop for each formula, which the compiler puts into vectors.
struct Each<'a, F> {
    east: &'a [f64],
    north: &'a [f64],
    out: &'a mut [f32],
    formula: F,
}

impl<F: Fn(f64, f64) -> f64> Work for Each<'_, F> {
    #[inline(always)]
    fn run(self) {
        let n = self.out.len();
        let (east, north) = (&self.east[..n], &self.north[..n]);
        for ((out, &p), &q) in self.out.iter_mut().zip(east).zip(north) {
            *out = (self.formula)(p, q) as f32;
        }
    }
}
