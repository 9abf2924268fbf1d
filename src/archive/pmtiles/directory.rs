//! Directories: lists of entries in the order of their ids, and the tree of them.
//!
//! ```text
//! n             varint    entries
//! ids           n varints, each minus the one before
//! run lengths   n varints, 0 for a leaf directory
//! lengths       n varints, in bytes
//! offsets       n varints: 0 right behind the one before, otherwise the offset plus 1
//! ```
//!
//! and all of it compressed. Varints are little-endian, seven bits a byte, the high bit for all but the last.

use std::io;

use super::gzip;

/// Where the tiles of some ids are, or the directory that knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    /// The first id.
    pub(super) id: u64,
    /// Its place among the tiles' data, or among the leaf directories.
    pub(super) offset: u64,
    /// In bytes, more than 0.
    pub(super) length: u32,
    /// For how many ids from the first on it stands; 0 for a leaf directory.
    pub(super) run: u32,
}

impl Entry {
    /// The id after its last; `None` past the end of numbers. A directory has at least one.
    pub(super) fn end(&self) -> Option<u64> {
        self.id.checked_add(u64::from(self.run.max(1)))
    }
}

/// Appends a number.
pub(super) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Takes a number off the front of `bytes`; `None` if it is cut off or too large.
pub(super) fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let bits = u64::from(byte & 0x7f);
        if (bits << shift) >> shift != bits {
            return None;
        }
        value |= bits << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

/// A directory before it is compressed.
pub(super) fn serialise(entries: &[Entry]) -> Vec<u8> {
    // Ids and runs mostly take a byte, lengths two or three, offsets one.
    let mut out = Vec::with_capacity(10 + entries.len() * 6);
    put_varint(&mut out, entries.len() as u64);
    let mut last = 0;
    for entry in entries {
        put_varint(&mut out, entry.id - last);
        last = entry.id;
    }
    for entry in entries {
        put_varint(&mut out, entry.run.into());
    }
    for entry in entries {
        put_varint(&mut out, entry.length.into());
    }
    let mut behind = None;
    for entry in entries {
        let contiguous = behind == Some(entry.offset);
        put_varint(&mut out, if contiguous { 0 } else { entry.offset + 1 });
        behind = Some(entry.offset + u64::from(entry.length));
    }
    out
}

/// The entries of a directory; what is wrong with it, where something is. Ids rise and runs do not overlap.
pub(super) fn parse(bytes: &[u8]) -> Result<Vec<Entry>, String> {
    let mut faults = Vec::new();
    let entries = parse_all(bytes, &mut |fault| faults.push(fault));
    match (faults.into_iter().next(), entries) {
        (None, Some(entries)) => Ok(entries),
        (fault, _) => Err(fault.unwrap_or_else(cut_off)),
    }
}

fn cut_off() -> String {
    "a directory that is cut off".to_string()
}

/// The same, but that `fault` is told what is wrong, and entries are given as far as they make sense, those that are out of
/// order too. `None` when nothing can be made of it.
pub(super) fn parse_all(mut bytes: &[u8], fault: &mut dyn FnMut(String)) -> Option<Vec<Entry>> {
    let Some(n) = take_varint(&mut bytes) else {
        fault(cut_off());
        return None;
    };
    // An entry takes at least four bytes; so no more is asked of memory than the file accounts for.
    if n > bytes.len() as u64 / 4 {
        fault(format!("a directory of {n} entries that is cut off"));
        return None;
    }
    let mut columns = [bytes; 4];
    for column in &mut columns {
        *column = bytes;
        for _ in 0..n {
            if take_varint(&mut bytes).is_none() {
                fault(cut_off());
                return None;
            }
        }
    }
    let mut entries: Vec<Entry> = Vec::with_capacity(n as usize);
    for at in 0..n {
        let last = entries.last().copied();
        let Some(entry) = next_entry(&mut columns, last) else {
            fault(format!("a directory whose entry {at} makes no sense"));
            break;
        };
        if last.is_some_and(|last| last.end().is_none_or(|end| end > entry.id)) {
            fault(format!("a directory whose entry {at} is out of order"));
        }
        entries.push(entry);
    }
    Some(entries)
}

/// Takes the next entry off the fronts of the four columns; `None` if its numbers are too large, or none where there
/// must be one.
fn next_entry(columns: &mut [&[u8]; 4], last: Option<Entry>) -> Option<Entry> {
    let [ids, runs, lengths, offsets] = columns;
    let id = last.map_or(0, |last| last.id);
    let offset = match (take_varint(offsets)?, last) {
        (0, Some(last)) => last.offset + u64::from(last.length),
        (told, _) => told.checked_sub(1)?,
    };
    let entry = Entry {
        id: id.checked_add(take_varint(ids)?)?,
        offset,
        length: u32::try_from(take_varint(lengths)?).ok()?,
        run: u32::try_from(take_varint(runs)?).ok()?,
    };
    entry.offset.checked_add(entry.length.into())?;
    entry.end()?;
    (entry.length > 0).then_some(entry)
}

/// The entry for the tile `id`, or for the directory that may have it.
pub(super) fn find(entries: &[Entry], id: u64) -> Option<&Entry> {
    let after = entries.partition_point(|entry| entry.id <= id);
    let entry = entries.get(after.checked_sub(1)?)?;
    (entry.run == 0 || id - entry.id < entry.run.into()).then_some(entry)
}

/// Something that hands all entries on, in the order of their ids.
pub(super) type Give<'a> =
    dyn FnMut(&mut dyn FnMut(Entry) -> io::Result<()>) -> io::Result<()> + 'a;

/// All entries in one directory, compressed.
pub(super) fn flat(give: &mut Give<'_>) -> io::Result<Vec<u8>> {
    let mut all = Vec::new();
    give(&mut |entry| {
        all.push(entry);
        Ok(())
    })?;
    Ok(gzip::pack(&serialise(&all)))
}

/// Two levels: `write` gets the leaf directories of `leaf_entries` each, compressed, one after the other; the root, which
/// points at them, is returned.
pub(super) fn split(
    leaf_entries: u64,
    give: &mut Give<'_>,
    write: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<Vec<u8>> {
    let mut root: Vec<Entry> = Vec::new();
    let mut leaf: Vec<Entry> = Vec::new();
    let mut end_leaf = |leaf: &mut Vec<Entry>| {
        let Some(first) = leaf.first() else {
            return Ok(());
        };
        let packed = gzip::pack(&serialise(leaf));
        let too_long = |_| io::Error::other("a leaf directory of more than 4 GiB");
        root.push(Entry {
            id: first.id,
            offset: root
                .last()
                .map_or(0, |last| last.offset + u64::from(last.length)),
            length: packed.len().try_into().map_err(too_long)?,
            run: 0,
        });
        leaf.clear();
        write(&packed)
    };
    give(&mut |entry| {
        leaf.push(entry);
        if leaf.len() as u64 == leaf_entries {
            end_leaf(&mut leaf)?;
        }
        Ok(())
    })?;
    end_leaf(&mut leaf)?;
    Ok(gzip::pack(&serialise(&root)))
}
