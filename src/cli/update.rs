//! `--update`, `--keep-state` and `--expired`: a tileset brought up to date, and what that changes in it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use azulejo::archive::{Overwrite, Sink, Staged};
use azulejo::error::{Error, Kind, Result};
use azulejo::geo::scheme::Scheme;
use azulejo::mosaic::Mosaic;
use azulejo::pyramid::checkpoint::Facts;
use azulejo::pyramid::state::{About, Ledger, StateFile, Sum, Updated, Writer};
use azulejo::remote::virtual_name;
use clap::Args;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::args::TileArgs;
use super::expired::{Watch, Watched};
use super::fingerprint::{FileFacts, Fingerprint, SourceFiles};
use super::human;
use super::job::{Job, Ready};
use super::lists::ListFile;
use super::outputs::OutputArgs;
use super::style::Surveys;
use super::{report, resume};

/// What the name of a state ends in, after that of its output.
const SUFFIX: &str = ".azulejo-state";

/// Sources of each kind that a note names.
const NAMED: usize = 3;

/// Options of outputs that are there already.
#[derive(Args)]
#[command(next_help_heading = "Outputs")]
pub(super) struct UpdateArgs {
    /// Bring the first output here, which is there, up to date with sources that were changed, added, removed or put into another order: only
    /// what they touch is baked, all else is taken as it is, and the outputs are what baking all would make, to the byte. A
    /// stretch that was found by looking through all sources stays what it was. Needs what --keep-state has kept, and keeps
    /// it anew. Other options than before would change everything: they are refused, unless --overwrite says to bake all.
    #[arg(long)]
    pub(super) update: bool,

    /// Keep beside the first output here what --update needs (NAME.azulejo-state): of what each part of the tileset was made.
    #[arg(long)]
    keep_state: bool,

    /// List the tiles that are other ones than in the first output as it was, or were not there, or are not there any more:
    /// z/x/y a line (.txt), by kind (.json), or as outlines (.geojson).
    #[arg(long, value_name = "FILE")]
    pub(super) expired: Option<PathBuf>,
}

/// The tileset that is there, and what is known of it.
pub(super) struct Before {
    /// The first output here.
    tileset: Option<PathBuf>,
    state: Option<StateFile>,
    /// For the user.
    pub(super) note: Option<String>,
}

impl UpdateArgs {
    /// As options, by their long names.
    pub(super) fn json(&self) -> Value {
        let expired = self.expired.as_deref().map(Path::to_string_lossy);
        json!({ "update": self.update, "keep-state": self.keep_state, "expired": expired })
    }

    /// Whether what is baked is written down.
    fn keeps(&self) -> bool {
        self.update || self.keep_state
    }

    /// What to do about `outputs` that exist.
    pub(super) fn overwrite(&self, outputs: &OutputArgs) -> Overwrite {
        if self.update {
            Overwrite::Replace
        } else {
            outputs.overwrite()
        }
    }

    /// Finds what is there.
    ///
    /// # Errors
    /// When no output is here, and when an output is to be brought up to date of which nothing, or nothing readable, was written down.
    pub(super) fn before(&self, outputs: &OutputArgs) -> Result<Before> {
        let is_here = |path: &&PathBuf| virtual_name(path).is_none();
        let tileset = outputs.paths.iter().find(is_here).cloned();
        let asked = [
            ("--update", self.update),
            ("--keep-state", self.keep_state),
            ("--expired", self.expired.is_some()),
        ];
        let asked = asked.iter().find(|(_, is_asked)| *is_asked);
        if let (Some((option, _)), None) = (asked, &tileset) {
            return Err(Error::usage(format!(
                "{option}: every output is in an object store; expected one here, whose tiles can be read again"
            ))
            .with_help("-o tiles.pmtiles, and another -o for the object store"));
        }
        let mut before = Before {
            tileset,
            state: None,
            note: None,
        };
        let Some(tileset) = before.tileset.as_deref().filter(|_| self.update) else {
            return Ok(before);
        };
        if !tileset.exists() {
            let note = format!("{}: not there yet, so all is baked", tileset.display());
            before.note = Some(note);
            return Ok(before);
        }
        match read_state(tileset) {
            Ok(state) => before.state = Some(state),
            Err(error) if outputs.overwrite() == Overwrite::Replace => {
                before.note = Some(format!("all is baked: {error}"));
            }
            Err(error) => {
                return Err(error
                    .with_help("--overwrite bakes all of it, and keeps it for the next --update"));
            }
        }
        Ok(before)
    }
}

fn read_state(tileset: &Path) -> Result<StateFile> {
    let path = state_path(tileset);
    if path.exists() {
        return StateFile::open(&path);
    }
    Err(Error::usage(format!(
        "--update: {} was baked without --keep-state; expected {} beside it",
        tileset.display(),
        path.display()
    )))
}

/// Where it is written down what the tileset at `tileset` is made of: beside it.
fn state_path(tileset: &Path) -> PathBuf {
    let plain: PathBuf = tileset.components().collect();
    let mut name: OsString = plain.file_name().unwrap_or_default().to_owned();
    name.push(SUFFIX);
    plain.with_file_name(name)
}

impl Before {
    /// What was found by looking through all sources, and counts now, too.
    pub(super) fn surveys(&self) -> Surveys {
        let about = self.state.as_ref().map(StateFile::about);
        about.map_or_else(Surveys::default, |about| Surveys::known(&about.frozen))
    }

    /// Has the first of `sinks` that is here watched, if it is to be told what changes, and says where that is to be written.
    ///
    /// # Errors
    /// When what is there cannot be read, or the list not be written.
    pub(super) fn watched(
        &self,
        args: &TileArgs,
        sinks: &mut Vec<Box<dyn Sink>>,
        scheme: &Scheme,
    ) -> Result<Option<Expired>> {
        let (Some(list), Some(tileset)) = (&args.update.expired, &self.tileset) else {
            return Ok(None);
        };
        let file = ListFile::create(list, Some(scheme))?;
        let watch = Watch::new(tileset)?;
        let first = args.outputs.paths.iter().position(|path| path == tileset);
        let first = first.expect("the tileset is one of the outputs");
        let watched = Watched {
            sink: sinks.remove(first),
            watch: Arc::clone(&watch),
        };
        sinks.insert(first, Box::new(watched));
        Ok(Some(Expired { file, watch }))
    }

    /// What is written down of this bake, and what of the tileset is taken as it is. `options` are as they took effect, `files`
    /// those of the sources.
    ///
    /// # Errors
    /// [`Kind::Usage`] when it was baked with other ones; when files cannot be read, or the state not be written.
    pub(super) fn book(
        self,
        args: &TileArgs,
        (job, ready): (&Job, &Ready),
        options: &Value,
        files: &Result<SourceFiles>,
    ) -> Result<Option<Book>> {
        let Some(tileset) = self.tileset.filter(|_| args.update.keeps()) else {
            return Ok(None);
        };
        let mut facts = resume::fixed_facts(args, options, ready.clip.as_ref())?;
        // What parts and the tiles above them are made of has nothing to do with it.
        facts.retain(|(name, _)| name != "--min-zoom");
        facts.push(("values".to_owned(), json!(values(&ready.mosaic))));
        let facts = Facts::new(facts);
        let files = files.as_ref().map_err(Error::clone)?;
        let identified = identified(ready, files, args.resume.fingerprint);
        let about = About {
            facts,
            sources: identified.iter().map(Identified::text).collect(),
            frozen: job.surveys.json(),
        };
        let sums: Vec<Sum> = identified.iter().map(Identified::sum).collect();
        let ledger = Ledger::new(sums, Writer::create(&state_path(&tileset))?);
        let (mut note, mut ledger) = (self.note, ledger);
        let mut changed = None;
        if let Some(state) = self.state {
            let differences = state.about().facts.differences(&about.facts);
            if differences.is_empty() {
                changed = Some(changes(&state.about().sources, &about.sources));
                let max = job.recipe.tile_bytes_max;
                ledger = ledger.updating(state, &tileset, max)?;
            } else if args.outputs.overwrite() == Overwrite::Replace {
                note = Some(format!("all is baked: {}", differences.join("; ")));
            } else {
                // A finer source, or none of the finest any more.
                let is_depth = |text: &String| text.starts_with("--max-zoom");
                let help = if differences.iter().any(is_depth) {
                    "-z with the zooms that it has keeps to them; --overwrite bakes all of it"
                } else {
                    "--overwrite bakes all of it"
                };
                return Err(Error::usage(format!(
                    "--update: all of {} would change: {}; expected what it was baked with",
                    tileset.display(),
                    differences.join("; ")
                ))
                .with_help(help));
            }
        }
        Ok(Some(Book {
            ledger: Arc::new(ledger),
            about,
            changed,
            note,
        }))
    }
}

/// A source, and what it is known again by.
struct Identified {
    /// As it is shown.
    name: String,
    /// What its files are known again by, with their names where that is not what is in them.
    files: Vec<String>,
}

/// The sources in their order, with what they are known again by.
fn identified(ready: &Ready, files: &SourceFiles, how: Fingerprint) -> Vec<Identified> {
    let identity = |file: &FileFacts| match how {
        Fingerprint::Content => file.identity(),
        Fingerprint::Stat => format!("{}: {}", file.name, file.identity()),
    };
    let both = ready.infos.iter().zip(files.each());
    let of = both.map(|(info, files)| Identified {
        name: report::shown(&info.name),
        files: files.into_iter().map(identity).collect(),
    });
    of.collect()
}

impl Identified {
    /// Its name, and what it is known again by.
    fn text(&self) -> (String, String) {
        (self.name.clone(), self.files.join("; "))
    }

    /// What it is known again by, as a number.
    fn sum(&self) -> Sum {
        let mut digest = Sha256::new();
        for identity in &self.files {
            digest.update((identity.len() as u64).to_le_bytes());
            digest.update(identity);
        }
        let digest: [u8; 32] = digest.finalize().into();
        *digest.first_chunk().expect("32 bytes are more than 16")
    }
}

/// What the pixels of a mosaic are, wherever they come from.
fn values(mosaic: &Mosaic) -> String {
    let palette = if mosaic.is_palette() { ", classes" } else { "" };
    format!("{} x {}{palette}", mosaic.bands(), mosaic.sample_type())
}

/// What is written down of a bake.
pub(super) struct Book {
    pub(super) ledger: Arc<Ledger>,
    about: About,
    /// Of an update.
    changed: Option<String>,
    /// For the user.
    pub(super) note: Option<String>,
}

impl Book {
    /// What came of the update, if it was one.
    pub(super) fn told(&self) -> Option<String> {
        let changed = self.changed.as_ref()?;
        let Updated {
            clean,
            dirty,
            altered,
        } = self.ledger.updated();
        let altered = match altered {
            0 => String::new(),
            n => format!(
                ", {} of them because their tiles were not as they had been baked",
                human::count(n)
            ),
        };
        Some(format!(
            "update: {changed}; {} of {} baked{altered}",
            human::count(dirty),
            human::counted(clean + dirty, "part"),
        ))
    }

    /// The state, which waits for its name; `None` when some pixels could not be read, which may be there the next time.
    ///
    /// # Errors
    /// When the disk is full.
    pub(super) fn finish(&self, has_holes: bool) -> Result<Option<Staged>> {
        (!has_holes)
            .then(|| self.ledger.finish(&self.about))
            .transpose()
    }
}

/// Where the list of changed tiles comes from and goes to.
pub(super) struct Expired {
    file: ListFile,
    watch: Arc<Mutex<Watch>>,
}

impl Expired {
    /// The list, which waits for its name.
    ///
    /// # Errors
    /// When the disk is full.
    pub(super) fn write(self) -> Result<Staged> {
        self.file.write(&Watch::changes(&self.watch))
    }
}

/// `staged`, given their names.
///
/// # Errors
/// When one cannot have it.
pub(super) fn publish(staged: impl IntoIterator<Item = Staged>) -> Result<()> {
    staged
        .into_iter()
        .try_for_each(|file| file.publish().map(drop))
}

/// What became of the sources, in words.
fn changes(before: &[(String, String)], now: &[(String, String)]) -> String {
    let of =
        |list: &[(String, String)]| -> BTreeMap<String, String> { list.iter().cloned().collect() };
    let (was, is) = (of(before), of(now));
    let changed = is
        .iter()
        .filter(|(name, what)| was.get(*name).is_some_and(|before| before != *what));
    let added = is.iter().filter(|(name, _)| !was.contains_key(*name));
    let removed = was.iter().filter(|(name, _)| !is.contains_key(*name));
    let names = |found: &mut dyn Iterator<Item = (&String, &String)>| -> Vec<String> {
        found.map(|(name, _)| name.clone()).collect()
    };
    let kinds = [
        ("changed", names(&mut changed.into_iter())),
        ("added", names(&mut added.into_iter())),
        ("removed", names(&mut removed.into_iter())),
    ];
    let told = kinds.iter().filter(|(_, names)| !names.is_empty());
    let told: Vec<String> = told.map(|(kind, names)| listed(kind, names)).collect();
    let order = |list: &[(String, String)]| {
        list.iter()
            .map(|(name, _)| name.clone())
            .collect::<Vec<_>>()
    };
    match told[..] {
        [] if order(before) != order(now) => "the sources are in another order".to_owned(),
        [] => "no source has changed".to_owned(),
        _ => told.join(", "),
    }
}

/// `2 sources changed (a.tif, b.tif)`.
fn listed(kind: &str, names: &[String]) -> String {
    let shown = names.iter().take(NAMED).cloned().collect::<Vec<_>>();
    let more = match names.len() - shown.len() {
        0 => String::new(),
        n => format!(" and {} more", human::count(n as u64)),
    };
    format!(
        "{} {kind} ({}{more})",
        human::counted(names.len() as u64, "source"),
        shown.join(", ")
    )
}

/// An error of the state or the list, which came when the outputs were there.
pub(super) fn there_all_the_same(error: Error) -> Error {
    match error.kind() {
        Kind::Internal => error,
        _ => error.with_more("the outputs are there all the same"),
    }
}
