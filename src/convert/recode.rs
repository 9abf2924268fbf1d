//! Tiles of another format: decoded, and encoded anew.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::metadata::TILE_SIZE_PX;
use super::order::post_order;
use super::{Copied, Tileset};
use crate::archive::{Digest, Sink};
use crate::encode::{Fit, Format, Recipe, TileEncoder, decode};
use crate::error::{Error, Result};
use crate::geo::tile::TileCoord;
use crate::pyramid::times::{Clock, Stage, Watch};
use crate::pyramid::{Parallel, Progress, Tally, stream};

/// How tiles are encoded anew.
#[derive(Debug, Clone)]
pub struct Recoding {
    /// What becomes of a tile.
    pub recipe: Recipe,
    /// Whether tiles that are of the format already stay as they are: where nothing but the format is asked for.
    pub keep: bool,
    /// Threads.
    pub jobs: usize,
}

/// Tiles that are handed to the threads at a time: enough that few wait at the end, few enough to be listed.
const BATCH: usize = 4096;

/// Tiles for each thread that may be in the making, or wait.
const AHEAD: usize = 32;

/// Tiles that are remembered with what was made of them, by each thread: those of one colour come again and again.
const REMEMBERED: usize = 256;

/// Longer ones are hardly ever of one colour.
const REMEMBERED_BYTES: usize = 2048;

impl Tileset {
    /// [`Tileset::copy`], with every tile decoded and encoded anew. The same tiles give the same bytes on any number of
    /// threads.
    ///
    /// # Errors
    /// As [`Tileset::copy`], when a tile cannot be decoded, and when the format cannot hold what it shows.
    pub fn recode(
        &mut self,
        recoding: &Recoding,
        sinks: &mut [Box<dyn Sink>],
        digest: bool,
        watch: &mut dyn FnMut(&Progress) -> Result<()>,
    ) -> Result<Copied> {
        let clock = Clock::default();
        let mut spent = Watch::start(&clock);
        let mut tally = Tally::new(digest);
        let (mut done, planned) = (0, self.tiles.len() as u64);
        let (mut n_empty, mut n_odd) = (0, 0);
        let side_px = self.stored().tile_size_px.unwrap_or(TILE_SIZE_PX);
        let path = self.path.clone();
        let tiles = std::mem::take(&mut self.tiles);
        let mut order = post_order(&tiles);
        loop {
            let batch: Vec<TileCoord> = order.by_ref().take(BATCH).collect();
            if batch.is_empty() {
                break;
            }
            let parallel = Parallel {
                jobs: recoding.jobs,
                ahead: recoding.jobs * AHEAD,
            };
            // Stores are read by one at a time, and quickly: it is the rest that takes long.
            let tileset = Mutex::new(&mut *self);
            let make = |(recoder, spent): &mut (Recoder, Watch), k: usize| {
                spent.restart();
                let data = {
                    let mut tileset = tileset.lock().unwrap_or_else(PoisonError::into_inner);
                    tileset.read(batch[k])?
                };
                spent.lap(Stage::Read);
                let recoded = recoder.recode(batch[k].z(), &data);
                spent.lap(Stage::Encode);
                recoded.map_err(|what| {
                    let found = format!("tile {}: {what}", batch[k]);
                    Error::input(path.display(), found)
                })
            };
            let start = || Ok((Recoder::new(recoding, side_px)?, Watch::start(&clock)));
            spent.restart();
            stream(parallel, batch.len(), start, make, |next| {
                for &tile in &batch {
                    let progress = tally.progress(done, planned);
                    watch(&progress)?;
                    let Some(recoded) = next(&mut || watch(&progress))? else {
                        break;
                    };
                    spent.lap(Stage::AwaitTiles);
                    let Recoded {
                        data,
                        digest,
                        fit,
                        is_odd,
                    } = recoded;
                    done += 1;
                    if data.is_empty() {
                        n_empty += 1;
                        continue;
                    }
                    for sink in sinks.iter_mut() {
                        sink.write(tile, &data, digest)?;
                    }
                    tally.add(tile, &data);
                    tally.meet(digest);
                    spent.lap(Stage::Write);
                    tally.too_large += u64::from(fit == Fit::TooLarge);
                    n_odd += u64::from(is_odd);
                }
                Ok(())
            })?;
        }
        drop(spent);
        watch(&tally.progress(planned, planned))?;
        self.store.check_unchanged()?;
        self.tiles = tiles;
        let mut notes = self.notes(recoding.recipe.format, n_empty, &BTreeMap::new());
        if n_odd > 0 {
            notes.push(format!(
                "{}: pictures that are not of {side_px} x {side_px} pixels, as its metadata has it, kept so: {n_odd}",
                path.display()
            ));
        }
        Ok(Copied {
            tiles: tally.finish().timed(&clock),
            notes,
        })
    }
}

/// What a thread works with.
struct Recoder {
    encoder: TileEncoder,
    format: Format,
    keep: bool,
    /// What pictures should measure.
    side_px: usize,
    /// What tiles are encoded alike, the tile as it was, and what it has become.
    remembered: Vec<(Option<u8>, Vec<u8>, Recoded)>,
}

/// A tile.
#[derive(Clone)]
struct Recoded {
    data: Vec<u8>,
    digest: Option<Digest>,
    fit: Fit,
    /// Whether its picture is of another size than the tileset says.
    is_odd: bool,
}

impl Recoded {
    /// As it was.
    fn kept(tile: &[u8]) -> Self {
        Self {
            data: tile.to_vec(),
            digest: Digest::of(tile),
            fit: Fit::Fits,
            is_odd: false,
        }
    }
}

impl Recoder {
    fn new(recoding: &Recoding, side_px: u32) -> Result<Self> {
        Ok(Self {
            encoder: TileEncoder::new(&recoding.recipe)?,
            format: recoding.recipe.format,
            keep: recoding.keep,
            side_px: side_px as usize,
            remembered: Vec::new(),
        })
    }

    /// A tile of zoom `z` in the new format, without bytes if it has none; what is wrong with it otherwise.
    fn recode(&mut self, z: u8, tile: &[u8]) -> std::result::Result<Recoded, String> {
        if tile.is_empty() || self.keep && self.stays(tile) {
            return Ok(Recoded::kept(tile));
        }
        let class = self.encoder.class(z);
        let mut known = self.remembered.iter();
        if let Some((_, _, to)) = known.find(|known| known.0 == class && known.1 == tile) {
            return Ok(to.clone());
        }
        let image = decode(tile)?;
        let mut out = Vec::new();
        let encoded = self.encoder.encode(z, &image, &mut out);
        let recoded = Recoded {
            fit: encoded.map_err(|error| error.to_string())?,
            digest: Digest::of(&out),
            data: out,
            is_odd: (image.width, image.height) != (self.side_px, self.side_px),
        };
        if tile.len() <= REMEMBERED_BYTES {
            if self.remembered.len() == REMEMBERED {
                self.remembered.clear();
            }
            self.remembered
                .push((class, tile.to_vec(), recoded.clone()));
        }
        Ok(recoded)
    }

    /// Whether a tile may be as it is: of the very format, or one that has lost something already and may be among those of
    /// the format.
    fn stays(&self, tile: &[u8]) -> bool {
        Format::sniff(tile).is_some_and(|found| {
            let is_lossy = found.info().quality.is_some();
            found == self.format || is_lossy && self.format.holds(found)
        })
    }
}
