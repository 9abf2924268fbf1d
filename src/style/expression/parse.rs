//! From text to an expression: recursive descent, one function a kind of phrase.

mod word;

use self::word::{Word, Words};
use super::arithmetic::{Binary, Unary};
use super::function::{Function, function, nearest};
use super::{Expression, Node};
use crate::style::fault::{Fault, shown};

/// How many words an expression can have at most: names, numbers and signs.
pub const MAX_WORDS: usize = 10_000;

/// How many parentheses, functions, powers and signs can be inside each other at most.
pub const MAX_NESTING: usize = 100;

/// How tightly comparisons hold together: least of all.
pub(super) const LOOSEST: u8 = 1;
/// `-a`, `~a`.
pub(super) const UNARY: u8 = 6;
/// `a ** b`.
pub(super) const POWER: u8 = 7;

/// Operators between two values, and how tightly they hold together.
const OPERATORS: [(&str, Binary, u8); 14] = [
    ("<", Binary::Less, LOOSEST),
    ("<=", Binary::LessEqual, LOOSEST),
    (">", Binary::Greater, LOOSEST),
    (">=", Binary::GreaterEqual, LOOSEST),
    ("==", Binary::Equal, LOOSEST),
    ("!=", Binary::NotEqual, LOOSEST),
    ("|", Binary::Or, 2),
    ("&", Binary::And, 3),
    ("+", Binary::Add, 4),
    ("-", Binary::Subtract, 4),
    ("*", Binary::Multiply, 5),
    ("/", Binary::Divide, 5),
    ("%", Binary::Remainder, 5),
    ("**", Binary::Power, POWER),
];

fn row_of(op: Binary) -> &'static (&'static str, Binary, u8) {
    let row = OPERATORS.iter().find(|row| row.1 == op);
    row.expect("functions are not written between their arguments")
}

/// How an operator is written.
pub(super) fn sign_of(op: Binary) -> &'static str {
    row_of(op).0
}

/// How tightly an operator holds together.
pub(super) fn level_of(op: Binary) -> u8 {
    row_of(op).2
}

/// Whether a band's name needs no quotes.
pub(super) fn plain_name(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(word::begins_name)
        && chars.all(word::is_in_name)
        && !["pi", "and", "or", "not"].contains(&name)
}

/// The expression that `text` is.
pub(super) fn parse(text: &str) -> Result<Expression, Fault> {
    let mut parser = Parser {
        words: Words::new(text)?,
        nesting: 0,
        expression: Expression {
            nodes: Vec::new(),
            outputs: Vec::new(),
            bands: Vec::new(),
            columns: Vec::new(),
        },
    };
    parser.outputs()?;
    Ok(parser.expression)
}

struct Parser<'a> {
    words: Words<'a>,
    /// How deep we are.
    nesting: usize,
    /// What was read.
    expression: Expression,
}

/// A part that was read.
#[derive(Clone, Copy)]
struct Part {
    node: usize,
    /// Whether it is a comparison, or several that are joined.
    is_truth: bool,
    /// Where it begins.
    column: usize,
}

impl<'a> Parser<'a> {
    fn outputs(&mut self) -> Result<(), Fault> {
        loop {
            let output = self.formula()?;
            self.expression.outputs.push(output.node);
            match self.words.peek() {
                Word::Sign(";") => self.words.advance()?,
                Word::End => return Ok(()),
                Word::Sign(",") => {
                    return Err(self.fault("unexpected `,`; expected `;` between outputs"));
                }
                Word::Sign(")") => {
                    return Err(self.fault("`)` without its `(`; expected an operator or `;`"));
                }
                _ => return Err(self.unexpected("an operator, `;` or the end")),
            }
            if *self.words.peek() == Word::End {
                return Ok(());
            }
        }
    }

    fn formula(&mut self) -> Result<Part, Fault> {
        self.operation(LOOSEST)
    }

    /// Operands joined by operators that hold at least as tightly as `level`.
    fn operation(&mut self, level: u8) -> Result<Part, Fault> {
        let mut left = self.operand()?;
        let mut compared = false;
        while let Some((sign, op, its_level)) = self.operator()
            && its_level >= level
        {
            if its_level == LOOSEST && std::mem::replace(&mut compared, true) {
                return Err(self.fault(
                    "comparisons are not chained; expected `&` between them, as in (a < b) & (b < c)",
                ));
            }
            let column = self.words.column();
            self.words.advance()?;
            let right = self.operation(its_level + 1)?;
            left = self.joined(sign, op, left, right, column)?;
        }
        Ok(left)
    }

    /// The operator that comes next. That of powers does not count: it belongs to its operands.
    fn operator(&self) -> Option<(&'static str, Binary, u8)> {
        let Word::Sign(sign) = *self.words.peek() else {
            return None;
        };
        let row = OPERATORS.iter().find(|row| row.0 == sign);
        row.copied().filter(|row| row.2 < UNARY)
    }

    fn joined(
        &mut self,
        sign: &str,
        op: Binary,
        left: Part,
        right: Part,
        column: usize,
    ) -> Result<Part, Fault> {
        let logic = matches!(op, Binary::And | Binary::Or);
        if logic && !(left.is_truth && right.is_truth) {
            return Err(Fault::new(
                column,
                format!(
                    "`{sign}` joins comparisons; expected one in parentheses on each side, as in (a > 1) {sign} (b > 1)"
                ),
            ));
        }
        let is_truth = logic || level_of(op) == LOOSEST;
        Ok(self.part(
            Node::Binary(op, left.node, right.node),
            is_truth,
            left.column,
        ))
    }

    /// A value with the signs before it.
    fn operand(&mut self) -> Result<Part, Fault> {
        let column = self.words.column();
        let Word::Sign(sign @ ("-" | "+" | "~")) = *self.words.peek() else {
            return self.power();
        };
        self.words.advance()?;
        let of = self.nested(column, Self::operand)?;
        match sign {
            "-" => Ok(self.part(Node::Unary(Unary::Negate, of.node), false, column)),
            "~" if of.is_truth => Ok(self.part(Node::Unary(Unary::Not, of.node), true, column)),
            "~" => Err(Fault::new(
                column,
                "`~` is the opposite of a comparison; expected one in parentheses, as in ~(a > 1)",
            )),
            // Changes nothing.
            _ => Ok(Part { column, ..of }),
        }
    }

    fn power(&mut self) -> Result<Part, Fault> {
        let base = self.value()?;
        if *self.words.peek() != Word::Sign("**") {
            return Ok(base);
        }
        let column = self.words.column();
        self.words.advance()?;
        let exponent = self.nested(column, Self::operand)?;
        self.joined("**", Binary::Power, base, exponent, column)
    }

    fn value(&mut self) -> Result<Part, Fault> {
        let column = self.words.column();
        match self.words.peek().clone() {
            Word::Number(number) => {
                self.words.advance()?;
                Ok(self.part(Node::Number(number), false, column))
            }
            Word::Name(name) => {
                self.words.advance()?;
                self.named(name, column)
            }
            Word::Quoted(name) => {
                self.words.advance()?;
                Ok(self.band(&name, column))
            }
            Word::Sign("(") => {
                self.words.advance()?;
                let inner = self.nested(column, Self::formula)?;
                self.closed(column, "an operator or")?;
                Ok(Part { column, ..inner })
            }
            _ => Err(self.unexpected("a band, a number, a function or `(`")),
        }
    }

    /// What a word without quotes is, which has been read.
    fn named(&mut self, name: &'a str, column: usize) -> Result<Part, Fault> {
        if *self.words.peek() == Word::Sign("(") {
            return self.call(name, column);
        }
        match name {
            "pi" => Ok(self.part(Node::Number(std::f32::consts::PI), false, column)),
            "not" => Err(Fault::new(
                column,
                "unexpected `not`; expected `~`, as in ~(a > 1)",
            )),
            "and" | "or" => Err(Fault::new(
                column,
                format!("unexpected `{name}`; expected a band, a number, a function or `(`"),
            )),
            _ => Ok(self.band(name, column)),
        }
    }

    fn band(&mut self, name: &str, column: usize) -> Part {
        let bands = &mut self.expression.bands;
        let place = bands.iter().position(|band| band == name);
        let place = place.unwrap_or_else(|| {
            bands.push(name.to_owned());
            self.expression.columns.push(column);
            bands.len() - 1
        });
        self.part(Node::Band(place), false, column)
    }

    /// The arguments of the function `name`, which has been read.
    fn call(&mut self, name: &str, column: usize) -> Result<Part, Fault> {
        let Some(function) = function(name) else {
            return Err(unknown_function(name, column));
        };
        let open = self.words.column();
        self.words.advance()?;
        let mut arguments = Vec::new();
        while arguments.is_empty() && *self.words.peek() != Word::Sign(")")
            || *self.words.peek() == Word::Sign(",")
        {
            if !arguments.is_empty() {
                self.words.advance()?;
            }
            arguments.push(self.nested(open, Self::formula)?);
        }
        self.closed(open, "an operator, `,` or")?;
        let (allowed, in_words) = function.arguments();
        if !allowed.contains(&arguments.len()) {
            let found = match arguments.len() {
                1 => "1 argument".to_owned(),
                n => format!("{n} arguments"),
            };
            return Err(Fault::new(
                column,
                format!("`{name}` with {found}; expected {in_words}"),
            ));
        }
        if function == Function::Where && !arguments[0].is_truth {
            return Err(Fault::new(
                arguments[0].column,
                "`where` chooses by a comparison; expected one, as in where(a > 1, a, 0)",
            ));
        }
        let is_truth = function == Function::Where && arguments[1..].iter().all(|a| a.is_truth);
        let nodes = arguments.iter().map(|argument| argument.node).collect();
        Ok(self.part(Node::Call(function, nodes), is_truth, column))
    }

    /// Reads `)`; `open` is the column of its `(`.
    fn closed(&mut self, open: usize, expected: &str) -> Result<(), Fault> {
        match self.words.peek() {
            Word::Sign(")") => self.words.advance(),
            Word::Sign(";") | Word::End => {
                Err(self.unexpected(&format!("`)` for the `(` in column {open}")))
            }
            _ => Err(self.unexpected(&format!("{expected} `)`"))),
        }
    }

    /// Reads one level deeper.
    fn nested(
        &mut self,
        column: usize,
        read: fn(&mut Self) -> Result<Part, Fault>,
    ) -> Result<Part, Fault> {
        if self.nesting == MAX_NESTING {
            return Err(Fault::new(
                column,
                format!("nested too deep; expected at most {MAX_NESTING} levels"),
            ));
        }
        self.nesting += 1;
        let part = read(self)?;
        self.nesting -= 1;
        Ok(part)
    }

    fn part(&mut self, node: Node, is_truth: bool, column: usize) -> Part {
        self.expression.nodes.push(node);
        Part {
            node: self.expression.nodes.len() - 1,
            is_truth,
            column,
        }
    }

    fn fault(&self, message: impl Into<String>) -> Fault {
        Fault::new(self.words.column(), message)
    }

    /// What comes next is not what should.
    fn unexpected(&self, expected: &str) -> Fault {
        let found = match self.words.peek() {
            Word::Name("and") => {
                return self.fault("unexpected `and`; expected `&`, as in (a > 1) & (b > 1)");
            }
            Word::Name("or") => {
                return self.fault("unexpected `or`; expected `|`, as in (a > 1) | (b > 1)");
            }
            Word::End => return self.fault(format!("the text ends; expected {expected}")),
            Word::Number(_) => "number".to_owned(),
            Word::Name(name) => format!("`{}`", shown(name)),
            Word::Quoted(name) => format!("\"{}\"", shown(name)),
            Word::Sign(sign) => format!("`{sign}`"),
        };
        self.fault(format!("unexpected {found}; expected {expected}"))
    }
}

fn unknown_function(name: &str, column: usize) -> Fault {
    let near = nearest(name);
    let name = shown(name);
    let message = match near {
        Some(near) if near.contains(' ') => {
            format!("no function `{name}`; expected it to be written {near}")
        }
        Some(near) => format!("no function `{name}`; did you mean `{near}`?"),
        None => format!(
            "no function `{name}`; expected an operator between a name and `(`, or one of {}",
            super::function::names()
        ),
    };
    Fault::new(column, message)
}
