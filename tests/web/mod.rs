//! A web server of files, which understands ranges, takes down what it is asked for, and fails as servers do.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Pass,
    /// Answered with this status instead.
    Answer(u16),
    /// Answered with the whole file, whatever the range.
    Whole,
    /// The same, without saying how long that is, and again and again after the file's end.
    Endless,
    /// The line breaks in the midst of the answer.
    Cut,
    /// No answer, until the server ends.
    Silence,
}

/// A request.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: String,
    /// The path with the query.
    pub(crate) target: String,
    /// Names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    /// The first byte and the one after the last, if it is for a part.
    pub(crate) range: Option<(usize, usize)>,
    /// Bytes of the answer, as far as somebody took them.
    pub(crate) n_sent: usize,
}

type Judge = dyn Fn(&Asked, usize) -> Fate + Send + Sync;

/// The server. It ends with this.
pub(crate) struct Web {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    ended: AtomicBool,
    /// By their paths.
    files: Mutex<BTreeMap<String, Arc<Vec<u8>>>>,
    asked: Mutex<Vec<Asked>>,
    judge: Mutex<Arc<Judge>>,
}

impl Web {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            ended: AtomicBool::new(false),
            files: Mutex::default(),
            asked: Mutex::default(),
            judge: Mutex::new(Arc::new(|_: &Asked, _| Fate::Pass)),
        });
        let all = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming() {
                if all.ended.load(Ordering::Relaxed) {
                    return;
                }
                let Ok(client) = client else { continue };
                let shared = Arc::clone(&all);
                // Whoever hangs up in the midst of an answer may do so.
                thread::spawn(move || shared.serve(&client));
            }
        });
        Self { port, shared }
    }

    /// The address of `path`, which has no slash before it.
    pub(crate) fn address(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}", self.port)
    }

    /// Puts a file at `path`, in the place of what may be there, and gives back its address.
    pub(crate) fn put(&self, path: &str, data: Vec<u8>) -> String {
        let mut files = self.shared.files.lock().unwrap();
        files.insert(format!("/{path}"), Arc::new(data));
        self.address(path)
    }

    /// From now on `judge` says what becomes of a request, by it and by how many came before it.
    pub(crate) fn judge(&self, judge: impl Fn(&Asked, usize) -> Fate + Send + Sync + 'static) {
        *self.shared.judge.lock().unwrap() = Arc::new(judge);
    }

    /// What was asked for since the last time.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut *self.shared.asked.lock().unwrap())
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Relaxed);
        // So that it looks.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

impl Shared {
    /// All requests of a connection.
    fn serve(&self, client: &TcpStream) -> std::io::Result<()> {
        let mut lines = BufReader::new(client);
        while let Some(asked) = read_request(&mut lines)? {
            let (fate, at) = {
                let judge = Arc::clone(&self.judge.lock().unwrap());
                let mut all = self.asked.lock().unwrap();
                let fate = judge(&asked, all.len());
                all.push(asked.clone());
                (fate, all.len() - 1)
            };
            let mut n_sent = 0;
            let answered = self.answer(client, &asked, fate, &mut n_sent);
            if let Some(asked) = self.asked.lock().unwrap().get_mut(at) {
                asked.n_sent = n_sent;
            }
            answered?;
            if fate != Fate::Pass {
                client.shutdown(std::net::Shutdown::Both)?;
                break;
            }
        }
        Ok(())
    }

    fn answer(
        &self,
        mut client: &TcpStream,
        asked: &Asked,
        fate: Fate,
        n_sent: &mut usize,
    ) -> std::io::Result<()> {
        if fate == Fate::Silence {
            while !self.ended.load(Ordering::Relaxed) {
                thread::sleep(std::time::Duration::from_millis(20));
            }
            return Ok(());
        }
        let path = asked.target.split('?').next().unwrap_or_default();
        let file = self.files.lock().unwrap().get(path).cloned();
        let mut status = match fate {
            Fate::Answer(status) => status,
            _ => 200,
        };
        let empty = Arc::default();
        let file = file.as_ref().unwrap_or_else(|| {
            status = 404;
            &empty
        });
        if status != 200 {
            let head = format!("HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n");
            return client.write_all(head.as_bytes());
        }
        // No two files of a test have the same length and the same first bytes of their ends.
        let mark = file.iter().rev().take(64).fold(file.len(), |sum, byte| {
            sum.wrapping_mul(31).wrapping_add(usize::from(*byte))
        });
        let mut head = format!("ETag: \"{mark:x}\"\r\n");
        let (status, part) = match (asked.range, fate) {
            (Some((first, _)), Fate::Pass | Fate::Cut) if first >= file.len() => {
                head += &format!("Content-Range: bytes */{}\r\n", file.len());
                (416, &file[..0])
            }
            (Some((first, end)), Fate::Pass | Fate::Cut) => {
                let end = end.min(file.len());
                head += &format!(
                    "Content-Range: bytes {first}-{}/{}\r\n",
                    end - 1,
                    file.len()
                );
                (206, &file[first..end])
            }
            _ => (200, &file[..]),
        };
        if fate == Fate::Endless {
            head += "Connection: close\r\n";
        } else {
            head += &format!("Content-Length: {}\r\n", part.len());
        }
        client.write_all(format!("HTTP/1.1 {status} So\r\n{head}\r\n").as_bytes())?;
        if asked.method == "HEAD" {
            return Ok(());
        }
        let part = match fate {
            Fate::Cut => &part[..part.len() / 2],
            _ => part,
        };
        loop {
            for piece in part.chunks(1 << 16) {
                client.write_all(piece)?;
                *n_sent += piece.len();
            }
            if fate != Fate::Endless {
                return Ok(());
            }
        }
    }
}

/// The head of a request; none of them has a body.
fn read_request(lines: &mut impl BufRead) -> std::io::Result<Option<Asked>> {
    let mut read = || {
        let mut line = String::new();
        lines.read_line(&mut line)?;
        std::io::Result::Ok(line.trim_end().to_owned())
    };
    let first = read()?;
    let mut words = first.split(' ').map(str::to_owned);
    let (Some(method), Some(target)) = (words.next(), words.next()) else {
        return Ok(None);
    };
    let mut headers = BTreeMap::new();
    loop {
        let line = read()?;
        let Some((name, value)) = line.split_once(": ") else {
            break;
        };
        headers.insert(name.to_lowercase(), value.to_owned());
    }
    let range = headers.get("range").map(|range| {
        let (first, last) = range
            .strip_prefix("bytes=")
            .unwrap()
            .split_once('-')
            .unwrap();
        let end = last.parse().map_or(usize::MAX, |last: usize| last + 1);
        (first.parse().unwrap(), end)
    });
    Ok(Some(Asked {
        method,
        target,
        headers,
        range,
        n_sent: 0,
    }))
}
