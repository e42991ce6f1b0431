//! What a write does to the file, within a transaction.

use rusqlite::{Connection, OptionalExtension, params};

use super::reader::{SessionRow, record_columns};
use super::sums::{self, Sum, name_hash};
use crate::store::contract::Commit;
use crate::store::error::CommitError;
use crate::store::rows::{CommitRows, LogChunk};
use crate::store::session_id::SessionId;

/// The size of a full chunk, in bytes: what is read for one entry.
const CHUNK: usize = 64 * 1024;
/// Chunks that a commit deletes, beside as many as it adds.
const TRIM: i64 = 8;
/// Chunks of a forgotten session that are deleted at once.
const SWEEP: i64 = 64;

/// What is to be written, ready to be bound.
pub(super) enum Write {
    Commit(Box<PreparedCommit>),
    Forget(SessionId),
}

/// A commit with its texts, which the caller's thread makes, not the one that writes.
pub(super) struct PreparedCommit {
    rows: CommitRows,
    /// The begun checksum of the record.
    sum: Sum,
    /// The checksum of each chunk.
    sums: Vec<i64>,
}

impl PreparedCommit {
    pub(super) fn of(commit: Commit) -> Result<PreparedCommit, CommitError> {
        let rows = CommitRows::of(commit, CHUNK)?;
        let id = rows.session.as_str();
        let sum = sums::of_snapshot(id, &rows.snapshot);
        let of_chunk = |chunk: &LogChunk| sums::of_chunk(id, chunk.first, chunk.last, &chunk.body);
        let sums = rows.chunks.iter().map(of_chunk).collect();
        Ok(PreparedCommit { rows, sum, sums })
    }
}

impl Write {
    /// About how many bytes it writes.
    pub(super) fn size(&self) -> usize {
        match self {
            Write::Commit(commit) => commit.rows.size(),
            Write::Forget(_) => 0,
        }
    }
}

const CREATE: &str = "
    INSERT INTO session (id, version, owner, state, base, head, snapshot, sum, hash)
    VALUES (?1, 1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (id) DO NOTHING RETURNING key";

const CREATED_BY: &str = "INSERT INTO principal (session, name, sum) VALUES (?1, ?2, ?3)";

const UPDATE: &str = "
    UPDATE session
    SET version = version + 1, owner = ?2, state = ?3, base = ?4, head = ?5, snapshot = ?6,
        sum = ?7
    WHERE id = ?1 AND version = ?8 AND head = ?9 AND base <= ?4 RETURNING key";

const APPEND: &str =
    "INSERT INTO chunk (session, first, last, body, sum) VALUES (?1, ?2, ?3, ?4, ?5)";

const DELETE: &str = "
    DELETE FROM chunk WHERE rowid IN
        (SELECT rowid FROM chunk WHERE session = ?1 AND last <= ?2 ORDER BY last LIMIT ?3)";

/// A write was carried out, or was refused and changed nothing.
pub(super) type WriteResult = Result<(), CommitError>;

/// Carries out a write. After an error of `SQLite` the transaction must be rolled back.
pub(super) fn apply(conn: &Connection, epoch: i64, write: &Write) -> rusqlite::Result<WriteResult> {
    match write {
        Write::Commit(commit) => keep(conn, epoch, commit),
        Write::Forget(session) => forget(conn, session),
    }
}

fn keep(conn: &Connection, epoch: i64, commit: &PreparedCommit) -> rusqlite::Result<WriteResult> {
    let CommitRows {
        session, expect, state, base, before, head, snapshot, chunks, principal, ..
    } = &commit.rows;
    let id = session.as_str();
    let version = expect.saturating_add(1);
    let columns = record_columns(version, epoch, state, *base, *head);
    let sum = commit.sum.clone().with(columns);
    let key: Option<i64> = if *expect == 0 {
        if *before != 0 {
            return Ok(why_not(conn, &commit.rows));
        }
        conn.prepare_cached(CREATE)?
            .query_row(params![id, epoch, state, base, head, snapshot, sum, name_hash(id)], |row| {
                row.get(0)
            })
            .optional()?
    } else {
        let bound = params![id, epoch, state, base, head, snapshot, sum, expect, before];
        conn.prepare_cached(UPDATE)?.query_row(bound, |row| row.get(0)).optional()?
    };
    let Some(key) = key else { return Ok(why_not(conn, &commit.rows)) };
    if let (0, Some(name)) = (*expect, principal) {
        let sum = sums::of_principal(key, name);
        conn.prepare_cached(CREATED_BY)?.execute(params![key, name, sum])?;
    }
    let mut append = conn.prepare_cached(APPEND)?;
    for (LogChunk { first, last, body }, sum) in chunks.iter().zip(&commit.sums) {
        append.execute(params![key, first, last, body, sum])?;
    }
    if *base > 0 {
        let most = TRIM + i64::try_from(chunks.len()).unwrap_or(TRIM);
        conn.prepare_cached(DELETE)?.execute(params![key, base, most])?;
    }
    Ok(Ok(()))
}

/// Why no row was changed.
fn why_not(conn: &Connection, commit: &CommitRows) -> WriteResult {
    Err(match SessionRow::find(conn, &commit.session) {
        // Damage must not look like another owner.
        Err(error) => error.into(),
        Ok(found) if found.as_ref().map_or(0, |found| found.version) == commit.expect => {
            CommitRows::refused("it does not go on where its log ends, or its log's base goes back")
        }
        Ok(_) => CommitError::Stale,
    })
}

fn forget(conn: &Connection, session: &SessionId) -> rusqlite::Result<WriteResult> {
    let find = "DELETE FROM session WHERE id = ?1 RETURNING key";
    let key: Option<i64> =
        conn.prepare_cached(find)?.query_row([session.as_str()], |row| row.get(0)).optional()?;
    let Some(key) = key else {
        // It is gone, or damage hides it.
        return Ok(SessionRow::find(conn, session).map(|_| ()).map_err(CommitError::Failed));
    };
    conn.prepare_cached("DELETE FROM principal WHERE session = ?1")?.execute([key])?;
    conn.prepare_cached("INSERT INTO forgotten VALUES (?1, ?2)")?
        .execute([key, sums::of_forgotten(key)])?;
    Ok(Ok(()))
}

/// Deletes some chunks of a forgotten session. Returns whether more may be left.
pub(super) fn sweep(conn: &Connection) -> rusqlite::Result<bool> {
    let found: Option<(i64, i64)> = conn
        .prepare_cached("SELECT session, sum FROM forgotten LIMIT 1")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((key, sum)) = found else { return Ok(false) };
    if sum != sums::of_forgotten(key) {
        // The key may be that of a session that is there.
        tracing::error!(key, "a row of forgotten sessions is damaged; no more of them are deleted");
        return Ok(false);
    }
    let deleted = conn.prepare_cached(DELETE)?.execute(params![key, i64::MAX, SWEEP])?;
    if deleted == 0 {
        conn.prepare_cached("DELETE FROM forgotten WHERE session = ?1")?.execute([key])?;
    }
    Ok(true)
}
