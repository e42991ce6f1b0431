//! Replays a complete trace: each line is a step, each step is held against its line and every law.

use std::collections::BTreeMap;

use super::expect::{Expect, Mismatch};
use super::line::{Begin, Fed, Line};
use crate::laws::{self, Breach, Witness};
use crate::log::LogId;
use crate::session::limits::{Limits, ZeroLimitError};
use crate::session::table::{TABLE, Table};
use crate::session::{Event, Machine, Session, SnapshotError, Step};
use crate::words::{State, Trigger};

/// Replays one trace, line by line. Each session in it goes its own way.
#[derive(Clone, Debug)]
pub struct Replayer {
    table: &'static Table,
    runs: BTreeMap<Option<String>, Run>,
    replayed: Replayed,
}

#[derive(Clone, Debug)]
struct Run {
    machine: Machine,
    session: Session,
    witness: Witness,
    /// Its process is gone: nothing may come before `restarted`.
    orphaned: bool,
}

/// What a whole trace came to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Replayed {
    /// How many sessions.
    pub sessions: u64,
    /// How many steps.
    pub steps: u64,
    /// How often each row was taken.
    pub rules: BTreeMap<&'static str, u64>,
    /// The state at the end of the session of the last line.
    pub state: State,
    /// The state of each session at the end, by name.
    pub ends: BTreeMap<Option<String>, State>,
}

/// One step of a replay.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Taken {
    /// The line's number.
    pub line: u64,
    /// The line.
    pub fed: Fed,
    /// The state before.
    pub before: State,
    /// The column the event came to.
    pub trigger: Trigger,
    /// What came of it: every field that applies is set.
    pub got: Expect,
}

/// A line that the table contradicts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}{}: {why}", named(.session.as_deref()))]
#[non_exhaustive]
pub struct Divergence {
    /// The line's number.
    pub line: u64,
    /// Which session it is about, where there are several.
    pub session: Option<String>,
    /// In which way.
    pub why: Why,
    /// What the machine did there; none if it was not asked.
    pub taken: Option<std::boxed::Box<Taken>>,
}

/// In which way a line is contradicted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Why {
    /// Something else came of the event than the line expects.
    #[error("{}", Listed(.0))]
    Differs(Vec<Mismatch>),
    /// A law is broken.
    #[error("a law is broken: {0}")]
    Breaks(#[from] Breach),
    /// A restored session was fed something else before `restarted`.
    #[error("a session that was restored in {0} is fed `restarted` before anything else")]
    NotRestarted(State),
    /// The beginning was made by hand, with limits no session can live with.
    #[error(transparent)]
    Limits(#[from] ZeroLimitError),
    /// The beginning was made by hand, with a snapshot no session could have written.
    #[error(transparent)]
    Start(#[from] SnapshotError),
}

struct Listed<'a>(&'a [Mismatch]);

impl core::fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        for (place, mismatch) in self.0.iter().enumerate() {
            let separator = if place == 0 { "" } else { "; " };
            write!(f, "{separator}{mismatch}")?;
        }
        Ok(())
    }
}

impl Default for Replayer {
    fn default() -> Replayer {
        Replayer::new()
    }
}

impl Replayer {
    /// By the shipped table.
    pub fn new() -> Replayer {
        Replayer::by(&TABLE)
    }

    /// By another table.
    pub fn by(table: &'static Table) -> Replayer {
        Replayer {
            table,
            runs: BTreeMap::new(),
            replayed: Replayed {
                sessions: 0,
                steps: 0,
                rules: BTreeMap::new(),
                state: State::Created,
                ends: BTreeMap::new(),
            },
        }
    }

    /// Takes the next line: the step it made, or nothing if a session begins.
    ///
    /// # Errors
    /// The line is contradicted. A replayer that said so is not fed any more.
    pub fn feed(&mut self, line: u64, what: &Line) -> Result<Option<Taken>, Divergence> {
        let session = || what.session().map(String::from);
        let strayed = |why| Divergence { line, session: session(), why, taken: None };
        match what {
            Line::Begin(begin) => {
                self.begin(begin).map_err(strayed)?;
                Ok(None)
            }
            Line::Fed(fed) => {
                if !self.runs.contains_key(&fed.session) {
                    self.begin(&unsaid(fed)).map_err(strayed)?;
                }
                self.step(line, fed).map(Some)
            }
        }
    }

    /// What the trace came to.
    pub fn finish(self) -> Replayed {
        let ends = self.runs.into_iter().map(|(name, run)| (name, run.session.state()));
        Replayed { ends: ends.collect(), ..self.replayed }
    }

    fn begin(&mut self, begin: &Begin) -> Result<(), Why> {
        let (machine, session, orphaned) = start(self.table, begin)?;
        self.replayed.sessions += 1;
        self.replayed.state = session.state();
        let limits = machine.limits();
        let witness = match begin.start {
            None => Witness::of(&session, limits),
            Some(_) => Witness::restored(&session, limits),
        };
        let run = Run { machine, session, witness, orphaned };
        self.runs.insert(begin.session.clone(), run);
        Ok(())
    }

    fn step(&mut self, line: u64, fed: &Fed) -> Result<Taken, Divergence> {
        let session = || fed.session.clone();
        let strayed = |why, taken: Option<Taken>| {
            let taken = taken.map(Into::into);
            Divergence { line, session: session(), why, taken }
        };
        let Some(run) = self.runs.get_mut(&fed.session) else {
            return Err(strayed(Why::NotRestarted(State::Created), None));
        };
        orphan(run.orphaned, &run.session, &fed.event).map_err(|why| strayed(why, None))?;
        run.orphaned = false;
        let step = run.machine.step(&run.session, &fed.event);
        let taken = Taken {
            line,
            fed: fed.clone(),
            before: run.session.state(),
            trigger: step.trigger(),
            got: Expect::of(&step),
        };
        if let Err(breach) = run.laws(&fed.event, &step) {
            return Err(strayed(breach.into(), Some(taken)));
        }
        let differences = fed.expect.as_ref().map(|e| e.differences(&taken.got));
        if let Some(differences) = differences.filter(|list| !list.is_empty()) {
            return Err(strayed(Why::Differs(differences), Some(taken)));
        }
        for row in step.rules() {
            *self.replayed.rules.entry(row.id).or_default() += 1;
        }
        self.replayed.steps += 1;
        self.replayed.state = step.next.state();
        run.session = step.next;
        Ok(taken)
    }
}

impl Run {
    fn laws(&mut self, event: &Event, step: &Step) -> Result<(), Breach> {
        let limits = self.machine.limits();
        laws::of_step(limits, &self.session, event, step)?;
        self.witness.observe(limits, &self.session, event, step)
    }
}

/// The beginning of a session that has none: it is new, and has the default limits.
pub(super) fn unsaid(fed: &Fed) -> Begin {
    let session = fed.session.clone();
    Begin { session, ..Begin::created(Limits::default(), LogId(1)) }
}

/// Which session an error is about, where there are several.
pub(super) fn named(session: Option<&str>) -> String {
    session.map_or_else(String::new, |name| format!(" (session {name})"))
}

/// A session as a line says it begins, and whether its process is gone.
pub(super) fn start(table: &'static Table, begin: &Begin) -> Result<(Machine, Session, bool), Why> {
    let machine = Machine::with_table(begin.limits, table)?;
    match begin.start.clone() {
        None => {
            let session = machine.create(begin.log).next;
            Ok((machine, session, false))
        }
        Some(start) => {
            let session = Session::restore(start)?;
            let orphaned = session.state() != State::Ended;
            Ok((machine, session, orphaned))
        }
    }
}

/// That nothing comes before the news that the process is gone.
pub(super) fn orphan(orphaned: bool, session: &Session, event: &Event) -> Result<(), Why> {
    if orphaned && !matches!(event, Event::Restarted { .. }) {
        return Err(Why::NotRestarted(session.state()));
    }
    Ok(())
}

impl Taken {
    /// The ids of the rows that were taken, as a person reads them: `P1 F1`.
    pub fn rules(&self) -> String {
        match &self.got.rule {
            Some(super::Rules::All(rules)) => rules.join(" "),
            Some(super::Rules::First(rule)) => rule.clone(),
            None => String::new(),
        }
    }

    /// The line as a complete one: with all that came of it expected.
    pub fn complete(&self) -> Line {
        Line::Fed(self.fed.clone().expecting(self.got.clone()))
    }
}
