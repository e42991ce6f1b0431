//! A session's driver: a task that feeds it one event at a time, commits, adopts, and performs.
//!
//! What comes first is decided here and is no rule of the session: facts before timers, timers before
//! commands, commands before output, some of each in turn, so that no source starves. Everything else the
//! tables say.
//!
//! However a driver ends, be it by a panic, it leaves the registry, and its worker is aborted: the next
//! command gets a fresh driver, which finds in the store what this one has committed.

mod command;
mod effects;
mod encode;
mod notification;
mod spawn;
mod step;
mod work;

pub(super) use spawn::unavailable;

use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::sync::Arc;

use tokio::time::{Instant, Sleep};
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::hibernate::Hibernated;
use super::mailbox::{Command, CommandError, Inbox, LinkCommand, Mailbox, Notification, Reply};
use super::observe::{ClaimKind, NodeEvent};
use super::queue::Sender;
use super::shared::Shared;
use super::worker_message::{Asked, WorkerMessage};
use super::worker_task::{WorkerHandle, WorkerSlot};
use crate::store::{SessionId, Version};
use outlive::ids::{ClientId, ConnectionId, Generation, Incarnation, Seq};
use outlive::session::{Session, Step, TurnState};
use outlive::wire::ToClient;
use outlive::{CloseCode, State, Timer};

/// Commands that are taken before output is looked at again.
const COMMANDS_AT_ONCE: usize = 16;

const TIMERS: usize = <Timer as strum::EnumCount>::COUNT;

/// How a driver comes by its session.
#[derive(Debug)]
pub(super) enum SpawnMode {
    /// A new session, and the principal that creates it.
    Create(Option<String>),
    /// One that the store may know, and why it is claimed if nobody owns it.
    Load(ClaimKind),
    /// One that slept.
    Wake(Box<Hibernated>),
}

/// A session that is forgotten when this incarnation has ended.
#[derive(Debug)]
struct Deleting {
    incarnation: Incarnation,
    replies: Vec<Reply>,
}

/// A connection that is listed in the session.
#[derive(Debug)]
struct Viewer {
    id: ConnectionId,
    client: ClientId,
    orders: Sender<LinkCommand>,
}

/// The driver.
pub(super) struct Driver {
    shared: Arc<Shared>,
    id: SessionId,
    mailbox: Arc<Mailbox>,
    inbox: Inbox,
    /// None: the store has no such session, or it is over.
    session: Option<Session>,
    version: Version,
    /// When the last entry was committed; none: as the store says.
    last_at: Option<u64>,
    /// The turn that was interrupted last, and by whom.
    interrupted: Option<Box<(Seq, Arc<str>)>>,
    /// Why this driver ends, whatever the session is at.
    over: Option<CommandError>,
    /// Who creates the session, until that is committed.
    creator: Option<String>,
    /// Who wait for the end of an incarnation, for the session to be forgotten then.
    deleting: Option<Box<Deleting>>,
    step: Box<Step>,
    viewers: Vec<Viewer>,
    /// Whose connection was lost last: its suspend notice may still come.
    left: Option<(ConnectionId, ClientId)>,
    worker: Option<WorkerHandle>,
    /// While a turn runs.
    running: Option<TaskTrackerToken>,
    seat: WorkerSlot,
    /// A worker was aborted, or has left, and its task may not be gone yet.
    leaving: bool,
    /// Asks that the worker waits for.
    asks: Vec<(Seq, Asked)>,
    timers: [Option<(Instant, Generation)>; TIMERS],
    /// Rings when the first timer is due, or before: it is set anew only when it rings too late.
    alarm: Option<Pin<Box<Sleep>>>,
}

/// However it ends, the registry hands it out no more.
impl Drop for Driver {
    fn drop(&mut self) {
        self.shared.remove(&self.id, &self.mailbox);
    }
}

/// What the loop waits for.
enum Next {
    Notification(Notification),
    Timer,
    Command(Box<Command>),
    /// The worker said something, or never will again.
    Heard(Option<WorkerMessage>),
    /// The worker does not wait for an answer any more.
    Withdrawn,
    /// A worker's task is gone.
    Gone,
}

impl Driver {
    pub(super) fn new(
        shared: Arc<Shared>,
        id: SessionId,
        mailbox: Arc<Mailbox>,
        inbox: Inbox,
    ) -> Box<Driver> {
        Box::new(Driver {
            shared,
            id,
            mailbox,
            inbox,
            session: None,
            version: Version::NONE,
            last_at: None,
            interrupted: None,
            over: None,
            creator: None,
            deleting: None,
            step: Box::default(),
            viewers: Vec::new(),
            left: None,
            worker: None,
            running: None,
            seat: WorkerSlot::new(),
            leaving: false,
            asks: Vec::new(),
            timers: [None; TIMERS],
            alarm: None,
        })
    }

    /// Runs until nothing needs the session in memory. In a box, or its task would have room for it twice.
    pub(super) async fn run(mut self: Box<Self>, birth: SpawnMode) {
        let born = match birth {
            SpawnMode::Create(principal) => self.create(principal).await,
            SpawnMode::Load(kind) => self.load(kind).await,
            SpawnMode::Wake(sleeper) => {
                self.wake(*sleeper);
                Ok(())
            }
        };
        if let Err(why) = born {
            self.end(why);
        }
        while self.over.is_none() && !self.is_done() {
            self.round().await;
            self.delete_ended().await;
            // A store in memory answers at once, so a busy session would never let go of its thread.
            tokio::task::consume_budget().await;
        }
        self.leave();
        self.seat.is_free().await;
        self.release().await;
    }

    /// A hub that drains gives its sessions up: the next node need not wait for the lease to end. No other driver of this
    /// session is made here any more. Outside a drain one may be, which the release would take the session from.
    async fn release(&self) {
        if self.shared.is_draining() {
            match self.or_shutdown(self.shared.store.release(&self.id)).await {
                Some(Ok(())) => self.shared.observe_node(NodeEvent::Released),
                Some(Err(why)) => {
                    tracing::debug!(session = %self.id, %why, "it is released when this node leaves");
                }
                None => {}
            }
        }
    }

    /// Once around: what is there of each kind, or else the first that comes.
    async fn round(&mut self) {
        if self.shared.is_over() {
            return self.end(self.shared.shutdown_error());
        }
        // Counted together: a connection's arrival is fed before what it asks.
        let commands = self.inbox.requests().min(COMMANDS_AT_ONCE);
        self.withdraw().await;
        let mut idle = !self.catch_up().await;
        idle &= !self.fire().await;
        for _ in 0..commands {
            if let Some(command) = self.inbox.command() {
                idle = false;
                self.command(*command).await;
            }
        }
        idle &= !self.hear_what_is_there().await;
        if !idle || self.over.is_some() {
            return;
        }
        match self.wait().await {
            Next::Notification(fact) => self.fact(fact).await,
            Next::Timer => {}
            Next::Command(command) => {
                self.catch_up().await;
                self.withdraw().await;
                self.command(*command).await;
            }
            Next::Heard(said) => self.listen(said).await,
            Next::Withdrawn => self.withdraw().await,
            Next::Gone => self.leaving = false,
        }
    }

    /// Feeds the facts that are there. Returns whether there were any.
    async fn catch_up(&mut self) -> bool {
        let news = self.inbox.news();
        for _ in 0..news {
            if let Some(fact) = self.inbox.fact() {
                self.fact(fact).await;
            }
        }
        news > 0
    }

    async fn wait(&mut self) -> Next {
        if !self.leaving {
            return poll_fn(|cx| self.poll(cx)).await;
        }
        let seat = self.seat.clone();
        tokio::select! {
            biased;
            next = poll_fn(|cx| self.poll(cx)) => next,
            () = seat.is_free() => Next::Gone,
        }
    }

    /// What comes first.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Next> {
        match self.inbox.poll(cx) {
            Poll::Ready(Ok(fact)) => return Poll::Ready(Next::Notification(fact)),
            Poll::Ready(Err(command)) => return Poll::Ready(Next::Command(command)),
            Poll::Pending => {}
        }
        if self.poll_alarm(cx).is_ready() {
            return Poll::Ready(Next::Timer);
        }
        if let Some(worker) = &mut self.worker {
            if let Poll::Ready(said) = worker.poll(cx) {
                return Poll::Ready(Next::Heard(said));
            }
        }
        if self.asks.iter_mut().any(|(_, reply)| reply.poll_closed(cx).is_ready()) {
            return Poll::Ready(Next::Withdrawn);
        }
        Poll::Pending
    }

    /// Ready when a timer may be due.
    fn poll_alarm(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(due) = self.timers.iter().flatten().map(|(at, _)| *at).min() else {
            self.alarm = None;
            return Poll::Pending;
        };
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due)));
        if alarm.deadline() > due || alarm.is_elapsed() {
            alarm.as_mut().reset(due);
        }
        alarm.as_mut().poll(cx)
    }

    /// Whether nothing needs this driver any more; then it is not in the registry any more either, and the
    /// session has gone or hibernates.
    fn is_done(&mut self) -> bool {
        let busy = match &self.session {
            None => false,
            // What waits is in the record, and the next process has it.
            Some(session) if session.is_draining() => session.turn() != TurnState::Idle,
            Some(session) => session.state() != State::Ended,
        };
        if !self.viewers.is_empty() || self.leaving {
            return false;
        }
        if busy {
            self.sleep()
        } else {
            self.shared.remove_if_idle(&self.id, &self.mailbox, &self.inbox)
        }
    }

    /// From here on nothing is fed any more. The first reason counts.
    fn end(&mut self, why: CommandError) {
        if self.over.is_none() {
            tracing::debug!(session = %self.id, %why, "the session's driver ends");
            self.over = Some(why);
        }
        (self.session, self.running) = (None, None);
        self.timers = [None; TIMERS];
    }

    /// Takes no more commands, answers those that wait with the reason, and aborts the worker.
    fn leave(&mut self) {
        self.shared.remove(&self.id, &self.mailbox);
        self.abort_worker();
        self.inbox.close();
        let why = self.over.clone().unwrap_or_else(|| self.shared.shutdown_error());
        self.close_all(code(&why));
        while let Some(fact) = self.inbox.fact() {
            if let Notification::Arrived(arrival) = fact {
                turn_back(&self.shared, &arrival.orders, &why);
            }
        }
        while let Some(command) = self.inbox.command() {
            self.turn_away(*command, why.clone());
        }
    }

    fn tell_all(&self, order: impl Fn() -> LinkCommand) {
        for viewer in &self.viewers {
            // A link that is gone reports its own loss.
            _ = viewer.orders.send(order());
        }
    }

    fn close_all(&mut self, code: CloseCode) {
        self.tell_all(|| LinkCommand::Close(code));
        self.viewers.clear();
    }

    fn forget_viewer(&mut self, id: ConnectionId) -> Option<Viewer> {
        let place = self.viewers.iter().position(|viewer| viewer.id == id)?;
        Some(self.viewers.remove(place))
    }
}

/// A connection that may not watch is closed, and the code says why; if there will be another server soon, it gets
/// a `goaway` first, which says when to come back.
pub(super) fn turn_back(shared: &Shared, orders: &Sender<LinkCommand>, why: &CommandError) {
    // A link that is gone needs neither.
    let come_back_ms = match why {
        CommandError::Draining => Some(shared.come_back_ms()),
        CommandError::Refused(_) => Some(NO_ROOM_MS),
        CommandError::NotFound
        | CommandError::Moved
        | CommandError::Invalid(_)
        | CommandError::Unavailable(_)
        | CommandError::Damaged(_) => None,
    };
    send_away(orders, come_back_ms, code(why));
}

/// Closes a link that has said hello, and says between which two times, in milliseconds, to come back.
pub(super) fn send_away(
    orders: &Sender<LinkCommand>,
    come_back_ms: Option<[u32; 2]>,
    code: CloseCode,
) {
    if let Some(retry_after_ms) = come_back_ms {
        _ = orders.send(LinkCommand::Say(Box::new(ToClient::Goaway { retry_after_ms })));
    }
    _ = orders.send(LinkCommand::Close(code));
}

/// Between these two times, in milliseconds, a viewer comes back to a session that has no room for it.
const NO_ROOM_MS: [u32; 2] = [5_000, 10_000];

fn code(why: &CommandError) -> CloseCode {
    match why {
        CommandError::NotFound => CloseCode::NotFound,
        CommandError::Moved => CloseCode::Moved,
        CommandError::Draining => CloseCode::Restart,
        CommandError::Refused(_) => CloseCode::Overloaded,
        CommandError::Invalid(_) => CloseCode::Protocol,
        CommandError::Unavailable(_) | CommandError::Damaged(_) => CloseCode::Error,
    }
}
