//! The first pixel there is; `last` is the same with the layers turned round.

use super::Combine;
use crate::raster::Raster;

#[derive(Default)]
pub(super) struct First {
    canvas: Option<Raster>,
    done: bool,
}

impl Combine for First {
    fn feed(&mut self, layer: Raster) {
        match &mut self.canvas {
            Some(canvas) => canvas.paint_under(&layer, 0, 0),
            none => *none = Some(layer),
        }
        self.done = self.canvas.as_ref().is_some_and(Raster::is_opaque);
    }

    fn done(&self) -> bool {
        self.done
    }

    fn finish(self: Box<Self>) -> Option<Raster> {
        self.canvas
    }
}
