//! How colours are written: `#rrggbb`, names, hue and saturation.

use super::Rgba;

/// `#rgb`, `#rgba`, `#rrggbb` or `#rrggbbaa`.
pub(super) fn from_hex(text: &str) -> Option<Rgba> {
    let digits: Vec<u8> = text
        .strip_prefix('#')?
        .chars()
        .map(|c| c.to_digit(16).map(|digit| digit as u8))
        .collect::<Option<_>>()?;
    Some(match *digits.as_slice() {
        [r, g, b] => [17 * r, 17 * g, 17 * b, 255],
        [r, g, b, a] => [17 * r, 17 * g, 17 * b, 17 * a],
        [r, s, g, h, b, c] => [16 * r + s, 16 * g + h, 16 * b + c, 255],
        [r, s, g, h, b, c, a, d] => [16 * r + s, 16 * g + h, 16 * b + c, 16 * a + d],
        _ => return None,
    })
}

/// The names that gdaldem knows, and GRASS before it. They are no one else's: its orange is not X11's.
const OF_GDALDEM: [(&str, [u8; 3]); 16] = [
    ("white", [255, 255, 255]),
    ("black", [0, 0, 0]),
    ("red", [255, 0, 0]),
    ("green", [0, 255, 0]),
    ("blue", [0, 0, 255]),
    ("yellow", [255, 255, 0]),
    ("magenta", [255, 0, 255]),
    ("cyan", [0, 255, 255]),
    ("aqua", [0, 191, 191]),
    ("grey", [191, 191, 191]),
    ("gray", [191, 191, 191]),
    ("orange", [255, 127, 0]),
    ("brown", [191, 127, 63]),
    ("purple", [127, 0, 255]),
    ("violet", [127, 0, 255]),
    ("indigo", [0, 127, 255]),
];

/// A name that gdaldem knows, in any case.
pub(super) fn of_gdaldem(name: &str) -> Option<[u8; 3]> {
    let mut rows = OF_GDALDEM.iter();
    let row = rows.find(|row| row.0.eq_ignore_ascii_case(name))?;
    Some(row.1)
}

/// Names of X11 as GMT knows them, a line each: name and six digits.
const OF_X11: &str = include_str!("x11.txt");

/// A name of X11, in any case.
pub(super) fn of_x11(name: &str) -> Option<[u8; 3]> {
    let mut rows = OF_X11.lines().filter_map(|line| line.split_once(' '));
    let (_, digits) = rows.find(|row| row.0.eq_ignore_ascii_case(name))?;
    let [r, g, b, _] = from_hex(&format!("#{digits}"))?;
    Some([r, g, b])
}

/// Hue in degrees, saturation and value from 0 to 1, to red, green and blue from 0 to 255.
pub(super) fn from_hsv([hue, saturation, value]: [f64; 3]) -> [f64; 3] {
    let sixth = hue.rem_euclid(360.0) / 60.0;
    // How far the channel is from the hue decides how much of it the saturation takes away.
    let channel = |shift: f64| {
        let k = (sixth + shift).rem_euclid(6.0);
        let away = k.min(4.0 - k).clamp(0.0, 1.0);
        255.0 * (value - value * saturation * away)
    };
    [channel(5.0), channel(3.0), channel(1.0)]
}

/// Red, green and blue from 0 to 255, to hue in degrees, saturation and value from 0 to 1.
pub(super) fn to_hsv(rgb: [f64; 3]) -> [f64; 3] {
    let [r, g, b] = rgb.map(|channel| channel / 255.0);
    let (most, least) = (r.max(g).max(b), r.min(g).min(b));
    let chroma = most - least;
    if chroma == 0.0 {
        return [0.0, 0.0, most];
    }
    let sixth = if most == r {
        ((g - b) / chroma).rem_euclid(6.0)
    } else if most == g {
        (b - r) / chroma + 2.0
    } else {
        (r - g) / chroma + 4.0
    };
    [60.0 * sixth, chroma / most, most]
}
