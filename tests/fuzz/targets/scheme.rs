//! Any text as a tile matrix set; of one that is understood, tiles lie where they say.

use std::path::Path;

use azulejo::error::Kind;
use azulejo::geo::scheme::Scheme;

pub fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let scheme = match Scheme::from_json(text, Path::new("grid.json")) {
        Ok(scheme) => scheme,
        Err(error) => {
            assert_eq!(error.kind(), Kind::Input, "{error}");
            return;
        }
    };
    let all = scheme.extent();
    for z in [0, scheme.zoom_max() / 2, scheme.zoom_max()] {
        let (columns, rows) = scheme.matrix_size(z);
        for (x, y) in [(0, 0), (columns / 2, rows - 1), (columns - 1, rows / 2)] {
            let (x, y) = (x as u32, y as u32);
            let tile = scheme.tile(z, x, y).expect("a tile of the matrix");
            let bounds = scheme.bounds(tile);
            assert!(
                bounds.west < bounds.east && bounds.south < bounds.north,
                "{tile}: {bounds:?}"
            );
            assert!(all.intersects(&bounds), "{tile}: {bounds:?} of {all:?}");
            let middle = |low: f64, high: f64| low + (high - low) / 2.0;
            let (x, y) = (
                middle(bounds.west, bounds.east),
                middle(bounds.south, bounds.north),
            );
            assert_eq!(scheme.tile_at(z, x, y), Some(tile), "{bounds:?}");
        }
        assert!(scheme.tile(z, 0, u32::MAX).is_err() || rows == 1 << 32);
    }
}
