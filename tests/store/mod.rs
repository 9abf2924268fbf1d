//! An object store to test against: s3s-fs, which nobody here wrote and which checks signatures, and a proxy before it that
//! fails as networks and busy stores do, and takes down what went through it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use super::desk::Desk;
use super::skip;

/// What the store knows us by. The secret must never be seen anywhere.
pub(crate) const KEY: &str = "AKIATESTTESTTEST";
pub(crate) const SECRET: &str = "canary/5ecret+that/nobody+may/see";
pub(crate) const BUCKET: &str = "maps";

/// A server with an empty bucket, and the proxy before it. Both end with this.
pub(crate) struct Store {
    server: Child,
    root: TempDir,
    pub(crate) proxy: Proxy,
}

/// The program, or `None` where there is none.
fn program() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("AZULEJO_TEST_S3S_FS") {
        return Some(path.into());
    }
    let path = std::env::var_os("PATH")?;
    let mut found = std::env::split_paths(&path).map(|folder| folder.join("s3s-fs"));
    found.find(|program| program.is_file())
}

/// A port that nobody listens at.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Whether a server of HTTP is at `port`, and not the end of some other line.
fn answers(port: u16) -> bool {
    let ask = || {
        let mut server = TcpStream::connect(("127.0.0.1", port))?;
        server.set_read_timeout(Some(Duration::from_secs(5)))?;
        server.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut answer = Vec::new();
        server.read_to_end(&mut answer).map(|_| answer)
    };
    let answer: std::io::Result<Vec<u8>> = ask();
    answer.is_ok_and(|answer| answer.starts_with(b"HTTP/1.1 "))
}

impl Store {
    /// Starts a store; `None`, with a word about it, where there is no program for that.
    pub(crate) fn start() -> Option<Self> {
        let Some(program) = program() else {
            skip::skipped("no s3s-fs on PATH or in AZULEJO_TEST_S3S_FS to be the object store");
            return None;
        };
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join(BUCKET)).unwrap();
        // One after the other, or a proxy of another test takes the port that is free. Somebody else may take it all the same;
        // then the next one is tried.
        static STARTING: Mutex<()> = Mutex::new(());
        let _one = STARTING.lock();
        for _ in 0..20 {
            let port = free_port();
            let mut server = Command::new(&program)
                .args(["--host", "127.0.0.1", "--port", &port.to_string()])
                .args(["--access-key", KEY, "--secret-key", SECRET])
                .arg(root.path())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            for _ in 0..200 {
                if server.try_wait().unwrap().is_none() && answers(port) {
                    let proxy = Proxy::start(port);
                    return Some(Self {
                        server,
                        root,
                        proxy,
                    });
                }
                if server.try_wait().unwrap().is_some() {
                    break;
                }
                thread::sleep(Duration::from_millis(50));
            }
            let _ = server.kill();
            let _ = server.wait();
        }
        panic!("{} does not start", program.display());
    }

    /// The program under test, told of this store.
    pub(crate) fn command(&self, desk: &Desk, args: &[&str]) -> Command {
        let mut command = desk.command(args);
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            let is_others = name.starts_with("AWS_") || name.to_lowercase().ends_with("_proxy");
            if is_others {
                command.env_remove(name);
            }
        }
        command
            .env("HOME", desk.0.path())
            .env("AWS_ACCESS_KEY_ID", KEY)
            .env("AWS_SECRET_ACCESS_KEY", SECRET)
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_ENDPOINT_URL", self.proxy.address());
        command
    }

    /// Where the bucket's objects are files.
    pub(crate) fn bucket(&self) -> PathBuf {
        self.root.path().join(BUCKET)
    }

    /// All objects whose keys begin with `folder`, by the rest of their keys.
    pub(crate) fn objects(&self, folder: &str) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut found = BTreeMap::new();
        let folder = self.bucket().join(folder);
        if folder.exists() {
            add(&folder, &folder, &mut found);
        }
        found
    }
}

/// All files below `path`, by their names below `root`.
pub(crate) fn add(root: &Path, path: &Path, found: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            add(root, &path, found);
        } else {
            let name = path.strip_prefix(root).unwrap().to_path_buf();
            found.insert(name, fs::read(path).unwrap());
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
        self.proxy.ended.store(true, Ordering::Relaxed);
        // So that it looks.
        let _ = TcpStream::connect(("127.0.0.1", self.proxy.port));
    }
}

/// What is done to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Pass,
    /// Answered with this status instead.
    Answer(u16),
    /// The line breaks before the store has it.
    Lost,
    /// The line breaks after the store has it, and before its answer is there.
    Unanswered,
    /// It takes so many milliseconds.
    Slow(u64),
}

/// A request as it went through.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: String,
    /// The key, or the bucket's name, with a query if there is one.
    pub(crate) target: String,
    /// By names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) fate: Fate,
}

impl Seen {
    /// Whether it puts an object of that end: no part, and no look at a list.
    pub(crate) fn puts(&self, end: &str) -> bool {
        self.method == "PUT" && self.target.ends_with(end)
    }
}

type Judge = dyn Fn(&Seen, usize) -> Fate + Send + Sync;

/// Between the program and the store.
pub(crate) struct Proxy {
    port: u16,
    ended: Arc<AtomicBool>,
    shared: Arc<Shared>,
}

struct Shared {
    seen: Mutex<Vec<Seen>>,
    judge: Mutex<Arc<Judge>>,
}

impl Proxy {
    fn start(upstream: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let ended = Arc::new(AtomicBool::new(false));
        let shared = Arc::new(Shared {
            seen: Mutex::default(),
            judge: Mutex::new(Arc::new(|_: &Seen, _| Fate::Pass)),
        });
        let (is_over, all) = (Arc::clone(&ended), Arc::clone(&shared));
        thread::spawn(move || {
            for client in listener.incoming() {
                if is_over.load(Ordering::Relaxed) {
                    return;
                }
                let Ok(client) = client else { continue };
                let shared = Arc::clone(&all);
                thread::spawn(move || {
                    // A line that breaks is what this is about; any other end is worth a word.
                    if let Err(error) = shared.serve(client, upstream) {
                        println!("proxy: {error}");
                    }
                });
            }
        });
        Self {
            port,
            ended,
            shared,
        }
    }

    pub(crate) fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// From now on `judge` says what becomes of a request, by it and by how many came before it.
    pub(crate) fn judge(&self, judge: impl Fn(&Seen, usize) -> Fate + Send + Sync + 'static) {
        *self.shared.judge.lock().unwrap() = Arc::new(judge);
    }

    /// What went through since the last time.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        std::mem::take(&mut *self.shared.seen.lock().unwrap())
    }

    /// How much went through since then.
    pub(crate) fn n_seen(&self) -> usize {
        self.shared.seen.lock().unwrap().len()
    }
}

impl Shared {
    /// One request of a connection, which is closed after it.
    fn serve(&self, mut client: TcpStream, upstream: u16) -> std::io::Result<()> {
        let Some((head, body)) = read_request(&mut client)? else {
            return Ok(());
        };
        let mut seen = parse(&head);
        let fate = {
            let judge = Arc::clone(&self.judge.lock().unwrap());
            let mut all = self.seen.lock().unwrap();
            seen.fate = judge(&seen, all.len());
            all.push(seen.clone());
            seen.fate
        };
        match fate {
            Fate::Answer(status) => {
                let text = format!(
                    "HTTP/1.1 {status} No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                );
                return client.write_all(text.as_bytes());
            }
            Fate::Lost => return Ok(()),
            Fate::Slow(milliseconds) => thread::sleep(Duration::from_millis(milliseconds)),
            Fate::Pass | Fate::Unanswered => {}
        }
        let mut server = TcpStream::connect(("127.0.0.1", upstream))?;
        // The last line of the head is empty; this header is none of those that are signed.
        server.write_all(&head.as_bytes()[..head.len() - 2])?;
        server.write_all(b"connection: close\r\n\r\n")?;
        server.write_all(&body)?;
        let mut answer = Vec::new();
        server.read_to_end(&mut answer)?;
        if fate != Fate::Unanswered {
            client.write_all(&answer)?;
        }
        Ok(())
    }
}

/// The head of a request, with the empty line at its end, and its body.
fn read_request(client: &mut TcpStream) -> std::io::Result<Option<(String, Vec<u8>)>> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 1 << 16];
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        match client.read(&mut buffer)? {
            0 => return Ok(None),
            n => bytes.extend_from_slice(&buffer[..n]),
        }
    };
    let mut body = bytes.split_off(end);
    let head = String::from_utf8_lossy(&bytes).into_owned();
    let length = parse(&head).headers.get("content-length").cloned();
    let length: usize = length.map_or(0, |text| text.parse().unwrap());
    while body.len() < length {
        match client.read(&mut buffer)? {
            0 => return Ok(None),
            n => body.extend_from_slice(&buffer[..n]),
        }
    }
    Ok(Some((head, body)))
}

fn parse(head: &str) -> Seen {
    let mut lines = head.lines();
    let mut first = lines.next().unwrap_or_default().split(' ');
    let method = first.next().unwrap_or_default().to_owned();
    let target = first.next().unwrap_or_default();
    let start = format!("/{BUCKET}/");
    let target = target.strip_prefix(&start).unwrap_or(target).to_owned();
    let headers = lines.filter_map(|line| line.split_once(": "));
    Seen {
        method,
        target,
        headers: headers
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect(),
        fate: Fate::Pass,
    }
}
