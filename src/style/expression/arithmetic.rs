//! What each operation makes of numbers: the same functions fold constants and run over columns.
//!
//! Sums, products, quotients, roots, roundings and comparisons are exact to the last bit on every processor (IEEE 754). What
//! std leaves to the platform's library (exponentials, logarithms, angles, powers that are not whole) is asked for in f64 and
//! rounded to f32 once: where two platforms differ in the last bit of an f64, they differ in an f32 about once in 10⁸ values,
//! by its last bit.

/// An operation on one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Unary {
    Negate,
    Not,
    Abs,
    Sqrt,
    Log,
    Log10,
    Log2,
    Exp,
    Sin,
    Cos,
    Tan,
    Arcsin,
    Arccos,
    Arctan,
    Floor,
    Ceil,
    Round,
    /// To a whole power that is written down; never parsed, but made of [`Binary::Power`].
    Whole(i8),
}

/// An operation on two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Binary {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Power,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Equal,
    NotEqual,
    And,
    Or,
    Min,
    Max,
    Arctan2,
}

impl Unary {
    /// Its value.
    #[inline(always)]
    pub(super) fn of(self, a: f32) -> f32 {
        let wide = f64::from(a);
        match self {
            Self::Negate => -a,
            Self::Not => truth(a == 0.0),
            Self::Abs => a.abs(),
            Self::Sqrt => a.sqrt(),
            Self::Log => wide.ln() as f32,
            Self::Log10 => wide.log10() as f32,
            Self::Log2 => wide.log2() as f32,
            Self::Exp => wide.exp() as f32,
            Self::Sin => wide.sin() as f32,
            Self::Cos => wide.cos() as f32,
            Self::Tan => wide.tan() as f32,
            Self::Arcsin => wide.asin() as f32,
            Self::Arccos => wide.acos() as f32,
            Self::Arctan => wide.atan() as f32,
            Self::Floor => floor(a),
            Self::Ceil => -floor(-a),
            Self::Round => round(a),
            Self::Whole(n) => whole_power(wide, n) as f32,
        }
    }
}

impl Binary {
    /// Its value. NaN in one operand of `min` and `max` is the result, so that it masks.
    #[inline(always)]
    pub(super) fn of(self, a: f32, b: f32) -> f32 {
        match self {
            Self::Add => a + b,
            Self::Subtract => a - b,
            Self::Multiply => a * b,
            Self::Divide => a / b,
            // Has the sign of the divisor, as in Python; this is the formula of numexpr.
            Self::Remainder => a - floor(a / b) * b,
            Self::Power => power(a, b),
            Self::Less => truth(a < b),
            Self::LessEqual => truth(a <= b),
            Self::Greater => truth(a > b),
            Self::GreaterEqual => truth(a >= b),
            Self::Equal => truth(a == b),
            Self::NotEqual => truth(a != b),
            Self::And => f32::from_bits(a.to_bits() & b.to_bits()),
            Self::Or => f32::from_bits(a.to_bits() | b.to_bits()),
            Self::Min => choose(truth(a < b || a.is_nan()), a, b),
            Self::Max => choose(truth(a > b || a.is_nan()), a, b),
            Self::Arctan2 => f64::from(a).atan2(f64::from(b)) as f32,
        }
    }
}

/// What a comparison is as a number: `&` and `|` rely on there being these two only.
#[inline(always)]
fn truth(is: bool) -> f32 {
    if is { 1.0 } else { 0.0 }
}

/// `a` where `condition` is true. The other has no influence, be it NaN.
#[inline(always)]
pub(super) fn choose(condition: f32, a: f32, b: f32) -> f32 {
    if condition != 0.0 { a } else { b }
}

/// To the nearest whole number, halves to the even one, as Python does. The same as `f32::round_ties_even`, which is a call of
/// C on processors that have no instruction for it: this is made of sums, and a loop over it is vectorised.
#[inline(always)]
fn round(a: f32) -> f32 {
    // From here on, there are whole numbers only; below, the sum has no bits left for fractions.
    const WHOLE: f32 = 8_388_608.0;
    let size = a.abs();
    let rounded = (size + WHOLE) - WHOLE;
    let rounded = if size < WHOLE { rounded } else { size };
    rounded.copysign(a)
}

/// The same as `f32::floor`; see [`round`].
#[inline(always)]
fn floor(a: f32) -> f32 {
    let rounded = round(a);
    rounded - truth(rounded > a)
}

/// In f64, whose roundings do not show in an f32.
#[inline(always)]
fn whole_power(base: f64, n: i8) -> f64 {
    let (mut power, mut square, mut left) = (1.0, base, n.unsigned_abs());
    while left != 0 {
        if left & 1 != 0 {
            power *= square;
        }
        square *= square;
        left >>= 1;
    }
    if n < 0 { 1.0 / power } else { power }
}

fn power(base: f32, exponent: f32) -> f32 {
    match whole(exponent) {
        Some(n) => whole_power(f64::from(base), n) as f32,
        None if exponent == 0.5 => base.sqrt(),
        None => f64::from(base).powf(f64::from(exponent)) as f32,
    }
}

/// The exponent, if powers of it are made of products: up to 50, as in numexpr.
pub(super) fn whole(exponent: f32) -> Option<i8> {
    (exponent.abs() <= 50.0 && exponent.trunc() == exponent).then_some(exponent as i8)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values around all borders, and every 9973rd of all there are.
    fn values() -> impl Iterator<Item = f32> {
        let near = [0.0_f32, 0.5, 1.0, 1.5, 2.5, 8_388_607.5, 8_388_608.0, 1e30]
            .into_iter()
            .flat_map(|v| [v.next_down(), v, v.next_up()])
            .flat_map(|v| [v, -v]);
        near.chain((0..=u32::MAX).step_by(9973).map(f32::from_bits))
    }

    #[test]
    fn roundings_are_those_of_std() {
        for a in values() {
            let pairs = [
                (round(a), a.round_ties_even()),
                (floor(a), a.floor()),
                (Unary::Ceil.of(a), a.ceil()),
            ];
            for (ours, std) in pairs {
                let same = ours.to_bits() == std.to_bits() || ours.is_nan() && std.is_nan();
                assert!(same || ours == 0.0 && std == 0.0, "{a:?}: {ours:?} {std:?}");
            }
        }
    }

    #[test]
    fn whole_powers_are_those_of_std() {
        for a in values().step_by(17) {
            for n in [-50_i8, -7, -3, -2, -1, 0, 1, 2, 3, 4, 5, 10, 31, 50] {
                let (ours, std) = (Unary::Whole(n).of(a), f64::from(a).powi(n.into()) as f32);
                let last_bit = (ours.to_bits() as i64 - std.to_bits() as i64).abs() <= 1;
                assert!(
                    last_bit || ours.is_nan() && std.is_nan(),
                    "{a:?}**{n}: {ours:?} {std:?}"
                );
            }
        }
    }
}
