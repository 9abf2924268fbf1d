//! MBTiles 1.3, a tileset as an SQLite database.
//!
//! ```text
//! application_id  0x4d504258 "MPBX"          user_version 0, UTF-8, journal mode DELETE, no free pages
//! tiles           zoom_level  integer        0 at the top
//!                 tile_column integer        from the west
//!                 tile_row    integer        from the SOUTH: roots_down * 2^zoom - 1 - y
//!                 tile_data   blob           the encoded tile
//! tile_index      unique on (zoom_level, tile_column, tile_row)
//! metadata        name text, value text      unique by metadata_name; rows of Metadata::rows
//! ```
//!
//! That is the flat type. The normalized one stores equal tiles once, as mbutil and MapLibre's `mbtiles` do:
//!
//! ```text
//! map             zoom_level, tile_column, tile_row as above, tile_id text
//! map_index       unique on (zoom_level, tile_column, tile_row)
//! images          tile_data  blob            the encoded tile
//!                 tile_id    text            its MD5 in lower-case hexadecimal digits
//! images_id       unique on tile_id
//! tiles           a view of both
//! ```
//!
//! `tiles` is read as whatever it is.

mod audit;
mod database;
mod gain;
mod guard;

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension};

use super::file_type::{FileType, head};
use super::stage::{self, Local, Place};
use super::stored::Rows;
use super::tally::{self, Tally};
use super::{Digest, Metadata, Sink, SinkOptions, Staged, Storage, Store, StoredMetadata};
use crate::encode::Format;
use crate::error::{Error, Kind, Result};
use crate::geo::tile::{MAX_ZOOM, TileCoord};
pub(super) use audit::audit;
use database::Database;
use gain::Gain;
use guard::Guarded;

/// A result of SQLite's, before it has a path.
type Sql<T> = std::result::Result<T, rusqlite::Error>;

/// What an MBTiles file looks like.
const TYPE: FileType = FileType {
    name: "an MBTiles file",
    format: "an SQLite database",
    beginnings: &[b"SQLite format 3\0"],
};

/// Bytes of all names and texts in the metadata. Statistics of vector tiles take some megabytes.
const METADATA_BYTES_MAX: usize = 64 << 20;

/// Bytes of SQLite's header.
const HEADER_BYTES: usize = 100;

/// How an MBTiles file keeps its tiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MbtilesType {
    /// One table, a row a tile.
    Flat,
    /// Equal tiles once: a table of places, a table of different tiles, a view of both.
    Normalized,
}

impl MbtilesType {
    /// All there are.
    pub const ALL: [Self; 2] = [Self::Flat, Self::Normalized];

    /// The word that `mbtiles`, MapLibre's program, has for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Flat => "flat",
            Self::Normalized => "normalized",
        }
    }
}

/// What only an MBTiles file can be told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MbtilesOptions {
    /// How tiles are kept. `None` for what the tiles decide: normalized where that saves a tenth of the file or more,
    /// otherwise flat. Whoever decides, the same tiles of the same type give the same bytes. Where they do, the file is
    /// first written flat, and lies on the disk in both types for a while.
    pub kind: Option<MbtilesType>,
    /// Whether the metadata tells the `agg_tiles_hash`, by which MapLibre's `mbtiles` validates and compares files. All
    /// tiles are read again for it.
    pub agg_hash: bool,
}

/// Opens a new database in the place of `path`.
pub(super) fn create(path: &Path, options: &SinkOptions) -> Result<Box<dyn Sink>> {
    let place = Place::claim(path, options.overwrite, may_replace)?;
    refuse_journals(place.real(), Kind::Output)?;
    let MbtilesOptions { kind, agg_hash } = options.mbtiles;
    Ok(Box::new(MbtilesSink {
        database: Database::create(&place, kind.unwrap_or(MbtilesType::Flat))?,
        gain: kind.is_none().then(Gain::default),
        place,
        tally: Tally::new(options),
        roots: options.matrix_roots,
        agg_hash,
    }))
}

/// Makes sure that the file that is to be replaced is a database, or empty, and that no journal belongs to it.
fn may_replace(path: &Path) -> Result<()> {
    TYPE.check_replaced(path)?;
    refuse_journals(path, Kind::Output)
}

/// An error if a journal lies beside the database. SQLite would play an old file's journal into the new file of the
/// same name, and could not read a file with an unfinished one without writing.
fn refuse_journals(path: &Path, kind: Kind) -> Result<()> {
    for end in ["-journal", "-wal"] {
        let mut journal = path.as_os_str().to_owned();
        journal.push(end);
        let journal = PathBuf::from(journal);
        if fs::metadata(&journal).is_ok_and(|found| found.len() > 0) {
            let message = "the journal of an unfinished write; expected none beside a tileset";
            let help = format!(
                "if no program is writing it: sqlite3 {} 'PRAGMA journal_mode=DELETE; VACUUM'",
                path.display()
            );
            return Err(
                Error::new(kind, format!("{}: {message}", journal.display())).with_help(help),
            );
        }
    }
    Ok(())
}

/// A database being written.
struct MbtilesSink {
    database: Database,
    /// What it would save to store equal tiles once, where that is not decided yet.
    gain: Option<Gain>,
    place: Place,
    tally: Tally,
    roots: (u32, u32),
    agg_hash: bool,
}

impl Sink for MbtilesSink {
    fn write(&mut self, tile: TileCoord, data: &[u8], digest: Option<Digest>) -> Result<()> {
        let Self {
            database,
            gain,
            place,
            tally,
            roots,
            ..
        } = self;
        tally.add(tile, data, || {
            if let Some(gain) = gain {
                gain.add(data, digest);
            }
            let row = tally::flip(tile.z(), tile.y().into(), *roots);
            let at = row.map(|row| (tile.z(), tile.x(), row));
            database.add(at, data, place)
        })
    }

    fn finish(self: Box<Self>, metadata: &Metadata) -> Result<Staged> {
        self.tally.check(metadata)?;
        let Self {
            mut database,
            gain,
            place,
            tally,
            agg_hash,
            ..
        } = *self;
        if gain.is_some_and(|gain| gain.pays()) {
            database = normalized(database, &place)?;
        }
        let (temporary, n_stored) = database.complete(&place, metadata.rows(), agg_hash)?;
        let (bytes, sha256) =
            stage::sync_and_digest(temporary.path()).map_err(|error| place.writing(&error))?;
        Ok(Local {
            place,
            temporary,
            n_tiles: tally.n_tiles(),
            n_stored,
            bytes,
            sha256: Some(sha256),
        }
        .into())
    }
}

/// The same tiles, equal ones once; as they are if there is no room for that. Then all the work is done, and a file that is
/// larger than it could be is better than none.
fn normalized(mut flat: Database, place: &Place) -> Result<Database> {
    match flat.normalized(place) {
        Err(error) if error.kind() == Kind::Resources => {
            log::warn!(
                "{}: no room to store equal tiles once ({error}); each is stored by itself",
                place.shown()
            );
            Ok(flat)
        }
        done => done,
    }
}

/// Opens the database at `path` for reading.
pub(super) fn open(path: &Path) -> Result<Box<dyn Store>> {
    // Not a pipe, on which reading would wait for somebody to write.
    if !path.is_file() {
        return Err(Error::input(
            path.display(),
            "not a regular file; expected an MBTiles file",
        ));
    }
    let head = head(path, HEADER_BYTES)
        .map_err(|error| Error::input(path.display(), format_args!("cannot be read ({error})")))?;
    if !TYPE.fits(&head) {
        let found = if head.is_empty() {
            "an empty file"
        } else {
            "not an SQLite database"
        };
        return Err(Error::input(
            path.display(),
            format_args!("{found}; expected an MBTiles file"),
        ));
    }
    refuse_journals(path, Kind::Input)?;
    check_whole(path, &head)?;
    let connection = connect(path, &head).map_err(|error| reading(path, &error))?;
    let mut metadata = StoredMetadata::from_rows(read_metadata(path, &connection)?);
    let sample: Option<Vec<u8>> = connection
        .query_row("SELECT tile_data FROM tiles LIMIT 1", [], |row| {
            Ok(bytes(row.get_ref(0)?))
        })
        .optional()
        .map_err(|error| reading(path, &error))?;
    metadata.format = metadata.format.or_else(|| Format::sniff(&sample?));
    Ok(Box::new(MbtilesStore {
        path: path.to_path_buf(),
        connection,
        metadata,
        has_text: false,
    }))
}

/// Makes sure that nothing is missing at the end of the file, where SQLite would read zeros. What it ought to have is in its
/// header (SQLite's "Database File Format", section 1.3).
fn check_whole(path: &Path, head: &[u8]) -> Result<()> {
    let Some(head) = head.first_chunk::<HEADER_BYTES>() else {
        return Err(Error::input(
            path.display(),
            "damaged, cut short; expected an MBTiles file",
        ));
    };
    let (page_bytes, n_pages) = pages(head);
    let found = fs::metadata(path)
        .map_err(|error| Error::input(path.display(), format_args!("cannot be read ({error})")))?;
    let expected = page_bytes * u64::from(n_pages);
    let is_cut = match n_pages {
        0 => page_bytes > 0 && found.len() % page_bytes != 0,
        _ => found.len() < expected,
    };
    if is_cut {
        let found = format!(
            "damaged, cut short: {} bytes; expected {} pages of {page_bytes}",
            found.len(),
            if n_pages > 0 {
                n_pages.to_string()
            } else {
                "whole".to_owned()
            },
        );
        return Err(Error::input(path.display(), found));
    }
    Ok(())
}

/// Bytes of a page, and how many pages the file with this head says that it has; 0 where that is not known (SQLite's file format,
/// 1.3).
fn pages(head: &[u8; HEADER_BYTES]) -> (u64, u32) {
    let number =
        |at: usize| u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    let page_bytes = match u16::from_be_bytes([head[16], head[17]]) {
        1 => 1 << 16,
        bytes => u64::from(bytes),
    };
    // The number of pages is true if the version that wrote it is the last one that changed the file.
    let is_true = number(24) == number(92);
    (page_bytes, if is_true { number(28) } else { 0 })
}

/// A connection that writes nothing, not even beside the file. A database in write-ahead mode would want an index file
/// there; telling SQLite that the file cannot change is the way out, and is true enough as it has no journal.
fn connect(path: &Path, head: &[u8]) -> Sql<Guarded> {
    let file_bytes = fs::metadata(path).map_or(0, |found| found.len());
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    // Bytes 18 and 19 are the file format's versions: 1 for a rollback journal, 2 for write-ahead.
    let write_ahead = head
        .get(18..20)
        .is_some_and(|versions| versions.contains(&2));
    let connection = match fs::canonicalize(path) {
        Ok(path) if write_ahead => Connection::open_with_flags(
            format!("file:{}?mode=ro&immutable=1", percent_encoded(&path)),
            flags | OpenFlags::SQLITE_OPEN_URI,
        ),
        _ => Connection::open_with_flags(path, flags),
    }?;
    Guarded::new(connection, file_bytes)
}

/// A path as SQLite's URIs want it.
fn percent_encoded(path: &Path) -> String {
    use std::fmt::Write;
    let mut out = String::new();
    for &byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => {
                out.push(char::from(byte));
            }
            _ => write!(out, "%{byte:02x}").expect("a string takes any text"),
        }
    }
    out
}

/// All rows of the metadata table; of a name that comes twice, the first. What is in the row `json` counts as rows.
fn read_metadata(path: &Path, connection: &Connection) -> Result<Rows> {
    let failed = |error: rusqlite::Error| reading(path, &error);
    // Some writers store numbers as numbers.
    let sql = "SELECT CAST(name AS TEXT), CAST(value AS TEXT) FROM metadata WHERE name IS NOT NULL";
    let mut query = connection.prepare(sql).map_err(failed)?;
    let mut found = query.query([]).map_err(failed)?;
    let (mut rows, mut n_bytes) = (Rows::new(), 0);
    while let Some(row) = found.next().map_err(failed)? {
        let name: String = row.get(0).map_err(failed)?;
        let value: Option<String> = row.get(1).map_err(failed)?;
        let value = value.unwrap_or_default();
        n_bytes += name.len() + value.len();
        if n_bytes > METADATA_BYTES_MAX {
            let found =
                format_args!("metadata of more than {METADATA_BYTES_MAX} bytes; expected fewer");
            return Err(Error::input(path.display(), found));
        }
        rows.entry(name).or_insert_with(|| value.into());
    }
    StoredMetadata::unpack_json(&mut rows);
    Ok(rows)
}

/// The bytes of a tile; none for NULL.
fn bytes(value: ValueRef<'_>) -> Vec<u8> {
    match value {
        ValueRef::Blob(data) | ValueRef::Text(data) => data.to_vec(),
        _ => Vec::new(),
    }
}

/// A whole number, as other writers store it where a column takes anything: as a number with a fraction of zero, or as the
/// text that SQLite makes of the number. Only that is found again by [`FIND_ANY`]. What else it is otherwise, for messages.
fn whole(value: ValueRef<'_>) -> std::result::Result<i64, String> {
    match value {
        ValueRef::Integer(number) => Ok(number),
        // Every whole number in this range is one of `f64` and of `i64`.
        ValueRef::Real(number) if number.fract() == 0.0 && number.abs() < 1e15 => Ok(number as i64),
        ValueRef::Real(number) => Err(number.to_string()),
        ValueRef::Text(text) => {
            let text = String::from_utf8_lossy(text);
            let number = text.parse::<i64>().ok();
            let number = number.filter(|number| number.to_string() == text);
            number.ok_or_else(|| format!("the text {text:?}"))
        }
        ValueRef::Null => Err("NULL".to_owned()),
        ValueRef::Blob(_) => Err("a blob".to_owned()),
    }
}

/// An error of SQLite's while reading `path`.
fn reading(path: &Path, error: &rusqlite::Error) -> Error {
    let message = format!("cannot be read as MBTiles ({error})");
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Error::new(
            Kind::Retry,
            format!("{}: in use by a program that writes it", path.display()),
        ),
        Some(ErrorCode::DatabaseCorrupt) => Error::input(
            path.display(),
            format_args!("a damaged database ({error}); expected an MBTiles file"),
        )
        .with_help(format!(
            "sqlite3 {} .recover may save part of it",
            path.display()
        )),
        Some(ErrorCode::OperationInterrupted) => Error::input(
            path.display(),
            "a view in it takes longer to read than any tileset of its length; expected tables `tiles` and `metadata`",
        ),
        _ => Error::input(
            path.display(),
            format_args!("{message}; expected tables `tiles` and `metadata`"),
        ),
    }
}

/// The columns of a tile's address.
const ADDRESS: [&str; 3] = ["zoom_level", "tile_column", "tile_row"];

const FIND: &str =
    "SELECT tile_data FROM tiles WHERE zoom_level = ?1 AND tile_column = ?2 AND tile_row = ?3";

/// Numbers that some columns may have as text: those without a type do not take one for the other.
const FIND_ANY: &str = "SELECT tile_data FROM tiles
    WHERE zoom_level IN (?1, CAST(?1 AS TEXT)) AND tile_column IN (?2, CAST(?2 AS TEXT))
      AND tile_row IN (?3, CAST(?3 AS TEXT))";

/// A database being read.
struct MbtilesStore {
    path: PathBuf,
    connection: Guarded,
    metadata: StoredMetadata,
    /// Whether numbers of addresses were seen that are text.
    has_text: bool,
}

impl MbtilesStore {
    /// An address that is none.
    fn no_number(&self, column: &str, found: &str) -> Error {
        let path = self.path.display();
        let set = ADDRESS.map(|name| format!("{name} = CAST({name} AS INTEGER)"));
        Error::input(
            path,
            format_args!("a tile whose {column} is {found}; expected a whole number"),
        )
        .with_help(format!(
            "where these are numbers in another dress, in a copy: sqlite3 COPY.mbtiles 'UPDATE tiles SET {}'",
            set.join(", ")
        ))
    }

    /// The address in a row of `tiles`: zoom, column, row from the south.
    fn address(&self, (z, column, row): (i64, i64, i64)) -> Result<TileCoord> {
        let roots = self.metadata.matrix_roots;
        let tile = || {
            let zoom = u8::try_from(z).ok()?;
            let y = (zoom <= MAX_ZOOM).then(|| tally::flip(zoom, row, roots))??;
            tally::address(zoom, column, y, roots)
        };
        tile().ok_or_else(|| {
            Error::input(
                self.path.display(),
                format_args!(
                    "a tile at zoom {z}, column {column}, row {row}; expected none outside the matrix"
                ),
            )
        })
    }
}

impl Store for MbtilesStore {
    fn metadata(&self) -> &StoredMetadata {
        &self.metadata
    }

    fn tiles(&mut self) -> Result<Vec<TileCoord>> {
        self.connection.reset();
        let failed = |error: rusqlite::Error| reading(&self.path, &error);
        let sql = "SELECT zoom_level, tile_column, tile_row FROM tiles";
        let mut query = self.connection.prepare(sql).map_err(failed)?;
        let mut rows = query.query([]).map_err(failed)?;
        let mut tiles = Vec::new();
        let mut has_text = false;
        while let Some(row) = rows.next().map_err(failed)? {
            let mut numbers = [0; 3];
            for (at, number) in numbers.iter_mut().enumerate() {
                let value = row.get_ref(at).map_err(failed)?;
                has_text |= matches!(value, ValueRef::Text(_));
                *number = whole(value).map_err(|found| self.no_number(ADDRESS[at], &found))?;
            }
            let [z, column, row] = numbers;
            tiles.push(self.address((z, column, row))?);
        }
        drop(rows);
        drop(query);
        self.has_text = has_text;
        let n_again = tally::sort(&mut tiles);
        if n_again > 0 {
            log::warn!(
                "{}: rows for a tile that has one already, passed over: {n_again}",
                self.path.display()
            );
        }
        Ok(tiles)
    }

    fn read(&mut self, tile: TileCoord) -> Result<Option<Vec<u8>>> {
        let Some(row) = tally::flip(tile.z(), tile.y().into(), self.metadata.matrix_roots) else {
            return Ok(None);
        };
        let sql = if self.has_text { FIND_ANY } else { FIND };
        self.connection.reset();
        self.connection
            .prepare_cached(sql)
            .and_then(|mut query| {
                query.query_row((tile.z(), tile.x(), row), |found| {
                    Ok(bytes(found.get_ref(0)?))
                })
            })
            .optional()
            .map_err(|error| reading(&self.path, &error))
    }

    fn storage(&mut self) -> Result<Option<Storage>> {
        self.connection.reset();
        storage(&self.connection).map_err(|error| reading(&self.path, &error))
    }
}

/// Which type a file is of, by the tables in it, and the rows in the one that has the tiles.
fn storage(connection: &Connection) -> Sql<Option<Storage>> {
    let sql = "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?)";
    let has = |table: &str| connection.query_row(sql, [table], |row| row.get::<_, bool>(0));
    let (kind, table) = if has("tiles")? {
        (MbtilesType::Flat, "tiles")
    } else if has("map")? && has("images")? {
        (MbtilesType::Normalized, "images")
    } else {
        return Ok(None);
    };
    let sql = format!("SELECT count(*) FROM {table}");
    let n_rows: i64 = connection.query_row(&sql, [], |row| row.get(0))?;
    let n_stored = n_rows.unsigned_abs();
    Ok(Some(Storage { kind, n_stored }))
}
