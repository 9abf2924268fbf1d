//! Which bands of a file are colour, and which is alpha: as the user says ([`BandChoice`]), or as the house has it.

use gdal::raster::ColorInterpretation::{self, AlphaBand, BlueBand, GreenBand, RedBand};
use gdal::raster::{GdalDataType, RasterBand};
use gdal::{Dataset, Metadata};

use super::File;
use crate::error::{Error, Result};
use crate::source::check_bands;

/// Bands to take from every file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BandChoice {
    /// The bands that are read, in this order.
    pub colour: Vec<BandId>,
    /// Whether the band that the file flags as alpha is taken for that. Without it, no band is.
    pub alpha: bool,
}

/// A band, as a user names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BandId {
    /// Counted from 1.
    Number(usize),
    /// By its description: all of it or the part before the first comma, in upper or lower case, with or without zeros before
    /// a number: `B04` is also the band described as `B4, central wavelength 665 nm`.
    Name(String),
}

impl BandChoice {
    /// Band `number`, counted from 1, and nothing else: a source of one band, whose mask is of that band alone.
    pub fn one(number: usize) -> Self {
        Self {
            colour: vec![BandId::Number(number)],
            alpha: false,
        }
    }
}

impl std::fmt::Display for BandId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Name(name) => name.fmt(f),
        }
    }
}

impl std::fmt::Display for BandChoice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut words: Vec<String> = self.colour.iter().map(ToString::to_string).collect();
        words.extend(self.alpha.then(|| "a".to_owned()));
        f.write_str(&words.join(","))
    }
}

/// The bands of one file that are used, 1-based.
pub(super) struct Bands {
    pub(super) colour: Vec<usize>,
    pub(super) alpha: Option<usize>,
    /// What the user should know about the choice.
    pub(super) note: Option<String>,
}

impl Bands {
    /// Finds the bands of `dataset`.
    ///
    /// # Errors
    /// [`Kind::Usage`](crate::error::Kind::Usage) for a choice that the file does not have, [`Kind::Input`] when there is
    /// nothing to choose from.
    ///
    /// [`Kind::Input`]: crate::error::Kind::Input
    pub(super) fn find(
        file: &File,
        dataset: &Dataset,
        choice: Option<&BandChoice>,
    ) -> Result<Self> {
        let roles: Vec<ColorInterpretation> = (1..=dataset.raster_count())
            .map(|i| Ok(band(file, dataset, i)?.color_interpretation()))
            .collect::<Result<_>>()?;
        match choice {
            Some(choice) => Self::chosen(file, dataset, &roles, choice),
            None => Self::usual(file, dataset, &roles),
        }
    }

    /// One band is gray; of three or more, those that the file flags as red, green and blue are that, in whatever order it has
    /// them, else the first three; of two the first counts.
    fn usual(file: &File, dataset: &Dataset, roles: &[ColorInterpretation]) -> Result<Self> {
        let flagged = flagged_alpha(roles);
        let infrared = flagged.is_some_and(|alpha| is_picture(dataset, alpha));
        let mut colour: Vec<usize> = (1..=roles.len()).filter(|i| Some(*i) != flagged).collect();
        let found = colour.len();
        if found == 0 {
            return Err(Error::input(
                &file.name,
                "nothing but an alpha band; expected at least one band of values",
            ));
        }
        colour.truncate(if found < 3 { 1 } else { 3 });
        let flags = red_green_blue(roles).filter(|_| found >= 3);
        let by_flags = flags.is_some();
        colour = flags.map_or(colour, Vec::from);
        let note = match (flagged, found) {
            (Some(alpha), _) if infrared => {
                let names: Vec<String> = colour.iter().map(ToString::to_string).collect();
                let names = names.join(",");
                Some(format!(
                    "band {alpha} is flagged as alpha but looks like a picture, as near infrared does, and is left out; \
                     -b {names},a takes it for alpha"
                ))
            }
            (_, 1 | 3) => None,
            (_, 2) => Some("2 bands, of which the first is used".into()),
            (_, n) if by_flags => Some(format!(
                "{n} bands, of which those flagged as red, green and blue are used"
            )),
            (_, n) => Some(format!(
                "{n} bands, of which the first three are used as red, green and blue"
            )),
        };
        Ok(Self {
            colour,
            alpha: flagged.filter(|_| !infrared),
            note: note.map(|text| format!("{}: {text}", file.name)),
        })
    }

    fn chosen(
        file: &File,
        dataset: &Dataset,
        roles: &[ColorInterpretation],
        choice: &BandChoice,
    ) -> Result<Self> {
        check_bands(&file.name, choice.colour.len())?;
        let names = names(file, dataset)?;
        let find = |id| number_of(id, &names).map_err(|text| refusal(&file.name, &text));
        let colour: Vec<usize> = choice.colour.iter().map(find).collect::<Result<_>>()?;
        let alpha = flagged_alpha(roles);
        if choice.alpha && alpha.is_none() {
            return Err(refusal(
                &file.name,
                "no band is flagged as alpha; expected one, or no a among the bands",
            ));
        }
        let has_palette = roles[0] == ColorInterpretation::PaletteIndex
            && band(file, dataset, 1)?.color_table().is_some();
        if has_palette && colour != [1] {
            return Err(refusal(
                &file.name,
                "a palette, whose colours are those of band 1; expected that band alone",
            ));
        }
        Ok(Self {
            colour,
            alpha: alpha.filter(|_| choice.alpha),
            note: None,
        })
    }
}

pub(super) fn band<'a>(file: &File, dataset: &'a Dataset, index: usize) -> Result<RasterBand<'a>> {
    dataset.rasterband(index).map_err(|e| {
        Error::input(
            &file.name,
            format_args!("band {index} cannot be opened ({e})"),
        )
    })
}

pub(super) fn refusal(name: &str, text: &str) -> Error {
    Error::usage(format!("{name}: {text}"))
        .with_help(format!("azulejo info '{name}' lists the bands for --bands"))
}

/// The bands flagged as red, as green and as blue, 1-based, when there is one of each. A file that flags two of one colour says
/// nothing that could be relied on.
fn red_green_blue(roles: &[ColorInterpretation]) -> Option<[usize; 3]> {
    let only = |wanted| {
        let mut bands = (1..=roles.len()).filter(|&i| roles[i - 1] == wanted);
        bands.next().filter(|_| bands.next().is_none())
    };
    Some([only(RedBand)?, only(GreenBand)?, only(BlueBand)?])
}

/// The last of the bands that the file flags as alpha, 1-based.
fn flagged_alpha(roles: &[ColorInterpretation]) -> Option<usize> {
    let last = roles.iter().rposition(|role| *role == AlphaBand);
    last.map(|k| k + 1)
}

/// The description of every band.
fn names(file: &File, dataset: &Dataset) -> Result<Vec<String>> {
    (1..=dataset.raster_count())
        .map(|i| Ok(band(file, dataset, i)?.description().unwrap_or_default()))
        .collect()
}

/// The band that `id` means among those with these `names`; else what is wrong with it.
pub(super) fn number_of(id: &BandId, names: &[String]) -> std::result::Result<usize, String> {
    let name = match id {
        BandId::Number(number) if (1..=names.len()).contains(number) => return Ok(*number),
        BandId::Number(number) => {
            return Err(format!("no band {number}; expected 1 to {}", names.len()));
        }
        BandId::Name(name) => name.trim().to_lowercase(),
    };
    // From strict to lenient, so that what is said in full is found though others begin alike.
    let spellings: [fn(&str) -> String; 3] = [str::to_owned, before_comma, without_zeros];
    for spell in spellings {
        let found = names.iter().enumerate();
        let found: Vec<usize> = found
            .filter(|(_, own)| spell(&own.trim().to_lowercase()) == spell(&name))
            .map(|(k, _)| k + 1)
            .collect();
        match found[..] {
            [] => {}
            [one] => return Ok(one),
            [one, other, ..] => {
                return Err(format!(
                    "bands {one} and {other} are both named {id}; expected numbers"
                ));
            }
        }
    }
    let known: Vec<&str> = names.iter().map(String::as_str).collect();
    Err(if known.iter().all(|name| name.is_empty()) {
        format!(
            "no band {id}, and none has a name; expected 1 to {}",
            names.len()
        )
    } else {
        format!("no band {id}; expected one of {}", known.join(" | "))
    })
}

/// The index of the band that is called `name`, by the rules of [`BandId::Name`], among those with these `names`.
pub(in crate::source) fn band_named(name: &str, names: &[String]) -> Option<usize> {
    let number = number_of(&BandId::Name(name.into()), names).ok()?;
    Some(number - 1)
}

fn before_comma(name: &str) -> String {
    name.split(',').next().unwrap_or_default().trim().to_owned()
}

/// `b04` and `b4` alike, and what follows a comma left out.
fn without_zeros(name: &str) -> String {
    let name = before_comma(name);
    let digits = name.find(|c: char| c.is_ascii_digit());
    let Some(at) = digits.filter(|&at| at > 0) else {
        return name;
    };
    let (letters, number) = name.split_at(at);
    format!("{letters}{}", number.trim_start_matches('0'))
}

/// Pixels along each side of what is looked at to tell a picture from alpha.
const SAMPLE_PX: usize = 256;

/// Pixels that may be decoded for that. A raster without overviews that has more is looked at in its middle only.
const MOST_DECODED_PX: usize = 1 << 22;

/// Whether the band flagged as alpha, of four 8-bit bands, is a picture of its own: near infrared in aerial photographs
/// often has that flag, since four bands are taken for red, green, blue and alpha by many programs. Most of its values are
/// neither 0 nor 255, none of them prevails, and the colours vary as well; those of shadows and clouds drawn with real alpha
/// do not.
pub(super) fn is_picture(dataset: &Dataset, alpha: usize) -> bool {
    if dataset.raster_count() != 4 {
        return false;
    }
    // What cannot be read is told of when it has to be.
    let histogram = |index| histogram(&dataset.rasterband(index).ok()?);
    let Some(counts) = histogram(alpha) else {
        return false;
    };
    let n: usize = counts.iter().sum();
    2 * (counts[0] + counts[255]) < n
        && varies(&counts)
        && (1..=4)
            .filter(|&index| index != alpha)
            .all(|index| histogram(index).is_some_and(|counts| varies(&counts)))
}

fn varies(counts: &[usize; 256]) -> bool {
    let n: usize = counts.iter().sum();
    let most = counts.iter().max().copied().unwrap_or(0);
    let n_values = counts.iter().filter(|&&count| count > 0).count();
    4 * most < n && n_values >= 32
}

/// `start` of a window of `size`, moved back so that it ends with the block in which it starts, if it fits in one: a block
/// decoded for every file is less to wait for than four.
fn in_one_block(start: usize, size: usize, block: usize) -> usize {
    if block < size || block == 0 {
        return start;
    }
    let first = start - start % block;
    start.min(first + block - size)
}

/// How often each value occurs in an 8-bit band, or in a part of it.
fn histogram(band: &RasterBand) -> Option<[usize; 256]> {
    if band.band_type() != GdalDataType::UInt8 {
        return None;
    }
    let (width, height) = band.size();
    let overviews = 0..band.overview_count().unwrap_or(0).max(0) as usize;
    let smallest = overviews
        .filter_map(|k| band.overview(k).ok())
        .map(|overview| overview.x_size() * overview.y_size())
        .min()
        .unwrap_or(width * height);
    let out = (width.min(SAMPLE_PX), height.min(SAMPLE_PX));
    let (origin, window) = if smallest <= MOST_DECODED_PX {
        ((0, 0), (width, height))
    } else {
        (((width - out.0) / 2, (height - out.1) / 2), out)
    };
    let block = band.block_size();
    let origin = (
        in_one_block(origin.0, window.0, block.0),
        in_one_block(origin.1, window.1, block.1),
    );
    let origin = (origin.0 as isize, origin.1 as isize);
    let values = band.read_as::<u8>(origin, window, out, None).ok()?;
    let mut counts = [0; 256];
    for &value in values.data() {
        counts[usize::from(value)] += 1;
    }
    Some(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_moved_into_the_block_where_it_starts_if_that_can_hold_it() {
        for (start, size, block, expected) in [
            (1872, 256, 512, 1792),
            (1536, 256, 512, 1536),
            (1700, 256, 512, 1700),
            (100, 256, 256, 0),
            // Smaller blocks, strips and none.
            (1872, 256, 128, 1872),
            (1872, 256, 1, 1872),
            (7, 256, 0, 7),
        ] {
            assert_eq!(
                in_one_block(start, size, block),
                expected,
                "{start} {block}"
            );
        }
    }

    #[test]
    fn colours_are_flagged_once_or_not_at_all() {
        use ColorInterpretation::{GrayIndex, Undefined};
        for (roles, expected) in [
            (vec![RedBand, GreenBand, BlueBand], Some([1, 2, 3])),
            (
                vec![BlueBand, GreenBand, RedBand, Undefined],
                Some([3, 2, 1]),
            ),
            (
                vec![AlphaBand, Undefined, BlueBand, GreenBand, RedBand],
                Some([5, 4, 3]),
            ),
            (vec![RedBand, GreenBand, BlueBand, RedBand], None),
            (vec![GrayIndex, Undefined, Undefined], None),
            (vec![RedBand, GreenBand, Undefined], None),
        ] {
            assert_eq!(red_green_blue(&roles), expected, "{roles:?}");
        }
    }

    #[test]
    fn bands_are_found_by_number_and_by_name() {
        let names = [
            "B4, central wavelength 665 nm",
            "B3, central wavelength 560 nm",
            "B8A",
            "b08",
            "",
            "elevation",
            "Elevation",
        ]
        .map(str::to_owned);
        let number = |number| number_of(&BandId::Number(number), &names);
        let name = |name: &str| number_of(&BandId::Name(name.into()), &names);
        assert_eq!(number(7), Ok(7));
        assert!(number(0).is_err() && number(8).is_err());
        for (text, expected) in [
            ("B4", 1),
            ("b04", 1),
            ("B04", 1),
            ("b4, CENTRAL wavelength 665 nm", 1),
            ("B03", 2),
            ("b8a", 3),
            ("B08A", 3),
            ("B8", 4),
            ("B08", 4),
        ] {
            assert_eq!(name(text), Ok(expected), "{text}");
        }
        assert!(name("B12").is_err_and(|e| e.contains("B8A")));
        assert!(name("elevation").is_err_and(|e| e.contains("bands 6 and 7")));
        assert!(
            number_of(&BandId::Name("x".into()), &[String::new()])
                .is_err_and(|e| e.contains("none has a name"))
        );
    }
}
