//! Reads. Each is one statement, and sees what was committed when it began.

use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use outlive::State;
use outlive::ids::Seq;
use outlive::session::{Session, Snapshot};
use outlive_server::store::{
    Cause, Owner, PageToken, SessionId, SessionPage, StoreError, StoredSession, Version,
};
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, Type};

use super::connect::{Connection, Parameter};
use super::faults::{cause, corrupt};
use super::sql::Sql;
use super::sums;

/// Chunks that are read at once; each time that they are not enough, four times as many.
const CHUNKS: i64 = 64;

/// The connections that read.
pub(super) struct Reader {
    pub(super) connections: [Connection; 2],
    pub(super) next: AtomicUsize,
}

/// A session's row, as far as it is that of a session.
#[derive(Clone, Debug)]
pub(super) struct Loaded {
    pub(super) stored: StoredSession,
    pub(super) attempt: i32,
}

pub(super) fn column<'a, T: FromSql<'a>>(row: &'a Row, place: usize) -> Result<T, StoreError> {
    row.try_get(place).map_err(|error| StoreError::Corrupt(cause(&error)))
}

fn limit(most: usize) -> i64 {
    i64::try_from(most).unwrap_or(i64::MAX)
}

/// The columns of a record.
struct Record {
    version: i64,
    state: String,
    base: i64,
    head: i64,
}

impl Record {
    /// Those of a row from this place on: version, state, base, head, snapshot and sum.
    fn of<'a>(id: &str, row: &'a Row, at: &[usize; 6]) -> Result<(Record, &'a [u8]), StoreError> {
        let record = Record {
            version: column(row, at[0])?,
            state: column(row, at[1])?,
            base: column(row, at[2])?,
            head: column(row, at[3])?,
        };
        let (snapshot, sum): (&[u8], i64) = (column(row, at[4])?, column(row, at[5])?);
        let Record { version, state, base, head } = &record;
        if sum != sums::of_record(id, snapshot, *version, state, *base, *head) {
            return Err(corrupt(id, "the checksum of its record differs"));
        }
        Ok((record, snapshot))
    }
}

impl Reader {
    pub(super) async fn query(
        &self,
        sql: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<Row>, StoreError> {
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        let connection = &self.connections[next % self.connections.len()];
        connection.query(sql, parameters).await
    }

    /// Nothing is checked, for it is no more than a hint.
    pub(super) async fn owner(
        &self,
        sql: &Sql,
        session: &SessionId,
        epoch: i64,
    ) -> Result<Option<(State, Owner)>, StoreError> {
        let id = session.as_str();
        let rows = self.query(&sql.owner, &[(&id, Type::TEXT)]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let state = column::<&str>(row, 0)?.parse().map_err(|_| corrupt(id, "its state"))?;
        Ok(Some((state, owner(row, epoch, 1)?)))
    }

    pub(super) async fn confirm(
        &self,
        sql: &Sql,
        session: &SessionId,
        (epoch, version): (i64, Version),
    ) -> Result<bool, StoreError> {
        let id = session.as_str();
        let Ok(version) = i64::try_from(version.0) else { return Ok(false) };
        let parameters: [Parameter<'_>; 3] =
            [(&epoch, Type::INT8), (&id, Type::TEXT), (&version, Type::INT8)];
        let rows = self.query(&sql.confirm, &parameters).await?;
        rows.first().map_or(Ok(false), |row| column(row, 0))
    }

    pub(super) async fn read(
        &self,
        sql: &Sql,
        session: &SessionId,
        (from, to): (Seq, Seq),
        bytes: usize,
    ) -> Result<Vec<Bytes>, StoreError> {
        let (Ok(from), Ok(to)) = (i64::try_from(from.0), i64::try_from(to.0)) else {
            return Err(StoreError::Trimmed);
        };
        let mut reading = Reading { session, to, next: from, bytes, lines: Vec::new() };
        let mut most = CHUNKS;
        loop {
            let (id, before) = (session.as_str(), limit(bytes));
            let parameters: [Parameter<'_>; 5] = [
                (&id, Type::TEXT),
                (&reading.next, Type::INT8),
                (&to, Type::INT8),
                (&most, Type::INT8),
                (&before, Type::INT8),
            ];
            let rows = self.query(&sql.chunks, &parameters).await?;
            if reading.take(&rows)? {
                return Ok(reading.lines);
            }
            most = most.saturating_mul(4).min(1 << 16);
        }
    }

    /// In the order in which they were made: a token is the key of the last one of its page.
    pub(super) async fn unfinished(
        &self,
        sql: &Sql,
        epoch: i64,
        from: Option<&PageToken>,
        most: usize,
    ) -> Result<SessionPage, StoreError> {
        // Keys count from 1.
        let after: i64 = from.map_or(Ok(0), PageToken::parse)?;
        if from.is_none() {
            self.query(&sql.sweep, &[]).await?;
        }
        let most_rows = limit(most);
        let parameters: [Parameter<'_>; 3] =
            [(&epoch, Type::INT8), (&after, Type::INT8), (&most_rows, Type::INT8)];
        page(&self.query(&sql.unfinished, &parameters).await?, most)
    }

    pub(super) async fn principal(
        &self,
        sql: &Sql,
        session: &SessionId,
    ) -> Result<Option<String>, StoreError> {
        let id = session.as_str();
        let rows = self.query(&sql.principal, &[(&id, Type::TEXT)]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let name: Option<String> = column(row, 0)?;
        check_principal(id, name.as_deref(), row, 1)?;
        Ok(name)
    }

    /// Keys grow, so the newest session has the highest: a token is the key of the last one of its page.
    pub(super) async fn sessions_of(
        &self,
        sql: &Sql,
        principal: &str,
        from: Option<&PageToken>,
        most: usize,
    ) -> Result<SessionPage, StoreError> {
        let before: i64 = from.map_or(Ok(i64::MAX), PageToken::parse)?;
        let most_rows = limit(most);
        let parameters: [Parameter<'_>; 3] =
            [(&principal, Type::TEXT), (&before, Type::INT8), (&most_rows, Type::INT8)];
        let rows = self.query(&sql.sessions_of, &parameters).await?;
        for row in &rows {
            check_principal(column(row, 1)?, Some(principal), row, 2)?;
        }
        page(&rows, most)
    }
}

/// The record of a row, for the node of this epoch; `None` if the row is that of no session.
pub(super) fn loaded(row: &Row, epoch: i64) -> Result<Option<Loaded>, StoreError> {
    let id: &str = column(row, 0)?;
    if column::<i64>(row, 1)? == 0 {
        return Ok(None);
    }
    let (record, text) = Record::of(id, row, &[1, 3, 4, 5, 6, 7])?;
    let damaged = |error: Cause| corrupt(id, error);
    let snapshot: Snapshot =
        serde_json::from_slice(text).map_err(|error| damaged(Cause::from_error(error)))?;
    Session::restore(snapshot.clone()).map_err(|error| damaged(Cause::from_error(error)))?;
    let log = &snapshot.log;
    let same = record.state == snapshot.state.into_str()
        && u64::try_from(record.base) == Ok(log.base.0)
        && u64::try_from(record.head) == Ok(log.head.0);
    if !same {
        return Err(corrupt(id, "its columns differ from its record"));
    }
    let version = u64::try_from(record.version).map_err(|_| corrupt(id, "its version"))?;
    let (owner, lossy) = (owner(row, epoch, 8)?, !column::<bool>(row, 10)?);
    let stored = StoredSession::new(snapshot, Version(version)).lossy(lossy).owned_by(owner);
    Ok(Some(Loaded { stored, attempt: column(row, 2)? }))
}

/// Whose a session is, for the node of this epoch: the owner's epoch and its address, from this place on.
fn owner(row: &Row, epoch: i64, place: usize) -> Result<Owner, StoreError> {
    Ok(match column::<Option<i64>>(row, place)? {
        Some(owner) if owner == epoch => Owner::Ours,
        Some(_) => Owner::Another { address: column(row, place + 1)? },
        None => Owner::Nobody,
    })
}

fn check_principal(
    id: &str,
    name: Option<&str>,
    row: &Row,
    place: usize,
) -> Result<(), StoreError> {
    let sum: Option<i64> = column(row, place)?;
    if sum != name.map(|name| sums::of_principal(id, name)) {
        return Err(corrupt(id, "the checksum of its principal differs"));
    }
    Ok(())
}

/// Rows with a key and a name.
fn page(rows: &[Row], most: usize) -> Result<SessionPage, StoreError> {
    let mut sessions = Vec::with_capacity(rows.len());
    let mut last: i64 = 0;
    for row in rows {
        let id: &str = column(row, 1)?;
        sessions.push(id.parse().map_err(|error| corrupt(id, Cause::from_error(error)))?);
        last = column(row, 0)?;
    }
    let next = (rows.len() >= most).then(|| PageToken(last.to_string()));
    Ok(SessionPage::new(sessions, next))
}

/// A range of a log, as far as it was read.
struct Reading<'a> {
    session: &'a SessionId,
    to: i64,
    /// The place that is read next.
    next: i64,
    /// The bytes that are left.
    bytes: usize,
    lines: Vec<Bytes>,
}

impl Reading<'_> {
    /// Takes what was read. Returns whether it is enough.
    fn take(&mut self, rows: &[Row]) -> Result<bool, StoreError> {
        let id = self.session.as_str();
        let Some(first) = rows.first() else { return Err(StoreError::Trimmed) };
        let (Record { base, head, .. }, _) = Record::of(id, first, &[0, 1, 2, 3, 4, 5])?;
        if self.next <= base || self.to > head || self.next > self.to {
            return Err(StoreError::Trimmed);
        }
        let damaged =
            |what: &str, place: i64| corrupt(id, format!("{what} at entry {place} of its log"));
        for row in rows {
            let Some(last) = column::<Option<i64>>(row, 7)? else {
                return Err(damaged("nothing", self.next));
            };
            let (first, body): (i64, &[u8]) = (column(row, 6)?, column(row, 8)?);
            if column::<i64>(row, 9)? != sums::of_chunk(id, first, last, body) {
                return Err(damaged("a chunk whose checksum differs", self.next));
            }
            let body = Bytes::copy_from_slice(body);
            let many = body.split(|byte| *byte == b'\n').count();
            if first > self.next || last < self.next || i64::try_from(many) != Ok(last - first + 1)
            {
                return Err(damaged("a chunk that does not fit", self.next));
            }
            for (place, line) in (first..).zip(body.split(|byte| *byte == b'\n')) {
                if place < self.next || place > self.to {
                    continue;
                }
                if !self.fits(line.len()) {
                    return Ok(true);
                }
                self.lines.push(body.slice_ref(line));
            }
            self.next = last + 1;
            if self.next > self.to {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether a line of this size belongs to the read. The first one always does.
    fn fits(&mut self, size: usize) -> bool {
        let fits = self.lines.is_empty() || size <= self.bytes;
        self.bytes = self.bytes.saturating_sub(size);
        fits
    }
}
