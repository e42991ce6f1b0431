//! A client over `WebSocket`s, on tokio. It decides nothing: [`Machine`](outlive::client::Machine) does.
//!
//! A [`Client`] is one task that keeps one connection to one session, comes back by itself, and hands over
//! what the log says, in order and once. It is asked for [what comes next](Client::next) in a loop; prompts
//! and commands are given to it, or to a [`Handle`] of it, at any time.
//!
//! ```no_run
//! use outlive_client::{Client, Update};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let mut client = Client::connect("ws://localhost:8080").session("s_1").client("c_1").start()?;
//! let accepted = client.prompt(serde_json::json!({ "text": "hello" }));
//! while let Some(update) = client.next().await {
//!     match update {
//!         Update::Anew { .. } => println!("forget what is shown"),
//!         Update::Entry(entry) => println!("{} {}", entry.id, entry.json),
//!         Update::Gap { lost_from, lost_to } => println!("{lost_from} to {lost_to} are lost"),
//!         Update::Closed { code, .. } => {
//!             println!("sent away: {code}");
//!             break;
//!         }
//!         _ => {}
//!     }
//! }
//! println!("{:?}", accepted.await);
//! # Ok(())
//! # }
//! ```
//!
//! # Which session
//! [`Builder::session`] takes a name that somebody else got, over `POST /sessions`. To make a new one:
//!
//! ```no_run
//! # use outlive_client::Client;
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::connect("ws://localhost:8080/api").token("secret").create().await?.start()?;
//! println!("the others need this: {}", client.session());
//! # Ok(())
//! # }
//! ```
//!
//! # TLS, proxies, other sockets
//! `wss://` needs the feature `client-tls`, which trusts what the machine trusts; without it
//! [`Builder::start`] says so. With certificates of your own, through a proxy or over a Unix socket: give it a
//! [dialer](Builder::dialer), a function that returns any stream of bytes. That needs no feature.
//!
//! # What is lost when
//! * The **connection** breaks: nothing. It dials again, after a random time that grows with each failure and
//!   is never shorter than a server asked for, by goaway or `Retry-After`. One that closes with 1012, and did
//!   not say when to come back, is left alone for 5 to 30 seconds.
//! * The server **refuses** a prompt for now, since it leaves or its store does not answer: nothing. The client
//!   hangs up, comes back, perhaps to the next process, and sends it again under its number. While the server
//!   goes on refusing it waits longer each time, and there is always [`Settings::spacing_ms`](outlive::client::Settings::spacing_ms) between two dials.
//! * The server refuses a prompt **for good**: that prompt, and who prompted is told. `queue_full` is such a
//!   refusal too. The number that its message speaks of is the client's own business: prompt anew, later.
//! * A prompt is **too large** for a frame of the server, 256 KiB with all that stands around it unless
//!   `EndpointLimits::frame_bytes` says otherwise: that prompt, with [`Failed::Closed`] and 1009; the client
//!   comes back without it. Raise that limit, or send what is large by `POST`, under another client's name.
//! * The **process** ends: nothing, if [`Kept`] is kept with [`Builder::save`] and given to
//!   [`Builder::restore`]. Otherwise what waited in the outbox, and the cursor. The last entry may come twice,
//!   since it counts as applied only when the next one is asked for; also if the client was dropped, and not
//!   [closed](Client::close). A screen that must survive a crash is stored together with the cursor of what it
//!   shows, [`Entry::id`]; give that one to [`Builder::cursor`], after [`Builder::restore`].
//! * The application does not **ask** for updates: it gets them later. From a number of entries on the socket
//!   is read no further; of news that moves no cursor only the latest is kept.
//! * The server **trimmed** its log: what was trimmed before the client read it comes as [`Update::Gap`]. Who
//!   begins [anew](Update::Anew) is sent what follows the welcome's [`base`](outlive::wire::Welcome::base), and
//!   told no gap before it.
//! * The server sends it **away** ([`Update::Closed`]): it stays away until [`Handle::start`]. If a fresh token
//!   may mend it, or time (4001, 4010, 4029), what waits is kept for that; otherwise every prompt that waits
//!   fails. The [close codes](crate::ClientRule) after which it stays away are those from 4000 to 4099, and
//!   1000; an upgrade that is refused with an HTTP status is taken for the close that
//!   [says the same](crate::CloseCode::status). A kept prompt goes with whatever token is shown next: for
//!   another user, start another client.

mod address;
mod builder;
mod create;
mod dial;
mod frame;
mod life;
mod socket;
mod task;
#[cfg(feature = "tls")]
mod tls;
mod update;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

pub use address::Unusable;
pub use builder::Builder;
pub use create::NotCreated;
pub use dial::Target;
pub use update::{Accepted, Entry, Failed, Kept, ServerRefusal, Update};

use life::Life;
use outlive::client::Ticket;
use outlive::ids::{Incarnation, Seq};
use outlive::wire::ToServer;
use task::{Ask, Handed};

/// How many updates that move the cursor wait for the application before the socket is read no further.
const WAITING: usize = 64;
/// How many updates wait before news that moves no cursor gives way to newer news.
const NEWS: usize = 2 * WAITING;

/// 32 random bits; without a source of them clients come back in step, which is bad and no reason to fail.
fn random() -> u32 {
    getrandom::u32().unwrap_or(u32::MAX / 2)
}

/// A running client. When it is dropped, and every [`Handle`] of it, it leaves.
pub struct Client {
    handle: Handle,
    updates: mpsc::Receiver<Handed>,
    applied: Option<outlive::client::Event>,
}

impl Client {
    /// A client of the server at this address, to be completed and started: `ws://host:port`, `wss://host`,
    /// with what comes before `/sessions` if the endpoints are nested.
    pub fn connect(url: impl Into<String>) -> Builder {
        Builder::new(url.into())
    }

    /// What comes next; none when the client is gone. To ask says that the update before is applied, so
    /// the cursor moves on exactly with the application. Cancel-safe: no update is lost if the future is
    /// dropped.
    pub async fn next(&mut self) -> Option<Update> {
        if let Some(applied) = self.applied.take() {
            self.handle.ask(Ask::Feed(applied));
        }
        let Handed { update, applied } = self.updates.recv().await?;
        self.applied = applied;
        Some(update)
    }

    /// A handle that can be cloned and sent.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Leaves, and returns when nothing more is done. What was handed over last counts as applied.
    pub async fn close(mut self) {
        if let Some(applied) = self.applied.take() {
            self.handle.ask(Ask::Feed(applied));
        }
        self.handle.ask(Ask::Close);
        drop(self.handle);
        while self.updates.recv().await.is_some() {}
    }
}

impl std::ops::Deref for Client {
    type Target = Handle;

    fn deref(&self) -> &Handle {
        &self.handle
    }
}

/// What can be asked of a client from anywhere.
#[derive(Clone)]
pub struct Handle {
    asks: mpsc::UnboundedSender<Ask>,
    session: Arc<str>,
    life: Life,
}

impl Handle {
    fn ask(&self, ask: Ask) -> bool {
        self.asks.send(ask).is_ok()
    }

    /// The session's name.
    pub fn session(&self) -> &str {
        &self.session
    }

    /// Prompts, now or when there is a connection. It is on its way whether or not the future is awaited;
    /// the future says what became of it: accepted by the server, and durable there, or why not. A server that
    /// [only cannot take it now](ServerRefusal::is_for_now) is no reason why not: the prompt waits, and is sent
    /// again. So does one that waits while the server sends the client away because of its token or a limit, until
    /// the next [start](Handle::start). The answer of the worker comes as entries of the log.
    pub fn prompt(&self, body: impl Into<Value>) -> Answer<Accepted> {
        let (told, answer) = oneshot::channel();
        self.ask(Ask::Prompt(body.into(), told));
        Answer(answer)
    }

    /// Stops a turn, or takes a queued prompt back. The future says whether it was given to a connection; its
    /// effect is in the log. It is not sent again: if the connection breaks now, it may be lost.
    pub fn interrupt(&self, turn: Seq) -> Answer<()> {
        self.command(ToServer::Interrupt { turn })
    }

    /// Which life of the worker it is, as far as this client has heard; none before the first welcome. Each
    /// welcome names it, and so does each answer to a prompt that is accepted. After the `end` of one, and
    /// while the session is ended, it is the next one: that begins with the next prompt.
    pub fn incarnation(&self) -> Option<Incarnation> {
        self.life.get()
    }

    /// Ends the session: the current [incarnation](Handle::incarnation) of it. As with an interrupt, the effect
    /// is in the log. If the session has ended and begun again and this client has not heard of it yet, nothing
    /// happens: a late stop does not end the next life.
    pub fn stop(&self) -> Answer<()> {
        // Without a welcome there is no connection either, and the table refuses the command.
        self.stop_incarnation(self.incarnation().unwrap_or_default())
    }

    /// Ends this incarnation of the session, and no other one.
    pub fn stop_incarnation(&self, incarnation: Incarnation) -> Answer<()> {
        self.command(ToServer::Stop { incarnation })
    }

    /// Answers an ask, named by its place in the log. A refusal comes as [`Update::Refused`], for somebody
    /// else may have been first; success is in the log.
    pub fn answer(&self, ask: Seq, body: &Value) -> Answer<()> {
        let d = serde_json::value::to_raw_value(body).unwrap_or_default();
        self.command(ToServer::Answer { ask, d })
    }

    fn command(&self, frame: ToServer) -> Answer<()> {
        let (told, answer) = oneshot::channel();
        self.ask(Ask::Command(frame, told));
        Answer(answer)
    }

    /// Connects again after it was sent away; if it waits to connect: now.
    pub fn start(&self) {
        self.ask(Ask::Start);
    }

    /// It goes to the background.
    pub fn hide(&self) {
        self.ask(Ask::Feed(outlive::client::Event::Hide));
    }

    /// It is in the foreground.
    pub fn show(&self) {
        self.ask(Ask::Show);
    }

    /// There is a network.
    pub fn online(&self) {
        self.ask(Ask::Feed(outlive::client::Event::Online));
    }

    /// There is none.
    pub fn offline(&self) {
        self.ask(Ask::Feed(outlive::client::Event::Offline));
    }
}

/// What becomes of something that was asked.
#[must_use = "it may have failed"]
pub struct Answer<T>(oneshot::Receiver<Result<T, Failed>>);

impl<T> Future for Answer<T> {
    type Output = Result<T, Failed>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context).map(|told| told.unwrap_or(Err(Failed::Gone)))
    }
}

/// A ticket as a key of [`Kept::bodies`].
const fn key(ticket: Ticket) -> u64 {
    ticket.0
}
