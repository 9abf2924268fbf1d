//! What the program tells other programs is as its schemas say: looked at after every run that a test waits for.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::Value;

/// A schema of the repository, compiled.
struct Schema {
    schemas: Schemas,
    index: SchemaIndex,
}

impl Schema {
    fn compile(name: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("src/cli/report")
            .join(name);
        let text: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        let place = text["$id"].as_str().unwrap().to_owned();
        compiler.add_resource(&place, text).unwrap();
        let index = compiler.compile(&place, &mut schemas).unwrap();
        Self { schemas, index }
    }

    #[track_caller]
    fn check(&self, value: &Value) {
        if let Err(error) = self.schemas.validate(value, self.index) {
            panic!("{error:#}\nin {value:#}");
        }
    }
}

/// That of reports.
#[track_caller]
pub(crate) fn check_report(report: &Value) {
    static SCHEMA: OnceLock<Schema> = OnceLock::new();
    SCHEMA
        .get_or_init(|| Schema::compile("report.schema.json"))
        .check(report);
}

/// That of lines on stderr with `--progress json`.
#[track_caller]
pub(crate) fn check_progress(line: &Value) {
    static SCHEMA: OnceLock<Schema> = OnceLock::new();
    SCHEMA
        .get_or_init(|| Schema::compile("progress.schema.json"))
        .check(line);
}

/// Looks at what a run of `command` has told other programs: its report, if it was to write one and got so far, and its progress.
#[track_caller]
pub(crate) fn check_told(command: &Command, code: Option<i32>, stderr: &[u8]) {
    let args: Vec<String> = command
        .get_args()
        .map(|arg| arg.to_string_lossy().into_owned())
        .collect();
    let asked = |option: &str| {
        let value = |arg: &String| {
            arg.strip_prefix(option)?
                .strip_prefix('=')
                .map(str::to_owned)
        };
        let next = || {
            args.get(args.iter().position(|arg| arg == option)? + 1)
                .cloned()
        };
        args.iter().find_map(value).or_else(next)
    };
    // 5: finished, with holes.
    if matches!(code, Some(0 | 5))
        && let Some(name) = asked("--report")
        && ["tile", "convert", "merge"].contains(&args[0].as_str())
    // `verify` reads one.
    {
        let folder = command.get_current_dir().unwrap_or(Path::new("."));
        let path: PathBuf = folder.join(name);
        let text = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        check_report(&serde_json::from_slice(&text).unwrap());
    }
    if asked("--progress").is_some_and(|style| style == "json") {
        for line in String::from_utf8_lossy(stderr).lines() {
            let event = serde_json::from_str(line);
            check_progress(&event.unwrap_or_else(|error| panic!("{line}: {error}")));
        }
    }
}
