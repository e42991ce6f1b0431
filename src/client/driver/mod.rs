//! A client over `WebSocket`s, on tokio. It decides nothing: [`Machine`](super::Machine) does.
//!
//! ```no_run
//! use outlive::client::driver::{Client, Update};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let mut client = Client::connect("ws://localhost:8080").session("s_1").client("c_1").start();
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

mod socket;
mod task;

use std::boxed::Box;
use std::collections::BTreeMap;
use std::format;
use std::future::Future;
use std::pin::Pin;
use std::string::String;
use std::task::{Context, Poll};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use super::{Refusal, Saved, Settings, State, Ticket};
use crate::ids::{Incarnation, PromptNumber, Seq};
use crate::log::Cursor;
use crate::wire::{Said, ToServer, Welcome};
use task::{Ask, Handed, Task};

/// How many updates wait for the application before the socket is read no further.
const WAITING: usize = 64;

/// What comes to the application, in order. What is taken with [`Client::next`] counts as applied when
/// the next one is asked for.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Update {
    /// What the application shows of the session is void; everything that is retained follows.
    Anew {
        /// The welcome that says so.
        welcome: Box<Welcome>,
    },
    /// An entry of the log, the next one.
    Entry(Box<Entry>),
    /// Entries that are lost to this client.
    Gap {
        /// The first one.
        lost_from: Seq,
        /// The last one.
        lost_to: Seq,
    },
    /// A connection was welcomed.
    Welcome(Box<Welcome>),
    /// What was missed is applied.
    CaughtUp,
    /// The link went from one state to another.
    State {
        /// From this one,
        from: State,
        /// to this one.
        to: State,
    },
    /// An answer to an ask was refused.
    Refused(ServerRefusal),
    /// The server did not understand something.
    Error {
        /// What it says.
        message: String,
    },
    /// The server sent the client away: it comes back only when it is started again.
    Closed {
        /// The close code.
        code: u16,
        /// What the server says.
        reason: String,
    },
}

/// An entry of the log.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Entry {
    /// The cursor of a client that has applied it.
    pub id: Cursor,
    /// What it says; none if it is of a kind that this client does not know.
    pub said: Option<Said>,
    /// The whole frame.
    pub json: String,
}

/// A refusal by the server.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, thiserror::Error)]
#[error("{message}")]
#[non_exhaustive]
pub struct ServerRefusal {
    /// Why, in a word.
    pub reason: String,
    /// The row that says so.
    #[serde(default)]
    pub rule: Option<String>,
    /// The whole sentence.
    #[serde(default)]
    pub message: String,
}

/// A prompt was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Accepted {
    /// Its number.
    pub n: PromptNumber,
    /// Its place in the log, which names its turn; none if the answer was lost and only the number is known.
    pub seq: Option<Seq>,
}

/// Why a prompt or a command came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Failed {
    /// The client did not take it.
    #[error(transparent)]
    NotTaken(#[from] Refusal),
    /// The server refused it.
    #[error(transparent)]
    Refused(#[from] ServerRefusal),
    /// The server sent the client away, or cannot bear the frame.
    #[error("the server closed with {code}")]
    Closed {
        /// The close code.
        code: u16,
    },
    /// The client is gone. What was in the outbox is in what was saved.
    #[error("the client is gone")]
    Gone,
}

/// What outlives the process, as one value.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Kept {
    /// The client's name for itself.
    pub client: String,
    /// Its cursor and its outbox.
    pub link: Saved,
    /// The bodies of the prompts in the outbox.
    pub bodies: BTreeMap<u64, Value>,
    /// The next ticket.
    pub ticket: u64,
}

type Save = Box<dyn FnMut(&Kept) + Send>;
type Token = Box<dyn FnMut() -> Option<String> + Send>;

/// A client before it is started.
#[must_use = "nothing happens before it is started"]
pub struct Builder {
    url: String,
    session: String,
    token: Token,
    settings: Settings,
    kept: Kept,
    save: Save,
}

impl Builder {
    /// The session.
    pub fn session(mut self, session: impl Into<String>) -> Builder {
        self.session = session.into();
        self
    }

    /// The client's name for itself, kept over restarts together with its outbox; a random one if none is
    /// given. A client that lost its storage takes a new one.
    pub fn client(mut self, client: impl Into<String>) -> Builder {
        self.kept.client = client.into();
        self
    }

    /// Begins after this entry, which the application has applied.
    pub fn cursor(mut self, cursor: Cursor) -> Builder {
        self.kept.link.cursor = Some(cursor);
        self
    }

    /// Shows this to the server at each dial.
    pub fn token(self, token: impl Into<String>) -> Builder {
        let token = token.into();
        self.token_from(move || Some(token.clone()))
    }

    /// Asks for what is shown to the server at each dial.
    pub fn token_from(self, token: impl FnMut() -> Option<String> + Send + 'static) -> Builder {
        Builder { token: Box::new(token), ..self }
    }

    /// Goes on from what was kept.
    pub fn restore(self, kept: Kept) -> Builder {
        Builder { kept, ..self }
    }

    /// Is called with what must outlive the process, whenever it changes and before anything is sent that
    /// depends on it. Returns when it is kept.
    pub fn save(self, save: impl FnMut(&Kept) + Send + 'static) -> Builder {
        Builder { save: Box::new(save), ..self }
    }

    /// The client's numbers.
    pub fn settings(self, settings: Settings) -> Builder {
        Builder { settings, ..self }
    }

    /// Starts it on the current tokio runtime.
    pub fn start(mut self) -> Client {
        if self.kept.client.is_empty() {
            let [high, low] = [random(), random()];
            self.kept.client = format!("c_{high:08x}{low:08x}");
        }
        let (asks, heard) = mpsc::unbounded_channel();
        let (out, updates) = mpsc::channel(1);
        let handle = Handle { asks };
        handle.ask(Ask::Start);
        tokio::spawn(Task::new(self, out).run(heard));
        Client { handle, updates, applied: None }
    }
}

/// 32 random bits; without a source of them clients come back in step, which is bad and no reason to fail.
fn random() -> u32 {
    getrandom::u32().unwrap_or(u32::MAX / 2)
}

/// A running client. When it is dropped, and every [`Handle`] of it, it leaves.
pub struct Client {
    handle: Handle,
    updates: mpsc::Receiver<Handed>,
    applied: Option<super::Event>,
}

impl Client {
    /// A client of the server at this address, `ws://host:port`, to be completed and started.
    pub fn connect(url: impl Into<String>) -> Builder {
        Builder {
            url: url.into(),
            session: String::new(),
            token: Box::new(|| None),
            settings: Settings::default(),
            kept: Kept { ticket: 1, ..Kept::default() },
            save: Box::new(|_| {}),
        }
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
}

impl Handle {
    fn ask(&self, ask: Ask) -> bool {
        self.asks.send(ask).is_ok()
    }

    /// Prompts, now or when there is a connection. It is on its way whether or not the future is awaited;
    /// the future says what became of it.
    pub fn prompt(&self, body: impl Into<Value>) -> Answer<Accepted> {
        let (told, answer) = oneshot::channel();
        self.ask(Ask::Prompt(body.into(), told));
        Answer(answer)
    }

    /// Stops a turn, or takes a queued prompt back. The future says whether it was sent.
    pub fn interrupt(&self, turn: Seq) -> Answer<()> {
        self.command(ToServer::Interrupt { turn })
    }

    /// Ends the session.
    pub fn stop(&self, incarnation: Incarnation) -> Answer<()> {
        self.command(ToServer::Stop { incarnation })
    }

    /// Answers an ask.
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
        self.ask(Ask::Feed(super::Event::Hide));
    }

    /// It is in the foreground.
    pub fn show(&self) {
        self.ask(Ask::Show);
    }

    /// There is a network.
    pub fn online(&self) {
        self.ask(Ask::Feed(super::Event::Online));
    }

    /// There is none.
    pub fn offline(&self) {
        self.ask(Ask::Feed(super::Event::Offline));
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
