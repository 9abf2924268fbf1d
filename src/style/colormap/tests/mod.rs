//! Colour maps beside what others make of the same: matplotlib, gdaldem; and what is wrong with files.

mod faults;
mod formats;
mod properties;

use sha2::{Digest, Sha256};

use super::*;

/// What `scripts/colormaps.py` noted of matplotlib's: name, five colours, digest of all.
const MATPLOTLIB: &str = include_str!("matplotlib.txt");

/// What gdaldem 3.6 made of some files: lines of a file behind `|`, then a value a line and its colours, interpolated and
/// nearest. (Its `-exact_color_entry` finds the least entry alone; later ones find all.)
const GDALDEM: &str = include_str!("gdaldem.txt");

fn hex(color: &[u8]) -> String {
    color.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The colours of values under a whole mask, from [`ColorMap::apply`], which must say the same as [`ColorMap::color`].
fn colors(map: &ColorMap, values: &[f32]) -> Vec<Rgba> {
    let mut mask = vec![255; values.len()];
    let mut rgb = vec![0; 3 * values.len()];
    map.apply(values, &mut mask, &mut rgb);
    let pixels = rgb.as_chunks::<3>().0.iter().zip(mask);
    let colors: Vec<Rgba> = pixels.map(|(&[r, g, b], a)| [r, g, b, a]).collect();
    for (value, color) in values.iter().zip(&colors) {
        assert_eq!(map.color(f64::from(*value)), *color, "{value}");
    }
    colors
}

#[test]
fn names_have_the_colors_that_matplotlib_gives_them() {
    let all: Vec<f32> = (0..=255_u8).map(f32::from).collect();
    let mut n = 0;
    for line in MATPLOTLIB.lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        let [name, some @ .., digest] = fields.as_slice() else {
            panic!("{line}")
        };
        for written in [
            (*name).to_owned(),
            name.to_uppercase(),
            format!("  {name}\n"),
        ] {
            let map = ColorMap::parse(&written).unwrap();
            let colors = colors(&map, &all);
            for (place, color) in [0, 64, 128, 200, 255].into_iter().zip(some) {
                assert_eq!(hex(&colors[place][..3]), **color, "{name} {place}");
            }
            let bytes: Vec<u8> = colors.iter().flat_map(|&[r, g, b, _]| [r, g, b]).collect();
            assert_eq!(hex(&Sha256::digest(bytes)[..8]), **digest, "{name}");
            assert!(colors.iter().all(|color| color[3] == 255));
        }
        n += 1;
    }
    assert_eq!(n, 2 * named::names().count());
    assert_eq!(n, 182);
}

#[test]
fn names_go_over_the_range_that_is_told() {
    let map = ColorMap::parse("viridis").unwrap();
    assert!(map.takes_range() && !map.needs_range() && !map.is_categorical());
    let wide = map.clone().with_range(-1000.0, 1550.0).unwrap();
    for k in 0..=255_u8 {
        let value = -1000.0 + 10.0 * f64::from(k);
        assert_eq!(wide.color(value), map.color(f64::from(k)));
        assert_eq!(wide.color(value + 4.9), map.color(f64::from(k)));
    }
    assert_eq!(wide.color(f64::NEG_INFINITY), map.color(0.0));
    assert_eq!(wide.color(f64::INFINITY), map.color(255.0));
    assert_eq!(wide.color(f64::NAN), [0; 4]);
    // One value alone has the first colour.
    let thin = map.clone().with_range(7.0, 7.0).unwrap();
    assert_eq!(thin.color(7.0), map.color(0.0));
    for (min, max) in [(1.0, 0.0), (0.0, f64::NAN), (f64::NEG_INFINITY, 0.0)] {
        assert!(map.clone().with_range(min, max).is_err());
    }
    assert_eq!(wide.entries()[255].from, 1550.0);
}

/// One file of [`GDALDEM`].
struct Case {
    name: String,
    file: String,
    range: (f64, f64),
    rows: Vec<(f32, [String; 2])>,
}

fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for line in GDALDEM.lines() {
        if let Some(name) = line.strip_prefix("= ") {
            cases.push(Case {
                name: name.into(),
                file: String::new(),
                range: (0.0, 0.0),
                rows: Vec::new(),
            });
            continue;
        }
        let case = cases.last_mut().unwrap();
        let fields: Vec<&str> = line.split(' ').collect();
        if let Some(line) = line.strip_prefix("| ") {
            case.file += &format!("{line}\n");
        } else if let ["range", min, max] = fields[..] {
            case.range = (min.parse().unwrap(), max.parse().unwrap());
        } else {
            let [value, a, b] = fields[..] else {
                panic!("{line}")
            };
            let colors = [a, b].map(str::to_owned);
            case.rows
                .push((value.parse::<f64>().unwrap() as f32, colors));
        }
    }
    cases
}

#[test]
fn files_of_gdaldem_have_the_colors_that_it_gives_them() {
    let (mut n, mut n_apart) = (0, 0);
    for case in cases() {
        let mut map = ColorMap::from_file("ramp.txt", case.file.as_bytes()).unwrap();
        assert_eq!(map.needs_range(), case.name == "percentages");
        if map.needs_range() {
            map = map.with_range(case.range.0, case.range.1).unwrap();
            assert!(!map.needs_range() && map.takes_range());
        }
        let rules = [Between::Interpolated, Between::Nearest];
        for (k, between) in rules.into_iter().enumerate() {
            let map = map.clone().with_between(between).unwrap();
            let values: Vec<f32> = case.rows.iter().map(|row| row.0).collect();
            for (color, (value, expected)) in colors(&map, &values).into_iter().zip(&case.rows) {
                // What is transparent has no other colour here.
                let expected = if expected[k].ends_with("00") {
                    "00000000"
                } else {
                    &expected[k]
                };
                n += 1;
                if hex(&color) == expected {
                    continue;
                }
                // gdaldem up to 3.6 rounds up from .55, later ones and we from .5.
                assert_eq!(
                    between,
                    Between::Interpolated,
                    "{} {value}: {}, {expected}",
                    case.name,
                    hex(&color)
                );
                n_apart += 1;
                for (ours, theirs) in color.iter().zip(expected.as_bytes().as_chunks::<2>().0) {
                    let theirs =
                        u8::from_str_radix(std::str::from_utf8(theirs).unwrap(), 16).unwrap();
                    assert!(
                        *ours == theirs || *ours == theirs + 1,
                        "{} {value}: {}, {expected}",
                        case.name,
                        hex(&color)
                    );
                }
            }
        }
    }
    assert!(n > 1000, "{n}");
    assert!(n_apart * 12 < n, "{n_apart} of {n}");
}

#[test]
fn exact_entries_are_found_and_no_others() {
    let file = "10 1 1 1\n0.1 2 2 2\n-5 3 3 3\n10 4 4 4 128\nnv 5 5 5";
    let map = ColorMap::from_file("ramp.txt", file.as_bytes()).unwrap();
    let map = map.with_between(Between::Nothing).unwrap();
    assert!(map.is_categorical());
    // What is there twice has the later colour.
    let expected = [
        (10.0, [4, 4, 4, 128]),
        (0.1, [2, 2, 2, 255]),
        (-5.0, [3, 3, 3, 255]),
    ];
    for (value, color) in expected {
        assert_eq!(colors(&map, &[value]), [color]);
    }
    for value in [0.0, 9.99999, 10.00001, -6.0, 11.0, f32::INFINITY] {
        assert_eq!(colors(&map, &[value]), [[0; 4]], "{value}");
    }
    // And back again.
    let map = map.with_between(Between::Nearest).unwrap();
    assert_eq!(map.color(9.0), [1, 1, 1, 255]);
}

#[test]
fn a_palette_has_its_colors_and_no_others() {
    let palette: Vec<Rgba> = (0..=255_u8)
        .map(|k| [k, 255 - k, k / 2, if k == 7 { 0 } else { 255 }])
        .collect();
    let map = ColorMap::from_palette(&palette);
    assert!(map.is_categorical() && !map.takes_range());
    assert_eq!(map.nature(), Nature::Values);
    assert_eq!(map.entries().len(), 256);
    let given = colors(&map, &[0.0, 6.0, 7.0, 255.0, 256.0, -1.0, 5.5, f32::NAN]);
    assert_eq!(given[0], palette[0]);
    assert_eq!(given[1], palette[6]);
    assert_eq!(given[3], palette[255]);
    for k in [2, 4, 5, 6, 7] {
        assert_eq!(given[k], [0; 4]);
    }
    let none = ColorMap::from_palette(&[])
        .with_between(Between::Interpolated)
        .unwrap();
    assert_eq!(none.color(1.0), [0; 4]);
}

#[test]
fn the_mask_is_multiplied_by_alpha() {
    let map =
        ColorMap::parse(r##"{"1": [10, 20, 30, 128], "2": "#ff000000", "3": "#fff"}"##).unwrap();
    let mut mask = [255, 128, 0, 1, 255, 255, 200, 255];
    let mut rgb = [9; 24];
    map.apply(
        &[1.0, 1.0, 1.0, 1.0, 2.0, 4.0, 3.0, f32::NAN],
        &mut mask,
        &mut rgb,
    );
    assert_eq!(mask, [128, 64, 0, 1, 0, 0, 200, 0]);
    assert_eq!(rgb[..3], [10, 20, 30]);
    assert_eq!(rgb[3..6], [10, 20, 30]);
    assert_eq!(rgb[6..9], [0; 3]);
    assert_eq!(rgb[12..18], [0; 6]);
    assert_eq!(rgb[18..], [255, 255, 255, 0, 0, 0]);
}
