//! Relief from heights: shade and slope, as `gdaldem` has them (Horn's gradient, 1981).
//!
//! A pixel's gradient comes from its eight neighbours, so heights are given with one pixel more on every side, and there are no
//! seams. Where neighbours are missing, inside the mask's edge, they are thought of as going on straight: no line of holes
//! runs round the data. `gdaldem -compute_edges` does the same round a raster, but for its four corners.
//!
//! Metres per pixel are given row by row, as on a map in Web Mercator they get fewer towards the poles.
//!
//! Operations are exact or rounded as IEEE 754 wants it, in one order, so that results are the same on all processors. Angles come
//! from a polynomial of ours, not from the system's `atan`; only the sines and cosines of where the light is are the system's.

mod angle;
mod blend;
mod gradient;
mod shade;

use crate::error::{Error, Kind, Result};
use crate::raster::resample::{Work, compiled};

pub use self::blend::Blend;
use self::gradient::Gradients;

/// Heights, and one pixel more of them on every side.
#[derive(Debug, Clone, Copy)]
pub struct Ground<'a> {
    /// In metres, row by row from the north, `width + 2` by `height + 2` of them.
    pub heights: &'a [f32],
    /// 0 where there is no height.
    pub mask: &'a [u8],
    /// Of the inner part, in pixels.
    pub width: usize,
    /// Of the inner part, in pixels.
    pub height: usize,
    /// How wide and how high pixels are, in metres, for each row of the inner part.
    pub pixel_m: &'a [[f64; 2]],
}

/// What to make of heights.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Relief {
    /// Shade from 1 (dark) to 255.
    Hillshade(Hillshade),
    /// How steep it is.
    Slope(SlopeUnit),
}

/// What a slope is told in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlopeUnit {
    /// 0 to 90.
    Degrees,
    /// Rise by way, times 100.
    Percent,
}

/// How ground is lit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Light {
    /// By one light.
    Plain,
    /// By four, from 225, 270, 315 and 360 degrees, each by as much as the ground turns its side to it.
    Multidirectional,
    /// By one light, and steep ground is darker.
    Combined,
    /// Steep ground that faces away from the light is dark, flat ground white: for laying over other maps.
    Igor,
}

impl Light {
    /// The names of all of them.
    pub const NAMES: [(&'static str, Self); 4] = [
        ("plain", Self::Plain),
        ("multidirectional", Self::Multidirectional),
        ("combined", Self::Combined),
        ("igor", Self::Igor),
    ];

    /// The light of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::NAMES
            .iter()
            .find(|row| row.0 == name)
            .map(|row| row.1)
    }
}

/// Ground that is lit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hillshade {
    light: Light,
    azimuth: f64,
    altitude: f64,
    z_factor: f64,
}

impl Default for Hillshade {
    /// Plain light from the north-west, half-way up; heights as they are.
    fn default() -> Self {
        Self {
            light: Light::Plain,
            azimuth: 315.0,
            altitude: 45.0,
            z_factor: 1.0,
        }
    }
}

impl Hillshade {
    /// Light from `azimuth`, degrees clockwise from north, at `altitude`, degrees above the horizon, on heights times `z_factor`.
    /// Multidirectional light has azimuths of its own, Igor's has no altitude.
    ///
    /// # Errors
    ///
    /// If the azimuth is no number, the altitude not from 0 to 90, or the factor not above 0.
    pub fn new(light: Light, azimuth: f64, altitude: f64, z_factor: f64) -> Result<Self> {
        let usage = |message| Err(Error::new(Kind::Usage, message));
        if !azimuth.is_finite() {
            return usage(format!("an azimuth of {azimuth}; expected degrees"));
        }
        if !(0.0..=90.0).contains(&altitude) {
            return usage(format!(
                "an altitude of {altitude}; expected 0 to 90 degrees"
            ));
        }
        if !(z_factor.is_finite() && z_factor > 0.0) {
            return usage(format!(
                "a factor of {z_factor} for heights; expected more than 0"
            ));
        }
        Ok(Self {
            light,
            azimuth,
            altitude,
            z_factor,
        })
    }

    /// How light flat ground is, 1 to 255.
    pub fn flat(&self) -> f32 {
        let mut shade = [0.0];
        shade::hillshade(self, &[0.0], &[0.0], &mut shade);
        shade[0]
    }
}

impl Relief {
    /// Makes a value for each inner pixel, and its mask, which is that of its height. Values under an empty mask are 0. Shades are
    /// not rounded: [`to_bytes`] does that.
    pub fn apply(&self, ground: &Ground, out: &mut [f32], out_mask: &mut [u8]) {
        let Ground { width, height, .. } = *ground;
        let whole = (width + 2) * (height + 2);
        assert_eq!((ground.heights.len(), ground.mask.len()), (whole, whole));
        assert_eq!(
            (out.len(), out_mask.len()),
            (width * height, width * height)
        );
        assert_eq!(ground.pixel_m.len(), height, "a size for each row");
        if width == 0 {
            return;
        }
        let mut gradients = Gradients::new(width);
        let rows = out
            .chunks_exact_mut(width)
            .zip(out_mask.chunks_exact_mut(width));
        for (row, (out, out_mask)) in rows.enumerate() {
            let mask = &ground.mask[(row + 1) * (width + 2)..][1..=width];
            out_mask.copy_from_slice(mask);
            let (east, north) = gradients.of(ground, row, self.z_factor());
            match self {
                Self::Hillshade(hillshade) => shade::hillshade(hillshade, east, north, out),
                Self::Slope(unit) => shade::slope(*unit, east, north, out),
            }
            if mask.contains(&0) {
                for (value, &mask) in out.iter_mut().zip(mask) {
                    *value = if mask == 0 { 0.0 } else { *value };
                }
            }
        }
    }

    fn z_factor(&self) -> f64 {
        match self {
            Self::Hillshade(hillshade) => hillshade.z_factor,
            Self::Slope(_) => 1.0,
        }
    }
}

/// Shades as bytes, rounded as GDAL does it.
pub fn to_bytes(shades: &[f32], bytes: &mut [u8]) {
    assert_eq!(shades.len(), bytes.len());
    compiled(ToBytes { shades, bytes });
}

struct ToBytes<'a> {
    shades: &'a [f32],
    bytes: &'a mut [u8],
}

impl Work for ToBytes<'_> {
    #[inline(always)]
    fn run(self) {
        for (byte, &shade) in self.bytes.iter_mut().zip(self.shades) {
            // By way of 32 bits, for which there are vectors.
            *byte = (shade + 0.5).clamp(0.0, 255.0) as i32 as u8;
        }
    }
}

#[cfg(test)]
mod tests;
