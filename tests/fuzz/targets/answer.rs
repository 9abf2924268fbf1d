//! What a server answers to who asks for a part of a file, or for anything else of an object store: a line a header, an empty
//! one, and the body.

use std::ffi::CString;

use azulejo::remote::part_of_answer;

/// Headers that are taken: nobody sends more.
const HEADERS: usize = 32;

pub fn run(bytes: &[u8]) {
    let Some((&[kind, first, n], rest)) = bytes.split_first_chunk::<3>() else {
        return;
    };
    let at = rest.windows(2).position(|two| two == b"\n\n");
    let (head, body) = rest.split_at(at.unwrap_or(rest.len()));
    let body = body.get(2..).unwrap_or_default();
    let head = String::from_utf8_lossy(head).replace('\0', " ");
    let headers: Vec<&str> = head.lines().take(HEADERS).collect();
    part(&headers, body, (u64::from(first), usize::from(n) + 1));
    #[cfg(feature = "object-store")]
    refusal(u16::from(kind), &headers, body);
    #[cfg(not(feature = "object-store"))]
    let _ = kind;
}

/// What is taken for a part is what was asked for: no more bytes, none less unless the file ends there.
fn part(headers: &[&str], body: &[u8], (offset, n): (u64, usize)) {
    // As GDAL hands them on.
    let headers = headers.iter().map(|line| line.replacen(": ", "=", 1));
    let headers: Vec<CString> = headers
        .map(|line| CString::new(line).expect("zeros were replaced"))
        .collect();
    if let Some((whole, data)) = part_of_answer(&headers, body, (offset, n)) {
        let is_whole = offset == 0 && whole == data.len() as u64;
        let expected = whole.saturating_sub(offset).min(n as u64);
        assert!(
            is_whole || data.len() as u64 == expected,
            "{} of {whole} from {offset}",
            data.len()
        );
        assert_eq!(data, body);
    }
}

/// Of a refusal nothing is shown but words: answers may tell what was signed.
#[cfg(feature = "object-store")]
fn refusal(status: u16, headers: &[&str], body: &[u8]) {
    let headers = headers.iter().filter_map(|line| line.split_once(": "));
    let headers: Vec<(&str, &str)> = headers.collect();
    for status in [status, status + 256, status + 512] {
        let told = azulejo::remote::told_of_answer(status, &headers, body);
        assert!(!told.contains(char::is_control), "{told:?}");
        assert!(told.chars().count() < 1000, "{told}");
    }
}
