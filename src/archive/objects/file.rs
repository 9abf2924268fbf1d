//! An archive in an object store: made in the folder for temporary files, sent in parts when it is complete, and seen when it is
//! published.

use std::path::{Path, PathBuf};

use md5::Md5;

use super::super::stage::{Local, Remote, Transfer, Waiting};
use super::super::{Create, Digest, Metadata, Overwrite, Published, Sink, SinkOptions, Staged};
use crate::error::{Error, Kind, Result};
use crate::geo::tile::TileCoord;
use crate::remote::{Bucket, FileUpload, Headers, Location};

/// How long an archive may be kept without asking: its readers ask for pieces, which should be of one archive.
const KEPT: &str = "public, max-age=300";

/// Opens the object at `location`, that `path` asks for, as an archive that ends in `suffix` and that `make` writes.
pub(in crate::archive) fn create_file(
    (make, suffix): (Create, &str),
    path: &Path,
    location: &Location,
    options: &SinkOptions,
) -> Result<Box<dyn Sink>> {
    let remote = &options.remote;
    let folder = Location {
        key: parent(&location.key).to_owned(),
        ..location.clone()
    };
    let bucket = Bucket::open(&folder, &remote.patience)?;
    let place = Place {
        asked: path.to_path_buf(),
        key: location.key.clone(),
        overwrite: options.overwrite,
        bucket,
    };
    place.check()?;
    // The same name for the same address, so that what a killed run has left goes with the next.
    let name = format!(
        "azulejo-{:x}.{suffix}",
        <Md5 as md5::Digest>::digest(location.to_string())
    );
    let here = SinkOptions {
        overwrite: Overwrite::Replace,
        ..options.clone()
    };
    let headers = Headers {
        content_type: media_type(suffix).to_owned(),
        cache_control: remote
            .cache_control
            .clone()
            .unwrap_or_else(|| KEPT.to_owned()),
    };
    Ok(Box::new(FileSink {
        inner: make(&std::env::temp_dir().join(name), &here).map_err(of_here)?,
        place,
        headers,
    }))
}

/// A failure of the file that is to go up, with a word on where that may be.
fn of_here(error: Error) -> Error {
    match error.kind() {
        Kind::Output | Kind::Resources => error.with_help(
            "archives for object stores are made in TMPDIR first: TMPDIR=/a/folder/on/a/larger/disk",
        ),
        _ => error,
    }
}

fn parent(key: &str) -> &str {
    key.rsplit_once('/').map_or("", |(parent, _)| parent)
}

fn media_type(suffix: &str) -> &'static str {
    match suffix {
        "pmtiles" => "application/vnd.pmtiles",
        "mbtiles" => "application/vnd.sqlite3",
        _ => "application/octet-stream",
    }
}

/// The object to be.
struct Place {
    asked: PathBuf,
    key: String,
    overwrite: Overwrite,
    bucket: Bucket,
}

impl Place {
    /// Makes sure that nothing is there that must stay.
    fn check(&self) -> Result<()> {
        if self.overwrite == Overwrite::Replace || self.bucket.head(&self.key)?.is_none() {
            return Ok(());
        }
        Err(Error::output(
            self.asked.display(),
            "exists already; expected an address that is free",
        )
        .with_help("--overwrite replaces it once the new one is complete"))
    }
}

/// An archive being written.
struct FileSink {
    inner: Box<dyn Sink>,
    place: Place,
    headers: Headers,
}

impl Sink for FileSink {
    fn write(&mut self, tile: TileCoord, data: &[u8], digest: Option<Digest>) -> Result<()> {
        self.inner.write(tile, data, digest).map_err(of_here)
    }

    fn finish(self: Box<Self>, metadata: &Metadata) -> Result<Staged> {
        let Self {
            inner,
            place,
            headers,
        } = *self;
        let Waiting::Here(local) = inner.finish(metadata).map_err(of_here)?.0 else {
            return Err(Error::internal("an archive that is not a file"));
        };
        let Local {
            temporary,
            n_tiles,
            n_stored,
            bytes,
            sha256,
            ..
        } = local;
        let upload = FileUpload::send(&place.bucket, &place.key, temporary.path(), &headers)?;
        Ok(Staged(Waiting::There(Box::new(StagedFile {
            place,
            upload,
            n_tiles,
            n_stored,
            bytes,
            sha256,
        }))))
    }
}

/// An archive of which all parts are in the store. The file it was made in is gone.
struct StagedFile {
    place: Place,
    upload: FileUpload,
    n_tiles: u64,
    n_stored: u64,
    bytes: u64,
    sha256: Option<String>,
}

impl Remote for StagedFile {
    fn path(&self) -> &Path {
        &self.place.asked
    }

    fn publish(self: Box<Self>) -> Result<Published> {
        // Again, because a bake takes hours.
        self.place.check()?;
        self.upload.publish(self.bytes)?;
        Ok(Published {
            path: self.place.asked,
            bytes: self.bytes,
            n_tiles: self.n_tiles,
            n_stored: self.n_stored,
            sha256: self.sha256,
            transfer: Some(Transfer {
                sent: 1,
                ..Transfer::default()
            }),
        })
    }
}
