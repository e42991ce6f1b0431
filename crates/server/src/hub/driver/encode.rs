//! The records of a step as lines of the log.

use std::sync::Arc;

use bytes::Bytes;
use outlive::TurnOutcome;
use outlive::ids::{Incarnation, Seq};
use outlive::session::{EntryMeta, Event, Step};
use outlive::wire::{Entry, Line};
use serde_json::value::RawValue;

use super::super::ask::TurnError;
use super::super::body::Body;
use super::super::mailbox::Who;
use super::super::output_batch::OutputBatch;
use super::super::worker_message::Asked;

/// What an event brings that the machine does not see.
#[derive(Debug)]
pub(super) enum Payload {
    None,
    /// Of a prompt, or of an answer.
    Body(Who, Body),
    /// Of an interrupt or a stop: the principal, if one asks.
    By(Option<Arc<str>>),
    Output(OutputBatch),
    Ask(Body, Asked),
    /// Those with which a turn ends.
    Asks(Vec<Body>),
    /// Why the turn failed, or the worker with its turn, or its start with every prompt that waited for it.
    End(Option<String>),
}

/// What the lines of a step say beside its records.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context<'a> {
    /// When they are committed: [`Line::at`].
    pub(super) at: u64,
    pub(super) incarnation: Incarnation,
    /// The turn that was interrupted, and by whom.
    pub(super) interrupted: Option<&'a (Seq, Arc<str>)>,
}

/// The lines of a step's records.
pub(super) fn lines(
    step: &Step,
    context: Context<'_>,
    event: Option<&Event>,
    payload: &Payload,
) -> Vec<Bytes> {
    let mut lines = Vec::new();
    let mut questions = if let Payload::Asks(asks) = payload { asks.iter() } else { [].iter() };
    let turn = if let Some(Event::Output { turn, .. }) = event { *turn } else { None };
    for record in &step.records {
        match (record.entry, payload) {
            // The commonest ones, without a detour.
            (EntryMeta::Output { .. }, Payload::Output(pieces)) => {
                let (mut at, mut number) = (itoa::Buffer::new(), itoa::Buffer::new());
                let at = at.format(context.at).as_bytes();
                let turn = turn.map_or("null", |turn| number.format(turn.0)).as_bytes();
                let before: [&[u8]; 5] =
                    [b"{\"at\":", at, b",\"entry\":\"output\",\"turn\":", turn, b",\"d\":"];
                lines.append(&mut pieces.lines(&before, b"}"));
            }
            (EntryMeta::Ask { turn, stands }, Payload::Asks(_)) => {
                let d = questions.next().map_or(RawValue::NULL, Body::raw_value).to_owned();
                lines.push(line(context.at, Entry::Ask { turn, stands, d }));
            }
            (meta, payload) => lines.push(line(context.at, entry(meta, context, payload))),
        }
    }
    lines
}

/// An entry consists of texts, numbers and raw JSON, which always have a JSON form. Were one without, the driver
/// would end here, before anything of the step is committed: an empty line would be a hole in the log.
fn line(at: u64, entry: Entry) -> Bytes {
    serde_json::to_vec(&Line { at, entry })
        .expect("texts, numbers and raw JSON have a JSON form")
        .into()
}

fn entry(meta: EntryMeta, context: Context<'_>, payload: &Payload) -> Entry {
    let (client, d) = match payload {
        Payload::Body(who, body) => (String::from(&*who.client), body.raw_value().to_owned()),
        Payload::Ask(body, _) => (String::new(), body.raw_value().to_owned()),
        Payload::None
        | Payload::By(_)
        | Payload::Output(_)
        | Payload::Asks(_)
        | Payload::End(_) => (String::new(), RawValue::NULL.to_owned()),
    };
    // Whoever caused the step caused all that it records.
    let by = match payload {
        Payload::Body(who, _) => Some(String::from(&*who.by)),
        Payload::By(by) => by.as_deref().map(String::from),
        Payload::None
        | Payload::Output(_)
        | Payload::Ask(..)
        | Payload::Asks(_)
        | Payload::End(_) => None,
    };
    let incarnation = context.incarnation;
    match meta {
        EntryMeta::Prompt { n, .. } => Entry::Prompt { client, by, n, d },
        EntryMeta::Output { .. } => Entry::Output { turn: None, d },
        EntryMeta::Ask { turn, stands } => Entry::Ask { turn, stands, d },
        EntryMeta::Answer { ask, .. } => Entry::Answer { ask, client, by, d },
        EntryMeta::Withdrawn { ask } => Entry::Withdrawn { ask },
        EntryMeta::TurnEnd { turn, outcome } => {
            let error = match payload {
                Payload::End(error) => error.clone(),
                Payload::Asks(_) if outcome == TurnOutcome::Failed => {
                    Some(TurnError::TooManyAsks.to_string())
                }
                Payload::None
                | Payload::Body(..)
                | Payload::By(_)
                | Payload::Output(_)
                | Payload::Ask(..)
                | Payload::Asks(_) => None,
            };
            let interrupted = outcome == TurnOutcome::Interrupted;
            let first = context.interrupted.filter(|(it, _)| interrupted && *it == turn);
            let by = first.map(|(_, by)| String::from(&**by)).or(by);
            Entry::TurnEnd { turn, outcome, by, error }
        }
        EntryMeta::Closing { why } => Entry::Closing { why, by, incarnation },
        EntryMeta::End { why } => Entry::End { why, by, incarnation },
    }
}
