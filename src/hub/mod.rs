//! The hub: sessions, workers and viewers on tokio, driven by the tables.
//!
//! A server author gives it a [`Worker`], often just an async function that answers a prompt, and a
//! [`Store`]. What a browser does to its connections is the hub's business: the feature `axum` has the
//! endpoints, or a [`Link`] per transport does it.
//!
//! ```
//! use outlive::hub::{Done, Failure, Hub, Turn};
//! use outlive::ids::PromptNumber;
//!
//! async fn answer(turn: Turn) -> Result<(), Failure> {
//!     let prompt: String = turn.prompt()?;
//!     turn.emit(&format!("you said {prompt}")).await?;
//!     Ok(())
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let hub = Hub::builder().build(answer).await?;
//! let session = hub.create().await?;
//! let done = hub.prompt(&session, "ann", "laptop", PromptNumber::MIN, &"hello").await?;
//! assert!(matches!(done, Done::Accepted { again: false, .. }));
//! # Ok(())
//! # }
//! ```
//!
//! # What runs
//! Each session in memory has one task, its driver: one event at a time goes through the machine, the
//! step is committed, adopted and performed. Each worker has a task, and each transport has its own. A
//! session that has ended and that nobody watches leaves memory, and is read back when somebody asks.
//!
//! # Guarantees, and where they come from
//! What is accepted, sent or dispatched is durable, because every step commits first. Nothing is written
//! after a close, because a [`Link`] asks the connection's table before every write. Old handles are
//! harmless, because they carry a fence and no socket: a [`Turn`] of an aborted worker speaks into
//! nothing, and a link that was replaced is closed.

mod backoff;
mod body;
mod driver;
mod history;
mod link;
mod look;
mod mailbox;
mod observe;
mod registry;
mod staff;
mod tail;
mod worker;

use std::boxed::Box;
use std::format;
use std::string::ToString;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use body::Body;
pub use history::History;
pub use link::{Entries, Frame, Hello, Link, Role};
pub use mailbox::{Done, NotDone};
pub use observe::{Blind, Observer};
pub use worker::{Answer, Failure, Farewell, Start, Turn, TurnError, Worker};

use self::body::{client_id, client_name};
use self::driver::Birth;
use self::mailbox::{Command, Fact, Reply, Who};
use self::registry::Registry;
use self::staff::{Employer, Employing};
use crate::ids::{ConnectionId, Incarnation, PromptNumber, Seq};
use crate::limits::{Limits, ZeroLimit};
use crate::log::LogId;
use crate::session::{Event, Machine, Snapshot, Step};
use crate::store::{Memory, SessionId, Store, StoreError};
use crate::words::CloseCode;

/// What belongs to the hub, and not to the sessions' [`Limits`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// How long a transport may take to say hello, in milliseconds.
    pub hello_ms: u32,
    /// How long a peer may take to answer a close.
    pub close_ms: u32,
    /// How often an endpoint pings. Told to clients in the welcome.
    pub ping_ms: u32,
    /// The largest body of a prompt, an answer or a piece of output, in bytes.
    pub body_bytes: usize,
    /// How much of a watched session's newest entries is kept in memory, ready to be sent, in bytes.
    pub tail_bytes: usize,
    /// Sessions that are recovered at a time after a restart.
    pub recoveries: usize,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            hello_ms: 10_000,
            close_ms: 5_000,
            ping_ms: 25_000,
            body_bytes: 4 << 20,
            tail_bytes: 256 << 10,
            recoveries: 64,
        }
    }
}

/// Why a hub cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A limit is 0.
    #[error(transparent)]
    Limits(#[from] ZeroLimit),
    /// The store cannot be opened.
    #[error("the store cannot be opened: {0}")]
    Store(#[from] StoreError),
}

/// How long a drain takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drain {
    /// Connections are closed over this time, evenly, so that they do not all come back at once.
    pub window: core::time::Duration,
    /// Turns that still run then are left as they are: the next process finds them `ambiguous`.
    pub deadline: core::time::Duration,
}

/// A hub to be.
pub struct Builder {
    store: Arc<dyn Store>,
    limits: Limits,
    options: Options,
    observer: Arc<dyn Observer>,
    seed: Option<u64>,
}

/// The hub. Clones are the same hub.
#[derive(Clone, Debug)]
pub struct Hub {
    shared: Arc<Shared>,
}

/// What drivers and links share.
pub(crate) struct Shared {
    pub(self) machine: Machine,
    pub(self) store: Arc<dyn Store>,
    pub(self) options: Options,
    observer: Arc<dyn Observer>,
    employer: Box<dyn Employer>,
    registry: Registry,
    tasks: TaskTracker,
    connections: AtomicU64,
    seed: Option<AtomicU64>,
    draining: CancellationToken,
    halt: CancellationToken,
    fenced: CancellationToken,
}

impl core::fmt::Debug for Shared {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Hub").field("sessions", &self.registry.len()).finish_non_exhaustive()
    }
}

impl Builder {
    /// Where sessions are kept. [`Memory`] if nothing is said.
    #[must_use]
    pub fn store(mut self, store: impl Store) -> Builder {
        self.store = Arc::new(store);
        self
    }

    /// What a session may hold, and how long it waits.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Builder {
        self.limits = limits;
        self
    }

    /// What belongs to the hub itself.
    #[must_use]
    pub fn options(mut self, options: Options) -> Builder {
        self.options = options;
        self
    }

    /// Who sees what the hub does.
    #[must_use]
    pub fn observer(mut self, observer: impl Observer) -> Builder {
        self.observer = Arc::new(observer);
        self
    }

    /// Ids that can be foretold: for tests, and for nothing else.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Builder {
        self.seed = Some(seed);
        self
    }

    /// Opens the store and begins to recover what a process before has left. Await
    /// [`Hub::recovered`] to know that it is done; a session that is asked for earlier is recovered
    /// at once.
    ///
    /// # Errors
    /// A limit is 0, or the store cannot be opened.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub async fn build(self, worker: impl Worker) -> Result<Hub, BuildError> {
        let machine = Machine::new(self.limits)?;
        self.store.open().await?;
        let shared = Arc::new(Shared {
            machine,
            store: self.store,
            options: self.options,
            observer: self.observer,
            employer: Box::new(Employing(Arc::new(worker))),
            registry: Registry::default(),
            tasks: TaskTracker::new(),
            connections: AtomicU64::new(0),
            seed: self.seed.map(AtomicU64::new),
            draining: CancellationToken::new(),
            halt: CancellationToken::new(),
            fenced: CancellationToken::new(),
        });
        // Fences of a process before are not used again.
        shared.connections.store(shared.random() >> 12, Ordering::Relaxed);
        let hub = Hub { shared };
        hub.shared.registry.recovery(tokio::spawn(recover(Arc::clone(&hub.shared))));
        Ok(hub)
    }
}

impl Hub {
    /// A hub with a store in memory, and the default limits and options.
    pub fn builder() -> Builder {
        Builder {
            store: Arc::new(Memory::new()),
            limits: Limits::default(),
            options: Options::default(),
            observer: Arc::new(Blind),
            seed: None,
        }
    }

    /// A new session, CREATED.
    ///
    /// # Errors
    /// The store does not take it, or the hub is draining.
    pub async fn create(&self) -> Result<SessionId, NotDone> {
        if self.shared.is_draining() {
            return Err(NotDone::Draining);
        }
        let bits = u128::from(self.shared.random()) << 64 | u128::from(self.shared.random());
        let id = SessionId::from_random(bits);
        self.command(&id, Birth::Create, |reply| Command::Visit { reply }).await?;
        Ok(id)
    }

    /// The server's side of a new transport, CONNECTING.
    pub fn link(&self) -> Link {
        Link::new(Arc::clone(&self.shared))
    }

    /// A prompt that does not come over a link. `n` counts from 1 for each client of each principal: the
    /// same prompt, sent again, has the same number, and runs once.
    ///
    /// # Errors
    /// It was not accepted, and changed nothing.
    pub async fn prompt(
        &self,
        session: &SessionId,
        principal: &str,
        client: &str,
        n: PromptNumber,
        body: &impl Serialize,
    ) -> Result<Done, NotDone> {
        let (who, body) = (who(principal, client)?, self.body(body)?);
        self.command(session, Birth::Load, |reply| Command::Prompt { who, n, body, reply }).await
    }

    /// An answer to an ask.
    ///
    /// # Errors
    /// It is not the first valid one, and changed nothing.
    pub async fn answer(
        &self,
        session: &SessionId,
        principal: &str,
        client: &str,
        ask: Seq,
        body: &impl Serialize,
    ) -> Result<Done, NotDone> {
        let (who, body) = (who(principal, client)?, self.body(body)?);
        self.command(session, Birth::Load, |reply| Command::Answer { who, ask, body, reply }).await
    }

    /// Stops a turn, or takes a waiting prompt back; the session goes on.
    ///
    /// # Errors
    /// It could not be committed, and changed nothing.
    pub async fn interrupt(&self, session: &SessionId, turn: Seq) -> Result<Done, NotDone> {
        self.command(session, Birth::Load, |reply| Command::Interrupt { turn, reply }).await
    }

    /// Ends a session. Without an incarnation it is the one that is there when the command arrives.
    ///
    /// # Errors
    /// It could not be committed, and changed nothing.
    pub async fn stop(
        &self,
        session: &SessionId,
        incarnation: Option<Incarnation>,
    ) -> Result<Done, NotDone> {
        self.command(session, Birth::Load, |reply| Command::Stop { incarnation, reply }).await
    }

    /// A suspend notice that does not come over its connection: that one may be gone already. One about
    /// a connection of somebody else, or of long ago, changes nothing.
    ///
    /// # Errors
    /// The client's name is none.
    pub fn suspend(
        &self,
        session: &SessionId,
        principal: &str,
        client: &str,
        connection: ConnectionId,
        seen: Seq,
    ) -> Result<(), NotDone> {
        let who = who(principal, client)?.id;
        if let Some(mailbox) = self.shared.registry.find(session) {
            mailbox.tell(Fact::Suspend { connection, who, seen });
        }
        Ok(())
    }

    /// Forgets a session and its log. Its connections are closed.
    ///
    /// # Errors
    /// The store does not do it.
    pub async fn forget(&self, session: &SessionId) -> Result<(), NotDone> {
        if let Some(mailbox) = self.shared.registry.find(session) {
            mailbox.tell(Fact::Halt);
        }
        let forgotten = self.shared.store.forget(session).await;
        forgotten.map_err(|why| NotDone::Unavailable(why.to_string()))
    }

    /// What is retained of a session's log.
    pub fn history(&self, session: &SessionId) -> History {
        History { store: Arc::clone(&self.shared.store), session: session.clone() }
    }

    /// Sessions in memory.
    pub fn live(&self) -> usize {
        self.shared.registry.len()
    }

    /// The limits.
    pub fn limits(&self) -> &Limits {
        self.shared.machine.limits()
    }

    /// The options.
    pub fn options(&self) -> &Options {
        &self.shared.options
    }

    /// Whether the hub is about to leave.
    pub fn is_draining(&self) -> bool {
        self.shared.is_draining()
    }

    /// Returns when everything that a process before has left is recovered.
    pub async fn recovered(&self) {
        self.shared.registry.recovered().await;
    }

    /// Returns when another process has taken a session over: whoever opened the store last owns it, and
    /// this hub cannot commit any more.
    pub async fn fenced(&self) {
        self.shared.fenced.cancelled().await;
    }

    /// Leaves in good order: new attaches are refused with a hint to come back, connections are told, and
    /// closed one after the other; turns that run may finish until the deadline. What remains is recovered
    /// by the next process, as after a crash. Returns when nothing of this hub runs any more.
    pub async fn drain(&self, drain: Drain) {
        let shared = &self.shared;
        shared.draining.cancel();
        let until = tokio::time::Instant::now() + drain.deadline;
        let mailboxes = shared.registry.all();
        let window = u32::try_from(drain.window.as_millis()).unwrap_or(u32::MAX);
        for mailbox in &mailboxes {
            mailbox.tell(Fact::Goaway([window, window.saturating_add(5_000)]));
        }
        let count = u32::try_from(mailboxes.len()).unwrap_or(u32::MAX).max(1);
        let pause = drain.window.min(drain.deadline) / count;
        for mailbox in mailboxes {
            mailbox.tell(Fact::Close(CloseCode::Restart));
            mailbox.tell(Fact::Drain);
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
        }
        shared.registry.stop_recovery();
        shared.tasks.close();
        if tokio::time::timeout_at(until, shared.tasks.wait()).await.is_err() {
            shared.halt.cancel();
            for mailbox in shared.registry.all() {
                mailbox.tell(Fact::Halt);
            }
            shared.tasks.wait().await;
        }
    }

    fn body(&self, body: &impl Serialize) -> Result<Body, NotDone> {
        let body = Body::of(body).map_err(|why| NotDone::Invalid(why.to_string()))?;
        let (size, most) = (body.size(), self.shared.options.body_bytes);
        if size > most {
            return Err(NotDone::Invalid(format!("{size} bytes, and at most {most} are taken")));
        }
        Ok(body)
    }

    async fn command(
        &self,
        session: &SessionId,
        birth: Birth,
        command: impl FnOnce(Reply) -> Command,
    ) -> Result<Done, NotDone> {
        let visitor = self.shared.enter(session, birth);
        let (reply, done) = oneshot::channel();
        // A driver that is gone drops the reply.
        _ = visitor.commands.send(Box::new(command(Reply::Caller(reply)))).await;
        done.await.unwrap_or(Err(NotDone::Moved))
    }
}

fn who(principal: &str, client: &str) -> Result<Who, NotDone> {
    let name = client_name(client).map_err(NotDone::Invalid)?;
    Ok(Who { id: client_id(principal, name), name: name.into() })
}

/// Everything that a process before has left: read back, and fed `RESTARTED`.
async fn recover(shared: Arc<Shared>) {
    let limit = Arc::new(tokio::sync::Semaphore::new(shared.options.recoveries.max(1)));
    let mut after: Option<SessionId> = None;
    let mut patience = backoff::Backoff::default();
    loop {
        let page = match shared.store.unfinished(after.as_ref(), 1_000).await {
            Ok(page) => page,
            Err(why) => {
                tracing::warn!(%why, "the store does not say what is to be recovered; goes on trying");
                patience.wait().await;
                continue;
            }
        };
        let Some(last) = page.last() else { break };
        after = Some(last.clone());
        for id in page {
            let Ok(permit) = Arc::clone(&limit).acquire_owned().await else { return };
            let visitor = shared.visit(&id);
            shared.tasks.spawn(async move {
                let (reply, done) = oneshot::channel();
                let visit = Command::Visit { reply: Reply::Caller(reply) };
                _ = visitor.commands.send(Box::new(visit)).await;
                _ = done.await;
                drop((visitor, permit));
            });
        }
    }
    // Those that are still under way hold permits.
    let all = u32::try_from(shared.options.recoveries.max(1)).unwrap_or(u32::MAX);
    _ = limit.acquire_many(all).await;
    shared.registry.set_recovered();
}

impl Shared {
    fn random(&self) -> u64 {
        match &self.seed {
            // Splitmix: well spread, and the same each time.
            Some(seed) => {
                let mut z = seed.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
                z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                z ^ (z >> 31)
            }
            // A system without randomness cannot name sessions.
            None => getrandom::u64().expect("the system has random numbers"),
        }
    }

    fn next_connection(&self) -> ConnectionId {
        ConnectionId(self.connections.fetch_add(1, Ordering::Relaxed))
    }

    fn is_draining(&self) -> bool {
        self.draining.is_cancelled()
    }

    fn limits_batch(&self) -> usize {
        usize::try_from(self.machine.limits().batch).unwrap_or(usize::MAX)
    }

    fn fenced(&self) {
        self.fenced.cancel();
    }

    async fn halted(&self) {
        self.halt.cancelled().await;
    }

    fn observe_begin(&self, id: &SessionId, log: LogId, snapshot: Option<&Snapshot>) {
        self.observer.began(id, self.machine.limits(), log, snapshot);
    }

    fn observe_step(&self, id: &SessionId, event: &Event, step: &Step) {
        for row in step.rules() {
            tracing::debug!(
                session = %id, trigger = %step.trigger(), rule = row.id, verdict = %row.verdict,
                incarnation = %step.next.incarnation(),
            );
        }
        self.observer.stepped(id, event, step);
    }
}
