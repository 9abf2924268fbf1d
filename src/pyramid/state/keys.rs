//! [`Keys`]: what the pixels of a shard are made of, as a number that is another one when any of it is.
//!
//! That is, for each layer that meets the shard, in paint order: how its pixels lie (its geotransform, and where PROJ puts places all
//! over the shard), how it can be read (its overviews, its mask), and which sources it is made of there; and which tiles the
//! shard has at all. Options, versions and all else that is the same for all shards is not in it.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

use super::super::plan::Plan;
use super::{Sum, cut, tiles_below};
use crate::error::Result;
use crate::geo::bounds::Bounds;
use crate::geo::layout::Place;
use crate::geo::tile::TileCoord;
use crate::geo::transform::ways::Ways;
use crate::geo::transform::{Georef, PixelRect, PixelTransform};
use crate::mosaic::Mosaic;
use crate::render::{Job, make_transform, seam_px};

/// Places along a side of a shard that PROJ is asked for. Where it would choose another way to a source, they differ.
const PROBES: usize = 9;

/// Makes keys; each thread has one of these.
pub(in crate::pyramid) struct Keys<'a> {
    plan: &'a Plan,
    mosaic: &'a Mosaic,
    identities: &'a [Sum],
    /// What all is cut to.
    clip: Sum,
    ways: Ways,
    transforms: HashMap<Place, PixelTransform>,
}

/// Columns and rows of a source, from and to.
struct Span {
    cols: (f64, f64),
    rows: (f64, f64),
}

impl<'a> Keys<'a> {
    /// Keys of shards of `plan`, made of `mosaic`, whose sources have these `identities`.
    pub(in crate::pyramid) fn new(
        plan: &'a Plan,
        mosaic: &'a Mosaic,
        identities: &'a [Sum],
    ) -> Self {
        let mut clip = Sha256::new();
        if let Some(area) = plan.layout.clip() {
            area.visit(|place| put(&mut clip, place.map(f64::to_bits)));
        }
        Self {
            plan,
            mosaic,
            identities,
            clip: cut(&clip.finalize().into()),
            ways: Ways::to(&plan.crs),
            transforms: HashMap::new(),
        }
    }

    /// The key of the shard below `root`.
    ///
    /// # Errors
    /// When PROJ knows no way to a source.
    pub(in crate::pyramid) fn key(&mut self, root: TileCoord) -> Result<Sum> {
        let (plan, mosaic) = (self.plan, self.mosaic);
        let mut sum = Sha256::new();
        sum.update(self.clip);
        for tile in tiles_below(plan, root) {
            put(
                &mut sum,
                [tile.z().into(), tile.x().into(), tile.y().into()],
            );
        }
        let (bounds, margin_px) = self.seen(root);
        let mut places = Vec::new();
        plan.layout.meeting(&bounds, &mut places);
        let job = plan.job(mosaic);
        for parts in places.chunk_by(|a, b| a.layer == b.layer) {
            put(&mut sum, [u64::MAX, parts.len() as u64]);
            self.put_layer(&mut sum, parts[0].layer);
            for &place in parts {
                self.put_part(&mut sum, &job, place, (&bounds, margin_px))?;
            }
        }
        Ok(cut(&sum.finalize().into()))
    }

    /// What is looked at for the shard below `root`: its bounds and a little more. Pixels of the highest zoom across it, too.
    fn seen(&self, root: TileCoord) -> (Bounds, f64) {
        let plan = self.plan;
        let bounds = plan.scheme.bounds(root);
        let size_px = plan.shape.tile_size_px;
        let pixel = plan.scheme.resolution(plan.zoom_max, size_px as u32);
        let seam = if self.mosaic.blends() {
            seam_px(self.mosaic.feather_px())
        } else {
            0
        };
        // One more for what rounding may do.
        let margin = pixel * (plan.margin_px() + seam + 1) as f64;
        let grown = Bounds::new(
            bounds.west - margin,
            bounds.south - margin,
            bounds.east + margin,
            bounds.north + margin,
        );
        (grown, grown.width() / pixel)
    }

    /// What a layer is, wherever.
    fn put_layer(&self, sum: &mut Sha256, layer: usize) {
        let info = self.mosaic.layers()[layer].info();
        let placement = &info.placement;
        sum.update(&*placement.crs.id());
        match &placement.georef {
            Georef::Affine(affine) => put(sum, affine.0.map(f64::to_bits)),
            Georef::Gcps(points) => {
                // They bend all of it.
                sum.update(format!("{points:?}"));
                put(sum, [placement.width as u64, placement.height as u64]);
            }
        }
        let about = (info.mask, info.palette, info.bands, info.sample_type);
        sum.update(format!("{about:?}"));
        let full = (placement.width as f64, placement.height as f64);
        for level in &info.levels {
            let share = [level.width as f64 / full.0, level.height as f64 / full.1];
            put(sum, share.map(f64::to_bits));
        }
    }

    /// Where the part at `place` of a layer lies in `bounds`, which are so many pixels wide, and what it is made of there.
    fn put_part(
        &mut self,
        sum: &mut Sha256,
        job: &Job,
        place: Place,
        (bounds, across_px): (&Bounds, f64),
    ) -> Result<()> {
        let transform = match self.transforms.get(&place) {
            Some(made) => made,
            None => {
                let made = make_transform(job, &mut self.ways, place)?;
                self.transforms.entry(place).or_insert(made)
            }
        };
        let (cols, rows) = probed(transform, bounds);
        let info = self.mosaic.layers()[place.layer].info();
        let (width, height) = (info.placement.width, info.placement.height);
        let closes = transform.closes(width);
        for (col, row) in cols.iter().zip(&rows) {
            put(sum, [col.to_bits(), row.to_bits()]);
        }
        let span = self.span((&cols, &rows), across_px);
        let within = |(low, high): (f64, f64), size: usize| low > 0.0 && high < size as f64;
        let inside = span
            .as_ref()
            .is_some_and(|span| within(span.cols, width) && within(span.rows, height));
        if !inside {
            put(sum, [width as u64, height as u64]);
        }
        put(sum, [u64::from(inside), u64::from(closes)]);
        for (source, rects) in self.mosaic.members(place.layer) {
            let shows = |rect: &PixelRect| span.as_ref().is_none_or(|span| span.meets(rect));
            if rects.iter().any(shows) {
                sum.update(self.identities[source]);
                for rect in &rects {
                    let rect = [rect.col, rect.row, rect.width, rect.height];
                    put(sum, rect.map(|v| v as u64));
                }
            }
        }
        Ok(())
    }

    /// What is read of a source of which these are places, at most; `None` where it may be anything.
    fn span(&self, (cols, rows): (&[f64], &[f64]), across_px: f64) -> Option<Span> {
        let step_px = across_px / (PROBES - 1) as f64;
        // How much a pixel of a tile shrinks the source, at most.
        let scale = longest_step(cols).max(longest_step(rows)) / step_px;
        if !scale.is_finite() {
            return None;
        }
        let scale = scale.max(1.0);
        // A level that is read is up to as coarse as the tile: its outermost pixel is so much wider.
        let reach = self.plan.resampling.reach(scale) + 2.0 * scale + 1.0;
        let range = |values: &[f64]| {
            let more = bulge(values) + reach;
            let low = values.iter().copied().fold(f64::INFINITY, f64::min);
            let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            (low - more, high + more)
        };
        Some(Span {
            cols: range(cols),
            rows: range(rows),
        })
    }
}

/// The longest step from a probe to one beside or below it; infinite where one is nowhere.
fn longest_step(values: &[f64]) -> f64 {
    let step = |k: usize, next: usize| (values[next] - values[k]).abs();
    let steps = (0..PROBES * PROBES).flat_map(|k| {
        let beside = (k % PROBES + 1 < PROBES).then(|| step(k, k + 1));
        let below = (k / PROBES + 1 < PROBES).then(|| step(k, k + PROBES));
        [beside, below].into_iter().flatten()
    });
    steps.fold(0.0, |all, step| {
        if step.is_finite() {
            f64::max(all, step)
        } else {
            f64::INFINITY
        }
    })
}

/// How far places between the probes may lie beyond them: a curve bulges by an eighth of how much its steps differ. Four times
/// that, as it may bend more between two probes than at them.
fn bulge(values: &[f64]) -> f64 {
    let bend = |k: usize, by: usize| (values[k - by] - 2.0 * values[k] + values[k + by]).abs();
    let inner = |v: usize| v > 0 && v + 1 < PROBES;
    let bends = (0..PROBES * PROBES).flat_map(|k| {
        let across = inner(k % PROBES).then(|| bend(k, 1));
        let down = inner(k / PROBES).then(|| bend(k, PROBES));
        [across, down].into_iter().flatten()
    });
    bends.fold(0.0, f64::max) / 2.0
}

impl Span {
    fn meets(&self, rect: &PixelRect) -> bool {
        let meets = |(low, high): (f64, f64), from: usize, size: usize| {
            low < (from + size) as f64 && high > from as f64
        };
        meets(self.cols, rect.col, rect.width) && meets(self.rows, rect.row, rect.height)
    }
}

/// Where places all over `bounds` lie in the source.
fn probed(transform: &PixelTransform, bounds: &Bounds) -> (Vec<f64>, Vec<f64>) {
    let at = |k: usize| k as f64 / (PROBES - 1) as f64;
    let (mut xs, mut ys) = (Vec::new(), Vec::new());
    for k in 0..PROBES * PROBES {
        xs.push(bounds.west + bounds.width() * at(k % PROBES));
        ys.push(bounds.north - bounds.height() * at(k / PROBES));
    }
    transform.to_source(&mut xs, &mut ys);
    (xs, ys)
}

fn put<const N: usize>(sum: &mut Sha256, numbers: [u64; N]) {
    for number in numbers {
        sum.update(number.to_le_bytes());
    }
}
