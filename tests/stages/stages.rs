//! How fast each stage is by itself, on one thread: decoding, warping, reducing, styling, encoding, writing.
//!
//! ```text
//! cargo bench --bench stages                   every stage
//! cargo bench --bench stages -- encode png     rows whose name has both words
//! cargo bench --bench stages -- --json FILE    the rows as JSON, too
//! ```
//!
//! The scenes are a fixture and, where BENCH names a folder with `data/`, parts of the rasters in there. Times are CPU
//! time of the thread, so that what else the machine does matters little.

#![allow(clippy::print_stdout)]

mod clock;
mod rows;
mod scene;

use std::error::Error;
use std::path::{Path, PathBuf};

use azulejo::archive::{
    Digest, MbtilesOptions, Metadata, Overwrite, RemoteOptions, RowScheme, Sink, SinkOptions,
    TilesetKind, open_sink,
};
use azulejo::encode::{DEFAULT_EFFORT, FORMATS, Format, Settings, encoder};
use azulejo::geo::scheme::Scheme;
use azulejo::geo::tile::TileCoord;
use azulejo::raster::image::Image;
use azulejo::raster::kernel::{KERNELS, Resampling};
use azulejo::raster::reduce::REDUCERS;
use azulejo::raster::{Raster, SampleType, Samples};
use azulejo::render::Renderer;
use azulejo::source::Source;
use azulejo::style::colormap::ColorMap;
use azulejo::style::expression::Expression;
use azulejo::style::ground::{Ground, MARGIN_PX};
use azulejo::style::relief::Hillshade;
use azulejo::style::rescale::Stretch;
use azulejo::style::{Form, Step, Style};

use self::clock::Cost;
use self::rows::Rows;
use self::scene::{File, Scene};

type Anything<T> = Result<T, Box<dyn Error>>;

/// Tiles that a scene is looked at by.
const N_TILES: usize = 32;
/// Tiles that a container is filled with.
const N_WRITTEN: usize = 1024;

fn main() -> Anything<()> {
    let mut words: Vec<String> = std::env::args().skip(1).collect();
    // Cargo says that this is a benchmark.
    words.retain(|word| word != "--bench");
    let json = match words.iter().position(|word| word == "--json") {
        Some(at) if at + 1 < words.len() => Some(PathBuf::from(
            words.drain(at..at + 2).nth(1).unwrap_or_default(),
        )),
        Some(_) => return Err("--json; expected the path of a file after it".into()),
        None => None,
    };
    // As small as azulejo keeps it: what is read again must be decoded again.
    gdal::config::set_config_option("GDAL_CACHEMAX", "16")?;
    let mut rows = Rows::new(words);
    for file in scene::files() {
        measure(&file, &mut rows)?;
    }
    match json {
        Some(path) => rows.save(&path),
        None => Ok(()),
    }
}

fn measure(file: &File, rows: &mut Rows) -> Anything<()> {
    decode(file, rows)?;
    let scene = Scene::open(file)?;
    warp(&scene, rows)?;
    let tiles = scene.tiles(Resampling::Bilinear, N_TILES)?;
    reduce(&scene, &tiles, rows);
    if file.in_full {
        style(&scene, rows)?;
    }
    encode(file, &scene, &tiles, rows)?;
    if file.in_full {
        write(&scene, &tiles, rows)?;
    }
    Ok(())
}

/// Blocks of the file, opened anew for every pass.
fn decode(file: &File, rows: &mut Rows) -> Anything<()> {
    let windows = file.windows()?;
    let n_px: usize = windows.iter().map(|w| w.width * w.height).sum();
    rows.measure("decode", file.name, "by blocks", n_px, || {
        let source = file.open()?;
        for &window in &windows {
            std::hint::black_box(source.read(0, window)?);
        }
        Ok(None)
    })
}

/// Base tiles of pixels in memory.
fn warp(scene: &Scene, rows: &mut Rows) -> Anything<()> {
    for kernel in &KERNELS {
        let plan = scene.plan(kernel.resampling)?;
        let job = plan.job(&scene.mosaic);
        let mut renderer = Renderer::new(&job);
        let places = scene.places(&plan, N_TILES);
        let n_px = places.len() * scene::TILE_PX * scene::TILE_PX;
        rows.measure("warp", scene.name, kernel.name, n_px, || {
            for &tile in &places {
                std::hint::black_box(renderer.render(&plan.scheme.bounds(tile))?);
            }
            Ok(None)
        })?;
    }
    Ok(())
}

/// Tiles to a quarter of their pixels. What is counted is what goes in.
fn reduce(scene: &Scene, tiles: &[Raster], rows: &mut Rows) {
    let n_px = tiles.len() * scene::TILE_PX * scene::TILE_PX;
    for (name, reducer) in REDUCERS {
        let done = rows.measure("reduce", scene.name, name, n_px, || {
            for tile in tiles {
                std::hint::black_box(reducer.reduce(tile));
            }
            Ok(None)
        });
        done.expect("reducing has no errors");
    }
}

/// Values of two bands, and heights with their margin, to what is shown of them.
fn style(scene: &Scene, rows: &mut Rows) -> Anything<()> {
    let size = scene::TILE_PX;
    let values = |side: usize, bands: usize| {
        let value = |k: usize| (k * 7919 % 4093) as f32 / 3.0 + 50.0;
        let samples = Samples::F32((0..side * side * bands).map(value).collect());
        let mask = vec![255; side * side];
        Raster::from_parts(side, side, bands, SampleType::F32, samples, mask)
    };
    let two = values(size, 2)?;
    let form = Form {
        bands: 2,
        sample_type: SampleType::F32,
    };
    let stretch = Stretch {
        low: -1.0,
        high: 1.0,
    };
    let index = Expression::parse("(b1-b2)/(b1+b2)").map_err(|fault| fault.message)?;
    let map = ColorMap::parse("viridis").and_then(|map| map.with_range(-1.0, 1.0));
    let map = map.map_err(|fault| fault.message)?;
    for (name, last) in [
        ("expression (b1-b2)/(b1+b2)", None),
        ("the same, stretched", Some(Step::Rescale([stretch].into()))),
        ("the same, in colours", Some(Step::ColorMap(map.into()))),
    ] {
        let first = Step::Expression(index.clone().into());
        let steps = [Some(first), last].into_iter().flatten().collect();
        let style = Style::new(None, steps, form)?;
        rows.measure("style", scene.name, name, size * size, || {
            std::hint::black_box(style.apply(0, &two));
            Ok(None)
        })?;
    }
    let heights = values(size + 2 * MARGIN_PX, 1)?;
    let shade = Ground::Shade(Hillshade::default());
    let pixel_m = vec![[30.0, 30.0]; size];
    rows.measure("style", scene.name, "hillshade", size * size, || {
        std::hint::black_box(shade.apply(&heights, &pixel_m));
        Ok(None)
    })
}

/// Pictures to bytes, with every effort of the scene that stands for all, and with the default of others.
fn encode(file: &File, scene: &Scene, tiles: &[Raster], rows: &mut Rows) -> Anything<()> {
    let images: Vec<Image> = tiles
        .iter()
        .map(Image::from_raster)
        .collect::<Result<_, _>>()?;
    let n_px = images.len() * scene::TILE_PX * scene::TILE_PX;
    let efforts = if file.in_full {
        0..=9
    } else {
        DEFAULT_EFFORT..=DEFAULT_EFFORT
    };
    // Those that are made of others are as fast as these, and one may not be built in.
    let single = FORMATS.iter().filter(|info| info.tiles == [info.format]);
    for format in single.map(|info| info.format) {
        if encoder(format, &Settings::default()).is_err() {
            continue;
        }
        for lossless in [false, true] {
            let lossy = format != Format::Png && !lossless;
            if lossless && format != Format::Webp {
                continue;
            }
            for effort in efforts.clone() {
                let settings = Settings {
                    quality: lossy.then_some(75),
                    lossless,
                    effort: Some(effort),
                    ..Settings::default()
                };
                let kind = if lossless { " lossless" } else { "" };
                let name = format!("{format}{kind} effort {effort}");
                let mut encoder = encoder(format, &settings)?;
                let mut out = Vec::new();
                rows.measure("encode", scene.name, &name, n_px, || {
                    let mut n_bytes = 0;
                    for image in &images {
                        out.clear();
                        encoder.encode(image, &mut out)?;
                        n_bytes += out.len();
                    }
                    Ok(Some(n_bytes as f64 / images.len() as f64))
                })?;
            }
        }
    }
    Ok(())
}

/// PNG tiles into every container, and what it takes to complete it.
fn write(scene: &Scene, tiles: &[Raster], rows: &mut Rows) -> Anything<()> {
    let mut encoder = encoder(Format::Png, &Settings::default())?;
    let mut encoded = Vec::new();
    for tile in tiles {
        let mut data = Vec::new();
        encoder.encode(&Image::from_raster(tile)?, &mut data)?;
        encoded.push(data);
    }
    let scheme = Scheme::named("WebMercatorQuad")?;
    let side = 1u32 << 5;
    let mut places = Vec::new();
    for i in 0..N_WRITTEN as u32 {
        places.push(scheme.tile(5, i % side, i / side)?);
    }
    places.sort_by_key(|tile| tile.hilbert());
    let kilobytes = encoded.iter().map(Vec::len).sum::<usize>() / encoded.len() / 1000;
    for name in ["MBTiles", "PMTiles", "folder"] {
        let label = format!("{name}, {kilobytes} KB a tile");
        rows.measure_each(
            "write",
            scene.name,
            &label,
            N_WRITTEN * scene::TILE_PX.pow(2),
            || written(name, &places, &encoded),
        )?;
    }
    Ok(())
}

fn written(name: &str, places: &[TileCoord], encoded: &[Vec<u8>]) -> Anything<(Option<f64>, Cost)> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join(match name {
        "folder" => "t".to_owned(),
        name => format!("t.{}", name.to_lowercase()),
    });
    let (staged, cost) = clock::once(|| {
        let mut sink = open(&path)?;
        for (place, data) in places.iter().zip(encoded.iter().cycle()) {
            sink.write(*place, data, Digest::of(data))?;
        }
        Ok(sink.finish(&metadata())?)
    })?;
    // Taking it away again is not what is measured.
    drop(staged);
    Ok((None, cost))
}

fn open(path: &Path) -> azulejo::error::Result<Box<dyn Sink>> {
    let options = SinkOptions {
        overwrite: Overwrite::Refuse,
        rows: RowScheme::Xyz,
        format: Format::Png,
        matrix_roots: (1, 1),
        hosts: Vec::new(),
        mbtiles: MbtilesOptions::default(),
        remote: RemoteOptions::default(),
    };
    open_sink(path, &options)
}

fn metadata() -> Metadata {
    let whole = azulejo::geo::bounds::Bounds::new(-180.0, -85.0, 180.0, 85.0);
    Metadata {
        name: "stages".into(),
        description: None,
        attribution: None,
        kind: TilesetKind::Overlay,
        version: "1.0.0".into(),
        format: Format::Png,
        bounds: whole,
        center: (0.0, 0.0, 5),
        zoom_min: 5,
        zoom_max: 5,
        tile_size_px: 256,
        scheme_id: "WebMercatorQuad".into(),
        matrix_roots: (1, 1),
        extra: Vec::new(),
    }
}
