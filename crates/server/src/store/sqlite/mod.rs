//! A store in one file, with `SQLite`.

mod faults;
mod options;
mod owner;
mod presence;
mod reader;
mod schema;
mod sums;
mod witness;
mod write;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use bytes::Bytes;
use rusqlite::Connection;
use tokio::sync::{oneshot, watch};

pub use self::options::{Durability, SqliteOptions};

use self::owner::{OwnerRow, Ownership};
use self::presence::OpenFiles;
use self::witness::Witness;
use self::write::{PreparedCommit, Write};
use self::writer::{LogWatch, PendingWrite, Writer, WriterCommand};
use super::contract::{BoxFuture, Commit, PageToken, SessionPage, Store, StoredSession};
use super::error::{Cause, CommitError, StoreError};
use super::session_id::SessionId;
use outlive::ids::Seq;

impl SqliteOptions {
    /// Opens a file; creates it if there is none. This blocks for some milliseconds, until it is on the disk.
    ///
    /// # Errors
    /// The file cannot be used. It was not changed.
    pub fn open(self, path: impl AsRef<Path>) -> Result<Sqlite, StoreError> {
        Sqlite::start(path.as_ref(), &self)
    }
}

/// A store in one `SQLite` file, which other programs can read while it is in use. The page
/// `docs/sqlite.md` describes its tables.
///
/// One thread writes, and waiting writes share a transaction; other threads read, and block no other. Clones are
/// the same store. When the last one is dropped, or when it is [closed](Sqlite::close), pending calls are finished,
/// and the log is brought into the file.
///
/// Only one process at a time owns a file: the one that [opened](Store::open) it last. The file must be on a local
/// disk, since `SQLite`'s log needs shared memory.
///
/// ```
/// # use outlive_server::store::{Sqlite, Store};
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// # let folder = std::env::temp_dir().join(format!("outlive-doc-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder).unwrap();
/// # let path = folder.join("sessions.db");
/// let store = Sqlite::open(&path)?;
/// store.open().await?; // owned from here on; a hub does this
/// store.close().await?;
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # Ok::<(), outlive_server::store::StoreError>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct Sqlite {
    inner: Arc<SqliteInner>,
}

#[derive(Debug)]
struct SqliteInner {
    /// `None`: closed.
    channels: Mutex<Option<Channels>>,
    writer: Mutex<Option<JoinHandle<()>>>,
    closed: watch::Receiver<Option<Result<(), StoreError>>>,
    owner: Arc<Ownership>,
}

/// The senders to the threads.
#[derive(Clone, Debug)]
struct Channels {
    writes: Sender<WriterCommand>,
    reads: Sender<ReadJob>,
}

/// A read, called with a connection or with the reason that there is none.
type ReadJob = Box<dyn FnOnce(Result<&Connection, StoreError>) + Send>;

impl Sqlite {
    /// Opens a file with the default [`SqliteOptions`]; creates it if there is none.
    ///
    /// A hub on it takes the file over from any other process: that process commits nothing more, and its running
    /// turns end `ambiguous`. Two servers need two files.
    ///
    /// # Errors
    /// The file cannot be used. It was not changed.
    pub fn open(path: impl AsRef<Path>) -> Result<Sqlite, StoreError> {
        Sqlite::options().open(path)
    }

    /// How to open a file.
    pub fn options() -> SqliteOptions {
        SqliteOptions::default()
    }

    fn start(path: &Path, options: &SqliteOptions) -> Result<Sqlite, StoreError> {
        let conn = schema::writing(path, options)?;
        let files = OpenFiles::of(&conn, path)?;
        let witness = Witness::new(files.witness());
        // Before the row: it is not said to have less than another process has committed meanwhile.
        let found = witness.testimonies();
        let owners = schema::identified(&conn).map_err(|error| error.context(path.display()))?;
        let accused = options.restored || found.accuse(&owners).is_some();
        let (log_size, salt) = (files.committed(), files.log_salt());
        let owner = Arc::new(Ownership::new(&owners, owner::boot(), accused, files));
        let (reads, jobs) = channel();
        let jobs = Arc::new(Mutex::new(jobs));
        let path: Arc<Path> = PathBuf::from(path).into();
        let busy_timeout = options.busy_timeout;
        let reader = |_| {
            let (path, jobs) = (Arc::clone(&path), Arc::clone(&jobs));
            let owner = Arc::clone(&owner);
            thread("outlive-reader", move || read_jobs(&path, busy_timeout, &owner, &jobs))
        };
        let readers = (0..options.readers).map(reader).collect::<Result<Vec<_>, _>>()?;
        let (sender, commands) = channel();
        let (done, closed) = watch::channel(None);
        let durability = options.durability;
        let shared = Arc::clone(&owner);
        let log = LogWatch::new(log_size);
        let writer = Writer {
            conn,
            durability,
            busy_timeout,
            restored: options.restored,
            owner: shared,
            readers,
            sweeping: false,
            log,
            salt,
            is_log_new: false,
            witness,
            commits: 0,
        };
        let writer = thread("outlive-writer", move || writer.run(&commands, &done))?;
        let channels = Mutex::new(Some(Channels { writes: sender, reads }));
        let inner = SqliteInner { channels, writer: Mutex::new(Some(writer)), closed, owner };
        Ok(Sqlite { inner: Arc::new(inner) })
    }

    /// Finishes pending calls, brings the log into the file and closes it. Later calls, also those of clones, fail
    /// with [`StoreError::Closed`]. The file is closed too if the future is dropped once it was polled.
    ///
    /// # Errors
    /// The log could not be brought into the file. Nothing is lost: the next process that opens the file does it.
    pub async fn close(&self) -> Result<(), StoreError> {
        drop(self.inner.hang_up());
        let mut closed = self.inner.closed.clone();
        let result = closed.wait_for(Option::is_some).await.map(|result| result.clone());
        match result {
            Ok(result) => result.unwrap_or(Ok(())),
            Err(_) => Err(StoreError::Closed),
        }
    }

    fn write(&self, write: Result<Write, CommitError>) -> BoxFuture<'_, (), CommitError> {
        let (reply, answer) = oneshot::channel();
        let sent = write.and_then(|write| {
            let channels = self.inner.channels().ok_or(StoreError::Closed)?;
            let command = WriterCommand::Write(PendingWrite { write, reply });
            channels.writes.send(command).map_err(|_| CommitError::Failed(StoreError::Closed))
        });
        Box::pin(async move {
            sent?;
            let gone = |_| CommitError::Unknown("the thread that writes is gone".into());
            answer.await.map_err(gone)?
        })
    }

    fn read_with<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection, &Ownership) -> Result<T, StoreError> + Send + 'static,
    ) -> BoxFuture<'_, T> {
        let (reply, answer) = oneshot::channel();
        let owner = Arc::clone(&self.inner.owner);
        let job: ReadJob = Box::new(move |conn| {
            // The caller may have dropped its future.
            if !reply.is_closed() {
                let _ = reply.send(conn.and_then(|conn| read(conn, &owner)));
            }
        });
        let sent = self.inner.channels().is_some_and(|channels| channels.reads.send(job).is_ok());
        Box::pin(async move {
            if sent {
                answer.await.map_err(|_| StoreError::Closed)?
            } else {
                Err(StoreError::Closed)
            }
        })
    }
}

impl SqliteInner {
    fn channels(&self) -> Option<Channels> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes the senders: the threads finish what was sent, and end.
    fn hang_up(&self) -> Option<Channels> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Drop for SqliteInner {
    fn drop(&mut self) {
        drop(self.hang_up());
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writer) = writer {
            // It finishes the pending commands, and ends.
            let _ = writer.join();
        }
    }
}

fn thread(name: &str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, StoreError> {
    let spawned = Builder::new().name(name.to_string()).spawn(run);
    spawned.map_err(|error| StoreError::Io(Cause::from_error(error)))
}

/// Carries out reads until every sender is dropped.
fn read_jobs(
    path: &Path,
    busy_timeout: Duration,
    owner: &Ownership,
    jobs: &Mutex<Receiver<ReadJob>>,
) {
    let mut open: Option<Connection> = None;
    loop {
        let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = next else { return };
        let conn = match open.take() {
            Some(conn) => Ok(conn),
            // Another file may have the name by now.
            None => owner
                .require_files(None)
                .and_then(|()| schema::reading(path, busy_timeout))
                .and_then(|conn| owner.require_files(Some(&conn)).map(|()| conn)),
        };
        match conn {
            Ok(conn) => job(Ok(open.insert(conn))),
            Err(error) => job(Err(error)),
        }
    }
}

impl Store for Sqlite {
    fn open(&self) -> BoxFuture<'_, ()> {
        let (reply, answer) = oneshot::channel();
        let sent = self
            .inner
            .channels()
            .is_some_and(|channels| channels.writes.send(WriterCommand::Own(reply)).is_ok());
        Box::pin(async move {
            if sent {
                answer.await.map_err(|_| StoreError::Closed)?
            } else {
                Err(StoreError::Closed)
            }
        })
    }

    fn renew(&self) -> BoxFuture<'_, bool> {
        let asked = self.read_with(|conn, owner| {
            let lost = owner.file_loss(Some(conn))?.is_some();
            Ok(!lost && OwnerRow::of(conn)?.epoch == owner.epoch())
        });
        Box::pin(async {
            match asked.await {
                // Without its file there is no connection to ask.
                Err(_) if self.inner.owner.is_lost() => Ok(false),
                answer => answer,
            }
        })
    }

    /// Nothing is on its way when a commit is unknown: one thread writes, and it answers a write only when it has
    /// ended the transaction and has put another one in its place, or has failed to do even that. No later write of
    /// the thread brings it in.
    fn load<'a>(&'a self, session: &'a SessionId) -> BoxFuture<'a, Option<StoredSession>> {
        let session = session.clone();
        self.read_with(move |conn, owner| reader::load(conn, &session, owner))
    }

    fn commit(&self, commit: Commit) -> BoxFuture<'_, (), CommitError> {
        self.write(PreparedCommit::of(commit).map(Box::new).map(Write::Commit))
    }

    fn read<'a>(
        &'a self,
        session: &'a SessionId,
        from: Seq,
        to: Seq,
        bytes: usize,
    ) -> BoxFuture<'a, Vec<Bytes>> {
        let session = session.clone();
        self.read_with(move |conn, _| reader::read(conn, &session, from, to, bytes))
    }

    fn unfinished<'a>(
        &'a self,
        from: Option<&'a PageToken>,
        most: usize,
    ) -> BoxFuture<'a, SessionPage> {
        let from = from.cloned();
        self.read_with(move |conn, _| reader::unfinished(conn, from.as_ref(), most))
    }

    fn principal<'a>(&'a self, session: &'a SessionId) -> BoxFuture<'a, Option<String>> {
        let session = session.clone();
        self.read_with(move |conn, _| reader::principal(conn, &session))
    }

    fn sessions_of<'a>(
        &'a self,
        principal: &'a str,
        from: Option<&'a PageToken>,
        most: usize,
    ) -> BoxFuture<'a, SessionPage> {
        let (principal, from) = (principal.to_owned(), from.cloned());
        self.read_with(move |conn, _| reader::sessions_of(conn, &principal, from.as_ref(), most))
    }

    fn forget<'a>(&'a self, session: &'a SessionId) -> BoxFuture<'a, (), CommitError> {
        self.write(Ok(Write::Forget(session.clone())))
    }
}
