//! The functions of an expression: one line of the table each.

use super::arithmetic::{Binary, Unary};

/// A function that has a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    /// Of one number.
    One(Unary),
    /// Of two numbers.
    Two(Binary),
    /// Of two or more numbers, from left to right.
    Many(Binary),
    /// What a comparison chooses.
    Where,
    /// Not below the second, not above the third.
    Clip,
}

impl Function {
    /// How many arguments it takes, and in words.
    pub(super) fn arguments(self) -> (std::ops::RangeInclusive<usize>, &'static str) {
        match self {
            Self::One(_) => (1..=1, "1"),
            Self::Two(_) => (2..=2, "2"),
            Self::Many(_) => (2..=usize::MAX, "2 or more"),
            Self::Where => (3..=3, "3: a comparison and two values"),
            Self::Clip => (3..=3, "3: a value, the least and the greatest"),
        }
    }

    /// The name it is written with: the first in the table.
    pub(super) fn name(self) -> &'static str {
        let row = FUNCTIONS.iter().find(|row| row.1 == self);
        row.expect("every function is in the table").0
    }
}

/// Names and functions. Of several names the first is the one that is written.
pub(super) const FUNCTIONS: [(&str, Function); 23] = [
    ("where", Function::Where),
    ("min", Function::Many(Binary::Min)),
    ("max", Function::Many(Binary::Max)),
    // What numexpr calls them.
    ("minimum", Function::Many(Binary::Min)),
    ("maximum", Function::Many(Binary::Max)),
    ("clip", Function::Clip),
    ("clamp", Function::Clip),
    ("abs", Function::One(Unary::Abs)),
    ("sqrt", Function::One(Unary::Sqrt)),
    ("log", Function::One(Unary::Log)),
    ("log10", Function::One(Unary::Log10)),
    ("log2", Function::One(Unary::Log2)),
    ("exp", Function::One(Unary::Exp)),
    ("sin", Function::One(Unary::Sin)),
    ("cos", Function::One(Unary::Cos)),
    ("tan", Function::One(Unary::Tan)),
    ("arcsin", Function::One(Unary::Arcsin)),
    ("arccos", Function::One(Unary::Arccos)),
    ("arctan", Function::One(Unary::Arctan)),
    ("arctan2", Function::Two(Binary::Arctan2)),
    ("floor", Function::One(Unary::Floor)),
    ("ceil", Function::One(Unary::Ceil)),
    ("round", Function::One(Unary::Round)),
];

/// What others call something that is written in another way here.
const ELSEWHERE: [(&str, &str); 14] = [
    ("ln", "log"),
    ("loge", "log"),
    ("asin", "arcsin"),
    ("acos", "arccos"),
    ("atan", "arctan"),
    ("atan2", "arctan2"),
    ("if", "where"),
    ("iif", "where"),
    ("pow", "a ** b"),
    ("power", "a ** b"),
    ("mod", "a % b"),
    ("rint", "round"),
    ("absolute", "abs"),
    ("fabs", "abs"),
];

/// The function of that name.
pub(super) fn function(name: &str) -> Option<Function> {
    FUNCTIONS.iter().find(|row| row.0 == name).map(|row| row.1)
}

/// All functions, as a list to read.
pub(super) fn names() -> String {
    let written = FUNCTIONS.iter().filter(|row| row.0 == row.1.name());
    written.map(|row| row.0).collect::<Vec<_>>().join(", ")
}

/// What somebody who wrote `name` may have meant.
pub(super) fn nearest(name: &str) -> Option<&'static str> {
    let lower = name.to_lowercase();
    if let Some(row) = ELSEWHERE.iter().find(|row| row.0 == lower) {
        return Some(row.1);
    }
    let near = FUNCTIONS
        .iter()
        .map(|row| (distance(&lower, row.0), row.0))
        .min_by_key(|&(distance, _)| distance)?;
    // A name that shares less than half of its letters is no misspelling.
    let letters = lower.chars().count().max(near.1.len());
    (2 * near.0 < letters).then_some(near.1)
}

/// How many letters must be put in, taken out or replaced to make one of the other (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &b) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_levenshtein_s() {
        for (one, other, expected) in [
            ("", "", 0),
            ("", "abc", 3),
            ("kitten", "sitting", 3),
            ("sqrt", "sqr", 1),
            ("flaw", "lawn", 2),
        ] {
            assert_eq!(distance(one, other), expected);
            assert_eq!(distance(other, one), expected);
        }
    }

    #[test]
    fn names_that_are_near_are_told() {
        assert_eq!(nearest("Sqrt"), Some("sqrt"));
        assert_eq!(nearest("sqr"), Some("sqrt"));
        assert_eq!(nearest("wheer"), Some("where"));
        assert_eq!(nearest("LN"), Some("log"));
        assert_eq!(nearest("reticulate"), None);
    }

    #[test]
    fn every_name_is_there_once() {
        for (name, function_of_name) in FUNCTIONS {
            assert_eq!(function(name), Some(function_of_name));
            assert_eq!(function(function_of_name.name()), Some(function_of_name));
        }
    }
}
