//! A scene by the names of its bands: [`Scene`]; and what becomes of it when it is opened: [`Opened`].

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Stack;
use crate::error::{Error, Result};
use crate::raster::kernel::Resampling;
use crate::source::gdal::{BandChoice, BandId, GdalSource, Nodata, OpenOptions, band_named};
use crate::source::{Source, SourceInfo};

/// Files of bands that belong together.
#[derive(Debug, Clone, PartialEq)]
pub struct Scene {
    /// For messages.
    pub name: String,
    /// Its bands, no two of one name.
    pub bands: Vec<BandFile>,
    /// The value that means "nothing here", whatever the files say of it.
    pub nodata: Option<f64>,
}

/// The file of a band.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BandFile {
    /// The band's name.
    pub name: String,
    /// What [`GdalSource::open`] takes.
    pub path: String,
    /// For a file that stands in for a finer one that is missing: the metres of a pixel that there should be, and those that
    /// there are.
    pub coarser: Option<(u32, u32)>,
}

/// The bands to take of a scene.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// Indices of them: one or three.
    pub bands: Vec<usize>,
    /// What the user should know about the choice.
    pub note: Option<String>,
}

/// The band that is a picture in true colours, in Sentinel-2's products.
const TRUE_COLOUR: &str = "TCI";

/// The band of classes in Sentinel-2's products.
const CLASSES: &str = "SCL";

/// What a band is commonly called, and its name in the scenes of Sentinel-2, of Landsat 8 and 9, and of Landsat 4 to 7.
const COMMON: [(&str, [&str; 3]); 21] = [
    ("coastal", ["B01", "B1", ""]),
    ("blue", ["B02", "B2", "B1"]),
    ("green", ["B03", "B3", "B2"]),
    ("red", ["B04", "B4", "B3"]),
    ("rededge", ["B05", "", ""]),
    ("rededge1", ["B05", "", ""]),
    ("rededge2", ["B06", "", ""]),
    ("rededge3", ["B07", "", ""]),
    ("rededge071", ["B05", "", ""]),
    ("rededge075", ["B06", "", ""]),
    ("rededge078", ["B07", "", ""]),
    ("nir", ["B08", "B5", "B4"]),
    ("nir08", ["B8A", "B5", "B4"]),
    ("nir09", ["B09", "", ""]),
    ("cirrus", ["B10", "B9", ""]),
    ("swir16", ["B11", "B6", "B5"]),
    ("swir22", ["B12", "B7", "B7"]),
    ("pan", ["", "B8", "B8"]),
    ("lwir", ["", "B10", "B6"]),
    ("lwir11", ["", "B10", ""]),
    ("lwir12", ["", "B11", ""]),
];

/// Whose scene it is, as an index into the table's names.
fn satellite(scene: &Scene) -> Option<usize> {
    let name = scene.name.trim_end_matches('/');
    let name = name.rsplit('/').next().unwrap_or_default();
    let begins = |with: &[&str]| with.iter().any(|with| name.starts_with(with));
    let has = |band: &str| {
        scene
            .bands
            .iter()
            .any(|b| b.name.eq_ignore_ascii_case(band))
    };
    // `T32TLS_`, as the files of Sentinel-2 are called.
    let is_tile = || {
        let tile = name.as_bytes();
        tile.len() >= 6
            && tile[0] == b'T'
            && tile[1..3].iter().all(u8::is_ascii_digit)
            && tile[3..6].iter().all(u8::is_ascii_uppercase)
    };
    if begins(&["LC08_", "LC09_", "LO08_", "LO09_", "LC8"]) {
        Some(1)
    } else if begins(&["LT04_", "LT05_", "LE07_", "LT4", "LT5", "LE7"]) {
        Some(2)
    } else if begins(&["S2A", "S2B", "S2C"]) || is_tile() || has("B8A") {
        Some(0)
    } else {
        None
    }
}

impl Scene {
    /// Finds the bands that `choice` asks for: by name, in upper or lower case and with or without zeros (`B04` is `b4`),
    /// by a common name such as `red` or `nir` where the scene is one of Sentinel-2 or Landsat by its name (or has a band
    /// `B8A`), by number (4 is the band 4, or B4).
    ///
    /// Without a choice: the picture in true colours, or red, green and blue, or B04, B03 and B02; else all bands of a
    /// scene that has 1 or 3.
    ///
    /// # Errors
    /// [`Kind::Input`](crate::error::Kind::Input) for a band that the scene lacks, or bands that somebody must choose
    /// from; [`Kind::Usage`](crate::error::Kind::Usage) for a choice of alpha.
    pub fn choose(&self, choice: Option<&BandChoice>) -> Result<Chosen> {
        let Some(choice) = choice else {
            return self.usual();
        };
        if choice.alpha {
            let said = format!(
                "{}: files of single bands, none of them alpha; expected bands without a",
                self.name
            );
            return Err(Error::usage(said));
        }
        let bands = choice.colour.iter().map(|id| {
            let found = match id {
                BandId::Number(number) => self
                    .find(&number.to_string())
                    .or_else(|| self.find(&format!("B{number}"))),
                BandId::Name(name) => self.find(name),
            };
            found.ok_or_else(|| self.lacks(&id.to_string()))
        });
        Ok(Chosen {
            bands: bands.collect::<Result<_>>()?,
            note: None,
        })
    }

    fn usual(&self) -> Result<Chosen> {
        if let Some(picture) = self.find(TRUE_COLOUR) {
            let bands = vec![picture];
            return Ok(Chosen { bands, note: None });
        }
        let all = |names: [&str; 3]| -> Option<Vec<usize>> {
            names.iter().map(|name| self.find(name)).collect()
        };
        let by_name = all(["red", "green", "blue"]);
        if let Some(bands) = by_name.or_else(|| all(["B04", "B03", "B02"])) {
            let names: Vec<&str> = bands.iter().map(|&k| self.bands[k].name.as_str()).collect();
            let plain = names.iter().zip(["red", "green", "blue"]);
            let note = plain
                .clone()
                .any(|(name, plain)| !name.eq_ignore_ascii_case(plain))
                .then(|| {
                    let names = names.join(", ");
                    format!(
                        "{}: bands {names} are shown as red, green and blue; -b takes others",
                        self.name
                    )
                });
            return Ok(Chosen { bands, note });
        }
        match self.bands.len() {
            n @ (1 | 3) => Ok(Chosen {
                bands: (0..n).collect(),
                note: (n == 3).then(|| {
                    let names = self.names().join(", ");
                    format!("{}: bands {names} are shown as red, green and blue in this order; -b takes another", self.name)
                }),
            }),
            n => Err(Error::input(
                &self.name,
                format_args!("{n} bands, {}; expected a choice of 1 or 3", self.names().join(" | ")),
            )
            .with_help("-b NAME,NAME,NAME")),
        }
    }

    /// The band called `name`, by itself or by everybody.
    fn find(&self, name: &str) -> Option<usize> {
        self.named(name).or_else(|| {
            let satellite = satellite(self)?;
            let common = |row: &&(&str, [&str; 3])| row.0.eq_ignore_ascii_case(name.trim());
            let (_, own) = COMMON.iter().find(common)?;
            self.named(own[satellite])
        })
    }

    /// The band of that name. Patterns may have taken the B of `B4` away.
    fn named(&self, name: &str) -> Option<usize> {
        let names: Vec<String> = self.bands.iter().map(|band| band.name.clone()).collect();
        let number = || {
            name.strip_prefix(['B', 'b'])?
                .trim_start_matches('0')
                .into()
        };
        let number: Option<&str> = number();
        band_named(name, &names)
            .or_else(|| band_named(number?, &names))
            .filter(|_| !name.is_empty())
    }

    /// What the user should know of the files of `bands`, indices into the scene's.
    pub fn notes(&self, bands: &[usize]) -> Vec<String> {
        let mut groups: BTreeMap<(u32, u32), Vec<&str>> = BTreeMap::new();
        for band in bands.iter().map(|&k| &self.bands[k]) {
            if let Some(metres) = band.coarser {
                let names = groups.entry(metres).or_default();
                if !names.contains(&band.name.as_str()) {
                    names.push(&band.name);
                }
            }
        }
        let note = |((native, found), names): ((u32, u32), Vec<&str>)| {
            let names = names.join(", ");
            format!(
                "{}: no {names} at {native} m; taken at {found} m",
                self.name
            )
        };
        groups.into_iter().map(note).collect()
    }

    fn names(&self) -> Vec<&str> {
        self.bands.iter().map(|band| band.name.as_str()).collect()
    }

    fn lacks(&self, band: &str) -> Error {
        let known = self.names().join(" | ");
        Error::input(
            &self.name,
            format_args!("no band {band}; expected one of {known}"),
        )
    }

    /// Opens the bands that `options` choose, and puts them on one grid by `resampling`, as [`Stack::new`] says. A single
    /// file stays as it is. Nodata values of `options`, where a set has three, are of one band each; a pixel is not there
    /// when a band is not.
    ///
    /// # Errors
    /// As [`Scene::choose`], [`GdalSource::open`] and [`Stack::new`].
    pub fn open(&self, options: &OpenOptions, resampling: Resampling) -> Result<Opened> {
        let chosen = self.choose(options.bands.as_ref())?;
        let n = chosen.bands.len();
        let mut sources: Vec<Arc<dyn Source>> = Vec::with_capacity(n);
        for (k, &index) in chosen.bands.iter().enumerate() {
            let nodata = match (&options.nodata, self.nodata) {
                (Some(told), _) if n > 1 => Some(of_band(told, k, n)),
                (Some(told), _) => Some(told.clone()),
                (None, own) => own.map(|value| Nodata::Sets(vec![vec![value]])),
            };
            let options = OpenOptions {
                bands: None,
                nodata,
                ..options.clone()
            };
            sources.push(Arc::new(GdalSource::open(
                &self.bands[index].path,
                &options,
            )?));
        }
        let classes = |&k: &usize| self.bands[k].name.eq_ignore_ascii_case(CLASSES);
        let classes = chosen.bands.iter().any(classes).then(|| {
            format!("{}: {CLASSES} has classes, not measurements; -r nearest --overview-resampling mode keeps them", self.name)
        });
        let coarser = self.notes(&chosen.bands);
        let notes = chosen.note.into_iter().chain(classes).chain(coarser);
        let notes: Vec<String> = notes.collect();
        let what = match sources.pop() {
            Some(one) if n == 1 => What::One(one),
            last => {
                sources.extend(last);
                let stack = Stack::new(self.name.clone(), sources, resampling)?;
                What::Stack(Box::new(stack))
            }
        };
        let name = |&k: &usize| self.bands[k].name.clone();
        Ok(Opened {
            what,
            bands: chosen.bands.iter().map(name).collect(),
            notes,
        })
    }
}

/// The part of `nodata` that concerns band `k` of `n`: sets that have a value for each band are taken apart. Others are
/// left for the file to judge.
fn of_band(nodata: &Nodata, k: usize, n: usize) -> Nodata {
    let Nodata::Sets(sets) = nodata else {
        return Nodata::Ignore;
    };
    let own = |set: &Vec<f64>| {
        if set.len() == n {
            vec![set[k]]
        } else {
            set.clone()
        }
    };
    Nodata::Sets(sets.iter().map(own).collect())
}

/// A file or a scene whose headers have been read.
pub struct Opened {
    what: What,
    /// The names of the bands of a scene.
    bands: Vec<String>,
    notes: Vec<String>,
}

enum What {
    One(Arc<dyn Source>),
    Stack(Box<Stack>),
}

impl Opened {
    /// A source that is read as it is.
    pub fn one(source: Arc<dyn Source>) -> Self {
        Self {
            what: What::One(source),
            bands: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// The names of the bands that were chosen of a scene; none for other sources.
    pub fn bands(&self) -> &[String] {
        &self.bands
    }

    /// What it is, with the notes about the choice of its bands.
    pub fn info(&self) -> SourceInfo {
        let mut info = match &self.what {
            What::One(source) => source.info().clone(),
            What::Stack(stack) => stack.info().clone(),
        };
        info.notes.splice(0..0, self.notes.iter().cloned());
        info
    }

    /// The names of its files, see [`Source::files`].
    ///
    /// # Errors
    /// As there.
    pub fn files(&self) -> Result<Vec<String>> {
        match &self.what {
            What::One(source) => source.files(),
            What::Stack(stack) => stack.files(),
        }
    }

    /// The source, each of its files wrapped by `wrap`, such as to read it through a cache.
    ///
    /// # Errors
    /// As [`Stack::over`].
    pub fn over(
        &self,
        wrap: &dyn Fn(Arc<dyn Source>) -> Arc<dyn Source>,
    ) -> Result<Arc<dyn Source>> {
        Ok(match &self.what {
            What::One(source) => wrap(Arc::clone(source)),
            What::Stack(stack) => Arc::new(stack.over(wrap)?),
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // A test that cannot go on panics.
mod tests {
    use super::*;

    fn scene(name: &str, bands: &str) -> Scene {
        let band = |name: &str| BandFile {
            name: name.into(),
            path: format!("{name}.tif"),
            coarser: None,
        };
        Scene {
            name: name.into(),
            bands: bands.split(' ').map(band).collect(),
            nodata: None,
        }
    }

    fn chosen(scene: &Scene, choice: &[&str]) -> Result<Vec<String>> {
        let id = |word: &&str| match word.parse() {
            Ok(number) => BandId::Number(number),
            Err(_) => BandId::Name((*word).into()),
        };
        let choice = BandChoice {
            colour: choice.iter().map(id).collect(),
            alpha: false,
        };
        let choice = (!choice.colour.is_empty()).then_some(&choice);
        let found = scene.choose(choice)?.bands;
        Ok(found
            .into_iter()
            .map(|k| scene.bands[k].name.clone())
            .collect())
    }

    #[test]
    fn bands_are_found_by_their_names_and_by_common_ones() {
        let check = |name: &str, bands: &str, choice: &[&str], expected: &[&str]| {
            let found = chosen(&scene(name, bands), choice).unwrap();
            assert_eq!(found, expected, "{name}: {choice:?} of {bands}");
        };
        let s2 = "B01 B02 B03 B04 B08 B8A B11 SCL";
        check("x", s2, &["b4", "B03", "b02"], &["B04", "B03", "B02"]);
        check("x", s2, &["Red", "green", "blue"], &["B04", "B03", "B02"]);
        check("x", s2, &["nir"], &["B08"]);
        check("x", s2, &["B8"], &["B08"]);
        check("x", s2, &["b8a"], &["B8A"]);
        check("x", s2, &["8", "4", "3"], &["B08", "B04", "B03"]);
        check("x", s2, &[], &["B04", "B03", "B02"]);
        let landsat = "B1 B2 B3 B4 B5 B6 B7";
        check("LC08_L1TP_1_T1", landsat, &["nir"], &["B5"]);
        check("LC08_L1TP_1_T1", landsat, &[], &["B4", "B3", "B2"]);
        check("a/LT05_L1TP_1_T1", landsat, &["nir"], &["B4"]);
        check("LT05_L1TP_1_T1", landsat, &[], &["B3", "B2", "B1"]);
        check("d/S2A_MSIL1C.SAFE/", "B02 B03 B04 B08", &["nir"], &["B08"]);
        // The pattern had the letter.
        check(
            "LC08_L1TP_1_T1",
            "2 3 4 5",
            &["4", "3", "2"],
            &["4", "3", "2"],
        );
        check("LC08_L1TP_1_T1", "2 3 4 5", &["nir"], &["5"]);
        check("LC08_L1TP_1_T1", "2 3 4 5", &[], &["4", "3", "2"]);
        check("x", "blue green red", &[], &["red", "green", "blue"]);
        check("x", "blue green nir red", &[], &["red", "green", "blue"]);
        check("x", "heights", &[], &["heights"]);
        check("x", "a b c", &[], &["a", "b", "c"]);
        check("x", "B02 B03 B04 TCI", &[], &["TCI"]);
    }

    #[test]
    fn what_a_scene_lacks_is_told() {
        let check = |bands: &str, choice: &[&str], said: &str| {
            let error = chosen(&scene("x", bands), choice).unwrap_err().to_string();
            assert_eq!(error, said);
        };
        check("a b", &["B04"], "x: no band B04; expected one of a | b");
        // Of nobody knows which satellite.
        check(
            "B02 B03 B04",
            &["nir"],
            "x: no band nir; expected one of B02 | B03 | B04",
        );
        check("a b", &["4"], "x: no band 4; expected one of a | b");
        check("a b", &[], "x: 2 bands, a | b; expected a choice of 1 or 3");
    }

    #[test]
    fn notes_tell_which_bands_are_colours() {
        let note = |bands: &str| scene("x", bands).choose(None).unwrap().note;
        assert_eq!(note("blue green red"), None);
        assert_eq!(note("a"), None);
        assert!(note("B02 B03 B04").is_some_and(|note| note.contains("B04, B03, B02")));
        assert!(note("a b c").is_some_and(|note| note.contains("in this order")));
    }
}
