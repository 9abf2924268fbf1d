//! Whether neighbours go on in each other: [`Edge`]s beside each other, and their [`Score`].

use super::picture::{Picture, values};

/// A side of a tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Side {
    East,
    South,
    West,
    North,
}

/// The two lines of pixels along a side of a tile.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Edge {
    /// The outermost, from north to south or from west to east.
    outer: Line,
    /// The one inside of it.
    inner: Line,
    bands: usize,
    unit: f32,
}

#[derive(Debug, Clone, PartialEq)]
struct Line {
    values: Vec<f32>,
    mask: Vec<u8>,
}

/// How two neighbours meet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Score {
    /// Mean difference of pixels across the seam, in steps of 255.
    pub(super) across: f32,
    /// Mean difference of pixels one pixel inside on both sides.
    pub(super) inside: f32,
}

impl Edge {
    /// A side of `picture`; `None` if it has a single row or column, or nothing along that side.
    pub(super) fn of(picture: &Picture, side: Side) -> Option<Self> {
        let raster = &picture.raster;
        let (width, height, bands) = (raster.width(), raster.height(), raster.bands());
        if width < 2 || height < 2 {
            return None;
        }
        let line = |depth: usize| {
            let pixels: Vec<usize> = match side {
                Side::North => (0..width).map(|col| depth * width + col).collect(),
                Side::South => (0..width)
                    .map(|col| (height - 1 - depth) * width + col)
                    .collect(),
                Side::West => (0..height).map(|row| row * width + depth).collect(),
                Side::East => (0..height)
                    .map(|row| row * width + width - 1 - depth)
                    .collect(),
            };
            let all = values(raster);
            Line {
                values: pixels
                    .iter()
                    .flat_map(|&k| &all[k * bands..(k + 1) * bands])
                    .copied()
                    .collect(),
                mask: pixels.iter().map(|&k| raster.mask[k]).collect(),
            }
        };
        let edge = Self {
            outer: line(0),
            inner: line(1),
            bands,
            unit: picture.unit,
        };
        edge.outer.mask.iter().any(|&m| m > 0).then_some(edge)
    }
}

/// How two tiles meet, one of whose edges is beside the other's. `None` where they are not alike, or share too little.
pub(super) fn score(a: &Edge, b: &Edge) -> Option<Score> {
    let n = a.outer.mask.len();
    if n != b.outer.mask.len() || a.bands != b.bands {
        return None;
    }
    let lines = [&a.outer, &a.inner, &b.outer, &b.inner];
    let bands = a.bands;
    let (mut across, mut inside, mut n_pixels) = (0.0f64, 0.0f64, 0usize);
    for k in 0..n {
        // Half-covered pixels at the edge of the data are anything.
        if lines.iter().any(|line| line.mask[k] < 255) {
            continue;
        }
        let apart = |a: &Line, b: &Line| -> f64 {
            let (a, b) = (
                &a.values[k * bands..(k + 1) * bands],
                &b.values[k * bands..(k + 1) * bands],
            );
            a.iter().zip(b).map(|(a, b)| f64::from((a - b).abs())).sum()
        };
        across += apart(&a.outer, &b.outer);
        inside += (apart(&a.outer, &a.inner) + apart(&b.outer, &b.inner)) / 2.0;
        n_pixels += 1;
    }
    if n_pixels < n.div_ceil(8) {
        return None;
    }
    let scale = (n_pixels * bands) as f64 * f64::from(a.unit.max(b.unit));
    Some(Score {
        across: (across / scale) as f32,
        inside: (inside / scale) as f32,
    })
}

impl Score {
    /// Whether there is a step that what is inside does not explain.
    pub(super) fn is_bad(&self) -> bool {
        self.across > 16.0 && self.across > 4.0 * self.inside + 8.0
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // A test that cannot go on panics.
mod tests {
    use super::*;
    use crate::raster::{Raster, SampleType, Samples};

    fn picture(value: impl Fn(usize, usize) -> f32) -> Picture {
        const SIDE: usize = 32;
        let values = (0..SIDE * SIDE)
            .map(|k| value(k % SIDE, k / SIDE))
            .collect();
        let samples = Samples::F32(values);
        let mask = vec![255; SIDE * SIDE];
        Picture {
            raster: Raster::from_parts(SIDE, SIDE, 1, SampleType::F32, samples, mask).unwrap(),
            unit: 1.0,
            has_alpha: true,
            is_lossless: true,
        }
    }

    fn between(a: &Picture, sides: (Side, Side), b: &Picture) -> Option<Score> {
        score(
            &Edge::of(a, sides.0).unwrap(),
            &Edge::of(b, sides.1).unwrap(),
        )
    }

    #[test]
    fn a_picture_goes_on_and_another_does_not() {
        let wave = |col: usize, row: usize| 100.0 + 40.0 * ((col + 2 * row) as f32 / 9.0).sin();
        let a = picture(wave);
        let b = picture(|col, row| wave(col + 32, row));
        let sides = (Side::East, Side::West);
        let found = between(&a, sides, &b).unwrap();
        assert!(
            !found.is_bad() && found.across < 2.0 * found.inside + 1.0,
            "{found:?}"
        );
        let below = picture(|col, row| wave(col, row + 32));
        assert!(
            !between(&a, (Side::South, Side::North), &below)
                .unwrap()
                .is_bad()
        );
        let other = picture(|col, row| 230.0 - wave(row, col));
        assert!(between(&a, sides, &other).unwrap().is_bad());
        // Noise of its own size is no step.
        let noise = |seed: usize| {
            picture(move |col, row| ((col * 7919 + row * 104_729 + seed * 31) % 251) as f32)
        };
        assert!(!between(&noise(1), sides, &noise(2)).unwrap().is_bad());
    }

    #[test]
    fn what_is_not_there_is_no_step() {
        let a = picture(|_, _| 10.0);
        let mut b = picture(|_, _| 200.0);
        assert!(between(&a, (Side::East, Side::West), &b).unwrap().is_bad());
        b.raster.mask.fill(0);
        b.raster.mask[5 * 32] = 255;
        assert_eq!(between(&a, (Side::East, Side::West), &b), None);
        b.raster.mask.fill(0);
        assert_eq!(Edge::of(&b, Side::West), None);
    }
}
