//! [`Uploads`]: many objects put at once, while others are being made.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use object_store::{Attributes, PutMode, PutPayload};
use tokio::task::JoinSet;

use super::Headers;
use super::answer::Trouble;
use super::bucket::{Bucket, Errand, Inner, attributes};
use crate::error::{Error, Kind, Result};

/// Objects that wait or are under way: enough that nobody waits for the next one, few enough to end soon.
const MOST_OBJECTS: usize = 256;

/// And their bytes. One object that is larger goes alone.
const MOST_BYTES: usize = 16 << 20;

/// How often somebody who waits looks whether the run is to end.
const TICK: Duration = Duration::from_millis(50);

/// How long requests under way are waited for when all is given up, since the last one was answered: what arrives at the store
/// later could not be deleted. Less when somebody wants the run to end.
const GRACE: Duration = Duration::from_secs(5);
const GRACE_AT_END: Duration = Duration::from_millis(1200);

/// By which the caller knows an object again.
pub type Mark = [u8; 9];

/// An object to put.
#[derive(Debug)]
pub struct Upload {
    /// Its key in the bucket.
    pub key: String,
    /// Its bytes.
    pub data: Vec<u8>,
    /// What it says about itself.
    pub headers: Headers,
    /// In which way.
    pub how: How,
    /// What [`Uploads::give_up`] tells of it.
    pub mark: Mark,
}

/// In which way an object is put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// There is none of that key.
    Create,
    /// There is one, which is replaced.
    Replace,
    /// There is one of that size, which is replaced unless its ETag, asked for now, says that it has these bytes.
    Renew,
    /// There is one of that size, which must have these bytes.
    Compare,
}

/// Objects on their way into a bucket.
pub struct Uploads {
    bucket: Bucket,
    tasks: JoinSet<()>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    n_waiting: usize,
    waiting_bytes: usize,
    failed: Option<Error>,
    /// Objects that are there because of us, or may be.
    created: Vec<Mark>,
    n_sent: u64,
    n_skipped: u64,
}

impl Uploads {
    /// Uploads into `bucket`.
    pub fn new(bucket: &Bucket) -> Self {
        Self {
            bucket: bucket.clone(),
            tasks: JoinSet::new(),
            shared: Arc::default(),
        }
    }

    /// Takes an object, as soon as there is room.
    ///
    /// # Errors
    /// The first failure of any object before, and [`Kind::Interrupted`].
    pub fn push(&mut self, upload: Upload) -> Result<()> {
        let bytes = upload.data.len();
        let has_room = |state: &State| {
            state.n_waiting == 0
                || (state.n_waiting < MOST_OBJECTS && state.waiting_bytes + bytes <= MOST_BYTES)
        };
        self.wait_until(has_room)?;
        {
            let mut state = self.shared.lock();
            state.n_waiting += 1;
            state.waiting_bytes += bytes;
        }
        // Those that are done need not be remembered.
        while self.tasks.try_join_next().is_some() {}
        let inner = Arc::clone(&self.bucket.inner);
        let shared = Arc::clone(&self.shared);
        let work = async move {
            let counted = Counted {
                shared: &shared,
                bytes,
            };
            let result = inner.carry(upload, &shared).await;
            counted.end(result);
        };
        self.tasks
            .spawn_on(work, self.bucket.inner.runtime().handle());
        Ok(())
    }

    /// Waits until all objects are there.
    ///
    /// # Errors
    /// As [`Uploads::push`].
    pub fn drain(&mut self) -> Result<()> {
        self.wait_until(|state| state.n_waiting == 0)
    }

    /// Counts an object that is there as it is to be.
    pub fn skip(&self) {
        self.shared.lock().n_skipped += 1;
    }

    /// Objects sent, and those that were there already.
    pub fn counts(&self) -> (u64, u64) {
        let state = self.shared.lock();
        (state.n_sent, state.n_skipped)
    }

    /// Ends it all: the marks of the objects that are there because of us, or may be.
    pub fn give_up(&mut self) -> Vec<Mark> {
        let inner = &self.bucket.inner;
        inner.ended.store(true, Ordering::Relaxed);
        let grace = match inner.patience.check() {
            Ok(()) => GRACE,
            Err(_) => GRACE_AT_END,
        };
        let (mut n_running, mut since) = (inner.gate.n_running(), Instant::now());
        while n_running > 0 && since.elapsed() < grace {
            let state = self.shared.lock();
            // Whatever ends tells so; else after a tick.
            drop(self.shared.changed.wait_timeout(state, TICK));
            let now = inner.gate.n_running();
            if now != n_running {
                (n_running, since) = (now, Instant::now());
            }
        }
        inner.is_silent.store(n_running > 0, Ordering::Relaxed);
        self.tasks.abort_all();
        std::mem::take(&mut self.shared.lock().created)
    }

    fn wait_until(&self, is_reached: impl Fn(&State) -> bool) -> Result<()> {
        let mut state = self.shared.lock();
        loop {
            if let Some(error) = &state.failed {
                return Err(error.clone());
            }
            if is_reached(&state) {
                return Ok(());
            }
            let (next, _) = self
                .shared
                .changed
                .wait_timeout(state, TICK)
                .unwrap_or_else(PoisonError::into_inner);
            state = next;
            self.bucket.inner.patience.check()?;
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An object that counts as waiting until this goes.
struct Counted<'a> {
    shared: &'a Shared,
    bytes: usize,
}

impl Counted<'_> {
    fn end(self, result: Result<Carried>) {
        let mut state = self.shared.lock();
        match result {
            Ok(Carried::Sent) => state.n_sent += 1,
            Ok(Carried::Skipped) => state.n_skipped += 1,
            Err(error) => {
                state.failed.get_or_insert(error);
            }
        }
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.n_waiting -= 1;
        state.waiting_bytes -= self.bytes;
        self.shared.changed.notify_all();
    }
}

/// What became of an object.
enum Carried {
    Sent,
    Skipped,
}

impl Inner {
    /// Brings an object where it is to be.
    async fn carry(&self, upload: Upload, shared: &Shared) -> Result<Carried> {
        if self.ended.load(Ordering::Relaxed) {
            return Err(Error::new(Kind::Interrupted, "given up"));
        }
        let Upload {
            key,
            data,
            headers,
            how,
            mark,
        } = upload;
        let attributes = attributes(&headers);
        match how {
            How::Compare => {
                if self.has(&key, &data).await? == Some(true) {
                    return Ok(Carried::Skipped);
                }
                Err(different(&self.shown(&key)))
            }
            How::Replace | How::Renew => {
                if how == How::Renew
                    && let Some(found) = self.head(&key).await?
                    && found.is(&data) == Some(true)
                {
                    return Ok(Carried::Skipped);
                }
                let data = PutPayload::from(data);
                let put = || self.put_once(&key, &data, &attributes, PutMode::Overwrite);
                let (_, done) = self.insist(Errand::Work, put).await;
                done.map_err(|trouble| self.told(&trouble, &key, "put"))?;
                Ok(Carried::Sent)
            }
            How::Create => {
                let created = self.create(&key, data, &attributes, (shared, mark));
                created.await
            }
        }
    }

    /// Puts an object where none is. If one is there all the same, it may be ours: a line can break after the store has taken an
    /// object and before it has said so.
    async fn create(
        &self,
        key: &str,
        data: Vec<u8>,
        attributes: &Attributes,
        (shared, mark): (&Shared, Mark),
    ) -> Result<Carried> {
        shared.lock().created.push(mark);
        let payload = PutPayload::from(data.clone());
        // Whether one of our requests may have arrived without our knowing.
        let mut is_in_doubt = false;
        let mut mode = PutMode::Create;
        for _ in 0..4 {
            let put = || self.put_once(key, &payload, attributes, mode.clone());
            let (n_asked, done) = self.insist(Errand::Work, put).await;
            is_in_doubt |= n_asked > 1;
            match done {
                Ok(()) => return Ok(Carried::Sent),
                Err(Trouble::Exists) => {}
                // A store that knows no conditions.
                Err(trouble) if trouble.is_unknown_to_the_store() && mode == PutMode::Create => {
                    mode = PutMode::Overwrite;
                    continue;
                }
                Err(trouble) => return Err(self.told(&trouble, key, "put")),
            }
            match self.has(key, &data).await? {
                Some(true) if is_in_doubt => return Ok(Carried::Sent),
                Some(true) => {
                    shared.forget(mark);
                    return Ok(Carried::Skipped);
                }
                Some(false) => {
                    shared.forget(mark);
                    return Err(different(&self.shown(key)));
                }
                // Somebody was writing, and is not any more.
                None => is_in_doubt = true,
            }
        }
        Err(self.told(&Trouble::Exists, key, "put"))
    }

    /// Whether the object at `key` has these bytes; `None` if there is none.
    async fn has(&self, key: &str, data: &[u8]) -> Result<Option<bool>> {
        let Some(object) = self.head(key).await? else {
            return Ok(None);
        };
        if let Some(told) = object.is(data) {
            return Ok(Some(told));
        }
        Ok(self.read(key).await?.map(|found| found == data))
    }
}

impl Shared {
    /// The object of `mark` is not ours.
    fn forget(&self, mark: Mark) {
        let mut state = self.lock();
        if let Some(at) = state.created.iter().rposition(|created| *created == mark) {
            state.created.swap_remove(at);
        }
    }
}

/// Another object is where one of ours is to be.
pub(super) fn different(shown: &str) -> Error {
    Error::output(
        shown,
        "another object is there already; expected none, or the same one from a run that was ended",
    )
    .with_help("--overwrite replaces it; --publish VERSION puts the tiles beside it")
}
