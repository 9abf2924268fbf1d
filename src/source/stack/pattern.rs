//! Which scene and which band a file belongs to, by its name: [`Pattern`].

use std::fmt;
use std::str::FromStr;

use crate::error::Error;

/// A pattern such as `{scene}_{band}.tif`.
///
/// `{scene}` and `{band}` stand for one or more characters, `*` for any number of them, none for a `/`; all else stands for
/// itself. Where a name can be read in several ways, the one in which `{band}` has no `_` is taken, and among those the one
/// in which what stands further left, but for `*`, is longest: `{scene}_{band}.tif` finds the scene `S2A_20260101` and the
/// band `B04` in `S2A_20260101_B04.tif`. Without `{scene}`, all files are of one scene.
///
/// Of a path, as many of its last parts are looked at as the pattern has parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Scene,
    Band,
    Any,
    Literal(char),
}

/// What a name says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The scene; the pattern itself where it has no `{scene}`.
    pub scene: String,
    /// The band.
    pub band: String,
}

impl FromStr for Pattern {
    type Err = Error;

    /// # Errors
    /// [`Kind::Usage`](crate::error::Kind::Usage) without exactly one `{band}`, with more than one `{scene}`, or with
    /// other braces.
    fn from_str(text: &str) -> Result<Self, Error> {
        let refused = |found: &str| {
            let said =
                format!("{text:?}: {found}; expected a pattern as in '{{scene}}_{{band}}.tif'");
            Error::usage(said)
        };
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let (part, length) = match c {
                '*' => (Part::Any, 1),
                '{' if rest.starts_with("{scene}") => (Part::Scene, 7),
                '{' if rest.starts_with("{band}") => (Part::Band, 6),
                '{' | '}' => return Err(refused("braces around another word than scene and band")),
                other => (Part::Literal(other), other.len_utf8()),
            };
            parts.push(part);
            rest = &rest[length..];
        }
        let count = |wanted| parts.iter().filter(|part| **part == wanted).count();
        match (count(Part::Band), count(Part::Scene)) {
            (1, 0 | 1) => Ok(Self {
                text: text.into(),
                parts,
            }),
            (0, _) => Err(refused("no {band}")),
            (1, _) => Err(refused("{scene} more than once")),
            _ => Err(refused("{band} more than once")),
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The pieces of a name that stand for `{scene}` and `{band}`.
#[derive(Default, Clone, Copy)]
struct Taken<'a> {
    scene: Option<&'a str>,
    band: Option<&'a str>,
}

impl Pattern {
    /// What the name of `path` says; `None` when it does not match.
    pub fn find(&self, path: &str) -> Option<Found> {
        let n_parts = self.text.matches('/').count() + 1;
        let start = path
            .rmatch_indices('/')
            .nth(n_parts - 1)
            .map_or(0, |(at, _)| at + 1);
        let name = &path[start..];
        let mut steps = MOST_STEPS;
        let taken = take(&self.parts, name, "/_", Taken::default(), &mut steps)
            .or_else(|| take(&self.parts, name, "/", Taken::default(), &mut steps))?;
        Some(Found {
            scene: taken.scene.unwrap_or(&self.text).into(),
            band: taken.band?.into(),
        })
    }
}

/// Steps that matching one name may take: a pattern of many `*` would otherwise try for ever.
const MOST_STEPS: usize = 1 << 20;

/// Reads `name` as `parts`; `{band}` holds none of `not_in_band`.
fn take<'a>(
    parts: &[Part],
    name: &'a str,
    not_in_band: &str,
    taken: Taken<'a>,
    steps: &mut usize,
) -> Option<Taken<'a>> {
    *steps = steps.checked_sub(1)?;
    let Some((first, rest)) = parts.split_first() else {
        return name.is_empty().then_some(taken);
    };
    if let Part::Literal(c) = first {
        return take(rest, name.strip_prefix(*c)?, not_in_band, taken, steps);
    }
    let stop = if *first == Part::Band {
        not_in_band
    } else {
        "/"
    };
    let most = name.find(|c| stop.contains(c)).unwrap_or(name.len());
    let ends = name[..most].char_indices().map(|(at, _)| at).chain([most]);
    let ends: Vec<usize> = match first {
        Part::Any => ends.collect(),
        _ => ends.filter(|&end| end > 0).rev().collect(),
    };
    ends.into_iter().find_map(|end| {
        let (piece, after) = name.split_at(end);
        let mut taken = taken;
        match first {
            Part::Scene => taken.scene = Some(piece),
            Part::Band => taken.band = Some(piece),
            _ => {}
        }
        take(rest, after, not_in_band, taken, steps)
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // A test that cannot go on panics.
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_patterns_say() {
        let check = |pattern: &str, path: &str, expected: Option<(&str, &str)>| {
            let found = pattern.parse::<Pattern>().unwrap().find(path);
            let found = found
                .as_ref()
                .map(|found| (found.scene.as_str(), found.band.as_str()));
            assert_eq!(found, expected, "{pattern} of {path}");
        };
        let usual = "{scene}_{band}.tif";
        check(usual, "l8_red.tif", Some(("l8", "red")));
        check(usual, "a/b_c/l8_red.tif", Some(("l8", "red")));
        check(usual, "S2A_2026_B8A.tif", Some(("S2A_2026", "B8A")));
        check(usual, "red.tif", None);
        check(usual, "_red.tif", None);
        check(usual, "l8_.tif", None);
        check(usual, "l8_red.TIF", None);
        check(usual, "l8_red.tif.gz", None);
        check("{band}_{scene}.tif", "red_l8_x.tif", Some(("l8_x", "red")));
        check("{scene}/{band}.jp2", "x/y/B04.jp2", Some(("y", "B04")));
        check("{scene}/{band}.jp2", "B04.jp2", None);
        // The band may have a `_` where it cannot do without.
        check(
            "{scene}-{band}.tif",
            "a-B04_10m.tif",
            Some(("a", "B04_10m")),
        );
        check(
            "l8_{band}.tif",
            "x/l8_b_1.tif",
            Some(("l8_{band}.tif", "b_1")),
        );
        check(
            "{scene}_B{band}.TIF",
            "LC08_T1_B4.TIF",
            Some(("LC08_T1", "4")),
        );
        check("{scene}_B{band}.TIF", "LC08_T1_QA_PIXEL.TIF", None);
        check(
            "{scene}_{band}_*.jp2",
            "T32_t_B04_10m.jp2",
            Some(("T32_t", "B04")),
        );
        check("*_{scene}_{band}.tif", "a_b_c_d.tif", Some(("b_c", "d")));
        check("{scene}_{band}.ä*", "ö_ü.ä", Some(("ö", "ü")));
    }

    #[test]
    fn other_patterns_are_refused() {
        for pattern in [
            "",
            "{scene}.tif",
            "{band}{band}",
            "{scene}{scene}{band}",
            "{x}_{band}",
            "{band",
            "band}",
        ] {
            assert!(pattern.parse::<Pattern>().is_err(), "{pattern}");
        }
    }

    #[test]
    fn a_pattern_of_many_stars_comes_to_an_end() {
        let pattern: Pattern = "*a*a*a*a*a*a*a*a*a*a*{band}!".parse().unwrap();
        assert_eq!(pattern.find(&"a".repeat(2000)), None);
    }
}
