//! Colours at values, with or without those between, by the arithmetic of `gdaldem color-relief`.

use super::{Entry, Fault, Nature, Rgba, TRANSPARENT};

/// Where a colour is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum At {
    Value(f64),
    /// A share of a range that is told later, 0 to 1.
    Share(f64),
}

/// A colour as it is given.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Given {
    pub(super) at: At,
    pub(super) color: Rgba,
    pub(super) label: Option<String>,
}

impl Given {
    pub(super) fn new(at: f64, color: Rgba) -> Self {
        Self {
            at: At::Value(at),
            color,
            label: None,
        }
    }
}

/// What becomes of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// Colours between those of the neighbours. With `clip` nothing beyond the ends, else the colour there.
    Linear { clip: bool },
    /// The colour of the nearest.
    Nearest,
    /// Colours for these values alone. Values are compared as the f32 that samples are: 0.1 is found.
    Exact,
    /// The colour of the next that is not less, and nothing beyond the last.
    UpTo,
}

/// Colours at values.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Stops {
    given: Vec<Given>,
    rule: Rule,
    range: Option<(f64, f64)>,
    /// Sorted; what is given twice is moved apart a little, if values lie between.
    values: Vec<f64>,
    /// In the order of `values`.
    colors: Vec<Rgba>,
    dense: Option<Dense>,
}

/// The range of percentages until another is told.
const RANGE: (f64, f64) = (0.0, 255.0);

impl Stops {
    pub(super) fn new(given: Vec<Given>, rule: Rule) -> Self {
        let mut stops = Self {
            given,
            rule,
            range: None,
            values: Vec::new(),
            colors: Vec::new(),
            dense: None,
        };
        stops.arrange();
        stops
    }

    pub(super) fn rule(&self) -> Rule {
        self.rule
    }

    pub(super) fn has_percentages(&self) -> bool {
        self.given
            .iter()
            .any(|given| matches!(given.at, At::Share(_)))
    }

    pub(super) fn has_range(&self) -> bool {
        self.range.is_some()
    }

    pub(super) fn set_range(&mut self, min: f64, max: f64) {
        self.range = Some((min, max));
        self.arrange();
    }

    pub(super) fn set_rule(&mut self, rule: Rule) -> Result<(), Fault> {
        let infinite = self.values.iter().any(|value| value.is_infinite());
        if infinite && matches!(rule, Rule::Linear { .. } | Rule::Nearest) {
            let message = "the colour map has an entry at infinity; expected none for colours between entries";
            return Err(Fault::new(1, message));
        }
        self.rule = rule;
        self.arrange();
        Ok(())
    }

    fn value(&self, at: At) -> f64 {
        let (min, max) = self.range.unwrap_or(RANGE);
        let value = match at {
            At::Value(value) => value,
            At::Share(share) => min + share * (max - min),
        };
        // There is one zero.
        value + 0.0
    }

    /// Entries as given, in the order of their values.
    fn sorted(&self) -> Vec<(f64, &Given)> {
        let with_values = self.given.iter().map(|given| (self.value(given.at), given));
        let mut sorted: Vec<_> = with_values.collect();
        // Stable: of equal ones the first stays first.
        sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
        sorted
    }

    /// Makes of what is given what is looked up.
    fn arrange(&mut self) {
        let sorted = self.sorted();
        let mut values: Vec<f64> = sorted.iter().map(|(value, _)| *value).collect();
        let colors = sorted.iter().map(|(_, given)| given.color).collect();
        if !matches!(self.rule, Rule::Exact | Rule::UpTo) {
            part(&mut values);
        }
        (self.values, self.colors) = (values, colors);
        self.dense = Dense::new(self);
    }

    pub(super) fn dense(&self) -> Option<&Dense> {
        self.dense.as_ref()
    }

    /// The colour of a value that is a number.
    pub(super) fn color(&self, value: f64) -> Rgba {
        match self.rule {
            Rule::Linear { clip } => self.linear(value, clip),
            Rule::Nearest => self.nearest(value),
            Rule::Exact => self.exact(value as f32),
            Rule::UpTo => self.color_of(self.at_least(value)),
        }
    }

    fn color_of(&self, index: usize) -> Rgba {
        self.colors.get(index).copied().unwrap_or(TRANSPARENT)
    }

    /// The first that is not less than `value`, or how many there are.
    fn at_least(&self, value: f64) -> usize {
        self.values.partition_point(|&stop| stop < value)
    }

    /// The colour at the end that a value is beyond, with so many stops before it: none or all.
    fn at_end(&self, before: usize) -> Rgba {
        self.color_of(before.min(self.colors.len().saturating_sub(1)))
    }

    fn linear(&self, value: f64, clip: bool) -> Rgba {
        let after = self.at_least(value);
        if self.values.get(after) == Some(&value) {
            return self.colors[after];
        }
        if after == 0 || after == self.values.len() {
            return if clip {
                TRANSPARENT
            } else {
                self.at_end(after)
            };
        }
        let (low, high) = (self.values[after - 1], self.values[after]);
        let share = (value - low) / (high - low);
        let (from, to) = (self.colors[after - 1], self.colors[after]);
        std::array::from_fn(|k| {
            let (from, to) = (f64::from(from[k]), f64::from(to[k]));
            // The order of the additions is gdaldem's. The cast cuts off and saturates.
            (0.5 + from + share * (to - from)) as u8
        })
    }

    fn nearest(&self, value: f64) -> Rgba {
        let after = self.at_least(value);
        if after == 0 || after == self.values.len() {
            return self.at_end(after);
        }
        let before_is_nearer = value - self.values[after - 1] < self.values[after] - value;
        self.color_of(if before_is_nearer { after - 1 } else { after })
    }

    fn exact(&self, value: f32) -> Rgba {
        // Of those that are equal the last: later ones replace earlier ones.
        let after = self.values.partition_point(|&stop| stop as f32 <= value);
        match after.checked_sub(1) {
            Some(at) if self.values[at] as f32 == value => self.colors[at],
            _ => TRANSPARENT,
        }
    }

    pub(super) fn nature(&self) -> Nature {
        match self.rule {
            Rule::Linear { .. } => Nature::Ramp,
            Rule::UpTo => Nature::Classes,
            Rule::Nearest | Rule::Exact => Nature::Values,
        }
    }

    pub(super) fn entries(&self) -> Vec<Entry> {
        let mut below = f64::NEG_INFINITY;
        let sorted = self.sorted().into_iter();
        sorted
            .map(|(value, given)| {
                let from = if self.rule == Rule::UpTo {
                    below
                } else {
                    value
                };
                below = value;
                Entry {
                    from,
                    to: value,
                    color: given.color,
                    label: given.label.clone(),
                }
            })
            .collect()
    }
}

/// Moves values that are there twice apart, by as little as can be, as gdaldem does: so two colours at one value make an edge
/// there, and the value itself has one of them or a mixture.
fn part(values: &mut [f64]) {
    let mut start = 0;
    while start < values.len() {
        let same = values[start..].iter().take_while(|&&v| v == values[start]);
        let end = start + same.count();
        // The last ones of all are left as they are.
        if let (true, Some(&next)) = (end - start > 1, values.get(end)) {
            let (here, n) = (values[start], (end - start) as f64);
            // Values before are read as they were moved themselves.
            let below = start.checked_sub(1).map(|below| values[below]);
            let left = below.map_or(0.0, |below| here - below);
            let whole = next - below.unwrap_or(here);
            if whole.is_finite() && whole > here.abs() * n * f64::EPSILON {
                let mut multiplier = 0.5 - n * left / whole;
                for value in &mut values[start..end] {
                    *value += here.abs() * multiplier * f64::EPSILON;
                    multiplier += 1.0;
                }
            }
        }
        start = end;
    }
}

/// The colours of all whole numbers in a range, looked up at once.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Dense {
    first: f32,
    colors: Vec<Rgba>,
}

/// As many as 16 bits tell apart: 256 kB.
const DENSE_MAX: f64 = 65_536.0;

impl Dense {
    /// If the stops are not too far apart.
    fn new(stops: &Stops) -> Option<Self> {
        let (first, last) = (stops.values.first()?.floor(), stops.values.last()?.ceil());
        // Beyond 2^24 not every whole number is an f32.
        let fits = first.abs() < 1e6 && last.abs() < 1e6 && last - first < DENSE_MAX;
        fits.then(|| Self {
            first: first as f32,
            colors: (0..=(last - first) as usize)
                .map(|k| stops.color(first + k as f64))
                .collect(),
        })
    }

    /// The colour of a value that is whole and in the range.
    pub(super) fn get(&self, value: f32) -> Option<Rgba> {
        let index = (value - self.first) as i32;
        // Not so for fractions.
        if index as f32 + self.first == value {
            self.colors.get(usize::try_from(index).ok()?).copied()
        } else {
            None
        }
    }
}
