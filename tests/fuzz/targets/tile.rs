//! Any bytes as a tile: it is a picture that can be written and read again, or what it is is said.

use azulejo::encode::{Format, Settings, decode, encoder};
use azulejo::raster::image::Pixels;

pub fn run(bytes: &[u8]) {
    // Large pictures take long, and are no others.
    if is_large(bytes) {
        return;
    }
    let image = match decode(bytes) {
        Ok(image) => image,
        Err(found) => {
            assert!(!found.is_empty());
            return;
        }
    };
    assert!((1..=4096).contains(&image.width) && (1..=4096).contains(&image.height));
    let n = match &image.pixels {
        Pixels::U8(values) => values.len(),
        Pixels::U16(values) => values.len(),
    };
    assert_eq!(n, image.width * image.height * image.channels.count());
    let mut again = Vec::new();
    encoder(Format::Png, &Settings::default())
        .and_then(|mut encoder| encoder.encode(&image, &mut again))
        .expect("PNG holds every picture");
    let again = decode(&again).expect("what ours wrote");
    assert_eq!((again.width, again.height), (image.width, image.height));
}

/// Whether a PNG says that it has more than a million pixels. Other formats are asked by their decoders.
fn is_large(bytes: &[u8]) -> bool {
    let side = |at: usize| {
        let four = bytes.get(at..).and_then(|rest| rest.first_chunk());
        u64::from(four.map_or(0, |four| u32::from_be_bytes(*four)))
    };
    bytes.starts_with(b"\x89PNG") && side(16) * side(20) > 1 << 20
}
