//! Which tiles show something of a raster, found by asking GDAL for each of their pixels.

use std::collections::BTreeSet;
use std::ffi::{c_int, c_void};
use std::path::Path;
use std::ptr;

use gdal::Dataset;
use gdal::spatial_ref::{AxisMappingStrategy, SpatialRef};
use gdal_sys::OGRCoordinateTransformationH;

use crate::grid::Grid;

/// An address: zoom, x, y from the north.
pub(crate) type Address = (u8, u32, u32);

/// Source pixels by which a place may be off: what the program promises.
const TOLERANCE_PX: f64 = 0.02;

/// All tiles of one zoom.
#[derive(Default)]
pub(crate) struct Found {
    /// With a pixel whose centre lies, by more than the tolerance, in source pixels that are there.
    pub(crate) sure: BTreeSet<Address>,
    /// With one whose centre lies in a source pixel that is there, or as near as the tolerance to one.
    pub(crate) possible: BTreeSet<Address>,
    /// In which any of the raster lies, there or not, by more than [`INSET_PX`].
    pub(crate) touched: BTreeSet<Address>,
}

/// How far within its tile the raster is looked for besides at pixels' centres, in pixels.
const INSET_PX: f64 = 0.002;

/// One raster and one grid.
pub(crate) struct Brute<'a> {
    grid: &'a Grid,
    mask: Vec<u8>,
    size: (usize, usize),
    /// GDAL's own way between the raster's pixels and its coordinates: a geotransform or control points.
    georef: *mut c_void,
    to_source: OGRCoordinateTransformationH,
    to_grid: OGRCoordinateTransformationH,
    /// Added to the x of a place in the raster's system, one after the other: places that are the same on the Earth.
    turns: &'a [f64],
    _dataset: Dataset,
}

/// What one tile shows.
#[derive(Default)]
struct Seen {
    sure: bool,
    possible: bool,
    touched: bool,
}

fn spatial_ref(definition: &str) -> SpatialRef {
    let mut srs = SpatialRef::from_definition(definition).unwrap();
    srs.set_axis_mapping_strategy(AxisMappingStrategy::TraditionalGisOrder);
    srs
}

impl<'a> Brute<'a> {
    /// `crs` is that of a raster which does not name its own.
    pub(crate) fn new(path: &Path, crs: Option<&str>, grid: &'a Grid, turns: &'a [f64]) -> Self {
        let dataset = Dataset::open(path).unwrap();
        let size = dataset.raster_size();
        let mask = dataset
            .rasterband(1)
            .unwrap()
            .open_mask_band()
            .unwrap()
            .read_as::<u8>((0, 0), size, size, None)
            .unwrap();
        let own = own_system(&dataset);
        let source = crs.map_or_else(|| spatial_ref(&own.unwrap()), spatial_ref);
        let target = spatial_ref(grid.crs);
        // SAFETY: the dataset and both systems live; the handles are checked, and destroyed with this.
        let (georef, to_source, to_grid) = unsafe {
            (
                gdal_sys::GDALCreateGenImgProjTransformer2(
                    dataset.c_dataset(),
                    ptr::null_mut(),
                    ptr::null_mut(),
                ),
                gdal_sys::OCTNewCoordinateTransformation(target.to_c_hsrs(), source.to_c_hsrs()),
                gdal_sys::OCTNewCoordinateTransformation(source.to_c_hsrs(), target.to_c_hsrs()),
            )
        };
        assert!(!georef.is_null() && !to_source.is_null() && !to_grid.is_null());
        Self {
            grid,
            mask: mask.data().to_vec(),
            size,
            georef,
            to_source,
            to_grid,
            turns,
            _dataset: dataset,
        }
    }

    /// Looks at all tiles of zoom `z`: each of them, when `exhaustively`; else those into which a point of a dense grid over
    /// the raster falls, or nearly.
    pub(crate) fn find(&self, z: u8, exhaustively: bool) -> Found {
        let mut found = Found::default();
        let tiles = if exhaustively {
            let (columns, rows) = (self.grid.columns(z), self.grid.rows(z));
            (0..columns)
                .flat_map(|x| (0..rows).map(move |y| (x, y)))
                .collect()
        } else {
            self.candidates(z)
        };
        for (x, y) in tiles {
            let address = (z, x, y);
            let seen = self.look(address);
            for (yes, tiles) in [
                (seen.sure, &mut found.sure),
                (seen.possible, &mut found.possible),
                (seen.touched, &mut found.touched),
            ] {
                if yes {
                    tiles.insert(address);
                }
            }
        }
        found
    }

    fn candidates(&self, z: u8) -> BTreeSet<(u32, u32)> {
        const N: usize = 400;
        /// In tiles. Two points of the grid are nearer to each other than this, but at a pole.
        const MARGIN: f64 = 0.25;
        let (columns, rows) = (
            i64::from(self.grid.columns(z)),
            i64::from(self.grid.rows(z)),
        );
        let mut tiles = BTreeSet::new();
        for line in 0..=N {
            let along = |size: usize, k: usize| size as f64 * k as f64 / N as f64;
            let mut xs: Vec<f64> = (0..=N).map(|k| along(self.size.0, k)).collect();
            let mut ys = vec![along(self.size.1, line); N + 1];
            self.between_pixels_and_coordinates(0, &mut xs, &mut ys);
            project(self.to_grid, &mut xs, &mut ys);
            for (x, y) in xs.into_iter().zip(ys) {
                let (x, y) = self.grid.address(z, x, y);
                if !(x.is_finite() && y.is_finite()) {
                    continue;
                }
                let around = [-MARGIN, 0.0, MARGIN];
                for (dx, dy) in around.iter().flat_map(|&dx| around.map(|dy| (dx, dy))) {
                    let (mut x, y) = ((x + dx).floor() as i64, (y + dy).floor() as i64);
                    if self.grid.period.is_some() {
                        x = x.rem_euclid(columns);
                    }
                    if (0..columns).contains(&x) && (0..rows).contains(&y) {
                        tiles.insert((x as u32, y as u32));
                    }
                }
            }
        }
        tiles
    }

    /// Looks at the pixels of a tile, row by row, until one is surely there.
    fn look(&self, address: Address) -> Seen {
        let offsets: Vec<f64> = [INSET_PX]
            .into_iter()
            .chain((0..256).map(|i| f64::from(i) + 0.5))
            .chain([256.0 - INSET_PX])
            .collect();
        let is_centre = |k: usize| (1..=256).contains(&k);
        let mut seen = Seen::default();
        for (line, &down) in offsets.iter().enumerate() {
            let (places_x, places_y): (Vec<f64>, Vec<f64>) = offsets
                .iter()
                .map(|&right| self.grid.place(address, right, down))
                .unzip();
            let (mut source_x, mut source_y) = (places_x.clone(), places_y.clone());
            project(self.to_source, &mut source_x, &mut source_y);
            for turn in self.turns {
                let mut cols: Vec<f64> = source_x.iter().map(|x| x + turn).collect();
                let mut rows = source_y.clone();
                self.between_pixels_and_coordinates(1, &mut cols, &mut rows);
                let hits: Vec<usize> = (0..cols.len())
                    .filter(|&k| self.is_near(cols[k], rows[k]))
                    .collect();
                for k in self.that_return(
                    hits,
                    address.0,
                    (&places_x, &places_y),
                    (&source_x, &source_y),
                ) {
                    let within = |v: f64, size: usize| v >= 0.0 && v <= size as f64;
                    seen.touched |= within(cols[k], self.size.0) && within(rows[k], self.size.1);
                    if !is_centre(k) || !is_centre(line) {
                        continue;
                    }
                    let corners = [(-1.0, -1.0), (1.0, -1.0), (-1.0, 1.0), (1.0, 1.0)];
                    let there = corners
                        .iter()
                        .filter(|(right, down)| {
                            self.is_there(
                                cols[k] + right * TOLERANCE_PX,
                                rows[k] + down * TOLERANCE_PX,
                            )
                        })
                        .count();
                    seen.possible |= there > 0;
                    seen.sure |= there == corners.len();
                }
            }
            if seen.sure {
                break;
            }
        }
        seen
    }

    fn is_near(&self, col: f64, row: f64) -> bool {
        let near = -TOLERANCE_PX..=TOLERANCE_PX;
        let inside = |v: f64, size: usize| v >= *near.start() && v <= size as f64 + near.end();
        inside(col, self.size.0) && inside(row, self.size.1)
    }

    fn is_there(&self, col: f64, row: f64) -> bool {
        let (width, height) = self.size;
        col >= 0.0
            && row >= 0.0
            && col < width as f64
            && row < height as f64
            && self.mask[row as usize * width + col as usize] > 0
    }

    /// Those of `hits` whose places in the source lead back to where they came from. Far outside a projection's domain its
    /// inverse may say anything.
    fn that_return(
        &self,
        hits: Vec<usize>,
        z: u8,
        places: (&[f64], &[f64]),
        source: (&[f64], &[f64]),
    ) -> Vec<usize> {
        let pick = |values: &[f64]| hits.iter().map(|&k| values[k]).collect::<Vec<f64>>();
        let (mut xs, mut ys) = (pick(source.0), pick(source.1));
        project(self.to_grid, &mut xs, &mut ys);
        let near = 0.1 * self.grid.pixel(z);
        let back = |(i, k): (usize, usize)| {
            let (mut dx, dy) = (xs[i] - places.0[k], ys[i] - places.1[k]);
            if let Some(period) = self.grid.period {
                dx -= (dx / period).round() * period;
            }
            (dx.abs() <= near && dy.abs() <= near).then_some(k)
        };
        hits.iter().copied().enumerate().filter_map(back).collect()
    }

    fn between_pixels_and_coordinates(&self, to_pixels: c_int, xs: &mut [f64], ys: &mut [f64]) {
        let (mut zs, mut good) = (vec![0.0; xs.len()], vec![0; xs.len()]);
        // SAFETY: all arrays hold as many values.
        unsafe {
            gdal_sys::GDALGenImgProjTransform(
                self.georef,
                to_pixels,
                xs.len() as c_int,
                xs.as_mut_ptr(),
                ys.as_mut_ptr(),
                zs.as_mut_ptr(),
                good.as_mut_ptr(),
            )
        };
        clear_bad(xs, ys, &good);
    }
}

impl Drop for Brute<'_> {
    fn drop(&mut self) {
        // SAFETY: each was made by its own constructor and is destroyed once.
        unsafe {
            gdal_sys::GDALDestroyGenImgProjTransformer(self.georef);
            gdal_sys::OCTDestroyCoordinateTransformation(self.to_source);
            gdal_sys::OCTDestroyCoordinateTransformation(self.to_grid);
        }
    }
}

/// The raster's system, or that of its control points.
fn own_system(dataset: &Dataset) -> Option<String> {
    if let Ok(srs) = dataset.spatial_ref() {
        return srs.to_wkt().ok();
    }
    // SAFETY: GDAL owns the string, which is copied.
    let text =
        unsafe { std::ffi::CStr::from_ptr(gdal_sys::GDALGetGCPProjection(dataset.c_dataset())) };
    Some(text.to_str().ok()?.to_owned()).filter(|text| !text.is_empty())
}

fn project(way: OGRCoordinateTransformationH, xs: &mut [f64], ys: &mut [f64]) {
    let mut good = vec![0; xs.len()];
    // SAFETY: all arrays hold as many values; a null z is allowed.
    unsafe {
        gdal_sys::OCTTransformEx(
            way,
            xs.len() as c_int,
            xs.as_mut_ptr(),
            ys.as_mut_ptr(),
            ptr::null_mut(),
            good.as_mut_ptr(),
        )
    };
    clear_bad(xs, ys, &good);
}

fn clear_bad(xs: &mut [f64], ys: &mut [f64], good: &[c_int]) {
    for ((x, y), &good) in xs.iter_mut().zip(ys).zip(good) {
        if good == 0 || !x.is_finite() || !y.is_finite() {
            (*x, *y) = (f64::NAN, f64::NAN);
        }
    }
}
