//! The checker: exhaustive search through the states of a model, by an engine which knows nothing of
//! sessions. Bring a [`Model`] of your own.
//!
//! - Exact: states are kept as they are, or as keys of an exact [`Encoding`], never as hashes.
//! - Three outcomes: verified, violated, incomplete. An unfinished search is no pass ([`Outcome`]).
//! - A counterexample is a shortest one, whatever the number of threads. It comes as a story, as a
//!   sequence diagram, as JSON Lines and as a `#[test]` ([`Violation`]).
//! - What must come to pass ([`Properties::leads_to`]) is judged under weak and strong [`Fairness`] of
//!   named classes of actions, and the assumptions are printed with the verdict. A counterexample
//!   is a behaviour of real steps which ends in a loop, or where nothing happens any more.
//! - Classes of actions, counters and [`Properties::sometimes`] guard against vacuous passes.
//! - [`walk`] takes random walks through the same model, for property tests.
//!
//! # A model of a lock
//!
//! Two clients look at a lock and then take it. If looking and taking is one step, all is well; if
//! not, both may have it.
//!
//! ```
//! use std::fmt;
//! use outlive_checker::{Encoding, Fairness, Properties, Model, Outcome, Search, ensure};
//!
//! #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
//! enum Client { Idle, SawItFree, Holds }
//! use Client::*;
//!
//! #[derive(Clone)]
//! enum Action { Look(usize), Take(usize), Release(usize) }
//!
//! impl fmt::Display for Action {
//!     fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
//!         match self {
//!             Action::Look(client) => write!(f, "client {client} sees that the lock is free"),
//!             Action::Take(client) => write!(f, "client {client} takes the lock"),
//!             Action::Release(client) => write!(f, "client {client} releases the lock"),
//!         }
//!     }
//! }
//!
//! struct Lock { looks_again: bool }
//!
//! impl Model for Lock {
//!     type State = [Client; 2];
//!     type Action = Action;
//!     type StepTrace = ();
//!
//!     fn initial(&self) -> Vec<[Client; 2]> {
//!         vec![[Idle, Idle]]
//!     }
//!
//!     fn actions(&self, _: &[Client; 2], out: &mut Vec<Action>) {
//!         for client in 0..2 {
//!             out.extend([Action::Look(client), Action::Take(client), Action::Release(client)]);
//!         }
//!     }
//!
//!     fn step(&self, state: &[Client; 2], action: &Action) -> Option<([Client; 2], ())> {
//!         let free = !state.contains(&Holds);
//!         let (client, next) = match *action {
//!             Action::Look(client) if state[client] == Idle && free => (client, SawItFree),
//!             // The other client was quicker: begin again.
//!             Action::Take(client) if state[client] == SawItFree && self.looks_again && !free => {
//!                 (client, Idle)
//!             }
//!             Action::Take(client) if state[client] == SawItFree => (client, Holds),
//!             Action::Release(client) if state[client] == Holds => (client, Idle),
//!             _ => return None,
//!         };
//!         let mut after = *state;
//!         after[client] = next;
//!         Some((after, ()))
//!     }
//!
//!     fn properties(&self) -> Properties<Self> {
//!         Properties::<Self>::new()
//!             .always("one_holder", "at most one client holds the lock", |_, state| {
//!                 ensure(*state != [Holds, Holds], "both hold it")
//!             })
//!             .leads_to(
//!                 "released",
//!                 "a lock which is held is free again",
//!                 |_, state| state.contains(&Holds),
//!                 |_, state| !state.contains(&Holds),
//!                 [Fairness::Weak("release")],
//!             )
//!             .sometimes("contended", "both want it", |_, state| *state == [SawItFree; 2])
//!     }
//!
//!     fn classes(&self) -> Vec<&'static str> {
//!         vec!["look", "take", "release"]
//!     }
//!
//!     fn class(&self, action: &Action) -> usize {
//!         match action {
//!             Action::Look(_) => 0,
//!             Action::Take(_) => 1,
//!             Action::Release(_) => 2,
//!         }
//!     }
//! }
//!
//! /// Two bits per client. Optional: [`Search::new`] keeps the states as they are.
//! struct Packed;
//!
//! impl Encoding<Lock> for Packed {
//!     type Key = u64;
//!
//!     fn pack(&self, state: &[Client; 2]) -> u64 {
//!         state[0] as u64 | (state[1] as u64) << 2
//!     }
//!
//!     fn unpack(&self, key: &u64) -> [Client; 2] {
//!         [0, 2].map(|shift| [Idle, SawItFree, Holds][(key >> shift & 3) as usize])
//!     }
//! }
//!
//! let good = Lock { looks_again: true };
//! let report = Search::packed(&good, Packed).threads(2).run();
//! report.assert_verified(&good);
//! assert_eq!((report.states, report.transitions, report.depth), (8, 14, 3));
//!
//! let bad = Lock { looks_again: false };
//! let report = Search::packed(&bad, Packed).run();
//! assert_eq!(report.outcome, Outcome::Violated);
//! assert_eq!(report.violations[0].story(&bad), "\
//! one_holder: at most one client holds the lock
//! 0. in the beginning
//!    = [Idle, Idle]
//! 1. client 0 sees that the lock is free
//!    = [SawItFree, Idle]
//! 2. client 1 sees that the lock is free
//!    = [SawItFree, SawItFree]
//! 3. client 0 takes the lock
//!    = [Holds, SawItFree]
//! 4. client 1 takes the lock
//!    = [Holds, Holds]
//! violated: both hold it
//! ");
//! ```

#![forbid(unsafe_code)]

mod components;
mod encoding;
mod explorer;
mod graph;
mod hash;
mod lasso;
mod limits;
mod liveness;
mod merge;
mod model;
mod obligation;
mod path;
mod replay;
mod report;
mod retrace;
mod search;
mod steps;
mod store;
mod story;
mod verdict;
mod walk;
mod worker;

pub use encoding::{Encoding, Plain};
pub use limits::Progress;
pub use model::{
    Fairness, Judgement, LeadsTo, Model, Properties, Sometimes, StateLaw, Step, StepLaw, Taken,
    Trace, ensure,
};
pub use path::Path;
pub use replay::{Replay, replay};
pub use report::{Count, Kind, LawReport, Outcome, Report, Standing, Violation};
pub use search::Search;
pub use walk::{Walk, walk, walk_weighted};

/// The README's example is a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
