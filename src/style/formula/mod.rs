//! Colour formulas in the words of rio-color: `gamma rgb 1.2, sigmoidal rgb 6 0.4, saturation 1.1`.
//!
//! What is read:
//!
//! - `gamma BANDS G`: values from 0 to 1 to the power of 1/G. More than 1 is lighter.
//! - `sigmoidal BANDS CONTRAST BIAS`: more contrast about BIAS (0 to 1), as much as CONTRAST says; less, where that is negative.
//! - `saturation PROPORTION`: the chroma of CIE LCh times PROPORTION, by sRGB's white; 0 is grey.
//!
//! BANDS are some of `r`, `g` and `b` (or `1`, `2` and `3`). Operations are done from left to right. Commas are blanks, capitals
//! small letters. rio-color stumbles over two blanks and over a comma without a blank behind it; here both are fine.
//!
//! Results are rio-color's: bytes go in as value / 255, and come out as 255 times the value, the fraction cut off, but for
//! one thing: what misses a whole number by less than 0.0005 is that number. Otherwise white, some greys and some colours
//! that a formula leaves alone would come out as one less. Of colours at random that makes one in 2000 lighter by one.
//!
//! The standard library's `powf`, `exp` and `ln` of `f64` may differ between systems in their last bits. They are used for
//! tables alone (but for formulas with two saturations), and would have to fall on an edge of that margin to be seen.

mod apply;
mod colour;

use std::fmt;
use std::sync::OnceLock;

use self::apply::Tables;
use super::fault::Fault;

/// What is said wherever an operation is expected.
const OPERATIONS: &str = "gamma, sigmoidal or saturation";

/// A contrast nearer to 0 than this changes no value by as much as `f32` could tell.
const CONTRAST_MIN: f64 = 1e-6;

/// A list of operations on colours.
#[derive(Debug, Clone)]
pub struct Formula {
    operations: Vec<Operation>,
    /// For bytes; made when first needed.
    tables: OnceLock<Tables>,
}

/// One operation on values from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Operation {
    /// Values of some bands by themselves.
    Bands { bands: [bool; 3], curve: Curve },
    /// The chroma of CIE LCh times this.
    Saturation(f64),
}

/// What becomes of a value by itself.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Curve {
    Gamma(f64),
    Sigmoidal { contrast: f64, bias: f64 },
}

impl Formula {
    /// Reads a formula.
    ///
    /// # Errors
    ///
    /// The first fault in the text.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let mut words = Words::of(text);
        let mut operations = Vec::new();
        while let Some(word) = words.next() {
            operations.push(operation(&word, &mut words)?);
        }
        if operations.is_empty() {
            return Err(Fault::new(1, format!("nothing; expected {OPERATIONS}")));
        }
        Ok(Self {
            operations,
            tables: OnceLock::new(),
        })
    }

    /// Applies it to red, green and blue, interleaved.
    pub fn apply(&self, rgb: &mut [u8]) {
        self.tables
            .get_or_init(|| Tables::new(&self.operations))
            .apply(rgb);
    }

    /// Applies it to red, green and blue from 0 to 1, interleaved; what is beyond is taken for the end. Slow: for samples that
    /// are no bytes.
    pub fn apply_f32(&self, rgb: &mut [f32]) {
        for pixel in rgb.as_chunks_mut::<3>().0 {
            let colour = pixel.map(|value| f64::from(value).clamp(0.0, 1.0));
            *pixel = self.colour(colour).map(|value| value as f32);
        }
    }

    /// What becomes of one colour, from 0 to 1.
    fn colour(&self, colour: [f64; 3]) -> [f64; 3] {
        apply::run(&self.operations, colour)
    }
}

impl PartialEq for Formula {
    fn eq(&self, other: &Self) -> bool {
        self.operations == other.operations
    }
}

impl fmt::Display for Formula {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, operation) in self.operations.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{operation}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (bands, curve) = match *self {
            Self::Saturation(proportion) => return write!(f, "saturation {proportion}"),
            Self::Bands { bands, curve } => (bands, curve),
        };
        let names: String = ['r', 'g', 'b']
            .into_iter()
            .zip(bands)
            .filter_map(|(name, named)| named.then_some(name))
            .collect();
        match curve {
            Curve::Gamma(gamma) => write!(f, "gamma {names} {gamma}"),
            Curve::Sigmoidal { contrast, bias } => {
                write!(f, "sigmoidal {names} {contrast} {bias}")
            }
        }
    }
}

/// A word and where it begins.
struct Word {
    text: String,
    column: usize,
}

/// The words of a text: all between blanks and commas.
struct Words {
    words: std::vec::IntoIter<Word>,
    /// Where something that is missing would be.
    end: usize,
}

impl Words {
    fn of(text: &str) -> Self {
        let mut words: Vec<Word> = Vec::new();
        let (mut inside, mut end) = (false, 1);
        for (at, c) in text.chars().enumerate() {
            let blank = c.is_whitespace() || c == ',';
            if !blank {
                end = at + 2;
                match words.last_mut() {
                    Some(word) if inside => word.text.push(c),
                    _ => words.push(Word {
                        text: c.into(),
                        column: at + 1,
                    }),
                }
            }
            inside = !blank;
        }
        Self {
            words: words.into_iter(),
            end,
        }
    }

    fn next(&mut self) -> Option<Word> {
        self.words.next()
    }

    fn expect(&mut self, what: &str) -> Result<Word, Fault> {
        self.next()
            .ok_or_else(|| Fault::new(self.end, format!("the formula ends; expected {what}")))
    }

    /// The next word as a number, which must be in `range` as `allowed` has it.
    fn number(&mut self, what: &str, allowed: fn(f64) -> bool) -> Result<f64, Fault> {
        let word = self.expect(what)?;
        let number: Option<f64> = word.text.parse().ok();
        // Numbers are long, words may be: enough of them to be recognised.
        let shown: String = word.text.chars().take(40).collect();
        number
            .filter(|&number| number.is_finite() && allowed(number))
            .ok_or_else(|| Fault::new(word.column, format!("{shown:?}; expected {what}")))
    }
}

/// The operation that `word` begins.
fn operation(word: &Word, words: &mut Words) -> Result<Operation, Fault> {
    match word.text.to_lowercase().as_str() {
        "gamma" => {
            let bands = bands(words)?;
            let gamma = words.number("a gamma, a number above 0", |gamma| gamma > 0.0)?;
            let curve = Curve::Gamma(gamma);
            Ok(Operation::Bands { bands, curve })
        }
        "sigmoidal" => {
            let bands = bands(words)?;
            let contrast = words.number("a contrast, a number", |_| true)?;
            let bias = words.number("a bias from 0 to 1", |bias| (0.0..=1.0).contains(&bias))?;
            let curve = Curve::Sigmoidal { contrast, bias };
            Ok(Operation::Bands { bands, curve })
        }
        "saturation" => {
            let proportion = words.number("a proportion, a number", |_| true)?;
            Ok(Operation::Saturation(proportion))
        }
        _ => {
            let shown: String = word.text.chars().take(40).collect();
            let message = format!("{shown:?}; expected {OPERATIONS}");
            Err(Fault::new(word.column, message))
        }
    }
}

/// Names of bands.
fn bands(words: &mut Words) -> Result<[bool; 3], Fault> {
    let word = words.expect("bands, some of r, g and b")?;
    let mut bands = [false; 3];
    for (at, c) in word.text.chars().enumerate() {
        let band = match c {
            'r' | 'R' | '1' => 0,
            'g' | 'G' | '2' => 1,
            'b' | 'B' | '3' => 2,
            _ => {
                let message = format!("{c:?}; expected bands, some of r, g and b");
                return Err(Fault::new(word.column + at, message));
            }
        };
        bands[band] = true;
    }
    Ok(bands)
}

impl Curve {
    /// What becomes of `value`, from 0 to 1.
    fn at(self, value: f64) -> f64 {
        let changed = match self {
            Self::Gamma(gamma) => value.powf(1.0 / gamma),
            Self::Sigmoidal { contrast, .. } if contrast.abs() < CONTRAST_MIN => value,
            Self::Sigmoidal { contrast, bias } => sigmoid(value, contrast, bias),
        };
        changed.clamp(0.0, 1.0)
    }
}

/// A sigmoid with the slope `contrast` about `bias`, scaled so that 0 and 1 stay where they are; its inverse for a negative
/// contrast.
fn sigmoid(value: f64, contrast: f64, bias: f64) -> f64 {
    let bias = if bias == 0.0 { f64::EPSILON } else { bias };
    // 1 / (1 + e^-x), falling.
    let falling = |x: f64| 1.0 / (1.0 + x.exp());
    let (at_0, at_1) = (falling(contrast * bias), falling(contrast * (bias - 1.0)));
    if contrast > 0.0 {
        (falling(contrast * (bias - value)) - at_0) / (at_1 - at_0)
    } else {
        let scaled = value * at_1 - value * at_0 + at_0;
        (contrast * bias - (1.0 / scaled - 1.0).ln()) / contrast
    }
}

#[cfg(test)]
mod tests;
