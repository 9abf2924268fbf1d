//! Coordinate systems of TIFF files, asked of GDAL once for all files that say the same: [`known`].
//!
//! What GDAL makes of the tags of GeoTIFF takes it 12 ms for the first file on each thread and half a millisecond for every other, and
//! the files of a mosaic mostly have the same tags.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::geo::transform::crs::Crs;

/// Files that say something of their own are asked by themselves beyond so many.
const MOST_KNOWN: usize = 1024;

/// A system, when it has been found.
type Found = Arc<OnceLock<Option<Crs>>>;

/// The system that files have whose tags are `said`: by the file that was the first to say so, or by `ask`. Whoever wants to know what
/// another thread is asking already waits for the answer.
pub(super) fn known(said: Vec<u8>, ask: impl Fn() -> Option<Crs>) -> Option<Crs> {
    static KNOWN: Mutex<Option<HashMap<Vec<u8>, Found>>> = Mutex::new(None);
    let found = {
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.get_or_insert_default();
        if known.len() >= MOST_KNOWN && !known.contains_key(&said) {
            return ask();
        }
        Arc::clone(known.entry(said).or_default())
    };
    // What could not be found may be there the next time: a system without handles left has no database for PROJ.
    found.get_or_init(&ask).clone().or_else(ask)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // A test that cannot go on panics.
mod tests {
    use std::fs;
    use std::path::Path;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::super::{GdalSource, OpenOptions};
    use super::*;
    use crate::source::Source;

    #[test]
    fn the_first_is_asked_and_the_others_are_believed_to_be_the_same() {
        let n_asked = AtomicUsize::new(0);
        let ask = |code: u32| {
            n_asked.fetch_add(1, Ordering::Relaxed);
            Crs::parse(&format!("EPSG:{code}")).ok()
        };
        let name =
            |said: &[u8], code| known(said.to_vec(), || ask(code)).map(|crs| crs.name().to_owned());
        let utm = Some("EPSG:32633".to_owned());
        assert_eq!(name(b"a test: zone 33", 32633), utm);
        assert_eq!(name(b"a test: zone 33", 32632), utm);
        assert_eq!(n_asked.load(Ordering::Relaxed), 1);
        assert_eq!(name(b"a test: zone 32", 32632).unwrap(), "EPSG:32632");
        // Nothing was found, and is again looked for.
        assert_eq!(name(b"a test: no zone", 1), None);
        assert_eq!(name(b"a test: no zone", 32633), utm);
    }

    fn system(path: &Path) -> String {
        let source = GdalSource::open(path.to_str().unwrap(), &OpenOptions::default()).unwrap();
        source.info().placement.crs.name().to_owned()
    }

    #[test]
    fn what_lies_beside_a_file_is_not_believed_of_another() {
        let folder = tempfile::tempdir().unwrap();
        let [first, other, moved, third] =
            ["a.tif", "b.tif", "c.tif", "d.tif"].map(|name| folder.path().join(name));
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/utmsmall.tif");
        for path in [&first, &other, &moved, &third] {
            fs::copy(&fixture, path).unwrap();
        }
        let zone_12 = Crs::parse("EPSG:32612").unwrap();
        let beside = format!(
            "<PAMDataset><SRS>{}</SRS></PAMDataset>",
            zone_12.wkt().replace('"', "&quot;")
        );
        fs::write(folder.path().join("c.tif.aux.xml"), beside).unwrap();
        assert_eq!(system(&first), "EPSG:26711");
        assert_eq!(system(&other), "EPSG:26711");
        assert_eq!(system(&moved), "EPSG:32612");
        assert_eq!(system(&third), "EPSG:26711");
    }
}
