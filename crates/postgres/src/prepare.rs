//! A commit with its texts, which the caller's task makes, not the one that writes.

use outlive_server::store::{Commit, CommitError, CommitRows, LogChunk};

use super::sums;

/// The size of a full chunk, in bytes. A row of `chunk` that is not larger than its `toast_tuple_target` stays whole: 8160
/// bytes with its other columns.
const CHUNK: usize = 8000;

#[derive(Debug)]
pub(super) struct PreparedCommit {
    pub(super) rows: CommitRows,
    /// The checksums: of the record, of each chunk, of the principal.
    pub(super) sum: i64,
    pub(super) chunk_sums: Vec<i64>,
    pub(super) principal_sum: Option<i64>,
}

impl PreparedCommit {
    pub(super) fn of(commit: Commit) -> Result<PreparedCommit, CommitError> {
        let rows = CommitRows::of(commit, CHUNK)?;
        let CommitRows { state, base, head, .. } = rows;
        let (id, version) = (rows.session.as_str(), rows.expect.saturating_add(1));
        let sum = sums::of_record(id, rows.snapshot.as_bytes(), version, state, base, head);
        let of_chunk =
            |chunk: &LogChunk| sums::of_chunk(id, chunk.first, chunk.last, chunk.body.as_bytes());
        let chunk_sums = rows.chunks.iter().map(of_chunk).collect();
        let principal_sum = rows.principal.as_ref().map(|name| sums::of_principal(id, name));
        Ok(PreparedCommit { rows, sum, chunk_sums, principal_sum })
    }
}
