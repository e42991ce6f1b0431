//! The checksums of rows. Each covers what its row is about, so a row that was moved elsewhere does not fit either.

use std::fmt::Display;

use sha2::{Digest as _, Sha256};

/// A checksum of which the longest part is computed already.
#[derive(Clone)]
pub(super) struct Sum(Sha256);

impl Sum {
    /// What kind of row it is, what the row is about, and its text.
    pub(super) fn of(kind: &str, about: impl Display, text: &str) -> Sum {
        let mut sum = Sha256::new();
        sum.update(format!("{kind} {about}\n"));
        sum.update(text);
        Sum(sum)
    }

    /// Adds the columns of numbers and words: the checksum as it is stored.
    pub(super) fn with(mut self, columns: impl Display) -> i64 {
        self.0.update(format!("\n{columns}"));
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&self.0.finalize()[..8]);
        i64::from_be_bytes(bytes)
    }
}

/// The number by which the second index knows a name.
pub(super) fn name_hash(id: &str) -> i64 {
    Sum::of("name", id, "").with("")
}

/// The checksum of a chunk of a session's log.
pub(super) fn of_chunk(id: &str, first: i64, last: i64, body: &str) -> i64 {
    Sum::of("chunk", id, body).with(format_args!("{first} {last}"))
}

/// The begun checksum of a session's record.
pub(super) fn of_snapshot(id: &str, snapshot: &str) -> Sum {
    Sum::of("session", id, snapshot)
}

/// The checksum of a key of a session that was forgotten.
pub(super) fn of_forgotten(key: i64) -> i64 {
    Sum::of("forgotten", key, "").with("")
}

/// The checksum of who created a session.
pub(super) fn of_principal(key: i64, name: &str) -> i64 {
    Sum::of("principal", key, name).with("")
}
