//! An expression as a text again.

use std::fmt;
use std::mem;

use super::arithmetic::{Binary, Unary};
use super::parse::{LOOSEST, POWER, UNARY, level_of, plain_name, sign_of};
use super::{Expression, Node};

/// Tighter than every operator.
const ATOM: u8 = POWER + 1;

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The text of each node and how tightly it holds together; moved to what is made of it.
        let mut texts: Vec<(String, u8)> = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            let text = self.write(node, &mut texts);
            texts.push(text);
        }
        for (i, &output) in self.outputs.iter().enumerate() {
            let separator = if i == 0 { "" } else { "; " };
            write!(f, "{separator}{}", texts[output].0)?;
        }
        Ok(())
    }
}

impl Expression {
    fn write(&self, node: &Node, texts: &mut [(String, u8)]) -> (String, u8) {
        // The text of a node where something of that level, or tighter, can stand without parentheses.
        let mut text_of = |node: usize, level: u8| {
            let (text, its_level) = mem::take(&mut texts[node]);
            if its_level < level {
                format!("({text})")
            } else {
                text
            }
        };
        match *node {
            Node::Number(number) => (number_text(number), ATOM),
            Node::Band(band) => (band_text(&self.bands[band]), ATOM),
            Node::Unary(op, of) => {
                let sign = if op == Unary::Not { '~' } else { '-' };
                (format!("{sign}{}", text_of(of, UNARY)), UNARY)
            }
            Node::Binary(op, left, right) => {
                let level = level_of(op);
                let (left_level, right_level) = match op {
                    Binary::Power => (ATOM, UNARY),
                    // Not chained.
                    _ if level == LOOSEST => (level + 1, level + 1),
                    _ => (level, level + 1),
                };
                // Appended, because sums of many terms grow to the left.
                let mut text = text_of(left, left_level);
                text += &format!(" {} {}", sign_of(op), text_of(right, right_level));
                (text, level)
            }
            Node::Call(function, ref arguments) => {
                let list: Vec<String> = arguments.iter().map(|&a| text_of(a, LOOSEST)).collect();
                (format!("{}({})", function.name(), list.join(", ")), ATOM)
            }
        }
    }
}

/// The shortest text that is read as the same number.
fn number_text(number: f32) -> String {
    if number == std::f32::consts::PI {
        return "pi".to_owned();
    }
    let text = format!("{number:?}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

fn band_text(name: &str) -> String {
    if plain_name(name) {
        name.to_owned()
    } else {
        format!("\"{}\"", name.replace('"', "\"\""))
    }
}
