//! The laws that a row breaks by its shape alone. They hold at build time, and the checker asks them
//! about every row that it changed.

use super::op::Op;
use crate::law::Law;
use crate::table::Verdict;
use crate::words::{Reason, State, Trigger};

type Row = crate::table::Row<State, Trigger, Op, Reason>;

/// The first law that the row breaks by its shape.
pub const fn violated_law(row: &Row) -> Option<Law> {
    if row.shape_error().is_some() {
        return Some(Law::RefusedChangesNothing);
    }
    if let Some(law) = law_of_verdict(row) {
        return Some(law);
    }
    if !in_order(row.ops) {
        return Some(Law::OpsInOrder);
    }
    if needs_commit(row) != has_commit(row.ops) {
        return Some(Law::DeliveredIsDurable);
    }
    let mut t = 0;
    while t < row.on.len() {
        let mut o = 0;
        while o < row.ops.len() {
            if !row.ops[o].fits(row.on[t]) {
                return Some(Law::OpsFitTheEvent);
            }
            o += 1;
        }
        t += 1;
    }
    None
}

/// What the verdict alone can break.
const fn law_of_verdict(row: &Row) -> Option<Law> {
    let mut f = 0;
    while f < row.from.len() {
        match (row.from[f], row.verdict) {
            (State::Closing, Verdict::Go(to)) if !matches!(to, State::Ended) => {
                return Some(Law::ClosingOnlyEnds);
            }
            (State::Ended, Verdict::Go(to)) if !matches!(to, State::Created) => {
                return Some(Law::EndedOnlyReopens);
            }
            (from, Verdict::Go(to)) if from as u8 == to as u8 => {
                return Some(Law::GoMeansElsewhere);
            }
            (_, Verdict::Go(_) | Verdict::Stay | Verdict::Ignore(_) | Verdict::Refuse(_)) => {}
        }
        f += 1;
    }
    let mut t = 0;
    while t < row.on.len() {
        match (row.verdict, wants_answer(row.on[t])) {
            (Verdict::Ignore(reason), true) if !matches!(reason, Reason::Impossible) => {
                return Some(Law::NoPromptIsSwallowed);
            }
            (Verdict::Refuse(_), false) => return Some(Law::FactsAreNotRefused),
            (Verdict::Go(_) | Verdict::Stay | Verdict::Ignore(_), _)
            | (Verdict::Refuse(_), true) => {}
        }
        t += 1;
    }
    None
}

/// Whether a sender waits for the answer to this. All else is a fact, or a command that may come late.
pub const fn wants_answer(trigger: Trigger) -> bool {
    use Trigger::*;
    match trigger {
        Attach | AttachAgain | AttachFull | Prompt | PromptAgain | PromptConflict
        | PromptTooOld | PromptGap | PromptFull | PromptCrowded | Answer | AnswerStanding
        | AnswerStandingFull | AnswerLate | Asked | AskedFull => true,
        Written | Missed | Suspend | SuspendLast | SuspendLate | Resume | Lost | LostLast
        | LostToSuspended | Interrupt | InterruptAgain | InterruptQueued | Stop | Started
        | StartedUnwatched | StartedSuspended | StartFailed | Output | Withdrawn | TurnEnded
        | TurnWaiting | TurnWaitingFull | Exited | ExitedInterrupted | StartTimeout
        | InterruptTimeout | TurnTimeout | DetachExpired | DetachExpiredBusy | GraceExpired
        | CloseoutTimeout | IdleExpired | Restarted | RestartedLossy | Drain | Begin | Next
        | Reopen | StaleConnection | StaleWorker | StaleTimer | StaleCommand => false,
    }
}

/// A row that changes the state or the log commits.
const fn needs_commit(row: &Row) -> bool {
    let mut o = 0;
    while o < row.ops.len() {
        if row.ops[o].is_durable() {
            return true;
        }
        o += 1;
    }
    matches!(row.verdict, Verdict::Go(_))
}

const fn has_commit(ops: &[Op]) -> bool {
    matches!(ops, [Op::Commit, ..])
}

/// Whether the ops stand in the order in which [`Op`] declares them, none twice but those of timers.
const fn in_order(ops: &[Op]) -> bool {
    let mut o = 1;
    while o < ops.len() {
        let (one, next) = (ops[o - 1], ops[o]);
        let again = one.rank() >> 8 == next.rank() >> 8;
        if one.rank() >= next.rank() || again && !matches!(one, Op::Arm(_) | Op::Disarm(_)) {
            return false;
        }
        o += 1;
    }
    true
}
