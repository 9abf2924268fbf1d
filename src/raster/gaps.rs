//! How files of values say what is not there: [`Gaps`].

use super::SampleType;

/// How a file says what is not there.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub enum Gaps {
    /// By a value in each band.
    Nodata(f64),
    /// By one more band.
    Alpha,
    /// By a mask, where there is something to say.
    #[default]
    Mask,
}

/// `value`, or the nearest that the type has beside it where it would be taken for `nodata`. GDAL's warper does the same.
pub fn beside(value: f64, nodata: f64, sample_type: SampleType) -> f64 {
    let Some((low, high)) = sample_type.range() else {
        return real_beside(value, nodata, sample_type);
    };
    let rounded = value.round().clamp(low, high);
    if rounded != nodata {
        return value;
    }
    if nodata < high {
        nodata + 1.0
    } else {
        nodata - 1.0
    }
}

fn real_beside(value: f64, nodata: f64, sample_type: SampleType) -> f64 {
    if sample_type == SampleType::F32 {
        // The same number when it is stored.
        let stored = value as f32;
        return match stored == nodata as f32 {
            false => value,
            true if stored.next_up().is_finite() => stored.next_up().into(),
            true => stored.next_down().into(),
        };
    }
    match value == nodata {
        false => value,
        true if value.next_up().is_finite() => value.next_up(),
        true => value.next_down(),
    }
}

/// The sample that says "whole" in a band of alpha.
pub fn whole(sample_type: SampleType) -> f64 {
    sample_type.range().map_or(1.0, |(_, high)| high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_never_nodata() {
        for (sample_type, value, nodata, expected) in [
            (SampleType::U8, 7.0, 0.0, 7.0),
            (SampleType::U8, 0.4, 0.0, 1.0),
            (SampleType::U8, 255.0, 255.0, 254.0),
            (SampleType::I16, -32768.0, -32768.0, -32767.0),
            (SampleType::I16, 0.0, f64::NAN, 0.0),
            (SampleType::F32, 0.0, 0.0, f64::from(f32::from_bits(1))),
            // Not the same numbers, but as they are stored.
            (
                SampleType::F32,
                0.1,
                f64::from(0.1_f32),
                f64::from(0.1_f32.next_up()),
            ),
            (
                SampleType::F32,
                f64::from(f32::MAX),
                3.402_823_466e38,
                f64::from(f32::MAX.next_down()),
            ),
            (SampleType::F32, 1.0, f64::NAN, 1.0),
            (SampleType::F64, 1.0, 1.0, 1.0 + f64::EPSILON),
            (SampleType::F64, f64::MIN, f64::MIN, f64::MIN.next_up()),
        ] {
            assert_eq!(
                beside(value, nodata, sample_type),
                expected,
                "{sample_type:?} {value}"
            );
        }
    }
}
