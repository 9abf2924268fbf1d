//! How the ground rises: Horn's weighted differences of the eight neighbours.

use super::Ground;
use crate::raster::resample::{Work, compiled};

/// One row of gradients: how much the ground falls towards the east and rises towards the north, in metres by metre.
pub(super) struct Gradients {
    east: Vec<f64>,
    north: Vec<f64>,
}

/// A pixel and its neighbours, row by row; nothing where there is no height.
type Window = [[Option<f32>; 3]; 3];

impl Gradients {
    pub(super) fn new(width: usize) -> Self {
        Self {
            east: vec![0.0; width],
            north: vec![0.0; width],
        }
    }

    /// Falls towards the east and rises towards the north for each pixel of an inner row, heights times `z_factor`. What is
    /// there for pixels without a height means nothing.
    pub(super) fn of(&mut self, ground: &Ground, row: usize, z_factor: f64) -> (&[f64], &[f64]) {
        let stride = ground.width + 2;
        let rows = [row, row + 1, row + 2].map(|row| row * stride..(row + 1) * stride);
        let heights = rows.clone().map(|range| &ground.heights[range]);
        let masks = rows.map(|range| &ground.mask[range]);
        let [pixel_width, pixel_height] = ground.pixel_m[row];
        let scales = [
            z_factor / (8.0 * pixel_width),
            z_factor / (8.0 * pixel_height),
        ];
        compiled(All {
            to: self,
            heights,
            scales,
        });
        if masks.iter().any(|mask| mask.contains(&0)) {
            self.beside_holes(heights, masks, scales);
        }
        (&self.east, &self.north)
    }

    /// Once more for pixels with neighbours that are missing.
    fn beside_holes(&mut self, heights: [&[f32]; 3], masks: [&[u8]; 3], [wide, high]: [f64; 2]) {
        for col in 0..self.east.len() {
            let hole = |mask: &[u8]| mask[col..col + 3].contains(&0);
            if masks[1][col + 1] == 0 || !masks.iter().any(|mask| hole(mask)) {
                continue;
            }
            let window: Window = std::array::from_fn(|r| {
                std::array::from_fn(|c| (masks[r][col + c] > 0).then_some(heights[r][col + c]))
            });
            let [upper, middle, lower] = completed(&window, heights[1][col + 1]);
            let (falls, rises) = horn(upper, [middle[0], middle[2]], lower);
            self.east[col] = f64::from(falls) * wide;
            self.north[col] = f64::from(rises) * high;
        }
    }
}

/// The gradients of a row as if all heights were there.
struct All<'a> {
    to: &'a mut Gradients,
    heights: [&'a [f32]; 3],
    scales: [f64; 2],
}

impl Work for All<'_> {
    #[inline(always)]
    fn run(self) {
        let ([upper, middle, lower], [wide, high]) = (self.heights, self.scales);
        // One length for all, so that nothing is checked in the loop.
        let width = self.to.east.len();
        let north = &mut self.to.north[..width];
        let (u0, u1, u2) = (&upper[..width], &upper[1..=width], &upper[2..width + 2]);
        let (m0, m2) = (&middle[..width], &middle[2..width + 2]);
        let (l0, l1, l2) = (&lower[..width], &lower[1..=width], &lower[2..width + 2]);
        for (col, east) in self.to.east.iter_mut().enumerate() {
            let (falls, rises) = horn(
                [u0[col], u1[col], u2[col]],
                [m0[col], m2[col]],
                [l0[col], l1[col], l2[col]],
            );
            *east = f64::from(falls) * wide;
            north[col] = f64::from(rises) * high;
        }
    }
}

/// Eight times how much the ground falls towards the east and rises towards the north over one pixel. Differences come first:
/// of heights that are near to each other they are exact.
#[inline(always)]
fn horn(upper: [f32; 3], middle: [f32; 2], lower: [f32; 3]) -> (f32, f32) {
    let falling = upper[0] - lower[2];
    let rising = upper[2] - lower[0];
    let across = middle[0] - middle[1];
    let along = upper[1] - lower[1];
    (
        (falling - rising) + (across + across),
        (falling + rising) + (along + along),
    )
}

/// The window with what is missing in it put where the ground would be if it went on straight: along a column, or else along
/// a row, or through `centre`, or flat from there.
fn completed(window: &Window, centre: f32) -> [[f32; 3]; 3] {
    let beyond = |near: Option<f32>, far: Option<f32>| Some(near? + near? - far?);
    std::array::from_fn(|r| {
        std::array::from_fn(|c| {
            let (opposite_row, opposite_col) = (2 - r, 2 - c);
            let at = |r: usize, c: usize| window[r][c];
            let along_column = || match r {
                1 => None,
                _ => beyond(at(1, c), at(opposite_row, c)),
            };
            let along_row = || match c {
                1 => None,
                _ => beyond(at(r, 1), at(r, opposite_col)),
            };
            let through_centre = || beyond(Some(centre), at(opposite_row, opposite_col));
            at(r, c)
                .or_else(along_column)
                .or_else(along_row)
                .or_else(through_centre)
                .unwrap_or(centre)
        })
    })
}
