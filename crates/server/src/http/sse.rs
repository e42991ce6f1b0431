//! The form of server-sent events.

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::hub::Entries;
use outlive::CloseCode;
use outlive::ids::Seq;
use outlive::log::{AttachOutcome, Cursor};
use outlive::wire::{ToClient, Welcome};

/// One event. `data` has no line breaks.
fn event(out: &mut Vec<u8>, name: &str, id: Option<Cursor>, data: &[u8]) {
    out.extend_from_slice(format!("event: {name}\n").as_bytes());
    if let Some(id) = id {
        out.extend_from_slice(format!("id: {id}\n").as_bytes());
    }
    out.extend_from_slice(b"data: ");
    out.extend_from_slice(data);
    out.extend_from_slice(b"\n\n");
}

fn json_event(out: &mut Vec<u8>, name: &str, id: Option<Cursor>, value: &impl Serialize) {
    // What is sent here always has a JSON form.
    event(out, name, id, &serde_json::to_vec(value).unwrap_or_default());
}

/// The last entry that the viewer has, before the stream begins.
pub(super) fn position(welcome: &Welcome) -> Seq {
    match welcome.outcome {
        AttachOutcome::Resumed { from } => from.previous(),
        AttachOutcome::Fresh | AttachOutcome::Gap { .. } | AttachOutcome::Reset { .. } => {
            welcome.base
        }
    }
}

/// The beginning of a stream: its `retry` field, the welcome, and what the viewer has lost.
pub(super) fn welcome(retry_delay: Duration, welcome: &Welcome) -> Bytes {
    let mut out = format!("retry: {}\n", retry_delay.as_millis()).into_bytes();
    let seq = position(welcome);
    let id = Cursor { log: welcome.log, seq };
    json_event(&mut out, "welcome", Some(id), &ToClient::Welcome(welcome.clone()));
    match welcome.outcome {
        AttachOutcome::Fresh | AttachOutcome::Resumed { .. } => {}
        AttachOutcome::Gap { lost_from, lost_to } => {
            json_event(&mut out, "gap", None, &ToClient::Gap { lost_from, lost_to });
        }
        AttachOutcome::Reset { why } => {
            json_event(&mut out, "reset", None, &serde_json::json!({ "t": "reset", "why": why }));
        }
    }
    out.into()
}

/// Entries of the log, as events.
pub(super) fn entries(entries: &Entries) -> Bytes {
    let bytes = entries.frames.iter().map(|frame| frame.len() + 64).sum();
    let mut out = Vec::with_capacity(bytes);
    for (frame, seq) in entries.frames.iter().zip(entries.from.0..) {
        event(&mut out, "ev", Some(Cursor { log: entries.log, seq: Seq(seq) }), frame);
    }
    out.into()
}

/// A frame that is no entry, as an event.
pub(super) fn frame(said: &ToClient) -> Bytes {
    let name = match said {
        ToClient::Welcome(_) => "welcome",
        ToClient::Gap { .. } => "gap",
        ToClient::Accepted { .. } => "accepted",
        ToClient::Refused(_) => "refused",
        ToClient::Goaway { .. } => "goaway",
        ToClient::Error { .. } => "error",
        ToClient::Ping => "ping",
        ToClient::Pong => "pong",
    };
    let mut out = Vec::new();
    if let ToClient::Goaway { retry_after_ms: [from, to] } = said {
        let span = u64::from(to.saturating_sub(*from)) + 1;
        // Without randomness all readers come back at once, which is bad but no reason to fail.
        let wait = u64::from(*from) + getrandom::u64().unwrap_or(0) % span;
        out.extend_from_slice(format!("retry: {wait}\n").as_bytes());
    }
    json_event(&mut out, name, None, said);
    out.into()
}

/// A whole stream, for what is refused for now: when to come back, and why. `retry` is in milliseconds, and at most
/// what a timer of a browser takes.
pub(super) fn refusal(retry: u64, goaway: Option<[u32; 2]>, code: CloseCode) -> Bytes {
    let mut out = format!("retry: {}\n", retry.min(i32::MAX.unsigned_abs().into())).into_bytes();
    if let Some(retry_after_ms) = goaway {
        json_event(&mut out, "goaway", None, &ToClient::Goaway { retry_after_ms });
    }
    out.extend_from_slice(&close(code));
    out.into()
}

/// The last event: why the stream ends. A browser reconnects by itself unless its page closes the stream.
pub(super) fn close(code: CloseCode) -> Bytes {
    let mut out = Vec::new();
    let said = serde_json::json!({
        "t": "close",
        "code": code.number(),
        "rule": code.client_rule(),
        "message": code.meaning(),
    });
    json_event(&mut out, "close", None, &said);
    out.into()
}

/// Whether the end of an incarnation is among the entries at `head` or behind it.
pub(super) fn ends(entries: &Entries, head: Seq) -> bool {
    #[derive(Deserialize)]
    struct EntryKind<'a> {
        entry: &'a str,
    }
    let new = entries.frames.iter().zip(entries.from.0..).filter(|(_, seq)| Seq(*seq) >= head);
    let mut kinds =
        new.filter_map(|(frame, _)| serde_json::from_slice::<EntryKind<'_>>(frame).ok());
    kinds.any(|kind| kind.entry == "end")
}
