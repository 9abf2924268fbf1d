//! [`Location`]: an address such as `s3://bucket/key`, taken apart.

use std::path::Path;

use crate::error::{Error, Result};

/// Who keeps the objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Amazon S3, or a store that speaks like it: `s3://`.
    S3,
    /// Google Cloud Storage: `gs://`.
    Gs,
    /// Azure Blob Storage: `az://`.
    Az,
}

const SCHEMES: [(&str, Scheme); 3] = [
    ("s3://", Scheme::S3),
    ("gs://", Scheme::Gs),
    ("az://", Scheme::Az),
];

/// An object in a bucket, or what the keys of many objects begin with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// Who keeps it.
    pub scheme: Scheme,
    /// The bucket, or Azure's container.
    pub bucket: String,
    /// The key without slashes at its ends; empty for the bucket as a whole.
    pub key: String,
}

impl Location {
    /// The location that `path` is the address of; `None` for all that is no address of an object store.
    ///
    /// # Errors
    /// [`Kind::Usage`](crate::error::Kind::Usage) for an address that no object can have.
    pub fn parse(path: &Path) -> Result<Option<Self>> {
        let text = path.to_string_lossy();
        let known = SCHEMES
            .iter()
            .find_map(|(start, scheme)| Some((text.strip_prefix(start)?, *scheme)));
        let Some((rest, scheme)) = known else {
            return Ok(None);
        };
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        let key = key.strip_suffix('/').unwrap_or(key);
        let wrong = |found: &str| {
            Error::usage(format!(
                "{text}: {found}; expected an address such as s3://bucket/folder/"
            ))
        };
        if path.to_str().is_none() {
            return Err(wrong("not in UTF-8"));
        }
        if bucket.is_empty() || bucket.contains(['@', ':', '?', '#', '%']) || has_space(bucket) {
            return Err(wrong("no bucket's name"));
        }
        // Stores would take these for something else: a query, or a folder without a name.
        if key.contains(['?', '#', '\\']) || key.chars().any(char::is_control) {
            return Err(wrong("a key with a character that addresses do not have"));
        }
        let parts = || key.split('/');
        if !key.is_empty() && parts().any(|part| matches!(part, "" | "." | "..")) {
            return Err(wrong("a key with an empty part, or one that is . or .."));
        }
        Ok(Some(Self {
            scheme,
            bucket: bucket.to_owned(),
            key: key.to_owned(),
        }))
    }

    /// The key of what lies at `name` below this location.
    pub fn join(&self, name: &str) -> String {
        if self.key.is_empty() {
            name.to_owned()
        } else {
            format!("{}/{name}", self.key)
        }
    }

    /// The location of what lies at `name` below this one.
    pub fn child(&self, name: &str) -> Self {
        Self {
            key: self.join(name),
            ..self.clone()
        }
    }
}

fn has_space(text: &str) -> bool {
    text.chars().any(|c| c.is_whitespace() || c.is_control())
}

impl std::fmt::Display for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let row = SCHEMES.iter().find(|(_, scheme)| *scheme == self.scheme);
        let start = row.map_or("s3://", |(start, _)| start);
        write!(f, "{start}{}/{}", self.bucket, self.key)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // A test that cannot go on panics.
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Option<Location>> {
        Location::parse(Path::new(text))
    }

    #[test]
    fn addresses_are_taken_apart() {
        for (text, bucket, key, shown) in [
            ("s3://b/tiles/", "b", "tiles", "s3://b/tiles"),
            (
                "s3://b/a/b.pmtiles",
                "b",
                "a/b.pmtiles",
                "s3://b/a/b.pmtiles",
            ),
            ("gs://b", "b", "", "gs://b/"),
            ("az://b/", "b", "", "az://b/"),
        ] {
            let location = parse(text).unwrap().unwrap();
            assert_eq!((&*location.bucket, &*location.key), (bucket, key));
            assert_eq!(location.to_string(), shown);
        }
        let root = parse("s3://b").unwrap().unwrap();
        assert_eq!(root.join("x"), "x");
        assert_eq!(root.child("v1").join("x"), "v1/x");
    }

    #[test]
    fn what_is_no_address_of_an_object_store_is_none_and_what_no_object_can_have_is_refused() {
        for text in ["tiles/", "s3", "/s3://b", "https://b/c", "S3/b"] {
            assert_eq!(parse(text).unwrap(), None, "{text}");
        }
        for text in [
            "s3://",
            "s3:///a",
            "s3://me:secret@b/a",
            "s3://b/a//b",
            "s3://b/a?x=1",
            "s3://b/../a",
            "s3://b c/a",
            "s3://b/a/./",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
