//! Every rule of a connection stands in [`STATES`], [`CELLS`] and [`RULES`], and nowhere else.

use super::{Op, Phase, Trigger};
use crate::law::Law;
use crate::table::{Cells, Rule, StateOps, Verdict, cells, rule, state};
use crate::words::CloseCode::{IdleTimeout, Liveness, Protocol};
use crate::words::Reason;

use Op::*;
use Phase::*;
use Reason::*;

/// What a phase does when it is entered and when it is left, whichever rule leads there.
#[rustfmt::skip]
pub const STATES: &[StateOps<Phase, Op>] = &[
    //    phase       on entry                on exit
    state(Connecting, &[],                    &[DisarmHello]),
    state(Open,       &[],                    &[Gone]),
    state(Closing,    &[SendClose, ArmClose], &[DisarmClose]),
    state(Closed,     &[Release],             &[]),
];

/// Which rule answers.
#[rustfmt::skip]
pub const CELLS: Cells = cells! {
    Phase x Trigger: Connecting  Open  Closing  Closed;
    "the hello"
    Hello:           K1          O1    L4       Z1;
    HelloTimeout:    K2          N3    N3       N3;
    "what the peer sends"
    Prompt:          K3          O2    L1       Z1;
    Control:         K3          O2    L1       Z1;
    "what the session writes"
    Send:            N1          O3    N1       N1;
    Written:         N6          O4    N2       N2;
    "the end"
    Close:           K4          O5    L2       Z1;
    PeerClosed:      K5          O7    L3       Z1;
    Lost:            K5          O7    L3       Z1;
    Silent:          K5          O6    L3       Z1;
    CloseTimeout:    N5          N5    L3       N4;
};

/// What each rule does, and why. The phases add what they do on entry and on exit.
#[rustfmt::skip]
pub const RULES: &[Rule<Phase, Op, Reason>] = &[
    // CONNECTING
    rule("K1").go(Open, &[Admit]).because("the hello names the session; from here on it is a viewer"),
    rule("K2").go(Closing, &[Code(IdleTimeout)])
        .because("a connection without a hello is closed, never taken for another protocol"),
    rule("K3").go(Closing, &[Code(Protocol)])
        .because("nothing is heard from a connection that has not said who it is"),
    rule("K4").go(Closing, &[CodeAsAsked]).because("refused before it was open: limits, rights, drain"),
    rule("K5").go(Closed, &[]).because("gone before it was open: no session ever knew it"),
    // OPEN
    rule("O1").ignore(Stale).because("said already: one connection, one place in the session"),
    rule("O2").stay(&[Pass]).because("the session decides"),
    rule("O3").stay(&[Write]).because("the only row that writes data"),
    rule("O4").stay(&[Pass]).because("credit for the next range"),
    rule("O5").go(Closing, &[CodeAsAsked])
        .because("gone for the session at once; the handshake takes as long as it takes"),
    rule("O6").go(Closing, &[Code(Liveness)])
        .because("a half-open connection is a lost one; it may come back and resume"),
    rule("O7").go(Closed, &[])
        .because("closed or cut, it is the same loss; a close code never ends a session"),
    // CLOSING
    rule("L1").ignore(NotOpen)
        .because("a closed connection is not heard: it may never have been anybody's; a client sends again, by \
                  key, by turn or by incarnation"),
    rule("L2").ignore(AlreadyClosing).because("the first close code wins"),
    rule("L3").go(Closed, &[]).because("closed, cut or not answered in time: over"),
    rule("L4").ignore(NotOpen).because("a hello after its time is not heard"),
    // no writing unless OPEN
    rule("N1").ignore(NotOpen)
        .because("nothing is written before the hello or after the close, whoever still holds the connection \
                  (race R9)"),
    rule("N2").ignore(NotOpen).because("credit is of no use to a connection that is not open"),
    // timers that fired before they were disarmed
    rule("N3").ignore(TooLate).because("the hello, or the close, was there first"),
    rule("N4").ignore(TooLate).because("the close was there first"),
    rule("N5").ignore(Impossible).because("nothing was closed"),
    rule("N6").ignore(Impossible).because("nothing was written"),
    // CLOSED
    rule("Z1").ignore(NotOpen).because("over: whatever comes now changes nothing"),
];

crate::table! { Phase, Trigger, Op, Reason; law violated_law }

/// The first law that the row breaks by its shape.
pub const fn violated_law(row: &Row) -> Option<Law> {
    if row.shape_error().is_some() {
        return Some(Law::RefusedChangesNothing);
    }
    let mut f = 0;
    while f < row.from.len() {
        match (row.from[f], row.verdict) {
            (Closing, Verdict::Go(to)) if !matches!(to, Closed) => {
                return Some(Law::ClosingOnlyEnds);
            }
            (from, Verdict::Go(to)) if from as u8 == to as u8 => {
                return Some(Law::GoMeansElsewhere);
            }
            (from, Verdict::Go(_) | Verdict::Stay)
                if !matches!(from, Open) && Write.is_in(row.ops) =>
            {
                return Some(Law::NoSendAfterClose);
            }
            (_, Verdict::Go(_) | Verdict::Stay | Verdict::Ignore(_) | Verdict::Refuse(_)) => {}
        }
        f += 1;
    }
    if !Op::in_order(row.ops) {
        return Some(Law::OpsInOrder);
    }
    match row.verdict {
        Verdict::Refuse(_) => Some(Law::FactsAreNotRefused),
        Verdict::Go(_) | Verdict::Stay | Verdict::Ignore(_) => None,
    }
}
