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
//! let mut client = Client::builder("ws://localhost:8080").session("s_1").client("c_1").start()?;
//! let accepted = client.prompt(serde_json::json!({ "text": "hello" }));
//! while let Some(update) = client.next().await {
//!     match update {
//!         Update::Reset { .. } => println!("forget what is shown"),
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
//! [`Builder::session`] takes the name of a session that exists, as `POST /sessions` returned it. To make a new one:
//!
//! ```no_run
//! # use outlive_client::Client;
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::builder("ws://localhost:8080/api").token("secret").create().await?.start()?;
//! println!("the others need this: {}", client.session());
//! # Ok(())
//! # }
//! ```
//!
//! # TLS, proxies, other sockets
//! `wss://` needs the feature `tls`, which trusts what the machine trusts; without it
//! [`Builder::start`] fails with [`StartError`]. With certificates of your own, through a proxy or over a Unix socket: give it a
//! [dialer](Builder::dialer), a function that returns any stream of bytes. That needs no feature.
//!
//! # What is lost when
//! * The **connection** breaks: nothing. It dials again, after a random time that grows with each failure and
//!   is never shorter than a server asked for, by goaway or `Retry-After`, up to 24.8 days. One that closes with
//!   1012, and did not say when to come back, is left alone for 1 to 5 seconds. Whatever the server says, there
//!   is never more than one dial in [`Settings::spacing_ms`](outlive::client::Settings::spacing_ms).
//! * The server **refuses** a prompt for now, since it leaves or its store does not answer: nothing. The client
//!   hangs up, comes back, perhaps to the next process, and sends it again under its number. While the server
//!   goes on refusing it waits longer each time.
//! * The server refuses a prompt **for good**: that prompt, and its [`Pending`] fails. `queue_full` is such a
//!   refusal too. The number that its message speaks of is the client's own business: prompt anew, later.
//! * A prompt is **too large** for a frame of the server, 256 KiB with all that stands around it unless
//!   `EndpointLimits::frame_bytes` says otherwise: that prompt, with [`ClientError::Closed`] and 1009; the client
//!   comes back without it. Raise that limit, or send what is large by `POST`, under another client's name.
//! * The **process** ends: nothing, if [`ClientState`] is kept with [`Builder::save`] and given to
//!   [`Builder::restore`]. Otherwise what waited in the outbox, and the cursor. The last entry may come twice,
//!   since it counts as applied only when the next one is asked for; also if the client was dropped, and not
//!   [closed](Client::close). A screen that must survive a crash is stored together with the cursor of what it
//!   shows, [`Entry::id`]; give that one to [`Builder::cursor`], after [`Builder::restore`].
//! * The application does not **ask** for updates: it gets them later. From a number of entries on the socket
//!   is read no further; of news that moves no cursor only the latest is kept.
//! * The server **trimmed** its log: what was trimmed before the client read it comes as [`Update::Gap`]. A client that
//!   begins [anew](Update::Reset) is sent what follows the welcome's [`base`](outlive::wire::Welcome::base), and
//!   gets no gap before it.
//! * The server sends it **away** ([`Update::Closed`]): it stays away until [`Handle::reconnect`]. If a fresh token
//!   may mend it (4001, 4010), what waits is kept for that; otherwise every prompt that waits fails. The [close codes](outlive::ClientRule) after which it stays away are those from 4000 to 4099, and
//!   1000; an upgrade that is refused with an HTTP status is taken for the close that
//!   [says the same](outlive::CloseCode::status). A kept prompt goes with whatever token is shown next: for
//!   another user, start another client.

mod address;
mod builder;
mod client;
mod config;
mod create;
mod dial;
mod frame;
mod incarnation;
mod problem;
mod signs;
mod socket;
mod task;
mod timers;
#[cfg(feature = "tls")]
mod tls;
mod update;

pub use address::{StartError, Target};
pub use builder::Builder;
pub use client::{Client, Handle, Pending};
pub use create::CreateError;
pub use update::{Accepted, ClientError, ClientState, Entry, ServerRefusal, Update};
