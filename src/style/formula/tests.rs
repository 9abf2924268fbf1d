use proptest::prelude::*;

use super::super::fault::Fault;
use super::{Curve, Formula, Operation};

/// Formulas, and a line for each colour with what rio-color makes of it by each of them.
const RIO_COLOR: &str = include_str!("tests/rio_color.txt");

fn colour(digits: &str) -> [u8; 3] {
    let [_, rgb @ ..] = u32::from_str_radix(digits, 16).unwrap().to_be_bytes();
    rgb
}

#[test]
fn colours_are_those_of_rio_color() {
    let formulas: Vec<Formula> = RIO_COLOR
        .lines()
        .filter_map(|line| line.strip_prefix("= "))
        .map(|text| Formula::parse(text).unwrap())
        .collect();
    let (mut n, mut lighter) = (0, 0);
    for line in RIO_COLOR
        .lines()
        .filter(|line| !line.starts_with(['#', '=']))
    {
        let (given, made) = line.split_once(' ').unwrap();
        for (formula, digits) in formulas.iter().zip(made.split(' ')) {
            let (given, theirs) = (colour(given), colour(digits));
            // By the letter: the fraction cut off.
            let values = formula.colour(given.map(|value| f64::from(value) / 255.0));
            assert_eq!(
                values.map(|value| (value * 255.0) as u8),
                theirs,
                "{formula}: {given:?}"
            );
            // What is done: with a margin.
            let mut ours = given;
            formula.apply(&mut ours);
            for (ours, theirs) in ours.into_iter().zip(theirs) {
                assert!(ours == theirs || ours == theirs + 1, "{formula}: {given:?}");
                n += 1;
                lighter += u32::from(ours > theirs);
            }
        }
    }
    assert_eq!(n, 200 * 12 * 3);
    // Most of them by a curve so steep that it comes to 254.9999 in the light.
    assert!(lighter < n / 40, "{lighter} of {n}");
}

#[test]
fn formulas_that_change_nothing_change_nothing() {
    let colours: Vec<u8> = (0..=255u8)
        .flat_map(|a| [a, a, a, a, a.wrapping_mul(7), a.wrapping_mul(31)])
        .collect();
    for text in [
        "gamma rgb 1",
        "saturation 1",
        "sigmoidal rgb 0 0.5",
        "saturation 1 saturation 1 gamma r 1",
    ] {
        let mut changed = colours.clone();
        Formula::parse(text).unwrap().apply(&mut changed);
        assert_eq!(changed, colours, "{text}");
    }
}

#[test]
fn saturation_leaves_greys_alone() {
    for text in ["saturation 0", "saturation 0.7", "saturation 3"] {
        let greys: Vec<u8> = (0..=255).flat_map(|value| [value; 3]).collect();
        let mut changed = greys.clone();
        Formula::parse(text).unwrap().apply(&mut changed);
        assert_eq!(changed, greys, "{text}");
    }
}

#[test]
fn a_curve_and_its_inverse_undo_each_other() {
    let formula =
        Formula::parse("sigmoidal rgb 7 0.3 gamma rgb 2 gamma rgb 0.5 sigmoidal rgb -7 0.3")
            .unwrap();
    let mut values: Vec<f32> = (0..300).map(|n| n as f32 / 299.0).collect();
    let before = values.clone();
    formula.apply_f32(&mut values);
    for (a, b) in values.into_iter().zip(before) {
        assert!((a - b).abs() < 1e-6, "{a} {b}");
    }
}

/// What is said of formulas that are wrong: the column, and the rest.
const FAULTS: &[(&str, usize, &str)] = &[
    ("", 1, "nothing; expected gamma, sigmoidal or saturation"),
    (
        " ,, ",
        1,
        "nothing; expected gamma, sigmoidal or saturation",
    ),
    (
        "gama rgb 1",
        1,
        "\"gama\"; expected gamma, sigmoidal or saturation",
    ),
    (
        "gamma",
        6,
        "the formula ends; expected bands, some of r, g and b",
    ),
    (
        "gamma rgb",
        10,
        "the formula ends; expected a gamma, a number above 0",
    ),
    (
        "gamma rgb,",
        10,
        "the formula ends; expected a gamma, a number above 0",
    ),
    ("gamma 1.2", 8, "'.'; expected bands, some of r, g and b"),
    (
        "gamma rgx 1.2",
        9,
        "'x'; expected bands, some of r, g and b",
    ),
    (
        "gamma rgb 0",
        11,
        "\"0\"; expected a gamma, a number above 0",
    ),
    (
        "gamma rgb -1",
        11,
        "\"-1\"; expected a gamma, a number above 0",
    ),
    (
        "gamma rgb NaN",
        11,
        "\"NaN\"; expected a gamma, a number above 0",
    ),
    (
        "gamma rgb inf",
        11,
        "\"inf\"; expected a gamma, a number above 0",
    ),
    (
        "gamma rgb 1.2 3",
        15,
        "\"3\"; expected gamma, sigmoidal or saturation",
    ),
    (
        "gamma rgb 1.2; saturation 1",
        11,
        "\"1.2;\"; expected a gamma, a number above 0",
    ),
    (
        "sigmoidal rgb 6",
        16,
        "the formula ends; expected a bias from 0 to 1",
    ),
    (
        "sigmoidal rgb 6 1.1",
        17,
        "\"1.1\"; expected a bias from 0 to 1",
    ),
    (
        "sigmoidal rgb 6 40%",
        17,
        "\"40%\"; expected a bias from 0 to 1",
    ),
    (
        "sigmoidal rgb x 0.5",
        15,
        "\"x\"; expected a contrast, a number",
    ),
    (
        "saturation",
        11,
        "the formula ends; expected a proportion, a number",
    ),
    (
        "saturation rgb 1.1",
        12,
        "\"rgb\"; expected a proportion, a number",
    ),
    (
        "gamma r 1, contrast 3",
        12,
        "\"contrast\"; expected gamma, sigmoidal or saturation",
    ),
    (
        "gämma r 1, sättigung 3",
        1,
        "\"gämma\"; expected gamma, sigmoidal or saturation",
    ),
];

#[test]
fn faults_are_told_where_they_are() {
    for &(text, column, message) in FAULTS {
        assert_eq!(
            Formula::parse(text),
            Err(Fault::new(column, message)),
            "{text:?}"
        );
    }
}

#[test]
fn blanks_commas_and_capitals_do_not_matter() {
    let plain = Formula::parse("gamma rg 1.2, sigmoidal b 3 0.5, saturation 1.1").unwrap();
    for text in [
        "gamma rg 1.2 sigmoidal b 3 0.5 saturation 1.1",
        "  Gamma\tRG  1.2,SIGMOIDAL 3,3,.5\nsaturation 1.10 ,",
        "gamma 21g 12e-1 , , sigmoidal B 3.0 5e-1 saturation +1.1",
    ] {
        assert_eq!(Formula::parse(text).as_ref(), Ok(&plain), "{text:?}");
    }
    assert_eq!(
        plain.to_string(),
        "gamma rg 1.2, sigmoidal b 3 0.5, saturation 1.1"
    );
}

fn operations() -> impl Strategy<Value = Vec<Operation>> {
    let bands = || any::<[bool; 3]>().prop_filter("some", |bands| bands.contains(&true));
    let gamma = (bands(), 0.2..5.0).prop_map(|(bands, gamma)| Operation::Bands {
        bands,
        curve: Curve::Gamma(gamma),
    });
    let sigmoidal = (bands(), -15.0..15.0, 0.0..=1.0).prop_map(|(bands, contrast, bias)| {
        let curve = Curve::Sigmoidal { contrast, bias };
        Operation::Bands { bands, curve }
    });
    let saturation = (-1.0..4.0).prop_map(Operation::Saturation);
    proptest::collection::vec(prop_oneof![gamma, sigmoidal, saturation], 1..5)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn tables_are_what_the_operations_are(operations in operations(), colours in any::<[[u8; 3]; 50]>()) {
        let text = Formula { operations, tables: Default::default() }.to_string();
        let formula = Formula::parse(&text).unwrap();
        prop_assert_eq!(formula.to_string(), text);
        let mut made = colours;
        formula.apply(made.as_flattened_mut());
        for (given, made) in colours.into_iter().zip(made) {
            let values = formula.colour(given.map(|value| f64::from(value) / 255.0));
            for (made, value) in made.into_iter().zip(values) {
                prop_assert!((0.0..=1.0).contains(&value));
                let value = value * 255.0 + super::apply::NEARLY;
                // Steep curves show the last bits.
                let near = (value - value.round()).abs() < 1e-4 && (f64::from(made) - value).abs() < 1.001;
                prop_assert!(near || made == value as u8, "{} {:?}: {} {}", formula, given, made, value);
            }
        }
    }

    #[test]
    fn any_numbers_give_colours(
        numbers in any::<[f64; 4]>(),
        bias in 0.0..=1.0,
        mut colours in any::<[[u8; 3]; 5]>(),
    ) {
        let [a, b, c, d] = numbers.map(|number| if number.is_finite() { number } else { 1.0 });
        let gamma = if a == 0.0 { 1.0 } else { a.abs() };
        for text in [
            format!("gamma rgb {gamma} sigmoidal rgb {b} {bias} saturation {c} sigmoidal r {d} {bias}"),
            format!("saturation {d} saturation {b}"),
        ] {
            Formula::parse(&text).unwrap().apply(colours.as_flattened_mut());
        }
    }
}
