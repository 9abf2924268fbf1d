//! Runs that are killed at any moment: what was there stays, or what was to be is there, and nothing else.
#![allow(clippy::unwrap_used)] // A test that cannot go on panics.

mod desk;
mod program;

use std::thread::sleep;
use std::time::{Duration, Instant};

use self::desk::{Desk, fixture};

/// Moments at which a run is killed, spread over the time that it takes.
const MOMENTS: u32 = 20;

/// Overwrites `output` again and again, each time with another tileset, and kills most runs before they are done.
fn kill_often(output: &str) {
    let desk = Desk::new();
    let source = fixture("RGB.byte.tif");
    let bake = |name: &'static str| {
        let args = ["tile", &source, "-q", "-z", "4-10", "-o", output];
        desk.command(&[&args[..], &["--overwrite", "--name", name]].concat())
    };
    let whole = |name: &'static str| {
        let started = Instant::now();
        desk::finish(&mut bake(name)).ok();
        (desk.bytes(output), started.elapsed())
    };
    let (new, _) = whole("new");
    let (old, time) = whole("old");
    assert!(old != new, "the two are told apart");
    let (mut is_old, mut n_killed) = (true, 0);
    for moment in 1..=MOMENTS {
        let mut child = bake(if is_old { "new" } else { "old" }).spawn().unwrap();
        // A little beyond the end, so that the moments of renaming and removing are met too.
        sleep(time * moment / MOMENTS + Duration::from_millis(u64::from(moment % 4)));
        child.kill().unwrap();
        n_killed += u32::from(!child.wait().unwrap().success());
        let found = desk.bytes(output);
        assert!(
            found == old || found == new,
            "{output}, killed at moment {moment}"
        );
        is_old = found == old;
    }
    assert!(n_killed >= MOMENTS / 4, "{n_killed} were killed in time");
    whole("old");
    assert_eq!(desk.names(), [output], "the next run cleans up");
    assert!(desk.bytes(output) == old);
}

#[test]
fn an_mbtiles_file_is_whole_whenever_its_run_is_killed() {
    kill_often("x.mbtiles");
}

#[test]
fn a_pmtiles_archive_is_whole_whenever_its_run_is_killed() {
    kill_often("x.pmtiles");
}

#[test]
fn a_folder_is_whole_whenever_its_run_is_killed() {
    kill_often("x");
}

#[test]
fn a_run_beside_another_one_keeps_its_temporaries() {
    let desk = Desk::new();
    let source = fixture("RGB.byte.tif");
    let outputs = ["-o", "x.mbtiles", "-o", "x.pmtiles", "-o", "x"];
    let long = [&["tile", &source, "-q", "-z", "4-13"][..], &outputs].concat();
    let mut first = desk.command(&long).spawn().unwrap();
    while desk.names().len() < 3 {
        sleep(Duration::from_millis(5));
    }
    let before = desk.names();
    // The same outputs: it sees the first one's temporaries, and publishes before it.
    desk.run(&[&["tile", &source, "-z", "4-5"][..], &outputs].concat())
        .ok();
    let after = desk.names();
    assert!(before.iter().all(|name| after.contains(name)), "{after:?}");
    first.kill().unwrap();
    first.wait().unwrap();
}
