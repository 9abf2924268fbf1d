//! Sources of every type, the choice of bands, and what is nothing: with GDAL as the witness.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod oracle;
mod rasters;
mod skip;

use std::ffi::CString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use azulejo::error::Kind;
use azulejo::geo::scheme::{Scheme, Strategy};
use azulejo::geo::transform::Placement;
use azulejo::mosaic::Mosaic;
use azulejo::pyramid::plan::{Blank, Plan, PlanOptions};
use azulejo::raster::kernel::Resampling;
use azulejo::raster::reduce::REDUCERS;
use azulejo::raster::resample::MaskKind;
use azulejo::raster::{Raster, SampleType, Samples};
use azulejo::render::Renderer;
use azulejo::source::Source;
use azulejo::source::gdal::{BandChoice, BandId, GdalSource, Nodata, OpenOptions, init};
use azulejo::source::memory::MemorySource;
use gdal::raster::{Buffer, ColorInterpretation};
use gdal::{Dataset, DriverManager, Metadata};

use self::oracle::{gdal_translate, gdal_warp};
use self::rasters::{fixture, shared};

const TYPES: [&str; 7] = [
    "Byte", "UInt16", "Int16", "UInt32", "Int32", "Float32", "Float64",
];

fn open(path: &Path, options: &OpenOptions) -> azulejo::error::Result<GdalSource> {
    GdalSource::open(path.to_str().unwrap(), options)
}

fn all(source: &dyn Source) -> Raster {
    source.read(0, source.info().levels[0].whole()).unwrap()
}

fn values(raster: &Raster) -> Vec<f64> {
    match &raster.samples {
        Samples::U8(v) => v.iter().map(|&v| f64::from(v)).collect(),
        Samples::F32(v) => v.iter().map(|&v| f64::from(v)).collect(),
        Samples::F64(v) => v.clone(),
    }
}

/// `gdal_translate`.
fn translate(source: &Path, target: &Path, args: &[&str]) {
    init();
    gdal_translate(source, target, args);
}

/// A GeoTIFF on the equator with these bands, pixel by pixel in rows of `width`.
fn write<T: Copy + gdal::raster::GdalType>(path: &Path, width: usize, bands: &[&[T]]) -> Dataset {
    init();
    let height = bands[0].len() / width;
    let driver = DriverManager::get_driver_by_name("GTiff").unwrap();
    let mut dataset = driver
        .create_with_band_type::<T, _>(path, width, height, bands.len())
        .unwrap();
    dataset
        .set_geo_transform(&[10.0, 0.001, 0.0, 0.0, 0.0, -0.001])
        .unwrap();
    dataset
        .set_spatial_ref(&gdal::spatial_ref::SpatialRef::from_epsg(4326).unwrap())
        .unwrap();
    for (k, values) in bands.iter().enumerate() {
        let mut buffer = Buffer::new((width, height), values.to_vec());
        let mut band = dataset.rasterband(k + 1).unwrap();
        band.write((0, 0), (width, height), &mut buffer).unwrap();
    }
    dataset
}

#[test]
fn the_type_that_holds_two_others_is_that_of_gdal() {
    init();
    let code = |t: SampleType| {
        let name = CString::new(t.gdal_name()).unwrap();
        // SAFETY: the name ends with a null.
        unsafe { gdal_sys::GDALGetDataTypeByName(name.as_ptr()) }
    };
    for a in SampleType::ALL {
        for b in SampleType::ALL {
            let both = a.union(b);
            assert_eq!(both, b.union(a));
            if code(a) == 0 || code(b) == 0 {
                println!("skipped: {a:?} and {b:?}: this GDAL has no Int8");
                continue;
            }
            // SAFETY: plain numbers.
            let theirs = unsafe { gdal_sys::GDALDataTypeUnion(code(a), code(b)) };
            // Int64, which we do without: 64-bit floats hold the same 32-bit integers.
            let theirs = if theirs == 13 { 7 } else { theirs };
            assert_eq!(code(both), theirs, "{a:?} and {b:?}");
        }
    }
}

#[test]
fn samples_of_every_type_come_as_gdal_reads_them() {
    let folder = tempfile::tempdir().unwrap();
    for name in TYPES {
        let path = folder.path().join(format!("{name}.tif"));
        // Byte 0..255 to numbers that need the type: negative where it has them, and its last digits.
        let scale: &[&str] = match name {
            "Byte" => &["0", "255"],
            "UInt16" => &["1", "65535"],
            "Int16" => &["-32768", "32767"],
            "UInt32" => &["3", "4294967295"],
            "Int32" => &["-2147483648", "2147483647"],
            _ => &["-1.1", "12345.678"],
        };
        let args = ["-ot", name, "-scale", "0", "255", scale[0], scale[1]];
        translate(&fixture("byte.tif"), &path, &args);
        let source = open(&path, &OpenOptions::default()).unwrap();
        assert_eq!(source.info().sample_type.gdal_name(), name);
        let ours = all(&source);
        assert!(ours.is_opaque());
        let dataset = Dataset::open(&path).unwrap();
        let theirs: Buffer<f64> = dataset.rasterband(1).unwrap().read_band_as().unwrap();
        assert_eq!(values(&ours), theirs.data(), "{name}");
    }
}

#[test]
fn signed_bytes_are_signed_in_every_version_of_gdal() {
    init();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("signed.tif");
    // SAFETY: the name ends with a null.
    let named = unsafe { gdal_sys::GDALGetDataTypeByName(c"Int8".as_ptr()) } != 0;
    if named {
        translate(&fixture("byte.tif"), &path, &["-ot", "Int8"]);
    } else {
        translate(
            &fixture("byte.tif"),
            &path,
            &["-co", "PIXELTYPE=SIGNEDBYTE"],
        );
    }
    let source = open(&path, &OpenOptions::default()).unwrap();
    assert_eq!(source.info().sample_type, SampleType::I8);
    let ours = values(&all(&source));
    let plain = values(&all(
        &open(&fixture("byte.tif"), &OpenOptions::default()).unwrap()
    ));
    let expected = plain.iter().map(|&v| {
        if named {
            v.min(127.0)
        } else {
            f64::from(v as u8 as i8)
        }
    });
    assert_eq!(ours, expected.collect::<Vec<_>>());
    if !named {
        assert!(ours.iter().any(|&v| v < 0.0), "none of {ours:?} has a sign");
    }
    // -128..=127: 200 is not among them.
    let options = |value| OpenOptions {
        nodata: Some(Nodata::Sets(vec![vec![value]])),
        ..OpenOptions::default()
    };
    assert!(open(&path, &options(200.0)).is_err_and(|e| e.kind() == Kind::Usage));
    let hidden = all(&open(&path, &options(ours[0])).unwrap());
    assert_eq!(hidden.mask[0], 0);
}

#[test]
fn types_that_have_no_place_here_are_refused_with_a_way_out() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["CInt16", "CFloat64", "Int64", "UInt64"] {
        let path = folder.path().join(format!("{name}.tif"));
        translate(&fixture("byte.tif"), &path, &["-ot", name]);
        let error = open(&path, &OpenOptions::default()).err().unwrap();
        assert_eq!(error.kind(), Kind::Input);
        assert!(
            error.to_string().contains(&format!("{name} samples")),
            "{error}"
        );
        assert!(error.help().unwrap().contains("-ot Float64"));
    }
}

/// One tile of `source` and GDAL's of the same extent: the share of pixels with equal masks, the largest difference.
fn beside_gdal(path: &Path, resampling: Resampling) -> (f64, f64) {
    let source = Arc::new(open(path, &OpenOptions::default()).unwrap());
    let mosaic = Mosaic::new(vec![source as Arc<dyn Source>]).unwrap();
    let scheme = Scheme::named("WebMercatorQuad").unwrap();
    let options = |zoom| PlanOptions {
        scheme: scheme.clone(),
        tile_size_px: 256,
        zoom_min: zoom,
        zoom_max: zoom,
        strategy: Strategy::default(),
        resampling: Some(resampling),
        reducer: None,
        blank: Blank::Skip,
    };
    // One above native: nothing is shrunk.
    let native = Plan::new(&mosaic, options(None)).unwrap().zoom_max;
    let plan = Plan::new(&mosaic, options(Some(native + 1))).unwrap();
    let job = plan.job(&mosaic);
    let tiles = plan.tiles(plan.zoom_max);
    let tile = tiles[tiles.len() / 2];
    let bounds = plan.scheme.bounds(tile);
    let mut ours = Renderer::new(&job).render(&bounds).unwrap().unwrap();
    ours.finish();
    let extent = [bounds.west, bounds.south, bounds.east, bounds.north].map(|v| format!("{v:.17}"));
    let kernel = resampling.kernel().name;
    let te: Vec<&str> = extent.iter().map(String::as_str).collect();
    let mut args = vec!["-of", "MEM", "-et", "0", "-t_srs", "EPSG:3857", "-dstalpha"];
    args.extend([
        "-ts", "256", "256", "-wo", "XSCALE=1", "-wo", "YSCALE=1", "-r",
    ]);
    args.extend([if kernel == "nearest" { "near" } else { kernel }, "-te"]);
    args.extend(te);
    let theirs = gdal_warp(&Dataset::open(path).unwrap(), &args);
    let band = |k| -> Buffer<f64> { theirs.rasterband(k).unwrap().read_band_as().unwrap() };
    let (colour, alpha) = (band(1), band(2));
    let own = values(&ours);
    let (mut equal, mut worst) = (0, 0.0_f64);
    let masks = ours.mask.iter().zip(alpha.data());
    for ((mask, alpha), (own, colour)) in masks.zip(own.iter().zip(colour.data())) {
        let there = (*mask > 0, *alpha > 0.0);
        equal += usize::from(there.0 == there.1);
        if there == (true, true) {
            worst = worst.max((own - colour).abs());
        }
    }
    (equal as f64 / f64::from(256 * 256), worst)
}

#[test]
fn tiles_of_every_type_are_those_of_gdals_warper() {
    use Resampling::{Bilinear, Cubic, Nearest};
    let folder = tempfile::tempdir().unwrap();
    // The interpolated place may be off by a fiftieth of a pixel: a fifth of a step here, or one when it is rounded.
    for (file, nodata) in [("n43_ontario.tif", "-32767"), ("utmsmall.tif", "none")] {
        for name in TYPES {
            let signed = !matches!(name, "Byte" | "UInt16" | "UInt32");
            if nodata.starts_with('-') && !signed {
                continue;
            }
            let path = folder.path().join(format!("{name}-{file}"));
            translate(
                &fixture(file),
                &path,
                &["-ot", name, "-a_nodata", nodata, "-b", "1"],
            );
            for kernel in [Nearest, Bilinear, Cubic] {
                let (masks, worst) = beside_gdal(&path, kernel);
                println!(
                    "{file} {name} {kernel:?}: {:.3} % of masks, at most {worst}",
                    100.0 * masks
                );
                assert!(masks > 0.998, "{file} {name} {kernel:?}: {masks}");
                let rounds = !name.starts_with("Float");
                if kernel != Nearest {
                    let most = if rounds { 1.0 } else { 0.25 };
                    assert!(worst <= most, "{file} {name} {kernel:?}: {worst}");
                }
            }
        }
    }
}

#[test]
fn kernels_keep_integers_within_their_range_and_leave_floats_alone() {
    let (width, height) = (64, 64);
    // Stripes of the extremes: every kernel with lobes overshoots.
    let stripes = |low: f64, high: f64| -> Vec<f64> {
        let at = |k: usize| {
            if (k % width / 4).is_multiple_of(2) {
                low
            } else {
                high
            }
        };
        (0..width * height).map(at).collect()
    };
    for sample_type in SampleType::ALL {
        let (low, high) = sample_type.range().unwrap_or((-1e6, 1e6));
        let pixels = stripes(low, high);
        let samples = match Samples::zeros(sample_type, 0) {
            Samples::U8(_) => Samples::U8(pixels.iter().map(|&v| v as u8).collect()),
            Samples::F32(_) => Samples::F32(pixels.iter().map(|&v| v as f32).collect()),
            Samples::F64(_) => Samples::F64(pixels),
        };
        let mask = vec![255; width * height];
        let raster = Raster::from_parts(width, height, 1, sample_type, samples, mask).unwrap();
        let tile = tile_of(raster, Resampling::Cubic);
        let found = values(&tile);
        let inside: Vec<f64> = (0..found.len())
            .filter(|&k| tile.mask[k] > 0)
            .map(|k| found[k])
            .collect();
        assert!(!inside.is_empty());
        let (least, most) = inside
            .iter()
            .fold((f64::MAX, f64::MIN), |(a, b), &v| (a.min(v), b.max(v)));
        if sample_type.range().is_some() {
            assert_eq!((least, most), (low, high), "{sample_type:?}");
            let mut finished = tile.clone();
            finished.finish();
            assert!(values(&finished).iter().all(|&v| sample_type.holds(v)));
        } else {
            assert!(
                least < low && most > high,
                "{sample_type:?}: {least}, {most}"
            );
        }
    }
}

/// A tile of `raster`, which lies at the equator, twice enlarged or more.
fn tile_of(raster: Raster, resampling: Resampling) -> Raster {
    let path = tempfile::NamedTempFile::with_suffix(".tif").unwrap();
    let n = raster.width() * raster.height();
    write::<u8>(path.path(), raster.width(), &[&vec![0; n]])
        .close()
        .unwrap();
    let placement: Placement = open(path.path(), &OpenOptions::default())
        .unwrap()
        .info()
        .placement
        .clone();
    let source = MemorySource::new("memory", raster, placement).unwrap();
    tile_of_source(Arc::new(source), resampling)
}

fn tile_of_source(source: Arc<dyn Source>, resampling: Resampling) -> Raster {
    let mosaic = Mosaic::new(vec![source]).unwrap();
    let plan = Plan::new(
        &mosaic,
        PlanOptions {
            scheme: Scheme::named("WebMercatorQuad").unwrap(),
            tile_size_px: 256,
            zoom_min: Some(13),
            zoom_max: Some(13),
            strategy: Strategy::default(),
            resampling: Some(resampling),
            reducer: None,
            blank: Blank::Skip,
        },
    )
    .unwrap();
    let job = plan.job(&mosaic);
    let tile = plan.tiles(13)[0];
    let bounds = plan.scheme.bounds(tile);
    Renderer::new(&job).render(&bounds).unwrap().unwrap()
}

#[test]
fn a_constant_of_any_type_stays_what_it_is_all_the_way_up() {
    for (sample_type, value) in [
        (SampleType::U32, 4_294_967_295.0),
        (SampleType::I32, -2_147_483_648.0),
        (SampleType::I16, -32768.0),
        (SampleType::I8, -100.0),
        (SampleType::F64, 16_777_217.0),
    ] {
        let n = 64 * 64;
        let samples = match Samples::zeros(sample_type, 0) {
            Samples::F64(_) => Samples::F64(vec![value; n]),
            _ => Samples::F32(vec![value as f32; n]),
        };
        let raster = Raster::from_parts(64, 64, 1, sample_type, samples, vec![255; n]).unwrap();
        for kernel in azulejo::raster::kernel::KERNELS {
            let tile = tile_of(raster.clone(), kernel.resampling);
            for (name, reducer) in REDUCERS {
                let mut small = reducer.reduce(&tile);
                small.finish();
                let found = values(&small);
                for (k, v) in found.iter().enumerate().filter(|(k, _)| small.mask[*k] > 0) {
                    assert!(
                        (v - value).abs() <= 1e-14 * value.abs(),
                        "{sample_type:?} {} {name}: {v} at {k}",
                        kernel.name
                    );
                }
            }
        }
    }
}

#[test]
fn what_is_no_number_is_nothing_and_touches_nothing() {
    let mut pixels = vec![7.0_f32; 64 * 64];
    for (k, bad) in [(100, f32::NAN), (900, f32::INFINITY), (2000, f32::MIN)] {
        pixels[k] = bad;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("holes.tif");
    let dataset = write(&path, 64, &[&pixels]);
    dataset
        .rasterband(1)
        .unwrap()
        // As gdalinfo prints the smallest number of 32 bits.
        .set_no_data_value(Some(-3.402_823_466_385_288_6e38))
        .unwrap();
    dataset.close().unwrap();
    let source = open(&path, &OpenOptions::default()).unwrap();
    assert_eq!(source.info().mask, MaskKind::Binary);
    let raster = all(&source);
    let holes: Vec<usize> = (0..64 * 64).filter(|&k| raster.mask[k] == 0).collect();
    assert_eq!(holes, [100, 900, 2000]);
    let tile = tile_of(raster, Resampling::Cubic);
    let found = values(&tile);
    for k in (0..found.len()).filter(|&k| tile.mask[k] > 0) {
        assert!((found[k] - 7.0).abs() < 1e-5, "{} at {k}", found[k]);
    }
    // Made by a program, the same.
    let nan = Samples::F64(vec![f64::NAN, 1.0]);
    let raster = Raster::from_parts(2, 1, 1, SampleType::F64, nan, vec![255; 2]).unwrap();
    let placement = Placement {
        width: 2,
        height: 1,
        ..source.info().placement.clone()
    };
    let memory = MemorySource::new("memory", raster, placement).unwrap();
    assert_eq!(memory.info().mask, MaskKind::Binary);
}

fn masked(path: &Path, bands: Option<BandChoice>, nodata: Option<Nodata>) -> Vec<u8> {
    let options = OpenOptions {
        bands,
        nodata,
        ..OpenOptions::default()
    };
    all(&open(path, &options).unwrap()).mask
}

#[test]
fn nodata_is_of_the_file_or_as_it_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sets.tif");
    let dataset = write::<u8>(
        &path,
        4,
        &[&[0, 255, 1, 0], &[0, 255, 2, 9], &[0, 255, 3, 9]],
    );
    for k in 1..=3 {
        let mut band = dataset.rasterband(k).unwrap();
        band.set_no_data_value(Some(0.0)).unwrap();
    }
    dataset.close().unwrap();
    let sets = |sets: &[&[f64]]| Some(Nodata::Sets(sets.iter().map(|set| set.to_vec()).collect()));
    let rows: [(Option<Nodata>, [u8; 4]); 5] = [
        (None, [0, 255, 255, 255]),
        (Some(Nodata::Ignore), [255; 4]),
        (sets(&[&[255.0]]), [255, 0, 255, 255]),
        (sets(&[&[255.0], &[1.0, 2.0, 3.0]]), [255, 0, 0, 255]),
        (sets(&[&[0.0], &[0.0, 9.0, 9.0]]), [0, 255, 255, 0]),
    ];
    for (nodata, expected) in rows {
        let said = nodata.as_ref().map(ToString::to_string);
        assert_eq!(masked(&path, None, nodata), expected, "{said:?}");
    }
    // Band by band: each has its own.
    assert_eq!(
        masked(&path, Some(BandChoice::one(1)), None),
        [0, 255, 255, 0]
    );
    assert_eq!(
        masked(&path, Some(BandChoice::one(2)), None),
        [0, 255, 255, 255]
    );
    for wrong in [&[256.0][..], &[-1.0], &[0.5], &[f64::NAN], &[1.0, 2.0]] {
        let options = OpenOptions {
            nodata: sets(&[wrong]),
            ..OpenOptions::default()
        };
        let error = open(&path, &options).err().unwrap();
        assert_eq!(error.kind(), Kind::Usage, "{error}");
    }
}

#[test]
fn a_mask_and_values_that_are_said_both_count() {
    let path = fixture("hro_mask.tif");
    let own = masked(&path, None, None);
    let raster = all(&open(&path, &OpenOptions::default()).unwrap());
    let bands = raster.bands();
    let samples = values(&raster);
    // A colour that the picture has where its mask shows it.
    let k = (0..own.len()).find(|&k| own[k] > 0).unwrap();
    let colour = samples[k * bands..(k + 1) * bands].to_vec();
    let both = masked(&path, None, Some(Nodata::Sets(vec![colour.clone()])));
    for k in 0..own.len() {
        let hidden = own[k] == 0 || samples[k * bands..(k + 1) * bands] == colour[..];
        assert_eq!(both[k] == 0, hidden, "pixel {k}");
    }
    assert_eq!(masked(&path, None, Some(Nodata::Ignore)), own);
}

#[test]
fn bands_are_taken_as_they_are_chosen() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bands.tif");
    let dataset = write::<u16>(&path, 2, &[&[10, 11], &[20, 21], &[30, 31], &[0, 65535]]);
    for (k, name) in ["B4, central wavelength 665 nm", "B03", "B8A", ""]
        .into_iter()
        .enumerate()
    {
        let mut band = dataset.rasterband(k + 1).unwrap();
        band.set_description(name).unwrap();
    }
    let mut alpha = dataset.rasterband(4).unwrap();
    alpha
        .set_color_interpretation(ColorInterpretation::AlphaBand)
        .unwrap();
    dataset.close().unwrap();
    let name = |name: &str| BandId::Name(name.into());
    let check = |colour: &[BandId], alpha: bool, samples: &[f32], mask: &[u8]| {
        let options = OpenOptions {
            bands: Some(BandChoice {
                colour: colour.to_vec(),
                alpha,
            }),
            ..OpenOptions::default()
        };
        let source = open(&path, &options).unwrap();
        let raster = all(&source);
        assert_eq!(source.info().bands, colour.len());
        assert_eq!(raster.samples, Samples::F32(samples.to_vec()), "{colour:?}");
        assert_eq!(raster.mask, mask, "{colour:?}");
        let expected = if alpha {
            MaskKind::Graded
        } else {
            MaskKind::None
        };
        assert_eq!(source.info().mask, expected);
    };
    use BandId::Number;
    check(&[Number(2)], false, &[20.0, 21.0], &[255, 255]);
    // Under mask 0 all is 0.
    check(&[Number(2)], true, &[0.0, 21.0], &[0, 255]);
    check(&[Number(4)], false, &[0.0, 65535.0], &[255, 255]);
    check(
        &[name("b8a"), Number(1), name("B3")],
        false,
        &[30.0, 10.0, 20.0, 31.0, 11.0, 21.0],
        &[255, 255],
    );
    check(&[name("B04")], false, &[10.0, 11.0], &[255, 255]);
    for (wrong, alpha) in [
        (vec![Number(5)], false),
        (vec![name("B12")], false),
        (vec![Number(1), Number(5)], false),
    ] {
        let options = OpenOptions {
            bands: Some(BandChoice {
                colour: wrong,
                alpha,
            }),
            ..OpenOptions::default()
        };
        let error = open(&path, &options).err().unwrap();
        assert_eq!(error.kind(), Kind::Usage, "{error}");
    }
    let choose = |path: &Path, colour: usize, alpha: bool| {
        let bands = Some(BandChoice {
            alpha,
            ..BandChoice::one(colour)
        });
        let options = OpenOptions {
            bands,
            ..OpenOptions::default()
        };
        open(path, &options)
    };
    let no_alpha = choose(&fixture("RGB.byte.tif"), 1, true).err().unwrap();
    assert_eq!(no_alpha.kind(), Kind::Usage);
    assert_eq!(
        choose(&fixture("byte_pct.tif"), 1, false)
            .unwrap()
            .info()
            .bands,
        3,
        "a palette is three colours"
    );
}

#[test]
fn bands_flagged_as_colours_are_those_wherever_they_stand() {
    use ColorInterpretation::{AlphaBand, BlueBand, GreenBand, RedBand, Undefined};
    let folder = tempfile::tempdir().unwrap();
    let check = |name: &str, roles: Vec<ColorInterpretation>, samples: &[u8], mask: u8| {
        let path = folder.path().join(name);
        let bands: Vec<[u8; 1]> = (1..=roles.len()).map(|k| [10 * k as u8]).collect();
        let bands: Vec<&[u8]> = bands.iter().map(|band| &band[..]).collect();
        let dataset = write::<u8>(&path, 1, &bands);
        for (k, role) in roles.into_iter().enumerate() {
            let mut band = dataset.rasterband(k + 1).unwrap();
            band.set_color_interpretation(role).unwrap();
        }
        dataset.close().unwrap();
        let source = open(&path, &OpenOptions::default()).unwrap();
        let raster = all(&source);
        assert_eq!(raster.samples, Samples::U8(samples.to_vec()), "{name}");
        assert_eq!(raster.mask, [mask], "{name}");
        source.info().notes.join("")
    };
    let told = "those flagged as red, green and blue";
    let bgrn = vec![BlueBand, GreenBand, RedBand, Undefined];
    assert!(check("bgrn.tif", bgrn, &[30, 20, 10], 255).contains(told));
    let bgra = vec![BlueBand, GreenBand, RedBand, AlphaBand];
    assert_eq!(check("bgra.tif", bgra, &[30, 20, 10], 40), "");
    let far = vec![
        Undefined, Undefined, RedBand, BlueBand, GreenBand, AlphaBand,
    ];
    assert!(check("far.tif", far, &[30, 50, 40], 60).contains(told));
    let twice = vec![BlueBand, GreenBand, RedBand, BlueBand];
    assert!(check("twice.tif", twice, &[10, 20, 30], 255).contains("the first three"));
    let none = vec![Undefined, Undefined, Undefined, Undefined];
    assert!(check("none.tif", none, &[10, 20, 30], 255).contains("the first three"));
}

#[test]
fn overviews_are_nobodys_choice_but_ours() {
    for option in [
        "OVERVIEW_LEVEL=0",
        "overview_level=NONE",
        "Overview_Level:1",
    ] {
        let options = OpenOptions {
            driver: vec!["NUM_THREADS=1".into(), option.into()],
            ..OpenOptions::default()
        };
        let error = open(&fixture("byte.tif"), &options).err().unwrap();
        assert_eq!(error.kind(), Kind::Usage);
        let said = format!("--oo {option}: azulejo chooses overviews");
        assert!(error.to_string().starts_with(&said), "{error}");
    }
}

/// A file of indices, and a VRT over it that gives them colours.
fn with_palette<T: Copy + gdal::raster::GdalType>(
    folder: &Path,
    name: &str,
    indices: &[T],
    colours: &[[u8; 4]],
) -> PathBuf {
    let under = folder.join(format!("{name}.tif"));
    let width = indices.len();
    write(&under, width, &[indices]).close().unwrap();
    let path = folder.join(format!("{name}.vrt"));
    translate(&under, &path, &["-of", "VRT"]);
    let entry =
        |[r, g, b, a]: &[u8; 4]| format!("<Entry c1=\"{r}\" c2=\"{g}\" c3=\"{b}\" c4=\"{a}\"/>");
    let entries: String = colours.iter().map(entry).collect();
    let text = std::fs::read_to_string(&path).unwrap();
    let said = "<ColorInterp>Gray</ColorInterp>";
    assert!(text.contains(said), "{text}");
    let table = format!("<ColorInterp>Palette</ColorInterp><ColorTable>{entries}</ColorTable>");
    std::fs::write(&path, text.replace(said, &table)).unwrap();
    path
}

#[test]
fn an_index_beyond_the_palette_is_nothing_in_8_and_in_16_bits() {
    let folder = tempfile::tempdir().unwrap();
    let colours = [[10, 20, 30, 255], [40, 50, 60, 255], [70, 80, 90, 255]];
    let check = |path: &Path, indices: &[usize], kind: MaskKind| {
        let source = open(path, &OpenOptions::default()).unwrap();
        let info = source.info();
        assert_eq!((info.bands, info.sample_type), (3, SampleType::U8));
        assert_eq!((info.palette, info.mask), (true, kind), "{path:?}");
        let raster = all(&source);
        let (found, mask) = (values(&raster), raster.mask.clone());
        for (k, &index) in indices.iter().enumerate() {
            let [r, g, b, a] = colours.get(index).copied().unwrap_or_default();
            let expected = [r, g, b].map(f64::from);
            assert_eq!((&found[3 * k..3 * k + 3], mask[k]), (&expected[..], a));
        }
        raster
    };
    let path = with_palette::<u8>(folder.path(), "short8", &[0, 1, 2, 3, 255], &colours);
    check(&path, &[0, 1, 2, 3, 255], MaskKind::Binary);
    let indices = [0, 1, 2, 3, 256, 257, 65535];
    let path = with_palette::<u16>(folder.path(), "short16", &indices, &colours);
    check(&path, &indices.map(usize::from), MaskKind::Binary);
    // A palette with a colour for each index has no holes.
    let full: Vec<[u8; 4]> = (0..256)
        .map(|k| colours.get(k).copied().unwrap_or([1, 2, 3, 255]))
        .collect();
    let path = with_palette::<u8>(folder.path(), "full8", &[0, 1, 2], &full);
    check(&path, &[0, 1, 2], MaskKind::None);

    // And in a tile: what is nothing lends no colour.
    let indices: Vec<u8> = (0..64 * 64)
        .map(|k| if k % 7 == 0 { 200 } else { 1 })
        .collect();
    let path = with_palette::<u8>(folder.path(), "holes8", &indices, &colours);
    let source = open(&path, &OpenOptions::default()).unwrap();
    let tile = tile_of_source(Arc::new(source), Resampling::Average);
    let found = values(&tile);
    let there = (0..256 * 256).filter(|&k| tile.mask[k] > 0);
    assert!(there.clone().count() > 0);
    for k in there {
        assert_eq!(found[3 * k..3 * k + 3], [40.0, 50.0, 60.0]);
    }
}

#[test]
fn alpha_is_told_from_near_infrared_and_stays_alpha_elsewhere() {
    for (file, kind) in [
        ("rgb/naip_ca_60cm_nir_flagged_alpha.tif", MaskKind::None),
        ("rgb/craterlake_rgba.tif", MaskKind::Graded),
        ("alpha_mask_nodata/hro_alpha.tif", MaskKind::Graded),
        ("alpha_mask_nodata/alpha_nz.tif", MaskKind::Graded),
        ("alpha_mask_nodata/RGBA.uint16.tif", MaskKind::Graded),
        ("projections/sst_3413_rgba.tif", MaskKind::Graded),
        ("projections/sst_4326_rgba.tif", MaskKind::Graded),
        ("golden/naip_martin_256_lzw_z3.tif", MaskKind::Graded),
        ("jp2/stefan_full_rgba.jp2", MaskKind::Graded),
    ] {
        let Some(path) = shared(file) else { continue };
        let source = match open(&path, &OpenOptions::default()) {
            Ok(source) => source,
            Err(error) => {
                println!("skipped: {error}");
                continue;
            }
        };
        let info = source.info();
        assert_eq!((info.bands, info.mask), (3, kind), "{file}");
        let told = info.notes.iter().any(|note| note.contains("-b 1,2,3,a"));
        assert_eq!(told, kind == MaskKind::None, "{file}: {:?}", info.notes);
    }
    let Some(path) = shared("rgb/naip_ca_60cm_nir_flagged_alpha.tif") else {
        return;
    };
    let insisting = OpenOptions {
        bands: Some(BandChoice {
            colour: [1, 2, 3].map(BandId::Number).to_vec(),
            alpha: true,
        }),
        ..OpenOptions::default()
    };
    let info = open(&path, &insisting).unwrap().info().clone();
    assert_eq!((info.mask, info.notes.len()), (MaskKind::Graded, 0));
}
