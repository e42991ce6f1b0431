//! A frame of the server, as far as this client knows it.
//!
//! A frame that is not what its kind needs is passed over, like a kind that this client does not know:
//! [`Frame::read`] is the one place that decides it. `clients/js/frames.js` decides the same, held to it by
//! `tests/wire/server-frames.json`.

use serde::Deserialize;
use serde_json::Value;

use super::update::{Entry, ServerRefusal};
use outlive::ids::{PromptNumber, Seq};
use outlive::log::{AttachOutcome, Cursor};
use outlive::wire::{self, ToClient, Welcome};

/// What a frame of the server is to this client.
pub(super) enum Frame {
    Welcome(Box<Welcome>),
    Entry(Box<Entry>),
    Refused { n: Option<PromptNumber>, expected: Option<PromptNumber>, refusal: ServerRefusal },
    Other(ToClient),
}

#[derive(Deserialize)]
struct Head {
    t: String,
}

#[derive(Deserialize)]
struct Place {
    id: Cursor,
    #[serde(default)]
    at: u64,
}

#[derive(Deserialize)]
struct Refused {
    what: String,
    #[serde(default)]
    n: Option<PromptNumber>,
    #[serde(default)]
    expected: Option<PromptNumber>,
    #[serde(flatten)]
    refusal: ServerRefusal,
}

impl Frame {
    /// Reads what it can: later servers say more.
    pub(super) fn read(text: String) -> Option<Frame> {
        // What is derived for a struct takes a list too.
        if !text.trim_start().starts_with('{') {
            return None;
        }
        let head: Head = serde_json::from_str(&text).ok()?;
        match head.t.as_str() {
            "welcome" => {
                let frame: Value = serde_json::from_str(&text).ok()?;
                let welcome: Welcome = serde_json::from_str(&text).ok()?;
                let fits = is_outcome(&frame["outcome"]) && is_exact(&welcome);
                fits.then(|| Frame::Welcome(Box::new(welcome)))
            }
            "ev" => {
                let line: Option<wire::LogEntry> = serde_json::from_str(&text).ok();
                let (Place { id, at }, said) = match line {
                    Some(wire::LogEntry { cursor, at, entry }) => {
                        (Place { id: cursor, at }, Some(entry))
                    }
                    None => (serde_json::from_str(&text).ok()?, None),
                };
                let entry = || Frame::Entry(Box::new(Entry { id, at, said, json: text }));
                is_place(id.seq).then(entry)
            }
            "refused" => {
                let Refused { what, n, expected, refusal } = serde_json::from_str(&text).ok()?;
                let is_prompt = what == "prompt";
                let fits = [n, expected].into_iter().flatten().all(is_number);
                let frame = Frame::Refused { n: n.filter(|_| is_prompt), expected, refusal };
                (fits && n.is_some() >= is_prompt).then_some(frame)
            }
            _ => {
                let frame = serde_json::from_str(&text).ok()?;
                let fits = match &frame {
                    ToClient::Gap { lost_from, lost_to } => {
                        is_place(*lost_from) && is_place(*lost_to)
                    }
                    ToClient::Accepted { n, seq, again: _, incarnation: _ } => {
                        is_number(*n) && is_place(*seq)
                    }
                    ToClient::Welcome(_)
                    | ToClient::Refused(_)
                    | ToClient::Goaway { .. }
                    | ToClient::Error { .. }
                    | ToClient::Ping
                    | ToClient::Pong => true,
                };
                fits.then_some(Frame::Other(frame))
            }
        }
    }
}

fn is_place(seq: Seq) -> bool {
    seq <= Seq::MAX
}

/// A number of a prompt that every language reads exactly.
fn is_number(n: PromptNumber) -> bool {
    n.get() <= Seq::MAX.0
}

/// A word, or an object with one content, which is an object: what is derived takes lists and `null` too.
fn is_outcome(outcome: &Value) -> bool {
    outcome.is_string()
        || outcome.as_object().is_some_and(|outcome| outcome.values().all(Value::is_object))
}

fn is_exact(welcome: &Welcome) -> bool {
    let [from, to] = match welcome.outcome {
        AttachOutcome::Fresh | AttachOutcome::Reset { .. } => [Seq(0), Seq(0)],
        AttachOutcome::Resumed { from } => [from, from],
        AttachOutcome::Gap { lost_from, lost_to } => [lost_from, lost_to],
    };
    let lists = welcome.queue.iter().chain(&welcome.asks).copied();
    [welcome.base, welcome.head, from, to]
        .into_iter()
        .chain(welcome.turn)
        .chain(lists)
        .all(is_place)
        && welcome.high.is_none_or(is_number)
}
