//! In GitHub Actions: warnings and errors as annotations of the run, and what was made as a page of it (`GITHUB_STEP_SUMMARY`).
//! Elsewhere nothing.
//!
//! Lines of a log may be commands to GitHub's runner, and pages are Markdown: text of others, such as the names of files, must
//! be neither. [`GitHub::harmless`] sees to the first, `markdown` to the second.

mod markdown;
mod page;

use std::borrow::Cow;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use serde::de::IgnoredAny;
use serde_json::Value;

use self::page::Page;
use super::redact;

/// What `--help` says of it.
pub(super) const HELP: &str = "\
GitHub Actions:
  Where GITHUB_ACTIONS is true, warnings and errors are annotations of the run as well, on stderr,
  unless --progress json makes that JSON. A summary of what was made or found, with notes and
  warnings, is added to the file that GITHUB_STEP_SUMMARY names. scripts/action is an action that
  bakes, verifies and compares.";

/// Annotations of a kind that GitHub shows of a step; what comes after them would only make the log longer.
const SHOWN: usize = 10;

/// Bytes that the pages of one step may have together. GitHub refuses all of them when there are more.
const ROOM_BYTES: usize = 1 << 20;

/// Warnings and notes that a page tells of.
const HEARD: usize = 100;

/// Letters of an annotation: GitHub cuts at about as many.
const LETTERS: usize = 4000;

/// The run of which this process is a part, if it is one of GitHub's. Clones are the same.
#[derive(Clone)]
pub(super) struct GitHub(Option<Arc<Run>>);

struct Run {
    started: Instant,
    page: Option<PathBuf>,
    heard: Mutex<Heard>,
}

/// What was said so far.
#[derive(Default)]
struct Heard {
    notes: List,
    warnings: List,
    n_annotations: [usize; 2],
}

/// The first lines of some kind, each once.
#[derive(Default)]
struct List {
    lines: Vec<String>,
    n_more: usize,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    Note,
    Warning,
    Error,
}

impl GitHub {
    /// As the environment says.
    pub(super) fn new() -> Self {
        let is_on = std::env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true");
        let page = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty());
        Self(is_on.then(|| {
            Arc::new(Run {
                started: Instant::now(),
                page: page.map(PathBuf::from),
                heard: Mutex::default(),
            })
        }))
    }

    /// Whether it is GitHub's runner that reads both streams.
    pub(super) fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Whether there is a page to be written.
    pub(super) fn wants_page(&self) -> bool {
        self.0.as_ref().is_some_and(|run| run.page.is_some())
    }

    /// Remembers a note or a warning for the page.
    pub(super) fn hear(&self, level: Level, text: &str) {
        let Some(run) = &self.0 else { return };
        let mut heard = run.heard();
        match level {
            Level::Note => heard.notes.add(text),
            Level::Warning => heard.warnings.add(text),
            // That is another page.
            Level::Error => {}
        }
    }

    /// The line that makes an annotation of `text`, unless there are so many already that GitHub would not show it. Notes are
    /// for the page alone: they tell how things are, and are in nobody's way.
    pub(super) fn annotation(&self, level: Level, text: &str) -> Option<String> {
        let run = self.0.as_ref()?;
        let (command, index) = match level {
            Level::Note => return None,
            Level::Warning => ("warning", 0),
            Level::Error => ("error", 1),
        };
        let n = &mut run.heard().n_annotations[index];
        *n += 1;
        (*n <= SHOWN).then(|| format!("::{command} title=azulejo::{}", data(&redact::text(text))))
    }

    /// `text` without a line that the runner would take for a command; as it is where there is no runner.
    pub(super) fn harmless<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match self.0 {
            Some(_) => harmless(text),
            None => text.into(),
        }
    }

    /// Adds a page of what `told`, a command's report or its JSON, says; a warning if it cannot be written.
    pub(super) fn summarise(&self, told: impl FnOnce() -> Value) -> Option<String> {
        let (run, path) = self.page()?;
        let page = page::of(&told(), &run.heard(), run.started.elapsed());
        append(path, &page)
    }

    /// Adds a page that tells why there is nothing, with the exit code.
    pub(super) fn failed(&self, code: u8, message: &str, help: Option<&str>) -> Option<String> {
        let (run, path) = self.page()?;
        let page = page::of_failure((code, message, help), &run.heard(), run.started.elapsed());
        append(path, &page)
    }

    fn page(&self) -> Option<(&Run, &Path)> {
        let run = self.0.as_deref()?;
        Some((run, run.page.as_deref()?))
    }
}

impl Run {
    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl List {
    fn add(&mut self, text: &str) {
        let text = redact::text(text);
        if self.lines.contains(&text) {
            return;
        }
        if self.lines.len() < HEARD {
            self.lines.push(text);
        } else {
            self.n_more += 1;
        }
    }
}

/// Adds `page` to the file, as far as there is room; a warning if that cannot be.
fn append(path: &Path, page: &Page) -> Option<String> {
    let there = fs::metadata(path).map_or(0, |found| found.len() as usize);
    let text = page.text(ROOM_BYTES.saturating_sub(there));
    let shown = path.display();
    if text.is_empty() {
        return Some(format!(
            "GITHUB_STEP_SUMMARY: {shown}: no room for one more summary; GitHub takes 1 MiB of a step"
        ));
    }
    let file = fs::OpenOptions::new().create(true).append(true).open(path);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
    let error = written.err()?;
    Some(format!(
        "GITHUB_STEP_SUMMARY: {shown}: cannot be written ({error}); the summary is left out"
    ))
}

/// The text of a command, as GitHub's toolkit writes it.
fn data(text: &str) -> String {
    let text: String = text.chars().take(LETTERS).collect();
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// A line is a command when it begins with `::`, past what is blank, or has `##[` in it, wherever. Both are taken apart; in JSON,
/// where only strings can hold the second, it is written otherwise and reads the same.
fn harmless(text: &str) -> Cow<'_, str> {
    let has_brackets = text.contains("##[");
    if !has_brackets && !text.contains("::") {
        return text.into();
    }
    if has_brackets && serde_json::from_str::<IgnoredAny>(text).is_ok() {
        return text.replace("##[", "#\\u0023[").into();
    }
    let text = text.replace("##[", "# #[");
    let mut safe = String::with_capacity(text.len());
    for line in text.split_inclusive(['\n', '\r']) {
        let command = line.trim_start();
        let blank = &line[..line.len() - command.len()];
        safe += blank;
        match command.strip_prefix("::") {
            Some(rest) => {
                safe += ": :";
                safe += rest;
            }
            None => safe += command,
        }
    }
    safe.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_of_others_is_a_command() {
        for (text, expected) in [
            ("plain\n", "plain\n"),
            ("a::b\n", "a::b\n"),
            ("::error::x", ": :error::x"),
            ("a.tif\n::error::x\n", "a.tif\n: :error::x\n"),
            ("a\r::error::x", "a\r: :error::x"),
            ("a\r\n \t\u{2003}::error::x", "a\r\n \t\u{2003}: :error::x"),
            ("\n\n::\n::", "\n\n: :\n: :"),
            ("a ##[error]x", "a # #[error]x"),
            ("###[error]x", "## #[error]x"),
        ] {
            assert_eq!(harmless(text), expected);
        }
    }

    #[test]
    fn json_stays_what_it_says() {
        let told = serde_json::json!({ "name": "##[error]x\n::error::y ###[", "n": [1, 2] });
        for text in [told.to_string(), format!("{told:#}\n")] {
            let safe = harmless(&text);
            assert!(!safe.contains("##["), "{safe}");
            assert_eq!(serde_json::from_str::<Value>(&safe).unwrap(), told);
        }
    }

    #[test]
    fn annotations_are_one_line_and_not_too_many() {
        assert_eq!(data("50 %\r\n::error::x"), "50 %25%0D%0A::error::x");
        let github = GitHub(Some(Arc::new(Run {
            started: Instant::now(),
            page: None,
            heard: Mutex::default(),
        })));
        assert_eq!(github.annotation(Level::Note, "x"), None);
        assert_eq!(
            github.annotation(Level::Error, "https://me:SECRET@host/a.tif?SECRET: no, 5 %"),
            Some("::error title=azulejo::https://host/a.tif: no, 5 %25".to_owned())
        );
        let made = (0..30).filter_map(|_| github.annotation(Level::Warning, "x"));
        assert_eq!(made.count(), SHOWN);
    }

    #[test]
    fn a_full_page_is_not_added_to() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("page.md");
        let page = Page::new("first".to_owned());
        assert_eq!(append(&path, &page), None);
        assert_eq!(fs::read_to_string(&path).unwrap(), "first\n\n");
        fs::write(&path, vec![b'x'; ROOM_BYTES - 3]).unwrap();
        assert!(append(&path, &page).unwrap().contains("no room"));
        assert!(
            append(folder.path(), &page)
                .unwrap()
                .contains("cannot be written")
        );
    }
}
