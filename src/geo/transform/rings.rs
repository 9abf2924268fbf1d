//! [`Rings`]: rings of polygons told in another system, as curved as they are there.
//!
//! An edge is straight in the system of the polygon. It is cut in four where what lies between does not lie on the straight
//! line between the images of its ends, and the pieces again. Where the target goes round the Earth a ring is followed
//! without a jump, closed by way of the pole when it encloses one, and repeated on each turn that meets the target's
//! extent.

use super::crs::{Crs, Projection};
use crate::error::Result;
use crate::geo::bounds::Bounds;
use crate::geo::polygon::Place;

/// How often an edge is cut in four, at most: into a quarter of a million pieces.
const DEEPEST: usize = 9;

/// Places to which a ring may grow before it is left as it is.
const MOST_PLACES: usize = 4_000_000;

/// What rings are told in.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// The system.
    pub crs: &'a Crs,
    /// What matters of it: rings are exact within, and may be cut off a little beyond.
    pub extent: Bounds,
    /// How far a ring may stray from the truth, in units of the system.
    pub tolerance: f64,
}

/// The way of rings from one system to another.
pub struct Rings<'a> {
    target: Target<'a>,
    to_target: Projection,
    /// How far along x the Earth repeats itself, in the source.
    source_period: Option<f64>,
    /// The same in the target.
    period: Option<f64>,
    /// What of the source has a place in the target's extent, or more; sides may be infinite.
    window: Bounds,
    /// The north and the south pole in the source, where a ring may enclose them.
    poles: [Option<Place>; 2],
}

/// A place of a ring, here and there; NaN there when it has no image.
#[derive(Debug, Clone, Copy)]
struct Spot {
    at: Place,
    image: Place,
}

const EVERYWHERE: Bounds = Bounds {
    west: f64::NEG_INFINITY,
    south: f64::NEG_INFINITY,
    east: f64::INFINITY,
    north: f64::INFINITY,
};

impl<'a> Rings<'a> {
    /// The way of rings within `around`, in `from`, to `target`.
    ///
    /// # Errors
    /// When PROJ knows no way between the two systems.
    pub fn new(from: &Crs, around: &Bounds, target: Target<'a>) -> Result<Self> {
        let lon_lat = Crs::lon_lat()?;
        let area = Projection::new(from, &lon_lat, None)?.apply_to_bounds(around);
        // Longitudes beyond 180 degrees are none that PROJ takes for an area.
        let area = area.filter(|a| a.west >= -180.0 && a.east <= 180.0);
        let to_target = Projection::new(from, target.crs, area)?;
        let (source_period, period) = (from.period(), target.crs.period());
        let to_source = Projection::new(target.crs, from, area)?;
        let window = match (period, source_period) {
            (Some(_), Some(_)) => band(&to_source, &target),
            (Some(_), None) => EVERYWHERE,
            (None, _) => seen(&to_source, &target.extent, source_period),
        };
        let poles = if period.is_some() && source_period.is_none() {
            let (mut xs, mut ys) = ([0.0, 0.0], [90.0, -90.0]);
            Projection::new(&lon_lat, from, area)?.apply(&mut xs, &mut ys);
            [0, 1].map(|k: usize| xs[k].is_finite().then_some([xs[k], ys[k]]))
        } else {
            [None, None]
        };
        Ok(Self {
            target,
            to_target,
            source_period,
            period,
            window,
            poles,
        })
    }

    /// What becomes of a ring: one ring, or several where it is cut off beyond the extent; none when it is not near it. Each
    /// in one piece, perhaps beyond the extent.
    pub fn images(&self, ring: &[Place]) -> Vec<Vec<Place>> {
        let mut ring: Vec<Place> = ring.to_vec();
        ring.retain(|[x, y]| x.is_finite() && y.is_finite());
        let pieces = self.within_window(&ring);
        pieces
            .iter()
            .filter_map(|piece| self.image(piece))
            .collect()
    }

    /// `image` on every turn round the Earth on which it meets the extent, or nearly does.
    pub fn turns(&self, image: Vec<Place>) -> Vec<Vec<Place>> {
        let (Some(around), extent) = (around(&image), &self.target.extent) else {
            return Vec::new();
        };
        // What lies next to the extent counts, too: then what goes on across the antimeridian has no edge there.
        let (x, y) = (extent.width() / 16.0, extent.height() / 16.0);
        let meets = |shift: f64| {
            around.east + shift > extent.west - x
                && around.west + shift < extent.east + x
                && around.north > extent.south - y
                && around.south < extent.north + y
        };
        let Some(period) = self.period else {
            return if meets(0.0) { vec![image] } else { Vec::new() };
        };
        let first = ((extent.west - around.east) / period).ceil() as i64 - 1;
        let last = ((extent.east - around.west) / period).floor() as i64 + 1;
        (first..=last)
            .map(|turn| turn as f64 * period)
            .filter(|&shift| meets(shift))
            .map(|shift| image.iter().map(|&[x, y]| [x + shift, y]).collect())
            .collect()
    }

    /// `ring` cut to the window; where the source goes round the Earth, to the window on every turn.
    fn within_window(&self, ring: &[Place]) -> Vec<Vec<Place>> {
        let (window, Some(around)) = (&self.window, around(ring)) else {
            return Vec::new();
        };
        let shifts: Vec<f64> = match self.source_period.filter(|_| window.west.is_finite()) {
            None => vec![0.0],
            Some(period) => {
                let first = ((around.west - window.east) / period).floor() as i64;
                let last = ((around.east - window.west) / period).ceil() as i64;
                (first..=last).map(|turn| turn as f64 * period).collect()
            }
        };
        let on_turn = |shift: f64| {
            let window = Bounds::new(
                window.west + shift,
                window.south,
                window.east + shift,
                window.north,
            );
            cut(ring, &window)
        };
        let pieces = shifts.into_iter().map(on_turn);
        pieces.filter(|piece| piece.len() > 2).collect()
    }

    fn image(&self, ring: &[Place]) -> Option<Vec<Place>> {
        let spots = self.refined(ring);
        let mut image: Vec<Place> = Vec::with_capacity(spots.len() + 2);
        for [x, y] in spots.iter().map(|spot| spot.image) {
            if !x.is_finite() {
                continue;
            }
            let last = image.last().map(|last| last[0]);
            image.push([self.near(x, last.unwrap_or(x)), y]);
        }
        let (first, last) = (*image.first()?, *image.last()?);
        let end = self.near(first[0], last[0]);
        if let Some(period) = self.period
            && (end - first[0]).abs() > period / 2.0
        {
            // Once round the Earth: everything up to the pole is inside.
            let y = self.pole_y(ring, &image);
            image.extend([[end, first[1]], [end, y], [first[0], y]]);
        }
        (image.len() > 2).then_some(image)
    }

    /// `x`, taken round the Earth to where it is nearest to `other`.
    fn near(&self, x: f64, other: f64) -> f64 {
        match self.period {
            Some(period) => x - ((x - other) / period).round() * period,
            None => x,
        }
    }

    /// The y, safely beyond the extent, of the pole that `ring` encloses.
    fn pole_y(&self, ring: &[Place], image: &[Place]) -> f64 {
        let encloses = |pole: Option<Place>| pole.is_some_and(|pole| is_inside(ring, pole));
        let extent = &self.target.extent;
        let is_north = match self.poles.map(encloses) {
            [true, false] => true,
            [false, true] => false,
            _ => {
                let mean = image.iter().map(|place| place[1]).sum::<f64>() / image.len() as f64;
                mean > (extent.south + extent.north) / 2.0
            }
        };
        let ys = image.iter().map(|place| place[1]);
        if is_north {
            ys.fold(extent.north, f64::max) + extent.height()
        } else {
            ys.fold(extent.south, f64::min) - extent.height()
        }
    }

    /// The ring with as many places as it takes, the first again at the end.
    fn refined(&self, ring: &[Place]) -> Vec<Spot> {
        let mut places: Vec<Place> = Vec::with_capacity(ring.len() + 1);
        for (k, &from) in ring.iter().enumerate() {
            let to = ring[(k + 1) % ring.len()];
            // Of a longer edge one could not tell which way round the Earth it goes.
            let steps = self.source_period.map_or(1.0, |period| {
                ((to[0] - from[0]).abs() / period * 8.0)
                    .ceil()
                    .clamp(1.0, 1e3)
            });
            places.extend((0..steps as u32).map(|step| between(from, to, f64::from(step) / steps)));
        }
        places.extend(ring.first());
        let mut spots = self.project(&places);
        let mut open = vec![true; spots.len().saturating_sub(1)];
        for _ in 0..DEEPEST {
            if !open.contains(&true) || spots.len() > MOST_PLACES {
                break;
            }
            (spots, open) = self.cut_in_four(&spots, &open);
        }
        spots
    }

    /// One more round: the edges that are `open` are cut where they are bent. What they fall into is open again.
    fn cut_in_four(&self, spots: &[Spot], open: &[bool]) -> (Vec<Spot>, Vec<bool>) {
        let edges = spots.windows(2).zip(open);
        let quarters: Vec<Place> = edges
            .filter(|(_, open)| **open)
            .flat_map(|(edge, _)| [0.25, 0.5, 0.75].map(|t| between(edge[0].at, edge[1].at, t)))
            .collect();
        let quarters = self.project(&quarters);
        let mut quarters = quarters.chunks_exact(3);
        let (mut more, mut still) = (Vec::with_capacity(spots.len()), Vec::new());
        for (edge, &open) in spots.windows(2).zip(open) {
            more.push(edge[0]);
            let inner = if open { quarters.next() } else { None };
            match inner.filter(|inner| self.is_bent(edge, inner)) {
                Some(inner) => {
                    more.extend_from_slice(inner);
                    still.extend([true; 4]);
                }
                None => still.push(false),
            }
        }
        more.extend(spots.last());
        (more, still)
    }

    /// Whether the straight line between the ends of `edge` leaves out what lies between.
    fn is_bent(&self, edge: &[Spot], inner: &[Spot]) -> bool {
        let places = [edge[0], inner[0], inner[1], inner[2], edge[1]].map(|spot| spot.image);
        let n_lost = places.iter().filter(|place| !place[0].is_finite()).count();
        if n_lost > 0 {
            return n_lost < places.len();
        }
        let mut at = places;
        for k in 1..at.len() {
            at[k][0] = self.near(at[k][0], at[k - 1][0]);
        }
        let extent = &self.target.extent;
        let all = |is: &dyn Fn(&Place) -> bool| at.iter().all(is);
        if all(&|p| p[1] > extent.north) || all(&|p| p[1] < extent.south) {
            return false;
        }
        if self.period.is_none() && (all(&|p| p[0] > extent.east) || all(&|p| p[0] < extent.west)) {
            return false;
        }
        at[1..4]
            .iter()
            .any(|&place| distance(place, at[0], at[4]) > self.target.tolerance)
    }

    fn project(&self, places: &[Place]) -> Vec<Spot> {
        let mut spots = Vec::with_capacity(places.len());
        for some in places.chunks(1 << 14) {
            let (mut xs, mut ys): (Vec<f64>, Vec<f64>) = some.iter().map(|p| (p[0], p[1])).unzip();
            self.to_target.apply(&mut xs, &mut ys);
            let images = xs.into_iter().zip(ys);
            spots.extend(
                some.iter()
                    .zip(images)
                    .map(|(&at, (x, y))| Spot { at, image: [x, y] }),
            );
        }
        spots
    }
}

/// Where both systems go round the Earth: the rows of the source that the extent has, and some more.
fn band(to_source: &Projection, target: &Target) -> Bounds {
    let (extent, middle) = (&target.extent, target.crs.middle());
    let more = extent.height() / 16.0;
    let (mut xs, mut ys) = ([middle; 2], [extent.south - more, extent.north + more]);
    to_source.apply(&mut xs, &mut ys);
    // A pole has no image in Mercator: then there is no need of an end either.
    let or = |y: f64, instead: f64| if y.is_finite() { y } else { instead };
    Bounds {
        south: or(ys[0], f64::NEG_INFINITY),
        north: or(ys[1], f64::INFINITY),
        ..EVERYWHERE
    }
}

/// Where the target does not: the rectangle around its extent, and some more, in the source.
fn seen(to_source: &Projection, extent: &Bounds, source_period: Option<f64>) -> Bounds {
    let (x, y) = (extent.width() / 16.0, extent.height() / 16.0);
    let grown = Bounds::new(
        extent.west - x,
        extent.south - y,
        extent.east + x,
        extent.north + y,
    );
    let Some(mut seen) = to_source.apply_to_bounds(&grown) else {
        return EVERYWHERE;
    };
    if seen.west > seen.east {
        seen.east += source_period.unwrap_or(f64::INFINITY);
    }
    seen
}

/// The part of `ring` within `window`, with edges along the window's where it was cut off (Sutherland and Hodgman).
fn cut(ring: &[Place], window: &Bounds) -> Vec<Place> {
    let sides = [
        (0, window.west, 1.0),
        (0, window.east, -1.0),
        (1, window.south, 1.0),
        (1, window.north, -1.0),
    ];
    let mut ring = ring.to_vec();
    for (axis, limit, sign) in sides {
        let depth = |place: &Place| (place[axis] - limit) * sign;
        if ring.is_empty() || !limit.is_finite() || ring.iter().all(|place| depth(place) >= 0.0) {
            continue;
        }
        let mut kept = Vec::with_capacity(ring.len());
        let mut before = ring[ring.len() - 1];
        for &place in &ring {
            let (a, b) = (depth(&before), depth(&place));
            if (a < 0.0) != (b < 0.0) {
                let mut crossing = between(before, place, a / (a - b));
                crossing[axis] = limit;
                kept.push(crossing);
            }
            if b >= 0.0 {
                kept.push(place);
            }
            before = place;
        }
        ring = kept;
    }
    ring
}

fn between(a: Place, b: Place, t: f64) -> Place {
    [a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t]
}

/// How far `place` is off the line from `a` to `b`.
fn distance(place: Place, a: Place, b: Place) -> f64 {
    let (dx, dy) = (b[0] - a[0], b[1] - a[1]);
    let length = dx * dx + dy * dy;
    let t = ((place[0] - a[0]) * dx + (place[1] - a[1]) * dy) / length;
    let foot = between(a, b, if length > 0.0 { t.clamp(0.0, 1.0) } else { 0.0 });
    (place[0] - foot[0]).hypot(place[1] - foot[1])
}

fn is_inside(ring: &[Place], place: Place) -> bool {
    let mut odd = false;
    for (k, a) in ring.iter().enumerate() {
        let b = ring[(k + 1) % ring.len()];
        if (a[1] > place[1]) != (b[1] > place[1]) {
            let x = a[0] + (b[0] - a[0]) * (place[1] - a[1]) / (b[1] - a[1]);
            odd ^= x < place[0];
        }
    }
    odd
}

/// The rectangle around places; `None` for none.
pub fn around(places: &[Place]) -> Option<Bounds> {
    places
        .iter()
        .map(|&[x, y]| Bounds::new(x, y, x, y))
        .reduce(|all, place| all.union(&place))
}
