//! What a file says of its bands, beyond their pixels: [`FileFacts`].

use gdal::Metadata;
use gdal::raster::ColorInterpretation::{AlphaBand, Undefined};

use super::bands::{BandId, band, is_picture, number_of, refusal};
use super::{File, OpenOptions, init, types};
use crate::error::Result;
use crate::raster::SampleType;

/// What is to be kept of a file by somebody who writes its pixels into another.
#[derive(Debug, Clone, PartialEq)]
pub struct FileFacts {
    /// All bands, in the file's order.
    pub bands: Vec<BandFacts>,
    /// Which of them says how whole a pixel is, counted from 1. One that is flagged so but is a picture does not.
    pub alpha: Option<usize>,
    /// Whether each band is stored by itself, so that one can be decoded without the others.
    pub apart: bool,
    name: String,
}

/// What a file says of a band.
#[derive(Debug, Clone, PartialEq)]
pub struct BandFacts {
    /// Its name, or nothing.
    pub description: String,
    /// Its samples.
    pub sample_type: SampleType,
    /// What it is for, as GDAL numbers colour interpretations (`GDALColorInterp`).
    pub interpretation: u32,
    /// The value that means "nothing here".
    pub nodata: Option<f64>,
    /// The colours of its indices: red, green, blue and alpha.
    pub palette: Vec<[i16; 4]>,
    /// By which samples are multiplied to become measurements, and what is added then.
    pub scale: Option<f64>,
    /// See there.
    pub offset: Option<f64>,
    /// Of the measurements.
    pub unit: String,
}

impl FileFacts {
    /// What the file `name` says.
    ///
    /// # Errors
    /// As [`GdalSource::open`](super::GdalSource::open).
    pub fn read(name: &str, options: &OpenOptions) -> Result<Self> {
        init();
        let file = File::new(name, options);
        let dataset = file.open(0)?;
        let mut alpha = None;
        let bands = (1..=dataset.raster_count()).map(|number| {
            let band = band(&file, &dataset, number)?;
            let mut role = band.color_interpretation();
            if role == AlphaBand && is_picture(&dataset, number) {
                role = Undefined;
            } else if role == AlphaBand {
                alpha = Some(number);
            }
            let colours = band.color_table();
            let palette = colours.iter().flat_map(|table| {
                (0..table.entry_count())
                    .filter_map(|k| table.entry_as_rgb(k))
                    .map(|c| [c.r, c.g, c.b, c.a])
            });
            Ok(BandFacts {
                description: band.description().unwrap_or_default(),
                sample_type: types::sample_type(&file, &band)?,
                interpretation: role.c_int(),
                nodata: band.no_data_value(),
                palette: palette.collect(),
                scale: band.scale(),
                offset: band.offset(),
                unit: band.unit(),
            })
        });
        let bands = bands.collect::<Result<_>>()?;
        let interleave = dataset.metadata_item("INTERLEAVE", "IMAGE_STRUCTURE");
        Ok(Self {
            bands,
            alpha,
            apart: interleave.is_some_and(|how| how == "BAND"),
            name: name.into(),
        })
    }

    /// The file, as the user gave it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The number of the band that `id` means.
    ///
    /// # Errors
    /// [`Kind::Usage`](crate::error::Kind::Usage) when there is none, or more than one.
    pub fn number_of(&self, id: &BandId) -> Result<usize> {
        let names: Vec<String> = self.bands.iter().map(|b| b.description.clone()).collect();
        number_of(id, &names).map_err(|text| refusal(&self.name, &text))
    }
}
