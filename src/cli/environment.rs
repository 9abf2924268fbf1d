//! Options from variables: `--tile-size` from `AZULEJO_TILE_SIZE`, without a word at each option.

use std::collections::HashSet;

use clap::builder::BoolishValueParser;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, Command, Id};

use super::looks;

/// What variables begin with.
const PREFIX: &str = "AZULEJO_";

/// Between the values of a list in a variable. Paths may hold any other character that one could think of.
const SEPARATOR: char = '\n';

/// Options that exclude each other: a variable must not get in the way of what is typed.
const RIVALS: [(&str, &str); 4] = [
    ("zoom", "min_zoom"),
    ("zoom", "max_zoom"),
    ("quiet", "verbose"),
    ("digest", "report"),
];

/// The options that stand on the command line, whatever else is wrong with it.
pub(super) fn typed(command: Command) -> HashSet<Id> {
    let lenient = command
        .ignore_errors(true)
        .mut_subcommands(|sub| sub.ignore_errors(true));
    // Asked for help or the version, clap answers with an error even so; then it does not matter.
    let Ok(matches) = lenient.try_get_matches() else {
        return HashSet::new();
    };
    let Some((_, matches)) = matches.subcommand() else {
        return HashSet::new();
    };
    let is_typed = |id: &Id| matches.value_source(id.as_str()) == Some(ValueSource::CommandLine);
    matches.ids().filter(|id| is_typed(id)).cloned().collect()
}

/// `command` with the variables that are set. They count less than what is `typed`.
pub(super) fn attach(command: Command, typed: &HashSet<Id>) -> Command {
    let has_rival = |arg: &Arg| {
        let id = arg.get_id().as_str();
        let rivals = RIVALS.iter().filter_map(|(a, b)| match id {
            id if id == *a => Some(*b),
            id if id == *b => Some(*a),
            _ => None,
        });
        typed.iter().any(|t| rivals.clone().any(|rival| t == rival))
    };
    // Options of a bake mean nothing to a tileset by itself, or beside a report that tells them.
    let is_typed = |id: &str| typed.iter().any(|typed| typed == id);
    let bakes = is_typed("names") && !is_typed("report");
    command.mut_subcommands(|sub| {
        let is_idle = sub.get_name() == "verify" && !bakes;
        sub.mut_args(|arg| {
            if has_rival(&arg) || is_idle && looks::needs_sources(&arg) {
                arg
            } else {
                with_variable(arg)
            }
        })
    })
}

/// Variables that look like ours and belong to no option of any command.
pub(super) fn unknown(command: &Command) -> Vec<String> {
    let known: Vec<String> = command
        .get_subcommands()
        .flat_map(|sub| sub.get_arguments().filter_map(variable))
        .collect();
    std::env::vars_os()
        .filter_map(|(name, _)| name.into_string().ok())
        .filter(|name| name.starts_with(PREFIX) && !known.contains(name))
        .collect()
}

/// `arg` with its variable, if that is set to something.
fn with_variable(arg: Arg) -> Arg {
    let Some(name) = variable(&arg).filter(|_| !arg.is_hide_set()) else {
        return arg;
    };
    if std::env::var_os(&name).is_none_or(|value| value.is_empty()) {
        return arg;
    }
    let arg = arg.env(name).hide_env(true);
    match arg.get_action() {
        // Values of bands have commas between them wherever they come from.
        ArgAction::Append if arg.get_value_delimiter().is_none() => arg.value_delimiter(SEPARATOR),
        ArgAction::SetTrue => arg.value_parser(BoolishValueParser::new()),
        _ => arg,
    }
}

/// The variable of an option; `None` for sources, and for what only prints.
fn variable(arg: &Arg) -> Option<String> {
    let long = arg.get_long()?;
    let prints = matches!(long, "help" | "version");
    (!prints).then(|| format!("{PREFIX}{}", long.to_uppercase().replace('-', "_")))
}
