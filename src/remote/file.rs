//! [`FileUpload`]: a file that becomes one object, in parts, and is seen when all of them are there.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use object_store::multipart::PartId;
use object_store::path::Path as Key;
use object_store::{Attributes, PutMultipartOptions, PutPayload};
use tokio::task::JoinSet;

use super::answer::Trouble;
use super::azure;
use super::bucket::{Bucket, Errand, Inner, attributes};
use super::{Headers, Scheme, part_bytes};
use crate::error::{Error, Result};

/// Parts under way at a time.
const AT_ONCE: usize = 4;

/// A file of which all parts are in the store, and which nobody sees yet. Dropped without [`FileUpload::publish`], it is given
/// up.
pub struct FileUpload {
    bucket: Bucket,
    key: String,
    path: Key,
    id: String,
    headers: Headers,
    parts: Vec<PartId>,
    is_done: bool,
}

impl FileUpload {
    /// Sends the file at `path` to become the object at `key`.
    ///
    /// # Errors
    /// When the file cannot be read or a part cannot be put.
    pub fn send(bucket: &Bucket, key: &str, path: &Path, headers: &Headers) -> Result<Self> {
        let reading = |error: std::io::Error| Error::writing(path.display(), &error);
        let mut file = File::open(path).map_err(reading)?;
        let size = file.metadata().map_err(reading)?.len();
        let mut upload = Self::begin(bucket, key, headers)?;
        let part_bytes = part_bytes(size);
        let n_parts = usize::try_from(size.div_ceil(part_bytes).max(1)).unwrap_or(usize::MAX);
        let mut tasks = JoinSet::new();
        let mut parts = vec![None; n_parts];
        for at in 0..n_parts {
            if tasks.len() >= AT_ONCE {
                upload.take(&mut tasks, &mut parts)?;
            }
            let mut data = Vec::new();
            let mut part = (&mut file).take(part_bytes);
            part.read_to_end(&mut data).map_err(reading)?;
            let (inner, key) = (Arc::clone(&bucket.inner), upload.path.clone());
            let (id, shown) = (upload.id.clone(), upload.key.clone());
            let work = async move {
                let data = PutPayload::from(data);
                let put = || inner.store.parts.put_part(&key, &id, at, data.clone());
                let (_, put) = inner.insist(Errand::Work, put).await;
                put.map(|part| (at, part))
                    .map_err(|trouble| inner.told(&trouble, &shown, "put"))
            };
            tasks.spawn_on(work, bucket.inner.runtime().handle());
        }
        while !tasks.is_empty() {
            upload.take(&mut tasks, &mut parts)?;
        }
        upload.parts = parts.into_iter().flatten().collect();
        Ok(upload)
    }

    fn begin(bucket: &Bucket, key: &str, headers: &Headers) -> Result<Self> {
        let path = bucket.inner.key(key)?;
        let options = PutMultipartOptions {
            // Azure is told when the parts are put together.
            attributes: match bucket.location().scheme {
                Scheme::Az => Attributes::new(),
                Scheme::S3 | Scheme::Gs => attributes(headers),
            },
            ..PutMultipartOptions::default()
        };
        let (inner, at, shown) = (Arc::clone(&bucket.inner), path.clone(), key.to_owned());
        let id = bucket.wait(async move {
            let parts = &inner.store.parts;
            let begin = || parts.create_multipart_opts(&at, options.clone());
            let (_, id) = inner.insist(Errand::Work, begin).await;
            id.map_err(|trouble| inner.told(&trouble, &shown, "put"))
        })?;
        Ok(Self {
            bucket: bucket.clone(),
            key: key.to_owned(),
            path,
            id,
            headers: headers.clone(),
            parts: Vec::new(),
            is_done: false,
        })
    }

    /// Waits for one of the parts under way.
    fn take(
        &self,
        tasks: &mut JoinSet<Result<(usize, PartId)>>,
        parts: &mut [Option<PartId>],
    ) -> Result<()> {
        let mut some = std::mem::take(tasks);
        let (part, rest) = self.bucket.wait(async move {
            let part = some.join_next().await;
            Ok((part, some))
        })?;
        *tasks = rest;
        match part {
            Some(Ok(done)) => {
                let (at, part) = done?;
                parts[at] = Some(part);
                Ok(())
            }
            _ => Err(Error::internal("a part of a file was lost")),
        }
    }

    /// Puts the object together, in the place of what may be there. Who reads it finds all of the old one, or all of this one.
    ///
    /// # Errors
    /// When the store does not. What was there is then untouched.
    pub fn publish(mut self, bytes: u64) -> Result<()> {
        let inner = Arc::clone(&self.bucket.inner);
        let (path, id) = (self.path.clone(), self.id.clone());
        let (parts, key) = (std::mem::take(&mut self.parts), self.key.clone());
        let complete = azure::saying(self.headers.clone(), async move {
            inner.complete((&path, &key), &id, parts, bytes).await
        });
        self.bucket.wait_for_effect(complete)?;
        self.is_done = true;
        Ok(())
    }
}

impl Inner {
    async fn complete(
        &self,
        (path, key): (&Key, &str),
        id: &String,
        parts: Vec<PartId>,
        bytes: u64,
    ) -> Result<()> {
        let complete = || self.store.parts.complete_multipart(path, id, parts.clone());
        let (tries, done) = self.insist(Errand::Work, complete).await;
        let Err(trouble) = done else { return Ok(()) };
        // The line may have broken after the store had put it together: then there is no such upload any more.
        let is_gone = matches!(trouble, Trouble::Missing | Trouble::Refused(_));
        if tries.n > 1 && is_gone {
            let found = self.head(key, Errand::Work).await?;
            if found.is_some_and(|object| object.bytes == bytes) {
                return Ok(());
            }
        }
        Err(self.told(&trouble, key, "put together"))
    }
}

impl Drop for FileUpload {
    fn drop(&mut self) {
        if self.is_done {
            return;
        }
        let inner = Arc::clone(&self.bucket.inner);
        if inner.patience.check().is_err() {
            // Parts are seen by nobody: not worth waiting for.
            inner.is_silent.store(true, Ordering::Relaxed);
        }
        let (path, id) = (self.path.clone(), self.id.clone());
        let key = self.key.clone();
        let given_up = self.bucket.wait_regardless(async move {
            let abort = || inner.store.parts.abort_multipart(&path, &id);
            let (_, done) = inner.insist(Errand::Cleaning, abort).await;
            done.map_err(|trouble| inner.told(&trouble, &key, "given up"))
        });
        if let Err(error) = given_up {
            log::warn!("{error}; parts of it may be left, which the store's rules can remove");
        }
    }
}
