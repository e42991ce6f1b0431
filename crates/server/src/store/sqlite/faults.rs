//! The errors of `SQLite` as errors of a store.

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::path::Path;

use rusqlite::{Error, ErrorCode};

use crate::store::error::{Cause, StoreError};

/// "The shared memory of the write-ahead log cannot grow": the disk is full.
const IOERR_SHMSIZE: i32 = 0x130a;

fn code(error: &Error) -> Option<(ErrorCode, i32)> {
    error.sqlite_error().map(|error| (error.code, error.extended_code))
}

/// The kind of an error.
pub(super) fn store_error(error: Error) -> StoreError {
    let kind = match code(&error) {
        Some((
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::FileLockingProtocolFailed,
            _,
        )) => StoreError::Locked,
        Some((ErrorCode::DiskFull, _) | (ErrorCode::SystemIoFailure, IOERR_SHMSIZE)) => {
            StoreError::Full
        }
        Some((ErrorCode::ReadOnly | ErrorCode::PermissionDenied, _)) => StoreError::ReadOnly,
        // With an error of SQL (1) it is the tables that are wrong, not our statements. Without a code it is a column
        // of another type, or text that is not UTF-8.
        Some(
            (ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase, _) | (ErrorCode::Unknown, 1),
        )
        | None => StoreError::Corrupt,
        Some(_) => StoreError::Io,
    };
    kind(Cause::from_error(error))
}

/// The kind of an error while a file is opened. There are many reasons why it cannot be opened, and `SQLite`
/// reports one code for all of them.
pub(super) fn open_error(path: &Path, error: Error) -> StoreError {
    if !matches!(code(&error), Some((ErrorCode::CannotOpen, _))) {
        return store_error(error);
    }
    let cause = Cause::from_error(error);
    if path.is_dir() {
        return StoreError::Io(cause);
    }
    let opened = OpenOptions::new().append(true).create(!path.exists()).open(path);
    match opened.map_err(|error| error.kind()) {
        // The file can be written: it is the log beside it that cannot.
        Ok(_) | Err(ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem) => {
            StoreError::ReadOnly(cause)
        }
        Err(ErrorKind::StorageFull | ErrorKind::QuotaExceeded) => StoreError::Full(cause),
        Err(_) => StoreError::Io(cause),
    }
}

/// Whether a transaction that ended with this error is known to be rolled back.
///
/// The log is written frame by frame, and the last one makes the transaction valid. Without the lock, or without
/// room, that frame was not written. After any other failure it may have been.
pub(super) fn is_rolled_back(error: &Error) -> bool {
    matches!(
        code(error),
        Some((
            ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::DiskFull
                | ErrorCode::ReadOnly,
            _,
        ))
    )
}

/// The record or the log of a session that cannot be understood.
pub(super) fn corrupt(session: &str, cause: impl Into<Cause>) -> StoreError {
    StoreError::Corrupt(cause.into().context(format_args!("session {session}")))
}
