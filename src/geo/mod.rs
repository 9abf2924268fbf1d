//! Where things are: bounds, tiles, schemes, and how one coordinate system is told in another.
//!
//! Absent here: pixels and files (but for a tile matrix set that the user names).

pub mod affine;
pub mod bounds;
pub mod changes;
pub mod cover;
pub mod index;
pub mod layout;
pub mod polygon;
pub mod scheme;
pub mod tile;
pub mod transform;
