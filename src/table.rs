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

use alloc::boxed::Box;
use core::fmt;

use crate::words::Reason;

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
    /// The sender is told why. Nothing changes.
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

impl<S: Copy, T, O> Row<S, T, O, Reason> {
    /// Whether its cells can arise.
    pub fn is_possible(&self) -> bool {
        !matches!(self.verdict, Verdict::Ignore(Reason::Impossible))
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

    /// The sender is told why: nothing changes.
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

/// What [`table!`](crate::table!) calls: not for use by itself.
#[doc(hidden)]
pub mod __private {
    use super::{Cells, Ops, Row, Rule};

    /// Holds the grid against the words and the rules: `[state][trigger]` → place in `rules`.
    pub const fn places<S, O, R, const STATES: usize, const TRIGGERS: usize>(
        cells: &Cells,
        rules: &[Rule<S, O, R>],
        states: &[&str],
        triggers: &[&str],
    ) -> [[u8; TRIGGERS]; STATES] {
        let mut s = 0;
        while s < STATES {
            if s >= cells.columns.len() {
                fail(&["the column ", states[s], " is missing"]);
            }
            if cells.columns[s] != s {
                let other = states[cells.columns[s]];
                fail(&[
                    "the column ",
                    states[s],
                    " is missing, or out of order: ",
                    other,
                    " is there",
                ]);
            }
            s += 1;
        }
        let mut places = [[0; TRIGGERS]; STATES];
        let mut used = [false; 255];
        let mut t = 0;
        while t < TRIGGERS {
            if t >= cells.lines.len() {
                fail(&["the line ", triggers[t], " is missing"]);
            }
            let line = &cells.lines[t];
            if line.on != t {
                let other = triggers[line.on];
                fail(&[
                    "the line ",
                    triggers[t],
                    " is missing, or out of order: ",
                    other,
                    " is there",
                ]);
            }
            let mut s = 0;
            while s < STATES {
                let cell = [states[s], " x ", triggers[t]];
                if s >= line.rules.len() {
                    fail(&[
                        "no rule for ",
                        cell[0],
                        cell[1],
                        cell[2],
                        ": its line has too few cells",
                    ]);
                }
                let Some(place) = find(rules, line.rules[s]) else {
                    fail(&[
                        "no rule ",
                        line.rules[s],
                        ", which is named for ",
                        cell[0],
                        cell[1],
                        cell[2],
                    ]);
                };
                places[s][t] = place as u8;
                used[place] = true;
                s += 1;
            }
            if line.rules.len() > STATES {
                fail(&["the line ", triggers[t], " has more cells than there are states"]);
            }
            t += 1;
        }
        if cells.lines.len() > TRIGGERS {
            fail(&["there is a line after ", triggers[TRIGGERS - 1], ", the last trigger"]);
        }
        let mut r = 0;
        while r < rules.len() {
            if !used[r] {
                fail(&["rule ", rules[r].id, " stands in no cell"]);
            }
            if !matches!(find(rules, rules[r].id), Some(first) if first == r) {
                fail(&["two rules ", rules[r].id]);
            }
            if rules[r].because.is_empty() {
                fail(&["rule ", rules[r].id, " has no because"]);
            }
            rectangular(&places, r, rules[r].id, states, triggers);
            r += 1;
        }
        places
    }

    const fn find<S, O, R>(rules: &[Rule<S, O, R>], id: &str) -> Option<usize> {
        let mut r = 0;
        while r < rules.len() {
            if is(rules[r].id, id) {
                return Some(r);
            }
            r += 1;
        }
        None
    }

    const fn is(one: &str, other: &str) -> bool {
        let (one, other) = (one.as_bytes(), other.as_bytes());
        let mut b = 0;
        while b < one.len() && b < other.len() && one[b] == other[b] {
            b += 1;
        }
        b == one.len() && b == other.len()
    }

    /// A rule holds in each of its states on each of its triggers, so that it can be said in one line.
    const fn rectangular<const STATES: usize, const TRIGGERS: usize>(
        places: &[[u8; TRIGGERS]; STATES],
        rule: usize,
        id: &str,
        states: &[&str],
        triggers: &[&str],
    ) {
        let mut first = None;
        let mut s = 0;
        while s < STATES {
            if uses(&places[s], rule) {
                let of = match first {
                    Some(of) => of,
                    None => s,
                };
                first = Some(of);
                let mut t = 0;
                while t < TRIGGERS {
                    let here = places[s][t] as usize == rule;
                    if here != (places[of][t] as usize == rule) {
                        let (has, lacks) = if here { (s, of) } else { (of, s) };
                        let on = triggers[t];
                        fail(&[
                            "rule ",
                            id,
                            " answers ",
                            states[has],
                            " x ",
                            on,
                            " and not ",
                            states[lacks],
                            " x ",
                            on,
                            ": a rule holds in each of its states on each of its triggers",
                        ]);
                    }
                    t += 1;
                }
            }
            s += 1;
        }
    }

    /// Whether a rule stands in the cells of a state.
    pub const fn uses<const TRIGGERS: usize>(cells: &[u8; TRIGGERS], rule: usize) -> bool {
        let mut t = 0;
        while t < TRIGGERS {
            if cells[t] as usize == rule {
                return true;
            }
            t += 1;
        }
        false
    }

    /// Values of one kind that rows have slices of.
    #[derive(Clone, Copy)]
    pub struct Pool<X, const CAPACITY: usize> {
        items: [X; CAPACITY],
        pub count: usize,
    }

    impl<X: Copy, const CAPACITY: usize> Pool<X, CAPACITY> {
        const fn push(&mut self, item: X) {
            self.items[self.count] = item;
            self.count += 1;
        }

        /// Those that there are.
        pub const fn shrunk<const COUNT: usize>(&self) -> [X; COUNT] {
            let mut items = [self.items[0]; COUNT];
            let mut i = 0;
            while i < COUNT {
                items[i] = self.items[i];
                i += 1;
            }
            items
        }
    }

    /// A row before it is one: its rule, and where its states, triggers and ops begin and end.
    #[derive(Clone, Copy)]
    pub struct Plan {
        pub rule: usize,
        states: (usize, usize),
        triggers: (usize, usize),
        ops: (usize, usize),
    }

    /// The rows of a table before they are made.
    pub struct Expansion<S, T, O, const STATES: usize, const TRIGGERS: usize> {
        pub rows: Pool<Plan, 255>,
        pub states: Pool<S, 1024>,
        pub triggers: Pool<T, 2048>,
        pub ops: Pool<O, 2048>,
        pub index: [[u8; TRIGGERS]; STATES],
    }

    /// A row for each rule, and for each kind of ops that it has in its states.
    pub const fn expand<S: Copy, T: Copy, O: Copy, const STATES: usize, const TRIGGERS: usize>(
        places: &[[u8; TRIGGERS]; STATES],
        ops: &[[Ops<O>; STATES]],
        states: &[S],
        triggers: &[T],
        any: O,
    ) -> Expansion<S, T, O, STATES, TRIGGERS> {
        let plan = Plan { rule: 0, states: (0, 0), triggers: (0, 0), ops: (0, 0) };
        let mut made = Expansion {
            rows: Pool { items: [plan; 255], count: 0 },
            states: Pool { items: [states[0]; 1024], count: 0 },
            triggers: Pool { items: [triggers[0]; 2048], count: 0 },
            ops: Pool { items: [any; 2048], count: 0 },
            index: [[u8::MAX; TRIGGERS]; STATES],
        };
        let mut rule = 0;
        while rule < ops.len() {
            let mut done = [false; STATES];
            let mut s = 0;
            while s < STATES {
                if !done[s] && uses(&places[s], rule) {
                    let begin = (made.states.count, made.triggers.count, made.ops.count);
                    let mut also = s;
                    while also < STATES {
                        if uses(&places[also], rule) && ops[rule][also].is(&ops[rule][s]) {
                            made.states.push(states[also]);
                            done[also] = true;
                            let mut t = 0;
                            while t < TRIGGERS {
                                if places[also][t] as usize == rule {
                                    made.index[also][t] = made.rows.count as u8;
                                }
                                t += 1;
                            }
                        }
                        also += 1;
                    }
                    let mut t = 0;
                    while t < TRIGGERS {
                        if places[s][t] as usize == rule {
                            made.triggers.push(triggers[t]);
                        }
                        t += 1;
                    }
                    let mut o = 0;
                    while let (true, Some(op)) = (o < ops[rule][s].count, ops[rule][s].get(o)) {
                        made.ops.push(op);
                        o += 1;
                    }
                    made.rows.push(Plan {
                        rule,
                        states: (begin.0, made.states.count),
                        triggers: (begin.1, made.triggers.count),
                        ops: (begin.2, made.ops.count),
                    });
                }
                s += 1;
            }
            rule += 1;
        }
        made
    }

    /// The row of a plan.
    pub const fn row<S: Copy, T: Copy, O: Copy, R: Copy>(
        plan: &Plan,
        rules: &[Rule<S, O, R>],
        states: &'static [S],
        triggers: &'static [T],
        ops: &'static [O],
    ) -> Row<S, T, O, R> {
        let Rule { id, verdict, because, .. } = rules[plan.rule];
        let (from, on) = (part(states, plan.states), part(triggers, plan.triggers));
        Row { id, from, on, verdict, ops: part(ops, plan.ops), because }
    }

    const fn part<X>(of: &'static [X], (begin, end): (usize, usize)) -> &'static [X] {
        of.split_at(end).0.split_at(begin).1
    }

    /// An op of the rules, to make arrays with.
    pub const fn any<S, O: Copy, R>(rules: &[Rule<S, O, R>]) -> O {
        let mut r = 0;
        while r < rules.len() {
            if !rules[r].ops.is_empty() {
                return rules[r].ops[0];
            }
            r += 1;
        }
        fail(&["no rule has an op"])
    }

    /// Fails the build with these words, joined.
    pub const fn fail(words: &[&str]) -> ! {
        let mut text = [0u8; 400];
        let mut length = 0;
        let mut w = 0;
        while w < words.len() {
            let bytes = words[w].as_bytes();
            let mut b = 0;
            while b < bytes.len() && length < text.len() {
                text[length] = bytes[b];
                length += 1;
                b += 1;
            }
            w += 1;
        }
        match core::str::from_utf8(text.split_at(length).0) {
            Ok(message) => panic!("{}", message),
            Err(_) => panic!("a table is not well formed"),
        }
    }
}

/// Makes a table of `STATES`, `CELLS` and `RULES`, which stand beside it: `Row`, `Table`, `ROWS`, `INDEX`
/// and `TABLE`. See the [module](crate::table).
///
/// It names the states, the triggers, the ops and the reasons. States and triggers are fieldless and
/// [`Word`](crate::table::Word)s; an op has a `const fn rank(self) -> u16`, its place in the order. `also`
/// names a `const fn(&Verdict, &mut Ops)` that adds the ops which follow from others; `law` a
/// `const fn(&Row)` that returns the law which a row breaks by its shape. There may be at most 254 rows.
#[macro_export]
macro_rules! table {
    ($State:ty, $Trigger:ty, $Op:ty, $Reason:ty $(; also $also:path)? $(; law $law:path)? $(;)?) => {
        /// A row of the table: a rule, in the states in which its ops are the same.
        pub type Row = $crate::table::Row<$State, $Trigger, $Op, $Reason>;

        /// The shipped table, or one that a checker changed.
        pub type Table = $crate::table::Table<
            $State,
            $Trigger,
            $Op,
            $Reason,
            { <$State as $crate::table::Word>::ALL.len() },
            { <$Trigger as $crate::table::Word>::ALL.len() },
        >;

        /// The rows that run, in the order of the rules.
        pub const ROWS: &[Row] = &Made::ROWS;

        /// `[state][trigger]` → place in [`ROWS`].
        pub const INDEX: [[u8; Made::TRIGGERS]; Made::STATES] = Made::EXPANSION.index;

        /// The shipped table.
        pub static TABLE: Table = Table { rows: ROWS, index: INDEX };

        /// The steps from the three literals to the rows.
        struct Made;

        #[allow(clippy::large_const_arrays, reason = "they are not there when the program runs")]
        impl Made {
            const STATES: usize = <$State as $crate::table::Word>::ALL.len();
            const TRIGGERS: usize = <$Trigger as $crate::table::Word>::ALL.len();
            const PLACES: [[u8; Made::TRIGGERS]; Made::STATES] = $crate::table::__private::places(
                &CELLS,
                RULES,
                <$State as $crate::table::Word>::NAMES,
                <$Trigger as $crate::table::Word>::NAMES,
            );
            const OPS: [[$crate::table::Ops<$Op>; Made::STATES]; RULES.len()] = Made::ops();
            const EXPANSION: $crate::table::__private::Expansion<
                $State,
                $Trigger,
                $Op,
                { Made::STATES },
                { Made::TRIGGERS },
            > = $crate::table::__private::expand(
                &Made::PLACES,
                &Made::OPS,
                <$State as $crate::table::Word>::ALL,
                <$Trigger as $crate::table::Word>::ALL,
                $crate::table::__private::any(RULES),
            );
            const FROM: &'static [$State] =
                &Made::EXPANSION.states.shrunk::<{ Made::EXPANSION.states.count }>();
            const ON: &'static [$Trigger] =
                &Made::EXPANSION.triggers.shrunk::<{ Made::EXPANSION.triggers.count }>();
            const ALL_OPS: &'static [$Op] =
                &Made::EXPANSION.ops.shrunk::<{ Made::EXPANSION.ops.count }>();
            const ROWS: [Row; Made::EXPANSION.rows.count] = Made::rows();

            /// The ops of each rule in each of its states.
            const fn ops() -> [[$crate::table::Ops<$Op>; Made::STATES]; RULES.len()] {
                let mut all = [[$crate::table::Ops::NONE; Made::STATES]; RULES.len()];
                let mut s = 0;
                while s < Made::STATES {
                    let name = <$State as $crate::table::Word>::NAMES[s];
                    if s >= STATES.len() || STATES[s].state as usize != s {
                        let words = ["the state ", name, " is missing in STATES, or out of order"];
                        $crate::table::__private::fail(&words);
                    }
                    let mut r = 0;
                    while r < RULES.len() {
                        if $crate::table::__private::uses(&Made::PLACES[s], r) {
                            all[r][s] = Made::ops_of(s, &RULES[r]);
                        }
                        r += 1;
                    }
                    s += 1;
                }
                all
            }

            /// Exit ops, the rule's ops, entry ops, and what follows from these.
            const fn ops_of(
                from: usize,
                rule: &$crate::table::Rule<$State, $Op, $Reason>,
            ) -> $crate::table::Ops<$Op> {
                let mut parts: [&[$Op]; 3] = [&[], &[], rule.ops];
                if let $crate::table::Verdict::Go(to) = rule.verdict {
                    parts = [STATES[from].exit, STATES[to as usize].entry, rule.ops];
                }
                let mut ops = $crate::table::Ops::NONE;
                let mut p = 0;
                while p < parts.len() {
                    let mut o = 0;
                    while o < parts[p].len() {
                        if !ops.add(parts[p][o].rank(), parts[p][o]) {
                            let words = ["rule ", rule.id, " has an op twice, or one of its states"];
                            $crate::table::__private::fail(&words);
                        }
                        o += 1;
                    }
                    p += 1;
                }
                $(if rule.verdict.acts() {
                    $also(&rule.verdict, &mut ops);
                })?
                ops
            }

            const fn rows() -> [Row; Made::EXPANSION.rows.count] {
                let plans = Made::EXPANSION.rows.shrunk::<{ Made::EXPANSION.rows.count }>();
                let (from, on, ops) = (Made::FROM, Made::ON, Made::ALL_OPS);
                let mut rows = [$crate::table::__private::row(&plans[0], RULES, from, on, ops); Made::EXPANSION.rows.count];
                let mut r = 0;
                while r < rows.len() {
                    rows[r] = $crate::table::__private::row(&plans[r], RULES, from, on, ops);
                    Made::prove(&rows[r]);
                    r += 1;
                }
                rows
            }

            /// Fails the build over a row that is not well formed, or breaks a law.
            const fn prove(row: &Row) {
                if let Some(error) = row.shape_error() {
                    $crate::table::__private::fail(&["rule ", row.id, " ", error]);
                }
                $(if let Some(law) = $law(row) {
                    $crate::table::__private::fail(&[
                        <$State as $crate::table::Word>::NAMES[row.from[0] as usize],
                        " x ",
                        <$Trigger as $crate::table::Word>::NAMES[row.on[0] as usize],
                        ": rule ",
                        row.id,
                        " breaks ",
                        law.into_str(),
                        ": ",
                        law.meaning(),
                    ]);
                })?
            }
        }
    };
}
