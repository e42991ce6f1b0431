//! The server's side of one transport: a WebSocket, a stream of events, a pair of channels in a test.
//!
//! The transport hands over what it hears, and writes what [`next`](Link::next) gives it. Whether
//! anything is written at all is the connection's table's business: a link that is closed gives nothing
//! more, whoever still speaks of it.

use std::boxed::Box;
use std::collections::VecDeque;
use std::string::String;
use std::sync::Arc;
use std::vec::Vec;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::{Duration, Instant};

use super::Shared;
use super::backoff::Backoff;
use super::body::{Body, client_id, client_name};
use super::mailbox::{Command, Fact, Order, Reply, Visitor, Who};
use crate::connection::{Connection, Op, Phase, Trigger};
use crate::ids::{ConnectionId, Seq};
use crate::log::{Claim, LogId};
use crate::store::{SessionId, StoreError};
use crate::wire::{EndpointReason, Refusable, Refused, ToClient, ToServer, Why};
use crate::words::CloseCode;

/// What a principal may do in a session. Each may also do what those before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Watch.
    View,
    /// Prompt, answer, interrupt.
    Prompt,
    /// Stop the session.
    Admin,
}

/// Who says hello, to which session, and how far it has read. Authorised by then.
#[derive(Clone, Debug)]
pub struct Hello {
    /// The session.
    pub session: SessionId,
    /// Who it is, in the words of whoever authorised it.
    pub principal: String,
    /// What it may do.
    pub role: Role,
    /// The client's own name for itself, kept over reconnects: 1 to 64 bytes.
    pub client: String,
    /// How far the client has applied the log.
    pub cursor: Claim,
}

/// What a transport writes.
#[derive(Clone, Debug)]
pub enum Frame {
    /// A frame outside the log.
    Say(ToClient),
    /// Entries of the log, in order.
    Entries(Entries),
    /// Close the transport with this code. Nothing else comes after it.
    Close(CloseCode),
}

/// A range of the log, each entry as the JSON text of its [event](crate::wire::Event).
#[derive(Clone, Debug)]
pub struct Entries {
    /// Which log.
    pub log: LogId,
    /// The place of the first one.
    pub from: Seq,
    /// The texts.
    pub frames: Vec<Bytes>,
}

/// The range a link was asked to write.
#[derive(Clone, Copy, Debug)]
struct Range {
    from: Seq,
    to: Seq,
}

/// One transport's server side. Drop it when the transport is gone, however it went: that is a loss like
/// any other.
#[derive(Debug)]
pub struct Link {
    shared: Arc<Shared>,
    connection: Connection,
    id: ConnectionId,
    /// When the hello, or the peer's close, is too late.
    deadline: Option<Instant>,
    session: Option<Attached>,
    /// What this end has to say itself.
    own: VecDeque<Frame>,
    /// What is to be read from the log and written.
    range: Option<Range>,
    /// What was given to the transport, and is written when it comes back for more.
    handed: Option<Seq>,
}

#[derive(Debug)]
struct Attached {
    mailbox: Visitor,
    orders: mpsc::UnboundedReceiver<Order>,
    id: SessionId,
    who: Who,
    role: Role,
    log: LogId,
}

/// Orders that may wait before a transport should not read on.
const PATIENCE: usize = 64;

impl Link {
    pub(super) fn new(shared: Arc<Shared>) -> Link {
        let id = shared.next_connection();
        let deadline = Instant::now() + Duration::from_millis(u64::from(shared.options.hello_ms));
        Link {
            shared,
            connection: Connection::new(),
            id,
            deadline: Some(deadline),
            session: None,
            own: VecDeque::new(),
            range: None,
            handed: None,
        }
    }

    /// Where it stands.
    pub fn phase(&self) -> Phase {
        self.connection.phase()
    }

    /// Its fence.
    pub fn id(&self) -> ConnectionId {
        self.id
    }

    /// Whether the transport should read on. One that does not take what it is sent is not listened to.
    pub fn is_ready(&self) -> bool {
        let waiting = self.session.as_ref().map_or(0, |session| session.orders.len());
        waiting + self.own.len() < PATIENCE
    }

    /// The peer said who it is, and was authorised. A second hello changes nothing.
    pub async fn hello(&mut self, hello: Hello) {
        if self.shared.is_draining() {
            return self.close(CloseCode::Restart);
        }
        if client_name(&hello.client).is_err() {
            return self.close(CloseCode::Protocol);
        }
        if !self.step(Trigger::Hello, CloseCode::Normal) {
            return;
        }
        let (sender, orders) = mpsc::unbounded_channel();
        let Hello { session: id, principal, role, client, cursor } = hello;
        let who = Who { id: client_id(&principal, &client), name: client.into() };
        let mailbox = self.shared.visit(&id);
        let (connection, asks) = (self.id, who.clone());
        let attach = Command::Attach { connection, who: asks, cursor, orders: sender };
        let log = LogId(0);
        let commands = mailbox.commands.clone();
        self.session = Some(Attached { mailbox, orders, id, who, role, log });
        // A driver that is gone drops the sender, and `next` sees it.
        _ = commands.send(Box::new(attach)).await;
    }

    /// The peer sent a frame.
    pub async fn receive(&mut self, message: ToServer) {
        match message {
            // The endpoint authorises hellos.
            ToServer::Attach { .. } => _ = self.step(Trigger::Hello, CloseCode::Normal),
            ToServer::Prompt { n, d } => {
                if let Some((who, reply)) = self.asks(Trigger::Prompt, Role::Prompt) {
                    let body = Body::raw(&d);
                    self.command(Command::Prompt { who, n, body, reply }).await;
                } else {
                    self.forbid(Refused { n: Some(n), ..forbidden(Refusable::Prompt) });
                }
            }
            ToServer::Answer { ask, d } => {
                if let Some((who, reply)) = self.asks(Trigger::Prompt, Role::Prompt) {
                    let body = Body::raw(&d);
                    self.command(Command::Answer { who, ask, body, reply }).await;
                } else {
                    self.forbid(Refused { ask: Some(ask), ..forbidden(Refusable::Answer) });
                }
            }
            ToServer::Interrupt { turn } => {
                if let Some((_, reply)) = self.asks(Trigger::Control, Role::Prompt) {
                    self.command(Command::Interrupt { turn, reply }).await;
                }
            }
            ToServer::Stop { incarnation } => {
                if let Some((_, reply)) = self.asks(Trigger::Control, Role::Admin) {
                    let incarnation = Some(incarnation);
                    self.command(Command::Stop { incarnation, reply }).await;
                }
            }
            ToServer::Suspend { seen } => {
                if let Some((who, _)) = self.asks(Trigger::Control, Role::View) {
                    self.tell(Fact::Suspend { connection: self.id, who: who.id, seen });
                }
            }
            ToServer::Resume => {
                if self.asks(Trigger::Control, Role::View).is_some() {
                    self.tell(Fact::Resume { connection: self.id });
                }
            }
            ToServer::Ping => self.own.push_back(Frame::Say(ToClient::Pong)),
            ToServer::Pong => {}
            ToServer::Detach => self.close(CloseCode::Normal),
        }
    }

    /// Tells the peer that what it sent was not understood.
    pub fn complain(&mut self, message: String) {
        self.own.push_back(Frame::Say(ToClient::Error { message }));
    }

    /// Asks the peer whether it is there.
    pub fn ping(&mut self) {
        self.own.push_back(Frame::Say(ToClient::Ping));
    }

    /// This end wants to close. The first code wins.
    pub fn close(&mut self, code: CloseCode) {
        self.step(Trigger::Close, code);
    }

    /// Nothing was heard of the peer for too long.
    pub fn silent(&mut self) {
        self.step(Trigger::Silent, CloseCode::Normal);
    }

    /// The peer's close has arrived.
    pub fn peer_closed(&mut self) {
        self.step(Trigger::PeerClosed, CloseCode::Normal);
    }

    /// The transport failed.
    pub fn lost(&mut self) {
        self.step(Trigger::Lost, CloseCode::Normal);
    }

    /// What to write next; none when the transport is to be dropped. Call it again only when everything
    /// it gave is written: that is how the session learns that there is room for more.
    ///
    /// Cancel-safe: what it has not returned yet it returns next time.
    pub async fn next(&mut self) -> Option<Frame> {
        if let Some(through) = self.handed.take() {
            if self.step(Trigger::Written, CloseCode::Normal) {
                self.tell(Fact::Written { connection: self.id, through });
            }
        }
        loop {
            if self.phase() == Phase::Closed {
                return None;
            }
            if let Some(frame) = self.own.pop_front() {
                if self.writes(&frame) {
                    return Some(frame);
                }
                continue;
            }
            if let Some(range) = self.range {
                if let Some(entries) = self.read(range).await {
                    self.range = None;
                    self.handed = Some(range.to);
                    return Some(Frame::Entries(entries));
                }
                continue;
            }
            let order = match (&mut self.session, self.deadline) {
                (Some(session), None) => session.orders.recv().await.map(Ok),
                (session, deadline) => tokio::select! {
                    biased;
                    order = next_order(session.as_mut()) => order.map(Ok),
                    () = sleep_until(deadline) => Some(Err(())),
                },
            };
            match order {
                Some(Ok(order)) => self.take(order),
                Some(Err(())) => self.too_late(),
                // The driver is gone without a word.
                None => {
                    self.close(CloseCode::Moved);
                    if let Some(session) = &mut self.session {
                        session.orders = never();
                    }
                }
            }
        }
    }

    /// Returns when the link is to close, for a transport that is in the middle of a write and cannot ask
    /// for [`next`](Link::next) yet. What else comes is kept for then. Cancel-safe.
    pub async fn closing(&mut self) {
        while self.phase() == Phase::Open {
            let Some(session) = &mut self.session else { return };
            match session.orders.recv().await {
                Some(order) => self.take(order),
                // The driver is gone without a word.
                None => self.close(CloseCode::Moved),
            }
        }
    }

    fn too_late(&mut self) {
        self.deadline = None;
        let trigger = match self.phase() {
            Phase::Connecting => Trigger::HelloTimeout,
            Phase::Open | Phase::Closing | Phase::Closed => Trigger::CloseTimeout,
        };
        self.step(trigger, CloseCode::Normal);
    }

    fn take(&mut self, order: Order) {
        match order {
            Order::Close(code) => self.close(code),
            Order::Send { from, to } => self.range = Some(Range { from, to }),
            Order::Say(said) => self.own.push_back(Frame::Say(*said)),
            Order::Welcome(welcome) => {
                if let Some(session) = &mut self.session {
                    session.log = welcome.log;
                }
                self.own.push_back(Frame::Say(ToClient::Welcome(*welcome)));
            }
        }
    }

    /// The connection's table is asked before anything is written.
    fn writes(&mut self, frame: &Frame) -> bool {
        match frame {
            Frame::Close(_) => true,
            Frame::Say(_) | Frame::Entries(_) => self.step(Trigger::Send, CloseCode::Normal),
        }
    }

    /// The entries of a range; none if it is not to be written, or was trimmed.
    async fn read(&mut self, range: Range) -> Option<Entries> {
        let Range { from, to } = range;
        if self.phase() != Phase::Open {
            self.range = None;
            return None;
        }
        let session = self.session.as_ref()?;
        let log = session.log;
        let frames = match session.mailbox.tail.range(from, to) {
            Some(frames) => Ok(frames),
            None => self.read_store(session, range).await,
        };
        match frames {
            Ok(frames) => {
                if self.step(Trigger::Send, CloseCode::Normal) {
                    return Some(Entries { log, from, frames });
                }
            }
            Err(StoreError::Trimmed) => {
                if self.step(Trigger::Written, CloseCode::Normal) {
                    self.tell(Fact::Missed { connection: self.id, from });
                }
            }
            Err(why) => {
                tracing::warn!(session = %session.id, %why, "the log cannot be read");
                self.close(CloseCode::Error);
            }
        }
        self.range = None;
        None
    }

    async fn read_store(&self, session: &Attached, range: Range) -> Result<Vec<Bytes>, StoreError> {
        let mut patience = Backoff::default();
        loop {
            let read = self.shared.store.read(&session.id, range.from, range.to).await;
            match read {
                Err(StoreError::Trimmed) => return Err(StoreError::Trimmed),
                Err(why) if patience.is_over() => return Err(why),
                Err(_) => patience.wait().await,
                Ok(lines) => {
                    let frames = lines.iter().zip(range.from.0..);
                    let frame = |(line, seq): (&Bytes, u64)| {
                        crate::wire::frame(session.log, Seq(seq), line).into()
                    };
                    return Ok(frames.map(frame).collect());
                }
            }
        }
    }

    /// Something happens to the connection: its table says what is done. Returns whether the event is to
    /// be handed on: to the session, or to the transport.
    fn step(&mut self, trigger: Trigger, code: CloseCode) -> bool {
        let row = self.connection.step(trigger, code);
        tracing::trace!(connection = %self.id, %trigger, rule = row.id);
        let mut passes = false;
        for op in row.ops {
            match op {
                Op::Admit | Op::Pass | Op::Write => passes = true,
                // Kept by the connection.
                Op::Code(_) | Op::CodeAsAsked => {}
                Op::SendClose => {
                    self.own.clear();
                    self.range = None;
                    self.handed = None;
                    let code = self.connection.code().unwrap_or(code);
                    self.own.push_back(Frame::Close(code));
                }
                Op::DisarmHello | Op::DisarmClose => self.deadline = None,
                Op::ArmClose => {
                    let wait = Duration::from_millis(u64::from(self.shared.options.close_ms));
                    self.deadline = Some(Instant::now() + wait);
                }
                Op::Gone => self.tell(Fact::Lost { connection: self.id }),
                Op::Release => {
                    self.session = None;
                    self.own.clear();
                    self.range = None;
                }
            }
        }
        passes
    }

    fn tell(&self, fact: Fact) {
        if let Some(session) = &self.session {
            session.mailbox.tell(fact);
        }
    }

    /// Whether the peer's wish is heard, and who it is; none if it is not, or may not.
    fn asks(&mut self, trigger: Trigger, role: Role) -> Option<(Who, Reply)> {
        if !self.step(trigger, CloseCode::Normal) {
            return None;
        }
        let session = self.session.as_ref().filter(|session| session.role >= role)?;
        Some((session.who.clone(), Reply::Link(self.id)))
    }

    async fn command(&self, command: Command) {
        if let Some(session) = &self.session {
            // A driver that is gone drops the orders too, and `next` sees it.
            _ = session.mailbox.commands.send(Box::new(command)).await;
        }
    }

    fn forbid(&mut self, refused: Refused) {
        if self.phase() == Phase::Open {
            self.own.push_back(Frame::Say(ToClient::Refused(refused)));
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.lost();
    }
}

fn forbidden(what: Refusable) -> Refused {
    let reason = Why::Endpoint(EndpointReason::Forbidden);
    let message = String::from(EndpointReason::Forbidden.meaning());
    Refused { what, n: None, ask: None, reason, rule: None, expected: None, message }
}

async fn next_order(session: Option<&mut Attached>) -> Option<Order> {
    match session {
        Some(session) => session.orders.recv().await,
        None => core::future::pending().await,
    }
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(at) => tokio::time::sleep_until(at).await,
        None => core::future::pending().await,
    }
}

/// Orders that never come.
fn never() -> mpsc::UnboundedReceiver<Order> {
    let (sender, orders) = mpsc::unbounded_channel();
    core::mem::forget(sender);
    orders
}
