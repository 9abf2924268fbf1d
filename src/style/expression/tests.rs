//! Whole expressions: against numexpr, against a simple reference, and what cannot be read.

mod reference;

use proptest::prelude::*;

use self::reference::{Tree, number};
use super::*;

/// What becomes of `text` for one pixel; `None` if it is masked.
fn outputs(text: &str, pixel: &[f32]) -> Option<Vec<f32>> {
    let expression = Expression::parse(text).unwrap_or_else(|fault| panic!("{text}: {fault}"));
    let mut evaluator = Evaluator::new(&expression, pixel.len(), numbered_band).unwrap();
    let (mut mask, mut out) = ([200], vec![7.0; expression.n_outputs()]);
    evaluator.evaluate(pixel, &mut mask, &mut out);
    match mask {
        [200] => Some(out),
        _ => {
            assert_eq!(mask, [0]);
            assert!(out.iter().all(|&value| value == 0.0), "{out:?}");
            None
        }
    }
}

fn output(text: &str, pixel: &[f32]) -> Option<f32> {
    outputs(text, pixel).map(|values| values[0])
}

/// How many f32 are from one to the other.
fn steps_between(one: f32, other: f32) -> i64 {
    let place = |value: f32| match i64::from(value.to_bits() as i32) {
        bits if bits < 0 => i64::from(i32::MIN) - bits,
        bits => bits,
    };
    (place(one) - place(other)).abs()
}

/// Expressions whose every operation is exact: the same to the last bit everywhere.
fn is_exact(text: &str) -> bool {
    let inexact = ["**", "log", "exp", "sin", "cos", "tan"];
    !inexact.iter().any(|&word| text.contains(word))
}

#[test]
fn numbers_are_numexpr_s() {
    let mut lines = include_str!("tests/numexpr.txt").lines().skip(1);
    let numbers = |line: &'static str| {
        let mut cells = line.split('\t');
        let name = cells.next().unwrap();
        (
            name,
            cells
                .map(|cell| cell.parse::<f32>().unwrap())
                .collect::<Vec<_>>(),
        )
    };
    let bands: Vec<_> = lines.by_ref().take(3).map(|line| numbers(line).1).collect();
    let mut n_expressions = 0;
    for line in lines {
        let (text, expected) = numbers(line);
        let allowed = if is_exact(text) { 0 } else { 4 };
        for (i, &expected) in expected.iter().enumerate() {
            let pixel = [bands[0][i], bands[1][i], bands[2][i]];
            let found = output(text, &pixel);
            let near = match found {
                Some(value) => steps_between(value, expected) <= allowed,
                None => !expected.is_finite(),
            };
            assert!(
                near,
                "{text} of {pixel:?}: {found:?}; numexpr has {expected}"
            );
        }
        n_expressions += 1;
    }
    assert!(n_expressions >= 60);
}

#[test]
fn faults_are_told() {
    let mut found = String::new();
    let golden = include_str!("tests/faults.txt");
    let texts = golden.lines().filter_map(|line| line.strip_prefix('>'));
    for text in texts.clone() {
        let text = text.trim_start();
        let fault = Expression::parse(text).expect_err(text);
        let caret = fault.under(text);
        let caret = caret.lines().nth(1).unwrap();
        let (column, message) = (fault.column, fault.message);
        found += format!("> {text}").trim_end();
        found += &format!("\n  {caret} {column}: {message}\n\n");
    }
    assert!(texts.count() >= 30);
    assert_eq!(found.trim_end(), golden.trim_end(), "found:\n{found}");
}

#[test]
fn messages_do_not_spoil_terminals() {
    for (text, message) in [
        (
            "b1 \u{1b}[2J",
            "unexpected character U+001B; expected a band, a number or a sign",
        ),
        (
            "1 '\u{1b}'",
            "unexpected \"\\u{1b}\"; expected an operator, `;` or the end",
        ),
    ] {
        assert_eq!(Expression::parse(text).unwrap_err().message, message);
    }
}

#[test]
fn precedence_is_python_s() {
    for (text, parenthesised) in [
        ("-a ** 2", "-(a ** 2)"),
        ("a ** -b ** c", "a ** (-(b ** c))"),
        ("a ** b ** c", "a ** (b ** c)"),
        ("~(a > b) & (c > d)", "(~(a > b)) & (c > d)"),
        (
            "(a > b) | (c > d) & (e > f)",
            "(a > b) | ((c > d) & (e > f))",
        ),
        ("a - b - c", "(a - b) - c"),
        ("a / b * c % d", "((a / b) * c) % d"),
        ("a + b * c ** d", "a + (b * (c ** d))"),
        ("-a * b", "(-a) * b"),
        ("a + b < c * d", "(a + b) < (c * d)"),
        (
            "(a > b) & (c > d) == (e > f)",
            "((a > b) & (c > d)) == (e > f)",
        ),
    ] {
        let (short, long) = (Expression::parse(text), Expression::parse(parenthesised));
        assert_eq!(short, long, "{text}");
        assert_eq!(long.unwrap().to_string(), text);
    }
    assert_ne!(Expression::parse("(a-b)-c"), Expression::parse("a-(b-c)"));
}

#[test]
fn display_is_normal() {
    for (text, normal) in [
        ("((b1));", "b1"),
        ("b1;b2 ; b1+b2;", "b1; b2; b1 + b2"),
        (
            "1.0+1e3+.5+1E-3+1e30+1.",
            "1 + 1000 + 0.5 + 0.001 + 1e30 + 1",
        ),
        ("'B04'/`B 05`*\"it's\"\"\"", "B04 / \"B 05\" * \"it's\"\"\""),
        (
            "minimum(a,b)+clamp( a,0 ,1)+pi",
            "min(a, b) + clip(a, 0, 1) + pi",
        ),
        ("\"pi\" * 'min'", "\"pi\" * min"),
        ("a-(-b)-(+c)", "a - -b - c"),
        ("a ** (b) ** (-c)", "a ** b ** -c"),
        ("(a ** b) ** c", "(a ** b) ** c"),
        ("(-a) ** b", "(-a) ** b"),
        ("(a<b)<(c<d)", "(a < b) < (c < d)"),
    ] {
        let expression = Expression::parse(text).unwrap();
        assert_eq!(expression.to_string(), normal);
        assert_eq!(Expression::parse(normal), Ok(expression));
    }
}

#[test]
fn bands_are_named_in_order() {
    let expression = Expression::parse("nir + red; `é 1` * nir;").unwrap();
    assert_eq!(expression.bands(), ["nir", "red", "é 1"]);
    assert_eq!(expression.n_outputs(), 2);
    assert_eq!(expression.fault_of("é 1", "none").column, 12);

    let names = ["red", "nir"];
    let bind = |name: &str| names.iter().position(|&n| n == name);
    let fault = Evaluator::new(&expression, 2, bind).unwrap_err();
    assert_eq!(fault, Fault::new(12, "no band `é 1`"));
    let fault = Evaluator::new(&Expression::parse("b1 / b3").unwrap(), 2, numbered_band);
    assert_eq!(
        fault.unwrap_err(),
        Fault::new(6, "no band `b3`; there are 2 bands")
    );
}

#[test]
fn numbered_bands_begin_at_1() {
    for (name, index) in [
        ("b1", Some(0)),
        ("b12", Some(11)),
        ("b0", None),
        ("b01", None),
        ("b+1", None),
        ("b", None),
        ("B1", None),
        ("b99999999999999999999999", None),
    ] {
        assert_eq!(numbered_band(name), index, "{name}");
    }
}

#[test]
fn what_is_not_finite_is_nothing() {
    assert_eq!(output("b1 / b2", &[1.0, 0.0]), None);
    assert_eq!(output("b1 / b2", &[0.0, 0.0]), None);
    assert_eq!(output("log(b1)", &[-1.0]), None);
    assert_eq!(output("b1 * 1e38", &[10.0]), None);
    assert_eq!(output("1 / 0", &[1.0]), None);
    assert_eq!(outputs("b1; b1 / b2; b2", &[1.0, 0.0]), None);
    // What is not put out does no harm.
    assert_eq!(output("where(b2 == 0, 5, b1 / b2)", &[1.0, 0.0]), Some(5.0));
    assert_eq!(output("where(b2 == 0, b1 / b2, 5)", &[1.0, 0.0]), None);
    assert_eq!(output("1 / (b1 / b2)", &[1.0, 0.0]), Some(0.0));
    assert_eq!(output("b1 / b2 > 0", &[0.0, 0.0]), Some(0.0));
    assert_eq!(output("b1 / b2 != 0", &[0.0, 0.0]), Some(1.0));
    for text in [
        "min(b1, b2)",
        "min(b2, b1)",
        "max(b1, b2)",
        "max(b2, b1)",
        "clip(b1, b2, 9)",
        "clip(1, b1, b2)",
    ] {
        assert_eq!(output(text, &[f32::NAN, 1.0]), None, "{text}");
    }
}

#[test]
fn chunks_make_no_difference() {
    let expression = Expression::parse("b1 / b3; 3; b2 % b1; b5").unwrap();
    for n_pixels in [0, 1, 511, 512, 513, 1024, 2500] {
        for n_bands in [5, 7] {
            let samples: Vec<f32> = (0..n_pixels * n_bands)
                .map(|i| ((i * 7919) % 23) as f32)
                .collect();
            let masks: Vec<u8> = (0..n_pixels)
                .map(|i| if i / 600 == 1 { 0 } else { (i % 5 * 60) as u8 })
                .collect();
            let mut evaluator = Evaluator::new(&expression, n_bands, numbered_band).unwrap();
            let (mut mask, mut out) = (masks.clone(), vec![9.0; n_pixels * 4]);
            // What was there before makes none either.
            for _ in 0..2 {
                mask.copy_from_slice(&masks);
                evaluator.evaluate(&samples, &mut mask, &mut out);
            }
            for i in 0..n_pixels {
                let pixel = &samples[i * n_bands..][..n_bands];
                let is_nothing = masks[i] == 0 || pixel[2] == 0.0 || pixel[0] == 0.0;
                let (b1, b2, b3) = (pixel[0], pixel[1], pixel[2]);
                let (m, values) = match is_nothing {
                    true => (0, [0.0; 4]),
                    false => (masks[i], [b1 / b3, 3.0, b2 % b1, pixel[4]]),
                };
                assert_eq!(
                    (mask[i], &out[i * 4..][..4]),
                    (m, &values[..]),
                    "pixel {i} of {n_pixels}"
                );
            }
        }
    }
}

#[test]
fn long_and_deep_texts_are_refused() {
    for text in ["(", "-", "~", "abs(", "2**", "where(", "+", "1**("] {
        let text = text.repeat(100_000);
        let fault = Expression::parse(&text).unwrap_err();
        assert!(fault.message.starts_with("nested too deep"), "{fault}");
    }
    let mut text = format!("{}b1{}", "(".repeat(MAX_NESTING), ")".repeat(MAX_NESTING));
    assert_eq!(output(&text, &[3.0]), Some(3.0));
    text = format!("({text})");
    assert_eq!(
        Expression::parse(&text).unwrap_err().column,
        MAX_NESTING + 1
    );

    // As long as can be: a sum of all the bands of a very rich sensor.
    let long = format!("b1{}", "+b1".repeat(MAX_WORDS / 2 - 1));
    assert_eq!(output(&long, &[1.0]), Some(MAX_WORDS as f32 / 2.0));
    let normal = Expression::parse(&long).unwrap().to_string();
    assert_eq!(Expression::parse(&normal), Expression::parse(&long));
    let fault = Expression::parse(&format!("{long}+b1")).unwrap_err();
    assert!(fault.message.starts_with("too long"), "{fault}");
    assert_eq!(fault.column, long.len() + 2);
}

#[test]
fn what_is_done_twice_is_done_once() {
    let program = |text: &str| program::Program::new(&Expression::parse(text).unwrap());
    let n_instructions = |text: &str| program(text).instructions.len();
    assert_eq!(
        n_instructions("(b1 - b2) / (b1 + b2); (b1 - b2) / (b1 + b2) > 0.5"),
        4
    );
    assert_eq!(n_instructions("2 * pi / 180 * b1"), 1);
    assert_eq!(n_instructions("where(1 > 0, b1, b2 / b3)"), 0);
    assert_eq!(program("where(1 > 0, b1, b2 / b3)").loads.len(), 1);
    // Columns are used again.
    let chain = program("((((b1 + 1) * 2 + 3) * 4 + 5) * 6) % 7");
    assert_eq!((chain.instructions.len(), chain.n_columns), (7, 2));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn evaluates_as_the_reference(
        tree in number(5),
        pixels in prop::collection::vec(reference::pixel(), 8),
        blanks in any::<u64>(),
    ) {
        let text = tree.text(blanks);
        for pixel in pixels {
            let expected = Some(tree.value(&pixel)).filter(|value| value.is_finite());
            let found = output(&text, &pixel);
            prop_assert_eq!(found, expected, "{} of {:?}", text, pixel);
        }
    }

    #[test]
    fn display_is_parsed_to_the_same(trees in prop::collection::vec(number(5), 1..4), blanks in any::<u64>()) {
        let texts: Vec<String> = trees.iter().map(|tree: &Tree| tree.text(blanks)).collect();
        let expression = Expression::parse(&texts.join(";")).unwrap();
        let normal = expression.to_string();
        let again = Expression::parse(&normal).unwrap();
        prop_assert_eq!(&again, &expression);
        prop_assert_eq!(again.to_string(), normal);
    }

    #[test]
    fn no_text_makes_it_panic(
        words in prop::collection::vec(prop::sample::select(vec![
            "b1", "nir", "(", ")", "**", "-", "~", "<", "==", "&", "|", "where", "min", "clip", ",", ";", "1", ".5", "1e",
            "1e-3", "\"", "'", "é", " ", "\n", "=", "pi", "and", "sqr", "\u{1}", "%", "−",
        ]), 0..20),
    ) {
        let text = words.concat();
        if let Err(fault) = Expression::parse(&text) {
            prop_assert!((1..=text.chars().count() + 1).contains(&fault.column), "{}", fault);
        }
    }
}
