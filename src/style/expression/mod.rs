//! Expressions over bands, as in `(nir - red) / (nir + red)`, parsed once and evaluated over many pixels.
//!
//! The syntax is what rio-tiler hands to numexpr, which is Python's:
//!
//! | | |
//! |---|---|
//! | outputs | separated by `;`; one at the end is allowed |
//! | numbers | `1` `.5` `1e-3` `pi` |
//! | bands | `b1` (what a name means is up to [`Evaluator::new`]), any other word of letters, digits and `_` that does not begin with a digit, or any text in `"`, `'` or `` ` ``, where the quote itself is written twice: `"B04 (red)"` |
//! | arithmetic | `a ** b`, `-a`, `a * b`, `a / b`, `a % b` (with the sign of `b`), `a + b`, `a - b` |
//! | logic | `~a`, `a & b`, <code>a \| b</code> of comparisons |
//! | comparisons | `<` `<=` `>` `>=` `==` `!=` |
//! | functions | `where(comparison, a, b)`, `min` and `max` of two or more (also `minimum`, `maximum`), `clip(value, least, greatest)` (also `clamp`), `abs` `sqrt` `log` `log10` `log2` `exp` `sin` `cos` `tan` `arcsin` `arccos` `arctan` `arctan2(y, x)` `floor` `ceil` `round` (halves to the even number) |
//!
//! Precedence is Python's, from loose to tight: comparisons, `|`, `&`, `+ -`, `* / %`, `-a ~a`, `**`. So `-a ** 2` is
//! `-(a ** 2)` and `2 ** 3 ** 2` is `2 ** 9`; and comparisons that are joined need parentheses: `(a > 1) & (b > 1)`. As in
//! numexpr, comparisons are not chained, `&`, `|`, `~` and the first argument of `where` take comparisons only, and there is no
//! `and`, `or` and `not`. Elsewhere a comparison is a number: 1 if it is true, otherwise 0.
//!
//! All numbers are f32, literals too; numexpr would compute in f64 where a literal has a fraction. Each operation is rounded
//! by itself, powers, exponentials, logarithms and angles once from f64. A value that is no number (division by zero, the
//! logarithm of a negative) becomes nothing: see [`Evaluator::evaluate`].

mod arithmetic;
mod display;
mod evaluate;
mod function;
mod parse;
mod program;
#[cfg(test)]
mod tests;

pub use self::evaluate::Evaluator;
pub use self::parse::{MAX_NESTING, MAX_WORDS};

use self::arithmetic::{Binary, Unary};
use self::function::Function;
use crate::style::fault::Fault;

/// One or more formulas over bands.
///
/// Two are equal if they are the same formulas, however they were written. [`Display`](std::fmt::Display) writes it with
/// single blanks and without parentheses that are not needed; what it writes is parsed to the same expression.
///
/// ```
/// use azulejo::style::expression::Expression;
///
/// let ndvi = Expression::parse("((nir-red))/(nir+red);")?;
/// assert_eq!(ndvi.to_string(), "(nir - red) / (nir + red)");
/// assert_eq!(ndvi.bands(), ["nir", "red"]);
/// # Ok::<(), azulejo::style::fault::Fault>(())
/// ```
#[derive(Debug, Clone)]
pub struct Expression {
    /// All operations, operands before what is made of them, in the order of the text: depth is no recursion.
    nodes: Vec<Node>,
    /// The last node of each output.
    outputs: Vec<usize>,
    /// Distinct, in the order of first use.
    bands: Vec<String>,
    /// Where each band is first named: 1-based, in characters.
    columns: Vec<usize>,
}

/// One operation; the numbers are places in [`Expression::nodes`].
#[derive(Debug, Clone, PartialEq)]
enum Node {
    Number(f32),
    /// A place in [`Expression::bands`].
    Band(usize),
    Unary(Unary, usize),
    Binary(Binary, usize, usize),
    Call(Function, Vec<usize>),
}

impl Expression {
    /// The expression that `text` is.
    ///
    /// # Errors
    ///
    /// What cannot be read or makes no sense, at its column; more than [`MAX_WORDS`] words or [`MAX_NESTING`] levels.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        parse::parse(text)
    }

    /// The distinct names of the bands, in the order of first use.
    pub fn bands(&self) -> &[String] {
        &self.bands
    }

    /// How many values a pixel has afterwards: at least 1.
    pub fn n_outputs(&self) -> usize {
        self.outputs.len()
    }

    /// A fault of the band of that name, at the column where it is first used.
    ///
    /// # Panics
    ///
    /// If the expression has no such band.
    pub fn fault_of(&self, band: &str, message: impl Into<String>) -> Fault {
        let place = self.bands.iter().position(|name| name == band);
        Fault::new(
            self.columns[place.expect("the expression has this band")],
            message,
        )
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        // Where something was written makes no difference.
        self.nodes == other.nodes && self.outputs == other.outputs && self.bands == other.bands
    }
}

/// The index, 0-based, of a band that is called by its number: `b1` is 0.
pub fn numbered_band(name: &str) -> Option<usize> {
    let digits = name.strip_prefix('b')?;
    // No sign, and no second way to write the same number.
    if digits.starts_with(['+', '0']) {
        return None;
    }
    digits.parse::<usize>().ok()?.checked_sub(1)
}
