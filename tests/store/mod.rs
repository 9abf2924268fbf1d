//! Object stores to test against, and a proxy before each that fails as networks and busy stores do, and takes down what went
//! through it. Nobody here wrote the stores:
//!
//! - S3 is s3s-fs, which checks signatures.
//! - Google is s3s-fs, too: Google's XML interface is that of S3 but for names of headers, which the proxy puts right, and for
//!   tokens in the place of signatures, which the proxy checks.
//! - Azure is Azurite, Microsoft's own, which checks signatures.

mod azurite;

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
use azurite::{ACCOUNT, ACCOUNT_KEY};

/// What the store knows us by. The secret must never be seen anywhere.
pub(crate) const KEY: &str = "AKIATESTTESTTEST";
pub(crate) const SECRET: &str = "canary/5ecret+that/nobody+may/see";
pub(crate) const BUCKET: &str = "maps";

/// Google's token. It must never be seen anywhere, either.
const TOKEN: &str = "canary-ya29.token";

/// Whose manners a store has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    S3,
    Gs,
    Az,
}

impl Kind {
    /// What its addresses begin with.
    fn scheme(self) -> &'static str {
        match self {
            Self::S3 => "s3://",
            Self::Gs => "gs://",
            Self::Az => "az://",
        }
    }

    /// The server, by the variable that names its program, the program's own name, and its arguments but for the port.
    fn server(self, root: &Path) -> (&'static str, &'static str, Vec<String>) {
        let root = root.to_string_lossy().into_owned();
        let text = |args: &[&str]| args.iter().map(|&arg| arg.to_owned()).collect::<Vec<_>>();
        let s3s = ("AZULEJO_TEST_S3S_FS", "s3s-fs");
        match self {
            Self::S3 => {
                let keys = ["--access-key", KEY, "--secret-key", SECRET];
                let args = [&keys[..], &[&root, "--host", "127.0.0.1", "--port"]].concat();
                (s3s.0, s3s.1, text(&args))
            }
            Self::Gs => (
                s3s.0,
                s3s.1,
                text(&[&root, "--host", "127.0.0.1", "--port"]),
            ),
            Self::Az => (
                "AZULEJO_TEST_AZURITE",
                "azurite-blob",
                text(&[
                    "--inMemoryPersistence",
                    "--disableTelemetry",
                    "--silent",
                    "--blobHost",
                    "127.0.0.1",
                    "--blobPort",
                ]),
            ),
        }
    }
}

/// A server with an empty bucket, and the proxy before it. Both end with this.
pub(crate) struct Store {
    pub(crate) kind: Kind,
    server: Child,
    port: u16,
    root: TempDir,
    pub(crate) proxy: Proxy,
}

/// The program that `variable` names, or the one called `name`; `None` where there is none.
fn program(variable: &str, name: &str) -> Option<PathBuf> {
    if let Some(path) = std::env::var_os(variable) {
        return Some(path.into());
    }
    let path = std::env::var_os("PATH")?;
    let mut found = std::env::split_paths(&path).map(|folder| folder.join(name));
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
    /// Starts a store that speaks as S3 does; `None`, with a word about it, where there is no program for that.
    pub(crate) fn start() -> Option<Self> {
        Self::of_kind(Kind::S3)
    }

    /// Starts a store of every kind there is a program for, with a word about the others.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let kinds = [Kind::S3, Kind::Gs, Kind::Az];
        kinds.into_iter().filter_map(Self::of_kind)
    }

    fn of_kind(kind: Kind) -> Option<Self> {
        let root = tempfile::tempdir().unwrap();
        let (variable, name, args) = kind.server(root.path());
        let Some(program) = program(variable, name) else {
            skip::skipped(format!(
                "no {name} on PATH or in {variable} to be the object store of {}",
                kind.scheme()
            ));
            return None;
        };
        fs::create_dir(root.path().join(BUCKET)).unwrap();
        // One after the other, or a proxy of another test takes the port that is free. Somebody else may take it all the same;
        // then the next one is tried.
        static STARTING: Mutex<()> = Mutex::new(());
        let _one = STARTING.lock();
        for _ in 0..20 {
            let port = free_port();
            let mut server = Command::new(&program)
                .args(&args)
                .arg(port.to_string())
                .current_dir(root.path())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            for _ in 0..200 {
                if server.try_wait().unwrap().is_none() && answers(port) {
                    if kind == Kind::Az {
                        azurite::create_container(port, BUCKET);
                    }
                    return Some(Self {
                        kind,
                        server,
                        port,
                        root,
                        proxy: Proxy::start(port, kind),
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
            let is_others = ["AWS_", "AZURE_", "GOOGLE_", "STORAGE_EMULATOR_HOST"]
                .iter()
                .any(|start| name.starts_with(start));
            if is_others || name.to_lowercase().ends_with("_proxy") {
                command.env_remove(name);
            }
        }
        command.env("HOME", desk.0.path());
        let address = self.proxy.address();
        match self.kind {
            Kind::S3 => command
                .env("AWS_ACCESS_KEY_ID", KEY)
                .env("AWS_SECRET_ACCESS_KEY", SECRET)
                .env("AWS_EC2_METADATA_DISABLED", "true")
                .env("AWS_ENDPOINT_URL", address),
            Kind::Gs => command
                .env("GOOGLE_BEARER_TOKEN", TOKEN)
                .env("STORAGE_EMULATOR_HOST", address),
            Kind::Az => command.env(
                "AZURE_STORAGE_CONNECTION_STRING",
                format!("AccountName={ACCOUNT};AccountKey={ACCOUNT_KEY};BlobEndpoint={address}/{ACCOUNT}/;"),
            ),
        };
        command
    }

    /// The address of what lies at `key`.
    pub(crate) fn address(&self, key: &str) -> String {
        format!("{}{BUCKET}/{key}", self.kind.scheme())
    }

    /// Where the bucket's objects are files, which on Azure they are not.
    pub(crate) fn bucket(&self) -> PathBuf {
        self.root.path().join(BUCKET)
    }

    /// All objects whose keys begin with `folder`, by the rest of their keys.
    pub(crate) fn objects(&self, folder: &str) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut found = BTreeMap::new();
        if self.kind == Kind::Az {
            return azurite::objects(self.port, BUCKET, folder);
        }
        let folder = self.bucket().join(folder);
        if folder.exists() {
            add(&folder, &folder, &mut found);
        }
        found
    }
}

impl Store {
    /// Puts an object, of somebody else.
    pub(crate) fn put(&self, key: &str, data: &[u8]) {
        if self.kind == Kind::Az {
            return azurite::put(self.port, BUCKET, key, data);
        }
        let path = self.bucket().join(key);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, data).unwrap();
    }

    /// Deletes an object.
    pub(crate) fn remove(&self, key: &str) {
        if self.kind == Kind::Az {
            return azurite::remove(self.port, BUCKET, key);
        }
        fs::remove_file(self.bucket().join(key)).unwrap();
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
    /// Nothing ever comes of it.
    Hangs,
    /// Answered with this, a whole answer.
    Says(&'static str),
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
    kind: Kind,
    seen: Mutex<Vec<Seen>>,
    judge: Mutex<Arc<Judge>>,
    /// One of two who create the same object goes first: s3s-fs looks, and then writes, where a store does both in one step.
    creating: [Mutex<()>; 64],
}

impl Proxy {
    fn start(upstream: u16, kind: Kind) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let ended = Arc::new(AtomicBool::new(false));
        let shared = Arc::new(Shared {
            kind,
            seen: Mutex::default(),
            judge: Mutex::new(Arc::new(|_: &Seen, _| Fate::Pass)),
            creating: std::array::from_fn(|_| Mutex::new(())),
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
            Fate::Says(answer) => return client.write_all(answer.as_bytes()),
            Fate::Lost => return Ok(()),
            Fate::Hangs => {
                // Until the other side has enough.
                let _ = client.read(&mut [0]);
                return Ok(());
            }
            Fate::Slow(milliseconds) => thread::sleep(Duration::from_millis(milliseconds)),
            Fate::Pass | Fate::Unanswered => {}
        }
        let head = match self.kind {
            Kind::Gs => match from_google(&head, &seen) {
                Some(head) => head,
                None => return client.write_all(UNKNOWN.as_bytes()),
            },
            Kind::S3 | Kind::Az => head,
        };
        let sum: usize = seen.target.bytes().map(usize::from).sum();
        let is_put = seen.method == "PUT";
        let _alone = is_put.then(|| self.creating[sum % self.creating.len()].lock());
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

/// What Google answers to a token that it does not know.
const UNKNOWN: &str = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 61\r\nConnection: close\r\n\r\n\
    <Error><Code>AuthenticationRequired</Code><Message/></Error>\n";

/// The head of a request to Google as S3 has it; `None` without the right token.
fn from_google(head: &str, seen: &Seen) -> Option<String> {
    let token = seen.headers.get("authorization")?.strip_prefix("Bearer ")?;
    let lines = head.lines().filter_map(|line| {
        let name = line.split(':').next().unwrap_or_default();
        match name.to_lowercase().as_str() {
            "authorization" => None,
            "x-goog-if-generation-match" => Some("if-none-match: *\r\n".to_owned()),
            _ => Some(format!("{line}\r\n")),
        }
    });
    (token == TOKEN).then(|| lines.collect())
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
    let target = target
        .strip_prefix(&format!("/{ACCOUNT}"))
        .unwrap_or(target);
    let start = format!("/{BUCKET}/");
    let target = target.strip_prefix(&start).unwrap_or(target);
    // Google is sent keys with hardly any character as it is.
    let target = target.replace("%2F", "/").replace("%2E", ".");
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
