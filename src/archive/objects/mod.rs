//! A folder of tiles in an object store, with the keys of a [`directory`](super::directory)'s files.
//!
//! Tiles go up while they are made. `metadata.json` and `tilejson.json` come last, when all tiles are there: a folder with a
//! `tilejson.json` is a whole tileset, one without is an upload that was ended, and the same run again sends what is missing.
//! Tiles that are there with the same size and MD5 are not sent again.
//!
//! With a version to publish all of it lies in a folder of that name below the one asked for; what the output itself has is a
//! `tilejson.json` that names that folder, put there at the very end, in one step.

mod file;
mod listing;

use std::path::{Path, PathBuf};

pub(super) use self::file::create_file;
use self::listing::Listing;
use super::directory::{METADATA, TILEJSON, name_of, numbered, numeral};
use super::stage::{Remote, Transfer, Waiting};
use super::tally::Tally;
use super::{Digest, Metadata, Overwrite, Published, Sink, SinkOptions, Staged};
use crate::encode::Format;
use crate::error::{Error, Kind, Result};
use crate::geo::tile::{MAX_ZOOM, TileCoord};
use crate::remote::{Bucket, Headers, How, Location, Mark, Object, Remains, Upload, Uploads};

/// How long a tile may be kept without asking: a day, as others replace it.
const TILES_KEPT: &str = "public, max-age=86400";
/// A version's tiles stay what they are.
const VERSION_KEPT: &str = "public, max-age=31536000, immutable";
/// What tells of tiles is short, and asked for once a map.
const JSON_KEPT: &str = "public, max-age=60";

/// The zoom in the marks of our own files, which no tile has.
const OWN: u8 = u8::MAX;
const OWN_FILES: [&str; 2] = [METADATA, TILEJSON];

/// Objects deleted after one look whether somebody needs them.
const DELETED_AT_ONCE: usize = 1000;

/// Opens the folder at `location`, that `path` asks for.
pub(super) fn create(
    path: &Path,
    location: &Location,
    options: &SinkOptions,
) -> Result<Box<dyn Sink>> {
    let remote = &options.remote;
    let version = remote.publish.as_deref().map(check_version).transpose()?;
    let bucket = Bucket::open(location, &remote.patience)?;
    let tiles = match version {
        Some(version) => location.child(version),
        None => location.clone(),
    };
    let listing = Listing::read(&bucket, &tiles.key)?;
    if listing.tilejson.is_some() && options.overwrite == Overwrite::Refuse {
        return Err(exists(&tiles));
    }
    let pointer = match version {
        Some(version) => {
            check_pointer(&bucket, location, options.overwrite)?;
            Some(format!("{version}/"))
        }
        None => None,
    };
    let kept = match (&remote.cache_control, version) {
        (Some(asked), _) => asked,
        (None, Some(_)) => VERSION_KEPT,
        (None, None) => TILES_KEPT,
    };
    let objects = Objects {
        asked: path.to_path_buf(),
        uploads: Uploads::new(&bucket),
        bucket,
        tiles,
        extension: options.format.extension(),
        tilejson: listing.tilejson.clone(),
        is_published: false,
    };
    Ok(Box::new(ObjectSink {
        objects,
        listing,
        tally: Tally::new(options),
        options: options.clone(),
        kept: kept.to_owned(),
        pointer,
    }))
}

/// A version is one part of a key, and neither a zoom nor one of our own files: a key should not be both an object and a folder.
fn check_version(version: &str) -> Result<&str> {
    let is_zoom = numeral::<u8>(version.as_ref()).is_some_and(|z| z <= MAX_ZOOM);
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-+".contains(c);
    let is_taken = is_zoom || OWN_FILES.contains(&version);
    if is_taken || version.starts_with('.') || version.is_empty() || !version.chars().all(is_plain)
    {
        return Err(Error::usage(format!(
            "--publish {version}: no name of a version; expected letters, digits, and - _ . + between them, and neither the number of a zoom nor {METADATA} or {TILEJSON}"
        ))
        .with_help("--publish 2026-11-22"));
    }
    Ok(version)
}

fn exists(location: &Location) -> Error {
    Error::output(
        location.child(TILEJSON),
        "exists already, so there is a whole tileset; expected none",
    )
    .with_help(
        "--overwrite replaces it tile by tile; --publish VERSION puts the new one beside it first",
    )
}

/// Makes sure that the `tilejson.json` to be replaced names a version, and is not of tiles that lie beside it.
fn check_pointer(bucket: &Bucket, location: &Location, overwrite: Overwrite) -> Result<()> {
    let Some(text) = bucket.read(&location.join(TILEJSON))? else {
        return Ok(());
    };
    let told: Option<serde_json::Value> = serde_json::from_slice(&text).ok();
    let template = told.as_ref().and_then(|told| told["tiles"][0].as_str());
    let is_pointer = template.is_some_and(|template| !template.starts_with("{z}"));
    if is_pointer || overwrite == Overwrite::Replace {
        return Ok(());
    }
    Err(Error::output(
        location.child(TILEJSON),
        "of a tileset that lies beside it; expected one that names a version",
    )
    .with_help("--overwrite lets it name the new version; the tiles beside it stay"))
}

/// The media type of a tile, by what it is: a tileset may have several.
fn media_type(data: &[u8], otherwise: Format) -> &'static str {
    Format::sniff(data).unwrap_or(otherwise).info().media_type
}

/// Objects of this run. Dropped without being published, those that it has created are deleted again.
struct Objects {
    asked: PathBuf,
    bucket: Bucket,
    uploads: Uploads,
    /// The folder of the tiles.
    tiles: Location,
    extension: &'static str,
    /// What was known of the folder's `tilejson.json` when the run began.
    tilejson: Option<Object>,
    is_published: bool,
}

impl Objects {
    /// The key of a tile or of one of our own files.
    fn key(&self, mark: Mark) -> String {
        self.tiles.join(&self.name(mark))
    }

    fn name(&self, mark: Mark) -> String {
        let (z, x, row) = unmark(mark);
        match OWN_FILES.get(x as usize) {
            Some(name) if z == OWN => (*name).to_owned(),
            _ => name_of((z, x, row), self.extension),
        }
    }

    /// Puts an object, or does not where it is there as it is to be: `found`, if anything.
    fn put(
        &mut self,
        mark: Mark,
        data: &[u8],
        headers: Headers,
        (found, overwrite): (Option<&Object>, Overwrite),
    ) -> Result<()> {
        let how = match (found, overwrite) {
            (None, _) => How::Create,
            (Some(found), _) if found.is(data) == Some(true) => {
                self.uploads.skip();
                return Ok(());
            }
            // Some stores leave the sums out of their lists.
            (
                Some(Object {
                    md5: None, bytes, ..
                }),
                Overwrite::Replace,
            ) if *bytes == data.len() as u64 => How::Renew,
            (Some(_), Overwrite::Replace) => How::Replace,
            // Of another size, or with another sum, which may be that of an encrypted object.
            (Some(_), Overwrite::Refuse) => How::Compare,
        };
        self.uploads.push(Upload {
            key: self.key(mark),
            data: data.to_vec(),
            headers,
            how,
            mark,
        })
    }
}

/// Zoom, column and row in nine bytes: a run may have to remember every tile.
fn mark(z: u8, x: u32, row: u32) -> Mark {
    let mut mark = [z; 9];
    mark[1..5].copy_from_slice(&x.to_be_bytes());
    mark[5..].copy_from_slice(&row.to_be_bytes());
    mark
}

fn unmark([z, a, b, c, d, e, f, g, h]: Mark) -> (u8, u32, u32) {
    let (x, row) = ([a, b, c, d], [e, f, g, h]);
    (z, u32::from_be_bytes(x), u32::from_be_bytes(row))
}

impl Drop for Objects {
    fn drop(&mut self) {
        if self.is_published {
            return;
        }
        let Remains { created, n_unknown } = self.uploads.give_up();
        let tiles = &self.tiles;
        if n_unknown > 0 {
            log::warn!(
                "{tiles}: {n_unknown} objects that were on their way may be there, and are left: nobody can tell whose they are"
            );
        }
        let mut n_left = created.len();
        if n_left > 0 {
            log::info!("{tiles}: {n_left} objects are deleted again");
        }
        // What came last goes first: a folder with a TileJSON is whole.
        for some in created.rchunks(DELETED_AT_ONCE) {
            let deleted = self.delete(some);
            match deleted {
                Ok(true) => n_left -= some.len(),
                Ok(false) => {
                    log::warn!(
                        "{tiles}: {TILEJSON} has been put there since the run began; {n_left} objects of this run are left, as it may tell of them"
                    );
                    return;
                }
                Err(error) => {
                    log::warn!(
                        "{tiles}: up to {n_left} objects of this run may be left, and are no tileset ({error})"
                    );
                    return;
                }
            }
        }
    }
}

impl Objects {
    /// Deletes objects that this run has created, unless somebody has published a tileset there: another run may have found them
    /// there, and taken them for its own.
    fn delete(&self, created: &[Mark]) -> Result<bool> {
        let tilejson = mark(OWN, 1, 0);
        let key = self.key(tilejson);
        let is_free = created.contains(&tilejson)
            || self.bucket.is_as_before(&key, self.tilejson.as_ref())?;
        if is_free {
            let mut keys = created.iter().map(|&mark| self.key(mark));
            self.bucket.delete(&mut keys, true)?;
        }
        Ok(is_free)
    }
}

/// A folder of objects being written.
struct ObjectSink {
    objects: Objects,
    listing: Listing,
    tally: Tally,
    options: SinkOptions,
    /// `Cache-Control` of the tiles.
    kept: String,
    /// The version's folder, with a slash.
    pointer: Option<String>,
}

impl Sink for ObjectSink {
    fn write(&mut self, tile: TileCoord, data: &[u8], _digest: Option<Digest>) -> Result<()> {
        let Self {
            objects,
            listing,
            tally,
            options,
            kept,
            ..
        } = self;
        tally.add(tile, data, || {
            let (z, x) = (tile.z(), tile.x());
            let row = row_of(tile, options)?;
            let found = listing.want((z, x, row), objects.extension);
            let found = found.map(|listed| listed.object());
            let headers = Headers {
                content_type: media_type(data, options.format).to_owned(),
                cache_control: kept.clone(),
            };
            let there = (found.as_ref(), options.overwrite);
            objects.put(mark(z, x, row), data, headers, there)
        })
    }

    fn finish(self: Box<Self>, metadata: &Metadata) -> Result<Staged> {
        self.tally.check(metadata)?;
        let mut this = *self;
        this.objects.uploads.drain()?;
        let (sent, skipped) = this.objects.uploads.counts();
        let rows = this.options.rows;
        let pointer = this
            .pointer
            .map(|folder| metadata.tilejson_above(&folder, rows));
        Ok(Staged(Waiting::There(Box::new(StagedObjects {
            metadata: metadata.metadata_json(),
            tilejson: metadata.tilejson(rows),
            pointer,
            n_tiles: this.tally.n_tiles(),
            bytes: this.tally.bytes(),
            transfer: Transfer {
                sent,
                skipped,
                ..Transfer::default()
            },
            prune: this.options.remote.prune,
            overwrite: this.options.overwrite,
            objects: this.objects,
            listing: this.listing,
        }))))
    }
}

/// The row as it is counted in the bucket.
fn row_of(tile: TileCoord, options: &SinkOptions) -> Result<u32> {
    let row = numbered(options.rows, (tile.z(), tile.y()), options.matrix_roots);
    let row = row.and_then(|row| u32::try_from(row).ok());
    row.ok_or_else(|| Error::internal("a row that is not there"))
}

/// Tiles that are all there, and that nothing names yet.
struct StagedObjects {
    objects: Objects,
    listing: Listing,
    metadata: String,
    tilejson: String,
    /// The text of the `tilejson.json` that names the version.
    pointer: Option<String>,
    n_tiles: u64,
    bytes: u64,
    transfer: Transfer,
    prune: bool,
    overwrite: Overwrite,
}

impl Remote for StagedObjects {
    fn path(&self) -> &Path {
        &self.objects.asked
    }

    fn publish(self: Box<Self>) -> Result<Published> {
        let mut this = *self;
        let mut bytes = this.bytes;
        // One after the other: a TileJSON tells that all else is there.
        for (x, text, found) in [
            (0, &this.metadata, &this.listing.metadata),
            (1, &this.tilejson, &this.listing.tilejson),
        ] {
            let there = (found.as_ref(), this.overwrite);
            if x == 1 {
                this.check_found()?;
            }
            this.objects
                .put(mark(OWN, x, 0), text.as_bytes(), json_headers(), there)?;
            this.objects.uploads.drain()?;
            bytes += text.len() as u64;
        }
        if let Some(text) = this.pointer.take() {
            bytes += text.len() as u64;
            this.point(text)?;
        }
        this.objects.is_published = true;
        this.clear();
        Ok(Published {
            path: this.objects.asked.clone(),
            bytes,
            n_tiles: this.n_tiles,
            n_stored: this.n_tiles,
            sha256: None,
            transfer: Some(this.transfer),
        })
    }
}

impl StagedObjects {
    /// Makes sure that all is there, if this run has found something that it did not have to create: that may have been of another
    /// run, which has failed since and has deleted what it had created. Such a run deletes nothing any more once there is a
    /// TileJSON.
    fn check_found(&self) -> Result<()> {
        let Objects {
            bucket,
            uploads,
            tiles,
            extension,
            ..
        } = &self.objects;
        let is_alone = self.listing.wanted().next().is_none() && !uploads.has_met();
        if is_alone && self.listing.metadata.is_none() {
            return Ok(());
        }
        let created = uploads.created().into_iter().map(unmark);
        let found = self.listing.wanted().chain(created).chain([(OWN, 0, 0)]);
        let mut now = Listing::read(bucket, &tiles.key)?;
        let mut gone = found.filter(|&(z, x, row)| match z {
            OWN => now.metadata.is_none(),
            _ => now.want((z, x, row), extension).is_none(),
        });
        let Some((z, x, row)) = gone.next() else {
            return Ok(());
        };
        let first = tiles.child(&self.objects.name(mark(z, x, row)));
        let n = 1 + gone.count();
        let message = format!(
            "{first}: was there, and is gone, as one of {n}; expected that nobody else writes or deletes there"
        );
        Err(Error::new(Kind::Retry, message)
            .with_help("run the same command again when no other is at work there"))
    }

    /// Has the output's own `tilejson.json` name the version.
    fn point(&mut self, text: String) -> Result<()> {
        let Objects { bucket, .. } = &self.objects;
        let key = bucket.location().join(TILEJSON);
        let put = bucket.put(&key, text.into_bytes(), &json_headers());
        put.inspect_err(|error| {
            // It may have arrived without our knowing; then what it names must stay.
            let kind = error.kind();
            self.objects.is_published = matches!(kind, Kind::Retry | Kind::Interrupted);
        })
    }

    /// Removes tiles that are not of this run, if that is wanted. The tileset is whole without it, so nothing fails here.
    fn clear(&mut self) {
        let left = self.listing.n_left();
        self.transfer.left = left;
        if !self.prune || left == 0 {
            return;
        }
        let Objects { bucket, tiles, .. } = &self.objects;
        let mut keys = self.listing.names_left().map(|name| tiles.join(&name));
        match bucket.delete(&mut keys, false) {
            Ok(()) => (self.transfer.pruned, self.transfer.left) = (left, 0),
            Err(error) => {
                log::warn!("{tiles}: tiles of another run could not all be removed ({error})")
            }
        }
    }
}

fn json_headers() -> Headers {
    Headers {
        content_type: "application/json".to_owned(),
        cache_control: JSON_KEPT.to_owned(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // A test that cannot go on panics.
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_the_tile_again() {
        for tile in [
            (0, 0, 0),
            (30, u32::MAX, 1),
            (OWN, 1, 0),
            (7, 0x0102_0304, 0x0506_0708),
        ] {
            assert_eq!(unmark(mark(tile.0, tile.1, tile.2)), tile);
        }
    }

    #[test]
    fn a_version_is_one_part_of_a_key_and_no_zoom() {
        for version in ["2026-11-22", "v1", "31", "1.2.3+b"] {
            assert_eq!(check_version(version).unwrap(), version);
        }
        for version in [
            "",
            "0",
            "12",
            "a/b",
            "..",
            ".x",
            "a b",
            "ä",
            "tilejson.json",
            "metadata.json",
        ] {
            assert!(check_version(version).is_err(), "{version}");
        }
    }

    #[test]
    fn a_tile_has_the_media_type_of_what_it_is() {
        assert_eq!(media_type(b"\x89PNG\r\n\x1a\n", Format::Jpeg), "image/png");
        assert_eq!(media_type(b"\xff\xd8\xff\xe0", Format::Png), "image/jpeg");
        assert_eq!(media_type(b"?", Format::Webp), "image/webp");
        assert_eq!(media_type(b"II*\0", Format::Png), "image/tiff");
    }
}
