//! Writes the traces of a driver.

use std::io::{self, Write};

use super::expect::Expect;
use super::line::{Begin, Fed, Line};
use crate::limits::Limits;
use crate::log::LogId;
use crate::session::{Event, Snapshot, Step};

/// Writes what a driver feeds to the machine and what comes back, a line each. One recorder, one
/// session after the other; a driver with many sessions at once has a recorder for each.
///
/// Record a step when its commit has succeeded: one whose commit failed did not happen.
#[derive(Debug)]
pub struct Recorder<W> {
    sink: W,
}

impl<W: Write> Recorder<W> {
    /// Writes to a sink: one `write` for each line, and no buffer.
    pub fn new(sink: W) -> Recorder<W> {
        Recorder { sink }
    }

    /// A session was created.
    ///
    /// # Errors
    /// The sink's.
    pub fn created(&mut self, limits: &Limits, log: LogId) -> io::Result<()> {
        self.line(&Line::Begin(Begin::created(*limits, log)))
    }

    /// A session was read from the store.
    ///
    /// # Errors
    /// The sink's.
    pub fn restored(&mut self, limits: &Limits, start: Snapshot) -> io::Result<()> {
        self.line(&Line::Begin(Begin::restored(*limits, start)))
    }

    /// A step was taken.
    ///
    /// # Errors
    /// The sink's.
    pub fn step(&mut self, event: &Event, step: &Step) -> io::Result<()> {
        self.line(&Line::Fed(Fed::event(*event).expecting(Expect::of(step))))
    }

    /// Writes text that is no line of a trace, such as a comment.
    ///
    /// # Errors
    /// The sink's.
    pub fn text(&mut self, text: &str) -> io::Result<()> {
        self.sink.write_all(text.as_bytes())
    }

    /// Writes any line.
    ///
    /// # Errors
    /// The sink's.
    pub fn line(&mut self, line: &Line) -> io::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        self.sink.write_all(&text)
    }

    /// The sink.
    pub fn into_inner(self) -> W {
        self.sink
    }
}
