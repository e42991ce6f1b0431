//! Every rule of a node stands in [`STATES`], [`CELLS`] and [`RULES`], and nowhere else.

use super::{Op, State, Trigger};
use crate::law::Law;
use crate::table::{Cells, Rule, StateOps, Verdict, cells, rule, state};
use crate::words::Reason;

use Op::*;
use Reason::*;
use State::*;
use Trigger::*;

/// What a state does when it is entered and when it is left, whichever rule leads there.
#[rustfmt::skip]
pub const STATES: &[StateOps<State, Op>] = &[
    //    state    on entry       on exit
    state(Outside, &[],           &[]),
    state(Member,  &[ArmLate],    &[Disarm]),
    state(Unsure,  &[ArmAbandon], &[Disarm]),
    state(Fenced,  &[AbortAll],   &[]),
    state(Left,    &[GoodBye],    &[]),
];

/// Which rule answers.
#[rustfmt::skip]
pub const CELLS: Cells = cells! {
    State x Trigger: Outside  Member  Unsure  Fenced  Left;
    "what the store says"
    Registered:      R1       N1      N1      Z1      Z1;
    Renewed:         N2       M1      U1      Z1      Z1;
    Refused:         E1       E1      E1      Z1      Z1;
    "how long it has said nothing"
    Late:            N2       M2      U2      Z1      Z1;
    Abandoned:       N2       M3      U3      Z1      Z1;
    "the process"
    Drained:         E2       E2      E2      Z1      Z1;
};

/// What each rule does, and why. The states add what they do on entry and on exit.
#[rustfmt::skip]
pub const RULES: &[Rule<State, Op, Reason>] = &[
    rule("R1").go(Member, &[]).because("who has a lease may own sessions; it judges nobody before it was renewed"),
    // MEMBER
    rule("M1").stay(&[ArmLate, Judge])
        .because("the store has just taken this node's word, so the silence of another one is that node's own"),
    rule("M2").go(Unsure, &[])
        .because("a database that is away is away for all: nobody may be judged by a silence that this node shares"),
    rule("M3").ignore(TooLate).because("a renewal was there first"),
    // UNSURE
    rule("U1").go(Member, &[])
        .because("the sessions are still its own, and what waits is committed; the others may be as late, so it \
                  judges nobody yet"),
    rule("U2").ignore(Duplicate).because("known already"),
    rule("U3").go(Fenced, &[])
        .because("its sessions may run elsewhere by now: work whose results can be kept nowhere is not gone on with \
                  for ever"),
    // the end
    rule("E1").go(Fenced, &[])
        .because("the store has the last word: its sessions are another's, and whatever this node would still say of \
                  them may be wrong"),
    rule("E2").go(Left, &[])
        .because("its sessions are another's at once; said also before it heard that it is registered, for it may be"),
    rule("Z1").ignore(Stale)
        .because("dead is dead: what comes now was on its way, and the sessions may run elsewhere already"),
    // cells that cannot arise
    rule("N1").ignore(Impossible).because("a node is registered once"),
    rule("N2").ignore(Impossible).because("there is no lease yet"),
];

crate::table! { State, Trigger, Op, Reason; law violated_law }

/// The first law that the row breaks by its shape.
pub const fn violated_law(row: &Row) -> Option<Law> {
    if row.shape_error().is_some() {
        return Some(Law::RefusedChangesNothing);
    }
    let (acts, to) = match row.verdict {
        Verdict::Refuse(_) => return Some(Law::FactsAreNotRefused),
        Verdict::Go(to) => (true, Some(to)),
        Verdict::Stay => (true, None),
        Verdict::Ignore(_) => (false, None),
    };
    if !Op::in_order(row.ops) {
        return Some(Law::OpsInOrder);
    }
    if AbortAll.is_in(row.ops) != matches!(to, Some(Fenced)) {
        return Some(Law::FencedHoldsNothing);
    }
    if GoodBye.is_in(row.ops) != matches!(to, Some(Left)) {
        return Some(Law::LeavingIsTold);
    }
    let mut f = 0;
    while f < row.from.len() {
        let from = row.from[f];
        if acts && matches!(from, Fenced | Left) {
            return Some(Law::DeadStaysDead);
        }
        if Judge.is_in(row.ops) && !(matches!(from, Member) && to.is_none()) {
            return Some(Law::JudgedByTheSteady);
        }
        let timed = matches!(from, Member | Unsure);
        let late = matches!(to, Some(Member)) || Judge.is_in(row.ops);
        if Disarm.is_in(row.ops) != (timed && to.is_some())
            || ArmLate.is_in(row.ops) != late
            || ArmAbandon.is_in(row.ops) != matches!(to, Some(Unsure))
        {
            return Some(Law::WaitingStatesHaveATimer);
        }
        let mut t = 0;
        while t < row.on.len() {
            if let Some(law) = untrue(from, row.on[t], acts, to, row.ops) {
                return Some(law);
            }
            t += 1;
        }
        f += 1;
    }
    None
}

/// Whether what happened is so afterwards, and nothing else is.
const fn untrue(
    from: State,
    on: Trigger,
    acts: bool,
    to: Option<State>,
    ops: &[Op],
) -> Option<Law> {
    let (taken, law) = match (from, on) {
        (Fenced | Left, _) => (!acts, Law::DeadStaysDead),
        (Member, Renewed) => (acts && to.is_none() && Judge.is_in(ops), Law::OrphansFindAnOwner),
        (Outside, Registered) | (Unsure, Renewed) => (matches!(to, Some(Member)), Law::NewsIsTaken),
        (Member, Late) => (matches!(to, Some(Unsure)), Law::NewsIsTaken),
        (Outside | Member | Unsure, Refused) | (Unsure, Abandoned) => {
            (matches!(to, Some(Fenced)), Law::NewsIsTaken)
        }
        (Outside | Member | Unsure, Drained) => (matches!(to, Some(Left)), Law::NewsIsTaken),
        (Outside, Renewed | Late | Abandoned)
        | (Member, Registered | Abandoned)
        | (Unsure, Registered | Late) => (!acts, Law::NewsIsTaken),
    };
    if taken { None } else { Some(law) }
}
