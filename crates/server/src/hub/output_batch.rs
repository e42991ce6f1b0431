//! Pieces of output that came together: they are fed as one event, and committed as one.

use core::cell::Cell;
use std::thread_local;

use bytes::Bytes;
use serde::Serialize;

use super::body::one_line;

/// At least one piece, as JSON, one behind the other.
#[derive(Debug)]
pub(super) struct OutputBatch {
    text: Vec<u8>,
    /// Where each begins but the first.
    edges: Vec<usize>,
}

impl OutputBatch {
    pub(super) fn of(piece: &[u8]) -> OutputBatch {
        OutputBatch { text: Vec::from(piece), edges: Vec::new() }
    }

    pub(super) fn push(&mut self, piece: &[u8]) {
        self.edges.push(self.text.len());
        self.text.extend_from_slice(piece);
    }

    pub(super) fn len(&self) -> usize {
        self.edges.len() + 1
    }

    fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let ends = self.edges.iter().copied().chain([self.text.len()]);
        ends.scan(0, |start, end| Some(&self.text[core::mem::replace(start, end)..end]))
    }

    /// The line of each: what stands before it, the piece, and what stands behind.
    pub(super) fn lines(&self, before: &[&[u8]], behind: &[u8]) -> Vec<Bytes> {
        let more = before.iter().map(|part| part.len()).sum::<usize>() + behind.len();
        let mut text = Vec::with_capacity(self.text.len() + self.len() * more);
        for piece in self.iter() {
            for part in before {
                text.extend_from_slice(part);
            }
            text.extend_from_slice(piece);
            text.extend_from_slice(behind);
        }
        cut(text, self.iter().map(|piece| piece.len() + more))
    }
}

/// Cuts a text into parts of these sizes, which share its memory.
pub(super) fn cut(text: Vec<u8>, sizes: impl Iterator<Item = usize>) -> Vec<Bytes> {
    let text = Bytes::from(text);
    let mut start = 0;
    let mut parts = Vec::with_capacity(sizes.size_hint().0);
    // Most often it is one part, which needs nothing to share.
    for size in sizes {
        let end = start + size;
        if start == 0 && end == text.len() {
            return vec![text];
        }
        parts.push(text.slice(start..end));
        start = end;
    }
    parts
}

thread_local! {
    /// Where values become JSON, before it is known whether there is room for them.
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// So much of the scratch is kept.
const KEPT: usize = 16 << 10;

/// Makes JSON of a value, on one line, and does something with it.
pub(super) fn with_json<T>(
    value: &impl Serialize,
    act: impl FnOnce(&[u8]) -> T,
) -> serde_json::Result<T> {
    // A nested call finds an empty buffer, and so does the call after a panic.
    let mut json = SCRATCH.take();
    json.clear();
    let made = serde_json::to_writer(&mut json, value).map(|()| {
        one_line(&mut json);
        act(&json)
    });
    if json.capacity() <= KEPT {
        SCRATCH.set(json);
    }
    made
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_share_their_memory_and_keep_their_edges() {
        let mut pieces = OutputBatch::of(b"1");
        pieces.push(b"");
        pieces.push(b"\"two\"");
        assert_eq!(pieces.lines(&[b"<", b"<"], b">!"), ["<<1>!", "<<>!", "<<\"two\">!"]);
        assert_eq!(pieces.len(), 3);
        assert_eq!(OutputBatch::of(b"one").lines(&[b"<"], b">"), ["<one>"]);
    }

    #[test]
    fn a_value_that_is_made_while_another_one_is_made_does_not_disturb_it() {
        struct Outer;
        impl Serialize for Outer {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                let inner = with_json(&"inner", <[u8]>::to_vec).map_err(serde::ser::Error::custom);
                to.serialize_bytes(&inner?)
            }
        }
        let inner = format!("{:?}", b"\"inner\"").replace(' ', "");
        let outer =
            with_json(&Outer, |json| std::string::String::from_utf8_lossy(json).into_owned());
        assert_eq!(outer.unwrap(), inner);
    }
}
