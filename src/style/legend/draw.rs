//! Legends as pixels.

use super::font::{self, Font};
use super::{BAR, Body, Legend, Pixels, Ramp, Rgba};

/// All in pixels at scale 1.
pub(super) const PAD: usize = 8;
pub(super) const TITLE_TO_BODY: usize = 6;
pub(super) const BAR_HEIGHT: usize = 14;
pub(super) const TICK: usize = 4;
pub(super) const TICK_TO_LABEL: usize = 2;
pub(super) const PATCH_WIDTH: usize = 18;
pub(super) const PATCH_HEIGHT: usize = 11;
pub(super) const ROW: usize = 15;
pub(super) const PATCH_TO_LABEL: usize = 6;
/// Side of the checks behind what can be seen through.
pub(super) const CHECK: usize = 4;
pub(super) const CHECKS: [u8; 2] = [255, 204];

/// Letters of a label or title that are drawn; longer ones end in an ellipsis.
pub(super) const LETTERS_MAX: usize = 60;

const INK: [u8; 3] = [34; 3];
const FRAME: [u8; 3] = [102; 3];

/// A text as it is drawn.
pub(super) fn cut(text: &str) -> String {
    if text.chars().count() <= LETTERS_MAX {
        return text.into();
    }
    text.chars().take(LETTERS_MAX - 1).chain(['…']).collect()
}

/// What stands below the patches if there are more.
pub(super) fn more(n: usize) -> Option<String> {
    (n > 0).then(|| format!("… and {n} more"))
}

/// Pixels that a text takes.
pub(super) fn text_width(text: &str) -> usize {
    (cut(text).chars().count() * font::ADVANCE).saturating_sub(1)
}

/// Where things are, the same for pixels and SVG.
pub(super) struct Layout {
    pub(super) width: usize,
    pub(super) height: usize,
    /// Left end of the bar or the patches.
    pub(super) left: usize,
    /// Top of the bar or the patches.
    pub(super) top: usize,
}

impl Layout {
    pub(super) fn of(legend: &Legend) -> Self {
        let title_height = if legend.title.is_empty() {
            0
        } else {
            font::HEIGHT + TITLE_TO_BODY
        };
        let top = PAD + title_height;
        let title_width = 2 * PAD + text_width(&legend.title);
        match &legend.body {
            Body::Ramp(ramp) => {
                // Labels stand below the middle of their ticks and may reach beyond the bar.
                let beyond = ramp.ticks.iter().map(|(share, label)| {
                    let (at, half) = (tick_at(*share), text_width(label).div_ceil(2));
                    (half.saturating_sub(at), (at + half + 1).saturating_sub(BAR))
                });
                let (left, right) =
                    beyond.fold((0, 0), |most, one| (most.0.max(one.0), most.1.max(one.1)));
                Self {
                    width: (2 * PAD + left + BAR + right).max(title_width),
                    height: top + BAR_HEIGHT + TICK + TICK_TO_LABEL + font::HEIGHT + PAD - 2,
                    left: PAD + left,
                    top,
                }
            }
            Body::Patches(patches, n_more) => {
                let labels = patches.iter().map(|patch| text_width(&patch.1));
                let widest = labels.max().unwrap_or(0);
                let last = more(*n_more);
                let rows = patches.len() + usize::from(last.is_some());
                let last = last.map_or(0, |text| text_width(&text));
                let body = 2 * PAD + (PATCH_WIDTH + PATCH_TO_LABEL + widest).max(last);
                Self {
                    width: body.max(title_width),
                    height: top + rows * ROW + PAD - (ROW - PATCH_HEIGHT).min(rows * ROW),
                    left: PAD,
                    top,
                }
            }
        }
    }
}

/// The column of the bar that a tick is under.
pub(super) fn tick_at(share: f64) -> usize {
    (share * (BAR - 1) as f64 + 0.5) as usize
}

struct Canvas {
    width: usize,
    scale: usize,
    pixels: Vec<u8>,
    font: Font,
}

pub(super) fn pixels(legend: &Legend, scale: usize) -> Pixels {
    let layout = Layout::of(legend);
    let (width, height) = (layout.width * scale, layout.height * scale);
    let mut canvas = Canvas {
        width,
        scale,
        pixels: vec![255; 4 * width * height],
        font: Font::read(),
    };
    canvas.text(PAD, PAD, &legend.title);
    match &legend.body {
        Body::Ramp(ramp) => canvas.ramp(ramp, &layout),
        Body::Patches(patches, n_more) => canvas.patches(patches, *n_more, &layout),
    }
    (width, height, canvas.pixels)
}

impl Canvas {
    /// A pixel of the drawing at scale 1, which is a square of pixels.
    fn dot(&mut self, x: usize, y: usize, color: [u8; 3]) {
        for row in y * self.scale..(y + 1) * self.scale {
            let start = 4 * (row * self.width + x * self.scale);
            for pixel in self.pixels[start..][..4 * self.scale]
                .as_chunks_mut::<4>()
                .0
            {
                pixel[..3].copy_from_slice(&color);
            }
        }
    }

    fn text(&mut self, x: usize, y: usize, text: &str) {
        for (k, letter) in cut(text).chars().enumerate() {
            let glyph = self.font.glyph(letter);
            for (row, dots) in glyph.iter().enumerate() {
                for (column, _) in dots.iter().enumerate().filter(|dot| *dot.1) {
                    self.dot(x + k * font::ADVANCE + column, y + row, INK);
                }
            }
        }
    }

    /// A colour over the checks.
    fn color(&mut self, x: usize, y: usize, color: Rgba) {
        let check = CHECKS[(x / CHECK + y / CHECK) % 2];
        let [r, g, b, a] = color.map(u32::from);
        let over = |channel: u32| ((channel * a + u32::from(check) * (255 - a) + 127) / 255) as u8;
        self.dot(x, y, [over(r), over(g), over(b)]);
    }

    fn ramp(&mut self, ramp: &Ramp, layout: &Layout) {
        for (k, &color) in ramp.colors.iter().enumerate() {
            for y in 0..BAR_HEIGHT {
                self.color(layout.left + k, layout.top + y, color);
            }
        }
        let below = layout.top + BAR_HEIGHT;
        // Around the colours: some maps end in the white of the paper.
        for x in layout.left - 1..=layout.left + BAR {
            self.dot(x, layout.top - 1, FRAME);
            self.dot(x, below, FRAME);
        }
        for y in layout.top..below {
            self.dot(layout.left - 1, y, FRAME);
            self.dot(layout.left + BAR, y, FRAME);
        }
        for (share, label) in &ramp.ticks {
            let x = layout.left + tick_at(*share);
            for y in 1..TICK {
                self.dot(x, below + y, FRAME);
            }
            let start = x - text_width(label) / 2;
            self.text(start, below + TICK + TICK_TO_LABEL, label);
        }
    }

    fn patches(&mut self, patches: &[(Rgba, String)], n_more: usize, layout: &Layout) {
        for (k, (color, label)) in patches.iter().enumerate() {
            let top = layout.top + k * ROW;
            for y in 0..PATCH_HEIGHT {
                for x in 0..PATCH_WIDTH {
                    let edge = x == 0 || y == 0 || x + 1 == PATCH_WIDTH || y + 1 == PATCH_HEIGHT;
                    match edge {
                        true => self.dot(layout.left + x, top + y, FRAME),
                        false => self.color(layout.left + x, top + y, *color),
                    }
                }
            }
            // Capitals stand in the middle of the patch.
            self.text(layout.left + PATCH_WIDTH + PATCH_TO_LABEL, top + 2, label);
        }
        if let Some(more) = more(n_more) {
            self.text(layout.left, layout.top + patches.len() * ROW + 2, &more);
        }
    }
}
