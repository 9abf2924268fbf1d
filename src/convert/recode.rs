//! Tiles of another format: decoded, and encoded anew.

use std::sync::{Mutex, PoisonError};

use super::order::post_order;
use super::{Copied, Tileset};
use crate::archive::Sink;
use crate::encode::{Encode, Format, Settings, decode, encoder};
use crate::error::{Error, Result};
use crate::geo::tile::TileCoord;
use crate::pyramid::{Parallel, Progress, Tally, stream};

/// How tiles are encoded anew.
#[derive(Debug, Clone, Copy)]
pub struct Recoding {
    /// The format that all tiles will have.
    pub format: Format,
    /// Its settings.
    pub settings: Settings,
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
        let mut tally = Tally::new(digest);
        let (mut done, planned) = (0, self.tiles.len() as u64);
        let mut n_empty = 0;
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
            let make = |recoder: &mut Recoder, k: usize| {
                let (path, data) = {
                    let mut tileset = tileset.lock().unwrap_or_else(PoisonError::into_inner);
                    (tileset.path.clone(), tileset.read(batch[k])?)
                };
                let recoded = recoder.recode(&data);
                recoded.map_err(|what| {
                    let found = format!("tile {}: {what}", batch[k]);
                    Error::input(path.display(), found)
                })
            };
            let start = || Recoder::new(recoding);
            stream(parallel, batch.len(), start, make, |next| {
                for &tile in &batch {
                    let progress = tally.progress(done, planned);
                    watch(&progress)?;
                    let Some(data) = next(&mut || watch(&progress))? else {
                        break;
                    };
                    done += 1;
                    if data.is_empty() {
                        n_empty += 1;
                        continue;
                    }
                    for sink in sinks.iter_mut() {
                        sink.write(tile, &data)?;
                    }
                    tally.add(tile, &data);
                }
                Ok(())
            })?;
        }
        watch(&tally.progress(planned, planned))?;
        self.tiles = tiles;
        Ok(Copied {
            tiles: tally.finish(),
            notes: self.notes(recoding.format, n_empty, &Default::default()),
        })
    }
}

/// What a thread works with.
struct Recoder {
    encoder: Box<dyn Encode>,
    remembered: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Recoder {
    fn new(recoding: &Recoding) -> Result<Self> {
        Ok(Self {
            encoder: encoder(recoding.format, &recoding.settings)?,
            remembered: Vec::new(),
        })
    }

    /// The tile in the new format, without bytes if it has none; what is wrong with it otherwise.
    fn recode(&mut self, tile: &[u8]) -> std::result::Result<Vec<u8>, String> {
        if tile.is_empty() {
            return Ok(Vec::new());
        }
        let known = self.remembered.iter().find(|(from, _)| from == tile);
        if let Some((_, to)) = known {
            return Ok(to.clone());
        }
        let image = decode(tile)?;
        let mut out = Vec::new();
        let encoded = self.encoder.encode(&image, &mut out);
        encoded.map_err(|error| error.to_string())?;
        if tile.len() <= REMEMBERED_BYTES {
            if self.remembered.len() == REMEMBERED {
                self.remembered.clear();
            }
            self.remembered.push((tile.to_vec(), out.clone()));
        }
        Ok(out)
    }
}
