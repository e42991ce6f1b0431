//! The file: its schema, how it is opened, and how an older one is brought up to date.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::faults::{open_error, store_error};
use super::options::{Durability, SqliteOptions};
use super::owner::OwnerRow;
use crate::store::error::StoreError;

/// What marks a file as ours: "outl".
pub(super) const APPLICATION: i64 = 0x6f75_746c;

/// The schema that the first step makes. Files of an earlier one were written before the first release.
const FIRST: i64 = 2;

/// What brings a file from one schema to the next: the first makes version [`FIRST`] of an empty file. A step
/// that was released is never changed; a new one is added.
pub(super) const STEPS: &[&str] = &["
CREATE TABLE owner (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    epoch INTEGER NOT NULL,   -- counted up by whoever takes the store: the newest one owns it
    run INTEGER NOT NULL,     -- chosen by that owner by chance: no two histories have the same
    commits INTEGER NOT NULL, -- transactions since the file was made
    generation INTEGER NOT NULL, -- how often a log was begun, at least
    unsure INTEGER NOT NULL,  -- the last owner that may lose commits in a power cut; 0: none
    boot TEXT,                -- the boot of the system in which that one ran; NULL: not known
    before INTEGER NOT NULL,  -- as unsure, if the system still is in that boot
    process TEXT,             -- the process that is the newest owner; NULL: it has closed the store
    sum INTEGER NOT NULL      -- the checksum of this row
) STRICT;
INSERT INTO owner VALUES (1, 0, 0, 0, 0, 0, NULL, 0, NULL, -8942440616787595045);

-- The last even and the last odd generation, in a page each. The older one is in the file by now, and the
-- newer one perhaps in the log only: a log beside another file does not fit.
CREATE TABLE mark_even (generation INTEGER NOT NULL) STRICT;
INSERT INTO mark_even VALUES (0);
CREATE TABLE mark_odd (generation INTEGER NOT NULL) STRICT;
INSERT INTO mark_odd VALUES (-1);

CREATE TABLE session (
    key INTEGER PRIMARY KEY AUTOINCREMENT, -- never used for another session
    id TEXT NOT NULL UNIQUE,
    hash INTEGER NOT NULL,    -- of the id
    version INTEGER NOT NULL, -- how often it was committed
    owner INTEGER NOT NULL,   -- the epoch of the owner that committed it last
    state TEXT NOT NULL,      -- CREATED, STARTING, ACTIVE, DETACHED, SUSPENDED, CLOSING or ENDED
    base INTEGER NOT NULL,    -- the last entry that was trimmed; 0: none
    head INTEGER NOT NULL,    -- the last entry; 0: none
    snapshot TEXT NOT NULL,   -- the record, in JSON
    sum INTEGER NOT NULL      -- the checksum of this row
) STRICT;
CREATE INDEX session_unfinished ON session (key) WHERE state <> 'ENDED';
-- What an index has lost is not found by it, but by the other one.
CREATE INDEX session_hash ON session (hash, state = 'ENDED');

CREATE TABLE chunk (
    session INTEGER NOT NULL, -- session.key
    first INTEGER NOT NULL,   -- the place of its first entry
    last INTEGER NOT NULL,    -- the place of its last entry
    body TEXT NOT NULL,       -- the entries, a line of JSON each, with a newline between two
    sum INTEGER NOT NULL      -- the checksum of this row
) STRICT;
CREATE UNIQUE INDEX chunk_place ON chunk (session, last);

CREATE TABLE forgotten (
    session INTEGER PRIMARY KEY, -- the key of a session that is gone, and whose chunks are being deleted
    sum INTEGER NOT NULL         -- the checksum of this row
) STRICT;
", "
CREATE TABLE principal (
    session INTEGER PRIMARY KEY, -- session.key
    name TEXT NOT NULL,          -- who created the session
    sum INTEGER NOT NULL         -- the checksum of this row
) STRICT;
CREATE INDEX principal_sessions ON principal (name, session);
"];

/// The schema that so many steps make.
fn after(steps: usize) -> i64 {
    FIRST - 1 + i64::try_from(steps).unwrap_or(i64::MAX - FIRST)
}

/// The newest schema this version knows.
fn newest() -> i64 {
    after(STEPS.len())
}

/// The names of tables and indexes with their SQL.
type Schema = BTreeMap<String, String>;

fn schema(conn: &Connection) -> rusqlite::Result<Schema> {
    let mut read = conn.prepare("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL")?;
    let found = read.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    found.collect()
}

/// The tables and indexes are those that the steps make: also what says how rows are read can be damaged.
fn verify(conn: &Connection) -> Result<(), StoreError> {
    static KNOWN: OnceLock<Schema> = OnceLock::new();
    let known = if let Some(known) = KNOWN.get() {
        known
    } else {
        let fresh = Connection::open_in_memory().map_err(store_error)?;
        fresh.execute_batch(&STEPS.concat()).map_err(store_error)?;
        let known = schema(&fresh).map_err(store_error)?;
        KNOWN.get_or_init(|| known)
    };
    let found = schema(conn).map_err(store_error)?;
    // Others may have added their own.
    match known.iter().find(|(name, sql)| found.get(*name) != Some(*sql)) {
        Some((name, _)) => Err(StoreError::Corrupt(format!("the schema of {name}").into())),
        None => Ok(()),
    }
}

/// The connection that writes. Makes the file if there is none, and brings it up to date.
pub(super) fn writing(path: &Path, options: &SqliteOptions) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let opened = connect(path, flags, options.busy_timeout).and_then(|conn| {
        // Until it is known that the log is its own.
        leave_log_on_close(&conn, true).map_err(store_error)?;
        prepare(&conn, options).map_err(|error| error.into_store(path))?;
        Ok(conn)
    });
    opened.map_err(|error| error.context(path.display()))
}

/// The row of the owner, of a file whose log is its own.
pub(super) fn identified(conn: &Connection) -> Result<OwnerRow, StoreError> {
    // In one transaction: another process may commit meanwhile.
    let transaction = conn.unchecked_transaction().map_err(store_error)?;
    let owners = OwnerRow::of(&transaction)?;
    owners.require_own_log(&transaction)?;
    transaction.finish().map_err(store_error)?;
    leave_log_on_close(conn, false).map_err(store_error)?;
    Ok(owners)
}

/// Whether `SQLite` leaves the log as it is when the connection is closed, or brings it into the file.
pub(super) fn leave_log_on_close(conn: &Connection, leave: bool) -> rusqlite::Result<()> {
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, leave).map(|_| ())
}

/// A connection that reads.
pub(super) fn reading(path: &Path, busy: Duration) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let opened = connect(path, flags, busy).and_then(|conn| {
        conn.execute_batch("PRAGMA query_only = 1").map_err(store_error)?;
        verify(&conn)?;
        Ok(conn)
    });
    opened.map_err(|error| error.context(path.display()))
}

fn connect(path: &Path, flags: OpenFlags, busy: Duration) -> Result<Connection, StoreError> {
    let conn = Connection::open_with_flags(path, flags).map_err(|error| open_error(path, error))?;
    conn.busy_timeout(busy).map_err(store_error)?;
    conn.set_prepared_statement_cache_capacity(32);
    Ok(conn)
}

/// Why a file cannot be used: an error of `SQLite`, or of this module.
enum OpenError {
    Sqlite(rusqlite::Error),
    Store(StoreError),
}

impl From<rusqlite::Error> for OpenError {
    fn from(error: rusqlite::Error) -> OpenError {
        OpenError::Sqlite(error)
    }
}

impl OpenError {
    fn into_store(self, path: &Path) -> StoreError {
        match self {
            OpenError::Sqlite(error) => open_error(path, error),
            OpenError::Store(error) => error,
        }
    }
}

fn prepare(conn: &Connection, options: &SqliteOptions) -> Result<(), OpenError> {
    // SQLite opens a file that may not be written too, to read it.
    if conn.is_readonly("main")? {
        return Err(OpenError::Store(StoreError::ReadOnly("the file may not be written".into())));
    }
    // The file is not changed before it is known to be ours.
    let found = identify(conn)?;
    if found == 0 {
        conn.execute_batch("PRAGMA page_size = 8192")?;
    }
    let mode: String = conn.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if mode != "wal" {
        let why = format!("no write-ahead log can be kept here (journal mode {mode})");
        return Err(OpenError::Store(StoreError::Io(why.into())));
    }
    conn.execute_batch(
        "PRAGMA synchronous = FULL;
         PRAGMA fullfsync = 1;
         PRAGMA checkpoint_fullfsync = 1;
         PRAGMA wal_autocheckpoint = 2000;
         PRAGMA journal_size_limit = 67108864;
         PRAGMA cache_size = -16384;",
    )?;
    if found < newest() {
        migrate(conn, STEPS)?;
    }
    verify(conn).map_err(OpenError::Store)?;
    if let Some(bytes) = options.max_bytes {
        let page: i64 = conn.query_row("PRAGMA page_size", [], |row| row.get(0))?;
        let pages = i64::try_from(bytes).unwrap_or(i64::MAX) / page;
        conn.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))?;
    }
    synchronous(conn, options.durability)?;
    Ok(())
}

/// How soon a commit is on the disk, from the next transaction on.
pub(super) fn synchronous(conn: &Connection, durability: Durability) -> rusqlite::Result<()> {
    conn.execute_batch(match durability {
        Durability::Full => "PRAGMA synchronous = FULL",
        Durability::Fast => "PRAGMA synchronous = NORMAL",
    })
}

/// The schema of the file; 0 if there is nothing in it.
fn identify(conn: &Connection) -> Result<i64, OpenError> {
    let number = |name: &str| conn.query_row(name, [], |row| row.get::<_, i64>(0));
    let version = number("PRAGMA user_version")?;
    let application = number("PRAGMA application_id")?;
    let tables = number("SELECT count(*) FROM sqlite_schema")?;
    let ours = application == APPLICATION;
    if !ours && (application != 0 || version != 0 || tables != 0) {
        let why = format!("the database of another program (application_id {application})");
        return Err(OpenError::Store(StoreError::Foreign(why.into())));
    }
    if version > newest() {
        let why = format!("it has schema {version}, and this one knows schemas up to {}", newest());
        return Err(OpenError::Store(StoreError::Newer(why.into())));
    }
    if ours && version < FIRST {
        let why = format!("it has schema {version}, from before the first release");
        return Err(OpenError::Store(StoreError::Foreign(why.into())));
    }
    Ok(version)
}

/// Takes every step that the file lacks, in one transaction.
fn migrate(conn: &Connection, steps: &[&str]) -> Result<(), OpenError> {
    conn.execute_batch("BEGIN IMMEDIATE")?;
    let taken = take(conn, steps);
    let ended = conn.execute_batch(if taken.is_ok() { "COMMIT" } else { "ROLLBACK" });
    taken?;
    Ok(ended?)
}

fn take(conn: &Connection, steps: &[&str]) -> Result<(), OpenError> {
    // Again, under the lock: another process may have migrated it meanwhile.
    let found = identify(conn)?;
    let taken = usize::try_from(found - FIRST + 1).unwrap_or(0);
    for step in steps.iter().skip(taken) {
        conn.execute_batch(step)?;
    }
    let known = after(steps.len());
    conn.execute_batch(&format!(
        "PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {known};"
    ))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    fn version(conn: &Connection) -> i64 {
        conn.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap()
    }

    fn migrated(conn: &Connection, steps: &[&str]) -> bool {
        migrate(conn, steps).is_ok()
    }

    #[test]
    fn a_file_takes_the_steps_it_lacks_and_keeps_what_it_has() {
        let conn = Connection::open_in_memory().unwrap();
        let one = "CREATE TABLE a (n); INSERT INTO a VALUES (7)";
        let two = "ALTER TABLE a ADD COLUMN m DEFAULT 8";
        assert!(migrated(&conn, &[one]));
        assert_eq!(version(&conn), FIRST);
        assert!(migrated(&conn, &[one, two]));
        assert_eq!(version(&conn), FIRST + 1);
        let row: (i64, i64) =
            conn.query_row("SELECT n, m FROM a", [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        assert_eq!(row, (7, 8));
    }

    #[test]
    fn a_step_that_fails_leaves_the_file_as_it_was() {
        let conn = Connection::open_in_memory().unwrap();
        assert!(migrated(&conn, &["CREATE TABLE a (n)"]));
        assert!(!migrated(&conn, &["", "CREATE TABLE b (n); CREATE TABLE a (n)"]));
        assert_eq!(version(&conn), FIRST);
        let mut tables = conn.prepare("SELECT name FROM sqlite_schema").unwrap();
        let tables: Vec<String> =
            tables.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        assert_eq!(tables, ["a"]);
    }
}
