//! Whether the files that this process has open are still those that others find by name.

use std::fs::{File, Metadata};
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::Connection;

use super::faults::store_error;
use crate::store::error::{Cause, StoreError};

/// The frames of the log follow a header of so many bytes, and each has one of its own.
const LOG_HEADER: u64 = 32;
const FRAME_HEADER: u64 = 24;

/// What stays the same as long as a file is the same one.
#[cfg(unix)]
fn identity(file: &Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt as _;
    (file.dev(), file.ino())
}

/// Elsewhere a file that is open can be neither deleted nor replaced.
#[cfg(not(unix))]
fn identity(_: &Metadata) -> (u64, u64) {
    (0, 0)
}

/// The path of a file beside the database.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// A file that is open, and the size that it must have at least.
#[derive(Debug)]
struct OpenFile {
    path: PathBuf,
    identity: (u64, u64),
    size: AtomicU64,
}

impl OpenFile {
    fn new(path: PathBuf) -> Result<OpenFile, StoreError> {
        let found = path.metadata().map_err(|error| unreadable(&path, error))?;
        Ok(OpenFile { identity: identity(&found), size: found.len().into(), path })
    }

    /// Its size now, or why it is not the file that is open.
    fn look(&self) -> Result<Result<u64, FileLoss>, StoreError> {
        match self.path.metadata() {
            Ok(found) if identity(&found) == self.identity => Ok(Ok(found.len())),
            Ok(_) => Ok(Err(FileLoss::new(&self.path, "was replaced"))),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                Ok(Err(FileLoss::new(&self.path, "was deleted")))
            }
            Err(error) => Err(unreadable(&self.path, error)),
        }
    }

    fn truncated(&self) -> FileLoss {
        FileLoss::new(&self.path, "was truncated")
    }
}

fn unreadable(path: &Path, error: std::io::Error) -> StoreError {
    StoreError::Io(Cause::from_error(error).context(path.display()))
}

/// What happened to a file while it was open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FileLoss {
    path: PathBuf,
    what: &'static str,
}

impl FileLoss {
    fn new(path: &Path, what: &'static str) -> FileLoss {
        FileLoss { path: path.into(), what }
    }
}

impl std::fmt::Display for FileLoss {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.path.display(), self.what)
    }
}

/// The files of an open database.
#[derive(Debug)]
pub(super) struct OpenFiles {
    database: OpenFile,
    log: OpenFile,
    index: OpenFile,
    witness: PathBuf,
    /// The bytes of a frame of the log.
    frame: u64,
}

impl OpenFiles {
    /// Those of a connection that has read, opened by this path.
    pub(super) fn of(conn: &Connection, path: &Path) -> Result<OpenFiles, StoreError> {
        let named = std::path::absolute(path).map_err(|error| unreadable(path, error))?;
        // SQLite has followed links: the other files are beside the one that it found.
        let real = path.canonicalize().map_err(|error| unreadable(path, error))?;
        let page: i64 =
            conn.query_row("PRAGMA page_size", [], |row| row.get(0)).map_err(store_error)?;
        Ok(OpenFiles {
            database: OpenFile::new(named)?,
            log: OpenFile::new(beside(&real, "-wal"))?,
            index: OpenFile::new(beside(&real, "-shm"))?,
            witness: beside(&real, "-witness"),
            frame: FRAME_HEADER + u64::try_from(page).unwrap_or_default(),
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.database.path
    }

    pub(super) fn witness(&self) -> &Path {
        &self.witness
    }

    /// Whether something happened to the files. The connection must not be in a transaction; without one a log
    /// that became shorter is not noticed.
    ///
    /// # Errors
    /// That cannot be found out.
    pub(super) fn check(
        &self,
        conn: Option<&Connection>,
    ) -> Result<Result<(), FileLoss>, StoreError> {
        // What was seen before is what the files must have now: another thread may see more meanwhile.
        let seen = [&self.database, &self.log].map(|file| file.size.load(Ordering::Acquire));
        let (database, log) = match (self.database.look()?, self.log.look()?, self.index.look()?) {
            (Ok(database), Ok(log), Ok(_)) => (database, log),
            (Err(loss), _, _) | (_, Err(loss), _) | (_, _, Err(loss)) => return Ok(Err(loss)),
        };
        // It only grows: space is used again, and not given back.
        if database < seen[0] {
            return Ok(Err(self.database.truncated()));
        }
        self.database.size.fetch_max(database, Ordering::AcqRel);
        // The log is made smaller by SQLite as well, also by that of another process, once it is in the file.
        match conn {
            Some(conn) if log < seen[1] && !self.is_long_enough(conn)? => {
                Ok(Err(self.log.truncated()))
            }
            Some(_) | None => Ok(Ok(())),
        }
    }

    /// Whether the log has all the frames that it should have.
    fn is_long_enough(&self, conn: &Connection) -> Result<bool, StoreError> {
        // An older SQLite does not tell without work that a log without its end would make harmful.
        if rusqlite::version_number() < 3_051_000 {
            return Ok(false);
        }
        let count = |row: &rusqlite::Row<'_>| row.get::<_, i64>(1);
        // Twice: another process may cut the log between the two looks.
        for _ in 0..2 {
            let frames =
                conn.query_row("PRAGMA wal_checkpoint(NOOP)", [], count).map_err(store_error)?;
            let Ok(size) = self.log.look()? else { return Ok(false) };
            let frames = u64::try_from(frames).unwrap_or(0);
            if frames == 0 || size >= LOG_HEADER + frames * self.frame {
                self.log.size.store(size, Ordering::Release);
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Notes how long the log is after a commit; returns it.
    pub(super) fn committed(&self) -> u64 {
        let Ok(Ok(size)) = self.log.look() else { return 0 };
        self.log.size.store(size, Ordering::Release);
        size
    }

    /// The log, to look which one it is. `SQLite` holds no lock on it that another handle could release.
    pub(super) fn log_salt(&self) -> LogSalt {
        LogSalt { file: File::open(&self.log.path).ok(), salt: None }
    }

    /// Whether nothing but the name of the log is lost: what is in it can be brought into the file.
    pub(super) fn can_be_saved(&self) -> bool {
        let there = |file: &OpenFile| {
            let size = file.look().ok().and_then(Result::ok);
            size.is_some_and(|size| size >= file.size.load(Ordering::Acquire))
        };
        there(&self.database) && there(&self.index) && !self.log.path.exists()
    }
}

/// What a log has in its header, and another time that it is begun has not.
#[derive(Debug)]
pub(super) struct LogSalt {
    file: Option<File>,
    salt: Option<[u8; 8]>,
}

impl LogSalt {
    /// Whether the log was begun anew since this was asked; not at the first time.
    pub(super) fn is_new(&mut self) -> bool {
        let read = |mut file: &File| {
            let mut salt = [0; 8];
            file.seek(SeekFrom::Start(16))?;
            file.read_exact(&mut salt)?;
            std::io::Result::Ok(salt)
        };
        let salt = self.file.as_ref().and_then(|file| read(file).ok());
        let is_new = self.salt.is_some() && self.salt != salt;
        self.salt = salt;
        is_new
    }
}
