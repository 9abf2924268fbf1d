//! The list of blocks that could not be read.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use crate::source::Window;

/// A block that could not be read and was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hole {
    /// The source's name.
    pub source: Arc<str>,
    /// 0 is the full resolution, n the n-th overview.
    pub level: usize,
    /// The block, in pixels of that level.
    pub window: Window,
}

/// Every block once, however often it was tried.
#[derive(Default)]
pub(super) struct Holes {
    /// Source, level, row, column, height, width.
    places: BTreeSet<[usize; 6]>,
    /// By the source's number.
    names: std::collections::BTreeMap<usize, Arc<str>>,
}

impl Holes {
    pub(super) fn add(&mut self, source: u64, name: &str, level: usize, window: Window) {
        let source = source as usize;
        let Window {
            col,
            row,
            width,
            height,
        } = window;
        self.names.entry(source).or_insert_with(|| name.into());
        self.places.insert([source, level, row, col, height, width]);
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Sources that are bands of one file tell of the same block once.
    pub(super) fn list(&self) -> Vec<Hole> {
        let hole = |&[source, level, row, col, height, width]: &[usize; 6]| Hole {
            source: Arc::clone(&self.names[&source]),
            level,
            window: Window {
                col,
                row,
                width,
                height,
            },
        };
        let mut told = HashSet::new();
        let mut holes: Vec<Hole> = self.places.iter().map(hole).collect();
        holes.retain(|hole| told.insert((Arc::clone(&hole.source), hole.level, hole.window)));
        holes
    }
}
