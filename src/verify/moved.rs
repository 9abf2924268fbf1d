//! Zooms that lie elsewhere as a whole: [`moved_zooms`].
//!
//! What is usual in a tileset is learnt from it, and where all of a zoom was moved, that is usual. Here nothing is learnt: a zoom
//! whose tiles all fit the ones below them much better at one and the same place near by was made for that place.

use std::collections::BTreeMap;

use super::agree::{ROUNDING, Shift};
use super::findings::Finding;
use super::kinds::Kind;
use super::look::Looker;
use super::units::{Unit, families};
use crate::error::Result;
use crate::pyramid::{Progress, gather};

/// Families of a zoom that are looked at.
const FAMILIES: usize = 6;

/// What is left of the difference where the tiles belong, at most, by how many of them say so: one alone is to be certain.
const LEFT_OF_ONE: f32 = 0.2;
const LEFT_OF_MORE: f32 = 0.5;

/// The same where nothing but rounding is left. Overviews of GDAL's in MBTiles lie up to a pixel off, often by half a one exactly,
/// and it is how they are made: only a whole pixel is a fault then.
const LEFT_OF_ROUNDING: f32 = 0.1;

/// How much less the difference is there, at least, in steps of 255.
const GAIN: f32 = 2.0;

/// So many tiles that agree on such a place are how a zoom was made.
const USUAL: usize = 5;

/// Zooms whose tiles fit those below them better at one place near by.
#[derive(Debug, Default)]
pub(super) struct Moved {
    /// By what, in pixels of the tiles below to the east and to the south, by the zoom of the parents.
    pub(super) zooms: BTreeMap<u8, (isize, isize)>,
    /// Those that are faults.
    pub(super) findings: Vec<Finding>,
    /// Those that are not.
    pub(super) notes: Vec<String>,
}

/// Looks for zooms that were moved.
///
/// # Errors
/// When the container cannot be reached any more, and those of `watch`.
pub(super) fn moved_zooms(
    looker: &Looker<'_>,
    units: &[Unit],
    jobs: usize,
    watch: &mut dyn FnMut(&Progress) -> Result<()>,
) -> Result<Moved> {
    let families = families(units);
    let zoom = |unit: &Unit| unit.parent.map(|parent| parent.z());
    let mut moved = Moved::default();
    let progress = Progress::of(0, looker.tiles.len() as u64);
    for families in families.chunk_by(|a, b| zoom(a) == zoom(b)) {
        let step = families.len().div_ceil(FAMILIES).max(1);
        let some = families.iter().skip(step / 2).step_by(step);
        let some: Vec<&Unit> = some.copied().collect();
        let shifts = gather(
            jobs,
            &some,
            |unit| looker.shifts(unit),
            |_| watch(&progress),
        )?;
        let shifts: Vec<Option<Shift>> = shifts.into_iter().flatten().collect();
        let Some((z, shift)) = some
            .first()
            .and_then(|unit| zoom(unit))
            .zip(agreed(&shifts))
        else {
            continue;
        };
        if is_fault(&shift, shifts.len()) {
            moved.findings.push(told(z, &shift, shifts.len()));
        } else if !is_far(&shift) && (shifts.len() >= USUAL || is_exact(&shift)) {
            let Shift { col, row, .. } = shift;
            moved.notes.push(format!(
                "zoom {z}: tiles fit those below them best when these are moved by {col} pixels east and {row} south, as some \
                 programs make them"
            ));
        } else {
            continue;
        }
        moved.zooms.insert(z, (shift.col, shift.row));
    }
    Ok(moved)
}

/// By what most were moved and how they differ, if most agree on it. `None` among `shifts` is a tile that fits where it is.
fn agreed(shifts: &[Option<Shift>]) -> Option<Shift> {
    let place = |shift: &Shift| (shift.col, shift.row);
    let like = |one: &Shift| {
        let alike = shifts.iter().flatten();
        alike.filter(|shift| place(shift) == place(one)).count()
    };
    let usual = shifts.iter().flatten().max_by_key(|shift| like(shift))?;
    let n = like(usual);
    if 5 * n < 4 * shifts.len() {
        return None;
    }
    let alike = shifts.iter().flatten();
    let alike = alike.filter(|shift| place(shift) == place(usual));
    let (mut pixels, mut unmoved) = (0.0, 0.0);
    for shift in alike {
        pixels += shift.pixels / n as f32;
        unmoved += shift.unmoved / n as f32;
    }
    (pixels < 0.8 * unmoved).then_some(Shift {
        pixels,
        unmoved,
        ..*usual
    })
}

fn is_far(shift: &Shift) -> bool {
    shift.col.abs().max(shift.row.abs()) > 2
}

/// Whether it is a fault that `n` tiles agree on `shift`.
fn is_fault(shift: &Shift, n: usize) -> bool {
    let left = if n == 1 { LEFT_OF_ONE } else { LEFT_OF_MORE };
    let is_far = is_far(shift) && shift.pixels <= left * shift.unmoved;
    // By whole pixels of the parents.
    let is_even = shift.col % 2 == 0 && shift.row % 2 == 0;
    shift.unmoved - shift.pixels > GAIN && (is_far || is_even && is_exact(shift))
}

/// Whether nothing but rounding is left where the tiles belong.
fn is_exact(shift: &Shift) -> bool {
    shift.pixels <= ROUNDING + LEFT_OF_ROUNDING * shift.unmoved
}

fn told(z: u8, shift: &Shift, n: usize) -> Finding {
    let Shift {
        col,
        row,
        pixels,
        unmoved,
        ..
    } = shift;
    let found = format!(
        "its tiles differ from those below them by {unmoved:.1} of 255, and by {pixels:.1} when those are moved by {col} pixels \
         east and {row} south ({n} looked at)"
    );
    Finding::at(
        Kind::Shifted,
        &format!("zoom {z}"),
        found,
        "the best fit without moving",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shift(col: isize, pixels: f32, unmoved: f32) -> Option<Shift> {
        Some(Shift {
            col,
            row: 0,
            pixels,
            unmoved,
            differing: 1.0,
        })
    }

    #[test]
    fn a_zoom_is_moved_when_its_tiles_agree_on_it_and_fit_much_better() {
        let place = |shifts: &[Option<Shift>]| {
            let shift = agreed(shifts)?;
            is_fault(&shift, shifts.len()).then_some(shift.col)
        };
        let moved = shift(3, 3.0, 12.0);
        let other = shift(1, 3.0, 12.0);
        assert_eq!(place(&[moved; 4]), Some(3));
        assert_eq!(place(&[moved, moved, moved, moved, other]), Some(3));
        // They do not agree, or some fit where they are.
        assert_eq!(place(&[moved, moved, other]), None);
        assert_eq!(place(&[moved, moved, moved, None]), None);
        // Hardly a better fit, or hardly a difference.
        assert_eq!(place(&[shift(3, 7.0, 12.0); 4]), None);
        assert_eq!(place(&[shift(3, 1.0, 2.5); 4]), None);
        // One alone.
        assert_eq!(place(&[moved]), None);
        assert_eq!(place(&[shift(4, 1.0, 12.0)]), Some(4));
        // Two pixels off at most: only what is the same there, a whole pixel of the parents off.
        assert_eq!(place(&[other; 9]), None);
        assert_eq!(place(&[shift(1, 0.4, 12.0); 4]), None);
        assert_eq!(place(&[shift(2, 0.4, 12.0); 4]), Some(2));
        assert_eq!(place(&[shift(2, 3.0, 12.0); 4]), None);
        assert_eq!(place(&[]), None);
    }
}
