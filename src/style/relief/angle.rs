//! Angles, the same on every system.

use std::f64::consts::{FRAC_PI_2, PI};

/// atan(t) / t by powers of t², for t from 0 to 1: interpolated at Chebyshev's points, off by at most 3e-13.
const ARC: [f64; 15] = [
    0.9999999999997067,
    -0.3333333332018236,
    0.19999999010049285,
    -0.1428568459346683,
    0.11110640040352462,
    -0.09086355487615597,
    0.07663153529209107,
    -0.06536152436673698,
    0.054580653603342924,
    -0.04232177425284742,
    0.02840731032676255,
    -0.015229828127970295,
    0.00593495803574721,
    -0.001466220368941625,
    0.00017039676507314046,
];

/// The angle, 0 to a right one, whose tangent is `t`, which is not negative.
#[inline]
pub(super) fn arc_tangent(t: f64) -> f64 {
    let steep = t > 1.0;
    let t = if steep { 1.0 / t } else { t };
    let u = t * t;
    let arc = t * ARC.iter().rev().fold(0.0, |sum, factor| sum * u + factor);
    if steep { FRAC_PI_2 - arc } else { arc }
}

/// The angle, 0 to two right ones, whose cosine is `c`; what is beyond -1 to 1 by rounding counts as that.
#[inline]
pub(super) fn arc_cosine(c: f64) -> f64 {
    let c = c.clamp(-1.0, 1.0);
    2.0 * arc_tangent(((1.0 - c) / (1.0 + c)).sqrt())
}

/// The angle, 0 to two right ones, between two directions with this product and this size of their cross product.
#[inline]
pub(super) fn between(dot: f64, cross: f64) -> f64 {
    let angle = arc_tangent(cross / dot.abs());
    if dot < 0.0 { PI - angle } else { angle }
}

#[cfg(test)]
mod tests {
    use super::{arc_cosine, arc_tangent, between};

    #[test]
    fn angles_are_those_of_the_standard_library() {
        for n in 0..=1_000_000 {
            let t = f64::from(n) * 1e-5;
            assert!((arc_tangent(t) - t.atan()).abs() < 1e-12, "{t}");
            let c = f64::from(n) * 2e-6 - 1.0;
            assert!((arc_cosine(c) - c.acos()).abs() < 1e-11, "{c}");
            let (sin, cos) = (f64::from(n) * 3.14e-6).sin_cos();
            assert!((between(cos, sin) - sin.atan2(cos)).abs() < 1e-12, "{n}");
        }
        assert_eq!(arc_tangent(0.0), 0.0);
        assert!((arc_tangent(f64::INFINITY) - f64::INFINITY.atan()).abs() < 1e-12);
    }
}
