//! [`Listing`]: what lies in a folder of a bucket before a run.

use std::ffi::OsStr;

use super::super::directory::{METADATA, TILEJSON, name_of, numeral, tile_name};
use crate::error::Result;
use crate::geo::tile::MAX_ZOOM;
use crate::remote::{Bucket, Object};

/// Tiles and our own files; of anything else nothing is known, and nothing is done to it.
#[derive(Default)]
pub(super) struct Listing {
    /// Sorted by zoom, column, row and extension. 32 bytes a tile: there may be as many as the run has.
    tiles: Vec<Listed>,
    /// Ends of the tiles' names.
    extensions: Vec<String>,
    pub(super) metadata: Option<Object>,
    pub(super) tilejson: Option<Object>,
}

/// A tile's object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Listed {
    x: u32,
    /// The row as it is counted in the bucket.
    row: u32,
    /// Its size; no tile is as large as 4 GiB.
    bytes: u32,
    z: u8,
    /// Its place among the extensions.
    extension: u8,
    /// Whether this run has a tile there.
    is_wanted: bool,
    has_md5: bool,
    md5: [u8; 16],
}

impl Listing {
    /// Asks for what lies in `folder`. Folders that are no zooms are not looked into: beside a tileset there may be anything.
    pub(super) fn read(bucket: &Bucket, folder: &str) -> Result<Self> {
        let (folders, objects) = bucket.look(folder)?;
        let mut listing = Self::default();
        let start = start_of(folder);
        for object in objects {
            match object.key.strip_prefix(&start) {
                Some(METADATA) => listing.metadata = Some(object),
                Some(TILEJSON) => listing.tilejson = Some(object),
                _ => {}
            }
        }
        for zoom in folders {
            if numeral::<u8>(OsStr::new(&zoom)).is_some_and(|z| z <= MAX_ZOOM) {
                bucket.list(&format!("{start}{zoom}"), &mut |object| {
                    let name = object.key.strip_prefix(&start).map(str::to_owned);
                    if let Some(name) = name {
                        listing.add(&name, &object);
                    }
                })?;
            }
        }
        listing.tiles.sort_unstable_by_key(Listed::order);
        Ok(listing)
    }

    /// Takes down an object called `name` if that is a tile's name.
    fn add(&mut self, name: &str, object: &Object) {
        let mut parts = name.split('/');
        let (Some(z), Some(x), Some(file), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return;
        };
        let (Some(z), Some(x)) = (numeral(OsStr::new(z)), numeral(OsStr::new(x))) else {
            return;
        };
        let Some((row, extension)) = tile_name(OsStr::new(file)) else {
            return;
        };
        let at = self.extensions.iter().position(|known| *known == extension);
        let at = at.unwrap_or_else(|| {
            self.extensions.push(extension);
            self.extensions.len() - 1
        });
        // Formats have a handful of names.
        let Ok(extension) = u8::try_from(at) else {
            return;
        };
        self.tiles.push(Listed {
            x,
            row,
            bytes: u32::try_from(object.bytes).unwrap_or(u32::MAX),
            z,
            extension,
            is_wanted: false,
            has_md5: object.md5.is_some(),
            md5: object.md5.unwrap_or_default(),
        });
    }

    /// The object of a tile, which from now on is wanted; `None` if there is none.
    pub(super) fn want(&mut self, (z, x, row): (u8, u32, u32), extension: &str) -> Option<Listed> {
        let extension = self.extensions.iter().position(|e| e == extension)?;
        let key = (z, x, row, extension as u8);
        let at = self.tiles.binary_search_by_key(&key, Listed::order).ok()?;
        self.tiles[at].is_wanted = true;
        Some(self.tiles[at])
    }

    /// The tiles that were wanted.
    pub(super) fn wanted(&self) -> impl Iterator<Item = (u8, u32, u32)> {
        let wanted = self.tiles.iter().filter(|tile| tile.is_wanted);
        wanted.map(|tile| (tile.z, tile.x, tile.row))
    }

    /// How many tiles nobody wanted.
    pub(super) fn n_left(&self) -> u64 {
        self.left().count() as u64
    }

    /// The names of the tiles that nobody wanted, below the folder.
    pub(super) fn names_left(&self) -> impl Iterator<Item = String> {
        self.left().map(|tile| {
            let extension = &self.extensions[usize::from(tile.extension)];
            name_of((tile.z, tile.x, tile.row), extension)
        })
    }

    fn left(&self) -> impl Iterator<Item = &Listed> {
        self.tiles.iter().filter(|tile| !tile.is_wanted)
    }
}

impl Listed {
    fn order(&self) -> (u8, u32, u32, u8) {
        (self.z, self.x, self.row, self.extension)
    }

    /// As it was listed, with no key.
    pub(super) fn object(&self) -> Object {
        Object {
            key: String::new(),
            bytes: self.bytes.into(),
            md5: self.has_md5.then_some(self.md5),
        }
    }
}

/// What the keys of all that lies in `folder` begin with.
fn start_of(folder: &str) -> String {
    if folder.is_empty() {
        String::new()
    } else {
        format!("{folder}/")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // A test that cannot go on panics.
mod tests {
    use super::*;

    #[test]
    fn tiles_are_known_again_and_all_else_is_passed_over() {
        let mut listing = Listing::default();
        for (bytes, name) in [
            "3/1/2.png",
            "3/1/2.jpg",
            "10/700/600.png",
            "03/1/2.png",
            "3/1/2.txt",
            "3/1/2.png/x",
            "3/1",
            "3/x/2.png",
        ]
        .iter()
        .enumerate()
        {
            let object = Object {
                key: (*name).to_owned(),
                bytes: bytes as u64,
                md5: None,
            };
            listing.add(name, &object);
        }
        listing.tiles.sort_unstable_by_key(Listed::order);
        assert_eq!(size_of::<Listed>(), 32);
        assert_eq!(listing.n_left(), 3);
        assert_eq!(listing.want((3, 1, 2), "png").unwrap().bytes, 0);
        assert_eq!(listing.want((10, 700, 600), "png").unwrap().bytes, 2);
        assert_eq!(listing.want((3, 1, 3), "png"), None);
        assert_eq!(listing.want((3, 1, 2), "webp"), None);
        assert_eq!(listing.names_left().collect::<Vec<_>>(), ["3/1/2.jpg"]);
    }
}
