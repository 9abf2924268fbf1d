//! Colours over intervals.

use std::collections::BTreeSet;

use super::color::from_hsv;
use super::{Entry, Nature, Rgba, TRANSPARENT};

/// What colours are mixed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Model {
    Rgb,
    Hsv,
}

/// A colour from `low` up to, but without, `high`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Segment {
    pub(super) low: f64,
    pub(super) high: f64,
    /// Three numbers of the model, and alpha from 0 to 255.
    pub(super) from: [f64; 4],
    pub(super) to: [f64; 4],
    pub(super) model: Model,
    pub(super) label: Option<String>,
}

impl Segment {
    fn color(&self, share: f64) -> Rgba {
        let [x, y, z, a] =
            std::array::from_fn(|k| self.from[k] + share * (self.to[k] - self.from[k]));
        let [r, g, b] = match self.model {
            Model::Rgb => [x, y, z],
            Model::Hsv => from_hsv([x, y, z]),
        };
        [r, g, b, a].map(|channel| (channel + 0.5) as u8)
    }
}

/// Colours over intervals that do not overlap.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Segments {
    segments: Vec<Segment>,
    below: Rgba,
    above: Rgba,
    /// Whether the upper end of the last belongs to it.
    closed: bool,
}

impl Segments {
    /// Segments in ascending order that do not overlap, what is beyond them, and the upper end as part of the last.
    pub(super) fn continued(
        segments: Vec<Segment>,
        below: Option<Rgba>,
        above: Option<Rgba>,
    ) -> Self {
        let below = below.unwrap_or_else(|| {
            segments
                .first()
                .map_or(TRANSPARENT, |first| first.color(0.0))
        });
        let above =
            above.unwrap_or_else(|| segments.last().map_or(TRANSPARENT, |last| last.color(1.0)));
        Self {
            segments,
            below,
            above,
            closed: true,
        }
    }

    /// Intervals of one colour each in any order, of which later ones lie over earlier ones; there is nothing beside them.
    pub(super) fn layered(layers: &[(f64, f64, Rgba)]) -> Self {
        // Where something begins or ends, the uppermost of those that are open is what is seen from there.
        let mut edges: Vec<(f64, usize)> = Vec::new();
        for (number, &(low, high, _)) in layers.iter().enumerate() {
            if low < high {
                edges.extend([(low, number), (high, number)]);
            }
        }
        edges.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut open = BTreeSet::new();
        let mut segments: Vec<(usize, Segment)> = Vec::new();
        for (k, &(low, number)) in edges.iter().enumerate() {
            if !open.remove(&number) {
                open.insert(number);
            }
            let high = edges.get(k + 1).map_or(low, |next| next.0);
            let Some(&top) = open.last() else { continue };
            if low == high {
                continue;
            }
            match segments.last_mut() {
                Some((before, segment)) if *before == top && segment.high == low => {
                    segment.high = high;
                }
                _ => {
                    let color = layers[top].2.map(f64::from);
                    let segment = Segment {
                        low,
                        high,
                        from: color,
                        to: color,
                        model: Model::Rgb,
                        label: None,
                    };
                    segments.push((top, segment));
                }
            }
        }
        Self {
            segments: segments.into_iter().map(|(_, segment)| segment).collect(),
            below: TRANSPARENT,
            above: TRANSPARENT,
            closed: false,
        }
    }

    /// The colour of a value that is a number.
    pub(super) fn color(&self, value: f64) -> Rgba {
        let after = self
            .segments
            .partition_point(|segment| segment.low <= value);
        let Some(segment) = after.checked_sub(1).map(|at| &self.segments[at]) else {
            return self.below;
        };
        let is_last = after == self.segments.len();
        if value < segment.high {
            let share = (value - segment.low) / (segment.high - segment.low);
            // A segment without ends has one colour.
            segment.color(if share.is_finite() { share } else { 0.0 })
        } else if is_last && self.closed && value == segment.high {
            segment.color(1.0)
        } else if is_last {
            self.above
        } else {
            TRANSPARENT
        }
    }

    pub(super) fn nature(&self) -> Nature {
        if self
            .segments
            .iter()
            .all(|segment| segment.from == segment.to)
        {
            Nature::Classes
        } else {
            Nature::Ramp
        }
    }

    pub(super) fn entries(&self) -> Vec<Entry> {
        let ramp = self.nature() == Nature::Ramp;
        let mut entries = Vec::new();
        for segment in &self.segments {
            let label = segment.label.clone();
            let (low, high) = (segment.low, segment.high);
            let entry = |from, to, share, label| Entry {
                from,
                to,
                color: segment.color(share),
                label,
            };
            if ramp {
                entries.extend([entry(low, low, 0.0, label), entry(high, high, 1.0, None)]);
            } else {
                entries.push(entry(low, high, 0.0, label));
            }
        }
        entries
    }
}
