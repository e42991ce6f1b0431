//! Every rule of routing stands in [`CELLS`] and [`RULES`], and nowhere else.

use super::{Durable, Runtime};
use crate::law::Law;
use crate::table::{Cells, Rule, StateOps, cells, rule, state};
use crate::vocabulary::ops;
use crate::words::Reason;

use Durable::*;
use Op::*;

ops! {
    /// What to do before a command, in this order.
    Op on Runtime {
        Abort = "Abort the worker that runs and return when it can do nothing any more: it is a zombie.",
        Recover = "Load the session if needed and feed it `RESTARTED`; with a new log id if the log's end may be lost.",
        Proceed                              = "Feed the session the command.",
        NotFound                             = "Tell the sender that there is no such session.",
    }
}

/// What the states do on entry and on exit: nothing, for the table never goes anywhere. Recovery is the
/// session table's business.
#[rustfmt::skip]
pub const STATES: &[StateOps<Durable, Op>] = &[
    state(Unknown, &[], &[]),
    state(Created, &[], &[]),
    state(Starting, &[], &[]),
    state(Active, &[], &[]),
    state(Detached, &[], &[]),
    state(Suspended, &[], &[]),
    state(Closing, &[], &[]),
    state(Ended, &[], &[]),
];

/// Which rule answers.
#[rustfmt::skip]
pub const CELLS: Cells = cells! {
    Durable x Runtime: Unknown  Created  Starting  Active  Detached  Suspended  Closing  Ended;
    "what this process has"
    Absent:            Q1       Q3       Q5        Q5      Q5        Q5         Q5       Q3;
    Current:           Q2       Q4       Q6        Q6      Q6        Q6         Q6       Q4;
    Other:             Q2       Q7       Q7        Q7      Q7        Q7         Q7       Q7;
    Unloaded:          Q1       Q8       Q8        Q8      Q8        Q8         Q8       Q8;
};

/// What each rule does, and why.
#[rustfmt::skip]
pub const RULES: &[Rule<Durable, Op, Reason>] = &[
    rule("Q1").stay(&[NotFound])
        .because("an unknown session is not a state; unknown and forbidden look the same"),
    rule("Q2").stay(&[Abort, NotFound])
        .because("nobody will ever ask for its work: a zombie is aborted, not forgotten"),
    rule("Q3").stay(&[Proceed]).because("no worker is expected, and none is there"),
    rule("Q4").stay(&[Abort, Proceed])
        .because("the record says that no worker is up: what runs is a zombie"),
    rule("Q5").stay(&[Recover, Proceed]).because("the record counts on a worker that is gone"),
    rule("Q6").stay(&[Proceed]).because("the two agree, and the healthy run is left alone"),
    rule("Q7").stay(&[Abort, Recover, Proceed]).because("what runs is not what the record counts on"),
    rule("Q8").stay(&[Recover, Proceed])
        .because("what is read back from the store has no worker, no viewer and no timer, whatever its record \
                  says"),
];

crate::table! { Durable, Runtime, Op, Reason; law violated_law }

/// The law that the row breaks by its shape: ops stand in the order in which [`Op`] declares them, and
/// the last one says what becomes of the command.
pub const fn violated_law(row: &Row) -> Option<Law> {
    if row.shape_error().is_some() {
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
        [.., Proceed | NotFound] => None,
        [] | [.., Abort | Recover] => Some(Law::NoPromptIsSwallowed),
    }
}
