//! A store of `outlive` in `PostgreSQL`, for several nodes behind any load balancer. Each session is owned by one node at a
//! time, and the session's own row in the database keeps two owners apart. `docs/postgres.md` describes the tables, the
//! settings, and what is promised.
//!
//! ```no_run
//! use outlive_postgres::Postgres;
//! use outlive_server::hub::Hub;
//!
//! # async fn example(worker: impl outlive_server::hub::Worker) -> Result<(), Box<dyn std::error::Error>> {
//! let store = Postgres::connect("postgres://chat@localhost/chat").await?;
//! let hub = Hub::builder().store(store).build(worker).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Nodes
//! One process needs no configuration: a node that opens the store takes the place of the one before. Who runs several gives
//! each a [name](PostgresOptions::name) of its own, and an [address](PostgresOptions::address) at which the others reach it.
//!
//! # What it needs
//! `PostgreSQL` 13 or newer, or what speaks as it does; through a pooler in transaction mode too, for no statement has a name
//! and no transaction stays open between two messages. It uses up to five connections.
//!
//! # TLS
//! With the feature `tls`, and `sslmode=require` in the URL: the server's certificate must be one that this machine trusts,
//! and for its name. Without `sslmode` nothing is encrypted.

#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

mod attempts;
mod connect;
mod faults;
mod loads;
mod node;
mod options;
mod prepare;
mod reader;
mod schema;
mod sql;
mod statement;
mod sums;
#[cfg(feature = "tls")]
mod tls;
mod writer;

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use outlive::State;
use outlive::ids::Seq;
use outlive_server::store::{
    BoxFuture, Commit, CommitError, CommitRows, Owner, PageToken, SessionId, SessionPage, Store,
    StoreError, StoredSession, Version,
};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_postgres::Config;

pub use self::options::PostgresOptions;

use self::attempts::Attempts;
use self::connect::{Connection, Connector};
use self::loads::Loads;
use self::node::Node;
use self::prepare::PreparedCommit;
use self::reader::{Loaded, Reader};
use self::sql::Sql;
use self::writer::{Pending, Queue, Write, WriteResult, Writer};

/// A store in a `PostgreSQL` database. Clones are the same store: one node.
///
/// When the last clone is dropped, or when it is [closed](Postgres::close), pending writes are finished and the connections
/// closed.
#[derive(Clone)]
pub struct Postgres {
    inner: Arc<Inner>,
}

struct Inner {
    queue: Arc<Queue>,
    writers: Mutex<Vec<JoinHandle<()>>>,
    reader: Arc<Reader>,
    loads: Arc<Loads>,
    node: Arc<Node>,
    attempts: Arc<Attempts>,
    sql: Arc<Sql>,
    location: String,
    /// Whether the database is an older copy, until this node has said so in it.
    restored: AtomicBool,
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postgres").field("location", &self.inner.location).finish_non_exhaustive()
    }
}

impl Postgres {
    /// Connects with the default [`PostgresOptions`].
    ///
    /// # Errors
    /// As for [`PostgresOptions::connect`].
    pub async fn connect(url: &str) -> Result<Postgres, StoreError> {
        Postgres::options().connect(url).await
    }

    /// How a database is used.
    pub fn options() -> PostgresOptions {
        PostgresOptions::default()
    }

    async fn start(config: Config, options: PostgresOptions) -> Result<Postgres, StoreError> {
        let location = options::location(&config, &options.schema);
        let connector = Arc::new(Connector::new(config)?);
        let prepared = async {
            let mut client = connector.connect().await?;
            schema::prepare(&mut client, &options.schema).await
        };
        prepared.await.map_err(|error| error.context(&location))?;
        let connection = || Connection::new(Arc::clone(&connector));
        let PostgresOptions { schema, name, address, lease, .. } = options;
        let sql = Arc::new(Sql::of(&schema));
        let node = Arc::new(Node::new(connection(), name, address, lease));
        let (queue, attempts) = (Arc::<Queue>::default(), Arc::<Attempts>::default());
        let writer = || {
            let writer = Writer {
                queue: Arc::clone(&queue),
                connection: connection(),
                sql: Arc::clone(&sql),
                node: Arc::clone(&node),
                attempts: Arc::clone(&attempts),
            };
            tokio::spawn(writer.run())
        };
        let writers = Mutex::new(vec![writer(), writer()]);
        let reader = Arc::new(Reader {
            connections: [connection(), connection()],
            next: AtomicUsize::new(0),
        });
        let loads = Arc::new(Loads {
            reader: Arc::clone(&reader),
            sql: Arc::clone(&sql),
            node: Arc::clone(&node),
            lossless: options.synchronous_replication,
            queue: Mutex::default(),
        });
        let inner = Inner {
            queue,
            writers,
            reader,
            loads,
            node,
            attempts,
            sql,
            location,
            restored: AtomicBool::new(options.restored),
        };
        Ok(Postgres { inner: Arc::new(inner) })
    }

    /// Where the database is, for people: hosts, database and schema, without user and password.
    pub fn location(&self) -> &str {
        &self.inner.location
    }

    /// Finishes pending writes. Later calls, also those of clones, fail with [`StoreError::Closed`].
    pub async fn close(&self) {
        self.inner.queue.close();
        let writers = std::mem::take(&mut *self.inner.writers());
        for writer in writers {
            // One that has panicked has nothing to finish.
            _ = writer.await;
        }
    }

    /// Fails once the store is closed.
    fn require_open(&self) -> Result<(), StoreError> {
        if self.inner.queue.is_closed() { Err(StoreError::Closed) } else { Ok(()) }
    }

    fn write(&self, session: &SessionId, write: Write) -> BoxFuture<'_, bool, CommitError> {
        let (reply, answer) = oneshot::channel::<WriteResult>();
        let pushed = self.inner.queue.push(Pending { session: session.clone(), write, reply });
        Box::pin(async move {
            if !pushed {
                return Err(CommitError::Failed(StoreError::Closed));
            }
            let gone = |_| CommitError::Unknown("the task that writes is gone".into());
            answer.await.map_err(gone)?
        })
    }

    /// A write that may come in later, or twice, without harm.
    async fn repeatable(&self, session: &SessionId, write: Write) -> Result<bool, StoreError> {
        self.write(session, write).await.map_err(|error| match error {
            CommitError::Failed(error) => error,
            CommitError::Unknown(cause) => StoreError::Io(cause),
            CommitError::Stale => StoreError::Closed,
        })
    }

    /// Makes sure that nothing of this session is on its way.
    async fn settle(&self, session: &SessionId) -> Result<(), StoreError> {
        let attempts = &self.inner.attempts;
        if !attempts.is_unknown(session) {
            return Ok(());
        }
        let number = attempts.next(session);
        let taken = self.repeatable(session, Write::Settle(number)).await?;
        // If it was not taken, the row is another node's, which takes no statement of this one.
        attempts.settled(session, if taken { number } else { 0 });
        Ok(())
    }

    async fn find(&self, session: &SessionId) -> Result<Option<StoredSession>, StoreError> {
        let found = self.inner.loads.load(session).await?;
        let Some(Loaded { stored, attempt }) = found else { return Ok(None) };
        if stored.owner == Owner::Ours {
            self.inner.attempts.seen(session, attempt);
        }
        Ok(Some(stored))
    }

    /// Why a commit was not taken.
    async fn why_not(&self, session: &SessionId, expect: i64) -> CommitError {
        match self.find(session).await {
            // Damage must not look like another owner.
            Err(error @ StoreError::Corrupt(_)) => error.into(),
            Ok(Some(stored))
                if stored.owner == Owner::Ours && i64::try_from(stored.version.0) == Ok(expect) =>
            {
                CommitRows::refused(
                    "it does not go on where its log ends, or its log's base goes back",
                )
            }
            Ok(_) | Err(_) => CommitError::Stale,
        }
    }
}

impl Inner {
    fn writers(&self) -> std::sync::MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.writers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // The tasks finish what waits, and end.
        self.queue.close();
    }
}

impl Store for Postgres {
    /// Becomes a node of the database, in the place of the one that has the same [name](PostgresOptions::name): what that
    /// one owns is nobody's from now on, and nothing that it begins later comes in.
    fn open(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            self.require_open()?;
            let inner = &*self.inner;
            if inner.restored.load(Ordering::Acquire) {
                inner.node.restored(&inner.sql).await?;
                inner.restored.store(false, Ordering::Release);
            }
            inner.node.open(&inner.sql).await?;
            inner.attempts.clear();
            Ok(())
        })
    }

    fn lease(&self) -> Option<Duration> {
        Some(self.inner.node.lease)
    }

    fn renew(&self) -> BoxFuture<'_, bool> {
        Box::pin(async move {
            self.require_open()?;
            self.inner.node.renew(&self.inner.sql).await
        })
    }

    fn judge(&self) -> BoxFuture<'_, bool> {
        Box::pin(async move {
            self.require_open()?;
            self.inner.node.judge(&self.inner.sql).await
        })
    }

    fn confirm<'a>(&'a self, session: &'a SessionId, version: Version) -> BoxFuture<'a, bool> {
        Box::pin(async move {
            self.require_open()?;
            let inner = &*self.inner;
            inner.reader.confirm(&inner.sql, session, (inner.node.epoch(), version)).await
        })
    }

    fn owner<'a>(&'a self, session: &'a SessionId) -> BoxFuture<'a, Option<(State, Owner)>> {
        Box::pin(async move {
            self.require_open()?;
            let inner = &*self.inner;
            inner.reader.owner(&inner.sql, session, inner.node.epoch()).await
        })
    }

    fn claim<'a>(&'a self, session: &'a SessionId) -> BoxFuture<'a, Option<StoredSession>> {
        Box::pin(async move {
            if self.repeatable(session, Write::Claim).await? {
                self.inner.attempts.settled(session, 0);
            }
            self.find(session).await
        })
    }

    fn release<'a>(&'a self, session: &'a SessionId) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            self.repeatable(session, Write::Release).await?;
            self.inner.attempts.released(session);
            Ok(())
        })
    }

    fn leave(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            self.require_open()?;
            self.inner.node.leave(&self.inner.sql).await
        })
    }

    fn load<'a>(&'a self, session: &'a SessionId) -> BoxFuture<'a, Option<StoredSession>> {
        Box::pin(async move {
            self.require_open()?;
            self.settle(session).await?;
            self.find(session).await
        })
    }

    fn commit(&self, commit: Commit) -> BoxFuture<'_, (), CommitError> {
        if self.inner.node.epoch() == 0 {
            return Box::pin(std::future::ready(Err(CommitError::Stale)));
        }
        let (session, creates) = (commit.session.clone(), commit.expect == Version::NONE);
        let prepared = PreparedCommit::of(commit).map(|prepared| {
            let expect = prepared.rows.expect;
            let prepared = Box::new(prepared);
            let write = if creates { Write::Create(prepared) } else { Write::Commit(prepared) };
            (expect, self.write(&session, write))
        });
        Box::pin(async move {
            let (expect, written) = prepared?;
            if written.await? { Ok(()) } else { Err(self.why_not(&session, expect).await) }
        })
    }

    fn read<'a>(
        &'a self,
        session: &'a SessionId,
        from: Seq,
        to: Seq,
        bytes: usize,
    ) -> BoxFuture<'a, Vec<Bytes>> {
        Box::pin(async move {
            self.require_open()?;
            self.inner.reader.read(&self.inner.sql, session, (from, to), bytes).await
        })
    }

    fn unfinished<'a>(
        &'a self,
        from: Option<&'a PageToken>,
        most: usize,
    ) -> BoxFuture<'a, SessionPage> {
        Box::pin(async move {
            self.require_open()?;
            let inner = &*self.inner;
            inner.reader.unfinished(&inner.sql, inner.node.epoch(), from, most).await
        })
    }

    fn principal<'a>(&'a self, session: &'a SessionId) -> BoxFuture<'a, Option<String>> {
        Box::pin(async move {
            self.require_open()?;
            self.inner.reader.principal(&self.inner.sql, session).await
        })
    }

    fn sessions_of<'a>(
        &'a self,
        principal: &'a str,
        from: Option<&'a PageToken>,
        most: usize,
    ) -> BoxFuture<'a, SessionPage> {
        Box::pin(async move {
            self.require_open()?;
            self.inner.reader.sessions_of(&self.inner.sql, principal, from, most).await
        })
    }

    fn forget<'a>(&'a self, session: &'a SessionId) -> BoxFuture<'a, (), CommitError> {
        Box::pin(async move {
            if self.inner.node.epoch() == 0 {
                return Err(CommitError::Stale);
            }
            // A first commit that is on its way would make the session again.
            self.settle(session).await?;
            if self.write(session, Write::Forget).await? { Ok(()) } else { Err(CommitError::Stale) }
        })
    }
}
