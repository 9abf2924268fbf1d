//! Tiles of values, as GDAL reads them: all types, bands, and ways to say what is not there.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use gdal::raster::{ColorInterpretation, GdalDataType};
use gdal::vsi::{create_mem_file, unlink_mem_file};
use gdal::{Dataset, Metadata};

use super::*;
use crate::raster::gaps::Gaps;
use crate::raster::{Raster, SampleType, Samples};

const PLACE: Place = Place {
    z: 3,
    west: -15_028_131.257_091_93,
    north: 1e-3,
    pixel: 611.496_226_281_407_9,
};

/// A tile that GDAL reads.
struct Read {
    dataset: Option<Dataset>,
    path: PathBuf,
}

impl Read {
    fn new(tile: &[u8]) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = PathBuf::from(format!("/vsimem/values-{n}.tif"));
        create_mem_file(&path, tile.to_vec()).unwrap();
        Self {
            dataset: Some(Dataset::open(&path).unwrap()),
            path,
        }
    }

    fn dataset(&self) -> &Dataset {
        self.dataset.as_ref().unwrap()
    }

    /// All samples of a band, from 0 on.
    fn band(&self, index: usize, sample_type: SampleType) -> Vec<f64> {
        let band = self.dataset().rasterband(index + 1).unwrap();
        let values = band.read_band_as::<f64>().unwrap();
        // GDAL before 3.7 has no bytes with a sign, and says in metadata that there is one.
        let unsigned = sample_type == SampleType::I8 && band.band_type() == GdalDataType::UInt8;
        let signed = |v: &f64| match unsigned && *v > 127.0 {
            true => v - 256.0,
            false => *v,
        };
        values.data().iter().map(signed).collect()
    }

    fn mask(&self) -> Vec<u8> {
        let band = self.dataset().rasterband(1).unwrap();
        let mask = band.open_mask_band().unwrap();
        mask.read_band_as::<u8>().unwrap().data().to_vec()
    }
}

impl Drop for Read {
    fn drop(&mut self) {
        self.dataset = None;
        unlink_mem_file(&self.path).unwrap();
    }
}

fn label(gaps: Gaps) -> Label {
    Label {
        gaps,
        ..Label::default()
    }
}

fn tile(raster: &Raster, label: &Label, settings: &Settings) -> Vec<u8> {
    let mut encoder = values_encoder(Format::Tif, settings, label).unwrap();
    let mut out = b"before".to_vec();
    let values = Values {
        raster,
        place: PLACE,
    };
    encoder.encode(&values, &mut out).unwrap();
    assert!(out.starts_with(b"before"), "encoders append");
    let first = out.split_off(6);
    encoder.encode(&values, &mut out).unwrap();
    assert!(out[6..] == first, "other bytes the second time");
    assert_eq!(Format::sniff(&first), Some(Format::Tif));
    first
}

/// A raster of `bands` bands of whole numbers that the type has, or any finite ones, made of `bits`; nothing where its mask is 0.
fn raster(
    sample_type: SampleType,
    (width, bands): (usize, usize),
    bits: &[u64],
    mask: &[u8],
) -> Raster {
    let height = mask.len() / width;
    let n = width * height;
    let mut raster = Raster::empty(width, height, bands, sample_type);
    raster.mask.copy_from_slice(&mask[..n]);
    for i in 0..n * bands {
        let random = bits[i % bits.len()].rotate_left((i % 64) as u32);
        let value = match sample_type.range() {
            Some((low, high)) => low + (random % (high - low + 1.0) as u64) as f64,
            None if sample_type == SampleType::F32 => f32::from_bits(random as u32).into(),
            None => f64::from_bits(random),
        };
        raster.set_sample(i, value);
    }
    raster.clear_hidden();
    raster
}

/// A value that means "nothing here", and that the random ones are unlikely to be.
fn nodata(sample_type: SampleType) -> f64 {
    sample_type.range().map_or(-9999.0, |(low, _)| low + 77.0)
}

fn check(raster: &Raster, gaps: Gaps, settings: &Settings) {
    let read = Read::new(&tile(raster, &label(gaps), settings));
    let (dataset, bands) = (read.dataset(), raster.bands());
    assert_eq!(dataset.raster_size(), (raster.width(), raster.height()));
    let has_alpha = gaps == Gaps::Alpha;
    assert_eq!(dataset.raster_count(), bands + usize::from(has_alpha));
    let sample_type = raster.sample_type();
    let hole = match gaps {
        Gaps::Nodata(value) => value,
        _ => 0.0,
    };
    let is_nodata = |i: usize, nodata: f64| {
        (0..bands).all(|band| raster.samples.get(i * bands + band) == nodata)
    };
    for band in 0..bands {
        let found = read.band(band, sample_type);
        for (i, (&found, &mask)) in found.iter().zip(&raster.mask).enumerate() {
            let own = raster.samples.get(i * bands + band);
            let expected = match (mask, gaps) {
                (0, _) => hole,
                (_, Gaps::Nodata(nodata)) if is_nodata(i, nodata) => own + 1.0,
                _ => own,
            };
            let same = found == expected || found.is_nan() && expected.is_nan();
            assert!(
                same,
                "{sample_type:?} {gaps:?}, band {band}, pixel {i}: {found}, not {expected}"
            );
        }
        let band = dataset.rasterband(band + 1).unwrap();
        let told = band.no_data_value();
        match gaps {
            Gaps::Nodata(value) => {
                let same =
                    told.is_some_and(|told| told == value || told.is_nan() && value.is_nan());
                assert!(same, "{told:?}");
            }
            _ => assert_eq!(told, None),
        }
    }
    let flags = dataset.rasterband(1).unwrap().mask_flags().unwrap();
    match gaps {
        // GDAL before 3.7 takes bytes with a sign for others, among which the value is not.
        Gaps::Nodata(_) => assert!(flags.is_nodata() || sample_type == SampleType::I8),
        Gaps::Mask if raster.is_opaque() => assert!(flags.is_all_valid()),
        Gaps::Mask => {
            assert!(flags.is_per_dataset() && !flags.is_alpha());
            let expected = raster.mask.iter().map(|&m| u8::from(m > 0) * 255);
            assert!(read.mask().into_iter().eq(expected), "another mask");
        }
        Gaps::Alpha => {
            let alpha = dataset.rasterband(bands + 1).unwrap();
            assert_eq!(alpha.color_interpretation(), ColorInterpretation::AlphaBand);
            let whole = crate::raster::gaps::whole(sample_type);
            let found = read.band(bands, sample_type);
            for (found, &mask) in found.iter().zip(&raster.mask) {
                let expected = f64::from(mask) * whole / 255.0;
                let most = if sample_type.range().is_some() {
                    0.501
                } else {
                    1e-6
                };
                assert!((found - expected).abs() <= most, "{found} for {mask}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_values_come_back_as_they_were(
        kind in 0..8_usize, width in 1..40_usize, bands in 1..6_usize, effort in 0..10_u8, how in 0..3_usize,
        bits in prop::collection::vec(any::<u64>(), 1..200),
        mask in prop::collection::vec(prop_oneof![Just(0_u8), Just(255), any::<u8>()], 40..400),
        opaque in any::<bool>(),
    ) {
        let sample_type = SampleType::ALL[kind];
        let mask = if opaque { vec![255; mask.len()] } else { mask };
        let height = mask.len() / width;
        let raster = raster(sample_type, (width, bands), &bits, &mask[..width * height]);
        let gaps = [Gaps::Nodata(nodata(sample_type)), Gaps::Alpha, Gaps::Mask][how];
        check(&raster, gaps, &super::effort(effort));
        if sample_type.range().is_none() {
            check(&raster, Gaps::Nodata(f64::NAN), &super::effort(effort));
        }
    }
}

#[test]
fn as_many_bands_as_there_may_be_are_kept() {
    let bits: Vec<u64> = (0..999)
        .map(|i: u64| i.wrapping_mul(0x9E37_79B9_7F4A_7C15))
        .collect();
    for sample_type in SampleType::ALL {
        let raster = raster(sample_type, (16, 64), &bits, &[255; 256]);
        check(&raster, Gaps::Mask, &Settings::default());
        check(
            &raster,
            Gaps::Nodata(nodata(sample_type)),
            &Settings::default(),
        );
    }
}

#[test]
fn fractions_of_integers_are_rounded_and_what_is_there_is_never_nodata() {
    let check = |sample_type, samples: Samples, nodata: Option<f64>, expected: &[f64]| {
        let n = samples.len();
        let raster = Raster::from_parts(n, 1, 1, sample_type, samples, vec![255; n]).unwrap();
        let gaps = nodata.map_or(Gaps::Mask, Gaps::Nodata);
        let read = Read::new(&tile(&raster, &label(gaps), &Settings::default()));
        assert_eq!(read.band(0, sample_type), expected, "{sample_type:?}");
    };
    let fractions = || Samples::F32(vec![-0.5, 0.5, -1.5, 1.5, 0.49, -4e4, 4e4]);
    let rounded = [0.0, 1.0, -1.0, 2.0, 0.0, -32768.0, 32767.0];
    check(SampleType::I16, fractions(), None, &rounded);
    let beside = [1.0, 1.0, -1.0, 2.0, 1.0, -32768.0, 32767.0];
    check(SampleType::I16, fractions(), Some(0.0), &beside);
    let large = Samples::F64(vec![-3.0, 4_294_967_294.5, 5e9, 16_777_217.0]);
    let expected = [0.0, 4_294_967_295.0, 4_294_967_295.0, 16_777_217.0];
    check(SampleType::U32, large, None, &expected);
    check(
        SampleType::U8,
        Samples::U8(vec![7, 255]),
        Some(255.0),
        &[7.0, 254.0],
    );
    let above = f64::from((-9999.0_f32).next_up());
    check(
        SampleType::F32,
        Samples::F32(vec![-9999.0, 1.0]),
        Some(-9999.0),
        &[above, 1.0],
    );
}

#[test]
fn tiles_say_where_they_lie_and_what_their_bands_are() {
    let directory = vec![1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, 1, 3072, 0, 1, 3857];
    let band = |description: &str, scale, offset| BandLabel {
        description: description.to_owned(),
        scale,
        offset,
        unit: "m & \"cm\"".to_owned(),
    };
    let label = Label {
        keys: GeoKeys {
            directory,
            ..GeoKeys::default()
        },
        gaps: Gaps::Nodata(-9999.5),
        bands: vec![
            band("<red>", Some(0.0001), Some(-0.1)),
            band("", Some(1.0), None),
        ],
        palette: Vec::new(),
    };
    let raster = Raster::empty(8, 4, 2, SampleType::F32);
    let read = Read::new(&tile(&raster, &label, &Settings::default()));
    let dataset = read.dataset();
    let Place {
        west, north, pixel, ..
    } = PLACE;
    let expected = [west, pixel, 0.0, north, 0.0, -pixel];
    assert_eq!(dataset.geo_transform().unwrap(), expected);
    assert_eq!(dataset.spatial_ref().unwrap().auth_code().unwrap(), 3857);
    assert_eq!(
        dataset.metadata_item("AREA_OR_POINT", "").as_deref(),
        Some("Area")
    );
    let structure = |key| dataset.metadata_item(key, "IMAGE_STRUCTURE");
    assert_eq!(structure("COMPRESSION").as_deref(), Some("DEFLATE"));
    let [red, other] = [1, 2].map(|k| dataset.rasterband(k).unwrap());
    assert_eq!(red.description().unwrap(), "<red>");
    assert_eq!((red.scale(), red.offset()), (Some(0.0001), Some(-0.1)));
    assert_eq!(
        (red.unit(), other.unit()),
        ("m & \"cm\"".into(), "m & \"cm\"".into())
    );
    assert_eq!(other.description().unwrap(), "");
    assert_eq!(red.no_data_value(), Some(-9999.5));
    assert_eq!(read.band(0, SampleType::F32), [-9999.5; 32]);
}

#[test]
fn palettes_colours_and_values_are_what_gdal_takes_them_for() {
    let palette = Label {
        palette: vec![[0, 0, 0], [255, 128, 1]],
        ..Label::default()
    };
    let roles = |raster: &Raster, label: &Label| -> Vec<String> {
        let read = Read::new(&tile(raster, label, &Settings::default()));
        let bands = read.dataset().rasterbands();
        bands
            .map(|band| band.unwrap().color_interpretation().name())
            .collect()
    };
    let of = |bands, sample_type| Raster::empty(4, 4, bands, sample_type);
    assert_eq!(roles(&of(1, SampleType::U8), &palette), ["Palette"]);
    let read = Read::new(&tile(
        &of(1, SampleType::U8),
        &palette,
        &Settings::default(),
    ));
    let band = read.dataset().rasterband(1).unwrap();
    let colour = band.color_table().unwrap().entry_as_rgb(1).unwrap();
    assert_eq!((colour.r, colour.g, colour.b), (255, 128, 1));
    assert_eq!(read.mask(), [0; 16]);
    // A table is for bytes.
    assert_eq!(roles(&of(1, SampleType::U16), &palette), ["Gray"]);
    let rgb = of(3, SampleType::U8);
    assert_eq!(roles(&rgb, &label(Gaps::Mask)), ["Red", "Green", "Blue"]);
    assert_eq!(
        roles(&rgb, &label(Gaps::Alpha)),
        ["Red", "Green", "Blue", "Alpha"]
    );
    let wide = roles(&of(3, SampleType::U16), &label(Gaps::Alpha));
    assert_eq!(wide, ["Gray", "Undefined", "Undefined", "Alpha"]);
}

#[test]
fn effort_is_worth_it_and_all_of_it_is_read_back() {
    let (width, n) = (256, 256 * 256);
    let heights =
        (0..n).map(|i| (((i % width) as f32 / 40.0).sin() + (i / width) as f32 / 90.0) * 300.0);
    let samples = Samples::F32(heights.collect());
    let raster =
        Raster::from_parts(width, width, 1, SampleType::F32, samples, vec![255; n]).unwrap();
    let by = |effort| {
        let settings = Settings {
            effort,
            ..Settings::default()
        };
        check(&raster, Gaps::Nodata(f64::NAN), &settings);
        tile(&raster, &label(Gaps::Mask), &settings)
    };
    let tiles: Vec<_> = (0..=9).map(|e| by(Some(e))).collect();
    assert!(tiles[9].len() < tiles[0].len());
    assert!(by(None) == tiles[usize::from(DEFAULT_EFFORT)]);
}

#[test]
fn settings_and_tiles_that_make_no_sense_are_refused() {
    let quality = Settings {
        quality: Some(80),
        ..Settings::default()
    };
    let plain = label(Gaps::Mask);
    let refused = values_encoder(Format::Tif, &quality, &plain).err().unwrap();
    assert_eq!(refused.kind(), Kind::Usage);
    assert!(refused.help().is_some());
    assert!(values_encoder(Format::Tif, &super::effort(10), &plain).is_err());
    assert!(values_encoder(Format::Png, &Settings::default(), &plain).is_err());
    let lossless = Settings {
        lossless: true,
        ..Settings::default()
    };
    assert!(values_encoder(Format::Tif, &lossless, &plain).is_ok());
    let limited = Recipe {
        tile_bytes_max: Some(5000),
        ..Format::Tif.into()
    };
    assert_eq!(limited.check().unwrap_err().kind(), Kind::Usage);
    // Pictures do not say where they lie.
    let picture = Image {
        width: 1,
        height: 1,
        channels: Channels::Gray,
        pixels: Pixels::U8(vec![7]),
    };
    let mut encoder = TileEncoder::new(&Format::Tif.into()).unwrap();
    assert!(encoder.tells_place());
    let mut out = vec![1, 2, 3];
    let refused = encoder.encode(0, &picture, &mut out).unwrap_err();
    assert_eq!((refused.kind(), out.len()), (Kind::Usage, 3));
    assert!(super::encoder(Format::Tif, &Settings::default()).is_err());
    let none = Raster::empty(0, 0, 1, SampleType::U8);
    let values = Values {
        raster: &none,
        place: PLACE,
    };
    let mut encoder = values_encoder(Format::Tif, &Settings::default(), &plain).unwrap();
    let refused = encoder.encode(&values, &mut out).unwrap_err();
    assert_eq!((refused.kind(), out.len()), (Kind::Usage, 3));
}
