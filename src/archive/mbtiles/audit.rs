//! What may be wrong with an MBTiles file, see [`audit`](crate::archive::audit).

use std::path::Path;

use md5::{Digest as _, Md5};
use rusqlite::Connection;
use rusqlite::types::ValueRef;

use super::{
    ADDRESS, HEADER_BYTES, Sql, TYPE, check_whole, connect, pages, reading, refuse_journals, whole,
};
use crate::archive::StoredMetadata;
use crate::archive::audit::{Audit, Flaw, Tick};
use crate::archive::file_type::head;
use crate::archive::tally;
use crate::error::{Error, Result};
use crate::geo::tile::{MAX_ZOOM, TileCoord};

/// Faults that SQLite is asked for: one that has more is lost anyhow.
const DATABASE_FAULTS: u32 = 100;

/// Rows between two calls of `tick`.
const ROWS: usize = 4096;

/// Tiles whose names are compared with their MD5 before it is taken that all names are.
const NAMES_TRIED: usize = 32;

/// Looks at the file at `path`.
pub(in crate::archive) fn audit(path: &Path, tick: &mut Tick<'_>) -> Result<Audit> {
    let mut audit = Audit::default();
    let head = head(path, HEADER_BYTES)
        .map_err(|error| Error::input(path.display(), format_args!("cannot be read ({error})")))?;
    if !path.is_file() || !TYPE.fits(&head) {
        // Refuses, and says why.
        super::open(path)?;
    }
    refuse_journals(path, crate::error::Kind::Input)?;
    if let Err(error) = check_whole(path, &head) {
        audit.add_error(error)?;
        return Ok(audit);
    }
    surplus(path, &head, &mut audit);
    let roots = match super::open(path) {
        Ok(store) => {
            untold(store.metadata(), &mut audit);
            store.metadata().matrix_roots
        }
        Err(error) => {
            audit.add_error(error)?;
            return Ok(audit);
        }
    };
    let done = connect(path, &head)
        .map_err(Stop::Sql)
        .and_then(|connection| look(&connection, roots, &mut audit, tick));
    match done {
        Ok(()) => {}
        Err(Stop::Tick(error)) => return Err(error),
        Err(Stop::Sql(error)) => audit.add_error(reading(path, &error))?,
    }
    Ok(audit)
}

/// Bytes after the last page.
fn surplus(path: &Path, head: &[u8], audit: &mut Audit) {
    let Some((page_bytes, n_pages @ 1..)) = head.first_chunk().map(pages) else {
        return;
    };
    let expected = page_bytes * u64::from(n_pages);
    let found = std::fs::metadata(path).map_or(0, |found| found.len());
    if found > expected {
        let found = format!("{} bytes after its end", found - expected);
        let expected = format!("{expected} bytes, {n_pages} pages of {page_bytes}");
        audit.add(Flaw::Container, "", found, expected);
    }
}

/// Rows of the metadata that are missing though every file must have them (MBTiles 1.3, "Metadata").
fn untold(stored: &StoredMetadata, audit: &mut Audit) {
    let is_missing = |row: &&str| {
        let told = stored.rows.get(*row);
        told.is_none_or(|text| text.trim().is_empty())
    };
    let missing: Vec<&str> = ["name", "format"].into_iter().filter(is_missing).collect();
    if !missing.is_empty() {
        audit.notes.push(format!(
            "the metadata has no {}, which some readers ask for",
            missing.join(" and no ")
        ));
    }
}

/// Why an audit ends before its time.
enum Stop {
    Sql(rusqlite::Error),
    Tick(Error),
}

impl From<rusqlite::Error> for Stop {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

fn look(
    connection: &Connection,
    roots: (u32, u32),
    audit: &mut Audit,
    tick: &mut Tick<'_>,
) -> std::result::Result<(), Stop> {
    let is_whole = integrity(connection, audit)?;
    tick().map_err(Stop::Tick)?;
    // A damaged index would hide rows, or tell of some that are not there.
    let normalized = is_table(connection, "map")? && is_table(connection, "images")?;
    let is_view = !is_table(connection, "tiles")?;
    if is_view && normalized {
        index(connection, "map", &ADDRESS, audit)?;
        index(connection, "images", &["tile_id"], audit)?;
        dangling(connection, roots, audit)?;
        if is_whole {
            names(connection, audit, tick)?;
        }
    } else if !is_view {
        index(connection, "tiles", &ADDRESS, audit)?;
    }
    said_twice(connection, audit)?;
    addresses(connection, roots, audit, tick)?;
    if is_whole {
        agg_hash(connection, audit, tick)?;
    }
    Ok(())
}

fn is_table(connection: &Connection, name: &str) -> Sql<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?)";
    connection.query_row(sql, [name], |row| row.get(0))
}

/// SQLite's own check; whether it finds nothing.
fn integrity(connection: &Connection, audit: &mut Audit) -> Sql<bool> {
    let mut query = connection.prepare(&format!("PRAGMA integrity_check({DATABASE_FAULTS})"))?;
    let mut rows = query.query([])?;
    let mut is_whole = true;
    while let Some(row) = rows.next()? {
        let told: String = row.get(0)?;
        if told != "ok" {
            is_whole = false;
            let told = told.lines().collect::<Vec<_>>().join("; ");
            audit.add(
                Flaw::Container,
                "",
                told,
                "a database that passes PRAGMA integrity_check",
            );
        }
    }
    Ok(is_whole)
}

/// Whether `table` has an index that finds a row by `columns`, in whatever order.
fn index(connection: &Connection, table: &str, columns: &[&str], audit: &mut Audit) -> Sql<()> {
    let mut query = connection.prepare("SELECT name FROM pragma_index_list(?) ORDER BY seq")?;
    let names = query.query_map([table], |row| row.get::<_, String>(0))?;
    for name in names.collect::<Sql<Vec<_>>>()? {
        let mut query =
            connection.prepare("SELECT name FROM pragma_index_info(?) ORDER BY seqno")?;
        let found = query.query_map([name], |row| row.get::<_, Option<String>>(0))?;
        let found: Vec<String> = found
            .take(columns.len())
            .map(|name| name.map(|name| name.unwrap_or_default().to_lowercase()))
            .collect::<Sql<_>>()?;
        if columns
            .iter()
            .all(|column| found.iter().any(|name| name == column))
        {
            return Ok(());
        }
    }
    let expected = format!("an index on {}", columns.join(", "));
    audit.add(
        Flaw::Index,
        format!("table {table}"),
        "no index that finds a tile",
        expected,
    );
    Ok(())
}

/// Addresses in `map` whose tile is not in `images`.
fn dangling(connection: &Connection, roots: (u32, u32), audit: &mut Audit) -> Sql<()> {
    let sql = "SELECT zoom_level, tile_column, tile_row, tile_id FROM map
               WHERE tile_id IS NOT NULL
                 AND NOT EXISTS (SELECT 1 FROM images WHERE images.tile_id = map.tile_id)";
    let mut query = connection.prepare(sql)?;
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        let id = match row.get_ref(3)? {
            ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
            _ => "no text".to_owned(),
        };
        let found = format!("tile_id {id} in map and not in images");
        match address(row, roots)? {
            Ok(tile) => audit.add_tile(Flaw::Dangling, tile, found, "the bytes of each tile"),
            Err(place) => audit.add(Flaw::Dangling, place, found, "the bytes of each tile"),
        }
    }
    Ok(())
}

/// Whether tiles are what they are called by, where they are called by their MD5, as ours and those of `mbtiles` are.
fn names(
    connection: &Connection,
    audit: &mut Audit,
    tick: &mut Tick<'_>,
) -> std::result::Result<(), Stop> {
    let mut query = connection.prepare("SELECT tile_id, tile_data FROM images")?;
    let mut rows = query.query([])?;
    let (mut n, mut faults) = (0, Vec::new());
    while let Some(row) = rows.next()? {
        let (ValueRef::Text(id), ValueRef::Blob(data)) = (row.get_ref(0)?, row.get_ref(1)?) else {
            continue;
        };
        n += 1;
        let id = String::from_utf8_lossy(id).into_owned();
        let found = format!("{:x}", Md5::digest(data));
        if !id.eq_ignore_ascii_case(&found) {
            faults.push((id, found));
        }
        // Names may be anything: those of others are not looked at any longer.
        if n == NAMES_TRIED && faults.len() > NAMES_TRIED / 2 {
            return Ok(());
        }
        if n.is_multiple_of(ROWS) {
            tick().map_err(Stop::Tick)?;
        }
    }
    if faults.len() * 2 > n {
        return Ok(());
    }
    for (id, found) in faults {
        let place = format!("table images, tile_id {id}");
        audit.add(
            Flaw::Digest,
            place,
            format!("bytes with MD5 {found}"),
            "those that it is called by",
        );
    }
    Ok(())
}

/// Names that the metadata has twice, with two texts.
fn said_twice(connection: &Connection, audit: &mut Audit) -> Sql<()> {
    let sql = "SELECT CAST(name AS TEXT), count(DISTINCT value) FROM metadata
               WHERE name IS NOT NULL GROUP BY name HAVING count(*) > 1";
    let mut query = connection.prepare(sql)?;
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        let (name, n): (String, i64) = (row.get(0)?, row.get(1)?);
        if n > 1 {
            let found = format!("{n} values for {name}");
            audit.add(
                Flaw::Descriptions,
                format!("table metadata, {name}"),
                found,
                "one",
            );
        } else {
            audit.notes.push(format!(
                "metadata has {name} more than once, with one value"
            ));
        }
    }
    Ok(())
}

/// The address in the first columns of a row; if it is none, where that is and what it is.
fn address(
    row: &rusqlite::Row<'_>,
    roots: (u32, u32),
) -> Sql<std::result::Result<TileCoord, String>> {
    let mut numbers = [0; 3];
    for (at, number) in numbers.iter_mut().enumerate() {
        match whole(row.get_ref(at)?) {
            Ok(found) => *number = found,
            Err(found) => return Ok(Err(format!("a row whose {} is {found}", ADDRESS[at]))),
        }
    }
    let [z, column, line] = numbers;
    let tile = || {
        let zoom = u8::try_from(z).ok().filter(|&zoom| zoom <= MAX_ZOOM)?;
        tally::address(zoom, column, tally::flip(zoom, line, roots)?, roots)
    };
    Ok(tile().ok_or_else(|| format!("zoom {z}, column {column}, row {line} from the south")))
}

/// Lists the tiles.
fn addresses(
    connection: &Connection,
    roots: (u32, u32),
    audit: &mut Audit,
    tick: &mut Tick<'_>,
) -> std::result::Result<(), Stop> {
    let mut query = connection.prepare("SELECT zoom_level, tile_column, tile_row FROM tiles")?;
    let mut rows = query.query([])?;
    let mut tiles = Vec::new();
    let mut n = 0usize;
    while let Some(row) = rows.next()? {
        match address(row, roots)? {
            Ok(tile) => tiles.push(tile),
            Err(place) => audit.add(
                Flaw::Address,
                place,
                "no tile of the matrix",
                "one that is in it",
            ),
        }
        n += 1;
        if n.is_multiple_of(ROWS) {
            tick().map_err(Stop::Tick)?;
        }
    }
    audit.list(tiles);
    Ok(())
}

/// Whether the tiles are those that the row `agg_tiles_hash` sums up, where there is one.
fn agg_hash(
    connection: &Connection,
    audit: &mut Audit,
    tick: &mut Tick<'_>,
) -> std::result::Result<(), Stop> {
    let sql = "SELECT CAST(value AS TEXT) FROM metadata WHERE name = 'agg_tiles_hash'";
    let mut query = connection.prepare(sql)?;
    let told = query.query_map([], |row| row.get::<_, Option<String>>(0))?;
    let Some(told) = told.collect::<Sql<Vec<_>>>()?.into_iter().flatten().next() else {
        return Ok(());
    };
    let sql = "SELECT zoom_level, tile_column, tile_row, tile_data FROM tiles
               ORDER BY zoom_level, tile_column, tile_row";
    let mut query = connection.prepare(sql)?;
    let mut rows = query.query([])?;
    let (mut digest, mut n) = (Md5::new(), 0usize);
    while let Some(row) = rows.next()? {
        for at in 0..3 {
            // What is no number was told of already.
            digest.update(whole(row.get_ref(at)?).unwrap_or_default().to_string());
        }
        if let ValueRef::Blob(data) = row.get_ref(3)? {
            digest.update(data);
        }
        n += 1;
        if n.is_multiple_of(ROWS) {
            tick().map_err(Stop::Tick)?;
        }
    }
    let found = format!("{:X}", digest.finalize());
    if !told.trim().eq_ignore_ascii_case(&found) {
        audit.add(Flaw::Digest, "metadata, agg_tiles_hash", found, told);
    }
    Ok(())
}
