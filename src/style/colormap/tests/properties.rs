//! What holds for any map.

use proptest::prelude::*;

use super::super::stops::{Given, Rule, Stops};
use super::*;

/// Values with many that are equal, and colours.
fn stops() -> impl Strategy<Value = Vec<(f64, Rgba)>> {
    let value = prop_oneof![
        (-20_i32..20).prop_map(f64::from),
        -1e3..1e3,
        any::<f32>()
            .prop_filter("finite", |v| v.is_finite())
            .prop_map(f64::from)
    ];
    proptest::collection::vec((value, any::<Rgba>()), 1..12)
}

fn map_of(stops: &[(f64, Rgba)], rule: Rule) -> ColorMap {
    let given = stops
        .iter()
        .map(|&(at, color)| Given::new(at, color))
        .collect();
    Colors::Stops(Stops::new(given, rule)).into()
}

const RULES: [Rule; 5] = [
    Rule::Linear { clip: false },
    Rule::Linear { clip: true },
    Rule::Nearest,
    Rule::Exact,
    Rule::UpTo,
];

proptest! {
    #[test]
    fn looking_up_whole_numbers_at_once_changes_nothing(
        stops in stops(),
        values in proptest::collection::vec(prop_oneof![(-40_i16..40).prop_map(f32::from), -50.0_f32..50.0, any::<f32>()], 1..50),
    ) {
        for rule in RULES {
            // It compares with the colours one by one.
            colors(&map_of(&stops, rule), &values);
        }
    }

    #[test]
    fn stops_have_their_own_colors_unless_they_are_there_twice(stops in stops()) {
        for (at, color) in &stops {
            if stops.iter().filter(|other| (other.0 as f32) == *at as f32).count() > 1 {
                continue;
            }
            for rule in RULES {
                let given = map_of(&stops, rule).color(*at);
                let expected = if color[3] == 0 { [0; 4] } else { *color };
                prop_assert_eq!(given, expected, "{:?}", rule);
            }
        }
    }

    #[test]
    fn colors_between_are_between(stops in stops(), value in -30.0..30.0_f64) {
        let color = map_of(&stops, Rule::Linear { clip: false }).color(value);
        let below = stops.iter().filter(|stop| stop.0 <= value).map(|stop| stop.0).fold(f64::NEG_INFINITY, f64::max);
        let above = stops.iter().filter(|stop| stop.0 >= value).map(|stop| stop.0).fold(f64::INFINITY, f64::min);
        // The nudge of equal ones is below a part in 1e9 of any value here.
        let near: Vec<Rgba> = stops.iter().filter(|stop| (stop.0 - below).abs() < 1e-9 || (stop.0 - above).abs() < 1e-9).map(|stop| stop.1).collect();
        if color[3] > 0 {
            for k in 0..4 {
                prop_assert!(near.iter().any(|other| other[k] <= color[k]) && near.iter().any(|other| other[k] >= color[k]));
            }
        }
    }

    #[test]
    fn intervals_are_painted_as_one_after_the_other_would_be(
        layers in proptest::collection::vec((-10_i32..10, 1_i32..10, any::<Rgba>()), 1..12),
    ) {
        let layers: Vec<(f64, f64, Rgba)> = layers.into_iter().map(|(low, n, color)| (low.into(), (low + n).into(), color)).collect();
        let map = ColorMap::from(Colors::Segments(segments::Segments::layered(&layers)));
        for k in -44..80 {
            let value = f64::from(k) / 4.0;
            let last = layers.iter().rev().find(|layer| layer.0 <= value && value < layer.1);
            let expected = last.map_or([0; 4], |layer| if layer.2[3] == 0 { [0; 4] } else { layer.2 });
            prop_assert_eq!(map.color(value), expected);
        }
    }

    #[test]
    fn hue_and_back(rgb in any::<[u8; 3]>()) {
        let back = color::from_hsv(color::to_hsv(rgb.map(f64::from))).map(|channel| (channel + 0.5) as u8);
        prop_assert_eq!(back, rgb);
    }

    #[test]
    fn any_text_is_a_map_or_a_fault(
        words in proptest::collection::vec(prop_oneof![
            Just("0"), Just("1"), Just("255"), Just("nv"), Just("50%"), Just("white"), Just("#ff0000"), Just("1/2/3"), Just("1-1-1"),
            Just("inf"), Just("-"), Just("\n"), Just("\n"), Just(","), Just(":"), Just("B"), Just("F"), Just(";x"), Just("1e308"), Just("-1e308"),
            Just("# COLOR_MODEL = +HSV\n"), Just("# RANGE = 0/1\n"), Just("INTERPOLATION:DISCRETE\n"), Just("<"), Just("<item value='1' color='#123456'/>"),
            Just("<colorrampshader colorRampType='DISCRETE'>"), Just("{"), Just("["), Just("]"), Just("}"), Just("\"1\""), Just("é"),
        ], 0..40),
        name in prop_oneof![Just("a"), Just("a.cpt"), Just("a.qml"), Just("a.clr"), Just("a.json")],
        value in any::<f32>(),
    ) {
        let text = words.join(" ");
        if let Ok(map) = ColorMap::from_file(name, text.as_bytes()) {
            prop_assert!(!map.entries().is_empty());
            colors(&map, &[value, 0.0, 1.0, 255.0, f32::INFINITY, f32::NEG_INFINITY]);
        }
        let _ = ColorMap::parse(&text);
    }
}
