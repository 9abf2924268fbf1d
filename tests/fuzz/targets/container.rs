//! Reads a container in every way there is.

use std::path::Path;

use azulejo::archive::{audit, open_store};
use azulejo::error::{Error, Kind};
use azulejo::geo::tile::TileCoord;

/// Tiles that are read, of the first and of the last.
const READ: usize = 32;

/// Reads what is at `path`: it is understood or refused, and an audit that finds nothing wrong lists what readers list.
pub(super) fn read(path: &Path) {
    let audited = audit(path, &mut || Ok(()));
    let opened = open_store(path);
    let mut store = match opened {
        Ok(store) => store,
        Err(error) => return refused(&error),
    };
    let top = TileCoord::from_pmtiles_id(0).map(|tile| store.read(tile));
    let told = (store.storage(), store.places(), store.metadata().extra());
    drop((top, told));
    let tiles = match store.tiles() {
        Ok(tiles) => tiles,
        Err(error) => return refused(&error),
    };
    assert!(tiles.windows(2).all(|pair| pair[0] != pair[1]));
    for tile in tiles.iter().take(READ).chain(tiles.iter().rev().take(READ)) {
        if let Err(error) = store.read(*tile) {
            refused(&error);
        }
    }
    match audited {
        Ok(audit) if audit.faults.is_empty() => assert_eq!(audit.tiles, Some(tiles)),
        Ok(_) => {}
        Err(error) => refused(&error),
    }
}

/// Bytes that make no sense are those of a source: not a fault of ours, and nothing that passes.
fn refused(error: &Error) {
    assert!(
        matches!(error.kind(), Kind::Input | Kind::Damaged),
        "{error}"
    );
}
