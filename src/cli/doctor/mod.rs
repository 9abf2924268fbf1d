//! `azulejo doctor`: what the machine and its libraries are like, and what to mend.

mod libraries;
mod machine;

use azulejo::error::{Error, Kind, Result};
use clap::Args;
use serde_json::{Value, json};

use super::console::Console;
use super::running::Loudness;

/// Changes when a reader of the JSON would have to.
const SCHEMA: &str = "azulejo-doctor/1";

pub(super) const EXAMPLES: &str = "\
Examples:
  azulejo doctor
  azulejo doctor --json | jq '.checks[] | select(.advice)'

Exit codes:
  0 all well, 2 usage, 6 something is to be mended, which it names";

/// Options of `azulejo doctor`.
#[derive(Args)]
pub(super) struct DoctorArgs {
    /// Print JSON: schema, and checks with name, found, advice (null where all is well) and serious (whether ordinary jobs fail).
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    pub(super) loudness: Loudness,
}

/// One thing that was looked at.
struct Check {
    name: &'static str,
    /// What it is like.
    found: String,
    /// What to do about it, if something is to be done.
    advice: Option<Advice>,
}

/// What to do.
struct Advice {
    text: String,
    /// Whether ordinary jobs fail without.
    is_serious: bool,
}

impl Check {
    /// All is well.
    fn well(name: &'static str, found: impl Into<String>) -> Self {
        Self {
            name,
            found: found.into(),
            advice: None,
        }
    }

    /// Some jobs would be better with what `text` says.
    fn better(self, text: impl Into<String>) -> Self {
        self.advised(text.into(), false)
    }

    /// Ordinary jobs fail without what `text` says.
    fn needed(self, text: impl Into<String>) -> Self {
        self.advised(text.into(), true)
    }

    fn advised(mut self, text: String, is_serious: bool) -> Self {
        self.advice = Some(Advice { text, is_serious });
        self
    }

    fn json(&self) -> Value {
        json!({
            "name": self.name,
            "found": self.found,
            "advice": self.advice.as_ref().map(|advice| advice.text.as_str()),
            "serious": self.advice.as_ref().is_some_and(|advice| advice.is_serious),
        })
    }
}

/// Runs the command.
///
/// # Errors
/// [`Kind::Found`] when ordinary jobs would fail on this machine, and when stdout cannot be written.
pub(super) fn run(args: &DoctorArgs, console: &Console) -> Result<()> {
    azulejo::source::gdal::init();
    let checks: Vec<Check> = libraries::checks()
        .into_iter()
        .chain(machine::checks())
        .collect();
    if args.json {
        let checks: Vec<Value> = checks.iter().map(Check::json).collect();
        let all = json!({ "schema": SCHEMA, "checks": checks });
        console.print(&format!("{all:#}\n"))?;
    } else {
        console.print(&text(&checks))?;
    }
    let serious = checks.iter().filter(|check| {
        let advice = check.advice.as_ref();
        advice.is_some_and(|advice| advice.is_serious)
    });
    let names: Vec<&str> = serious.map(|check| check.name).collect();
    if names.is_empty() {
        return Ok(());
    }
    Err(Error::new(
        Kind::Found,
        format!(
            "to be mended: {}; expected all that ordinary jobs need",
            names.join(", ")
        ),
    ))
}

/// A line for each, and one below for what is to be done.
fn text(checks: &[Check]) -> String {
    let width = checks.iter().map(|check| check.name.len()).max();
    let width = width.unwrap_or(0);
    let mut text = String::new();
    for Check {
        name,
        found,
        advice,
    } in checks
    {
        text.push_str(&format!("{name:width$}  {found}\n"));
        if let Some(advice) = advice {
            let mark = if advice.is_serious { "mend" } else { "hint" };
            text.push_str(&format!("{:width$}  {mark}: {}\n", "", advice.text));
        }
    }
    text
}
