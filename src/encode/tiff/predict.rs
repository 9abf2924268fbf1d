//! Predictors: a row of samples as the bytes that are compressed, which hold differences of neighbours.

/// A sample as it is stored.
pub(super) trait Stored: Copy {
    /// The predictor for its type (tag 317).
    const PREDICTOR: u16;
    /// Bits, and how they are to be understood (tags 258 and 339).
    const BITS: u16;
    /// 1 for unsigned integers, 2 for signed ones, 3 for floating point.
    const FORMAT: u16;

    /// The value nearest to `value`, halves upwards.
    fn nearest(value: f64) -> Self;

    /// Appends `row`, of pixels with `n` samples each, to `out`. `row` and `spare` may be used up.
    fn predict(row: &mut [Self], n: usize, spare: &mut Vec<u8>, out: &mut Vec<u8>);
}

macro_rules! integers {
    ($($kind:ty: $format:literal),*) => {$(
        impl Stored for $kind {
            /// Differences of samples (TIFF 6.0, section 14).
            const PREDICTOR: u16 = 2;
            const BITS: u16 = <$kind>::BITS as u16;
            const FORMAT: u16 = $format;

            fn nearest(value: f64) -> Self {
                // A cast keeps within the type.
                (value + 0.5).floor() as Self
            }

            fn predict(row: &mut [Self], n: usize, _: &mut Vec<u8>, out: &mut Vec<u8>) {
                for k in (n..row.len()).rev() {
                    row[k] = row[k].wrapping_sub(row[k - n]);
                }
                out.extend(row.iter().flat_map(|v| v.to_le_bytes()));
            }
        }
    )*};
}

integers!(u8: 1, u16: 1, u32: 1, i8: 2, i16: 2, i32: 2);

macro_rules! reals {
    ($($kind:ty: $bits:literal),*) => {$(
        impl Stored for $kind {
            /// Differences of bytes, the highest of all samples before the second highest of all (Adobe Photoshop TIFF
            /// Technical Note 3).
            const PREDICTOR: u16 = 3;
            const BITS: u16 = $bits;
            const FORMAT: u16 = 3;

            fn nearest(value: f64) -> Self {
                value as Self
            }

            fn predict(row: &mut [Self], n: usize, spare: &mut Vec<u8>, out: &mut Vec<u8>) {
                spare.clear();
                for byte in 0..size_of::<Self>() {
                    spare.extend(row.iter().map(|v| v.to_be_bytes()[byte]));
                }
                let first = n.min(spare.len());
                out.extend_from_slice(&spare[..first]);
                let pairs = spare[first..].iter().zip(&spare[..]);
                out.extend(pairs.map(|(here, before)| here.wrapping_sub(*before)));
            }
        }
    )*};
}

reals!(f32: 32, f64: 64);
