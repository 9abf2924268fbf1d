//! From a sample to the whole: [`Forecast`].
//!
//! What is seen of a zoom within the clusters is taken to hold for all of it, by the number of its tiles, which is known (a ratio
//! estimate). Zooms above the clusters follow from the two zooms in them: bytes go with the area, and what they change by from
//! zoom to zoom is taken to fade by a fifth with each; the share of blank tiles falls as it fell; processor time goes with the tiles.
//!
//! How far off that may be is told by leaving out one cluster after the other (the jackknife), with two refinements: clusters are
//! compared with those beside them on the walk as well as with the mean of all, as they lie evenly spread and not anywhere; and the interval leans to the side
//! to which the clusters do (Johnson's). It is meant to hold in 95 of 100 jobs.

use super::super::plan::Plan;
use super::{Cluster, Level, Sample};
use crate::source::meter::Decoded;

/// What is left, a zoom up, of the change of bytes from zoom to zoom: measured over a picture of the whole Earth, 0.75 to 0.9 at each
/// of five zooms, and with nine orthophotos much the same.
const FADING: f64 = 0.8;

/// Part of what is told of zooms above the clusters by which it may be off, beyond what clusters differ by.
const ABOVE: f64 = 0.3;

/// Part of all bytes and tiles by which they may be off whatever the clusters say, if there were only one, and less with the root of
/// their number: few clusters may be alike by chance, as where none of them lies at the border of a source.
const LEAST_OFF: f64 = 0.4;

/// The same of processor time: of one and the same work it differs by some percent from moment to moment, with what other programs do
/// to the caches and how fast the processor is allowed to be; and threads that bake side by side wait for the memory more than a
/// short sample shows.
const LEAST_CPU_OFF: f64 = 0.25;

/// What a whole bake will come to.
#[derive(Debug, Clone, PartialEq)]
pub struct Forecast {
    /// All zooms that are wanted, the lowest first.
    pub zooms: Vec<Zoom>,
    /// Tiles that are not blank.
    pub stored: Of,
    /// Their bytes.
    pub bytes: Of,
    /// Seconds of processor time of rendering, reducing, styling and encoding, over all threads.
    pub cpu_s: Of,
}

/// An estimate, and between what it most likely lies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Of {
    /// The estimate.
    pub estimate: f64,
    /// At least.
    pub low: f64,
    /// At most.
    pub high: f64,
}

/// One zoom.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Zoom {
    /// Which.
    pub zoom: u8,
    /// Tiles that are looked at: exact.
    pub tiles: u64,
    /// Of them those that are not blank, about.
    pub stored: f64,
    /// Their bytes, about.
    pub bytes: f64,
}

/// Of all tiles of a zoom, or of several.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Sums {
    stored: f64,
    bytes: f64,
    cpu_s: f64,
}

impl Sums {
    fn plus(self, other: Self) -> Self {
        Self {
            stored: self.stored + other.stored,
            bytes: self.bytes + other.bytes,
            cpu_s: self.cpu_s + other.cpu_s,
        }
    }

    fn times(self, factor: f64) -> Self {
        Self {
            stored: self.stored * factor,
            bytes: self.bytes * factor,
            cpu_s: self.cpu_s * factor,
        }
    }
}

impl Sample {
    /// What all of `plan`, which the sample must be of, will come to.
    pub fn forecast(&self, plan: &Plan) -> Forecast {
        let heights = 0..=plan.zoom_max - plan.zoom_min;
        let counts: Vec<u64> = heights.map(|k| plan.count(plan.zoom_max - k)).collect();
        let forecast = self.forecast_of(&counts);
        let zoom = |(tiles, sums): (&u64, &Sums)| (*tiles, sums.stored, sums.bytes);
        let zooms = (plan.zoom_min..=plan.zoom_max)
            .rev()
            .zip(counts.iter().zip(&forecast.0).map(zoom))
            .map(|(zoom, (tiles, stored, bytes))| Zoom {
                zoom,
                tiles,
                stored,
                bytes,
            });
        let mut zooms: Vec<Zoom> = zooms.collect();
        zooms.reverse();
        let [stored, bytes, cpu_s] = forecast.1;
        Forecast {
            zooms,
            stored,
            bytes,
            cpu_s,
        }
    }

    /// Sums of zooms of so many tiles, from the base up, and stored tiles, bytes and processor time of all.
    fn forecast_of(&self, counts: &[u64]) -> (Vec<Sums>, [Of; 3]) {
        let parts: Vec<Part> = self.parts();
        let zooms = extended(&summed(parts.iter()), counts);
        let all = |zooms: &[Sums]| zooms.iter().copied().fold(Sums::default(), Sums::plus);
        let n_heights = parts.first().map_or(0, |part| part.levels.len());
        let above = all(&zooms[n_heights.min(zooms.len())..]);
        // What each cluster says of the whole, as if the others said what they say without it.
        let (whole, n) = (all(&zooms), parts.len() as f64);
        let without = |k: usize| {
            let others = parts[..k].iter().chain(&parts[k + 1..]);
            let left = all(&extended(&summed(others), counts));
            whole.times(n).plus(left.times(1.0 - n))
        };
        let said: Vec<Sums> = if self.is_whole || parts.len() < 2 {
            Vec::new()
        } else {
            (0..parts.len()).map(without).collect()
        };
        let sampled: u64 = self.levels().map(|level| level.tiles).sum();
        let planned: u64 = counts.iter().sum();
        let unseen = 1.0 - (sampled as f64 / planned.max(1) as f64).min(1.0);
        let of = |which: fn(&Sums) -> f64, least_off: f64, (least, most): (f64, f64)| {
            let values: Vec<f64> = said.iter().map(which).collect();
            let off = (least_off * which(&whole)).hypot(ABOVE * which(&above));
            interval(which(&whole), &values, unseen, off).within(least, most)
        };
        let seen = |value: fn(&Level) -> u64| self.levels().map(|l| value(l) as f64).sum::<f64>();
        let least_off = if self.is_whole {
            0.0
        } else {
            LEAST_OFF / n.sqrt().max(1.0)
        };
        let most_stored = planned as f64;
        let mut bytes = of(
            |sums| sums.bytes,
            least_off,
            (seen(|level| level.bytes), f64::INFINITY),
        );
        let mut stored = of(
            |sums| sums.stored,
            least_off,
            (seen(|level| level.stored), most_stored),
        );
        if !self.is_whole && whole.stored == 0.0 {
            // Of what none of n has, three in n may have it (the rule of three).
            stored.high = (3.0 / n * most_stored).min(most_stored);
            bytes.high = stored.high * self.tile_bytes as f64;
        }
        let cpu_s = of(|sums| sums.cpu_s, LEAST_CPU_OFF, (0.0, f64::INFINITY));
        (zooms, [stored, bytes, cpu_s])
    }

    fn levels(&self) -> impl Iterator<Item = &Level> {
        self.clusters.iter().flat_map(|cluster| &cluster.levels)
    }

    /// The clusters with the time of decoding that a bake would take for them. Blocks reach beyond a cluster, and a bake decodes them
    /// once for all tiles that they touch.
    fn parts(&self) -> Vec<Part> {
        let mut all = Decoded::default();
        self.levels().for_each(|level| all += level.decoded);
        let needed_px = all.asked_px.min(all.decoded_px) as f64;
        let share = if self.is_whole || all.decoded_px == 0 {
            1.0
        } else {
            needed_px / all.decoded_px as f64
        };
        // A block may have been decoded for one cluster and be asked for by another: each has its part by what it asks for.
        let decoding_s = all.cpu.as_secs_f64() * share / all.asked_px.max(1) as f64;
        let part = |cluster: &Cluster| Part::of(cluster, decoding_s);
        self.clusters.iter().map(part).collect()
    }
}

/// A cluster, by the zooms in it from the base up: tiles, and what they come to.
#[derive(Debug, Clone, PartialEq)]
struct Part {
    levels: Vec<(f64, Sums)>,
}

impl Part {
    /// With so many seconds for each pixel that is asked for. Counts for as many as it stands for.
    fn of(cluster: &Cluster, decoding_s: f64) -> Self {
        let level = |level: &Level| {
            let sums = Sums {
                stored: level.stored as f64,
                bytes: level.bytes as f64,
                cpu_s: level.cpu.as_secs_f64() + level.decoded.asked_px as f64 * decoding_s,
            };
            (
                level.tiles as f64 * cluster.weight,
                sums.times(cluster.weight),
            )
        };
        Self {
            levels: cluster.levels.iter().map(level).collect(),
        }
    }
}

/// All parts together, by their heights above the base.
fn summed<'a>(parts: impl Iterator<Item = &'a Part>) -> Vec<(f64, Sums)> {
    let mut sums: Vec<(f64, Sums)> = Vec::new();
    for part in parts {
        if sums.len() < part.levels.len() {
            sums.resize(part.levels.len(), (0.0, Sums::default()));
        }
        for (sum, level) in sums.iter_mut().zip(&part.levels) {
            *sum = (sum.0 + level.0, sum.1.plus(level.1));
        }
    }
    sums
}

/// What zooms of `counts` tiles, from the base up, come to by what was seen of the lowest of them.
fn extended(seen: &[(f64, Sums)], counts: &[u64]) -> Vec<Sums> {
    let mut zooms: Vec<Sums> = Vec::with_capacity(counts.len());
    for (&count, (tiles, sums)) in counts.iter().zip(seen) {
        zooms.push(sums.times(count as f64 / tiles.max(1.0)));
    }
    let (Some(&top), below) = (zooms.last(), zooms.iter().rev().nth(1).copied()) else {
        return zooms;
    };
    let n = zooms.len();
    let share = |count: u64, stored: f64| 1.0 - stored / (count as f64).max(1.0);
    // Bytes of an area to those a zoom below, and blank tiles likewise.
    let (mut growth, falling) = match below {
        Some(below) if below.bytes > 0.0 => {
            let blank_below = share(counts[n - 2], below.stored);
            let falling = match share(counts[n - 1], top.stored) / blank_below {
                falling if falling.is_finite() => falling.clamp(0.0, 1.0),
                _ => 0.0,
            };
            ((4.0 * top.bytes / below.bytes).clamp(0.5, 2.0), falling)
        }
        _ => (1.0, 1.0),
    };
    let cpu_s = top.cpu_s / (counts[n - 1] as f64).max(1.0);
    for k in n..counts.len() {
        growth = 1.0 + (growth - 1.0) * FADING;
        let (below, count) = (zooms[k - 1], counts[k] as f64);
        let stored = count * (1.0 - falling * share(counts[k - 1], below.stored));
        zooms.push(Sums {
            stored: stored.max(below.stored / 4.0).min(count).min(below.stored),
            bytes: below.bytes / 4.0 * growth,
            cpu_s: count * cpu_s,
        });
    }
    zooms
}

/// An interval around `estimate` by what each of a row of clusters says of it, `unseen` being the part of the whole that is in none
/// of them; `off` more to both sides.
fn interval(estimate: f64, said: &[f64], unseen: f64, off: f64) -> Of {
    let n = said.len() as f64;
    let (mut lean, mut reach) = (0.0, 0.0);
    if said.len() > 1 {
        let mean = said.iter().sum::<f64>() / n;
        let steps = said.windows(2).map(|pair| (pair[1] - pair[0]).powi(2));
        let beside = steps.sum::<f64>() / 2.0 / (n - 1.0);
        let spread = said.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
        let third = said.iter().map(|v| (v - mean).powi(3)).sum::<f64>() / n;
        let variance = f64::midpoint(beside, spread * n / (n - 1.0));
        // Differences of neighbours tell two thirds as much as those from the mean.
        let freedom = (n - 1.0) * 2.0 / 3.0;
        reach = student(freedom) * (unseen * variance / n).sqrt();
        if spread > 0.0 {
            lean = unseen * third / (6.0 * spread * n);
        }
    }
    let low = estimate + lean - reach;
    let high = estimate + lean + reach;
    Of {
        estimate,
        low: estimate - (estimate - low).max(0.0).hypot(off),
        high: estimate + (high - estimate).max(0.0).hypot(off),
    }
}

impl Of {
    /// No lower than `least`, no higher than `most`; the estimate itself stays.
    fn within(self, least: f64, most: f64) -> Self {
        Self {
            estimate: self.estimate,
            low: self.low.max(least).min(self.estimate),
            high: self.high.min(most).max(self.estimate),
        }
    }
}

/// How many standard errors hold 95 of 100 cases, by the degrees of freedom: Student's distribution to a hundredth from 5 on.
fn student(freedom: f64) -> f64 {
    1.96 + 2.4 / freedom + 2.9 / freedom.powi(2)
}

#[cfg(test)]
mod tests;
