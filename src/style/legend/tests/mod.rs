//! Legends.

use proptest::prelude::*;

use super::super::colormap::ColorMap;
use super::*;

fn legend(text: &str, range: Option<(f64, f64)>, title: &str) -> Legend {
    let map = ColorMap::parse(text).or_else(|_| ColorMap::from_file("a.txt", text.as_bytes()));
    Legend::new(&map.unwrap(), range, title)
}

#[test]
fn ticks_are_round() {
    for (min, max, expected) in [
        (0.0, 255.0, "0 50 100 150 200 250"),
        (0.0, 1.0, "0.00 0.25 0.50 0.75 1.00"),
        (-1.0, 1.0, "-1.0 -0.5 0.0 0.5 1.0"),
        (0.0, 100.0, "0 25 50 75 100"),
        (75.0, 413.0, "100 200 300 400"),
        (-11000.0, 8848.0, "-10000 -5000 0 5000"),
        (273.15, 273.55, "273.2 273.3 273.4 273.5"),
        (0.0, 10000.0, "0 2500 5000 7500 10000"),
        (0.0, 65535.0, "0 20000 40000 60000"),
        (0.0, 3e9, "0 1e9 2e9 3e9"),
        (-2e-8, 2e-8, "-2e-8 -1e-8 0 1e-8 2e-8"),
        (0.001, 0.0031, "0.0010 0.0015 0.0020 0.0025 0.0030"),
        (5.0, 5.0, "5"),
        (1e9, 1e9 + 0.5, "1e9 1e9"),
        (f64::MIN, f64::MAX, "-1.797693e308 1.797693e308"),
    ] {
        let ticks = ticks::round_values(min, max);
        let written: Vec<&str> = ticks.iter().map(|tick| tick.1.as_str()).collect();
        assert_eq!(written.join(" "), expected, "{min} {max}");
    }
}

#[test]
fn numbers_are_short() {
    for (value, expected) in [
        (0.0, "0"),
        (-3.5, "-3.5"),
        (0.1 + 0.2, "0.3"),
        (123456.0, "123456"),
        (12345678.0, "12345678"),
        (1.0 / 3.0, "0.3333333"),
        (1e300, "1e300"),
        (2.5e-9, "2.5e-9"),
    ] {
        assert_eq!(ticks::short(value), expected);
    }
}

#[test]
fn every_letter_that_is_needed_is_there() {
    let font = font::Font::read();
    for letter in (' '..='~').chain("°²³µ–−≤≥…×·ß□".chars()) {
        assert!(
            letter == '□' || font.glyph(letter) != font.glyph('□'),
            "{letter}"
        );
    }
    let mut seen = std::collections::BTreeMap::new();
    for letter in (' '..='~').chain("°²³µ".chars()) {
        if let Some(other) = seen.insert(font.glyph(letter), letter) {
            panic!("{letter} looks like {other}");
        }
    }
    assert_eq!(font.glyph('é'), font.glyph('e'));
    assert_eq!(font.glyph('地'), font.glyph('□'));
}

/// Pictures as text: `#` is dark.
fn art((width, _, pixels): &Pixels) -> String {
    let rows = pixels.chunks(4 * width);
    let dot = |pixel: &[u8]| {
        if pixel[..3].iter().all(|&v| v < 120) {
            '#'
        } else {
            '.'
        }
    };
    rows.map(|row| row.chunks(4).map(dot).collect::<String>() + "\n")
        .collect()
}

#[test]
fn letters_and_patches_are_where_they_were() {
    let legend = legend(
        "{\"1\": \"#ffff00\", \"20\": \"#00ffff80\"}",
        None,
        "Land use",
    );
    let (pixels, known) = (legend.pixels(1), include_str!("patches.txt"));
    let drawn = art(&pixels);
    assert!(drawn == known.replace('\r', ""), "{drawn}");
    // The first patch is yellow, whole and within its frame.
    let (width, _, bytes) = &pixels;
    let at = |x: usize, y: usize| &bytes[4 * (y * width + x)..][..4];
    assert_eq!(at(9, 24), [255, 255, 0, 255]);
    assert_eq!(at(8, 24), [102, 102, 102, 255]);
    // The other lets checks through: 128 of cyan and 127 of white or gray.
    assert!(
        [[127, 255, 255, 255], [102, 230, 230, 255]]
            .iter()
            .any(|color| at(12, 40) == color)
    );
}

#[test]
fn a_bar_has_the_colors_of_its_map() {
    let map = ColorMap::parse("viridis").unwrap();
    let (width, height, bytes) = Legend::new(&map, None, "").pixels(2);
    assert_eq!(bytes.len(), 4 * width * height);
    let layout = draw::Layout::of(&Legend::new(&map, None, ""));
    for k in 0..BAR {
        for (dx, dy) in [(0, 0), (1, 1), (0, 2 * draw::BAR_HEIGHT - 1)] {
            let at = 4 * ((2 * layout.top + dy) * width + 2 * (layout.left + k) + dx);
            assert_eq!(bytes[at..][..4], map.color(k as f64), "{k}");
        }
    }
}

#[test]
fn json_tells_of_stops_classes_and_values() {
    let ramp = legend(
        "0 0 0 0\n100 255 0 0 0\n400 0 0 255",
        Some((50.0, 450.0)),
        " Height [m] ",
    );
    assert_eq!(
        *ramp.json(),
        serde_json::json!({
            "type": "ramp", "title": "Height [m]", "range": [50, 450], "ticks": [100, 200, 300, 400],
            "stops": [
                {"value": 50, "color": "#80000080"},
                {"value": 100, "color": "#ff000000"},
                {"value": 400, "color": "#0000ff"},
                {"value": 450, "color": "#0000ff"},
            ],
        })
    );
    let classes = legend(
        "INTERPOLATION:DISCRETE\n1.5,255,0,0,255,\n2,0,255,0,255,wet\ninf,0,0,255,255,",
        None,
        "",
    );
    assert_eq!(
        *classes.json(),
        serde_json::json!({
            "type": "classes", "title": "",
            "entries": [
                {"from": null, "to": 1.5, "color": "#ff0000", "label": "≤ 1.5"},
                {"from": 1.5, "to": 2, "color": "#00ff00", "label": "wet"},
                {"from": 2, "to": null, "color": "#0000ff", "label": "> 2"},
            ],
        })
    );
    let values = legend("{\"1\": \"#f00\", \"7\": \"#0f0\"}", Some((0.0, 5.0)), "");
    assert_eq!(
        *values.json(),
        serde_json::json!({
            "type": "values", "title": "", "entries": [{"value": 1, "color": "#ff0000", "label": "1"}],
        })
    );
}

#[test]
fn long_palettes_are_cut_in_drawings_alone() {
    let palette: Vec<_> = (0..=255).map(|k| [k, k, k, 255]).collect();
    let legend = Legend::new(&ColorMap::from_palette(&palette), None, &"long ".repeat(40));
    assert_eq!(legend.json()["entries"].as_array().unwrap().len(), 256);
    let svg = legend.svg();
    assert_eq!(svg.matches("<rect x=").count(), PATCHES_MAX);
    assert!(svg.contains("… and 216 more") && svg.contains("long…<"));
}

#[test]
fn svg_is_escaped_and_whole() {
    let legend = legend("0,1,2,3,255,a<b\n10,9,9,9,0,", None, "R&D <\u{7}> \"x\"");
    let svg = legend.svg();
    assert!(svg.contains(">R&amp;D &lt; &gt; \"x\"<"), "{svg}");
    assert!(
        svg.contains("stop-opacity=\"0.000\"") && svg.contains("url(#checks)"),
        "{svg}"
    );
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
}

#[test]
fn edges_stay_edges_in_svg() {
    // Two colours in halves: four stops, the middle ones a step apart.
    let legend = legend("[[[0, 5], \"#000\"], [[5, 10], \"#fff\"]]", None, "");
    assert!(matches!(legend.body, Body::Patches(..)));
    let map =
        ColorMap::from_file("a.txt", b"0 0 0 0\n5 0 0 0\n5 255 255 255\n10 255 255 255").unwrap();
    let svg = Legend::new(&map, None, "").svg();
    assert_eq!(svg.matches("<stop ").count(), 4, "{svg}");
}

proptest! {
    #[test]
    fn any_map_can_be_drawn(
        stops in proptest::collection::vec((any::<f32>().prop_filter("finite", |v| v.is_finite()), any::<[u8; 4]>()), 1..6),
        range in proptest::option::of((any::<f32>(), any::<f32>())),
        title in "\\PC{0,20}",
        exact in any::<bool>(),
    ) {
        let lines: Vec<String> = stops.iter().map(|(at, [r, g, b, a])| format!("{at} {r} {g} {b} {a}")).collect();
        let map = ColorMap::from_file(if exact { "a.clr" } else { "a.txt" }, lines.join("\n").as_bytes()).unwrap();
        let range = range.map(|(a, b)| (f64::from(a.min(b)), f64::from(a.max(b)))).filter(|range| range.0.is_finite() && range.1.is_finite());
        let legend = Legend::new(&map, range, &title);
        let (width, height, pixels) = legend.pixels(1);
        prop_assert_eq!(pixels.len(), 4 * width * height);
        prop_assert!(pixels.iter().skip(3).step_by(4).all(|&alpha| alpha == 255));
        prop_assert!(legend.svg().ends_with("</svg>\n"));
        prop_assert!(legend.json().to_string().len() > 10);
    }
}

#[test]
fn colours_of_stretched_values_are_those_of_the_tiles() {
    let viridis = ColorMap::parse("viridis").unwrap();
    let two = ColorMap::from_file("a.txt", b"0 255 0 0\n255 0 0 255\n").unwrap();
    for (low, high) in [
        (75.0, 349.0),
        (-0.2, 0.9),
        (0.9, -0.2),
        (0.0, 255.0),
        (0.0, 3000.0),
    ] {
        let stretch = Stretch { low, high };
        for map in [&viridis, &two] {
            let legend = Legend::stretched(map, stretch, "");
            let json = legend.json();
            let ends = [low.min(high), low.max(high)];
            assert_eq!(json["range"], json!(ends.map(number)));
            let stops = json["stops"].as_array().unwrap();
            for stop in stops {
                let value = stop["value"].as_f64().unwrap();
                let shown = map.color(f64::from(stretch.byte(value)));
                assert_eq!(stop["color"], hex(shown), "{value} of {low} to {high}");
            }
            let values = stops.iter().map(|stop| stop["value"].as_f64().unwrap());
            assert!(values.is_sorted(), "{low} to {high}");
            let Body::Ramp(ramp) = &legend.body else {
                panic!("a ramp");
            };
            let (first, last) = if low < high {
                (0.0, 255.0)
            } else {
                (255.0, 0.0)
            };
            assert_eq!(ramp.colors[0], map.color(first));
            assert_eq!(ramp.colors[BAR - 1], map.color(last));
        }
    }
}
