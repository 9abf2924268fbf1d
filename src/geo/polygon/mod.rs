//! [`Area`]: polygons that pixels must lie in, asked tile by tile.
//!
//! A [`Polygon`] is a set of rings; a point is inside when a line from it to infinity crosses them an odd number of times,
//! whichever way they run and however they touch. Polygons are united, and unions are intersected. Nothing is noded or
//! repaired beforehand: every question is answered by a sweep over the few edges near the tile that asks, so that no
//! slip of a rounding can spread beyond it.
//!
//! Rings are kept in order and in a tree of rectangles. A stretch of ring that lies wholly west of a tile crosses its rows
//! exactly as the straight line between its ends does, so it is never looked into.

mod boxes;
mod cells;
mod outline;
mod ramp;
mod sweep;

use self::boxes::{BoxTree, Next};
use self::outline::Outline;
use super::bounds::Bounds;

/// A place: x (east), y (north).
pub type Place = [f64; 2];

/// The part of a rectangle's side that [`Area::touch`] takes off all round: what lies there covers less than half a step of
/// coverage of any pixel, as long as there are at most 2000 a side.
const MARGIN: f64 = 1.0 / (1 << 20) as f64;

/// How a rectangle lies to an area.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Touch {
    /// Nothing of it is inside.
    Outside,
    /// All of it is inside.
    Inside,
    /// An edge runs through it, or may do so.
    Edge,
}

/// One or more rings, inside being what an odd number of them encloses.
pub struct Polygon {
    outline: Outline,
}

impl Polygon {
    /// The polygon of `rings`, closed or not, in any order and direction. `None` when no ring has an area: fewer than three
    /// places, or all at one height.
    pub fn new(rings: Vec<Vec<Place>>) -> Option<Self> {
        Outline::new(rings).map(|outline| Self { outline })
    }

    /// The rectangle around it.
    pub fn bounds(&self) -> Bounds {
        self.outline.bounds()
    }
}

/// Polygons united, the unions intersected: where pixels must lie.
pub struct Area {
    unions: Vec<Union>,
}

struct Union {
    polygons: Vec<Polygon>,
    tree: BoxTree,
}

impl Area {
    /// What lies in at least one polygon of each of `unions`.
    pub fn new(unions: Vec<Vec<Polygon>>) -> Self {
        Self {
            unions: unions.into_iter().map(Union::new).collect(),
        }
    }

    /// Every place along its edges, to `look`: two areas of the same places in one order are the same.
    pub fn visit(&self, mut look: impl FnMut(Place)) {
        let unions = self.unions.iter();
        for polygon in unions.flat_map(|union| &union.polygons) {
            let places = polygon.outline.places();
            // How many there are, too: where one ends and the next begins.
            look([places.len() as f64, 0.0]);
            places.iter().copied().for_each(&mut look);
        }
    }

    /// A rectangle around it; `None` when there surely is nothing inside.
    pub fn bounds(&self) -> Option<Bounds> {
        self.unions
            .iter()
            .map(Union::bounds)
            .reduce(|all, bounds| all?.intersection(&bounds?))?
    }

    /// How `bounds` lies to the area: in doubt [`Touch::Edge`]. What a millionth of its side along its own edges may hold is
    /// not looked at: it does not show in any pixel.
    pub fn touch(&self, bounds: &Bounds) -> Touch {
        self.touch_within(bounds, MARGIN * bounds.width(), MARGIN * bounds.height())
    }

    /// As [`Area::touch`], with `x` and `y` taken off each side.
    fn touch_within(&self, bounds: &Bounds, x: f64, y: f64) -> Touch {
        let inner = Bounds::new(
            bounds.west + x,
            bounds.south + y,
            bounds.east - x,
            bounds.north - y,
        );
        let mut all = Touch::Inside;
        for union in &self.unions {
            match union.touch(&inner) {
                Touch::Outside => return Touch::Outside,
                Touch::Edge => all = Touch::Edge,
                Touch::Inside => {}
            }
        }
        all
    }

    /// Coverage of each pixel of the grid that lays `width` by `height` pixels over `bounds`, row by row from the north: the
    /// part of it that lies inside, exactly, from 0 to 255 and rounded half up.
    pub fn coverage(&self, bounds: &Bounds, width: usize, height: usize, out: &mut Vec<u8>) {
        self.fill(bounds, width, height, out, sweep::coverage);
    }

    /// 255 for each pixel of the grid whose centre lies inside, else 0. A centre on an edge belongs to what lies west of the
    /// edge, as in GDAL's rasteriser.
    pub fn centres(&self, bounds: &Bounds, width: usize, height: usize, out: &mut Vec<u8>) {
        self.fill(bounds, width, height, out, sweep::centres);
    }

    /// For each pixel whose centre lies inside how far it is from the nearest edge of the area: from 0 at the edge evenly to
    /// 255 at `reach_px` pixels, which must be more than 0, and 255 beyond; 0 for those outside. Where polygons of a union
    /// overlap or meet there is no edge.
    pub fn ramp(
        &self,
        bounds: &Bounds,
        width: usize,
        height: usize,
        reach_px: f64,
        out: &mut Vec<u8>,
    ) {
        self.centres(bounds, width, height, out);
        if out.iter().any(|&value| value > 0) {
            ramp::ramp(self, bounds, (width, height), reach_px, out);
        }
    }

    /// Rectangles of cells, each west, north, east and south and all inclusive, that together hold every cell that is
    /// touched: the grid lays `columns` by `rows` over `extent`, counted from the north-west. They do not overlap, and hold
    /// few cells that are not touched; should they become too many (about 200 000), they follow the edges less closely.
    pub fn cells(&self, extent: &Bounds, columns: u64, rows: u64) -> Vec<[u32; 4]> {
        cells::cells(self, extent, columns, rows)
    }

    fn fill(
        &self,
        bounds: &Bounds,
        width: usize,
        height: usize,
        out: &mut Vec<u8>,
        sweep: fn(&[Edge], usize, &mut Grid),
    ) {
        out.clear();
        out.resize(width * height, 0);
        if width == 0 || height == 0 {
            return;
        }
        // A part of a pixel that never shows.
        let thin = 1.0 / 4096.0;
        let (x, y) = (
            bounds.width() / width as f64 * thin,
            bounds.height() / height as f64 * thin,
        );
        match self.touch_within(bounds, x, y) {
            Touch::Outside => return,
            Touch::Inside => return out.fill(255),
            Touch::Edge => {}
        }
        let window = Window::new(bounds, width, height);
        let mut edges = Vec::new();
        let mut n_polygons = 0;
        for (index, union) in self.unions.iter().enumerate() {
            union.each_meeting(bounds, |polygon| {
                let from = edges.len();
                let owner = Owner {
                    polygon: n_polygons,
                    union: index as u32,
                };
                polygon
                    .outline
                    .edges(bounds, |from, to| window.push(from, to, owner, &mut edges));
                if edges.len() > from {
                    n_polygons += 1;
                }
            });
        }
        let mut grid = Grid {
            width,
            n_polygons: n_polygons as usize,
            out,
        };
        sweep(&edges, self.unions.len(), &mut grid);
    }
}

impl Union {
    fn new(mut polygons: Vec<Polygon>) -> Self {
        boxes::sort(&mut polygons, Polygon::bounds);
        let tree = BoxTree::new(polygons.iter().map(Polygon::bounds).collect());
        Self { polygons, tree }
    }

    fn bounds(&self) -> Option<Bounds> {
        self.tree.bounds()
    }

    fn touch(&self, bounds: &Bounds) -> Touch {
        // A polygon that holds all of it comes first: then edges of others do not matter.
        let mut found = Touch::Outside;
        self.tree.visit(|around, range| {
            let holds = around.west <= bounds.west
                && around.east >= bounds.east
                && around.south <= bounds.south
                && around.north >= bounds.north;
            if !holds {
                return Next::Skip;
            }
            if range.len() > 1 {
                return Next::Descend;
            }
            match self.polygons[range.start].outline.touch(bounds) {
                Touch::Outside => Next::Skip,
                Touch::Edge => {
                    found = Touch::Edge;
                    Next::Skip
                }
                Touch::Inside => {
                    found = Touch::Inside;
                    Next::Stop
                }
            }
        });
        if found != Touch::Outside {
            return found;
        }
        self.tree.visit(|around, range| {
            if !around.intersects(bounds) {
                Next::Skip
            } else if range.len() > 1 {
                Next::Descend
            } else if self.polygons[range.start].outline.touch(bounds) == Touch::Outside {
                Next::Skip
            } else {
                found = Touch::Edge;
                Next::Stop
            }
        });
        found
    }

    fn each_meeting(&self, bounds: &Bounds, mut f: impl FnMut(&Polygon)) {
        self.tree.visit(|around, range| {
            if !around.intersects(bounds) {
                return Next::Skip;
            }
            if range.len() > 1 {
                return Next::Descend;
            }
            f(&self.polygons[range.start]);
            Next::Skip
        });
    }
}

/// Whose edge it is: a polygon among those that have edges in the window, and its union.
#[derive(Clone, Copy)]
struct Owner {
    polygon: u32,
    union: u32,
}

/// A piece of an edge within a window, in its pixels, rows counted downwards: from `top` to `bottom`, at
/// `x + (y - top) * slope`.
struct Edge {
    top: f64,
    bottom: f64,
    x: f64,
    slope: f64,
    owner: Owner,
}

/// What a sweep fills.
struct Grid<'a> {
    width: usize,
    /// How many polygons there are among the edges.
    n_polygons: usize,
    out: &'a mut [u8],
}

/// A grid of pixels, for bringing edges into it.
struct Window {
    west: f64,
    north: f64,
    /// Pixels a unit.
    scale: (f64, f64),
    size: (f64, f64),
}

impl Window {
    fn new(bounds: &Bounds, width: usize, height: usize) -> Self {
        let size = (width as f64, height as f64);
        Self {
            west: bounds.west,
            north: bounds.north,
            scale: (size.0 / bounds.width(), size.1 / bounds.height()),
            size,
        }
    }

    /// Adds what of the edge counts within the window. West of it only the rows count that it spans; east of it nothing
    /// does.
    fn push(&self, from: Place, to: Place, owner: Owner, edges: &mut Vec<Edge>) {
        let pixel = |[x, y]: Place| {
            (
                (x - self.west) * self.scale.0,
                (self.north - y) * self.scale.1,
            )
        };
        let (mut a, mut b) = (pixel(from), pixel(to));
        if a.1 > b.1 {
            std::mem::swap(&mut a, &mut b);
        }
        let (top, bottom) = (a.1.max(0.0), b.1.min(self.size.1));
        if top >= bottom {
            return;
        }
        let slope = (b.0 - a.0) / (b.1 - a.1);
        let x_at = |y: f64| (a.0 + (y - a.1) * slope).clamp(a.0.min(b.0), a.0.max(b.0));
        let y_at = |x: f64| (a.1 + (x - a.0) / slope).clamp(top, bottom);
        let (mut rows, width) = ((top, bottom), self.size.0);
        let (x_top, x_bottom) = (x_at(top), x_at(bottom));
        let mut upright = |top: f64, bottom: f64| {
            if top < bottom {
                edges.push(Edge {
                    top,
                    bottom,
                    x: 0.0,
                    slope: 0.0,
                    owner,
                });
            }
        };
        if x_top <= 0.0 && x_bottom <= 0.0 {
            return upright(top, bottom);
        }
        if x_top < 0.0 {
            rows.0 = y_at(0.0);
            upright(top, rows.0);
        } else if x_bottom < 0.0 {
            rows.1 = y_at(0.0);
            upright(rows.1, bottom);
        }
        if x_top >= width && x_bottom >= width {
            return;
        }
        if x_top > width {
            rows.0 = y_at(width);
        } else if x_bottom > width {
            rows.1 = y_at(width);
        }
        if rows.0 < rows.1 {
            edges.push(Edge {
                top: rows.0,
                bottom: rows.1,
                x: x_at(rows.0).clamp(0.0, width),
                slope,
                owner,
            });
        }
    }
}

#[cfg(test)]
mod tests;
