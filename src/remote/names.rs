//! Names of files that GDAL's virtual file systems read: in the network, in object stores, inside of zip files.

use std::path::Path;

/// What addresses begin with, and what GDAL wants them to begin with.
const SCHEMES: [(&str, &str); 5] = [
    ("http://", "/vsicurl/http://"),
    ("https://", "/vsicurl/https://"),
    ("s3://", "/vsis3/"),
    ("gs://", "/vsigs/"),
    ("az://", "/vsiaz/"),
];

/// Web and object-store addresses in the form that GDAL's virtual file systems take. Other names stay as they are.
pub fn vsi_path(name: &str) -> String {
    let known = SCHEMES
        .iter()
        .find_map(|(scheme, prefix)| Some((prefix, name.strip_prefix(scheme)?)));
    match known {
        Some((prefix, rest)) => format!("{prefix}{rest}"),
        None => name.into(),
    }
}

/// `path` as text, if it is a name that only GDAL can open: an address, or one of its own that begins with `/vsi`.
pub fn virtual_name(path: &Path) -> Option<&str> {
    let name = path.to_str()?;
    (name.starts_with("/vsi") || vsi_path(name) != name).then_some(name)
}

/// The part of a virtual name that names the file: without the query and the fragment, in which there may be secrets.
pub fn without_query(name: &str) -> &str {
    name.find(['?', '#']).map_or(name, |end| &name[..end])
}

/// The address by HTTP of a name in GDAL's form, if that is all that it is.
pub(super) fn http_address(vsi_path: &str) -> Option<&str> {
    let address = vsi_path.strip_prefix("/vsicurl/")?;
    let is_http = address.starts_with("http://") || address.starts_with("https://");
    is_http.then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_become_names_of_virtual_files() {
        for (name, expected) in [
            ("https://host/a", "/vsicurl/https://host/a"),
            ("s3://bucket/a", "/vsis3/bucket/a"),
            ("gs://bucket/a", "/vsigs/bucket/a"),
            ("az://container/a", "/vsiaz/container/a"),
            ("/vsioss/bucket/a", "/vsioss/bucket/a"),
            ("tiles/a", "tiles/a"),
        ] {
            assert_eq!(vsi_path(name), expected);
            let is_virtual = virtual_name(Path::new(name)).is_some();
            assert_eq!(is_virtual, name != "tiles/a", "{name}");
        }
    }

    #[test]
    fn a_query_is_no_part_of_a_files_name() {
        assert_eq!(
            without_query("https://h/a.pmtiles?b=c.d#e"),
            "https://h/a.pmtiles"
        );
        assert_eq!(without_query("s3://b/a.pmtiles"), "s3://b/a.pmtiles");
    }

    #[test]
    fn only_plain_addresses_go_by_http() {
        assert_eq!(http_address("/vsicurl/http://h/a"), Some("http://h/a"));
        for other in [
            "/vsicurl?url=http://h/a",
            "/vsicurl/ftp://h/a",
            "/vsis3/b/a",
        ] {
            assert_eq!(http_address(other), None);
        }
    }
}
