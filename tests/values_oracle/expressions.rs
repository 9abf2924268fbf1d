//! Expressions beside rio-tiler's.

use azulejo::geo::tile::TileCoord;

use super::desk::Desk;
use super::tiles::tile_at;
use super::{data, lines};

/// What `expressions.py` found.
const EXPRESSIONS: &str = include_str!("expressions.txt");

/// A piece of a tile of rio-tiler's.
struct Piece<'a> {
    name: &'a str,
    kernel: &'a str,
    tile: TileCoord,
    col: usize,
    row: usize,
    side: usize,
}

fn piece(line: &str) -> Piece<'_> {
    let fields: Vec<&str> = line.split([' ', '/']).collect();
    let [folder, _, kernel, z, x, y, col, row, side] = fields[..] else {
        panic!("{line}")
    };
    let name = line.split(' ').next().unwrap();
    assert!(name.starts_with(folder));
    let number = |text: &str| text.parse::<u32>().unwrap();
    Piece {
        name,
        kernel,
        tile: tile_at(z.parse().unwrap(), number(x), number(y)),
        col: number(col) as usize,
        row: number(row) as usize,
        side: number(side) as usize,
    }
}

#[test]
fn expressions_are_those_of_rio_tiler() {
    let mut all = lines(EXPRESSIONS).peekable();
    let mut here: Option<(Piece, Option<String>)> = None;
    let mut n_cases = 0;
    while let Some(line) = all.next() {
        if let Some(text) = line.strip_prefix("= ") {
            let piece = piece(text);
            let source = data(piece.name);
            here = Some((piece, source));
            continue;
        }
        let (piece, source) = here.as_ref().unwrap();
        let (range, expression) = line.strip_prefix(": ").unwrap().split_once(" | ").unwrap();
        let theirs: Vec<&str> = (0..piece.side).map(|_| all.next().unwrap()).collect();
        if let Some(source) = source {
            check_piece(piece, source, range, expression, &theirs);
            n_cases += 1;
        }
    }
    assert!(n_cases >= 4, "{n_cases}");
}

/// Compares what an expression makes of a piece of a tile.
fn check_piece(piece: &Piece, source: &str, range: &str, expression: &str, theirs: &[&str]) {
    let desk = Desk::new();
    let z = piece.tile.z().to_string();
    let args = [
        "-z",
        &z,
        "-r",
        piece.kernel,
        "--expression",
        expression,
        "--rescale",
        range,
    ];
    desk.tile(source, "t/", &args).ok();
    let ours = &desk.pictures("t/", piece.tile.z())[&piece.tile];
    let outputs = expression.split(';').count();
    let (mut n, mut higher, mut other, mut holes, mut apart) = (0, 0, 0, 0, 0);
    for (row, line) in theirs.iter().enumerate() {
        assert_eq!(line.len(), 2 * outputs * piece.side, "{expression}");
        for (col, text) in line.as_bytes().chunks_exact(2 * outputs).enumerate() {
            let ours = ours[(piece.row + row) * 256 + piece.col + col];
            if text[0] == b'.' || ours[3] == 0 {
                holes += 1;
                apart += usize::from((text[0] == b'.') != (ours[3] == 0));
                continue;
            }
            for (digits, ours) in text.chunks_exact(2).zip(ours) {
                let digits = std::str::from_utf8(digits).unwrap();
                // They cut the fraction off, ours is rounded: it is the same byte or the next.
                match i32::from(ours) - i32::from(u8::from_str_radix(digits, 16).unwrap()) {
                    0 => {}
                    1 => higher += 1,
                    _ => other += 1,
                }
                n += 1;
            }
        }
    }
    println!(
        "{} {} {expression}: {n} samples, {higher} higher by 1, {other} otherwise; {holes} holes, {apart} in one alone",
        piece.name, piece.kernel
    );
    assert!(
        n > 1000 && other == 0 && apart == 0,
        "{} {expression}: {other}, {apart}",
        piece.name
    );
}
