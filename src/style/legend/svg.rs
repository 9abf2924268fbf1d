//! Legends as SVG.

use std::fmt::Write;

use super::draw::{self, Layout, PAD, cut};
use super::{BAR, Body, Legend, Ramp, Rgba};

/// Letters of most fonts are narrower than they are high; this one is as wide as the letters of pixels are.
const FONT: &str = "font-family=\"Verdana,DejaVu Sans,sans-serif\" font-size=\"9\" fill=\"#222\"";

/// From the top of a letter to the line it stands on.
const ASCENT: usize = 7;

pub(super) fn document(legend: &Legend) -> String {
    let layout = Layout::of(legend);
    let (width, height) = (layout.width, layout.height);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\">\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n"
    );
    if sees_through(legend) {
        let (side, two, [_, gray]) = (draw::CHECK, 2 * draw::CHECK, draw::CHECKS);
        put(
            &mut out,
            format_args!(
                "<defs><pattern id=\"checks\" width=\"{two}\" height=\"{two}\" patternUnits=\"userSpaceOnUse\">\
             <path d=\"M{side} 0h{side}v{side}h-{two}v{side}h{side}z\" fill=\"rgb({gray},{gray},{gray})\"/></pattern></defs>\n"
            ),
        );
    }
    put(&mut out, format_args!("<g {FONT}>\n"));
    if !legend.title.is_empty() {
        text(&mut out, PAD, PAD + ASCENT, "start", &legend.title);
    }
    match &legend.body {
        Body::Ramp(ramp) => bar(&mut out, ramp, &layout),
        Body::Patches(patches, n_more) => rows(&mut out, patches, *n_more, &layout),
    }
    out + "</g>\n</svg>\n"
}

fn put(out: &mut String, what: std::fmt::Arguments) {
    out.write_fmt(what).expect("a text grows as it has to");
}

fn sees_through(legend: &Legend) -> bool {
    match &legend.body {
        Body::Ramp(ramp) => ramp.colors.iter().any(|color| color[3] < 255),
        Body::Patches(patches, _) => patches.iter().any(|patch| patch.0[3] < 255),
    }
}

fn text(out: &mut String, x: usize, y: usize, anchor: &str, text: &str) {
    let text = escaped(&cut(text));
    put(
        out,
        format_args!("<text x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\">{text}</text>\n"),
    );
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// `rgb(…)`, and what an element says of its alpha in the attribute `name`.
fn paint([r, g, b, a]: Rgba, what: &str) -> String {
    let color = format!("{what}=\"#{r:02x}{g:02x}{b:02x}\"");
    if a == 255 {
        return color;
    }
    let name = what
        .replace("fill", "fill-opacity")
        .replace("stop-color", "stop-opacity");
    format!("{color} {name}=\"{:.3}\"", f64::from(a) / 255.0)
}

fn bar(out: &mut String, ramp: &Ramp, layout: &Layout) {
    let (left, top, height) = (layout.left, layout.top, draw::BAR_HEIGHT);
    put(out, format_args!("<defs><linearGradient id=\"ramp\">\n"));
    for at in stops(&ramp.colors) {
        let offset = (at as f64 + 0.5) / BAR as f64;
        let color = paint(ramp.colors[at], "stop-color");
        put(
            out,
            format_args!("<stop offset=\"{offset:.5}\" {color}/>\n"),
        );
    }
    put(out, format_args!("</linearGradient></defs>\n"));
    let rectangle = format!("<rect x=\"{left}\" y=\"{top}\" width=\"{BAR}\" height=\"{height}\"");
    if ramp.colors.iter().any(|color| color[3] < 255) {
        put(out, format_args!("{rectangle} fill=\"url(#checks)\"/>\n"));
    }
    put(out, format_args!("{rectangle} fill=\"url(#ramp)\"/>\n"));
    let (x, y, width, below) = (left - 1, top - 1, BAR + 1, top + height);
    put(
        out,
        format_args!(
            "<rect x=\"{x}.5\" y=\"{y}.5\" width=\"{width}\" height=\"{}\" fill=\"none\" stroke=\"#666\"/>\n",
            height + 1
        ),
    );
    for (share, label) in &ramp.ticks {
        let at = left + draw::tick_at(*share);
        put(
            out,
            format_args!(
                "<path d=\"M{at}.5 {below}v{}\" stroke=\"#666\"/>\n",
                draw::TICK
            ),
        );
        text(
            out,
            at,
            below + draw::TICK + draw::TICK_TO_LABEL + ASCENT,
            "middle",
            label,
        );
    }
}

/// Positions between which colours run straight, to a level.
fn stops(colors: &[Rgba]) -> Vec<usize> {
    let mut stops = vec![0];
    let mut start = 0;
    while start + 1 < colors.len() {
        let mut end = start + 1;
        while end + 1 < colors.len() && straight(&colors[start..=end + 1]) {
            end += 1;
        }
        stops.push(end);
        start = end;
    }
    stops
}

fn straight(colors: &[Rgba]) -> bool {
    let (Some(first), Some(last)) = (colors.first(), colors.last()) else {
        return true;
    };
    let whole = (colors.len() - 1) as f64;
    colors.iter().enumerate().all(|(k, color)| {
        (0..4).all(|channel| {
            let [a, b, c] = [first, last, color].map(|color| f64::from(color[channel]));
            (a + (b - a) * k as f64 / whole - c).abs() <= 1.0
        })
    })
}

fn rows(out: &mut String, patches: &[(Rgba, String)], n_more: usize, layout: &Layout) {
    let (width, height) = (draw::PATCH_WIDTH - 1, draw::PATCH_HEIGHT - 1);
    let mut top = layout.top;
    for (color, label) in patches {
        let rectangle = format!(
            "<rect x=\"{}.5\" y=\"{top}.5\" width=\"{width}\" height=\"{height}\"",
            layout.left
        );
        if color[3] < 255 {
            put(out, format_args!("{rectangle} fill=\"url(#checks)\"/>\n"));
        }
        put(
            out,
            format_args!("{rectangle} {} stroke=\"#666\"/>\n", paint(*color, "fill")),
        );
        let x = layout.left + draw::PATCH_WIDTH + draw::PATCH_TO_LABEL;
        text(out, x, top + 2 + ASCENT, "start", label);
        top += draw::ROW;
    }
    if let Some(more) = draw::more(n_more) {
        text(out, layout.left, top + 2 + ASCENT, "start", &more);
    }
}
