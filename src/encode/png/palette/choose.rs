//! Which colours stand for all: boxes of colours are cut in two where that brings them nearest to their means (after Wu,
//! 1991), then the means move to what is nearest to them (Lloyd, 1982).

use super::nearest::{Nearest, SCALE};
use super::{Kind, kind};
use crate::encode::colours::Rgba;

/// Colours that are told apart before choosing: where there are more, alike ones are taken together.
const GROUPS_MAX: usize = 8192;

/// Pixels of a kind that are looked at before choosing: all of a tile of 1024 x 1024, 8 MB. Of larger tiles some stand for all.
const PIXELS_MAX: usize = 1 << 20;

/// Times that means move. Of an orthophoto the first two make up for half a decibel, more for next to nothing.
const MOVES: usize = 3;

/// At most `n` colours, 4 or more, for `pixels`.
pub(super) fn colours(pixels: &[Rgba], n: usize) -> Vec<Rgba> {
    let of = |wanted: Kind| pixels.iter().filter(move |&&colour| kind(colour) == wanted);
    let (between, opaque) = (of(Kind::Between).count(), of(Kind::Opaque).count());
    let mut chosen = Vec::with_capacity(n);
    if between + opaque < pixels.len() {
        chosen.push([0; 4]);
    }
    let (n_between, n_opaque) = shares(n - chosen.len(), between, opaque);
    for (wanted, there, n) in [
        (Kind::Between, between, n_between),
        (Kind::Opaque, opaque, n_opaque),
    ] {
        // An odd step, or it might look at the same columns in every row.
        let step = there.div_ceil(PIXELS_MAX) | 1;
        chosen.extend(chosen_of(of(wanted).step_by(step).copied(), n));
    }
    chosen
}

/// How many of `n` colours, 3 or more, go to so many pixels in between and so many opaque ones. Edges are thin, but have
/// colours of all shades: an eighth at least.
fn shares(n: usize, between: usize, opaque: usize) -> (usize, usize) {
    if opaque == 0 {
        return (n, 0);
    }
    if between == 0 {
        return (0, n);
    }
    let least = (n / 8).max(1);
    let share = (n * between / (between + opaque)).clamp(least, n - least);
    (share, n - share)
}

/// Colours that are alike, as one.
struct Group {
    /// Of red, green, blue and alpha, in [`SCALE`]ths.
    mean: [i32; 4],
    n: u32,
}

/// At most `n` colours for `pixels`.
fn chosen_of(pixels: impl Iterator<Item = Rgba>, n: usize) -> Vec<Rgba> {
    let mut groups = groups(pixels);
    if groups.is_empty() || n == 0 {
        return Vec::new();
    }
    let mut means: Vec<[i32; 4]> = boxes(&mut groups, n)
        .into_iter()
        .map(|found| mean(&groups[found.start..found.end]))
        .collect();
    for _ in 0..MOVES {
        means = moved(&groups, &means);
    }
    let mut chosen: Vec<Rgba> = means.iter().map(|mean| mean.map(rounded)).collect();
    chosen.sort_unstable();
    chosen.dedup();
    chosen
}

fn rounded(value: i32) -> u8 {
    ((value + SCALE / 2) / SCALE).clamp(0, 255) as u8
}

/// The colours of `pixels`, alike ones together where there are too many.
fn groups(pixels: impl Iterator<Item = Rgba>) -> Vec<Group> {
    // In the order of a space-filling curve, so that what is alike lies together at any coarseness.
    let spread = |value: u8| {
        (0..8).fold(0, |all: u32, bit| {
            all | u32::from(value >> bit & 1) << (4 * bit)
        })
    };
    let table: Vec<u32> = (0..=255).map(spread).collect();
    let mut keys: Vec<u64> = pixels
        .map(|colour| {
            let [r, g, b, a] = colour.map(|v| table[usize::from(v)]);
            let along = g << 3 | r << 2 | b << 1 | a;
            u64::from(along) << 32 | u64::from(u32::from_be_bytes(colour))
        })
        .collect();
    keys.sort_unstable();
    let alike = |bits: u32| move |a: &u64, b: &u64| a >> (32 + bits) == b >> (32 + bits);
    // Four bits are a bit of each channel.
    let bits = (0..8)
        .map(|dropped| 4 * dropped)
        .find(|&bits| keys.chunk_by(alike(bits)).count() <= GROUPS_MAX)
        .unwrap_or(28);
    keys.chunk_by(alike(bits)).map(group).collect()
}

fn group(keys: &[u64]) -> Group {
    let mut sums = [0_u64; 4];
    for &key in keys {
        let colour = (key as u32).to_be_bytes();
        for (sum, v) in sums.iter_mut().zip(colour) {
            *sum += u64::from(v);
        }
    }
    let n = keys.len() as u64;
    Group {
        mean: sums.map(|sum| ((sum * SCALE as u64 + n / 2) / n) as i32),
        n: n as u32,
    }
}

/// Groups that are to become one colour, and how far they are from it.
struct Cell {
    start: usize,
    end: usize,
    /// The channel in which they are farthest from their mean, and the sum of squares there.
    channel: usize,
    spread: f64,
}

impl Cell {
    fn new(groups: &[Group], start: usize, end: usize) -> Self {
        let spread = |channel: usize| {
            let (mut n, mut sum, mut squares) = (0.0, 0.0, 0.0);
            for group in &groups[start..end] {
                let (weight, v) = (f64::from(group.n), f64::from(group.mean[channel]));
                n += weight;
                sum += weight * v;
                squares += weight * v * v;
            }
            squares - sum * sum / n
        };
        let spreads = [0, 1, 2, 3].map(|channel| (spread(channel), channel));
        let widest = spreads.into_iter().max_by(|a, b| a.0.total_cmp(&b.0));
        let (spread, channel) = widest.expect("there are four channels");
        Self {
            start,
            end,
            channel,
            // One group has no spread, whatever the rounding of floats says.
            spread: if end - start < 2 { 0.0 } else { spread },
        }
    }

    /// Sorts the groups along the widest channel and cuts where the sum of squares on both sides is least.
    fn cut(&self, groups: &mut [Group]) -> usize {
        let channel = self.channel;
        groups[self.start..self.end]
            .sort_unstable_by_key(|group| (group.mean[channel], group.mean));
        let groups = &groups[self.start..self.end];
        let of = |group: &Group| (f64::from(group.n), f64::from(group.mean[channel]));
        let add = |(n, sum): (f64, f64), group: &Group| {
            let (weight, v) = of(group);
            (n + weight, sum + weight * v)
        };
        let (n_all, sum_all) = groups.iter().fold((0.0, 0.0), add);
        let (mut best, mut at) = (-1.0, 1);
        let (mut n, mut sum) = (0.0, 0.0);
        for (k, group) in groups[..groups.len() - 1].iter().enumerate() {
            (n, sum) = add((n, sum), group);
            // What is left of the sum of squares is less the more this is.
            let rest = sum_all - sum;
            let gain = sum * sum / n + rest * rest / (n_all - n);
            if gain > best {
                (best, at) = (gain, k + 1);
            }
        }
        self.start + at
    }
}

/// At most `n` boxes with all of `groups`, which are put into their order.
fn boxes(groups: &mut [Group], n: usize) -> Vec<Cell> {
    let mut cells = vec![Cell::new(groups, 0, groups.len())];
    while cells.len() < n {
        let widest = cells
            .iter()
            .enumerate()
            .max_by(|a, b| a.1.spread.total_cmp(&b.1.spread));
        let Some((k, widest)) = widest.filter(|(_, cell)| cell.spread > 0.0) else {
            break;
        };
        let (start, end) = (widest.start, widest.end);
        let middle = widest.cut(groups);
        cells[k] = Cell::new(groups, start, middle);
        cells.push(Cell::new(groups, middle, end));
    }
    cells
}

fn mean(groups: &[Group]) -> [i32; 4] {
    let (mut n, mut sums) = (0_i64, [0_i64; 4]);
    for group in groups {
        n += i64::from(group.n);
        for (sum, v) in sums.iter_mut().zip(group.mean) {
            *sum += i64::from(group.n) * i64::from(v);
        }
    }
    sums.map(|sum| ((sum + n / 2) / n) as i32)
}

/// Each of `means` in the middle of what is nearest to it; those that nothing is nearest to go.
fn moved(groups: &[Group], means: &[[i32; 4]]) -> Vec<[i32; 4]> {
    let nearest = Nearest::new(means.iter().copied().zip(0..=255));
    let mut sums = vec![(0_i64, [0_i64; 4]); means.len()];
    for group in groups {
        let (n, sums) = &mut sums[usize::from(nearest.find(group.mean).1)];
        *n += i64::from(group.n);
        for (sum, v) in sums.iter_mut().zip(group.mean) {
            *sum += i64::from(group.n) * i64::from(v);
        }
    }
    let taken = sums.into_iter().filter(|(n, _)| *n > 0);
    taken
        .map(|(n, sums)| sums.map(|sum| ((sum + n / 2) / n) as i32))
        .collect()
}
