//! What becomes of the values of a tile when it leaves the tree: [`Style`].
//!
//! ```text
//! base tiles:   heights → shade or slope
//! any tile:     values → expression → rescale → colour map → colour formula → picture
//!               heights → terrain encoding → picture
//! ```
//!
//! The tree carries values, so an overview is made of the means of what was measured, not of the means of colours. A
//! [`Step`] looks at one pixel at a time, and is done when a tile is shown; a [`Ground`] looks at neighbours, and is done
//! once, with the base. What both do depends on nothing but the pixels and what the whole job has in common.
//!
//! Absent here: files, threads, coordinates on the Earth.

pub mod colormap;
pub mod expression;
pub mod fault;
pub mod formula;
pub mod ground;
pub mod legend;
pub mod relief;
pub mod rescale;
mod step;
pub mod terrain;

use crate::error::Result;
use crate::raster::{Raster, SampleType};

use self::ground::Ground;
pub use self::step::{Heights, Step};

/// What pixels are made of: samples a pixel, and what they stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Form {
    /// Samples a pixel, the mask not counted.
    pub bands: usize,
    /// Of each.
    pub sample_type: SampleType,
}

/// All that is done with a tile. Without anything it is shown as it is.
#[derive(Debug, Clone, Default)]
pub struct Style {
    ground: Option<Ground>,
    steps: Vec<Step>,
}

impl Style {
    /// What is done with base tiles, if anything, and then with every tile, one step after the other; for values of the
    /// form `form`.
    ///
    /// # Errors
    /// [`Kind::Usage`](crate::error::Kind::Usage) when something cannot take what the one before it gives.
    pub fn new(ground: Option<Ground>, steps: Vec<Step>, form: Form) -> Result<Self> {
        let style = Self { ground, steps };
        style.form(form)?;
        Ok(style)
    }

    /// Whether there is nothing to do.
    pub fn is_plain(&self) -> bool {
        self.ground.is_none() && self.steps.is_empty()
    }

    /// What is done with base tiles.
    pub fn ground(&self) -> Option<&Ground> {
        self.ground.as_ref()
    }

    /// The steps, the first one first.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    fn heights(&self) -> Option<&Heights> {
        self.steps.iter().find_map(|step| match step {
            Step::Terrain(heights) => Some(&**heights),
            _ => None,
        })
    }

    /// Whether some heights so far were not within the range of their encoding.
    pub fn were_beyond(&self) -> bool {
        self.heights().is_some_and(Heights::were_beyond)
    }

    /// Says that some were: those of tiles that are there already.
    pub fn note_beyond(&self) {
        if let Some(heights) = self.heights() {
            heights.note_beyond();
        }
    }

    /// Whether the thread that calls has come by some since it asked the last time, or was told of some.
    pub fn take_beyond_here(&self) -> bool {
        Heights::take_beyond_here()
    }

    /// What the tree carries of values of the form `form`.
    ///
    /// # Errors
    /// As [`Style::new`].
    pub fn tree(&self, form: Form) -> Result<Form> {
        self.ground
            .as_ref()
            .map_or(Ok(form), |ground| ground.form(form))
    }

    /// What becomes of values of the form `form`.
    ///
    /// # Errors
    /// As [`Style::new`].
    pub fn form(&self, form: Form) -> Result<Form> {
        let tree = self.tree(form)?;
        let mut steps = self.steps.iter();
        steps.try_fold(tree, |form, step| step.form(form))
    }

    /// What two zooms have in common if the same pixels look the same in both.
    pub fn class(&self, z: u8) -> Option<u8> {
        self.steps.iter().find_map(|step| step.class(z))
    }

    /// What becomes of `raster`, a tile of zoom `z`; `None` if it stays as it is.
    pub fn apply(&self, z: u8, raster: &Raster) -> Option<Raster> {
        let (first, rest) = self.steps.split_first()?;
        let start = first.apply(z, raster);
        Some(
            rest.iter()
                .fold(start, |raster, step| step.apply(z, &raster)),
        )
    }
}
