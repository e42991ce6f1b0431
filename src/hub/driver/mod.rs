//! A session's driver: a task that feeds it one event at a time, commits, adopts, and performs.
//!
//! What comes first is decided here and is no rule of the session: facts before timers, timers before
//! commands, commands before output, some of each in turn, so that nobody starves. Everything else the
//! tables say.
//!
//! However a driver ends, be it by a panic, it leaves the registry, and its worker is aborted: whoever
//! comes next gets a fresh driver, which finds in the store what this one has committed.

mod birth;
mod command;
mod commit;
mod effects;
mod fact;
mod feed;
mod work;

use std::boxed::Box;
use std::sync::Arc;
use std::vec::Vec;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::mailbox::{Arrival, Command, Fact, Inbox, Mailbox, NotDone, Order};
use super::shared::Shared;
use super::staff::{Employee, Errand, Said, Seat};
use super::worker::{Answer, TurnError};
use crate::ids::{ClientId, ConnectionId, Generation, Seq};
use crate::session::{Session, Step, Turn};
use crate::store::{SessionId, Version};
use crate::words::{CloseCode, State};

/// Commands that are taken before output is looked at again.
const COMMANDS_AT_ONCE: usize = 16;

/// What a driver is born for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Birth {
    /// A new session.
    Create,
    /// One that the store may know.
    Load,
}

/// A connection that is listed in the session.
#[derive(Debug)]
struct Viewer {
    id: ConnectionId,
    client: ClientId,
    orders: mpsc::UnboundedSender<Order>,
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
    /// Why this driver ends, whatever the session is at.
    over: Option<NotDone>,
    step: Box<Step>,
    /// The lines of the step that is being kept.
    lines: Vec<Bytes>,
    /// The prompt that the step dispatches.
    errand: Option<Box<Errand>>,
    viewers: Vec<Viewer>,
    /// Whose connection was lost last: its suspend notice may still come.
    left: Option<(ConnectionId, ClientId)>,
    worker: Option<Employee>,
    seat: Seat,
    /// A worker was aborted, or has left, and its task may not be gone yet.
    leaving: bool,
    /// Asks that the worker waits for.
    asks: Vec<(Seq, oneshot::Sender<Result<Answer, TurnError>>)>,
    timers: [Option<(Instant, Generation)>; 7],
    /// What the worker said and was not fed yet.
    heard: Vec<Said>,
    draining: bool,
}

/// However it ends, nobody is sent to it any more.
impl Drop for Driver {
    fn drop(&mut self) {
        self.shared.strike(&self.id, &self.mailbox);
    }
}

/// What the loop waits for.
enum Next {
    Fact(Fact),
    Timer,
    Command(Box<Command>),
    /// The worker said something, or never will again.
    Heard,
    /// A worker's task is gone.
    Gone,
    /// The hub is done for.
    Done,
}

impl Driver {
    pub(super) fn new(
        shared: Arc<Shared>,
        id: SessionId,
        mailbox: Arc<Mailbox>,
        inbox: Inbox,
    ) -> Driver {
        Driver {
            shared,
            id,
            mailbox,
            inbox,
            session: None,
            version: Version::NONE,
            over: None,
            step: Box::default(),
            lines: Vec::new(),
            errand: None,
            viewers: Vec::new(),
            left: None,
            worker: None,
            seat: Seat::new(),
            leaving: false,
            asks: Vec::new(),
            timers: [None; 7],
            heard: Vec::new(),
            draining: false,
        }
    }

    /// Runs until nobody needs the session in memory.
    pub(super) async fn run(mut self, birth: Birth) {
        let born = match birth {
            Birth::Create => self.create().await,
            Birth::Load => self.load().await,
        };
        if let Err(why) = born {
            self.end(why);
        }
        while self.over.is_none() && !self.is_done() {
            self.round().await;
            // A store in memory answers at once, so a busy session would never let go of its thread.
            tokio::task::consume_budget().await;
        }
        self.leave();
        self.seat.is_free().await;
    }

    /// Once around: what is there of each kind, or else the first that comes.
    async fn round(&mut self) {
        // Counted together: a connection's arrival is fed before what it asks.
        let commands = self.inbox.commands.len().min(COMMANDS_AT_ONCE);
        let mut idle = !self.catch_up().await;
        idle &= !self.fire().await;
        for _ in 0..commands {
            if let Ok(command) = self.inbox.commands.try_recv() {
                idle = false;
                self.command(*command).await;
            }
        }
        idle &= !self.overhear().await;
        if !idle || self.over.is_some() {
            return;
        }
        match self.wait().await {
            Next::Fact(fact) => self.fact(fact).await,
            Next::Timer => {}
            Next::Command(command) => {
                self.catch_up().await;
                self.command(*command).await;
            }
            Next::Heard => self.listen().await,
            Next::Gone => self.leaving = false,
            Next::Done => self.end(self.shared.nobody()),
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
        let due = self.timers.iter().flatten().map(|(at, _)| *at).min();
        let limit = self.shared.limits_batch();
        let Driver { shared, inbox, worker, heard, seat, .. } = self;
        tokio::select! {
            biased;
            () = shared.done() => Next::Done,
            next = inbox.any() => match next {
                Ok(fact) => Next::Fact(fact),
                Err(command) => Next::Command(command),
            },
            () = sleep_until(due) => Next::Timer,
            () = hear(worker.as_mut(), heard, limit) => Next::Heard,
            () = seat.is_free(), if self.leaving => Next::Gone,
        }
    }

    /// Whether nobody needs this driver any more; then it is not in the registry any more either.
    fn is_done(&mut self) -> bool {
        let busy = match &self.session {
            None => false,
            Some(session) if self.draining => {
                session.turn() != Turn::Idle || !session.queue().is_empty()
            }
            Some(session) => session.state() != State::Ended,
        };
        if busy || !self.viewers.is_empty() || self.leaving {
            return false;
        }
        self.shared.retire(&self.id, &self.mailbox, &self.inbox)
    }

    /// From here on nothing is fed any more. The first reason counts.
    fn end(&mut self, why: NotDone) {
        if self.over.is_none() {
            tracing::debug!(session = %self.id, %why, "the session's driver ends");
            self.over = Some(why);
        }
        self.session = None;
        self.timers = [None; 7];
    }

    /// Nobody comes any more, whoever waits is told why, and the worker goes.
    fn leave(&mut self) {
        self.shared.strike(&self.id, &self.mailbox);
        self.dismiss();
        self.inbox.close();
        let why = self.over.clone().unwrap_or_else(|| self.shared.nobody());
        self.close_all(code(&why));
        while let Some(fact) = self.inbox.fact() {
            if let Fact::Arrived(arrival) = fact {
                turn_back(&arrival, &why);
            }
        }
        while let Ok(command) = self.inbox.commands.try_recv() {
            self.turn_away(*command, why.clone());
        }
    }

    fn tell_all(&self, order: impl Fn() -> Order) {
        for viewer in &self.viewers {
            // A link that is gone says so by itself.
            _ = viewer.orders.send(order());
        }
    }

    fn close_all(&mut self, code: CloseCode) {
        self.tell_all(|| Order::Close(code));
        self.viewers.clear();
    }

    fn forget_viewer(&mut self, id: ConnectionId) -> Option<Viewer> {
        let place = self.viewers.iter().position(|viewer| viewer.id == id)?;
        Some(self.viewers.remove(place))
    }
}

/// Who may not watch is closed, and told why by the code.
fn turn_back(arrival: &Arrival, why: &NotDone) {
    // A link that is gone needs no close.
    _ = arrival.orders.send(Order::Close(code(why)));
}

fn code(why: &NotDone) -> CloseCode {
    match why {
        NotDone::NotFound => CloseCode::NotFound,
        NotDone::Moved => CloseCode::Moved,
        NotDone::Draining => CloseCode::Restart,
        NotDone::Refused(_) | NotDone::Invalid(_) => CloseCode::Limit,
        NotDone::Unavailable(_) | NotDone::Damaged(_) => CloseCode::Error,
    }
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(at) => tokio::time::sleep_until(at).await,
        None => core::future::pending().await,
    }
}

/// Returns when the worker has said something, or never will again.
async fn hear(worker: Option<&mut Employee>, heard: &mut Vec<Said>, limit: usize) {
    match worker {
        Some(worker) => _ = worker.said.recv_many(heard, limit).await,
        None => core::future::pending().await,
    }
}
