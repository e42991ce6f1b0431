//! The tables as JSON, for programs in other languages. `docs/tables-json.md` describes the form.

use alloc::string::String;
use alloc::vec::Vec;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use strum::VariantArray;

use super::ops::Op;
use super::sheet::{Named, Sheet, all, named};
use crate::client::{Close, LEAVING_MS, OVERLOADED_MS, Settings};
use crate::law::Law;
use crate::log::ResetReason;
use crate::session::limits::Limits;
use crate::table::Verdict;
use crate::words::{
    ClientRule, CloseCode, EndReason, EndpointReason, Reason, State, Timer, TurnOutcome,
};

/// The version of the form. It goes up when a program that reads the old one could misread the new.
const FORMAT: u32 = 1;

#[derive(Serialize)]
struct Table<'a> {
    format: u32,
    #[serde(rename = "table")]
    name: &'a str,
    about: &'a str,
    initial: Option<&'a str>,
    states: &'a [Named],
    triggers: &'a [Named],
    reasons: Vec<Named>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    refusals: Vec<Refusal>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    closes: Vec<CloseWord>,
    #[serde(flatten)]
    client: Option<Client>,
    ops: Vec<WordOf<'a>>,
    rows: Vec<Row<'a>>,
    index: Ordered<'a, Ordered<'a, &'a str>>,
}

#[derive(Serialize)]
struct Refusal {
    name: &'static str,
    meaning: &'static str,
    for_now: bool,
}

#[derive(Serialize)]
struct CloseWord {
    name: &'static str,
    number: u16,
    rule: ClientRule,
    /// The HTTP status that says the same of a refused upgrade.
    http_status: Option<u16>,
}

/// What a client's machine needs beside its rows.
#[derive(Serialize)]
struct Client {
    session_states: Vec<&'static str>,
    reset_reasons: Vec<&'static str>,
    close_rules: Vec<Codes>,
    settings: Settings,
    leaving_ms: (u32, u32),
    overloaded_ms: u32,
}

/// The close codes between two numbers, to which a client does the same.
#[derive(Serialize)]
struct Codes {
    from: u16,
    to: u16,
    rule: ClientRule,
    leaving: bool,
}

impl Client {
    fn new() -> Client {
        let mut close_rules: Vec<Codes> = Vec::new();
        for number in 0..=u16::MAX {
            let (rule, leaving) = (Close(number).rule(), Close(number).is_leaving());
            match close_rules.last_mut() {
                Some(last) if (last.rule, last.leaving) == (rule, leaving) => last.to = number,
                Some(_) | None => {
                    close_rules.push(Codes { from: number, to: number, rule, leaving });
                }
            }
        }
        let (leaving_ms, overloaded_ms) = (LEAVING_MS, OVERLOADED_MS);
        Client {
            session_states: State::VARIANTS.iter().map(|state| state.into_str()).collect(),
            reset_reasons: ResetReason::VARIANTS.iter().map(|reason| reason.into_str()).collect(),
            close_rules,
            settings: Settings::default(),
            leaving_ms,
            overloaded_ms,
        }
    }
}

#[derive(Serialize)]
struct WordOf<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    argument: Option<&'a str>,
    meaning: &'a str,
}

#[derive(Serialize)]
struct Row<'a> {
    id: &'a str,
    section: Option<&'a str>,
    from: &'a [&'a str],
    on: &'a [&'a str],
    verdict: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Reason>,
    ops: Vec<Call<'a>>,
    because: &'a str,
}

#[derive(Serialize)]
struct Call<'a> {
    op: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    argument: Option<&'a str>,
    #[serde(rename = "in", skip_serializing_if = "<[_]>::is_empty")]
    only_in: &'a [&'a str],
}

/// An object whose keys keep their order.
struct Ordered<'a, V>(Vec<(&'a str, V)>);

impl<V: Serialize> Serialize for Ordered<'_, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in &self.0 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

/// One table.
pub fn table(sheet: &Sheet) -> String {
    let used = |reason: &&Reason| {
        let it = |verdict| match verdict {
            Verdict::Ignore(other) | Verdict::Refuse(other) => other == **reason,
            Verdict::Go(_) | Verdict::Stay => false,
        };
        sheet.rows.iter().any(|row| it(row.verdict))
    };
    let refusal = |why: &EndpointReason| Refusal {
        name: why.into_str(),
        meaning: why.meaning(),
        for_now: why.is_for_now(),
    };
    let close = |code: &CloseCode| CloseWord {
        name: code.into_str(),
        number: code.number(),
        rule: code.client_rule(),
        http_status: code.status(),
    };
    let cells = |s: usize| {
        let cell = |t: usize| (sheet.triggers[t].name, sheet.rule(s, t).id);
        Ordered((0..sheet.triggers.len()).map(cell).collect())
    };
    let states = sheet.states.iter().enumerate();
    text(&Table {
        format: FORMAT,
        name: sheet.name,
        about: sheet.about,
        initial: sheet.initial,
        states: &sheet.states,
        triggers: &sheet.triggers,
        reasons: Reason::VARIANTS.iter().filter(used).map(|reason| named(*reason)).collect(),
        refusals: sheet.refusals.iter().map(refusal).collect(),
        closes: sheet.closes.iter().map(close).collect(),
        client: (!sheet.closes.is_empty()).then(Client::new),
        ops: sheet.ops.iter().map(word_of).collect(),
        rows: sheet.rows.iter().map(|row| self::row(sheet, row)).collect(),
        index: Ordered(states.map(|(s, state)| (state.name, cells(s))).collect()),
    })
}

fn word_of(op: &Op) -> WordOf<'_> {
    let argument = op.argument.as_ref().map(|(list, _)| list.as_str());
    WordOf { name: op.name, argument, meaning: op.meaning }
}

fn row<'a>(sheet: &'a Sheet, row: &'a super::Line) -> Row<'a> {
    let (verdict, to, reason) = match row.verdict {
        Verdict::Go(state) => ("go", Some(state), None),
        Verdict::Stay => ("stay", None, None),
        Verdict::Ignore(reason) => ("ignore", None, Some(reason)),
        Verdict::Refuse(reason) => ("refuse", None, Some(reason)),
    };
    let call = |op: &'a Op| Call {
        op: op.name,
        argument: op.argument.as_ref().map(|(_, argument)| *argument),
        only_in: &op.only_in,
    };
    Row {
        id: row.id,
        section: sheet.section_of(row).map(|section| section.title),
        from: &row.from,
        on: &row.on,
        verdict,
        to,
        reason,
        ops: row.ops.iter().map(call).collect(),
        because: row.because,
    }
}

#[derive(Serialize)]
struct Words {
    format: u32,
    timers: Vec<TimerWord>,
    limits: Limits,
    turn_outcomes: Vec<Named>,
    end_reasons: Vec<Named>,
    reset_reasons: Vec<Named>,
    close_codes: Vec<Code>,
    client_rules: Vec<Named>,
    laws: Vec<LawWord>,
}

#[derive(Serialize)]
struct TimerWord {
    name: &'static str,
    meaning: &'static str,
    /// The default; none: armed only if the limits set it.
    default_ms: Option<u32>,
}

#[derive(Serialize)]
struct Code {
    name: &'static str,
    number: u16,
    meaning: &'static str,
    /// The HTTP status that says the same of a request.
    http_status: Option<u16>,
    client_rule: ClientRule,
}

#[derive(Serialize)]
struct LawWord {
    name: &'static str,
    meaning: &'static str,
    checked: Vec<&'static str>,
}

/// The words that the tables share, and the laws.
pub fn words() -> String {
    let limits = Limits::default();
    let timer = |timer: &Timer| TimerWord {
        name: timer.into_str(),
        meaning: timer.meaning(),
        default_ms: limits.duration(*timer),
    };
    let code = |code: &CloseCode| Code {
        name: code.into_str(),
        number: code.number(),
        meaning: code.meaning(),
        http_status: code.status(),
        client_rule: code.client_rule(),
    };
    let law = |law: &Law| LawWord {
        name: law.into_str(),
        meaning: law.meaning(),
        checked: law.checked().iter().map(|at| at.into_str()).collect(),
    };
    text(&Words {
        format: FORMAT,
        timers: Timer::VARIANTS.iter().map(timer).collect(),
        limits,
        turn_outcomes: all::<TurnOutcome>(),
        end_reasons: all::<EndReason>(),
        reset_reasons: all::<ResetReason>(),
        close_codes: CloseCode::VARIANTS.iter().map(code).collect(),
        client_rules: all::<ClientRule>(),
        laws: Law::VARIANTS.iter().map(law).collect(),
    })
}

pub(super) fn text(value: &impl Serialize) -> String {
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.push('\n');
    text
}
