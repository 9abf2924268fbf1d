//! [`Database`]: a new MBTiles file while it is filled, of either type.

use std::cell::Cell;
use std::fs::File;
use std::os::raw::c_int;
use std::path::Path;

use md5::{Digest, Md5};
use rusqlite::{Connection, ErrorCode, OpenFlags, Row};

use super::super::rename;
use super::super::stage::Place;
use super::super::temporary::{Shape, Temporary};
use super::{MbtilesType, Sql};
use crate::error::{Error, Kind, Result};

/// How a new file is filled. It has a temporary name and is thrown away on any failure, so SQLite need not be able to
/// undo anything (`journal_mode`), nor wait for the disk (`synchronous`): it is synced once, when complete.
///
/// The cache of 16 MiB sorts the index of some 500,000 tiles without a temporary file; tiles themselves need none, as
/// they are only ever appended. Everything happens in one transaction: the header counts them.
const BEGIN: &str = "
    PRAGMA encoding = 'UTF-8';
    PRAGMA journal_mode = OFF;
    PRAGMA synchronous = OFF;
    PRAGMA locking_mode = EXCLUSIVE;
    PRAGMA cache_size = -16384;
    BEGIN;
    PRAGMA application_id = 0x4d504258;
    CREATE TABLE metadata (name text, value text);
";

/// Bytes of a page for tiles of so many bytes on average. Pages of 4096 bytes are what file systems and the page cache work
/// in. A tile smaller than a page leaves much of it empty, a large one next to nothing. Overhead over the bytes of the tiles,
/// whose sizes vary around a mean:
///
/// ```text
/// mean tile    pages of 1024    4096    16384    65536    time to read a 40 kB tile
///     3 kB             7.8 %  21.9 %   18.1 %    5.8 %    1024: 39 µs
///    12 kB             2.3 %   6.7 %   21.0 %   17.2 %    4096: 21 µs
///    40 kB             1.0 %   2.0 %    7.4 %   22.8 %   16384: 18 µs
/// ```
fn page_bytes(mean_tile_bytes: usize) -> usize {
    if mean_tile_bytes < 16 << 10 {
        1024
    } else {
        4096
    }
}

/// The first tiles are held back until there are so many, or so many bytes of them: their mean decides about the pages.
const HELD_TILES: usize = 1024;
const HELD_BYTES: usize = 4 << 20;

/// What [`BEGIN`] is followed by. Names must be found while tiles come; all else is indexed at the end.
fn tables(kind: MbtilesType) -> &'static str {
    match kind {
        MbtilesType::Flat => {
            "CREATE TABLE tiles (zoom_level integer, tile_column integer, tile_row integer, tile_data blob);"
        }
        MbtilesType::Normalized => {
            "CREATE TABLE map (zoom_level integer, tile_column integer, tile_row integer, tile_id text);
             CREATE TABLE images (tile_data blob, tile_id text);
             CREATE UNIQUE INDEX images_id ON images (tile_id);
             CREATE VIEW tiles AS
                 SELECT map.zoom_level AS zoom_level, map.tile_column AS tile_column,
                        map.tile_row AS tile_row, images.tile_data AS tile_data
                 FROM map JOIN images ON images.tile_id = map.tile_id;"
        }
    }
}

/// The index of places is made when all tiles are there: sorting once is faster than finding the place of each, and packs
/// tighter.
fn index(kind: MbtilesType) -> &'static str {
    match kind {
        MbtilesType::Flat => {
            "CREATE UNIQUE INDEX tile_index ON tiles (zoom_level, tile_column, tile_row)"
        }
        MbtilesType::Normalized => {
            "CREATE UNIQUE INDEX map_index ON map (zoom_level, tile_column, tile_row)"
        }
    }
}

/// Bytes of tiles after which the disk begins to write what there is, so that little is left to do at the end.
const SYNC_BYTES: usize = 16 << 20;

/// The row of the metadata by which MapLibre's programs know whether two files have the same tiles.
const AGG_TILES_HASH: &str = "agg_tiles_hash";

/// A place as a file numbers it: zoom, column, row from the south.
pub(super) type Address = (u8, u32, i64);

/// A file that is being filled. The connection comes first, so that it is closed before the file is removed.
pub(super) struct Database {
    connection: Connection,
    /// The same file once more, for [`rename::begin_sync`]. Closed after the connection: to close it takes the locks away.
    file: File,
    /// The first tiles, as long as nothing is in the file.
    held: Option<Held>,
    /// Bytes since the disk was last told to write.
    waiting_bytes: usize,
    kind: MbtilesType,
    /// Tiles in it, equal ones once if the type has them so.
    n_stored: Cell<u64>,
    temporary: Temporary,
}

/// Tiles that wait for the file to be begun.
#[derive(Default)]
struct Held {
    tiles: Vec<(Address, Vec<u8>)>,
    bytes: usize,
}

impl Database {
    /// An empty file beside `place`.
    pub(super) fn create(place: &Place, kind: MbtilesType) -> Result<Self> {
        let temporary = Temporary::create(place, Shape::File)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = open(temporary.path(), flags).map_err(|error| {
            Error::output(place.shown(), format_args!("cannot be written ({error})"))
        })?;
        let file = File::open(temporary.path()).map_err(|error| place.writing(&error))?;
        Ok(Self {
            connection,
            file,
            held: Some(Held::default()),
            waiting_bytes: 0,
            kind,
            n_stored: Cell::new(0),
            temporary,
        })
    }

    /// Adds a tile.
    pub(super) fn add(&mut self, at: Option<Address>, data: &[u8], place: &Place) -> Result<()> {
        let at = at.ok_or_else(|| Error::internal("a row that the tile matrix does not have"))?;
        if let Some(held) = &mut self.held {
            held.tiles.push((at, data.to_vec()));
            held.bytes += data.len();
            if held.tiles.len() < HELD_TILES && held.bytes < HELD_BYTES {
                return Ok(());
            }
            return self.begin(place);
        }
        self.waiting_bytes += data.len();
        if self.waiting_bytes >= SYNC_BYTES {
            self.waiting_bytes = 0;
            rename::begin_sync(&self.file);
        }
        self.insert(at, data)
            .map_err(|error| self.failed(place, &error))
    }

    /// Begins the file with the tiles that were held back.
    fn begin(&mut self, place: &Place) -> Result<()> {
        let Some(Held { tiles, bytes }) = self.held.take() else {
            return Ok(());
        };
        let page = page_bytes(bytes / tiles.len().max(1));
        let begun = self
            .connection
            .execute_batch(&format!("PRAGMA page_size = {page};"))
            .and_then(|()| self.connection.execute_batch(BEGIN))
            .and_then(|()| self.connection.execute_batch(tables(self.kind)))
            .and_then(|()| {
                tiles
                    .iter()
                    .try_for_each(|(at, data)| self.insert(*at, data))
            });
        begun.map_err(|error| self.failed(place, &error))
    }

    fn insert(&self, at: Address, data: &[u8]) -> Sql<()> {
        match self.kind {
            MbtilesType::Flat => self.insert_flat(at, data),
            MbtilesType::Normalized => self.insert_normalized(at, data),
        }
    }

    fn insert_flat(&self, (zoom, column, row): Address, data: &[u8]) -> Sql<()> {
        let sql = "INSERT INTO tiles VALUES (?, ?, ?, ?)";
        let mut insert = self.connection.prepare_cached(sql)?;
        self.count(insert.execute((zoom, column, row, data))?);
        Ok(())
    }

    /// A tile is called by its MD5, as programs that check such files want it. That of an equal tile is there already.
    fn insert_normalized(&self, (zoom, column, row): Address, data: &[u8]) -> Sql<()> {
        let name = format!("{:x}", Md5::digest(data));
        let sql = "INSERT OR IGNORE INTO images VALUES (?, ?)";
        let mut insert = self.connection.prepare_cached(sql)?;
        self.count(insert.execute((data, &name))?);
        let sql = "INSERT INTO map VALUES (?, ?, ?, ?)";
        let mut insert = self.connection.prepare_cached(sql)?;
        insert.execute((zoom, column, row, &name)).map(drop)
    }

    fn count(&self, n_rows: usize) {
        self.n_stored.set(self.n_stored.get() + n_rows as u64);
    }

    /// The same tiles in another file that stores equal ones once: byte for byte what it would be if they had gone there
    /// at once.
    pub(super) fn normalized(&mut self, place: &Place) -> Result<Self> {
        self.begin(place)?;
        let failed = |error: rusqlite::Error| self.failed(place, &error);
        // To read must not mean to write: if the disk fills up meanwhile, this file must not be the one that fails.
        self.connection.cache_flush().map_err(failed)?;
        let mut other = Self::create(place, MbtilesType::Normalized)?;
        let sql = "SELECT zoom_level, tile_column, tile_row, tile_data FROM tiles ORDER BY rowid";
        let mut query = self.connection.prepare(sql).map_err(failed)?;
        let mut rows = query.query([]).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            let address = address(row).map_err(failed)?;
            let data = row.get_ref(3).map_err(failed)?.as_blob();
            let data = data.map_err(|error| failed(error.into()))?;
            other.add(Some(address), data, place)?;
        }
        Ok(other)
    }

    /// All that comes after the tiles: the complete file, closed, and how often it holds the bytes of a tile.
    pub(super) fn complete(
        mut self,
        place: &Place,
        mut rows: Vec<(String, String)>,
        agg_hash: bool,
    ) -> Result<(Temporary, u64)> {
        self.begin(place)?;
        let failed = |error: rusqlite::Error| self.failed(place, &error);
        self.connection
            .execute_batch(index(self.kind))
            .map_err(failed)?;
        if agg_hash {
            // A row of that name from elsewhere may be of other tiles.
            rows.retain(|(name, _)| name != AGG_TILES_HASH);
            let hash = self.agg_tiles_hash().map_err(failed)?;
            rows.push((AGG_TILES_HASH.to_owned(), hash));
        }
        self.insert_metadata(&rows).map_err(failed)?;
        let Self {
            connection,
            file,
            temporary,
            n_stored,
            ..
        } = self;
        connection
            .close()
            .map_err(|(connection, error)| writing(&connection, place, &error))?;
        drop(file);
        Ok((temporary, n_stored.get()))
    }

    fn insert_metadata(&self, rows: &[(String, String)]) -> Sql<()> {
        let mut insert = self
            .connection
            .prepare("INSERT INTO metadata VALUES (?, ?)")?;
        for (name, value) in rows {
            insert.execute((name, value))?;
        }
        self.connection
            .execute_batch("CREATE UNIQUE INDEX metadata_name ON metadata (name); COMMIT")
    }

    /// The MD5, in upper-case hexadecimal digits, of zoom, column and row as decimal numbers and the bytes of every tile,
    /// ordered by zoom, column and row.
    fn agg_tiles_hash(&self) -> Sql<String> {
        let sql = "SELECT zoom_level, tile_column, tile_row, tile_data FROM tiles
                   ORDER BY zoom_level, tile_column, tile_row";
        let mut query = self.connection.prepare(sql)?;
        let mut rows = query.query([])?;
        let mut digest = Md5::new();
        while let Some(row) = rows.next()? {
            let (zoom, column, line) = address(row)?;
            for number in [i64::from(zoom), i64::from(column), line] {
                digest.update(number.to_string());
            }
            digest.update(row.get_ref(3)?.as_blob()?);
        }
        Ok(format!("{:X}", digest.finalize()))
    }

    fn failed(&self, place: &Place, error: &rusqlite::Error) -> Error {
        writing(&self.connection, place, error)
    }
}

/// The temporary is locked already, as all are. On some network file systems SQLite's own locks would get in the way of
/// that one, and there is nobody to keep out.
fn open(path: &Path, flags: OpenFlags) -> Sql<Connection> {
    if cfg!(unix) {
        Connection::open_with_flags_and_vfs(path, flags, "unix-none")
    } else {
        Connection::open_with_flags(path, flags)
    }
}

fn address(row: &Row<'_>) -> Sql<Address> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
}

/// An error of SQLite's while writing `place`.
fn writing(connection: &Connection, place: &Place, error: &rusqlite::Error) -> Error {
    // SQLite tells of ENOSPC as "full", but of a quota or a size limit as an I/O error with a number.
    let errno = errno(connection);
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

/// What the system said last of the file or, where that is nothing, of the connection's last error: which of them SQLite
/// remembers depends on what it did when it failed.
fn errno(connection: &Connection) -> c_int {
    let mut of_file: c_int = 0;
    // SAFETY: the handle is that of an open connection and is not kept; the call writes an `int` to where it is told.
    let of_connection = unsafe {
        let handle = connection.handle();
        let what = rusqlite::ffi::SQLITE_FCNTL_LAST_ERRNO;
        rusqlite::ffi::sqlite3_file_control(
            handle,
            c"main".as_ptr(),
            what,
            (&raw mut of_file).cast(),
        );
        rusqlite::ffi::sqlite3_system_errno(handle)
    };
    if of_file != 0 { of_file } else { of_connection }
}
