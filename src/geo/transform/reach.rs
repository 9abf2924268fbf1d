//! [`Reach`]: the rectangle around a source in another system, as far as the source can be seen there.
//!
//! Most sources are regular: their outline says all. What is not is looked at inside as well: the Earth on a disc, of
//! which one side cannot be seen, and the Earth in a system that pulls it out to infinity, of which a part is left out.

use super::crs::{Crs, Projection};
use super::ways::{Way, Ways};
use super::{PixelGeoref, Placement, around, outline};
use crate::error::Result;
use crate::geo::bounds::Bounds;

/// How many times too large a system may show a place that still counts. Web Mercator's own edge is 11.6 times too large.
const MOST_STRETCHED: f64 = 12.0;

/// Points a side at which a source is looked at to see whether it is regular.
const FEW: usize = 9;

/// The same where it is not.
const MANY: usize = 129;

/// How often the way to the last place that can be seen is halved.
const HALVINGS: usize = 24;

/// How far from where it came from a place may come back, as a part of the source.
const ASTRAY: f64 = 1e-2;

/// A degree of a great circle, in metres.
const DEGREE_M: f64 = 111_195.0;

/// Ways of sources to one target, and what is known of that.
pub struct Reach {
    target: Crs,
    ways: Ways,
    to_lon_lat: Ways,
    /// None where the target is of another body, which has no degrees of ours.
    from_lon_lat: Option<Projection>,
    /// For what the target is made, in its coordinates.
    made_for: Option<Bounds>,
}

/// A source on its way to the target.
struct View<'a> {
    reach: &'a Reach,
    placement: &'a Placement,
    pixels: &'a PixelGeoref,
    way: &'a Way,
    lon_lat: Option<&'a Way>,
    /// Around the source in its own system.
    own: Bounds,
}

/// Places of a source, by column and row, and what became of each in the target.
struct Seen {
    xs: Vec<f64>,
    ys: Vec<f64>,
    /// Whether it has a place there that leads back, and is not stretched too much.
    visible: Vec<bool>,
    /// Whether any is stretched too much.
    stretched: bool,
}

impl Reach {
    /// Nothing asked yet.
    ///
    /// # Errors
    /// When PROJ's database cannot be found.
    pub fn to(target: &Crs) -> Result<Self> {
        let from_lon_lat = Projection::new(&Crs::lon_lat()?, target, None).ok();
        let area = target.area_of_use().filter(|_| !target.is_geographic());
        let made_for = area.and_then(|area| image(from_lon_lat.as_ref()?, &area));
        Ok(Self {
            target: target.clone(),
            ways: Ways::to(target),
            to_lon_lat: Ways::to_lon_lat()?,
            from_lon_lat,
            made_for,
        })
    }

    /// Whether the target is the source's own system.
    ///
    /// # Errors
    /// As [`Ways::way`].
    pub fn is_own(&mut self, placement: &Placement) -> Result<bool> {
        let way = self.ways.way(&placement.crs, None)?;
        Ok(way.to_target.is_identity())
    }

    /// The rectangle around the source. Where the target goes round the Earth it is in one piece, across the antimeridian if
    /// need be, from half a turn west of the middle on; that of a source of the target's own system is where that says it is.
    /// `None` when nothing of it can be seen there.
    ///
    /// # Errors
    /// As [`Ways::way`].
    pub fn bounds(&mut self, placement: &Placement) -> Result<Option<Bounds>> {
        let way = self.ways.way(&placement.crs, None)?;
        if let Some(own) = placement.bounds().filter(|_| way.to_target.is_identity()) {
            return Ok(Some(own));
        }
        let pixels = PixelGeoref::new(&placement.georef)?;
        let Some(own) = placement.bounds_on_the_way(&pixels) else {
            return Ok(None);
        };
        let lon_lat = self.to_lon_lat.way(&placement.crs, None).ok();
        let view = View {
            reach: self,
            placement,
            pixels: &pixels,
            way: &way,
            lon_lat: lon_lat.as_deref(),
            own,
        };
        let few = view.see(view.places(FEW));
        if few.visible.iter().all(|visible| *visible)
            && let Some(bounds) = view.regular(&few)
        {
            return Ok(Some(bounds));
        }
        Ok(view.irregular(few.stretched))
    }
}

impl View<'_> {
    /// A grid of places, `n` a side.
    fn places(&self, n: usize) -> Vec<(f64, f64)> {
        let step = |k: usize| k as f64 / (n - 1) as f64;
        let whole = self.placement.whole();
        (0..n * n)
            .map(|k| whole.at(step(k % n), step(k / n)))
            .collect()
    }

    fn see(&self, places: Vec<(f64, f64)>) -> Seen {
        let (mut xs, mut ys): (Vec<f64>, Vec<f64>) = places.into_iter().unzip();
        self.pixels.to_coordinates(&mut xs, &mut ys);
        let (from_xs, from_ys) = (xs.clone(), ys.clone());
        let (mut lons, mut lats) = (xs.clone(), ys.clone());
        if let Some(way) = self.lon_lat {
            way.to_target.apply(&mut lons, &mut lats);
        }
        self.way.to_target.apply(&mut xs, &mut ys);
        let (mut back_xs, mut back_ys) = (xs.clone(), ys.clone());
        self.way.to_source.apply(&mut back_xs, &mut back_ys);
        let stretched = self.stretched(&lons, &lats);
        let period = self.placement.crs.period();
        let visible = (0..xs.len()).map(|k| {
            let mut off = back_xs[k] - from_xs[k];
            off -= period.map_or(0.0, |period| (off / period).round() * period);
            // At a pole there is every longitude.
            let comes_back = lats[k].abs() > 89.9
                || off.abs() <= ASTRAY * self.own.width()
                    && (back_ys[k] - from_ys[k]).abs() <= ASTRAY * self.own.height();
            xs[k].is_finite() && comes_back && !stretched[k]
        });
        Seen {
            visible: visible.collect(),
            stretched: stretched.contains(&true),
            xs,
            ys,
        }
    }

    /// Which places are shown too large in the target, by the area of a small triangle.
    fn stretched(&self, lons: &[f64], lats: &[f64]) -> Vec<bool> {
        const STEP: f64 = 1e-4;
        let target = &self.reach.target;
        let way = match &self.reach.from_lon_lat {
            Some(way) if !target.is_geographic() && self.lon_lat.is_some() => way,
            _ => return vec![false; lons.len()],
        };
        let (mut xs, mut ys) = (Vec::new(), Vec::new());
        for (lon, lat) in lons.iter().zip(lats) {
            // Next to a pole, as the pole itself may have no place.
            let lat = lat.clamp(-89.9, 89.9);
            let east = lon + STEP / lat.to_radians().cos();
            let up = if lat > 0.0 { -STEP } else { STEP };
            xs.extend([*lon, east, *lon]);
            ys.extend([lat, lat, lat + up]);
        }
        way.apply(&mut xs, &mut ys);
        let most = MOST_STRETCHED * STEP * DEGREE_M / target.unit_m();
        let corners = xs.chunks_exact(3).zip(ys.chunks_exact(3));
        corners
            .map(|(x, y)| {
                let area = (x[1] - x[0]) * (y[2] - y[0]) - (x[2] - x[0]) * (y[1] - y[0]);
                area.abs() > most * most
            })
            .collect()
    }

    /// By the outline and a few places inside.
    fn regular(&self, few: &Seen) -> Option<Bounds> {
        let (mut xs, mut ys) = outline(&self.placement.whole());
        self.pixels.to_coordinates(&mut xs, &mut ys);
        self.way.to_target.apply(&mut xs, &mut ys);
        if xs.iter().any(|x| !x.is_finite()) {
            return None;
        }
        let Some(period) = self.reach.target.period() else {
            let edge = xs.into_iter().zip(ys);
            let inside = few.xs.iter().copied().zip(few.ys.iter().copied());
            return around(edge.chain(inside));
        };
        let mut last = xs[0];
        for x in &mut xs {
            *x -= ((*x - last) / period).round() * period;
            last = *x;
        }
        let mut bounds = around(xs.iter().copied().zip(ys))?;
        if (last - xs[0]).abs() > period / 2.0 {
            // Once round a pole: that must be looked at from inside.
            return None;
        }
        // Places inside are further up or down, but no further round.
        for y in &few.ys {
            (bounds.south, bounds.north) = (bounds.south.min(*y), bounds.north.max(*y));
        }
        Some(self.turned(bounds, period))
    }

    /// By many places inside, up to the last ones that can be seen.
    fn irregular(&self, stretched: bool) -> Option<Bounds> {
        let n = MANY;
        let places = self.places(n);
        let seen = self.see(places.clone());
        let mut found: Vec<(f64, f64)> = Vec::new();
        let mut ends = Vec::new();
        for k in (0..n * n).filter(|k| seen.visible[*k]) {
            found.push((seen.xs[k], seen.ys[k]));
            let beside = [
                (k % n > 0).then(|| k - 1),
                (k % n + 1 < n).then(|| k + 1),
                (k >= n).then(|| k - n),
                (k + n < n * n).then(|| k + n),
            ];
            let hidden = beside.into_iter().flatten().filter(|k| !seen.visible[*k]);
            ends.extend(hidden.map(|other| (places[k], places[other])));
        }
        found.extend(self.last_visible(ends));
        found.extend(self.poles());
        let bounds = match self.reach.target.period() {
            None => around(found.iter().copied())?,
            Some(period) => self.turned(round_the_earth(&found, period)?, period),
        };
        // Of a system that pulls the Earth out, the part that it is made for, if the source is there.
        let holds = |m: &Bounds| {
            found
                .iter()
                .any(|&(x, y)| (m.west..=m.east).contains(&x) && (m.south..=m.north).contains(&y))
        };
        let made_for = self.reach.made_for.filter(|_| stretched || seen.stretched);
        let part = made_for.filter(holds).and_then(|m| m.intersection(&bounds));
        Some(part.unwrap_or(bounds))
    }

    /// Between each pair, the first of which can be seen and the second not, the last place that can.
    fn last_visible(&self, mut ends: Vec<((f64, f64), (f64, f64))>) -> Vec<(f64, f64)> {
        let mut found = Vec::new();
        for _ in 0..HALVINGS {
            let middle =
                |((a, b), (c, d)): &((f64, f64), (f64, f64))| ((a + c) / 2.0, (b + d) / 2.0);
            let middles: Vec<(f64, f64)> = ends.iter().map(middle).collect();
            let seen = self.see(middles.clone());
            for (k, end) in ends.iter_mut().enumerate() {
                if seen.visible[k] {
                    end.0 = middles[k];
                    found.push((seen.xs[k], seen.ys[k]));
                } else {
                    end.1 = middles[k];
                }
            }
        }
        found
    }

    /// The poles that lie in the source, in the target; where that is geographic all longitudes of them.
    fn poles(&self) -> Vec<(f64, f64)> {
        let (Some(to_source), Some(to_target)) = (self.lon_lat, &self.reach.from_lon_lat) else {
            return Vec::new();
        };
        let (mut xs, mut ys) = ([0.0; 2], [90.0, -90.0]);
        to_source.to_source.apply(&mut xs, &mut ys);
        self.pixels.to_pixels(&mut xs, &mut ys);
        let (width, height) = (self.placement.width as f64, self.placement.height as f64);
        let mut found = Vec::new();
        for (k, pole) in [90.0, -90.0].into_iter().enumerate() {
            if !(0.0..=width).contains(&xs[k]) || !(0.0..=height).contains(&ys[k]) {
                continue;
            }
            let (mut xs, mut ys) = ([0.0], [pole]);
            to_target.apply(&mut xs, &mut ys);
            if self.reach.target.is_geographic() && ys[0].is_finite() {
                found.push((xs[0], ys[0]));
            }
        }
        found
    }

    /// `bounds` from half a turn west of the middle on; just one turn where they are as wide.
    fn turned(&self, bounds: Bounds, period: f64) -> Bounds {
        let half = self.reach.target.middle() - period / 2.0;
        let hair = period * 1e-9;
        if bounds.width() >= period - hair {
            return Bounds::new(half, bounds.south, half + period, bounds.north);
        }
        let turns = ((bounds.west - half + hair) / period).floor() * period;
        Bounds::new(
            bounds.west - turns,
            bounds.south,
            bounds.east - turns,
            bounds.north,
        )
    }
}

/// The rectangle around the image of `area`, which is in degrees.
fn image(from_lon_lat: &Projection, area: &Bounds) -> Option<Bounds> {
    /// Places a side: at whole degrees, for areas that go all round the Earth.
    const N: usize = 361;
    let width = (area.width()).rem_euclid(360.0);
    let width = if width == 0.0 { 360.0 } else { width };
    let step = |k: usize| k as f64 / (N - 1) as f64;
    let along = |k: usize| area.west + width * step(k);
    let edge = (0..N).flat_map(|k| [(along(k), area.south), (along(k), area.north)]);
    let up = |k: usize| area.south + area.height() * step(k);
    let inside =
        (0..N).flat_map(|k| [0, N / 4, N / 2, 3 * N / 4, N - 1].map(|i| (along(i), up(k))));
    let (mut xs, mut ys): (Vec<f64>, Vec<f64>) = edge.chain(inside).unzip();
    from_lon_lat.apply(&mut xs, &mut ys);
    around(xs.into_iter().zip(ys))
}

/// The rectangle around places, which leaves out the longest way round the Earth on which there is none.
fn round_the_earth(places: &[(f64, f64)], period: f64) -> Option<Bounds> {
    /// Places of a source all round the Earth are nearer than this part of it to the next.
    const GAP: f64 = 1.0 / 8.0;
    let all = around(places.iter().copied())?;
    let mut xs: Vec<f64> = places.iter().map(|p| p.0.rem_euclid(period)).collect();
    xs.sort_by(f64::total_cmp);
    let (first, last) = (*xs.first()?, *xs.last()?);
    let (mut gap, mut west, mut east) = (first + period - last, first, last);
    for pair in xs.windows(2) {
        if pair[1] - pair[0] > gap {
            gap = pair[1] - pair[0];
            (west, east) = (pair[1], pair[0] + period);
        }
    }
    if gap < GAP * period {
        east = west + period;
    }
    Some(Bounds::new(west, all.south, east, all.north))
}
