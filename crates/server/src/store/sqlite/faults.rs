//! What `SQLite` says, in the words of a store.

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::path::Path;
use std::string::{String, ToString};

use rusqlite::{Error, ErrorCode};

use crate::store::StoreError;

/// "The shared memory of the write-ahead log cannot grow": the disk is full.
const IOERR_SHMSIZE: i32 = 0x130a;

fn code(error: &Error) -> Option<(ErrorCode, i32)> {
    error.sqlite_error().map(|error| (error.code, error.extended_code))
}

/// What `SQLite` says.
pub(super) fn said(error: &Error) -> StoreError {
    let text = error.to_string();
    let Some((code, extended)) = code(error) else {
        // A column of another type, text that is no text: what is there cannot be understood.
        return StoreError::Corrupt(text);
    };
    let io = code == ErrorCode::SystemIoFailure;
    let busy =
        [ErrorCode::DatabaseBusy, ErrorCode::DatabaseLocked, ErrorCode::FileLockingProtocolFailed];
    if busy.contains(&code) {
        StoreError::Locked(text)
    } else if code == ErrorCode::DiskFull || io && extended == IOERR_SHMSIZE {
        StoreError::Full(text)
    } else if [ErrorCode::ReadOnly, ErrorCode::PermissionDenied].contains(&code) {
        StoreError::ReadOnly(text)
    } else if [ErrorCode::DatabaseCorrupt, ErrorCode::NotADatabase].contains(&code)
        // Our statements are what they should be: it is the tables that are not.
        || code == ErrorCode::Unknown && extended == 1
    {
        StoreError::Corrupt(text)
    } else {
        StoreError::Io(text)
    }
}

/// The same, of a file that is being opened. That it cannot be opened has many reasons, and `SQLite` does
/// not tell them apart.
pub(super) fn cannot_open(path: &Path, error: &Error) -> StoreError {
    if !matches!(code(error), Some((ErrorCode::CannotOpen, _))) {
        return said(error);
    }
    let text = error.to_string();
    if path.is_dir() {
        return StoreError::Io(text);
    }
    let asked = OpenOptions::new().append(true).create(!path.exists()).open(path);
    match asked.map_err(|error| error.kind()) {
        // The file can be written: it is what must stand beside it that cannot.
        Ok(_) | Err(ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem) => {
            StoreError::ReadOnly(text)
        }
        Err(ErrorKind::StorageFull | ErrorKind::QuotaExceeded) => StoreError::Full(text),
        Err(_) => StoreError::Io(text),
    }
}

/// The same, with the file's name.
pub(super) fn of_file(path: &Path, error: StoreError) -> StoreError {
    let named = |text| std::format!("{}: {text}", path.display());
    match error {
        StoreError::Locked(text) => StoreError::Locked(named(text)),
        StoreError::Full(text) => StoreError::Full(named(text)),
        StoreError::ReadOnly(text) => StoreError::ReadOnly(named(text)),
        StoreError::Corrupt(text) => StoreError::Corrupt(named(text)),
        StoreError::Foreign(text) => StoreError::Foreign(named(text)),
        StoreError::Newer(text) => StoreError::Newer(named(text)),
        StoreError::Io(text) => StoreError::Io(named(text)),
        StoreError::Trimmed | StoreError::Closed => error,
    }
}

/// Whether a transaction that ended with this error is known to be undone.
///
/// The log is written frame by frame, and the last one makes the transaction valid. If the lock was not
/// had, or there was no room, that frame was not written. After any other failure it may be there.
pub(super) fn undone(error: &Error) -> bool {
    let sure = |code| {
        matches!(
            code,
            ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::DiskFull
                | ErrorCode::ReadOnly
        )
    };
    code(error).is_some_and(|(code, _)| sure(code))
}

/// A record that cannot be understood, and whose it is.
pub(super) fn corrupt(session: &str, why: &dyn std::fmt::Display) -> StoreError {
    let mut text = String::from("session ");
    text.push_str(session);
    text.push_str(": ");
    text.push_str(&why.to_string());
    StoreError::Corrupt(text)
}
