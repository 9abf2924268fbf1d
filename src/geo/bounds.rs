//! [`Bounds`]: a rectangle in some coordinate system, west south east north.

/// A rectangle: `west <= east`, `south <= north`, in the units of whatever coordinate system it is said in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    /// Smallest x (longitude, easting).
    pub west: f64,
    /// Smallest y (latitude, northing).
    pub south: f64,
    /// Largest x.
    pub east: f64,
    /// Largest y.
    pub north: f64,
}

impl Bounds {
    /// A rectangle from its four sides.
    pub fn new(west: f64, south: f64, east: f64, north: f64) -> Self {
        Self {
            west,
            south,
            east,
            north,
        }
    }

    /// West, south, east and north.
    pub fn sides(&self) -> [f64; 4] {
        [self.west, self.south, self.east, self.north]
    }

    /// From west to east.
    pub fn width(&self) -> f64 {
        self.east - self.west
    }

    /// From south to north.
    pub fn height(&self) -> f64 {
        self.north - self.south
    }

    /// What both cover, if it has an area.
    pub fn intersection(&self, other: &Self) -> Option<Self> {
        let both = Self::new(
            self.west.max(other.west),
            self.south.max(other.south),
            self.east.min(other.east),
            self.north.min(other.north),
        );
        (both.west < both.east && both.south < both.north).then_some(both)
    }

    /// Whether both share an area.
    pub fn intersects(&self, other: &Self) -> bool {
        self.intersection(other).is_some()
    }

    /// The smallest rectangle around both.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self::new(
            self.west.min(other.west),
            self.south.min(other.south),
            self.east.max(other.east),
            self.north.max(other.north),
        )
    }
}
