//! The action for GitHub: its description, the workflow that people copy, and the script that does the work.
#![allow(clippy::unwrap_used, clippy::print_stdout)] // A test that cannot go on panics; one that is skipped says so.

mod desk;
mod program;
mod skip;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use yaml_rust2::{Yaml, YamlLoader};

use self::desk::{Desk, Run, finish, fixture};

fn action(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("scripts/action")
        .join(name)
}

fn yaml(text: &str) -> Yaml {
    let mut documents = YamlLoader::load_from_str(text).unwrap();
    assert_eq!(documents.len(), 1);
    documents.remove(0)
}

fn description() -> Yaml {
    yaml(&fs::read_to_string(action("action.yml")).unwrap())
}

/// The names of the members of an object.
fn names(of: &Yaml) -> BTreeSet<String> {
    let object = of.as_hash().unwrap();
    object
        .keys()
        .map(|key| key.as_str().unwrap().to_owned())
        .collect()
}

/// What stands behind `context.` in all expressions of `text`: of `${{ inputs.upload }}` it is `upload`.
fn used(text: &str, context: &str) -> BTreeSet<String> {
    let name = |rest: &str| {
        rest.chars()
            .take_while(|c| c.is_alphanumeric() || "-_".contains(*c))
            .collect()
    };
    let context = format!("{context}.");
    text.split(&context).skip(1).map(name).collect()
}

/// The results that the script can give.
fn results() -> BTreeSet<String> {
    let script = fs::read_to_string(action("bake.sh")).unwrap();
    let put = script.lines().filter_map(|line| line.split_once("put "));
    let put = put.filter(|(before, _)| before.trim().is_empty() || before.trim().ends_with(')'));
    put.filter_map(|(_, rest)| rest.split(' ').next())
        .map(str::to_owned)
        .collect()
}

impl Desk {
    /// `bake.sh` as the action runs it, with these inputs.
    fn script(&self, what: &str, inputs: &[(&str, &str)]) -> Command {
        let mut command = Command::new("bash");
        for (name, _) in std::env::vars_os() {
            let name_text = name.to_string_lossy();
            if ["AZULEJO_", "GITHUB_", "INPUT_", "RUST_"]
                .iter()
                .any(|start| name_text.starts_with(start))
            {
                command.env_remove(name);
            }
        }
        command
            .arg(action("bake.sh"))
            .arg(what)
            .current_dir(self.0.path())
            .env_remove("SOURCE_DATE_EPOCH")
            .env_remove("GDAL_NUM_THREADS")
            .env("GITHUB_ACTIONS", "true")
            .env("GITHUB_OUTPUT", self.path("results.txt"))
            .env("GITHUB_STEP_SUMMARY", self.path("page.md"))
            .env("INPUT_AZULEJO", env!("CARGO_BIN_EXE_azulejo"));
        for (name, value) in inputs {
            command.env(format!("INPUT_{}", name.to_uppercase()), value);
        }
        command
    }

    fn bake(&self, inputs: &[(&str, &str)]) -> Run {
        finish(&mut self.script("bake", inputs))
    }

    /// What the script has put into the file of results, as GitHub's runner reads it.
    fn results(&self) -> BTreeMap<String, String> {
        let text = fs::read_to_string(self.path("results.txt")).unwrap_or_default();
        let mut lines = text.lines();
        let mut results = BTreeMap::new();
        while let Some(line) = lines.next() {
            let (name, mark) = line.split_once("<<").unwrap();
            let value: Vec<_> = lines.by_ref().take_while(|line| *line != mark).collect();
            results.insert(name.to_owned(), value.join("\n"));
        }
        results
    }
}

#[test]
fn every_input_that_is_used_is_declared_and_every_declared_one_is_used() {
    let text = fs::read_to_string(action("action.yml")).unwrap();
    let description = description();
    assert_eq!(used(&text, "inputs"), names(&description["inputs"]));
    for (name, input) in description["inputs"].as_hash().unwrap() {
        let required = input["required"].as_bool() == Some(true);
        assert!(required != input["default"].as_str().is_some(), "{name:?}");
        assert!(input["description"].as_str().is_some(), "{name:?}");
    }
    // What the script reads is what it is given.
    let script = fs::read_to_string(action("bake.sh")).unwrap();
    let read = |text: &str| -> BTreeSet<String> {
        let name = |rest: &str| {
            rest.chars()
                .take_while(|c| c.is_ascii_uppercase() || *c == '_')
                .collect::<String>()
        };
        text.split("INPUT_")
            .skip(1)
            .map(name)
            .filter(|name| !name.is_empty())
            .collect()
    };
    let code: String = script
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .collect();
    assert_eq!(read(&code), read(&text));
}

#[test]
fn every_output_comes_from_a_step_and_no_expression_stands_in_a_script() {
    let description = description();
    let steps = description["runs"]["steps"].as_vec().unwrap();
    assert_eq!(description["runs"]["using"].as_str(), Some("composite"));
    let ids: BTreeSet<&str> = steps
        .iter()
        .filter_map(|step| step["id"].as_str())
        .collect();
    let text = fs::read_to_string(action("action.yml")).unwrap();
    for id in used(&text, "steps") {
        assert!(ids.contains(id.as_str()), "{id}");
    }
    let results = results();
    for name in ["key", "install", "bake"]
        .iter()
        .flat_map(|id| used(&text, &format!("steps.{id}.outputs")))
    {
        assert!(results.contains(&name), "{name} of {results:?}");
    }
    for step in steps {
        // Either, never both.
        assert!(
            step["run"].is_badvalue() != step["uses"].is_badvalue(),
            "{step:?}"
        );
        if let Some(run) = step["run"].as_str() {
            assert!(!run.contains("${{"), "{run}");
            assert_eq!(step["shell"].as_str(), Some("bash"));
        }
    }
}

#[test]
fn the_workflow_to_copy_fits_the_action() {
    let readme = fs::read_to_string(action("README.md")).unwrap();
    let (_, rest) = readme.split_once("```yaml\n").unwrap();
    let (text, _) = rest.split_once("```").unwrap();
    let workflow = yaml(text);
    let description = description();
    let (_, job) = workflow["jobs"].as_hash().unwrap().iter().next().unwrap();
    let steps = job["steps"].as_vec().unwrap();
    let ours = |step: &&Yaml| {
        step["uses"]
            .as_str()
            .is_some_and(|uses| uses.contains("/scripts/action@"))
    };
    let ours = steps.iter().find(ours).unwrap();
    let (given, declared) = (names(&ours["with"]), names(&description["inputs"]));
    assert!(given.is_subset(&declared), "{given:?}");
    let outputs = used(
        text,
        &format!("steps.{}.outputs", ours["id"].as_str().unwrap()),
    );
    assert!(
        !outputs.is_empty() && outputs.is_subset(&names(&description["outputs"])),
        "{outputs:?}"
    );
    for (name, input) in description["inputs"].as_hash().unwrap() {
        let name = name.as_str().unwrap();
        assert!(
            input["required"].as_bool() != Some(true) || given.contains(name),
            "{name}"
        );
        assert!(
            readme.contains(&format!("| `{name}` |")),
            "{name} is in no table"
        );
    }
    for name in names(&description["outputs"]) {
        assert!(readme.contains(&format!("`{name}`")), "{name}");
    }
}

#[test]
fn it_bakes_verifies_and_tells_what_there_is() {
    let desk = Desk::new();
    desk.copy("RGB.byte.tif", "in put/it's \"a\".tif");
    let run = desk.bake(&[
        ("sources", "in put/it's \"a\".tif\r\n\n"),
        ("output", "o ut's.mbtiles\nfolder/\n"),
        ("arguments", "-z\n6-8\n--name\nA 'name'  \"of\" $HOME\n"),
    ]);
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    let results = desk.results();
    assert_eq!(results["path"], "o ut's.mbtiles");
    assert_eq!(results["report"], "o ut's.mbtiles.report.json");
    assert_eq!(
        results["files"],
        "o ut's.mbtiles\nfolder/\no ut's.mbtiles.report.json"
    );
    let report = fs::read(desk.path(&results["report"])).unwrap();
    let report: serde_json::Value = serde_json::from_slice(&report).unwrap();
    assert_eq!(
        results["sha256"],
        report["outputs"][0]["sha256"].as_str().unwrap()
    );
    assert_eq!(results["tiles"], report["tiles"].to_string());
    assert_eq!(results["bytes"], report["bytes"].to_string());
    assert_eq!(
        results["tiles-sha256"],
        report["tiles_sha256"].as_str().unwrap()
    );
    assert_eq!(report["options"]["name"], "A 'name'  \"of\" $HOME");
    assert!(!results.contains_key("different"));
    let page = fs::read_to_string(desk.path("page.md")).unwrap();
    assert_eq!(page.matches("### azulejo verify").count(), 2, "{page}");
    assert!(page.contains("### azulejo tile"), "{page}");
}

#[test]
fn nothing_in_an_input_is_run() {
    let desk = Desk::new();
    let names = [
        "$(touch ran).tif",
        "`touch ran`.tif",
        "x; touch ran",
        "-o",
        "a & touch ran",
    ];
    for name in names {
        desk.copy("RGB.byte.tif", name);
    }
    let run = desk.bake(&[
        ("sources", &names.join("\n")),
        ("output", "$(touch ran).mbtiles"),
        (
            "arguments",
            "-z\n6\n--name=$(touch ran)\n--description=`touch ran`",
        ),
        ("report", "; touch ran; echo .json"),
        ("against", "$(touch ran)"),
    ]);
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    assert!(!desk.path("ran").exists(), "{:?}", desk.names());
    let results = desk.results();
    assert_eq!(results["path"], "$(touch ran).mbtiles");
    assert_eq!(results["different"], "true");
    assert!(desk.path("; touch ran; echo .json").exists());
}

#[test]
fn what_verify_finds_fails_the_action() {
    let desk = Desk::new();
    // Another program is asked to bake, which spoils what it has made.
    desk.write(
        "spoiling",
        format!(
            "#!/bin/sh\n'{program}' \"$@\" || exit\nif [ \"$1\" = tile ]; then echo more > x/notes.txt; fi\n",
            program = env!("CARGO_BIN_EXE_azulejo")
        ),
    );
    let mut executable = Command::new("chmod");
    assert!(
        executable
            .arg("+x")
            .arg(desk.path("spoiling"))
            .status()
            .unwrap()
            .success()
    );
    let source = fixture("RGB.byte.tif");
    let spoiling = desk.path("spoiling");
    let mut inputs = vec![
        ("azulejo", spoiling.to_str().unwrap()),
        ("sources", source.as_str()),
        ("output", "x"),
        ("arguments", "-z\n6\n--overwrite"),
    ];
    let run = desk.bake(&inputs);
    assert_eq!(run.code, 6, "{}{}", run.stdout, run.stderr);
    assert!(
        run.stderr.contains("::error title=azulejo::x: 1 finding"),
        "{}",
        run.stderr
    );
    // Unless nobody looks.
    fs::remove_file(desk.path("x/notes.txt")).unwrap();
    inputs.push(("verify", "false"));
    assert_eq!(desk.bake(&inputs).code, 0);
}

#[test]
fn failures_keep_their_exit_codes() {
    let desk = Desk::new();
    let source = fixture("RGB.byte.tif");
    let (source, output) = (("sources", source.as_str()), ("output", "x.mbtiles"));
    for (inputs, code) in [
        (vec![("sources", "missing.tif"), output], 3),
        (vec![("sources", " \n"), output], 2),
        (vec![source, ("output", "")], 2),
        (vec![source, output, ("verify", "yes")], 2),
        (vec![source, output, ("resume", "1")], 2),
        (vec![source, output, ("arguments", "--what")], 2),
        (vec![source, output, ("arguments", "--zoom 6")], 2),
        (vec![source, output, ("azulejo", "/missing/azulejo")], 127),
    ] {
        let run = desk.bake(&inputs);
        assert_eq!(run.code, code, "{inputs:?}: {}{}", run.stdout, run.stderr);
    }
    assert_eq!(desk.results(), BTreeMap::new());
    assert!(!desk.path("x.mbtiles").exists());
}

#[test]
fn differences_from_the_last_tileset_are_told_and_no_failure() {
    let desk = Desk::new();
    let source = fixture("RGB.byte.tif");
    let bake = |arguments: &str, against: &str| {
        let _ = fs::remove_file(desk.path("results.txt"));
        let run = desk.bake(&[
            ("sources", &source),
            ("output", "x.mbtiles"),
            ("arguments", &format!("-z\n6\n--overwrite\n{arguments}")),
            ("against", against),
        ]);
        (run, desk.results())
    };
    let (run, results) = bake("", "last.mbtiles");
    assert_eq!(
        (run.code, results["different"].as_str()),
        (0, "true"),
        "{}",
        run.stderr
    );
    fs::copy(desk.path("x.mbtiles"), desk.path("last.mbtiles")).unwrap();
    let (run, results) = bake("", "last.mbtiles");
    assert_eq!(
        (run.code, results["different"].as_str()),
        (0, "false"),
        "{}",
        run.stderr
    );
    let (run, results) = bake("--bands=3,2,1", "last.mbtiles");
    assert_eq!(
        (run.code, results["different"].as_str()),
        (0, "true"),
        "{}",
        run.stderr
    );
    // The runner is told to pass over the error that says so.
    let (before, after) = run.stdout.split_once("::stop-commands::").unwrap();
    let (mark, muted) = after.split_once('\n').unwrap();
    let (muted, _) = muted.split_once(&format!("::{mark}::\n")).unwrap();
    assert!(
        muted.contains("::error title=azulejo::") && !before.contains("::error"),
        "{}",
        run.stdout
    );
    let page = fs::read_to_string(desk.path("page.md")).unwrap();
    assert!(
        page.contains("**different**") && page.contains("no difference"),
        "{page}"
    );

    desk.write("no.mbtiles", "no tileset");
    let (run, results) = bake("", "no.mbtiles");
    assert_eq!(run.code, 3, "{}", run.stdout);
    assert!(!results.contains_key("different"));
    assert!(
        run.stdout
            .contains("::error title=azulejo::no.mbtiles: cannot be compared")
    );
}

#[test]
fn an_interrupted_run_is_gone_on_with_or_begun_anew() {
    let desk = Desk::new();
    let source = fixture("RGB.byte.tif");
    let inputs = [
        ("sources", source.as_str()),
        ("output", "out/x.mbtiles"),
        ("arguments", "-z\n6-9"),
        ("resume", "true"),
    ];
    fs::create_dir(desk.path("out")).unwrap();
    // Parts of another bake.
    let parts = desk.path("out/.x.mbtiles.azulejo-resume");
    let other = [
        "tile",
        "-q",
        &source,
        "-z",
        "6-13",
        "--resume",
        "--fingerprint",
        "content",
        "-o",
        "out/x.mbtiles",
    ];
    let mut child = desk.command(&other).spawn().unwrap();
    let has_parts = || fs::read_dir(&parts).is_ok_and(|parts| parts.count() > 2);
    let is_there = || desk.path("out/x.mbtiles").exists();
    while !has_parts() && !is_there() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    if is_there() {
        skip::skipped("this machine bakes faster than it can be interrupted");
        return;
    }
    let run = desk.bake(&inputs);
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    assert!(
        run.stdout
            .contains("::notice title=azulejo::what an interrupted run"),
        "{}",
        run.stdout
    );
    assert!(!parts.exists());
    // Nothing there: just a bake.
    fs::remove_file(desk.path("out/x.mbtiles")).unwrap();
    let run = desk.bake(&inputs);
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    assert!(!run.stdout.contains("::notice"), "{}", run.stdout);
}

#[test]
fn a_program_that_is_there_is_taken_and_a_built_one_has_a_name() {
    let desk = Desk::new();
    let run = finish(&mut desk.script("install", &[])).ok();
    assert!(run.stdout.starts_with("azulejo "), "{}", run.stdout);
    assert_eq!(desk.results()["program"], env!("CARGO_BIN_EXE_azulejo"));
    let run = finish(&mut desk.script("install", &[("azulejo", "/missing")]));
    assert_eq!(run.code, 2);

    let key = |features: &str| {
        let mut command = desk.script("key", &[("features", features)]);
        finish(command.env("RUNNER_TOOL_CACHE", "/tools")).ok();
        desk.results()["key"].clone()
    };
    assert_eq!(key(""), key(""));
    assert_ne!(key(""), key("object-store"));
    assert_eq!(desk.results()["folder"], "/tools/azulejo-action");
    assert_eq!(finish(&mut desk.script("what", &[])).code, 2);
}

#[test]
fn the_script_has_nothing_that_shellcheck_knows_better() {
    let mut shellcheck = Command::new("shellcheck");
    shellcheck.args(["-x", "scripts/action/bake.sh"]);
    let Ok(output) = shellcheck.current_dir(env!("CARGO_MANIFEST_DIR")).output() else {
        return skip::skipped("shellcheck is not installed");
    };
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
}
