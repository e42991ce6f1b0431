//! The worlds that the tables are checked in, and the replay of recorded traces.
//!
//! The engine is a crate of its own, [`outlive_checker`], which knows nothing of sessions. A world is a model for
//! it: [`world`] is what surrounds a session, [`client`] what surrounds a client. [`trace`] holds what a server
//! recorded against the session's table.

pub mod client;
pub mod trace;
pub mod world;

#[doc(no_inline)]
pub use outlive_checker::{
    Count, Encoding, Fairness, Judgement, Kind, LawReport, LeadsTo, Model, Outcome, Path, Plain,
    Progress, Properties, Replay, Report, Search, Sometimes, Standing, StateLaw, Step, StepLaw,
    Taken, Trace, Violation, Walk, ensure, replay, walk, walk_weighted,
};
