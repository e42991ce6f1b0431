//! The laws that a row breaks by its shape alone. They hold at build time, and the checker asks them
//! about every row that it changed.

use super::table::{Op, ROWS, Row};
use crate::laws::Law;
use crate::table::{Verdict, fail};
use crate::words::{Reason, State, Trigger};

/// The first law that the row breaks by its shape.
pub const fn broken(row: &Row) -> Option<Law> {
    if row.misshapen().is_some() {
        return Some(Law::RefusedChangesNothing);
    }
    if let Some(law) = verdict_broken(row) {
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
            if !carries(row.on[t], row.ops[o]) {
                return Some(Law::OpsFitTheEvent);
            }
            o += 1;
        }
        t += 1;
    }
    None
}

/// What the verdict alone can break.
const fn verdict_broken(row: &Row) -> Option<Law> {
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

/// Whether somebody waits for the answer to this. All else is a fact, or a command that may come late.
pub const fn wants_answer(trigger: Trigger) -> bool {
    use Trigger::*;
    match trigger {
        Attach | AttachAgain | AttachFull | Prompt | PromptAgain | PromptConflict | PromptGap
        | PromptFull | PromptCrowded | Answer | AnswerLate | Asked | AskedFull => true,
        Written | Missed | Suspend | SuspendLast | SuspendLate | Resume | Lost | LostLast
        | LostToSuspended | Interrupt | InterruptAgain | InterruptQueued | Stop | Started
        | StartedUnwatched | StartedSuspended | StartFailed | Output | TurnEnded | Exited
        | ExitedInterrupted | StartTimeout | InterruptTimeout | TurnTimeout | DetachExpired
        | DetachExpiredBusy | GraceExpired | CloseoutTimeout | IdleExpired | Restarted
        | RestartedLossy | Hold | Begin | Next | Reopen | StaleConnection | StaleWorker
        | StaleTimer | StaleCommand => false,
    }
}

/// Whether the event behind the trigger carries what the op works on.
const fn carries(trigger: Trigger, op: Op) -> bool {
    use Trigger::*;
    match op {
        Op::Admit | Op::Welcome => matches!(trigger, Attach | AttachAgain),
        Op::Replace => matches!(trigger, AttachAgain),
        Op::Drop => matches!(trigger, Lost | LostLast | LostToSuspended),
        Op::Suspend => matches!(trigger, Suspend | SuspendLast),
        Op::Unsuspend => matches!(trigger, Resume),
        Op::Credit => matches!(trigger, Written),
        Op::Rewind => matches!(trigger, Missed),
        Op::RenewLog => matches!(trigger, RestartedLossy),
        Op::EndTurnAsReported => matches!(trigger, TurnEnded),
        Op::TakeBack => matches!(trigger, InterruptQueued),
        Op::Interrupt => matches!(trigger, Interrupt),
        Op::Accept | Op::Reply => matches!(trigger, Prompt),
        Op::ReplyAgain => matches!(trigger, PromptAgain),
        Op::LogOutput => matches!(trigger, Output),
        Op::LogAsk => matches!(trigger, Asked),
        Op::LogAnswer | Op::Deliver => matches!(trigger, Answer),
        Op::Dispatch => matches!(trigger, Next),
        Op::Hold => matches!(trigger, Hold),
        Op::Commit
        | Op::Abort
        | Op::Pin
        | Op::Unpin
        | Op::EndTurn(_)
        | Op::EndQueue(_)
        | Op::LogClosing(_)
        | Op::LogEnd(_)
        | Op::NextIncarnation
        | Op::CloseAll(_)
        | Op::DisarmAll
        | Op::Disarm(_)
        | Op::Arm(_)
        | Op::Start
        | Op::CloseOut
        | Op::Fill => true,
    }
}

/// Whether an op changes what the store holds.
const fn is_durable(op: Op) -> bool {
    match op {
        Op::RenewLog
        | Op::EndTurn(_)
        | Op::EndTurnAsReported
        | Op::EndQueue(_)
        | Op::TakeBack
        | Op::LogClosing(_)
        | Op::LogEnd(_)
        | Op::NextIncarnation
        | Op::Accept
        | Op::LogOutput
        | Op::LogAsk
        | Op::LogAnswer
        | Op::Dispatch => true,
        Op::Commit
        | Op::Abort
        | Op::Replace
        | Op::Admit
        | Op::Drop
        | Op::Suspend
        | Op::Unsuspend
        | Op::Pin
        | Op::Unpin
        | Op::Credit
        | Op::Rewind
        | Op::Hold
        | Op::CloseAll(_)
        | Op::DisarmAll
        | Op::Disarm(_)
        | Op::Arm(_)
        | Op::Start
        | Op::CloseOut
        | Op::Interrupt
        | Op::Deliver
        | Op::Reply
        | Op::ReplyAgain
        | Op::Welcome
        | Op::Fill => false,
    }
}

/// A row that changes the state or the log commits.
const fn needs_commit(row: &Row) -> bool {
    let mut o = 0;
    while o < row.ops.len() {
        if is_durable(row.ops[o]) {
            return true;
        }
        o += 1;
    }
    matches!(row.verdict, Verdict::Go(_))
}

const fn has_commit(ops: &[Op]) -> bool {
    matches!(ops, [Op::Commit, ..])
}

/// Whether the ops stand in the order in which [`Op`] declares them, none twice.
const fn in_order(ops: &[Op]) -> bool {
    let mut o = 1;
    while o < ops.len() {
        if rank(ops[o - 1]) >= rank(ops[o]) {
            return false;
        }
        o += 1;
    }
    true
}

/// An op's place in the order. Timers of one op are in the order of [`Timer`].
const fn rank(op: Op) -> u8 {
    match op {
        Op::Commit => 0,
        Op::Abort => 1,
        Op::Replace => 2,
        Op::Admit => 3,
        Op::Drop => 4,
        Op::Suspend => 5,
        Op::Unsuspend => 6,
        Op::Pin => 7,
        Op::Unpin => 8,
        Op::Credit => 9,
        Op::Rewind => 10,
        Op::RenewLog => 11,
        Op::EndTurn(_) => 12,
        Op::EndTurnAsReported => 13,
        Op::EndQueue(_) => 14,
        Op::TakeBack => 15,
        Op::LogClosing(_) => 16,
        Op::LogEnd(_) => 17,
        Op::NextIncarnation => 18,
        Op::Accept => 19,
        Op::LogOutput => 20,
        Op::LogAsk => 21,
        Op::LogAnswer => 22,
        Op::Hold => 23,
        Op::CloseAll(_) => 24,
        Op::DisarmAll => 25,
        Op::Disarm(timer) => 30 + timer as u8,
        Op::Arm(timer) => 60 + timer as u8,
        Op::Start => 100,
        Op::CloseOut => 101,
        Op::Dispatch => 102,
        Op::Interrupt => 103,
        Op::Deliver => 104,
        Op::Reply => 105,
        Op::ReplyAgain => 106,
        Op::Welcome => 107,
        Op::Fill => 108,
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
