#![allow(clippy::unwrap_used)] // A test that cannot go on panics.

use std::collections::VecDeque;
use std::sync::Mutex;

use proptest::prelude::*;

use super::*;

type Answer<T> = std::result::Result<T, Trouble>;

/// A file in memory that takes down what it is asked for, and is in trouble as often as it is told.
struct Memory {
    data: Vec<u8>,
    asked: Arc<Mutex<Vec<(u64, usize)>>>,
    troubles: VecDeque<Trouble>,
}

impl Ranges for Memory {
    fn begin(&mut self, n_bytes: usize) -> Answer<(u64, Vec<u8>)> {
        let n_bytes = n_bytes.min(self.data.len());
        Ok((self.data.len() as u64, self.data[..n_bytes].to_vec()))
    }

    fn fetch(&mut self, offset: u64, n_bytes: usize) -> Answer<Vec<u8>> {
        if let Some(trouble) = self.troubles.pop_front() {
            return Err(trouble);
        }
        self.asked.lock().unwrap().push((offset, n_bytes));
        let start = offset as usize;
        Ok(self.data[start..start + n_bytes].to_vec())
    }

    fn is_same(&mut self) -> Answer<bool> {
        Ok(true)
    }
}

type Asked = Arc<Mutex<Vec<(u64, usize)>>>;

fn file(n_bytes: usize, troubles: &[Trouble]) -> (RemoteFile, Vec<u8>, Asked) {
    let data: Vec<u8> = (0..n_bytes).map(|i| (i * 31 % 251) as u8).collect();
    let asked = Asked::default();
    let mut memory = Memory {
        data: data.clone(),
        asked: Arc::clone(&asked),
        troubles: troubles.iter().cloned().collect(),
    };
    let (bytes, head) = memory.begin(LEAST as usize).unwrap();
    let file = RemoteFile {
        name: "https://host/a.pmtiles".into(),
        ranges: Box::new(memory),
        bytes,
        kept: vec![Piece {
            offset: 0,
            data: head,
            ahead: LEAST,
        }],
        expected: Vec::new(),
        stop: None,
    };
    (file, data, asked)
}

proptest! {
    #[test]
    fn any_parts_in_any_order_are_those_of_the_file(
        parts in prop::collection::vec((0u64..900_000, 0usize..200_000), 1..60),
        expected in prop::collection::vec((0u64..1_000_000, 0u64..50_000), 0..60),
    ) {
        let (mut file, data, _) = file(1_000_000, &[]);
        file.expect(expected);
        for (offset, n_bytes) in parts {
            let n_bytes = n_bytes.min(1_000_000 - offset as usize);
            let mut buffer = vec![0; n_bytes];
            file.read(offset, &mut buffer).unwrap();
            let start = offset as usize;
            prop_assert!(buffer == data[start..start + n_bytes]);
        }
    }
}

#[test]
fn who_reads_on_gets_more_at_a_time_and_nothing_twice() {
    let (mut file, data, asked) = file(8 << 20, &[]);
    let mut buffer = vec![0; 5_000];
    // Two at once, as two zooms are.
    for i in 0..800 {
        for start in [0, 4 << 20] {
            let offset = start + i * 5_000;
            file.read(offset as u64, &mut buffer).unwrap();
            assert!(buffer == data[offset..offset + 5_000]);
        }
    }
    let asked = asked.lock().unwrap();
    let n_bytes: usize = asked.iter().map(|part| part.1).sum();
    assert!(asked.len() < 24, "{asked:?}");
    assert!(n_bytes < 10 << 20, "{n_bytes}");
    let mut parts = asked.clone();
    parts.sort_unstable();
    let is_apart = |two: &[(u64, usize)]| two[0].0 + two[0].1 as u64 <= two[1].0;
    assert!(parts.windows(2).all(is_apart), "{parts:?}");
}

#[test]
fn what_is_expected_comes_together_and_nothing_else_does() {
    let (mut file, _, asked) = file(8 << 20, &[]);
    // Three groups, the second of them with a hole of its own.
    let places = [1_000_000, 1_005_000, 3_000_000, 3_025_000, 5_000_000];
    file.expect(places.iter().rev().map(|&offset| (offset, 5_000)).collect());
    for offset in places {
        file.read(offset, &mut [0; 5_000]).unwrap();
    }
    let groups = [(1_000_000, 10_000), (3_000_000, 30_000), (5_000_000, 5_000)];
    assert_eq!(*asked.lock().unwrap(), groups);
}

#[test]
fn what_may_pass_is_tried_again_and_what_will_not_is_an_error_at_once() {
    let mut buffer = [0; 100];
    let (mut passing, _, _) = file(100_000, &[Trouble::Status(503), Trouble::Cut]);
    passing.read(50_000, &mut buffer).unwrap();
    for (trouble, kind) in [
        (Trouble::Status(403), Kind::Input),
        (Trouble::Status(404), Kind::Input),
        (Trouble::NoRanges, Kind::Input),
        (Trouble::Changed, Kind::Retry),
    ] {
        let (mut file, _, asked) = file(100_000, std::slice::from_ref(&trouble));
        let error = file.read(50_000, &mut buffer).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains("; expected "), "{error}");
        assert!(asked.lock().unwrap().is_empty(), "{trouble:?}");
    }
}

#[test]
fn waiting_ends_when_the_run_is_to_end() {
    let (mut file, _, _) = file(100_000, &[Trouble::Status(503)]);
    file.heed(Arc::new(AtomicBool::new(true)));
    let error = file.read(50_000, &mut [0; 100]).unwrap_err();
    assert_eq!(error.kind(), Kind::Interrupted);
}

#[test]
fn what_is_not_in_the_file_is_not_asked_for() {
    let (mut file, _, asked) = file(100_000, &[]);
    for offset in [99_950, 100_000, u64::MAX] {
        let error = file.read(offset, &mut [0; 100]).unwrap_err();
        assert_eq!(error.kind(), Kind::Input);
    }
    assert!(asked.lock().unwrap().is_empty());
}

#[test]
fn the_words_of_gdal_are_understood() {
    for (words, expected) in [
        ("HTTP response code: 403", Trouble::Status(403)),
        ("AccessDenied: no", Trouble::Status(403)),
        (
            "Range downloading not supported by this server!",
            Trouble::NoRanges,
        ),
    ] {
        assert_eq!(Trouble::of_words(words), expected);
    }
    assert!(Trouble::of_words("CURL error: Could not resolve host: h").may_pass());
    assert!(!Trouble::of_words("InvalidCredentials").may_pass());
    let refused = Trouble::of_words("<Code>SignatureDoesNotMatch</Code>");
    assert_eq!(refused, Trouble::Status(403));
}
