//! The laws that a client's row breaks by its shape alone. They hold at build time, and the checker asks
//! them about every row that it changed.

use super::table::{Op, ROWS, Row};
use super::words::{State, Trigger};
use crate::laws::Law;
use crate::table::{Verdict, fail};
use crate::words::Reason;

/// The first law that the row breaks by its shape.
pub const fn broken(row: &Row) -> Option<Law> {
    if row.misshapen().is_some() {
        return Some(Law::RefusedChangesNothing);
    }
    let mut t = 0;
    while t < row.on.len() {
        if let Some(law) = answer_broken(row.verdict, row.on[t]) {
            return Some(law);
        }
        let mut o = 0;
        while o < row.ops.len() {
            if !carries(row.on[t], row.ops[o]) {
                return Some(Law::OpsFitTheEvent);
            }
            o += 1;
        }
        t += 1;
    }
    let mut f = 0;
    while f < row.from.len() {
        if let Some(law) = way_broken(row, row.from[f]) {
            return Some(law);
        }
        f += 1;
    }
    if !in_order(row.ops) {
        return Some(Law::OpsInOrder);
    }
    let picks = has(row.ops, Op::Pick) == has(row.ops, Op::SendPrompt);
    if changes_what_is_saved(row.ops) != has(row.ops, Op::Save) || !picks {
        return Some(Law::SavedBeforeSent);
    }
    None
}

/// Whoever waits for an answer is not passed over, and a fact is not refused.
const fn answer_broken(verdict: Verdict<State, Reason>, trigger: Trigger) -> Option<Law> {
    let asks = matches!(trigger, Trigger::Prompt | Trigger::PromptFull | Trigger::Command);
    match verdict {
        Verdict::Ignore(_) if asks => Some(Law::NoPromptIsSwallowed),
        Verdict::Refuse(_) if !asks => Some(Law::FactsAreNotRefused),
        Verdict::Go(_) | Verdict::Stay | Verdict::Ignore(_) | Verdict::Refuse(_) => None,
    }
}

/// Sockets are opened where there is none, and let go of exactly where there is none afterwards; a wait
/// for a dial has its timer.
const fn way_broken(row: &Row, from: State) -> Option<Law> {
    let to = match row.verdict {
        Verdict::Go(to) if to as u8 == from as u8 => return Some(Law::GoMeansElsewhere),
        Verdict::Go(to) => to,
        Verdict::Stay | Verdict::Ignore(_) | Verdict::Refuse(_) => from,
    };
    let opens = !from.has_socket() && to.has_socket();
    let ends = from.has_socket() && !to.has_socket();
    let lets_go = has(row.ops, Op::HangUp) as u8 + has(row.ops, Op::Release) as u8;
    if opens != has(row.ops, Op::Dial) || lets_go != ends as u8 {
        return Some(Law::SingleFlight);
    }
    let waits = to as u8 == State::BackingOff as u8 && from as u8 != to as u8;
    let arms = has(row.ops, Op::ArmBackoff) as u8 + has(row.ops, Op::ArmNow) as u8;
    if waits && arms != 1 || opens != has(row.ops, Op::ArmAttach) {
        return Some(Law::WaitingStatesHaveATimer);
    }
    None
}

/// Whether the event brings what the op works on.
const fn carries(trigger: Trigger, op: Op) -> bool {
    use Trigger::*;
    let welcome = matches!(trigger, WelcomeFresh | WelcomeResumed | WelcomeGap | WelcomeReset);
    match op {
        Op::NoteHidden => matches!(trigger, Hide),
        Op::NoteShown => matches!(trigger, Show | ShowSilent | Start),
        Op::NoteOnline => matches!(trigger, Online | Start),
        Op::NoteOffline => matches!(trigger, Offline),
        Op::KeepRetry => matches!(trigger, Goaway),
        Op::Settle | Op::Rebase | Op::Aim | Op::TellWelcome | Op::DisarmAttach => welcome,
        Op::SkipGap | Op::TellGap => matches!(trigger, WelcomeGap | Gap),
        Op::Accept => matches!(trigger, Accepted),
        Op::Reject => matches!(trigger, Refused | ClosedTooBig),
        Op::FailAll => matches!(trigger, ClosedStop),
        Op::TellClosed => matches!(trigger, ClosedStop | ClosedPause),
        Op::Queue => matches!(trigger, Prompt),
        Op::Advance => matches!(trigger, Applied | AppliedNotice),
        Op::SendCommand => matches!(trigger, Command),
        Op::Deliver => matches!(trigger, Entry),
        Op::Release => match trigger {
            Lost | ClosedStop | ClosedPause | ClosedBackOff | ClosedNow | ClosedFresh
            | ClosedTooBig => true,
            Start | Stop | Hide | Show | ShowSilent | Online | Offline | Prompt | PromptFull
            | Command | Applied | AppliedNotice | Opened | WelcomeFresh | WelcomeResumed
            | WelcomeGap | WelcomeReset | WelcomeWrong | Entry | EntryAgain | Gap | Hole
            | Accepted | Refused | RefusedForNow | ReplyStale | Pong | Goaway | BackoffOver
            | AttachTimeout | Silent | Stable | StruckOut | Sleep | Suspend | CaughtUp
            | StaleSocket | StaleTimer | StaleApplied => false,
        },
        Op::Detach
        | Op::HangUp
        | Op::DisarmAll
        | Op::Unwatch
        | Op::Strike
        | Op::ClearStrikes
        | Op::ResetAttempts
        | Op::ForgetCursor
        | Op::Pick
        | Op::Save
        | Op::ArmBackoff
        | Op::ArmNow
        | Op::Dial
        | Op::ArmAttach
        | Op::ArmStable
        | Op::Watch
        | Op::Probe
        | Op::Hello
        | Op::SendSuspend
        | Op::SendResume
        | Op::SendPrompt
        | Op::TellCaughtUp => true,
    }
}

const fn changes_what_is_saved(ops: &[Op]) -> bool {
    has(ops, Op::Settle)
        || has(ops, Op::Accept)
        || has(ops, Op::Reject)
        || has(ops, Op::FailAll)
        || has(ops, Op::Queue)
        || has(ops, Op::ForgetCursor)
        || has(ops, Op::Advance)
        || has(ops, Op::Pick)
}

const fn in_order(ops: &[Op]) -> bool {
    let mut o = 1;
    while o < ops.len() {
        if ops[o - 1] as u8 >= ops[o] as u8 {
            return false;
        }
        o += 1;
    }
    true
}

const fn has(ops: &[Op], op: Op) -> bool {
    let mut o = 0;
    while o < ops.len() {
        if ops[o] as u8 == op as u8 {
            return true;
        }
        o += 1;
    }
    false
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
