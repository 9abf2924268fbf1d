use proptest::prelude::*;

use super::{Blend, Ground, Hillshade, Light, Relief, SlopeUnit, to_bytes};

/// Heights, and what `gdaldem` makes of them.
const GDALDEM: &str = include_str!("tests/gdaldem.txt");

fn section(name: &str) -> Vec<f32> {
    GDALDEM
        .lines()
        .skip_while(|line| *line != format!("= {name}"))
        .skip(1)
        .take_while(|line| !line.starts_with('='))
        .flat_map(|line| line.split(' ').map(|value| value.parse().unwrap()))
        .collect()
}

fn lit(light: Light, azimuth: f64, altitude: f64, z_factor: f64) -> Relief {
    Relief::Hillshade(Hillshade::new(light, azimuth, altitude, z_factor).unwrap())
}

const ALL: [Light; 4] = [
    Light::Plain,
    Light::Multidirectional,
    Light::Combined,
    Light::Igor,
];

/// The relief of a whole mask but for `holes`, pixels of 20 m.
fn relief(relief: Relief, heights: &[f32], holes: &[usize], width: usize) -> (Vec<f32>, Vec<u8>) {
    let mut mask = vec![255; heights.len()];
    for &hole in holes {
        mask[hole] = 0;
    }
    let height = heights.len() / (width + 2) - 2;
    let ground = Ground {
        heights,
        mask: &mask,
        width,
        height,
        pixel_m: &vec![[20.0, 20.0]; height],
    };
    let mut out = (vec![0.0; width * height], vec![0; width * height]);
    relief.apply(&ground, &mut out.0, &mut out.1);
    out
}

#[test]
fn shades_and_slopes_are_those_of_gdaldem() {
    let heights = section("heights");
    assert_eq!(heights.len(), 63);
    for (name, kind) in [
        ("hillshade", Relief::Hillshade(Hillshade::default())),
        (
            "hillshade -az 200 -alt 30 -z 1.5",
            lit(Light::Plain, 200.0, 30.0, 1.5),
        ),
        (
            "hillshade -multidirectional",
            lit(Light::Multidirectional, 315.0, 45.0, 1.0),
        ),
        (
            "hillshade -combined",
            lit(Light::Combined, 315.0, 45.0, 1.0),
        ),
        ("hillshade -igor", lit(Light::Igor, 315.0, 45.0, 1.0)),
        ("slope", Relief::Slope(SlopeUnit::Degrees)),
        ("slope -p", Relief::Slope(SlopeUnit::Percent)),
    ] {
        let theirs = section(name);
        assert_eq!(theirs.len(), 35, "{name}");
        let (ours, mask) = relief(kind, &heights, &[], 7);
        assert!(mask.iter().all(|&mask| mask == 255));
        if matches!(kind, Relief::Slope(_)) {
            assert!(
                ours.iter().zip(&theirs).all(|(a, b)| (a - b).abs() < 1e-3),
                "{name}"
            );
            continue;
        }
        let mut bytes = vec![0; ours.len()];
        to_bytes(&ours, &mut bytes);
        assert_eq!(
            bytes,
            theirs.iter().map(|&v| v as u8).collect::<Vec<_>>(),
            "{name}"
        );
    }
}

#[test]
fn holes_stay_holes_and_spread_nowhere() {
    let heights = section("heights");
    let with = relief(lit(Light::Plain, 315.0, 45.0, 1.0), &heights, &[], 7).0;
    // One inside, one in the margin.
    let (without, mask) = relief(
        lit(Light::Plain, 315.0, 45.0, 1.0),
        &heights,
        &[3 * 9 + 4, 0],
        7,
    );
    for at in 0..35 {
        let (col, row) = (at % 7 + 1, at / 7 + 1);
        let hole = (col, row) == (4, 3);
        let beside = (3..=5).contains(&col) && (2..=4).contains(&row) || (col, row) == (1, 1);
        assert_eq!(
            (mask[at] == 0, without[at] == 0.0),
            (hole, hole),
            "{col} {row}"
        );
        assert!(beside || without[at] == with[at], "{col} {row}");
    }
}

#[test]
fn flat_ground_is_as_light_as_it_says() {
    for (light, expected) in ALL.into_iter().zip([180.605, 180.605, 255.0, 255.0]) {
        let hillshade = Hillshade::new(light, 315.0, 45.0, 1.0).unwrap();
        assert!(
            (hillshade.flat() - expected).abs() < 1e-2,
            "{light:?} {}",
            hillshade.flat()
        );
        let (shade, _) = relief(Relief::Hillshade(hillshade), &[7.0; 25], &[], 3);
        assert_eq!(shade, [hillshade.flat(); 9]);
    }
}

#[test]
fn pixels_are_measured_row_by_row() {
    let heights: Vec<f32> = (0..16).map(|at| (at % 4) as f32 * 3.0).collect();
    let ground = Ground {
        heights: &heights,
        mask: &[1; 16],
        width: 2,
        height: 2,
        pixel_m: &[[3.0, 3.0], [12.0, 12.0]],
    };
    let (mut out, mut mask) = ([0.0; 4], [0; 4]);
    Relief::Slope(SlopeUnit::Percent).apply(&ground, &mut out, &mut mask);
    assert_eq!((out, mask), ([100.0, 100.0, 25.0, 25.0], [1; 4]));
}

#[test]
fn lights_that_make_no_sense_are_refused() {
    for (azimuth, altitude, z_factor, expected) in [
        (f64::NAN, 45.0, 1.0, "an azimuth of NaN; expected degrees"),
        (
            315.0,
            91.0,
            1.0,
            "an altitude of 91; expected 0 to 90 degrees",
        ),
        (
            315.0,
            -1.0,
            1.0,
            "an altitude of -1; expected 0 to 90 degrees",
        ),
        (
            315.0,
            45.0,
            0.0,
            "a factor of 0 for heights; expected more than 0",
        ),
    ] {
        let refused = Hillshade::new(Light::Plain, azimuth, altitude, z_factor).unwrap_err();
        assert_eq!(refused.to_string(), expected);
    }
    assert!(
        Light::NAMES
            .iter()
            .all(|row| Light::named(row.0) == Some(row.1))
    );
    assert_eq!(Light::named("sun"), None);
}

proptest! {
    /// A plane has one slope, wherever parts of it are missing.
    #[test]
    fn planes_go_on_beyond_their_edges(
        (east, north) in (-8i8..8, -8i8..8),
        holes in proptest::collection::vec(0usize..49, 0..30),
    ) {
        let heights: Vec<f32> = (0..49)
            .map(|at| f32::from(east) * (at % 7) as f32 - f32::from(north) * (at / 7) as f32)
            .collect();
        let (slope, mask) = relief(Relief::Slope(SlopeUnit::Percent), &heights, &holes, 5);
        let percent = (f32::from(east).powi(2) + f32::from(north).powi(2)).sqrt() * 5.0;
        for at in 0..25 {
            let there = |c: usize, r: usize| !holes.contains(&((at / 5 + r) * 7 + at % 5 + c));
            let hole = !there(1, 1);
            prop_assert_eq!(mask[at], if hole { 0 } else { 255 });
            // Along both ways a neighbour is there.
            if hole {
                prop_assert_eq!(slope[at], 0.0);
            } else if (there(0, 1) || there(2, 1)) && (there(1, 0) || there(1, 2)) {
                let corner = |c: usize, r: usize| there(c, r) || there(c, 2 - r) && there(c, 1)
                    || there(2 - c, r) && there(1, r) || there(2 - c, 2 - r);
                if corner(0, 0) && corner(0, 2) && corner(2, 0) && corner(2, 2) {
                    prop_assert!((slope[at] - percent).abs() < 1e-3, "{} {}", slope[at], percent);
                }
            }
        }
    }

    /// A tile by itself is what it is within a larger one.
    #[test]
    fn tiles_have_no_seams(
        heights in proptest::collection::vec(0f32..100.0, 80),
        holes in proptest::collection::vec(0usize..80, 0..20),
        col in 0usize..5,
    ) {
        let light = lit(Light::Combined, 315.0, 45.0, 1.0);
        let (whole, whole_mask) = relief(light, &heights, &holes, 8);
        let part: Vec<usize> = (0..80).filter(|at| (col..col + 5).contains(&(at % 10))).collect();
        let part_heights: Vec<f32> = part.iter().map(|&at| heights[at]).collect();
        let part_holes: Vec<usize> = (0..40).filter(|&at| holes.contains(&part[at])).collect();
        let (tile, mask) = relief(light, &part_heights, &part_holes, 3);
        for row in 0..6 {
            let (at, of) = (row * 3, row * 8 + col);
            prop_assert_eq!(&tile[at..at + 3], &whole[of..of + 3]);
            prop_assert_eq!(&mask[at..at + 3], &whole_mask[of..of + 3]);
        }
    }

    /// Shades are from 0 to 255 for any ground and light.
    #[test]
    fn shades_are_bytes(
        heights in proptest::collection::vec(-1e5f32..1e5, 25),
        (azimuth, altitude, z_factor) in (-720.0..720.0, 0.0..=90.0, 0.001..1000.0),
    ) {
        for light in ALL {
            let least = if light == Light::Igor { 0.0 } else { 1.0 };
            let (shades, _) = relief(lit(light, azimuth, altitude, z_factor), &heights, &[], 3);
            prop_assert!(shades.iter().all(|shade| (least..=255.001).contains(shade)), "{:?} {:?}", light, shades);
        }
    }

    #[test]
    fn blending_keeps_flat_ground_and_order(flat in 1f32..=255.0, strength in 0f32..=1.0, colour in any::<u8>()) {
        let blend = Blend::new(flat, strength);
        let mut colours: Vec<u8> = vec![colour; 3 * 256];
        blend.apply(&mut colours, &(0..=255).collect::<Vec<u8>>());
        prop_assert_eq!(colours[3 * (flat + 0.5) as usize], colour);
        prop_assert!(colours.is_sorted());
        let faint = strength == 0.0 && colours.iter().any(|&c| c != colour);
        prop_assert!(!faint);
    }
}

#[test]
fn full_strength_goes_to_black_and_half_way_to_white() {
    let mut colours = [200, 100, 0, 200, 100, 0];
    Blend::new(181.0, 1.0).apply(&mut colours, &[0, 255]);
    assert_eq!(colours, [0, 0, 0, 228, 178, 128]);
}
