//! What `azulejo convert` reports.

use std::time::Duration;

use azulejo::archive::{Metadata, Published};
use azulejo::convert::{Recoding, Tileset};
use azulejo::pyramid::Baked;
use serde_json::{Map, Value, json};

use super::tile::made;
use super::{Facts, extend, place, text};
use crate::cli::convert::ConvertArgs;
use crate::cli::encoding;
use crate::cli::fingerprint::FileFacts;
use crate::cli::values::Zooms;

/// All that the report tells of.
pub(in crate::cli) struct Report<'a> {
    pub(in crate::cli) args: &'a ConvertArgs,
    pub(in crate::cli) zooms: Zooms,
    pub(in crate::cli) tileset: &'a Tileset,
    /// `None` of a folder, and in the network.
    pub(in crate::cli) file: Option<&'a FileFacts>,
    pub(in crate::cli) metadata: &'a Metadata,
    pub(in crate::cli) copied: &'a Baked,
    /// `None` where tiles stay as they were.
    pub(in crate::cli) recoding: Option<&'a Recoding>,
    pub(in crate::cli) published: &'a [Published],
    pub(in crate::cli) notes: &'a [String],
    pub(in crate::cli) elapsed: Duration,
    /// Where that went.
    pub(in crate::cli) times: Value,
}

impl Report<'_> {
    /// The report.
    pub(in crate::cli) fn json(&self) -> Value {
        let (taken, all) = self.tileset.n_tiles();
        let tileset = json!({
            "tileset": {
                "path": place(&self.args.tileset),
                "file": self.file.map(FileFacts::json),
                "tiles": all,
                "taken": taken,
            },
        });
        let facts = Facts {
            command: "convert",
            elapsed: self.elapsed,
            times: &self.times,
            notes: self.notes,
        };
        facts.json(self.options(), [tileset, made(self.copied, self.published)])
    }

    /// Every option by its long name, as it took effect.
    fn options(&self) -> Map<String, Value> {
        let Self {
            args,
            zooms,
            metadata,
            ..
        } = self;
        let mut options = json!({ "tileset": place(&args.tileset) });
        extend(&mut options, args.piece(*zooms));
        let report = args.report.as_deref().map(text);
        extend(&mut options, json!({ "report": report }));
        let encoding = self.recoding.map(|recoding| {
            let mut encoding = encoding::json(&recoding.recipe);
            extend(&mut encoding, json!({ "jobs": recoding.jobs }));
            encoding
        });
        extend(&mut options, encoding.unwrap_or_default());
        extend(&mut options, args.outputs.json(metadata));
        match options {
            Value::Object(options) => options,
            _ => Map::new(),
        }
    }
}
