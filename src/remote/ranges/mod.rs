//! [`RemoteFile`]: a file in the network that is read in parts, through GDAL, without the rest of it.
//!
//! By HTTP each part is one request of its own ([`http`]); what lies in object stores and on others of GDAL's virtual file
//! systems is read through those ([`vsi`]). What was read is kept for a while, and who reads on where he was gets more at a
//! time: tiles that lie beside each other share requests.

mod http;
mod options;
mod vsi;

use std::ffi::CString;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

#[doc(hidden)]
pub use http::part_of_answer;
pub use options::configure;

use super::names::{http_address, vsi_path, without_query};
use super::network;
use crate::error::{Error, Kind, Result};

/// Bytes of the first part, and of every part at least: as many as a PMTiles archive has its header and root in. Parts begin
/// and end at multiples of it.
const LEAST: u64 = 16 << 10;

/// Bytes read at a time at most, by who reads on and on.
const MOST: u64 = 1 << 20;

/// As far from the end of what is kept, or expected, may lie what is still read on from there.
const GAP: u64 = 32 << 10;

/// Parts that are kept: one for each zoom, as a tree of tiles is gone through, and some.
const KEPT: usize = 32;

/// What goes wrong between us and a file.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Trouble {
    /// The server says no, by this code.
    Status(u16),
    /// curl's words, or GDAL's.
    Said(String),
    /// The whole of the file comes, or nobody says how long it is.
    NoRanges,
    /// Fewer bytes came than were asked for.
    Cut,
    /// The file is another one than when it was opened.
    Changed,
    /// There is not one byte in the file.
    Empty,
}

impl Trouble {
    /// What GDAL means by `words`.
    fn of_words(words: &str) -> Self {
        let lower = words.to_lowercase();
        let code = ["code: ", "code : "].into_iter().find_map(|before| {
            let (_, rest) = lower.split_once(before)?;
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            digits.parse().ok()
        });
        let of_words = [
            ("range downloading not supported", Self::NoRanges),
            ("accessdenied", Self::Status(403)),
            ("access denied", Self::Status(403)),
            ("signaturedoesnotmatch", Self::Status(403)),
            ("invalidaccesskeyid", Self::Status(403)),
            ("expiredtoken", Self::Status(403)),
            ("invalidcredentials", Self::Status(403)),
            ("nosuchkey", Self::Status(404)),
            ("nosuchbucket", Self::Status(404)),
        ];
        let known = of_words.into_iter().find(|(word, _)| lower.contains(word));
        match (code, known) {
            (Some(status), _) => Self::Status(status),
            (None, Some((_, known))) => known,
            (None, None) => Self::Said(words.to_owned()),
        }
    }

    /// Whether it may be over in a moment.
    fn may_pass(&self) -> bool {
        match self {
            Self::Status(status) => *status == 429 || *status >= 500,
            Self::Said(words) => network::may_pass(words),
            Self::Cut => true,
            Self::NoRanges | Self::Changed | Self::Empty => false,
        }
    }

    /// The same for the user, about the file that he calls `name`.
    fn error(&self, name: &str) -> Error {
        let input = |found: &str| Error::input(name, found);
        let passing = |found: String| Error::new(Kind::Retry, format!("{name}: {found}"));
        let again = "try again later, or with the variable GDAL_HTTP_MAX_RETRY=10";
        match self {
            Self::Status(status @ (401 | 403)) => input(&format!(
                "the server denies access ({status}); expected a file that may be read"
            ))
            .with_help(credentials(name)),
            Self::Status(status @ (404 | 410)) => {
                input(&format!("no such file on the server ({status}); expected a PMTiles archive"))
            }
            Self::Status(status) if self.may_pass() => {
                passing(format!("the server is in trouble ({status}); expected a part of the file"))
                    .with_help(again)
            }
            Self::Status(status) => input(&format!(
                "the server answers {status}; expected a part of the file"
            )),
            Self::Said(words) if words.is_empty() => {
                input("cannot be opened; expected a file that GDAL can read")
            }
            Self::Said(words) if self.may_pass() => {
                passing(format!("cannot be reached ({words}); expected an answer")).with_help(again)
            }
            Self::Said(words) => input(&format!("cannot be read ({words}); expected a PMTiles archive")),
            Self::NoRanges => input(
                "the server sends whole files instead of parts; expected one that understands range requests",
            )
            .with_help(download(name)),
            Self::Cut => passing("the answer ends too early; expected all of the part asked for".into())
                .with_help(again),
            Self::Changed => {
                passing("another file is in its place since it was opened; expected one that stays".into())
                    .with_help("run it again")
            }
            Self::Empty => input("an empty file; expected a PMTiles archive"),
        }
    }
}

/// How to get what cannot be read in parts.
pub fn download(name: &str) -> String {
    let end = without_query(name).rsplit('/').next().unwrap_or_default();
    if name.starts_with("http") {
        format!("download it first: curl -fLo {end} '{name}'")
    } else {
        format!("download it first, and give its path: {end}")
    }
}

/// Where GDAL takes credentials from, as a hint.
fn credentials(name: &str) -> &'static str {
    let path = vsi_path(name);
    let rows = [
        (
            "/vsis3/",
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (with AWS_SESSION_TOKEN where there is one), AWS_PROFILE, or AWS_NO_SIGN_REQUEST=YES for what is public",
        ),
        (
            "/vsigs/",
            "GOOGLE_APPLICATION_CREDENTIALS=key.json, or GS_NO_SIGN_REQUEST=YES for what is public",
        ),
        (
            "/vsiaz/",
            "AZURE_STORAGE_ACCOUNT with AZURE_STORAGE_ACCESS_KEY or AZURE_STORAGE_SAS_TOKEN, or AZURE_NO_SIGN_REQUEST=YES for what is public",
        ),
    ];
    let row = rows.iter().find(|(prefix, _)| path.starts_with(prefix));
    row.map_or(
        "GDAL_HTTP_USERPWD=user:password, GDAL_HTTP_HEADERS='Authorization: …', or an address that was signed",
        |row| row.1,
    )
}

/// A file that is read in parts.
trait Ranges: Send {
    /// The length of the file and its first bytes, `n_bytes` if it has as many.
    fn begin(&mut self, n_bytes: usize) -> std::result::Result<(u64, Vec<u8>), Trouble>;

    /// Exactly `n_bytes` at `offset`, which are in the file.
    fn fetch(&mut self, offset: u64, n_bytes: usize) -> std::result::Result<Vec<u8>, Trouble>;

    /// Whether it is still the file that it was.
    fn is_same(&mut self) -> std::result::Result<bool, Trouble>;
}

/// A file in the network, or on another of GDAL's virtual file systems.
pub struct RemoteFile {
    name: String,
    ranges: Box<dyn Ranges>,
    bytes: u64,
    /// What was read last, the last used at the end.
    kept: Vec<Piece>,
    /// What will be read, as first bytes and those after the last, ascending, if that is known.
    expected: Vec<(u64, u64)>,
    stop: Option<Arc<AtomicBool>>,
}

/// Bytes of the file that are at hand.
struct Piece {
    offset: u64,
    data: Vec<u8>,
    /// How many were read at a time.
    ahead: u64,
}

impl Piece {
    fn end(&self) -> u64 {
        self.offset + self.data.len() as u64
    }

    /// What of it is from `offset` to `end`, if it is all there.
    fn part(&self, offset: u64, end: u64) -> Option<&[u8]> {
        let first = usize::try_from(offset.checked_sub(self.offset)?).ok()?;
        let last = usize::try_from(end.checked_sub(self.offset)?).ok()?;
        self.data.get(first..last)
    }

    /// Whether who reads at `offset` reads on from here.
    fn is_before(&self, offset: u64) -> bool {
        self.offset <= offset && offset <= self.end() + GAP
    }
}

impl RemoteFile {
    /// Opens the file that is called `name`: an address, or a name of GDAL's that begins with `/vsi`. One request by HTTP, two
    /// in object stores; the first 16 KiB of the file are at hand then.
    ///
    /// # Errors
    /// [`Kind::Input`] when it is not there, may not be read, or only as a whole; [`Kind::Retry`] when nobody answers, or the
    /// server is in trouble.
    pub fn open(name: &str) -> Result<Self> {
        configure();
        let path = vsi_path(name);
        let text = |text: &str| {
            CString::new(text)
                .map_err(|_| Error::input(name, "a name with a null in it; expected none"))
        };
        let ranges: Box<dyn Ranges> = match http_address(&path) {
            Some(address) => Box::new(http::Http::new(text(address)?)),
            None => Box::new(vsi::Virtual::new(text(&path)?)),
        };
        let mut file = Self {
            name: name.to_owned(),
            ranges,
            bytes: 0,
            kept: Vec::new(),
            expected: Vec::new(),
            stop: None,
        };
        let begun = file.insist(&mut |ranges| match ranges.begin(LEAST as usize) {
            Err(Trouble::Empty) => Ok((0, Vec::new())),
            begun => begun,
        });
        let (bytes, data) = begun?;
        file.bytes = bytes;
        file.kept.push(Piece {
            offset: 0,
            data,
            ahead: LEAST,
        });
        Ok(file)
    }

    /// How long the file is.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What the user calls it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// From now on ends waiting for what may come later with an error of kind [`Kind::Interrupted`] when `stop` is set.
    pub fn heed(&mut self, stop: Arc<AtomicBool>) {
        self.stop = Some(stop);
    }

    /// Prepares for reading `parts`, given by their first bytes and lengths, and little else, in any order: those that lie
    /// close to each other will come together, and nothing beyond them.
    pub fn expect(&mut self, mut parts: Vec<(u64, u64)>) {
        parts.sort_unstable();
        self.expected.clear();
        for (offset, bytes) in parts {
            let end = offset.saturating_add(bytes).min(self.bytes);
            match self.expected.last_mut() {
                Some(last) if offset <= last.1.saturating_add(GAP) => last.1 = last.1.max(end),
                _ if offset < end => self.expected.push((offset, end)),
                _ => {}
            }
        }
    }

    /// The end of what is expected together with the bytes from `offset` to `end`.
    fn expected_end(&self, offset: u64, end: u64) -> Option<u64> {
        let after = self.expected.partition_point(|part| part.0 <= offset);
        let part = self.expected.get(after.checked_sub(1)?)?;
        (end <= part.1).then_some(part.1)
    }

    /// Reads the bytes at `offset` into all of `buffer`.
    ///
    /// # Errors
    /// As [`RemoteFile::open`]; [`Kind::Input`] for what is not in the file, [`Kind::Retry`] when it is another file by now.
    pub fn read(&mut self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        let end = offset.checked_add(buffer.len() as u64);
        let end = end.filter(|end| *end <= self.bytes).ok_or_else(|| {
            let found = format!("ends at byte {}; expected more", self.bytes);
            Error::input(&self.name, found)
        })?;
        if buffer.is_empty() {
            return Ok(());
        }
        let at_hand = self
            .kept
            .iter()
            .position(|piece| piece.part(offset, end).is_some());
        let piece = match at_hand {
            Some(at) => self.kept.remove(at),
            None => self.next(offset, end)?,
        };
        if let Some(part) = piece.part(offset, end) {
            buffer.copy_from_slice(part);
        }
        self.kept.push(piece);
        if self.kept.len() > KEPT {
            self.kept.remove(0);
        }
        Ok(())
    }

    /// A piece with the bytes from `offset` to `end` in it. It takes the place of one that ends where they begin.
    fn next(&mut self, offset: u64, end: u64) -> Result<Piece> {
        let expected = self.expected_end(offset, end);
        let is_before = |piece: &Piece| match expected {
            // What lies between was not expected.
            Some(_) => piece.offset <= offset && offset <= piece.end(),
            None => piece.is_before(offset),
        };
        let before = self.kept.iter().position(is_before);
        let (start, mut data, ahead) = match before {
            Some(at) => {
                let piece = self.kept.remove(at);
                let n_passed = offset.min(piece.end()) - piece.offset;
                let data = piece.data[n_passed as usize..].to_vec();
                let ahead = (piece.ahead * 2).min(MOST);
                (piece.offset + n_passed, data, ahead)
            }
            None if expected.is_some() => (offset, Vec::new(), LEAST),
            None => (offset - offset % LEAST, Vec::new(), LEAST),
        };
        let first = start + data.len() as u64;
        let last = match expected {
            Some(last) => last.min(first + MOST).max(end),
            None => end
                .max(first + ahead)
                .next_multiple_of(LEAST)
                .min(self.bytes),
        };
        let n_bytes = (last - first) as usize;
        data.extend(self.insist(&mut |ranges| ranges.fetch(first, n_bytes))?);
        Ok(Piece {
            offset: start,
            data,
            ahead,
        })
    }

    /// Makes sure that this is still the file that was opened.
    ///
    /// # Errors
    /// [`Kind::Retry`] when it is not; else as [`RemoteFile::open`].
    pub fn check_unchanged(&mut self) -> Result<()> {
        if self.insist(&mut |ranges| ranges.is_same())? {
            return Ok(());
        }
        Err(Trouble::Changed.error(&self.name))
    }

    /// Asks, and asks again as long as what is wrong may pass. Somebody who has not answered once is not waited for.
    fn insist<T>(
        &mut self,
        ask: &mut dyn FnMut(&mut dyn Ranges) -> std::result::Result<T, Trouble>,
    ) -> Result<T> {
        let n_retries = options::retries();
        let is_new = self.kept.is_empty();
        for n in 0.. {
            let trouble = match ask(&mut *self.ranges) {
                Ok(done) => return Ok(done),
                Err(trouble) => trouble,
            };
            let is_mute = is_new && matches!(trouble, Trouble::Said(_));
            if n >= n_retries || is_mute || !trouble.may_pass() {
                return Err(trouble.error(&self.name));
            }
            log::debug!("{}: {trouble:?}; asking again", self.name);
            self.wait(options::delay(n))?;
        }
        Err(Error::internal("a file was asked for without end"))
    }

    /// Waits, unless the run is to end.
    fn wait(&self, how_long: Duration) -> Result<()> {
        let until = Instant::now() + how_long;
        loop {
            if self
                .stop
                .as_ref()
                .is_some_and(|stop| stop.load(Ordering::Relaxed))
            {
                return Err(Error::new(Kind::Interrupted, "interrupted"));
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            thread::sleep(left.min(Duration::from_millis(50)));
        }
    }
}

#[cfg(test)]
mod tests;
