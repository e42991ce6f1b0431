//! A stream of bytes as lines. At most one line is held, and it is bounded.

use std::mem::take;

use bytes::{Buf as _, Bytes, BytesMut};
use memchr::{memchr, memchr2};

/// What ends a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// A line feed.
    Lf,
    /// A line feed, a carriage return, or both.
    Any,
}

/// A line that is longer than an entry may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

#[derive(Debug)]
pub(crate) struct Lines {
    ending: Ending,
    /// The longest line, in bytes.
    most: usize,
    /// The beginning of a line whose end has not come.
    begun: BytesMut,
    /// The last line ended with a carriage return, and a line feed that follows belongs to it.
    skip_lf: bool,
    number: u64,
}

impl Lines {
    pub(crate) fn new(ending: Ending, most: usize) -> Lines {
        Lines { ending, most, begun: BytesMut::new(), skip_lf: false, number: 0 }
    }

    /// The number of the line that was taken last, or of the one that is too long, from 1.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Takes the next line off the front of a chunk. `None` when the chunk is used up.
    pub(crate) fn next(&mut self, chunk: &mut Bytes) -> Result<Option<Bytes>, TooLong> {
        if self.skip_lf && !chunk.is_empty() {
            self.skip_lf = false;
            if chunk[0] == b'\n' {
                chunk.advance(1);
            }
        }
        let end = match self.ending {
            Ending::Lf => memchr(b'\n', chunk),
            Ending::Any => memchr2(b'\n', b'\r', chunk),
        };
        if self.begun.len() + end.unwrap_or(chunk.len()) > self.most {
            self.number += 1;
            return Err(TooLong);
        }
        let Some(end) = end else {
            self.begun.extend_from_slice(&take(chunk));
            return Ok(None);
        };
        let mut line = chunk.split_to(end);
        self.skip_lf = chunk.get_u8() == b'\r';
        if !self.begun.is_empty() {
            self.begun.extend_from_slice(&line);
            line = take(&mut self.begun).freeze();
        }
        self.number += 1;
        Ok(Some(line))
    }

    /// What is left when the stream has ended: a line without an end, or nothing.
    pub(crate) fn rest(&mut self) -> Option<Bytes> {
        if self.begun.is_empty() {
            return None;
        }
        self.number += 1;
        Some(take(&mut self.begun).freeze())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines of a text that comes in chunks of this size.
    fn lines(ending: Ending, text: &'static str, size: usize) -> (Vec<String>, Option<String>) {
        let mut lines = Lines::new(ending, 100);
        let text_of = |line: Bytes| String::from_utf8(line.into()).unwrap();
        let mut found = Vec::new();
        for chunk in text.as_bytes().chunks(size) {
            let mut chunk = Bytes::from_static(chunk);
            while let Some(line) = lines.next(&mut chunk).unwrap() {
                found.push(text_of(line));
                assert_eq!(lines.number(), found.len() as u64);
            }
        }
        (found, lines.rest().map(text_of))
    }

    #[test]
    fn lines_are_the_same_however_they_are_cut_into_chunks() {
        let text = "a\r\n\r\nb\n\nc\rüd\r\r\n\ne";
        for size in 1..=text.len() {
            let (found, rest) = lines(Ending::Any, text, size);
            assert_eq!(found, ["a", "", "b", "", "c", "üd", "", ""], "{size}");
            assert_eq!(rest.as_deref(), Some("e"));
            let (found, rest) = lines(Ending::Lf, text, size);
            assert_eq!(found, ["a\r", "\r", "b", "", "c\rüd\r\r", ""], "{size}");
            assert_eq!(rest.as_deref(), Some("e"));
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_refused_before_its_end_has_come() {
        let mut lines = Lines::new(Ending::Lf, 4);
        let mut chunk = Bytes::from_static(b"1234\n123");
        assert_eq!(lines.next(&mut chunk), Ok(Some(Bytes::from_static(b"1234"))));
        assert_eq!(lines.next(&mut chunk), Ok(None));
        assert_eq!(lines.next(&mut Bytes::from_static(b"4")), Ok(None));
        assert_eq!(lines.next(&mut Bytes::from_static(b"5")), Err(TooLong));
        assert_eq!(lines.number(), 2);
    }
}
