//! [`Nearest`]: the colour of a palette that is nearest to another.

/// What one step of a channel is here, so that halves and sixteenths of steps are whole numbers.
pub(super) const SCALE: i32 = 16;

/// Colours, red, green, blue and alpha in [`SCALE`]ths, by the sum of their channels.
pub(super) struct Nearest {
    /// Ascending.
    sums: Vec<i32>,
    colours: Vec<([i32; 4], u8)>,
}

impl Nearest {
    /// Of these colours, at least one, and what is to be told of each.
    pub(super) fn new(colours: impl Iterator<Item = ([i32; 4], u8)>) -> Self {
        let mut colours: Vec<_> = colours.collect();
        colours.sort_unstable_by_key(|&(colour, index)| (sum(colour), index));
        Self {
            sums: colours.iter().map(|&(colour, _)| sum(colour)).collect(),
            colours,
        }
    }

    /// The colour nearest to `wanted`, of equally near ones the first that is found, and what is told of it.
    ///
    /// Looks at colours of about the same sum first, then farther and farther: sums that differ by d are of colours at
    /// least d / 2 apart, four channels being differences that add up to d.
    pub(super) fn find(&self, wanted: [i32; 4]) -> ([i32; 4], u8) {
        let sum = sum(wanted);
        let mut above = self.sums.partition_point(|&s| s < sum);
        let mut below = above;
        let mut best = (i32::MAX, 0);
        let too_far = |best: i32, sums: i32| (sums - sum) * (sums - sum) / 4 >= best;
        let n = self.sums.len();
        loop {
            let up = above < n && !too_far(best.0, self.sums[above]);
            if up {
                best = best.min((distance(self.colours[above].0, wanted), above));
                above += 1;
            }
            let down = below > 0 && !too_far(best.0, self.sums[below - 1]);
            if down {
                below -= 1;
                best = best.min((distance(self.colours[below].0, wanted), below));
            }
            if !up && !down {
                return self.colours[best.1];
            }
        }
    }
}

fn sum(colour: [i32; 4]) -> i32 {
    colour.iter().sum()
}

/// Squared; at most 4 x (16 x 255)^2, about 2^26.
fn distance(a: [i32; 4], b: [i32; 4]) -> i32 {
    let squares = a.iter().zip(b).map(|(a, b)| (a - b) * (a - b));
    squares.sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn colour() -> impl Strategy<Value = [i32; 4]> {
        prop::array::uniform4(0..=255 * SCALE)
    }

    proptest! {
        /// As near as by looking at all.
        #[test]
        fn no_colour_is_nearer(palette in prop::collection::vec(colour(), 1..60), wanted in colour()) {
            let nearest = Nearest::new(palette.iter().copied().zip(0..=255));
            let (found, index) = nearest.find(wanted);
            prop_assert_eq!(found, palette[usize::from(index)]);
            let least = palette.iter().map(|&c| distance(c, wanted)).min();
            prop_assert_eq!(Some(distance(found, wanted)), least);
        }
    }
}
