//! Heights as colours: Terrarium and Mapbox's terrain-RGB, and how finely they are told at which zoom.
//!
//! Both write a whole number of 24 bits, red the highest: `height = base + interval * (65536 R + 256 G + B)`. Terrarium's base
//! is -32768 m and its interval 1/256 m; terrain-RGB leaves both free and has -10000 m and 0.1 m where nobody says otherwise.
//! Heights are rounded to the nearest code, so that none is off by more than half an interval. (rio-rgbify cut the fraction off
//! before it had `--round-digits`, and GDAL users' sums still do: their heights are too low by half an interval on average.)
//!
//! Seen from far away the low bits are noise that costs most of a tile's bytes. [`Rounding`] says how many of them to do
//! without at each zoom. Heights are then rounded to multiples of `interval * 2^bits`, counted from the sea, so that the sea
//! stays at 0 m: the dropped bits are equal all over a tile, though not always zero.

use crate::error::{Error, Kind, Result};

use super::fault::Fault;

/// The highest code.
const CODE_MAX: u32 = 0xff_ffff;

/// The highest ground on Earth, about: up to there every encoding must reach.
const SUMMIT_M: f64 = 9000.0;

/// No zoom can do without more bits than these.
const BITS_MAX: u8 = 16;

/// How far rounding may turn a slope between two neighbouring pixels, at [`Rounding::Auto`]: a rise of 1 in 256, 0.22 degrees.
const SLOPE_ERROR: f64 = 1.0 / 256.0;

/// A way to write heights as red, green and blue.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Encoding {
    name: &'static str,
    base: f64,
    interval: f64,
}

impl Encoding {
    /// Terrarium: -32768 m to 32768 m by 1/256 m.
    pub const TERRARIUM: Self = Self {
        name: "terrarium",
        base: -32768.0,
        interval: 1.0 / 256.0,
    };

    /// Terrain-RGB as Mapbox serves it: -10000 m to 1667721.5 m by 0.1 m.
    pub const TERRAIN_RGB: Self = Self {
        name: "mapbox",
        base: -10000.0,
        interval: 0.1,
    };

    /// Terrain-RGB with a base and an interval in metres.
    ///
    /// # Errors
    ///
    /// If the codes from `base` to 9000 m are not numbers of 24 bits, or there are none.
    pub fn terrain_rgb(base: f64, interval: f64) -> Result<Self> {
        let usage = |message: String| Err(Error::new(Kind::Usage, message));
        if !(base.is_finite() && base < SUMMIT_M) {
            return usage(format!("a base of {base} m; expected one below 9000 m"));
        }
        if !(interval.is_finite() && interval > 0.0) {
            return usage(format!("an interval of {interval} m; expected more than 0"));
        }
        let least = (SUMMIT_M - base) / f64::from(CODE_MAX);
        if interval < least {
            // Rounded up to two digits: what is offered must be accepted.
            let digits = 10f64.powf(least.log10().floor() - 1.0);
            let offered = (least / digits).ceil() * digits;
            return Err(Error::new(
                Kind::Usage,
                format!(
                    "an interval of {interval} m from {base} m: 9000 m do not fit into 24 bits; expected at least {}",
                    short(offered)
                ),
            )
            .with_help("a higher base leaves room for a finer interval"));
        }
        Ok(Self {
            name: "mapbox",
            base,
            interval,
        })
    }

    /// What MapLibre and TileJSON call it: `terrarium` or `mapbox`.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The height of code 0, in metres.
    pub fn base(&self) -> f64 {
        self.base
    }

    /// What a code is more than the one before it, in metres.
    pub fn interval(&self) -> f64 {
        self.interval
    }

    /// The lowest and the highest height that can be told, in metres.
    pub fn range(&self) -> (f64, f64) {
        (self.base, self.height(CODE_MAX))
    }

    /// Writes a colour for each of `heights` (metres) into `rgb`, without its lowest `bits` bits, at most 16. What is beyond the
    /// ends is written as the ends are; what is not a number, as the base.
    pub fn encode(&self, heights: &[f32], bits: u8, rgb: &mut [u8]) {
        assert_eq!(heights.len() * 3, rgb.len(), "a colour for each height");
        let bits = bits.min(BITS_MAX);
        let low = self.sea() & ((1 << bits) - 1);
        let origin = self.height(low);
        let step = self.interval * f64::from(1u32 << bits);
        let max = f64::from((CODE_MAX - low) >> bits);
        for (&height, rgb) in heights.iter().zip(rgb.chunks_exact_mut(3)) {
            let steps = ((f64::from(height) - origin) / step).max(0.0).min(max);
            // Not negative: to cut off is to round down.
            let code = low + (((steps + 0.5) as u32) << bits);
            let [_, red, green, blue] = code.to_be_bytes();
            rgb.copy_from_slice(&[red, green, blue]);
        }
    }

    /// The height that a colour tells, in metres.
    pub fn decode(&self, rgb: [u8; 3]) -> f64 {
        let [red, green, blue] = rgb;
        self.height(u32::from_be_bytes([0, red, green, blue]))
    }

    fn height(&self, code: u32) -> f64 {
        self.base + self.interval * f64::from(code)
    }

    /// The code next to 0 m.
    fn sea(&self) -> u32 {
        (-self.base / self.interval)
            .round()
            .clamp(0.0, f64::from(CODE_MAX)) as u32
    }
}

/// A number of few digits, without the noise of its last bits.
fn short(value: f64) -> f64 {
    format!("{value:.3e}").parse().unwrap_or(value)
}

/// How many low bits heights do without, at which zoom.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Rounding {
    /// None: as finely as the encoding can.
    #[default]
    None,
    /// As many as turn no slope by more than 0.22 degrees, which depends on how large a pixel is.
    Auto,
    /// From each zoom on, a number of bits; in ascending order of zooms. Zooms below the first keep them all.
    FromZoom(Vec<(u8, u8)>),
}

impl Rounding {
    /// Reads `auto`, `none`, or numbers of bits: `5` for all zooms; `5,9:2,12:0` for 5 bits, from zoom 9 on 2, from zoom 12 on
    /// none.
    ///
    /// # Errors
    ///
    /// The first fault in the text.
    pub fn parse(text: &str) -> std::result::Result<Self, Fault> {
        match text.trim() {
            "auto" => return Ok(Self::Auto),
            "none" => return Ok(Self::None),
            _ => {}
        }
        let mut steps: Vec<(u8, u8)> = Vec::new();
        let mut column = 1;
        for part in text.split(',') {
            let (zoom, bits, at) = match part.split_once(':') {
                Some((zoom, bits)) => {
                    let number = number(zoom, column, 30, "a zoom")?;
                    (number, bits, column + zoom.chars().count() + 1)
                }
                None if steps.is_empty() && column == 1 => (0, part, column),
                None => {
                    let message = format!("{:?} without a zoom; expected zoom:bits", part.trim());
                    return Err(Fault::new(column, message));
                }
            };
            let bits = number(bits, at, BITS_MAX, "a number of bits")?;
            if steps.last().is_some_and(|&(before, _)| before >= zoom) {
                let message = format!("zoom {zoom} comes too late; expected ascending zooms");
                return Err(Fault::new(column, message));
            }
            steps.push((zoom, bits));
            column += part.chars().count() + 1;
        }
        Ok(Self::FromZoom(steps))
    }

    /// How many bits to do without at `zoom`, where pixels are `pixel_m` metres wide.
    pub fn bits(&self, encoding: &Encoding, zoom: u8, pixel_m: f64) -> u8 {
        match self {
            Self::None => 0,
            Self::Auto => {
                // Two neighbours, each off by half a step, in opposite directions.
                let step_max = pixel_m * SLOPE_ERROR;
                (0..BITS_MAX)
                    .take_while(|&bits| {
                        encoding.interval * f64::from(1u32 << (bits + 1)) <= step_max
                    })
                    .count() as u8
            }
            Self::FromZoom(steps) => steps
                .iter()
                .rev()
                .find(|&&(from, _)| from <= zoom)
                .map_or(0, |&(_, bits)| bits),
        }
    }
}

/// A whole number from 0 to `max`, found at `column`.
fn number(text: &str, column: usize, max: u8, what: &str) -> std::result::Result<u8, Fault> {
    let blanks = text.chars().take_while(|c| c.is_whitespace()).count();
    let digits = text.trim();
    let read = digits.bytes().all(|b| b.is_ascii_digit());
    match digits.parse::<u8>() {
        Ok(number) if read && number <= max => Ok(number),
        _ if digits.is_empty() => Err(Fault::new(
            column,
            format!("nothing; expected {what}, 0 to {max}"),
        )),
        _ => Err(Fault::new(
            column + blanks,
            format!("{digits:?}; expected {what}, 0 to {max}"),
        )),
    }
}

#[cfg(test)]
mod tests;
