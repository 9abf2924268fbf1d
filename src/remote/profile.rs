//! What the files of Amazon's tools say: `~/.aws/credentials` and `~/.aws/config`, the part of one profile.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::PathBuf;

use crate::error::{Error, Result};

/// Keys of a profile, in lower case, with their values.
pub(super) type Profile = BTreeMap<String, String>;

/// The profile that `AWS_PROFILE` names, else `default`: keys and values of both files, the credentials' file first.
///
/// # Errors
/// When `AWS_PROFILE` names one that neither file has, or a file is there and cannot be read.
pub(super) fn read() -> Result<Profile> {
    let asked = variable("AWS_PROFILE").or_else(|| variable("AWS_DEFAULT_PROFILE"));
    let name = asked.as_deref().unwrap_or("default");
    let (mut found, mut is_there) = (Profile::new(), false);
    for (file_variable, file, section) in [
        (
            "AWS_CONFIG_FILE",
            "config",
            // Only this file has the word before the name.
            if name == "default" {
                "default".to_owned()
            } else {
                format!("profile {name}")
            },
        ),
        (
            "AWS_SHARED_CREDENTIALS_FILE",
            "credentials",
            name.to_owned(),
        ),
    ] {
        let Some(path) = variable(file_variable)
            .map(PathBuf::from)
            .or_else(|| Some(home()?.join(".aws").join(file)))
        else {
            continue;
        };
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => {
                let what = format!("{}: cannot be read ({error})", path.display());
                return Err(Error::usage(what));
            }
        };
        if let Some(keys) = section_of(&text, &section) {
            is_there = true;
            found.extend(keys);
        }
    }
    match asked {
        Some(name) if !is_there => Err(Error::usage(format!(
            "AWS_PROFILE={name}: no such profile; expected one of ~/.aws/credentials or ~/.aws/config"
        ))),
        _ => Ok(found),
    }
}

/// A variable that is set to something.
pub(super) fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

fn home() -> Option<PathBuf> {
    variable("HOME").map(PathBuf::from)
}

/// The keys of a section of an INI file; `None` if it has none of that name.
fn section_of(text: &str, name: &str) -> Option<Profile> {
    let mut found: Option<Profile> = None;
    let mut is_in = false;
    // How far the key before is indented.
    let mut indented = None;
    for line in text.lines() {
        let bare = line.trim_start();
        let indent = line.len() - bare.len();
        // What is indented further than the key before belongs to that: settings of single services.
        let belongs = indented.is_some_and(|before| indent > before);
        if bare.is_empty() || bare.starts_with(['#', ';']) || belongs {
            continue;
        }
        if let Some(rest) = line.strip_prefix('[') {
            indented = None;
            let title = rest.split(']').next().unwrap_or_default();
            let title = title.split_whitespace().collect::<Vec<_>>().join(" ");
            is_in = title.replace('"', "") == name;
            if is_in {
                found.get_or_insert_default();
            }
            continue;
        }
        indented = Some(indent);
        if let (true, Some(keys), Some((key, value))) =
            (is_in, found.as_mut(), line.split_once('='))
        {
            // As in Amazon's tools: a comment needs a blank before it.
            let value = value.split(" #").next().unwrap_or_default();
            keys.insert(key.trim().to_lowercase(), value.trim().to_owned());
        }
    }
    found
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // A test that cannot go on panics.
mod tests {
    use super::*;

    const TEXT: &str = "\
# a comment
[default]
aws_access_key_id = one
region=eu-west-1 # near us

[ profile  other ]
Region = us-east-2
s3 =
    max_concurrent_requests = 20
endpoint_url = http://localhost:9000
[\"quoted\"]
  a = b=c
  d = e
";

    #[test]
    fn a_profile_has_the_keys_of_its_section_and_no_others() {
        let default = section_of(TEXT, "default").unwrap();
        assert_eq!(default["aws_access_key_id"], "one");
        assert_eq!(default["region"], "eu-west-1");
        let other = section_of(TEXT, "profile other").unwrap();
        assert_eq!(other["region"], "us-east-2");
        assert_eq!(other["endpoint_url"], "http://localhost:9000");
        assert!(!other.contains_key("max_concurrent_requests"));
        let indented = section_of(TEXT, "quoted").unwrap();
        assert_eq!((&*indented["a"], &*indented["d"]), ("b=c", "e"));
        assert_eq!(section_of(TEXT, "nobody"), None);
    }
}
