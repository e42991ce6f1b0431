//! Reads. A reader sees what was committed when it began, and blocks no other.

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, params};

use super::faults::{corrupt, store_error};
use super::owner::Ownership;
use crate::store::contract::{PageToken, SessionPage, StoredSession, Version, fits};
use crate::store::error::{Cause, StoreError};
use crate::store::session_id::SessionId;
use outlive::ids::Seq;
use outlive::session::{Session, Snapshot};

const LOAD: &str = "SELECT version, owner, state, base, head, snapshot FROM session WHERE id = ?1";

const EDGES: &str = "SELECT key, base, head FROM session WHERE id = ?1";

const CHUNKS: &str = "
    SELECT first, last, body FROM chunk WHERE session = ?1 AND last >= ?2 ORDER BY last";

const UNFINISHED: &str = "
    SELECT key, id FROM session WHERE state <> 'ENDED' AND key > ?1 ORDER BY key LIMIT ?2";

/// The columns of a record.
struct SessionRow {
    version: i64,
    owner: i64,
    state: String,
    base: i64,
    head: i64,
    snapshot: String,
}

/// The kind of an error; damage names the session.
fn read_error(session: &SessionId, error: rusqlite::Error) -> StoreError {
    let error = store_error(error);
    if matches!(error, StoreError::Corrupt(_)) {
        return error.context(format_args!("session {session}"));
    }
    error
}

pub(super) fn load(
    conn: &Connection,
    session: &SessionId,
    owner: &Ownership,
) -> Result<Option<StoredSession>, StoreError> {
    let record = |row: &rusqlite::Row<'_>| {
        Ok(SessionRow {
            version: row.get(0)?,
            owner: row.get(1)?,
            state: row.get(2)?,
            base: row.get(3)?,
            head: row.get(4)?,
            snapshot: row.get(5)?,
        })
    };
    let id = session.as_str();
    let found = conn
        .prepare_cached(LOAD)
        .and_then(|mut load| load.query_row([id], record).optional())
        .map_err(|error| read_error(session, error))?;
    let Some(record) = found else { return Ok(None) };
    let snapshot: Snapshot = serde_json::from_str(&record.snapshot)
        .map_err(|error| corrupt(id, Cause::from_error(error)))?;
    Session::restore(snapshot.clone()).map_err(|error| corrupt(id, Cause::from_error(error)))?;
    let log = &snapshot.log;
    let same = record.state == snapshot.state.into_str()
        && u64::try_from(record.base) == Ok(log.base.0)
        && u64::try_from(record.head) == Ok(log.head.0);
    if !same {
        return Err(corrupt(id, "its columns differ from its record"));
    }
    let version = match u64::try_from(record.version) {
        Ok(version @ 1..) => Version(version),
        Ok(0) | Err(_) => return Err(corrupt(id, "versions count from 1")),
    };
    let lossy = owner.lossy(record.owner);
    Ok(Some(StoredSession::new(snapshot, version).lossy(lossy)))
}

pub(super) fn read(
    conn: &Connection,
    session: &SessionId,
    from: Seq,
    to: Seq,
    bytes: usize,
) -> Result<Vec<Bytes>, StoreError> {
    let (Ok(from), Ok(to)) = (i64::try_from(from.0), i64::try_from(to.0)) else {
        return Err(StoreError::Trimmed);
    };
    // In one transaction the edges and the chunks are of the same time.
    let transaction = conn.unchecked_transaction().map_err(store_error)?;
    let lines = lines(&transaction, session, from, to, bytes)?;
    transaction.finish().map_err(store_error)?;
    Ok(lines)
}

fn lines(
    conn: &Connection,
    session: &SessionId,
    from: i64,
    to: i64,
    bytes: usize,
) -> Result<Vec<Bytes>, StoreError> {
    let failed = |error| read_error(session, error);
    let edges = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    let found: Option<(i64, i64, i64)> = conn
        .prepare_cached(EDGES)
        .and_then(|mut find| find.query_row([session.as_str()], edges).optional())
        .map_err(failed)?;
    let (key, base, head) = found.ok_or(StoreError::Trimmed)?;
    if from <= base || to > head || from > to {
        return Err(StoreError::Trimmed);
    }
    let damaged = |what: &str, place: i64| {
        corrupt(session.as_str(), format!("{what} at entry {place} of its log"))
    };
    let (mut lines, mut fits) = (Vec::new(), fits(bytes));
    let mut chunks = conn.prepare_cached(CHUNKS).map_err(failed)?;
    let mut rows = chunks.query(params![key, from]).map_err(failed)?;
    let mut next = from;
    while next <= to {
        let row = rows.next().map_err(failed)?.ok_or_else(|| damaged("nothing", next))?;
        let (first, last): (i64, i64) =
            row.get(0).and_then(|first| Ok((first, row.get(1)?))).map_err(failed)?;
        let body: String = row.get(2).map_err(failed)?;
        let body = Bytes::from(body);
        let many = body.split(|byte| *byte == b'\n').count();
        if first > next || last < next || i64::try_from(many) != Ok(last - first + 1) {
            return Err(damaged("a chunk that does not fit", next));
        }
        let wanted = (first..).zip(body.split(|byte| *byte == b'\n'));
        let wanted = wanted.skip_while(|(place, _)| *place < next);
        for (_, line) in wanted.take_while(|(place, _)| *place <= to) {
            // Chunks behind this one are not even read.
            if !fits(line) {
                return Ok(lines);
            }
            lines.push(body.slice_ref(line));
        }
        next = last + 1;
    }
    Ok(lines)
}

/// In the order in which they lie in the file: a token is the key of the last one of its page.
pub(super) fn unfinished(
    conn: &Connection,
    from: Option<&PageToken>,
    most: usize,
) -> Result<SessionPage, StoreError> {
    // Keys count from 1.
    let from: i64 = from.map_or(Ok(0), PageToken::parse)?;
    let limit = i64::try_from(most).unwrap_or(i64::MAX);
    let mut find = conn.prepare_cached(UNFINISHED).map_err(store_error)?;
    let mut rows = find.query(params![from, limit]).map_err(store_error)?;
    let (mut sessions, mut last) = (Vec::new(), from);
    while let Some(row) = rows.next().map_err(store_error)? {
        let found = row.get(0).and_then(|key| Ok((key, row.get::<_, String>(1)?)));
        let (key, name) = found.map_err(store_error)?;
        sessions.push(name.parse().map_err(|error| corrupt(&name, Cause::from_error(error)))?);
        last = key;
    }
    let next = (sessions.len() == most).then(|| PageToken(last.to_string()));
    Ok(SessionPage::new(sessions, next))
}
