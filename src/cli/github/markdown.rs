//! Markdown, as GitHub has it, with text of others in it that is nothing but text.

use crate::cli::redact;

/// Letters of a text that are shown.
const LETTERS: usize = 300;

/// `text` on one line, and none of it Markdown or HTML: what could be is written as the number of its character, which never is
/// structure. Letters that nobody sees, or that turn the line round, are left out, and so is what gives access to an address.
pub(super) fn text(text: &str) -> String {
    let text = redact::text(text);
    let mut letters = text.chars();
    let mut safe = String::new();
    for letter in letters.by_ref().take(LETTERS) {
        match letter {
            '&' | '<' | '>' | '|' | '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '~' | '!' | '$'
            | '@' | ':' => {
                safe += &format!("&#{};", u32::from(letter));
            }
            '\u{2028}' | '\u{2029}' => safe.push(' '),
            letter if letter.is_control() => safe.push(' '),
            '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}'
            | '\u{feff}' => {}
            letter => safe.push(letter),
        }
    }
    if letters.next().is_some() {
        safe.push('…');
    }
    // Otherwise a link, by itself.
    safe.replace("www.", "www&#46;")
}

/// The same in the letters of code, for names and sums.
pub(super) fn code(name: &str) -> String {
    format!("<code>{}</code>", text(name))
}

/// A table. Columns whose heading ends in a colon are of numbers. Cells are Markdown already.
pub(super) fn table(heading: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let names = heading
        .iter()
        .map(|name| name.trim_end_matches(':').to_owned());
    let rules = heading.iter().map(|name| match name.ends_with(':') {
        true => "--:".to_owned(),
        false => "---".to_owned(),
    });
    let mut lines = vec![line(names), line(rules)];
    lines.extend(rows.into_iter().map(|cells| line(cells.into_iter())));
    lines.join("\n")
}

fn line(cells: impl Iterator<Item = String>) -> String {
    let cells: Vec<String> = cells.collect();
    format!("| {} |", cells.join(" | "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_others_is_text() {
        for (from, expected) in [
            ("ortho-2.tif, 5 %", "ortho-2.tif, 5 %"),
            (
                "<script>alert(1)</script>",
                "&#60;script&#62;alert(1)&#60;/script&#62;",
            ),
            ("a|b\n| c |", "a&#124;b &#124; c &#124;"),
            (
                "`x` **y** _z_",
                "&#96;x&#96; &#42;&#42;y&#42;&#42; &#95;z&#95;",
            ),
            ("![x](https://host)", "&#33;&#91;x&#93;(https&#58;//host)"),
            ("&lt;b&gt;", "&#38;lt;b&#38;gt;"),
            (
                "@team #1 $x$ www.host.org",
                "&#64;team &#35;1 &#36;x&#36; www&#46;host.org",
            ),
            ("a\u{202e}fit\u{2028}b", "afit b"),
        ] {
            assert_eq!(text(from), expected);
        }
        let long = text(&"x".repeat(5000));
        assert_eq!(long.chars().count(), LETTERS + 1);
    }

    #[test]
    fn a_cell_cannot_leave_its_table() {
        let rows = [vec![text("a | b\n\n# c"), code("`|`")]];
        let table = table(&["name", "tiles:"], rows);
        let lines: Vec<_> = table.lines().collect();
        assert_eq!(lines.len(), 3);
        assert_eq!(lines[..2], ["| name | tiles |", "| --- | --: |"]);
        assert_eq!(lines[2].matches('|').count(), 3);
    }
}
