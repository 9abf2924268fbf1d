//! Any bytes as a TIFF file: its header, and blocks of what is plain.

use std::fs::File;
use std::io::Cursor;

use azulejo::source::Window;
use azulejo::source::tiff::{Blocks, Kind, Layout, Values};

use super::scratch;

/// Pixels of the largest picture that is read.
const PIXELS: usize = 1 << 16;

pub fn run(bytes: &[u8]) {
    let Some(layout) = Layout::read(&mut Cursor::new(bytes)) else {
        return;
    };
    assert!(layout.width > 0 && layout.height > 0 && layout.bands > 0);
    assert!(layout.block.0 > 0 && layout.block.1 > 0);
    let (width, height) = (layout.width, layout.height);
    if width.saturating_mul(height) > PIXELS {
        return;
    }
    let path = scratch::file("a.tif", bytes);
    let mut file = File::open(path).expect("a file of ours");
    let mut blocks = Blocks::default();
    let all = Window {
        col: 0,
        row: 0,
        width,
        height,
    };
    let first = Window {
        width: layout.block.0.min(width),
        height: layout.block.1.min(height),
        ..all
    };
    let bands: Vec<usize> = (1..=layout.bands).collect();
    for (window, bands) in [
        (all, &bands[..]),
        (first, &bands[..1]),
        (all, &[layout.bands, 1]),
    ] {
        let n = window.width * window.height * bands.len();
        let mut floats = vec![0.0; n];
        let read = blocks.read(
            (&mut file, 1),
            &layout,
            window,
            bands,
            Values::F32(&mut floats),
        );
        if layout.kind == Kind::U8 {
            let mut whole = vec![0; n];
            let again = blocks.read(
                (&mut file, 1),
                &layout,
                window,
                bands,
                Values::U8(&mut whole),
            );
            assert_eq!(read, again);
            if read.is_some() {
                assert!(whole.iter().zip(&floats).all(|(&a, &b)| f32::from(a) == b));
            }
        }
    }
    assert!(
        blocks
            .read(
                (&mut file, 1),
                &layout,
                all,
                &[layout.bands + 1],
                Values::F32(&mut [])
            )
            .is_none()
    );
}
