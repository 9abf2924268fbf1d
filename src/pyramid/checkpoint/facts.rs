//! [`Facts`]: what a bake is of, said so that two can be compared.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Changes when shards of before can no longer be read.
const SCHEMA: &str = "azulejo-bake/1";

/// All that decides what the tiles are, by name: versions, sources, options.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts(BTreeMap<String, Value>);

impl Facts {
    /// The name of the fact that says how sources are known again: what is known by other means cannot be compared.
    pub const METHOD: &'static str = "--fingerprint";

    /// These facts.
    pub fn new(facts: impl IntoIterator<Item = (String, Value)>) -> Self {
        Self(facts.into_iter().collect())
    }

    /// SHA-256 of them.
    pub(super) fn digest(&self) -> [u8; 32] {
        let mut digest = Sha256::new();
        digest.update(SCHEMA);
        for (name, value) in &self.0 {
            let value = value.to_string();
            for part in [name.as_str(), &value] {
                digest.update((part.len() as u64).to_le_bytes());
                digest.update(part);
            }
        }
        digest.finalize().into()
    }

    /// In what `now` differs, a clause for each name.
    pub fn differences(&self, now: &Self) -> Vec<String> {
        let mut names: Vec<&String> = self.0.keys().chain(now.0.keys()).collect();
        names.sort();
        names.dedup();
        let value = |facts: &Self, name: &str| facts.0.get(name).cloned().unwrap_or_default();
        let differs = |name: &&String| value(self, name) != value(now, name);
        if names
            .iter()
            .any(|name| *name == Self::METHOD && differs(name))
        {
            names.retain(|name| *name == Self::METHOD);
        }
        let shown = |value: Option<&Value>| match value {
            None | Some(Value::Null) => "nothing".to_owned(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        };
        names
            .into_iter()
            .filter(differs)
            .map(|name| {
                let (before, now) = (shown(self.0.get(name)), shown(now.0.get(name)));
                format!("{name} was {before}, is {now}")
            })
            .collect()
    }

    /// An object of them.
    pub(in crate::pyramid) fn json(&self) -> Value {
        json!(self.0)
    }

    /// As a file, with the zoom of the shards' roots.
    #[doc(hidden)]
    pub fn write(&self, shard_zoom: u8) -> Vec<u8> {
        let about = json!({
            "schema": SCHEMA,
            "shard_zoom": shard_zoom,
            "facts": self.0,
            "sum": self.sum(shard_zoom),
        });
        format!("{about:#}\n").into_bytes()
    }

    /// What [`Facts::write`] has written; `None` of anything else.
    #[doc(hidden)]
    pub fn read(text: &[u8]) -> Option<(Self, u8)> {
        let about: Value = serde_json::from_slice(text).ok()?;
        if about["schema"] != SCHEMA {
            return None;
        }
        let shard_zoom = about["shard_zoom"].as_u64()?.try_into().ok()?;
        let facts = Self::new(about["facts"].as_object()?.clone());
        (about["sum"] == facts.sum(shard_zoom)).then_some((facts, shard_zoom))
    }

    /// By which it is seen that a file is as it was written.
    fn sum(&self, shard_zoom: u8) -> String {
        let mut digest = Sha256::new();
        digest.update(self.digest());
        digest.update([shard_zoom]);
        let sum = digest.finalize();
        sum.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
