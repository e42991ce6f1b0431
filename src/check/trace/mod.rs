//! Recorded runs, held against the table.
//!
//! A trace is JSON Lines: what a driver fed to the machine, an event a line, and, where its author
//! says, what must have come of it. The format is described in `docs/traces.md`. There are two
//! questions:
//!
//! * [`replay`], or a [`Replayer`] fed line by line: is this log, complete as it is, what the table
//!   does?
//! * [`explain`], or a [`Partial`] fed line by line: could this log, in which timers, acks and
//!   losses may be missing, be what the table does?
//!
//! A server's record is about many sessions at once: each line then says which `session` it is about, and
//! each session is held against the table as if it had a trace of its own ([`Trace::sessions`]).
//!
//! A driver writes its traces with a [`Recorder`] and replays them in its own tests:
//!
//! ```
//! use outlive::check::trace::{self, Recorder};
//! use outlive::ids::{ClientId, Digest, PrincipalId, PromptNumber};
//! use outlive::log::LogId;
//! use outlive::session::{Event, Machine};
//! use outlive::{Limits, State};
//!
//! let machine = Machine::new(Limits::default())?;
//! let mut recorder = Recorder::new(Vec::new());
//! recorder.created(machine.limits(), LogId(0x9f3a))?;
//! let session = machine.create(LogId(0x9f3a)).next;
//! let event = Event::Prompt { client: ClientId(7), principal: PrincipalId(0), n: PromptNumber::MIN, digest: Digest(1) };
//! let step = machine.step(&session, &event);
//! recorder.step(&event, &step)?;
//!
//! let trace = trace::parse(&recorder.into_inner())?;
//! let replayed = trace::replay(&trace)?;
//! assert_eq!(replayed.state, State::Starting);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod candidate;
mod expect;
mod flaw;
mod hidden;
mod line;
mod partial;
mod read;
mod record;
mod replay;

use std::collections::BTreeMap;

pub use candidate::{Bound, ExplainOptions, Rejected};
pub use expect::{Expect, Mismatch, Rules, Word};
pub use flaw::{Flaw, MAX_LINE};
pub use hidden::Hidden;
pub use line::{Begin, Fed, Line};
pub use partial::{Explained, Partial, Unexplained, Unsettled};
pub use read::{Reader, Unreadable};
pub use record::Recorder;
pub use replay::{Divergence, Replayed, Replayer, Taken, Why};

/// A trace that was read: its lines with their numbers, blank lines and comments left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// The lines, with their numbers.
    pub lines: Vec<(u64, Line)>,
}

impl Trace {
    /// The trace of each session in it, by name; the lines without a name are one of them.
    pub fn sessions(self) -> BTreeMap<Option<String>, Trace> {
        let mut sessions: BTreeMap<_, Trace> = BTreeMap::new();
        for (number, line) in self.lines {
            let name = line.session().map(String::from);
            let trace = sessions.entry(name).or_insert_with(|| Trace { lines: Vec::new() });
            trace.lines.push((number, line));
        }
        sessions
    }
}

/// Reads a trace.
///
/// # Errors
/// The first line that is none.
pub fn parse(bytes: &[u8]) -> Result<Trace, Unreadable> {
    let lines = Reader::new(bytes).collect::<Result<_, _>>()?;
    Ok(Trace { lines })
}

/// Replays a complete trace by the shipped table.
///
/// # Errors
/// The first line that the table contradicts, or at which a law is broken.
pub fn replay(trace: &Trace) -> Result<Replayed, Divergence> {
    let mut replayer = Replayer::new();
    for (number, line) in &trace.lines {
        replayer.feed(*number, line)?;
    }
    Ok(replayer.finish())
}

/// Looks for an explanation of a trace in which events may be missing.
///
/// # Errors
/// The first line that nothing explains, or the bound that was hit before the answer.
pub fn explain(trace: &Trace, options: &ExplainOptions) -> Result<Explained, Unsettled> {
    let mut partial = Partial::new(options.clone());
    for (number, line) in &trace.lines {
        partial.feed(*number, line)?;
    }
    Ok(partial.finish())
}
