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
        Abort = "Abort the worker that runs, if one does, and return when it can do nothing any more: it is a zombie.",
        Claim = "Make this node the session's owner in the store. If another node has it by now, ask routing again.",
        Recover = "Load the session if needed and feed it `RESTARTED`; with a new log id if the log's end may be lost.",
        Proceed                              = "Feed the session the command.",
        Forward = "Keep nothing here, and hand the command to the owner. If there is none by now, ask routing again.",
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
    "what another node has, or none"
    Elsewhere:         Q1       Q9       Q9        Q9      Q9        Q9         Q9       Q9;
    LeftBehind:        Q2       Q10      Q10       Q10     Q10       Q10        Q10      Q10;
    Vacant:            Q1       Q11      Q11       Q11     Q11       Q11        Q11      Q11;
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
    rule("Q9").stay(&[Forward]).because("a session has one owner at a time, and only the owner's commits count"),
    rule("Q10").stay(&[Abort, Forward])
        .because("what is here is of a time when the session was this node's: its owner has gone on, so its worker \
                  is a zombie and its memory is old; where nobody owns it yet, it is taken over when nothing of \
                  that time is left"),
    rule("Q11").stay(&[Claim, Recover, Proceed])
        .because("who is asked for a session takes it over; its worker, viewers and timers went with the owner that \
                  it had"),
];

crate::table! { Durable, Runtime, Op, Reason; law violated_law }

/// The law that the row breaks by its shape: ops stand in the order in which [`Op`] declares them, the last one says
/// what becomes of the command, and what is done fits the session's owner.
pub const fn violated_law(row: &Row) -> Option<Law> {
    if row.shape_error().is_some() {
        return Some(Law::RefusedChangesNothing);
    }
    if !Op::in_order(row.ops) {
        return Some(Law::OpsInOrder);
    }
    match row.ops {
        [.., Proceed | Forward | NotFound] => {}
        [] | [.., Abort | Claim | Recover] => return Some(Law::NoPromptIsSwallowed),
    }
    if Claim.is_in(row.ops) && !Recover.is_in(row.ops) {
        return Some(Law::UnownedIsRecovered);
    }
    let mut t = 0;
    while t < row.on.len() {
        // A session that is another's is not worked on, one that is nobody's is made this node's first, and one that
        // is this node's is not taken from it.
        let proceeds = Proceed.is_in(row.ops) || Recover.is_in(row.ops);
        let (claims, forwards) = (Claim.is_in(row.ops), Forward.is_in(row.ops));
        let fits = match row.on[t] {
            Runtime::Absent | Runtime::Current | Runtime::Other | Runtime::Unloaded => {
                !claims && !forwards
            }
            Runtime::Elsewhere | Runtime::LeftBehind => !claims && !proceeds,
            Runtime::Vacant => claims == proceeds && !forwards,
        };
        if !fits {
            return Some(Law::AtMostOneOwnerCommits);
        }
        if matches!(row.on[t], Runtime::LeftBehind) && !Abort.is_in(row.ops) {
            return Some(Law::StopAbortsTheWorker);
        }
        t += 1;
    }
    None
}
