//! [`Ways`]: PROJ's ways from the systems of many sources to one target, each made once.
//!
//! To make one takes up to 15 ms and some 30 kB. A mosaic of thousands of files is in a handful of systems.

use std::collections::HashMap;
use std::rc::Rc;

use super::Placement;
use super::crs::{Crs, Projection};
use crate::error::Result;
use crate::geo::bounds::Bounds;

/// A part of a turn round the Earth that is rounding.
const SLACK: f64 = 1e-6;

/// Of a source round the Earth, in an extent that goes round it: more are in nobody's data.
const MOST_TURNS: f64 = 16.0;

/// The way between a target system and that of a source. Belongs to the thread that made it.
pub struct Way {
    /// From the target to the source.
    pub to_source: Projection,
    /// From the source to the target.
    pub to_target: Projection,
    /// How far along x the target repeats itself, and its middle; only where coordinates may be beyond half a turn from there.
    round: Option<(f64, f64)>,
}

impl Way {
    /// Coordinates of the target to those of the source, in place. NaN where there is no image.
    pub fn apply_to_source(&self, xs: &mut [f64], ys: &mut [f64]) {
        // Between the same systems a place beyond half a turn is met by the source taken round the Earth: see [`Ways::turns`].
        if let Some((period, middle)) = self.round.filter(|_| !self.to_source.is_identity()) {
            for x in xs.iter_mut() {
                let off = *x - middle;
                if off.abs() > period / 2.0 {
                    *x -= (off / period).round() * period;
                }
            }
        }
        self.to_source.apply(xs, ys);
    }
}

/// Ways to one target, kept for as long as this lives, on one thread.
pub struct Ways {
    target: Crs,
    /// What matters of the target, if that is beyond half a turn round the Earth.
    beyond: Option<Bounds>,
    made: HashMap<(String, Option<[u64; 4]>), Rc<Way>>,
}

impl Ways {
    /// Ways to `target`, none of them made yet.
    pub fn to(target: &Crs) -> Self {
        Self {
            target: target.clone(),
            beyond: None,
            made: HashMap::new(),
        }
    }

    /// Ways to the part of `target` in `extent`. That may lie further along x than PROJ gives coordinates, as longitudes of
    /// 170 to 190: what is there is what is there on the Earth.
    pub fn within(target: &Crs, extent: &Bounds) -> Self {
        let beyond = target.period().filter(|period| {
            let half = period / 2.0 * (1.0 + SLACK);
            extent.west < target.middle() - half || extent.east > target.middle() + half
        });
        Self {
            beyond: beyond.map(|_| *extent),
            ..Self::to(target)
        }
    }

    /// Whether the extent of the target is beyond half a turn round the Earth.
    pub fn go_beyond(&self) -> bool {
        self.beyond.is_some()
    }

    /// How often, and which way, a source must be taken round the Earth so that every part of it is met: see
    /// [`turns`](super::turns). In its own system, beyond half a turn, it is met as often as it lies in the extent.
    ///
    /// # Errors
    /// As [`Ways::way`].
    pub fn turns(&mut self, placement: &Placement) -> Result<Vec<i32>> {
        let (Some(extent), Some(period)) = (self.beyond, self.target.period()) else {
            return Ok(super::turns(placement));
        };
        let Some(own) = placement.bounds_with_gcps() else {
            return Ok(super::turns(placement));
        };
        if !self.way(&placement.crs, None)?.to_source.is_identity() {
            return Ok(super::turns(placement));
        }
        let slack = own.width() / placement.width.max(1) as f64 * 1e-3;
        let first = ((own.west + slack - extent.east) / period).ceil();
        let last = ((own.east - slack - extent.west) / period).floor();
        if !first.is_finite() || !last.is_finite() || last - first > MOST_TURNS {
            return Ok(super::turns(placement));
        }
        Ok((first as i32..=last as i32).collect())
    }

    /// Ways to longitude and latitude in degrees on WGS 84.
    ///
    /// # Errors
    /// When PROJ's database cannot be found.
    pub fn to_lon_lat() -> Result<Self> {
        Ok(Self::to(&Crs::lon_lat()?))
    }

    /// The way between the target and `source`. PROJ chooses among datum shifts the one that is best for `area` (west, south,
    /// east, north in degrees; west > east crosses the antimeridian).
    ///
    /// # Errors
    /// As [`Projection::new`].
    pub fn way(&mut self, source: &Crs, area: Option<Bounds>) -> Result<Rc<Way>> {
        let area = area.filter(|b| b.south >= -90.0 && b.north <= 90.0);
        let bits = area.map(|b| [b.west, b.south, b.east, b.north].map(f64::to_bits));
        let key = (source.id().into_owned(), bits);
        if let Some(way) = self.made.get(&key) {
            return Ok(Rc::clone(way));
        }
        let way = Rc::new(Way {
            to_source: Projection::new(&self.target, source, area)?,
            to_target: Projection::new(source, &self.target, area)?,
            round: self
                .beyond
                .and(self.target.period())
                .map(|period| (period, self.target.middle())),
        });
        self.made.insert(key, Rc::clone(&way));
        Ok(way)
    }
}
