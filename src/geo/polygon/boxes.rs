//! [`BoxTree`]: rectangles within rectangles, over things in the order they are given in.

use std::ops::Range;

use crate::geo::bounds::Bounds;

/// Rectangles under one of the next level.
const FAN: usize = 8;

/// Rectangles around things, around eight neighbours each, around eight of those, and so on.
pub(super) struct BoxTree {
    /// The things first.
    levels: Vec<Vec<Bounds>>,
}

/// Where a visit goes on.
pub(super) enum Next {
    /// Into the rectangle.
    Descend,
    /// Past it.
    Skip,
    /// Home.
    Stop,
}

impl BoxTree {
    pub(super) fn new(boxes: Vec<Bounds>) -> Self {
        let mut levels = vec![boxes];
        loop {
            let below = &levels[levels.len() - 1];
            if below.len() <= 1 {
                return Self { levels };
            }
            let around = |boxes: &[Bounds]| {
                let first = boxes[0];
                boxes[1..].iter().fold(first, |all, b| all.union(b))
            };
            let above = below.chunks(FAN).map(around).collect();
            levels.push(above);
        }
    }

    pub(super) fn bounds(&self) -> Option<Bounds> {
        self.levels.last().and_then(|top| top.first()).copied()
    }

    /// Shows `f` rectangles from the largest on, each with the range of things below it. A range of one is a thing itself.
    pub(super) fn visit(&self, mut f: impl FnMut(&Bounds, Range<usize>) -> Next) {
        let n = self.levels[0].len();
        let mut stack = Vec::with_capacity(FAN * self.levels.len());
        if n > 0 {
            stack.push((self.levels.len() - 1, 0));
        }
        while let Some((level, index)) = stack.pop() {
            let span = FAN.pow(level as u32);
            let range = index * span..((index + 1) * span).min(n);
            match f(&self.levels[level][index], range) {
                Next::Stop => return,
                Next::Descend if level > 0 => {
                    let below = self.levels[level - 1].len();
                    let children = index * FAN..((index + 1) * FAN).min(below);
                    // The first child is seen first.
                    stack.extend(children.rev().map(|child| (level - 1, child)));
                }
                Next::Descend | Next::Skip => {}
            }
        }
    }
}

/// Brings neighbours together: things in the order of a Z curve through the middles of their rectangles. Things at one place
/// keep their order.
pub(super) fn sort<T>(things: &mut [T], bounds: impl Fn(&T) -> Bounds) {
    let Some(all) = things.iter().map(&bounds).reduce(|a, b| a.union(&b)) else {
        return;
    };
    let step = |value: f64, low: f64, size: f64| {
        if size > 0.0 {
            ((value - low) / size * 65535.0) as u64
        } else {
            0
        }
    };
    things.sort_by_cached_key(|thing| {
        let b = bounds(thing);
        let x = step((b.west + b.east) / 2.0, all.west, all.width());
        let y = step((b.south + b.north) / 2.0, all.south, all.height());
        (0..16).fold(0_u64, |key, bit| {
            key | ((x >> bit & 1) << (2 * bit)) | ((y >> bit & 1) << (2 * bit + 1))
        })
    });
}
