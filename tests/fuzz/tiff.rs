//! Headers of TIFF files.

#![no_main]

use std::io::Cursor;

use azulejo::source::tiff::Layout;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Some(layout) = Layout::read(&mut Cursor::new(bytes)) {
        assert!(layout.width > 0 && layout.height > 0 && layout.bands > 0);
        assert!(layout.block.0 > 0 && layout.block.1 > 0);
    }
});
