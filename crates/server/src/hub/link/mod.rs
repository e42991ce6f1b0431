//! The server's side of one transport: a WebSocket, a stream of events, a pair of channels in a test.
//!
//! The transport hands over what it hears, and writes what [`next`](Link::next) gives it. Whether
//! anything is written at all is the connection's table's business: a link that is closed gives nothing
//! more, although the session may still speak of it.

mod pull;

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use tokio::time::Instant;

use super::backoff::Backoff;
use super::body::{Body, client_name};
#[cfg(feature = "http")]
use super::driver::send_away;
use super::driver::turn_back;
use super::held::HeldEntry;
use super::mailbox::{
    Arrival, Command, CommandError, DriverRef, LinkCommand, Notification, Reply, Who,
};
use super::queue::{Receiver, queue};
use super::shared::Shared;
use crate::store::SessionId;
use outlive::CloseCode;
use outlive::connection::{Connection, Op, Phase, Trigger};
use outlive::ids::{ConnectionId, Seq};
use outlive::log::{LogId, ResumeFrom};
use outlive::wire::{EndpointReason, Refusable, Refused, ToClient, ToServer, Why};

/// What a principal may do in a session. Each may also do what those before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Watch.
    View,
    /// Prompt, answer, interrupt.
    Prompt,
    /// Stop the session.
    Admin,
}

/// Which client says hello, to which session, and how far it has read. Authorised by then.
#[derive(Clone, Debug)]
pub struct Hello {
    /// The session.
    pub session: SessionId,
    /// The principal, as `Authorize` named it.
    pub principal: String,
    /// What it may do.
    pub role: Role,
    /// The client's own name for itself, kept over reconnects: 1 to 64 bytes.
    pub client: String,
    /// How far the client has applied the log.
    pub cursor: ResumeFrom,
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

/// A range of the log, each entry as the JSON text of its [event](outlive::wire::LogEntry).
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
    /// None: not yet, not any more, or it was turned back.
    session: Option<Attached>,
    /// What the session says, or who turned it back. None: nothing any more.
    orders: Option<Receiver<LinkCommand>>,
    /// What this end has to say itself.
    own: VecDeque<Frame>,
    /// What is to be read from the log and written.
    range: Option<Range>,
    /// What was given to the transport, and is written when it comes back for more.
    handed: Option<Seq>,
    /// The large entry in it, which other viewers may share.
    held: Option<Arc<HeldEntry>>,
    /// With a store that does not give the range.
    patience: Backoff,
}

#[derive(Debug)]
struct Attached {
    mailbox: DriverRef,
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
        shared.observe(|observer| observer.on_connect(id));
        let deadline = Instant::now() + shared.options.hello_timeout;
        Link {
            shared,
            connection: Connection::new(),
            id,
            deadline: Some(deadline),
            session: None,
            orders: None,
            own: VecDeque::new(),
            range: None,
            handed: None,
            held: None,
            patience: Backoff::default(),
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
        self.orders.as_ref().map_or(0, Receiver::len) + self.own.len() < PATIENCE
    }

    /// The peer said who it is, and was authorised. A second hello changes nothing.
    pub fn hello(&mut self, hello: Hello) {
        let Hello { session: id, principal, role, client, cursor } = hello;
        if self.phase() != Phase::Connecting {
            _ = self.step(Trigger::Hello, CloseCode::Normal);
            return;
        }
        let mailbox = match (client_name(&client), self.shared.is_draining()) {
            (Err(_), _) => return self.close(CloseCode::Protocol),
            (Ok(_), true) => Err(CommandError::Draining),
            (Ok(_), false) => self.shared.get_or_spawn(&id),
        };
        if matches!(mailbox, Err(CommandError::Moved)) {
            return self.close(CloseCode::Moved);
        }
        if !self.step(Trigger::Hello, CloseCode::Normal) {
            return;
        }
        let (sender, orders) = queue(0);
        self.orders = Some(orders);
        let mailbox = match mailbox {
            Ok(mailbox) => mailbox,
            Err(why) => return turn_back(&self.shared, &sender, &why),
        };
        let who = Who::new(&principal, &client);
        let arrival = Arrival { connection: self.id, who: who.clone(), cursor, orders: sender };
        // A driver that is gone drops the sender, and `next` sees it.
        mailbox.tell(Notification::Arrived(Box::new(arrival)));
        self.session = Some(Attached { mailbox, id, who, role, log: LogId(0) });
    }

    /// What the principal may do from now on.
    #[cfg(feature = "http")]
    pub(crate) fn set_role(&mut self, role: Role) {
        if let Some(session) = &mut self.session {
            session.role = role;
        }
    }

    /// The peer said who it is, and there is no room for it now: it is told between which two times, in
    /// milliseconds, to come back, and closed.
    #[cfg(feature = "http")]
    pub(crate) fn send_away(&mut self, come_back_ms: Option<[u32; 2]>, code: CloseCode) {
        if self.step(Trigger::Hello, CloseCode::Normal) {
            let (sender, orders) = queue(0);
            self.orders = Some(orders);
            send_away(&sender, come_back_ms, code);
        }
    }

    /// The peer sent a frame. Waits while the session has more to do than it can; dropped while it waits,
    /// the frame was not received.
    pub async fn receive(&mut self, message: ToServer) {
        match message {
            // The endpoint authorises hellos.
            ToServer::Attach { .. } => _ = self.step(Trigger::Hello, CloseCode::Normal),
            ToServer::Prompt { n, d } => {
                let refused = |why| Refused { n: Some(n), ..refused(Refusable::Prompt, why) };
                match self.asks_with(d.get().len()) {
                    Ok((who, reply)) => {
                        let body = Body::raw(&d);
                        self.command(Command::Prompt { who, n, body, reply }).await;
                    }
                    Err(Some(why)) => self.say(ToClient::Refused(refused(why))),
                    Err(None) => {}
                }
            }
            ToServer::Answer { ask, d } => {
                let refused = |why| Refused { ask: Some(ask), ..refused(Refusable::Answer, why) };
                match self.asks_with(d.get().len()) {
                    Ok((who, reply)) => {
                        let body = Body::raw(&d);
                        self.command(Command::Answer { who, ask, body, reply }).await;
                    }
                    Err(Some(why)) => self.say(ToClient::Refused(refused(why))),
                    Err(None) => {}
                }
            }
            ToServer::Interrupt { turn } => match self.asks(Trigger::Control, Role::Prompt) {
                Some((Who { by, .. }, reply)) => {
                    self.command(Command::Interrupt { by: Some(by), turn, reply }).await;
                }
                None => self.forbidden(),
            },
            ToServer::Stop { incarnation } => {
                let incarnation = Some(incarnation);
                match self.asks(Trigger::Control, Role::Admin) {
                    Some((Who { by, .. }, reply)) => {
                        self.command(Command::Stop { by: Some(by), incarnation, reply }).await;
                    }
                    None => self.forbidden(),
                }
            }
            ToServer::Suspend { seen } => {
                if let Some((who, _)) = self.asks(Trigger::Control, Role::View) {
                    self.tell(Notification::Suspend { connection: self.id, who: who.id, seen });
                }
            }
            ToServer::Resume => {
                if self.asks(Trigger::Control, Role::View).is_some() {
                    self.tell(Notification::Resume { connection: self.id });
                }
            }
            ToServer::Ping => self.say(ToClient::Pong),
            ToServer::Pong => {}
            ToServer::Detach => self.close(CloseCode::Normal),
        }
    }

    /// Tells the peer that what it sent was not understood.
    pub fn complain(&mut self, message: String) {
        self.say(ToClient::Error { message });
    }

    /// Asks the peer whether it is there.
    pub fn ping(&mut self) {
        self.say(ToClient::Ping);
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
                    (self.handed, self.held) = (None, None);
                    let code = self.connection.code().unwrap_or(code);
                    self.own.push_back(Frame::Close(code));
                }
                Op::DisarmHello | Op::DisarmClose => self.deadline = None,
                Op::ArmClose => {
                    let wait = self.shared.options.close_timeout;
                    self.deadline = Some(Instant::now() + wait);
                }
                Op::Gone => self.tell(Notification::Lost { connection: self.id }),
                Op::Release => {
                    self.session = None;
                    self.orders = None;
                    self.own.clear();
                    (self.range, self.held) = (None, None);
                    let code = self.connection.code();
                    self.shared.observe(|observer| observer.on_disconnect(self.id, code));
                }
            }
        }
        passes
    }

    fn tell(&self, fact: Notification) {
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
            _ = session.mailbox.ask(command).await;
        }
    }

    /// Whether a peer's wish with a body is heard; if not, what the endpoint says to it, if it may.
    fn asks_with(&mut self, size: usize) -> Result<(Who, Reply), Option<EndpointReason>> {
        let asks = self.asks(Trigger::Prompt, Role::Prompt);
        // One that was turned back is not heard.
        if self.phase() != Phase::Open || self.session.is_none() {
            return Err(None);
        }
        match asks {
            None => Err(Some(EndpointReason::Forbidden)),
            Some(_) if size > self.shared.options.body_bytes => Err(Some(EndpointReason::TooBig)),
            Some(asks) => Ok(asks),
        }
    }

    fn forbidden(&mut self) {
        if self.session.is_some() {
            self.complain(EndpointReason::Forbidden.meaning().into());
        }
    }

    /// What this end says itself. A peer that does not read is not answered any more.
    fn say(&mut self, said: ToClient) {
        if self.phase() == Phase::Open && self.own.len() < PATIENCE {
            self.own.push_back(Frame::Say(said));
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.lost();
    }
}

fn refused(what: Refusable, why: EndpointReason) -> Refused {
    let message = String::from(why.meaning());
    Refused {
        what,
        n: None,
        ask: None,
        reason: Why::Endpoint(why),
        rule: None,
        expected: None,
        message,
    }
}
