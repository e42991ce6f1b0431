//! The checksums of rows, of the form that the store in a file has. Each covers what its row is about, so a row that was
//! moved elsewhere does not fit either.

use std::fmt::Display;

use sha2::{Digest as _, Sha256};

fn sum(kind: &str, id: &str, text: &[u8], columns: impl Display) -> i64 {
    let mut sum = Sha256::new();
    sum.update(format!("{kind} {id}\n"));
    sum.update(text);
    sum.update(format!("\n{columns}"));
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&sum.finalize()[..8]);
    i64::from_be_bytes(bytes)
}

/// The checksum of a session's record. Its owner and its attempt are not in it: they change without a commit, and one
/// that is damaged costs its owner the session, and no more.
pub(super) fn of_record(
    id: &str,
    snapshot: &[u8],
    version: i64,
    state: &str,
    base: i64,
    head: i64,
) -> i64 {
    sum("session", id, snapshot, format_args!("{version} {state} {base} {head}"))
}

/// The checksum of a chunk of a session's log.
pub(super) fn of_chunk(id: &str, first: i64, last: i64, body: &[u8]) -> i64 {
    sum("chunk", id, body, format_args!("{first} {last}"))
}

/// The checksum of who created a session.
pub(super) fn of_principal(id: &str, name: &str) -> i64 {
    sum("principal", id, name.as_bytes(), "")
}
