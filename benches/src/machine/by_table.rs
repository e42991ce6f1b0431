//! By a table of this crate's form: total, each cell with the rule that answers it.

use outlive::table::{Cells, Rule, StateOps, Verdict, Word, cells, rule, state};
use strum::{VariantArray, VariantNames};

use super::{Small, State, Trigger};

use Op::Work;
use State::*;

#[derive(Clone, Copy)]
enum Op {
    Work,
}

impl Op {
    const fn rank(self) -> u16 {
        self as u16
    }
}

impl Word for State {
    const ALL: &'static [State] = <State as VariantArray>::VARIANTS;
    const NAMES: &'static [&'static str] = <State as VariantNames>::VARIANTS;

    fn place(self) -> usize {
        self as usize
    }

    fn meaning(self) -> &'static str {
        ""
    }
}

impl Word for Trigger {
    const ALL: &'static [Trigger] = <Trigger as VariantArray>::VARIANTS;
    const NAMES: &'static [&'static str] = <Trigger as VariantNames>::VARIANTS;

    fn place(self) -> usize {
        self as usize
    }

    fn meaning(self) -> &'static str {
        ""
    }
}

const STATES: &[StateOps<State, Op>] = &[
    state(Created, &[], &[]),
    state(Starting, &[], &[]),
    state(Active, &[], &[]),
    state(Detached, &[], &[]),
    state(Suspended, &[], &[]),
    state(Closing, &[], &[]),
    state(Ended, &[], &[]),
];

#[rustfmt::skip]
const CELLS: Cells = cells! {
    State x Trigger: Created   Starting  Active    Detached  Suspended Closing   Ended;
    "all that can happen"
    Attach:          C3        S4        A3        D1        D1        L2        E2;
    Lost:            C3        S4        A1        D5        D5        L2        E2;
    Suspend:         C4        S5        A2        A2        D6        L2        E2;
    Prompt:          C1        S4        A3        D4        D4        L1        E1;
    Written:         C4        S5        A3        D5        D5        L2        E2;
    Output:          C4        S5        A3        D4        D4        L2        E2;
    Started:         C4        S1        A4        D5        D5        L2        E2;
    TurnEnded:       C4        S5        A3        D4        D4        L2        E2;
    Stop:            C2        S2        U1        U1        U1        L2        E2;
    Exited:          C4        S3        U2        U2        U2        L1        E2;
    Expired:         C2        S3        A4        D3        D2        L1        E2;
    Restarted:       C2        S3        U2        U2        U2        L1        E2;
};

#[rustfmt::skip]
const RULES: &[Rule<State, Op, &str>] = &[
    rule("C1").go(Starting, &[Work]).because("it goes on"),
    rule("C2").go(Ended, &[Work]).because("it goes on"),
    rule("C3").stay(&[Work]).because("work"),
    rule("C4").ignore("late").because("late news"),
    rule("S1").go(Active, &[Work]).because("it goes on"),
    rule("S2").go(Closing, &[Work]).because("it goes on"),
    rule("S3").go(Ended, &[Work]).because("it goes on"),
    rule("S4").stay(&[Work]).because("work"),
    rule("S5").ignore("late").because("late news"),
    rule("A1").go(Detached, &[Work]).because("it goes on"),
    rule("A2").go(Suspended, &[Work]).because("it goes on"),
    rule("A3").stay(&[Work]).because("work"),
    rule("A4").ignore("late").because("late news"),
    rule("D1").go(Active, &[Work]).because("it goes on"),
    rule("D2").go(Detached, &[Work]).because("it goes on"),
    rule("D3").go(Closing, &[Work]).because("it goes on"),
    rule("D4").stay(&[Work]).because("work"),
    rule("D5").ignore("late").because("late news"),
    rule("D6").ignore("late").because("late news"),
    rule("U1").go(Closing, &[Work]).because("it goes on"),
    rule("U2").go(Ended, &[Work]).because("it goes on"),
    rule("L1").go(Ended, &[Work]).because("it goes on"),
    rule("L2").ignore("late").because("late news"),
    rule("E1").go(Created, &[Work]).because("it goes on"),
    rule("E2").ignore("late").because("late news"),
];

outlive::table! { State, Trigger, Op, &'static str }

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
        let row = TABLE.rule(self.0, event);
        match row.verdict {
            Verdict::Go(state) => self.0 = state,
            Verdict::Stay | Verdict::Ignore(_) | Verdict::Refuse(_) => {}
        }
    }

    #[inline]
    fn state(&self) -> u8 {
        self.0 as u8
    }
}
