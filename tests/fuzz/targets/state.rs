//! What a bake has written down of itself: any bytes as such a file, with the sums and lengths at its end made right, as nothing
//! would be read without them.

use std::fs;

use azulejo::error::Kind;
use azulejo::pyramid::state::{MAGIC, PLACE, StateFile};
use libdeflater::Crc;

use super::scratch;

pub fn run(bytes: &[u8]) {
    let path = scratch::empty("state").join("x.azulejo-state");
    let read = |file: &[u8]| {
        fs::write(&path, file).expect("a file in a folder of ours");
        match StateFile::open(&path) {
            Ok(state) => Some(state.count_whole()),
            Err(error) => {
                assert_eq!(error.kind(), Kind::Input, "{error}");
                None
            }
        }
    };
    read(bytes);
    // How many parts, how long the text is; then roots, parts and text.
    let Some(([parts, text], rest)) = bytes.split_first_chunk() else {
        return;
    };
    let end = usize::from(*parts) * PLACE + usize::from(*text);
    let Some(roots) = rest.len().checked_sub(end) else {
        return;
    };
    let mut file = [&MAGIC[..], rest].concat();
    let offset = MAGIC.len() + roots;
    let mut crc = Crc::new();
    crc.update(&file[offset..]);
    for number in [offset, usize::from(*parts), usize::from(*text)] {
        file.extend((number as u64).to_le_bytes());
    }
    file.extend(crc.sum().to_le_bytes());
    file.extend(MAGIC);
    if let Some(whole) = read(&file) {
        assert!(whole <= usize::from(*parts));
    }
}
