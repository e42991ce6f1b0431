//! Every rule of a connection stands in [`ROWS`], and nowhere else.

use strum::EnumCount;

use super::{Op, Phase, Trigger};
use crate::table::{self, Verdict, fail};
use crate::words::{CloseCode, Reason};

use Op::*;
use Phase::*;
use Trigger::*;
use Verdict::{Go, Ignore, Stay};

/// A row of the connection's table.
pub type Row = table::Row<Phase, Trigger, Op, Reason>;

const fn row(
    id: &'static str,
    from: &'static [Phase],
    on: &'static [Trigger],
    verdict: Verdict<Phase, Reason>,
    ops: &'static [Op],
    because: &'static str,
) -> Row {
    Row::new(id, from, on, verdict, ops, because)
}

/// The connection's table.
#[rustfmt::skip]
pub const ROWS: &[Row] = &[
    //   id    from                      on                           verdict                    ops, in this order                                   because
    // CONNECTING
    row("K1", &[Connecting],             &[Hello],                    Go(Open),                  &[Admit, DisarmHello],                               "the hello names the session; from here on it is a viewer"),
    row("K2", &[Connecting],             &[HelloTimeout],             Go(Closing),               &[Code(CloseCode::IdleTimeout), SendClose, ArmClose], "a connection without a hello is closed, never taken for another protocol (F-97)"),
    row("K3", &[Connecting],             &[Prompt, Control],          Go(Closing),               &[Code(CloseCode::Protocol), SendClose, DisarmHello, ArmClose], "nothing is heard from a connection that has not said who it is"),
    row("K4", &[Connecting],             &[Close],                    Go(Closing),               &[CodeAsAsked, SendClose, DisarmHello, ArmClose],    "refused before it was open: limits, rights, drain"),
    row("K5", &[Connecting],             &[PeerClosed, Lost, Silent], Go(Closed),                &[DisarmHello, Release],                             "gone before it was open: no session ever knew it (F-63)"),
    // OPEN
    row("O1", &[Open],                   &[Hello],                    Ignore(Reason::Stale),     &[],                                                 "said already: one connection, one place in the session (F-47)"),
    row("O2", &[Open],                   &[Prompt, Control],          Stay,                      &[Pass],                                             "the session decides"),
    row("O3", &[Open],                   &[Send],                     Stay,                      &[Write],                                            "the only row that writes data"),
    row("O4", &[Open],                   &[Written],                  Stay,                      &[Pass],                                             "credit for the next range"),
    row("O5", &[Open],                   &[Close],                    Go(Closing),               &[CodeAsAsked, SendClose, ArmClose, Gone],           "gone for the session at once; the handshake takes as long as it takes"),
    row("O6", &[Open],                   &[Silent],                   Go(Closing),               &[Code(CloseCode::Liveness), SendClose, ArmClose, Gone], "a half-open connection is a lost one; it may come back and resume"),
    row("O7", &[Open],                   &[PeerClosed, Lost],         Go(Closed),                &[Gone, Release],                                    "closed or cut, it is the same loss; a close code never ends a session"),
    // CLOSING
    row("L1", &[Closing],                &[Prompt, Control],          Ignore(Reason::NotOpen),   &[],                                                 "a closed connection is not heard: it may never have been anybody's; a client sends again, by key, by turn or by incarnation"),
    row("L2", &[Closing],                &[Close],                    Ignore(Reason::AlreadyClosing), &[],                                            "the first close code wins"),
    row("L3", &[Closing],                &[PeerClosed, Lost, Silent, CloseTimeout], Go(Closed),  &[DisarmClose, Release],                             "closed, cut or not answered in time: over"),
    row("L4", &[Closing],                &[Hello],                    Ignore(Reason::NotOpen),   &[],                                                 "a hello after its time is not heard (F-97)"),
    // no writing unless OPEN
    row("N1", &[Connecting, Closing, Closed], &[Send],                Ignore(Reason::NotOpen),   &[],                                                 "nothing is written before the hello or after the close, whoever still holds the connection (F-01 to F-09, race R9)"),
    row("N2", &[Closing, Closed],        &[Written],                       Ignore(Reason::NotOpen),   &[],                                                 "credit is of no use to a connection that is not open"),
    // timers that fired before they were disarmed
    row("N3", &[Open, Closing, Closed],  &[HelloTimeout],             Ignore(Reason::TooLate),   &[],                                                 "the hello, or the close, was there first"),
    row("N4", &[Closed],                 &[CloseTimeout],             Ignore(Reason::TooLate),   &[],                                                 "the close was there first"),
    row("N5", &[Connecting, Open],       &[CloseTimeout],             Ignore(Reason::Impossible), &[],                                                "nothing was closed"),
    row("N6", &[Connecting],             &[Written],                  Ignore(Reason::Impossible), &[],                                                "nothing was written"),
    // CLOSED
    row("Z1", &[Closed],                 &[Hello, Prompt, Control, Close, PeerClosed, Lost, Silent], Ignore(Reason::NotOpen), &[],                   "over: whatever comes now changes nothing"),
];

/// `[phase][trigger]` → place in [`ROWS`].
pub const INDEX: [[u8; Trigger::COUNT]; Phase::COUNT] = crate::index!(ROWS, Phase, Trigger);

/// A table a connection can run on: the shipped one, or one that the checker changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// The rows.
    pub rows: &'static [Row],
    /// `[phase][trigger]` → place in `rows`.
    pub index: [[u8; Trigger::COUNT]; Phase::COUNT],
}

/// The shipped table.
pub static TABLE: Table = Table { rows: ROWS, index: INDEX };

impl Table {
    /// The row for a cell.
    pub const fn rule(&self, phase: Phase, trigger: Trigger) -> &'static Row {
        &self.rows[self.index[phase as usize][trigger as usize] as usize]
    }
}

/// The first law that the row breaks by its shape.
pub const fn broken(row: &Row) -> Option<crate::laws::Law> {
    use crate::laws::Law;
    if row.misshapen().is_some() {
        return Some(Law::RefusedChangesNothing);
    }
    let mut f = 0;
    while f < row.from.len() {
        match (row.from[f], row.verdict) {
            (Closing, Go(to)) if !matches!(to, Closed) => return Some(Law::ClosingOnlyEnds),
            (from, Go(to)) if from as u8 == to as u8 => return Some(Law::GoMeansElsewhere),
            (from, Go(_) | Stay) if !matches!(from, Open) && has_write(row.ops) => {
                return Some(Law::NoSendAfterClose);
            }
            (_, Go(_) | Stay | Ignore(_) | Verdict::Refuse(_)) => {}
        }
        f += 1;
    }
    let mut o = 1;
    while o < row.ops.len() {
        if row.ops[o - 1].rank() >= row.ops[o].rank() {
            return Some(Law::OpsInOrder);
        }
        o += 1;
    }
    match row.verdict {
        Verdict::Refuse(_) => Some(Law::FactsAreNotRefused),
        Go(_) | Stay | Ignore(_) => None,
    }
}

const fn has_write(ops: &[Op]) -> bool {
    let mut o = 0;
    while o < ops.len() {
        if matches!(ops[o], Write) {
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
