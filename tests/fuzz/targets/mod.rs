//! What is fuzzed: a module for each target, whose `run` takes any bytes and panics where they lead to something that must not
//! be. `cargo fuzz` calls it without end (see `../Cargo.toml`), `cargo test` with the seeds (`../../seeds.rs`).
#![allow(dead_code, unreachable_pub)] // A crate of its own there, a module here.

mod container;
mod scratch;

pub mod answer;
pub mod checkpoint;
pub mod colormap;
pub mod cutline;
pub mod expression;
pub mod folder;
pub mod formula;
pub mod list;
pub mod mbtiles;
pub mod pmtiles;
pub mod png;
pub mod scheme;
pub mod state;
pub mod tiff;
pub mod tile;
