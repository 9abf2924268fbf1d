//! What was found, as text and as JSON.

use azulejo::diff::{Counts, Difference, Listed, Measure, Pair, Said};
use azulejo::geo::tile::TileCoord;
use serde_json::{Value, json};

use super::DiffArgs;
use crate::cli::human;
use crate::cli::report::{extend, place};

/// Changes when a reader of the JSON would have to.
const SCHEMA: &str = "azulejo-diff/1";

/// Changed tiles, and lines of metadata, that text tells of.
const SHOWN: usize = 20;

/// Who tells of more changes: see `LISTED_MAX`.
const CHANGES_TOLD: &str = "--json tells of the first 100,000, --expired lists all";

/// Letters of a value of metadata that text shows.
const VALUE_CHARS: usize = 60;

/// A label, and what is said.
type Line = (String, String);

fn line(label: &str, text: String) -> Line {
    (label.to_owned(), text)
}

/// All that there is to tell.
pub(super) struct Told<'a> {
    pub(super) args: &'a DiffArgs,
    pub(super) pair: &'a Pair,
    pub(super) found: &'a Difference,
}

impl Told<'_> {
    /// For people.
    pub(super) fn text(&self) -> String {
        let mut lines = self.totals();
        lines.extend(self.metadata());
        lines.extend(self.tiles());
        self.page(&lines)
    }

    fn totals(&self) -> Vec<Line> {
        let found = self.found;
        let total = found.total();
        let (in_a, in_b) = (human::count(total.in_a()), human::count(total.in_b()));
        let mut lines = vec![
            line("tiles", format!("{in_a} in A · {in_b} in B")),
            line("equal", equal(&total)),
        ];
        if self.args.tolerance > 0.0 {
            let within = human::counted(total.within, "tile");
            let text = format!("{within} · up to {}", self.args.tolerance);
            lines.push(line("within", text));
        }
        lines.extend([
            line("changed", changed(&total, found.largest)),
            line("added", human::counted(total.added, "tile")),
            line("removed", human::counted(total.removed, "tile")),
        ]);
        // Of zooms that are the same there is nothing to tell.
        let zooms = found.zooms.iter().filter(|(_, zoom)| !is_same(zoom));
        lines.extend(zooms.map(|(z, zoom)| line("zoom", format!("{z:>2}  {}", counted(zoom)))));
        lines.extend(found.heatmap.as_ref().map(|heatmap| {
            let (columns, rows) = heatmap.size();
            let (zoom, side) = (heatmap.zoom(), heatmap.square_px());
            let text = format!("of zoom {zoom} · {columns} x {rows} squares of {side} px");
            line("map", text)
        }));
        lines
    }

    fn metadata(&self) -> impl Iterator<Item = Line> {
        let metadata = &self.found.metadata;
        let shown = metadata.iter().take(SHOWN);
        shown
            .map(|said| line("metadata", text_of(said)))
            .chain(left(metadata.len(), "--json tells of all"))
    }

    fn tiles(&self) -> impl Iterator<Item = Line> {
        let shown = self.found.listed.iter().take(SHOWN);
        shown
            .map(|listed| line(&listed.tile.to_string(), what(listed)))
            .chain(left(self.found.changes.len(), CHANGES_TOLD))
    }

    fn page(&self, lines: &[Line]) -> String {
        let (a, b) = (place(&self.args.a), place(&self.args.b));
        let mut text = format!("{a} and {b}\n");
        let widest = lines.iter().map(|(label, _)| label.len()).max();
        let width = widest.unwrap_or(0).max(9) + 2;
        for (label, line) in lines {
            text += &format!("  {label:<width$}{line}\n");
        }
        if self.found.changes.is_empty() && self.found.metadata.is_empty() {
            text += "no difference\n";
        }
        text
    }

    /// For programs.
    pub(super) fn json(&self) -> Value {
        let found = self.found;
        let zooms = found.zooms.iter().map(|(z, zoom)| {
            let mut object = json!({ "zoom": z });
            extend(&mut object, counts(zoom));
            object
        });
        let total = found.total();
        let said = found
            .metadata
            .iter()
            .map(|said| json!({ "key": said.key, "a": said.a, "b": said.b }));
        let largest = found.largest.map(|(tile, measure)| {
            let mut object = json!({ "tile": tile.to_string() });
            extend(&mut object, measured(&measure));
            object
        });
        json!({
            "schema": SCHEMA,
            "different": !(found.changes.is_empty() && found.metadata.is_empty()),
            "a": { "path": place(&self.args.a), "tiles": self.pair.n_tiles().0 },
            "b": { "path": place(&self.args.b), "tiles": self.pair.n_tiles().1 },
            "tolerance": self.args.tolerance,
            "tiles_only": self.args.tiles_only,
            "tiles": counts(&total),
            "zooms": zooms.collect::<Vec<_>>(),
            "largest": largest,
            "metadata": said.collect::<Vec<_>>(),
            "not_compared": found.not_compared.as_ref().map_or(0, |(n, _)| *n),
            "heatmap": found.heatmap.as_ref().map(|heatmap| json!({
                "zoom": heatmap.zoom(),
                "columns": heatmap.size().0,
                "rows": heatmap.size().1,
                "square_px": heatmap.square_px(),
            })),
            "changes": found.listed.iter().map(listed).collect::<Vec<_>>(),
            "changes_left_out": found.changes.len() - found.listed.len(),
        })
    }
}

fn is_same(zoom: &Counts) -> bool {
    zoom.changed + zoom.added + zoom.removed == 0
}

/// `330 tiles · 5 of them encoded anew`.
fn equal(total: &Counts) -> String {
    let tiles = human::counted(total.equal + total.reencoded, "tile");
    match total.reencoded {
        0 => tiles,
        n => format!("{tiles} · {} of them encoded anew", human::count(n)),
    }
}

/// `6 tiles · most 9/145/219: max 131 · …`.
fn changed(total: &Counts, largest: Option<(TileCoord, Measure)>) -> String {
    let tiles = human::counted(total.changed, "tile");
    match largest {
        None => tiles,
        Some((tile, measure)) => format!("{tiles} · most {tile}: {measure}"),
    }
}

/// `12 equal · 2 changed · 1 added`, as far as there are any.
fn counted(zoom: &Counts) -> String {
    let parts = [
        (zoom.equal + zoom.reencoded, "equal"),
        (zoom.within, "within"),
        (zoom.changed, "changed"),
        (zoom.added, "added"),
        (zoom.removed, "removed"),
    ];
    let parts = parts.into_iter().filter(|(n, _)| *n > 0);
    let parts = parts.map(|(n, what)| format!("{} {what}", human::count(n)));
    parts.collect::<Vec<_>>().join(" · ")
}

/// `changed · max 131 · mean 3.21`.
fn what(listed: &Listed) -> String {
    let change = listed.change.name();
    match (&listed.measure, &listed.reason) {
        (Some(measure), _) => format!("{change} · {measure}"),
        (None, Some(reason)) => format!("{change} · {reason}"),
        (None, None) => change.to_owned(),
    }
}

/// What to say of those of `n` that are not shown, and who tells of them.
fn left(n: usize, who_tells: &str) -> Option<Line> {
    let rest = n.checked_sub(SHOWN).filter(|&rest| rest > 0)?;
    let rest = human::count(rest as u64);
    Some(line("", format!("and {rest} more: {who_tells}")))
}

/// `name: "Old" in A, nothing in B`.
fn text_of(said: &Said) -> String {
    let shown = |value: &Option<Value>| match value {
        None => "nothing".to_owned(),
        Some(value) => {
            let text = value.to_string();
            match text.char_indices().nth(VALUE_CHARS) {
                None => text,
                Some((end, _)) => format!("{}…", &text[..end]),
            }
        }
    };
    format!(
        "{}: {} in A, {} in B",
        said.key,
        shown(&said.a),
        shown(&said.b)
    )
}

fn counts(counts: &Counts) -> Value {
    json!({
        "equal": counts.equal,
        "reencoded": counts.reencoded,
        "within_tolerance": counts.within,
        "changed": counts.changed,
        "added": counts.added,
        "removed": counts.removed,
    })
}

fn measured(measure: &Measure) -> Value {
    json!({
        "max": measure.max,
        "mean": measure.mean,
        "psnr": measure.psnr,
        "of": measure.full,
        "pixels": measure.pixels,
        "mask": measure.mask,
    })
}

fn listed(listed: &Listed) -> Value {
    let mut object = json!({ "tile": listed.tile.to_string(), "change": listed.change.name() });
    if let Some(measure) = &listed.measure {
        extend(&mut object, measured(measure));
    }
    if let Some(reason) = &listed.reason {
        extend(&mut object, json!({ "reason": reason }));
    }
    object
}
