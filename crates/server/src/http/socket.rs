//! A WebSocket between its peer and its link. The link decides; this task reads and writes frames.

use std::sync::Arc;

use futures_util::FutureExt as _;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::authorize::{AuthError, Grant};
use super::endpoints::Endpoints;
use super::expiry::{Expiry, renewed};
use super::handshake::WebSocket;
use super::heartbeat::{Heartbeat, HeartbeatAction};
use super::origins::ForeignPage;
use super::pending::{PendingAttach, Turned};
use super::socket_io::{IoEvent, SocketIo};
use super::throttle::ConnectionPermit;
use crate::hub::{Frame, Hello, Link, client_name};
use outlive::CloseCode;
use outlive::connection::Phase;
use outlive::log::ResumeFrom;
use outlive::wire::ToServer;

/// A connection.
struct SocketTask {
    endpoints: Endpoints,
    link: Link,
    io: SocketIo,
    heartbeat: Heartbeat,
    /// Until the peer has attached.
    pending: Option<Box<PendingAttach>>,
    /// From the attach on.
    permit: Option<ConnectionPermit>,
    /// If the grant has an end.
    expiry: Option<Box<Expiry>>,
    /// A drain waits until the close is written; for a peer that has not attached it waits last.
    presence: TaskTrackerToken,
    malformed_frames: u32,
    /// What the peer did wrong, for the reason of the close.
    fault: Option<String>,
}

/// What happens next.
enum SocketEvent {
    Io(IoEvent),
    /// The link has something to write; `None`: it is done.
    Frame(Option<Frame>),
    /// The link wants to close while a write is under way.
    Discard,
    /// The heartbeat is to be checked, or the grant ends.
    Due,
    /// A fresh token was looked at.
    Renewed(Result<Grant, AuthError>),
    /// The principal was revoked.
    Revoked,
    /// The server has left, and the peer has not attached.
    Left,
}

/// Serves a connection until it is over.
pub(super) async fn serve(socket: WebSocket, endpoints: Endpoints, pending: Box<PendingAttach>) {
    run(SocketTask::new(socket, endpoints, Some(pending))).await;
}

/// Closes a connection that is not served. A page that may not connect is told why.
pub(super) async fn refuse(
    socket: WebSocket,
    endpoints: Endpoints,
    code: CloseCode,
    page: Option<ForeignPage>,
) {
    let mut task = SocketTask::new(socket, endpoints, None);
    task.fault = page.map(|page| page.to_string());
    task.link.close(code);
    run(task).await;
}

async fn run(mut task: Box<SocketTask>) {
    let close_timeout = task.endpoints.hub.options().close_timeout;
    if task.run().await {
        let SocketTask { io, link, permit, presence: _presence, .. } = *task;
        // The session learns of the loss before the peer has hung up.
        drop((link, permit));
        _ = timeout(close_timeout, Box::pin(io.finish())).await;
    }
}

impl SocketTask {
    /// Boxed, or the futures that own it would have room for it twice.
    fn new(
        socket: WebSocket,
        endpoints: Endpoints,
        pending: Option<Box<PendingAttach>>,
    ) -> Box<SocketTask> {
        Box::new(SocketTask {
            link: endpoints.hub.link(),
            io: SocketIo::new(socket),
            heartbeat: Heartbeat::new(endpoints.hub.options().ping_interval),
            pending,
            permit: None,
            expiry: None,
            presence: endpoints.hub.lobby_guard(),
            malformed_frames: 0,
            fault: None,
            endpoints,
        })
    }

    /// Returns whether the peer has sent a close frame.
    async fn run(&mut self) -> bool {
        let mut closed = false;
        let due = sleep_until(self.next_due());
        tokio::pin!(due);
        loop {
            // What comes behind a fresh token is done by what it grants.
            let renewing = self.expiry.as_ref().is_some_and(|expiry| expiry.is_renewing());
            let (reading, idle) = (self.link.is_ready() && !renewing, self.io.is_idle());
            let open = self.link.phase() == Phase::Open;
            if !reading {
                // A peer that is not read cannot be called silent.
                self.heartbeat.alive();
            }
            let event = tokio::select! {
                event = self.io.run(reading) => SocketEvent::Io(event),
                event = link_event(&mut self.link, idle) => event,
                () = &mut due, if open => SocketEvent::Due,
                granted = renewed(&mut self.expiry) => SocketEvent::Renewed(granted),
                () = revoked(self.permit.as_ref()), if open => SocketEvent::Revoked,
                () = self.endpoints.hub.left(), if self.pending.is_some() => SocketEvent::Left,
            };
            match event {
                SocketEvent::Io(IoEvent::Progressed) => self.heartbeat.progressed(),
                SocketEvent::Io(IoEvent::Received(message)) => {
                    match message {
                        Message::Text(_) | Message::Binary(_) => self.heartbeat.alive(),
                        Message::Ping(_)
                        | Message::Pong(_)
                        | Message::Close(_)
                        | Message::Frame(_) => {
                            self.heartbeat.control_frame(self.io.traffic());
                        }
                    }
                    closed |= matches!(message, Message::Close(_));
                    // Boxed: this future is large, rarely runs, and would be part of every connection's task.
                    Box::pin(self.receive(message)).await;
                }
                SocketEvent::Io(IoEvent::PeerFault(code)) => self.link.close(code),
                SocketEvent::Io(IoEvent::Lost) => self.link.lost(),
                SocketEvent::Frame(None) => return closed,
                SocketEvent::Frame(Some(frame)) => self.write(frame),
                SocketEvent::Discard => self.io.discard(),
                SocketEvent::Left => {
                    self.pending = None;
                    self.turn_away(Turned::left(&self.endpoints.hub));
                }
                SocketEvent::Renewed(granted) => self.renewed(granted),
                SocketEvent::Revoked => self.link.close(CloseCode::Expired),
                SocketEvent::Due => {
                    let now = Instant::now();
                    if self.expiry.take_if(|expiry| expiry.until <= now).is_some() {
                        self.link.close(CloseCode::Reauthenticate);
                    }
                    if self.heartbeat.next_check() <= now {
                        self.check_heartbeat(idle);
                    }
                }
            }
            let next = self.next_due();
            if due.deadline() != next {
                due.as_mut().reset(next);
            }
        }
    }

    /// When the heartbeat is to be checked, or the grant ends.
    fn next_due(&self) -> Instant {
        let check = self.heartbeat.next_check();
        self.expiry.as_ref().map_or(check, |expiry| check.min(expiry.until))
    }

    fn write(&mut self, frame: Frame) {
        self.heartbeat.progressed();
        match frame {
            // A frame always has a JSON form.
            Frame::Say(said) => self.io.send(serde_json::to_string(&said).unwrap_or_default()),
            Frame::Entries(entries) => self.io.send_entries(entries.frames),
            Frame::Close(code) => {
                let theirs = matches!(code, CloseCode::Protocol | CloseCode::Forbidden);
                self.io.close(code, self.fault.as_deref().filter(|_| theirs));
            }
        }
        // Written at once if the socket takes it, so that a close that is waiting overtakes nothing else.
        match self.io.run(false).now_or_never() {
            Some(IoEvent::Lost) => self.link.lost(),
            Some(IoEvent::Progressed | IoEvent::Received(_) | IoEvent::PeerFault(_)) | None => {}
        }
    }

    fn check_heartbeat(&mut self, idle: bool) {
        if self.link.phase() != Phase::Open {
            return;
        }
        match self.heartbeat.check(!idle, self.io.traffic()) {
            // One ping for the peer's WebSocket, which answers by itself, and one for its page, which cannot
            // see that.
            HeartbeatAction::Ping => {
                if idle {
                    self.heartbeat.progressed();
                }
                self.io.ping();
                self.link.ping();
            }
            HeartbeatAction::Dead => {
                self.link.silent();
                self.io.discard();
            }
        }
    }

    async fn receive(&mut self, message: Message) {
        match message {
            Message::Text(text) if text.len() > self.endpoints.limits.frame_bytes => {
                self.link.close(CloseCode::TooBig);
            }
            Message::Text(text) => match serde_json::from_str(&text) {
                Ok(ToServer::Attach { client, cursor, token }) if self.pending.is_some() => {
                    self.attach(client, cursor, token).await;
                }
                Ok(frame) => {
                    if matches!(frame, ToServer::Pong) {
                        self.heartbeat.answered();
                    }
                    if let (ToServer::Attach { token: Some(token), .. }, Some(expiry)) =
                        (&frame, &mut self.expiry)
                    {
                        expiry.renew(&self.endpoints, token.clone());
                    }
                    if self.pending.is_some() {
                        self.fault = Some("the first frame must be `attach`".into());
                    }
                    self.link.receive(frame).await;
                }
                Err(why) => self.malformed(&why),
            },
            Message::Binary(_) => {
                self.fault = Some("frames are JSON in text messages, not binary ones".into());
                self.link.close(CloseCode::Protocol);
            }
            // The WebSocket answers these by itself. A frame that is no message is only ever written.
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
            Message::Close(_) => self.link.peer_closed(),
        }
    }

    fn malformed(&mut self, why: &serde_json::Error) {
        self.malformed_frames += 1;
        let too_many = self.malformed_frames >= self.endpoints.limits.malformed_frames;
        if self.pending.is_some() || too_many {
            let what = if too_many {
                "too many frames are none; the last one"
            } else {
                "this is no frame"
            };
            self.fault = Some(format!("{what}: {why}"));
            return self.link.close(CloseCode::Protocol);
        }
        self.link.complain(format!("this is no frame: {why}"));
    }

    async fn attach(&mut self, client: String, cursor: Option<String>, token: Option<String>) {
        let Some(pending) = self.pending.take() else { return };
        let (session, parts) = (pending.session.clone(), Arc::clone(&pending.parts));
        let hello_timeout = self.endpoints.hub.options().hello_timeout;
        let admitted = pending.admit(&self.endpoints, &client, token.as_deref());
        // Authorising may take long.
        let admitted = tokio::select! {
            biased;
            admitted = timeout(hello_timeout, Box::pin(admitted)) => admitted,
            () = self.endpoints.hub.left() => Ok(Err(Turned::left(&self.endpoints.hub))),
        };
        match admitted {
            Ok(Ok((grant, permit))) => {
                self.permit = Some(permit);
                self.expiry = Expiry::of(&grant, &parts, &session);
                self.io.open_gate();
                self.presence = self.endpoints.hub.drain_guard();
                self.fault = client_name(&client).err();
                let cursor = ResumeFrom::parse(cursor.as_deref());
                let (principal, role) = (grant.principal, grant.role);
                self.link.hello(Hello { session, principal, role, client, cursor });
            }
            Ok(Err(turned)) => self.turn_away(turned),
            Err(_) => self.link.close(CloseCode::Overloaded),
        }
    }

    /// A fresh token moves the end of the grant. What is refused for now changes nothing, so that the peer may try again;
    /// and who is somebody else now begins anew.
    fn renewed(&mut self, granted: Result<Grant, AuthError>) {
        match granted {
            Ok(grant)
                if self
                    .permit
                    .as_ref()
                    .is_some_and(|permit| permit.principal() == grant.principal) =>
            {
                self.link.set_role(grant.role);
                match (grant.until, &mut self.expiry) {
                    (Some(until), Some(expiry)) => expiry.until = until,
                    (None, _) | (_, None) => self.expiry = None,
                }
            }
            Ok(_) => self.link.close(CloseCode::Reauthenticate),
            Err(why @ (AuthError::Unavailable | AuthError::RateLimited { .. })) => {
                self.link.complain(why.to_string());
            }
            Err(why) => self.link.close(Turned::from(why).code),
        }
    }

    fn turn_away(&mut self, Turned { code, come_back_ms }: Turned) {
        match come_back_ms {
            None => self.link.close(code),
            Some(_) => self.link.send_away(come_back_ms, code),
        }
    }
}

/// Returns when the principal is revoked.
async fn revoked(permit: Option<&ConnectionPermit>) {
    match permit {
        Some(permit) => permit.revoked().await,
        None => core::future::pending().await,
    }
}

/// What the link wants. While a write is under way only a close matters.
async fn link_event(link: &mut Link, idle: bool) -> SocketEvent {
    if idle || link.phase() != Phase::Open {
        return SocketEvent::Frame(link.next().await);
    }
    link.closes().await;
    SocketEvent::Discard
}
