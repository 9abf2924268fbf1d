//! Options of outputs in object stores.

use std::path::{Path, PathBuf};
use std::time::Duration;

use azulejo::archive::RemoteOptions;
use azulejo::error::{Error, Result};
use azulejo::remote::{Location, Patience, RETRY_FOR};
use clap::Args;
use serde_json::{Value, json};

use crate::cli::interrupt::Interrupt;

/// Options of outputs in object stores.
#[derive(Args)]
#[command(next_help_heading = "Object stores")]
pub(in crate::cli) struct RemoteArgs {
    /// Put the tiles into the folder VERSION below the output, beside those of other versions; the output's tilejson.json
    /// names it once all is there, in one step.
    #[arg(long, value_name = "VERSION")]
    publish: Option<String>,

    /// Remove tiles of other runs from the output's folder, once the new tileset is whole. Other objects stay.
    #[arg(long)]
    prune: bool,

    /// Cache-Control of tiles and archives. [default: public, with max-age a day; of archives 5 minutes; with --publish for
    /// good]
    #[arg(long, value_name = "TEXT", value_parser = header)]
    cache_control: Option<String>,

    /// How long one request is tried again while the store is busy or out of reach. [default: 180]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(0..=86_400))]
    retry_for: Option<u32>,
}

/// The text of a header.
fn header(text: &str) -> std::result::Result<String, String> {
    let is_plain = |c: char| c == ' ' || c.is_ascii_graphic();
    if text.trim().is_empty() || !text.chars().all(is_plain) {
        return Err("expected plain text, such as 'public, max-age=3600'".to_owned());
    }
    Ok(text.to_owned())
}

impl RemoteArgs {
    /// What outputs in object stores among `paths` are told. An option that would be ignored is refused.
    ///
    /// # Errors
    /// [`Kind::Usage`](azulejo::error::Kind::Usage), as said.
    pub(super) fn options(
        &self,
        paths: &[PathBuf],
        interrupt: &Interrupt,
    ) -> Result<RemoteOptions> {
        let any_of = |asked: &dyn Fn(&Path) -> bool| paths.iter().any(|path| asked(path));
        for (option, is_asked, is_of_use, wanted) in [
            (
                "--prune",
                self.prune,
                any_of(&is_folder),
                "s3://bucket/tiles/",
            ),
            (
                "--publish",
                self.publish.is_some(),
                paths.iter().all(|path| is_folder(path)),
                "s3://bucket/tiles/, and nothing else",
            ),
            (
                "--cache-control",
                self.cache_control.is_some(),
                any_of(&is_remote),
                "s3://bucket/tiles/",
            ),
            (
                "--retry-for",
                self.retry_for.is_some(),
                any_of(&is_remote),
                "s3://bucket/tiles/",
            ),
        ] {
            if is_asked && !is_of_use {
                return Err(Error::usage(format!(
                    "{option}: of use for outputs in an object store only; expected one, or {option} left out"
                ))
                .with_help(format!("-o {wanted}")));
            }
        }
        let seconds = self
            .retry_for
            .map(|seconds| Duration::from_secs(seconds.into()));
        Ok(RemoteOptions {
            cache_control: self.cache_control.clone(),
            publish: self.publish.clone(),
            prune: self.prune,
            patience: Patience {
                retry_for: seconds.unwrap_or(RETRY_FOR),
                stop: Some(interrupt.flag()),
            },
        })
    }

    /// Every option by its long name.
    pub(super) fn json(&self) -> Value {
        json!({
            "publish": self.publish,
            "prune": self.prune,
            "cache-control": self.cache_control,
            "retry-for": self.retry_for,
        })
    }
}

/// Whether `path` is an address in an object store. One that is wrong is told of when it is opened.
fn is_remote(path: &Path) -> bool {
    !matches!(Location::parse(path), Ok(None))
}

/// Whether it is one of a folder of tiles.
fn is_folder(path: &Path) -> bool {
    let text = path.to_string_lossy();
    is_remote(path) && (text.ends_with('/') || path.extension().is_none())
}
