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
    if !in_order(row.ops) {
        return Some(Law::OpsInOrder);
    }
    let picks = has(row.ops, Op::TakeNext) == has(row.ops, Op::SendPrompt);
    if changes_what_is_saved(row.ops) != has(row.ops, Op::Save) || !picks {
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
