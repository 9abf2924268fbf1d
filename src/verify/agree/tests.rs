#![allow(clippy::unwrap_used)] // A test that cannot go on panics.

use super::*;
use crate::raster::{SampleType, Samples};

/// A picture of `side` pixels whose samples are `value` of column and row.
fn picture(side: usize, value: impl Fn(usize, usize) -> f32) -> Raster {
    let values = (0..side * side)
        .map(|k| value(k % side, k / side))
        .collect();
    let mask = vec![255; side * side];
    Raster::from_parts(side, side, 1, SampleType::F32, Samples::F32(values), mask).unwrap()
}

/// Hills, and noise on them.
fn texture(col: usize, row: usize) -> f32 {
    let (c, r) = (col as f32, row as f32);
    let noise = (col * 7919 + row * 104_729) % 61;
    128.0 + 60.0 * (c / 23.0).sin() * (r / 17.0).cos() + noise as f32 / 1.5
}

fn judge(child: &Raster, parent: &Raster, typical: &Typical) -> Option<Verdict> {
    let quarter = Quarter {
        child,
        parent,
        quadrant: (1, 0),
        is_lossless: typical.is_exact,
        unit: 1.0,
    };
    typical.judge(&compare(&quarter).unwrap(), || quarter.shift())
}

/// A tileset whose overviews differ by `pixels` from what they should be.
fn usual(pixels: f32) -> Typical {
    Typical {
        reducer: Reducer::Average,
        pixels,
        blocks: pixels / 4.0,
        blocks_most: pixels / 3.0,
        mask: 0.0,
        is_exact: pixels < 0.5,
        pairs: 50,
    }
}

#[test]
fn what_is_made_of_a_child_agrees_and_what_is_moved_or_other_does_not() {
    let child = picture(128, |col, row| texture(col + 128, row));
    for pixels in [0.2, 3.0] {
        let typical = usual(pixels);
        // Lossy, and lighter by a little.
        let near = picture(256, |col, row| {
            texture(col, row) + pixels * if (col + row) % 2 == 0 { 1.5 } else { -0.5 }
        });
        assert_eq!(judge(&child, &near, &typical), None, "{pixels}");
        for (east, south) in [(1, 0), (0, 1), (3, 2)] {
            let moved = picture(256, |col, row| texture(col + 8 - east, row + 8 - south));
            let child = picture(128, |col, row| texture(col + 136, row + 8));
            let Some(Verdict::Shifted(shift)) = judge(&child, &moved, &typical) else {
                panic!("{east}, {south} at {pixels}");
            };
            assert_eq!((shift.col, shift.row), (east as isize, south as isize));
        }
        let other = picture(256, |col, row| texture(row + 31, col + 90));
        assert_eq!(judge(&child, &other, &typical), Some(Verdict::Different));
        let mut half = near.clone();
        half.mask[..256 * 64].fill(0);
        assert_eq!(judge(&child, &half, &typical), Some(Verdict::Mask));
    }
}

#[test]
fn one_of_several_that_differs_was_changed_and_several_are_of_a_style() {
    let of = |list: &[f32]| {
        let pairs: Vec<Pair> = list.iter().map(|&pixels| differing(pixels)).collect();
        usual(0.2).changed(&pairs)
    };
    assert_eq!(of(&[0.1, 0.2, 5.0, 0.3]), Some(2));
    assert_eq!(of(&[0.1, 0.2, 5.0]), Some(2));
    assert_eq!(of(&[0.1, 5.0]), None);
    assert_eq!(of(&[0.1, 2.0, 5.0, 0.1]), None);
    assert_eq!(of(&[0.1, 0.1, 2.0, 0.1]), None);
    assert_eq!(of(&[]), None);
}

fn differing(pixels: f32) -> Pair {
    Pair {
        pixels,
        blocks: pixels / 2.0,
        correlation: 1.0,
        mask: 0.0,
        share: 1.0,
        is_lossless: true,
    }
}

#[test]
fn softness_is_no_difference() {
    let child = picture(128, |col, row| texture(col + 128, row));
    let soft = picture(256, |col, row| {
        let around = [(0, 0), (2, 0), (0, 2), (2, 2), (1, 1)];
        let sum: f32 = around
            .map(|(c, r)| texture((col + c).max(1) - 1, (row + r).max(1) - 1))
            .iter()
            .sum();
        sum / 5.0
    });
    let typical = usual(4.0);
    assert_eq!(judge(&child, &soft, &typical), None);
}

#[test]
fn a_few_faults_do_not_change_what_is_usual() {
    let sample: Vec<Pair> = [0.1; 20]
        .into_iter()
        .chain([50.0; 3])
        .map(differing)
        .collect();
    let typical = Typical::of(Reducer::Mode, &sample);
    assert_eq!((typical.pixels, typical.blocks), (0.1, 0.05));
    assert!(typical.is_exact);
    let sample: Vec<Pair> = [0.1; 10]
        .into_iter()
        .chain([5.0; 10])
        .map(differing)
        .collect();
    assert!(!Typical::of(Reducer::Mode, &sample).is_exact);
    assert_eq!(Typical::of(Reducer::Mode, &[]).pairs, 0);
}

#[test]
fn a_few_lines_on_white_do_not_say_that_all_is_moved() {
    // A line in forty is 2.5 of 100 pixels, and one in eight 12.5.
    let lines = |apart: usize, moved: usize| {
        move |col: usize, row: usize| {
            if (col + row + moved).is_multiple_of(apart) {
                80.0
            } else {
                255.0
            }
        }
    };
    let typical = usual(0.2);
    let child = picture(128, |col, row| lines(40, 0)(col + 128, row));
    let moved = picture(256, lines(40, 3));
    assert_eq!(judge(&child, &moved, &typical), None);
    let child = picture(128, |col, row| lines(8, 0)(col + 128, row));
    let moved = picture(256, lines(8, 3));
    let verdict = judge(&child, &moved, &typical);
    assert!(matches!(verdict, Some(Verdict::Shifted(_))), "{verdict:?}");
}
