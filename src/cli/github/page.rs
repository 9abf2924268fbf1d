//! What a command has made or found as a page of Markdown, from the JSON that it tells programs.

use std::time::Duration;

use serde_json::Value;

use super::markdown::{code, table, text};
use super::{Heard, List};
use crate::cli::human;
use crate::cli::report::peak_memory_bytes;
use crate::cli::versions;

/// Rows of a table.
const ROWS: usize = 100;

/// A page: its parts, the most important first.
pub(super) struct Page(Vec<String>);

impl Page {
    /// One with nothing on it but its first part.
    pub(super) fn new(first: String) -> Self {
        Self(vec![first])
    }

    fn add(&mut self, part: impl Into<Option<String>>) {
        self.0.extend(part.into());
    }

    /// The page in at most `room_bytes`, parts that do not fit left out; nothing if there is no room for the first.
    pub(super) fn text(&self, room_bytes: usize) -> String {
        const LEFT_OUT: &str =
            "What is missing here did not fit: GitHub takes 1 MiB of a step.\n\n";
        let mut page = String::new();
        let mut is_whole = true;
        for (index, part) in self.0.iter().enumerate() {
            let is_last = index + 1 == self.0.len();
            let reserve = if is_last && is_whole {
                0
            } else {
                LEFT_OUT.len()
            };
            if page.len() + part.len() + 2 + reserve <= room_bytes {
                page += part;
                page += "\n\n";
            } else if index == 0 {
                return page;
            } else {
                is_whole = false;
            }
        }
        if !is_whole {
            page += LEFT_OUT;
        }
        page
    }
}

/// The page of what `told` says: a report, or what `verify` or `diff` found.
pub(super) fn of(told: &Value, heard: &Heard, elapsed: Duration) -> Page {
    let schema = told["schema"].as_str().unwrap_or_default();
    let mut page = match schema.split('/').next() {
        Some("azulejo-verify") => of_verify(told),
        Some("azulejo-diff") => of_diff(told),
        _ => of_report(told),
    };
    end(&mut page, told, heard, elapsed);
    page
}

/// The page of a run that has failed, with its exit code.
pub(super) fn of_failure(
    (exit_code, message, help): (u8, &str, Option<&str>),
    heard: &Heard,
    elapsed: Duration,
) -> Page {
    let mut page = Page::new(format!("### azulejo failed, exit code {exit_code}"));
    let help = help.map(|help| vec![format!("help: {}", text(help))]);
    let rows = std::iter::once(vec![text(message)]).chain(help);
    page.add(table(&["error"], rows));
    end(&mut page, &Value::Null, heard, elapsed);
    page
}

/// What every page ends with.
fn end(page: &mut Page, told: &Value, heard: &Heard, elapsed: Duration) {
    page.add(lines("Warnings", &heard.warnings));
    let mut notes = List::default();
    let said = list(&told["notes"]).filter_map(Value::as_str);
    let said = said.chain(heard.notes.lines.iter().map(String::as_str));
    for note in said.filter(|&note| !heard.warnings.lines.iter().any(|known| known == note)) {
        notes.add(note);
    }
    notes.n_more += heard.notes.n_more;
    page.add(lines("Notes", &notes));
    page.add(format!(
        "{} · peak memory {} · azulejo {}, GDAL {}, PROJ {}",
        human::duration(elapsed),
        human::memory(peak_memory_bytes()),
        versions::AZULEJO,
        text(&versions::gdal()),
        versions::proj()
    ));
}

/// A table, as only there a line of others is never a heading or a list.
fn lines(heading: &str, list: &List) -> Option<String> {
    if list.lines.is_empty() {
        return None;
    }
    let table = table(&[heading], list.lines.iter().map(|line| vec![text(line)]));
    Some(match list.n_more {
        0 => table,
        n => format!("{table}\n\nand {} more", human::count(n as u64)),
    })
}

/// What `tile`, `merge` or `convert` made.
fn of_report(told: &Value) -> Page {
    let command = match told {
        told if told["tileset"].is_object() => "convert",
        told if told["grid"].is_object() => "merge",
        _ => "tile",
    };
    let mut page = Page::new(format!("### azulejo {command}\n\n{}", outputs(told)));
    page.add(zooms(told));
    page.add(grid(&told["grid"]));
    let holes = list(&told["holes"]).count() as u64;
    page.add((holes > 0).then(|| {
        let told = human::counted(holes, "hole");
        format!("**{told}** where sources are damaged")
    }));
    page.add(sources(told));
    page
}

fn outputs(told: &Value) -> String {
    let rows = list(&told["outputs"]).map(|output| {
        let sum = output["sha256"].as_str().map(code);
        vec![
            name(&output["path"]),
            output["tiles"]
                .as_u64()
                .map(human::count)
                .unwrap_or_default(),
            size(&output["bytes"]),
            count(&output["bytes"]),
            sum.unwrap_or_default(),
        ]
    });
    table(&["output", "tiles:", "size:", "bytes:", "SHA-256"], rows)
}

fn zooms(told: &Value) -> Option<String> {
    let zooms = told["zooms"].as_array().filter(|zooms| !zooms.is_empty())?;
    let row = |zoom: &Value| {
        vec![
            count(&zoom["zoom"]),
            count(&zoom["tiles"]),
            count(&zoom["bytes"]),
        ]
    };
    Some(table(&["zoom:", "tiles:", "bytes:"], zooms.iter().map(row)))
}

fn grid(grid: &Value) -> Option<String> {
    let crs = grid["crs"].as_str()?;
    let (width, height) = (count(&grid["width"]), count(&grid["height"]));
    Some(format!("{width} x {height} pixels in {}", text(crs)))
}

/// The rasters, or the tileset, that all was made of.
fn sources(told: &Value) -> Option<String> {
    if told["tileset"].is_object() {
        let tileset = &told["tileset"];
        let (taken, all) = (count(&tileset["taken"]), count(&tileset["tiles"]));
        return Some(format!(
            "Of {}: {taken} of {all} tiles",
            name(&tileset["path"])
        ));
    }
    let rows = list(&told["sources"]).map(|source| {
        let (width, height) = (count(&source["width"]), count(&source["height"]));
        vec![
            name(&source["name"]),
            format!("{width} x {height}"),
            count(&source["bands"]),
            word(&source["type"]),
            word(&source["crs"]),
        ]
    });
    cut(&["source", "pixels:", "bands:", "type", "CRS"], rows)
}

/// What `verify` found.
fn of_verify(told: &Value) -> Page {
    let found = told["findings_total"].as_u64().unwrap_or(0);
    let verdict = match found {
        0 => "nothing found".to_owned(),
        n => format!("**{}**", human::counted(n, "finding")),
    };
    let head = format!(
        "### azulejo verify\n\n{}: {} tiles, {} · {verdict}",
        name(&told["path"]),
        count(&told["tiles"]),
        size(&told["bytes"])
    );
    let mut page = Page::new(head);
    let counts = told["counts"]
        .as_object()
        .filter(|counts| !counts.is_empty());
    page.add(counts.map(|counts| {
        let rows = counts.iter().map(|(kind, n)| vec![text(kind), count(n)]);
        table(&["kind", "findings:"], rows)
    }));
    let rows = list(&told["findings"]).map(|finding| {
        let cell = |field: &str| word(&finding[field]);
        vec![
            cell("kind"),
            name(&finding["place"]),
            cell("found"),
            cell("expected"),
        ]
    });
    page.add(cut(&["kind", "place", "found", "expected"], rows));
    page.add(zooms(told));
    page.add(
        told["tiles_sha256"]
            .as_str()
            .map(|sum| format!("SHA-256 over all tiles: {}", code(sum))),
    );
    page
}

/// What `diff` found.
fn of_diff(told: &Value) -> Page {
    let verdict = match told["different"].as_bool() {
        Some(true) => "**different**",
        _ => "no difference",
    };
    let (a, b) = (name(&told["a"]["path"]), name(&told["b"]["path"]));
    let row = |zoom: String, counts: &Value| {
        let mut row = vec![zoom];
        row.extend(COUNTS.map(|(field, _)| count(&counts[field])));
        row
    };
    let zooms = list(&told["zooms"]).map(|zoom| row(count(&zoom["zoom"]), zoom));
    let all = std::iter::once(row("all".to_owned(), &told["tiles"]));
    let mut heading = vec!["zoom:"];
    heading.extend(COUNTS.map(|(_, heading)| heading));
    let counts = table(&heading, all.chain(zooms));
    let mut page = Page::new(format!(
        "### azulejo diff\n\n{a} and {b}: {verdict}\n\n{counts}"
    ));
    let rows = list(&told["metadata"]).map(|said| {
        let value = |value: &Value| match value {
            Value::Null => "nothing".to_owned(),
            value => code(&value.to_string()),
        };
        vec![name(&said["key"]), value(&said["a"]), value(&said["b"])]
    });
    page.add(cut(&["metadata", "A", "B"], rows));
    let rows = list(&told["changes"]).map(|change| {
        let figure = |field: &str| change[field].as_f64().map(human::three_digits);
        vec![
            word(&change["tile"]),
            word(&change["change"]),
            figure("max").unwrap_or_default(),
            figure("mean").unwrap_or_default(),
        ]
    });
    page.add(cut(&["tile", "change", "max:", "mean:"], rows));
    page
}

/// Counts of a comparison, and their columns.
const COUNTS: [(&str, &str); 6] = [
    ("equal", "equal:"),
    ("reencoded", "encoded anew:"),
    ("within_tolerance", "within tolerance:"),
    ("changed", "changed:"),
    ("added", "added:"),
    ("removed", "removed:"),
];

/// A table of the first of `rows` that says how many more there are; nothing of none.
fn cut(heading: &[&str], mut rows: impl Iterator<Item = Vec<String>>) -> Option<String> {
    let first: Vec<_> = rows.by_ref().take(ROWS).collect();
    if first.is_empty() {
        return None;
    }
    let table = table(heading, first);
    Some(match rows.count() {
        0 => table,
        n => format!("{table}\n\nand {} more", human::count(n as u64)),
    })
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn word(value: &Value) -> String {
    text(value.as_str().unwrap_or_default())
}

fn name(value: &Value) -> String {
    match value.as_str() {
        None | Some("") => String::new(),
        Some(name) => code(name),
    }
}

fn count(value: &Value) -> String {
    value.as_u64().map(human::count).unwrap_or_default()
}

fn size(value: &Value) -> String {
    value.as_u64().map(human::bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn parts_that_do_not_fit_are_left_out_and_the_first_never() {
        let mut page = Page::new("first".to_owned());
        page.add("x".repeat(1000));
        page.add("last".to_owned());
        let all = page.text(2000);
        assert!(
            all.starts_with("first\n\nxxx") && all.ends_with("x\n\nlast\n\n"),
            "{all}"
        );
        assert!(!all.contains("did not fit"));
        for room in 0..1100 {
            let text = page.text(room);
            assert!(text.len() <= room, "{room}: {}", text.len());
            assert!(text.is_empty() || text.starts_with("first\n\n"));
            let is_whole = text.contains("xxx") && text.contains("last");
            assert!(
                text.is_empty() || is_whole || text.contains("did not fit"),
                "{room}: {text}"
            );
        }
    }

    #[test]
    fn long_lists_are_cut() {
        let sources: Vec<_> = (0..100_000)
            .map(|n| json!({ "name": format!("{n}|.tif") }))
            .collect();
        let told = json!({ "schema": "azulejo-report/1", "sources": sources, "outputs": [] });
        let text = of(&told, &Heard::default(), Duration::ZERO).text(1 << 20);
        assert!(text.contains("and 99,900 more"), "{text}");
        assert!(text.len() < 1 << 16);
    }
}
