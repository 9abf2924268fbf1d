//! From the edges in a window to its pixels: [`coverage`] and [`centres`].
//!
//! The sweep goes from the top down, from one end of an edge (or row of pixels) to the next. Between the two no edge ends,
//! so what is inside is told by going through the edges from west to east, counting for each polygon; where edges cross in
//! between, the band is split at the crossing. What is inside turns into trapezoids, whose areas are exact.

use std::ops::Range;

use super::{Edge, Grid, Owner};

/// Pixels by which places may differ that mean the same: neighbours that share an edge, each with its own rounding.
const SAME_PX: f64 = 1e-6;

/// Crossings that a band is split at, besides one for each of its edges. Beyond it the edges are a scribble whose order
/// half way down the band has to do.
const SPLITS: usize = 64;

/// An edge within a band: where it is at the band's top and bottom.
#[derive(Clone, Copy)]
struct Side {
    top: f64,
    bottom: f64,
    owner: Owner,
}

/// Counts, from west to east, which polygons a place is in.
struct Count {
    /// For each polygon.
    odd: Vec<bool>,
    /// For each union, how many of its polygons.
    inside: Vec<u32>,
    /// Unions that have none.
    missing: usize,
}

impl Count {
    fn new(n_polygons: usize, n_unions: usize) -> Self {
        Self {
            odd: vec![false; n_polygons],
            inside: vec![0; n_unions],
            missing: n_unions,
        }
    }

    fn reset(&mut self) {
        self.odd.fill(false);
        self.inside.fill(0);
        self.missing = self.inside.len();
    }

    /// Goes over an edge; `Some` with whether it is inside after it when that changes.
    fn cross(&mut self, owner: Owner) -> Option<bool> {
        let before = self.missing == 0;
        let odd = &mut self.odd[owner.polygon as usize];
        let inside = &mut self.inside[owner.union as usize];
        *odd = !*odd;
        if *odd {
            *inside += 1;
            self.missing -= usize::from(*inside == 1);
        } else {
            *inside -= 1;
            self.missing += usize::from(*inside == 0);
        }
        let after = self.missing == 0;
        (before != after).then_some(after)
    }
}

/// Fills `grid` with how much of each pixel is inside.
pub(super) fn coverage(edges: &[Edge], n_unions: usize, grid: &mut Grid) {
    let mut count = Count::new(grid.n_polygons, n_unions);
    let mut row = Row::new(grid.width);
    let mut sides = Vec::new();
    let height = grid.out.len() / grid.width;
    let mut current = 0;
    bands(edges, height, |band, active| {
        let index = band.start as usize;
        if index != current {
            row.finish(grid, current);
            current = index;
        }
        sides.clear();
        sides.extend(active.iter().map(|&k| {
            let edge = &edges[k];
            Side {
                top: edge.x + (band.start - edge.top) * edge.slope,
                bottom: edge.x + (band.end - edge.top) * edge.slope,
                owner: edge.owner,
            }
        }));
        let mut splits = SPLITS + sides.len();
        row.band(&mut sides, band.end - band.start, &mut count, &mut splits);
    });
    row.finish(grid, current);
}

/// Calls `f` with every band (a range of y within one row of pixels) that has edges, and the edges that run through it.
fn bands(edges: &[Edge], height: usize, mut f: impl FnMut(Range<f64>, &[usize])) {
    let mut by_top: Vec<usize> = (0..edges.len()).collect();
    by_top.sort_by(|&a, &b| edges[a].top.total_cmp(&edges[b].top));
    let mut ends: Vec<f64> = edges.iter().flat_map(|e| [e.top, e.bottom]).collect();
    ends.extend((0..=height).map(|row| row as f64));
    ends.sort_by(f64::total_cmp);
    ends.dedup();
    let mut coming = by_top.into_iter().peekable();
    let mut active: Vec<usize> = Vec::new();
    for pair in ends.windows(2) {
        let (top, bottom) = (pair[0], pair[1]);
        active.retain(|&k| edges[k].bottom > top);
        while let Some(k) = coming.next_if(|&k| edges[k].top <= top) {
            active.push(k);
        }
        if !active.is_empty() {
            f(top..bottom, &active);
        }
    }
}

/// One row of pixels while it is summed up.
struct Row {
    /// How much more each pixel has inside than the one before it.
    steps: Vec<f64>,
    width: f64,
    empty: bool,
}

impl Row {
    fn new(width: usize) -> Self {
        Self {
            steps: vec![0.0; width + 2],
            width: width as f64,
            empty: true,
        }
    }

    /// Adds the trapezoids of a band, `height` rows high.
    fn band(&mut self, sides: &mut [Side], height: f64, count: &mut Count, splits: &mut usize) {
        sides.sort_by(|a, b| (a.top + a.bottom).total_cmp(&(b.top + b.bottom)));
        let crossing = sides.windows(2).find_map(|pair| crossing(pair[0], pair[1]));
        if let Some(at) = crossing.filter(|_| *splits > 0) {
            *splits -= 1;
            let middle = |side: &Side| side.top + (side.bottom - side.top) * at;
            let mut upper: Vec<Side> = sides
                .iter()
                .map(|side| Side {
                    bottom: middle(side),
                    ..*side
                })
                .collect();
            self.band(&mut upper, height * at, count, splits);
            for side in sides.iter_mut() {
                side.top = middle(side);
            }
            return self.band(sides, height * (1.0 - at), count, splits);
        }
        count.reset();
        for side in sides.iter() {
            if let Some(inside) = count.cross(side.owner) {
                let height = if inside { height } else { -height };
                self.add(side.top, side.bottom, height);
            }
        }
    }

    /// Adds an area `height` rows high (less than 0 takes away) that begins at a line from `a` to `b` and goes on to the
    /// end of the row.
    fn add(&mut self, a: f64, b: f64, height: f64) {
        self.empty = false;
        let (low, high) = (a.min(b), a.max(b));
        let (low, high) = (low.clamp(0.0, self.width), high.clamp(0.0, self.width));
        let (first, last) = (low as usize, high as usize);
        if first == last {
            return self.add_to_pixel(first, (low + high) / 2.0, height);
        }
        let rate = height / (high - low);
        let mut x = low;
        for pixel in first..=last {
            let end = ((pixel + 1) as f64).min(high);
            self.add_to_pixel(pixel, (x + end) / 2.0, rate * (end - x));
            x = end;
        }
    }

    /// `x` is where the line crosses the pixel, on average.
    fn add_to_pixel(&mut self, pixel: usize, x: f64, height: f64) {
        let right = x - pixel as f64;
        self.steps[pixel] += height * (1.0 - right);
        self.steps[pixel + 1] += height * right;
    }

    /// Writes the row down and clears it.
    fn finish(&mut self, grid: &mut Grid, index: usize) {
        if self.empty {
            return;
        }
        let mut sum = 0.0;
        let pixels = &mut grid.out[index * grid.width..(index + 1) * grid.width];
        for (pixel, step) in pixels.iter_mut().zip(&self.steps) {
            sum += step;
            // Half and a little: a half that rounding made less is a half.
            *pixel = (sum * 255.0 + 0.5 + 255.0 * SAME_PX).clamp(0.0, 255.0) as u8;
        }
        self.steps.fill(0.0);
        self.empty = true;
    }
}

/// How far down a band, from 0 to 1, two sides cross that half way down come one after the other.
fn crossing(west: Side, east: Side) -> Option<f64> {
    let (top, bottom) = (east.top - west.top, east.bottom - west.bottom);
    if top >= -SAME_PX && bottom >= -SAME_PX {
        return None;
    }
    let at = top / (top - bottom);
    (at > 0.0 && at < 1.0).then_some(at)
}

/// Fills `grid` with 255 where a pixel's centre is inside.
pub(super) fn centres(edges: &[Edge], n_unions: usize, grid: &mut Grid) {
    let mut count = Count::new(grid.n_polygons, n_unions);
    let mut by_top: Vec<usize> = (0..edges.len()).collect();
    by_top.sort_by(|&a, &b| edges[a].top.total_cmp(&edges[b].top));
    let mut coming = by_top.into_iter().peekable();
    let mut active: Vec<usize> = Vec::new();
    let mut crossings: Vec<(f64, Owner)> = Vec::new();
    for (index, pixels) in grid.out.chunks_exact_mut(grid.width).enumerate() {
        let y = index as f64 + 0.5;
        while let Some(k) = coming.next_if(|&k| edges[k].top <= y) {
            active.push(k);
        }
        active.retain(|&k| edges[k].bottom > y);
        crossings.clear();
        crossings.extend(active.iter().map(|&k| {
            let edge = &edges[k];
            (edge.x + (y - edge.top) * edge.slope, edge.owner)
        }));
        crossings.sort_by(|a, b| a.0.total_cmp(&b.0));
        count.reset();
        for span in spans(&crossings, &mut count, grid.width as f64) {
            let (start, end) = ((span.0 + 0.5) as usize, (span.1 + 0.5) as usize);
            pixels[start.min(grid.width)..end.min(grid.width)].fill(255);
        }
    }
}

/// What is inside along a line, gaps closed that are none but for rounding.
fn spans(crossings: &[(f64, Owner)], count: &mut Count, width: f64) -> Vec<(f64, f64)> {
    let mut spans: Vec<(f64, f64)> = Vec::new();
    let mut start = None;
    let mut add = |from: f64, to: f64| match spans.last_mut() {
        Some(last) if from - last.1 <= SAME_PX => last.1 = to,
        _ => spans.push((from, to)),
    };
    for &(x, owner) in crossings {
        let x = x.clamp(0.0, width);
        match count.cross(owner) {
            Some(true) => start = Some(x),
            Some(false) => add(start.take().unwrap_or(0.0), x),
            None => {}
        }
    }
    if let Some(start) = start {
        add(start, width);
    }
    spans
}
