//! GDAL's options for what is read over the network, and its messages meanwhile.

use std::cell::RefCell;
use std::env;
use std::ffi::{CStr, c_char, c_int};
use std::ptr;
use std::sync::Once;
use std::time::Duration;

use gdal::config::{
    clear_thread_local_config_option, get_config_option, get_thread_local_config_option,
    set_config_option, set_thread_local_config_option,
};

/// How often a request is tried again, unless `GDAL_HTTP_MAX_RETRY` says otherwise.
const RETRIES: u32 = 3;

/// What GDAL is told while it reads a part of a file, and whether the user's word comes first. We try again by ourselves, since
/// nobody can interrupt GDAL while it waits; it is not to list the file's folder, which may have a million others in it; and a
/// server that has gone silent is no reason to wait forever.
const WHILE_READING: [(&str, &str, bool); 6] = [
    ("GDAL_HTTP_MAX_RETRY", "0", false),
    ("GDAL_DISABLE_READDIR_ON_OPEN", "EMPTY_DIR", false),
    ("CPL_CURL_GZIP", "NO", false),
    ("GDAL_HTTP_CONNECTTIMEOUT", "15", true),
    ("GDAL_HTTP_LOW_SPEED_LIMIT", "1", true),
    ("GDAL_HTTP_LOW_SPEED_TIME", "30", true),
];

/// Tells GDAL what variables of Amazon's other tools say, so that the same ones do for what is read and what is written: the
/// address of a store that is not Amazon's, and that requests need no signature. What GDAL's own variables say comes first.
/// The first call counts.
pub fn configure() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        for (key, value) in amazon(|name| env::var(name).ok().filter(|value| !value.is_empty())) {
            if option(key).is_none() {
                // GDAL refuses no option whose name and value are text.
                let _ = set_config_option(key, &value);
            }
        }
    });
}

/// GDAL's options for what `variable` says.
fn amazon(variable: impl Fn(&str) -> Option<String>) -> Vec<(&'static str, String)> {
    let is_true = |name: &str| {
        variable(name)
            .is_some_and(|value| ["1", "true", "yes", "on"].contains(&&*value.to_lowercase()))
    };
    let mut options = Vec::new();
    if is_true("AWS_SKIP_SIGNATURE") {
        options.push(("AWS_NO_SIGN_REQUEST", "YES".to_owned()));
    }
    let endpoint = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"]
        .into_iter()
        .find_map(&variable);
    // With GDAL's own, all three are its user's business.
    let Some(endpoint) = endpoint.filter(|_| variable("AWS_S3_ENDPOINT").is_none()) else {
        return options;
    };
    let (https, host) = match endpoint.split_once("://") {
        Some((scheme, host)) => (!scheme.eq_ignore_ascii_case("http"), host),
        None => (true, endpoint.as_str()),
    };
    let word = |is: bool| if is { "YES" } else { "NO" }.to_owned();
    let in_host = is_true("AWS_VIRTUAL_HOSTED_STYLE_REQUEST");
    options.push(("AWS_S3_ENDPOINT", host.trim_end_matches('/').to_owned()));
    options.push(("AWS_HTTPS", word(https)));
    options.push(("AWS_VIRTUAL_HOSTING", word(in_host)));
    options
}

/// An option of GDAL's, or the variable of that name, that is set to something.
pub(super) fn option(key: &str) -> Option<String> {
    let value = get_config_option(key, "").unwrap_or_default();
    Some(value).filter(|value| !value.is_empty())
}

/// How often a request is tried again.
pub(super) fn retries() -> u32 {
    let told = option("GDAL_HTTP_MAX_RETRY").and_then(|text| text.parse().ok());
    told.unwrap_or(RETRIES)
}

/// How long to wait before a request is tried again for the `n`-th time, from 0.
pub(super) fn delay(n: u32) -> Duration {
    let told = option("GDAL_HTTP_RETRY_DELAY").and_then(|text| text.parse().ok());
    let first: f64 = told
        .filter(|s: &f64| (0.0..=3600.0).contains(s))
        .unwrap_or(0.5);
    Duration::from_secs_f64(first * f64::from(1u32 << n.min(6)))
}

thread_local! {
    /// The first error that GDAL told since somebody began to listen.
    static SAID: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Does `f` with GDAL's options for reading, and returns with its result the first error that GDAL told meanwhile. Nothing
/// that it says goes to the terminal.
pub(super) fn listening<T>(f: impl FnOnce() -> T) -> (T, Option<String>) {
    let before = WHILE_READING.map(|(key, value, after_user)| {
        let before = get_thread_local_config_option(key, "").unwrap_or_default();
        if !after_user || option(key).is_none() {
            let _ = set_thread_local_config_option(key, value);
        }
        (key, before)
    });
    SAID.set(None);
    // SAFETY: the handler never unwinds and needs no data; it is taken off again below, on the same thread.
    unsafe { gdal_sys::CPLPushErrorHandlerEx(Some(hear), ptr::null_mut()) };
    let result = f();
    // SAFETY: takes off the handler above; `f` leaves none of its own.
    unsafe { gdal_sys::CPLPopErrorHandler() };
    for (key, value) in before {
        let _ = if value.is_empty() {
            clear_thread_local_config_option(key)
        } else {
            set_thread_local_config_option(key, &value)
        };
    }
    (result, SAID.take())
}

/// The value of a header in a list of GDAL's, `Name=value` each, by its name in any case.
///
/// # Safety
/// `list` is null, or a list of C strings that ends with a null.
pub(super) unsafe fn find_header(list: *mut *mut c_char, name: &str) -> Option<String> {
    let mut at = list;
    // SAFETY: as said above; nothing after the null is looked at.
    while let Some(line) = unsafe { at.as_ref().filter(|line| !line.is_null()) } {
        // SAFETY: a C string, as said above.
        let line = unsafe { CStr::from_ptr(*line) }.to_string_lossy();
        if let Some((key, value)) = line.split_once('=')
            && key.eq_ignore_ascii_case(name)
        {
            return Some(value.trim().to_owned());
        }
        at = at.wrapping_add(1);
    }
    None
}

unsafe extern "C" fn hear(class: gdal_sys::CPLErr::Type, _code: c_int, message: *const c_char) {
    if message.is_null() {
        return;
    }
    // SAFETY: GDAL passes a C string that lives for this call.
    let text = unsafe { CStr::from_ptr(message) }.to_string_lossy();
    if class >= gdal_sys::CPLErr::CE_Failure {
        SAID.with_borrow_mut(|said| said.get_or_insert_with(|| text.clone().into_owned()).len());
    }
    if class == gdal_sys::CPLErr::CE_Debug {
        log::trace!(target: "gdal", "{text}");
    } else {
        log::debug!(target: "gdal", "{text}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> Vec<(&'static str, String)> {
        amazon(|name| {
            let row = variables.iter().find(|row| row.0 == name);
            row.map(|row| row.1.to_owned())
        })
    }

    #[test]
    fn the_address_of_a_store_is_told_as_gdal_takes_it() {
        assert_eq!(of(&[]), []);
        for (address, host, https) in [
            ("http://localhost:9000", "localhost:9000", "NO"),
            ("https://s3.example/", "s3.example", "YES"),
        ] {
            let expected = [
                ("AWS_S3_ENDPOINT", host),
                ("AWS_HTTPS", https),
                ("AWS_VIRTUAL_HOSTING", "NO"),
            ]
            .map(|(key, value)| (key, value.to_owned()));
            assert_eq!(of(&[("AWS_ENDPOINT_URL", address)]), expected);
            let both = [
                ("AWS_ENDPOINT_URL", "http://other"),
                ("AWS_ENDPOINT_URL_S3", address),
            ];
            assert_eq!(of(&both), expected);
            assert_eq!(of(&[both[0], ("AWS_S3_ENDPOINT", "own")]), []);
        }
        let unsigned = of(&[("AWS_SKIP_SIGNATURE", "true")]);
        assert_eq!(unsigned, [("AWS_NO_SIGN_REQUEST", "YES".to_owned())]);
    }
}
