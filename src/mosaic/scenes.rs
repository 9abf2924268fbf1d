//! From the names of sources to what is opened as one: files, and scenes made of several ([`items`]).

use std::collections::HashMap;

use crate::error::{Error, Result};
use crate::raster::kernel::Resampling;
use crate::source::gdal::{GdalSource, OpenOptions};
use crate::source::safe;
use crate::source::stack::pattern::{Found, Pattern};
use crate::source::stack::scene::{BandFile, Opened, Scene};

use super::manifest::Manifest;

/// What is opened as one source.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// Anything that GDAL opens.
    File(String),
    /// Files of single bands.
    Scene(Scene),
}

/// The items of a job.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Items {
    /// In paint order: scenes where their first file is named.
    pub items: Vec<Item>,
    /// What the user should know: files that were passed over.
    pub notes: Vec<String>,
}

/// The items that the names of `manifest` stand for: products of Sentinel-2 are scenes; other files are of scenes as
/// `pattern` says, where there is one, and sources of their own otherwise.
///
/// # Errors
/// [`Kind::Input`](crate::error::Kind::Input) for files that do not match the pattern, unless they were found in a folder;
/// for a scene with two files of one band; for products that cannot be read.
pub fn items(manifest: &Manifest, pattern: Option<&Pattern>) -> Result<Items> {
    let mut stacks = Stacks::default();
    for name in &manifest.names {
        if let Some(scenes) = safe::scenes(name) {
            stacks.items.extend(scenes?.into_iter().map(Item::Scene));
            continue;
        }
        let Some(pattern) = pattern else {
            stacks.items.push(Item::File(name.clone()));
            continue;
        };
        match pattern.find(name) {
            Some(found) => stacks.add(name, found)?,
            None if manifest.in_folders.contains(name) => stacks.passed_over.push(name),
            None => {
                let what =
                    format_args!("a name that does not match {pattern}; expected one that does");
                return Err(Error::input(name, what).with_help("--stack with another pattern"));
            }
        }
    }
    let notes = stacks.note(pattern).into_iter().collect();
    match (stacks.items.is_empty(), stacks.passed_over.first(), pattern) {
        (true, Some(first), Some(pattern)) => {
            let what = format_args!(
                "neither it nor any other file matches {pattern}; expected some that do"
            );
            Err(Error::input(first, what).with_help("--stack with another pattern"))
        }
        _ => Ok(Items {
            items: stacks.items,
            notes,
        }),
    }
}

#[derive(Default)]
struct Stacks<'a> {
    items: Vec<Item>,
    /// Where among the items a scene is.
    places: HashMap<String, usize>,
    passed_over: Vec<&'a str>,
}

impl Stacks<'_> {
    fn add(&mut self, path: &str, found: Found) -> Result<()> {
        let place = *self.places.entry(found.scene.clone()).or_insert_with(|| {
            self.items.push(Item::Scene(Scene {
                name: found.scene,
                bands: Vec::new(),
                nodata: None,
            }));
            self.items.len() - 1
        });
        let Item::Scene(scene) = &mut self.items[place] else {
            unreachable!("only scenes have places");
        };
        let same = |band: &&BandFile| band.name.eq_ignore_ascii_case(&found.band);
        if let Some(other) = scene.bands.iter().find(same) {
            let what = format_args!(
                "band {} of scene {}, as is {}; expected one file a band",
                found.band, scene.name, other.path
            );
            return Err(
                Error::input(path, what).with_help("--stack with a pattern that tells them apart")
            );
        }
        scene.bands.push(BandFile {
            name: found.band,
            path: path.into(),
            coarser: None,
        });
        Ok(())
    }

    fn note(&self, pattern: Option<&Pattern>) -> Option<String> {
        let (pattern, first) = (pattern?, self.passed_over.first()?);
        Some(match self.passed_over.len() - 1 {
            0 => format!("{first}: does not match {pattern} and was passed over"),
            n => format!("{first}: like {n} more, it does not match {pattern} and was passed over"),
        })
    }
}

impl Item {
    /// Opens the file, or those bands of the scene that `options` choose: see [`Scene::open`].
    ///
    /// # Errors
    /// As there, and as [`GdalSource::open`].
    pub fn open(&self, options: &OpenOptions, resampling: Resampling) -> Result<Opened> {
        match self {
            Self::File(name) => Ok(Opened::one(std::sync::Arc::new(GdalSource::open(
                name, options,
            )?))),
            Self::Scene(scene) => scene.open(options, resampling),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // A test that cannot go on panics.
mod tests {
    use super::*;

    fn sorted(names: &[&str], found: &[&str]) -> Result<Items> {
        let own = |names: &[&str]| {
            names
                .iter()
                .map(|name| (*name).to_owned())
                .collect::<Vec<_>>()
        };
        let manifest = Manifest {
            names: own(names),
            in_folders: own(found).into_iter().collect(),
            notes: Vec::new(),
        };
        items(&manifest, Some(&"{scene}_{band}.tif".parse().unwrap()))
    }

    #[test]
    fn files_become_scenes_in_order_of_first_appearance() {
        let found = sorted(
            &["d/b_red.tif", "a_red.tif", "b_nir.tif", "d/x.tif"],
            &["d/x.tif"],
        )
        .unwrap();
        let told: Vec<(String, Vec<String>)> = found
            .items
            .iter()
            .map(|item| {
                let Item::Scene(scene) = item else {
                    panic!("{item:?}")
                };
                let bands = scene
                    .bands
                    .iter()
                    .map(|band| format!("{} {}", band.name, band.path));
                (scene.name.clone(), bands.collect())
            })
            .collect();
        let expected = [
            (
                "b".to_owned(),
                vec!["red d/b_red.tif".to_owned(), "nir b_nir.tif".to_owned()],
            ),
            ("a".to_owned(), vec!["red a_red.tif".to_owned()]),
        ];
        assert_eq!(told, expected);
        assert_eq!(found.notes.len(), 1);
        assert!(found.notes[0].contains("d/x.tif"));
    }

    #[test]
    fn files_that_fit_nowhere_are_refused() {
        let check = |names: &[&str], found: &[&str], said: &[&str]| {
            let error = sorted(names, found).unwrap_err().to_string();
            assert!(said.iter().all(|said| error.contains(said)), "{error}");
        };
        check(
            &["a_red.tif", "x.tif"],
            &[],
            &["x.tif", "{scene}_{band}.tif"],
        );
        check(
            &["x.tif", "y.tif"],
            &["x.tif", "y.tif"],
            &["x.tif", "any other"],
        );
        check(
            &["d/a_red.tif", "e/a_RED.tif"],
            &[],
            &["d/a_red.tif", "e/a_RED.tif", "band RED"],
        );
    }
}
