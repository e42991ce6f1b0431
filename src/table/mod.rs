//! The form that all tables share, and the proof at build time that a table is total and unambiguous.
//!
//! A table is three literals:
//!
//! * `STATES`: what each state does on entry and on exit, whichever rule leads there;
//! * `CELLS`: a line for each trigger, a column for each state, in each cell the id of a rule;
//! * `RULES`: what each rule does, and why.
//!
//! [`table!`](crate::table!) makes the rows that run of them. A [`Row`] is a rule, in the states in which
//! its ops are the same: the exit ops of the state that is left, the rule's own ops, the entry ops of the
//! state that it goes to, and what follows from these, all in the one order of the ops.
//!
//! ```
//! # use outlive::table::{Cells, Rule, StateOps, Word, cells, rule, state};
//! # #[derive(Clone, Copy, Debug, PartialEq, Eq)]
//! # pub enum Door { Open, Shut }
//! # impl Word for Door {
//! #     const ALL: &'static [Door] = &[Door::Open, Door::Shut];
//! #     const NAMES: &'static [&'static str] = &["OPEN", "SHUT"];
//! #     fn place(self) -> usize { self as usize }
//! #     fn meaning(self) -> &'static str { "" }
//! # }
//! # #[derive(Clone, Copy, Debug, PartialEq, Eq)]
//! # pub enum Push { Pull, Slam }
//! # impl Word for Push {
//! #     const ALL: &'static [Push] = &[Push::Pull, Push::Slam];
//! #     const NAMES: &'static [&'static str] = &["PULL", "SLAM"];
//! #     fn place(self) -> usize { self as usize }
//! #     fn meaning(self) -> &'static str { "" }
//! # }
//! # #[derive(Clone, Copy, Debug, PartialEq, Eq)]
//! # pub enum Op { Swing, Lock, Unlock }
//! # impl Op { const fn rank(self) -> u16 { self as u16 } }
//! # use {Door::*, Op::*};
//! const STATES: &[StateOps<Door, Op>] = &[
//!     state(Open, &[],     &[]),
//!     state(Shut, &[Lock], &[Unlock]),
//! ];
//! const CELLS: Cells = cells! {
//!     Door x Push: Open Shut;
//!     "hands"
//!     Pull:       D1   D2;
//!     Slam:       D1   D3;
//! };
//! const RULES: &[Rule<Door, Op, &str>] = &[
//!     rule("D1").go(Shut, &[Swing]).because("it is not held"),
//!     rule("D2").go(Open, &[Swing]).because("whoever pulls wants to get in"),
//!     rule("D3").ignore("it is shut").because("a slam is for a door that is open"),
//! ];
//! outlive::table! { Door, Push, Op, &'static str }
//!
//! assert_eq!(TABLE.rule(Shut, Push::Slam).id, "D3");
//! assert_eq!(TABLE.rule(Open, Push::Pull).ops, [Swing, Lock]);
//! assert_eq!(TABLE.rule(Shut, Push::Pull).ops, [Swing, Unlock]);
//! ```
//!
//! A table that is not whole does not compile, and the error names the cell, the line or the rule. Here
//! a cell is missing:
//!
//! ```compile_fail
//! # use outlive::table::{Cells, Rule, StateOps, Word, cells, rule, state};
//! # #[derive(Clone, Copy, Debug, PartialEq, Eq)]
//! # pub enum Door { Open, Shut }
//! # impl Word for Door {
//! #     const ALL: &'static [Door] = &[Door::Open, Door::Shut];
//! #     const NAMES: &'static [&'static str] = &["OPEN", "SHUT"];
//! #     fn place(self) -> usize { self as usize }
//! #     fn meaning(self) -> &'static str { "" }
//! # }
//! # #[derive(Clone, Copy, Debug, PartialEq, Eq)]
//! # pub enum Push { Pull, Slam }
//! # impl Word for Push {
//! #     const ALL: &'static [Push] = &[Push::Pull, Push::Slam];
//! #     const NAMES: &'static [&'static str] = &["PULL", "SLAM"];
//! #     fn place(self) -> usize { self as usize }
//! #     fn meaning(self) -> &'static str { "" }
//! # }
//! # #[derive(Clone, Copy, Debug, PartialEq, Eq)]
//! # pub enum Op { Swing, Lock, Unlock }
//! # impl Op { const fn rank(self) -> u16 { self as u16 } }
//! # use {Door::*, Op::*};
//! const STATES: &[StateOps<Door, Op>] = &[
//!     state(Open, &[],     &[]),
//!     state(Shut, &[Lock], &[Unlock]),
//! ];
//! const CELLS: Cells = cells! {
//!     Door x Push: Open Shut;
//!     "hands"
//!     Pull:       D1   D2;
//!     Slam:       D1     ;
//! };
//! const RULES: &[Rule<Door, Op, &str>] = &[
//!     rule("D1").go(Shut, &[Swing]).because("it is not held"),
//!     rule("D2").go(Open, &[Swing]).because("whoever pulls wants to get in"),
//!     rule("D3").ignore("it is shut").because("a slam is for a door that is open"),
//! ];
//! outlive::table! { Door, Push, Op, &'static str }
//! // error: no rule for SHUT x SLAM: its line has too few cells
//! ```

mod macros;
#[doc(hidden)]
pub mod proof;

use alloc::boxed::Box;
use core::fmt;

/// A closed word: a state or a trigger of a table, or an argument of an op.
pub trait Word: Copy + Eq + 'static {
    /// All of them, in the order of their declaration.
    const ALL: &'static [Self];
    /// How each is written, in the same order.
    const NAMES: &'static [&'static str];

    /// The word's place in the order.
    fn place(self) -> usize;

    /// What it means, in one sentence.
    fn meaning(self) -> &'static str;

    /// How it is written.
    fn name(self) -> &'static str {
        Self::NAMES[self.place()]
    }
}

/// An op as the pages show it.
pub trait Operation: Copy + Ord + fmt::Display + 'static {
    /// Its word, without the argument.
    fn name(self) -> &'static str;

    /// The type of its argument, and the argument.
    fn argument(self) -> Option<(&'static str, &'static str)>;

    /// What it does, in one sentence.
    fn meaning(self) -> &'static str;
}

/// What a table says to an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict<S, R> {
    /// Act, and go to this state.
    Go(S),
    /// Act, and stay.
    Stay,
    /// An expected race: late news. Nothing changes.
    Ignore(R),
    /// The sender gets the reason. Nothing changes.
    Refuse(R),
}

impl<S, R> Verdict<S, R> {
    /// Whether the row does anything.
    pub const fn acts(&self) -> bool {
        matches!(self, Verdict::Go(_) | Verdict::Stay)
    }
}

impl<S: fmt::Display, R: fmt::Display> fmt::Display for Verdict<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Go(state) => write!(f, "go {state}"),
            Verdict::Stay => f.write_str("stay"),
            Verdict::Ignore(reason) => write!(f, "ignore ({reason})"),
            Verdict::Refuse(reason) => write!(f, "refuse ({reason})"),
        }
    }
}

/// A row, as it runs: in each of the states `from`, on each of the triggers `on`, the same happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Row<S: 'static, T: 'static, O: 'static, R> {
    /// The rule. Stands in errors, logs, traces and counterexamples, and is never used for another rule.
    pub id: &'static str,
    /// The states the row holds in.
    pub from: &'static [S],
    /// The triggers the row answers.
    pub on: &'static [T],
    /// What becomes of the event.
    pub verdict: Verdict<S, R>,
    /// What is done, in this order.
    pub ops: &'static [O],
    /// Why.
    pub because: &'static str,
}

impl<S, T, O, R> Row<S, T, O, R> {
    /// A row of its own, for checkers that add one to a table.
    pub const fn new(
        id: &'static str,
        from: &'static [S],
        on: &'static [T],
        verdict: Verdict<S, R>,
        ops: &'static [O],
        because: &'static str,
    ) -> Self {
        Row { id, from, on, verdict, ops, because }
    }

    /// The first error in the shape that every row of every table has.
    pub const fn shape_error(&self) -> Option<&'static str> {
        if self.id.is_empty() || self.because.is_empty() {
            return Some("has no id or no because");
        }
        if self.from.is_empty() || self.on.is_empty() {
            return Some("covers no cell");
        }
        match (self.verdict.acts(), self.ops.is_empty()) {
            (true, true) => Some("acts but does nothing: ignore or refuse instead"),
            (false, false) => Some("ignores or refuses, yet has ops: refused changes nothing"),
            (true, false) | (false, true) => None,
        }
    }
}

/// A table that can be run: the shipped one, or one that a checker changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table<
    S: 'static,
    T: 'static,
    O: 'static,
    R: 'static,
    const STATES: usize,
    const TRIGGERS: usize,
> {
    /// The rows, in the order of the rules.
    pub rows: &'static [Row<S, T, O, R>],
    /// `[state][trigger]` → place in `rows`.
    pub index: [[u8; TRIGGERS]; STATES],
}

impl<S: Word, T: Word, O: Copy, R: Copy, const STATES: usize, const TRIGGERS: usize>
    Table<S, T, O, R, STATES, TRIGGERS>
{
    /// The row that answers a cell.
    #[inline]
    pub fn rule(&self, state: S, trigger: T) -> &'static Row<S, T, O, R> {
        &self.rows[usize::from(self.index[state.place()][trigger.place()])]
    }

    /// The table with each row of one rule changed, for checkers. It lives as long as the process.
    #[must_use]
    pub fn with(&self, id: &str, change: impl FnMut(&mut Row<S, T, O, R>)) -> &'static Self {
        let mut rows = self.rows.to_vec();
        rows.iter_mut().filter(|row| row.id == id).for_each(change);
        Box::leak(Box::new(Table { rows: rows.leak(), index: self.index }))
    }
}

/// What a state does on entry and on exit, whichever rule leads there.
#[derive(Clone, Copy, Debug)]
pub struct StateOps<S, O: 'static> {
    /// The state.
    pub state: S,
    /// What every rule does that goes to it from elsewhere.
    pub entry: &'static [O],
    /// What every rule does that leaves it.
    pub exit: &'static [O],
}

/// A line of `STATES`.
pub const fn state<S, O>(state: S, entry: &'static [O], exit: &'static [O]) -> StateOps<S, O> {
    StateOps { state, entry, exit }
}

/// The grid: which rule answers in which state.
#[derive(Clone, Copy, Debug)]
pub struct Cells {
    /// The states, as numbers, in the order of the columns.
    pub columns: &'static [usize],
    /// The lines, in the order of the triggers.
    pub lines: &'static [Line],
}

/// A line of the grid.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// The heading that it stands under: where the trigger comes from.
    pub group: &'static str,
    /// The trigger, as a number.
    pub on: usize,
    /// The id of a rule for each state.
    pub rules: &'static [&'static str],
}

/// Quotes the ids in a grid, so that it reads as one. What it makes is data: [`Cells`].
#[macro_export]
#[doc(hidden)]
macro_rules! __cells {
    ($State:ident x $Trigger:ident: $($state:ident)+; $($group:literal $($on:ident: $($id:ident)+;)+)+) => {
        $crate::table::Cells {
            columns: &[$($State::$state as usize),+],
            lines: &[$($($crate::table::Line {
                group: $group,
                on: $Trigger::$on as usize,
                rules: &[$(stringify!($id)),+],
            }),+),+],
        }
    };
}
#[doc(inline)]
pub use __cells as cells;

/// A rule: what is done, wherever [`Cells`] names it.
#[derive(Clone, Copy, Debug)]
pub struct Rule<S, O: 'static, R> {
    /// Its id.
    pub id: &'static str,
    /// What becomes of the event.
    pub verdict: Verdict<S, R>,
    /// What is done besides what the states and the other ops entail.
    pub ops: &'static [O],
    /// Why.
    pub because: &'static str,
}

/// The beginning of a rule: its id.
#[derive(Clone, Copy, Debug)]
#[must_use = "a rule has a verdict"]
pub struct Id(&'static str);

/// A line of `RULES` begins with its id, which is never used for another rule.
pub const fn rule(id: &'static str) -> Id {
    Id(id)
}

impl Id {
    /// Act, and go to another state.
    pub const fn go<S, O, R>(self, to: S, ops: &'static [O]) -> Rule<S, O, R> {
        Rule { id: self.0, verdict: Verdict::Go(to), ops, because: "" }
    }

    /// Act, and stay.
    pub const fn stay<S, O, R>(self, ops: &'static [O]) -> Rule<S, O, R> {
        Rule { id: self.0, verdict: Verdict::Stay, ops, because: "" }
    }

    /// An expected race: nothing changes.
    pub const fn ignore<S, O, R>(self, why: R) -> Rule<S, O, R> {
        Rule { id: self.0, verdict: Verdict::Ignore(why), ops: &[], because: "" }
    }

    /// The sender gets the reason; nothing changes.
    pub const fn refuse<S, O, R>(self, why: R) -> Rule<S, O, R> {
        Rule { id: self.0, verdict: Verdict::Refuse(why), ops: &[], because: "" }
    }
}

impl<S: Copy, O, R: Copy> Rule<S, O, R> {
    /// Why.
    #[must_use]
    pub const fn because(self, because: &'static str) -> Self {
        Rule { because, ..self }
    }
}

/// The most ops that a row can have.
const MOST_OPS: usize = 24;

/// The ops of a row while it is made, in order.
#[derive(Clone, Copy, Debug)]
pub struct Ops<O> {
    list: [Option<(u16, O)>; MOST_OPS],
    count: usize,
}

impl<O: Copy> Ops<O> {
    /// None.
    pub const NONE: Ops<O> = Ops { list: [None; MOST_OPS], count: 0 };

    /// How many.
    pub const fn count(&self) -> usize {
        self.count
    }

    /// The one at a place.
    pub const fn get(&self, place: usize) -> Option<O> {
        match self.list[place] {
            Some((_, op)) => Some(op),
            None => None,
        }
    }

    const fn rank(&self, place: usize) -> u16 {
        match self.list[place] {
            Some((rank, _)) => rank,
            None => u16::MAX,
        }
    }

    /// Adds an op at the place that its rank gives it. False if it is there already.
    pub const fn add(&mut self, rank: u16, op: O) -> bool {
        let mut place = self.count;
        while place > 0 && self.rank(place - 1) >= rank {
            place -= 1;
        }
        if self.rank(place) == rank {
            return false;
        }
        let mut last = self.count;
        while last > place {
            self.list[last] = self.list[last - 1];
            last -= 1;
        }
        self.list[place] = Some((rank, op));
        self.count += 1;
        true
    }

    /// Takes out the one at a place.
    pub const fn remove(&mut self, place: usize) {
        let mut next = place + 1;
        while next < self.count {
            self.list[next - 1] = self.list[next];
            next += 1;
        }
        self.count -= 1;
        self.list[self.count] = None;
    }

    const fn is(&self, other: &Self) -> bool {
        let mut place = 0;
        while place < self.count {
            if self.rank(place) != other.rank(place) {
                return false;
            }
            place += 1;
        }
        self.count == other.count
    }
}
