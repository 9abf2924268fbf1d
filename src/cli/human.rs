//! Numbers as people read them.

use std::time::Duration;

/// `412806` as `412,806`.
pub(super) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 tile`, `412,806 tiles`.
pub(super) fn counted(n: u64, singular: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{} {singular}{plural}", count(n))
}

/// Bytes in powers of ten: `812 B`, `1.2 MB`, `120 GB`.
pub(super) fn bytes(n: u64) -> String {
    scaled(n as f64, &["B", "kB", "MB", "GB", "TB", "PB"])
}

/// Pixels in powers of ten: `400 px`, `568 kpx`, `61.4 Gpx`.
pub(super) fn pixels(n: u64) -> String {
    scaled(n as f64, &["px", "kpx", "Mpx", "Gpx", "Tpx"])
}

fn scaled(value: f64, units: &[&str]) -> String {
    let mut value = value;
    let mut k = 0;
    // 999.5 would be written as 1000.
    while value >= 999.5 && k + 1 < units.len() {
        value /= 1000.0;
        k += 1;
    }
    let decimals = usize::from(k > 0 && value < 99.95);
    format!("{value:.decimals$} {}", units[k])
}

/// Memory: `61 MiB`, `5.9 GiB`.
pub(super) fn memory(bytes: u64) -> String {
    let mebibytes = bytes as f64 / f64::from(1 << 20);
    if mebibytes < 1024.0 {
        format!("{mebibytes:.0} MiB")
    } else {
        format!("{:.1} GiB", mebibytes / 1024.0)
    }
}

/// `0.8 s`, `42 s`, `7 min 51 s`, `3 h 12 min`.
pub(super) fn duration(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds < 9.95 {
        return format!("{seconds:.1} s");
    }
    let whole = seconds.round() as u64;
    match whole {
        0..60 => format!("{whole} s"),
        60..3600 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
    }
}

/// A length in metres: `1.8 km`, `300 m`, `20 cm`, `2.5 mm`.
pub(super) fn metres(length: f64) -> String {
    let (value, unit) = match length {
        l if l >= 1000.0 => (l / 1000.0, "km"),
        l if l >= 1.0 => (l, "m"),
        l if l >= 0.01 => (l * 100.0, "cm"),
        l => (l * 1000.0, "mm"),
    };
    format!("{} {unit}", three_digits(value))
}

/// Three significant digits, without zeros at the end: `0.00833`, `1.5`, `300`.
pub(super) fn three_digits(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return value.to_string();
    }
    let decimals = (2 - value.abs().log10().floor() as i32).max(0) as usize;
    let text = format!("{value:.decimals$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(
            [0, 7, 999, 1000, 412_806, 1_234_567].map(count),
            ["0", "7", "999", "1,000", "412,806", "1,234,567"]
        );
        assert_eq!(
            [0, 812, 999, 1000, 1_234_567, 99_960_000, 120_000_000_000].map(bytes),
            [
                "0 B", "812 B", "999 B", "1.0 kB", "1.2 MB", "100 MB", "120 GB"
            ]
        );
        assert_eq!(pixels(567_938), "568 kpx");
        assert_eq!([61 << 20, 6_335_076_762].map(memory), ["61 MiB", "5.9 GiB"]);
        assert_eq!(counted(1, "tile"), "1 tile");
    }

    #[test]
    fn times_and_lengths_read_well() {
        let time = |seconds| duration(Duration::from_secs_f64(seconds));
        assert_eq!(
            [0.84, 9.96, 59.6, 471.0, 11520.0].map(time),
            ["0.8 s", "10 s", "1 min 0 s", "7 min 51 s", "3 h 12 min"]
        );
        assert_eq!(
            [1838.2, 300.038, 1.5, 0.2, 0.0025].map(metres),
            ["1.84 km", "300 m", "1.5 m", "20 cm", "2.5 mm"]
        );
        assert_eq!(
            [0.5, 0.008333333, 0.0].map(three_digits),
            ["0.5", "0.00833", "0"]
        );
    }
}
