//! Before any command: hold the durable state against what this process has, and reconcile the two.
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
    /// What this process has under the session's name.
    Runtime as "SCREAMING_SNAKE_CASE" {
        Absent = "The session is in memory, and no worker runs.",
        Current = "The session is in memory, and the worker of the durable incarnation runs.",
        Other = "A worker runs that no session in memory counts on: of another incarnation, or of none.",
        Unloaded = "The session is not in this process's memory, and no worker runs.",
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
    /// Of a session in memory: what runs, held against the incarnation in the store.
    pub fn of(durable: Incarnation, running: Option<Incarnation>) -> Runtime {
        match running {
            None => Runtime::Absent,
            Some(running) if running == durable => Runtime::Current,
            Some(_) => Runtime::Other,
        }
    }

    /// Of a session that is not in memory: nothing, or a worker that was left behind.
    pub const fn unloaded(running: Option<Incarnation>) -> Runtime {
        match running {
            None => Runtime::Unloaded,
            Some(_) => Runtime::Other,
        }
    }
}

/// What to do before a command.
///
/// ```
/// use outlive::routing::{Durable, Op, Runtime, rule};
/// use outlive::State;
///
/// // The process was restarted in the middle of a turn: recover first.
/// let durable = Durable::of(Some(State::Active));
/// let runtime = Runtime::unloaded(None);
/// assert_eq!(rule(durable, runtime).ops, [Op::Recover, Op::Proceed]);
/// ```
pub fn rule(durable: Durable, runtime: Runtime) -> &'static Row {
    TABLE.rule(durable, runtime)
}
