//! A store in one file, with `SQLite`.

mod faults;
mod owner;
mod reader;
mod schema;
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

use self::owner::{Owner, Owners};
use self::write::{Prepared, Write};
use self::writer::{Job, Request, Writer};
use super::{
    BoxFuture, Commit, CommitError, PageToken, SessionId, SessionPage, Store, StoreError,
    StoredSession,
};
use outlive::ids::Seq;

/// What a commit that was answered with `Ok` survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Durability {
    /// A power cut. Each transaction waits for the disk.
    #[default]
    Full,
    /// The end of the process. A power cut may take the last commits, and what remains is a moment of
    /// before. A later owner is told: the records of an owner that did not [close](Sqlite::close) the
    /// store are [lossy](StoredSession::lossy), and so are those of owners before it, if the system was booted
    /// since. Only Linux says whether it was; elsewhere it is taken for granted.
    Fast,
}

/// How a file is opened.
#[derive(Clone, Debug)]
pub struct Options {
    settings: Settings,
}

#[derive(Clone, Debug)]
struct Settings {
    durability: Durability,
    busy: Duration,
    readers: usize,
    most_bytes: Option<u64>,
}

impl Options {
    /// Whether a commit waits for the disk. Default: it does.
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Options {
        self.settings.durability = durability;
        self
    }

    /// How long another process may hold the file before the answer is [`StoreError::Locked`].
    /// Default: 5 s.
    #[must_use]
    pub fn busy_timeout(mut self, busy: Duration) -> Options {
        self.settings.busy = busy;
        self
    }

    /// How many threads read. Default: 2, and at least 1.
    #[must_use]
    pub fn readers(mut self, readers: usize) -> Options {
        self.settings.readers = readers.max(1);
        self
    }

    /// How large the file may get; then the answer is [`StoreError::Full`], until sessions are forgotten
    /// or trimmed. The log beside it is not counted. Default: as large as the disk.
    #[must_use]
    pub fn most_bytes(mut self, most: u64) -> Options {
        self.settings.most_bytes = Some(most);
        self
    }

    /// Opens a file; makes it if there is none. It waits for the disk: a few milliseconds.
    ///
    /// # Errors
    /// Why it cannot be used. Nothing was changed.
    pub fn open(self, path: impl AsRef<Path>) -> Result<Sqlite, StoreError> {
        Sqlite::begin(path.as_ref(), &self.settings)
    }
}

/// A store in one `SQLite` file, which other programs can read while it is in use. The page
/// `docs/sqlite.md` describes its tables.
///
/// One thread writes, and what waits shares a transaction; others read, and block nobody. A clone is the
/// same store. When the last one is dropped, or when it is [closed](Sqlite::close), what was asked is
/// finished and the file put in order.
///
/// Only one process at a time owns a file: the one that [opened](Store::open) it last. It must be on a
/// local disk, since `SQLite`'s log needs memory that is shared.
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
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// None: closed.
    lines: Mutex<Option<Lines>>,
    writer: Mutex<Option<JoinHandle<()>>>,
    closed: watch::Receiver<Option<Result<(), StoreError>>>,
    owner: Arc<Owner>,
}

/// The ways to the threads.
#[derive(Clone, Debug)]
struct Lines {
    writes: Sender<Job>,
    reads: Sender<Question>,
}

/// Something to ask, with a connection or with the reason that there is none.
type Question = Box<dyn FnOnce(Result<&Connection, StoreError>) + Send>;

impl Sqlite {
    /// Opens a file with the default [`Options`]; makes it if there is none.
    ///
    /// A hub on it takes the file over from any process that has it: that one commits nothing more, and what it was
    /// at ends `ambiguous`. Two servers that should both live want two files.
    ///
    /// # Errors
    /// Why it cannot be used. Nothing was changed.
    pub fn open(path: impl AsRef<Path>) -> Result<Sqlite, StoreError> {
        Sqlite::options().open(path)
    }

    /// How to open a file.
    pub fn options() -> Options {
        let busy = Duration::from_secs(5);
        let durability = Durability::default();
        Options { settings: Settings { durability, busy, readers: 2, most_bytes: None } }
    }

    fn begin(path: &Path, settings: &Settings) -> Result<Sqlite, StoreError> {
        let conn = schema::writing(path, settings)?;
        let owners = Owners::of(&conn).map_err(|error| faults::said(&error))?;
        let owner = Arc::new(Owner::new(&owners, owner::boot()));
        let (reads, questions) = channel();
        let questions = Arc::new(Mutex::new(questions));
        let path: Arc<Path> = PathBuf::from(path).into();
        let busy = settings.busy;
        let reader = |_| {
            let (path, questions) = (Arc::clone(&path), Arc::clone(&questions));
            thread("outlive-reader", move || answer(&path, busy, &questions))
        };
        let readers = (0..settings.readers).map(reader).collect::<Result<Vec<_>, _>>()?;
        let (sender, jobs) = channel();
        let (done, closed) = watch::channel(None);
        let durability = settings.durability;
        let shared = Arc::clone(&owner);
        let writer = Writer { conn, durability, busy, owner: shared, readers, sweeping: false };
        let writer = thread("outlive-writer", move || writer.run(&jobs, &done))?;
        let lines = Mutex::new(Some(Lines { writes: sender, reads }));
        let inner = Inner { lines, writer: Mutex::new(Some(writer)), closed, owner };
        Ok(Sqlite { inner: Arc::new(inner) })
    }

    /// Finishes what was asked, puts the file in order and closes it. Whoever asks from now on, also by
    /// a clone, is answered [`StoreError::Closed`].
    ///
    /// # Errors
    /// The log could not be brought into the file. Nothing is lost: the next one that opens it does it.
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
            let lines = self.inner.lines().ok_or(StoreError::Closed)?;
            let job = Job::Write(Request { write, reply });
            lines.writes.send(job).map_err(|_| CommitError::Failed(StoreError::Closed))
        });
        Box::pin(async move {
            sent?;
            let gone = |_| CommitError::Unknown("the thread that writes is gone".to_string());
            answer.await.map_err(gone)?
        })
    }

    fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Connection, &Owner) -> Result<T, StoreError> + Send + 'static,
    ) -> BoxFuture<'_, T> {
        let (reply, answer) = oneshot::channel();
        let owner = Arc::clone(&self.inner.owner);
        let question: Question = Box::new(move |conn| {
            // Nobody waits any more: nothing is asked.
            if !reply.is_closed() {
                let _ = reply.send(conn.and_then(|conn| question(conn, &owner)));
            }
        });
        let sent = self.inner.lines().is_some_and(|lines| lines.reads.send(question).is_ok());
        Box::pin(async move {
            if sent {
                answer.await.map_err(|_| StoreError::Closed)?
            } else {
                Err(StoreError::Closed)
            }
        })
    }
}

impl Inner {
    fn lines(&self) -> Option<Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes the ways to the threads: they finish what was asked, and end.
    fn hang_up(&self) -> Option<Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        drop(self.hang_up());
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writer) = writer {
            // It ends by itself: what it was asked is finite.
            let _ = writer.join();
        }
    }
}

fn thread(name: &str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, StoreError> {
    let spawned = Builder::new().name(name.to_string()).spawn(run);
    spawned.map_err(|error| StoreError::Io(error.to_string()))
}

/// Answers questions until nobody can ask any more.
fn answer(path: &Path, busy: Duration, questions: &Mutex<Receiver<Question>>) {
    let mut open: Option<Connection> = None;
    loop {
        let next = questions.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(question) = next else { return };
        let conn = match open.take() {
            Some(conn) => Ok(conn),
            None => schema::reading(path, busy),
        };
        match conn {
            Ok(conn) => question(Ok(open.insert(conn))),
            Err(error) => question(Err(error)),
        }
    }
}

impl Store for Sqlite {
    fn open(&self) -> BoxFuture<'_, ()> {
        let (reply, answer) = oneshot::channel();
        let sent =
            self.inner.lines().is_some_and(|lines| lines.writes.send(Job::Own(reply)).is_ok());
        Box::pin(async move {
            if sent {
                answer.await.map_err(|_| StoreError::Closed)?
            } else {
                Err(StoreError::Closed)
            }
        })
    }

    fn is_owner(&self) -> BoxFuture<'_, bool> {
        self.ask(|conn, owner| {
            let owners = Owners::of(conn).map_err(|error| faults::said(&error))?;
            Ok(owners.epoch == owner.epoch())
        })
    }

    fn load<'a>(&'a self, session: &'a SessionId) -> BoxFuture<'a, Option<StoredSession>> {
        let session = session.clone();
        self.ask(move |conn, owner| reader::load(conn, &session, owner))
    }

    fn commit(&self, commit: Commit) -> BoxFuture<'_, (), CommitError> {
        self.write(Prepared::of(commit).map(Write::Commit))
    }

    fn read<'a>(
        &'a self,
        session: &'a SessionId,
        from: Seq,
        to: Seq,
        bytes: usize,
    ) -> BoxFuture<'a, Vec<Bytes>> {
        let session = session.clone();
        self.ask(move |conn, _| reader::read(conn, &session, from, to, bytes))
    }

    fn unfinished<'a>(
        &'a self,
        from: Option<&'a PageToken>,
        most: usize,
    ) -> BoxFuture<'a, SessionPage> {
        let from = from.cloned();
        self.ask(move |conn, _| reader::unfinished(conn, from.as_ref(), most))
    }

    fn forget<'a>(&'a self, session: &'a SessionId) -> BoxFuture<'a, (), CommitError> {
        self.write(Ok(Write::Forget(session.clone())))
    }
}
