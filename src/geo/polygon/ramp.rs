//! How deep pixels lie inside an area: [`ramp`].
//!
//! The edge of a union is not that of its polygons: where they overlap or share a border, none is. Edges are therefore cut
//! where those of others meet them, and a piece counts when one side of it is inside the union and the other is not.

use super::{Area, Place, Union};
use crate::geo::bounds::Bounds;

/// How far beside an edge it is looked what lies there, and how near two edges are one: in pixels.
const BESIDE: f64 = 1.0 / 128.0;

/// As [`Area::ramp`]; `out` says already which centres are inside.
pub(super) fn ramp(area: &Area, bounds: &Bounds, size: (usize, usize), reach: f64, out: &mut [u8]) {
    let mut nearest = Nearest {
        size,
        reach,
        squares: vec![f64::INFINITY; out.len()],
    };
    // What is outside one union is outside all: the nearest edge of any of them is that of the area.
    for union in &area.unions {
        Near::find(union, bounds, size, reach).pieces(|a, b| nearest.spread(a, b));
    }
    for (value, square) in out.iter_mut().zip(nearest.squares) {
        if *value > 0 {
            *value = (255.0 * (square.sqrt() / reach).min(1.0) + 0.5) as u8;
        }
    }
}

/// The square of each pixel's distance to the nearest edge so far.
struct Nearest {
    size: (usize, usize),
    reach: f64,
    squares: Vec<f64>,
}

impl Nearest {
    /// Takes the edge from `a` to `b`, in pixels, into account.
    fn spread(&mut self, a: Place, b: Place) {
        let pixels = |axis: usize, size: usize| {
            let low = (a[axis].min(b[axis]) - self.reach).floor().max(0.0);
            let high = (a[axis].max(b[axis]) + self.reach).ceil().min(size as f64);
            low as usize..high.max(0.0) as usize
        };
        let (width, height) = self.size;
        for row in pixels(1, height) {
            for col in pixels(0, width) {
                let square = square_to([col as f64 + 0.5, row as f64 + 0.5], a, b);
                let known = &mut self.squares[row * width + col];
                *known = known.min(square);
            }
        }
    }
}

/// The square of the distance from `place` to the line from `a` to `b`.
fn square_to(place: Place, a: Place, b: Place) -> f64 {
    let t = foot(place, a, b).clamp(0.0, 1.0);
    let (x, y) = (
        a[0] + (b[0] - a[0]) * t - place[0],
        a[1] + (b[1] - a[1]) * t - place[1],
    );
    x * x + y * y
}

/// Where on the line from `a`, 0, to `b`, 1, the place nearest to `place` is.
fn foot(place: Place, a: Place, b: Place) -> f64 {
    let (dx, dy) = (b[0] - a[0], b[1] - a[1]);
    let length = dx * dx + dy * dy;
    if length == 0.0 {
        return 0.0;
    }
    ((place[0] - a[0]) * dx + (place[1] - a[1]) * dy) / length
}

/// An edge in pixels of the tile.
#[derive(Clone, Copy)]
struct Line {
    from: Place,
    to: Place,
    polygon: u32,
}

/// The edges of a union near a tile.
struct Near {
    lines: Vec<Line>,
    /// Where edges count: the tile and as far around as the ramp reaches.
    window: Bounds,
    /// For each row of the window the edges that cross it, polygon by polygon.
    rows: Vec<Vec<u32>>,
}

impl Near {
    fn find(union: &Union, bounds: &Bounds, (width, height): (usize, usize), reach: f64) -> Self {
        let (x, y) = (
            bounds.width() / width as f64,
            bounds.height() / height as f64,
        );
        // In pixels, rows downwards. What is looked at beside an edge must be known, too.
        let around = |more: f64| {
            let more = reach + more;
            Bounds::new(-more, -more, width as f64 + more, height as f64 + more)
        };
        let outer = around(2.0);
        let there = Bounds::new(
            bounds.west + outer.west * x,
            bounds.north - outer.north * y,
            bounds.west + outer.east * x,
            bounds.north - outer.south * y,
        );
        let pixel = |[px, py]: Place| [(px - bounds.west) / x, (bounds.north - py) / y];
        let mut lines = Vec::new();
        let mut polygon = 0;
        union.each_meeting(&there, |found| {
            found.outline.edges(&there, |from, to| {
                lines.push(Line {
                    from: pixel(from),
                    to: pixel(to),
                    polygon,
                });
            });
            polygon += 1;
        });
        let mut near = Self {
            lines,
            window: around(1.0),
            rows: Vec::new(),
        };
        near.rows = vec![Vec::new(); near.window.height().ceil() as usize + 1];
        for k in 0..near.lines.len() {
            for row in near.rows_of(&near.lines[k]) {
                near.rows[row].push(k as u32);
            }
        }
        near
    }

    fn row_of(&self, y: f64) -> usize {
        ((y - self.window.south).max(0.0) as usize).min(self.rows.len() - 1)
    }

    /// The rows of the window that a line crosses, if it does.
    fn rows_of(&self, line: &Line) -> std::ops::Range<usize> {
        let (low, high) = (
            line.from[1].min(line.to[1]) - BESIDE,
            line.from[1].max(line.to[1]) + BESIDE,
        );
        if high < self.window.south || low > self.window.north {
            return 0..0;
        }
        self.row_of(low)..self.row_of(high) + 1
    }

    /// Hands `f` the pieces of the union's edge within the window.
    fn pieces(&self, mut f: impl FnMut(Place, Place)) {
        let mut cuts = Vec::new();
        for line in &self.lines {
            let Some((start, end)) = within(line, &self.window) else {
                continue;
            };
            cuts.clear();
            cuts.extend([start, end]);
            self.cuts(line, &mut cuts);
            cuts.sort_unstable_by(f64::total_cmp);
            for pair in cuts.windows(2) {
                let (t, u) = (pair[0].max(start), pair[1].min(end));
                if t < u && self.is_edge(line, (t + u) / 2.0) {
                    f(at(line, t), at(line, u));
                }
            }
        }
    }

    /// Where edges of other polygons meet `line`.
    fn cuts(&self, line: &Line, cuts: &mut Vec<f64>) {
        for row in self.rows_of(line) {
            for &k in &self.rows[row] {
                let other = &self.lines[k as usize];
                if other.polygon == line.polygon || !is_near(line, other) {
                    continue;
                }
                cuts.extend(crossing(line, other));
                for end in [other.from, other.to] {
                    if square_to(end, line.from, line.to) < BESIDE * BESIDE {
                        cuts.push(foot(end, line.from, line.to));
                    }
                }
            }
        }
    }

    /// Whether the union ends at the place `t` of `line`.
    fn is_edge(&self, line: &Line, t: f64) -> bool {
        let (dx, dy) = (line.to[0] - line.from[0], line.to[1] - line.from[1]);
        let scale = BESIDE / dx.hypot(dy);
        let [x, y] = at(line, t);
        let beside = |sign: f64| {
            let place = [x - dy * scale * sign, y + dx * scale * sign];
            self.holds(place)
        };
        beside(1.0) != beside(-1.0)
    }

    /// Whether a place in the window lies in any of the polygons.
    fn holds(&self, place: Place) -> bool {
        let (mut odd, mut polygon) = (false, 0);
        for &k in &self.rows[self.row_of(place[1])] {
            let line = &self.lines[k as usize];
            if line.polygon != polygon {
                if odd {
                    return true;
                }
                polygon = line.polygon;
            }
            let (from, to) = (line.from, line.to);
            if (from[1] > place[1]) != (to[1] > place[1]) {
                let t = (place[1] - from[1]) / (to[1] - from[1]);
                odd ^= from[0] + (to[0] - from[0]) * t < place[0];
            }
        }
        odd
    }
}

fn at(line: &Line, t: f64) -> Place {
    [
        line.from[0] + (line.to[0] - line.from[0]) * t,
        line.from[1] + (line.to[1] - line.from[1]) * t,
    ]
}

/// The stretch of `line` within `window` (Liang and Barsky), from 0 to 1.
fn within(line: &Line, window: &Bounds) -> Option<(f64, f64)> {
    let (mut start, mut end) = (0.0_f64, 1.0_f64);
    let sides = [
        (0, window.west, 1.0),
        (0, window.east, -1.0),
        (1, window.south, 1.0),
        (1, window.north, -1.0),
    ];
    for (axis, limit, sign) in sides {
        let (a, b) = (
            (line.from[axis] - limit) * sign,
            (line.to[axis] - limit) * sign,
        );
        match (a < 0.0, b < 0.0) {
            (true, true) => return None,
            (true, false) => start = start.max(a / (a - b)),
            (false, true) => end = end.min(a / (a - b)),
            (false, false) => {}
        }
    }
    (start < end).then_some((start, end))
}

fn is_near(a: &Line, b: &Line) -> bool {
    let apart = |axis: usize| {
        a.from[axis].min(a.to[axis]) - BESIDE > b.from[axis].max(b.to[axis])
            || b.from[axis].min(b.to[axis]) - BESIDE > a.from[axis].max(a.to[axis])
    };
    !apart(0) && !apart(1)
}

/// Where on `line` the other one crosses it.
fn crossing(line: &Line, other: &Line) -> Option<f64> {
    let (a, b) = (line.from, other.from);
    let (r, s) = (
        [line.to[0] - a[0], line.to[1] - a[1]],
        [other.to[0] - b[0], other.to[1] - b[1]],
    );
    let cross = |p: Place, q: Place| p[0] * q[1] - p[1] * q[0];
    let apart = [b[0] - a[0], b[1] - a[1]];
    let all = cross(r, s);
    let (t, u) = (cross(apart, s) / all, cross(apart, r) / all);
    // Parallel lines have no numbers here, and no crossing.
    ((0.0..=1.0).contains(&t) && (0.0..=1.0).contains(&u)).then_some(t)
}
