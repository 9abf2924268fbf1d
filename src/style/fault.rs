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

    /// Two lines: `text`, and a caret under the fault. Characters are taken to be equally wide; all white space in `text` is
    /// shown as single blanks, so that it is one line.
    pub fn under(&self, text: &str) -> String {
        let line: String = text
            .chars()
            .map(|c| if c.is_whitespace() { ' ' } else { c })
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

#[cfg(test)]
mod tests {
    use super::Fault;

    #[test]
    fn the_caret_counts_characters() {
        let fault = Fault::new(4, "nothing; expected something");
        assert_eq!(fault.to_string(), "column 4: nothing; expected something");
        assert_eq!(fault.under("äö\tü"), "äö ü\n   ^");
        assert_eq!(Fault::new(1, "").under(""), "\n^");
    }
}
