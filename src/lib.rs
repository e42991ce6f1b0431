//! Sessions that outlive their connections: one explicit transition table, checked exhaustively.
//!
//! Long work (an agent's answer, a build, a task) runs on a server; people watch it over connections
//! that break all the time. This crate decides what happens to such a session on every event, in every
//! state. It does no I/O, reads no clock and holds no bodies: events go in, effects come out, and your
//! driver performs them.
//!
//! # The loop
//!
//! A driver is a loop of four steps. [`Machine`](session::Machine) is where its contract is written;
//! the numbers below are the same.
//!
//! 1. Feed one event at a time per session to [`Machine::step`](session::Machine::step).
//! 2. If the first effect is [`Effect::Commit`](session::Effect::Commit), commit the step's records and
//!    the snapshot of its next session as one. If that fails, the step did not happen.
//! 3. Adopt the next session.
//! 4. Perform the other effects, in order.
//!
//! This is a whole driver, with a vector for a store. A real one has bodies beside the entries, sockets
//! instead of `told`, and a queue of events per session in front.
//!
//! ```
//! use outlive::ids::{ClientId, ConnectionId, Digest, Incarnation, PrincipalId, PromptNumber, Seq};
//! use outlive::log::{AttachOutcome, ResumeFrom, LogId};
//! use outlive::session::{Effect, Event, Machine, Record, Refusal, Session, Snapshot, Step};
//! use outlive::{Limits, State};
//!
//! struct Driver {
//!     machine: Machine,
//!     session: Session,
//!     log: Vec<Record>,        // the store: the log …
//!     saved: Option<Snapshot>, // … and the session's record
//!     told: Vec<Effect>,       // what viewers and the worker were told
//! }
//!
//! impl Driver {
//!     fn feed(&mut self, event: Event) -> Result<(), Refusal> {
//!         // 1. One event at a time.
//!         let step = self.machine.step(&self.session, &event);
//!         // A refusal has no effects: tell the sender why, and that is all.
//!         if let Some(refusal) = step.refusal() {
//!             return Err(refusal);
//!         }
//!         self.take(step);
//!         Ok(())
//!     }
//!
//!     fn take(&mut self, step: Step) {
//!         // 2. Commit first. If this could fail, we would return here: nothing has happened.
//!         if step.commits() {
//!             self.log.extend(&step.records);
//!             self.saved = Some(step.next.snapshot());
//!         }
//!         // 3. Adopt.
//!         self.session = step.next;
//!         // 4. Perform the rest, in order. No `_ =>`: a new effect must not compile.
//!         for effect in step.effects {
//!             match effect {
//!                 Effect::Commit => {} // done above
//!                 // the worker
//!                 Effect::Start { .. } | Effect::Dispatch { .. } | Effect::Deliver { .. }
//!                 | Effect::Interrupt { .. } | Effect::CloseOut { .. } | Effect::Abort { .. }
//!                 // viewers; a range that was written comes back as `Event::Written`
//!                 | Effect::Welcome { .. } | Effect::Send { .. } | Effect::Gap { .. }
//!                 | Effect::Accepted { .. } | Effect::Close { .. } => self.told.push(effect),
//!                 // timers come back as `Event::Expired`, with their generation
//!                 Effect::Arm { .. } | Effect::Disarm { .. } | Effect::DisarmAll => {}
//!             }
//!         }
//!     }
//! }
//!
//! let machine = Machine::new(Limits::default()).expect("no limit is 0");
//! let created = machine.create(LogId(0x9f3a)); // 64 random bits, in earnest
//! let session = created.next.clone();
//! let mut driver = Driver { machine, session, log: vec![], saved: None, told: vec![] };
//! driver.take(created);
//!
//! // A client watches and prompts; the worker comes up and is given the prompt.
//! let (client, principal, incarnation) = (ClientId(1), PrincipalId(1), Incarnation(1));
//! driver.feed(Event::Attach { connection: ConnectionId(1), client, principal, cursor: ResumeFrom::Nothing })?;
//! driver.feed(Event::Prompt { client, principal, n: PromptNumber::MIN, digest: Digest(7) })?;
//! driver.feed(Event::Started { incarnation })?;
//! assert_eq!(driver.session.state(), State::Active);
//! assert!(driver.told.contains(&Effect::Dispatch { incarnation, turn: Seq(1) }));
//!
//! // The connection breaks. The turn goes on, and its output is logged.
//! driver.feed(Event::Lost { connection: ConnectionId(1) })?;
//! assert_eq!(driver.session.state(), State::Detached);
//! let (turn, count) = (Some(Seq(1)), 3.try_into().unwrap());
//! driver.feed(Event::Output { incarnation, turn, count })?;
//!
//! // The client comes back with the cursor it has, and is sent what it lacks: no more, no less.
//! driver.told.clear();
//! let cursor = ResumeFrom::parse(Some("9f3a.1"));
//! driver.feed(Event::Attach { connection: ConnectionId(2), client, principal, cursor })?;
//! let (connection, outcome) = (ConnectionId(2), AttachOutcome::Resumed { from: Seq(2) });
//! assert_eq!(driver.told, [
//!     Effect::Welcome { connection, outcome },
//!     Effect::Send { connection, from: Seq(2), to: Seq(4) },
//! ]);
//!
//! // A prompt out of order is refused, with the rule that refused it.
//! let n = 5.try_into().unwrap();
//! let refusal = driver.feed(Event::Prompt { client, principal, n, digest: Digest(8) }).unwrap_err();
//! let said = refusal.to_string();
//! assert_eq!(said, "PROMPT_GAP refused in ACTIVE: gap (rule P4); expected number 2");
//! # Ok::<(), Refusal>(())
//! ```
//!
//! After a crash the driver reads the snapshot back with [`Session::restore`](session::Session::restore)
//! and asks [`routing`] what to do first: the session is fed
//! [`Event::Restarted`](session::Event::Restarted), like any other event, before any command.
//!
//! # The states
//!
//! Drawn from [`session::table::ROWS`]. What each word means is at [`State`] and [`Trigger`]; every cell
//! of the table, also those that lead nowhere, is in `docs/generated/session.md`.
//!
#![doc = concat!("<div style=\"overflow-x: auto\">", include_str!("../docs/generated/session.svg"), "</div>\n")]
//!
//! # The laws
//!
//! [`laws::Law`] names what must always hold, a sentence each. A law is held wherever it can be:
//!
//! * over rows, when the crate is compiled: a table with a cell that has no rule, a rule that has no cell, or a row whose
//!   shape breaks a law is a build error that names it ([`table`](mod@table), [`session::shape`]);
//! * over steps, in every step of a debug build: [`laws::of_step`];
//! * over what a driver was told, step after step: [`laws::Witness`];
//! * over worlds, in every order of events, with connections, clients, worker, store and crashes
//!   played as well: the feature `check`.
//!
//! # Map
//!
//! | module | |
//! |---|---|
//! | [`session`] | the session: its table, [`Machine`](session::Machine), [`Event`](session::Event) in, [`Step`](session::Step) with [`Effect`](session::Effect)s out |
//! | [`connection`] | one connection, whatever its session is at: asked before every write |
//! | [`routing`] | before any command: what the store knows against what this process has |
//! | [`node`] | one of several processes on one database: whether it still counts |
//! | [`log`] | cursors, and where a viewer that attaches goes on |
//! | [`laws`] | the laws over steps, and the witness |
//! | [`client`] | the other end: one client's link to one session, with its own table |
//! | [`table`](mod@table) | the form of all tables, and the proof that one is total |
//! | [`ids`] | ids and fences |
//! | `wire` (feature) | frames and log entries as JSON, for servers and clients |
//! | `check` (feature) | the worlds that the tables are checked in, and the replay of traces |
//! | `docs` (feature) | the tables as Markdown, Mermaid, Graphviz, SVG and JSON |
//!
//! Features only add. Without any, the crate is `no_std` with `alloc`; it has no `unsafe` code. Servers take
//! `outlive-server`, clients `outlive-client`, models of their own `outlive-checker`.
#![cfg_attr(not(any(feature = "check", feature = "docs", feature = "wire")), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

#[cfg(feature = "check")]
pub mod check;
pub mod client;
pub mod connection;
#[cfg(feature = "docs")]
pub mod docs;
pub mod ids;
mod law;
pub mod laws;
pub mod log;
pub mod node;
pub mod routing;
pub mod session;
pub mod table;
mod vocabulary;
#[cfg(feature = "wire")]
pub mod wire;
mod words;

pub use session::limits::{Limits, ZeroLimitError};
pub use words::*;

/// The examples of the pages are tests.
#[cfg(all(doctest, feature = "check"))]
mod pages {
    #[doc = include_str!("../docs/machine.md")]
    struct Machine;
    #[doc = include_str!("../docs/checking.md")]
    struct Checking;
}
