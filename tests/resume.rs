//! Runs that are cut off and gone on with: the same bytes as in one go, or a refusal that says why.
#![allow(clippy::unwrap_used)] // A test that cannot go on panics.
#![allow(clippy::print_stdout)] // What was skipped, and how often runs were killed.

mod desk;
mod disk;
mod program;
mod skip;

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use self::desk::{Desk, Run, fixture};

/// Many small parts.
const SMALL: [&str; 4] = ["-z", "3-11", "--shard-height", "1"];

fn source() -> String {
    fixture("RGB.byte.tif")
}

/// Finished parts in the folder of `output`.
fn parts(desk: &Desk, output: &str) -> usize {
    let Ok(entries) = fs::read_dir(desk.path(&format!(".{output}.azulejo-resume"))) else {
        return 0;
    };
    let is_part = |name: &std::ffi::OsStr| Path::new(name).extension() == Some("shard".as_ref());
    entries
        .flatten()
        .filter(|entry| is_part(&entry.file_name()))
        .count()
}

/// The program, whose words nobody reads.
fn start(desk: &Desk, args: &[&str]) -> Child {
    let mut command = desk.command(args);
    let quiet = command.stdout(Stdio::null()).stderr(Stdio::null());
    quiet.spawn().unwrap()
}

/// Runs the program until it has kept `n` parts more than there are, and kills it. `false` when it was done before.
fn kill_after(desk: &Desk, args: &[&str], output: &str, n: usize) -> bool {
    let before = parts(desk, output);
    let mut child = start(desk, args);
    let ended = loop {
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success(), "{args:?}");
            break true;
        }
        if parts(desk, output) >= before + n {
            break false;
        }
        sleep(Duration::from_millis(1));
    };
    child.kill().unwrap();
    child.wait().unwrap();
    !ended
}

/// A bake that was killed after it had kept a few parts.
fn cut_off(desk: &Desk, args: &[&str], output: &str) {
    assert!(
        kill_after(desk, args, output, 3),
        "{args:?} was done before"
    );
    assert!(parts(desk, output) >= 3);
}

fn args<'a>(source: &'a str, output: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["tile", source, "-q", "-o", output][..], &SMALL, more].concat()
}

fn report(desk: &Desk) -> serde_json::Value {
    serde_json::from_slice(&fs::read(desk.path("run.json")).unwrap()).unwrap()
}

/// Kills runs at any moment, goes on with them, and kills some of these again.
fn kill_often(output: &str, others: &[&str], moments: u32) {
    let (desk, source) = (Desk::new(), source());
    let more: Vec<&str> = others.iter().flat_map(|other| ["-o", *other]).collect();
    let run = args(&source, output, &more);
    let started = Instant::now();
    desk.run(&run).ok();
    let time = started.elapsed();
    let outputs = || [&[output], others].concat();
    let whole: Vec<_> = outputs().iter().map(|name| desk.bytes(name)).collect();
    let resumed = [
        &run[..],
        &["--resume", "--overwrite", "--report", "run.json"],
    ]
    .concat();
    let (mut killed, mut taken) = (0, 0);
    for moment in 1..=moments {
        let mut wait = time * moment / moments;
        loop {
            let mut child = start(&desk, &resumed);
            sleep(wait);
            child.kill().unwrap();
            if child.wait().unwrap().success() {
                break;
            }
            killed += 1;
            // Some are killed again, a little later in the whole.
            if moment % 3 > 0 || wait < Duration::from_millis(20) {
                desk.run(&resumed).ok();
                taken += report(&desk)["parts"]["taken"].as_u64().unwrap();
                break;
            }
            wait /= 2;
        }
        for (name, whole) in outputs().iter().zip(&whole) {
            assert!(desk.bytes(name) == *whole, "{name}, moment {moment}");
        }
        let left: Vec<String> = desk.names();
        let hidden = left.iter().filter(|name| name.ends_with("-resume"));
        assert_eq!(hidden.count(), 0, "{left:?}");
    }
    println!("{output}: {killed} runs killed, {taken} parts taken");
    assert!(killed >= moments / 2, "{killed} were killed in time");
    assert!(taken > 0);
}

#[test]
fn an_mbtiles_file_is_the_same_however_often_its_run_is_killed() {
    kill_often("x.mbtiles", &[], 20);
}

#[test]
fn a_pmtiles_archive_is_the_same_however_often_its_run_is_killed() {
    kill_often("x.pmtiles", &[], 20);
}

#[test]
fn a_folder_is_the_same_however_often_its_run_is_killed() {
    kill_often("x", &[], 15);
}

#[test]
fn several_outputs_are_the_same_however_often_their_run_is_killed() {
    kill_often("x.mbtiles", &["x.pmtiles", "x"], 10);
}

#[test]
fn what_is_finished_is_not_baked_again() {
    let (desk, source) = (Desk::new(), source());
    let resumed = args(&source, "x.mbtiles", &["--resume", "--report", "run.json"]);
    cut_off(&desk, &resumed, "x.mbtiles");
    let there = parts(&desk, "x.mbtiles") as u64;
    let run = desk.run(&resumed).ok();
    let parts = &report(&desk)["parts"];
    assert_eq!(parts["taken"], there);
    assert!(parts["kept"].as_u64().unwrap() > 0);
    drop(run);
    assert_eq!(desk.names(), ["run.json", "x.mbtiles"]);
}

/// Other threads, another ceiling of memory and other outputs change nothing of what is taken.
#[test]
fn how_it_runs_and_where_it_goes_may_change() {
    let (desk, source) = (Desk::new(), source());
    desk.run(&args(&source, "straight.pmtiles", &[])).ok();
    cut_off(&desk, &args(&source, "x", &["--resume", "-j", "1"]), "x");
    let others = [
        "--resume",
        "-j",
        "2",
        "--memory",
        "200MiB",
        "-o",
        "y.pmtiles",
    ];
    let run = [
        &["tile", &source, "-z", "3-11", "-o", "x", "--name", "other"][..],
        &others,
    ]
    .concat();
    desk.run(&run)
        .ok()
        .says("taken from a run that was cut off");
    let named = ["--name", "other"];
    desk.run(&args(&source, "z.pmtiles", &named)).ok();
    desk.same("y.pmtiles", "z.pmtiles");
}

#[test]
fn another_bake_is_refused_and_it_is_said_what_differs() {
    let (desk, source) = (Desk::new(), source());
    desk.copy("RGB.byte.tif", "a.tif");
    desk.copy("RGB.byte.tif", "b.tif");
    let run = |args: &[&str]| -> Run { desk.run(args) };
    let before = args(
        "a.tif",
        "x.mbtiles",
        &["--resume", "-f", "jpeg", "--quality", "70"],
    );
    cut_off(&desk, &before, "x.mbtiles");
    let there = parts(&desk, "x.mbtiles");
    let refused = |more: &[&str], said: &str| {
        run(&args("a.tif", "x.mbtiles", &[&["--resume"], more].concat())).fails(2, said);
        assert_eq!(
            parts(&desk, "x.mbtiles"),
            there,
            "nothing is lost: {more:?}"
        );
    };
    let jpeg = ["-f", "jpeg", "--quality", "70"];
    let with = |more: &[&'static str]| [&jpeg[..], more].concat();
    refused(
        &["-f", "jpeg", "--quality", "80"],
        "--quality was 70, is 80",
    );
    refused(&[], "--format was jpeg, is png");
    refused(
        &with(&["-r", "nearest"]),
        "--resampling was cubic, is nearest",
    );
    refused(&with(&["-b", "3,2,1"]), "--bands was nothing, is 3,2,1");
    refused(
        &with(&["--tile-size", "512"]),
        "--tile-size was 256, is 512",
    );
    refused(&with(&["--nodata", "0"]), "--nodata was nothing, is 0");
    refused(&with(&["--bbox", "-78,24,-77,25"]), "--bbox was");
    refused(&with(&["--keep-blank"]), "--keep-blank was false, is true");
    // One more source.
    let two = [
        &args("a.tif", "x.mbtiles", &with(&["--resume"]))[..],
        &["b.tif"],
    ]
    .concat();
    run(&two).fails(2, "source b.tif was nothing, is");
    // One that was changed: another time alone is enough.
    let file = fs::File::options()
        .write(true)
        .open(desk.path("a.tif"))
        .unwrap();
    let moment = Duration::new(1_795_369_329, 123_456_789);
    file.set_modified(std::time::SystemTime::UNIX_EPOCH + moment)
        .unwrap();
    refused(&jpeg, "source a.tif was");
    refused(&jpeg, "bytes, changed at 2026-11-22T17:42:09.123456789Z");
    // Without --resume it begins anew, and says so.
    let anew: Vec<&str> = args("a.tif", "x.mbtiles", &jpeg);
    let anew: Vec<&str> = anew.into_iter().filter(|arg| *arg != "-q").collect();
    run(&anew).ok().says("--resume");
    assert_eq!(desk.names(), ["a.tif", "b.tif", "x.mbtiles"]);
    drop(source);
}

#[test]
fn sources_are_known_by_their_content_if_that_is_asked_for() {
    let desk = Desk::new();
    desk.copy("RGB.byte.tif", "a.tif");
    let resumed = args(
        "a.tif",
        "x.mbtiles",
        &["--resume", "--fingerprint", "content"],
    );
    cut_off(&desk, &resumed, "x.mbtiles");
    // The same bytes at another time.
    let file = fs::File::options()
        .write(true)
        .open(desk.path("a.tif"))
        .unwrap();
    file.set_modified(std::time::SystemTime::UNIX_EPOCH)
        .unwrap();
    assert!(kill_after(&desk, &resumed, "x.mbtiles", 1));
    // Another byte at the same time.
    let mut bytes = fs::read(desk.path("a.tif")).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    desk.write("a.tif", bytes);
    file.set_modified(std::time::SystemTime::UNIX_EPOCH)
        .unwrap();
    desk.run(&resumed).fails(2, "sha256");
}

/// Files that a source is made of count as it does, and so do those that options name.
#[test]
fn files_behind_files_are_looked_at() {
    let desk = Desk::new();
    desk.copy("RGB.byte.tif", "a.tif");
    let vrt = "<VRTDataset rasterXSize=\"791\" rasterYSize=\"718\"><SRS>EPSG:32618</SRS>\
        <GeoTransform>101985, 300.0379266750948, 0, 2826915, 0, -300.041782729805</GeoTransform>\
        <VRTRasterBand dataType=\"Byte\" band=\"1\"><SimpleSource>\
        <SourceFilename relativeToVRT=\"1\">a.tif</SourceFilename><SourceBand>1</SourceBand>\
        </SimpleSource></VRTRasterBand></VRTDataset>";
    desk.write("a.vrt", vrt);
    desk.write("map.txt", "0 0 0 0\n255 255 255 255\n");
    let resumed = args("a.vrt", "x.mbtiles", &["--resume", "--colormap", "map.txt"]);
    cut_off(&desk, &resumed, "x.mbtiles");
    let touch = |name: &str| {
        let file = fs::File::options()
            .write(true)
            .open(desk.path(name))
            .unwrap();
        let before = file.metadata().unwrap().modified().unwrap();
        file.set_modified(std::time::SystemTime::UNIX_EPOCH)
            .unwrap();
        (file, before)
    };
    for (name, said) in [("a.tif", "a.tif was"), ("map.txt", "file map.txt was")] {
        let (file, before) = touch(name);
        desk.run(&resumed).fails(2, said);
        file.set_modified(before).unwrap();
    }
    desk.run(&resumed).ok();
}

fn touched(desk: &Desk, name: &str) -> impl Fn() {
    let path = desk.path(name);
    let file = fs::File::options().write(true).open(path).unwrap();
    let before = file.metadata().unwrap().modified().unwrap();
    file.set_modified(std::time::SystemTime::UNIX_EPOCH)
        .unwrap();
    move || file.set_modified(before).unwrap()
}

#[test]
fn lists_of_lists_are_followed_to_their_ends() {
    let desk = Desk::new();
    desk.copy("RGB.byte.tif", "a.tif");
    let vrt = |of: &str| {
        format!(
            "<VRTDataset rasterXSize=\"791\" rasterYSize=\"718\"><SRS>EPSG:32618</SRS>\
             <GeoTransform>101985, 300.0379266750948, 0, 2826915, 0, -300.041782729805</GeoTransform>\
             <VRTRasterBand dataType=\"Byte\" band=\"1\"><SimpleSource>\
             <SourceFilename relativeToVRT=\"1\">{of}</SourceFilename><SourceBand>1</SourceBand>\
             </SimpleSource></VRTRasterBand></VRTDataset>"
        )
    };
    desk.write("inner.vrt", vrt("a.tif"));
    desk.write("outer.vrt", vrt("inner.vrt"));
    let resumed = args("outer.vrt", "x.mbtiles", &["--resume"]);
    cut_off(&desk, &resumed, "x.mbtiles");
    let back = touched(&desk, "a.tif");
    desk.run(&resumed).fails(2, "a.tif was");
    back();
    // Overviews that have come, which GDAL would read.
    desk.write("a.tif.ovr", "none");
    desk.run(&resumed).fails(2, "a.tif.ovr was nothing");
    fs::remove_file(desk.path("a.tif.ovr")).unwrap();
    desk.run(&resumed).ok();
}

#[test]
fn polygons_are_known_by_what_they_are_wherever_they_lie() {
    let (desk, source) = (Desk::new(), source());
    let polygon = |east: f64| {
        format!(
            "{{\"type\":\"Polygon\",\"coordinates\":[[[-79,24],[{east},24],[{east},25.5],[-79,25.5],[-79,24]]]}}"
        )
    };
    fs::create_dir(desk.path("cuts")).unwrap();
    desk.write("cuts/a.json", polygon(-76.5));
    desk.write(
        "cut.vrt",
        "<OGRVRTDataSource><OGRVRTLayer name=\"a\"><SrcDataSource relativeToVRT=\"1\">cuts/a.json</SrcDataSource>\
         </OGRVRTLayer></OGRVRTDataSource>",
    );
    let resumed = args(&source, "x.mbtiles", &["--resume", "--cutline", "cut.vrt"]);
    cut_off(&desk, &resumed, "x.mbtiles");
    desk.write("cuts/a.json", polygon(-76.75));
    desk.run(&resumed).fails(2, "polygons of --cutline");
    // The same ones, written anew.
    desk.write("cuts/a.json", polygon(-76.5));
    desk.run(&resumed).ok();
}

#[test]
fn options_of_gdal_that_change_no_pixel_may_change() {
    let (desk, source) = (Desk::new(), source());
    let config = |value: &'static str| {
        args(
            &source,
            "x.mbtiles",
            &["--resume", "--report", "run.json", "--config", value],
        )
    };
    cut_off(&desk, &config("GDAL_CACHEMAX=32"), "x.mbtiles");
    desk.run(&config("GDAL_TIFF_INTERNAL_MASK=YES"))
        .fails(2, "--config was");
    desk.run(&config("GDAL_HTTP_MAX_RETRY=5")).ok();
    assert!(report(&desk)["parts"]["taken"].as_u64().unwrap() >= 3);
}

/// Whatever lies in the folder: nothing but its own files is changed, and it keeps nobody waiting.
#[test]
fn what_is_not_its_own_stays_as_it_is() {
    let (desk, source) = (Desk::new(), source());
    let resumed = args(&source, "x.mbtiles", &["--resume"]);
    cut_off(&desk, &resumed, "x.mbtiles");
    let folder = desk.path(".x.mbtiles.azulejo-resume");
    desk.write("precious.txt", "precious");
    fs::remove_file(folder.join("lock")).unwrap();
    std::os::unix::fs::symlink("../precious.txt", folder.join("lock")).unwrap();
    desk.run(&resumed).fails(4, "lock: cannot be written");
    assert_eq!(fs::read(desk.path("precious.txt")).unwrap(), b"precious");
    fs::remove_file(folder.join("lock")).unwrap();
    fs::create_dir(folder.join("lock")).unwrap();
    desk.run(&resumed)
        .fails(4, "lock: a folder; expected a file of ours");
    fs::remove_dir(folder.join("lock")).unwrap();
    // A zoom that was not written there.
    let about = fs::read_to_string(folder.join("bake.json")).unwrap();
    let other = about.replace("\"shard_zoom\": 10", "\"shard_zoom\": 31");
    assert_ne!(about, other);
    fs::write(folder.join("bake.json"), other).unwrap();
    for name in ["video.part", "notes.shard", "1-2.shard"] {
        fs::write(folder.join(name), "mine").unwrap();
    }
    fs::create_dir(folder.join("10-1-1.shard")).unwrap();
    let loud: Vec<&str> = resumed.into_iter().filter(|arg| *arg != "-q").collect();
    desk.run(&loud)
        .ok()
        .says("could not be told what they are of");
    let mut left: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    left.retain(|name| name != "lock");
    assert_eq!(
        left,
        ["1-2.shard", "10-1-1.shard", "notes.shard", "video.part"]
    );
}

/// A run may be killed when its output has its name, and before its parts are removed.
#[test]
fn parts_that_were_left_beside_their_output_are_told_of_and_removed() {
    let (desk, source) = (Desk::new(), source());
    let resumed = args(&source, "x.mbtiles", &["--resume"]);
    let overwrite = args(&source, "x.mbtiles", &["--overwrite"]);
    let folder = desk.path(".x.mbtiles.azulejo-resume");
    for again in [overwrite.clone(), [&overwrite[..], &["--resume"]].concat()] {
        cut_off(&desk, &resumed, "x.mbtiles");
        fs::rename(&folder, desk.path("aside")).unwrap();
        desk.run(&args(&source, "x.mbtiles", &[])).ok();
        fs::rename(desk.path("aside"), &folder).unwrap();
        let refused = desk.run(&resumed).fails(4, "x.mbtiles: exists already");
        refused.says("--overwrite removes them, with --resume it takes them");
        desk.run(&again).ok();
        assert_eq!(desk.names(), ["x.mbtiles"]);
        fs::remove_file(desk.path("x.mbtiles")).unwrap();
    }
}

#[test]
fn damaged_parts_are_baked_again() {
    let (desk, source) = (Desk::new(), source());
    desk.run(&args(&source, "straight.mbtiles", &["--name", "x"]))
        .ok();
    let resumed = args(
        &source,
        "x.mbtiles",
        &["--resume", "--name", "x", "--report", "run.json"],
    );
    cut_off(&desk, &resumed, "x.mbtiles");
    let folder = desk.path(".x.mbtiles.azulejo-resume");
    let mut shards: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension() == Some("shard".as_ref()))
        .collect();
    shards.sort();
    let mut bytes = fs::read(&shards[0]).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&shards[0], bytes).unwrap();
    let file = fs::File::options().write(true).open(&shards[1]).unwrap();
    file.set_len(100).unwrap();
    desk.run(&resumed).ok();
    assert_eq!(report(&desk)["parts"]["taken"], shards.len() as u64 - 2);
    desk.same("straight.mbtiles", "x.mbtiles");
    // What says of what bake the parts are: without it they are of none.
    fs::remove_file(desk.path("x.mbtiles")).unwrap();
    cut_off(&desk, &resumed, "x.mbtiles");
    fs::write(folder.join("bake.json"), "{").unwrap();
    desk.run(&resumed).ok();
    assert_eq!(report(&desk)["parts"]["taken"], 0);
    desk.same("straight.mbtiles", "x.mbtiles");
}

#[test]
fn two_runs_do_not_go_on_with_the_same() {
    let (desk, source) = (Desk::new(), source());
    let resumed = args(&source, "x.mbtiles", &["--resume"]);
    let mut child = start(&desk, &resumed);
    while parts(&desk, "x.mbtiles") == 0 {
        assert!(child.try_wait().unwrap().is_none());
        sleep(Duration::from_millis(1));
    }
    // SAFETY: the child is there and not waited for.
    unsafe { libc::kill(child.id() as i32, libc::SIGSTOP) };
    desk.run(&resumed).fails(75, "another run");
    // SAFETY: as above.
    unsafe { libc::kill(child.id() as i32, libc::SIGCONT) };
    assert!(child.wait().unwrap().success());
}

#[test]
fn an_interrupt_says_how_to_go_on() {
    let (desk, source) = (Desk::new(), source());
    let resumed = args(&source, "x.mbtiles", &["--resume"]);
    let mut command = desk.command(&resumed);
    let child = command.stderr(Stdio::piped()).spawn().unwrap();
    while parts(&desk, "x.mbtiles") == 0 {
        sleep(Duration::from_millis(1));
    }
    // SAFETY: the child is there and not waited for.
    unsafe { libc::kill(child.id() as i32, libc::SIGINT) };
    let ended = child.wait_with_output().unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(130), "{said}");
    assert!(said.contains("--resume goes on"), "{said}");
    assert_eq!(desk.names(), [".x.mbtiles.azulejo-resume"]);
}

/// A run that is over soon keeps nothing unless it is asked to.
#[test]
fn short_runs_leave_nothing() {
    let (desk, source) = (Desk::new(), source());
    let mut child = start(&desk, &args(&source, "x.mbtiles", &[]));
    sleep(Duration::from_millis(300));
    // SAFETY: the child is there and not waited for.
    unsafe { libc::kill(child.id() as i32, libc::SIGINT) };
    child.wait().unwrap();
    let left = desk.names();
    assert!(left.iter().all(|name| name == "x.mbtiles"), "{left:?}");
}

#[test]
fn what_the_first_half_had_to_say_is_said_by_the_second() {
    let desk = Desk::new();
    let source = fixture("n43_ontario.tif");
    // A base that is too high for some heights of the western half.
    let heights = ["-f", "terrain-rgb", "--height-base", "200", "-z", "4-11"];
    let run = |more: &[&'static str]| {
        [
            &["tile", &source, "-o", "x.mbtiles", "--shard-height", "1"][..],
            &heights,
            more,
        ]
        .concat()
    };
    let said = "some heights are beyond";
    desk.run(&run(&[])).ok().says(said);
    fs::remove_file(desk.path("x.mbtiles")).unwrap();
    let resumed = run(&["--resume"]);
    // What the first run has found is not looked at again.
    assert!(kill_after(&desk, &resumed, "x.mbtiles", 8));
    desk.run(&resumed).ok().says(said);
}

#[test]
fn a_disk_that_was_full_is_gone_on_with_when_it_has_room() {
    let desk = Desk::new();
    let at = desk.path("disk");
    fs::create_dir(&at).unwrap();
    let source = source();
    let base = [
        "tile",
        &source,
        "-z",
        "3-12",
        "--shard-height",
        "2",
        "--name",
        "x",
        "-o",
    ];
    desk.run(&[&base[..], &["straight.mbtiles"]].concat()).ok();
    let size = fs::metadata(desk.path("straight.mbtiles")).unwrap().len();
    let resumed = [
        &base[..],
        &["disk/x.mbtiles", "--resume", "--report", "run.json"],
    ]
    .concat();
    let short = std::ffi::CString::new(format!("size={}", size * 7 / 10)).unwrap();
    disk::with_disk(&at, &short, || {
        desk.run(&resumed).fails(9, "the disk is full");
        disk::change(&at, c"size=200m");
        desk.run(&resumed).ok();
        desk.same("straight.mbtiles", "disk/x.mbtiles");
        let left: Vec<_> = fs::read_dir(&at).unwrap().flatten().collect();
        assert_eq!(left.len(), 1);
    });
}
