//! [`Layout`]: where all layers of a mosaic lie in a scheme, and which of them meet a tile.

use super::bounds::Bounds;
use super::cover::Footprint;
use super::index::Index;
use super::polygon::{Area, Touch};

/// Footprints of layers, in paint order, with an index over their rectangles.
pub struct Layout {
    footprints: Vec<Option<Footprint>>,
    areas: Vec<Option<Bounds>>,
    boxes: Vec<Bounds>,
    index: Index,
    /// The layer and the part that each rectangle of the index is of.
    owners: Vec<Place>,
    clip: Option<Area>,
    extent: Option<Bounds>,
}

/// A part of a layer's footprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Of the layer, in paint order.
    pub layer: usize,
    /// In the layer's footprint.
    pub part: usize,
}

impl Layout {
    /// A layout of layers in paint order; `None` for one that does not meet the scheme. `areas` are those by which PROJ chose
    /// the way to each.
    pub fn new(footprints: Vec<Option<Footprint>>, areas: Vec<Option<Bounds>>) -> Self {
        debug_assert_eq!(footprints.len(), areas.len());
        let (mut boxes, mut owners) = (Vec::new(), Vec::new());
        for (layer, footprint) in footprints.iter().enumerate() {
            for (part, found) in footprint.iter().flat_map(|f| &f.parts).enumerate() {
                boxes.extend_from_slice(&found.boxes);
                owners.resize(boxes.len(), Place { layer, part });
            }
        }
        Self {
            footprints,
            areas,
            index: Index::new(&boxes),
            boxes,
            owners,
            clip: None,
            extent: None,
        }
    }

    /// The same for what lies in `extent`, where that may be beyond half a turn round the Earth.
    #[must_use]
    pub fn within(self, extent: Bounds) -> Self {
        Self {
            extent: Some(extent),
            ..self
        }
    }

    /// What the layout is for, where that may be beyond half a turn round the Earth.
    pub fn extent(&self) -> Option<&Bounds> {
        self.extent.as_ref()
    }

    /// The layout of what of the layers lies in `area`: rectangles of layers that it does not touch count no more.
    #[must_use]
    pub fn clipped(self, area: Area) -> Self {
        let mut footprints = self.footprints;
        for footprint in &mut footprints {
            let Some(found) = footprint else { continue };
            for part in &mut found.parts {
                part.boxes.retain(|b| area.touch(b) != Touch::Outside);
            }
            // Parts keep their numbers; a layer without any rectangle does not meet the scheme.
            if found.boxes().next().is_none() {
                *footprint = None;
            }
        }
        Self {
            clip: Some(area),
            extent: self.extent,
            ..Self::new(footprints, self.areas)
        }
    }

    /// What all layers are cut to.
    pub fn clip(&self) -> Option<&Area> {
        self.clip.as_ref()
    }

    /// The footprint of each layer.
    pub fn footprints(&self) -> &[Option<Footprint>] {
        &self.footprints
    }

    /// The area by which PROJ chooses the way to a layer.
    pub fn area(&self, layer: usize) -> Option<Bounds> {
        self.areas[layer]
    }

    /// The parts of layers that may show in `bounds`, in paint order, into `found`.
    pub fn meeting(&self, bounds: &Bounds, found: &mut Vec<Place>) {
        found.clear();
        self.index.visit(bounds, |k| {
            // The index takes a common edge for a meeting.
            if self.boxes[k].intersects(bounds) {
                found.push(self.owners[k]);
            }
            true
        });
        found.sort_unstable();
        found.dedup();
    }
}
