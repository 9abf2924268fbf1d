//! What files say, beside what they mean.

use super::*;

fn file(name: &str, text: &str) -> ColorMap {
    ColorMap::from_file(name, text.as_bytes()).unwrap_or_else(|fault| panic!("{fault}\n{text}"))
}

#[track_caller]
fn check(map: &ColorMap, expected: &[(f32, &str)]) {
    let values: Vec<f32> = expected.iter().map(|row| row.0).collect();
    for (color, (value, expected)) in colors(map, &values).iter().zip(expected) {
        assert_eq!(hex(color), *expected, "{value}");
    }
}

const NOTHING: &str = "00000000";

#[test]
fn gmt_tables_in_every_way_of_writing_colors() {
    let map = file(
        "topo.cpt",
        "# made by hand\n\
         0 255 0 0  10 0 0 255 L ; shallow\n\
         10\t#00ff00\t20\t- \n\
         20 255/255/255 30 0/0/0 B\n\
         40 128 50 navy@50\n\
         50 120-1-1 60 240-1-0.5\n\
         B 1 2 3\nF gray\nN 9/8/7\n",
    );
    check(
        &map,
        &[
            (-1.0, "010203ff"),
            (0.0, "ff0000ff"),
            (5.0, "800080ff"),
            (10.0, "00ff00ff"),
            (19.99, "00ff00ff"),
            (25.0, "808080ff"),
            (35.0, NOTHING),
            (40.0, "808080ff"),
            (45.0, "404080bf"),
            (50.0, "00ff00ff"),
            (60.0, "000080ff"),
            (60.1, "bebebeff"),
        ],
    );
    assert_eq!(map.nodata(), Some([9, 8, 7, 255]));
    assert_eq!(map.nature(), Nature::Ramp);
    assert!(!map.is_categorical());
    let entries = map.entries();
    assert_eq!(entries.len(), 10);
    assert_eq!(entries[0].label.as_deref(), Some("shallow"));
    assert_eq!(
        (entries[1].from, entries[1].color),
        (10.0, [0, 0, 255, 255])
    );
}

#[test]
fn gmt_tables_in_hsv() {
    let slices = "0 0 1 1 120 240 1 1\n";
    // Mixed in RGB halfway is purple, in HSV green.
    check(
        &file("a.cpt", &format!("# COLOR_MODEL = HSV\n{slices}")),
        &[
            (0.0, "ff0000ff"),
            (60.0, "800080ff"),
            (120.0, "0000ffff"),
            (500.0, "0000ffff"),
        ],
    );
    check(
        &file("a.cpt", &format!("#COLOR_MODEL = +hsv\n{slices}N 0 0 0.5")),
        &[
            (-5.0, "ff0000ff"),
            (0.0, "ff0000ff"),
            (30.0, "ffff00ff"),
            (60.0, "00ff00ff"),
            (120.0, "0000ffff"),
        ],
    );
    // Colours of another kind are put into the model that is mixed in.
    check(
        &file(
            "a.cpt",
            "# COLOR_MODEL = +HSV\n0 red 10 blue\n10 #ffffff 20 -\n",
        ),
        &[(5.0, "00ff00ff"), (10.0, "ffffffff"), (15.0, "ffffffff")],
    );
    // Hence a file without an ending is known.
    check(
        &file("a.txt", "# COLOR_MODEL = RGB\n0 0 0 0 10 20 20 20\n"),
        &[(5.0, "0a0a0aff")],
    );
}

/// What GMT 6.4 made of some tables (`grdimage -A`): lines of a file behind `|`, then a value a line and its colour.
const GMT: &str = include_str!("gmt.txt");

#[test]
fn gmt_tables_have_the_colors_that_gmt_gives_them() {
    let (mut n, mut n_apart) = (0, 0);
    for case in GMT.replace("\r\n", "\n").split("\n= ") {
        let lines = case.lines().filter_map(|line| line.strip_prefix("| "));
        let map = file("a.cpt", &lines.collect::<Vec<_>>().join("\n"));
        let rows = case.lines().skip(1).filter(|line| !line.starts_with('|'));
        for (value, expected) in rows.filter_map(|line| line.split_once(' ')) {
            let [r, g, b, a] = map.color(value.parse().unwrap());
            let expected = u32::from_str_radix(expected, 16).unwrap().to_be_bytes();
            assert_eq!(a, 255, "{value}\n{case}");
            n += 1;
            n_apart += usize::from([0, r, g, b] != expected);
            let mut channels = [0, r, g, b].into_iter().zip(expected);
            assert!(channels.all(|(a, b)| a.abs_diff(b) <= 1), "{value}\n{case}");
        }
    }
    assert!(n == 600 && n_apart <= 2, "{n_apart} of {n}");
}

#[test]
fn gmt_tables_of_keys_and_ranges() {
    let map = file("a.cpt", "1 red ;One thing\n2 0/255/0 ;Another\n");
    check(
        &map,
        &[(1.0, "ff0000ff"), (1.5, NOTHING), (2.0, "00ff00ff")],
    );
    assert!(map.is_categorical());
    assert_eq!(map.entries()[1].label.as_deref(), Some("Another"));
    let map = file(
        "a.cpt",
        "# RANGE = -8000/8000\n0 0 0.5 255\n0.5 255 1 255\n",
    );
    check(
        &map,
        &[
            (-8000.0, "000000ff"),
            (-4000.0, "808080ff"),
            (0.0, "ffffffff"),
            (8000.0, "ffffffff"),
        ],
    );
}

const STYLE: &str = r##"<?xml version="1.0"?>
<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis version="3.28"><!-- <item value="9" color="#000000"/> -->
 <pipe><rasterrenderer opacity="OPACITY" type="singlebandpseudocolor" band='1'>
  <rastershader><colorrampshader colorRampType="TYPE" clip="CLIP">
   <colorramp name="[source]" type="gradient"><Option type="Map"/></colorramp>
   <item color="#d7191c" alpha="255" value="0" label="&lt;= 0 &amp; less"/>
   <item color="#ffffbf" alpha="128" value="10"/>
   <item label="" color="#2b83ba" alpha="255" value="LAST"/>
   <rampLegendSettings/>
  </colorrampshader></rastershader>
 </rasterrenderer></pipe><item/></qgis>"##;

fn style(replaced: [(&str, &str); 4]) -> ColorMap {
    let text = replaced
        .iter()
        .fold(STYLE.to_owned(), |text, (what, by)| text.replace(what, by));
    file("style.qml", &text)
}

#[test]
fn styles_of_qgis() {
    let map = style([
        ("OPACITY", "1"),
        ("TYPE", "INTERPOLATED"),
        ("CLIP", "0"),
        ("LAST", "20"),
    ]);
    check(
        &map,
        &[
            (-9.0, "d7191cff"),
            (0.0, "d7191cff"),
            (5.0, "eb8c6ec0"),
            (10.0, "ffffbf80"),
            (99.0, "2b83baff"),
        ],
    );
    assert_eq!(map.entries()[0].label.as_deref(), Some("<= 0 & less"));
    assert_eq!(map.entries()[2].label, None);
    let map = style([
        ("OPACITY", "0.5"),
        ("TYPE", "INTERPOLATED"),
        ("CLIP", "1"),
        ("LAST", "20"),
    ]);
    check(
        &map,
        &[
            (-9.0, NOTHING),
            (0.0, "d7191c80"),
            (20.0, "2b83ba80"),
            (20.1, NOTHING),
        ],
    );
    let map = style([
        ("OPACITY", "1"),
        ("TYPE", "DISCRETE"),
        ("CLIP", "0"),
        ("LAST", "inf"),
    ]);
    check(
        &map,
        &[
            (-9.0, "d7191cff"),
            (0.0, "d7191cff"),
            (0.1, "ffffbf80"),
            (10.0, "ffffbf80"),
            (1e9, "2b83baff"),
        ],
    );
    assert_eq!(map.nature(), Nature::Classes);
    assert_eq!((map.entries()[1].from, map.entries()[1].to), (0.0, 10.0));
    assert!(map.clone().with_between(Between::Interpolated).is_err());
    let map = style([
        ("OPACITY", "1"),
        ("TYPE", "DISCRETE"),
        ("CLIP", "0"),
        ("LAST", "20"),
    ]);
    check(&map, &[(20.0, "2b83baff"), (20.1, NOTHING)]);
    let map = style([
        ("OPACITY", "1"),
        ("TYPE", "EXACT"),
        ("CLIP", "0"),
        ("LAST", "0.1"),
    ]);
    check(
        &map,
        &[(0.1, "2b83baff"), (0.2, NOTHING), (10.0, "ffffbf80")],
    );
    assert!(map.is_categorical());
}

#[test]
fn palettes_of_qgis() {
    let map = file(
        "a.xml",
        "<qgis><rasterrenderer type=\"paletted\"><colorPalette>\n\
         <paletteEntry value='1' color='#ff0000' alpha='255' label='Wald &#228;&#xF6;'/>\n\
         <paletteEntry value='2' color='#00ff00' alpha='0' label='R&D'/></colorPalette></rasterrenderer></qgis>",
    );
    check(&map, &[(1.0, "ff0000ff"), (2.0, NOTHING), (3.0, NOTHING)]);
    assert!(map.is_categorical());
    let labels: Vec<_> = map
        .entries()
        .into_iter()
        .filter_map(|entry| entry.label)
        .collect();
    assert_eq!(labels, ["Wald äö", "R&D"]);
}

#[test]
fn texts_of_qgis_and_clr() {
    let text = "# QGIS Generated Color Map Export File\nINTERPOLATION:DISCRETE\n\
                1,255,0,0,255,low: 0, 1\n2,0,255,0,128,\ninf,0,0,255,255,> 2\n";
    let map = file("colors.txt", text);
    check(
        &map,
        &[(0.0, "ff0000ff"), (1.5, "00ff0080"), (7.0, "0000ffff")],
    );
    assert_eq!(map.entries()[0].label.as_deref(), Some("low: 0, 1"));
    let map = file(
        "landuse.CLR",
        "\u{FEFF}1 255 0 0\r\n2 0 255 0 128 deep, dark: wood # or so\r\n7 #0000ff # sea\r\n",
    );
    check(
        &map,
        &[
            (1.0, "ff0000ff"),
            (2.0, "00ff0080"),
            (7.0, "0000ffff"),
            (1.5, NOTHING),
        ],
    );
    assert_eq!(map.entries()[1].label.as_deref(), Some("deep, dark: wood"));
    assert_eq!(map.entries()[2].label, None);
    // Comments behind colours, and what gdaldem cuts off.
    let map = file(
        "ramp.txt",
        "0 255.9 0 0 # sea\nnv 1 2 3 0\n10 white // top\n",
    );
    check(&map, &[(0.0, "ff0000ff"), (10.0, "ffffffff")]);
    assert_eq!(map.nodata(), Some([1, 2, 3, 0]));
}

#[test]
fn json_of_values_and_intervals() {
    let map = ColorMap::parse(
        r##" {"1": "#f00", "2.5": [0, 255, 0], "-3": "#0000ff80", "0.1": [1, 2, 3, 4]} "##,
    )
    .unwrap();
    check(
        &map,
        &[
            (1.0, "ff0000ff"),
            (2.5, "00ff00ff"),
            (-3.0, "0000ff80"),
            (0.1, "01020304"),
            (2.0, NOTHING),
        ],
    );
    assert!(map.is_categorical());
    assert_eq!(map.nature(), Nature::Values);
    // Later ones lie over earlier ones; upper ends do not belong.
    let text = r##"[[[0, 10], [1, 1, 1, 255]], [[20, 30.5], "#020202"], [[5, 25], [3, 3, 3]], [[7, 8], [4, 4, 4, 0]]]"##;
    let map = file("classes.json", text);
    check(
        &map,
        &[
            (-0.1, NOTHING),
            (0.0, "010101ff"),
            (4.9, "010101ff"),
            (5.0, "030303ff"),
            (7.0, NOTHING),
            (8.0, "030303ff"),
            (24.9, "030303ff"),
            (25.0, "020202ff"),
            (30.5, NOTHING),
        ],
    );
    assert_eq!(map.nature(), Nature::Classes);
    assert!(!map.is_categorical() && !map.takes_range());
    assert_eq!(map.entries().len(), 5);
    assert!(map.with_between(Between::Nearest).is_err());
}

#[test]
fn every_kind_is_known_without_its_ending() {
    for (text, value, color) in [
        ("{\"1\": \"#010203\"}", 1.0, [1, 2, 3, 255]),
        ("\n [[[0, 2], \"#010203\"]]", 1.0, [1, 2, 3, 255]),
        (
            "<a><colorPalette><paletteEntry value='1' color='#010203'/></colorPalette></a>",
            1.0,
            [1, 2, 3, 255],
        ),
        ("0 1 2 3\n9 1 2 3", 1.0, [1, 2, 3, 255]),
    ] {
        assert_eq!(file("map", text).color(value), color, "{text}");
    }
}
