//! All families of a tileset, looked at in parallel: [`Walk`].

use std::collections::BTreeMap;
use std::sync::Mutex;

use super::agree::{Pair, Typical};
use super::described::{self, Facts};
use super::findings::Finding;
use super::gathered::Gathered;
use super::kinds::Kind;
use super::look::Looker;
use super::moved::moved_zooms;
use super::picture::{Meaning, Picture};
use super::units::{Unit, families, units};
use super::{Options, Verified};
use crate::archive::Store;
use crate::convert::scheme_of;
use crate::encode::Format;
use crate::error::Result;
use crate::geo::tile::TileCoord;
use crate::pyramid::{Parallel, Progress, gather, stream};
use crate::raster::reduce::{REDUCERS, Reducer};

/// Tiles that are looked at to learn what tiles of a tileset are, and families to learn what its overviews are.
const SAMPLE: usize = 48;

/// Families for each thread that may be in the making, or wait.
const AHEAD: usize = 8;

/// Bytes that all threads may take together for pixels, about.
const PIXEL_BYTES: usize = 1 << 30;

/// A walk over a tileset.
pub(super) struct Walk<'a> {
    store: &'a mut dyn Store,
    tiles: &'a [TileCoord],
    options: &'a Options,
    verified: &'a mut Verified,
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        store: &'a mut dyn Store,
        tiles: &'a [TileCoord],
        options: &'a Options,
        verified: &'a mut Verified,
    ) -> Self {
        Self {
            store,
            tiles,
            options,
            verified,
        }
    }

    /// Looks at everything.
    ///
    /// # Errors
    /// When the container cannot be reached any more, and those of `watch`.
    pub(super) fn run(self, watch: &mut dyn FnMut(&Progress) -> Result<()>) -> Result<()> {
        let Self {
            store,
            tiles,
            options,
            verified,
        } = self;
        let stored = store.metadata().clone();
        let scheme = scheme_of(&stored);
        if scheme.is_none() {
            let id = &stored.scheme_id;
            verified.notes.push(format!(
                "tiling scheme {id}: not one of ours, so bounds were not compared with tiles"
            ));
        }
        let mut facts = Facts {
            tiles,
            lowest_is_solid: false,
            outside: (0, None),
            extent: None,
            scheme: scheme.as_ref(),
        };
        let word = stored.rows.get("format").map(|word| word.trim());
        if stored.format.is_none() && word.is_some_and(|word| ["pbf", "mvt"].contains(&word)) {
            verified
                .notes
                .push("vector tiles, which were counted and not looked into".to_owned());
            count(store, tiles, verified, watch)?;
            described::check(&stored, &facts, &mut verified.findings, &mut verified.notes);
            return Ok(());
        }
        let meaning = Meaning::from_word(stored.rows.get("encoding").map(|word| word.trim()));
        let told = stored.tile_size_px.map(|px| (px as usize, px as usize));
        let sample = Sample::take(store, tiles, meaning)?;
        let format = described::format(
            &stored,
            &sample.formats,
            &mut verified.findings,
            &mut verified.notes,
        );
        let units = units(tiles);
        let mut looker = Looker {
            store: Mutex::new(store),
            tiles,
            meaning,
            format,
            size_px: told.or(sample.size()),
            typical: Typical::of(Reducer::Average, &[]),
            moved: BTreeMap::new(),
            scheme: scheme.as_ref(),
            area: described::area(&stored, scheme.as_ref()),
        };
        let jobs = jobs(options.jobs, looker.size_px);
        let how = (options.recorded.reducer, jobs);
        looker.typical = typical(&looker, &units, how, watch)?;
        verified.overviews = Some(looker.typical).filter(|typical| typical.pairs > 0);
        let moved = moved_zooms(&looker, &units, jobs, watch)?;
        looker.moved = moved.zooms;
        verified.notes.extend(moved.notes);
        let findings = moved.findings.into_iter();
        findings.for_each(|finding| verified.findings.add(finding));
        let gathered = look_at_all(&looker, &units, jobs, verified, watch)?;
        gathered.conclude(tiles, verified);
        facts.lowest_is_solid = gathered.lowest_is_solid;
        facts.outside = gathered.outside;
        facts.extent = gathered.extent;
        described::check(&stored, &facts, &mut verified.findings, &mut verified.notes);
        Ok(())
    }
}

/// Threads that there is memory for, with tiles of that size.
fn jobs(asked: usize, size_px: Option<(usize, usize)>) -> usize {
    let (width, height) = size_px.unwrap_or((256, 256));
    // Four children and a parent, of three bands of four bytes, and a mask; one of them twice while it is decoded.
    let each = width.saturating_mul(height).saturating_mul(13 * 6);
    (PIXEL_BYTES / each.max(1)).clamp(1, asked.max(1))
}

/// Counts tiles that nobody looks into.
fn count(
    store: &mut dyn Store,
    tiles: &[TileCoord],
    verified: &mut Verified,
    watch: &mut dyn FnMut(&Progress) -> Result<()>,
) -> Result<()> {
    let planned = tiles.len() as u64;
    for (done, &tile) in (0..).zip(tiles) {
        watch(&Progress::of(done, planned))?;
        let zoom = verified.zooms.entry(tile.z()).or_default();
        zoom.tiles += 1;
        match store.read(tile) {
            Ok(data) => {
                let n = data.map_or(0, |data| data.len() as u64);
                zoom.bytes += n;
                if n == 0 {
                    verified
                        .findings
                        .add(Finding::of(Kind::Empty, tile, "no bytes", "a tile"));
                }
            }
            Err(error) => {
                let found = super::look::unreadable(error)?;
                verified
                    .findings
                    .add(Finding::of(Kind::Damaged, tile, found, "a tile"));
            }
        }
    }
    Ok(())
}

/// What some of the tiles are.
#[derive(Default)]
struct Sample {
    formats: Vec<Format>,
    sizes: Vec<(usize, usize)>,
}

impl Sample {
    fn take(store: &mut dyn Store, tiles: &[TileCoord], meaning: Meaning) -> Result<Self> {
        let mut sample = Self::default();
        for &tile in spread(tiles) {
            let data = match store.read(tile) {
                Ok(data) => data.unwrap_or_default(),
                Err(error) => {
                    super::look::unreadable(error)?;
                    continue;
                }
            };
            sample.formats.extend(Format::sniff(&data));
            if let Ok(Some(picture)) = Picture::read(&data, meaning) {
                sample
                    .sizes
                    .push((picture.raster.width(), picture.raster.height()));
            }
        }
        Ok(sample)
    }

    /// The most frequent size.
    fn size(&self) -> Option<(usize, usize)> {
        let count =
            |size: &(usize, usize)| self.sizes.iter().filter(|&other| other == size).count();
        self.sizes.iter().copied().max_by_key(count)
    }
}

/// Some of `list`, from all over it.
fn spread<T>(list: &[T]) -> impl Iterator<Item = &T> {
    let step = list.len().div_ceil(SAMPLE).max(1);
    // Not from the first on, which is at the edge.
    list.iter().skip(step / 2).step_by(step)
}

/// What is usual among parents and children.
fn typical(
    looker: &Looker<'_>,
    units: &[Unit],
    (recorded, jobs): (Option<Reducer>, usize),
    watch: &mut dyn FnMut(&Progress) -> Result<()>,
) -> Result<Typical> {
    let families: Vec<&Unit> = spread(&families(units)).copied().collect();
    let reducers = REDUCERS.iter().map(|row| row.1);
    let reducers: Vec<Reducer> = reducers
        .filter(|&reducer| recorded.is_none_or(|recorded| recorded == reducer))
        .collect();
    let progress = Progress::of(0, looker.tiles.len() as u64);
    let make = |unit: &&Unit| looker.pairs(unit, &reducers);
    let found = gather(jobs, &families, make, |_| watch(&progress))?;
    let typical = |at: usize| {
        let pairs: Vec<Pair> = found
            .iter()
            .flat_map(|family| &family[at])
            .copied()
            .collect();
        Typical::of(reducers[at], &pairs)
    };
    let fit = |typical: &Typical| typical.pixels + typical.mask;
    let best = (0..reducers.len()).map(typical);
    let best = best.reduce(|best, other| {
        if fit(&other) < fit(&best) {
            other
        } else {
            best
        }
    });
    Ok(best.unwrap_or_else(|| Typical::of(Reducer::Average, &[])))
}

fn look_at_all(
    looker: &Looker<'_>,
    units: &[Unit],
    jobs: usize,
    verified: &mut Verified,
    watch: &mut dyn FnMut(&Progress) -> Result<()>,
) -> Result<Gathered> {
    let mut gathered = Gathered::default();
    let planned = looker.tiles.len() as u64;
    let parallel = Parallel {
        jobs,
        ahead: jobs * AHEAD,
    };
    let make = |(): &mut (), k: usize| looker.look(&units[k]);
    stream(
        parallel,
        units.len(),
        || Ok(()),
        make,
        |next| {
            for unit in units {
                let progress = Progress::of(unit.children.start as u64, planned);
                watch(&progress)?;
                let Some(seen) = next(&mut || watch(&progress))? else {
                    break;
                };
                gathered.add(seen, unit, looker, verified);
            }
            Ok(())
        },
    )?;
    watch(&Progress::of(planned, planned))?;
    Ok(gathered)
}
