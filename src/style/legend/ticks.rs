//! Round values along a range, and how numbers are written.

/// Steps that are round, in tenths of a power of ten.
const STEPS: [(i32, usize); 4] = [(10, 0), (20, 0), (25, 1), (50, 0)];

/// How many are wanted.
const WANTED: usize = 5;

/// Some five round values from `min` to `max`, with what is written below them: as many decimals as the step has.
pub(super) fn round_values(min: f64, max: f64) -> Vec<(f64, String)> {
    let whole = max - min;
    // Ranges that are next to nothing beside their values, or beyond numbers, have no round values between.
    if !(whole.is_finite() && whole > min.abs().max(max.abs()) * 1e-9) {
        let mut ends = vec![(min, short(min))];
        if max > min {
            ends.push((max, short(max)));
        }
        return ends;
    }
    let power = exponent(whole);
    let steps = (power - 2..=power)
        .flat_map(|power| STEPS.map(|(tenths, digits)| (power - 1, tenths, digits)));
    let rows = steps
        .map(|(power, tenths, digits)| (multiples(min, max, power, tenths), power + 1, digits));
    // The first of those that come as near is the finest; the steps that are rounder stand before.
    let nearest = rows.min_by_key(|row| (row.0.len().abs_diff(WANTED), row.2));
    let (values, power, digits) = nearest.unwrap_or_default();
    let decimals =
        usize::try_from(-power).unwrap_or(0) + digits.min(if power <= 0 { 1 } else { 0 });
    let greatest = min.abs().max(max.abs());
    let wide = greatest >= 1e7 || decimals > 6;
    let write = |value: f64| {
        if wide {
            scientific(value, (exponent(greatest) - power).max(0) as usize + digits)
        } else {
            format!("{value:.decimals$}")
        }
    };
    values
        .into_iter()
        .map(|value| (value, write(value)))
        .collect()
}

/// Multiples of `tenths` × 10^`power` in a range; of more than need be, none.
fn multiples(min: f64, max: f64, power: i32, tenths: i32) -> Vec<f64> {
    let unit = |n: f64| {
        let n = n * f64::from(tenths);
        // By dividing, as powers below one are no f64s.
        if power < 0 {
            n / ten_to(-power)
        } else {
            n * ten_to(power)
        }
    };
    let step = unit(1.0);
    let (first, last) = ((min / step - 1e-9).ceil(), (max / step + 1e-9).floor());
    if !(last - first).is_finite() || last - first > 20.0 {
        return Vec::new();
    }
    let numbers = (0..=(last - first).max(-1.0) as i64).map(|k| first + k as f64);
    // There is one zero.
    if last < first {
        Vec::new()
    } else {
        numbers.map(|n| unit(n) + 0.0).collect()
    }
}

/// Exactly, up to 10^22.
fn ten_to(power: i32) -> f64 {
    (0..power).fold(1.0, |ten, _| ten * 10.0)
}

/// The power of ten of a number's first digit.
fn exponent(value: f64) -> i32 {
    let written = format!("{value:e}");
    written
        .split_once('e')
        .and_then(|(_, power)| power.parse().ok())
        .unwrap_or(0)
}

/// With so many digits behind the point at most.
fn scientific(value: f64, digits: usize) -> String {
    let written = format!("{value:.*e}", digits.min(8));
    match written.split_once('e') {
        Some((digits, power)) if digits.contains('.') => {
            let digits = digits.trim_end_matches('0').trim_end_matches('.');
            if power == "0" {
                digits.into()
            } else {
                format!("{digits}e{power}")
            }
        }
        Some((digits, "0")) => digits.into(),
        _ => written,
    }
}

/// A number with at most seven digits that count.
pub(super) fn short(value: f64) -> String {
    let power = exponent(value);
    if value != 0.0 && !(-5..9).contains(&power) {
        return scientific(value, 6);
    }
    let rounded: f64 = format!("{value:.6e}").parse().unwrap_or(value);
    // Whole numbers are written whole.
    if value.fract() == 0.0 {
        format!("{value}")
    } else {
        format!("{rounded}")
    }
}
