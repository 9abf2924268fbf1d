//! What was measured, a row each.

use std::path::Path;

use super::clock::{self, Cost};
use super::{Anything, scene};

/// One stage on one scene.
#[derive(serde::Serialize)]
pub(crate) struct Row {
    /// decode, warp, reduce, encode or write.
    pub(crate) stage: &'static str,
    pub(crate) scene: &'static str,
    /// The kernel, the format, the container.
    pub(crate) what: String,
    /// For as many pixels as a tile of 256 has.
    pub(crate) cpu_ms_per_tile: f64,
    pub(crate) wall_ms_per_tile: f64,
    /// By CPU time.
    pub(crate) mpx_per_s: f64,
    /// Of encoders.
    pub(crate) bytes_per_tile: Option<f64>,
}

/// All rows so far. Rows whose name lacks one of the words asked for are not measured.
pub(crate) struct Rows {
    words: Vec<String>,
    rows: Vec<Row>,
}

impl Rows {
    pub(crate) fn new(words: Vec<String>) -> Self {
        Self {
            words,
            rows: Vec::new(),
        }
    }

    /// Times `pass`, which works on `n_px` pixels and says how many bytes a tile has, if it makes bytes.
    pub(crate) fn measure(
        &mut self,
        stage: &'static str,
        scene: &'static str,
        what: &str,
        n_px: usize,
        mut pass: impl FnMut() -> Anything<Option<f64>>,
    ) -> Anything<()> {
        self.measure_each(stage, scene, what, n_px, || clock::once(&mut pass))
    }

    /// The same for a `pass` that times itself.
    pub(crate) fn measure_each(
        &mut self,
        stage: &'static str,
        scene: &'static str,
        what: &str,
        n_px: usize,
        mut pass: impl FnMut() -> Anything<(Option<f64>, Cost)>,
    ) -> Anything<()> {
        let name = format!("{stage} {scene} {what}");
        if !self.words.iter().all(|word| name.contains(word)) {
            return Ok(());
        }
        let mut bytes_per_tile = None;
        let cost = clock::repeated(|| {
            let (bytes, cost) = pass()?;
            bytes_per_tile = bytes;
            Ok(cost)
        })?;
        let n_tiles = n_px as f64 / (scene::TILE_PX * scene::TILE_PX) as f64;
        let row = Row {
            stage,
            scene,
            what: what.to_owned(),
            cpu_ms_per_tile: 1e3 * cost.cpu_s / n_tiles,
            wall_ms_per_tile: 1e3 * cost.wall_s / n_tiles,
            mpx_per_s: n_px as f64 / 1e6 / cost.cpu_s,
            bytes_per_tile,
        };
        row.show();
        self.rows.push(row);
        Ok(())
    }

    /// Writes all rows as JSON.
    pub(crate) fn save(&self, path: &Path) -> Anything<()> {
        Ok(std::fs::write(
            path,
            serde_json::to_string_pretty(&self.rows)?,
        )?)
    }
}

impl Row {
    /// A line of the table.
    fn show(&self) {
        let bytes = self
            .bytes_per_tile
            .map_or(String::new(), |n| format!("  {n:>7.0} bytes a tile"));
        println!(
            "{:<7} {:<8} {:<26} {:>9.4} ms a tile {:>8.1} Mpx/s{bytes}",
            self.stage, self.scene, self.what, self.cpu_ms_per_tile, self.mpx_per_s,
        );
    }
}
