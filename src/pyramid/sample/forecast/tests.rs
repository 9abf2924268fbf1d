use std::time::Duration;

use proptest::prelude::*;

use super::*;

fn level(tiles: u64, stored: u64, bytes: u64) -> Level {
    Level {
        tiles,
        stored,
        bytes,
        cpu: Duration::from_micros(1000 * stored + 10 * tiles),
        decoded: Decoded::default(),
    }
}

fn cluster(base: Level, above: Level) -> Cluster {
    Cluster {
        weight: 1.0,
        levels: vec![base, above],
    }
}

fn sample(clusters: Vec<Cluster>) -> Sample {
    Sample {
        clusters,
        is_whole: false,
        tile_bytes: 256 * 256 * 4,
    }
}

#[test]
fn clusters_that_are_alike_are_multiplied() {
    let alike = cluster(level(4, 4, 4000), level(1, 1, 1200));
    let sample = sample(vec![alike; 10]);
    let (zooms, [stored, bytes, cpu_s]) = sample.forecast_of(&[4000, 1000, 250, 70]);
    let rounded: Vec<(f64, f64)> = zooms.iter().map(|z| (z.stored, z.bytes.round())).collect();
    // Above the clusters an area grows by 1.16, then by 1.128.
    let above = 1.2e6 / 4.0 * 1.16;
    assert_eq!(
        rounded,
        [
            (4000.0, 4e6),
            (1000.0, 1.2e6),
            (250.0, above),
            (70.0, (above / 4.0 * 1.128_f64).round())
        ]
    );
    assert_eq!(stored.estimate, 5320.0);
    assert!((cpu_s.estimate - 5.32 * 1.01).abs() < 1e-9, "{cpu_s:?}");
    // Nothing differs, and even so nothing is sure.
    let off = (bytes.high - bytes.estimate) / bytes.estimate;
    assert!((0.12..0.14).contains(&off), "{bytes:?}");
    assert!(cpu_s.low < 0.81 * cpu_s.estimate);
}

#[test]
fn what_is_whole_is_exact() {
    let all = cluster(level(30, 20, 7777), level(9, 9, 1234));
    let sample = Sample {
        is_whole: true,
        ..sample(vec![all])
    };
    let (_, [stored, bytes, cpu_s]) = sample.forecast_of(&[30, 9]);
    assert_eq!((stored.low, stored.high), (29.0, 29.0));
    assert_eq!((bytes.low, bytes.high), (9011.0, 9011.0));
    assert!(cpu_s.high > cpu_s.estimate);
}

#[test]
fn clusters_count_for_as_many_as_they_stand_for() {
    let one = cluster(level(4, 4, 400), level(1, 1, 100));
    let many = Cluster {
        weight: 3.0,
        ..cluster(level(4, 0, 0), level(1, 0, 0))
    };
    let (zooms, _) = sample(vec![one, many]).forecast_of(&[1600, 400]);
    assert_eq!(zooms[0].stored, 400.0);
    assert_eq!(zooms[0].bytes, 40_000.0);
}

#[test]
fn a_sample_with_nothing_on_it_leaves_room_for_something() {
    let blank = cluster(level(4, 0, 0), level(1, 0, 0));
    let (zooms, [stored, bytes, _]) = sample(vec![blank; 30]).forecast_of(&[10_000, 2500]);
    assert_eq!(
        zooms[1],
        Sums {
            cpu_s: zooms[1].cpu_s,
            ..Sums::default()
        }
    );
    assert_eq!(
        (stored.estimate, stored.low, stored.high),
        (0.0, 0.0, 1250.0)
    );
    assert_eq!((bytes.low, bytes.high), (0.0, 1250.0 * 262_144.0));
}

#[test]
fn blank_tiles_become_fewer_from_zoom_to_zoom() {
    // 40 % blank, then 20 %.
    let some = |stored| cluster(level(4, stored, 100 * stored), level(1, stored.min(1), 100));
    let mut clusters = vec![some(4), some(4), some(3), some(1)];
    clusters.push(cluster(level(4, 0, 0), level(1, 0, 0)));
    let (zooms, _) = sample(clusters).forecast_of(&[4000, 1000, 250, 63]);
    let blank: Vec<f64> = zooms
        .iter()
        .zip([4000.0, 1000.0, 250.0, 63.0])
        .map(|(zoom, count)| (100.0 * (1.0 - zoom.stored / count)).round())
        .collect();
    assert_eq!(blank, [40.0, 20.0, 10.0, 5.0]);
}

#[test]
fn blocks_that_reach_beyond_a_cluster_count_in_part() {
    let decoded = |asked_px| Decoded {
        cpu: Duration::from_millis(40),
        decoded_px: 4_000_000,
        asked_px,
    };
    let with = |asked_px| {
        let mut base = level(4, 4, 400);
        base.cpu = Duration::from_millis(10);
        base.decoded = decoded(asked_px);
        let mut above = level(1, 1, 100);
        above.cpu = Duration::ZERO;
        let (zooms, _) = sample(vec![cluster(base, above); 9]).forecast_of(&[400, 100]);
        zooms[0].cpu_s
    };
    // A quarter of what was decoded is asked for; or all of it, and more than once.
    assert!((with(1_000_000) - 2.0).abs() < 1e-6, "{}", with(1_000_000));
    assert!((with(6_000_000) - 5.0).abs() < 1e-6, "{}", with(6_000_000));
}

/// A made-up bake: bytes of 4,000 clusters along the walk, and what they come to.
fn world(kind: usize) -> Vec<f64> {
    let n = 4000;
    let noise = |k: usize| {
        let mixed = (k as f64 * 12.9898).sin() * 43758.5453;
        mixed - mixed.floor()
    };
    let value = |k: usize| {
        let (at, u) = (k as f64 / n as f64, noise(k + 1).clamp(1e-6, 1.0 - 1e-6));
        match kind {
            // Alike but for noise; with a trend; some with a tail; land in an ocean, a third of it; a few of what there is has most.
            0 => 100.0 + 30.0 * u,
            1 => 20.0 + 200.0 * at + 20.0 * u,
            2 => -50.0 * (1.0 - u).ln(),
            3 if (at * 9.0).fract() < 0.3 => 80.0 + 40.0 * u,
            3 => 0.0,
            _ if u > 0.8 => 100.0 * noise(7 * k + 3),
            _ => 5.0,
        }
    };
    (0..n).map(value).collect()
}

#[test]
fn intervals_hold_as_often_as_they_say() {
    // The last kind is what an interval cannot hold as often as it should: most places say nothing of what a few have.
    for (kind, n, least) in [
        (0, 8, 90),
        (0, 60, 90),
        (1, 8, 90),
        (1, 60, 90),
        (2, 16, 90),
        (2, 60, 90),
        (3, 60, 90),
        (4, 32, 85),
        (4, 60, 90),
    ] {
        let world = world(kind);
        let truth: f64 = world.iter().sum();
        let trials = 200;
        let mut held = 0;
        for trial in 0..trials {
            let width = world.len() / n;
            let place = |k: usize| {
                let mixed = ((trial * 977 + k * 131) as f64 * 78.233).sin() * 9631.77;
                k * width + ((mixed - mixed.floor()) * width as f64) as usize
            };
            let bytes = (0..n).map(|k| (world[place(k)] * 100.0) as u64);
            let clusters = bytes.map(|b| cluster(level(4, 4, b), level(1, 1, b / 4)));
            let counts = [4 * world.len() as u64, world.len() as u64];
            let (_, [_, of, _]) = sample(clusters.collect()).forecast_of(&counts);
            let truth = truth * 100.0 * 1.25;
            held += usize::from((of.low..=of.high).contains(&truth));
        }
        assert!(
            held * 100 >= trials * least,
            "{kind} {n}: {held} of {trials}"
        );
    }
}

proptest! {
    #[test]
    fn estimates_lie_within_their_intervals(
        clusters in prop::collection::vec((1_u64..=4, 0_u64..=4, 0_u64..1_000_000), 2..40),
        counts in (1_u64..1 << 40).prop_map(|n| [n, n.div_ceil(4), n.div_ceil(16), n.div_ceil(64)]),
    ) {
        let made = clusters.iter().map(|&(tiles, stored, bytes)| {
            let stored = stored.min(tiles);
            let bytes = if stored > 0 { bytes } else { 0 };
            cluster(level(tiles, stored, bytes), level(1, stored.min(1), bytes / 3))
        });
        let (zooms, all) = sample(made.collect()).forecast_of(&counts);
        prop_assert_eq!(zooms.len(), counts.len());
        for (zoom, count) in zooms.iter().zip(counts) {
            prop_assert!(zoom.stored >= 0.0 && zoom.stored <= count as f64 * (1.0 + 1e-9));
            prop_assert!(zoom.bytes >= 0.0 && zoom.bytes.is_finite());
        }
        for of in all {
            prop_assert!(of.low >= 0.0 && of.low <= of.estimate && of.estimate <= of.high && of.high.is_finite(), "{:?}", of);
        }
    }
}
