//! A plan as a table, and as JSON.

use std::time::Duration;

use azulejo::pyramid::plan::Plan;
use azulejo::pyramid::sample::Of;
use serde_json::{Value, json};

use super::outlook::{Outlook, PARTS_KEPT_FROM};
use crate::cli::human;
use crate::cli::outputs::Target;
use crate::cli::redact;
use crate::cli::report;
use crate::cli::values::Jobs;

/// Changes when a reader of the JSON would have to.
const SCHEMA: &str = "azulejo-plan/1";

/// Of how many jobs what is told holds.
const CONFIDENCE: f64 = 0.95;

/// All that is told.
pub(super) struct Told<'a> {
    pub(super) plan: &'a Plan,
    pub(super) targets: &'a [Target],
    pub(super) outlook: &'a Outlook,
    pub(super) jobs: usize,
    pub(super) notes: &'a [String],
}

/// `about 31 GB (29 GB to 33 GB)`; `31 GB` where that is sure.
pub(super) fn of(of: &Of, shown: impl Fn(f64) -> String) -> String {
    if of.low == of.high {
        return shown(of.estimate);
    }
    let (low, high) = (shown(of.low), shown(of.high));
    format!("about {} ({low} to {high})", shown(of.estimate))
}

fn tiles(n: f64) -> String {
    human::count(n.round() as u64)
}

fn bytes(n: f64) -> String {
    human::bytes(n.round() as u64)
}

fn time(seconds: f64) -> String {
    human::duration(Duration::from_secs_f64(seconds.clamp(0.0, 1e12)))
}

impl Told<'_> {
    /// For people.
    pub(super) fn text(&self) -> String {
        let mut text = self.zooms();
        text.push('\n');
        let mut line = |label: &str, told: &str| text += &format!("{label:<9}{told}\n");
        let Outlook {
            forecast,
            cpu_s,
            wall_s,
            memory,
            sampled,
            ..
        } = self.outlook;
        line("tiles", &self.tiles());
        line("bytes", &of(&forecast.bytes, bytes));
        let threads = self.jobs.min(Jobs::all().0) as u64;
        let threads = human::counted(threads, "thread");
        line(
            "time",
            &format!(
                "{} on {threads}; {} of processor time",
                of(wall_s, time),
                of(cpu_s, time)
            ),
        );
        line(
            "memory",
            &format!(
                "about {}, never more than {}",
                human::memory(memory.peak),
                human::memory(memory.ceiling)
            ),
        );
        for told in self.disk() {
            line("disk", &told);
        }
        for target in self.targets {
            line("output", &self.output(target));
        }
        let n_tiles = human::counted(sampled.n_tiles, "tile");
        let took = human::duration(sampled.time);
        line(
            "sample",
            &match sampled.is_whole {
                true => format!("{n_tiles}, which is all, in {took}"),
                false => format!(
                    "{n_tiles} in {} places, in {took}; what is in brackets holds in 95 of 100 jobs",
                    human::count(sampled.n_clusters as u64)
                ),
            },
        );
        text
    }

    /// A line a zoom, and one for all.
    fn zooms(&self) -> String {
        let forecast = &self.outlook.forecast;
        let about = if self.outlook.sampled.is_whole {
            ""
        } else {
            "about "
        };
        let row = |zoom: &str, planned: &str, stored: &str, bytes: &str| {
            format!("{zoom:<6}{planned:>16}{stored:>16}{bytes:>12}\n")
        };
        let mut text = row(
            "zoom",
            "tiles",
            &format!("{about}stored"),
            &format!("{about}bytes"),
        );
        for zoom in &forecast.zooms {
            text += &row(
                &format!("z{}", zoom.zoom),
                &human::count(zoom.tiles),
                &tiles(zoom.stored),
                &bytes(zoom.bytes),
            );
        }
        text + &row(
            "all",
            &human::count(self.plan.count_all()),
            &tiles(forecast.stored.estimate),
            &bytes(forecast.bytes.estimate),
        )
    }

    fn tiles(&self) -> String {
        let planned = self.plan.count_all();
        let stored = &self.outlook.forecast.stored;
        let around = self.plan.count_around_all();
        let outside = match around.saturating_sub(planned) {
            0 => String::new(),
            left => format!(
                ", {} of the {} around the sources left out",
                percent(left as f64 / around as f64),
                human::counted(around, "tile")
            ),
        };
        format!(
            "{} to look at{outside}; {} to store, {} blank",
            human::count(planned),
            of(stored, tiles),
            percent(blank(planned, stored.estimate))
        )
    }

    /// What lies on disks besides the outputs, or before them.
    fn disk(&self) -> Vec<String> {
        let mut told = Vec::new();
        let n_bytes = &self.outlook.forecast.bytes;
        let here = self.targets.iter().filter(|target| !target.is_remote);
        let n_here = here.count();
        if n_here > 0 {
            told.push(format!(
                "{} for the tiles of each output here, under a hidden name until it is complete",
                of(n_bytes, bytes)
            ));
        }
        let sent = |target: &&Target| target.is_remote && !target.is_folder();
        if self.targets.iter().any(|target| sent(&target)) {
            told.push(format!("{} in TMPDIR for each archive", of(n_bytes, bytes)));
        }
        let parts = self.outlook.parts_bytes();
        if parts > 0.0 && !self.targets.is_empty() {
            told.push(format!(
                "about {} more for --resume, kept from the {}th second on while there is room, until all is complete",
                bytes(parts),
                PARTS_KEPT_FROM.as_secs()
            ));
        }
        told
    }

    fn output(&self, target: &Target) -> String {
        let path = redact::text(&target.path.display().to_string());
        let (n_files, n_puts) = self.counts(target);
        let what = if target.is_remote { "object" } else { "file" };
        let files = human::counted(n_files, what);
        let about = if n_files == 1 { "" } else { "about " };
        match n_puts {
            0 => format!("{path}: {about}{files}"),
            n => format!("{path}: {about}{files}, about {}", human::counted(n, "put")),
        }
    }

    /// Files or objects of an output, and puts.
    fn counts(&self, target: &Target) -> (u64, u64) {
        let forecast = &self.outlook.forecast;
        let n_tiles = forecast.stored.estimate.round() as u64;
        let n_bytes = forecast.bytes.estimate.round() as u64;
        (target.n_files(n_tiles), target.n_puts(n_tiles, n_bytes))
    }

    /// For programs.
    pub(super) fn json(&self) -> Value {
        let Outlook {
            forecast,
            cpu_s,
            wall_s,
            memory,
            sampled,
            ..
        } = self.outlook;
        let planned = self.plan.count_all();
        let around = self.plan.count_around_all();
        let zooms = forecast.zooms.iter().map(|zoom| {
            json!({
                "zoom": zoom.zoom,
                "tiles": zoom.tiles,
                "stored": zoom.stored.round() as u64,
                "bytes": zoom.bytes.round() as u64,
            })
        });
        let outputs = self.targets.iter().map(|target| {
            let (n_files, n_puts) = self.counts(target);
            let files = if target.is_remote { "objects" } else { "files" };
            json!({
                "path": report::text(&target.path),
                files: n_files,
                "puts": n_puts,
                "exists": target.is_taken,
            })
        });
        let here = self.targets.iter().any(|target| !target.is_remote);
        let parts = if self.targets.is_empty() {
            0.0
        } else {
            self.outlook.parts_bytes()
        };
        json!({
            "schema": SCHEMA,
            "zoom_min": self.plan.zoom_min,
            "zoom_max": self.plan.zoom_max,
            "tiling_scheme": self.plan.scheme.id(),
            "tiles": planned,
            "tiles_around": around,
            "stored": whole(&forecast.stored),
            "blank_share": rounded(blank(planned, forecast.stored.estimate), 4),
            "bytes": whole(&forecast.bytes),
            "cpu_seconds": seconds(cpu_s),
            "seconds": seconds(wall_s),
            "confidence": CONFIDENCE,
            "jobs": self.jobs,
            "memory_bytes": { "peak": memory.peak, "ceiling": memory.ceiling },
            "temporary_bytes": {
                "unpublished": if here { forecast.bytes.estimate.round() as u64 } else { 0 },
                "finished_parts": parts.round() as u64,
            },
            "zooms": zooms.collect::<Vec<_>>(),
            "outputs": outputs.collect::<Vec<_>>(),
            "sample": {
                "tiles": sampled.n_tiles,
                "places": sampled.n_clusters,
                "whole": sampled.is_whole,
                "seconds": rounded(sampled.time.as_secs_f64(), 3),
            },
            "notes": self.notes.iter().map(|note| redact::text(note)).collect::<Vec<_>>(),
        })
    }
}

/// The part of `planned` tiles that is not stored.
fn blank(planned: u64, stored: f64) -> f64 {
    1.0 - (stored / planned.max(1) as f64).min(1.0)
}

fn percent(share: f64) -> String {
    format!("{} %", human::three_digits((share * 1000.0).round() / 10.0))
}

fn rounded(value: f64, decimals: i32) -> f64 {
    let scale = 10_f64.powi(decimals);
    (value * scale).round() / scale
}

fn whole(of: &Of) -> Value {
    json!({ "estimate": of.estimate.round() as u64, "low": of.low.floor() as u64, "high": of.high.ceil() as u64 })
}

fn seconds(of: &Of) -> Value {
    let shown = |seconds| rounded(seconds, 3);
    json!({ "estimate": shown(of.estimate), "low": shown(of.low), "high": shown(of.high) })
}
