//! Maps that have names: matplotlib's, 256 colours each. Terms: `named/NOTICE.txt`.

use super::{Entry, Fault, Rgba};

/// A name a line, in the order of the colours; two words are another name and the one that has the colours.
const NAMES: &str = include_str!("named/names.txt");

/// What `scripts/colormaps.py` made of matplotlib:
///
/// ```text
/// 256 × (red, green, blue)                      of each map, in the order of names
/// (map, position, red, green, blue) × any       colours in which `<name>_r` is not the map turned round
/// ```
///
/// The latter are there as matplotlib computes both directions and rounds each.
const COLOURS: &[u8] = include_bytes!("named/colours.bin");

const N: usize = 256;

/// Colours at even steps over a range.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Table {
    colors: Box<[Rgba; N]>,
    min: f64,
    max: f64,
    /// Steps a unit.
    steps: f64,
}

impl Table {
    fn new(colors: Box<[Rgba; N]>) -> Self {
        let mut table = Self {
            colors,
            min: 0.0,
            max: 0.0,
            steps: 0.0,
        };
        table.set_range(0.0, 255.0);
        table
    }

    pub(super) fn set_range(&mut self, min: f64, max: f64) {
        (self.min, self.max) = (min, max);
        let steps = 255.0 / (max - min);
        // A range of one value, or one that is too small to be parted: the first colour.
        self.steps = if steps.is_finite() { steps } else { 0.0 };
    }

    /// The nearest of the 256, as if the value were rescaled to 0..=255 and rounded.
    pub(super) fn color(&self, value: f64) -> Rgba {
        // A cast saturates, and makes 0 of what is not a number (infinity in a range of one value).
        self.colors[usize::from(((value - self.min) * self.steps + 0.5) as u8)]
    }

    pub(super) fn entries(&self) -> Vec<Entry> {
        let at = |k: usize| self.min + (self.max - self.min) * (k as f64 / 255.0);
        let colors = self.colors.iter().enumerate();
        colors
            .map(|(k, &color)| Entry {
                from: at(k),
                to: at(k),
                color,
                label: None,
            })
            .collect()
    }
}

/// Every name there is, without those that end in `_r`.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    NAMES
        .lines()
        .map(|line| line.split(' ').next().unwrap_or(line))
}

/// The map of this name, in any case.
pub(super) fn table(name: &str) -> Result<Table, Fault> {
    let lower = name.to_ascii_lowercase();
    let (base, turned) = match lower.strip_suffix("_r") {
        Some(base) => (base, true),
        None => (lower.as_str(), false),
    };
    let Some(number) = number(base) else {
        return Err(Fault::new(1, unknown(name, &lower)));
    };
    let colors = COLOURS[number * 3 * N..][..3 * N].as_chunks::<3>().0;
    let mut table = Box::new([[0; 4]; N]);
    for (k, &[r, g, b]) in colors.iter().enumerate() {
        table[if turned { N - 1 - k } else { k }] = [r, g, b, 255];
    }
    if turned {
        let n_maps = NAMES.lines().filter(|line| !line.contains(' ')).count();
        for &[map, position, r, g, b] in COLOURS[n_maps * 3 * N..].as_chunks::<5>().0 {
            if usize::from(map) == number {
                table[usize::from(position)] = [r, g, b, 255];
            }
        }
    }
    Ok(Table::new(table))
}

/// Which map in the file has this name.
fn number(name: &str) -> Option<usize> {
    let mut line = NAMES.lines().find(|line| {
        let own = line.split(' ').next();
        own.is_some_and(|own| own.eq_ignore_ascii_case(name))
    })?;
    if let Some((_, other)) = line.split_once(' ') {
        line = other;
    }
    let mut maps = NAMES.lines().filter(|line| !line.contains(' '));
    maps.position(|map| map == line)
}

fn unknown(name: &str, lower: &str) -> String {
    let shown: String = name.chars().take(40).collect();
    let lower: Vec<char> = lower.chars().take(40).collect();
    let near = names()
        .flat_map(|name| [name.to_owned(), format!("{name}_r")])
        .map(|name| (distance(&lower, &name.to_ascii_lowercase()), name))
        .min_by_key(|(distance, name)| (*distance, name.len()));
    match near {
        Some((distance, near)) if distance * 3 <= lower.len().max(3) => {
            format!("no colour map is named '{shown}'; did you mean '{near}'?")
        }
        _ => format!(
            "no colour map is named '{shown}'; expected a name of matplotlib's, like viridis or terrain, JSON, or a file"
        ),
    }
}

/// How many letters have to be put in, left out or changed to make one word of the other.
fn distance(a: &[char], b: &str) -> usize {
    let mut row: Vec<usize> = (0..=a.len()).collect();
    for (above, b) in b.chars().enumerate() {
        let mut corner = row[0];
        row[0] = above + 1;
        for (k, &a) in a.iter().enumerate() {
            let changed = corner + usize::from(a != b);
            corner = row[k + 1];
            row[k + 1] = changed.min(corner + 1).min(row[k] + 1);
        }
    }
    row[a.len()]
}
