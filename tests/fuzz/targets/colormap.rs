//! Any file is a colour map or a fault with a line in it; a map paints any values the same at once and one by one, and has a
//! legend.

use azulejo::style::colormap::{Between, ColorMap};
use azulejo::style::legend::Legend;

pub fn run(bytes: &[u8]) {
    let Some((&kind, file)) = bytes.split_first() else {
        return;
    };
    let name = ["a", "a.cpt", "a.qml", "a.clr", "a.json", "a.txt"][usize::from(kind) % 6];
    if let Ok(text) = std::str::from_utf8(file)
        && let Err(fault) = ColorMap::parse(text)
    {
        assert!((1..=text.chars().count() + 1).contains(&fault.column));
    }
    match ColorMap::from_file(name, file) {
        Ok(map) => draw(&map),
        Err(fault) => {
            let n_lines = file.iter().filter(|&&byte| byte == b'\n').count() + 1;
            assert!(fault.line.is_none_or(|line| (1..=n_lines).contains(&line)));
        }
    }
}

fn draw(map: &ColorMap) {
    let mut maps = vec![map.clone()];
    maps.extend(map.clone().with_range(-1.5, 1e6));
    for between in [Between::Interpolated, Between::Nearest, Between::Nothing] {
        maps.extend(map.clone().with_between(between));
    }
    for map in maps {
        let mut values = vec![
            f32::NAN,
            f32::INFINITY,
            f32::NEG_INFINITY,
            f32::MIN_POSITIVE,
        ];
        for entry in map.entries().iter().take(64) {
            let at = entry.from as f32;
            values.extend([
                at,
                at.next_down(),
                at.next_up(),
                at.round(),
                at + 0.5,
                entry.to as f32,
            ]);
        }
        let mut mask = vec![255; values.len()];
        let mut rgb = vec![0; 3 * values.len()];
        map.apply(&values, &mut mask, &mut rgb);
        for (k, value) in values.iter().enumerate() {
            let color = map.color(f64::from(*value));
            assert_eq!(
                (&rgb[3 * k..][..3], mask[k]),
                (&color[..3], color[3]),
                "{value}"
            );
        }
        let legend = Legend::new(&map, None, "");
        let (width, height, pixels) = legend.pixels(1);
        assert_eq!(pixels.len(), 4 * width * height);
        assert!(legend.svg().ends_with("</svg>\n"));
    }
}
