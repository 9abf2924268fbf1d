//! A parent and its children: which are missing, and how well they agree.

use super::{Hole, Looker, Seen};
use crate::error::Result;
use crate::geo::tile::TileCoord;
use crate::raster::reduce::Reducer;
use crate::raster::{Raster, Samples};
use crate::verify::agree::{Pair, Shift, Typical, Verdict, compare};
use crate::verify::findings::Finding;
use crate::verify::kinds::Kind;
use crate::verify::picture::{Picture, values};
use crate::verify::quadrant::{data_in, is_solid, quarter, reduced};
use crate::verify::units::Unit;

impl Looker<'_> {
    /// Children that should be there.
    pub(super) fn missing(
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
    pub(super) fn compare(
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
            // That all of a zoom is moved is told once.
            let usual = self.moved.get(&parent.z());
            let is_usual = |verdict: &Verdict| match verdict {
                Verdict::Shifted(shift) => usual == Some(&(2 * shift.col, 2 * shift.row)),
                _ => false,
            };
            pairs.push((*tile, pair, verdict.filter(|verdict| !is_usual(verdict))));
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

    /// Where else children fit their parent better, in pixels of their own, if they do not fit where they are; nothing of those
    /// that show too little to say.
    ///
    /// # Errors
    /// As [`Looker::look`].
    pub(in crate::verify) fn shifts(&self, unit: &Unit) -> Result<Vec<Option<Shift>>> {
        let mut shifts = Vec::new();
        let parent = unit.parent.filter(|_| unit.has_parent);
        let parent = parent.map(|parent| self.parent(parent)).transpose()?;
        let Some(parent) = parent.flatten() else {
            return Ok(shifts);
        };
        for &tile in &self.tiles[unit.children.clone()] {
            let Some(child) = self.parent(tile)? else {
                continue;
            };
            let Some(reduced) = reduced(&child, &parent, self.typical.reducer) else {
                continue;
            };
            let quarter = quarter(&reduced, &child, &parent, tile.quadrant());
            let Some(pair) = compare(&quarter).filter(Pair::can_show_a_shift) else {
                continue;
            };
            if pair.is_apart() {
                let place = (tile.quadrant(), self.typical.reducer);
                shifts.push(in_halves(&child, &parent, place));
            } else if quarter.has_a_place() {
                shifts.push(None);
            }
        }
        Ok(shifts)
    }

    /// Pairs of a family, for what is usual: a list for each of `reducers`.
    ///
    /// # Errors
    /// As [`Looker::look`].
    pub(in crate::verify) fn pairs(
        &self,
        unit: &Unit,
        reducers: &[Reducer],
    ) -> Result<Vec<Vec<Pair>>> {
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

/// Where a child fits best but for its own place, in pixels of its own: it is moved by one of them before it is reduced, too, unless
/// single ones are picked then, of which every program has its own.
fn in_halves(
    child: &Picture,
    parent: &Picture,
    (quadrant, reducer): ((usize, usize), Reducer),
) -> Option<Shift> {
    let phases: &[(usize, usize)] = match reducer {
        Reducer::Nearest => &[(0, 0)],
        _ => &[(0, 0), (1, 0), (0, 1), (1, 1)],
    };
    let mut unmoved = None;
    let mut best: Option<Shift> = None;
    for &(col, row) in phases {
        let moved = moved(&child.raster, (col, row));
        let reduced = reducer.reduce(&moved);
        let quarter = quarter(&reduced, child, parent, quadrant);
        let here = quarter.here()?;
        let unmoved = *unmoved.get_or_insert(here.pixels);
        // What is first moved and then left where it is has moved.
        let tried = [Some(here).filter(|_| (col, row) != (0, 0)), quarter.shift()];
        for shift in tried.into_iter().flatten() {
            if best.is_none_or(|best| shift.pixels < best.pixels) {
                best = Some(Shift {
                    col: 2 * shift.col - col as isize,
                    row: 2 * shift.row - row as isize,
                    unmoved,
                    ..shift
                });
            }
        }
    }
    best
}

/// `raster` with every pixel taken from so many columns east and rows south of it; the last ones stay.
fn moved(raster: &Raster, (cols, rows): (usize, usize)) -> Raster {
    let (width, height, bands) = (raster.width(), raster.height(), raster.bands());
    let mut out = raster.clone();
    let Samples::F32(samples) = &mut out.samples else {
        return out;
    };
    for row in 0..height {
        for col in 0..width {
            let to = row * width + col;
            let from = (row + rows).min(height - 1) * width + (col + cols).min(width - 1);
            let (to_at, from_at) = (to * bands, from * bands);
            samples[to_at..to_at + bands]
                .copy_from_slice(&values(raster)[from_at..from_at + bands]);
            out.mask[to] = raster.mask[from];
        }
    }
    out
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
            ..
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
