//! A session as the store should have it.

use bytes::Bytes;

use super::check::{CheckResult, ensure};
use crate::store::{
    Commit, CommitError, Owner, SessionId, Store, StoreError, StoredSession, Version,
};
use outlive::State;
use outlive::ids::{Incarnation, Seq};
use outlive::log::{Log, LogId};
use outlive::session::Snapshot;

/// The store at a place, opened by a new owner.
pub(super) async fn owned<S: Store>(reopen: &impl AsyncFn() -> S) -> Result<S, String> {
    let store = reopen().await;
    store.open().await.map_err(|error| format!("it cannot be opened: {error}"))?;
    Ok(store)
}

/// The record of a session, which is this owner's from now on if it was nobody's: so a hub takes a session.
pub(super) async fn acquired(
    store: &impl Store,
    id: &SessionId,
) -> Result<Option<StoredSession>, String> {
    let mut stored = store.load(id).await;
    if matches!(&stored, Ok(Some(StoredSession { owner: Owner::Nobody, .. }))) {
        stored = store.claim(id).await;
    }
    stored.map_err(|error| format!("{id} is not read: {error}"))
}

/// A session's name; all names in the checks are well formed.
pub(super) fn name(text: &str) -> Result<SessionId, String> {
    text.parse().map_err(|error| format!("{text}: {error}"))
}

/// A session, as the store should have it.
#[derive(Clone, Debug)]
pub(super) struct SessionModel {
    pub(super) id: SessionId,
    pub(super) version: Version,
    pub(super) snapshot: Snapshot,
    /// Every line that was ever committed.
    pub(super) lines: Vec<Bytes>,
    /// Distinguishes it from earlier sessions of the same name.
    life: u32,
}

impl SessionModel {
    /// Not committed yet.
    pub(super) fn new(text: &str) -> Result<SessionModel, String> {
        let snapshot = Snapshot {
            state: State::Created,
            incarnation: Incarnation(1),
            turn: None,
            log: Log::new(LogId(7)),
            queue: Vec::new(),
            queued_by: Vec::new(),
            asks: Vec::new(),
            standing: 0,
            clients: Vec::new(),
        };
        let (version, lines) = (Version::NONE, Vec::new());
        Ok(SessionModel { id: name(text)?, version, snapshot, lines, life: 1 })
    }

    /// The same name, as if it had never been used.
    pub(super) fn reborn(&self) -> Result<SessionModel, String> {
        Ok(SessionModel { life: self.life + 1, ..SessionModel::new(self.id.as_str())? })
    }

    pub(super) fn head(&self) -> u64 {
        self.snapshot.log.head.0
    }

    pub(super) fn base(&self) -> u64 {
        self.snapshot.log.base.0
    }

    /// So many lines, each unlike any other.
    pub(super) fn fresh(&self, count: usize) -> Vec<Bytes> {
        let (id, version, life) = (&self.id, self.version, self.life);
        let places = (self.head() + 1..).take(count);
        let text = |seq| {
            format!(r#"{{"of":"{id}","life":{life},"after":{},"seq":{seq}}}"#, version.0).into()
        };
        places.map(text).collect()
    }

    /// The commit that adds these lines, and moves the base.
    pub(super) fn adding(&self, entries: Vec<Bytes>, base: u64) -> Commit {
        let mut snapshot = self.snapshot.clone();
        snapshot.log.head = Seq(self.head() + entries.len() as u64);
        snapshot.log.base = Seq(base);
        if snapshot.log.head > Seq(0) && snapshot.state == State::Created {
            snapshot.state = State::Detached;
        }
        let (session, expect) = (self.id.clone(), self.version);
        Commit { session, expect, snapshot, entries, principal: None }
    }

    /// The commit that adds so many lines.
    pub(super) fn next(&self, count: usize) -> Commit {
        self.adding(self.fresh(count), self.base())
    }

    /// Takes over a commit that was kept.
    pub(super) fn keep(&mut self, commit: &Commit) {
        self.version = commit.expect.next();
        self.snapshot = commit.snapshot.clone();
        self.lines.extend(commit.entries.iter().cloned());
    }

    /// Commits it, and it must be kept.
    pub(super) async fn commit(&mut self, store: &impl Store, commit: Commit) -> CheckResult {
        let kept = store.commit(commit.clone()).await;
        let (id, expect) = (&self.id, commit.expect.0);
        kept.map_err(|error| format!("{id} is not committed after version {expect}: {error}"))?;
        self.keep(&commit);
        Ok(())
    }

    /// Adds so many lines, and they must be kept.
    pub(super) async fn add(&mut self, store: &impl Store, count: usize) -> CheckResult {
        self.commit(store, self.next(count)).await
    }

    /// What a range of the log should be.
    pub(super) fn range(&self, from: u64, to: u64) -> Result<&[Bytes], StoreError> {
        if from <= self.base() || to > self.head() || from > to {
            return Err(StoreError::Trimmed);
        }
        let place = |seq: u64| usize::try_from(seq).unwrap_or(usize::MAX);
        self.lines.get(place(from) - 1..place(to)).ok_or(StoreError::Trimmed)
    }

    /// The store reads this range as it should be.
    pub(super) async fn reads(&self, store: &impl Store, from: u64, to: u64) -> CheckResult {
        self.reads_within(store, from, to, usize::MAX).await
    }

    /// As [`reads`](SessionModel::reads), of at most so many bytes.
    pub(super) async fn reads_within(
        &self,
        store: &impl Store,
        from: u64,
        to: u64,
        bytes: usize,
    ) -> CheckResult {
        let read = store.read(&self.id, Seq(from), Seq(to), bytes).await;
        let should = self.range(from, to).map(|range| within(range, bytes));
        let same = match (&read, &should) {
            (Ok(read), Ok(should)) => read == should,
            (Err(read), Err(should)) => read == should,
            (Ok(_), Err(_)) | (Err(_), Ok(_)) => false,
        };
        let (id, base, head) = (&self.id, self.base(), self.head());
        let size =
            if bytes == usize::MAX { String::new() } else { format!(" of at most {bytes} bytes,") };
        ensure!(
            same,
            "{id} has entries {base} (not included) to {head}, and {from}..={to},{size} is read as {}, not as {}",
            short(read.as_deref()),
            short(should.as_ref().copied())
        );
        Ok(())
    }

    /// The store has the record, and all of the log.
    pub(super) async fn holds(&self, store: &impl Store) -> CheckResult {
        self.recorded(store).await?;
        if self.base() < self.head() {
            self.reads(store, self.base() + 1, self.head()).await?;
        }
        Ok(())
    }

    /// The store has the record, and its owner takes the session.
    pub(super) async fn recorded(&self, store: &impl Store) -> CheckResult {
        let id = &self.id;
        let Some(stored) = acquired(store, id).await? else {
            ensure!(self.version == Version::NONE, "{id} is not there");
            return Ok(());
        };
        let (found, should) = (stored.version, self.version);
        ensure!(found == should, "{id} has version {}, not {}", found.0, should.0);
        let (found, should) = (&stored.snapshot, &self.snapshot);
        ensure!(found == should, "{id} has the record {found:?}, not {should:?}");
        Ok(())
    }

    /// This commit must be refused as stale.
    pub(super) async fn stale(&self, store: &impl Store, commit: Commit) -> CheckResult {
        let (id, expect) = (&self.id, commit.expect.0);
        let answer = store.commit(commit).await;
        ensure!(
            answer == Err(CommitError::Stale),
            "{id} has version {}, and a commit that expects {expect} is answered {answer:?}",
            self.version.0
        );
        Ok(())
    }
}

/// The first of these lines that have at most so many bytes together, and one at least.
fn within(range: &[Bytes], bytes: usize) -> &[Bytes] {
    let mut size = 0;
    let fits = |line: &&Bytes| {
        size += line.len();
        size <= bytes
    };
    let count = range.iter().take_while(fits).count();
    &range[..count.max(1).min(range.len())]
}

/// What was read, in one line.
fn short(read: Result<&[Bytes], &StoreError>) -> String {
    let text = |line: &Bytes| -> String {
        let text = String::from_utf8_lossy(line);
        if text.len() <= 60 {
            return text.into();
        }
        let start: String = text.chars().take(50).collect();
        format!("{start}… ({} bytes)", line.len())
    };
    match read {
        Err(error) => format!("the error \"{error}\""),
        Ok([]) => "nothing".into(),
        Ok([one]) => format!("1 line: {}", text(one)),
        Ok([first, .., last]) => {
            let count = read.map_or(0, <[Bytes]>::len);
            format!("{count} lines: {} to {}", text(first), text(last))
        }
    }
}
