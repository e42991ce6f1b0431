//! A line of a trace: a beginning, or an event with what is expected of it.

use serde::de::{Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::expect::Expect;
use super::flaw::Flaw;
use crate::ids::Seq;
use crate::log::LogId;
use crate::session::limits::Limits;
use crate::session::{Event, Session, Snapshot};

/// The version of the format.
const VERSION: u64 = 1;

/// The log of a session that is created without saying which.
const SOME_LOG: LogId = LogId(1);

/// A line that says something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Line {
    /// A session begins.
    Begin(Begin),
    /// Something happens to it.
    Fed(Fed),
}

/// The line with which a session begins. A trace that begins without one is about a new session
/// with the default limits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(into = "Spelled")]
#[non_exhaustive]
pub struct Begin {
    /// The session's limits.
    pub limits: Limits,
    /// The log's id, of a session that is created.
    pub log: LogId,
    /// What the store kept, of a session that is not created but restored. The next line is
    /// `restarted`, unless it is ENDED.
    pub start: Option<Snapshot>,
    /// Which session, where there are several.
    pub session: Option<String>,
    /// For humans.
    pub note: Option<String>,
}

/// An event, and what must have come of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Fed {
    /// To which session, where there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// The event.
    #[serde(flatten)]
    pub event: Event,
    /// What must have come of it, as far as the trace says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expect: Option<Expect>,
    /// For humans.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A [`Begin`] as it is spelled.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Spelled {
    outlive: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<String>,
    #[serde(default)]
    limits: Limits,
    #[serde(skip_serializing_if = "Option::is_none")]
    log: Option<LogId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start: Option<Snapshot>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

impl Begin {
    /// A session that is created.
    pub fn created(limits: Limits, log: LogId) -> Begin {
        Begin { limits, log, start: None, session: None, note: None }
    }

    /// A session that a store kept.
    pub fn restored(limits: Limits, start: Snapshot) -> Begin {
        let log = start.log.id;
        Begin { start: Some(start), ..Begin::created(limits, log) }
    }
}

impl Fed {
    /// An event of which nothing is expected.
    pub fn event(event: Event) -> Fed {
        Fed { session: None, event, expect: None, note: None }
    }

    /// The same, with all of this expected.
    #[must_use]
    pub fn expecting(self, expect: Expect) -> Fed {
        Fed { expect: Some(expect), ..self }
    }
}

impl From<Begin> for Spelled {
    fn from(begin: Begin) -> Spelled {
        Spelled {
            outlive: VERSION,
            session: begin.session,
            limits: begin.limits,
            log: begin.start.is_none().then_some(begin.log),
            start: begin.start,
            note: begin.note,
        }
    }
}

impl Line {
    /// Which session it is about, where there are several.
    pub fn session(&self) -> Option<&str> {
        match self {
            Line::Begin(begin) => begin.session.as_deref(),
            Line::Fed(fed) => fed.session.as_deref(),
        }
    }

    /// Reads one line.
    ///
    /// # Errors
    /// What is wrong with it, and what would be right.
    pub fn parse(text: &str) -> Result<Line, Flaw> {
        let Distinct(value) = serde_json::from_str(text).map_err(|error| not_json(&error))?;
        let Value::Object(fields) = value else {
            return Err(Flaw::NotJson("a line is one JSON object".into()));
        };
        match (fields.contains_key("outlive"), fields.contains_key("event")) {
            (true, _) => begin(fields).map(Line::Begin),
            (false, true) => fed(fields).map(Line::Fed),
            (false, false) => Err(Flaw::Neither),
        }
    }
}

fn begin(fields: Map<String, Value>) -> Result<Begin, Flaw> {
    if let Some(version) = fields.get("outlive").filter(|it| **it != VERSION) {
        return Err(Flaw::Version(version.to_string()));
    }
    let spelled: Spelled = typed(&Value::Object(fields)).map_err(Flaw::Begin)?;
    if let (Some(_), Some(_)) = (&spelled.start, spelled.log) {
        let both = "`log` beside `start`: the snapshot has its own";
        return Err(Flaw::Begin(both.into()));
    }
    let unfit = |flaw: String| Flaw::Begin(flaw);
    spelled.limits.check().map_err(|zero| unfit(zero.to_string()))?;
    if let Some(start) = &spelled.start {
        Session::restore(start.clone()).map_err(|impossible| unfit(impossible.to_string()))?;
    }
    Ok(Begin {
        limits: spelled.limits,
        log: spelled.log.unwrap_or(SOME_LOG),
        start: spelled.start,
        session: spelled.session,
        note: spelled.note,
    })
}

fn fed(mut fields: Map<String, Value>) -> Result<Fed, Flaw> {
    let expect = fields.remove("expect").as_ref().map(expect).transpose()?;
    let mut text = |name: &str| match fields.remove(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(Flaw::Event(format!("the {name} is no text: {other}"))),
    };
    let (session, note) = (text("session")?, text("note")?);
    let event = typed(&Value::Object(fields)).map_err(Flaw::Event)?;
    match largest(&event) {
        Some(seq) if seq > Seq::MAX => {
            Err(Flaw::Event(format!("{seq} is no place in a log: the largest is {}", Seq::MAX)))
        }
        _ => Ok(Fed { session, event, expect, note }),
    }
}

fn expect(value: &Value) -> Result<Expect, Flaw> {
    typed(value).map_err(Flaw::Expect)
}

/// Reads a value, and holds it against the form that it is spelled in: at every depth, also where the type itself
/// takes any field (an effect without fields, a variant that clients must read with fields of a later version).
fn typed<T: for<'de> Deserialize<'de> + Serialize>(value: &Value) -> Result<T, String> {
    let typed = T::deserialize(value).map_err(|error| error.to_string())?;
    let known = serde_json::to_value(&typed).map_err(|error| error.to_string())?;
    unknown_field(value, &known, "").map_or(Ok(typed), Err)
}

/// The first field of `given` that is not in `known`, with its path and what is known there.
fn unknown_field(given: &Value, known: &Value, path: &str) -> Option<String> {
    match (given, known) {
        (Value::Object(given), Value::Object(known)) => given.iter().find_map(|(name, value)| {
            let path = format!("{path}{}{name}", if path.is_empty() { "" } else { "." });
            match known.get(name) {
                Some(known) => unknown_field(value, known, &path),
                // Left out and null are the same.
                None if value.is_null() => None,
                None => {
                    let names: Vec<String> = known.keys().map(|name| format!("`{name}`")).collect();
                    Some(format!("unknown field `{path}`, expected one of {}", names.join(", ")))
                }
            }
        }),
        (Value::Array(given), Value::Array(known)) => {
            given.iter().zip(known).enumerate().find_map(|(place, (given, known))| {
                unknown_field(given, known, &format!("{path}[{place}]"))
            })
        }
        _ => None,
    }
}

fn not_json(error: &serde_json::Error) -> Flaw {
    let (text, column) = (error.to_string(), error.column());
    let place = format!(" at line {} column {column}", error.line());
    let text = text.strip_suffix(&place).unwrap_or(&text);
    Flaw::NotJson(format!("{text} (column {column})"))
}

/// The largest place in the log that an event names, if it names one. A cursor is text and may name
/// any.
fn largest(event: &Event) -> Option<Seq> {
    match *event {
        Event::Written { through: seq, .. }
        | Event::Missed { from: seq, .. }
        | Event::Suspend { seen: seq, .. }
        | Event::Interrupt { turn: seq }
        | Event::Answer { ask: seq, .. }
        | Event::Asked { turn: seq, .. }
        | Event::Withdrawn { ask: seq, .. }
        | Event::TurnEnded { turn: seq, .. }
        | Event::TurnWaiting { turn: seq, .. } => Some(seq),
        Event::Output { turn, .. } => turn,
        Event::Attach { .. }
        | Event::Resume { .. }
        | Event::Lost { .. }
        | Event::Prompt { .. }
        | Event::Stop { .. }
        | Event::Started { .. }
        | Event::StartFailed { .. }
        | Event::Exited { .. }
        | Event::Expired { .. }
        | Event::Restarted { .. }
        | Event::Drain => None,
    }
}

/// JSON in which no object has a field twice.
struct Distinct(Value);

impl<'de> Deserialize<'de> for Distinct {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Distinctly).map(Distinct)
    }
}

struct Distinctly;

impl<'de> Visitor<'de> for Distinctly {
    type Value = Value;

    fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = std::vec::Vec::new();
        while let Some(Distinct(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some((name, Distinct(value))) = fields.next_entry::<String, Distinct>()? {
            if object.contains_key(&name) {
                return Err(A::Error::custom(format!("the field `{name}` stands twice")));
            }
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}
