//! What can go wrong in a store.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// What a store says of a failure: a message, and the error behind it, if there is one.
///
/// As with [`std::io::Error`], the message includes that error's message, and the `source` of [`StoreError`] is
/// the source of that error: no message is printed twice. Two causes are equal if their messages are.
#[derive(Clone)]
pub struct Cause {
    message: String,
    error: Option<Arc<dyn Error + Send + Sync>>,
}

impl Cause {
    /// The message of an error, and the error.
    pub fn from_error(error: impl Error + Send + Sync + 'static) -> Cause {
        Cause { message: error.to_string(), error: Some(Arc::new(error)) }
    }

    /// Names the file, the session or the step first: `"{what}: {message}"`.
    #[must_use]
    pub fn context(mut self, what: impl fmt::Display) -> Cause {
        self.message = format!("{what}: {}", self.message);
        self
    }

    /// The message, for people.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The error behind the failure, to be downcast.
    pub fn get_ref(&self) -> Option<&(dyn Error + Send + Sync + 'static)> {
        self.error.as_deref()
    }

    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error.as_ref()?.source()
    }
}

impl From<String> for Cause {
    fn from(message: String) -> Cause {
        Cause { message, error: None }
    }
}

impl From<&str> for Cause {
    fn from(message: &str) -> Cause {
        message.to_owned().into()
    }
}

impl PartialEq for Cause {
    fn eq(&self, other: &Cause) -> bool {
        self.message == other.message
    }
}

impl Eq for Cause {}

impl fmt::Debug for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.message, f)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// Why a store failed. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreError {
    /// Some of the requested entries are not retained.
    Trimmed,
    /// Another process holds the lock of the file for too long.
    Locked(Cause),
    /// The disk, or a quota, is full.
    Full(Cause),
    /// The store cannot be written.
    ReadOnly(Cause),
    /// What is stored cannot be understood.
    Corrupt(Cause),
    /// The file belongs to another program. It was not changed.
    Foreign(Cause),
    /// The file was written by a newer version of this library.
    Newer(Cause),
    /// A page token is none of this store.
    PageToken(Cause),
    /// The store is closed, or its thread is gone.
    Closed,
    /// Anything else.
    Io(Cause),
}

impl StoreError {
    /// Names the file, the session or the step in the message.
    #[must_use]
    pub fn context(self, what: impl fmt::Display) -> StoreError {
        match self {
            StoreError::Locked(cause) => StoreError::Locked(cause.context(what)),
            StoreError::Full(cause) => StoreError::Full(cause.context(what)),
            StoreError::ReadOnly(cause) => StoreError::ReadOnly(cause.context(what)),
            StoreError::Corrupt(cause) => StoreError::Corrupt(cause.context(what)),
            StoreError::Foreign(cause) => StoreError::Foreign(cause.context(what)),
            StoreError::Newer(cause) => StoreError::Newer(cause.context(what)),
            StoreError::PageToken(cause) => StoreError::PageToken(cause.context(what)),
            StoreError::Io(cause) => StoreError::Io(cause.context(what)),
            StoreError::Trimmed | StoreError::Closed => self,
        }
    }

    /// What it is, and the rest of the message.
    fn parts(&self) -> (&'static str, Option<&Cause>) {
        match self {
            StoreError::Trimmed => ("these entries are not retained", None),
            StoreError::Locked(cause) => ("the store is locked by another process", Some(cause)),
            StoreError::Full(cause) => ("the store is full", Some(cause)),
            StoreError::ReadOnly(cause) => ("the store cannot be written", Some(cause)),
            StoreError::Corrupt(cause) => ("the store is damaged", Some(cause)),
            StoreError::Foreign(cause) => ("this is no store of outlive", Some(cause)),
            StoreError::Newer(cause) => {
                ("the store was written by a newer version of outlive", Some(cause))
            }
            StoreError::PageToken(cause) => ("this is no page token of the store", Some(cause)),
            StoreError::Closed => ("the store is closed", None),
            StoreError::Io(cause) => ("the store failed", Some(cause)),
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.parts() {
            (kind, None) => f.write_str(kind),
            (kind, Some(cause)) => write!(f, "{kind}: {cause}"),
        }
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.parts().1?.source()
    }
}

/// Why a commit is not known to be kept. Exhaustive on purpose: what an owner must do next differs for each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommitError {
    /// The commit was not kept: the record has another version, or another owner opened the store. The caller
    /// does not own the session (any more).
    Stale,
    /// The commit was not kept: the store failed.
    Failed(StoreError),
    /// The commit was kept, or was not, or is still on its way: [load](crate::store::Store::load) the record, and
    /// compare its version. The store settles it before it answers that: a commit that has not come in by then
    /// never does.
    Unknown(Cause),
}

impl From<StoreError> for CommitError {
    fn from(error: StoreError) -> CommitError {
        CommitError::Failed(error)
    }
}

impl fmt::Display for CommitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CommitError::Stale => f.write_str("another owner has this session"),
            CommitError::Failed(error) => write!(f, "not committed: {error}"),
            CommitError::Unknown(cause) => {
                write!(f, "it is unknown whether it was committed: {cause}")
            }
        }
    }
}

impl Error for CommitError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            CommitError::Stale => None,
            CommitError::Failed(error) => error.source(),
            CommitError::Unknown(cause) => cause.source(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[from] std::fmt::Error);

    #[test]
    fn a_message_is_printed_once_and_the_error_behind_it_is_kept() {
        let cause = Cause::from_error(Outer(std::fmt::Error)).context("sessions.db");
        assert!(cause.get_ref().unwrap().is::<Outer>());
        for error in [CommitError::Unknown(cause.clone()), StoreError::Full(cause).into()] {
            assert_eq!(error.to_string().matches("outer").count(), 1);
            let behind = error.source().unwrap();
            assert!(behind.is::<std::fmt::Error>() && behind.source().is_none());
        }
    }
}
