//! Explains a log in which events are missing: every session that could stand behind the log so far
//! is kept, with whatever hidden events may have happened in between.

use std::collections::{BTreeMap, HashSet};

use super::candidate::{Bound, Candidate, ExplainOptions, Rejected, Run, count};
use super::line::{Begin, Fed, Line};
use super::replay::{Why, named, orphan, start, unsaid};
use crate::ids::Seq;
use crate::session::Session;
use crate::session::table::{TABLE, Table};

/// Explains one log, line by line. Each session in it is explained by itself.
#[derive(Clone, Debug)]
pub struct Partial {
    table: &'static Table,
    options: ExplainOptions,
    runs: BTreeMap<Option<String>, Run>,
    /// The session of the last line.
    last: Option<String>,
    explained: Explained,
}

/// An explanation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explained {
    /// How many sessions the log is about.
    pub sessions: u64,
    /// How many lines with events.
    pub lines: u64,
    /// The most candidates that there were at a time.
    pub most: usize,
    /// What the session of the last line can be at the end.
    pub candidates: Vec<Session>,
}

/// Why there is no explanation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unsettled {
    /// The session cannot begin like this, or was restored and is not told so first.
    #[error("line {line}{}: {why}", named(.session.as_deref()))]
    Unfit {
        /// Where.
        line: u64,
        /// Which session, where there are several.
        session: Option<String>,
        /// Why.
        why: Why,
    },
    /// Nothing explains the log: it contradicts the table.
    #[error(transparent)]
    Unexplained(Box<Unexplained>),
    /// A bound was hit before the answer was found: the log may be right or wrong.
    #[error("line {line}{}: no answer: {bound}", named(.session.as_deref()))]
    Incomplete {
        /// Where.
        line: u64,
        /// Which session, where there are several.
        session: Option<String>,
        /// Which.
        bound: Bound,
    },
}

/// A line that nothing explains: the lines before it are the longest explained beginning.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}{}: nothing explains {}", named(.fed.session.as_deref()), super::expect::json(.fed))]
#[non_exhaustive]
pub struct Unexplained {
    /// The line's number.
    pub line: u64,
    /// The line.
    pub fed: Fed,
    /// How many lines with events are explained.
    pub explained: u64,
    /// The sessions that explain them, and what each has against this line. Those that say the same
    /// are counted together.
    pub rejected: Vec<Rejected>,
}

impl Partial {
    /// By the shipped table.
    pub fn new(options: ExplainOptions) -> Partial {
        Partial::by(&TABLE, options)
    }

    /// By another table.
    pub fn by(table: &'static Table, options: ExplainOptions) -> Partial {
        let (runs, last) = (BTreeMap::new(), None);
        Partial { table, options, runs, last, explained: Explained::default() }
    }

    /// Takes the next line. After an error it is not fed any more.
    ///
    /// # Errors
    /// Nothing explains the line, or a bound was hit.
    pub fn feed(&mut self, line: u64, what: &Line) -> Result<(), Unsettled> {
        self.last = what.session().map(String::from);
        match what {
            Line::Begin(begin) => self.begin(line, begin),
            Line::Fed(fed) => {
                if !self.runs.contains_key(&fed.session) {
                    self.begin(line, &unsaid(fed))?;
                }
                self.explain(line, fed)
            }
        }
    }

    /// What the session of the last line can be, before any event that is hidden after it.
    pub fn candidates(&self) -> impl Iterator<Item = &Session> {
        let run = self.runs.get(&self.last).into_iter();
        run.flat_map(|run| run.candidates.iter().map(|one| &one.session))
    }

    /// The explanation.
    pub fn finish(mut self) -> Explained {
        self.explained.candidates = self.candidates().cloned().collect();
        self.explained
    }

    fn begin(&mut self, line: u64, begin: &Begin) -> Result<(), Unsettled> {
        let unfit = |why| Unsettled::Unfit { line, session: begin.session.clone(), why };
        let (machine, session, orphaned) = start(self.table, begin).map_err(unfit)?;
        self.explained.sessions += 1;
        let candidates = [Candidate::new(session)].into();
        let run = Run { machine, orphaned, candidates, cut: None, guessed: false };
        self.runs.insert(begin.session.clone(), run);
        Ok(())
    }

    fn explain(&mut self, line: u64, fed: &Fed) -> Result<(), Unsettled> {
        let Some(run) = self.runs.get_mut(&fed.session) else {
            return Ok(());
        };
        let session = || fed.session.clone();
        let incomplete = |bound| Unsettled::Incomplete { line, session: session(), bound };
        let options = &self.options;
        if run.orphaned {
            let mut restored = run.candidates.iter();
            restored
                .try_for_each(|one| orphan(true, &one.session, &fed.event))
                .map_err(|why| Unsettled::Unfit { line, session: session(), why })?;
        } else {
            run.close(options).map_err(incomplete)?;
        }
        self.explained.most = self.explained.most.max(run.candidates.len());
        let (mut next, mut seen, mut rejected) = (Vec::new(), HashSet::new(), Vec::new());
        for candidate in &run.candidates {
            match candidate.meets(run, fed, options) {
                Ok(after) => {
                    if seen.insert(after.key()) {
                        next.push(after);
                    }
                }
                Err(no) => count(&mut rejected, *no),
            }
        }
        if next.is_empty() {
            let trimmed = |one: &Candidate| one.session.log().base > Seq(0);
            let guessed = run.guessed && run.candidates.iter().any(trimmed);
            let bound = run.cut.or(guessed.then_some(Bound::Seen));
            return Err(match bound {
                Some(bound) => incomplete(bound),
                None => Unsettled::Unexplained(Box::new(Unexplained {
                    line,
                    fed: fed.clone(),
                    explained: self.explained.lines,
                    rejected,
                })),
            });
        }
        run.orphaned = false;
        run.candidates = next;
        self.explained.lines += 1;
        Ok(())
    }
}
