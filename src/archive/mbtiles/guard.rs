//! [`Guarded`]: what keeps a database of others from taking all of our time and memory. A table may be a view, whose SQL runs as
//! it is written in the file: a few bytes can stand for rows without end, or for a search that finds none.

use std::ffi::{c_int, c_void};
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::limits::Limit;
use rusqlite::{Connection, ffi};

use super::Sql;

/// Bytes of the longest text or blob: as many as those of the longest tile that a PMTiles archive may have.
const VALUE_BYTES_MAX: i32 = 256 << 20;

/// Steps of SQLite's machine after which it is looked how many there were.
const LOOK: u16 = 10_000;

/// Steps that a query of any file may take, a tenth of a second's work.
const STEPS: u64 = 5_000_000;

/// And for each byte of the file. A row that is listed, checked and sorted takes some hundreds, and never fewer than ten bytes.
const STEPS_A_BYTE: u64 = 1000;

/// A connection that ends what takes more than a file of its length can be worth.
pub(super) struct Guarded {
    // Before what it points at: fields are dropped in this order.
    connection: Connection,
    steps: Box<Steps>,
}

struct Steps {
    taken: AtomicU64,
    most: u64,
}

impl Guarded {
    /// Watches over `connection`, to a file of so many bytes.
    pub(super) fn new(connection: Connection, file_bytes: u64) -> Sql<Self> {
        let steps = Box::new(Steps {
            taken: AtomicU64::new(0),
            most: STEPS.saturating_add(file_bytes.saturating_mul(STEPS_A_BYTE)),
        });
        let told: *const Steps = &*steps;
        // SAFETY: the connection is open. What is pointed at lives in a box, which is dropped after the connection, and is
        // only looked at meanwhile.
        unsafe {
            ffi::sqlite3_progress_handler(
                connection.handle(),
                LOOK.into(),
                Some(is_enough),
                told.cast_mut().cast(),
            );
        }
        connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, VALUE_BYTES_MAX)?;
        Ok(Self { connection, steps })
    }

    /// Begins to count anew: what follows has nothing to do with what was.
    pub(super) fn reset(&self) {
        self.steps.taken.store(0, Ordering::Relaxed);
    }
}

impl Deref for Guarded {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

/// Whether a query is to end. (rusqlite's own way takes a function that older versions of SQLite do not have.)
unsafe extern "C" fn is_enough(steps: *mut c_void) -> c_int {
    // SAFETY: what `Guarded::new` has told, which is there as long as the connection.
    let steps = unsafe { &*steps.cast_const().cast::<Steps>() };
    let before = steps.taken.fetch_add(LOOK.into(), Ordering::Relaxed);
    (before > steps.most).into()
}
