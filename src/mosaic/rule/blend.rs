//! The first pixel there is, with soft seams: what lies above fades out towards its own edge where something lies below.

use crate::raster::Raster;
use crate::raster::depth::depths;

/// A tile whose layers are blended where they meet. Where nothing lies below a layer its edge stays as it is.
#[derive(Default)]
pub struct Blend {
    /// The colours so far; the mask says how far each layer has faded out.
    shown: Option<Raster>,
    /// The mask as it is without fading.
    whole: Vec<u8>,
    done: bool,
}

impl Blend {
    /// Takes the next layer: the tile with `margin` more pixels on each side, at least as many as the seam is wide, `reach_px`.
    pub fn feed(&mut self, layer: &Raster, margin: usize, reach_px: f64) {
        let (outer, size) = (layer.width(), layer.width() - 2 * margin);
        let depths = depths(&layer.mask, outer);
        let mut tile = layer.crop(margin, margin, size, layer.height() - 2 * margin);
        self.whole.resize(tile.mask.len(), 0);
        for (k, mask) in tile.mask.iter_mut().enumerate() {
            let (above, below) = (u32::from(self.whole[k]), u32::from(*mask));
            self.whole[k] = (above + (below * (255 - above) + 127) / 255) as u8;
            if *mask > 0 {
                let depth = depths[(k / size + margin) * outer + k % size + margin];
                let faded = f64::from(*mask) * (depth / reach_px).min(1.0);
                // Never nothing: there may be nothing else.
                *mask = (faded + 0.5).max(1.0) as u8;
            }
        }
        match &mut self.shown {
            Some(shown) => shown.paint_under(&tile, 0, 0),
            none => *none = Some(tile),
        }
        self.done = self.shown.as_ref().is_some_and(Raster::is_opaque);
    }

    /// Whether no further layer can change anything.
    pub fn done(&self) -> bool {
        self.done
    }

    /// The result; `None` when no layer had anything.
    pub fn finish(self) -> Option<Raster> {
        let mut shown = self.shown?;
        shown.mask = self.whole;
        (!shown.is_empty()).then_some(shown)
    }
}
