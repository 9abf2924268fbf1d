//! Rules: what becomes of a pixel where several sources lie over each other. One row of [`RULES`] each.
//!
//! A rule is fed the layers of a tile, one by one in paint order, each already in the tile's pixels. A pixel under mask 0
//! is no pixel: a transparent collar never hides, darkens or counts as anything.

pub mod blend;
mod extreme;
mod first;
mod mean;
mod median;
mod tally;

use crate::raster::{Raster, SampleType};

/// What becomes of a pixel that several sources have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rule {
    /// That of the first source that has one; where it covers in part, the next shines through.
    First,
    /// That of the last source that has one, likewise.
    Last,
    /// The smallest value of each band.
    Min,
    /// The largest value of each band.
    Max,
    /// The mean of each band, each source weighed by its mask.
    Mean,
    /// The median of each band; of an even number, the mean of the two in the middle.
    Median,
    /// How many sources have one: a single band.
    Count,
}

/// A tile in the making: all layers go in, one raster comes out.
pub trait Combine {
    /// Takes the next layer. All layers are alike in size, bands and type.
    fn feed(&mut self, layer: Raster);

    /// Whether no further layer can change anything, so that none need be read.
    fn done(&self) -> bool {
        false
    }

    /// The result; `None` when no layer had anything.
    fn finish(self: Box<Self>) -> Option<Raster>;
}

/// A rule, its name on the command line and how it starts.
pub struct Row {
    /// Which one.
    pub rule: Rule,
    /// Its name.
    pub name: &'static str,
    /// Says it to the user: "… wins", "the mean of all".
    pub told: &'static str,
    /// A tile without layers; the type is that of the result.
    start: fn(SampleType) -> Box<dyn Combine>,
}

/// Every rule there is. `last` is `first` over the layers in reverse: see [`Rule::reverses`].
pub const RULES: [Row; 7] = [
    Row {
        rule: Rule::First,
        name: "first",
        told: "first valid pixel wins",
        start: |_| Box::<first::First>::default(),
    },
    Row {
        rule: Rule::Last,
        name: "last",
        told: "last valid pixel wins",
        start: |_| Box::<first::First>::default(),
    },
    Row {
        rule: Rule::Min,
        name: "min",
        told: "smallest value wins",
        start: |_| Box::new(extreme::Extreme::new(extreme::Better::Smaller)),
    },
    Row {
        rule: Rule::Max,
        name: "max",
        told: "largest value wins",
        start: |_| Box::new(extreme::Extreme::new(extreme::Better::Larger)),
    },
    Row {
        rule: Rule::Mean,
        name: "mean",
        told: "mean of all",
        start: |_| Box::<mean::Mean>::default(),
    },
    Row {
        rule: Rule::Median,
        name: "median",
        told: "median of all",
        start: |_| Box::<median::Median>::default(),
    },
    Row {
        rule: Rule::Count,
        name: "count",
        told: "number of sources",
        start: |sample_type| Box::new(tally::Count::new(sample_type)),
    },
];

impl Rule {
    /// The rule of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        RULES
            .iter()
            .find(|row| row.name == name)
            .map(|row| row.rule)
    }

    /// This rule's row.
    pub fn row(self) -> &'static Row {
        RULES
            .iter()
            .find(|row| row.rule == self)
            .expect("every rule has a row")
    }

    /// Whether the layers are painted from the last to the first.
    pub fn reverses(self) -> bool {
        self == Self::Last
    }

    /// Whether only one source decides, so that which of two on one pixel grid does can be settled before they are resampled.
    pub fn takes_one(self) -> bool {
        matches!(self, Self::First | Self::Last)
    }

    /// A tile without layers, whose result will be of `sample_type`.
    pub fn start(self, sample_type: SampleType) -> Box<dyn Combine> {
        (self.row().start)(sample_type)
    }
}

#[cfg(test)]
mod tests;
