//! What the user reads: messages on stderr, results on stdout. Everything that is printed goes through [`Console`], so
//! that no line tears the progress bar and a closed pipe is nobody's panic.

use std::io::{self, ErrorKind, IsTerminal, Write};

use azulejo::error::{Error, Kind, Result};
use indicatif::MultiProgress;
use serde_json::{Value, json};

use super::github::{GitHub, Level};
use super::progress::Style;
use super::redact;
use super::running::Loudness;

/// How stderr is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Voice {
    /// For people.
    Text {
        /// With the terminal's colours.
        colour: bool,
    },
    /// One JSON object a line.
    Json,
}

/// Both streams. Clones are the same console.
#[derive(Clone)]
pub(super) struct Console {
    voice: Voice,
    loudness: Loudness,
    style: Style,
    bars: MultiProgress,
    github: GitHub,
}

impl Console {
    /// The console that the user asked for.
    pub(super) fn new(loudness: Loudness, style: Style) -> Self {
        let plain = |name| std::env::var_os(name).is_some_and(|v| !v.is_empty());
        let colour = is_terminal() && !plain("NO_COLOR");
        let voice = if style == Style::Json {
            Voice::Json
        } else {
            Voice::Text { colour }
        };
        Self {
            voice,
            loudness,
            style,
            bars: MultiProgress::new(),
            github: GitHub::new(),
        }
    }

    /// What GitHub Actions is told besides, if it is there.
    pub(super) fn github(&self) -> &GitHub {
        &self.github
    }

    /// Adds a page of what `told`, a command's report or its JSON, says to GitHub's summary of the run, if it wants one.
    pub(super) fn summarise(&self, told: impl FnOnce() -> Value) {
        if let Some(failure) = self.github.summarise(told) {
            self.warn(&failure);
        }
    }

    /// How progress is shown.
    pub(super) fn style(&self) -> Style {
        self.style
    }

    /// Where bars are drawn.
    pub(super) fn bars(&self) -> &MultiProgress {
        &self.bars
    }

    /// A line that says what will be done, under a heading such as `plan`.
    pub(super) fn say(&self, heading: &str, text: &str) {
        if self.loudness.quiet {
            return;
        }
        match self.voice {
            Voice::Json => self.event(&json!({ "event": heading, "text": text })),
            Voice::Text { .. } => self.line(&format!("{heading:<9}{text}")),
        }
    }

    /// Something that the user should know.
    pub(super) fn note(&self, text: &str) {
        self.github.hear(Level::Note, text);
        if !self.loudness.quiet {
            self.message("note", "36", text);
        }
    }

    /// Something that the user should look into.
    pub(super) fn warn(&self, text: &str) {
        self.github.hear(Level::Warning, text);
        if !self.loudness.quiet {
            self.message("warning", "33", text);
            self.annotate(Level::Warning, text);
        }
    }

    /// Why the run failed.
    pub(super) fn error(&self, error: &Error) {
        if self.voice == Voice::Json {
            self.event(&json!({
                "event": "error",
                "kind": super::kind_name(error),
                "exit_code": super::exit_code(error.kind()),
                "message": redact::text(&error.to_string()),
                "help": error.help().map(redact::text),
            }));
            return;
        }
        self.message("error", "31", &error.to_string());
        if let Some(help) = error.help() {
            self.message("help", "36", help);
        }
        let help = error
            .help()
            .map_or_else(String::new, |help| format!("\nhelp: {help}"));
        self.annotate(Level::Error, &format!("{error}{help}"));
    }

    /// What clap says of options that it refuses, as people read it.
    pub(super) fn refusal(&self, text: &str) {
        self.line(text.trim_end());
        let first = text.split("\n\n").next().unwrap_or_default();
        self.annotate(Level::Error, first.strip_prefix("error: ").unwrap_or(first));
    }

    /// Adds a page to GitHub's summary of the run that says why it failed; where something was made or found, there is one already.
    pub(super) fn failed(&self, error: &Error) {
        if matches!(error.kind(), Kind::Found | Kind::Holes) {
            return;
        }
        let code = super::exit_code(error.kind());
        let failure = self.github.failed(code, &error.to_string(), error.help());
        failure.iter().for_each(|failure| self.warn(failure));
    }

    /// A JSON event, whatever else stderr is.
    pub(super) fn event(&self, event: &Value) {
        self.line(&event.to_string());
    }

    /// A line on stderr. There is nobody to tell when it cannot be written.
    pub(super) fn line(&self, text: &str) {
        self.write(&self.github.harmless(text));
    }

    /// An annotation in GitHub Actions, on stderr as all messages are; none where that is to be JSON.
    fn annotate(&self, level: Level, text: &str) {
        if self.voice == Voice::Json {
            return;
        }
        if let Some(command) = self.github.annotation(level, text) {
            self.write(&command);
        }
    }

    fn write(&self, line: &str) {
        self.bars.suspend(|| {
            let _ = writeln!(io::stderr().lock(), "{line}");
        });
    }

    /// Text on stdout.
    ///
    /// # Errors
    /// [`Kind::Output`](azulejo::error::Kind::Output) when it cannot be written; whoever closed the pipe has seen enough.
    pub(super) fn print(&self, text: &str) -> Result<()> {
        let text = self.github.harmless(text);
        self.bars.suspend(|| {
            let mut stdout = io::stdout().lock();
            let written = stdout
                .write_all(text.as_bytes())
                .and_then(|()| stdout.flush());
            match written {
                Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                    let what = format_args!("cannot be written ({error})");
                    Err(Error::output("standard output", what))
                }
                _ => Ok(()),
            }
        })
    }

    fn message(&self, label: &str, colour_code: &str, text: &str) {
        let text = redact::text(text);
        match self.voice {
            Voice::Json => self.event(&json!({ "event": label, "text": text })),
            Voice::Text { colour: true } => {
                self.line(&format!("\x1b[1;{colour_code}m{label}:\x1b[0m {text}"));
            }
            Voice::Text { colour: false } => self.line(&format!("{label}: {text}")),
        }
    }

    /// Shows the library's log here: warnings, more with `-v`, or what `RUST_LOG` says.
    pub(super) fn install_logger(&self) {
        let default = match (self.loudness.quiet, self.loudness.verbose) {
            (true, _) => "error",
            (false, 0) => "warn",
            (false, 1) => "warn,azulejo=debug,gdal=debug",
            (false, _) => "trace",
        };
        let console = self.clone();
        let environment = env_logger::Env::default().default_filter_or(default);
        let result = env_logger::Builder::from_env(environment)
            .format(move |_, record| {
                let level = record.level().as_str().to_lowercase();
                let is_warning = record.level() == log::Level::Warn;
                let text = redact::text(&record.args().to_string());
                if is_warning {
                    console.github.hear(Level::Warning, &text);
                }
                match console.voice {
                    Voice::Json => console.event(&json!({
                        "event": "log", "level": level, "target": record.target(), "text": text,
                    })),
                    Voice::Text { .. } if is_warning => {
                        console.message("warning", "33", &text);
                        console.annotate(Level::Warning, &text);
                    }
                    Voice::Text { .. } => {
                        console.line(&format!("{level}: {}: {text}", record.target()))
                    }
                }
                Ok(())
            })
            .try_init();
        debug_assert!(result.is_ok(), "nobody else sets a logger");
    }
}

/// Whether stderr is a terminal on which a bar can be drawn.
pub(super) fn is_terminal() -> bool {
    io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}
