//! How a tile came about, for people.

use azulejo::encode::{Fit, Format};
use azulejo::pyramid::explain::Made;
use azulejo::raster::resample::MaskKind;
use azulejo::render::trace::{ClipTouch, Read};

use super::facts::{Facts, Layer};
use super::words::{gives, level, level_name, node, pair, short, sides, way};
use crate::cli::human;
use crate::cli::report;

/// Files of one layer that are shown to people.
const SHOWN: usize = 8;

/// What is told of a tile.
pub(super) struct Told<'a> {
    pub(super) facts: &'a Facts<'a>,
    /// Where the tile was written.
    pub(super) file: Option<String>,
}

/// A label and what stands beside it.
type Line = (String, String);

fn line(label: &str, text: impl Into<String>) -> Line {
    (label.to_owned(), text.into())
}

impl Told<'_> {
    /// For people.
    pub(super) fn text(&self) -> String {
        let mut lines = self.tile();
        match &self.facts.explained.made {
            Made::Base(_) => self.layers(&mut lines),
            Made::Overview { .. } => self.below(&mut lines),
        }
        lines.extend(self.clip());
        lines.push(line(
            "node",
            node(self.facts.explained.node, self.facts.pixels()),
        ));
        lines.push(line("stored", self.stored()));
        lines.push(line("times", self.times()));
        let reads = self.facts.reads;
        let blocks = human::counted(reads.blocks_decoded, "block");
        lines.push(line("blocks", format!("{blocks} of the sources decoded")));
        lines
            .iter()
            .map(|(label, text)| format!("{label:<10}{text}\n"))
            .collect()
    }

    fn tile(&self) -> Vec<Line> {
        let facts = self.facts;
        let plan = &facts.ready.plan;
        let (size, z) = (plan.shape.tile_size_px, facts.tile.z());
        let made = match facts.base() {
            Some(_) => "base tile, made of the sources",
            None => "overview, made of the tiles below it",
        };
        let resolution = plan.scheme.resolution(z, size as u32);
        let pixel = if plan.crs.is_geographic() {
            format!("{}°", human::three_digits(resolution))
        } else {
            human::metres(resolution * plan.crs.unit_m())
        };
        let tile = format!(
            "{} of {} · {made} · {size} x {size} pixels of {pixel}",
            facts.tile,
            plan.scheme.id()
        );
        let degrees = facts
            .degrees()
            .map(|bounds| format!(" · {} degrees", sides(&bounds, 5)));
        let covers = format!(
            "{} in {}{}",
            sides(&facts.bounds(), 2),
            plan.crs.name(),
            degrees.unwrap_or_default()
        );
        vec![line("tile", tile), line("covers", covers)]
    }

    fn layers(&self, lines: &mut Vec<Line>) {
        let facts = self.facts;
        let hidden = facts.base().map_or(&[][..], |trace| &trace.hidden);
        let rule = &facts.args.source.mosaic;
        let n_read = facts
            .layers()
            .filter(|layer| layer.used.read.is_some())
            .count();
        let n_all = facts.ready.mosaic.layers().len();
        let several = match n_all {
            1 => String::new(),
            n => format!(
                " of {} layers · {}",
                human::count(n as u64),
                rule.row().told
            ),
        };
        lines.push(line(
            "sources",
            format!("{} read{several}", human::count(n_read as u64)),
        ));
        for (k, layer) in facts.layers().enumerate() {
            self.layer(&layer, k == 0, lines);
        }
        for &layer in hidden {
            let name = report::shown(&facts.source(layer).info().name);
            lines.push(line(
                "source",
                format!("{name} · not read: what is before it covers the tile"),
            ));
        }
    }

    fn layer(&self, layer: &Layer<'_>, is_first: bool, lines: &mut Vec<Line>) {
        let (info, used) = (layer.info(), layer.used);
        let (width, height) = (info.placement.width, info.placement.height);
        let name = report::shown(&info.name);
        let turns = match used.turns {
            0 => String::new(),
            n => format!(" · {n} times round the Earth"),
        };
        let crs = info.placement.crs.name();
        lines.push(line(
            "source",
            format!("{name} · {crs} · {width} x {height} pixels{turns}"),
        ));
        let mut add = |label: &str, text: String| lines.push((format!("  {label}"), text));
        add("way", way(used));
        let Some(read) = &used.read else {
            add("window", "none: no pixel of the tile lies in it".to_owned());
            return;
        };
        add(
            "scale",
            format!("{} of its pixels in a pixel of the tile", pair(read.scale)),
        );
        add("level", level(layer, read));
        if read.pieces == 0 {
            add("window", "none: no pixel of the tile lies in it".to_owned());
            return;
        }
        let windows = layer.windows(read);
        for window in windows.iter().take(SHOWN) {
            let of = match windows.len() {
                1 => String::new(),
                _ => format!(" of {}", report::shown(&window.name)),
            };
            let (cols, rows) = (window.cols, window.rows);
            let text = format!(
                "columns {} to {}, rows {} to {}: {} x {} pixels{of}",
                cols.0,
                cols.1 - 1,
                rows.0,
                rows.1 - 1,
                cols.1 - cols.0,
                rows.1 - rows.0,
            );
            add("window", text);
        }
        if windows.len() > SHOWN {
            let more = human::counted((windows.len() - SHOWN) as u64, "more file");
            add("window", format!("and {more}, with --json"));
        }
        if read.pieces > 1 {
            let pieces = human::count(read.pieces.into());
            add("pieces", format!("read in {pieces} pieces, as it is large"));
        }
        add("kernel", self.kernel(read));
        add("mask", self.mask(layer));
        add("gives", gives(used, is_first, self.facts.pixels()));
    }

    fn kernel(&self, read: &Read) -> String {
        let name = self.facts.ready.plan.resampling.kernel().name;
        let (x, y) = read.level_scale;
        if read.support_px == (1.0, 1.0) {
            return format!("{name}: one pixel");
        }
        let support = pair(read.support_px);
        if x > 1.0 || y > 1.0 {
            format!(
                "{name}, {} times as wide as usual, as the tile shrinks what is read: {support} pixels",
                pair((x.max(1.0), y.max(1.0)))
            )
        } else {
            format!("{name}: {support} pixels")
        }
    }

    fn mask(&self, layer: &Layer<'_>) -> String {
        let kind = report::mask(layer.info().mask);
        if layer.info().mask == MaskKind::None {
            return "none: every pixel counts".to_owned();
        }
        let asked = self.facts.args.source.nodata.as_ref();
        match (asked, layer.nodata()) {
            (Some(asked), _) => format!("{kind} · nodata {asked}, as asked for"),
            (None, Some(own)) => format!("{kind} · nodata {own}"),
            (None, None) => kind.to_owned(),
        }
    }

    fn below(&self, lines: &mut Vec<Line>) {
        let Made::Overview {
            base_zoom,
            base_tiles,
            with_data,
            layers,
        } = &self.facts.explained.made
        else {
            return;
        };
        let reducer = self.facts.ready.plan.reducer.name();
        let steps = base_zoom - self.facts.tile.z();
        let times = human::counted(steps.into(), "time");
        lines.push(line(
            "made of",
            format!(
                "{} of zoom {base_zoom}, {} with data · four pixels to one by {reducer}, {times}",
                human::counted(*base_tiles, "base tile"),
                human::count(*with_data),
            ),
        ));
        for (&layer, sum) in layers {
            let name = report::shown(&self.facts.source(layer).info().name);
            let levels: Vec<String> = sum.levels.iter().map(|&k| level_name(k)).collect();
            lines.push(line(
                "source",
                format!(
                    "{name} · read for {} · {}",
                    human::counted(sum.tiles, "tile"),
                    levels.join(", ")
                ),
            ));
        }
    }

    fn clip(&self) -> Option<Line> {
        let clip = self.facts.ready.clip.as_ref()?;
        let name = report::shown(&clip.name());
        let told = match self.facts.base().and_then(|trace| trace.clip) {
            None => "",
            Some(ClipTouch::Inside) => " · the tile is wholly within",
            Some(ClipTouch::Edge) => " · its edge goes through the tile",
            Some(ClipTouch::Outside) => " · the tile is outside, and nothing was read",
        };
        Some(line("clip", format!("{name}{told}")))
    }

    fn stored(&self) -> String {
        let place = self.facts.place();
        let Some(data) = &self.facts.explained.data else {
            return "not at all: there is nothing on it".to_owned();
        };
        let format = Format::sniff(data).map_or("?", Format::name);
        let fit = match self.facts.explained.fit {
            Fit::Fits => "",
            Fit::TooLarge => ", more than wanted even at the lowest quality",
        };
        let bytes = format!("{format}, {} bytes{fit}", human::count(data.len() as u64));
        match &self.file {
            Some(file) => format!("{bytes} · written to {file}"),
            None => {
                let south = self.facts.row_from_south();
                format!("{bytes} · {place} in a folder, row {south} from the south (TMS, MBTiles)")
            }
        }
    }

    fn times(&self) -> String {
        let rows = self
            .stages()
            .map(|(stage, time)| format!("{stage} {}", short(time)));
        rows.join(" · ")
    }

    /// Seconds of each stage.
    pub(super) fn stages(&self) -> [(&'static str, f64); 7] {
        let times = &self.facts.explained.times;
        [
            ("open", self.facts.opened),
            ("transform", times.render.transform),
            ("read", times.render.read),
            ("warp", times.render.warp()),
            ("reduce", times.reduce),
            ("style", times.style),
            ("encode", times.encode),
        ]
        .map(|(stage, time)| (stage, time.as_secs_f64()))
    }
}
