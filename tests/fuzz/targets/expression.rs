//! Any text is an expression or has a fault; an expression that was written by ours is read as the same; and what it makes of
//! pixels is finite where they are not masked, and does not depend on what comes with them.

use azulejo::style::expression::{Evaluator, Expression, numbered_band};

/// Bands of a pixel.
const N_BANDS: usize = 3;

pub fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let expression = match Expression::parse(text) {
        Ok(expression) => expression,
        Err(fault) => {
            assert!((1..=text.chars().count() + 1).contains(&fault.column));
            assert!(!fault.message.contains(char::is_control));
            assert_eq!(fault.under(text).lines().count(), 2);
            return;
        }
    };
    let normal = expression.to_string();
    let again = Expression::parse(&normal).expect("what ours wrote");
    assert_eq!(again, expression);
    assert_eq!(again.to_string(), normal);

    // Every name is a band.
    let bind = |name: &str| Some(numbered_band(name).map_or(name.len(), |band| band) % N_BANDS);
    let mut evaluator = Evaluator::new(&expression, N_BANDS, bind).expect("all bands are there");
    let samples: Vec<f32> = SAMPLES
        .iter()
        .copied()
        .cycle()
        .take(SAMPLES.len() * N_BANDS)
        .collect();
    let n_outputs = expression.n_outputs();
    let (mut mask, mut out) = (
        vec![255; SAMPLES.len()],
        vec![f32::NAN; SAMPLES.len() * n_outputs],
    );
    evaluator.evaluate(&samples, &mut mask, &mut out);
    for (i, pixel) in samples.chunks_exact(N_BANDS).enumerate() {
        let values = &out[i * n_outputs..][..n_outputs];
        assert!(values.iter().all(|value| value.is_finite()));
        let (mut alone, mut values_alone) = ([255], vec![0.0; n_outputs]);
        evaluator.evaluate(pixel, &mut alone, &mut values_alone);
        assert_eq!((mask[i], values), (alone[0], &values_alone[..]));
    }
}

/// Their number has no factor in common with that of the bands, so that all come together.
const SAMPLES: [f32; 11] = [
    0.0,
    -0.0,
    1.0,
    -2.5,
    0.3,
    255.0,
    1e-40,
    3e38,
    f32::NAN,
    f32::INFINITY,
    -7.0,
];
