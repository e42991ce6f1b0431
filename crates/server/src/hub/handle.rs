//! The hub's handle: what a server calls.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::oneshot;
#[cfg(feature = "http")]
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::body::{Body, client_name};
use super::driver::{SpawnMode, unavailable};
use super::history::History;
use super::link::Link;
use super::mailbox::{Accepted, Command, CommandError, Handled, Notification, Outcome, Reply, Who};
use super::node::FenceCause;
use super::observe::ClaimKind;
use super::options::HubOptions;
use super::shared::Shared;
use crate::store::{PageToken, SessionId, SessionPage, StoreError};
use outlive::Limits;
use outlive::ids::{ConnectionId, Incarnation, PromptNumber, Seq};
use outlive::node::Trigger;

/// How long a drain takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drain {
    /// Connections are closed over this time, so that they do not all come back at once: those of one session
    /// after those of another, evenly, and the last ones at its end. Until then they watch; what a turn says
    /// afterwards they see in the next process.
    pub window: core::time::Duration,
    /// Turns that still run then are left as they are: the next process finds them `ambiguous`. So is one that
    /// waits for an answer to an [ask](super::Turn::ask): no viewer is connected any more to give it, except by a
    /// request, and the drain lasts until this.
    pub deadline: core::time::Duration,
}

/// A store that does not answer for so long is none, for a load balancer that asks.
const STORE_PATIENCE: Duration = Duration::from_secs(1);

/// The hub. Clones are the same hub.
#[derive(Clone, Debug)]
pub struct Hub {
    pub(super) shared: Arc<Shared>,
}

impl Hub {
    /// A new session, CREATED.
    ///
    /// # Errors
    /// The store does not take it, or the hub is draining.
    pub async fn create(&self) -> Result<SessionId, CommandError> {
        self.create_by(None).await
    }

    /// As [`create`](Hub::create), for a principal: the store lists it [among its sessions](Hub::sessions_of).
    ///
    /// # Errors
    /// As of [`create`](Hub::create).
    pub async fn create_for(&self, principal: &str) -> Result<SessionId, CommandError> {
        self.create_by(Some(principal.to_owned())).await
    }

    async fn create_by(&self, principal: Option<String>) -> Result<SessionId, CommandError> {
        let bits = u128::from(self.shared.random()) << 64 | u128::from(self.shared.random());
        let id = SessionId::from_random(bits);
        self.command(&id, SpawnMode::Create(principal), |reply| Command::Visit { reply }).await?;
        Ok(id)
    }

    /// The server's side of a new transport, CONNECTING.
    pub fn link(&self) -> Link {
        Link::new(Arc::clone(&self.shared))
    }

    /// Commands to a session that do not come over a link.
    pub fn session<'a>(&'a self, id: &'a SessionId) -> SessionHandle<'a> {
        SessionHandle { hub: self, id, by: None }
    }

    /// Forgets a session and its log. Its worker is aborted, its connections are closed. It is no error if
    /// there is none.
    ///
    /// # Errors
    /// The store does not do it, and nothing has changed.
    pub async fn forget(&self, session: &SessionId) -> Result<(), CommandError> {
        self.command(session, SpawnMode::Load(ClaimKind::Asked), |reply| Command::Forget { reply })
            .await
            .map(drop)
    }

    /// The principal that [created](Hub::create_for) a session; `None` if it was created for none, or if there is no such
    /// session.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn principal(&self, session: &SessionId) -> Result<Option<String>, StoreError> {
        self.shared.store.principal(session).await
    }

    /// The sessions that were [created for](Hub::create_for) a principal, in any state, the newest first: at most `most`
    /// of them (at least 1), from where the page before ended.
    ///
    /// # Errors
    /// The store does not answer, or its list is damaged; [`CommandError::Invalid`] if the token is none of this store.
    pub async fn sessions_of(
        &self,
        principal: &str,
        from: Option<&PageToken>,
        most: usize,
    ) -> Result<SessionPage, CommandError> {
        let page = self.shared.store.sessions_of(principal, from, most.max(1)).await;
        page.map_err(|why| unavailable(&why))
    }

    /// What is retained of a session's log.
    pub fn history(&self, session: &SessionId) -> History {
        History { store: Arc::clone(&self.shared.store), session: session.clone() }
    }

    /// Sessions in memory.
    pub fn loaded_sessions(&self) -> usize {
        self.shared.registry.len()
    }

    /// The limits.
    pub fn limits(&self) -> &Limits {
        self.shared.machine.limits()
    }

    /// The options.
    pub fn options(&self) -> &HubOptions {
        &self.shared.options
    }

    /// Whether the hub is about to leave.
    pub fn is_draining(&self) -> bool {
        self.shared.is_draining()
    }

    /// Whether a client that is sent here is served: the hub does not drain, and within a second the store answers, and
    /// is still this hub's.
    pub async fn is_ready(&self) -> bool {
        if self.is_draining() {
            return false;
        }
        let owner = tokio::time::timeout(STORE_PATIENCE, self.shared.store.renew()).await;
        matches!(owner, Ok(Ok(true)))
    }

    /// Between which two times a client of a hub that leaves comes back, in milliseconds.
    #[cfg(feature = "http")]
    pub(crate) fn come_back_ms(&self) -> [u32; 2] {
        self.shared.come_back_ms()
    }

    /// Returns when everything that a process before has left is recovered; or, if this hub drains or is
    /// fenced before, never.
    pub async fn recovered(&self) {
        self.shared.recovered.cancelled().await;
    }

    /// Returns when this process may own nothing any more: another one has taken over the store, or has declared this
    /// [node](outlive::node) dead, or the store was away for too long
    /// ([`abandon_after`](HubOptions::abandon_after)). This hub notices within one ping interval, or within a
    /// tenth of its [lease](crate::store::Store::lease): it cannot commit any more, has aborted its workers and closes
    /// its connections with [`moved`](outlive::CloseCode::Moved). Await it next to your shutdown signals, and exit.
    /// It says which of them it was.
    pub async fn fenced(&self) -> FenceCause {
        self.shared.fenced().await
    }

    /// Shuts down in good order: new attaches are refused with a hint when to come back, connections get a `goaway`, and
    /// are closed one after the other; turns that run may finish until the deadline. Nothing new is begun: each
    /// session is fed [`Event::Drain`](outlive::session::Event::Drain). A prompt that waits, or still comes to a
    /// session that is here, is kept, and the next process answers it. What remains is recovered by that
    /// one, as after a crash. Transports that have not said hello by then are told and closed too. Returns when nothing of this hub runs
    /// any more, except for a worker that never comes to an `await`, or a peer that does not answer a close.
    pub async fn drain(&self, drain: Drain) {
        let shared = &self.shared;
        let now = tokio::time::Instant::now();
        let until = now + drain.deadline;
        let window = drain.window.min(drain.deadline);
        _ = shared.leaves.set([now + window, until]);
        shared.draining.cancel();
        let mailboxes = shared.registry.all();
        shared.leave_sleepers();
        for mailbox in &mailboxes {
            mailbox.tell(Notification::Goaway);
            // All at once: what is begun later has less time before the deadline.
            mailbox.tell(Notification::Drain);
        }
        let count = u32::try_from(mailboxes.len()).unwrap_or(u32::MAX).max(1);
        let pause = window / count;
        for mailbox in mailboxes {
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
            mailbox.tell(Notification::Leave);
        }
        shared.tasks.close();
        if tokio::time::timeout_at(until, shared.tasks.wait()).await.is_err() {
            shared.halt();
        }
        shared.left.cancel();
        shared.lobby.close();
        let gone = async { tokio::join!(shared.tasks.wait(), shared.lobby.wait()) };
        if tokio::time::timeout(shared.options.close_timeout, gone).await.is_err() {
            tracing::warn!(
                "a worker does not come to an `await`, or a peer to a close: leaving without it"
            );
        }
        shared.as_node(Trigger::Drained, tokio::time::Instant::now()).await;
    }

    /// While it is held, a transport that has not said hello is here: see [`left`](Hub::left).
    #[cfg(feature = "http")]
    pub(crate) fn lobby_guard(&self) -> TaskTrackerToken {
        self.shared.lobby.token()
    }

    /// Returns when the drain is over: a transport that has not said hello by then is sent away. The drain waits for
    /// it, for one close timeout.
    #[cfg(feature = "http")]
    pub(crate) async fn left(&self) {
        self.shared.left.cancelled().await;
    }

    /// While it is held, a [drain](Hub::drain) waits for its holder, as it does for workers.
    #[cfg(feature = "http")]
    pub(crate) fn drain_guard(&self) -> TaskTrackerToken {
        self.shared.tasks.token()
    }

    fn body(&self, body: &impl Serialize) -> Result<Body, CommandError> {
        let body = Body::of(body).map_err(|why| CommandError::Invalid(why.to_string()))?;
        let (size, most) = (body.size(), self.shared.options.body_bytes);
        if size > most {
            return Err(CommandError::Invalid(format!(
                "{size} bytes, and at most {most} are taken"
            )));
        }
        Ok(body)
    }

    pub(super) async fn command(
        &self,
        session: &SessionId,
        birth: SpawnMode,
        command: impl FnOnce(Reply) -> Command,
    ) -> Result<Handled, CommandError> {
        let visitor = self.shared.enter(session, birth)?;
        let (reply, done) = oneshot::channel();
        if visitor.ask(command(Reply::Caller(reply))).await.is_err() {
            return Err(self.shared.shutdown_error());
        }
        // A driver that is gone drops the reply.
        done.await.unwrap_or_else(|_| Err(self.shared.shutdown_error()))
    }
}

/// Who prompts or answers: a client of a principal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Author<'a> {
    /// Who was authorised, such as a user's name.
    pub principal: &'a str,
    /// The client's own name: one tab, one phone. Two principals may use the same.
    pub client: &'a str,
}

impl Author<'_> {
    fn resolve(self) -> Result<Who, CommandError> {
        let name = client_name(self.client).map_err(CommandError::Invalid)?;
        Ok(Who::new(self.principal, name))
    }
}

/// Commands to one session: see [`Hub::session`]. Each returns when its effect is durable. A future that is dropped
/// before may have had its effect all the same: send a prompt again under its number, and it runs once.
#[derive(Clone, Copy, Debug)]
pub struct SessionHandle<'a> {
    hub: &'a Hub,
    id: &'a SessionId,
    by: Option<&'a str>,
}

impl<'a> SessionHandle<'a> {
    /// In the name of this principal: the entries that an interrupt, a stop or a delete causes say so. Without it they
    /// name nobody. (A prompt and an answer name their [author](Author).)
    #[must_use]
    pub fn by(self, principal: &'a str) -> SessionHandle<'a> {
        SessionHandle { by: Some(principal), ..self }
    }

    /// Prompts. `n` counts from 1 for each client of each principal: the same prompt, sent again, has the same number,
    /// and runs once.
    ///
    /// # Errors
    /// The prompt was not accepted, and nothing has changed.
    pub async fn prompt(
        self,
        author: Author<'_>,
        n: PromptNumber,
        body: &impl Serialize,
    ) -> Result<Accepted, CommandError> {
        let (who, body) = (author.resolve()?, self.hub.body(body)?);
        match self.command(|reply| Command::Prompt { who, n, body, reply }).await? {
            Handled::Accepted(accepted) => Ok(accepted),
            // The table answers a prompt with an acceptance or a refusal (law `no_prompt_is_swallowed`).
            Handled::Taken | Handled::Ignored(_) => unreachable!("a prompt is accepted or refused"),
        }
    }

    /// Answers an ask.
    ///
    /// # Errors
    /// The answer is not the first valid one, and nothing has changed.
    pub async fn answer(
        self,
        author: Author<'_>,
        ask: Seq,
        body: &impl Serialize,
    ) -> Result<(), CommandError> {
        let (who, body) = (author.resolve()?, self.hub.body(body)?);
        self.command(|reply| Command::Answer { who, ask, body, reply }).await.map(drop)
    }

    /// Stops a turn, or takes a waiting prompt back; the session goes on.
    ///
    /// # Errors
    /// It could not be committed, and nothing has changed.
    pub async fn interrupt(self, turn: Seq) -> Result<Outcome, CommandError> {
        let by = self.by.map(Arc::from);
        self.command(|reply| Command::Interrupt { by, turn, reply }).await.map(Outcome::from)
    }

    /// Ends the session. Without an incarnation it is the one that is there when the command arrives.
    ///
    /// # Errors
    /// It could not be committed, and nothing has changed.
    pub async fn stop(self, incarnation: Option<Incarnation>) -> Result<Outcome, CommandError> {
        let by = self.by.map(Arc::from);
        self.command(|reply| Command::Stop { by, incarnation, reply }).await.map(Outcome::from)
    }

    /// Ends the session, and forgets it and its log. Its worker closes out first, so this may take as long as a turn's
    /// interrupt and the closeout together; its connections are closed then. A prompt that comes meanwhile goes with the
    /// session. It goes on if the future is dropped. If the process ends meanwhile, the session may be there still, and
    /// has ended.
    ///
    /// # Errors
    /// [`CommandError::NotFound`] if there is none; or it could not be committed, and the session is there still.
    pub async fn delete(self) -> Result<(), CommandError> {
        let by = self.by.map(Arc::from);
        self.command(|reply| Command::Delete { by, reply }).await.map(drop)
    }

    /// A suspend notice that does not come over its connection, which may be gone already. A notice about a connection
    /// of another client, or of long ago, changes nothing.
    ///
    /// # Errors
    /// The client's name is not a valid one.
    pub fn suspend(
        self,
        author: Author<'_>,
        connection: ConnectionId,
        seen: Seq,
    ) -> Result<(), CommandError> {
        let who = author.resolve()?.id;
        if let Some(mailbox) = self.hub.shared.registry.find(self.id) {
            mailbox.tell(Notification::Suspend { connection, who, seen });
        }
        Ok(())
    }

    async fn command(
        self,
        command: impl FnOnce(Reply) -> Command,
    ) -> Result<Handled, CommandError> {
        self.hub.command(self.id, SpawnMode::Load(ClaimKind::Asked), command).await
    }
}
