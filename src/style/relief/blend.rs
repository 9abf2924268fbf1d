//! Shade laid over colours.

/// Lays shade over colours: flat ground keeps its colour, so that a legend stays true, what is darker than flat ground is
/// multiplied down to black, what is lighter goes half the way to white.
///
/// With `s` the strength, `f` the shade of flat ground and `v` that of the pixel, colours from 0 to 255:
///
/// - where `v <= f`: `colour * (1 - s * (1 - v / f))`
/// - where `v > f`: `colour + (255 - colour) * s / 2 * (v - f) / (255 - f)`
///
/// To multiply throughout, or to put the shade in as the value of HSV (`hsv_merge.py`), would darken all flat ground by 30 % for
/// a light at 45 degrees; to brighten as far as white would take the colour out of the sunny side of every hill.
#[derive(Debug, Clone)]
pub struct Blend {
    /// For each shade what colours are multiplied by, and what is added then, in 65536ths.
    table: [(u32, u32); 256],
}

impl Blend {
    /// For shades of which `flat` is that of flat ground (see [`Hillshade::flat`](super::Hillshade::flat)), with a strength
    /// from 0 (colours stay) to 1.
    pub fn new(flat: f32, strength: f32) -> Self {
        let flat = f64::from(flat).clamp(1.0, 255.0);
        let strength = f64::from(strength).clamp(0.0, 1.0);
        let entry = |shade: usize| {
            let shade = shade as f64;
            if shade <= flat {
                let multiply = 1.0 - strength * (1.0 - shade / flat);
                return ((multiply * 65536.0 + 0.5) as u32, 0);
            }
            let whiter = strength / 2.0 * (shade - flat) / (255.0 - flat);
            let multiply = ((1.0 - whiter) * 65536.0 + 0.5) as u32;
            (multiply, (65536 - multiply) * 255)
        };
        // Flat ground's shade is not a whole number, but its colour stays all the same.
        let mut table = std::array::from_fn(entry);
        table[(flat + 0.5) as usize] = (65536, 0);
        Self { table }
    }

    /// Changes red, green and blue, interleaved, a shade for each pixel.
    pub fn apply(&self, colours: &mut [u8], shades: &[u8]) {
        assert_eq!(colours.len(), shades.len() * 3, "a shade for each colour");
        for (colour, &shade) in colours.as_chunks_mut::<3>().0.iter_mut().zip(shades) {
            let (multiply, add) = self.table[usize::from(shade)];
            *colour = colour.map(|value| {
                // At most 255 * 65536 and a half.
                ((u32::from(value) * multiply + add + 32768) >> 16) as u8
            });
        }
    }
}
