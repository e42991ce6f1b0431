//! Reads. A reader sees what was committed when it began, and blocks no other.

use std::fmt::Display;

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, params};

use super::faults::{corrupt, store_error};
use super::owner::Ownership;
use super::sums::{name_hash, of_chunk, of_principal, of_snapshot};
use crate::store::contract::{PageToken, SessionPage, StoredSession, Version, fits};
use crate::store::error::{Cause, StoreError};
use crate::store::session_id::SessionId;
use outlive::ids::Seq;
use outlive::session::{Session, Snapshot};

const LOAD: &str =
    "SELECT key, version, owner, state, base, head, snapshot, sum FROM session WHERE id = ?1";

const OTHER_INDEX: &str = "SELECT key FROM session INDEXED BY session_hash WHERE hash = ?1 LIMIT 1";

const CHUNKS: &str = "
    SELECT first, last, body, sum FROM chunk WHERE session = ?1 AND last >= ?2 ORDER BY last";

const UNFINISHED: &str = "
    SELECT key, id FROM session INDEXED BY session_unfinished
    WHERE state <> 'ENDED' AND key > ?1 ORDER BY key LIMIT ?2";

const KEY: &str = "SELECT key FROM session WHERE id = ?1";

const PRINCIPAL: &str = "
    SELECT session.key, name, principal.sum FROM session
    JOIN principal ON principal.session = session.key WHERE session.id = ?1";

const SESSIONS_OF: &str = "
    SELECT principal.session, principal.sum, session.id
    FROM principal INDEXED BY principal_sessions
    LEFT JOIN session ON session.key = principal.session
    WHERE name = ?1 AND principal.session < ?2 ORDER BY principal.session DESC LIMIT ?3";

/// The unfinished sessions, counted in two indexes.
const COUNTS: [&str; 2] = [
    "SELECT count(*), coalesce(sum(key), 0) FROM session INDEXED BY session_unfinished
     WHERE state <> 'ENDED'",
    "SELECT count(*), coalesce(sum(key), 0) FROM session INDEXED BY session_hash
     WHERE (state = 'ENDED') = 0",
];

/// The columns of a record.
pub(super) struct SessionRow {
    key: i64,
    pub(super) version: i64,
    owner: i64,
    state: String,
    base: i64,
    head: i64,
    snapshot: String,
}

/// The columns of a record behind its snapshot, for its checksum.
pub(super) fn record_columns(
    version: i64,
    owner: i64,
    state: &str,
    base: i64,
    head: i64,
) -> impl Display {
    format!("{version} {owner} {state} {base} {head}")
}

impl SessionRow {
    /// The record of a session, with the checksum that it was written with.
    pub(super) fn find(
        conn: &Connection,
        session: &SessionId,
    ) -> Result<Option<SessionRow>, StoreError> {
        let record = |row: &rusqlite::Row<'_>| {
            let record = SessionRow {
                key: row.get(0)?,
                version: row.get(1)?,
                owner: row.get(2)?,
                state: row.get(3)?,
                base: row.get(4)?,
                head: row.get(5)?,
                snapshot: row.get(6)?,
            };
            Ok((record, row.get::<_, i64>(7)?))
        };
        let id = session.as_str();
        let failed = |error| read_error(session, error);
        let found = conn
            .prepare_cached(LOAD)
            .and_then(|mut load| load.query_row([id], record).optional())
            .map_err(failed)?;
        let Some((record, sum)) = found else {
            let hidden: Option<i64> = conn
                .prepare_cached(OTHER_INDEX)
                .and_then(|mut find| find.query_row([name_hash(id)], |row| row.get(0)).optional())
                .map_err(failed)?;
            return match hidden {
                Some(_) => Err(corrupt(id, "its name is missing in an index")),
                None => Ok(None),
            };
        };
        let SessionRow { version, owner, state, base, head, snapshot, .. } = &record;
        let columns = record_columns(*version, *owner, state, *base, *head);
        if sum != of_snapshot(id, snapshot).with(columns) {
            return Err(corrupt(id, "the checksum of its record differs"));
        }
        Ok(Some(record))
    }
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
    let id = session.as_str();
    let Some(record) = SessionRow::find(conn, session)? else { return Ok(None) };
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
    let found = SessionRow::find(conn, session)?;
    let SessionRow { key, base, head, .. } = found.ok_or(StoreError::Trimmed)?;
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
        let sum: i64 = row.get(3).map_err(failed)?;
        if sum != of_chunk(session.as_str(), first, last, &body) {
            return Err(damaged("a chunk whose checksum differs", next));
        }
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
    let after: i64 = from.map_or(Ok(0), PageToken::parse)?;
    let transaction = conn.unchecked_transaction().map_err(store_error)?;
    if from.is_none() {
        complete(&transaction)?;
    }
    let page = page(&transaction, after, most)?;
    transaction.finish().map_err(store_error)?;
    Ok(page)
}

/// The list has every unfinished session, as far as another index knows.
fn complete(conn: &Connection) -> Result<(), StoreError> {
    let count = |sql| {
        let counts = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
        conn.prepare_cached(sql)?.query_row([], counts)
    };
    let [listed, known]: [rusqlite::Result<(i64, i64)>; 2] = COUNTS.map(count);
    if listed.map_err(store_error)? != known.map_err(store_error)? {
        return Err(StoreError::Corrupt("the list of unfinished sessions has not all".into()));
    }
    Ok(())
}

fn page(conn: &Connection, from: i64, most: usize) -> Result<SessionPage, StoreError> {
    let limit = i64::try_from(most).unwrap_or(i64::MAX);
    let mut find = conn.prepare_cached(UNFINISHED).map_err(store_error)?;
    let mut rows = find.query(params![from, limit]).map_err(store_error)?;
    let mut check = conn.prepare_cached(KEY).map_err(store_error)?;
    let (mut sessions, mut last) = (Vec::new(), from);
    while let Some(row) = rows.next().map_err(store_error)? {
        let found = row.get(0).and_then(|key| Ok((key, row.get::<_, String>(1)?)));
        let (key, name) = found.map_err(store_error)?;
        let known = check.query_row([&name], |row| row.get(0)).optional().map_err(store_error)?;
        if known != Some(key) || key <= last {
            return Err(corrupt(&name, "the list of unfinished sessions knows it by another name"));
        }
        sessions.push(name.parse().map_err(|error| corrupt(&name, Cause::from_error(error)))?);
        last = key;
    }
    let next = (sessions.len() == most).then(|| PageToken(last.to_string()));
    Ok(SessionPage::new(sessions, next))
}

pub(super) fn principal(
    conn: &Connection,
    session: &SessionId,
) -> Result<Option<String>, StoreError> {
    let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get::<_, String>(1)?, row.get(2)?));
    let found: Option<(i64, String, i64)> = conn
        .prepare_cached(PRINCIPAL)
        .and_then(|mut find| find.query_row([session.as_str()], row).optional())
        .map_err(|error| read_error(session, error))?;
    match found {
        None => Ok(None),
        Some((key, name, sum)) if sum == of_principal(key, &name) => Ok(Some(name)),
        Some(_) => Err(corrupt(session.as_str(), "the checksum of its principal differs")),
    }
}

/// Keys grow, so the newest session has the highest: a token is the key of the last one of its page.
pub(super) fn sessions_of(
    conn: &Connection,
    name: &str,
    from: Option<&PageToken>,
    most: usize,
) -> Result<SessionPage, StoreError> {
    let before: i64 = from.map_or(Ok(i64::MAX), PageToken::parse)?;
    let limit = i64::try_from(most).unwrap_or(i64::MAX);
    let transaction = conn.unchecked_transaction().map_err(store_error)?;
    let (mut sessions, mut last) = (Vec::new(), before);
    {
        let mut find = transaction.prepare_cached(SESSIONS_OF).map_err(store_error)?;
        let mut rows = find.query(params![name, before, limit]).map_err(store_error)?;
        let mut check = transaction.prepare_cached(KEY).map_err(store_error)?;
        while let Some(row) = rows.next().map_err(store_error)? {
            let found = row.get(0).and_then(|key| Ok((key, row.get(1)?, row.get(2)?)));
            let (key, sum, id): (i64, i64, Option<String>) = found.map_err(store_error)?;
            let Some(id) = id.filter(|_| sum == of_principal(key, name) && key < last) else {
                let of = format!("with the key {key}");
                return Err(corrupt(&of, "the list of its principal is damaged"));
            };
            let known = check.query_row([&id], |row| row.get(0)).optional();
            if known.map_err(store_error)? != Some(key) {
                return Err(corrupt(&id, "the list of its principal knows it by another name"));
            }
            sessions.push(id.parse().map_err(|error| corrupt(&id, Cause::from_error(error)))?);
            last = key;
        }
    }
    transaction.finish().map_err(store_error)?;
    let next = (sessions.len() == most).then(|| PageToken(last.to_string()));
    Ok(SessionPage::new(sessions, next))
}
