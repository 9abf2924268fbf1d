//! Values of options: from text to what the library takes.

use std::fmt;
use std::str::FromStr;

use azulejo::archive::{Host, MbtilesType, RowScheme, TilesetKind};
use azulejo::encode::Format;
use azulejo::error::Error;
use azulejo::geo::bounds::Bounds;
use azulejo::geo::tile::MAX_ZOOM;
use azulejo::merge::{Compression, FileKind};
use azulejo::mosaic::rule::{RULES, Rule};
use azulejo::pyramid::budget::LEAST_CEILING_BYTES;
use azulejo::raster::kernel::{KERNELS, Resampling};
use azulejo::raster::reduce::{REDUCERS, Reducer};
use azulejo::source::cache::OnReadError;
use azulejo::source::gdal::{BandChoice, BandId, Nodata};
use azulejo::source::stack::pattern::Pattern;

/// Why a value is not one, as clap shows it.
type Refusal = String;

/// `KEY=VALUE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KeyValue {
    /// Before the first `=`; not empty.
    pub(super) key: String,
    /// All after it.
    pub(super) value: String,
}

impl FromStr for KeyValue {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        match text.split_once('=') {
            Some((key, value)) if !key.is_empty() => Ok(Self {
                key: key.into(),
                value: value.into(),
            }),
            _ => Err("no name and value; expected NAME=VALUE".into()),
        }
    }
}

impl fmt::Display for KeyValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.key, self.value)
    }
}

/// A range of zooms as the user says it. `None` is for the plan to choose.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Zooms {
    /// The lowest.
    pub(super) min: Option<u8>,
    /// The highest.
    pub(super) max: Option<u8>,
}

impl FromStr for Zooms {
    type Err = Refusal;

    /// `5-12` (or `5..12`), `12`, `5-`, `-12`, `auto`; `auto` may also stand at either end.
    fn from_str(text: &str) -> Result<Self, Refusal> {
        let text = text.trim();
        let ends = text.split_once("..").or_else(|| text.split_once('-'));
        let (min, max) = match ends {
            Some(("", "")) => return Err(expected_zooms()),
            Some((min, max)) => (zoom_end(min)?, zoom_end(max)?),
            None => (zoom_end(text)?, zoom_end(text)?),
        };
        if text.is_empty() {
            return Err(expected_zooms());
        }
        match (min, max) {
            (Some(low), Some(high)) if low > high => Err(format!(
                "{low} is more than {high}; expected the lowest zoom first"
            )),
            _ => Ok(Self { min, max }),
        }
    }
}

/// One end of a range; open when it is empty or `auto`.
fn zoom_end(text: &str) -> Result<Option<u8>, Refusal> {
    match text.trim() {
        "" | "auto" => Ok(None),
        number => match number.parse() {
            Ok(zoom) if zoom <= MAX_ZOOM => Ok(Some(zoom)),
            _ => Err(expected_zooms()),
        },
    }
}

fn expected_zooms() -> Refusal {
    format!("expected zooms as in 5-12, 12, 5-, -12 or auto, none above {MAX_ZOOM}")
}

/// West, south, east and north, of whatever system.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sides(pub(super) [f64; 4]);

/// `2.2,48.8,2.5,48.9`.
pub(super) fn sides(text: &str) -> Result<Sides, Refusal> {
    let expected = || "expected west,south,east,north as in 2.2,48.8,2.5,48.9".to_owned();
    let numbers = text
        .split(',')
        .map(|number| number.trim().parse::<f64>().ok().filter(|n| n.is_finite()))
        .collect::<Option<Vec<f64>>>()
        .ok_or_else(expected)?;
    Ok(Sides(numbers.try_into().map_err(|_| expected())?))
}

/// Pixels over which an edge is softened.
pub(super) fn feather(text: &str) -> Result<f64, Refusal> {
    match text.trim().parse::<f64>() {
        Ok(px) if (0.0..=1000.0).contains(&px) => Ok(px),
        _ => Err("expected 0 to 1000 pixels".into()),
    }
}

/// A difference that counts as none.
pub(super) fn tolerance(text: &str) -> Result<f64, Refusal> {
    match text.parse::<f64>() {
        Ok(n) if n >= 0.0 && n.is_finite() => Ok(n),
        _ => Err("expected a number, 0 or more".into()),
    }
}

/// A number of threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Jobs(pub(super) usize);

impl FromStr for Jobs {
    type Err = Refusal;

    /// A number above zero, or GDAL's word `ALL_CPUS`.
    fn from_str(text: &str) -> Result<Self, Refusal> {
        if text.eq_ignore_ascii_case("ALL_CPUS") {
            return Ok(Self::all());
        }
        match text.trim().parse() {
            Ok(n) if (1..=1024).contains(&n) => Ok(Self(n)),
            _ => Err("expected 1 to 1024, or ALL_CPUS".into()),
        }
    }
}

impl Jobs {
    /// As many as the machine, or the container that we are in, has processors.
    pub(super) fn all() -> Self {
        Self(std::thread::available_parallelism().map_or(1, usize::from))
    }
}

/// `4` or `B04`.
pub(super) fn band(text: &str) -> Result<BandId, Refusal> {
    let word = text.trim();
    match word.parse::<usize>() {
        Ok(0) => Err("no band 0; expected numbers from 1 on".into()),
        Ok(number) => Ok(BandId::Number(number)),
        Err(_) if word.is_empty() => {
            Err("a band without a name; expected numbers or names as in 4,3,2".to_owned())
        }
        Err(_) => Ok(BandId::Name(word.to_owned())),
    }
}

/// Numbers with commas between them, as many as there are names of them.
fn numbers<const N: usize>(text: &str, expected: &str) -> Result<[f64; N], Refusal> {
    let refused = || format!("expected {expected}");
    let number = |word: &str| word.trim().parse::<f64>().ok().filter(|v| v.is_finite());
    let all: Option<Vec<f64>> = text.split(',').map(number).collect();
    all.and_then(|all| all.try_into().ok()).ok_or_else(refused)
}

/// `10` or `10,20`.
pub(super) fn resolution(text: &str) -> Result<(f64, f64), Refusal> {
    let expected = "one or two positive numbers, as in 10 or 10,20";
    let (x, y) = if text.contains(',') {
        let [x, y] = numbers(text, expected)?;
        (x, y)
    } else {
        let [both] = numbers(text, expected)?;
        (both, both)
    };
    if x > 0.0 && y > 0.0 {
        Ok((x, y))
    } else {
        Err(format!("expected {expected}"))
    }
}

/// `500000,4600000,510000,4610000`.
pub(super) fn bounds(text: &str) -> Result<Bounds, Refusal> {
    let expected = "west,south,east,north with west < east and south < north";
    let [west, south, east, north] = numbers(text, expected)?;
    if west < east && south < north {
        Ok(Bounds::new(west, south, east, north))
    } else {
        Err(format!("expected {expected}"))
    }
}

pub(super) fn compression(text: &str) -> Result<Compression, Refusal> {
    Compression::named(text).ok_or_else(|| one_of(Compression::NAMES.iter().map(|row| row.0)))
}

pub(super) fn file_kind(text: &str) -> Result<FileKind, Refusal> {
    match text {
        "cog" => Ok(FileKind::Cog),
        "gtiff" => Ok(FileKind::GeoTiff),
        _ => Err(one_of(["cog", "gtiff"].into_iter())),
    }
}

/// What can be shown: gray or colours, and perhaps alpha, which `a` stands for. `None` when no bands are asked for.
///
/// # Errors
/// [`Kind::Usage`](azulejo::error::Kind::Usage) for other numbers of bands.
pub(super) fn colours(bands: &[BandId]) -> Result<Option<BandChoice>, Error> {
    let (alpha, colour): (Vec<_>, Vec<_>) = bands.iter().cloned().partition(is_alpha);
    match (colour.len(), alpha.len()) {
        (0, 0) => Ok(None),
        (1 | 3, 0 | 1) => Ok(Some(BandChoice {
            colour,
            alpha: !alpha.is_empty(),
        })),
        (1 | 3, _) => Err(Error::usage(
            "--bands: more than one a; expected at most one alpha band",
        )),
        (n, _) => Err(Error::usage(format!(
            "--bands: {n} bands of colour; expected 1 or 3, and a for alpha"
        ))),
    }
}

/// Bands of values, as many as there are, and perhaps alpha, which `a` stands for. `None` when no bands are asked for.
///
/// # Errors
/// [`Kind::Usage`](azulejo::error::Kind::Usage) for alpha alone, or twice.
pub(super) fn any_bands(bands: &[BandId]) -> Result<Option<BandChoice>, Error> {
    let (alpha, colour): (Vec<_>, Vec<_>) = bands.iter().cloned().partition(is_alpha);
    match (colour.len(), alpha.len()) {
        (0, 0) => Ok(None),
        (1.., 0 | 1) => Ok(Some(BandChoice {
            colour,
            alpha: !alpha.is_empty(),
        })),
        _ => Err(Error::usage(
            "--bands: alpha alone or more than once; expected bands of values, and at most one a",
        )),
    }
}

/// Whether `band` is `a`.
fn is_alpha(band: &BandId) -> bool {
    matches!(band, BandId::Name(name) if name.eq_ignore_ascii_case("a"))
}

/// `{scene}_{band}.tif`.
pub(super) fn stack(text: &str) -> Result<Pattern, Refusal> {
    text.parse().map_err(|error: Error| error.to_string())
}

/// `0`, `255,255,255`, `0;255`, `nan`, `none`.
pub(super) fn nodata(text: &str) -> Result<Nodata, Refusal> {
    if text.trim().eq_ignore_ascii_case("none") {
        return Ok(Nodata::Ignore);
    }
    let number = |word: &str| {
        let refused =
            || format!("'{word}' is no number; expected values as in 0, -9999, nan or none");
        word.trim().parse::<f64>().map_err(|_| refused())
    };
    let set = |set: &str| set.split(',').map(number).collect();
    let sets = text.split(';').map(set).collect::<Result<_, Refusal>>()?;
    Ok(Nodata::Sets(sets))
}

/// A quality, and others from some zooms on: `70,14:50,16:40`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Qualities {
    /// Of the zooms below the first of `from`; `None` for the usual one.
    pub(super) below: Option<u8>,
    /// Zooms, ascending, and the quality from each on.
    pub(super) from: Vec<(u8, u8)>,
}

impl FromStr for Qualities {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let expected = || "expected 1 to 100, or by zoom as in 70,14:50,16:40".to_owned();
        let quality = |word: &str| {
            let number = word.trim().parse().ok();
            number
                .filter(|q| (1..=100).contains(q))
                .ok_or_else(expected)
        };
        let (mut below, mut from) = (None, Vec::new());
        for (k, part) in text.split(',').enumerate() {
            match part.split_once(':') {
                Some((zoom, q)) => from.push((zoom_end(zoom)?.ok_or_else(expected)?, quality(q)?)),
                None if k == 0 => below = Some(quality(part)?),
                None => return Err(expected()),
            }
        }
        match from.is_sorted_by(|a, b| a.0 < b.0) {
            true => Ok(Self { below, from }),
            false => Err("zooms that do not ascend; expected as in 70,14:50,16:40".to_owned()),
        }
    }
}

/// An amount of memory in bytes: `2GiB`, `1500MB`, `268435456`.
pub(super) fn memory(text: &str) -> Result<u64, Refusal> {
    match amount(text, "2GiB, 1500MB or 268435456")? {
        bytes if bytes < LEAST_CEILING_BYTES => Err("expected at least 128MiB".into()),
        bytes => Ok(bytes),
    }
}

/// The bytes of a tile: `50KB`, `64KiB`, `50000`.
pub(super) fn tile_bytes(text: &str) -> Result<usize, Refusal> {
    let expected = "50KB, 64KiB or 50000";
    match usize::try_from(amount(text, expected)?) {
        Ok(bytes) if bytes > 0 => Ok(bytes),
        _ => Err(format!("expected an amount as in {expected}")),
    }
}

/// Bytes of a tileset: `20GB`, `1TiB`, `5000000`.
pub(super) fn bytes(text: &str) -> Result<u64, Refusal> {
    amount(text, "20GB, 500MB or 5000000")
}

/// Bytes, in any unit; `examples` are of what is expected.
fn amount(text: &str, examples: &str) -> Result<u64, Refusal> {
    const UNITS: [(&str, u64); 9] = [
        ("KIB", 1 << 10),
        ("MIB", 1 << 20),
        ("GIB", 1 << 30),
        ("TIB", 1 << 40),
        ("KB", 1000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("TB", 1_000_000_000_000),
        ("", 1),
    ];
    let expected = || format!("expected an amount as in {examples}");
    let upper = text.trim().to_uppercase();
    let (number, unit) = UNITS
        .iter()
        .find_map(|(name, unit)| Some((upper.strip_suffix(name)?, unit)))
        .ok_or_else(expected)?;
    let number: f64 = number.trim().parse().map_err(|_| expected())?;
    let bytes = number * *unit as f64;
    if !(0.0..1e18).contains(&bytes) {
        return Err(expected());
    }
    Ok(bytes as u64)
}

pub(super) fn on_read_error(text: &str) -> Result<OnReadError, Refusal> {
    match text {
        "fail" => Ok(OnReadError::Fail),
        "skip" => Ok(OnReadError::Skip),
        _ => Err(one_of(["fail", "skip"].into_iter())),
    }
}

pub(super) fn tile_size(text: &str) -> Result<usize, Refusal> {
    match text.parse::<usize>() {
        Ok(n) if n.is_power_of_two() && (64..=4096).contains(&n) => Ok(n),
        _ => Err("expected a power of two from 64 to 4096".into()),
    }
}

pub(super) fn resampling(text: &str) -> Result<Resampling, Refusal> {
    let name = canonical(text);
    let names = || KERNELS.iter().map(|kernel| kernel.name);
    Resampling::from_name(&name).ok_or_else(|| one_of(names()))
}

pub(super) fn rule(text: &str) -> Result<Rule, Refusal> {
    let name = canonical(text);
    Rule::from_name(&name).ok_or_else(|| one_of(RULES.iter().map(|row| row.name)))
}

pub(super) fn reducer(text: &str) -> Result<Reducer, Refusal> {
    let name = canonical(text);
    Reducer::from_name(&name).ok_or_else(|| one_of(REDUCERS.iter().map(|row| row.0)))
}

/// GDAL's programs write some names in two ways.
fn canonical(name: &str) -> String {
    match name.to_lowercase().as_str() {
        "near" => "nearest".into(),
        "cubic_spline" => "cubicspline".into(),
        other => other.into(),
    }
}

pub(super) fn format(text: &str) -> Result<Format, Refusal> {
    Format::from_name(text).map_err(|error| error.to_string())
}

pub(super) fn row_scheme(text: &str) -> Result<RowScheme, Refusal> {
    let all = [RowScheme::Xyz, RowScheme::Tms];
    all.into_iter()
        .find(|scheme| scheme.name() == text)
        .ok_or_else(|| one_of(all.into_iter().map(RowScheme::name)))
}

pub(super) fn mbtiles_type(text: &str) -> Result<MbtilesType, Refusal> {
    let all = MbtilesType::ALL;
    all.into_iter()
        .find(|kind| kind.name() == text)
        .ok_or_else(|| one_of(all.into_iter().map(MbtilesType::name)))
}

pub(super) fn host(text: &str) -> Result<Host, Refusal> {
    let all = Host::ALL;
    all.into_iter()
        .find(|host| host.name() == text)
        .ok_or_else(|| one_of(all.into_iter().map(Host::name)))
}

pub(super) fn tileset_kind(text: &str) -> Result<TilesetKind, Refusal> {
    let all = [TilesetKind::Overlay, TilesetKind::Baselayer];
    all.into_iter()
        .find(|kind| kind.name() == text)
        .ok_or_else(|| one_of(all.into_iter().map(TilesetKind::name)))
}

fn one_of<'a>(names: impl Iterator<Item = &'a str>) -> Refusal {
    format!("expected one of {}", names.collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zooms_are_read_in_all_spellings() {
        let check = |text: &str, min, max| {
            assert_eq!(text.parse(), Ok(Zooms { min, max }), "{text}");
        };
        check("5-12", Some(5), Some(12));
        check("5..12", Some(5), Some(12));
        check("12", Some(12), Some(12));
        check("5-", Some(5), None);
        check("5..", Some(5), None);
        check("-12", None, Some(12));
        check("auto", None, None);
        check("0-auto", Some(0), None);
        check("auto-9", None, Some(9));
        for wrong in [
            "", "-", "..", "12-5", "5-12-13", "x", "5-x", "31", "1.5", "--3",
        ] {
            assert!(wrong.parse::<Zooms>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn boxes_are_four_numbers() {
        assert_eq!(sides("-1,2.5, 3,4e1"), Ok(Sides([-1.0, 2.5, 3.0, 40.0])));
        for wrong in [
            "",
            "1,2,3",
            "1,2,3,4,5",
            "1,2,3,x",
            "nan,0,1,1",
            "0,0,inf,1",
            "1 2 3 4",
        ] {
            let refusal = sides(wrong).unwrap_err();
            assert!(refusal.contains("as in 2.2,48.8,2.5,48.9"), "{wrong}");
        }
        assert_eq!(feather("2.5"), Ok(2.5));
        for wrong in ["-1", "x", "nan", "inf", "1001", ""] {
            assert!(feather(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn bands_are_numbers_or_names_and_perhaps_alpha() {
        let bands = |text: &str| {
            let ids = text.split(',').map(band).collect::<Result<Vec<_>, _>>()?;
            colours(&ids).map_err(|error| error.to_string())
        };
        let check = |text: &str, colour: &[&str], alpha: bool| {
            let choice = bands(text).unwrap().unwrap();
            let found: Vec<String> = choice.colour.iter().map(ToString::to_string).collect();
            assert_eq!(
                (&found[..], choice.alpha),
                (
                    &colour.iter().map(ToString::to_string).collect::<Vec<_>>()[..],
                    alpha
                ),
                "{text}"
            );
            assert_eq!(
                bands(&choice.to_string()),
                Ok(Some(choice)),
                "{text} said again"
            );
        };
        check("1", &["1"], false);
        check("4,3,2", &["4", "3", "2"], false);
        check("B04, B03,b02", &["B04", "B03", "b02"], false);
        check("1,2,3,a", &["1", "2", "3"], true);
        check("A,1", &["1"], true);
        for wrong in ["", "0", "1,2", "1,2,3,4", "a", "1,a,a", "1,,3"] {
            assert!(bands(wrong).is_err(), "{wrong}");
        }
        assert_eq!(colours(&[]).unwrap(), None);
    }

    #[test]
    fn nodata_is_sets_of_values() {
        let check = |text: &str, sets: &[&[f64]]| {
            let sets = sets.iter().map(|set| set.to_vec()).collect();
            assert_eq!(nodata(text), Ok(Nodata::Sets(sets)), "{text}");
        };
        check("0", &[&[0.0]]);
        check("-9999", &[&[-9999.0]]);
        check("255, 255,255", &[&[255.0; 3]]);
        check("0;255,254,253", &[&[0.0], &[255.0, 254.0, 253.0]]);
        check("-3.4028234663852886e+38", &[&[f64::from(f32::MIN)]]);
        assert_eq!(nodata("none"), Ok(Nodata::Ignore));
        assert!(matches!(nodata("nan"), Ok(Nodata::Sets(sets)) if sets[0][0].is_nan()));
        for wrong in ["", "x", "0;", "1,,2", "0;none"] {
            assert!(nodata(wrong).is_err(), "{wrong}");
        }
        for text in ["none", "nan", "0;255,254,253", "-9999.5"] {
            assert_eq!(nodata(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn memory_is_read_in_all_units() {
        for (text, bytes) in [
            ("2GiB", 2 << 30),
            ("1TiB", 1 << 40),
            ("256 mib", 256 << 20),
            ("200000KiB", 200_000 << 10),
            ("1.5GB", 1_500_000_000),
            ("300MB", 300_000_000),
            ("200000KB", 200_000_000),
            ("134217728", 128 << 20),
        ] {
            assert_eq!(memory(text), Ok(bytes), "{text}");
        }
        for wrong in ["", "GiB", "x", "-1GiB", "2PiB", "1e30", "NaN", "inf"] {
            let refusal = memory(wrong).unwrap_err();
            assert!(refusal.contains("as in 2GiB"), "{wrong}: {refusal}");
        }
        for little in ["0", "127MiB", "134217727"] {
            let refusal = memory(little).unwrap_err();
            assert!(refusal.contains("128MiB"), "{little}: {refusal}");
        }
    }

    #[test]
    fn qualities_are_one_or_one_from_each_zoom_on() {
        let check = |text: &str, below, from: &[(u8, u8)]| {
            let from = from.to_vec();
            assert_eq!(text.parse(), Ok(Qualities { below, from }), "{text}");
        };
        check("70", Some(70), &[]);
        check("70,14:50", Some(70), &[(14, 50)]);
        check("100, 0:1,30:2", Some(100), &[(0, 1), (30, 2)]);
        check("14:50,16:40", None, &[(14, 50), (16, 40)]);
        for wrong in [
            "",
            "0",
            "101",
            "x",
            "70,50",
            "14:50,70",
            "14:50,14:40",
            "16:40,14:50",
            "31:5",
            "14:",
            ":50",
            "14:0",
            "70,",
            "a:5",
            "-1:5",
            "1:2:3",
        ] {
            assert!(wrong.parse::<Qualities>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn bytes_of_a_tile_are_read_in_all_units() {
        for (text, bytes) in [
            ("50KB", 50_000),
            ("64 kib", 65_536),
            ("1.5MB", 1_500_000),
            ("1", 1),
        ] {
            assert_eq!(tile_bytes(text), Ok(bytes), "{text}");
        }
        for wrong in ["", "0", "0.5", "-1", "KB", "x"] {
            let refusal = tile_bytes(wrong).unwrap_err();
            assert!(refusal.contains("as in 50KB"), "{wrong}: {refusal}");
        }
    }

    #[test]
    fn bytes_of_a_tileset_may_be_many() {
        assert_eq!(bytes("2TB"), Ok(2_000_000_000_000));
        assert_eq!(bytes("1.5 TiB"), Ok(3 << 39));
        assert!(bytes("a lot").is_err_and(|refusal| refusal.contains("as in 20GB")));
    }

    #[test]
    fn names_are_read_as_other_programs_write_them() {
        assert_eq!(resampling("near"), Ok(Resampling::Nearest));
        assert_eq!(resampling("cubic_spline"), Ok(Resampling::CubicSpline));
        assert!(resampling("gauss").is_err_and(|e| e.contains("lanczos")));
        assert_eq!(reducer("mode"), Ok(Reducer::Mode));
        assert_eq!(format("jpg"), Ok(Format::Jpeg));
        assert_eq!("ALL_CPUS".parse(), Ok(Jobs::all()));
        assert!("0".parse::<Jobs>().is_err());
        let pair: KeyValue = "a=b=c".parse().unwrap();
        assert_eq!((pair.key.as_str(), pair.value.as_str()), ("a", "b=c"));
        assert!("=b".parse::<KeyValue>().is_err());
    }
}
