//! Saturation, in linear light.
//!
//! CIE LCh is Lab in polar coordinates: to multiply its chroma is to multiply a and b. And as L stays, so does Y; X and Z move
//! away from it, on the scale of cube roots. So there is no angle to be found, and nothing to be done about Y. The matrices
//! and whites are sRGB's as rio-color has them; they undo each other in seven digits.

/// The white of D65: X and Z where Y is 1.
const WHITE_X: f64 = 0.95047;
const WHITE_Z: f64 = 1.08883;

/// Below its cube Lab's cube root goes on straight.
const DELTA: f64 = 6.0 / 29.0;
const STRAIGHT: f64 = 3.0 * DELTA * DELTA;
const BEGIN: f64 = 4.0 / 29.0;

/// sRGB's value to linear light, both from 0 to 1.
pub(super) fn to_linear(value: f64) -> f64 {
    if value <= 0.04045 {
        value / 12.92
    } else {
        ((value + 0.055) / 1.055).powf(2.4)
    }
}

/// Linear light to sRGB's value; what is beyond 0 to 1 comes to the ends.
pub(super) fn from_linear(light: f64) -> f64 {
    let value = if light <= 0.0031308 {
        12.92 * light
    } else {
        1.055 * light.powf(1.0 / 2.4) - 0.055
    };
    value.clamp(0.0, 1.0)
}

/// A colour in linear light with `proportion` of its chroma. May lie beyond 0 to 1.
#[inline]
pub(super) fn saturate([red, green, blue]: [f64; 3], proportion: f64) -> [f64; 3] {
    let x = (red * 0.4124564 + green * 0.3575761 + blue * 0.1804375) * (1.0 / WHITE_X);
    let y = red * 0.2126729 + green * 0.7151522 + blue * 0.0721750;
    let z = (red * 0.0193339 + green * 0.1191920 + blue * 0.9503041) * (1.0 / WHITE_Z);
    let root = lab_root(y);
    let away = |other: f64| from_lab_root(root + proportion * (lab_root(other) - root));
    let (x, z) = (away(x) * WHITE_X, away(z) * WHITE_Z);
    [
        x * 3.2404542 - y * 1.5371385 - z * 0.4985314,
        y * 1.8760108 - x * 0.9692660 + z * 0.0415560,
        x * 0.0556434 - y * 0.2040259 + z * 1.0572252,
    ]
}

#[inline]
fn lab_root(t: f64) -> f64 {
    let straight = t * (1.0 / STRAIGHT) + BEGIN;
    let root = cube_root(t);
    if t > DELTA * DELTA * DELTA {
        root
    } else {
        straight
    }
}

#[inline]
fn from_lab_root(root: f64) -> f64 {
    if root > DELTA {
        root * root * root
    } else {
        STRAIGHT * (root - BEGIN)
    }
}

/// The cube root of a number from 0.001 to 2, to one part in 10^14; nonsense for others. Halley's method from a line through
/// the exponent; the standard library's root may differ between systems.
#[inline]
fn cube_root(t: f64) -> f64 {
    // A third of the exponent and of the bits below it, within 4 %.
    let high = (t.to_bits() >> 32) as u32;
    let mut root = f64::from_bits(u64::from(high / 3 + 0x2a9f_7893) << 32);
    for _ in 0..2 {
        let cube = root * root * root;
        root *= (cube + 2.0 * t) / (2.0 * cube + t);
    }
    root
}

#[cfg(test)]
mod tests {
    use super::{cube_root, from_linear, to_linear};

    #[test]
    fn cube_roots_are_right() {
        for n in 0..2_000_000 {
            let t = 0.001 + f64::from(n) * 1e-6;
            let (ours, theirs) = (cube_root(t), t.cbrt());
            assert!((ours / theirs - 1.0).abs() < 1e-14, "{t}: {ours} {theirs}");
        }
    }

    #[test]
    fn linear_light_comes_back() {
        for n in 0..=255 {
            let value = f64::from(n) / 255.0;
            assert!((from_linear(to_linear(value)) - value).abs() < 1e-7, "{n}");
        }
    }
}
