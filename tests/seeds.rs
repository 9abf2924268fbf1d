//! What is fuzzed (`tests/fuzz`) takes its seeds, and what is a step away from them: inputs of every kind, and all that were
//! ever stumbled over.
#![allow(clippy::unwrap_used)] // A test that cannot go on panics.
#![allow(clippy::print_stdout)] // Which input a test has ended at.

#[path = "fuzz/targets/mod.rs"]
mod targets;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Inputs made of each seed.
const LIKE: u64 = 24;

/// Of seeds that take longer no others are made.
const MOMENT: Duration = Duration::from_millis(200);

/// Whatever an input is, it is dealt with soon.
const SOON: Duration = Duration::from_secs(10);

macro_rules! targets {
    ($($name:ident)*) => {
        /// The targets that are tested here.
        const NAMES: &[&str] = &[$(stringify!($name)),*];

        $(
            #[test]
            fn $name() {
                check(stringify!($name), targets::$name::run);
            }
        )*
    };
}

targets! {
    answer checkpoint colormap cutline expression folder formula list mbtiles pmtiles png scheme state tiff tile
}

fn fuzz(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fuzz")
        .join(name)
}

fn check(name: &str, run: fn(&[u8])) {
    let mut n = 0;
    for entry in fs::read_dir(fuzz("seeds").join(name)).unwrap() {
        let path = entry.unwrap().path();
        let seed = fs::read(&path).unwrap();
        for k in 0..=LIKE {
            let input = like(&seed, k);
            // Shown when it fails.
            println!("{}, change {k}", path.display());
            let started = Instant::now();
            run(&input);
            let elapsed = started.elapsed();
            assert!(elapsed < SOON, "it took {elapsed:?}");
            if elapsed > MOMENT {
                break;
            }
        }
        n += 1;
    }
    assert!(n > 0, "no seeds of {name}");
}

/// `seed`, with the `k`th change: cut short, a byte changed, or some left out. None for 0.
fn like(seed: &[u8], k: u64) -> Vec<u8> {
    let mut input = seed.to_vec();
    if k == 0 || seed.is_empty() {
        return input;
    }
    // Any numbers that are far from each other.
    let number = k.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let at = (number >> 16) as usize % seed.len();
    match k % 4 {
        0 => input.truncate(at),
        1 => input[at] ^= 1 << (number >> 61),
        2 => input[at] = (number >> 56) as u8,
        _ => drop(input.drain(at..(at + 8).min(seed.len()))),
    }
    input
}

/// Whoever adds a target has it tested, and fuzzed.
#[test]
fn every_target_is_here_and_among_the_programs() {
    let names = |folder: PathBuf| -> BTreeSet<String> {
        let entries = fs::read_dir(folder).unwrap();
        let stem = |path: PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
        entries.map(|entry| stem(entry.unwrap().path())).collect()
    };
    let here: BTreeSet<String> = NAMES.iter().map(|&name| name.to_owned()).collect();
    assert_eq!(names(fuzz("seeds")), here);
    assert_eq!(names(fuzz("bin")), here);
    let mut targets = names(fuzz("targets"));
    for helper in ["mod", "container", "scratch"] {
        assert!(targets.remove(helper), "{helper}");
    }
    assert_eq!(targets, here);
    let manifest = fs::read_to_string(fuzz("Cargo.toml")).unwrap();
    for name in here {
        assert!(
            manifest.contains(&format!("path = \"bin/{name}.rs\"")),
            "{name}"
        );
    }
}
