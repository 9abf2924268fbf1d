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
//! We write `tiles` as a table and read it as whatever it is: files that store equal tiles once have a view there.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::os::raw::c_int;
use std::path::{Path, PathBuf};

use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension};

use super::rename;
use super::stage::{self, Place, Shape, Temporary};
use super::tally::{self, Tally};
use super::{Metadata, Sink, SinkOptions, Staged, Store, StoredMetadata};
use crate::encode::Format;
use crate::error::{Error, Kind, Result};
use crate::geo::tile::{MAX_ZOOM, TileCoord};

/// A result of SQLite's, before it has a path.
type Sql<T> = std::result::Result<T, rusqlite::Error>;

/// The first bytes of every SQLite database.
const MAGIC: &[u8] = b"SQLite format 3\0";

/// How a new file is filled. It has a temporary name and is thrown away on any failure, so SQLite need not be able to
/// undo anything (`journal_mode`), nor wait for the disk (`synchronous`): it is synced once, when complete.
///
/// Pages of 4096 bytes are what file systems and the page cache work in. A tile smaller than a page leaves much of it
/// empty, a large one next to nothing. Overhead over the bytes of the tiles, whose sizes vary around a mean:
///
/// ```text
/// mean tile    pages of 1024    4096    16384    65536    time to read a 40 kB tile
///     3 kB             7.8 %  21.9 %   18.1 %    5.8 %    1024: 39 µs
///    12 kB             2.3 %   6.7 %   21.0 %   17.2 %    4096: 21 µs
///    40 kB             1.0 %   2.0 %    7.4 %   22.8 %   16384: 18 µs
/// ```
///
/// The cache of 16 MiB sorts the index of some 500,000 tiles without a temporary file; tiles themselves need none, as
/// they are only ever appended. Everything happens in one transaction: the header counts them.
const BEGIN: &str = "
    PRAGMA page_size = 4096;
    PRAGMA encoding = 'UTF-8';
    PRAGMA journal_mode = OFF;
    PRAGMA synchronous = OFF;
    PRAGMA locking_mode = EXCLUSIVE;
    PRAGMA cache_size = -16384;
    BEGIN;
    PRAGMA application_id = 0x4d504258;
    CREATE TABLE metadata (name text, value text);
    CREATE TABLE tiles (zoom_level integer, tile_column integer, tile_row integer, tile_data blob);
";

/// Bytes of tiles after which the disk begins to write what there is, so that little is left to do at the end.
const SYNC_BYTES: usize = 16 << 20;

const INSERT_TILE: &str = "INSERT INTO tiles VALUES (?, ?, ?, ?)";

/// The index is made when all tiles are there: sorting once is faster than finding the place of each, and packs
/// tighter.
const INDEX_TILES: &str =
    "CREATE UNIQUE INDEX tile_index ON tiles (zoom_level, tile_column, tile_row)";

/// Opens a new database in the place of `path`.
pub(super) fn create(path: &Path, options: &SinkOptions) -> Result<Box<dyn Sink>> {
    let place = Place::claim(path, options.overwrite, may_replace)?;
    refuse_journals(place.real(), Kind::Output)?;
    let temporary = Temporary::create(&place, Shape::File)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(temporary.path(), flags).map_err(|error| {
        Error::output(place.shown(), format_args!("cannot be written ({error})"))
    })?;
    connection
        .execute_batch(BEGIN)
        .map_err(|error| writing(&connection, &place, &error))?;
    let tally = Tally::new(options);
    let file = File::open(temporary.path()).map_err(|error| place.writing(&error))?;
    Ok(Box::new(MbtilesSink {
        connection,
        file,
        waiting_bytes: 0,
        temporary,
        place,
        tally,
        roots: options.matrix_roots,
    }))
}

/// Whether the file that is to be replaced is a database, or empty.
fn may_replace(path: &Path) -> Result<()> {
    let refuse = |found: &str| {
        Err(Error::output(
            path.display(),
            format_args!("{found}; expected an MBTiles file to replace"),
        )
        .with_help("move it away, or write to another path with -o"))
    };
    let found = fs::metadata(path).map_err(|error| Error::writing(path.display(), &error))?;
    if found.is_dir() {
        return refuse("a folder");
    }
    if !found.is_file() {
        return refuse("not a regular file");
    }
    let head = head(path).map_err(|error| Error::writing(path.display(), &error))?;
    if !head.is_empty() && !head.starts_with(MAGIC) {
        return refuse("not an SQLite database");
    }
    refuse_journals(path, Kind::Output)
}

/// Up to the first 100 bytes of a file: SQLite's header.
fn head(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut head = Vec::new();
    File::open(path)?.take(100).read_to_end(&mut head)?;
    Ok(head)
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

/// A database being written. The connection comes first, so that it is closed before the file is removed.
struct MbtilesSink {
    connection: Connection,
    /// The same file once more, for [`rename::begin_sync`]. Closed after the connection: to close it takes the locks away.
    file: File,
    /// Bytes since the disk was last told to write.
    waiting_bytes: usize,
    temporary: Temporary,
    place: Place,
    tally: Tally,
    roots: (u32, u32),
}

impl Sink for MbtilesSink {
    fn write(&mut self, tile: TileCoord, data: &[u8]) -> Result<()> {
        let Self {
            connection,
            place,
            tally,
            roots,
            file,
            waiting_bytes,
            ..
        } = self;
        *waiting_bytes += data.len();
        if *waiting_bytes >= SYNC_BYTES {
            *waiting_bytes = 0;
            rename::begin_sync(file);
        }
        tally.add(tile, data, || {
            let row = tally::flip(tile.z(), tile.y().into(), *roots);
            connection
                .prepare_cached(INSERT_TILE)
                .and_then(|mut insert| insert.execute((tile.z(), tile.x(), row, data)))
                .map(drop)
                .map_err(|error| writing(connection, place, &error))
        })
    }

    fn finish(self: Box<Self>, metadata: &Metadata) -> Result<Staged> {
        self.tally.check(metadata)?;
        let Self {
            connection,
            file,
            temporary,
            place,
            tally,
            ..
        } = *self;
        complete(&connection, metadata).map_err(|error| writing(&connection, &place, &error))?;
        connection
            .close()
            .map_err(|(connection, error)| writing(&connection, &place, &error))?;
        drop(file);
        let (bytes, sha256) =
            stage::sync_and_digest(temporary.path()).map_err(|error| place.writing(&error))?;
        Ok(Staged {
            place,
            temporary,
            n_tiles: tally.n_tiles(),
            bytes,
            sha256: Some(sha256),
        })
    }
}

/// All that comes after the tiles.
fn complete(connection: &Connection, metadata: &Metadata) -> Sql<()> {
    connection.execute_batch(INDEX_TILES)?;
    let mut insert = connection.prepare("INSERT INTO metadata VALUES (?, ?)")?;
    for row in metadata.rows() {
        insert.execute(row)?;
    }
    connection.execute_batch("CREATE UNIQUE INDEX metadata_name ON metadata (name); COMMIT")
}

/// An error of SQLite's while writing `place`.
fn writing(connection: &Connection, place: &Place, error: &rusqlite::Error) -> Error {
    // SQLite tells of ENOSPC as "full", but of a quota or a size limit as an I/O error with a number.
    // SAFETY: the handle is that of an open connection and is not kept.
    let errno: c_int = unsafe { rusqlite::ffi::sqlite3_system_errno(connection.handle()) };
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => place.writing(&std::io::ErrorKind::StorageFull.into()),
        Some(ErrorCode::SystemIoFailure) if errno != 0 => {
            place.writing(&std::io::Error::from_raw_os_error(errno))
        }
        Some(ErrorCode::OutOfMemory) => {
            Error::new(Kind::Resources, format!("{}: out of memory", place.shown()))
        }
        Some(ErrorCode::ConstraintViolation) => Error::internal(format!(
            "{}: a tile was written twice ({error})",
            place.shown()
        )),
        _ => Error::output(place.shown(), format_args!("cannot be written ({error})")),
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
    let head = head(path)
        .map_err(|error| Error::input(path.display(), format_args!("cannot be read ({error})")))?;
    if !head.starts_with(MAGIC) {
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
    let connection = connect(path, &head).map_err(|error| reading(path, &error))?;
    let mut metadata = read_metadata(&connection)
        .map(StoredMetadata::from_rows)
        .map_err(|error| reading(path, &error))?;
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
    }))
}

/// A connection that writes nothing, not even beside the file. A database in write-ahead mode would want an index file
/// there; telling SQLite that the file cannot change is the way out, and is true enough as it has no journal.
fn connect(path: &Path, head: &[u8]) -> Sql<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    // Bytes 18 and 19 are the file format's versions: 1 for a rollback journal, 2 for write-ahead.
    let write_ahead = head
        .get(18..20)
        .is_some_and(|versions| versions.contains(&2));
    match fs::canonicalize(path) {
        Ok(path) if write_ahead => Connection::open_with_flags(
            format!("file:{}?mode=ro&immutable=1", percent_encoded(&path)),
            flags | OpenFlags::SQLITE_OPEN_URI,
        ),
        _ => Connection::open_with_flags(path, flags),
    }
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

/// All rows of the metadata table; of a name that comes twice, the first.
fn read_metadata(connection: &Connection) -> Sql<BTreeMap<String, String>> {
    // Some writers store numbers as numbers.
    let sql = "SELECT CAST(name AS TEXT), CAST(value AS TEXT) FROM metadata WHERE name IS NOT NULL";
    let mut query = connection.prepare(sql)?;
    let mut found = query.query([])?;
    let mut rows = BTreeMap::new();
    while let Some(row) = found.next()? {
        let value: Option<String> = row.get(1)?;
        rows.entry(row.get(0)?).or_insert(value.unwrap_or_default());
    }
    Ok(rows)
}

/// The bytes of a tile; none for NULL.
fn bytes(value: ValueRef<'_>) -> Vec<u8> {
    match value {
        ValueRef::Blob(data) | ValueRef::Text(data) => data.to_vec(),
        _ => Vec::new(),
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
        _ => Error::input(
            path.display(),
            format_args!("{message}; expected tables `tiles` and `metadata`"),
        ),
    }
}

/// A database being read.
struct MbtilesStore {
    path: PathBuf,
    connection: Connection,
    metadata: StoredMetadata,
}

impl MbtilesStore {
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
        let failed = |error: rusqlite::Error| reading(&self.path, &error);
        let sql = "SELECT zoom_level, tile_column, tile_row FROM tiles";
        let mut query = self.connection.prepare(sql).map_err(failed)?;
        let mut rows = query.query([]).map_err(failed)?;
        let mut tiles = Vec::new();
        while let Some(row) = rows.next().map_err(failed)? {
            let address = (|| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))().map_err(failed)?;
            tiles.push(self.address(address)?);
        }
        tally::sort(&mut tiles);
        Ok(tiles)
    }

    fn read(&mut self, tile: TileCoord) -> Result<Option<Vec<u8>>> {
        let Some(row) = tally::flip(tile.z(), tile.y().into(), self.metadata.matrix_roots) else {
            return Ok(None);
        };
        let sql =
            "SELECT tile_data FROM tiles WHERE zoom_level = ? AND tile_column = ? AND tile_row = ?";
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
}
