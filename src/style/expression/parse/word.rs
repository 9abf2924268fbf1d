//! A text cut into words: names, numbers and signs.

use super::MAX_WORDS;
use crate::style::fault::{Fault, shown};

/// A word.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Word<'a> {
    Number(f32),
    Name(&'a str),
    /// A name in quotes, without them.
    Quoted(String),
    /// One of [`SIGNS`].
    Sign(&'static str),
    /// Nothing comes any more.
    End,
}

/// Longer ones first.
const SIGNS: [&str; 19] = [
    "**", "<=", ">=", "==", "!=", "<", ">", "+", "-", "*", "/", "%", "&", "|", "~", "(", ")", ",",
    ";",
];

/// Signs of other languages, and what is meant. Looked for before [`SIGNS`].
const ELSEWHERE: [(&str, &str); 15] = [
    ("&&", "`&`, as in (a > 1) & (b > 1)"),
    ("||", "`|`, as in (a > 1) | (b > 1)"),
    ("//", "floor(a / b)"),
    ("<>", "`!=`"),
    ("^", "`**` for powers"),
    ("[", "`(` and `)` only"),
    ("]", "`(` and `)` only"),
    ("{", "`(` and `)` only"),
    ("}", "`(` and `)` only"),
    ("−", "`-`"),
    ("–", "`-`"),
    ("×", "`*`"),
    ("÷", "`/`"),
    ("≤", "`<=`"),
    ("≥", "`>=`"),
];

pub(super) fn begins_name(c: char) -> bool {
    c.is_alphabetic() || c == '_'
}

pub(super) fn is_in_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The words of a text, of which the next can be looked at.
pub(super) struct Words<'a> {
    /// What follows the next word.
    rest: &'a str,
    /// The column of the first character of `rest`: 1-based.
    rest_column: usize,
    next: Word<'a>,
    /// Of the next word.
    column: usize,
    n_words: usize,
}

impl<'a> Words<'a> {
    pub(super) fn new(text: &'a str) -> Result<Self, Fault> {
        let mut words = Self {
            rest: text,
            rest_column: 1,
            next: Word::End,
            column: 1,
            n_words: 0,
        };
        words.advance()?;
        Ok(words)
    }

    /// The next word.
    pub(super) fn peek(&self) -> &Word<'a> {
        &self.next
    }

    /// Where the next word begins.
    pub(super) fn column(&self) -> usize {
        self.column
    }

    /// Goes to the word after the next.
    pub(super) fn advance(&mut self) -> Result<(), Fault> {
        let start = self.rest.trim_start();
        self.take(self.rest.len() - start.len());
        self.column = self.rest_column;
        let Some(first) = self.rest.chars().next() else {
            self.next = Word::End;
            return Ok(());
        };
        self.n_words += 1;
        if self.n_words > MAX_WORDS {
            return Err(self.fault(format!(
                "too long; expected at most {MAX_WORDS} words and signs"
            )));
        }
        let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
        self.next = match first {
            '"' | '\'' | '`' => self.quoted(first)?,
            _ if digit(Some(first)) || first == '.' && digit(self.rest.chars().nth(1)) => {
                self.number()?
            }
            _ if begins_name(first) => Word::Name(self.take_while(is_in_name)),
            _ => self.sign(first)?,
        };
        Ok(())
    }

    /// The next `n` bytes, which are read.
    fn take(&mut self, n: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(n);
        self.rest = rest;
        self.rest_column += taken.chars().count();
        taken
    }

    fn take_while(&mut self, is: impl Fn(char) -> bool) -> &'a str {
        let n = self.rest.find(|c| !is(c)).unwrap_or(self.rest.len());
        self.take(n)
    }

    fn fault(&self, message: impl Into<String>) -> Fault {
        Fault::new(self.column, message)
    }

    fn sign(&mut self, first: char) -> Result<Word<'a>, Fault> {
        let begins = |sign: &str| self.rest.starts_with(sign);
        if let Some((sign, meant)) = ELSEWHERE.into_iter().find(|row| begins(row.0)) {
            return Err(self.fault(format!("unexpected `{sign}`; expected {meant}")));
        }
        if let Some(sign) = SIGNS.into_iter().find(|sign| begins(sign)) {
            self.take(sign.len());
            return Ok(Word::Sign(sign));
        }
        Err(match first {
            '=' => self.fault("unexpected `=`; expected `==` to compare"),
            '!' => self.fault("unexpected `!`; expected `!=` to compare, or `~`, as in ~(a > 1)"),
            // Would be seen by nobody, or spoil a terminal.
            _ if first.is_control() => self.fault(format!(
                "unexpected character U+{:04X}; expected a band, a number or a sign",
                u32::from(first)
            )),
            _ => self.fault(format!(
                "unexpected `{first}`; expected a band, a number or a sign, and names with such characters in quotes"
            )),
        })
    }

    /// Digits, a point, digits, an exponent.
    fn number(&mut self) -> Result<Word<'a>, Fault> {
        let text = self.rest;
        let digits = |from: usize| {
            let n = text[from..].bytes().take_while(u8::is_ascii_digit).count();
            from + n
        };
        let mut end = digits(0);
        if text[end..].starts_with('.') {
            end = digits(end + 1);
        }
        if text[end..].starts_with(['e', 'E']) {
            let sign = usize::from(text[end + 1..].starts_with(['+', '-']));
            let exponent_end = digits(end + 1 + sign);
            if exponent_end == end + 1 + sign {
                let written = shown(&text[..exponent_end]);
                return Err(self.fault(format!(
                    "number `{written}` without an exponent; expected digits after it, as in 1e-3"
                )));
            }
            end = exponent_end;
        }
        let written = self.take(end);
        if self.rest.starts_with(|c| is_in_name(c) || c == '.') {
            let after = self.take_while(|c| is_in_name(c) || c == '.');
            let found = shown(&format!("{written}{after}"));
            return Err(self.fault(format!(
                "`{found}` is no number and no name; expected an operator after a number, and names that begin with a digit in quotes"
            )));
        }
        let number: f32 = written.parse().expect("digits were counted");
        if number.is_infinite() {
            let written = shown(written);
            return Err(self.fault(format!(
                "number `{written}` is too large; expected at most 3.4e38"
            )));
        }
        Ok(Word::Number(number))
    }

    /// A name in quotes; the quote itself is written twice.
    fn quoted(&mut self, quote: char) -> Result<Word<'a>, Fault> {
        self.take(1);
        let mut name = String::new();
        loop {
            name += self.take_while(|c| c != quote);
            if self.rest.is_empty() {
                return Err(self.fault(format!(
                    "quote without its end; expected {quote} after the band's name"
                )));
            }
            self.take(1);
            if !self.rest.starts_with(quote) {
                break;
            }
            name.push(quote);
            self.take(1);
        }
        if name.is_empty() {
            return Err(self.fault("nothing in quotes; expected a band's name"));
        }
        Ok(Word::Quoted(name))
    }
}
