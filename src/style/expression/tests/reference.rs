//! The simplest program that gives an expression's value: a tree, and std's functions.

use proptest::prelude::*;

/// An expression over `b1`, `b2`, `b3`.
#[derive(Debug, Clone)]
pub(super) enum Tree {
    Number(f32),
    Band(usize),
    Sign(char, Box<Tree>),
    Between(Box<Tree>, &'static str, Box<Tree>),
    Call(&'static str, Vec<Tree>),
}

use Tree::{Band, Between, Call, Number, Sign};

const LOGIC: [&str; 2] = ["&", "|"];
const COMPARISONS: [&str; 6] = ["<", "<=", ">", ">=", "==", "!="];
const ARITHMETIC: [&str; 6] = ["+", "-", "*", "/", "%", "**"];
const ONE: [&str; 15] = [
    "abs", "sqrt", "log", "log10", "log2", "exp", "sin", "cos", "tan", "arcsin", "arccos",
    "arctan", "floor", "ceil", "round",
];
const MANY: [&str; 4] = ["min", "max", "minimum", "maximum"];
const CLIP: [&str; 2] = ["clip", "clamp"];

fn boxed(tree: Tree) -> Box<Tree> {
    Box::new(tree)
}

/// Trees of numbers, so many levels high.
pub(super) fn number(height: u32) -> BoxedStrategy<Tree> {
    let leaf = prop_oneof![
        3 => (0..3_usize).prop_map(Band),
        1 => prop::sample::select(vec![0.0, 1.0, 2.0, 3.0, 0.5, 1.5, 7.0, 100.0, 1e-3, 1e9, std::f32::consts::PI]).prop_map(Number),
        1 => (0.0_f32..20.0).prop_map(Number),
    ];
    if height == 0 {
        return leaf.boxed();
    }
    let (n, t) = (number(height - 1), truth(height - 1));
    prop_oneof![
        2 => leaf,
        1 => t.clone(),
        6 => (n.clone(), prop::sample::select(ARITHMETIC.to_vec()), n.clone())
            .prop_map(|(a, op, b)| Between(boxed(a), op, boxed(b))),
        1 => (prop::sample::select(vec!['-', '+']), n.clone()).prop_map(|(op, a)| Sign(op, boxed(a))),
        3 => (prop::sample::select(ONE.to_vec()), n.clone()).prop_map(|(f, a)| Call(f, vec![a])),
        1 => (n.clone(), n.clone()).prop_map(|(a, b)| Call("arctan2", vec![a, b])),
        1 => (prop::sample::select(MANY.to_vec()), prop::collection::vec(n.clone(), 2..5)).prop_map(|(f, all)| Call(f, all)),
        1 => (prop::sample::select(CLIP.to_vec()), n.clone(), n.clone(), n.clone()).prop_map(|(f, a, b, c)| Call(f, vec![a, b, c])),
        2 => (t, n.clone(), n).prop_map(|(c, a, b)| Call("where", vec![c, a, b])),
    ]
    .boxed()
}

/// Trees of comparisons.
fn truth(height: u32) -> BoxedStrategy<Tree> {
    let n = number(height.saturating_sub(1));
    let compared = (n.clone(), prop::sample::select(COMPARISONS.to_vec()), n)
        .prop_map(|(a, op, b)| Between(boxed(a), op, boxed(b)));
    if height == 0 {
        return compared.boxed();
    }
    let t = truth(height - 1);
    prop_oneof![
        3 => compared,
        2 => (t.clone(), prop::sample::select(LOGIC.to_vec()), t.clone())
            .prop_map(|(a, op, b)| Between(boxed(a), op, boxed(b))),
        1 => t.clone().prop_map(|a| Sign('~', boxed(a))),
        1 => (t.clone(), t.clone(), t).prop_map(|(c, a, b)| Call("where", vec![c, a, b])),
    ]
    .boxed()
}

/// Three bands, now and then with values that are awkward.
pub(super) fn pixel() -> impl Strategy<Value = Vec<f32>> {
    let awkward = vec![
        0.0,
        -0.0,
        1.0,
        -1.0,
        0.5,
        2.5,
        -3.5,
        1e38,
        1e-40,
        f32::NAN,
        f32::INFINITY,
    ];
    let sample = prop_oneof![
        3 => -100.0_f32..100.0,
        1 => 0.0_f32..10_000.0,
        1 => prop::sample::select(awkward),
    ];
    prop::collection::vec(sample, 3)
}

impl Tree {
    /// With parentheses around all, and blanks by the bits of `blanks`.
    pub(super) fn text(&self, blanks: u64) -> String {
        let blank = |n: u32| {
            if blanks.rotate_left(n) & 1 == 0 {
                ""
            } else {
                " "
            }
        };
        let inner = blanks.rotate_left(7);
        match self {
            Number(number) => format!("{number}"),
            Band(index) => format!("b{}", index + 1),
            Sign(op, of) => format!("({op}{}{})", blank(1), of.text(inner)),
            Between(a, op, b) => {
                format!(
                    "({}{}{op}{}{})",
                    a.text(inner),
                    blank(2),
                    blank(3),
                    b.text(!inner)
                )
            }
            Call(name, of) => {
                let of: Vec<String> = of.iter().map(|a| a.text(inner)).collect();
                format!("{name}{}({})", blank(4), of.join(&format!("{},", blank(5))))
            }
        }
    }

    /// Its value for one pixel.
    pub(super) fn value(&self, pixel: &[f32]) -> f32 {
        match self {
            Number(number) => *number,
            Band(index) => pixel[*index],
            Sign('-', of) => -of.value(pixel),
            Sign('~', of) => 1.0 - of.value(pixel),
            Sign(_, of) => of.value(pixel),
            Between(a, op, b) => between(a.value(pixel), op, b.value(pixel)),
            Call(name, of) => {
                let of: Vec<f32> = of.iter().map(|a| a.value(pixel)).collect();
                call(name, &of)
            }
        }
    }
}

fn between(a: f32, op: &str, b: f32) -> f32 {
    let is = |truth: bool| if truth { 1.0 } else { 0.0 };
    match op {
        "+" => a + b,
        "-" => a - b,
        "*" => a * b,
        "/" => a / b,
        "%" => a - (a / b).floor() * b,
        "**" if b == 0.5 => a.sqrt(),
        "**" if b.fract() == 0.0 && b.abs() <= 50.0 => f64::from(a).powi(b as i32) as f32,
        "**" => f64::from(a).powf(b.into()) as f32,
        "<" => is(a < b),
        "<=" => is(a <= b),
        ">" => is(a > b),
        ">=" => is(a >= b),
        "==" => is(a == b),
        "!=" => is(a != b),
        "&" => is(a == 1.0 && b == 1.0),
        "|" => is(a == 1.0 || b == 1.0),
        _ => unreachable!("{op}"),
    }
}

fn call(name: &str, of: &[f32]) -> f32 {
    let [a, others @ ..] = of else {
        unreachable!("no arguments")
    };
    let wide = f64::from(*a);
    match name {
        "abs" => a.abs(),
        "sqrt" => a.sqrt(),
        "log" => wide.ln() as f32,
        "log10" => wide.log10() as f32,
        "log2" => wide.log2() as f32,
        "exp" => wide.exp() as f32,
        "sin" => wide.sin() as f32,
        "cos" => wide.cos() as f32,
        "tan" => wide.tan() as f32,
        "arcsin" => wide.asin() as f32,
        "arccos" => wide.acos() as f32,
        "arctan" => wide.atan() as f32,
        "arctan2" => wide.atan2(others[0].into()) as f32,
        "floor" => a.floor(),
        "ceil" => a.ceil(),
        "round" => a.round_ties_even(),
        "where" => others[usize::from(*a == 0.0)],
        "min" | "minimum" => others.iter().fold(*a, |a, &b| least(a, b)),
        "max" | "maximum" => others.iter().fold(*a, |a, &b| -least(-a, -b)),
        "clip" | "clamp" => least(-least(-a, -others[0]), others[1]),
        _ => unreachable!("{name}"),
    }
}

fn least(a: f32, b: f32) -> f32 {
    if a.is_nan() || b.is_nan() {
        f32::NAN
    } else if a < b {
        a
    } else {
        b
    }
}
