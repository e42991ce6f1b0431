//! The steps from the three literals to the rows, for [`table!`](crate::table!) and not for use by
//! themselves: the grid is held against the words and the rules, then each rule becomes a row for each kind of
//! ops that it has in its states. All of it runs while the crate is compiled.
#![allow(clippy::cast_possible_truncation, reason = "there are at most 254 rows")]
#![allow(missing_docs, reason = "not for use by itself")]

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
            fail(&["the column ", states[s], " is missing, or out of order: ", other, " is there"]);
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
            fail(&["the line ", triggers[t], " is missing, or out of order: ", other, " is there"]);
        }
        let mut s = 0;
        while s < STATES {
            let cell = [states[s], " x ", triggers[t]];
            if s >= line.rules.len() {
                fail(&["no rule for ", cell[0], cell[1], cell[2], ": its line has too few cells"]);
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
        if !matches!(find(rules, rules[r].id), Some(first) if first == r) {
            fail(&["two rules ", rules[r].id]);
        }
        if !used[r] {
            fail(&["rule ", rules[r].id, " stands in no cell"]);
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
