//! Of the options of `azulejo tile`, those that decide what its tiles look like: for commands that make the same tiles and put them
//! nowhere.

use clap::Arg;

/// Options that say where tiles go, what is said of them and how a bake goes on: what they look like is the same with any.
const OTHERS: [&str; 25] = [
    "scheme",
    "mbtiles_type",
    "agg_hash",
    "hosting",
    "name",
    "description",
    "attribution",
    "kind",
    "version_string",
    "meta",
    "publish",
    "prune",
    "cache_control",
    "retry_for",
    "resume",
    "fingerprint",
    "shard_height",
    "legend",
    "legend_title",
    "update",
    "keep_state",
    "expired",
    "provenance",
    "max_tiles",
    "max_bytes",
];

/// The heading of options for comparing a tileset with its sources.
pub(super) const AGAINST: &str = "Against the sources";

/// Headings of options that decide what tiles look like.
const HEADINGS: [&str; 4] = ["Sources", "Values and colour", "Grid", "Tiles"];

/// Whether `arg` is of use only with the sources of a tileset that exists already.
pub(super) fn needs_sources(arg: &Arg) -> bool {
    let heading = arg.get_help_heading().unwrap_or_default();
    let is_one = HEADINGS.contains(&heading) || heading == AGAINST;
    let id = arg.get_id().as_str();
    !arg.is_hide_set() && id != "names" && (is_one || id == "memory")
}

/// `arg` of a command that compares a tileset with its sources: these are named by an option, and how tiles are made of them is told
/// by options or by a report.
pub(super) fn beside_a_tileset(arg: Arg) -> Arg {
    let arg = without_others(arg, "tileset");
    match arg.get_id().as_str() {
        "output" => arg.required(false).hide(true).conflicts_with("tileset"),
        "overwrite" => arg.hide(true).conflicts_with("tileset"),
        "names" => arg
            .long("against")
            .value_name("SOURCE")
            .num_args(1..)
            .required(false)
            .help_heading(AGAINST)
            .help(NAMES),
        "memory" | "sample" | "tolerance" => arg.requires("names"),
        _ if needs_sources(&arg) => arg.requires("names").conflicts_with("report"),
        _ => arg,
    }
}

const NAMES: &str = "\
Sources, as those of 'azulejo tile': tiles are baked of them once more and compared. The options below say how, as they did when the \
tileset was made, unless --report does";

/// `arg`, hidden and refused beside the required argument `beside` if it decides nothing about a tile's pixels.
pub(super) fn without_others(arg: Arg, beside: &'static str) -> Arg {
    if OTHERS.contains(&arg.get_id().as_str()) {
        arg.hide(true).conflicts_with(beside)
    } else {
        arg
    }
}
