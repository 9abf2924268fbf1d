//! A run in a few lines: what goes in, what is planned, what came out.

use std::time::Duration;

use azulejo::archive::{Metadata, Published, Transfer};
use azulejo::convert::Tileset;
use azulejo::error::Result;
use azulejo::geo::scheme::Scheme;
use azulejo::mosaic::clip::Clip;
use azulejo::pyramid::plan::Plan;
use azulejo::raster::SampleType;
use azulejo::source::SourceInfo;

use super::args::TileArgs;
use super::encoding;
use super::ground::PixelSize;
use super::human;
use super::plan::Outlook;
use super::redact;
use super::report::peak_memory_bytes;
use super::sources::SourceArgs;

/// `x.mbtiles  19 tiles · 1.2 MB · 0.8 s · peak 61 MiB · sha256 4c1f93…`.
pub(super) fn result(output: &Published, elapsed: Duration) -> String {
    let sha256 = output.sha256.as_ref();
    let sha256 = sha256.map_or_else(String::new, |hex| format!(" · sha256 {hex}"));
    let transfer = output.transfer.as_ref();
    let transfer = transfer.map_or_else(String::new, transferred);
    format!(
        "{}  {} · {} · {} · peak {}{transfer}{sha256}\n",
        output.path.display(),
        human::counted(output.n_tiles, "tile"),
        human::bytes(output.bytes),
        human::duration(elapsed),
        human::memory(peak_memory_bytes()),
    )
}

/// ` · 19 sent, 2 there already, 3 removed`, as far as there are any.
fn transferred(transfer: &Transfer) -> String {
    let Transfer {
        sent,
        skipped,
        pruned,
        ..
    } = *transfer;
    let some = |n: u64, what: &str| (n > 0).then(|| format!(", {} {what}", human::count(n)));
    let more = [some(skipped, "there already"), some(pruned, "removed")];
    let more: String = more.into_iter().flatten().collect();
    format!(" · {} sent{more}", human::count(sent))
}

/// What the user should know of an output once it is there.
pub(super) fn left_note(output: &Published) -> Option<String> {
    let left = output.transfer.map_or(0, |transfer| transfer.left);
    (left > 0).then(|| {
        format!(
            "{}: tiles that are not of this run are still there: {}; --prune removes them",
            output.path.display(),
            human::count(left)
        )
    })
}

/// What the user should know of the tiles.
///
/// # Errors
/// None that a user could bring about.
pub(super) fn notes(args: &TileArgs, plan: &Plan) -> Result<Vec<String>> {
    let mut notes = Vec::new();
    let is_picture = !args.format.picture.info().is_of_values();
    if is_picture && plan.style.is_plain() && plan.shape.sample_type == SampleType::U16 {
        let gdal = if args.outputs.writes("mbtiles") {
            "; GDAL's MBTiles driver does not read them as such"
        } else {
            ""
        };
        notes.push(format!(
            "16-bit samples are kept: the tiles are 16-bit PNG{gdal}"
        ));
    }
    let of_mercator = [("mbtiles", "MBTiles"), ("pmtiles", "PMTiles")];
    for (suffix, name) in of_mercator {
        if args.outputs.writes(suffix) && !is_web_mercator(plan)? {
            notes.push(format!(
                "{name} readers take the tiles for Web Mercator; these are of {}",
                plan.scheme.id()
            ));
        }
    }
    notes.extend(encoding::note(args.format.picture));
    Ok(notes)
}

/// Whether the tiles lie where every reader expects them, whatever the scheme is called.
fn is_web_mercator(plan: &Plan) -> Result<bool> {
    let (ours, web) = (&plan.scheme, Scheme::named("WebMercatorQuad")?);
    let near = |a: f64, b: f64| (a - b).abs() <= 1e-9 * web.root_size();
    Ok(plan.crs.name() == "EPSG:3857"
        && ours.matrix_size(0) == web.matrix_size(0)
        && near(ours.root_size(), web.root_size())
        && near(ours.origin().0, web.origin().0)
        && near(ours.origin().1, web.origin().1))
}

/// What the sources' notes say. Of thousands of files of one kind all say the same: that is one note.
pub(super) fn source_notes(infos: &[SourceInfo]) -> Vec<String> {
    let mut groups: Vec<(&str, &str, usize)> = Vec::new();
    for info in infos {
        for note in &info.notes {
            let own = note.strip_prefix(info.name.as_str());
            let text = own.and_then(|n| n.strip_prefix(": ")).unwrap_or(note);
            match groups.iter_mut().find(|group| group.1 == text) {
                Some(group) => group.2 += 1,
                None => groups.push((&info.name, text, 0)),
            }
        }
    }
    let line = |(name, text, n_more): (&str, &str, usize)| match n_more {
        0 => format!("{name}: {text}"),
        n => format!("{name} and {} more: {text}", human::count(n as u64)),
    };
    groups.into_iter().map(line).collect()
}

/// `214 rasters in 3 CRSs, 20 cm, 61.4 Gpx · first valid pixel wins · clipped to city.geojson, 8 px soft`.
pub(super) fn sources(args: &SourceArgs, infos: &[SourceInfo], clip: Option<&Clip>) -> String {
    let mut crs: Vec<&str> = infos.iter().map(|info| info.placement.crs.name()).collect();
    crs.sort_unstable();
    crs.dedup();
    let crs = match crs[..] {
        [one] => one.to_owned(),
        _ => format!("{} CRSs", crs.len()),
    };
    let pixels = infos.iter().map(|info| {
        let placement = &info.placement;
        placement.width as u64 * placement.height as u64
    });
    let size = PixelSize::range(infos.iter().map(|info| PixelSize::of(&info.placement)));
    let size = size.map_or_else(String::new, |size| format!(" {size},"));
    let rule = if infos.len() > 1 {
        format!(" · {}", args.mosaic.row().told)
    } else {
        String::new()
    };
    let clip = clip.map_or_else(String::new, |clip| {
        let name = redact::text(&clip.name());
        let soft = match args.clip.feather {
            0.0 => String::new(),
            px => format!(", {px} px soft"),
        };
        format!(" · clipped to {name}{soft}")
    });
    format!(
        "{} in {crs},{size} {}{rule}{clip}",
        human::counted(infos.len() as u64, "raster"),
        human::pixels(pixels.sum())
    )
}

/// `z4-z9 · 26 tiles at most · cubic, average · png · WebMercatorQuad`, with bytes, time and memory where they are known.
pub(super) fn plan(args: &TileArgs, plan: &Plan, outlook: Option<&Outlook>) -> String {
    let ahead = outlook.map_or_else(String::new, |outlook| {
        format!(
            " · about {} · about {} · {} memory of {}",
            human::bytes(outlook.forecast.bytes.estimate.round() as u64),
            human::duration(outlook.time()),
            human::memory(outlook.memory.peak),
            human::memory(outlook.memory.ceiling),
        )
    });
    format!(
        "{} · {} at most{ahead} · {}, {} · {} · {}",
        zooms(plan),
        human::counted(plan.count_all(), "tile"),
        plan.resampling.kernel().name,
        plan.reducer.name(),
        args.format,
        plan.scheme.id()
    )
}

/// `z4-z9 · 26 of 85 tiles · png · WebMercatorQuad`.
pub(super) fn tileset(tileset: &Tileset, metadata: &Metadata) -> String {
    let (taken, all) = tileset.n_tiles();
    let of = if taken == all {
        String::new()
    } else {
        format!("{} of ", human::count(taken as u64))
    };
    format!(
        "{} · {of}{} · {} · {}",
        zoom_range(metadata.zoom_min, metadata.zoom_max),
        human::counted(all as u64, "tile"),
        metadata.format,
        metadata.scheme_id
    )
}

/// `z4-z9`, or `z9`.
pub(super) fn zooms(plan: &Plan) -> String {
    zoom_range(plan.zoom_min, plan.zoom_max)
}

fn zoom_range(min: u8, max: u8) -> String {
    if min == max {
        format!("z{max}")
    } else {
        format!("z{min}-z{max}")
    }
}
