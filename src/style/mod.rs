//! What becomes of values when a tile leaves the tree.

pub mod fault;
pub mod formula;
pub mod relief;
pub mod terrain;
