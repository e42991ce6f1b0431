//! By a table of this crate's form: total, each cell with the row that rules it.

use outlive::index;
use outlive::table::{Row, Verdict};
use strum::EnumCount;

use super::{Small, State, Trigger};

use State::*;
use Trigger::*;
use Verdict::{Go, Ignore, Stay};

type R = Row<State, Trigger, (), &'static str>;

const fn go(id: &'static str, from: &'static [State], on: &'static [Trigger], to: State) -> R {
    Row::new(id, from, on, Go(to), &[()], "it goes on")
}

const fn stay(id: &'static str, from: &'static [State], on: &'static [Trigger]) -> R {
    Row::new(id, from, on, Stay, &[()], "work")
}

const fn no(id: &'static str, from: &'static [State], on: &'static [Trigger]) -> R {
    Row::new(id, from, on, Ignore("late"), &[], "late news")
}

#[rustfmt::skip]
static ROWS: &[R] = TABLE;
#[rustfmt::skip]
const TABLE: &[R] = &[
    go("C1", &[Created], &[Prompt], Starting),
    go("C2", &[Created], &[Stop, Expired, Restarted], Ended),
    stay("C3", &[Created], &[Attach, Lost]),
    no("C4", &[Created], &[Suspend, Written, Output, Started, TurnEnded, Exited]),
    go("S1", &[Starting], &[Started], Active),
    go("S2", &[Starting], &[Stop], Closing),
    go("S3", &[Starting], &[Exited, Expired, Restarted], Ended),
    stay("S4", &[Starting], &[Attach, Lost, Prompt]),
    no("S5", &[Starting], &[Suspend, Written, Output, TurnEnded]),
    go("A1", &[Active], &[Lost], Detached),
    go("A2", &[Active, Detached], &[Suspend], Suspended),
    stay("A3", &[Active], &[Attach, Prompt, Written, Output, TurnEnded]),
    no("A4", &[Active], &[Started, Expired]),
    go("D1", &[Detached, Suspended], &[Attach], Active),
    go("D2", &[Suspended], &[Expired], Detached),
    go("D3", &[Detached], &[Expired], Closing),
    stay("D4", &[Detached, Suspended], &[Prompt, Output, TurnEnded]),
    no("D5", &[Detached, Suspended], &[Lost, Written, Started]),
    no("D6", &[Suspended], &[Suspend]),
    go("U1", &[Active, Detached, Suspended], &[Stop], Closing),
    go("U2", &[Active, Detached, Suspended], &[Exited, Restarted], Ended),
    go("L1", &[Closing], &[Exited, Expired, Prompt, Restarted], Ended),
    no("L2", &[Closing], &[Attach, Lost, Suspend, Written, Output, Started, TurnEnded, Stop]),
    go("E1", &[Ended], &[Prompt], Created),
    no("E2", &[Ended], &[Attach, Lost, Suspend, Written, Output, Started, TurnEnded, Stop, Exited, Expired, Restarted]),
];

static INDEX: [[u8; Trigger::COUNT]; State::COUNT] = index!(TABLE, State, Trigger);

pub struct Machine(State);

impl Small for Machine {
    const NAME: &'static str = "outlive, its form of a table";
    type Event = Trigger;

    fn new() -> Self {
        Machine(Created)
    }

    fn event(trigger: Trigger) -> Trigger {
        trigger
    }

    #[inline]
    fn handle(&mut self, event: Trigger) {
        let row = &ROWS[INDEX[self.0 as usize][event as usize] as usize];
        match row.verdict {
            Go(state) => self.0 = state,
            Stay | Verdict::Ignore(_) | Verdict::Refuse(_) => {}
        }
    }

    #[inline]
    fn state(&self) -> u8 {
        self.0 as u8
    }
}
