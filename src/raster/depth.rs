//! How deep pixels lie within what is there: [`depths`].

/// For each pixel of a mask, `width` wide, how far its centre is from the edge of the nearest empty pixel, about: the distance
/// of their centres less a half. 0 for empty pixels, infinite where there are none. What lies beyond the raster is not known and
/// counts for nothing.
pub fn depths(mask: &[u8], width: usize) -> Vec<f64> {
    // Squares of distances, along columns and then along rows (Felzenszwalb and Huttenlocher, 2012).
    let height = mask.len() / width.max(1);
    let mut squares: Vec<f64> = mask
        .iter()
        .map(|&m| if m == 0 { 0.0 } else { f64::INFINITY })
        .collect();
    if mask.iter().all(|&m| m > 0) {
        return squares;
    }
    let mut envelope = Envelope::default();
    let mut line = Vec::new();
    for col in 0..width {
        line.clear();
        line.extend((0..height).map(|row| squares[row * width + col]));
        envelope.lower(&mut line);
        for (row, &square) in line.iter().enumerate() {
            squares[row * width + col] = square;
        }
    }
    for row in squares.chunks_exact_mut(width) {
        envelope.lower(row);
    }
    for square in &mut squares {
        *square = (square.sqrt() - 0.5).max(0.0);
    }
    squares
}

/// The parabolas that are lowest somewhere: where each has its foot, and from where on it is the lowest.
#[derive(Default)]
struct Envelope {
    feet: Vec<(usize, f64)>,
    starts: Vec<f64>,
}

impl Envelope {
    /// Replaces each value by the least of all values, each with the square of its distance added.
    fn lower(&mut self, line: &mut [f64]) {
        self.feet.clear();
        self.starts.clear();
        for (at, &value) in line.iter().enumerate() {
            if value.is_finite() {
                self.push(at, value);
            }
        }
        if self.feet.is_empty() {
            return;
        }
        let mut k = 0;
        for (at, value) in line.iter_mut().enumerate() {
            while self.starts.get(k + 1).is_some_and(|&s| s < at as f64) {
                k += 1;
            }
            let (foot, height) = self.feet[k];
            let apart = at as f64 - foot as f64;
            *value = apart * apart + height;
        }
    }

    fn push(&mut self, at: usize, height: f64) {
        let raised = |foot: usize, height: f64| height + (foot * foot) as f64;
        while let Some(&(foot, below)) = self.feet.last() {
            let meet = (raised(at, height) - raised(foot, below)) / (2 * (at - foot)) as f64;
            if self.starts.last().is_some_and(|&start| meet > start) {
                self.feet.push((at, height));
                self.starts.push(meet);
                return;
            }
            self.feet.pop();
            self.starts.pop();
        }
        self.feet.push((at, height));
        self.starts.push(f64::NEG_INFINITY);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // A test that cannot go on panics.
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn depths_are_those_of_all_pairs(
            width in 1_usize..20, holes in proptest::collection::vec(0_u8..12, 1..300)
        ) {
            let n = holes.len() / width * width;
            let mask: Vec<u8> = holes[..n].iter().map(|&h| if h == 0 { 0 } else { 255 }).collect();
            let found = depths(&mask, width);
            for (k, &found) in found.iter().enumerate() {
                let to = |j: usize| {
                    let (x, y) = ((k % width).abs_diff(j % width), (k / width).abs_diff(j / width));
                    (x as f64).hypot(y as f64)
                };
                let nearest = (0..n).filter(|&j| mask[j] == 0).map(to).fold(f64::INFINITY, f64::min);
                let expected = (nearest - 0.5).max(0.0);
                prop_assert!(found == expected || (found - expected).abs() < 1e-9);
            }
        }
    }
}
