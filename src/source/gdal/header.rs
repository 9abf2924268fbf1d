//! What a dataset's header says: [`describe`].

use std::ffi::CStr;

use gdal::raster::{ColorInterpretation, GdalDataType, RasterBand};
use gdal::{Dataset, Metadata};

use super::read::{MaskBytes, Reader};
use super::{File, OpenOptions};
use crate::error::{Error, Result};
use crate::geo::affine::Affine;
use crate::geo::transform::crs::Crs;
use crate::geo::transform::gcp::Gcp;
use crate::geo::transform::{Georef, Placement};
use crate::raster::SampleType;
use crate::raster::resample::MaskKind;
use crate::source::{Level, SourceInfo};

/// The source that `dataset` is, and how to read it.
pub(super) fn describe(
    file: &File,
    dataset: &Dataset,
    options: &OpenOptions,
) -> Result<(SourceInfo, Reader)> {
    let (width, height) = dataset.raster_size();
    if dataset.raster_count() == 0 || width == 0 || height == 0 {
        return Err(without_bands(file, dataset));
    }
    let bands = Bands::choose(file, dataset)?;
    let sample_type = sample_type(file, dataset, &bands)?;
    let first = band(file, dataset, bands.colour[0])?;
    let palette = palette(&first, bands.colour.len());
    let (mask, mask_kind) = mask(file, dataset, &bands, palette.as_deref(), sample_type)?;
    let georef = georef(file, dataset)?;
    let placement = Placement {
        crs: crs(file, dataset, &georef, options)?,
        georef,
        width,
        height,
    };
    check_reach(file, &placement)?;
    let info = SourceInfo {
        name: file.name.clone(),
        placement,
        sample_type,
        bands: if palette.is_some() {
            3
        } else {
            bands.colour.len()
        },
        mask: mask_kind,
        palette: palette.is_some(),
        levels: levels(dataset, &first, &mask),
        notes: bands.note.into_iter().collect(),
    };
    let reader = Reader {
        bands: bands.colour,
        mask,
        palette,
        name: file.name.clone(),
    };
    Ok((info, reader))
}

fn band<'a>(file: &File, dataset: &'a Dataset, index: usize) -> Result<RasterBand<'a>> {
    dataset.rasterband(index).map_err(|e| {
        Error::input(
            &file.name,
            format_args!("band {index} cannot be opened ({e})"),
        )
    })
}

fn without_bands(file: &File, dataset: &Dataset) -> Error {
    let inner = dataset.metadata_domain("SUBDATASETS").unwrap_or_default();
    let first = inner
        .iter()
        .find_map(|line| line.split_once("_NAME=").map(|(_, name)| name.to_owned()));
    let error = Error::input(&file.name, "no raster bands; expected at least one");
    match first {
        Some(name) => error.with_help(format!(
            "name one of the rasters inside it, as in: azulejo tile '{name}' -o tiles.mbtiles"
        )),
        None => error,
    }
}

/// Which bands are colour and which is alpha, 1-based.
struct Bands {
    colour: Vec<usize>,
    alpha: Option<usize>,
    note: Option<String>,
}

impl Bands {
    /// One band is gray, three are red, green and blue (in whatever order the file says it has them); of any other number
    /// the first three count, or the first of two.
    fn choose(file: &File, dataset: &Dataset) -> Result<Self> {
        use ColorInterpretation::{AlphaBand, BlueBand, GreenBand, RedBand};
        let roles: Vec<ColorInterpretation> = (1..=dataset.raster_count())
            .map(|i| Ok(band(file, dataset, i)?.color_interpretation()))
            .collect::<Result<_>>()?;
        let alpha = roles
            .iter()
            .rposition(|role| *role == AlphaBand)
            .map(|k| k + 1);
        let mut colour: Vec<usize> = (1..=roles.len()).filter(|i| Some(*i) != alpha).collect();
        let found = colour.len();
        if found == 0 {
            return Err(Error::input(
                &file.name,
                "nothing but an alpha band; expected at least one band of values",
            ));
        }
        colour.truncate(if found < 3 { 1 } else { 3 });
        let of = |wanted| roles.iter().position(|role| *role == wanted).map(|k| k + 1);
        if let (3, Some(red), Some(green), Some(blue)) =
            (found, of(RedBand), of(GreenBand), of(BlueBand))
        {
            colour = vec![red, green, blue];
        }
        let note = match found {
            1 | 3 => None,
            2 => Some(format!(
                "{}: 2 bands, of which the first is used",
                file.name
            )),
            n => Some(format!(
                "{}: {n} bands, of which the first three are used as red, green and blue",
                file.name
            )),
        };
        Ok(Self {
            colour,
            alpha,
            note,
        })
    }
}

fn sample_type(file: &File, dataset: &Dataset, bands: &Bands) -> Result<SampleType> {
    let mut widest = SampleType::U8;
    for &index in bands.colour.iter().chain(&bands.alpha) {
        match band(file, dataset, index)?.band_type() {
            GdalDataType::UInt8 => {}
            GdalDataType::UInt16 => widest = SampleType::U16,
            _ => {
                let found = type_name(&band(file, dataset, index)?);
                return Err(Error::input(&file.name, format_args!("{found} samples; expected 8-bit or 16-bit unsigned ones, which tiles can hold"))
                    .with_help(format!("gdal_translate -ot Byte -scale '{}' scaled.tif", file.name)));
            }
        }
    }
    Ok(widest)
}

/// GDAL's word for a band's type, those that the crate does not know (complex numbers) too.
fn type_name(band: &RasterBand) -> String {
    // SAFETY: the band is open; the name is a constant of GDAL's, or null.
    let name = unsafe {
        gdal_sys::GDALGetDataTypeName(gdal_sys::GDALGetRasterDataType(band.c_rasterband()))
    };
    if name.is_null() {
        return "unknown".into();
    }
    // SAFETY: not null, and ends with one.
    unsafe { CStr::from_ptr(name) }
        .to_string_lossy()
        .into_owned()
}

/// The colours of a palette, as red, green, blue and alpha, when the source is a single band with one.
fn palette(first: &RasterBand, n_bands: usize) -> Option<Vec<[u8; 4]>> {
    if n_bands != 1 || first.color_interpretation() != ColorInterpretation::PaletteIndex {
        return None;
    }
    let table = first.color_table()?;
    let byte = |v: i16| v.clamp(0, 255) as u8;
    let entries: Vec<[u8; 4]> = (0..table.entry_count())
        .filter_map(|i| table.entry_as_rgb(i))
        .map(|c| [byte(c.r), byte(c.g), byte(c.b), byte(c.a)])
        .collect();
    (!entries.is_empty()).then_some(entries)
}

fn mask(
    file: &File,
    dataset: &Dataset,
    bands: &Bands,
    palette: Option<&[[u8; 4]]>,
    sample_type: SampleType,
) -> Result<(MaskBytes, MaskKind)> {
    let first = band(file, dataset, bands.colour[0])?;
    let flags = first
        .mask_flags()
        .map_err(|e| Error::input(&file.name, format_args!("its mask cannot be read ({e})")))?;
    let nodata = nodata(file, dataset, bands, sample_type)?;
    if flags.is_per_dataset() && !flags.is_alpha() {
        return Ok((
            MaskBytes {
                band: true,
                alpha: None,
                nodata: None,
            },
            MaskKind::Binary,
        ));
    }
    let see_through = palette.is_some_and(|p| p.iter().any(|c| c[3] > 0 && c[3] < 255));
    let kind = if bands.alpha.is_some() || see_through {
        MaskKind::Graded
    } else if nodata.is_some() || palette.is_some_and(|p| p.iter().any(|c| c[3] == 0)) {
        MaskKind::Binary
    } else {
        MaskKind::None
    };
    Ok((
        MaskBytes {
            band: false,
            alpha: bands.alpha,
            nodata,
        },
        kind,
    ))
}

/// The value of each colour band that means "nothing here", when all of them have one that their type can hold.
fn nodata(
    file: &File,
    dataset: &Dataset,
    bands: &Bands,
    sample_type: SampleType,
) -> Result<Option<Vec<u16>>> {
    let most = match sample_type {
        SampleType::U8 => 255.0,
        SampleType::U16 => 65535.0,
    };
    let mut values = Vec::new();
    for &index in &bands.colour {
        match band(file, dataset, index)?.no_data_value() {
            Some(v) if v >= 0.0 && v <= most && v.fract() == 0.0 => values.push(v as u16),
            _ => return Ok(None),
        }
    }
    Ok(Some(values))
}

fn crs(file: &File, dataset: &Dataset, georef: &Georef, options: &OpenOptions) -> Result<Crs> {
    let own = match georef {
        Georef::Affine(_) => dataset.spatial_ref().ok(),
        // The points have a system of their own, which need not be the dataset's.
        Georef::Gcps(_) => dataset
            .gcp_spatial_ref()
            .or_else(|| dataset.spatial_ref().ok()),
    };
    let usable = own.as_ref().and_then(Crs::from_spatial_ref);
    usable.or_else(|| options.crs.clone()).ok_or_else(|| {
        let found = match own.and_then(|srs| srs.name()) {
            Some(name) => format!("a coordinate reference system with no place on the Earth ({name})"),
            None => "no coordinate reference system in the file".into(),
        };
        Error::input(&file.name, format_args!("{found}; expected one, or --src-crs"))
            .with_help(format!("azulejo tile '{}' --src-crs EPSG:4326 -o tiles.mbtiles, with the code that is right for it", file.name))
    })
}

fn georef(file: &File, dataset: &Dataset) -> Result<Georef> {
    let identity =
        |t: &[f64; 6]| [t[0], t[1], t[2], t[3], t[4], t[5].abs()] == [0.0, 1.0, 0.0, 0.0, 0.0, 1.0];
    let geotransform = dataset.geo_transform().ok();
    let gcps: Vec<Gcp> = dataset
        .gcps()
        .iter()
        .map(|gcp| Gcp {
            col: gcp.pixel(),
            row: gcp.line(),
            x: gcp.x(),
            y: gcp.y(),
        })
        .collect();
    match geotransform {
        Some(t) if !identity(&t) || gcps.is_empty() => {
            let affine = Affine(t);
            if !t.iter().all(|v| v.is_finite()) || affine.inverse().is_none() {
                return Err(Error::input(
                    &file.name,
                    format_args!(
                        "a geotransform without an area ({t:?}); expected pixels with a width and a height"
                    ),
                ));
            }
            Ok(Georef::Affine(affine))
        }
        _ if !gcps.is_empty() => Ok(Georef::Gcps(gcps)),
        _ => {
            let rpc = dataset
                .metadata_domain("RPC")
                .is_some_and(|lines| !lines.is_empty());
            let found = if rpc {
                "only rational polynomial coefficients (RPC)"
            } else {
                "no georeferencing"
            };
            let help = if rpc {
                format!(
                    "orthorectify it first: gdalwarp -rpc -t_srs EPSG:3857 '{}' ortho.tif",
                    file.name
                )
            } else {
                format!(
                    "gdal_translate -a_srs EPSG:4326 -a_ullr WEST NORTH EAST SOUTH '{}' placed.tif",
                    file.name
                )
            };
            Err(Error::input(
                &file.name,
                format_args!(
                    "{found}; expected a geotransform, a world file or ground control points"
                ),
            )
            .with_help(help))
        }
    }
}

/// Refuses coordinates far beyond the Earth. PROJ would bring such a longitude back turn by turn, for ever.
fn check_reach(file: &File, placement: &Placement) -> Result<()> {
    // Ten turns; and for metres, feet or kilometres, which PROJ itself does not mind, a multiple of the way to the Moon.
    let most = placement.crs.period().map_or(1e9, |period| period * 10.0);
    let places: Vec<f64> = match (placement.bounds(), &placement.georef) {
        (Some(b), _) => vec![b.west, b.south, b.east, b.north],
        (None, Georef::Gcps(gcps)) => gcps.iter().flat_map(|gcp| [gcp.x, gcp.y]).collect(),
        (None, Georef::Affine(_)) => Vec::new(),
    };
    match places.into_iter().find(|v| v.is_nan() || v.abs() > most) {
        Some(far) => Err(Error::input(
            &file.name,
            format_args!(
                "a coordinate of {far:e} in {}; expected some on the Earth",
                placement.crs.name()
            ),
        )),
        None => Ok(()),
    }
}

/// The full resolution and those overviews that get smaller one by one; none when the mask has no overviews to go with
/// them.
fn levels(dataset: &Dataset, first: &RasterBand, mask: &MaskBytes) -> Vec<Level> {
    // Which blocks a VRT claims to have says nothing of those in its files, and depends on GDAL's version.
    let is_virtual = dataset.driver().short_name() == "VRT";
    let size = |band: &RasterBand| Level {
        width: band.x_size(),
        height: band.y_size(),
        block: if is_virtual {
            (128, 128)
        } else {
            band.block_size()
        },
    };
    let mut levels = vec![size(first)];
    let count = |band: &RasterBand| band.overview_count().map_or(0, |n| n.max(0) as usize);
    let mut n = count(first);
    if mask.band {
        n = n.min(first.open_mask_band().map_or(0, |mask| count(&mask)));
    }
    for k in 0..n {
        let Ok(overview) = first.overview(k) else {
            break;
        };
        let (last, next) = (levels[levels.len() - 1], size(&overview));
        if next.width == 0
            || next.height == 0
            || next.width > last.width
            || next.height > last.height
            || (next.width, next.height) == (last.width, last.height)
        {
            break;
        }
        levels.push(next);
    }
    levels
}
