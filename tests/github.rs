//! In GitHub Actions the program annotates the run and writes a summary of it, and nobody's text gets out of its place.
#![allow(clippy::unwrap_used)] // A test that cannot go on panics.

mod desk;
mod program;

use std::fs;
use std::process::Command;

use serde_json::Value;

use self::desk::{Desk, Run, finish, fixture};

/// A name that would be a command to the runner, a row of a table and a script if it were taken for more than a name.
const EVIL: &str = "a\n::error::b ##[error]c | d <script>e`f`.tif";

impl Desk {
    /// The program as a step of GitHub's, whose summary is `page.md`.
    fn step(&self, args: &[&str]) -> Command {
        let mut command = self.command(args);
        command
            .env("GITHUB_ACTIONS", "true")
            .env("GITHUB_STEP_SUMMARY", self.path("page.md"));
        command
    }

    fn in_github(&self, args: &[&str]) -> Run {
        finish(&mut self.step(args))
    }

    fn page(&self) -> String {
        fs::read_to_string(self.path("page.md")).unwrap()
    }
}

impl Run {
    /// The lines that GitHub's runner takes for commands, and no other that it might.
    #[track_caller]
    fn commands(&self) -> Vec<String> {
        let both = format!("{}\n{}", self.stdout, self.stderr);
        let is_ours = |line: &str| {
            ["::warning title=azulejo::", "::error title=azulejo::"]
                .iter()
                .any(|ours| line.starts_with(ours))
        };
        let lines = both.split(['\n', '\r']);
        let commands =
            lines.filter(|line| line.trim_start().starts_with("::") || line.contains("##["));
        let commands: Vec<String> = commands.map(str::to_owned).collect();
        assert!(commands.iter().all(|line| is_ours(line)), "{commands:?}");
        commands
    }
}

/// Makes sure that a page is made of what we make it of: tables whose rows have as many cells as their headings, no other HTML.
#[track_caller]
fn is_sound(page: &str) {
    let tags = page.replace("<code>", "").replace("</code>", "");
    assert!(!tags.contains(['<', '>', '`']), "{page}");
    let mut cells = 0;
    for line in page.lines() {
        if !line.starts_with('|') {
            cells = 0;
            continue;
        }
        let n = line.matches('|').count();
        assert!(cells == 0 || n == cells, "{n} of {cells} in {line}\n{page}");
        cells = n;
    }
    for line in page.lines() {
        let is_ours = [
            "",
            "|",
            "### azulejo",
            "**",
            "<code>",
            "SHA-256",
            "Of <code>",
            "and ",
            "791 x",
        ]
        .iter()
        .any(|ours| {
            if ours.is_empty() {
                line.is_empty()
            } else {
                line.starts_with(ours)
            }
        });
        assert!(is_ours || line.contains("peak memory"), "{line}\n{page}");
    }
}

#[test]
fn a_bake_tells_what_it_made() {
    let desk = Desk::new();
    desk.write("page.md", "what was there\n");
    let source = fixture("RGB.byte.tif");
    let bake = ["tile", &source, "-z", "6-8", "-o", "x.mbtiles", "-o", "x"];
    let run = desk.in_github(&bake).ok();
    assert_eq!(run.commands(), Vec::<String>::new());
    let page = desk.page();
    assert!(
        page.starts_with("what was there\n### azulejo tile\n"),
        "{page}"
    );
    let sum = run.stdout.split("sha256 ").nth(1).unwrap().trim();
    let sum = sum.split_whitespace().next().unwrap();
    for said in [
        "| output | tiles | size | bytes | SHA-256 |",
        "| <code>x.mbtiles</code> |",
        &format!("<code>{sum}</code>"),
        "| zoom | tiles | bytes |",
        "| 8 |",
        "791 x 718",
        "EPSG&#58;32618",
        "peak memory",
        "azulejo 0.",
    ] {
        assert!(page.contains(said), "{said:?} in {page}");
    }
    is_sound(page.strip_prefix("what was there\n").unwrap());
    // Elsewhere nothing of the kind.
    let other = Desk::new();
    let mut command = other.command(&bake);
    finish(command.env("GITHUB_STEP_SUMMARY", other.path("page.md"))).ok();
    assert!(!other.path("page.md").exists());
    desk.same("x.mbtiles", "x.mbtiles");
    assert!(
        fs::read(desk.path("x.mbtiles")).unwrap() == fs::read(other.path("x.mbtiles")).unwrap()
    );
}

#[test]
fn merge_convert_verify_and_diff_tell_too() {
    let desk = Desk::new();
    let source = fixture("RGB.byte.tif");
    desk.run(&["tile", &source, "-z", "6-8", "-o", "a.mbtiles"])
        .ok();
    desk.run(&[
        "tile", &source, "-z", "6-8", "-b", "3,2,1", "--name", "b|", "-o", "b",
    ])
    .ok();
    desk.write("b/notes.txt", "by hand");

    desk.in_github(&["merge", &source, "-o", "m.tif"]).ok();
    desk.in_github(&["convert", "a.mbtiles", "-o", "a.pmtiles", "-z", "6-7"])
        .ok();
    let verified = desk.in_github(&["verify", "b"]);
    assert_eq!(verified.code, 6);
    assert_eq!(verified.commands().len(), 1, "{}", verified.stderr);
    let compared = desk.in_github(&["diff", "a.mbtiles", "b"]);
    assert_eq!(compared.code, 6);
    let page = desk.page();
    for said in [
        "### azulejo merge\n",
        "791 x 718 pixels in EPSG&#58;32618",
        "### azulejo convert\n",
        "Of <code>a.mbtiles</code>",
        "### azulejo verify\n",
        "| kind | place | found | expected |",
        "| stray | <code>",
        "### azulejo diff\n",
        "**different**",
        "| zoom | equal | encoded anew | within tolerance | changed | added | removed |",
        "| all | 0 |",
        "| metadata | A | B |",
    ] {
        assert!(page.contains(said), "{said:?} in {page}");
    }
    assert!(!page.contains("azulejo failed"), "{page}");
    is_sound(&page);
}

#[test]
fn failures_are_annotated_once_and_have_a_page() {
    let desk = Desk::new();
    let run = desk.in_github(&["tile", "missing.tif", "-o", "x.mbtiles"]);
    assert_eq!(run.code, 3);
    let commands = run.commands();
    assert_eq!(commands.len(), 1, "{}", run.stderr);
    assert!(
        commands[0].starts_with("::error title=azulejo::missing.tif"),
        "{commands:?}"
    );
    assert_eq!(run.stderr.matches("error: missing.tif").count(), 1);
    let page = desk.page();
    assert!(
        page.starts_with("### azulejo failed, exit code 3\n"),
        "{page}"
    );
    assert!(page.contains("| missing.tif"), "{page}");
    is_sound(&page);

    // What is refused before there is a command.
    let run = desk.in_github(&["tile", "--what\n::error::x", "-o", "x.mbtiles"]);
    assert_eq!(run.code, 2);
    assert_eq!(run.commands().len(), 1, "{}", run.stderr);
    assert!(run.stderr.contains("unexpected argument"), "{}", run.stderr);
}

#[test]
fn warnings_are_annotated_and_a_summary_that_cannot_be_written_is_one() {
    let desk = Desk::new();
    let source = fixture("RGB.byte.tif");
    let mut bake = desk.step(&["tile", &source, "-z", "7", "-o", "x.mbtiles"]);
    let run = finish(bake.env("GITHUB_STEP_SUMMARY", desk.0.path())).ok();
    let commands = run.commands();
    assert_eq!(commands.len(), 1, "{}", run.stderr);
    assert!(commands[0].starts_with("::warning title=azulejo::GITHUB_STEP_SUMMARY"));
    assert!(desk.path("x.mbtiles").exists());

    desk.write("page.md", "x".repeat((1 << 20) - 10));
    let run = desk
        .in_github(&["tile", &source, "-z", "7", "-o", "y.mbtiles"])
        .ok();
    assert!(
        run.stderr.contains("no room for one more summary"),
        "{}",
        run.stderr
    );
    assert_eq!(desk.page().len(), (1 << 20) - 10);
    desk.same("x.mbtiles", "y.mbtiles");
}

#[test]
fn names_stay_names() {
    let desk = Desk::new();
    desk.copy("RGB.byte.tif", EVIL);
    let tiles = EVIL.replace(".tif", "/").replace("<script>", "<b>");
    let bake = ["tile", EVIL, "-z", "6-7", "-o", &tiles, "--name", EVIL];
    desk.in_github(&[&bake[..], &["--description", EVIL]].concat())
        .ok()
        .commands();
    desk.write(&format!("{tiles}{EVIL}"), "no tile");
    let run = desk.in_github(&["verify", &tiles]);
    assert_eq!(run.code, 6);
    run.commands();
    let source = fixture("RGB.byte.tif");
    desk.run(&["tile", &source, "-z", "6-7", "-o", "plain", "-q"])
        .ok();
    let run = desk.in_github(&["diff", "plain", &tiles]);
    assert_eq!(run.code, 6);
    run.commands();
    desk.in_github(&["info", EVIL, &tiles]).ok().commands();
    desk.write("no.tif", "no raster");
    fs::rename(
        desk.path("no.tif"),
        desk.path("\n::set-env name=X::1 ##[error]|.tif"),
    )
    .unwrap();
    let run = desk.in_github(&[
        "tile",
        "\n::set-env name=X::1 ##[error]|.tif",
        "-o",
        "n.mbtiles",
    ]);
    assert_eq!(run.code, 3);
    assert_eq!(run.commands().len(), 1);
    is_sound(&desk.page());
}

#[test]
fn json_stays_json() {
    let desk = Desk::new();
    desk.copy("RGB.byte.tif", EVIL);
    let run = desk
        .in_github(&[
            "tile",
            EVIL,
            "-z",
            "7",
            "-o",
            "x.mbtiles",
            "--progress",
            "json",
        ])
        .ok();
    assert_eq!(run.commands(), Vec::<String>::new());
    for line in run.stderr.lines() {
        serde_json::from_str::<Value>(line).unwrap();
    }
    let run = desk.in_github(&[
        "tile",
        "missing.tif",
        "-o",
        "y.mbtiles",
        "--progress",
        "json",
    ]);
    assert_eq!((run.code, run.commands()), (3, Vec::new()));
    assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
    assert!(desk.page().contains("azulejo failed, exit code 3"));

    let run = desk.in_github(&["info", "--json", EVIL]).ok();
    let told: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(told["paths"][0]["path"], EVIL);
    desk.write("n.pmtiles", "no archive");
    let run = desk.in_github(&["verify", "--json", "x.mbtiles"]).ok();
    let told: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(told["sound"], true);
}

#[test]
fn secrets_stay_out() {
    let desk = Desk::new();
    let address = "http://me:SECRET@localhost:9/a.tif?sig=SECRET";
    let run = desk.in_github(&["tile", address, "-o", "x.mbtiles"]);
    assert_ne!(run.code, 0);
    assert!(!run.commands().is_empty());
    assert!(!run.stderr.contains("SECRET"), "{}", run.stderr);
    assert!(desk.page().contains("localhost"), "{}", desk.page());
    assert!(!desk.page().contains("SECRET"), "{}", desk.page());
}
