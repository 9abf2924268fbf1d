//! How far a run is: [`Meter`]. It has no thread of its own; whoever works calls it often.

use std::time::{Duration, Instant};

use azulejo::pyramid::Progress;
use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::console::{self, Console};
use super::human;

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Style {
    /// A bar on a terminal, lines elsewhere.
    Auto,
    /// A bar; lines where there is no terminal.
    Bar,
    /// A line now and then.
    Plain,
    /// One JSON object a line, for all of stderr.
    Json,
    /// Nothing.
    None,
}

/// Between two lines for people.
const LINES: Duration = Duration::from_secs(10);

/// Between two JSON events, and before the first line.
const SECOND: Duration = Duration::from_secs(1);

/// Before a bar is drawn.
const MOMENT: Duration = Duration::from_millis(300);

/// Shows how far a phase of the run is. Dropped, it takes its bar away.
pub(super) struct Meter<'a> {
    console: &'a Console,
    phase: Phase,
    show: Show,
    started: Instant,
    /// When the next line or event is due, from the start on.
    due: Duration,
}

/// What is being counted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Opening sources.
    Opening,
    /// Looking for the range of values.
    Surveying,
    /// Making a sample of the tiles.
    Sampling,
    /// Baking tiles.
    Baking,
    /// Copying tiles.
    Copying,
    /// Comparing tiles.
    Comparing,
    /// Looking at tiles.
    Verifying,
    /// Reading what is merged.
    Reading,
    /// Writing what was merged, in percent.
    Writing,
}

enum Show {
    /// Drawn once the phase has lasted a moment: what is over at once should not flicker.
    Bar(Option<ProgressBar>),
    Lines,
    Events,
    Nothing,
}

impl<'a> Meter<'a> {
    /// A meter that starts now.
    pub(super) fn start(console: &'a Console, phase: Phase) -> Self {
        let show = match console.style() {
            Style::Auto | Style::Bar if console::is_terminal() => Show::Bar(None),
            Style::Auto | Style::Bar | Style::Plain => Show::Lines,
            Style::Json => Show::Events,
            Style::None => Show::Nothing,
        };
        Self {
            console,
            phase,
            show,
            started: Instant::now(),
            due: SECOND,
        }
    }

    /// Tells how far it is; cheap unless something is due.
    pub(super) fn update(&mut self, progress: &Progress) {
        let elapsed = self.started.elapsed();
        match self.show {
            Show::Bar(_) if elapsed >= MOMENT => self.draw(progress, elapsed),
            Show::Events if elapsed >= self.due => {
                self.due = elapsed + SECOND;
                self.event(progress, elapsed);
            }
            Show::Lines if elapsed >= self.due => {
                self.due = elapsed + LINES;
                let text = self.text(progress, elapsed);
                let phase = self.phase.name();
                self.console.line(&format!("{phase:<9}{text}"));
            }
            _ => {}
        }
    }

    fn draw(&mut self, progress: &Progress, elapsed: Duration) {
        let text = self.text(progress, elapsed);
        if let Show::Bar(bar) = &mut self.show {
            let bar = bar.get_or_insert_with(|| new_bar(self.console, progress.planned));
            bar.set_position(progress.done);
            bar.set_message(text);
        }
    }

    /// `61 %  251,930 / 412,806 tiles  327/s  7 min 51 s left`.
    fn text(&self, progress: &Progress, elapsed: Duration) -> String {
        let Progress { done, planned, .. } = *progress;
        let percent = (done * 100).checked_div(planned).unwrap_or(100);
        let (done_text, planned_text) = (human::count(done), human::count(planned));
        let unit = self.phase.unit();
        let mut text = format!("{percent:>3} %  {done_text} / {planned_text} {unit}");
        let rate = rate(done, elapsed);
        if done > 0 && elapsed >= SECOND {
            text += &format!("  {}/s", human::three_digits(rate));
            if let Some(left) = left(progress, rate) {
                text += &format!("  {} left", human::duration(left));
            }
        }
        text
    }

    fn event(&self, progress: &Progress, elapsed: Duration) {
        let rate = rate(progress.done, elapsed);
        let eta = left(progress, rate).map(seconds);
        let mut event = json!({
            "event": self.phase.event(),
            "done": progress.done,
            "planned": progress.planned,
            "stored": progress.stored,
            "bytes": progress.bytes,
            "elapsed_s": seconds(elapsed),
            "rate_per_s": (rate * 10.0).round() / 10.0,
            "eta_s": eta,
        });
        if !matches!(self.phase, Phase::Baking | Phase::Copying)
            && let Some(object) = event.as_object_mut()
        {
            object.remove("stored");
            object.remove("bytes");
        }
        self.console.event(&event);
    }
}

impl Drop for Meter<'_> {
    fn drop(&mut self) {
        if let Show::Bar(Some(bar)) = &self.show {
            bar.finish_and_clear();
        }
    }
}

impl Phase {
    fn name(self) -> &'static str {
        match self {
            Self::Opening => "opening",
            Self::Surveying => "looking for the range of values",
            Self::Sampling => "taking a sample",
            Self::Baking => "baking",
            Self::Copying => "copying",
            Self::Comparing => "comparing",
            Self::Verifying => "verifying",
            Self::Reading => "reading",
            Self::Writing => "writing",
        }
    }

    fn event(self) -> &'static str {
        match self {
            Self::Opening => "opening",
            Self::Surveying => "surveying",
            Self::Sampling => "sampling",
            Self::Baking | Self::Copying | Self::Comparing | Self::Verifying => "progress",
            Self::Reading => "reading",
            Self::Writing => "writing",
        }
    }

    fn unit(self) -> &'static str {
        match self {
            Self::Opening => "sources",
            Self::Surveying => "pieces",
            Self::Sampling | Self::Baking | Self::Copying | Self::Comparing | Self::Verifying => {
                "tiles"
            }
            Self::Reading => "blocks",
            Self::Writing => "percent",
        }
    }
}

/// Seconds with milliseconds.
pub(super) fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1000.0).round() / 1000.0
}

fn rate(done: u64, elapsed: Duration) -> f64 {
    done as f64 / elapsed.as_secs_f64().max(1e-3)
}

/// The time that the rest will take; `None` while nothing is done.
fn left(progress: &Progress, rate: f64) -> Option<Duration> {
    let rest = progress.planned.saturating_sub(progress.done) as f64;
    (progress.done > 0).then(|| Duration::from_secs_f64((rest / rate).min(1e9)))
}

fn new_bar(console: &Console, planned: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:27} {msg}")
        .expect("the template is well formed")
        .progress_chars("━╸ ");
    let bar = ProgressBar::new(planned).with_style(style);
    console.bars().add(bar)
}
