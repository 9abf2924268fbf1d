//! Where outputs may go: apart from each other and from what is read.

use std::path::{Path, PathBuf};

use azulejo::error::{Error, Result};

use crate::cli::sources::SourceArgs;

/// Makes sure that none of `written` lies in another one or in the place of anything that is read: `sources`, the lists that
/// `args` names them by, the cutline, and `others`, each with what it is.
///
/// # Errors
/// [`Kind::Usage`](azulejo::error::Kind::Usage), naming both.
pub(in crate::cli) fn check_places<'a>(
    written: impl Iterator<Item = &'a PathBuf>,
    args: &SourceArgs,
    sources: &[String],
    others: &[(&'static str, &str)],
) -> Result<()> {
    check_apart(written, read(args, sources).chain(others.iter().copied()))
}

/// Makes sure that none of `written` lies in another one or in the place of anything of `read`, each with what it is.
///
/// # Errors
/// [`Kind::Usage`](azulejo::error::Kind::Usage), naming both.
pub(in crate::cli) fn check_apart<'a, 'b>(
    written: impl Iterator<Item = &'a PathBuf>,
    read: impl Iterator<Item = (&'static str, &'b str)>,
) -> Result<()> {
    let written: Vec<(&Path, PathBuf)> = written.map(|path| (path.as_path(), real(path))).collect();
    for (i, (path, place)) in written.iter().enumerate() {
        for (other, other_place) in &written[..i] {
            if place.starts_with(other_place) || other_place.starts_with(place) {
                return Err(Error::usage(format!(
                    "{}: the same place as {}, or one inside the other; expected outputs apart from each other",
                    path.display(),
                    other.display()
                )));
            }
        }
    }
    for (what, name) in read {
        let path = Path::new(name);
        if !path.exists() {
            continue;
        }
        let read_place = real(path);
        if let Some((path, _)) = written
            .iter()
            .find(|(_, place)| read_place.starts_with(place))
        {
            return Err(Error::usage(format!(
                "{}: an output that is, or holds, the {what} {name}; expected outputs apart from what is read",
                path.display()
            )));
        }
    }
    Ok(())
}

/// Makes sure that none of `written` lies within a folder of `read`, each with what it is.
///
/// # Errors
/// [`Kind::Usage`](azulejo::error::Kind::Usage), naming both.
pub(in crate::cli) fn check_outside<'a, 'b>(
    written: impl Iterator<Item = &'a PathBuf>,
    read: impl Iterator<Item = (&'static str, &'b str)> + Clone,
) -> Result<()> {
    for path in written {
        let place = real(path);
        let is_within =
            |name: &str| Path::new(name).is_dir() && place.starts_with(real(Path::new(name)));
        if let Some((what, name)) = read.clone().find(|(_, name)| is_within(name)) {
            return Err(Error::usage(format!(
                "{}: within the {what} {name}; expected a place outside it",
                path.display()
            )));
        }
    }
    Ok(())
}

/// What is read, as far as it may be files: what each is, and its name.
fn read<'a>(
    args: &'a SourceArgs,
    sources: &'a [String],
) -> impl Iterator<Item = (&'static str, &'a str)> {
    let given = args.names.iter().filter_map(|name| name.to_str());
    let lists = given.filter_map(|name| name.strip_prefix('@'));
    let sources = sources.iter().map(|name| ("source", name.as_str()));
    let cutline = args.clip.cutline.iter();
    sources
        .chain(lists.map(|name| ("list of sources", name)))
        .chain(cutline.map(|name| ("cutline", name.as_str())))
}

/// Where `path` is or will be, past symbolic links as far as it exists.
fn real(path: &Path) -> PathBuf {
    if let Ok(place) = path.canonicalize() {
        return place;
    }
    let folder = path.parent().map(|p| {
        if p == Path::new("") {
            Path::new(".")
        } else {
            p
        }
    });
    match (folder.map(Path::canonicalize), path.file_name()) {
        (Some(Ok(folder)), Some(name)) => folder.join(name),
        _ => path.to_path_buf(),
    }
}
