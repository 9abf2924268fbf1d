use proptest::prelude::*;

use super::super::fault::Fault;
use super::{Encoding, Rounding};

fn encoded(encoding: &Encoding, height: f32, bits: u8) -> [u8; 3] {
    let mut rgb = [0; 3];
    encoding.encode(&[height], bits, &mut rgb);
    rgb
}

#[test]
fn heights_are_written_as_their_inventors_say() {
    // Mapbox: -10000 + (R * 65536 + G * 256 + B) * 0.1. Terrarium: R * 256 + G + B / 256 - 32768.
    for (height, mapbox, terrarium) in [
        (0.0, [1, 134, 160], [128, 0, 0]),
        (0.1, [1, 134, 161], [128, 0, 26]),
        (-0.1, [1, 134, 159], [127, 255, 230]),
        (8848.86, [2, 224, 73], [162, 144, 220]),
        (-10000.0, [0, 0, 0], [88, 240, 0]),
        (-11034.0, [0, 0, 0], [84, 230, 0]),
        (1e9, [255, 255, 255], [255, 255, 255]),
        (-1e9, [0, 0, 0], [0, 0, 0]),
        (f32::INFINITY, [255, 255, 255], [255, 255, 255]),
        (f32::NAN, [0, 0, 0], [0, 0, 0]),
    ] {
        assert_eq!(
            encoded(&Encoding::TERRAIN_RGB, height, 0),
            mapbox,
            "{height}"
        );
        assert_eq!(
            encoded(&Encoding::TERRARIUM, height, 0),
            terrarium,
            "{height}"
        );
    }
    assert_eq!(Encoding::TERRARIUM.decode([128, 1, 128]), 1.5);
    assert!((Encoding::TERRAIN_RGB.decode([2, 224, 73]) - 8848.9).abs() < 1e-9);
    assert_eq!(
        Encoding::TERRARIUM.range(),
        (-32768.0, 32768.0 - 1.0 / 256.0)
    );
    assert_eq!(
        (Encoding::TERRARIUM.name(), Encoding::TERRAIN_RGB.name()),
        ("terrarium", "mapbox")
    );
}

#[test]
fn intervals_that_do_not_fit_are_refused() {
    for (base, interval, expected) in [
        (
            -10000.0,
            1e-8,
            "an interval of 0.00000001 m from -10000 m: 9000 m do not fit into 24 bits; expected at least 0.0012",
        ),
        (
            -10000.0,
            0.001,
            "an interval of 0.001 m from -10000 m: 9000 m do not fit into 24 bits; expected at least 0.0012",
        ),
        (-10000.0, 0.0, "an interval of 0 m; expected more than 0"),
        (
            -10000.0,
            f64::NAN,
            "an interval of NaN m; expected more than 0",
        ),
        (9000.0, 0.1, "a base of 9000 m; expected one below 9000 m"),
        (
            f64::NEG_INFINITY,
            0.1,
            "a base of -inf m; expected one below 9000 m",
        ),
    ] {
        let refused = Encoding::terrain_rgb(base, interval).unwrap_err();
        assert_eq!(refused.to_string().lines().next(), Some(expected));
    }
    for (base, interval) in [
        (-10000.0, 0.0012),
        (-100.0, 0.001),
        (0.0, 1.0),
        (8999.0, 1e-6),
    ] {
        let encoding = Encoding::terrain_rgb(base, interval).unwrap();
        assert_eq!((encoding.base(), encoding.interval()), (base, interval));
    }
}

#[test]
fn bits_are_dropped_by_zoom() {
    let rounding = Rounding::parse("5,9:2,12:0").unwrap();
    assert_eq!(rounding, Rounding::FromZoom(vec![(0, 5), (9, 2), (12, 0)]));
    let bits = |zoom| rounding.bits(&Encoding::TERRAIN_RGB, zoom, 1.0);
    assert_eq!([0, 8, 9, 11, 12, 20].map(bits), [5, 5, 2, 2, 0, 0]);
    let later = Rounding::parse(" 6 : 3 ").unwrap();
    assert_eq!(
        [5, 6, 7].map(|zoom| later.bits(&Encoding::TERRARIUM, zoom, 1.0)),
        [0, 3, 3]
    );
    // 256 pixels a tile at the equator: 156 km at zoom 0.
    let auto = |encoding| {
        [0, 5, 8, 10, 14]
            .map(|z: u8| Rounding::Auto.bits(&encoding, z, 156543.03 / f64::from(1u32 << z)))
    };
    assert_eq!(auto(Encoding::TERRAIN_RGB), [12, 7, 4, 2, 0]);
    assert_eq!(auto(Encoding::TERRARIUM), [16, 12, 9, 7, 3]);
    assert_eq!(Rounding::parse("none"), Ok(Rounding::None));
    assert_eq!(Rounding::None.bits(&Encoding::TERRARIUM, 0, 1e9), 0);
}

#[test]
fn faults_in_roundings_are_told_where_they_are() {
    for (text, column, message) in [
        ("", 1, "nothing; expected a number of bits, 0 to 16"),
        ("17", 1, "\"17\"; expected a number of bits, 0 to 16"),
        ("+1", 1, "\"+1\"; expected a number of bits, 0 to 16"),
        ("5,", 3, "\"\" without a zoom; expected zoom:bits"),
        ("5,3", 3, "\"3\" without a zoom; expected zoom:bits"),
        ("5, 9:x", 6, "\"x\"; expected a number of bits, 0 to 16"),
        ("5,9:", 5, "nothing; expected a number of bits, 0 to 16"),
        ("5,:3", 3, "nothing; expected a zoom, 0 to 30"),
        ("5, 31:3", 4, "\"31\"; expected a zoom, 0 to 30"),
        (
            "5,9:2,8:1",
            7,
            "zoom 8 comes too late; expected ascending zooms",
        ),
        ("ä:2", 1, "\"ä\"; expected a zoom, 0 to 30"),
        ("9:ää,x", 3, "\"ää\"; expected a number of bits, 0 to 16"),
    ] {
        assert_eq!(
            Rounding::parse(text),
            Err(Fault::new(column, message)),
            "{text:?}"
        );
    }
}

fn encodings() -> impl Strategy<Value = Encoding> {
    let free = (-12000f64..100.0, 0.0013f64..10.0);
    prop_oneof![
        Just(Encoding::TERRARIUM),
        Just(Encoding::TERRAIN_RGB),
        free.prop_map(|(base, interval)| Encoding::terrain_rgb(base, interval).unwrap()),
    ]
}

proptest! {
    #[test]
    fn no_height_is_off_by_more_than_half_a_step(encoding in encodings(), height in -11000f32..9000.0, bits in 0u8..=12) {
        let told = encoding.decode(encoded(&encoding, height, bits));
        let step = encoding.interval() * f64::from(1u32 << bits);
        let given = f64::from(height).max(encoding.base());
        // The lowest multiple may lie a step above the base, the highest a step below the end.
        let (least, most) = (encoding.range().0 + step, encoding.range().1 - step);
        let reach = if (least..=most).contains(&given) { step * 0.500001 } else { step };
        prop_assert!((told - given).abs() <= reach, "{} {}", told, given);
    }

    #[test]
    fn the_sea_stays_at_0(encoding in encodings(), bits in 0u8..=16) {
        let told = encoding.decode(encoded(&encoding, 0.0, bits));
        let least = encoding.base().max(0.0);
        prop_assert!((told - least).abs() <= encoding.interval() * 0.500001, "{}", told);
    }

    #[test]
    fn dropped_bits_are_equal_everywhere(encoding in encodings(), heights in proptest::collection::vec(-11000f32..9000.0, 20), bits in 0u8..=16) {
        let mut rgb = vec![0; 60];
        encoding.encode(&heights, bits, &mut rgb);
        let low = |c: &[u8]| u32::from_be_bytes([0, c[0], c[1], c[2]]) & ((1 << bits) - 1);
        prop_assert!(rgb.chunks(3).all(|colour| low(colour) == low(&rgb)));
    }

    /// As far as floats can tell: at 9000 m they are 0.001 m apart.
    #[test]
    fn decoded_heights_are_encoded_alike(encoding in encodings(), height in -11000f32..9000.0, bits in 0u8..=16) {
        prop_assume!(encoding.interval() > 0.0025 || bits > 1);
        let colour = encoded(&encoding, height, bits);
        prop_assert_eq!(encoded(&encoding, encoding.decode(colour) as f32, bits), colour);
    }
}
