//! What stores that keep rows have in common: a commit as numbers and texts.

use std::str;

use bytes::Bytes;

use super::contract::Commit;
use super::error::{Cause, CommitError, StoreError};
use super::session_id::SessionId;

/// A commit as columns of rows, for those who write a store on a database. That it fits what is stored, is for the database
/// to see: the row has version `expect` and head `before`, and its base is not above `base`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CommitRows {
    /// The session.
    pub session: SessionId,
    /// The version that the record must have; 0 if there must be no record.
    pub expect: i64,
    /// The state's name, as it stands in `snapshot`.
    pub state: &'static str,
    /// The base of the log after the commit: entries up to this one may be deleted.
    pub base: i64,
    /// The head of the log before the commit. 0 or more.
    pub before: i64,
    /// The head of the log after the commit. At least `base`.
    pub head: i64,
    /// The record, as JSON.
    pub snapshot: String,
    /// The new entries, in order; without chunks of which nothing is above `base`.
    pub chunks: Vec<LogChunk>,
    /// Who creates the session, if anybody does.
    pub principal: Option<String>,
}

/// Entries of a log that are kept together.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogChunk {
    /// The place of the first entry.
    pub first: i64,
    /// The place of the last one.
    pub last: i64,
    /// The entries, with a line break between two.
    pub body: String,
}

impl CommitRows {
    /// Takes a commit apart. A chunk has one entry, or as many as have less than `chunk` bytes together.
    ///
    /// # Errors
    /// The commit is none that any store can keep, or its record has no JSON form: nothing need be undone.
    pub fn of(commit: Commit, chunk: usize) -> Result<CommitRows, CommitError> {
        let Commit { session, expect, snapshot, entries, principal } = commit;
        let (base, head) = (place(snapshot.log.base.0)?, place(snapshot.log.head.0)?);
        let before = head - place(entries.len() as u64)?;
        if before < 0 || base > head {
            return Err(CommitRows::refused("it has more entries than its log"));
        }
        let state = snapshot.state.into_str();
        let snapshot = serde_json::to_string(&snapshot).map_err(|error| {
            StoreError::Io(Cause::from_error(error).context("the record has no JSON form"))
        })?;
        let mut chunks = chunks(before, &entries, chunk)?;
        // What is trimmed in the same step need not be written at all.
        chunks.retain(|chunk| chunk.last > base);
        let expect = place(expect.0)?;
        Ok(CommitRows { session, expect, state, base, before, head, snapshot, chunks, principal })
    }

    /// The error of a commit that no store can keep.
    pub fn refused(why: &str) -> CommitError {
        StoreError::Io(format!("no store can keep this commit: {why}").into()).into()
    }

    /// About how many bytes are to be written.
    pub fn size(&self) -> usize {
        self.snapshot.len() + self.chunks.iter().map(|chunk| chunk.body.len()).sum::<usize>()
    }
}

fn place(number: u64) -> Result<i64, CommitError> {
    i64::try_from(number).map_err(|_| CommitRows::refused("a number is too large"))
}

fn chunks(before: i64, entries: &[Bytes], size: usize) -> Result<Vec<LogChunk>, CommitError> {
    let mut chunks: Vec<LogChunk> = Vec::new();
    for (entry, place) in entries.iter().zip(before + 1..) {
        if entry.contains(&b'\n') {
            return Err(CommitRows::refused("an entry has a line break"));
        }
        let line = str::from_utf8(entry).map_err(|_| CommitRows::refused("an entry is no text"))?;
        match chunks.last_mut() {
            Some(chunk) if chunk.body.len() + line.len() < size => {
                chunk.body.push('\n');
                chunk.body.push_str(line);
                chunk.last = place;
            }
            Some(_) | None => {
                chunks.push(LogChunk { first: place, last: place, body: line.into() });
            }
        }
    }
    Ok(chunks)
}
