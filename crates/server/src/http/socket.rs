//! A WebSocket between its peer and its link. The link decides; here frames are read and written.

use axum::extract::ws::{Message, WebSocket};
use futures_util::FutureExt as _;
use tokio::time::{Duration, sleep_until, timeout};
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::Endpoints;
use super::pulse::{Beat, Pulse};
use super::pump::{Io, Pump};
use super::throttle::Seat;
use super::upgrade::Visitor;
use crate::hub::{Frame, Hello, Link, client_name};
use outlive::CloseCode;
use outlive::connection::Phase;
use outlive::log::Claim;
use outlive::wire::ToServer;

/// A connection.
struct Conversation {
    endpoints: Endpoints,
    link: Link,
    pump: Pump,
    pulse: Pulse,
    /// Until it has attached.
    visitor: Option<Box<Visitor>>,
    /// From then on.
    seat: Option<Seat>,
    /// From then on: whoever drains waits until what closes it is written.
    presence: Option<TaskTrackerToken>,
    mistakes: u32,
    /// What the peer did wrong, if it is closed for it.
    wrong: Option<String>,
}

/// What comes next.
enum Next {
    Io(Io),
    /// The link has something to write, or is done.
    Frame(Option<Frame>),
    /// The link is to close, and a write is under way.
    Cut,
    /// It is time to look whether the peer is there.
    Look,
}

/// Serves a connection until it is over.
pub(super) async fn serve(socket: WebSocket, endpoints: Endpoints, visitor: Box<Visitor>) {
    let link = endpoints.hub.link();
    let options = endpoints.hub.options();
    let (pulse, close_ms) = (Pulse::new(options.ping_ms), u64::from(options.close_ms));
    let pump = Pump::new(socket);
    let visitor = Some(visitor);
    let conversation = Conversation {
        endpoints,
        link,
        pump,
        pulse,
        visitor,
        seat: None,
        presence: None,
        mistakes: 0,
        wrong: None,
    };
    // In boxes, or its task would have room for all of it twice.
    let mut conversation = Box::new(conversation);
    if conversation.run().await {
        let Conversation { pump, link, seat, presence: _presence, .. } = *conversation;
        // The session hears of the loss before the peer has hung up.
        drop((link, seat));
        // However long the peer makes it, it ends.
        _ = timeout(Duration::from_millis(close_ms), Box::pin(pump.finish())).await;
    }
}

impl Conversation {
    /// Returns whether the peer has closed in good order.
    async fn run(&mut self) -> bool {
        let mut closed = false;
        let look = sleep_until(self.pulse.due());
        tokio::pin!(look);
        loop {
            let (reading, idle) = (self.link.is_ready(), self.pump.is_idle());
            if !reading {
                // Who is not listened to is not silent.
                self.pulse.heard();
            }
            let next = tokio::select! {
                io = self.pump.run(reading) => Next::Io(io),
                next = next(&mut self.link, idle) => next,
                () = &mut look => Next::Look,
            };
            match next {
                Next::Io(Io::Moved) => self.pulse.moved(),
                Next::Io(Io::Heard(message)) => {
                    self.pulse.heard();
                    closed |= matches!(message, Message::Close(_));
                    // What is heard is rare, and large: it is not to be held by every connection's task.
                    Box::pin(self.hear(message)).await;
                }
                Next::Io(Io::Unreadable(code)) => self.link.close(code),
                Next::Io(Io::Lost) => self.link.lost(),
                Next::Frame(None) => return closed,
                Next::Frame(Some(frame)) => self.write(frame),
                Next::Cut => self.pump.cut(),
                Next::Look => {
                    self.look(idle);
                    look.as_mut().reset(self.pulse.due());
                }
            }
        }
    }

    fn write(&mut self, frame: Frame) {
        self.pulse.moved();
        match frame {
            // A frame always has a JSON form.
            Frame::Say(said) => self.pump.say(serde_json::to_string(&said).unwrap_or_default()),
            Frame::Entries(entries) => self.pump.entries(entries.frames),
            Frame::Close(code) => {
                let wrong = self.wrong.as_deref().filter(|_| code == CloseCode::Protocol);
                self.pump.close(code, wrong);
            }
        }
        // At once, if it can be: a close that waits already overtakes only what the socket does not take.
        match self.pump.run(false).now_or_never() {
            Some(Io::Lost) => self.link.lost(),
            Some(Io::Moved | Io::Heard(_) | Io::Unreadable(_)) | None => {}
        }
    }

    fn look(&mut self, idle: bool) {
        if self.link.phase() != Phase::Open {
            return;
        }
        match self.pulse.look(!idle) {
            // For the peer's WebSocket, which answers by itself, and for a page, which cannot see that.
            Beat::Ping => {
                if idle {
                    self.pulse.moved();
                }
                self.pump.ping();
                self.link.ping();
            }
            Beat::Dead => {
                self.link.silent();
                self.pump.cut();
            }
        }
    }

    async fn hear(&mut self, message: Message) {
        match message {
            Message::Text(text) if text.len() > self.endpoints.limits.frame_bytes => {
                self.link.close(CloseCode::TooBig);
            }
            Message::Text(text) => match serde_json::from_str(&text) {
                Ok(ToServer::Attach { client, cursor, token }) if self.visitor.is_some() => {
                    self.attach(client, cursor, token).await;
                }
                Ok(frame) => {
                    if self.visitor.is_some() {
                        self.wrong = Some("the first frame must be `attach`".into());
                    }
                    self.link.receive(frame).await;
                }
                Err(why) => self.mistake(&why),
            },
            Message::Binary(_) => {
                self.wrong = Some("frames are JSON in text messages, not binary ones".into());
                self.link.close(CloseCode::Protocol);
            }
            // Answered by the WebSocket itself.
            Message::Ping(_) | Message::Pong(_) => {}
            Message::Close(_) => self.link.peer_closed(),
        }
    }

    fn mistake(&mut self, why: &serde_json::Error) {
        self.mistakes += 1;
        let many = self.mistakes >= self.endpoints.limits.mistakes;
        if self.visitor.is_some() || many {
            let what =
                if many { "too many frames are none; the last one" } else { "this is no frame" };
            self.wrong = Some(format!("{what}: {why}"));
            return self.link.close(CloseCode::Protocol);
        }
        self.link.complain(format!("this is no frame: {why}"));
    }

    async fn attach(&mut self, client: String, cursor: Option<String>, token: Option<String>) {
        let Some(visitor) = self.visitor.take() else { return };
        let session = visitor.session.clone();
        let patience = Duration::from_millis(u64::from(self.endpoints.hub.options().hello_ms));
        let admitted = visitor.admit(&self.endpoints, token.as_deref());
        // Whoever authorises may be slow; nobody waits for ever.
        match timeout(patience, Box::pin(admitted)).await {
            Ok(Ok((grant, seat))) => {
                self.seat = Some(seat);
                self.presence = Some(self.endpoints.hub.presence());
                self.wrong = client_name(&client).err();
                let cursor = Claim::parse(cursor.as_deref());
                let (principal, role) = (grant.principal, grant.role);
                self.link.hello(Hello { session, principal, role, client, cursor });
            }
            Ok(Err(code)) => self.link.close(code),
            Err(_) => self.link.close(CloseCode::Overloaded),
        }
    }
}

/// What the link wants. While a write is under way only a close counts.
async fn next(link: &mut Link, idle: bool) -> Next {
    if idle || link.phase() != Phase::Open {
        return Next::Frame(link.next().await);
    }
    link.closes().await;
    Next::Cut
}
