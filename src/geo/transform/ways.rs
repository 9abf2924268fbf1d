//! [`Ways`]: PROJ's ways from the systems of many sources to one target, each made once.
//!
//! To make one takes up to 15 ms and some 30 kB. A mosaic of thousands of files is in a handful of systems.

use std::collections::HashMap;
use std::rc::Rc;

use super::crs::{Crs, Projection};
use crate::error::Result;
use crate::geo::bounds::Bounds;

/// The way between a target system and that of a source. Belongs to the thread that made it.
pub struct Way {
    /// From the target to the source.
    pub to_source: Projection,
    /// From the source to the target.
    pub to_target: Projection,
}

/// Ways to one target, kept for as long as this lives, on one thread.
pub struct Ways {
    target: Crs,
    made: HashMap<(String, Option<[u64; 4]>), Rc<Way>>,
}

impl Ways {
    /// Ways to `target`, none of them made yet.
    pub fn to(target: &Crs) -> Self {
        Self {
            target: target.clone(),
            made: HashMap::new(),
        }
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
        let key = (source.wkt().to_owned(), bits);
        if let Some(way) = self.made.get(&key) {
            return Ok(Rc::clone(way));
        }
        let way = Rc::new(Way {
            to_source: Projection::new(&self.target, source, area)?,
            to_target: Projection::new(source, &self.target, area)?,
        });
        self.made.insert(key, Rc::clone(&way));
        Ok(way)
    }
}
