//! All families of a tileset, looked at in parallel, and what is known only when all were seen: [`Walk`].

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;

use super::agree::Typical;
use super::described::{self, Facts};
use super::findings::{Finding, Kind};
use super::look::{Hole, Looker, Seen, neighbour};
use super::picture::{Meaning, Picture};
use super::seam::{Edge, Score, Side, score};
use super::units::{Unit, has, units};
use super::{Options, Verified};
use crate::archive::Store;
use crate::convert::scheme_of;
use crate::encode::Format;
use crate::error::Result;
use crate::geo::bounds::Bounds;
use crate::geo::tile::TileCoord;
use crate::pyramid::{Parallel, Progress, stream};
use crate::raster::reduce::{REDUCERS, Reducer};

/// Tiles that are looked at to learn what tiles of a tileset are, and families to learn what its overviews are.
const SAMPLE: usize = 48;

/// Families for each thread that may be in the making, or wait.
const AHEAD: usize = 8;

/// Bytes that all threads may take together for pixels, about.
const PIXEL_BYTES: usize = 1 << 30;

/// Of the seams of a zoom, more than this part that are bad are what the tileset is like.
const BAD_SEAMS: f64 = 0.25;

/// Of the tiles of a zoom, more than this part without children are where a tileset goes less deep.
const CHILDLESS: f64 = 0.25;

/// How the tiles of a zoom meet.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Seams {
    /// Pairs of neighbours.
    pub pairs: u64,
    /// Those between which there is a step.
    pub bad: u64,
    /// Mean difference of pixels across a seam, in steps of 255.
    pub across: f64,
    /// The same one pixel inside.
    pub inside: f64,
}

/// A walk over a tileset.
pub(super) struct Walk<'a> {
    store: &'a mut dyn Store,
    tiles: &'a [TileCoord],
    options: &'a Options,
    verified: &'a mut Verified,
}

/// What is gathered on the way.
#[derive(Default)]
struct Gathered {
    holes: Vec<Hole>,
    childless: BTreeMap<u8, Vec<TileCoord>>,
    waiting: HashMap<(TileCoord, Side), (Edge, bool)>,
    /// Seams that are bad of tiles that do not agree with a parent.
    bad: HashMap<TileCoord, u8>,
    has_alpha: bool,
    lowest_is_solid: bool,
    outside: (u64, Option<TileCoord>),
    extent: Option<Bounds>,
    n_unknown: u64,
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
            scheme: scheme.as_ref(),
            area: described::area(&stored, scheme.as_ref()),
        };
        looker.typical = typical(&looker, &units, options.recorded.reducer, watch)?;
        verified.overviews = Some(looker.typical).filter(|typical| typical.pairs > 0);
        let jobs = jobs(options.jobs, looker.size_px);
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
    recorded: Option<Reducer>,
    watch: &mut dyn FnMut(&Progress) -> Result<()>,
) -> Result<Typical> {
    let families: Vec<&Unit> = units
        .iter()
        .filter(|unit| unit.has_parent && !unit.children.is_empty())
        .collect();
    let mut best: Option<Typical> = None;
    for (_, reducer) in REDUCERS {
        if recorded.is_some_and(|recorded| recorded != reducer) {
            continue;
        }
        let mut pairs = Vec::new();
        for unit in spread(&families) {
            watch(&Progress::of(0, looker.tiles.len() as u64))?;
            pairs.extend(looker.pairs(unit, reducer)?);
        }
        let found = Typical::of(reducer, &pairs);
        let fit = |typical: &Typical| typical.pixels + typical.mask;
        if best.is_none_or(|best| fit(&found) < fit(&best)) {
            best = Some(found);
        }
    }
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

impl Gathered {
    fn add(&mut self, seen: Seen, unit: &Unit, looker: &Looker<'_>, verified: &mut Verified) {
        for (z, bytes) in &seen.tiles {
            let zoom = verified.zooms.entry(*z).or_default();
            zoom.tiles += 1;
            zoom.bytes += bytes;
        }
        verified.n_decoded += seen.n_decoded;
        verified.n_compared += seen.n_pairs;
        self.n_unknown += seen.n_opaque;
        self.has_alpha |= seen.has_alpha;
        self.lowest_is_solid |= unit.is_lowest && !seen.solid.is_empty();
        self.extend_over(&seen.solid, looker);
        self.outside.0 += seen.outside.len() as u64;
        self.outside.1 = self.outside.1.or(seen.outside.first().copied());
        self.holes.extend(&seen.holes);
        if let Some(parent) = unit.parent.filter(|_| seen.childless) {
            self.childless.entry(parent.z()).or_default().push(parent);
        }
        for (a, b, score) in &seen.scores {
            for (tile, is_bad) in [(*a, score.is_bad()), (*b, score.is_bad())] {
                self.count_bad(tile, is_bad && !seen.confirmed.contains(&tile));
            }
            add_seam(verified, a.z(), score);
        }
        for (tile, side, edge) in seen.edges {
            let confirmed = seen.confirmed.contains(&tile);
            self.meet((tile, side), (edge, confirmed), verified);
        }
        seen.findings
            .into_iter()
            .for_each(|finding| verified.findings.add(finding));
    }

    /// Adds tiles with data of the highest zoom to what those cover.
    fn extend_over(&mut self, solid: &[TileCoord], looker: &Looker<'_>) {
        let highest = looker.tiles.last().map(|tile| tile.z());
        let Some(scheme) = looker.scheme else { return };
        for &tile in solid.iter().filter(|tile| Some(tile.z()) == highest) {
            let bounds = scheme.bounds(tile);
            self.extent = Some(self.extent.map_or(bounds, |extent| extent.union(&bounds)));
        }
    }

    /// Scores a seam once both of its sides are there.
    fn meet(
        &mut self,
        (tile, side): (TileCoord, Side),
        (edge, confirmed): (Edge, bool),
        verified: &mut Verified,
    ) {
        let opposite = match side {
            Side::East => Side::West,
            Side::West => Side::East,
            Side::South => Side::North,
            Side::North => Side::South,
        };
        let Some(other) = neighbour(tile, side) else {
            return;
        };
        let Some((beside, other_confirmed)) = self.waiting.remove(&(other, opposite)) else {
            self.waiting.insert((tile, side), (edge, confirmed));
            return;
        };
        let Some(score) = score(&edge, &beside) else {
            return;
        };
        self.count_bad(tile, score.is_bad() && !confirmed);
        self.count_bad(other, score.is_bad() && !other_confirmed);
        add_seam(verified, tile.z(), &score);
    }

    fn count_bad(&mut self, tile: TileCoord, is_bad: bool) {
        if is_bad {
            *self.bad.entry(tile).or_default() += 1;
        }
    }

    /// Takes down what is known now.
    fn conclude(&self, tiles: &[TileCoord], verified: &mut Verified) {
        if self.n_unknown > 0 {
            verified.notes.push(format!(
                "tiles that cannot be decoded here, and were only counted: {}",
                self.n_unknown
            ));
        }
        for zoom in verified.zooms.values_mut() {
            let pairs = zoom.seams.pairs.max(1) as f64;
            zoom.seams.across /= pairs;
            zoom.seams.inside /= pairs;
        }
        self.holes(verified);
        self.childless(verified);
        self.seams(tiles, verified);
    }

    fn holes(&self, verified: &mut Verified) {
        let mut n_plain = 0;
        for Hole { tile, is_plain } in &self.holes {
            // Where nothing is transparent, nothing may be of one colour.
            if *is_plain && !self.has_alpha {
                n_plain += 1;
                continue;
            }
            let expected = "a tile, as its parent has data there";
            verified
                .findings
                .add(Finding::of(Kind::Hole, *tile, "missing", expected));
        }
        if n_plain > 0 {
            verified.notes.push(format!(
                "tiles that are missing where their parents are of one colour: {n_plain}"
            ));
        }
    }

    fn childless(&self, verified: &mut Verified) {
        for (z, parents) in &self.childless {
            let all = verified.zooms.get(z).map_or(0, |zoom| zoom.tiles) as f64;
            if parents.len() > 2 && parents.len() as f64 > CHILDLESS * all {
                let n = parents.len();
                verified.notes.push(format!(
                    "zoom {z}: {n} tiles with data have none below them: not as deep everywhere"
                ));
                continue;
            }
            for &parent in parents {
                let found = "all four tiles below it are missing";
                verified.findings.add(Finding::of(
                    Kind::Hole,
                    parent,
                    found,
                    "tiles where it has data",
                ));
            }
        }
    }

    fn seams(&self, tiles: &[TileCoord], verified: &mut Verified) {
        let mut bad: Vec<(TileCoord, u8)> = self.bad.iter().map(|(tile, n)| (*tile, *n)).collect();
        bad.sort_unstable();
        for (tile, n) in bad {
            let seams = verified
                .zooms
                .get(&tile.z())
                .map(|zoom| zoom.seams)
                .unwrap_or_default();
            if seams.bad as f64 > BAD_SEAMS * seams.pairs as f64 {
                continue;
            }
            let sides = [Side::East, Side::South, Side::West, Side::North];
            let beside = sides.iter().filter_map(|&side| neighbour(tile, side));
            let n_beside = beside.filter(|&other| has(tiles, other)).count();
            if n >= 3 || n == 2 && n_beside == 2 {
                let found = format!("steps at {n} of its {n_beside} sides with neighbours");
                let expected = "a picture that goes on";
                verified
                    .findings
                    .add(Finding::of(Kind::Seam, tile, found, expected));
            }
        }
    }
}

/// Adds up a seam; sums become means at the end.
fn add_seam(verified: &mut Verified, z: u8, score: &Score) {
    let seams = &mut verified.zooms.entry(z).or_default().seams;
    seams.pairs += 1;
    seams.bad += u64::from(score.is_bad());
    seams.across += f64::from(score.across);
    seams.inside += f64::from(score.inside);
}
