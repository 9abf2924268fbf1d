//! [`Aligned`]: files cut from one pixel grid, put together again before they are resampled. Without this, a kernel would
//! stop at the edge of every file and leave a seam.

use std::sync::Arc;

use crate::error::Result;
use crate::geo::affine::Affine;
use crate::geo::transform::{Georef, PixelRect, Placement};
use crate::raster::Raster;
use crate::raster::resample::MaskKind;
use crate::source::{Level, Source, SourceInfo, Window};

/// Sources on one pixel grid as one source. Where they overlap, the first valid pixel wins.
pub struct Aligned {
    info: SourceInfo,
    members: Vec<Member>,
}

struct Member {
    source: Arc<dyn Source>,
    /// Of the member's upper left corner, in pixels of the whole.
    col: usize,
    row: usize,
}

/// Joins each run of neighbours in the list that lie on one grid; when all that overlap have a say (`takes_one` is not so),
/// only of those that do not.
/// With each, how many sources it is made of.
pub(super) fn join(
    sources: Vec<Arc<dyn Source>>,
    takes_one: bool,
) -> (Vec<Arc<dyn Source>>, Vec<usize>) {
    let (mut layers, mut made_of): (Vec<Arc<dyn Source>>, _) = (Vec::new(), Vec::new());
    let mut run: Vec<Arc<dyn Source>> = Vec::new();
    for source in sources {
        if let Some(first) = run.first()
            && (offset(first.info(), source.info()).is_none()
                || !takes_one && overlaps_any(&run, source.info()))
        {
            made_of.push(run.len());
            layers.push(close(std::mem::take(&mut run)));
        }
        run.push(source);
    }
    if !run.is_empty() {
        made_of.push(run.len());
        layers.push(close(run));
    }
    (layers, made_of)
}

fn close(mut run: Vec<Arc<dyn Source>>) -> Arc<dyn Source> {
    if run.len() == 1 {
        run.remove(0)
    } else {
        Arc::new(Aligned::new(run))
    }
}

/// How far `other` lies from `first` in whole pixels, when both are on one grid.
fn offset(first: &SourceInfo, other: &SourceInfo) -> Option<(i64, i64)> {
    let (Georef::Affine(grid), Georef::Affine(Affine(t))) =
        (&first.placement.georef, &other.placement.georef)
    else {
        return None;
    };
    if first.placement.crs != other.placement.crs || first.palette != other.palette {
        return None;
    }
    // A hundredth of a pixel, at the far corner of the other: what geotransforms lose by being written as decimals.
    const SLACK: f64 = 0.01;
    let inverse = grid.inverse()?;
    let (col, row) = inverse.apply(t[0], t[3]);
    let (w, h) = (other.placement.width as f64, other.placement.height as f64);
    let (x, y) = Affine(*t).apply(w, h);
    let (far_col, far_row) = inverse.apply(x, y);
    let near = |a: f64, b: f64| (a - b).abs() <= SLACK;
    let aligned = near(col, col.round())
        && near(row, row.round())
        && near(far_col, col.round() + w)
        && near(far_row, row.round() + h);
    (aligned && col.abs() < 1e9 && row.abs() < 1e9)
        .then(|| (col.round() as i64, row.round() as i64))
}

/// Whether `other` covers a pixel that one of `run` covers; all lie on the first one's grid.
fn overlaps_any(run: &[Arc<dyn Source>], other: &SourceInfo) -> bool {
    let first = run[0].info();
    let area = |info: &SourceInfo| {
        let (col, row) = offset(first, info).expect("a run lies on one grid");
        let (w, h) = (info.placement.width as i64, info.placement.height as i64);
        (col, row, col + w, row + h)
    };
    let b = area(other);
    run.iter()
        .map(|source| area(source.info()))
        .any(|a| a.0 < b.2 && b.0 < a.2 && a.1 < b.3 && b.1 < a.3)
}

impl Aligned {
    /// `run` has at least one source, and all have an [`offset`] from the first.
    fn new(run: Vec<Arc<dyn Source>>) -> Self {
        let first = run[0].info().clone();
        let places: Vec<(i64, i64)> = run
            .iter()
            .map(|s| offset(&first, s.info()).expect("a run lies on one grid"))
            .collect();
        let west = places.iter().map(|p| p.0).min().unwrap_or(0);
        let north = places.iter().map(|p| p.1).min().unwrap_or(0);
        let members: Vec<Member> = run
            .into_iter()
            .zip(places)
            .map(|(source, (col, row))| Member {
                source,
                col: (col - west) as usize,
                row: (row - north) as usize,
            })
            .collect();
        let size = |level: usize| Level {
            width: members
                .iter()
                .map(|m| m.at(level).0 + m.source.info().levels[level].width)
                .max()
                .unwrap_or(0),
            height: members
                .iter()
                .map(|m| m.at(level).1 + m.source.info().levels[level].height)
                .max()
                .unwrap_or(0),
            block: first.levels[level].block,
        };
        let levels: Vec<Level> = (0..common_levels(&members)).map(size).collect();
        let placement = Placement {
            crs: first.placement.crs.clone(),
            georef: moved(&first.placement.georef, west as f64, north as f64),
            width: levels[0].width,
            height: levels[0].height,
        };
        let name = format!("{} and {} more", first.name, members.len() - 1);
        let notes = members
            .iter()
            .flat_map(|m| m.source.info().notes.clone())
            .collect();
        let mask = union_mask(&members, levels[0]);
        Self {
            info: SourceInfo {
                name,
                placement,
                levels,
                notes,
                mask,
                ..first
            },
            members,
        }
    }
}

fn moved(georef: &Georef, cols: f64, rows: f64) -> Georef {
    let Georef::Affine(affine) = georef else {
        return georef.clone();
    };
    let (x, y) = affine.apply(cols, rows);
    let Affine([_, b, c, _, e, f]) = *affine;
    Georef::Affine(Affine([x, b, c, y, e, f]))
}

/// How many levels the members have in common: overviews count as far as each shrinks every member, and every member's
/// place, by the same whole number.
fn common_levels(members: &[Member]) -> usize {
    let n = members
        .iter()
        .map(|m| m.source.info().levels.len())
        .min()
        .unwrap_or(1);
    (1..n)
        .take_while(|&level| {
            members
                .iter()
                .all(|m| m.shrinks_evenly(level, members[0].factor(level)))
        })
        .count()
        + 1
}

/// The kind of mask the whole has: there are holes between the members unless their areas, which must not overlap, fill it.
fn union_mask(members: &[Member], whole: Level) -> MaskKind {
    let kinds: Vec<MaskKind> = members.iter().map(|m| m.source.info().mask).collect();
    let area: usize = members
        .iter()
        .map(|m| m.source.info().levels[0].width * m.source.info().levels[0].height)
        .sum();
    let disjoint = members
        .iter()
        .enumerate()
        .all(|(k, a)| members[k + 1..].iter().all(|b| !a.overlaps(b)));
    if kinds.contains(&MaskKind::Graded) {
        MaskKind::Graded
    } else if kinds.contains(&MaskKind::Binary) || area != whole.width * whole.height || !disjoint {
        MaskKind::Binary
    } else {
        MaskKind::None
    }
}

impl Member {
    fn factor(&self, level: usize) -> usize {
        let levels = &self.source.info().levels;
        (levels[0].width / levels[level].width.max(1)).max(1)
    }

    fn shrinks_evenly(&self, level: usize, factor: usize) -> bool {
        let levels = &self.source.info().levels;
        let (full, small) = (levels[0], levels[level]);
        small.width * factor == full.width
            && small.height * factor == full.height
            && self.col.is_multiple_of(factor)
            && self.row.is_multiple_of(factor)
    }

    fn at(&self, level: usize) -> (usize, usize) {
        let factor = self.factor(level);
        (self.col / factor, self.row / factor)
    }

    fn overlaps(&self, other: &Self) -> bool {
        let (a, b) = (self.source.info().levels[0], other.source.info().levels[0]);
        self.col < other.col + b.width
            && other.col < self.col + a.width
            && self.row < other.row + b.height
            && other.row < self.row + a.height
    }

    /// The part of `window` (of the whole, at `level`) that lies in this member.
    fn part(&self, level: usize, window: Window) -> Option<Window> {
        let size = self.source.info().levels[level];
        let (col, row) = self.at(level);
        let (west, north) = (window.col.max(col), window.row.max(row));
        let east = (window.col + window.width).min(col + size.width);
        let south = (window.row + window.height).min(row + size.height);
        (west < east && north < south).then(|| Window {
            col: west - col,
            row: north - row,
            width: east - west,
            height: south - north,
        })
    }
}

impl Source for Aligned {
    fn info(&self) -> &SourceInfo {
        &self.info
    }

    fn outlines(&self) -> Vec<PixelRect> {
        let moved = |member: &Member, rect: PixelRect| PixelRect {
            col: rect.col + member.col,
            row: rect.row + member.row,
            ..rect
        };
        let of_member = |member| {
            let Member { source, .. }: &Member = member;
            source
                .outlines()
                .into_iter()
                .map(move |rect| moved(member, rect))
                .collect::<Vec<_>>()
        };
        self.members.iter().flat_map(of_member).collect()
    }

    fn names(&self) -> Vec<String> {
        let names = self.members.iter().map(|member| member.source.names());
        names.flatten().collect()
    }

    fn read(&self, level: usize, window: Window) -> Result<Raster> {
        let mut whole = Raster::empty(
            window.width,
            window.height,
            self.info.bands,
            self.info.sample_type,
        );
        for member in &self.members {
            let Some(part) = member.part(level, window) else {
                continue;
            };
            let (col, row) = member.at(level);
            let raster = member.source.read(level, part)?;
            whole.paint_under(
                &raster,
                part.col + col - window.col,
                part.row + row - window.row,
            );
            if part.width == window.width && part.height == window.height && whole.is_opaque() {
                break;
            }
        }
        Ok(whole)
    }
}
