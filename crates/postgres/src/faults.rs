//! The errors of `PostgreSQL` as errors of a store.

use outlive_server::store::{Cause, StoreError};
use tokio_postgres::Error;
use tokio_postgres::error::Severity;

/// What an error says: its own text leaves out what the server or the system has said.
pub(super) fn cause(error: &Error) -> Cause {
    if let Some(told) = error.as_db_error() {
        let hint = told.hint().map(|hint| format!("; {hint}")).unwrap_or_default();
        return format!("{} (SQLSTATE {}){hint}", told.message(), told.code().code()).into();
    }
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text.into()
}

/// The kind of an error, by its SQLSTATE.
pub(super) fn store_error(error: &Error) -> StoreError {
    let kind = match error.code().map_or("", |code| code.code()) {
        // The disk, or a quota.
        "53100" => StoreError::Full,
        // A transaction that may only read, and rights that the role has not.
        "25006" | "42501" => StoreError::ReadOnly,
        // Somebody else holds a lock.
        "55P03" | "40P01" => StoreError::Locked,
        // Pages that are damaged; tables and columns that are not there.
        "XX001" | "XX002" | "42P01" | "42703" => StoreError::Corrupt,
        _ => StoreError::Io,
    };
    kind(cause(error))
}

/// Whether the statement that ended with this error has changed nothing, for certain.
///
/// An error of the statement rolls it back. After any other end (the connection was lost, its backend was told to end, a
/// pooler lost its server) the commit may have been kept: a backend that is ended while it waits for a standby has.
pub(super) fn is_rolled_back(error: &Error) -> bool {
    let Some(told) = error.as_db_error() else { return false };
    let of_statement = match told.parsed_severity() {
        Some(severity) => severity == Severity::Error,
        None => told.severity() == "ERROR",
    };
    let code = told.code().code();
    of_statement && !code.starts_with("08") && !code.starts_with("57P")
}

/// The record or the log of a session that cannot be understood.
pub(super) fn corrupt(session: &str, cause: impl Into<Cause>) -> StoreError {
    StoreError::Corrupt(cause.into().context(format_args!("session {session}")))
}
