//! Which overview of a source a tile is made of: [`best`].

use crate::source::Level;

/// The coarsest level that is still as fine as the tile, which shrinks the source `scale` times along its columns and
/// rows. A percent of slack: overviews round their size up, and a tile's scale varies a little within it.
pub(super) fn best(levels: &[Level], scale: (f64, f64)) -> usize {
    let full = levels[0];
    let fits = |level: &Level| {
        let (x, y) = (
            full.width as f64 / level.width as f64,
            full.height as f64 / level.height as f64,
        );
        x <= scale.0 * 1.01 && y <= scale.1 * 1.01
    };
    levels.iter().rposition(fits).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_coarsest_level_that_is_fine_enough() {
        let levels: Vec<Level> = [(1000, 600), (500, 300), (250, 150), (125, 75)]
            .map(|(width, height)| Level {
                width,
                height,
                block: (256, 256),
            })
            .to_vec();
        for (scale, expected) in [
            ((0.5, 0.5), 0),
            ((1.9, 1.9), 0),
            ((2.0, 2.0), 1),
            ((3.9, 8.0), 1),
            ((8.0, 3.9), 1),
            ((7.95, 7.95), 3),
            ((100.0, 100.0), 3),
        ] {
            assert_eq!(best(&levels, scale), expected, "{scale:?}");
        }
    }
}
