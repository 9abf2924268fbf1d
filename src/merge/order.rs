//! The order in which blocks are painted: [`Order`].

use std::ops::Range;

/// Blocks a side of a square. Its corner of 16 blocks is 8192 pixels.
const SQUARE: usize = 64;

/// Blocks of a smaller square, 8 a side, that is painted band by band.
const BLOCKS_A_BAND: u16 = 64;

/// With more bands they are painted together: the tables are long enough.
const MOST_TURNS: usize = 256;

/// An order of all blocks of a grid in which neighbours come soon after each other, whatever "soon" is: squares of 64
/// blocks a side, row by row, and in each of them the Z-order of Morton (1966), in which every aligned square of 2, 4, 8 …
/// blocks a side is finished before the next one. However few blocks of a source there is memory for, most are decoded
/// once. Row by row, a whole row of the source's blocks would have to fit.
///
/// Bands that are decoded together are painted together. Others take turns in squares of 8 blocks a side, so that the
/// memory has to hold the blocks of one at a time.
pub(super) struct Order {
    columns: usize,
    rows: usize,
    n_bands: usize,
    /// Steps a block.
    turns: usize,
    /// Of squares that are whole, cut off on the right, below, and both: the steps in them.
    squares: [Vec<Turn>; 4],
}

/// Column and row of a block in its square, and which of the bands' turns it is.
type Turn = (u8, u8, u16);

/// What is painted at once.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// Of the block, counted in blocks.
    pub(super) col: usize,
    /// Likewise.
    pub(super) row: usize,
    /// The indices of the bands.
    pub(super) bands: Range<usize>,
}

impl Order {
    /// Of a grid of so many blocks across and down, with `n_bands` bands that are decoded together or `apart`.
    pub(super) fn new((columns, rows): (usize, usize), n_bands: usize, apart: bool) -> Self {
        let turns = if apart && n_bands <= MOST_TURNS {
            n_bands
        } else {
            1
        };
        let (right, below) = (columns % SQUARE, rows % SQUARE);
        let square = |width, height| steps(width, height, turns as u16);
        Self {
            columns,
            rows,
            n_bands,
            turns,
            squares: [
                square(SQUARE, SQUARE),
                square(right, SQUARE),
                square(SQUARE, below),
                square(right, below),
            ],
        }
    }

    /// Steps.
    pub(super) fn len(&self) -> usize {
        self.columns * self.rows * self.turns
    }

    /// The one that comes after `index` others.
    pub(super) fn step(&self, index: usize) -> Step {
        // A strip is a row of squares.
        let strip_len = self.columns * SQUARE * self.turns;
        let strip = index / strip_len;
        let is_last_strip = strip == self.rows / SQUARE;
        let height = if is_last_strip {
            self.rows % SQUARE
        } else {
            SQUARE
        };
        let (index, square_len) = (index % strip_len, height * SQUARE * self.turns);
        let square = index / square_len;
        let is_last_square = square == self.columns / SQUARE;
        let steps = &self.squares[usize::from(is_last_square) + 2 * usize::from(is_last_strip)];
        let (col, row, turn) = steps[index % square_len];
        let turn = usize::from(turn);
        Step {
            col: square * SQUARE + usize::from(col),
            row: strip * SQUARE + usize::from(row),
            bands: if self.turns > 1 {
                turn..turn + 1
            } else {
                0..self.n_bands
            },
        }
    }
}

/// The steps in a rectangle of at most 64 blocks a side.
fn steps(width: usize, height: usize, turns: u16) -> Vec<Turn> {
    let rows = 0..height as u8;
    let blocks = rows.flat_map(|row| (0..width as u8).map(move |col| (col, row)));
    let mut steps: Vec<Turn> = blocks
        .flat_map(|(col, row)| (0..turns).map(move |turn| (col, row, turn)))
        .collect();
    steps.sort_by_key(|&(col, row, turn)| {
        let z = spread(col) | spread(row) << 1;
        (z / BLOCKS_A_BAND, turn, z)
    });
    steps
}

/// The bits of `value`, which is below 64, with a zero before each.
fn spread(value: u8) -> u16 {
    (0..6).fold(0, |all, bit| {
        all | ((u16::from(value) >> bit) & 1) << (2 * bit)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn all(order: &Order) -> impl Iterator<Item = Step> {
        (0..order.len()).map(|index| order.step(index))
    }

    #[test]
    fn four_blocks_go_like_a_z() {
        let places = |bands, apart| {
            all(&Order::new((2, 2), bands, apart))
                .map(|step| (step.col, step.row, step.bands))
                .collect::<Vec<_>>()
        };
        let z = [(0, 0), (1, 0), (0, 1), (1, 1)];
        assert_eq!(places(3, false), z.map(|(col, row)| (col, row, 0..3)));
        let by_band = (0..3).flat_map(|band| z.map(|(col, row)| (col, row, band..band + 1)));
        assert_eq!(places(3, true), by_band.collect::<Vec<_>>());
    }

    proptest! {
        #[test]
        fn every_band_of_every_block_comes_once(
            (columns, rows) in (1_usize..150, 1_usize..150),
            (n_bands, apart) in (1_usize..4, any::<bool>()),
        ) {
            let mut left: HashSet<_> = (0..columns)
                .flat_map(|col| (0..rows).map(move |row| (col, row)))
                .flat_map(|(col, row)| (0..n_bands).map(move |band| (col, row, band)))
                .collect();
            for step in all(&Order::new((columns, rows), n_bands, apart)) {
                for band in step.bands {
                    prop_assert!(left.remove(&(step.col, step.row, band)));
                }
            }
            prop_assert!(left.is_empty());
        }

        /// What the order is for: aligned squares are in one piece.
        #[test]
        fn squares_are_finished_before_the_next(
            (columns, rows) in (1_usize..150, 1_usize..150),
            apart in any::<bool>(),
        ) {
            let mut done = HashSet::new();
            let mut last = None;
            for step in all(&Order::new((columns, rows), 2, apart)) {
                let square = (step.col / 8, step.row / 8);
                if last != Some(square) {
                    prop_assert!(done.insert(square));
                    last = Some(square);
                }
            }
        }
    }
}
