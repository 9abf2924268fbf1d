//! What two tiles show, compared: [`Measure`].

use std::fmt;

use crate::encode::{self, Format};
use crate::raster::image::{Channels, Image, Pixels};
use crate::source::gdal::held::{self, Held};

/// How far two tiles are apart.
///
/// A pixel is visible where its alpha is not 0, or its value is not nothing. Numbers are those of the tiles, with colours as they
/// are, not multiplied by alpha; gray counts as colour with three equal parts. Of pictures of 8 and 16 bits the former are widened.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measure {
    /// The largest difference of two samples, alpha included, of a pixel that is visible in both.
    pub max: f64,
    /// The mean difference of samples: of colours or values, and of alpha where it is not whole in both.
    pub mean: f64,
    /// The peak signal-to-noise ratio over the same samples, in decibels; `None` where it is infinite, and of values, which have
    /// no peak.
    pub psnr: Option<f64>,
    /// Pixels that are visible in both.
    pub pixels: u64,
    /// Those of them that differ, alpha included.
    pub different: u64,
    /// Pixels that are visible in one only; of values, those that one covers more than the other, or in more bands, too.
    pub mask: u64,
    /// The largest sample that there can be: 255 or 65535; `None` for values.
    pub full: Option<f64>,
    /// The largest alpha of a pixel that is visible in one only; of values infinite if there is a pixel that counts as such.
    mask_max: f64,
}

impl Measure {
    /// Whether both show the same.
    pub fn is_nothing(&self) -> bool {
        self.max == 0.0 && self.mask == 0
    }

    /// The part of the pixels visible in either that differ, from 0 to 1.
    pub fn share(&self) -> f64 {
        let all = (self.pixels + self.mask).max(1);
        (self.different + self.mask) as f64 / all as f64
    }

    /// Whether no difference is larger than `tolerance`: of 255, whatever the depth of a picture; of values as they are. A pixel
    /// that is visible in one only differs by its alpha.
    pub fn is_within(&self, tolerance: f64) -> bool {
        self.largest() <= tolerance
    }

    /// The largest difference, masks included, of 255; of values as they are.
    pub fn largest(&self) -> f64 {
        let largest = self.max.max(self.mask_max);
        self.full.map_or(largest, |full| largest * 255.0 / full)
    }
}

/// `max 131 · mean 3.21 · 34.2 dB · 12 pixels in one only`.
impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "max {} · mean {:.4}", self.max, self.mean)?;
        if let Some(psnr) = self.psnr {
            write!(f, " · {psnr:.1} dB")?;
        }
        match self.mask {
            0 => Ok(()),
            1 => f.write_str(" · 1 pixel in one only"),
            n => write!(f, " · {n} pixels in one only"),
        }
    }
}

/// What a tile shows.
pub(crate) enum Shown {
    /// A picture.
    Picture(Image),
    /// Values.
    Values(Held),
}

/// Decodes a tile.
///
/// # Errors
/// What is found, where that cannot be decoded.
pub(crate) fn decode(tile: &mut [u8]) -> Result<Shown, String> {
    match Format::sniff(tile) {
        Some(Format::Tif) => held::decode(tile).map(Shown::Values),
        _ => encode::decode(tile).map(Shown::Picture),
    }
}

/// How far `a` and `b` are apart.
///
/// # Errors
/// What each is, where they are too unlike to be compared.
pub(crate) fn compare(a: &Shown, b: &Shown) -> Result<Measure, Unlike> {
    match (a, b) {
        (Shown::Picture(a), Shown::Picture(b)) => {
            check_size((a.width, a.height), (b.width, b.height))?;
            Ok(pictures(a, b))
        }
        (Shown::Values(a), Shown::Values(b)) => {
            check_size((a.width, a.height), (b.width, b.height))?;
            check_bands(a, b)?;
            Ok(values(a, b))
        }
        (Shown::Picture(_), Shown::Values(_)) => Err(Unlike::new("a picture", "values")),
        (Shown::Values(_), Shown::Picture(_)) => Err(Unlike::new("values", "a picture")),
    }
}

/// What two tiles are that cannot be compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unlike {
    pub(crate) a: String,
    pub(crate) b: String,
}

impl Unlike {
    fn new(a: impl Into<String>, b: impl Into<String>) -> Self {
        Self {
            a: a.into(),
            b: b.into(),
        }
    }
}

/// `a picture in A, values in B`.
impl fmt::Display for Unlike {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in A, {} in B", self.a, self.b)
    }
}

fn check_size(a: (usize, usize), b: (usize, usize)) -> Result<(), Unlike> {
    if a == b {
        return Ok(());
    }
    let a = format!("{} x {} pixels", a.0, a.1);
    Err(Unlike::new(a, format!("{} x {}", b.0, b.1)))
}

fn check_bands(a: &Held, b: &Held) -> Result<(), Unlike> {
    let (n, m) = (a.bands.len(), b.bands.len());
    if n != m {
        let bands = |n: usize| format!("{n} band{}", if n == 1 { "" } else { "s" });
        return Err(Unlike::new(bands(n), bands(m)));
    }
    let mut pairs = a.bands.iter().zip(&b.bands).enumerate();
    match pairs.find(|(_, (a, b))| a != b) {
        None => Ok(()),
        Some((k, (a, b))) if a.to_string() == b.to_string() => {
            let colours = format!("colours for the values of band {}", k + 1);
            Err(Unlike::new(colours, "others"))
        }
        Some((k, (a, b))) => Err(Unlike::new(format!("band {} is {a}", k + 1), b.to_string())),
    }
}

/// What is added up.
#[derive(Default)]
struct Sums {
    pixels: u64,
    different: u64,
    mask: u64,
    mask_max: f64,
    samples: u64,
    sum: f64,
    squares: f64,
    max: f64,
}

impl Sums {
    /// Two samples of a pixel that is visible in both.
    fn add(&mut self, a: f64, b: f64) {
        let apart = (a - b).abs();
        self.samples += 1;
        self.sum += apart;
        self.squares += apart * apart;
        self.max = self.max.max(apart);
    }

    /// A pixel with that alpha, visible in one only.
    fn add_masked(&mut self, alpha: f64) {
        self.mask += 1;
        self.mask_max = self.mask_max.max(alpha);
    }

    fn measure(&self, full: Option<f64>) -> Measure {
        let n = self.samples.max(1) as f64;
        let mean_square = self.squares / n;
        let psnr = full.filter(|_| mean_square > 0.0);
        Measure {
            max: self.max,
            mean: self.sum / n,
            psnr: psnr.map(|full| 10.0 * (full * full / mean_square).log10()),
            pixels: self.pixels,
            different: self.different,
            mask: self.mask,
            full,
            mask_max: self.mask_max,
        }
    }
}

/// Two pictures of one size.
fn pictures(a: &Image, b: &Image) -> Measure {
    let is_deep = |image: &Image| matches!(image.pixels, Pixels::U16(_));
    let deep = is_deep(a) || is_deep(b);
    let full = if deep { u16::MAX } else { 255 };
    let mut sums = Sums::default();
    let (mut of_a, mut of_b) = (Vec::new(), Vec::new());
    for row in 0..a.height {
        read_row(a, row, full, &mut of_a);
        read_row(b, row, full, &mut of_b);
        for (a, b) in of_a.iter().zip(&of_b) {
            add_pixel(*a, *b, full, &mut sums);
        }
    }
    sums.measure(Some(full.into()))
}

fn add_pixel(a: [u16; 4], b: [u16; 4], full: u16, sums: &mut Sums) {
    match (a[3], b[3]) {
        (0, 0) => return,
        (0, alpha) | (alpha, 0) => return sums.add_masked(alpha.into()),
        _ => sums.pixels += 1,
    }
    // Alpha that is whole in both is no sample: it would make every mean smaller.
    let n = if (a[3], b[3]) == (full, full) { 3 } else { 4 };
    if a == b {
        sums.samples += n as u64;
        return;
    }
    sums.different += 1;
    for (&a, &b) in a[..n].iter().zip(&b[..n]) {
        sums.add(a.into(), b.into());
    }
}

/// Fills `out` with a row of `image` as red, green, blue and alpha, of which `full` is the largest.
fn read_row(image: &Image, row: usize, full: u16, out: &mut Vec<[u16; 4]>) {
    let n = image.channels.count();
    let span = row * image.width * n..(row + 1) * image.width * n;
    out.clear();
    match &image.pixels {
        // 257 = 65535 / 255: full stays full.
        Pixels::U8(values) if full > 255 => spread(image.channels, &values[span], full, out, |v| {
            u16::from(v) * 257
        }),
        Pixels::U8(values) => spread(image.channels, &values[span], full, out, u16::from),
        Pixels::U16(values) => spread(image.channels, &values[span], full, out, |v| v),
    }
}

fn spread<T: Copy>(
    channels: Channels,
    values: &[T],
    full: u16,
    out: &mut Vec<[u16; 4]>,
    wide: impl Fn(T) -> u16,
) {
    let pixels = values.chunks_exact(channels.count());
    match channels {
        Channels::Gray => out.extend(pixels.map(|p| {
            let gray = wide(p[0]);
            [gray, gray, gray, full]
        })),
        Channels::GrayAlpha => out.extend(pixels.map(|p| {
            let gray = wide(p[0]);
            [gray, gray, gray, wide(p[1])]
        })),
        Channels::Rgb => out.extend(pixels.map(|p| [wide(p[0]), wide(p[1]), wide(p[2]), full])),
        Channels::Rgba => {
            out.extend(pixels.map(|p| [wide(p[0]), wide(p[1]), wide(p[2]), wide(p[3])]));
        }
    }
}

/// Values of one size, of bands that mean the same.
fn values(a: &Held, b: &Held) -> Measure {
    let mut sums = Sums::default();
    for (k, (&in_a, &in_b)) in a.mask.iter().zip(&b.mask).enumerate() {
        match (in_a, in_b) {
            (0, 0) => continue,
            (0, _) | (_, 0) => {
                sums.add_masked(f64::INFINITY);
                continue;
            }
            _ => sums.pixels += 1,
        }
        // Covered in part, and more so in one of them; or nothing in one band of several.
        let mut unlike = in_a != in_b;
        let mut differs = false;
        for (a, b) in a.values.iter().zip(&b.values) {
            match (a[k].is_finite(), b[k].is_finite()) {
                (true, true) => {
                    differs |= a[k] != b[k];
                    sums.add(a[k], b[k]);
                }
                (false, false) => {}
                _ => unlike = true,
            }
        }
        sums.different += u64::from(differs);
        if unlike {
            sums.add_masked(f64::INFINITY);
        }
    }
    sums.measure(None)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // A test that cannot go on panics.
mod tests {
    use super::*;

    fn image(channels: Channels, pixels: Pixels) -> Shown {
        let n = match &pixels {
            Pixels::U8(values) => values.len(),
            Pixels::U16(values) => values.len(),
        };
        Shown::Picture(Image {
            width: n / channels.count(),
            height: 1,
            channels,
            pixels,
        })
    }

    fn rgba(values: &[u8]) -> Shown {
        image(Channels::Rgba, Pixels::U8(values.to_vec()))
    }

    #[test]
    fn differences_are_of_what_is_visible_in_both() {
        let a = rgba(&[
            9, 9, 9, 0, 10, 20, 30, 255, 1, 2, 3, 40, 5, 5, 5, 255, 7, 7, 7, 0,
        ]);
        let b = rgba(&[
            0, 0, 0, 0, 13, 20, 24, 255, 1, 2, 3, 50, 0, 0, 0, 0, 7, 7, 7, 90,
        ]);
        let found = compare(&a, &b).unwrap();
        // Three colours of the second pixel, four samples of the third.
        assert_eq!((found.pixels, found.different, found.mask), (2, 2, 2));
        assert_eq!((found.max, found.share()), (10.0, 1.0));
        assert!((found.mean - 19.0 / 7.0).abs() < 1e-12);
        let psnr = 10.0 * (255.0_f64.powi(2) / (145.0 / 7.0)).log10();
        assert!((found.psnr.unwrap() - psnr).abs() < 1e-12);
        assert_eq!(found.largest(), 255.0);
        assert!(!found.is_within(254.0) && found.is_within(255.0));
        let same = compare(&a, &a).unwrap();
        assert!(same.is_nothing() && same.psnr.is_none() && same.mean == 0.0);
    }

    #[test]
    fn gray_is_colour_and_eight_bits_are_sixteen() {
        let gray = image(Channels::Gray, Pixels::U8(vec![7, 250]));
        let rgb = image(Channels::Rgb, Pixels::U8(vec![7, 7, 7, 250, 250, 250]));
        assert!(compare(&gray, &rgb).unwrap().is_nothing());
        let deep = image(Channels::Gray, Pixels::U16(vec![7 * 257, 250 * 257]));
        assert!(compare(&gray, &deep).unwrap().is_nothing());
        let off = image(
            Channels::GrayAlpha,
            Pixels::U16(vec![7 * 257 + 300, 65535, 250 * 257, 65535]),
        );
        let found = compare(&gray, &off).unwrap();
        assert_eq!((found.max, found.full), (300.0, Some(65535.0)));
        assert!((found.largest() - 300.0 / 257.0).abs() < 1e-12);
        assert!(found.is_within(1.2) && !found.is_within(1.1));
    }

    #[test]
    fn a_faint_pixel_that_comes_or_goes_differs_by_its_alpha() {
        let found = compare(&rgba(&[200, 0, 0, 2]), &rgba(&[0, 0, 0, 0])).unwrap();
        assert_eq!((found.max, found.mask, found.pixels), (0.0, 1, 0));
        assert!(found.is_within(2.0) && !found.is_within(1.0));
    }

    fn held(values: Vec<f64>, mask: Vec<u8>) -> Held {
        Held {
            width: values.len(),
            height: 1,
            bands: vec![held::HeldBand {
                type_name: "Float32".into(),
                scale: 1.0,
                offset: 0.0,
                colours: Vec::new(),
            }],
            values: vec![values],
            mask,
        }
    }

    #[test]
    fn values_are_numbers_and_what_is_not_there_is_none() {
        let a = held(vec![1.5, -9999.0, 7.0, 2.0], vec![255, 0, 255, 255]);
        let b = held(vec![1.5, 4.0, -3.0, f64::NAN], vec![255, 0, 255, 0]);
        let (a, b) = (Shown::Values(a), Shown::Values(b));
        let found = compare(&a, &b).unwrap();
        assert_eq!((found.max, found.mean), (10.0, 5.0));
        assert_eq!((found.pixels, found.different, found.mask), (2, 1, 1));
        assert_eq!((found.psnr, found.full), (None, None));
        assert!(!found.is_within(1e9));
        assert!(compare(&a, &a).unwrap().is_nothing());
    }

    #[test]
    fn what_is_too_unlike_is_said() {
        let said = |a: &Shown, b: &Shown| compare(a, b).unwrap_err().to_string();
        let (small, large) = (rgba(&[1; 4]), rgba(&[1; 8]));
        assert_eq!(said(&small, &large), "1 x 1 pixels in A, 2 x 1 in B");
        let one = held(vec![1.0], vec![255]);
        let mut two = one.clone();
        two.bands.push(two.bands[0].clone());
        let mut bytes = one.clone();
        bytes.bands[0].type_name = "Byte".into();
        let mut coloured = one.clone();
        coloured.bands[0].colours.push([1, 2, 3, 255]);
        let mut other = coloured.clone();
        other.bands[0].colours[0][0] = 9;
        let one = Shown::Values(one);
        assert_eq!(said(&small, &one), "a picture in A, values in B");
        assert_eq!(said(&one, &Shown::Values(two)), "1 band in A, 2 bands in B");
        assert_eq!(
            said(&one, &Shown::Values(bytes)),
            "band 1 is Float32 in A, Byte in B"
        );
        assert_eq!(
            said(&Shown::Values(coloured), &Shown::Values(other)),
            "colours for the values of band 1 in A, others in B"
        );
    }
}
