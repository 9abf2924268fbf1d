//! The edge of a clip in a tile: [`Edge`].

use super::Job;
use crate::geo::bounds::Bounds;
use crate::geo::polygon::{Area, Touch};
use crate::raster::Raster;

/// How tiles are cut, and a buffer for it.
pub(super) struct Edge {
    /// Pixels a side, with the job's margin.
    size: usize,
    kind: Kind,
    mask: Vec<u8>,
}

#[derive(Clone, Copy)]
enum Kind {
    /// Each pixel by the part of it that lies inside.
    Smooth,
    /// Each pixel by its centre, whole or not at all: classes cannot be half there.
    Hard,
    /// From nothing at the edge to whole so many pixels inside.
    Feathered(f64),
}

impl Edge {
    pub(super) fn new(job: &Job) -> Self {
        let kind = if job.mosaic.is_palette() || job.resampling.keeps_values() {
            Kind::Hard
        } else if job.mosaic.feather_px() > 0.0 {
            Kind::Feathered(job.mosaic.feather_px())
        } else {
            Kind::Smooth
        };
        Self {
            size: job.tile_size_px + 2 * job.margin_px,
            kind,
            mask: Vec::new(),
        }
    }

    /// How the tile that covers `bounds` lies to the clip, with what its edge reaches.
    pub(super) fn touch(&self, area: &Area, bounds: &Bounds) -> Touch {
        let touch = area.touch(bounds);
        let Kind::Feathered(reach) = self.kind else {
            return touch;
        };
        let (x, y) = (
            reach * bounds.width() / self.size as f64,
            reach * bounds.height() / self.size as f64,
        );
        let around = Bounds::new(
            bounds.west - x,
            bounds.south - y,
            bounds.east + x,
            bounds.north + y,
        );
        if touch == Touch::Inside && area.touch(&around) != Touch::Inside {
            return Touch::Edge;
        }
        touch
    }

    /// What of `tile` is inside; `None` when that is nothing.
    pub(super) fn cut(&mut self, area: &Area, bounds: &Bounds, mut tile: Raster) -> Option<Raster> {
        let (size, mask) = (self.size, &mut self.mask);
        match self.kind {
            Kind::Smooth => area.coverage(bounds, size, size, mask),
            Kind::Hard => area.centres(bounds, size, size, mask),
            Kind::Feathered(reach) => area.ramp(bounds, size, size, reach, mask),
        }
        for (pixel, &inside) in tile.mask.iter_mut().zip(mask.iter()) {
            *pixel = ((u32::from(*pixel) * u32::from(inside) + 127) / 255) as u8;
        }
        tile.clear_hidden();
        (!tile.is_empty()).then_some(tile)
    }
}
