//! What a sample is: [`SampleType`], as sources store it; [`Samples`], as it is carried here; [`Sample`], what all
//! arithmetic needs of it.

/// The type of a sample as a source stores it and as a lossless tile gives it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SampleType {
    /// 8 bits, 0..=255.
    U8,
    /// 8 bits, -128..=127.
    I8,
    /// 16 bits, 0..=65535.
    U16,
    /// 16 bits, -32768..=32767.
    I16,
    /// 32 bits, from 0.
    U32,
    /// 32 bits with a sign.
    I32,
    /// 32 bits, floating point.
    F32,
    /// 64 bits, floating point.
    F64,
}

impl SampleType {
    /// Every type there is.
    pub const ALL: [Self; 8] = [
        Self::U8,
        Self::I8,
        Self::U16,
        Self::I16,
        Self::U32,
        Self::I32,
        Self::F32,
        Self::F64,
    ];

    /// GDAL's name of the type.
    pub fn gdal_name(self) -> &'static str {
        match self {
            Self::U8 => "Byte",
            Self::I8 => "Int8",
            Self::U16 => "UInt16",
            Self::I16 => "Int16",
            Self::U32 => "UInt32",
            Self::I32 => "Int32",
            Self::F32 => "Float32",
            Self::F64 => "Float64",
        }
    }

    /// The smallest and the largest value of an integer type; `None` for floating point.
    pub fn range(self) -> Option<(f64, f64)> {
        match self {
            Self::U8 => Some((0.0, f64::from(u8::MAX))),
            Self::I8 => Some((f64::from(i8::MIN), f64::from(i8::MAX))),
            Self::U16 => Some((0.0, f64::from(u16::MAX))),
            Self::I16 => Some((f64::from(i16::MIN), f64::from(i16::MAX))),
            Self::U32 => Some((0.0, f64::from(u32::MAX))),
            Self::I32 => Some((f64::from(i32::MIN), f64::from(i32::MAX))),
            Self::F32 | Self::F64 => None,
        }
    }

    /// Whether the type holds `value`, of floating point but for rounding.
    pub fn holds(self, value: f64) -> bool {
        match self.range() {
            Some((low, high)) => value.fract() == 0.0 && (low..=high).contains(&value),
            None if self == Self::F32 => !value.is_finite() || (value as f32).is_finite(),
            None => true,
        }
    }

    /// The narrowest type that holds all values of both.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        let holds = |wide: Self, narrow: Self| match (wide, narrow) {
            (Self::F64, _) | (Self::F32, Self::F32) => true,
            (_, Self::F32 | Self::F64) => false,
            (Self::F32, integer) => !matches!(integer, Self::U32 | Self::I32),
            (wide, narrow) => match (wide.range(), narrow.range()) {
                (Some(wide), Some(narrow)) => wide.0 <= narrow.0 && narrow.1 <= wide.1,
                _ => false,
            },
        };
        // ALL runs from narrow to wide.
        let mut all = Self::ALL.into_iter();
        all.find(|&wide| holds(wide, self) && holds(wide, other))
            .unwrap_or(Self::F64)
    }
}

impl std::fmt::Display for SampleType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::U8 => "8-bit",
            Self::I8 => "8-bit signed",
            Self::U16 => "16-bit",
            Self::I16 => "16-bit signed",
            Self::U32 => "32-bit",
            Self::I32 => "32-bit signed",
            Self::F32 => "32-bit float",
            Self::F64 => "64-bit float",
        })
    }
}

/// The samples of a raster, interleaved by pixel: all bands of the first pixel, then all of the second.
///
/// Each [`SampleType`] has one kind that holds all its values exactly. Between a kernel and [`Raster::finish`], samples of an
/// integer type may have fractions.
///
/// [`Raster::finish`]: super::Raster::finish
#[derive(Debug, Clone, PartialEq)]
pub enum Samples {
    /// 8-bit samples.
    U8(Vec<u8>),
    /// 16-bit and signed 8-bit integers, 32-bit floating point.
    F32(Vec<f32>),
    /// 32-bit integers, 64-bit floating point.
    F64(Vec<f64>),
}

impl Samples {
    /// `n` zeros of the kind that carries `sample_type`.
    pub fn zeros(sample_type: SampleType, n: usize) -> Self {
        match sample_type {
            SampleType::U8 => Self::U8(vec![0; n]),
            SampleType::I8 | SampleType::U16 | SampleType::I16 | SampleType::F32 => {
                Self::F32(vec![0.0; n])
            }
            SampleType::U32 | SampleType::I32 | SampleType::F64 => Self::F64(vec![0.0; n]),
        }
    }

    /// The sample at index `i`.
    pub fn get(&self, i: usize) -> f64 {
        of_any_kind!(self, |values| values[i].value())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        of_any_kind!(self, |values| values.len())
    }

    /// Bytes that one sample takes.
    pub fn sample_bytes(&self) -> usize {
        fn size<T>(_: &[T]) -> usize {
            size_of::<T>()
        }
        of_any_kind!(self, |values| size(values))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether these are of the kind that carries `sample_type`.
    pub fn carry(&self, sample_type: SampleType) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(&Self::zeros(sample_type, 0))
    }
}

/// A sample as it is carried.
pub(super) trait Sample: Copy + Default + PartialEq + PartialOrd {
    /// As a number.
    fn value(self) -> f64;
    /// Whether it is a finite number.
    fn is_number(self) -> bool;
    /// From a mean; 8 bits round half up.
    fn from_mean(mean: f64) -> Self;
    /// The value nearest to this one that an integer type with values from `low` to `high` has, fractions left as they are.
    #[must_use]
    fn within(self, low: f64, high: f64) -> Self;
}

impl Sample for u8 {
    #[inline]
    fn value(self) -> f64 {
        f64::from(self)
    }

    #[inline]
    fn is_number(self) -> bool {
        true
    }

    #[inline]
    fn from_mean(mean: f64) -> Self {
        (mean + 0.5).clamp(0.0, 255.0) as Self
    }

    fn within(self, _low: f64, _high: f64) -> Self {
        self
    }
}

impl Sample for f32 {
    #[inline]
    fn value(self) -> f64 {
        f64::from(self)
    }

    #[inline]
    fn is_number(self) -> bool {
        self.is_finite()
    }

    #[inline]
    fn from_mean(mean: f64) -> Self {
        mean as Self
    }

    #[inline]
    fn within(self, low: f64, high: f64) -> Self {
        // The ranges of the types that an f32 carries are whole in it.
        self.clamp(low as Self, high as Self)
    }
}

impl Sample for f64 {
    #[inline]
    fn value(self) -> f64 {
        self
    }

    #[inline]
    fn is_number(self) -> bool {
        self.is_finite()
    }

    #[inline]
    fn from_mean(mean: f64) -> Self {
        mean
    }

    #[inline]
    fn within(self, low: f64, high: f64) -> Self {
        self.clamp(low, high)
    }
}

/// Does one thing with samples of whatever kind: the body is compiled for each.
macro_rules! of_any_kind {
    ($samples:expr, |$values:ident| $body:expr) => {
        match $samples {
            $crate::raster::Samples::U8($values) => $body,
            $crate::raster::Samples::F32($values) => $body,
            $crate::raster::Samples::F64($values) => $body,
        }
    };
}

/// Does one thing with samples of two rasters that have one sample type, whatever that is.
macro_rules! of_one_kind {
    (($one:expr, $other:expr), |$a:ident, $b:ident| $body:expr) => {
        match ($one, $other) {
            ($crate::raster::Samples::U8($a), $crate::raster::Samples::U8($b)) => $body,
            ($crate::raster::Samples::F32($a), $crate::raster::Samples::F32($b)) => $body,
            ($crate::raster::Samples::F64($a), $crate::raster::Samples::F64($b)) => $body,
            _ => unreachable!("rasters that meet have one sample type"),
        }
    };
}

pub(crate) use of_any_kind;
pub(crate) use of_one_kind;
