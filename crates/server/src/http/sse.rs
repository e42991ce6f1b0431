//! The form of server-sent events.

use std::io::Write as _;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::hub::Entries;
use outlive::CloseCode;
use outlive::ids::Seq;
use outlive::log::{AttachOutcome, Cursor};
use outlive::wire::http::StreamOnly;
use outlive::wire::{ToClient, Welcome};

/// One event. `data` has no line breaks.
fn event(out: &mut Vec<u8>, name: &str, id: Option<Cursor>, data: &[u8]) {
    begin(out, name, id);
    out.extend_from_slice(data);
    out.extend_from_slice(b"\n\n");
}

/// An event up to its data.
fn begin(out: &mut Vec<u8>, name: &str, id: Option<Cursor>) {
    // Writing into memory does not fail.
    _ = writeln!(out, "event: {name}");
    if let Some(id) = id {
        _ = writeln!(out, "id: {id}");
    }
    out.extend_from_slice(b"data: ");
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
            json_event(&mut out, "reset", None, &StreamOnly::Reset { why });
        }
    }
    out.into()
}

/// Entries of the log, as events, in pieces.
pub(super) fn entries(entries: Entries) -> Pieces {
    let Entries { log, from, frames } = entries;
    Pieces {
        next: Cursor { log, seq: from },
        frames: frames.into_iter(),
        rest: Bytes::new(),
        open: false,
    }
}

/// A piece has so many bytes, or little more. Small entries are copied together into one; a large one is cut, and all
/// readers share its memory.
const PIECE: usize = 16 << 10;

/// The name, the id and the line breaks of an event have no more bytes.
const AROUND: usize = 64;

/// What is left of [`entries`].
#[derive(Debug)]
pub(super) struct Pieces {
    /// The place of the next frame.
    next: Cursor,
    frames: std::vec::IntoIter<Bytes>,
    /// What is left of a large frame.
    rest: Bytes,
    /// The event of a large frame is not ended yet.
    open: bool,
}

impl Iterator for Pieces {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        if !self.rest.is_empty() {
            return Some(self.rest.split_to(self.rest.len().min(PIECE)));
        }
        // As much as is copied, with what stands around it.
        let mut bytes = AROUND;
        for frame in self.frames.as_slice().iter().take_while(|frame| frame.len() <= PIECE) {
            if bytes + frame.len() > PIECE {
                break;
            }
            bytes += frame.len() + AROUND;
        }
        let mut out = Vec::with_capacity(bytes);
        if core::mem::take(&mut self.open) {
            out.extend_from_slice(b"\n\n");
        }
        while let Some(frame) = self.frames.as_slice().first() {
            let large = frame.len() > PIECE;
            if out.len() + frame.len() > PIECE && !large && !out.is_empty() {
                break;
            }
            let frame = self.frames.next()?;
            let id = Some(self.next);
            self.next.seq = self.next.seq.next();
            if large {
                begin(&mut out, "ev", id);
                (self.rest, self.open) = (frame, true);
                break;
            }
            event(&mut out, "ev", id, &frame);
        }
        (!out.is_empty()).then(|| out.into())
    }
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
    json_event(&mut out, "close", None, &StreamOnly::close(code));
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

#[cfg(test)]
mod tests {
    use super::*;
    use outlive::log::LogId;

    #[test]
    fn a_large_entry_is_cut_and_not_copied_and_the_text_is_the_same() {
        let large = Bytes::from(std::vec![b'x'; 3 << 20]);
        let small = Bytes::from_static(b"small");
        let frames = std::vec![small.clone(), large.clone(), small.clone(), small];
        let mut whole = Vec::new();
        for (frame, seq) in frames.iter().zip(7..) {
            event(&mut whole, "ev", Some(Cursor { log: LogId(1), seq: Seq(seq) }), frame);
        }
        let pieces: Vec<Bytes> = entries(Entries { log: LogId(1), from: Seq(7), frames }).collect();
        assert!(pieces.concat() == whole);
        assert!(pieces.iter().all(|piece| piece.len() <= PIECE + 64));
        let memory = large.as_ptr_range();
        let copied = pieces.iter().filter(|piece| !memory.contains(&piece.as_ptr()));
        let copied: usize = copied.map(Bytes::len).sum();
        assert_eq!(copied, whole.len() - large.len(), "only what stands around it");
    }

    #[test]
    fn small_entries_go_together() {
        let frames = std::vec![Bytes::from_static(b"small"); 100];
        let pieces = entries(Entries { log: LogId(1), from: Seq(1), frames });
        assert_eq!(pieces.count(), 1);
    }
}
