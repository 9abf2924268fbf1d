//! What becomes of the values of a tile when it leaves the tree: [`Style`], a list of [`Step`]s.
//!
//! ```text
//! values → rescale → picture
//! ```
//!
//! The tree carries values, so an overview is made of the means of what was measured, not of the means of colours. A step
//! looks at one pixel at a time; what it does depends on nothing but that pixel and what the whole job has in common.
//!
//! Absent here: files, threads, coordinates on the Earth.

pub mod colormap;
pub mod expression;
pub mod fault;
pub mod formula;
pub mod legend;
pub mod relief;
pub mod rescale;
pub mod terrain;

use std::sync::Arc;

use self::rescale::Stretch;
use crate::error::{Error, Result};
use crate::raster::{Raster, SampleType};

/// One thing that is done with the pixels of a tile.
#[derive(Debug, Clone)]
pub enum Step {
    /// Values to bytes, each band by its own stretch.
    Rescale(Arc<[Stretch]>),
}

/// What pixels are made of: samples a pixel, and what they stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Form {
    /// Samples a pixel, the mask not counted.
    pub bands: usize,
    /// Of each.
    pub sample_type: SampleType,
}

/// All that is done with a tile, one step after the other. Without steps it is shown as it is.
#[derive(Debug, Clone, Default)]
pub struct Style {
    steps: Vec<Step>,
}

impl Style {
    /// The style of these steps, for pixels of the form `form`.
    ///
    /// # Errors
    /// [`Kind::Usage`](crate::error::Kind::Usage) when a step cannot take what the one before it gives.
    pub fn new(steps: Vec<Step>, form: Form) -> Result<Self> {
        let style = Self { steps };
        style.form(form)?;
        Ok(style)
    }

    /// Whether there is nothing to do.
    pub fn is_plain(&self) -> bool {
        self.steps.is_empty()
    }

    /// The steps, the first one first.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// What becomes of pixels of the form `form`.
    ///
    /// # Errors
    /// As [`Style::new`].
    pub fn form(&self, form: Form) -> Result<Form> {
        let mut steps = self.steps.iter();
        steps.try_fold(form, |form, step| step.form(form))
    }

    /// What two zooms have in common if the same pixels look the same in both.
    pub fn class(&self, _z: u8) -> Option<u8> {
        None
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

impl Step {
    fn form(&self, form: Form) -> Result<Form> {
        match self {
            Self::Rescale(stretches) => {
                if stretches.len() != form.bands {
                    return Err(Error::usage(format!(
                        "{} ranges for {} bands; expected one, or one for each",
                        stretches.len(),
                        form.bands
                    )));
                }
                Ok(Form {
                    sample_type: SampleType::U8,
                    ..form
                })
            }
        }
    }

    fn apply(&self, _z: u8, raster: &Raster) -> Raster {
        match self {
            Self::Rescale(stretches) => rescale::apply(stretches, raster),
        }
    }
}
