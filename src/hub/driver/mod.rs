//! A session's driver: a task that feeds it one event at a time, commits, adopts, and performs.
//!
//! What comes first is decided here and is no rule of the session: facts before timers, timers before
//! commands, commands before output, each in turn, so that nobody starves. Everything else the tables say.

mod commit;
mod effects;

use std::boxed::Box;
use std::string::String;
use std::sync::Arc;
use std::vec::Vec;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use self::commit::{Kept, Payload};
use super::Shared;
use super::mailbox::{Command, Done, Fact, Mailbox, NotDone, Order, Reply};
use super::staff::{Employee, Said, What};
use super::worker::{Answer, TurnError};
use crate::ids::{ClientId, ConnectionId, Generation, Seq};
use crate::log::LogId;
use crate::routing::{self, Durable, Runtime};
use crate::session::{Event, Session, Step, Turn};
use crate::store::{SessionId, StoreError, Version};
use crate::words::{CloseCode, State, Timer};

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
    commands: mpsc::Receiver<Box<Command>>,
    facts: mpsc::UnboundedReceiver<Fact>,
    /// None: the store has no such session, or it is fenced.
    session: Option<Session>,
    /// Another process has the session now.
    fenced: bool,
    version: Version,
    step: Box<Step>,
    /// The lines of the step that is being kept.
    lines: Vec<Bytes>,
    viewers: Vec<Viewer>,
    /// Whose connection was lost last: its suspend notice may still come.
    left: Option<(ConnectionId, ClientId)>,
    worker: Option<Employee>,
    /// The task of a worker that was aborted or has left, until it is gone.
    leaving: Option<JoinHandle<()>>,
    /// Asks that the worker waits for.
    asks: Vec<(Seq, oneshot::Sender<Result<Answer, TurnError>>)>,
    timers: [Option<(Instant, Generation)>; 7],
    /// What the worker said and was not fed yet.
    heard: Vec<Said>,
    draining: bool,
}

/// What the loop waits for.
enum Next {
    Fact(Option<Fact>),
    Timer,
    Command(Box<Command>),
    Heard(usize),
    Gone,
}

impl Driver {
    pub(super) fn new(
        shared: Arc<Shared>,
        id: SessionId,
        mailbox: Arc<Mailbox>,
        commands: mpsc::Receiver<Box<Command>>,
        facts: mpsc::UnboundedReceiver<Fact>,
    ) -> Driver {
        let draining = shared.is_draining();
        Driver {
            shared,
            id,
            mailbox,
            commands,
            facts,
            session: None,
            fenced: false,
            version: Version::NONE,
            step: Box::default(),
            lines: Vec::new(),
            viewers: Vec::new(),
            left: None,
            worker: None,
            leaving: None,
            asks: Vec::new(),
            timers: [None; 7],
            heard: Vec::new(),
            draining,
        }
    }

    /// Runs until nobody needs the session in memory.
    pub(super) async fn run(mut self, birth: Birth) {
        let begun = match birth {
            Birth::Create => self.create().await,
            Birth::Load => self.load().await,
        };
        if let Err(why) = begun {
            tracing::warn!(session = %self.id, %why, "the session cannot be used");
            return self.give_up(&why).await;
        }
        while !self.is_done() {
            if self.turn().await {
                break;
            }
        }
        self.abort();
        if let Some(leaving) = self.leaving.take() {
            _ = leaving.await;
        }
    }

    /// Once around: what is there of each kind, or else the first that comes. Returns whether it is
    /// time to end, whatever is left.
    async fn turn(&mut self) -> bool {
        let mut idle = true;
        while let Ok(fact) = self.facts.try_recv() {
            idle = false;
            if self.fact(fact).await {
                return true;
            }
        }
        idle &= !self.fire().await;
        for _ in 0..COMMANDS_AT_ONCE {
            let Ok(command) = self.commands.try_recv() else { break };
            idle = false;
            self.command(*command).await;
        }
        idle &= !self.overhear().await;
        if !idle {
            return false;
        }
        match self.wait().await {
            Next::Fact(None) => return true,
            Next::Fact(Some(fact)) => return self.fact(fact).await,
            Next::Timer | Next::Heard(0) => {}
            Next::Command(command) => self.command(*command).await,
            Next::Heard(_) => self.listen().await,
            Next::Gone => self.leaving = None,
        }
        false
    }

    async fn wait(&mut self) -> Next {
        let due = self.timers.iter().flatten().map(|(at, _)| *at).min();
        let limit = self.shared.limits_batch();
        let (worker, leaving, heard) = (&mut self.worker, &mut self.leaving, &mut self.heard);
        let mut nobody = false;
        let next = tokio::select! {
            biased;
            fact = self.facts.recv() => Next::Fact(fact),
            () = sleep_until(due) => Next::Timer,
            Some(command) = self.commands.recv() => Next::Command(command),
            Some(count) = hear(worker.as_mut(), heard, limit) => {
                nobody = count == 0;
                Next::Heard(count)
            }
            () = gone(leaving.as_mut()) => Next::Gone,
        };
        if nobody {
            self.worker_is_gone().await;
        }
        next
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
        if busy || !self.viewers.is_empty() || self.leaving.is_some() {
            return false;
        }
        self.shared.retire(&self.id, &self.mailbox, &self.commands, &self.facts)
    }

    // Getting hold of the session.

    async fn create(&mut self) -> Result<(), NotDone> {
        let log = LogId(self.shared.random());
        *self.step = self.shared.machine.create(log);
        self.shared.observe_begin(&self.id, log, None);
        match self.keep(None, &Payload::None).await {
            Kept::Yes => {}
            Kept::No(why) => return Err(NotDone::Unavailable(why)),
            Kept::Stale => return Err(NotDone::Moved),
        }
        self.adopt(None, Payload::None, None);
        Ok(())
    }

    /// Reads the session from the store. Whatever it counts on went with the process that wrote it.
    async fn load(&mut self) -> Result<(), NotDone> {
        let stored = self.shared.store.load(&self.id).await;
        let Some(stored) = stored.map_err(|why| unavailable(&why))? else {
            self.session = None;
            return Ok(());
        };
        let session = Session::restore(stored.snapshot.clone())
            .map_err(|why| unavailable(&StoreError::Corrupt(std::format!("{}: {why}", self.id))))?;
        self.shared.observe_begin(&self.id, session.log().id, Some(&stored.snapshot));
        let ended = session.state() == State::Ended;
        (self.session, self.version) = (Some(session), stored.version);
        if !ended || stored.lossy {
            let renew = stored.lossy.then(|| LogId(self.shared.random()));
            self.feed_fact(Event::Restarted { renew }, Payload::None).await;
        }
        if self.session.is_none() {
            return Err(NotDone::Moved);
        }
        Ok(())
    }

    /// Answers whoever waits, and goes.
    async fn give_up(mut self, why: &NotDone) {
        loop {
            while let Ok(command) = self.commands.try_recv() {
                self.turn_away(*command, why.clone());
            }
            if self.shared.retire(&self.id, &self.mailbox, &self.commands, &self.facts) {
                return;
            }
            tokio::select! {
                Some(command) = self.commands.recv() => self.turn_away(*command, why.clone()),
                Some(_) = self.facts.recv() => {}
                else => return,
            }
        }
    }

    /// Says no for a reason that is not in the session's table.
    fn turn_away(&self, command: Command, why: NotDone) {
        match command {
            Command::Attach { orders, .. } => {
                let code = match why {
                    NotDone::NotFound => CloseCode::NotFound,
                    NotDone::Moved => CloseCode::Moved,
                    NotDone::Draining => CloseCode::Restart,
                    NotDone::Refused(_) | NotDone::Invalid(_) => CloseCode::Limit,
                    NotDone::Unavailable(_) => CloseCode::Error,
                };
                _ = orders.send(Order::Close(code));
            }
            Command::Prompt { reply, n, .. } => {
                self.refuse(reply, effects::refused_prompt(n, &why), why);
            }
            Command::Answer { reply, ask, .. } => {
                self.refuse(reply, effects::refused_answer(ask, &why), why);
            }
            Command::Interrupt { reply, .. }
            | Command::Stop { reply, .. }
            | Command::Visit { reply } => {
                if let Reply::Caller(caller) = reply {
                    _ = caller.send(Err(why));
                }
            }
        }
    }

    // Commands: through the routing table.

    async fn command(&mut self, command: Command) {
        if self.fenced {
            return self.turn_away(command, NotDone::Moved);
        }
        let durable = Durable::of(self.session.as_ref().map(Session::state));
        let incarnation = self.session.as_ref().map(Session::incarnation).unwrap_or_default();
        let running = self.worker.as_ref().map(|worker| worker.incarnation);
        let row = routing::rule(durable, Runtime::of(incarnation, running));
        for op in row.ops {
            match op {
                routing::Op::Abort => self.abort(),
                routing::Op::Recover => {
                    self.feed_fact(Event::Restarted { renew: None }, Payload::None).await;
                }
                routing::Op::Proceed => return self.proceed(command).await,
                routing::Op::NotFound => return self.turn_away(command, NotDone::NotFound),
            }
        }
    }

    async fn proceed(&mut self, command: Command) {
        let Some(session) = &self.session else {
            return self.turn_away(command, NotDone::Moved);
        };
        match command {
            Command::Attach { connection, who, cursor, orders } => {
                let event = Event::Attach { connection, client: who.id, cursor };
                self.viewers.push(Viewer { id: connection, client: who.id, orders });
                if let Err(why) = self.feed(event, Payload::None, None).await {
                    if let Some(viewer) = self.forget_viewer(connection) {
                        let (orders, cursor) = (viewer.orders, cursor);
                        self.turn_away(Command::Attach { connection, who, cursor, orders }, why);
                    }
                }
            }
            Command::Prompt { who, n, body, reply } => {
                let event = Event::Prompt { client: who.id, n, digest: body.digest() };
                self.replied(event, Payload::Said(who, body), reply, |why| {
                    effects::refused_prompt(n, why)
                })
                .await;
            }
            Command::Answer { who, ask, body, reply } => {
                let event = Event::Answer { client: who.id, ask };
                self.replied(event, Payload::Said(who, body), reply, |why| {
                    effects::refused_answer(ask, why)
                })
                .await;
            }
            Command::Interrupt { turn, reply } => {
                self.answered(Event::Interrupt { turn }, reply).await;
            }
            Command::Stop { incarnation, reply } => {
                let incarnation = incarnation.unwrap_or(session.incarnation());
                self.answered(Event::Stop { incarnation }, reply).await;
            }
            Command::Visit { reply } => {
                if let Reply::Caller(caller) = reply {
                    _ = caller.send(Ok(Done::Taken));
                }
            }
        }
    }

    /// Feeds a command whose effect is in the log: only a caller hears of it.
    async fn answered(&mut self, event: Event, reply: Reply) {
        let fed = self.feed(event, Payload::None, None).await;
        if let Reply::Caller(caller) = reply {
            _ = caller.send(fed);
        }
    }

    /// Feeds a command whose refusal is told also to a connection.
    async fn replied(
        &mut self,
        event: Event,
        payload: Payload,
        reply: Reply,
        refused: impl Fn(&NotDone) -> crate::wire::ToClient,
    ) {
        let via = match &reply {
            Reply::Link(connection) => Some(*connection),
            Reply::Caller(_) => None,
        };
        match (self.feed(event, payload, via).await, reply) {
            (fed, Reply::Caller(caller)) => _ = caller.send(fed),
            (Ok(_), Reply::Link(_)) => {}
            (Err(why), reply @ Reply::Link(_)) => self.refuse(reply, refused(&why), why),
        }
    }

    // Facts.

    /// Returns whether it is time to end.
    async fn fact(&mut self, fact: Fact) -> bool {
        match fact {
            Fact::Written { connection, through } => {
                self.feed_fact(Event::Written { connection, through }, Payload::None).await;
            }
            Fact::Missed { connection, from } => {
                self.feed_fact(Event::Missed { connection, from }, Payload::None).await;
            }
            Fact::Suspend { connection, who, seen } => {
                let listed = self.viewers.iter().any(|v| v.id == connection && v.client == who);
                if listed || self.left == Some((connection, who)) {
                    self.feed_fact(Event::Suspend { connection, seen }, Payload::None).await;
                }
            }
            Fact::Resume { connection } => {
                self.feed_fact(Event::Resume { connection }, Payload::None).await;
            }
            Fact::Lost { connection } => {
                if let Some(viewer) = self.forget_viewer(connection) {
                    self.left = Some((connection, viewer.client));
                }
                self.feed_fact(Event::Lost { connection }, Payload::None).await;
            }
            Fact::Close(code) => self.tell_all(|| Order::Close(code)),
            Fact::Goaway(retry_after_ms) => self.tell_all(|| {
                Order::Say(Box::new(crate::wire::ToClient::Goaway { retry_after_ms }))
            }),
            Fact::Drain => self.draining = true,
            Fact::Halt => {
                self.shared.strike(&self.id, &self.mailbox);
                self.tell_all(|| Order::Close(CloseCode::Restart));
                return true;
            }
            Fact::Nudge => {}
        }
        false
    }

    fn tell_all(&self, order: impl Fn() -> Order) {
        for viewer in &self.viewers {
            _ = viewer.orders.send(order());
        }
    }

    fn forget_viewer(&mut self, id: ConnectionId) -> Option<Viewer> {
        let place = self.viewers.iter().position(|viewer| viewer.id == id)?;
        Some(self.viewers.remove(place))
    }

    /// Feeds every timer that is due. Returns whether there was one.
    async fn fire(&mut self) -> bool {
        let now = Instant::now();
        let mut fired = false;
        for timer in <Timer as strum::VariantArray>::VARIANTS {
            let slot = &mut self.timers[*timer as usize];
            if let Some((_, generation)) = slot.filter(|(at, _)| *at <= now) {
                *slot = None;
                fired = true;
                self.feed_fact(Event::Expired { timer: *timer, generation }, Payload::None).await;
            }
        }
        fired
    }

    // The worker.

    /// Takes what the worker has said already. Returns whether it had said anything.
    async fn overhear(&mut self) -> bool {
        let Some(worker) = &mut self.worker else { return false };
        while self.heard.len() < self.shared.limits_batch() {
            match worker.said.try_recv() {
                Ok(said) => self.heard.push(said),
                Err(_) => break,
            }
        }
        if self.heard.is_empty() {
            return false;
        }
        self.listen().await;
        true
    }

    /// Feeds what was heard: outputs of one turn that came together are one event.
    async fn listen(&mut self) {
        let mut batch = Vec::new();
        let mut of = None;
        for said in core::mem::take(&mut self.heard) {
            match said.what {
                What::Output(body) => {
                    if of != said.turn && !batch.is_empty() {
                        self.output(of, core::mem::take(&mut batch)).await;
                    }
                    of = said.turn;
                    batch.push(body);
                }
                other @ (What::Started
                | What::StartFailed
                | What::Ask(..)
                | What::Ended(..)
                | What::Exited) => {
                    if !batch.is_empty() {
                        self.output(of, core::mem::take(&mut batch)).await;
                    }
                    self.word(said.turn, other).await;
                }
            }
        }
        if !batch.is_empty() {
            self.output(of, batch).await;
        }
    }

    async fn output(&mut self, turn: Option<Seq>, batch: Vec<super::body::Body>) {
        let Some(incarnation) = self.worker.as_ref().map(|worker| worker.incarnation) else {
            return;
        };
        let count = u32::try_from(batch.len()).ok().and_then(core::num::NonZeroU32::new);
        let Some(count) = count else { return };
        self.feed_fact(Event::Output { incarnation, turn, count }, Payload::Output(batch)).await;
    }

    async fn word(&mut self, turn: Option<Seq>, what: What) {
        let Some(incarnation) = self.worker.as_ref().map(|worker| worker.incarnation) else {
            return;
        };
        let turn = turn.unwrap_or_default();
        match what {
            What::Output(_) => {}
            What::Started => self.feed_fact(Event::Started { incarnation }, Payload::None).await,
            What::Ask(body, reply) => {
                self.feed_fact(Event::Asked { incarnation, turn }, Payload::Ask(body, reply)).await;
            }
            What::Ended(outcome, error) => {
                let event = Event::TurnEnded { incarnation, turn, outcome };
                self.asks.clear();
                self.feed_fact(event, Payload::End(error)).await;
            }
            What::StartFailed => {
                self.dismiss();
                self.feed_fact(Event::StartFailed { incarnation }, Payload::None).await;
            }
            What::Exited => {
                self.dismiss();
                self.feed_fact(Event::Exited { incarnation }, Payload::None).await;
            }
        }
    }

    /// The worker's task ended without a word.
    async fn worker_is_gone(&mut self) {
        let Some(incarnation) = self.worker.as_ref().map(|worker| worker.incarnation) else {
            return;
        };
        self.listen().await;
        if self.worker.as_ref().is_some_and(|worker| worker.incarnation == incarnation) {
            self.dismiss();
            self.feed_fact(Event::Exited { incarnation }, Payload::None).await;
        }
    }

    /// The worker has left by itself; its task is about to end.
    fn dismiss(&mut self) {
        self.asks.clear();
        if let Some(worker) = self.worker.take() {
            self.leaving = Some(worker.task);
        }
    }

    /// Aborts the worker: nothing it says counts from here on.
    fn abort(&mut self) {
        self.asks.clear();
        if let Some(worker) = self.worker.take() {
            self.leaving = Some(worker.abort());
        }
    }

    // One event.

    /// Feeds what cannot be refused by the store: it is kept and fed again until it is committed.
    async fn feed_fact(&mut self, event: Event, payload: Payload) {
        let Some(session) = &self.session else { return };
        self.shared.machine.step_into(session, &event, &mut self.step);
        let mut patience = super::backoff::Backoff::default();
        loop {
            match self.keep(Some(&event), &payload).await {
                Kept::Yes => break,
                Kept::Stale => return self.fence_off(),
                Kept::No(why) => {
                    tracing::warn!(session = %self.id, %why, "the store does not answer; goes on trying");
                    if self.be_unavailable(patience.next(), &why).await {
                        return;
                    }
                }
            }
        }
        self.adopt(Some(&event), payload, None);
    }

    /// Feeds a command. An error says that nothing has changed.
    async fn feed(
        &mut self,
        event: Event,
        payload: Payload,
        via: Option<ConnectionId>,
    ) -> Result<Done, NotDone> {
        let Some(session) = &self.session else { return Err(NotDone::Moved) };
        self.shared.machine.step_into(session, &event, &mut self.step);
        if let Some(refusal) = self.step.refusal() {
            self.shared.observe_step(&self.id, &event, &self.step);
            return Err(refusal.into());
        }
        match self.keep(Some(&event), &payload).await {
            Kept::Yes => Ok(self.adopt(Some(&event), payload, via)),
            Kept::No(why) => Err(NotDone::Unavailable(why)),
            Kept::Stale => {
                self.fence_off();
                Err(NotDone::Moved)
            }
        }
    }

    /// Another process has the session: this one does nothing more for it.
    fn fence_off(&mut self) {
        tracing::warn!(session = %self.id, "another process has this session; leaving it");
        self.abort();
        self.session = None;
        self.fenced = true;
        self.timers = [None; 7];
        self.tell_all(|| Order::Close(CloseCode::Moved));
        self.viewers.clear();
        self.shared.strike(&self.id, &self.mailbox);
        self.shared.fenced();
    }

    /// Waits before a commit is tried again; whoever asks for something meanwhile is told that it is not
    /// to be had. Returns whether to stop trying.
    async fn be_unavailable(&mut self, wait: core::time::Duration, why: &str) -> bool {
        let until = Instant::now() + wait;
        loop {
            tokio::select! {
                biased;
                () = tokio::time::sleep_until(until) => return false,
                Some(command) = self.commands.recv() => {
                    self.turn_away(*command, NotDone::Unavailable(String::from(why)));
                }
                () = self.shared.halted() => return true,
            }
        }
    }
}

fn unavailable(why: &StoreError) -> NotDone {
    NotDone::Unavailable(std::format!("{why}"))
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(at) => tokio::time::sleep_until(at).await,
        None => core::future::pending().await,
    }
}

/// How many things the worker said; 0 when it never will say anything again.
async fn hear(worker: Option<&mut Employee>, heard: &mut Vec<Said>, limit: usize) -> Option<usize> {
    match worker {
        Some(worker) => Some(worker.said.recv_many(heard, limit).await),
        None => core::future::pending().await,
    }
}

async fn gone(leaving: Option<&mut JoinHandle<()>>) {
    match leaving {
        // However it ended: it is gone.
        Some(task) => _ = task.await,
        None => core::future::pending().await,
    }
}
