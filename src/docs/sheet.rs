//! Any of the tables in one form: words, rows and cells as text.

use alloc::vec::Vec;

use strum::VariantArray;

use super::ops::Op;
use crate::laws::Law;
use crate::log::ResetReason;
use crate::table::{Row, Verdict};
use crate::words::{
    ClientRule, CloseCode, EndReason, EndpointReason, Reason, State, Timer, Trigger, TurnOutcome,
};
use crate::{client, connection, routing, session};

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
    /// The rows, in the order of the source.
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

/// A row.
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

const fn section(letter: &'static str, title: &'static str) -> Section {
    Section { letter, title }
}

impl Sheet {
    /// The four tables.
    pub fn all() -> [Sheet; 4] {
        [Sheet::session(), Sheet::connection(), Sheet::routing(), Sheet::client()]
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
        sheet.filled(session::table::ROWS, &session::table::INDEX)
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
        sheet.filled(connection::table::ROWS, &connection::table::INDEX)
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
        sheet.filled(routing::ROWS, &routing::INDEX)
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
        sheet.filled(client::table::ROWS, &client::table::INDEX)
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
            sections: &[],
            rows: Vec::new(),
            index: Vec::new(),
            refusals: &[],
            closes: &[],
            group: None,
        }
    }

    fn filled<S, T, O, const COLUMNS: usize>(
        self,
        rows: &[Row<S, T, O, Reason>],
        index: &[[u8; COLUMNS]],
    ) -> Sheet
    where
        S: Word,
        T: Word,
        O: Copy + Ord + Into<Op>,
    {
        let mut used: Vec<O> = rows.iter().flat_map(|row| row.ops).copied().collect();
        used.sort();
        let mut ops: Vec<Op> = used.into_iter().map(Into::into).collect();
        ops.dedup_by_key(|op| op.name);
        let cells = |row: &[u8; COLUMNS]| row.iter().map(|place| usize::from(*place)).collect();
        Sheet {
            states: all::<S>(),
            triggers: all::<T>(),
            ops,
            rows: rows.iter().map(line).collect(),
            index: index.iter().map(cells).collect(),
            ..self
        }
    }
}

fn line<S: Word, T: Word, O: Copy + Into<Op>>(row: &Row<S, T, O, Reason>) -> Line {
    Line {
        id: row.id,
        from: row.from.iter().map(|state| state.named().name).collect(),
        on: row.on.iter().map(|trigger| trigger.named().name).collect(),
        verdict: match row.verdict {
            Verdict::Go(state) => Verdict::Go(state.named().name),
            Verdict::Stay => Verdict::Stay,
            Verdict::Ignore(reason) => Verdict::Ignore(reason),
            Verdict::Refuse(reason) => Verdict::Refuse(reason),
        },
        ops: row.ops.iter().map(|op| (*op).into()).collect(),
        because: row.because,
    }
}

/// A closed word with its sentence.
pub(super) trait Word: Copy + VariantArray + 'static {
    fn named(self) -> Named;
}

/// All words of a kind.
pub(super) fn all<W: Word>() -> Vec<Named> {
    W::VARIANTS.iter().map(|word| word.named()).collect()
}

macro_rules! word {
    ($($of:ty),+ $(,)?) => {
        $(impl Word for $of {
            fn named(self) -> Named {
                Named { name: self.into_str(), meaning: self.meaning() }
            }
        })+
    };
}

word!(
    State,
    Trigger,
    Reason,
    Timer,
    TurnOutcome,
    EndReason,
    ClientRule,
    CloseCode,
    Law,
    ResetReason
);
word!(connection::Phase, connection::Trigger, routing::Durable, routing::Runtime);
word!(client::State, client::Trigger);
