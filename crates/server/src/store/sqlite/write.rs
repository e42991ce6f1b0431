//! What a write does to the file, within a transaction.

use std::str;

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, params};

use super::reader::{SessionRow, record_columns};
use super::sums::{self, Sum, name_hash};
use crate::store::contract::Commit;
use crate::store::error::{Cause, CommitError, StoreError};
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
    session: SessionId,
    expect: i64,
    state: &'static str,
    base: i64,
    /// The head before, and after.
    before: i64,
    head: i64,
    snapshot: String,
    /// The begun checksum of the record.
    sum: Sum,
    chunks: Vec<Chunk>,
    /// The checksum of each chunk.
    sums: Vec<i64>,
    principal: Option<String>,
}

struct Chunk {
    first: i64,
    last: i64,
    body: String,
}

fn refused(why: &str) -> CommitError {
    StoreError::Io(format!("no store can keep this commit: {why}").into()).into()
}

fn place(number: u64) -> Result<i64, CommitError> {
    i64::try_from(number).map_err(|_| refused("a number is too large"))
}

impl PreparedCommit {
    pub(super) fn of(commit: Commit) -> Result<PreparedCommit, CommitError> {
        let Commit { session, expect, snapshot, entries, principal } = commit;
        let (base, head) = (place(snapshot.log.base.0)?, place(snapshot.log.head.0)?);
        let count = place(entries.len() as u64)?;
        let before = head - count;
        if before < 0 || base > head {
            return Err(refused("it has more entries than its log"));
        }
        let state = snapshot.state.into_str();
        let snapshot = serde_json::to_string(&snapshot).map_err(|error| {
            StoreError::Io(Cause::from_error(error).context("the record has no JSON form"))
        })?;
        let sum = sums::of_snapshot(session.as_str(), &snapshot);
        let chunks = chunks(before, &entries)?;
        let of_chunk =
            |chunk: &Chunk| sums::of_chunk(session.as_str(), chunk.first, chunk.last, &chunk.body);
        let sums = chunks.iter().map(of_chunk).collect();
        let expect = place(expect.0)?;
        Ok(PreparedCommit {
            session,
            expect,
            state,
            base,
            before,
            head,
            snapshot,
            sum,
            chunks,
            sums,
            principal,
        })
    }

    fn size(&self) -> usize {
        self.snapshot.len() + self.chunks.iter().map(|chunk| chunk.body.len()).sum::<usize>()
    }
}

impl Write {
    /// About how many bytes it writes.
    pub(super) fn size(&self) -> usize {
        match self {
            Write::Commit(commit) => commit.size(),
            Write::Forget(_) => 0,
        }
    }
}

fn chunks(before: i64, entries: &[Bytes]) -> Result<Vec<Chunk>, CommitError> {
    let mut chunks: Vec<Chunk> = Vec::new();
    for (entry, place) in entries.iter().zip(before + 1..) {
        if entry.contains(&b'\n') {
            return Err(refused("an entry has a line break"));
        }
        let line = str::from_utf8(entry).map_err(|_| refused("an entry is no text"))?;
        match chunks.last_mut() {
            Some(chunk) if chunk.body.len() + line.len() < CHUNK => {
                chunk.body.push('\n');
                chunk.body.push_str(line);
                chunk.last = place;
            }
            Some(_) | None => chunks.push(Chunk { first: place, last: place, body: line.into() }),
        }
    }
    Ok(chunks)
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
    let PreparedCommit { session, expect, state, base, before, head, snapshot, .. } = commit;
    let id = session.as_str();
    let version = expect.saturating_add(1);
    let columns = record_columns(version, epoch, state, *base, *head);
    let sum = commit.sum.clone().with(columns);
    let key: Option<i64> = if *expect == 0 {
        if *before != 0 {
            return Ok(why_not(conn, commit));
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
    let Some(key) = key else { return Ok(why_not(conn, commit)) };
    if let (0, Some(name)) = (*expect, &commit.principal) {
        let sum = sums::of_principal(key, name);
        conn.prepare_cached(CREATED_BY)?.execute(params![key, name, sum])?;
    }
    let mut append = conn.prepare_cached(APPEND)?;
    for (Chunk { first, last, body }, sum) in commit.chunks.iter().zip(&commit.sums) {
        // What is trimmed in the same step need not be written at all.
        if last > base {
            append.execute(params![key, first, last, body, sum])?;
        }
    }
    if *base > 0 {
        let most = TRIM + i64::try_from(commit.chunks.len()).unwrap_or(TRIM);
        conn.prepare_cached(DELETE)?.execute(params![key, base, most])?;
    }
    Ok(Ok(()))
}

/// Why no row was changed.
fn why_not(conn: &Connection, commit: &PreparedCommit) -> WriteResult {
    Err(match SessionRow::find(conn, &commit.session) {
        // Damage must not look like another owner.
        Err(error) => error.into(),
        Ok(found) if found.as_ref().map_or(0, |found| found.version) == commit.expect => {
            refused("it does not go on where its log ends, or its log's base goes back")
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
