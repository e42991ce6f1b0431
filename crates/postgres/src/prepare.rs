//! A commit with its texts, which the caller's task makes, not the one that writes.

use bytes::Bytes;
use outlive_server::store::{Cause, Commit, CommitError, SessionId, StoreError};

use super::sums;

/// The size of a full chunk, in bytes. A row of `chunk` that is not larger than its `toast_tuple_target` stays whole: 8160
/// bytes with its other columns.
const CHUNK: usize = 8000;

#[derive(Debug)]
pub(super) struct PreparedCommit {
    pub(super) session: SessionId,
    pub(super) expect: i64,
    pub(super) state: &'static str,
    pub(super) base: i64,
    /// The head before, and after.
    pub(super) before: i64,
    pub(super) head: i64,
    pub(super) snapshot: Vec<u8>,
    pub(super) sum: i64,
    pub(super) chunks: Vec<Chunk>,
    pub(super) principal: Option<(String, i64)>,
}

#[derive(Debug)]
pub(super) struct Chunk {
    pub(super) first: i64,
    pub(super) last: i64,
    pub(super) body: Vec<u8>,
    pub(super) sum: i64,
}

pub(super) fn refused(why: &str) -> CommitError {
    StoreError::Io(format!("no store can keep this commit: {why}").into()).into()
}

fn place(number: u64) -> Result<i64, CommitError> {
    i64::try_from(number).map_err(|_| refused("a number is too large"))
}

impl PreparedCommit {
    pub(super) fn of(commit: Commit) -> Result<PreparedCommit, CommitError> {
        let Commit { session, expect, snapshot, entries, principal } = commit;
        let (base, head) = (place(snapshot.log.base.0)?, place(snapshot.log.head.0)?);
        let before = head - place(entries.len() as u64)?;
        if before < 0 || base > head {
            return Err(refused("it has more entries than its log"));
        }
        let (id, expect) = (session.as_str(), place(expect.0)?);
        let state = snapshot.state.into_str();
        let snapshot = serde_json::to_vec(&snapshot).map_err(|error| {
            StoreError::Io(Cause::from_error(error).context("the record has no JSON form"))
        })?;
        let sum = sums::of_record(id, &snapshot, expect.saturating_add(1), state, base, head);
        let chunks = chunks(id, before, base, &entries)?;
        let principal = principal.map(|name| {
            let sum = sums::of_principal(id, &name);
            (name, sum)
        });
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
            principal,
        })
    }

    /// About how many bytes it writes.
    pub(super) fn size(&self) -> usize {
        self.snapshot.len() + self.chunks.iter().map(|chunk| chunk.body.len()).sum::<usize>()
    }
}

fn chunks(id: &str, before: i64, base: i64, entries: &[Bytes]) -> Result<Vec<Chunk>, CommitError> {
    let mut chunks: Vec<Chunk> = Vec::new();
    for (entry, place) in entries.iter().zip(before + 1..) {
        if entry.contains(&b'\n') {
            return Err(refused("an entry has a line break"));
        }
        if std::str::from_utf8(entry).is_err() {
            return Err(refused("an entry is no text"));
        }
        match chunks.last_mut() {
            Some(chunk) if chunk.body.len() + entry.len() < CHUNK => {
                chunk.body.push(b'\n');
                chunk.body.extend_from_slice(entry);
                chunk.last = place;
            }
            Some(_) | None => {
                chunks.push(Chunk { first: place, last: place, body: entry.to_vec(), sum: 0 });
            }
        }
    }
    // What is trimmed in the same step need not be written at all.
    chunks.retain(|chunk| chunk.last > base);
    for chunk in &mut chunks {
        chunk.sum = sums::of_chunk(id, chunk.first, chunk.last, &chunk.body);
    }
    Ok(chunks)
}
