//! [`Bucket`]: a store that can be asked, and the one thread that waits for it.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::stream::BoxStream;
use md5::{Digest, Md5};
use object_store::path::Path as Key;
use object_store::{
    Attribute, Attributes, GetOptions, ObjectMeta, ObjectStore, PutMode, PutMultipartOptions,
    PutOptions, PutPayload,
};
use tokio::runtime::Runtime;

use super::answer::Trouble;
use super::connect::{self, Store};
use super::gate::Gate;
use super::{Headers, Location, Patience, Scheme};
use crate::error::{Error, Kind, Result};

/// How often a waiting caller looks whether the run is to end.
const TICK: Duration = Duration::from_millis(50);

/// Between a failure and the first try after it, and between later ones at most. No dice are thrown: requests that failed
/// together are kept apart by [`Gate`].
const WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// How long the first request is tried again: a wrong address should be told soon.
const OPENING: Duration = Duration::from_secs(8);

/// How long cleaning up waits for an answer: a while after a failure, hardly at all when somebody wants the run to end and the
/// store does not answer.
const CLEANING: Duration = Duration::from_secs(15);
const CLEANING_IN_VAIN: Duration = Duration::from_millis(1200);

/// How long what takes effect at once may go on when the run is to end: better to know what became of it.
const LAST_WORD: Duration = Duration::from_secs(2);

/// What an attempt gets at least, however little of the time for all of them is left: less would hardly reach the store.
const LEAST: Duration = Duration::from_secs(5);

/// Objects deleted with one call, and where each is a call of its own.
const DELETED_AT_ONCE: usize = 1000;
const DELETED_ONE_BY_ONE: usize = 100;

/// What is known of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its key in the bucket.
    pub key: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// The MD5 of its bytes if its ETag looks like one. Of an encrypted object it is another number.
    pub md5: Option<[u8; 16]>,
}

/// What bytes are known by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sum {
    bytes: u64,
    md5: [u8; 16],
}

impl Sum {
    pub(super) fn of(data: &[u8]) -> Self {
        Self {
            bytes: data.len() as u64,
            md5: Md5::digest(data).into(),
        }
    }
}

/// A bucket that answers. Clones share its thread.
#[derive(Clone)]
pub struct Bucket {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) location: Location,
    pub(super) patience: Patience,
    pub(super) store: Store,
    pub(super) gate: Gate,
    /// Nothing is asked any more but what cleans up.
    pub(super) ended: AtomicBool,
    /// The store did not answer when all was given up.
    pub(super) is_silent: AtomicBool,
    /// `None` only while it goes.
    runtime: Option<Runtime>,
}

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Errand {
    /// The run. Nothing is asked any more once all has ended.
    Work,
    /// The first look: what is wrong should be told soon.
    Opening,
    /// Taking away what is of no use, when all has ended, too.
    Cleaning,
}

/// How often a request was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tries {
    pub(super) n: u32,
    /// Those that may have taken effect though nobody said so.
    pub(super) n_lost: u32,
}

/// A list of objects that is being read.
#[derive(Default)]
struct Pages {
    rest: Mutex<Rest>,
    /// The last object that was told of: a list that is begun anew goes on after it.
    last: Option<Key>,
}

#[derive(Default)]
enum Rest {
    /// Not asked for, or the line broke.
    #[default]
    Unknown,
    Coming(BoxStream<'static, object_store::Result<ObjectMeta>>),
    Nothing,
}

impl Pages {
    fn lock(&self) -> MutexGuard<'_, Rest> {
        // Every change is one assignment.
        self.rest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Not waiting for a name that is being looked up, which nothing can stop.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Bucket {
    /// The bucket of `location`, once it has been asked what lies there and for leave to put something.
    ///
    /// # Errors
    /// [`Kind::Usage`] for settings that make no sense, [`Kind::Output`] for credentials that are refused, a bucket that is not
    /// there and rights that are missing, [`Kind::Retry`] for a store that does not answer.
    pub fn open(location: &Location, patience: &Patience) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .max_blocking_threads(8)
            .thread_name("network")
            .enable_all()
            .build()
            .map_err(|e| {
                Error::new(
                    Kind::Resources,
                    format!("a thread for the network cannot be started ({e})"),
                )
            })?;
        let inner = Inner {
            location: location.clone(),
            patience: patience.clone(),
            store: connect::store(location)?,
            gate: Gate::new(),
            ended: AtomicBool::new(false),
            is_silent: AtomicBool::new(false),
            runtime: Some(runtime),
        };
        let bucket = Self {
            inner: Arc::new(inner),
        };
        let inner = Arc::clone(&bucket.inner);
        bucket.wait(async move { inner.knock().await })?;
        Ok(bucket)
    }

    /// Where it was opened.
    pub fn location(&self) -> &Location {
        &self.inner.location
    }

    /// What lies directly below `folder`: names of folders, and objects.
    ///
    /// # Errors
    /// When the store cannot tell.
    pub fn look(&self, folder: &str) -> Result<(Vec<String>, Vec<Object>)> {
        let (inner, folder) = (Arc::clone(&self.inner), folder.to_owned());
        self.wait(async move {
            let prefix = inner.key(&folder)?;
            let prefix = (!folder.is_empty()).then_some(prefix);
            let ask = || inner.store.objects.list_with_delimiter(prefix.as_ref());
            let (_, found) = inner.insist(Errand::Work, ask).await;
            let found = found.map_err(|trouble| inner.told(&trouble, &folder, "listed"))?;
            let folders = found.common_prefixes.iter();
            let folders = folders.filter_map(|path| path.filename().map(str::to_owned));
            let objects = found.objects.iter().map(Object::of);
            Ok((folders.collect(), objects.collect()))
        })
    }

    /// Every object below `folder` to `each`.
    ///
    /// # Errors
    /// When the store cannot tell.
    pub fn list(&self, folder: &str, each: &mut dyn FnMut(Object)) -> Result<()> {
        let prefix = self.inner.key(folder)?;
        let mut pages = Pages::default();
        loop {
            let (inner, prefix) = (Arc::clone(&self.inner), prefix.clone());
            let found;
            (found, pages) = self.wait(async move {
                let ask = || inner.some_of(&prefix, &pages);
                let (_, found) = inner.insist(Errand::Work, ask).await;
                let found =
                    found.map_err(|trouble| inner.told(&trouble, prefix.as_ref(), "listed"))?;
                Ok((found, pages))
            })?;
            for object in &found {
                each(Object::of(object));
            }
            match found.last() {
                Some(object) => pages.last = Some(object.location.clone()),
                None => return Ok(()),
            }
        }
    }

    /// What is known of the object at `key`; `None` if there is none.
    ///
    /// # Errors
    /// When the store cannot tell.
    pub fn head(&self, key: &str) -> Result<Option<Object>> {
        let (inner, key) = (Arc::clone(&self.inner), key.to_owned());
        self.wait(async move { inner.head(&key, Errand::Work).await })
    }

    /// Whether the object at `key` is what it was when `before` was known of it, or is still not there. Told even when the run
    /// is to end.
    ///
    /// # Errors
    /// When the store cannot tell.
    pub fn is_as_before(&self, key: &str, before: Option<&Object>) -> Result<bool> {
        let (inner, key) = (Arc::clone(&self.inner), key.to_owned());
        let now = self.wait_regardless(async move { inner.head(&key, Errand::Cleaning).await })?;
        let known = |object: &Object| (object.bytes, object.md5);
        Ok(now.as_ref().map(known) == before.map(known))
    }

    /// The bytes of the object at `key`; `None` if there is none.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(&self, key: &str) -> Result<Option<Vec<u8>>> {
        let (inner, key) = (Arc::clone(&self.inner), key.to_owned());
        self.wait(async move { inner.read(&key, Errand::Work).await })
    }

    /// Puts one object, whatever is there, even when the run is to end: for what takes effect at once.
    ///
    /// # Errors
    /// When it cannot be put. It may be there all the same.
    pub fn put(&self, key: &str, data: Vec<u8>, headers: &Headers) -> Result<()> {
        let (inner, key) = (Arc::clone(&self.inner), key.to_owned());
        let (data, headers) = (PutPayload::from(data), attributes(headers));
        self.wait_for_effect(async move {
            let put = || inner.put_once(&key, &data, &headers, PutMode::Overwrite);
            let (_, done) = inner.insist(Errand::Work, put).await;
            done.map_err(|trouble| inner.told(&trouble, &key, "put"))
        })
    }

    /// Deletes objects, a thousand at a time; one that is gone already is as good. With `regardless` even when the run is to
    /// end.
    ///
    /// # Errors
    /// When some cannot be deleted. The others may be deleted all the same.
    pub fn delete(&self, keys: &mut dyn Iterator<Item = String>, regardless: bool) -> Result<()> {
        let n_at_once = match self.location().scheme {
            Scheme::S3 | Scheme::Az => DELETED_AT_ONCE,
            Scheme::Gs => DELETED_ONE_BY_ONE,
        };
        loop {
            let some: Vec<String> = keys.take(n_at_once).collect();
            if some.is_empty() {
                return Ok(());
            }
            let inner = Arc::clone(&self.inner);
            if regardless {
                self.wait_regardless(async move { inner.delete(some, Errand::Cleaning).await })?;
            } else {
                self.wait(async move { inner.delete(some, Errand::Work).await })?;
            }
        }
    }

    /// Has `work` done by the network's thread, and waits for it as long as the run is not to end.
    pub(super) fn wait<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        self.wait_for(work, || self.inner.patience.check())
    }

    /// [`Bucket::wait`] even if the run is to end.
    pub(super) fn wait_regardless<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        self.wait_for(work, || Ok(()))
    }

    /// [`Bucket::wait`] for what takes effect at once: when the run is to end, a little longer. After an error of kind
    /// [`Kind::Interrupted`] nobody knows whether it has.
    pub(super) fn wait_for_effect<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        let ending = Cell::new(None::<Instant>);
        self.wait_for(work, || {
            let Err(error) = self.inner.patience.check() else {
                return Ok(());
            };
            let since = ending.get().unwrap_or_else(Instant::now);
            ending.set(Some(since));
            if since.elapsed() < LAST_WORD {
                return Ok(());
            }
            Err(error)
        })
    }

    fn wait_for<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T>> + Send + 'static,
        check: impl Fn() -> Result<()>,
    ) -> Result<T> {
        let (sender, receiver) = mpsc::sync_channel(1);
        let task = self.inner.runtime().spawn(async move {
            // Nobody waits any more when it cannot be sent.
            let _ = sender.send(work.await);
        });
        loop {
            match receiver.recv_timeout(TICK) {
                Ok(result) => return result,
                Err(RecvTimeoutError::Timeout) => check().inspect_err(|_| task.abort())?,
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Error::internal("the network's thread failed"));
                }
            }
        }
    }
}

impl Inner {
    pub(super) fn runtime(&self) -> &Runtime {
        self.runtime
            .as_ref()
            .expect("the runtime is there until the bucket goes")
    }

    /// The key as object_store wants it.
    pub(super) fn key(&self, key: &str) -> Result<Key> {
        Key::parse(key).map_err(|_| {
            let what = format!("{}: no key of an object; expected one", self.shown(key));
            Error::usage(what)
        })
    }

    /// The address of `key`.
    pub(super) fn shown(&self, key: &str) -> String {
        let location = Location {
            key: key.to_owned(),
            ..self.location.clone()
        };
        location.to_string()
    }

    /// The error that the user reads.
    pub(super) fn told(&self, trouble: &Trouble, key: &str, what: &str) -> Error {
        trouble.error(&self.location, &self.shown(key), what)
    }

    /// Asks as often as it may help: how often, and what came of it. An attempt may take as long as all of them, and a later
    /// one what is left of that, so that nobody waits much longer than [`Patience`] says.
    pub(super) async fn insist<T, F>(
        &self,
        errand: Errand,
        mut ask: impl FnMut() -> F,
    ) -> (Tries, std::result::Result<T, Trouble>)
    where
        F: Future<Output = object_store::Result<T>>,
    {
        let has_ended = || errand == Errand::Work && self.ended.load(Ordering::Relaxed);
        let (patience, longest) = self.limits(errand);
        let (mut wait, mut tries) = (WAIT, Tries::default());
        // Work may wait for its turn; who opens or cleans up has somebody waiting.
        let mut failing = (errand != Errand::Work).then(Instant::now);
        loop {
            let pass = self.gate.enter().await;
            if has_ended() {
                return (tries, Err(Trouble::Other("the run has ended".to_owned())));
            }
            let left = match failing {
                Some(since) if tries.n > 0 => patience.saturating_sub(since.elapsed()),
                _ => patience,
            };
            let limit = longest.min(left.max(LEAST));
            let asked = Instant::now();
            tries.n += 1;
            let trouble = match within(limit, ask()).await {
                Some(Ok(answer)) => {
                    pass.answered();
                    return (tries, Ok(answer));
                }
                Some(Err(error)) => Trouble::of(&error),
                None => Trouble::Passing(format!("no answer in {:.0} s", limit.as_secs_f64())),
            };
            tries.n_lost += u32::from(trouble.may_have_worked());
            if !trouble.may_pass() {
                return (tries, Err(trouble));
            }
            let mut until_next = wait;
            if let Some(wanted) = trouble.wants_less() {
                pass.throttled();
                until_next = wanted.clamp(wait, LONGEST_WAIT);
            }
            drop(pass);
            log::debug!(
                "{}: {trouble:?}, asked again in {until_next:?}",
                self.location
            );
            // A store that says no has answered; one that says nothing fails from the beginning.
            let began = if trouble.wants_less().is_some() {
                Instant::now()
            } else {
                asked
            };
            let since = failing.get_or_insert(began).elapsed();
            if since + until_next > patience || has_ended() {
                return (tries, Err(trouble));
            }
            tokio::time::sleep(until_next).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    /// How long an errand is tried again, and how long it waits for one answer.
    fn limits(&self, errand: Errand) -> (Duration, Duration) {
        let retry_for = self.patience.retry_for;
        match errand {
            // The connection has its own limit.
            Errand::Work => (retry_for, Duration::MAX),
            Errand::Opening => (OPENING.min(retry_for), OPENING),
            Errand::Cleaning if self.is_silent.load(Ordering::Relaxed) => {
                (Duration::ZERO, CLEANING_IN_VAIN)
            }
            Errand::Cleaning => (CLEANING.min(retry_for), CLEANING),
        }
    }

    /// Finds out at once whether the store can be reached, knows us, and lets us list and put: a multipart upload that is begun
    /// and given up leaves nothing that anybody sees.
    async fn knock(&self) -> Result<()> {
        let location = &self.location;
        let prefix = self.key(&location.key)?;
        let prefix = (!location.key.is_empty()).then_some(prefix);
        let ask = || self.first_of(prefix.as_ref());
        let (_, found) = self.insist(Errand::Opening, ask).await;
        found.map_err(|trouble| match trouble {
            // Nothing there is an answer, so this is the bucket.
            Trouble::Missing => Error::output(
                location,
                format_args!(
                    "no bucket {} there; expected one that exists",
                    location.bucket
                ),
            )
            .with_help("check its name, and AWS_ENDPOINT_URL if the store is not Amazon's"),
            trouble => trouble.error(location, &location.to_string(), "listed"),
        })?;
        let probe = self.key(&location.join(".azulejo-may-put"))?;
        let begin = || self.begin(&probe);
        let (_, begun) = self.insist(Errand::Opening, begin).await;
        let begun = begun.map_err(|t| t.error(location, &location.to_string(), "put"))?;
        // A store that cannot give up an upload has nothing of it either.
        let give_up = || self.store.parts.abort_multipart(&probe, &begun);
        let (_, given_up) = self.insist(Errand::Opening, give_up).await;
        if let Err(trouble) = given_up {
            log::info!("{location}: an empty upload cannot be given up ({trouble:?})");
        }
        Ok(())
    }

    /// Begins an upload in parts.
    async fn begin(&self, probe: &Key) -> object_store::Result<String> {
        let parts = &self.store.parts;
        let id = parts.create_multipart_opts(probe, PutMultipartOptions::default());
        let id = id.await?;
        if self.location.scheme == Scheme::Az {
            // Azure is asked nothing before the first part. One without an object goes by itself after a week.
            let part = PutPayload::from_static(b"?");
            parts.put_part(probe, &id, 0, part).await?;
        }
        Ok(id)
    }

    /// One object below `prefix`, if there is any.
    async fn first_of(&self, prefix: Option<&Key>) -> object_store::Result<Option<ObjectMeta>> {
        let mut stream = self.store.objects.list(prefix);
        poll_fn(|cx| stream.as_mut().poll_next(cx))
            .await
            .transpose()
    }

    /// Up to some thousands of objects below `prefix`, after those that `pages` told of.
    async fn some_of(&self, prefix: &Key, pages: &Pages) -> object_store::Result<Vec<ObjectMeta>> {
        const SOME: usize = 10_000;
        let objects = &self.store.objects;
        let rest = std::mem::take(&mut *pages.lock());
        let (mut stream, is_new) = match (rest, &pages.last) {
            (Rest::Nothing, _) => return Ok(Vec::new()),
            (Rest::Coming(stream), _) => (stream, false),
            (Rest::Unknown, Some(last)) => (objects.list_with_offset(Some(prefix), last), true),
            (Rest::Unknown, None) => (objects.list(Some(prefix)), false),
        };
        let mut found = Vec::new();
        while found.len() < SOME {
            match poll_fn(|cx| stream.as_mut().poll_next(cx)).await {
                // Not every store knows where to begin.
                Some(Ok(object)) if is_new && Some(&object.location) <= pages.last.as_ref() => {}
                Some(Ok(object)) => found.push(object),
                // The next call goes on from here.
                Some(Err(_)) if !found.is_empty() => return Ok(found),
                Some(Err(error)) => return Err(error),
                None => {
                    *pages.lock() = Rest::Nothing;
                    return Ok(found);
                }
            }
        }
        *pages.lock() = Rest::Coming(stream);
        Ok(found)
    }

    pub(super) async fn head(&self, key: &str, errand: Errand) -> Result<Option<Object>> {
        let path = self.key(key)?;
        let ask = || {
            self.store
                .objects
                .get_opts(&path, GetOptions::new().with_head(true))
        };
        match self.insist(errand, ask).await.1 {
            Ok(found) => Ok(Some(Object::of(&found.meta))),
            Err(Trouble::Missing) => Ok(None),
            Err(trouble) => Err(self.told(&trouble, key, "looked at")),
        }
    }

    pub(super) async fn read(&self, key: &str, errand: Errand) -> Result<Option<Vec<u8>>> {
        let path = self.key(key)?;
        let ask = || async {
            let found = self
                .store
                .objects
                .get_opts(&path, GetOptions::new())
                .await?;
            found.bytes().await
        };
        match self.insist(errand, ask).await.1 {
            Ok(found) => Ok(Some(found.to_vec())),
            Err(Trouble::Missing) => Ok(None),
            Err(trouble) => Err(self.told(&trouble, key, "read")),
        }
    }

    /// Whether the object at `key` has the bytes of `sum`; `None` if there is none.
    pub(super) async fn has(&self, key: &str, sum: &Sum, errand: Errand) -> Result<Option<bool>> {
        let Some(object) = self.head(key, errand).await? else {
            return Ok(None);
        };
        if let Some(told) = object.has(sum) {
            return Ok(Some(told));
        }
        let found = self.read(key, errand).await?;
        Ok(found.map(|found| Sum::of(&found) == *sum))
    }

    pub(super) async fn put_once(
        &self,
        key: &str,
        data: &PutPayload,
        attributes: &Attributes,
        mode: PutMode,
    ) -> object_store::Result<()> {
        let options = PutOptions {
            mode,
            attributes: attributes.clone(),
            ..PutOptions::default()
        };
        let path = Key::parse(key)?;
        let put = self.store.objects.put_opts(&path, data.clone(), options);
        put.await.map(drop)
    }

    /// Deletes up to [`DELETED_AT_ONCE`] objects.
    async fn delete(&self, keys: Vec<String>, errand: Errand) -> Result<()> {
        let paths = keys.iter().map(|key| self.key(key));
        let paths: Vec<Key> = paths.collect::<Result<_>>()?;
        let delete = || self.delete_once(&paths);
        let (_, done) = self.insist(errand, delete).await;
        let first = keys.first().map_or("", |key| key);
        done.map_err(|trouble| self.told(&trouble, first, "deleted"))
    }

    async fn delete_once(&self, paths: &[Key]) -> object_store::Result<()> {
        let paths: Vec<_> = paths.iter().cloned().map(Ok).collect();
        let mut stream = self
            .store
            .objects
            .delete_stream(Box::pin(futures_util::stream::iter(paths)));
        let mut result = Ok(());
        while let Some(deleted) = poll_fn(|cx| stream.as_mut().poll_next(cx)).await {
            match deleted {
                Ok(_) => {}
                Err(error) if Trouble::of(&error) == Trouble::Missing => {}
                Err(error) => result = Err(error),
            }
        }
        result
    }
}

impl Object {
    fn of(found: &ObjectMeta) -> Self {
        Self {
            key: found.location.to_string(),
            bytes: found.size,
            md5: found.e_tag.as_deref().and_then(md5_of_tag),
        }
    }

    /// Whether these are its bytes, as far as its ETag tells: `None` when that is another sum.
    pub fn is(&self, data: &[u8]) -> Option<bool> {
        if self.bytes != data.len() as u64 {
            return Some(false);
        }
        self.md5?;
        self.has(&Sum::of(data))
    }

    /// [`Object::is`] of bytes known by their sum.
    fn has(&self, sum: &Sum) -> Option<bool> {
        if self.bytes != sum.bytes {
            return Some(false);
        }
        (self.md5? == sum.md5).then_some(true)
    }
}

/// What comes of `work`, unless it takes longer than `longest`.
async fn within<T>(longest: Duration, work: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(longest, work).await.ok()
}

/// The MD5 that an ETag is, if it looks like one.
fn md5_of_tag(tag: &str) -> Option<[u8; 16]> {
    let hex = tag.trim_matches('"');
    if hex.len() != 32 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let number = u128::from_str_radix(hex, 16).ok()?;
    Some(number.to_be_bytes())
}

/// `headers` as object_store takes them. No `Content-Encoding`: tiles are as they are.
pub(super) fn attributes(headers: &Headers) -> Attributes {
    let mut attributes = Attributes::new();
    attributes.insert(Attribute::ContentType, headers.content_type.clone().into());
    attributes.insert(
        Attribute::CacheControl,
        headers.cache_control.clone().into(),
    );
    attributes
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // A test that cannot go on panics.
mod tests {
    use super::*;

    #[test]
    fn an_etag_is_an_md5_if_it_looks_like_one() {
        let tag = "\"900150983cd24fb0d6963f7d28e17f72\"";
        assert_eq!(md5_of_tag(tag), Some(Sum::of(b"abc").md5));
        for other in [
            "\"900150983cd24fb0d6963f7d28e17f72-2\"",
            "0x8D4BCC2E4835CD0",
            "",
            "W/\"1\"",
        ] {
            assert_eq!(md5_of_tag(other), None);
        }
    }

    #[test]
    fn what_an_object_is_is_told_by_its_size_and_sum() {
        let object = |bytes, md5| Object {
            key: String::new(),
            bytes,
            md5,
        };
        assert_eq!(object(3, Some(Sum::of(b"abc").md5)).is(b"abc"), Some(true));
        assert_eq!(object(4, Some(Sum::of(b"abc").md5)).is(b"abc"), Some(false));
        // Perhaps the sum of something else, as of an encrypted object.
        assert_eq!(object(3, Some([0; 16])).is(b"abc"), None);
        assert_eq!(object(3, None).is(b"abc"), None);
    }
}
