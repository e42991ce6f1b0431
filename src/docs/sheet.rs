//! Any of the tables in one form: words, rows and cells as text.

use alloc::vec::Vec;

use strum::VariantArray;

use super::ops::Op;
use crate::table::{Cells, Operation, Row, StateOps, Table, Verdict, Word};
use crate::words::{CloseCode, EndpointReason, Reason, State};
use crate::{client, connection, node, routing, session};

/// A table.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Sheet {
    /// Its name in file names, anchors and on the command line.
    pub name: &'static str,
    /// Its heading.
    pub title: &'static str,
    /// What it decides.
    pub about: &'static str,
    /// What its states are called, in the singular.
    pub state: &'static str,
    /// What its triggers are called, in the singular.
    pub trigger: &'static str,
    /// Where everything begins, if the table goes anywhere.
    pub initial: Option<&'static str>,
    /// The states.
    pub states: Vec<Named>,
    /// The triggers.
    pub triggers: Vec<Named>,
    /// The ops that the rows use, each word once, in the order in which they stand in rows.
    pub ops: Vec<Op>,
    /// Headings over the rows.
    pub sections: &'static [Section],
    /// What each state does on entry and on exit, in the order of the states.
    pub bounds: Vec<Bounds>,
    /// Headings over the triggers: where they come from, each with the place of its first trigger.
    pub groups: Vec<(&'static str, usize)>,
    /// The rules, in the order of the source.
    pub rows: Vec<Line>,
    /// `[state][trigger]` → place in `rows`.
    pub index: Vec<Vec<usize>>,
    /// Why a server refuses without asking its table, where the table makes a difference of it.
    pub refusals: &'static [EndpointReason],
    /// Why a server closes, where the table makes a difference of it.
    pub closes: &'static [CloseCode],
    /// States that leave alike: the diagrams draw a frame around them.
    pub group: Option<Group>,
}

/// A word and its sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Named {
    /// The word.
    pub name: &'static str,
    /// The sentence.
    pub meaning: &'static str,
}

/// A heading over the rows whose ids begin with a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Section {
    /// The letter.
    pub letter: &'static str,
    /// The heading.
    pub title: &'static str,
}

/// States that leave alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Group {
    /// Its name in diagrams.
    pub name: &'static str,
    /// What its states have in common.
    pub title: &'static str,
    /// The states.
    pub states: &'static [&'static str],
}

/// What a state does, whichever rule leads there.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Bounds {
    /// On entry.
    pub entry: Vec<Op>,
    /// On exit.
    pub exit: Vec<Op>,
}

/// A rule, with all that its rows do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Line {
    /// Its id, unique in its table.
    pub id: &'static str,
    /// The states it holds in.
    pub from: Vec<&'static str>,
    /// The triggers it answers.
    pub on: Vec<&'static str>,
    /// What becomes of the event.
    pub verdict: Verdict<&'static str, Reason>,
    /// What is done, in this order.
    pub ops: Vec<Op>,
    /// Why.
    pub because: &'static str,
}

impl Line {
    /// What is done in one of its states.
    pub fn ops_in(&self, state: &str) -> impl Iterator<Item = &Op> {
        self.ops.iter().filter(move |op| op.only_in.is_empty() || op.only_in.contains(&state))
    }

    /// Whether its cells cannot arise.
    pub fn is_impossible(&self) -> bool {
        self.verdict == Verdict::Ignore(Reason::Impossible)
    }
}

/// The sections of the session's table, as its source has them.
const SESSION: &[Section] = &[
    section("W", "everywhere: watching"),
    section("P", "everywhere: prompts and answers"),
    section("X", "everywhere: late news"),
    section("T", "a worker is up: ACTIVE, DETACHED and SUSPENDED treat it alike"),
    section("C", "CREATED"),
    section("S", "STARTING"),
    section("A", "ACTIVE"),
    section("D", "DETACHED"),
    section("U", "SUSPENDED"),
    section("L", "CLOSING: only to ENDED"),
    section("E", "ENDED: only to CREATED"),
    section("B", "the process"),
    section("G", "follow-ups: what is due is done in the same step and the same commit"),
    section("N", "cells that cannot arise; the checker proves it"),
];

/// The sections of the connection's table, as its source has them.
const CONNECTION: &[Section] = &[
    section("K", "CONNECTING"),
    section("O", "OPEN"),
    section("L", "CLOSING: only to CLOSED"),
    section("N", "no writing unless OPEN, and timers that fired before they were disarmed"),
    section("Z", "CLOSED"),
];

/// The sections of the client's table, as its source has them.
const CLIENT: &[Section] = &[
    section("U", "the user"),
    section("V", "page and network"),
    section("P", "prompts and commands"),
    section("B", "BACKING_OFF: the only way to a socket"),
    section("C", "CONNECTING"),
    section("A", "ATTACHING"),
    section("E", "what the server sends, and what is applied"),
    section("L", "the connection ends, or lasts"),
    section("F", "follow-ups: what is due is done in the same step"),
    section("X", "late news"),
    section("N", "cells that cannot arise; the checker proves it"),
];

const ROUTING: &[Section] = &[section("Q", "before any command")];

/// The sections of the node's table, as its source has them.
const NODE: &[Section] = &[
    section("R", "OUTSIDE"),
    section("M", "MEMBER"),
    section("U", "UNSURE"),
    section("E", "the end, from wherever it comes"),
    section("Z", "FENCED and LEFT: for good"),
    section("N", "cells that cannot arise"),
];

const fn section(letter: &'static str, title: &'static str) -> Section {
    Section { letter, title }
}

impl Sheet {
    /// All tables.
    pub fn all() -> [Sheet; 5] {
        let (session, connection) = (Sheet::session(), Sheet::connection());
        [session, connection, Sheet::routing(), Sheet::node(), Sheet::client()]
    }

    /// The session's table.
    pub fn session() -> Sheet {
        let sheet = Sheet {
            name: "session",
            title: "The session's table",
            about: "What a session does on each event, in each state.",
            state: "state",
            trigger: "trigger",
            initial: Some(State::Created.into_str()),
            sections: SESSION,
            group: Some(Group {
                name: "UP",
                title: "a worker is up",
                states: &["ACTIVE", "DETACHED", "SUSPENDED"],
            }),
            ..Sheet::empty()
        };
        sheet.filled(&session::table::TABLE, session::table::STATES, &session::table::CELLS)
    }

    /// The connection's table.
    pub fn connection() -> Sheet {
        let sheet = Sheet {
            name: "connection",
            title: "The connection's table",
            about: "What one connection does, whatever its session is at.",
            state: "phase",
            trigger: "trigger",
            initial: Some(connection::Phase::Connecting.into_str()),
            sections: CONNECTION,
            ..Sheet::empty()
        };
        sheet.filled(
            &connection::table::TABLE,
            connection::table::STATES,
            &connection::table::CELLS,
        )
    }

    /// The routing table.
    pub fn routing() -> Sheet {
        let sheet = Sheet {
            name: "routing",
            title: "The routing table",
            about: "What is done before any command: what the store knows is held against what \
                    this process has.",
            state: "durable state",
            trigger: "runtime",
            sections: ROUTING,
            ..Sheet::empty()
        };
        sheet.filled(&routing::table::TABLE, routing::table::STATES, &routing::table::CELLS)
    }

    /// The node's table.
    pub fn node() -> Sheet {
        let sheet = Sheet {
            name: "node",
            title: "The node's table",
            about: "What a process does about its lease, where several serve one database.",
            state: "state",
            trigger: "trigger",
            initial: Some(node::State::Outside.into_str()),
            sections: NODE,
            ..Sheet::empty()
        };
        sheet.filled(&node::table::TABLE, node::table::STATES, &node::table::CELLS)
    }

    /// The client's table.
    pub fn client() -> Sheet {
        let sheet = Sheet {
            name: "client",
            title: "The client's table",
            about: "What a client does about its link to a session.",
            state: "state",
            trigger: "trigger",
            initial: Some(client::State::Stopped.into_str()),
            sections: CLIENT,
            refusals: EndpointReason::VARIANTS,
            closes: CloseCode::VARIANTS,
            group: Some(Group {
                name: "WELCOMED",
                title: "welcomed",
                states: &["REPLAYING", "LIVE", "HIDDEN"],
            }),
            ..Sheet::empty()
        };
        sheet.filled(&client::table::TABLE, client::table::STATES, &client::table::CELLS)
    }

    /// The row that answers a cell, by places in `states` and `triggers`.
    pub fn rule(&self, state: usize, trigger: usize) -> &Line {
        &self.rows[self.index[state][trigger]]
    }

    /// The row's heading.
    pub fn section_of(&self, row: &Line) -> Option<&'static Section> {
        self.sections
            .iter()
            .find(|section| row.id.trim_end_matches(|c: char| c.is_ascii_digit()) == section.letter)
    }

    fn empty() -> Sheet {
        Sheet {
            name: "",
            title: "",
            about: "",
            state: "",
            trigger: "",
            initial: None,
            states: Vec::new(),
            triggers: Vec::new(),
            ops: Vec::new(),
            bounds: Vec::new(),
            groups: Vec::new(),
            sections: &[],
            rows: Vec::new(),
            index: Vec::new(),
            refusals: &[],
            closes: &[],
            group: None,
        }
    }

    fn filled<S: Word, T: Word, O: Operation, const STATES: usize, const TRIGGERS: usize>(
        self,
        table: &Table<S, T, O, Reason, STATES, TRIGGERS>,
        states: &[StateOps<S, O>],
        cells: &Cells,
    ) -> Sheet {
        let mut used: Vec<O> = table.rows.iter().flat_map(|row| row.ops).copied().collect();
        used.sort();
        used.dedup_by_key(|op| op.name());
        let as_text = |ops: &[O]| ops.iter().map(|op| Op::of(*op)).collect();
        let bounds = states
            .iter()
            .map(|state| Bounds { entry: as_text(state.entry), exit: as_text(state.exit) });
        let mut groups: Vec<(&str, usize)> =
            cells.lines.iter().map(|line| (line.group, line.on)).collect();
        groups.dedup_by_key(|(group, _)| *group);
        // The rows of a rule stand beside each other.
        let rules: Vec<_> = table.rows.chunk_by(|row, next| row.id == next.id).collect();
        let place = |row: &u8| {
            let id = table.rows[usize::from(*row)].id;
            rules.iter().position(|rows| rows[0].id == id).unwrap_or_default()
        };
        Sheet {
            states: all::<S>(),
            triggers: all::<T>(),
            ops: as_text(&used),
            bounds: bounds.collect(),
            groups,
            rows: rules.iter().map(|rows| line(rows)).collect(),
            index: table.index.iter().map(|row| row.iter().map(place).collect()).collect(),
            ..self
        }
    }
}

fn line<S: Word, T: Word, O: Operation>(rows: &[Row<S, T, O, Reason>]) -> Line {
    let states = |row: &Row<S, T, O, Reason>| row.from.iter().map(|state| state.name());
    let mut ops: Vec<O> = rows.iter().flat_map(|row| row.ops).copied().collect();
    ops.sort();
    ops.dedup();
    let op = |op: O| {
        let does = |row: &&Row<S, T, O, Reason>| row.ops.contains(&op);
        let everywhere = rows.iter().all(|row| does(&row));
        let only_in = rows.iter().filter(|row| !everywhere && does(row)).flat_map(states);
        Op { only_in: only_in.collect(), ..Op::of(op) }
    };
    let row = &rows[0];
    Line {
        id: row.id,
        from: S::NAMES
            .iter()
            .copied()
            .filter(|name| rows.iter().any(|row| states(row).any(|from| from == *name)))
            .collect(),
        on: row.on.iter().map(|trigger| trigger.name()).collect(),
        verdict: match row.verdict {
            Verdict::Go(state) => Verdict::Go(state.name()),
            Verdict::Stay => Verdict::Stay,
            Verdict::Ignore(reason) => Verdict::Ignore(reason),
            Verdict::Refuse(reason) => Verdict::Refuse(reason),
        },
        ops: ops.into_iter().map(op).collect(),
        because: row.because,
    }
}

/// A word with its sentence.
pub(super) fn named(word: impl Word) -> Named {
    Named { name: word.name(), meaning: word.meaning() }
}

/// All words of a kind.
pub(super) fn all<W: Word>() -> Vec<Named> {
    W::ALL.iter().map(|word| named(*word)).collect()
}
