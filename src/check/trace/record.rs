//! Writes the traces of a driver.

use std::io::{self, Write};

use super::expect::Expect;
use super::line::{Begin, Fed, Line};
use crate::log::LogId;
use crate::session::limits::Limits;
use crate::session::{Event, Snapshot, Step};

/// Writes what a driver feeds to the machine and what comes back, a line each. Sessions that live at once
/// have a recorder each, or share one and are [named](Recorder::session).
///
/// Record a step when its commit has succeeded: one whose commit failed did not happen.
#[derive(Debug)]
pub struct Recorder<W> {
    sink: W,
    session: Option<String>,
}

impl<W: Write> Recorder<W> {
    /// Writes to a sink: one `write` for each line, and no buffer.
    pub fn new(sink: W) -> Recorder<W> {
        Recorder { sink, session: None }
    }

    /// The same sink for one of several sessions: what it writes is about the session with this name.
    ///
    /// ```
    /// # use outlive::{Limits, check::trace::{self, Recorder}, ids::Incarnation, log::LogId};
    /// # use outlive::session::{Event, Machine};
    /// # let machine = Machine::new(Limits::default())?;
    /// # let (log, event) = (LogId(1), Event::Stop { incarnation: Incarnation(1) });
    /// # let step = machine.step(&machine.create(log).next, &event);
    /// let mut recorder = Recorder::new(Vec::new());
    /// for name in ["s_1", "s_2"] {
    ///     recorder.session(name).created(machine.limits(), log)?;
    /// }
    /// for name in ["s_1", "s_2"] {
    ///     recorder.session(name).step(&event, &step)?;
    /// }
    /// let trace = trace::parse(&recorder.into_inner())?;
    /// assert_eq!(trace::replay(&trace)?.ends.len(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn session(&mut self, name: &str) -> Recorder<&mut W> {
        Recorder { sink: &mut self.sink, session: Some(name.into()) }
    }

    /// A session was created.
    ///
    /// # Errors
    /// The sink's.
    pub fn created(&mut self, limits: &Limits, log: LogId) -> io::Result<()> {
        self.begin(Begin::created(*limits, log))
    }

    /// A session was read from the store; its next event is `restarted`.
    ///
    /// # Errors
    /// The sink's.
    pub fn restored(&mut self, limits: &Limits, start: Snapshot) -> io::Result<()> {
        self.begin(Begin::restored(*limits, start))
    }

    /// A step was taken.
    ///
    /// # Errors
    /// The sink's.
    pub fn step(&mut self, event: &Event, step: &Step) -> io::Result<()> {
        let session = self.session.clone();
        let fed = Fed::event(*event).expecting(Expect::of(step));
        self.line(&Line::Fed(Fed { session, ..fed }))
    }

    fn begin(&mut self, begin: Begin) -> io::Result<()> {
        let session = self.session.clone();
        self.line(&Line::Begin(Begin { session, ..begin }))
    }

    /// Writes text that is no line of a trace, such as a comment.
    ///
    /// # Errors
    /// The sink's.
    pub fn text(&mut self, text: &str) -> io::Result<()> {
        self.sink.write_all(text.as_bytes())
    }

    /// Writes any line, as it is.
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
