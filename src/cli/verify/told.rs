//! What was seen of a tileset, as text and as JSON.

use std::path::Path;

use azulejo::verify::{Against, Finding, KEPT, Verified};
use serde_json::{Value, json};

use crate::cli::human;
use crate::cli::report::place as shown;

/// Changes when a reader of the JSON would have to.
const SCHEMA: &str = "azulejo-verify/1";

/// Findings of a kind that are shown to people.
const SHOWN: usize = 5;

/// For people.
pub(super) fn text(path: &Path, verified: &Verified) -> String {
    let mut text = format!("{}\n", shown(path));
    let mut line = |label: &str, told: &str| text += &format!("  {label:<11}{told}\n");
    let tiles: u64 = verified.zooms.values().map(|zoom| zoom.tiles).sum();
    let bytes: u64 = verified.zooms.values().map(|zoom| zoom.bytes).sum();
    let zooms = match (verified.zooms.keys().next(), verified.zooms.keys().last()) {
        (Some(lowest), Some(highest)) if lowest == highest => format!("z{lowest} · "),
        (Some(lowest), Some(highest)) => format!("z{lowest}-z{highest} · "),
        _ => String::new(),
    };
    let decoded = human::count(verified.n_decoded);
    let told = format!(
        "{} · {zooms}{} · {decoded} decoded",
        human::counted(tiles, "tile"),
        human::bytes(bytes)
    );
    line("tiles", &told);
    if let Some(typical) = &verified.overviews {
        let told = format!(
            "{} compared with their parents by {} · median difference {:.1} of 255",
            human::counted(verified.n_compared, "tile"),
            typical.reducer.name(),
            typical.pixels
        );
        line("overviews", &told);
    }
    if let Some((across, inside)) = seams(verified) {
        line(
            "seams",
            &format!("mean difference {across:.1} of 255 · {inside:.1} beside them"),
        );
    }
    if let Some(against) = &verified.against {
        line("sources", &compared(against));
        if let Some((tile, measure)) = &against.largest {
            line("", &format!("most {tile}: {measure}"));
        }
    }
    if let Some(digest) = &verified.digest {
        line("sha256", &format!("{digest} over all tiles"));
    }
    verified.notes.iter().for_each(|note| line("note", note));
    for (kind, n, findings) in verified.findings.by_kind() {
        let info = kind.info();
        line(
            "found",
            &format!("{} {}: {}", human::count(n), info.name, info.meaning),
        );
        for finding in findings.iter().take(SHOWN) {
            line("", &sentence(finding));
        }
        if n > SHOWN as u64 {
            line(
                "",
                &format!("and {} more, with --json", human::count(n - SHOWN as u64)),
            );
        }
    }
    if verified.findings.total() == 0 {
        line("found", "nothing");
    }
    text
}

/// `64 of 1,200 tiles baked once more: 60 equal · 4 different`, as far as there are any.
fn compared(against: &Against) -> String {
    let counts = [
        (against.equal, "the same bytes"),
        (against.reencoded, "the same pixels"),
        (against.within, "within the tolerance"),
        (against.different, "different"),
        (against.missing, "missing"),
        (against.surplus, "too many"),
        (against.nothing, "with nothing on them, and not stored"),
        (against.unreadable, "unreadable"),
    ];
    let some = counts.into_iter().filter(|(n, _)| *n > 0);
    let some = some.map(|(n, what)| format!("{} {what}", human::count(n)));
    let tiles = human::counted(against.of, "tile");
    let n = human::count(against.tiles);
    format!(
        "{n} of {tiles} baked once more: {}",
        some.collect::<Vec<_>>().join(" · ")
    )
}

/// Mean differences across all seams, and beside them.
fn seams(verified: &Verified) -> Option<(f64, f64)> {
    let seams = || verified.zooms.values().map(|zoom| zoom.seams);
    let pairs: u64 = seams().map(|seams| seams.pairs).sum();
    let mean = |sum: f64| sum / pairs as f64;
    let across = seams().map(|seams| seams.across * seams.pairs as f64).sum();
    let inside = seams().map(|seams| seams.inside * seams.pairs as f64).sum();
    (pairs > 0).then(|| (mean(across), mean(inside)))
}

fn sentence(finding: &Finding) -> String {
    let Finding {
        place,
        found,
        expected,
        ..
    } = finding;
    let colon = if place.is_empty() { "" } else { ": " };
    format!("{place}{colon}{found}; expected {expected}")
}

/// For programs.
pub(super) fn json(path: &Path, verified: &Verified) -> Value {
    let zooms = verified.zooms.iter().map(|(z, zoom)| {
        json!({
            "zoom": z,
            "tiles": zoom.tiles,
            "bytes": zoom.bytes,
            "seams": {
                "pairs": zoom.seams.pairs,
                "steps": zoom.seams.bad,
                "across": zoom.seams.across,
                "inside": zoom.seams.inside,
            },
        })
    });
    let counts: serde_json::Map<_, _> = verified
        .findings
        .by_kind()
        .map(|(kind, n, _)| (kind.info().name.to_owned(), n.into()))
        .collect();
    let findings = verified
        .findings
        .by_kind()
        .flat_map(|(_, _, findings)| findings);
    let finding = |finding: &Finding| {
        json!({
            "kind": finding.kind.info().name,
            "place": finding.place,
            "tile": finding.tile.map(|tile| json!({ "z": tile.z(), "x": tile.x(), "y": tile.y() })),
            "found": finding.found,
            "expected": finding.expected,
        })
    };
    json!({
        "schema": SCHEMA,
        "path": shown(path),
        "sound": verified.findings.total() == 0,
        "tiles": verified.zooms.values().map(|zoom| zoom.tiles).sum::<u64>(),
        "bytes": verified.zooms.values().map(|zoom| zoom.bytes).sum::<u64>(),
        "decoded": verified.n_decoded,
        "compared": verified.n_compared,
        "overviews": verified.overviews.map(|typical| json!({
            "reducer": typical.reducer.name(),
            "median_difference": typical.pixels,
            "exact": typical.is_exact,
        })),
        "zooms": zooms.collect::<Vec<_>>(),
        "against": verified.against.as_ref().map(against_json),
        "tiles_sha256": verified.digest,
        "findings_total": verified.findings.total(),
        "findings_kept_of_a_kind": KEPT,
        "counts": counts,
        "findings": findings.map(finding).collect::<Vec<_>>(),
        "notes": verified.notes,
    })
}

fn against_json(against: &Against) -> Value {
    json!({
        "tiles": against.tiles,
        "of": against.of,
        "equal": against.equal,
        "reencoded": against.reencoded,
        "within_tolerance": against.within,
        "different": against.different,
        "missing": against.missing,
        "surplus": against.surplus,
        "nothing": against.nothing,
        "unreadable": against.unreadable,
        "largest": against.largest.map(|(tile, measure)| json!({
            "tile": tile.to_string(),
            "max": measure.max,
            "mean": measure.mean,
            "of": measure.full,
            "pixels": measure.pixels,
            "different": measure.different,
            "mask": measure.mask,
        })),
    })
}
