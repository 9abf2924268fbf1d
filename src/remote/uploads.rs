//! [`Uploads`]: many objects put at once, while others are being made.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use object_store::{Attributes, PutMode, PutPayload};
use tokio::task::JoinSet;

use super::Headers;
use super::answer::Trouble;
use super::bucket::{Bucket, Errand, Inner, Sum, attributes};
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

/// Objects in doubt that are looked at at a time.
const LOOKED_AT: usize = 64;

/// How long somebody else is left to end what he does with an object.
const WAIT: Duration = Duration::from_millis(100);

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
    /// Objects of which the store has said that they are there because of us.
    created: Vec<Mark>,
    /// Objects that it was asked to take and has said nothing of, as yet or for good.
    doubtful: HashMap<Mark, Doubt>,
    /// Objects that somebody else may have put there since we looked.
    met: Vec<Mark>,
    /// Whether somebody else has surely put something where ours was to be.
    has_company: bool,
    n_sent: u64,
    n_skipped: u64,
}

/// An object that may be ours: it is if it has these bytes.
struct Doubt {
    key: String,
    sum: Sum,
}

/// What there is of uploads that were given up.
#[derive(Debug, Default)]
pub struct Remains {
    /// Objects that are there because of us.
    pub created: Vec<Mark>,
    /// How many others may be there, because of us or of somebody else.
    pub n_unknown: usize,
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

    /// Whether objects that were to be created were there already, though nobody had listed them: another run may be at work,
    /// and may yet take them away.
    pub fn has_met(&self) -> bool {
        !self.shared.lock().met.is_empty()
    }

    /// Objects that were to be created and are there.
    pub fn created(&self) -> Vec<Mark> {
        let state = self.shared.lock();
        let sure = state.created.iter().chain(&state.met);
        sure.chain(state.doubtful.keys()).copied().collect()
    }

    /// Ends it all, and finds out what is there because of us.
    pub fn give_up(&mut self) -> Remains {
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
        let (mut created, doubtful, has_company) = {
            let mut state = self.shared.lock();
            let doubtful = std::mem::take(&mut state.doubtful);
            let created = std::mem::take(&mut state.created);
            (created, doubtful, state.has_company)
        };
        let n_doubtful = doubtful.len();
        let inner = Arc::clone(inner);
        let sorted = self
            .bucket
            .wait_regardless(async move { Ok(inner.sort_out(doubtful).await) });
        let n_unknown = match sorted {
            // The answer that was lost may have been a no.
            Ok((ours, n_unknown)) if has_company => ours.len() + n_unknown,
            Ok((ours, n_unknown)) => {
                created.extend(ours);
                n_unknown
            }
            Err(_) => n_doubtful,
        };
        Remains { created, n_unknown }
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
                if self.has(&key, &Sum::of(&data), Errand::Work).await? == Some(true) {
                    return Ok(Carried::Skipped);
                }
                shared.lock().has_company = true;
                Err(different(&self.shown(&key)))
            }
            How::Replace | How::Renew => {
                if how == How::Renew
                    && let Some(found) = self.head(&key, Errand::Work).await?
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
        let sum = Sum::of(&data);
        let payload = PutPayload::from(data);
        // Whether one of our requests may have arrived without our knowing.
        let mut is_in_doubt = false;
        let mut mode = PutMode::Create;
        for _ in 0..4 {
            let put = || {
                shared.doubt(mark, key, sum);
                self.put_once(key, &payload, attributes, mode.clone())
            };
            let (tries, done) = self.insist(Errand::Work, put).await;
            is_in_doubt |= tries.n_lost > 0;
            match done {
                Ok(()) => {
                    // Without a condition the store's yes does not say that nothing was there.
                    if mode == PutMode::Create {
                        shared.own(mark);
                    }
                    return Ok(Carried::Sent);
                }
                // A store that knows no conditions.
                Err(trouble) if trouble.is_unknown_to_the_store() && mode == PutMode::Create => {
                    mode = PutMode::Overwrite;
                    continue;
                }
                Err(trouble) => {
                    if !is_in_doubt {
                        // Before anything else is awaited: this may end at any time, and the object is not ours.
                        shared.forget(mark);
                    }
                    if trouble == Trouble::Exists {
                        shared.lock().has_company |= !is_in_doubt;
                    } else {
                        return Err(self.told(&trouble, key, "put"));
                    }
                }
            }
            match self.has(key, &sum, Errand::Work).await? {
                Some(true) => {
                    shared.lock().met.push(mark);
                    return Ok(if is_in_doubt {
                        Carried::Sent
                    } else {
                        Carried::Skipped
                    });
                }
                Some(false) => {
                    shared.forget(mark);
                    shared.lock().has_company = true;
                    return Err(met(&self.shown(key)));
                }
                // Somebody was writing, and is not any more.
                None => tokio::time::sleep(WAIT).await,
            }
        }
        Err(self.told(&Trouble::Exists, key, "put"))
    }

    /// Those of `doubtful` that are there as we wanted them, and of how many others nobody knows.
    async fn sort_out(self: Arc<Self>, doubtful: HashMap<Mark, Doubt>) -> (Vec<Mark>, usize) {
        let (mut ours, mut n_unknown) = (Vec::new(), 0);
        let mut rest = doubtful.into_iter();
        let mut looks = JoinSet::new();
        loop {
            for (mark, Doubt { key, sum }) in rest.by_ref().take(LOOKED_AT - looks.len()) {
                let inner = Arc::clone(&self);
                looks.spawn(async move {
                    let found = inner.has(&key, &sum, Errand::Cleaning).await;
                    found.map(|found| (found == Some(true)).then_some(mark))
                });
            }
            match looks.join_next().await {
                None => return (ours, n_unknown),
                Some(Ok(Ok(mark))) => ours.extend(mark),
                // A store that does not answer will not tell of the others, either.
                Some(_) => n_unknown += 1 + rest.by_ref().count(),
            }
        }
    }
}

impl Shared {
    /// The object of `mark` is being put.
    fn doubt(&self, mark: Mark, key: &str, sum: Sum) {
        let key = key.to_owned();
        self.lock().doubtful.insert(mark, Doubt { key, sum });
    }

    /// The object of `mark` is ours.
    fn own(&self, mark: Mark) {
        let mut state = self.lock();
        state.doubtful.remove(&mark);
        state.created.push(mark);
    }

    /// The object of `mark` is not ours.
    fn forget(&self, mark: Mark) {
        self.lock().doubtful.remove(&mark);
    }
}

/// Another object has come where one of ours is to be.
fn met(shown: &str) -> Error {
    Error::output(
        shown,
        "another run is writing there: this object has come since this run began, and is not the same; expected one run at a time",
    )
    .with_help("when the other one has ended: --overwrite, or --publish VERSION for a folder of its own")
}

/// Another object is where one of ours is to be.
pub(super) fn different(shown: &str) -> Error {
    Error::output(
        shown,
        "another object is there already; expected none, or the same one from a run that was ended",
    )
    .with_help("--overwrite replaces it; --publish VERSION puts the tiles beside it")
}
