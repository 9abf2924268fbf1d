//! Failures that may pass by themselves.

use crate::error::Kind;

/// GDAL's file systems that reach into the network, and anything else with an address in it.
const REMOTE: [&str; 10] = [
    "/vsicurl",
    "/vsis3",
    "/vsigs",
    "/vsiaz",
    "/vsiadls",
    "/vsioss",
    "/vsiswift",
    "/vsihdfs",
    "/vsiwebhdfs",
    "://",
];

/// What curl says when nobody answers, and servers that have too much to do. A 404 is none of them.
const MAY_PASS: [&str; 15] = [
    "connection refused",
    "connection reset",
    "couldn't connect",
    "could not connect",
    "failed to connect",
    "could not resolve",
    "couldn't resolve",
    "timed out",
    "timeout",
    "too slow",
    "unreachable",
    "code: 429",
    "code : 429",
    "code: 5",
    "code : 5",
];

/// The kind of a failure to open `path`, of which GDAL says `reason`.
pub(crate) fn kind(path: &str, reason: &str) -> Kind {
    let remote = REMOTE.iter().any(|word| path.contains(word));
    if remote && may_pass(reason) {
        Kind::Retry
    } else {
        Kind::Input
    }
}

/// Whether what GDAL or curl says is wrong with a server may be over in a while.
pub(super) fn may_pass(reason: &str) -> bool {
    let reason = reason.to_lowercase();
    MAY_PASS.iter().any(|word| reason.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_failures_of_the_network_may_pass() {
        let far = "/vsicurl/http://host/a.tif";
        for (path, reason, expected) in [
            (
                far,
                "CURL error: Failed to connect to host port 80",
                Kind::Retry,
            ),
            (
                far,
                "CURL error: Operation timed out after 30 s",
                Kind::Retry,
            ),
            (far, "HTTP response code: 429", Kind::Retry),
            (far, "HTTP response code: 503", Kind::Retry),
            (
                "/vsizip//vsis3/b/a.zip",
                "HTTP error code : 500",
                Kind::Retry,
            ),
            (far, "HTTP response code: 404", Kind::Input),
            (far, "HTTP response code: 403", Kind::Input),
            ("timeout.tif", "timeout.tif: not recognized", Kind::Input),
        ] {
            assert_eq!(kind(path, reason), expected, "{path}: {reason}");
        }
    }
}
