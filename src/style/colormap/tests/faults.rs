//! Files that are no colour maps, and what is said about them.

use super::*;

/// A file's name and contents; `\n` is a line's end.
const FILES: [(&str, &str); 34] = [
    ("a.txt", ""),
    ("a.txt", "# nothing but words\n\n"),
    ("a.txt", "0 255 255 255\n10"),
    ("a.txt", "0 255 255"),
    ("a.txt", "0 256 0 0"),
    ("a.txt", "0 0 0 0 -1"),
    ("a.txt", "height 0 0 0"),
    ("a.txt", "\n\n101% 0 0 0"),
    ("a.txt", "-5% 0 0 0"),
    ("a.txt", "0 mauve"),
    ("a.txt", "0 white opaque"),
    ("a.txt", "inf 0 0 0"),
    ("a.txt", "INTERPOLATION:CUBIC"),
    ("a.clr", "1 2"),
    ("a.cpt", "0 0 0 0 10"),
    ("a.cpt", "# COLOR_MODEL = CMYK\n0 0 0 0 0 10 0 0 0 0"),
    ("a.cpt", "10 0 0 0 0 255 255 255"),
    ("a.cpt", "0 0 10 255\n9 0 20 255"),
    ("a.cpt", "# COLOR_MODEL = HSV\n0 400 1 1 10 0 1 1"),
    ("a.cpt", "0 reddish 10 blue"),
    ("a.cpt", "0 red@x 10 blue"),
    ("a.cpt", "# HINGE = 0\n0 red 1 blue"),
    ("a.cpt", "# RANGE = 5\n0 red 1 blue"),
    ("a.cpt", "0 red\n0 red 1 blue"),
    ("a.cpt", "x red 1 blue"),
    (
        "a.qml",
        "<qgis><rasterrenderer type=\"multibandcolor\"/></qgis>",
    ),
    ("a.qml", "not XML"),
    ("a.qml", "<qgis>\n<item value=1/></qgis>"),
    ("a.qml", "<qgis>\n\n<!-- "),
    ("a.qml", "<colorrampshader colorRampType='CUBIC'>"),
    (
        "a.qml",
        "<colorrampshader>\n<item value='inf' color='#000000'/>",
    ),
    ("a.qml", "<colorrampshader>\n<item color='#000000'/>"),
    ("a.qml", "<colorrampshader>\n<item value='1' color='red'/>"),
    (
        "a.qml",
        "<colorrampshader>\n<item value='1' color='#000000' alpha='256'/>",
    ),
];

/// What is typed: names and JSON.
const TEXTS: [&str; 20] = [
    "",
    "virids",
    "Virdis_R",
    "terain",
    "completely different",
    "viridis plasma",
    "{}",
    "[]",
    "{\"1\": ",
    "{\"1\": \"#ff0000\"} x",
    "  {\"é\": \"#ff0000\"}",
    "{\"é1\": 1,\n \"2\": \"#ff0000\"}",
    "{\"1\": \"#ff0000\", \"2\": \"red\"}",
    "{\"1\": \"#ff0000\", \"2\": [0, 0, 256]}",
    "{\"1\": \"#ff0000\", \"1.0\": \"#00ff00\"}",
    "{\"1\": \"#fffff\"}",
    "[[[0, 10], \"#ff0000\"], [[10, 5], \"#00ff00\"]]",
    "[[[0, 10], \"#ff0000\"], [10, \"#00ff00\"]]",
    "[1, 2]",
    "[[[0, 1], [1, 2]]]",
];

/// Every text and what is said, as it is shown to users.
fn told() -> String {
    let mut out = String::new();
    for (name, text) in FILES {
        let said = match ColorMap::from_file(name, text.as_bytes()) {
            Ok(_) => "is read".into(),
            Err(fault) => format!("{name}: {fault}"),
        };
        out += &format!("{text:?}\n    {said}\n");
    }
    for text in TEXTS {
        let said = match ColorMap::parse(text) {
            Ok(_) => "is read".into(),
            Err(fault) => format!("{}: {}", fault.column, fault.message),
        };
        out += &format!("{text:?}\n    {said}\n");
    }
    out
}

#[test]
fn what_is_wrong_is_told_as_it_was() {
    let told = told();
    let known = include_str!("faults.txt");
    assert!(!told.contains("is read"), "{told}");
    assert!(told == known.replace('\r', ""), "{told}");
}

#[test]
fn other_encodings_are_told() {
    let fault = ColorMap::from_file("a.txt", b"\xFF\xFE0\0").unwrap_err();
    assert_eq!(fault.to_string(), "text in UTF-16; expected UTF-8");
    // Labels may be in any.
    let map = ColorMap::from_file("a.txt", b"0,1,2,3,255,Gew\xE4sser").unwrap();
    assert_eq!(map.color(0.0), [1, 2, 3, 255]);
}
