//! Before any command: hold the durable state against what this process has, and reconcile the two.
//!
//! Several processes (*nodes*) may serve the sessions of one database; a session is owned by one of them at a time.
//! So the first question is whose it is.
//!
//! There is one such decision in a server. Send, interrupt, switch, reconnect and stop all go through
//! it; no handler keeps a copy.

pub mod table;

use crate::ids::Incarnation;
use crate::vocabulary::vocabulary;
use crate::words::State;

pub use table::{INDEX, Op, ROWS, Row, TABLE, Table};

vocabulary! {
    /// What the store knows of a session.
    Durable as "SCREAMING_SNAKE_CASE" {
        Unknown = "The store has no such session.",
        Created = "The record says CREATED.",
        Starting = "The record says STARTING.",
        Active = "The record says ACTIVE.",
        Detached = "The record says DETACHED.",
        Suspended = "The record says SUSPENDED.",
        Closing = "The record says CLOSING.",
        Ended = "The record says ENDED.",
    }
}

vocabulary! {
    /// Whose session it is, by the store. Where one process owns all there is, as with a store in a file, each is ours.
    Owner as "snake_case" {
        Ours = "This node owns the session.",
        Another = "Another node owns it, and lives.",
        Nobody = "No living node owns it: its owner is dead, or has released it.",
    }
}

vocabulary! {
    /// What this process has under the session's name, and whether that is its own.
    Runtime as "SCREAMING_SNAKE_CASE" {
        Absent = "The session is in memory, and no worker runs.",
        Current = "The session is in memory, and the worker of the durable incarnation runs.",
        Other = "A worker runs that no session in memory counts on: of another incarnation, or of none.",
        Unloaded = "The session is not in this process's memory, and no worker runs.",
        Elsewhere = "Another node owns the session, and nothing of it is here.",
        LeftBehind = "This node does not own the session any more, and something of it is left here: in memory, or a worker.",
        Vacant = "No living node owns the session, and nothing of it is here.",
    }
}

impl Durable {
    /// What the store knows.
    pub const fn of(state: Option<State>) -> Durable {
        match state {
            None => Durable::Unknown,
            Some(State::Created) => Durable::Created,
            Some(State::Starting) => Durable::Starting,
            Some(State::Active) => Durable::Active,
            Some(State::Detached) => Durable::Detached,
            Some(State::Suspended) => Durable::Suspended,
            Some(State::Closing) => Durable::Closing,
            Some(State::Ended) => Durable::Ended,
        }
    }
}

impl Runtime {
    /// Of a session in memory: what runs, held against the incarnation in the store. If this node does not own the
    /// session, then all of it is left behind, whatever runs.
    pub fn of(owner: Owner, durable: Incarnation, running: Option<Incarnation>) -> Runtime {
        match (owner, running) {
            (Owner::Ours, None) => Runtime::Absent,
            (Owner::Ours, Some(running)) if running == durable => Runtime::Current,
            (Owner::Ours, Some(_)) => Runtime::Other,
            (Owner::Another | Owner::Nobody, _) => Runtime::LeftBehind,
        }
    }

    /// Of a session that is not in memory: nothing, or a worker that was left behind.
    pub const fn unloaded(owner: Owner, running: Option<Incarnation>) -> Runtime {
        match (owner, running) {
            (Owner::Ours, None) => Runtime::Unloaded,
            (Owner::Ours, Some(_)) => Runtime::Other,
            (Owner::Another, None) => Runtime::Elsewhere,
            (Owner::Nobody, None) => Runtime::Vacant,
            (Owner::Another | Owner::Nobody, Some(_)) => Runtime::LeftBehind,
        }
    }
}

/// What to do before a command.
///
/// ```
/// use outlive::routing::{Durable, Op, Owner, Runtime, rule};
/// use outlive::State;
///
/// // The process was restarted in the middle of a turn: recover first.
/// let durable = Durable::of(Some(State::Active));
/// let runtime = Runtime::unloaded(Owner::Ours, None);
/// assert_eq!(rule(durable, runtime).ops, [Op::Recover, Op::Proceed]);
///
/// // The node that had it is dead: take it over first.
/// let runtime = Runtime::unloaded(Owner::Nobody, None);
/// assert_eq!(rule(durable, runtime).ops, [Op::Claim, Op::Recover, Op::Proceed]);
/// ```
pub fn rule(durable: Durable, runtime: Runtime) -> &'static Row {
    TABLE.rule(durable, runtime)
}
