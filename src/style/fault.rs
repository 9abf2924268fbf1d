//! What is wrong with a text that somebody typed, and where.

use std::error::Error;
use std::fmt;

/// A fault in a text typed by a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where: 1-based, in characters. One past the last character if something is missing at the end.
    pub column: usize,
    /// What was found and what was expected: one line, lower case, no full stop.
    pub message: String,
}

impl Fault {
    /// A fault at `column`, 1-based, in characters.
    pub fn new(column: usize, message: impl Into<String>) -> Self {
        Self {
            column,
            message: message.into(),
        }
    }

    /// Two lines: `text`, and a caret under the fault. Characters are taken to be equally wide; white space and control
    /// characters in `text` are shown as blanks, so that it is one line.
    pub fn under(&self, text: &str) -> String {
        let line: String = text
            .chars()
            .map(|c| {
                if c.is_whitespace() || c.is_control() {
                    ' '
                } else {
                    c
                }
            })
            .collect();
        format!("{line}\n{}^", " ".repeat(self.column.saturating_sub(1)))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "column {}: {}", self.column, self.message)
    }
}

impl Error for Fault {}

/// A part of a text for a message: one line, of no more than 40 characters, that does not spoil a terminal.
pub(super) fn shown(part: &str) -> String {
    let mut chars = part.chars();
    let mut shown: String = chars
        .by_ref()
        .take(40)
        .flat_map(|c| {
            let (escaped, plain) = match c.is_control() {
                true => (Some(c.escape_unicode()), None),
                false => (None, Some(c)),
            };
            escaped.into_iter().flatten().chain(plain)
        })
        .collect();
    if chars.next().is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::{Fault, shown};

    #[test]
    fn the_caret_counts_characters() {
        let fault = Fault::new(4, "nothing; expected something");
        assert_eq!(fault.to_string(), "column 4: nothing; expected something");
        assert_eq!(fault.under("äö\tü"), "äö ü\n   ^");
        assert_eq!(Fault::new(1, "").under(""), "\n^");
    }

    #[test]
    fn parts_are_shown_on_a_line() {
        assert_eq!(shown("größe\u{1b}[1m\n"), "größe\\u{1b}[1m\\u{a}");
        assert_eq!(shown(&"é".repeat(40)), "é".repeat(40));
        assert_eq!(shown(&"é".repeat(41)), format!("{}…", "é".repeat(40)));
    }
}
