//! `azulejo doctor`: what it finds of machines that lack something.
#![allow(clippy::unwrap_used)] // A test that cannot go on panics.

mod desk;
mod program;

use std::process::Command;

use serde_json::Value;

use self::desk::{Desk, finish};

fn checks(command: &mut Command) -> (i32, Vec<Value>) {
    let run = finish(command);
    let told: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(told["schema"], "azulejo-doctor/1");
    (run.code, told["checks"].as_array().unwrap().clone())
}

#[track_caller]
fn check<'a>(checks: &'a [Value], name: &str) -> &'a Value {
    checks.iter().find(|check| check["name"] == name).unwrap()
}

/// The tests run, so this machine is well.
#[test]
fn a_machine_that_bakes_is_well() {
    let desk = Desk::new();
    let (code, found) = checks(&mut desk.command(&["doctor", "--json"]));
    assert_eq!(code, 0);
    assert!(found.iter().all(|check| check["serious"] == false));
    let version = gdal::version::VersionInfo::release_name();
    let gdal = check(&found, "GDAL")["found"].as_str().unwrap();
    assert!(gdal.starts_with(&version), "{gdal}");
    let rasters = check(&found, "rasters")["found"].as_str().unwrap();
    assert!(rasters.starts_with("GTiff VRT MEM"), "{rasters}");
    let here = desk.0.path().canonicalize().unwrap();
    let disk = check(&found, "disk")["found"].as_str().unwrap();
    assert!(disk.ends_with(here.to_str().unwrap()), "{disk}");
    // A line for each, in words.
    let text = desk.run(&["doctor"]).ok().stdout;
    for check in &found {
        let (name, found) = (&check["name"], check["found"].as_str().unwrap());
        let is_line = |line: &str| line.starts_with(name.as_str().unwrap());
        let line = text.lines().find(|line| is_line(line)).unwrap();
        let changes = ["memory", "disk", "temporary"].contains(&name.as_str().unwrap());
        assert!(changes || line.ends_with(found), "{line}");
    }
}

#[test]
fn what_is_missing_is_named_with_what_to_do() {
    let desk = Desk::new();
    let mut command = desk.command(&["doctor", "--json"]);
    let (code, found) = checks(
        command
            .env("PROJ_DATA", "/nowhere")
            .env("PROJ_LIB", "/nowhere"),
    );
    assert_eq!(code, 6);
    let proj = check(&found, "PROJ");
    assert_eq!(proj["serious"], true);
    assert!(proj["advice"].as_str().unwrap().contains("unset PROJ_DATA"));

    let mut command = desk.command(&["doctor"]);
    let said = finish(
        command
            .env("PROJ_DATA", "/nowhere")
            .env("PROJ_LIB", "/nowhere"),
    );
    assert_eq!(said.code, 6);
    assert!(
        said.stdout.contains("mend: unset PROJ_DATA"),
        "{}",
        said.stdout
    );
    assert!(
        said.stderr.contains("to be mended: PROJ"),
        "{}",
        said.stderr
    );

    let mut command = desk.command(&["doctor", "--json"]);
    let (code, found) = checks(command.env("GDAL_SKIP", "JP2OpenJPEG"));
    assert_eq!(code, 0, "a hint alone");
    let rasters = check(&found, "rasters");
    assert!(rasters["advice"].as_str().unwrap().contains("JP2OpenJPEG"));

    let mut command = desk.command(&["doctor", "--json"]);
    let (_, found) = checks(command.env("TMPDIR", "/nowhere"));
    assert!(check(&found, "temporary")["advice"].is_string());
}
