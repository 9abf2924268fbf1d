//! Tilesets that the program made, as pixels.

#![allow(dead_code)] // No test program needs all of it.

use std::collections::BTreeMap;

use azulejo::archive::open_store;
use azulejo::encode::decode;
use azulejo::geo::tile::TileCoord;
use azulejo::raster::image::{Channels, Image, Pixels};
use serde_json::Value;

use super::desk::{Desk, Run};

/// The pixels of a whole zoom as red, green, blue and alpha, tile by tile.
pub(crate) type Pictures = BTreeMap<TileCoord, Vec<[u8; 4]>>;

impl Desk {
    /// Tiles of `source` in the folder `to`.
    pub(crate) fn tile(&self, source: &str, to: &str, args: &[&str]) -> Run {
        self.run(&[&["tile", source, "-o", to], args].concat())
    }

    /// The tiles of a zoom, decoded.
    pub(crate) fn images(&self, name: &str, z: u8) -> BTreeMap<TileCoord, Image> {
        let mut store = open_store(&self.path(name)).unwrap();
        let tiles = store.tiles().unwrap();
        let of_zoom = tiles.into_iter().filter(|tile| tile.z() == z);
        of_zoom
            .map(|tile| (tile, decode(&store.read(tile).unwrap().unwrap()).unwrap()))
            .collect()
    }

    pub(crate) fn pictures(&self, name: &str, z: u8) -> Pictures {
        let images = self.images(name, z).into_iter();
        images
            .map(|(tile, image)| (tile, colours(&image)))
            .collect()
    }

    pub(crate) fn row(&self, name: &str, key: &str) -> Option<String> {
        let store = open_store(&self.path(name)).unwrap();
        store.metadata().rows.get(key).cloned()
    }

    pub(crate) fn report(&self, name: &str) -> Value {
        serde_json::from_slice(&std::fs::read(self.path(name)).unwrap()).unwrap()
    }
}

fn colours(image: &Image) -> Vec<[u8; 4]> {
    let Pixels::U8(values) = &image.pixels else {
        panic!("tiles of 8 bits");
    };
    let colour = |p: &[u8]| match image.channels {
        Channels::Gray => [p[0], p[0], p[0], 255],
        Channels::GrayAlpha => [p[0], p[0], p[0], p[1]],
        Channels::Rgb => [p[0], p[1], p[2], 255],
        Channels::Rgba => [p[0], p[1], p[2], p[3]],
    };
    values
        .chunks_exact(image.channels.count())
        .map(colour)
        .collect()
}

/// The height that a colour of Terrarium's tiles stands for.
pub(crate) fn terrarium([r, g, b]: [f64; 3]) -> f64 {
    r * 256.0 + g + b / 256.0 - 32768.0
}

/// The height that a colour of Mapbox's tiles stands for.
pub(crate) fn mapbox([r, g, b]: [f64; 3]) -> f64 {
    -10000.0 + 0.1 * (r * 65536.0 + g * 256.0 + b)
}

/// The heights that tiles tell.
pub(crate) fn heights(
    pictures: &Pictures,
    height: impl Fn([f64; 3]) -> f64,
) -> BTreeMap<TileCoord, Vec<Option<f64>>> {
    let of = |p: &[u8; 4]| (p[3] > 0).then(|| height([p[0], p[1], p[2]].map(f64::from)));
    pictures
        .iter()
        .map(|(tile, pixels)| (*tile, pixels.iter().map(of).collect()))
        .collect()
}

/// The child in a quadrant.
pub(crate) fn child_at(tile: TileCoord, quadrant: (usize, usize)) -> TileCoord {
    let mut children = tile.children().into_iter();
    children.find(|child| child.quadrant() == quadrant).unwrap()
}

/// A tile by its address.
pub(crate) fn tile_at(z: u8, x: u32, y: u32) -> TileCoord {
    let bit = |of: u32, n: u8| (of >> n & 1) as usize;
    let root = TileCoord::from_pmtiles_id(0).unwrap();
    (0..z)
        .rev()
        .fold(root, |tile, n| child_at(tile, (bit(x, n), bit(y, n))))
}
