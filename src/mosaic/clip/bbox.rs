//! [`Bbox`]: a rectangle that the user types.

use std::fmt;

use super::Shapes;
use crate::error::{Error, Result};
use crate::geo::transform::crs::Crs;

/// West, south, east and north in some system. West > east crosses the antimeridian where there is one.
#[derive(Debug, Clone, PartialEq)]
pub struct Bbox {
    crs: Crs,
    sides: [f64; 4],
}

impl Bbox {
    /// The rectangle with these sides (west, south, east, north) in `crs`: degrees, metres, feet.
    ///
    /// # Errors
    /// [`Kind::Usage`](crate::error::Kind::Usage) for sides that enclose nothing, or are not on the Earth.
    pub fn new(sides: [f64; 4], crs: &Crs) -> Result<Self> {
        let bbox = Self {
            crs: crs.clone(),
            sides,
        };
        let refuse = |found: &str, expected: &str| {
            let sides = format!("{bbox} (west, south, east, north)");
            Err(Error::usage(format!(
                "--bbox {sides}: {found}; expected {expected}"
            )))
        };
        let in_degrees = |error: Error| {
            error.with_help("--bbox-crs names the system of coordinates that are no degrees")
        };
        let [west, south, east, north] = sides;
        if !sides.iter().all(|side| side.is_finite()) {
            return refuse("not all finite numbers", "finite ones");
        }
        if south >= north {
            return refuse("south is not below north", "south < north");
        }
        if west == east {
            return refuse("west is east", "a width");
        }
        let Some(period) = crs.period() else {
            if west > east {
                let why = format!("west < east in {}, which has no antimeridian", crs.name());
                return refuse("west is beyond east", &why);
            }
            return Ok(bbox);
        };
        // A hair: the widest box there is may be written out in decimals.
        if bbox.width() > period * (1.0 + 1e-9) {
            return refuse("more than once round the Earth", "at most that");
        }
        if crs.is_geographic() {
            let quarter = period / 4.0 * (1.0 + 1e-12);
            if south < -quarter || north > quarter {
                let found = "a latitude beyond the poles";
                return refuse(found, "-90 to 90 degrees").map_err(in_degrees);
            }
            if west.abs().max(east.abs()) > period * (1.0 + 1e-12) {
                let found = "a longitude beyond once round the Earth";
                return refuse(found, "-180 to 180 degrees").map_err(in_degrees);
            }
        }
        Ok(bbox)
    }

    /// From west to east, across the antimeridian if need be.
    fn width(&self) -> f64 {
        let [west, _, east, _] = self.sides;
        let turn = if west > east {
            self.crs.period().unwrap_or(0.0)
        } else {
            0.0
        };
        east + turn - west
    }

    pub(super) fn shapes(&self) -> Shapes {
        let [west, south, _, north] = self.sides;
        let east = west + self.width();
        let ring = vec![[west, south], [east, south], [east, north], [west, north]];
        Shapes {
            crs: self.crs.clone(),
            polygons: vec![vec![ring]],
        }
    }
}

impl fmt::Display for Bbox {
    /// `2.2,48.8,2.5,48.9`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sides = self.sides.map(|side| side.to_string());
        f.write_str(&sides.join(","))
    }
}
