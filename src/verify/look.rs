//! One family of tiles looked at: decoded, compared with the parent and with each other: [`Looker::look`].

use std::sync::{Mutex, PoisonError};

use super::agree::{Pair, Shift, Typical, Verdict, compare};
use super::findings::{Finding, Kind};
use super::picture::{Meaning, Picture, hidden_damage};
use super::quadrant::{data_in, is_solid, quarter, reduced};
use super::seam::{Edge, Score, Side, score};
use super::units::{Unit, has};
use crate::archive::Store;
use crate::encode::Format;
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::geo::bounds::Bounds;
use crate::geo::scheme::Scheme;
use crate::geo::tile::TileCoord;
use crate::raster::reduce::Reducer;

/// What all families are looked at with.
pub(super) struct Looker<'a> {
    pub(super) store: Mutex<&'a mut dyn Store>,
    pub(super) tiles: &'a [TileCoord],
    pub(super) meaning: Meaning,
    /// What tiles should be.
    pub(super) format: Option<Format>,
    pub(super) size_px: Option<(usize, usize)>,
    pub(super) typical: Typical,
    pub(super) scheme: Option<&'a Scheme>,
    /// The bounds that the tileset tells, in the units of the scheme, and a bit more.
    pub(super) area: Option<Bounds>,
}

/// What was seen of a family.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) findings: Vec<Finding>,
    /// Zoom and bytes of each tile.
    pub(super) tiles: Vec<(u8, u64)>,
    pub(super) n_decoded: u64,
    /// Of a format that cannot be decoded here.
    pub(super) n_opaque: u64,
    pub(super) n_pairs: u64,
    /// Tiles that are missing though there is something of them in the parent.
    pub(super) holes: Vec<Hole>,
    /// Where the parent has data and no children at all: whether it is all as [`Hole::is_plain`].
    pub(super) childless: Option<bool>,
    /// Sides of tiles whose neighbours belong to other families.
    pub(super) edges: Vec<(TileCoord, Side, Edge)>,
    /// How tiles of the family meet.
    pub(super) scores: Vec<(TileCoord, TileCoord, Score)>,
    /// Tiles that agree with their parent.
    pub(super) confirmed: Vec<TileCoord>,
    /// Whether some pixel is not opaque.
    pub(super) has_alpha: bool,
    /// Tiles that have data worth a pixel of a parent.
    pub(super) solid: Vec<TileCoord>,
    /// Those of them that the bounds do not reach.
    pub(super) outside: Vec<TileCoord>,
}

/// A missing tile.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hole {
    pub(super) tile: TileCoord,
    /// Whether what the parent has in its place is opaque and of one colour, which may be how it shows nothing.
    pub(super) is_plain: bool,
}

impl Looker<'_> {
    /// Looks at `unit`.
    ///
    /// # Errors
    /// When the container cannot be reached any more.
    pub(super) fn look(&self, unit: &Unit) -> Result<Seen> {
        let mut seen = Seen::default();
        let tiles = &self.tiles[unit.children.clone()];
        let mut children: Vec<(TileCoord, Option<Picture>)> = Vec::with_capacity(tiles.len());
        for &tile in tiles {
            children.push((tile, self.open(tile, &mut seen)?));
        }
        let parent = match unit.parent.filter(|_| unit.has_parent) {
            Some(parent) => self.parent(parent)?.map(|picture| (parent, picture)),
            None => None,
        };
        for (tile, picture) in &children {
            self.alone(*tile, picture.as_ref(), unit, &mut seen);
        }
        if let Some((tile, picture)) = &parent {
            self.missing((*tile, picture), &children, &mut seen);
            self.compare((*tile, picture), &children, &mut seen);
        }
        self.seams(&children, &mut seen);
        Ok(seen)
    }

    /// The bytes of a tile, or what is wrong with them.
    fn read(&self, tile: TileCoord) -> Result<std::result::Result<Vec<u8>, String>> {
        let mut store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        match store.read(tile) {
            Ok(Some(data)) => Ok(Ok(data)),
            Ok(None) => Ok(Err("listed, but not there".to_owned())),
            Err(error) => unreadable(error).map(Err),
        }
    }

    /// The pixels of a tile; what is wrong with it is taken down.
    fn open(&self, tile: TileCoord, seen: &mut Seen) -> Result<Option<Picture>> {
        let data = match self.read(tile)? {
            Ok(data) => data,
            Err(found) => {
                seen.tiles.push((tile.z(), 0));
                seen.findings
                    .push(Finding::of(Kind::Damaged, tile, found, "a tile"));
                return Ok(None);
            }
        };
        seen.tiles.push((tile.z(), data.len() as u64));
        if data.is_empty() {
            seen.findings
                .push(Finding::of(Kind::Empty, tile, "no bytes", "a picture"));
            return Ok(None);
        }
        if let (Some(expected), Some(found)) = (self.format, Format::sniff(&data))
            && !expected.holds(found)
        {
            seen.findings.push(Finding::of(
                Kind::TileFormat,
                tile,
                found.name(),
                expected.name(),
            ));
        }
        let picture = match Picture::read(&data, self.meaning) {
            Ok(Some(picture)) => picture,
            Ok(None) => {
                seen.n_opaque += 1;
                return Ok(None);
            }
            Err(found) => {
                seen.findings
                    .push(Finding::of(Kind::Damaged, tile, found, "a picture"));
                return Ok(None);
            }
        };
        match hidden_damage(&data) {
            Ok(None) => {}
            Ok(Some(found)) => {
                seen.findings
                    .push(Finding::of(Kind::Damaged, tile, found, "a picture"));
            }
            // One reader in two takes it: it may be unusual.
            Err(error) => log::debug!("tile {tile}: {error}"),
        }
        seen.n_decoded += 1;
        let size = (picture.raster.width(), picture.raster.height());
        if let Some(expected) = self.size_px.filter(|&expected| expected != size) {
            let told = |(width, height): (usize, usize)| format!("{width} x {height} pixels");
            seen.findings
                .push(Finding::of(Kind::Size, tile, told(size), told(expected)));
        }
        Ok(Some(picture))
    }

    /// The pixels of a parent; `None` if something is wrong with it, which is taken down when it is a child.
    fn parent(&self, tile: TileCoord) -> Result<Option<Picture>> {
        let data = self.read(tile)?;
        let picture = data.and_then(|data| Picture::read(&data, self.meaning));
        Ok(picture.unwrap_or_default())
    }

    /// What can be said of a tile by itself.
    fn alone(&self, tile: TileCoord, picture: Option<&Picture>, unit: &Unit, seen: &mut Seen) {
        let is_data = picture.is_none_or(is_solid);
        if let Some(picture) = picture {
            seen.has_alpha |= !picture.raster.is_opaque();
        }
        if !is_data {
            return;
        }
        if !unit.has_parent && !unit.is_lowest {
            let parent = unit
                .parent
                .map_or_else(String::new, |parent| parent.to_string());
            let found = "no tile above it";
            seen.findings.push(Finding::of(
                Kind::Orphan,
                tile,
                found,
                format!("its parent {parent}"),
            ));
        }
        if picture.is_none() {
            return;
        }
        seen.solid.push(tile);
        if let (Some(scheme), Some(area)) = (self.scheme, &self.area)
            && !scheme.bounds(tile).intersects(area)
        {
            seen.outside.push(tile);
        }
    }

    /// Children that should be there.
    fn missing(
        &self,
        (parent, picture): (TileCoord, &Picture),
        children: &[(TileCoord, Option<Picture>)],
        seen: &mut Seen,
    ) {
        let told = |tile: &TileCoord| match (self.scheme, &self.area) {
            (Some(scheme), Some(area)) => scheme.bounds(*tile).intersects(area),
            _ => true,
        };
        let missing = parent.children().into_iter().filter(told);
        let missing = missing.filter(|child| children.iter().all(|(tile, _)| tile != child));
        for tile in missing {
            let Some(is_plain) = data_in(picture, tile.quadrant()) else {
                continue;
            };
            if children.is_empty() {
                seen.childless = Some(is_plain && seen.childless != Some(false));
                continue;
            }
            seen.holes.push(Hole { tile, is_plain });
        }
    }

    /// Compares children with the parent.
    fn compare(
        &self,
        (parent, picture): (TileCoord, &Picture),
        children: &[(TileCoord, Option<Picture>)],
        seen: &mut Seen,
    ) {
        let mut pairs: Vec<(TileCoord, Pair, Option<Verdict>)> = Vec::new();
        for (tile, child) in children {
            let Some(child) = child else { continue };
            let Some(reduced) = reduced(child, picture, self.typical.reducer) else {
                continue;
            };
            if child.raster.is_empty() {
                if data_in(picture, tile.quadrant()).is_some() {
                    let expected = format!("what its parent {parent} has there");
                    let finding = Finding::of(Kind::Blank, *tile, "nothing on it", expected);
                    seen.findings.push(finding);
                }
                continue;
            }
            let quarter = quarter(&reduced, child, picture, tile.quadrant());
            let Some(pair) = compare(&quarter) else {
                if is_solid(child) {
                    let found = format!("nothing where {tile} has data");
                    let finding = Finding::of(Kind::Blank, parent, found, "a picture of it");
                    seen.findings.push(finding);
                }
                continue;
            };
            let verdict = self.typical.judge(&pair, || quarter.shift());
            pairs.push((*tile, pair, verdict));
        }
        let all: Vec<Pair> = pairs.iter().map(|(_, pair, _)| *pair).collect();
        if let Some(at) = self.typical.changed(&all) {
            pairs[at].2 = pairs[at].2.or(Some(Verdict::Different));
        }
        seen.n_pairs += pairs.len() as u64;
        self.judged(parent, &pairs, seen);
    }

    /// Takes down what was judged of a parent and its children.
    fn judged(
        &self,
        parent: TileCoord,
        pairs: &[(TileCoord, Pair, Option<Verdict>)],
        seen: &mut Seen,
    ) {
        let typical = &self.typical;
        // Where nothing fits it is rather the one than the many.
        if let [(_, pair, Some(verdict)), _, ..] = pairs
            && pairs.iter().all(|(_, _, verdict)| verdict.is_some())
        {
            let of = format!("its {} children", pairs.len());
            seen.findings
                .push(told(parent, *verdict, pair, typical, &of));
            return;
        }
        for (tile, pair, verdict) in pairs {
            match verdict {
                None => seen.confirmed.push(*tile),
                Some(verdict) => {
                    let of = format!("its parent {parent}");
                    seen.findings
                        .push(told(*tile, *verdict, pair, typical, &of));
                }
            }
        }
    }

    /// Scores the seams within the family, and keeps the sides that others meet.
    fn seams(&self, children: &[(TileCoord, Option<Picture>)], seen: &mut Seen) {
        let mut edges = Vec::new();
        for (tile, picture) in children {
            let Some(picture) = picture else { continue };
            for side in [Side::East, Side::South, Side::West, Side::North] {
                let neighbour = neighbour(*tile, side);
                if neighbour.is_some_and(|neighbour| has(self.tiles, neighbour)) {
                    edges.extend(Edge::of(picture, side).map(|edge| (*tile, side, edge)));
                }
            }
        }
        for (tile, side, edge) in edges {
            let other = neighbour(tile, side).filter(|other| other.parent() == tile.parent());
            let (Some(other), true) = (other, tile.z() > 0) else {
                seen.edges.push((tile, side, edge));
                continue;
            };
            let opposite = match side {
                Side::East => Side::West,
                Side::South => Side::North,
                Side::West | Side::North => continue,
            };
            let beside = children.iter().find(|(tile, _)| *tile == other);
            let beside = beside.and_then(|(_, picture)| Edge::of(picture.as_ref()?, opposite));
            let met = beside.and_then(|beside| score(&edge, &beside));
            seen.scores.extend(met.map(|score| (tile, other, score)));
        }
    }

    /// Pairs of a family, for what is usual: a list for each of `reducers`.
    ///
    /// # Errors
    /// As [`Looker::look`].
    pub(super) fn pairs(&self, unit: &Unit, reducers: &[Reducer]) -> Result<Vec<Vec<Pair>>> {
        let mut pairs = vec![Vec::new(); reducers.len()];
        let parent = unit.parent.filter(|_| unit.has_parent);
        let Some(parent) = parent
            .map(|parent| self.parent(parent))
            .transpose()?
            .flatten()
        else {
            return Ok(pairs);
        };
        for &tile in &self.tiles[unit.children.clone()] {
            let Some(child) = self.parent(tile)? else {
                continue;
            };
            for (&reducer, pairs) in reducers.iter().zip(&mut pairs) {
                if let Some(reduced) = reduced(&child, &parent, reducer) {
                    pairs.extend(compare(&quarter(
                        &reduced,
                        &child,
                        &parent,
                        tile.quadrant(),
                    )));
                }
            }
        }
        Ok(pairs)
    }
}

/// What a failure of a store to read a tile says of the tile.
///
/// # Errors
/// `error`, if it is none of the tile's.
pub(super) fn unreadable(error: Error) -> Result<String> {
    match error.kind() {
        ErrorKind::Input | ErrorKind::Damaged => Ok(error.to_string()),
        _ => Err(error),
    }
}

/// The tile beside `tile`, if the matrix goes on there; not across the antimeridian.
pub(super) fn neighbour(tile: TileCoord, side: Side) -> Option<TileCoord> {
    let (z, x, y) = (tile.z(), tile.x(), tile.y());
    let (x, y) = match side {
        Side::East => (x.checked_add(1)?, y),
        Side::South => (x, y.checked_add(1)?),
        Side::West => (x.checked_sub(1)?, y),
        Side::North => (x, y.checked_sub(1)?),
    };
    Some(TileCoord::new(z, x, y))
}

/// A verdict on `tile` and `of`.
fn told(tile: TileCoord, verdict: Verdict, pair: &Pair, typical: &Typical, of: &str) -> Finding {
    let usual = format!("{:.1}, as is usual here", typical.pixels);
    match verdict {
        Verdict::Shifted(Shift {
            col,
            row,
            pixels,
            unmoved,
        }) => {
            let found = format!(
                "differs from {of} by {unmoved:.1} of 255, and by {pixels:.1} when moved by {col} pixels east and {row} south"
            );
            Finding::of(Kind::Shifted, tile, found, "the best fit without moving")
        }
        Verdict::Mask => {
            let found = format!(
                "covers another area than {of}: masks differ by {:.1} of 255",
                pair.mask
            );
            let expected = format!("{:.1}, as is usual here", typical.mask);
            Finding::of(Kind::Parent, tile, found, expected)
        }
        Verdict::Different => {
            let found = format!(
                "differs from {of} by {:.1} of 255 (means of blocks by {:.1}, correlation {:.2})",
                pair.pixels, pair.blocks, pair.correlation
            );
            Finding::of(Kind::Parent, tile, found, usual)
        }
    }
}
