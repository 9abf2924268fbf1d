//! The files that sources are made of, and by what they are known again: for `--resume`, and for reports.

use std::collections::BTreeMap;

use azulejo::error::Result;
use azulejo::source::gdal::FileState;
use clap::ValueEnum;
use serde_json::{Value, json};

use super::report;
use super::rfc3339;

/// By what files are known again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Fingerprint {
    /// Size and time of change.
    Stat,
    /// What is in them.
    Content,
}

impl Fingerprint {
    /// The word on the command line.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Stat => "stat",
            Self::Content => "content",
        }
    }
}

/// A file as it is before anything is made of it.
#[derive(Debug, Clone)]
pub(super) struct FileFacts {
    /// Its name, without what gives access to it.
    pub(super) name: String,
    state: FileState,
    sha256: Option<[u8; 32]>,
}

impl FileFacts {
    /// That of `path`, by its content too if `how` says so and it has any.
    ///
    /// # Errors
    /// When its content is wanted and cannot be read.
    pub(super) fn look(path: &str, how: Fingerprint) -> Result<Self> {
        let state = FileState::of(path);
        let sums = how == Fingerprint::Content && state.bytes.is_some();
        Ok(Self {
            name: report::shown(path),
            sha256: sums.then(|| state.sha256()).transpose()?,
            state,
        })
    }

    /// When it was changed, if anybody knows: in the network many a server tells nothing, which GDAL takes for 1970.
    fn modified(&self) -> Option<(i64, u32)> {
        let is_nothing = |time: &(i64, u32)| *time == (0, 0) && self.state.path.starts_with("/vsi");
        self.state.modified.filter(|time| !is_nothing(time))
    }

    /// What it is known again by, as text for people, too.
    pub(super) fn identity(&self) -> String {
        let Some(bytes) = self.state.bytes else {
            return "of unknown size".to_owned();
        };
        match (self.sha256, self.modified()) {
            (Some(sha256), _) => format!("{bytes} bytes, sha256 {}", report::hex(&sha256)),
            (None, Some((seconds, billionths))) => {
                let changed = rfc3339::utc(seconds, billionths);
                format!("{bytes} bytes, changed at {changed}")
            }
            (None, None) => format!("{bytes} bytes"),
        }
    }

    /// For the report.
    pub(super) fn json(&self) -> Value {
        let modified = self.modified();
        let text = modified.map(|(seconds, billionths)| rfc3339::utc(seconds, billionths));
        let number =
            modified.map(|(seconds, billionths)| seconds as f64 + f64::from(billionths) / 1e9);
        json!({
            "path": self.name,
            "bytes": self.state.bytes,
            "modified": text,
            "modified_s": number,
            "sha256": self.sha256.map(|sha256| report::hex(&sha256)),
        })
    }
}

/// The files of all sources, each looked at once.
#[derive(Debug, Clone)]
pub(super) struct SourceFiles {
    files: BTreeMap<String, FileFacts>,
    /// The names of those of each source, in order.
    of_sources: Vec<Vec<String>>,
}

impl SourceFiles {
    /// Looks at the files of `sources`, which are lists of their names.
    ///
    /// # Errors
    /// That of a source, and as [`FileFacts::look`].
    pub(super) fn look(
        sources: impl IntoIterator<Item = Result<Vec<String>>>,
        how: Fingerprint,
    ) -> Result<Self> {
        let (mut files, mut of_sources) = (BTreeMap::new(), Vec::new());
        for names in sources {
            let mut names = names?;
            names.sort();
            names.dedup();
            for name in &names {
                if !files.contains_key(name) {
                    files.insert(name.clone(), FileFacts::look(name, how)?);
                }
            }
            of_sources.push(names);
        }
        Ok(Self { files, of_sources })
    }

    /// All of them.
    pub(super) fn all(&self) -> impl Iterator<Item = &FileFacts> {
        self.files.values()
    }

    /// Those of each source.
    pub(super) fn each(&self) -> impl Iterator<Item = Vec<&FileFacts>> {
        let of_source = |names: &Vec<String>| names.iter().map(|name| &self.files[name]).collect();
        self.of_sources.iter().map(of_source)
    }

    /// Those of each source, for the report.
    pub(super) fn json(&self) -> impl Iterator<Item = Value> {
        let of_source =
            |names: &Vec<String>| names.iter().map(|name| self.files[name].json()).collect();
        self.of_sources.iter().map(of_source)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // A test that cannot go on panics.
mod tests {
    use super::*;

    fn facts(path: &str, bytes: Option<u64>, modified: Option<(i64, u32)>) -> FileFacts {
        let path = path.to_owned();
        FileFacts {
            name: report::shown(&path),
            state: FileState {
                path,
                bytes,
                modified,
            },
            sha256: None,
        }
    }

    #[test]
    fn a_file_is_known_by_its_size_and_the_moment_of_its_change() {
        for (path, bytes, modified, expected) in [
            (
                "a.tif",
                Some(12),
                Some((1_795_369_329, 123_456_789)),
                "12 bytes, changed at 2026-11-22T17:42:09.123456789Z",
            ),
            (
                "a.tif",
                Some(0),
                Some((0, 0)),
                "0 bytes, changed at 1970-01-01T00:00:00.000000000Z",
            ),
            (
                "/vsicurl/http://me:SECRET@host/a.tif?SECRET",
                Some(12),
                Some((0, 0)),
                "12 bytes",
            ),
            ("PG:dbname=x", None, None, "of unknown size"),
        ] {
            let facts = facts(path, bytes, modified);
            assert_eq!(facts.identity(), expected);
            assert!(!facts.json().to_string().contains("SECRET"));
        }
    }

    #[test]
    fn a_file_of_several_sources_is_looked_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        std::fs::write(path("a"), "a").unwrap();
        std::fs::write(path("b"), "b").unwrap();
        let sources = [
            Ok(vec![path("b"), path("a"), path("b")]),
            Ok(vec![path("a")]),
        ];
        let files = SourceFiles::look(sources, Fingerprint::Content).unwrap();
        assert_eq!(files.all().count(), 2);
        let told: Vec<Value> = files.json().collect();
        assert_eq!(told[0].as_array().unwrap().len(), 2);
        assert_eq!(told[0][0], told[1][0]);
        // printf a | sha256sum
        let sum = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb";
        assert_eq!(told[0][0]["sha256"], sum);
        let missing = [Ok(vec![path("none")])];
        let files = SourceFiles::look(missing, Fingerprint::Content).unwrap();
        assert_eq!(files.json().next().unwrap()[0]["bytes"], Value::Null);
    }
}
