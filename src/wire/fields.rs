//! How frames and entries are read: all their fields first, and then what each kind needs.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::{Entry, FrameError, Line, LogEntry, ToServer};
use crate::ids::{Incarnation, PromptNumber, Seq};
use crate::words::{EndReason, TurnOutcome};

/// Every field that a frame with a body may have. A body that is passed on unread can only be read from a
/// plain struct: a tagged enum would have to know what is in it.
#[derive(Deserialize)]
#[serde(remote = "Self")]
pub(super) struct Fields {
    t: Option<String>,
    entry: Option<String>,
    id: Option<String>,
    at: Option<u64>,
    client: Option<String>,
    by: Option<String>,
    cursor: Option<String>,
    token: Option<String>,
    n: Option<PromptNumber>,
    turn: Option<Seq>,
    incarnation: Option<Incarnation>,
    ask: Option<Seq>,
    seen: Option<Seq>,
    stands: Option<bool>,
    outcome: Option<TurnOutcome>,
    error: Option<String>,
    why: Option<EndReason>,
    #[serde(default, deserialize_with = "there")]
    d: Option<Box<RawValue>>, // also `null`
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(frame: D) -> Result<Fields, D::Error> {
        frame.deserialize_map(Object)
    }
}

/// Takes an object, and nothing else: what is derived for a struct takes a list too.
struct Object;

impl<'de> Visitor<'de> for Object {
    type Value = Fields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object, for a frame is a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<Fields, A::Error> {
        Fields::deserialize(MapAccessDeserializer::new(fields))
    }
}

fn there<'de, D: Deserializer<'de>>(body: D) -> Result<Option<Box<RawValue>>, D::Error> {
    Box::deserialize(body).map(Some)
}

/// The field, or which one is missing of which kind.
fn need<T>(kind: &'static str, field: &'static str, value: Option<T>) -> Result<T, FrameError> {
    value.ok_or(FrameError::Missing { kind, field })
}

/// That the field `field` holds `found`, which is not one of `known`.
fn unknown(field: &'static str, found: Option<String>, known: &'static str) -> FrameError {
    let found = found.map_or_else(|| "missing".into(), |found| format!("{found:?}"));
    FrameError::Unknown { field, found, known }
}

impl TryFrom<Fields> for ToServer {
    type Error = FrameError;

    fn try_from(has: Fields) -> Result<ToServer, FrameError> {
        Ok(match has.t.as_deref() {
            Some("attach") => ToServer::Attach {
                client: need("attach", "client", has.client)?,
                cursor: has.cursor,
                token: has.token,
            },
            Some("prompt") => {
                ToServer::Prompt { n: need("prompt", "n", has.n)?, d: need("prompt", "d", has.d)? }
            }
            Some("interrupt") => ToServer::Interrupt { turn: need("interrupt", "turn", has.turn)? },
            Some("stop") => {
                ToServer::Stop { incarnation: need("stop", "incarnation", has.incarnation)? }
            }
            Some("answer") => ToServer::Answer {
                ask: need("answer", "ask", has.ask)?,
                d: need("answer", "d", has.d)?,
            },
            Some("suspend") => ToServer::Suspend { seen: need("suspend", "seen", has.seen)? },
            Some("resume") => ToServer::Resume,
            Some("ping") => ToServer::Ping,
            Some("pong") => ToServer::Pong,
            Some("detach") => ToServer::Detach,
            Some(_) | None => {
                return Err(unknown(
                    "t",
                    has.t,
                    "attach, prompt, interrupt, stop, answer, suspend, resume, ping, pong, detach",
                ));
            }
        })
    }
}

impl TryFrom<Fields> for Entry {
    type Error = FrameError;

    fn try_from(has: Fields) -> Result<Entry, FrameError> {
        Ok(match has.entry.as_deref() {
            Some("prompt") => Entry::Prompt {
                client: need("prompt", "client", has.client)?,
                by: has.by,
                n: need("prompt", "n", has.n)?,
                d: need("prompt", "d", has.d)?,
            },
            Some("output") => Entry::Output { turn: has.turn, d: need("output", "d", has.d)? },
            Some("ask") => Entry::Ask {
                turn: need("ask", "turn", has.turn)?,
                stands: has.stands.unwrap_or_default(),
                d: need("ask", "d", has.d)?,
            },
            Some("answer") => Entry::Answer {
                ask: need("answer", "ask", has.ask)?,
                client: need("answer", "client", has.client)?,
                by: has.by,
                d: need("answer", "d", has.d)?,
            },
            Some("withdrawn") => Entry::Withdrawn { ask: need("withdrawn", "ask", has.ask)? },
            Some("turn_end") => Entry::TurnEnd {
                turn: need("turn_end", "turn", has.turn)?,
                outcome: need("turn_end", "outcome", has.outcome)?,
                by: has.by,
                error: has.error,
            },
            Some("closing") => Entry::Closing {
                why: need("closing", "why", has.why)?,
                by: has.by,
                incarnation: need("closing", "incarnation", has.incarnation)?,
            },
            Some("end") => Entry::End {
                why: need("end", "why", has.why)?,
                by: has.by,
                incarnation: need("end", "incarnation", has.incarnation)?,
            },
            Some(_) | None => {
                let known = "prompt, output, ask, answer, withdrawn, turn_end, closing, end";
                return Err(unknown("entry", has.entry, known));
            }
        })
    }
}

impl TryFrom<Fields> for Line {
    type Error = FrameError;

    fn try_from(has: Fields) -> Result<Line, FrameError> {
        Ok(Line { at: has.at.unwrap_or_default(), entry: has.try_into()? })
    }
}

impl TryFrom<Fields> for LogEntry {
    type Error = FrameError;

    fn try_from(mut has: Fields) -> Result<LogEntry, FrameError> {
        let cursor = need("ev", "id", has.id.take())?.parse()?;
        let Line { at, entry } = has.try_into()?;
        Ok(LogEntry { cursor, at, entry })
    }
}
