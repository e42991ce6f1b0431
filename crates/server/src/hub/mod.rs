//! The hub: sessions, workers and viewers on tokio, driven by the tables.
//!
//! A server author gives it a [`Worker`], often just an async function that answers a prompt, and a
//! [`Store`](crate::store::Store). What a browser does to its connections is the hub's business: the module `http` has the
//! endpoints, or a [`Link`] per transport does it.
//!
//! ```
//! use outlive::ids::PromptNumber;
//! use outlive_server::hub::{Author, Failure, Hub, Turn};
//!
//! async fn answer(turn: Turn) -> Result<(), Failure> {
//!     let prompt: String = turn.prompt().deserialize()?;
//!     turn.emit(&format!("you said {prompt}")).await?;
//!     Ok(())
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let hub = Hub::builder().build(answer).await?;
//! let session = hub.create().await?;
//! let author = Author { principal: "ann", client: "laptop" };
//! let accepted = hub.session(&session).prompt(author, PromptNumber::MIN, &"hello").await?;
//! assert!(!accepted.again);
//! # Ok(())
//! # }
//! ```
//!
//! # What runs
//! Each session in memory has one task, its driver: one event at a time goes through the machine, the
//! step is committed and applied. Each worker has a task, and each transport has its own. A
//! session that has ended and has no viewer leaves memory, and is read back when it is asked for. One that waits for
//! its first prompt and has no viewer has no task: one clock wakes all of these.
//!
//! # Guarantees, and where they come from
//! What is accepted, sent or dispatched is durable, because every step commits first. Nothing is written
//! after a close, because a [`Link`] asks the connection's table before every write. Old handles are
//! harmless, because they carry a fence and no socket: a [`Turn`] of an aborted worker speaks into
//! nothing, and a link that was replaced is closed.
//!
//! # What goes wrong behind the scenes
//! A store that does not answer (a full disk, say), a start, a turn or a closeout that fails or panics, damage that
//! was found: a hub tells of it with the crate `tracing`, as warnings and errors. Without a subscriber it is
//! lost: `tracing_subscriber::fmt::init()` prints it, and with its feature `env-filter` the variable
//! `RUST_LOG=outlive_server=warn` chooses how much (`outlive_server=trace` has every step of every connection).
//!
//! # Work that blocks
//! A worker shares tokio's threads with all other tasks. One that blocks its thread, with `std::thread::sleep` or a
//! long computation, stalls its session if it does so right after an [`emit`](Turn::emit): that wakes the session's
//! driver on the same thread, where no other thread takes it over, and until the worker comes to an `await` the
//! session answers no prompt, no interrupt and no look-up. Give such work to `tokio::task::spawn_blocking`, or wrap
//! it in `tokio::task::block_in_place`.

mod ask;
mod backoff;
mod body;
mod builder;
#[cfg(feature = "http")]
mod destination;
mod driver;
mod handle;
mod held;
mod hibernate;
mod history;
mod link;
mod mailbox;
mod node;
mod observe;
mod options;
mod output_batch;
mod output_sender;
mod queue;
mod recent_frames;
mod recover;
mod registry;
mod shared;
mod snapshot;
mod spawn;
mod worker;
mod worker_message;
mod worker_task;

pub use ask::{AnsweredAsk, AskAnswer, TurnError};
pub use body::Body;
#[cfg(feature = "http")]
pub(crate) use body::{client_id, client_name};
pub use builder::{BuildError, Builder};
#[cfg(feature = "http")]
pub(crate) use destination::Destination;
pub use handle::{Author, Drain, Hub, SessionHandle};
pub use history::{History, HistoryEntry};
pub use link::{Entries, Frame, Hello, Link, Role};
pub use mailbox::{Accepted, CommandError, Outcome};
pub use node::FenceCause;
pub use observe::{ClaimKind, NodeEvent, NoopObserver, Observer};
pub use options::HubOptions;
pub use worker::{CloseoutContext, Failure, Turn, Worker, WorkerContext};
