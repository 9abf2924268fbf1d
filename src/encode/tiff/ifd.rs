//! Image file directories (TIFF 6.0, section 2), little end first.

/// The values of a field.
pub(super) enum Field {
    /// Type 3.
    Shorts(Vec<u16>),
    /// Type 4.
    Long(u32),
    /// Type 12.
    Doubles(Vec<f64>),
    /// Type 2; a zero is put behind it.
    Text(String),
}

impl Field {
    /// A single value of type 3.
    pub(super) fn short(value: u16) -> Self {
        Self::Shorts(vec![value])
    }

    /// Its type, how many values it has, and their bytes.
    fn parts(&self) -> (u16, usize, Vec<u8>) {
        match self {
            Self::Shorts(values) => {
                let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
                (3, values.len(), bytes)
            }
            Self::Long(value) => (4, 1, value.to_le_bytes().to_vec()),
            Self::Doubles(values) => {
                let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
                (12, values.len(), bytes)
            }
            Self::Text(text) => {
                let bytes: Vec<u8> = text.bytes().chain([0]).collect();
                (2, bytes.len(), bytes)
            }
        }
    }
}

/// Fields by their tags, which must ascend.
pub(super) type Fields = Vec<(u16, Field)>;

/// Bytes of a directory that has no values too long for it.
fn directory_bytes(n_fields: usize) -> usize {
    2 + 12 * n_fields + 4
}

/// The directory of `fields` at `start`, which is even, and what follows it; `next` is where the next directory is, or 0.
///
/// ```text
/// number of fields, u16
/// for each: tag, u16 | type, u16 | number of values, u32 | the values, if they are at most 4 bytes, or where they are, u32
/// next directory, u32
/// values of more than 4 bytes, each at an even place
/// ```
pub(super) fn directory(fields: &Fields, start: usize, next: usize) -> Vec<u8> {
    debug_assert!(fields.is_sorted_by(|a, b| a.0 < b.0), "tags ascend");
    let mut head = Vec::with_capacity(directory_bytes(fields.len()));
    let mut behind: Vec<u8> = Vec::new();
    head.extend((fields.len() as u16).to_le_bytes());
    for (tag, field) in fields {
        let (kind, n, mut bytes) = field.parts();
        head.extend(tag.to_le_bytes());
        head.extend(kind.to_le_bytes());
        head.extend((n as u32).to_le_bytes());
        if bytes.len() <= 4 {
            bytes.resize(4, 0);
            head.extend(bytes);
            continue;
        }
        let at = start + directory_bytes(fields.len()) + behind.len();
        head.extend((at as u32).to_le_bytes());
        bytes.resize(bytes.len().next_multiple_of(2), 0);
        behind.extend(bytes);
    }
    head.extend((next as u32).to_le_bytes());
    head.extend(behind);
    head
}
