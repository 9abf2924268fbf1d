//! From what the user names to the names of sources: [`expand`] for patterns, folders and lists.

use std::collections::{BTreeSet, HashSet};
use std::ffi::OsStr;
use std::fs;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use glob::MatchOptions;

use crate::error::{Error, Kind, Result};
use crate::source::gdal::is_raster;
use crate::source::safe::is_product;

/// The sources of a job.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Manifest {
    /// Names that [`GdalSource::open`](crate::source::gdal::GdalSource::open) takes, in paint order, each once.
    pub names: Vec<String>,
    /// Those of the names that nobody gave, alone or by a pattern: found in a folder.
    pub in_folders: BTreeSet<String>,
    /// What the user should know: files that were passed over.
    pub notes: Vec<String>,
}

/// Endings of files that belong to a raster beside them. GDAL opens some of them as rasters of their own.
const SIDECARS: &[&str] = &[
    ".aux", ".aux.xml", ".msk", ".ovr", ".prj", ".qpj", ".rrd", // world files
    ".bpw", ".gfw", ".j2w", ".jgw", ".jp2w", ".jpegw", ".jpgw", ".pgw", ".pngw", ".tfw", ".tiffw",
    ".tifw", ".wld",
];

/// Finds the sources that `given` stands for, in its order. One of these each:
///
/// - a path;
/// - a pattern (`*`, `?`, `[…]`, `**` for any folders), unless a file has that very name; its matches are sorted;
/// - a folder: the rasters and the [products of Sentinel-2](crate::source::safe) in it, sorted by name, not those in folders
///   below; a folder that is such a product, or that GDAL itself opens as a raster, is one source;
/// - `@list.txt`: a list of the above, one a line, `#` before comments;
/// - `-`: such a list from `stdin`;
/// - anything else that GDAL opens: `/vsi…`, `NETCDF:…`, addresses.
///
/// Relative paths in lists start at the current folder, as in GDAL's lists. Files that belong to a raster (`.aux.xml`,
/// `.ovr`, world files, …) are left out of patterns and folders.
///
/// # Errors
/// [`Kind::Input`] for a file that is missing, a pattern without a match, a folder without rasters, a list without
/// sources, or a name that is not UTF-8. [`Kind::Usage`] for a pattern that is none.
pub fn expand<S: AsRef<OsStr>>(given: &[S], stdin: &mut dyn Read) -> Result<Manifest> {
    let mut found = Found::default();
    for name in given {
        let name = utf8(name.as_ref())?;
        if name == "-" {
            let mut bytes = Vec::new();
            stdin.read_to_end(&mut bytes).map_err(|error| {
                Error::input("standard input", format_args!("cannot be read ({error})"))
            })?;
            found.add_list("standard input", bytes)?;
        } else if let Some(list) = name.strip_prefix('@').filter(|list| !list.is_empty()) {
            let bytes = fs::read(list).map_err(|error| {
                let what = format_args!("cannot be read ({error}); expected a list of sources");
                Error::input(list, what)
            })?;
            found.add_list(list, bytes)?;
        } else {
            found.add(name)?;
        }
    }
    Ok(found.manifest)
}

#[derive(Default)]
struct Found {
    manifest: Manifest,
    seen: HashSet<String>,
}

impl Found {
    /// Every line of a list.
    fn add_list(&mut self, list: &str, bytes: Vec<u8>) -> Result<()> {
        let text = String::from_utf8(bytes)
            .map_err(|_| Error::input(list, "not UTF-8 text; expected one source a line"))?;
        let lines = text.strip_prefix('\u{feff}').unwrap_or(&text).lines();
        let mut sources = lines
            .enumerate()
            .map(|(i, line)| (i + 1, line.trim()))
            .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
            .peekable();
        if sources.peek().is_none() {
            return Err(Error::input(list, "no sources in it; expected one a line"));
        }
        for (number, name) in sources {
            let at = |error: Error| at_line(&error, list, number);
            if name == "-" || name.starts_with('@') {
                let error = Error::input(name, "a list within a list; expected a source");
                return Err(at(error));
            }
            self.add(name).map_err(at)?;
        }
        Ok(())
    }

    /// Whatever `name` is, but no list.
    fn add(&mut self, name: &str) -> Result<()> {
        let path = Path::new(name);
        if is_gdal_name(name) {
            self.give(name.to_owned());
        } else if path.exists() {
            self.add_path(path)?;
        } else if name.contains(['*', '?', '[']) {
            self.add_pattern(name)?;
        } else if name.contains(':') {
            // `NETCDF:file.nc:variable`; GDAL will say what is wrong with it.
            self.give(name.to_owned());
        } else {
            return Err(Error::input(name, "no such file; expected a raster"));
        }
        Ok(())
    }

    fn add_path(&mut self, path: &Path) -> Result<()> {
        if path.is_dir() && !is_product(path) && !is_raster(path) {
            return self.add_folder(path);
        }
        self.give(utf8(path.as_os_str())?.to_owned());
        Ok(())
    }

    fn add_pattern(&mut self, pattern: &str) -> Result<()> {
        let as_shells_do = MatchOptions {
            case_sensitive: true,
            require_literal_separator: true,
            // Left to us: the crate panics there on names that are not UTF-8.
            require_literal_leading_dot: false,
        };
        let paths = glob::glob_with(pattern, as_shells_do).map_err(|error| {
            let message = format!("{pattern}: no file of that name, and no pattern ({error}); expected one, as in '*.tif'");
            Error::new(Kind::Usage, message)
        })?;
        let mut matches: Vec<PathBuf> =
            paths
                .collect::<std::result::Result<_, _>>()
                .map_err(|error| {
                    let what = format_args!("cannot be read ({})", error.error());
                    Error::input(error.path().display(), what)
                })?;
        matches.retain(|path| !is_sidecar(path) && !is_hidden_from(pattern, path));
        matches.sort();
        if matches.is_empty() {
            return Err(Error::input(
                pattern,
                "no file matches; expected at least one",
            ));
        }
        matches.iter().try_for_each(|path| self.add_path(path))
    }

    fn add_folder(&mut self, folder: &Path) -> Result<()> {
        let unreadable = |error: std::io::Error| {
            Error::input(folder.display(), format_args!("cannot be read ({error})"))
        };
        let mut files = Vec::new();
        for entry in fs::read_dir(folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            // Not the entry's own type, which does not follow links.
            let is_source = || path.is_file() || is_product(&path);
            if !is_hidden(&path) && !is_sidecar(&path) && is_source() {
                files.push(path);
            }
        }
        files.sort();
        for path in &files {
            // Before GDAL is asked: it cannot be, for a name that is not UTF-8.
            utf8(path.as_os_str())?;
        }
        let (rasters, others): (Vec<PathBuf>, Vec<PathBuf>) = files
            .into_iter()
            .partition(|path| is_product(path) || is_raster(path));
        if rasters.is_empty() {
            return Err(Error::input(
                folder.display(),
                "a folder without rasters; expected files that GDAL opens",
            )
            .with_help(
                "folders below it are not looked at: quote a pattern such as 'folder/**/*.tif'",
            ));
        }
        if let [first, rest @ ..] = &others[..] {
            self.manifest
                .notes
                .push(passed_over(folder, first, rest.len()));
        }
        rasters.iter().try_for_each(|path| {
            let name = utf8(path.as_os_str())?.to_owned();
            if !self.seen.contains(&name) {
                self.manifest.in_folders.insert(name.clone());
            }
            self.push(name);
            Ok(())
        })
    }

    /// Adds what the user has named.
    fn give(&mut self, name: String) {
        self.manifest.in_folders.remove(&name);
        self.push(name);
    }

    fn push(&mut self, name: String) {
        if self.seen.insert(name.clone()) {
            self.manifest.names.push(name);
        } else {
            let note = format!("{name}: named more than once, used once");
            if !self.manifest.notes.contains(&note) {
                self.manifest.notes.push(note);
            }
        }
    }
}

fn passed_over(folder: &Path, first: &Path, n_more: usize) -> String {
    let first = first.file_name().unwrap_or_default().to_string_lossy();
    let more = match n_more {
        0 => "is no raster and was passed over".to_owned(),
        1 => "and 1 more file are no rasters and were passed over".to_owned(),
        n => format!("and {n} more files are no rasters and were passed over"),
    };
    format!("{}: {first} {more}", folder.display())
}

/// `error` with the line of the list that led to it.
fn at_line(error: &Error, list: &str, number: usize) -> Error {
    let located = Error::new(error.kind(), format!("{error} (line {number} of {list})"));
    match error.help() {
        Some(help) => located.with_help(help),
        None => located,
    }
}

/// Names that no look at the file system can judge: GDAL's virtual files, addresses, and datasets written out.
fn is_gdal_name(name: &str) -> bool {
    name.starts_with("/vsi") || name.starts_with(['<', '{']) || name.contains("://")
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(is_dotted)
}

/// Whether what `pattern` matched in `path` is hidden, and the pattern does not say so with a dot of its own.
fn is_hidden_from(pattern: &str, path: &Path) -> bool {
    let parts = |path| {
        let parts: fn(Component<'_>) -> Option<&OsStr> = |part| match part {
            Component::CurDir => None,
            other => Some(other.as_os_str()),
        };
        Path::components(path).filter_map(parts)
    };
    let is_wild = |part: &&OsStr| part.to_string_lossy().contains(['*', '?', '[']);
    let n_literal = parts(Path::new(pattern))
        .take_while(|part| !is_wild(part))
        .count();
    let dotted = |path| parts(path).skip(n_literal).any(is_dotted);
    dotted(path) && !dotted(Path::new(pattern))
}

/// Whether a part of a path is a hidden file's or folder's name.
fn is_dotted(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".") && name != "." && name != ".."
}

fn is_sidecar(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = name.to_lowercase();
    SIDECARS.iter().any(|ending| name.ends_with(ending))
}

fn utf8(name: &OsStr) -> Result<&str> {
    name.to_str().ok_or_else(|| {
        Error::input(
            Path::new(name).display(),
            "a name that is not UTF-8; expected one that is, as GDAL does",
        )
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // A test that cannot go on panics.
mod tests {
    use super::*;
    use tempfile::TempDir;

    /// A folder with two rasters, sidecars, a hidden raster, a text, and a raster in a folder below.
    fn folder() -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/byte.tif");
        fs::create_dir(folder.path().join("sub")).unwrap();
        for name in ["b.tif", "a[1].tif", ".hidden.tif", "b.tif.ovr", "sub/c.tif"] {
            fs::copy(&fixture, folder.path().join(name)).unwrap();
        }
        for name in ["b.TFW", "b.tif.aux.xml", "notes.txt"] {
            fs::write(folder.path().join(name), "text").unwrap();
        }
        folder
    }

    fn expand_one(given: &str, stdin: &str) -> Result<Manifest> {
        expand(&[given], &mut stdin.as_bytes())
    }

    #[track_caller]
    fn check(folder: &TempDir, given: &str, stdin: &str, expected: &[&str]) -> Vec<String> {
        let here = folder.path().to_str().unwrap();
        let replace = |text: &str| text.replace('~', here);
        let manifest = expand_one(&replace(given), &replace(stdin)).unwrap();
        let expected: Vec<String> = expected.iter().map(|name| replace(name)).collect();
        assert_eq!(manifest.names, expected, "{given}");
        manifest.notes
    }

    #[track_caller]
    fn check_error(given: &str, stdin: &str, kind: Kind, said: &str) {
        let error = expand_one(given, stdin).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(said), "{error}");
    }

    #[test]
    fn paths_patterns_folders_and_lists_are_expanded() {
        let folder = folder();
        let list = folder.path().join("list");
        let here = folder.path().to_str().unwrap();
        fs::write(
            &list,
            format!("\u{feff}# first\r\n  {here}/b.tif  \r\n\r\n{here}/sub\r\n"),
        )
        .unwrap();

        let both = ["~/a[1].tif", "~/b.tif"];
        assert!(check(&folder, "~/b.tif", "", &["~/b.tif"]).is_empty());
        // A file of that very name is no pattern.
        check(&folder, "~/a[1].tif", "", &["~/a[1].tif"]);
        check(&folder, "~/*.tif", "", &both);
        check(&folder, "~/b*f", "", &["~/b.tif"]);
        check(&folder, "~/**/?.tif", "", &["~/b.tif", "~/sub/c.tif"]);
        check(&folder, "~/s*", "", &["~/sub/c.tif"]);
        check(&folder, "@~/list", "", &["~/b.tif", "~/sub/c.tif"]);
        check(
            &folder,
            "-",
            "~/sub/*.tif\n#~/none\n~/b.tif",
            &["~/sub/c.tif", "~/b.tif"],
        );
        let notes = check(&folder, "~", "", &both);
        assert_eq!(notes.len(), 1, "{notes:?}");
        assert!(
            notes[0].ends_with(": list and 1 more file are no rasters and were passed over"),
            "{notes:?}"
        );
    }

    #[test]
    fn names_that_gdal_understands_are_left_to_it() {
        for name in [
            "/vsizip/a.zip/b.tif",
            "/vsis3/bucket/[x]*.tif",
            "https://host/a.tif?key=*",
            "s3://bucket/a.tif",
            "NETCDF:\"a.nc\":band",
            "<VRTDataset/>",
        ] {
            assert_eq!(expand_one(name, "").unwrap().names, [name]);
        }
    }

    #[test]
    fn a_source_counts_once() {
        let folder = folder();
        let list = "~/b.tif\n~/a[1].tif\n~/*.tif\n~/b.tif";
        let notes = check(&folder, "-", list, &["~/b.tif", "~/a[1].tif"]);
        assert_eq!(notes.len(), 2, "{notes:?}");
    }

    #[test]
    fn what_stands_for_nothing_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path().to_str().unwrap();
        check_error(
            "none.tif",
            "",
            Kind::Input,
            "none.tif: no such file; expected a raster",
        );
        check_error("none*.tif", "", Kind::Input, "no file matches");
        check_error(&format!("{here}/***"), "", Kind::Usage, "no pattern");
        check_error(here, "", Kind::Input, "a folder without rasters");
        check_error("@none.txt", "", Kind::Input, "none.txt: cannot be read");
        check_error(
            "-",
            "\n# nothing\n",
            Kind::Input,
            "standard input: no sources in it",
        );
        check_error("-", "\nnone.tif", Kind::Input, "(line 2 of standard input)");
        check_error("-", "@list.txt", Kind::Input, "a list within a list");
    }

    #[cfg(unix)]
    #[test]
    fn names_that_are_not_utf8_are_refused() {
        use std::os::unix::ffi::OsStrExt;
        let name = OsStr::from_bytes(b"b\xe9.tif");
        let error = expand(&[name], &mut "".as_bytes()).unwrap_err();
        assert_eq!(error.kind(), Kind::Input);
        let error = expand(&["-"], &mut &b"b\xe9.tif"[..]).unwrap_err();
        assert!(error.to_string().contains("not UTF-8"), "{error}");
        let folder = folder();
        fs::write(folder.path().join(name), "").unwrap();
        let error = expand(&[folder.path()], &mut "".as_bytes()).unwrap_err();
        assert!(error.to_string().contains("not UTF-8"), "{error}");
    }
}
