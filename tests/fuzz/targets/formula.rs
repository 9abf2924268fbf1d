//! Any text is a formula, or a fault in the text; a formula says itself what it is, and makes colours of colours. Likewise any
//! text is a rounding of heights or a fault.

use azulejo::style::fault::Fault;
use azulejo::style::formula::Formula;
use azulejo::style::terrain::{Encoding, Rounding};

pub fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    match Formula::parse(text) {
        Ok(formula) => {
            let said = formula.to_string();
            assert_eq!(Formula::parse(&said).as_ref(), Ok(&formula), "{said}");
            // Tables of formulas with a saturation take milliseconds.
            let few = said.matches(' ').count() < 12;
            let mut colours = [0, 0, 0, 255, 255, 255, 1, 128, 254];
            if few {
                formula.apply(&mut colours);
            }
            let mut values = [0.0, 0.5, 1.0, f32::NAN, -1.0, 2.0];
            formula.apply_f32(&mut values);
            let inside = |value: &f32| value.is_nan() || (0.0..=1.0).contains(value);
            assert!(values.iter().all(inside), "{said}: {values:?}");
        }
        Err(fault) => within(&fault, text),
    }
    match Rounding::parse(text) {
        Ok(rounding) => {
            let bits = |zoom| rounding.bits(&Encoding::TERRARIUM, zoom, 1e6);
            assert!((0..=30).all(|zoom| bits(zoom) <= 16), "{rounding:?}");
        }
        Err(fault) => within(&fault, text),
    }
}

/// A caret can be drawn.
fn within(fault: &Fault, text: &str) {
    let columns = 1..=text.chars().count() + 1;
    assert!(columns.contains(&fault.column), "{text:?}: {fault}");
}
