//! What can go wrong in a store.

/// Why a store did not answer. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Entries that were asked for are not retained.
    #[error("these entries are not retained")]
    Trimmed,
    /// Another process holds the file for too long.
    #[error("the store is locked by another process: {0}")]
    Locked(String),
    /// The disk, or a quota, is full.
    #[error("the store is full: {0}")]
    Full(String),
    /// It cannot be written.
    #[error("the store cannot be written: {0}")]
    ReadOnly(String),
    /// What is there cannot be understood.
    #[error("the store is damaged: {0}")]
    Corrupt(String),
    /// It belongs to another program. It was left alone.
    #[error("this is no store of outlive: {0}")]
    Foreign(String),
    /// It was written by a newer version of this library.
    #[error("the store was written by a newer version of outlive: {0}")]
    Newer(String),
    /// It is closed, or its thread is gone.
    #[error("the store is closed")]
    Closed,
    /// Anything else the system says.
    #[error("the store does not answer: {0}")]
    Io(String),
}

/// What became of a commit that is not known to be kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// Not kept: the record has another version, or somebody else opened the store. The one who asked is
    /// not the session's owner (any more).
    #[error("another owner has this session")]
    Stale,
    /// Not kept.
    #[error("not committed: {0}")]
    Failed(#[from] StoreError),
    /// Nobody knows: read the record and look at its version. Whatever it was, it has happened by then: a
    /// store does not keep a commit after it has said this.
    #[error("nobody knows whether it was committed: {0}")]
    Unknown(String),
}
