//! The end of a run that makes tilesets: outputs get their names, the report is written, and it is said what was made.

use std::time::Instant;

use azulejo::archive::{Metadata, Published, Sink, Staged};
use azulejo::error::Result;
use azulejo::pyramid::Baked;
use serde_json::{Value, json};

use crate::cli::console::Console;
use crate::cli::interrupt::Interrupt;
use crate::cli::progress::{Style, seconds};
use crate::cli::report::ReportFile;
use crate::cli::running;
use crate::cli::summary;

/// What there is at the end.
pub(in crate::cli) struct Ending<'a> {
    /// The outputs, with all tiles.
    pub(in crate::cli) sinks: Vec<Box<dyn Sink>>,
    /// As planned.
    pub(in crate::cli) metadata: &'a Metadata,
    /// What was written.
    pub(in crate::cli) tiles: &'a Baked,
    /// Where a report is wanted.
    pub(in crate::cli) report: Option<ReportFile>,
    /// When the program began.
    pub(in crate::cli) started: Instant,
}

impl Ending<'_> {
    /// Completes the outputs, and writes what `report` makes of them.
    ///
    /// # Errors
    /// When an output, the report or stdout cannot be written. If something has come into the place of an output, none is
    /// published; otherwise one after the other until one fails, and the message says which are there. A full stdout keeps
    /// back neither an output nor the report.
    pub(in crate::cli) fn conclude(
        self,
        report: impl FnOnce(&[Published]) -> Value,
        (console, interrupt): (&Console, &Interrupt),
    ) -> Result<()> {
        let (tiles, started) = (self.tiles, self.started);
        let staged = finish(self.sinks, self.metadata, tiles)?;
        interrupt.check()?;
        staged.iter().try_for_each(Staged::check)?;
        let (published, all_published) = publish(staged);
        let there = |error| running::all_the_same(error, &published);
        let is_told = self.report.is_some() || console.github().wants_page();
        let reported = all_published.and_then(|()| {
            if !is_told {
                return Ok(());
            }
            let report = report(&published);
            console.summarise(|| report.clone());
            self.report.map_or(Ok(()), |file| file.write(&report))
        });
        for output in &published {
            if let Some(note) = summary::left_note(output) {
                console.note(&note);
            }
            let printed = console.print(&summary::result(output, started.elapsed()));
            printed.map_err(there)?;
        }
        reported.map_err(there)?;
        if console.style() == Style::Json {
            console.event(&json!({
                "event": "end",
                "stored": tiles.tiles(),
                "bytes": tiles.bytes(),
                "elapsed_s": seconds(started.elapsed()),
            }));
        }
        Ok(())
    }
}

/// Completes all outputs. The metadata tells the zooms that have tiles, which may be fewer than were planned.
///
/// # Errors
/// As [`Sink::finish`].
fn finish(sinks: Vec<Box<dyn Sink>>, planned: &Metadata, baked: &Baked) -> Result<Vec<Staged>> {
    let mut metadata = planned.clone();
    if let (Some(min), Some(max)) = (baked.zooms.keys().next(), baked.zooms.keys().last()) {
        (metadata.zoom_min, metadata.zoom_max) = (*min, *max);
        metadata.center.2 = metadata.center.2.clamp(*min, *max);
    }
    sinks
        .into_iter()
        .map(|sink| sink.finish(&metadata))
        .collect()
}

/// Gives the outputs their names, until one fails: those that have them, and the failure.
fn publish(staged: Vec<Staged>) -> (Vec<Published>, Result<()>) {
    let mut published: Vec<Published> = Vec::with_capacity(staged.len());
    for output in staged {
        match output.publish() {
            Ok(output) => published.push(output),
            Err(error) => return (published, Err(error)),
        }
    }
    (published, Ok(()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use azulejo::archive::{FileOutput, Overwrite};

    use super::*;

    #[test]
    fn what_is_published_already_is_told_when_the_next_cannot_be() {
        let folder = tempfile::tempdir().unwrap();
        let stage = |name: &str| {
            let path = folder.path().join(name).join("x");
            fs::create_dir(path.parent().unwrap()).unwrap();
            let output = FileOutput::create(&path, Overwrite::Refuse, |_| Ok(())).unwrap();
            output.finish().unwrap()
        };
        let staged = vec![stage("a"), stage("b"), stage("c")];
        // Without its temporary it cannot be renamed, though its place is free.
        for entry in fs::read_dir(folder.path().join("b")).unwrap() {
            fs::remove_file(entry.unwrap().path()).unwrap();
        }
        assert!(staged.iter().all(|output| output.check().is_ok()));
        let (published, result) = publish(staged);
        assert_eq!(published.len(), 1);
        let said = running::all_the_same(result.unwrap_err(), &published).to_string();
        let first = folder.path().join("a/x").display().to_string();
        assert!(said.contains("b/x: cannot be written"), "{said}");
        assert!(
            said.ends_with(&format!("; written all the same: {first}")),
            "{said}"
        );
        let names = |name: &str| fs::read_dir(folder.path().join(name)).unwrap().count();
        assert_eq!((names("a"), names("b"), names("c")), (1, 0, 0));
    }
}
