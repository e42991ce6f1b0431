//! How a file is opened.

use std::time::Duration;

/// What a commit that returned `Ok` survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Durability {
    /// A power cut: each transaction waits for the disk.
    #[default]
    Full,
    /// The end of the process. A power cut may lose the last commits; what remains is an earlier state. A later
    /// owner learns it: the records of an owner that did not [close](super::Sqlite::close) the store are
    /// [lossy](crate::store::StoredSession::lossy) if the system was booted since, and so are those of owners
    /// before it. Only Linux tells whether it was; elsewhere the store assumes that it was.
    Fast,
}

/// How a file is opened; `open` opens it.
#[derive(Clone, Debug)]
#[must_use]
pub struct SqliteOptions {
    pub(super) durability: Durability,
    pub(super) busy_timeout: Duration,
    pub(super) readers: usize,
    pub(super) max_bytes: Option<u64>,
    pub(super) restored: bool,
}

impl Default for SqliteOptions {
    fn default() -> SqliteOptions {
        SqliteOptions {
            durability: Durability::default(),
            busy_timeout: Duration::from_secs(5),
            readers: 2,
            max_bytes: None,
            restored: false,
        }
    }
}

impl SqliteOptions {
    /// What a commit survives. Default: a power cut.
    pub fn durability(mut self, durability: Durability) -> SqliteOptions {
        self.durability = durability;
        self
    }

    /// How long another process may hold the file's lock before a call fails with
    /// [`StoreError::Locked`](crate::store::StoreError::Locked). Default: 5 s.
    pub fn busy_timeout(mut self, timeout: Duration) -> SqliteOptions {
        self.busy_timeout = timeout;
        self
    }

    /// The number of threads that read, at least 1. Default: 2.
    pub fn readers(mut self, readers: usize) -> SqliteOptions {
        self.readers = readers.max(1);
        self
    }

    /// The largest size of the file, in bytes; beyond it commits fail with
    /// [`StoreError::Full`](crate::store::StoreError::Full), until sessions are forgotten or trimmed. The log
    /// beside the file is not counted. Default: no limit.
    pub fn max_bytes(mut self, bytes: u64) -> SqliteOptions {
        self.max_bytes = Some(bytes);
        self
    }

    /// The file may be an older copy of itself: its records are [lossy](crate::store::StoredSession::lossy). The
    /// store notices most copies that were put back; `docs/sqlite.md` says which it cannot notice. Set it for the
    /// first start after such a copy, and not for later ones: each one makes the records of before lossy. Default:
    /// no.
    pub fn restored(mut self, restored: bool) -> SqliteOptions {
        self.restored = restored;
        self
    }
}
