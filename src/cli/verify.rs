//! `azulejo verify`: whether a tileset is whole and true.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use azulejo::error::{Error, Kind, Result};
use azulejo::pyramid::Progress;
use azulejo::raster::reduce::Reducer;
use azulejo::verify::{Finding, KEPT, KINDS, Options, Recorded, Verified, verify};
use clap::Args;
use serde_json::{Value, json};

use super::console::Console;
use super::human;
use super::interrupt::Interrupt;
use super::progress::{Meter, Phase};
use super::report::place as shown;
use super::running::PaceArgs;

/// Changes when a reader of the JSON would have to.
const SCHEMA: &str = "azulejo-verify/1";

/// Findings of a kind that are shown to people.
const SHOWN: usize = 5;

const EXAMPLES: &str = "\
Examples:
  azulejo verify city.mbtiles
  azulejo tile ortho.tif -o ortho.pmtiles --report ortho.json
  azulejo verify ortho.pmtiles --report ortho.json
  azulejo verify --json city/ | jq '.findings[] | [.kind, .place, .found] | @tsv'
  azulejo verify --ignore stray city/
  azulejo verify https://example.com/city.pmtiles";

/// Examples, the kinds of findings, exit codes.
pub(super) fn after_help() -> String {
    let kinds = KINDS
        .iter()
        .map(|info| format!("  {:<14}{}", info.name, info.meaning));
    let kinds = kinds.collect::<Vec<_>>().join("\n");
    format!(
        "{EXAMPLES}\n\nFindings:\n{kinds}\n\nExit codes:\n  0 nothing found, 1 internal error, 2 usage, 3 no tileset, 6 something found, 9 out of memory,\n  75 try again, 130 interrupted"
    )
}

const JOBS: &str = "\
Threads, or ALL_CPUS. Also from GDAL_NUM_THREADS. Never changes what is found. [default: all processors]";

/// Options of `azulejo verify`.
#[derive(Args)]
#[command(mut_arg("jobs", |arg| arg.help(JOBS)))]
pub(super) struct VerifyArgs {
    /// A tileset: a .mbtiles or .pmtiles file, or a folder of Z/X/Y files, by azulejo or by others; or a PMTiles archive in the
    /// network: https://, s3://, gs://, az:// or a name of GDAL's that begins with /vsi. All of its tiles are read.
    #[arg(value_name = "TILESET")]
    tileset: PathBuf,

    /// Print JSON: all that was seen, and of each kind of findings the first 1000.
    #[arg(long)]
    json: bool,

    /// The SHA-256 over all tiles that they should have: `tiles_sha256` in the report of 'azulejo tile' and 'azulejo convert'.
    #[arg(long, value_name = "HEX", value_parser = digest, conflicts_with = "report")]
    digest: Option<String>,

    /// The report that was written when the tileset was made ('azulejo tile --report'): tiles and bytes of every zoom, their
    /// SHA-256 and the rule of the overviews are compared with it.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,

    /// Kinds of findings, separated by commas, that are none for this tileset: they are counted in a note.
    #[arg(long, value_name = "KINDS", value_delimiter = ',', value_parser = kind)]
    ignore: Vec<azulejo::verify::Kind>,

    #[command(flatten)]
    pub(super) pace: PaceArgs,
}

fn digest(text: &str) -> std::result::Result<String, String> {
    let is_hex = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hex {
        Ok(text.to_lowercase())
    } else {
        Err("expected the 64 hexadecimal digits of a SHA-256".to_owned())
    }
}

fn kind(text: &str) -> std::result::Result<azulejo::verify::Kind, String> {
    azulejo::verify::Kind::from_name(text).ok_or_else(|| {
        let names: Vec<_> = KINDS.iter().map(|info| info.name).collect();
        format!("no kind of findings; expected one of {}", names.join(", "))
    })
}

/// Runs the command.
///
/// # Errors
/// [`Kind::Found`] when something is wrong with the tileset, [`Kind::Input`] when there is none.
pub(super) fn run(args: &VerifyArgs, console: &Console) -> Result<()> {
    azulejo::source::gdal::init();
    let interrupt = Interrupt::install()?;
    let recorded = match &args.report {
        Some(report) => recorded(report)?,
        None => Recorded {
            digest: args.digest.clone(),
            ..Recorded::default()
        },
    };
    let options = Options {
        jobs: args.pace.jobs()?,
        recorded,
        ignore: args.ignore.clone(),
        stop: Some(interrupt.flag()),
    };
    let mut meter = Meter::start(console, Phase::Verifying);
    let verified = verify(&args.tileset, &options, &mut |progress: &Progress| {
        interrupt.check()?;
        // Until tiles are listed nobody knows how many there are.
        if progress.planned > 0 {
            meter.update(progress);
        }
        Ok(())
    })?;
    drop(meter);
    console.summarise(|| json(&args.tileset, &verified));
    if args.json {
        let told = json(&args.tileset, &verified);
        console.print(&format!("{told:#}\n"))?;
    } else {
        console.print(&text(&args.tileset, &verified))?;
    }
    match verified.findings.total() {
        0 => Ok(()),
        n => {
            let kinds = verified.findings.by_kind().count() as u64;
            let path = shown(&args.tileset);
            let found = format!(
                "{path}: {} of {}; expected none",
                human::counted(n, "finding"),
                human::counted(kinds, "kind")
            );
            Err(Error::new(Kind::Found, found))
        }
    }
}

/// What the report at `path` tells of the tiles.
fn recorded(path: &Path) -> Result<Recorded> {
    let shown = path.display();
    let text = std::fs::read(path)
        .map_err(|error| Error::input(&shown, format_args!("cannot be read ({error})")))?;
    let report: Option<Value> = serde_json::from_slice(&text).ok();
    let report = report.filter(|report| report["zooms"].is_array());
    let Some(report) = report else {
        let found = "no report; expected what 'azulejo tile --report' has written";
        return Err(Error::input(shown, found));
    };
    let zooms = report["zooms"].as_array().into_iter().flatten();
    let zoom = |row: &Value| {
        let z = u8::try_from(row["zoom"].as_u64()?).ok()?;
        Some((z, (row["tiles"].as_u64()?, row["bytes"].as_u64()?)))
    };
    let zooms: Option<BTreeMap<u8, (u64, u64)>> = zooms.map(zoom).collect();
    let reducer = report["options"]["overview-resampling"].as_str();
    Ok(Recorded {
        digest: report["tiles_sha256"].as_str().map(str::to_owned),
        zooms,
        reducer: reducer.and_then(Reducer::from_name),
    })
}

fn text(path: &Path, verified: &Verified) -> String {
    let mut text = format!("{}\n", shown(path));
    let mut line = |label: &str, told: &str| text += &format!("  {label:<11}{told}\n");
    let tiles: u64 = verified.zooms.values().map(|zoom| zoom.tiles).sum();
    let bytes: u64 = verified.zooms.values().map(|zoom| zoom.bytes).sum();
    let zooms = match (verified.zooms.keys().next(), verified.zooms.keys().last()) {
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

fn json(path: &Path, verified: &Verified) -> Value {
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
        "tiles_sha256": verified.digest,
        "findings_total": verified.findings.total(),
        "findings_kept_of_a_kind": KEPT,
        "counts": counts,
        "findings": findings.map(finding).collect::<Vec<_>>(),
        "notes": verified.notes,
    })
}
