//! Object stores: Amazon S3 and what speaks like it, Google Cloud Storage, Azure. A `Bucket` lists, reads, puts and deletes
//! objects; `Uploads` puts many of them at once, while others are being made.
//!
//! Every call waits until it is done, or until somebody wants the run to end. Inside, one thread of tokio's waits for the
//! network; nobody else in the house knows of it. What may pass (a busy store, a dropped connection) is tried again after
//! waits that double, with fewer requests at a time when the store is busy; what will not pass is an error at once.
//!
//! Files that are read in parts, from object stores and web servers, are [`RemoteFile`]s: GDAL reads them.
//!
//! Without the feature `object-store` only those and [`Location`] are here.
//!
//! Absent here: tiles, and what their keys mean.

#[cfg(feature = "object-store")]
mod answer;
#[cfg(feature = "object-store")]
mod azure;
#[cfg(feature = "object-store")]
mod bucket;
#[cfg(feature = "object-store")]
mod connect;
#[cfg(feature = "object-store")]
mod file;
#[cfg(feature = "object-store")]
mod gate;
mod location;
mod names;
pub(crate) mod network;
#[cfg(feature = "object-store")]
mod profile;
mod ranges;
#[cfg(feature = "object-store")]
mod uploads;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

#[cfg(feature = "object-store")]
#[doc(hidden)]
pub use answer::told_of_answer;
#[cfg(feature = "object-store")]
pub use bucket::{Bucket, Object};
#[cfg(feature = "object-store")]
pub use file::FileUpload;
pub use location::{Location, Scheme};
pub use names::{virtual_name, vsi_path, without_query};
#[doc(hidden)]
pub use ranges::part_of_answer;
pub use ranges::{RemoteFile, configure, download};
#[cfg(feature = "object-store")]
pub use uploads::{How, Mark, Remains, Upload, Uploads};

use crate::error::{Error, Kind, Result};

/// How long a request is tried again unless somebody says otherwise.
pub const RETRY_FOR: Duration = Duration::from_secs(180);

/// Bytes of a part of a file that goes up in parts, at least: stores want 5 MiB or more of all but the last.
const PART_BYTES: u64 = 8 << 20;

/// Stores take ten thousand parts.
const MOST_PARTS: u64 = 9_000;

/// Bytes of each part of a file of `bytes` but the last.
pub fn part_bytes(bytes: u64) -> u64 {
    // In whole MiB: some stores want all parts but the last of one size.
    PART_BYTES.max(bytes.div_ceil(MOST_PARTS).next_multiple_of(1 << 20))
}

/// What an object says about itself besides its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Headers {
    /// `Content-Type`.
    pub content_type: String,
    /// `Cache-Control`.
    pub cache_control: String,
}

/// How long to be patient, and who may end it.
#[derive(Debug, Clone)]
pub struct Patience {
    /// How long one request is tried again before it is an error.
    pub retry_for: Duration,
    /// Set when the run is to end.
    pub stop: Option<Arc<AtomicBool>>,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            retry_for: RETRY_FOR,
            stop: None,
        }
    }
}

impl Patience {
    /// An error of kind [`Kind::Interrupted`] once the run is to end.
    ///
    /// # Errors
    /// As said.
    pub fn check(&self) -> Result<()> {
        match &self.stop {
            Some(stop) if stop.load(Ordering::Relaxed) => {
                Err(Error::new(Kind::Interrupted, "interrupted"))
            }
            _ => Ok(()),
        }
    }
}
