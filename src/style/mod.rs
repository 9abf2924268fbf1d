//! What becomes of values when a tile leaves the tree.

pub mod colormap;
pub mod legend;
