//! The laws that a client's row breaks by its shape alone. They hold at build time, and the checker asks
//! them about every row that it changed.

use super::op::Op;
use super::words::{State, Trigger};
use crate::law::Law;
use crate::table::Verdict;
use crate::words::Reason;

type Row = crate::table::Row<State, Trigger, Op, Reason>;

/// The first law that the row breaks by its shape.
pub const fn violated_law(row: &Row) -> Option<Law> {
    if row.shape_error().is_some() {
        return Some(Law::RefusedChangesNothing);
    }
    let mut t = 0;
    while t < row.on.len() {
        if let Some(law) = law_of_answer(row.verdict, row.on[t]) {
            return Some(law);
        }
        let mut o = 0;
        while o < row.ops.len() {
            if !row.ops[o].fits(row.on[t]) {
                return Some(Law::OpsFitTheEvent);
            }
            o += 1;
        }
        t += 1;
    }
    let mut f = 0;
    while f < row.from.len() {
        if let Some(law) = law_of_way(row, row.from[f]) {
            return Some(law);
        }
        f += 1;
    }
    if !Op::in_order(row.ops) {
        return Some(Law::OpsInOrder);
    }
    let picks = Op::TakeNext.is_in(row.ops) == Op::SendPrompt.is_in(row.ops);
    if changes_what_is_saved(row.ops) != Op::Save.is_in(row.ops) || !picks {
        return Some(Law::SavedBeforeSent);
    }
    None
}

/// A sender that waits for an answer gets one, and a fact is not refused.
const fn law_of_answer(verdict: Verdict<State, Reason>, trigger: Trigger) -> Option<Law> {
    let asks = matches!(trigger, Trigger::Prompt | Trigger::PromptFull | Trigger::Command);
    match verdict {
        Verdict::Ignore(_) if asks => Some(Law::NoPromptIsSwallowed),
        Verdict::Refuse(_) if !asks => Some(Law::FactsAreNotRefused),
        Verdict::Go(_) | Verdict::Stay | Verdict::Ignore(_) | Verdict::Refuse(_) => None,
    }
}

/// Sockets are opened where there is none, and let go of exactly where there is none afterwards; a wait
/// for a dial has its timer.
const fn law_of_way(row: &Row, from: State) -> Option<Law> {
    let to = match row.verdict {
        Verdict::Go(to) if to as u8 == from as u8 => return Some(Law::GoMeansElsewhere),
        Verdict::Go(to) => to,
        Verdict::Stay | Verdict::Ignore(_) | Verdict::Refuse(_) => from,
    };
    let opens = !from.has_socket() && to.has_socket();
    let ends = from.has_socket() && !to.has_socket();
    let lets_go = Op::HangUp.is_in(row.ops) as u8 + Op::Release.is_in(row.ops) as u8;
    if opens != Op::Dial.is_in(row.ops) || lets_go != ends as u8 {
        return Some(Law::SingleFlight);
    }
    let waits = to as u8 == State::BackingOff as u8 && from as u8 != to as u8;
    let arms = Op::ArmBackoff.is_in(row.ops) as u8 + Op::ArmNow.is_in(row.ops) as u8;
    if waits && arms != 1 || opens != Op::ArmAttach.is_in(row.ops) {
        return Some(Law::WaitingStatesHaveATimer);
    }
    None
}

const fn changes_what_is_saved(ops: &[Op]) -> bool {
    let mut o = 0;
    while o < ops.len() {
        if ops[o].is_durable() {
            return true;
        }
        o += 1;
    }
    false
}
