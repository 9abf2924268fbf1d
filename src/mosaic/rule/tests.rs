//! All rules against their definitions, pixel by pixel.

use super::*;
use crate::raster::Samples;
use proptest::prelude::*;

const WIDTH: usize = 5;
const HEIGHT: usize = 3;

fn raster(bands: usize, values: &[u8], mask: &[u8]) -> Raster {
    let n = WIDTH * HEIGHT;
    let mut values = values[..n * bands].to_vec();
    for (pixel, &m) in values.chunks_exact_mut(bands).zip(mask) {
        if m == 0 {
            pixel.fill(0);
        }
    }
    let mask = mask[..n].to_vec();
    Raster::from_parts(
        WIDTH,
        HEIGHT,
        bands,
        SampleType::U8,
        Samples::U8(values),
        mask,
    )
    .unwrap()
}

fn run(rule: Rule, layers: &[Raster]) -> Option<Raster> {
    let mut tile = rule.start(SampleType::U8);
    let mut layers = layers.to_vec();
    if rule.reverses() {
        layers.reverse();
    }
    for layer in layers {
        if tile.done() {
            break;
        }
        tile.feed(layer);
    }
    tile.finish()
}

/// What a rule means for the values of one band of one pixel and their masks, which are 0 or 255.
fn meaning(rule: Rule, values: &[f64]) -> f64 {
    let n = values.len();
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let exact = match rule {
        Rule::First => values[0],
        Rule::Last => values[n - 1],
        Rule::Min => sorted[0],
        Rule::Max => sorted[n - 1],
        Rule::Mean => values.iter().sum::<f64>() / n as f64,
        Rule::Median => (sorted[(n - 1) / 2] + sorted[n / 2]) / 2.0,
        Rule::Count => n as f64,
    };
    (exact + 0.5).floor()
}

fn layers(bands: usize, graded: bool) -> impl Strategy<Value = Vec<Raster>> {
    let n = WIDTH * HEIGHT;
    let mask = if graded {
        prop_oneof![Just(0_u8), Just(255), 1_u8..255].boxed()
    } else {
        prop_oneof![Just(0_u8), Just(255)].boxed()
    };
    let one = (
        proptest::collection::vec(any::<u8>(), n * bands),
        proptest::collection::vec(mask, n),
    );
    proptest::collection::vec(one, 1..6).prop_map(move |all| {
        all.iter()
            .map(|(values, mask)| raster(bands, values, mask))
            .collect()
    })
}

proptest! {
    #[test]
    fn every_rule_does_what_it_says(layers in layers(3, false)) {
        for row in &RULES {
            let out = run(row.rule, &layers).unwrap();
            for k in 0..WIDTH * HEIGHT {
                let there: Vec<&Raster> = layers.iter().filter(|l| l.mask[k] > 0).collect();
                prop_assert_eq!(out.mask[k], if there.is_empty() { 0 } else { 255 });
                for band in 0..out.bands() {
                    let values: Vec<f64> = there.iter().map(|l| l.samples.get(k * 3 + band)).collect();
                    let expected = if values.is_empty() { 0.0 } else { meaning(row.rule, &values) };
                    prop_assert_eq!(out.samples.get(k * out.bands() + band), expected, "{}", row.name);
                }
            }
        }
    }

    #[test]
    fn a_layer_with_nothing_on_it_changes_nothing(layers in layers(1, true), at in 0_usize..6) {
        let empty = Raster::empty(WIDTH, HEIGHT, 1, SampleType::U8);
        for row in &RULES {
            let mut with = layers.clone();
            with.insert(at.min(layers.len()), empty.clone());
            prop_assert_eq!(run(row.rule, &layers), run(row.rule, &with), "{}", row.name);
        }
    }

    #[test]
    fn rules_without_an_order_do_not_care_for_it(layers in layers(1, true)) {
        let mut turned = layers.clone();
        turned.reverse();
        for row in RULES.iter().filter(|row| !row.rule.takes_one()) {
            prop_assert_eq!(run(row.rule, &layers), run(row.rule, &turned), "{}", row.name);
        }
        prop_assert_eq!(run(Rule::First, &layers), run(Rule::Last, &turned));
    }

    #[test]
    fn one_layer_is_left_as_it_is(layers in layers(3, true)) {
        for row in RULES.iter().filter(|row| row.rule != Rule::Count) {
            let alone = run(row.rule, &layers[..1]);
            prop_assert_eq!(alone.as_ref(), Some(&layers[0]), "{}", row.name);
        }
    }
}

#[test]
fn a_pixel_that_covers_in_part_counts_in_part() {
    let n = WIDTH * HEIGHT;
    let faint = raster(1, &vec![200; n], &vec![51; n]);
    let whole = raster(1, &vec![80; n], &vec![255; n]);
    // (200 * 51 + 80 * 255) / 306
    let mean = run(Rule::Mean, &[faint, whole]).unwrap();
    assert_eq!((mean.samples.get(0), mean.mask[0]), (100.0, 255));
}

#[test]
fn nothing_in_nothing_out() {
    for row in &RULES {
        assert_eq!(run(row.rule, &[]), None, "{}", row.name);
        assert_eq!(Rule::from_name(row.name), Some(row.rule));
    }
    assert_eq!(Rule::from_name("average"), None);
}

#[test]
fn the_first_whole_layer_ends_it() {
    let n = WIDTH * HEIGHT;
    let mut tile = Rule::First.start(SampleType::U8);
    assert!(!tile.done());
    tile.feed(raster(1, &vec![1; n], &vec![254; n]));
    assert!(!tile.done());
    tile.feed(raster(1, &vec![2; n], &vec![255; n]));
    assert!(tile.done());
}
