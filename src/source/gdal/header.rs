//! What a dataset's header says: [`describe`].

use gdal::raster::{ColorInterpretation, RasterBand};
use gdal::{Dataset, Metadata};

use super::bands::{Bands, band};
use super::read::{Alpha, MaskBytes, Reader};
use super::{File, Nodata, OpenOptions};
use super::{systems, types};
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
    let bands = Bands::find(file, dataset, options.bands.as_ref())?;
    let own = sample_type(file, dataset, &bands)?;
    let first = band(file, dataset, bands.colour[0])?;
    let palette = (!options.indices)
        .then(|| palette(&first, bands.colour.len(), own))
        .flatten();
    // An index has no sign, whatever the file says.
    let stored = match own {
        SampleType::I8 if palette.is_some() => SampleType::U8,
        other => other,
    };
    // Bytes alone are worked on in whole numbers.
    let held = match stored {
        SampleType::U8 if palette.is_none() && options.fractions => SampleType::U16,
        other => other,
    };
    let (mask, mask_kind) = mask(file, dataset, &bands, palette.as_deref(), stored, options)?;
    let georef = georef(file, dataset)?;
    let placement = Placement {
        crs: crs(file, dataset, &georef, options)?,
        georef,
        width,
        height,
    };
    check_reach(file, &placement)?;
    let scales = if options.unscale && palette.is_none() {
        scales(file, dataset, &bands)?
    } else {
        None
    };
    let info = SourceInfo {
        name: file.name.clone(),
        placement,
        // Palettes have 8-bit colours.
        sample_type: match (&palette, &scales) {
            (Some(_), _) => SampleType::U8,
            (None, Some(_)) => unscaled(held),
            (None, None) => held,
        },
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
    let signed_bytes = bands.colour.iter().map(|&index| {
        let band = band(file, dataset, index)?;
        Ok(palette.is_none() && types::is_signed_byte(&band))
    });
    let reader = Reader {
        signed_bytes: signed_bytes.collect::<Result<_>>()?,
        bands: bands.colour,
        stored: held,
        scales,
        mask,
        palette,
        name: file.name.clone(),
    };
    Ok((info, reader))
}

fn without_bands(file: &File, dataset: &Dataset) -> Error {
    let inner = dataset.metadata_domain("SUBDATASETS").unwrap_or_default();
    let first = inner
        .iter()
        .find_map(|line| line.split_once("_NAME=").map(|(_, name)| name.to_owned()));
    let error = Error::input(&file.name, "no raster bands; expected at least one");
    match first {
        Some(name) => error.with_help(format!(
            "name one of the rasters inside it, as in: '{name}'"
        )),
        None => error,
    }
}

/// What samples of all colour bands fit in.
fn sample_type(file: &File, dataset: &Dataset, bands: &Bands) -> Result<SampleType> {
    let mut all: Option<SampleType> = None;
    for &index in &bands.colour {
        let own = types::sample_type(file, &band(file, dataset, index)?)?;
        all = Some(all.map_or(own, |all| all.union(own)));
    }
    Ok(all.unwrap_or(SampleType::U8))
}

/// Scale and offset of every colour band; `None` where they change nothing.
fn scales(file: &File, dataset: &Dataset, bands: &Bands) -> Result<Option<Vec<(f64, f64)>>> {
    let of = |&index: &usize| {
        let band = band(file, dataset, index)?;
        let (scale, offset) = (band.scale().unwrap_or(1.0), band.offset().unwrap_or(0.0));
        if scale.is_finite() && offset.is_finite() {
            return Ok((scale, offset));
        }
        let found = format_args!(
            "band {index} has scale {scale} and offset {offset}; expected finite numbers"
        );
        Err(Error::input(&file.name, found))
    };
    let scales = bands.colour.iter().map(of).collect::<Result<Vec<_>>>()?;
    Ok(scales
        .iter()
        .any(|both| *both != (1.0, 0.0))
        .then_some(scales))
}

/// The type of unscaled samples: floating point that has all digits of `stored`.
fn unscaled(stored: SampleType) -> SampleType {
    stored.union(SampleType::F32)
}

/// The colours of a palette, as red, green, blue and alpha, when the source is a single band with one.
fn palette(first: &RasterBand, n_bands: usize, stored: SampleType) -> Option<Vec<[u8; 4]>> {
    let indices = matches!(stored, SampleType::U8 | SampleType::I8 | SampleType::U16);
    if n_bands != 1 || !indices || first.color_interpretation() != ColorInterpretation::PaletteIndex
    {
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
    stored: SampleType,
    options: &OpenOptions,
) -> Result<(MaskBytes, MaskKind)> {
    let first = band(file, dataset, bands.colour[0])?;
    let flags = first
        .mask_flags()
        .map_err(|e| Error::input(&file.name, format_args!("its mask cannot be read ({e})")))?;
    // A mask that GDAL makes of nodata values is no better than those, which the user may have overruled.
    let overruled = flags.is_nodata() && options.nodata.is_some();
    let mask_band = flags.is_per_dataset() && !flags.is_alpha() && !overruled;
    let nodata = match &options.nodata {
        Some(nodata) => told_nodata(file, nodata, bands.colour.len(), stored)?,
        None if mask_band => Vec::new(),
        None => own_nodata(file, dataset, bands, stored)?,
    };
    // A mask band says more than alpha does, unless the user asks for that.
    let asked = options.bands.as_ref().is_some_and(|choice| choice.alpha);
    let alpha = bands.alpha.filter(|_| asked || !mask_band);
    let see_through = palette.is_some_and(|p| p.iter().any(|c| c[3] > 0 && c[3] < 255));
    // An index for which the palette has no colour is nothing.
    let n_indices = if stored == SampleType::U8 {
        1 << 8
    } else {
        1 << 16
    };
    let has_holes = palette.is_some_and(|p| p.len() < n_indices || p.iter().any(|c| c[3] == 0));
    let kind = if alpha.is_some() || (see_through && !mask_band) {
        MaskKind::Graded
    } else if mask_band || !nodata.is_empty() || has_holes || stored.range().is_none() {
        // Any float may turn out to be no number.
        MaskKind::Binary
    } else {
        MaskKind::None
    };
    let alpha = alpha.map(|index| Ok(Alpha::new(index, &band(file, dataset, index)?)));
    let mask = MaskBytes {
        band: mask_band,
        alpha: alpha.transpose()?,
        nodata,
        any_band: options.all_bands,
    };
    Ok((mask, kind))
}

/// The value of each colour band that means "nothing here", when all of them have one that their type can hold.
fn own_nodata(
    file: &File,
    dataset: &Dataset,
    bands: &Bands,
    stored: SampleType,
) -> Result<Vec<Vec<f64>>> {
    let mut values = Vec::new();
    for &index in &bands.colour {
        match band(file, dataset, index)?.no_data_value() {
            Some(v) if stored.holds(v) => values.push(v),
            _ => return Ok(Vec::new()),
        }
    }
    Ok(vec![values])
}

/// The sets that the user gives, a value for each of `n_bands`.
fn told_nodata(
    file: &File,
    nodata: &Nodata,
    n_bands: usize,
    stored: SampleType,
) -> Result<Vec<Vec<f64>>> {
    let Nodata::Sets(sets) = nodata else {
        return Ok(Vec::new());
    };
    let refused = |text: String| Error::usage(format!("{}: --nodata: {text}", file.name));
    let mut all = Vec::new();
    for set in sets {
        if let Some(value) = set.iter().find(|value| !stored.holds(**value)) {
            let expected = stored.range().map_or_else(
                || "values that it holds".into(),
                |(low, high)| format!("whole numbers from {low} to {high}"),
            );
            return Err(refused(format!(
                "{value} among {} samples; expected {expected}",
                stored.gdal_name()
            )));
        }
        all.push(match set[..] {
            [one] => vec![one; n_bands],
            _ if set.len() == n_bands => set.clone(),
            _ => {
                return Err(refused(format!(
                    "{} values in a set; expected 1, or one for each band ({n_bands})",
                    set.len()
                )));
            }
        });
    }
    Ok(all)
}

fn crs(file: &File, dataset: &Dataset, georef: &Georef, options: &OpenOptions) -> Result<Crs> {
    let own = || match georef {
        Georef::Affine(_) => dataset.spatial_ref().ok(),
        // The points have a system of their own, which need not be the dataset's.
        Georef::Gcps(_) => dataset
            .gcp_spatial_ref()
            .or_else(|| dataset.spatial_ref().ok()),
    };
    let ask = || own().as_ref().and_then(Crs::from_spatial_ref);
    let said = match georef {
        Georef::Affine(_) => file.geo_tags(),
        Georef::Gcps(_) => None,
    };
    let usable = match said {
        Some(said) => systems::known(said, ask),
        None => ask(),
    };
    if let Some(crs) = usable {
        return Ok(crs);
    }
    let own = own();
    if own.is_some() {
        // Without PROJ's database no system has a place, and it is not the file's fault.
        Crs::lon_lat()?;
    }
    options.crs.clone().ok_or_else(|| {
        let found = match own.and_then(|srs| srs.name()) {
            Some(name) => {
                format!("a coordinate reference system with no place on the Earth ({name})")
            }
            None => "no coordinate reference system in the file".into(),
        };
        Error::input(
            &file.name,
            format_args!("{found}; expected one, or --src-crs"),
        )
        .with_help("--src-crs EPSG:4326, with the code that is right for the file")
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
