//! What becomes of values when a tile leaves the tree.

pub mod expression;
pub mod fault;
