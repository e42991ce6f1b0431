//! Reads a trace line by line; memory is bounded by the longest line that is allowed.

use std::io::{BufRead, Read};

use super::flaw::{Flaw, MAX_LINE};
use super::line::Line;

/// How much of a bad line an error shows, in characters.
const SHOWN: usize = 80;

/// A line that is none, where it stands and what was found there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {flaw}; found `{found}`")]
#[non_exhaustive]
pub struct Unreadable {
    /// Its number, from 1.
    pub line: u64,
    /// What is wrong.
    pub flaw: Flaw,
    /// How the line begins, with what cannot be printed escaped.
    pub found: String,
}

/// Reads the lines of a trace with their numbers. Blank lines and lines that begin with `#` or `//`
/// are left out. Ends after the first line that is none.
#[derive(Debug)]
pub struct Reader<R> {
    source: R,
    line: u64,
    buffer: Vec<u8>,
    over: bool,
}

impl<R: BufRead> Reader<R> {
    /// Reads from a source.
    pub fn new(source: R) -> Reader<R> {
        Reader { source, line: 0, buffer: Vec::new(), over: false }
    }

    /// The next line that says something.
    fn read(&mut self) -> Result<Option<Line>, Flaw> {
        loop {
            self.buffer.clear();
            self.line += 1;
            let most = MAX_LINE as u64 + 1;
            let read = self
                .source
                .by_ref()
                .take(most)
                .read_until(b'\n', &mut self.buffer)
                .map_err(|error| Flaw::Io(error.to_string()))?;
            if read == 0 {
                return Ok(None);
            }
            if read > MAX_LINE {
                return Err(Flaw::TooLong);
            }
            let text = core::str::from_utf8(&self.buffer)
                .map_err(|error| Flaw::NotUtf8(error.valid_up_to() + 1))?;
            let text = match self.line {
                1 => text.trim_start_matches('\u{feff}').trim(),
                _ => text.trim(),
            };
            if !(text.is_empty() || text.starts_with('#') || text.starts_with("//")) {
                return Line::parse(text).map(Some);
            }
        }
    }
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = Result<(u64, Line), Unreadable>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let read = self.read();
        self.over = !matches!(read, Ok(Some(_)));
        let (line, found) = (self.line, &self.buffer);
        match read {
            Ok(read) => read.map(|read| Ok((line, read))),
            Err(flaw) => Some(Err(Unreadable { line, flaw, found: shown(found) })),
        }
    }
}

/// How the bytes begin, readable on any terminal.
fn shown(bytes: &[u8]) -> String {
    let start = &bytes[..bytes.len().min(4 * SHOWN)];
    let text = String::from_utf8_lossy(start);
    let text = text.trim();
    let cut: String = text.chars().take(SHOWN).flat_map(char::escape_debug).collect();
    let cut = cut.replace("\\\"", "\"");
    if text.chars().count() > SHOWN || bytes.len() > start.len() {
        format!("{cut}…")
    } else {
        cut
    }
}
