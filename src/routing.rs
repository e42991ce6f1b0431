//! Before any command: hold the durable state against what this process has, and reconcile the two.
//!
//! There is one such decision in a server. Send, interrupt, switch, reconnect and stop all go through
//! it; no handler keeps a copy (incidents F-17 to F-20).

use strum::EnumCount;

use crate::ids::Incarnation;
use crate::laws::Law;
use crate::table::{self, Verdict, fail};
use crate::words::{Reason, State, words};

words! {
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

words! {
    /// What this process has under the session's name.
    Runtime as "SCREAMING_SNAKE_CASE" {
        Absent = "The session is in memory, and no worker runs.",
        Current = "The session is in memory, and the worker of the durable incarnation runs.",
        Other = "A worker runs that no session in memory counts on: of another incarnation, or of a session that is not in memory.",
        Unloaded = "The session is not in this process's memory, and no worker runs.",
    }
}

words! {
    /// What to do before a command, in this order.
    Op as "snake_case" {
        Abort = "Abort the worker that runs and return when it can do nothing any more: it is a zombie.",
        Recover = "Read the session back, if it is not in memory, and feed it `RESTARTED`: with a new log id if the store may have lost the log's end.",
        Proceed = "Feed the session the command.",
        NotFound = "Tell the sender that there is no such session.",
    }
}

/// A row of the routing table. It never goes anywhere: recovery is the session table's business.
pub type Row = table::Row<Durable, Runtime, Op, Reason>;

const fn row(
    id: &'static str,
    from: &'static [Durable],
    on: &'static [Runtime],
    ops: &'static [Op],
    because: &'static str,
) -> Row {
    Row::new(id, from, on, Verdict::Stay, ops, because)
}

/// Every rule of routing.
#[rustfmt::skip]
pub const ROWS: &[Row] = {
    use Durable::*;
    use Runtime::*;
    use Op::*;
    const WITH_WORKER: &[Durable] = &[Starting, Active, Detached, Suspended, Closing];
    const KNOWN: &[Durable] = &[Created, Starting, Active, Detached, Suspended, Closing, Ended];
    &[
    //   id    from                on           ops, in this order           because
    row("Q1", &[Unknown],          &[Absent, Unloaded], &[NotFound],                 "an unknown session is not a state; unknown and forbidden look the same"),
    row("Q2", &[Unknown],          &[Current, Other],   &[Abort, NotFound],          "nobody will ever ask for its work: a zombie is aborted, not forgotten (F-14)"),
    row("Q3", &[Created, Ended],   &[Absent],           &[Proceed],                  "no worker is expected, and none is there"),
    row("Q4", &[Created, Ended],   &[Current],          &[Abort, Proceed],           "the record says that no worker is up: what runs is a zombie (F-17, F-19)"),
    row("Q5", WITH_WORKER,         &[Absent],           &[Recover, Proceed],         "the record counts on a worker that is gone (F-26)"),
    row("Q6", WITH_WORKER,         &[Current],          &[Proceed],                  "the two agree, and the healthy run is left alone (F-17)"),
    row("Q7", KNOWN,               &[Other],            &[Abort, Recover, Proceed],  "what runs is not what the record counts on"),
    row("Q8", KNOWN,               &[Unloaded],         &[Recover, Proceed],         "what is read back from the store has no worker, no viewer and no timer, whatever its record says"),
    ]
};

/// `[durable][runtime]` → place in [`ROWS`].
pub const INDEX: [[u8; Runtime::COUNT]; Durable::COUNT] = crate::index!(ROWS, Durable, Runtime);

/// The routing table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// The rows.
    pub rows: &'static [Row],
    /// `[durable][runtime]` → place in `rows`.
    pub index: [[u8; Runtime::COUNT]; Durable::COUNT],
}

/// The shipped table.
pub static TABLE: Table = Table { rows: ROWS, index: INDEX };

impl Table {
    /// The row for a cell.
    pub const fn rule(&self, durable: Durable, runtime: Runtime) -> &'static Row {
        &self.rows[self.index[durable as usize][runtime as usize] as usize]
    }
}

/// The law that the row breaks by its shape: ops stand in the order in which [`Op`] declares them, and
/// the last one says what becomes of the command.
pub const fn broken(row: &Row) -> Option<Law> {
    if row.misshapen().is_some() {
        return Some(Law::RefusedChangesNothing);
    }
    let mut o = 1;
    while o < row.ops.len() {
        if row.ops[o - 1] as u8 >= row.ops[o] as u8 {
            return Some(Law::OpsInOrder);
        }
        o += 1;
    }
    match row.ops {
        [.., Op::Proceed | Op::NotFound] => None,
        [] | [.., Op::Abort | Op::Recover] => Some(Law::NoPromptIsSwallowed),
    }
}

const _: () = {
    let mut r = 0;
    while r < ROWS.len() {
        if let Some(law) = broken(&ROWS[r]) {
            fail(&["row ", ROWS[r].id, " breaks ", law.into_str(), ": ", law.meaning()]);
        }
        r += 1;
    }
};

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
