//! Letters of 5 × 7 pixels, with two rows below the line.

use std::collections::BTreeMap;

/// Rows of letters beside each other: a line with the letters six columns apart, then nine lines with their dots.
const FONT: &str = include_str!("font.txt");

/// Columns and rows of a letter.
pub(super) const WIDTH: usize = 5;
pub(super) const HEIGHT: usize = 9;

/// From one letter to the next.
pub(super) const ADVANCE: usize = 6;

/// What stands for letters that are not there.
const UNKNOWN: char = '□';

/// Dots by row and column.
pub(super) type Glyph = [[bool; WIDTH]; HEIGHT];

pub(super) struct Font(BTreeMap<char, Glyph>);

impl Font {
    pub(super) fn read() -> Self {
        let lines: Vec<Vec<char>> = FONT.lines().map(|line| line.chars().collect()).collect();
        let mut glyphs = BTreeMap::new();
        for block in lines.chunks(HEIGHT + 1) {
            for (column, &letter) in block[0].iter().enumerate().step_by(ADVANCE) {
                let dot = |row: usize, x: usize| {
                    block.get(row + 1).and_then(|line| line.get(column + x)) == Some(&'#')
                };
                glyphs.insert(
                    letter,
                    std::array::from_fn(|row| std::array::from_fn(|x| dot(row, x))),
                );
            }
        }
        Self(glyphs)
    }

    pub(super) fn glyph(&self, letter: char) -> Glyph {
        let found = self.0.get(&letter).or_else(|| self.0.get(&plain(letter)));
        let found = found.or_else(|| self.0.get(&UNKNOWN));
        found.copied().unwrap_or([[true; WIDTH]; HEIGHT])
    }
}

/// A letter of Latin without its accent, and other signs that look alike.
fn plain(letter: char) -> char {
    match letter {
        'À'..='Å' | 'Ā' | 'Ă' | 'Ą' => 'A',
        'à'..='å' | 'ā' | 'ă' | 'ą' => 'a',
        'Ç' | 'Ć' | 'Č' => 'C',
        'ç' | 'ć' | 'č' => 'c',
        'Ď' | 'Đ' | 'Ð' => 'D',
        'ď' | 'đ' => 'd',
        'È'..='Ë' | 'Ē' | 'Ę' | 'Ě' => 'E',
        'è'..='ë' | 'ē' | 'ę' | 'ě' => 'e',
        'Ğ' => 'G',
        'ğ' => 'g',
        'Ì'..='Ï' | 'İ' => 'I',
        'ì'..='ï' | 'ı' => 'i',
        'Ł' => 'L',
        'ł' => 'l',
        'Ñ' | 'Ń' | 'Ň' => 'N',
        'ñ' | 'ń' | 'ň' => 'n',
        'Ò'..='Ö' | 'Ø' | 'Ő' => 'O',
        'ò'..='ö' | 'ø' | 'ő' => 'o',
        'Ř' => 'R',
        'ř' => 'r',
        'Ś' | 'Ş' | 'Š' => 'S',
        'ś' | 'ş' | 'š' => 's',
        'Ť' => 'T',
        'ť' => 't',
        'Ù'..='Ü' | 'Ů' | 'Ű' => 'U',
        'ù'..='ü' | 'ů' | 'ű' => 'u',
        'Ý' => 'Y',
        'ý' | 'ÿ' => 'y',
        'Ź' | 'Ż' | 'Ž' => 'Z',
        'ź' | 'ż' | 'ž' => 'z',
        '\u{A0}' | '\u{202F}' => ' ',
        '‘' | '’' => '\'',
        '“' | '”' | '„' => '"',
        '—' => '–',
        'μ' => 'µ',
        'º' => '°',
        _ => letter,
    }
}
