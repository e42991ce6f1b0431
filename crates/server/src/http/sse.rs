//! The form of server-sent events.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::hub::Entries;
use outlive::CloseCode;
use outlive::ids::Seq;
use outlive::log::{AttachOutcome, Cursor};
use outlive::wire::{ToClient, Welcome};

/// What keeps proxies from hanging up.
pub(super) const COMMENT: Bytes = Bytes::from_static(b": ka\n\n");

/// One event. Its data is on one line, as all JSON here.
fn event(out: &mut Vec<u8>, name: &str, id: Option<Cursor>, data: &[u8]) {
    out.extend_from_slice(format!("event: {name}\n").as_bytes());
    if let Some(id) = id {
        out.extend_from_slice(format!("id: {id}\n").as_bytes());
    }
    out.extend_from_slice(b"data: ");
    out.extend_from_slice(data);
    out.extend_from_slice(b"\n\n");
}

fn say(out: &mut Vec<u8>, name: &str, id: Option<Cursor>, said: &impl Serialize) {
    // What is said here always has a JSON form.
    event(out, name, id, &serde_json::to_vec(said).unwrap_or_default());
}

/// Where a viewer stands that has read nothing yet.
pub(super) fn position(welcome: &Welcome) -> Seq {
    match welcome.outcome {
        AttachOutcome::Resumed { from } => from.previous(),
        AttachOutcome::Fresh | AttachOutcome::Gap { .. } | AttachOutcome::Reset { .. } => {
            welcome.base
        }
    }
}

/// The beginning: when to come back, the welcome, and what the viewer has lost.
pub(super) fn welcome(retry_ms: u32, welcome: &Welcome) -> Bytes {
    let mut out = format!("retry: {retry_ms}\n").into_bytes();
    let seq = position(welcome);
    let id = Cursor { log: welcome.log, seq };
    say(&mut out, "welcome", Some(id), &ToClient::Welcome(welcome.clone()));
    match welcome.outcome {
        AttachOutcome::Fresh | AttachOutcome::Resumed { .. } => {}
        AttachOutcome::Gap { lost_from, lost_to } => {
            say(&mut out, "gap", None, &ToClient::Gap { lost_from, lost_to });
        }
        AttachOutcome::Reset { why } => {
            say(&mut out, "reset", None, &serde_json::json!({ "t": "reset", "why": why }));
        }
    }
    out.into()
}

/// Entries of the log.
pub(super) fn entries(entries: &Entries) -> Bytes {
    let bytes = entries.frames.iter().map(|frame| frame.len() + 64).sum();
    let mut out = Vec::with_capacity(bytes);
    for (frame, seq) in entries.frames.iter().zip(entries.from.0..) {
        event(&mut out, "ev", Some(Cursor { log: entries.log, seq: Seq(seq) }), frame);
    }
    out.into()
}

/// A frame outside the log.
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
        // Without randomness all come at once, as they would anyway.
        let wait = u64::from(*from) + getrandom::u64().unwrap_or(0) % span;
        out.extend_from_slice(format!("retry: {wait}\n").as_bytes());
    }
    say(&mut out, name, None, said);
    out.into()
}

/// The end of the stream, and why: a browser comes back by itself unless it is told not to.
pub(super) fn close(code: CloseCode) -> Bytes {
    let mut out = Vec::new();
    let said = serde_json::json!({
        "t": "close",
        "code": code.number(),
        "rule": code.client_rule(),
        "message": code.meaning(),
    });
    say(&mut out, "close", None, &said);
    out.into()
}

/// Whether the incarnation's end is among the entries, at `head` or behind it.
pub(super) fn ends(entries: &Entries, head: Seq) -> bool {
    #[derive(Deserialize)]
    struct Kind<'a> {
        entry: &'a str,
    }
    let new = entries.frames.iter().zip(entries.from.0..).filter(|(_, seq)| Seq(*seq) >= head);
    let mut kinds = new.filter_map(|(frame, _)| serde_json::from_slice::<Kind<'_>>(frame).ok());
    kinds.any(|kind| kind.entry == "end")
}
