//! A search: its options, and the way from what was explored to a verdict.

use std::format;
use std::prelude::v1::*;
use std::time::{Duration, Instant};

use super::explorer::{Explored, Explorer, Stop};
use super::laws::Laws;
use super::liveness;
use super::model::{Encoding, Model, Plain};
use super::report::{
    Count, DEADLOCK, DEADLOCK_SENTENCE, Kind, LawReport, Outcome, Report, Standing, Violation,
};
use super::retrace;
use super::worker::{Context, LawIndex};

/// The least time between two reports of progress.
pub(super) const PROGRESS_INTERVAL: Duration = Duration::from_millis(500);

/// How far a search has come.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Progress {
    /// Distinct states so far.
    pub states: u64,
    /// The level being expanded.
    pub depth: u32,
    /// Time since the beginning.
    pub elapsed: Duration,
}

type Callback<'a> = Box<dyn Fn(&Progress) + 'a>;

pub(super) struct Limits<'a> {
    pub(super) threads: usize,
    pub(super) max_states: Option<u64>,
    pub(super) max_memory: Option<u64>,
    pub(super) max_time: Option<Duration>,
    pub(super) stop_at_first: bool,
    pub(super) progress: Option<Callback<'a>>,
}

/// An exhaustive search through the states of a model.
///
/// The result does not depend on the number of threads or on the encoding, apart from times and
/// bytes. A counterexample is a shortest one, and of those the first in the order of the model's
/// actions.
#[must_use = "a search does nothing until it is run"]
pub struct Search<'a, M: Model, E: Encoding<M> = Plain> {
    model: &'a M,
    encoding: E,
    limits: Limits<'a>,
    verify_encoding: bool,
    demand_classes: bool,
    demand_counters: bool,
}

impl<'a, M: Model> Search<'a, M> {
    /// A search which keeps the states as they are.
    pub fn new(model: &'a M) -> Self {
        Self::packed(model, Plain)
    }
}

impl<'a, M: Model, E: Encoding<M>> Search<'a, M, E> {
    /// A search which keeps the keys of the states.
    pub fn packed(model: &'a M, encoding: E) -> Self {
        Self {
            model,
            encoding,
            limits: Limits {
                threads: 1,
                max_states: None,
                max_memory: None,
                max_time: None,
                stop_at_first: true,
                progress: None,
            },
            verify_encoding: cfg!(debug_assertions),
            demand_classes: true,
            demand_counters: true,
        }
    }

    /// The number of threads: 1 unless set.
    pub fn threads(mut self, threads: usize) -> Self {
        self.limits.threads = threads.max(1);
        self
    }

    /// Ends the search as incomplete once about so many states are found.
    pub fn max_states(mut self, states: u64) -> Self {
        self.limits.max_states = Some(states);
        self
    }

    /// Ends the search as incomplete once about so many bytes are in use.
    pub fn max_memory(mut self, bytes: u64) -> Self {
        self.limits.max_memory = Some(bytes);
        self
    }

    /// Ends the search as incomplete after about this time.
    pub fn max_time(mut self, time: Duration) -> Self {
        self.limits.max_time = Some(time);
        self
    }

    /// Goes on after a violation and finds a shortest trace for every law. Without this the search
    /// stops as soon as every law is known which has a counterexample as short as the first.
    pub fn every_violation(mut self) -> Self {
        self.limits.stop_at_first = false;
        self
    }

    /// Verifies on every reached state that the encoding is exact. Debug builds always do.
    pub fn verify_encoding(mut self) -> Self {
        self.verify_encoding = true;
        self
    }

    /// Does not take it for an error that a class of actions is never seen.
    pub fn allow_idle_classes(mut self) -> Self {
        self.demand_classes = false;
        self
    }

    /// Does not take it for an error that a counter stays at zero: several models may exercise
    /// everything together.
    pub fn allow_idle_counters(mut self) -> Self {
        self.demand_counters = false;
        self
    }

    /// Calls back now and then, at most every half second.
    pub fn progress(mut self, callback: impl Fn(&Progress) + 'a) -> Self {
        self.limits.progress = Some(Box::new(callback));
        self
    }

    /// Runs the search.
    pub fn run(self) -> Report {
        let started = Instant::now();
        let laws = self.model.laws();
        let context = Context {
            model: self.model,
            encoding: &self.encoding,
            laws: &laws,
            verify_encoding: self.verify_encoding,
            symmetric: self.model.symmetric(),
        };
        let mut report = match liveness::refusal(&context) {
            Some(why) => incomplete_from_the_start(self.model, why),
            None => self.judge(context, started),
        };
        report.seconds = started.elapsed().as_secs_f64();
        report
    }

    fn judge(&self, context: Context<'_, M, E>, started: Instant) -> Report {
        let explored = Explorer::new(context, &self.limits).run();
        let mut verdicts = Verdicts {
            violations: Vec::new(),
            fault: None,
        };
        verdicts.safety(context, &explored);
        let transitions = explored.tally.transitions;
        let mut live = false;
        match &explored.stopped {
            None => {
                self.coverage(&explored, context.laws, &mut verdicts);
                match liveness::judge(context, &explored.store, transitions, &self.limits, started)
                {
                    Ok(violations) => {
                        live = true;
                        verdicts.violations.extend(violations);
                    }
                    Err(why) => verdicts.fault = Some(why),
                }
            }
            Some(Stop::Violation) => {}
            Some(Stop::Unfinished(why)) => verdicts.fault = Some(why.clone()),
        }
        self.report(context.laws, &explored, verdicts, live)
    }

    /// What never happened: only the end of a complete search can say so.
    fn coverage(&self, explored: &Explored<E::Key>, laws: &Laws<M>, verdicts: &mut Verdicts) {
        let tally = &explored.tally;
        let never = |name: &str| format!("{name} was never seen");
        for (law, &count) in laws.sometimes.iter().zip(&tally.sometimes) {
            if count == 0 {
                let detail = "no reachable state is like that".to_owned();
                verdicts.violations.push(Violation::never(
                    Kind::Sometimes,
                    law.name,
                    law.sentence,
                    detail,
                ));
            }
        }
        let classes = self.model.classes().into_iter().map(str::to_owned);
        let demands = [
            (
                self.demand_classes,
                classes.collect(),
                &tally.classes,
                "every_class",
                CLASSES,
            ),
            (
                self.demand_counters,
                self.model.counters(),
                &tally.counters,
                "every_counter",
                COUNTERS,
            ),
        ];
        for (demanded, names, counts, law, sentence) in demands {
            let idle = names
                .iter()
                .zip(counts)
                .filter(|&(_, &count)| demanded && count == 0);
            for (name, _) in idle {
                let detail = never(name);
                verdicts
                    .violations
                    .push(Violation::never(Kind::Coverage, law, sentence, detail));
            }
        }
    }

    fn report(
        &self,
        laws: &Laws<M>,
        explored: &Explored<E::Key>,
        verdicts: Verdicts,
        live: bool,
    ) -> Report {
        let complete = explored.stopped.is_none();
        let states = explored.store.len() as u64;
        let tally = &explored.tally;
        let outcome = match verdicts.fault {
            _ if !verdicts.violations.is_empty() => Outcome::Violated,
            Some(why) => Outcome::Incomplete { why },
            None => Outcome::Verified,
        };
        let mut report = Report {
            name: self.model.name(),
            outcome,
            complete,
            states,
            transitions: tally.transitions,
            depth: explored.depth,
            laws: list_laws(laws),
            violations: verdicts.violations,
            classes: counts(self.model.classes(), &tally.classes),
            counters: counts(self.model.counters(), &tally.counters),
            seconds: 0.0,
            bytes_per_state: ratio(explored.bytes as u64, states),
        };
        let mut witnesses = tally.sometimes.iter();
        for law in &mut report.laws {
            let seen = if law.kind == Kind::Sometimes {
                witnesses.next().copied()
            } else {
                None
            };
            law.witnesses = seen;
            law.standing = if report
                .violations
                .iter()
                .any(|violation| violation.law == law.law)
            {
                Standing::Violated
            } else if seen.is_some_and(|count| count > 0)
                || complete && (live || law.kind != Kind::LeadsTo)
            {
                Standing::Holds
            } else {
                Standing::Open
            };
        }
        report
    }
}

const CLASSES: &str = "every class of actions is seen";
const COUNTERS: &str = "everything counted is exercised";

struct Verdicts {
    violations: Vec<Violation>,
    fault: Option<String>,
}

impl Verdicts {
    /// Turns the states in which a safety law was found violated into traces.
    fn safety<M: Model, E: Encoding<M>>(
        &mut self,
        context: Context<'_, M, E>,
        explored: &Explored<E::Key>,
    ) {
        for (law, id) in explored.found.iter().enumerate() {
            let Some(id) = *id else { continue };
            match safety_violation(context, explored, law, id) {
                Ok(violation) => self.violations.push(violation),
                Err(why) => self.fault = Some(why),
            }
        }
        // Shortest first; the order of the laws decides among equals.
        self.violations.sort_by_key(|violation| {
            violation
                .path
                .as_ref()
                .map_or(usize::MAX, |path| path.picks.len())
        });
    }
}

fn safety_violation<M: Model, E: Encoding<M>>(
    context: Context<'_, M, E>,
    explored: &Explored<E::Key>,
    law: usize,
    id: super::store::Id,
) -> Result<Violation, String> {
    let index = LawIndex::of(context.laws);
    let model = context.model;
    let mut trace = retrace::trace_to(context, &explored.store, id)?;
    if law == index.deadlock() {
        return Ok(Violation::deadlock(&trace));
    }
    if let Some(law) = context.laws.state.get(law) {
        let detail = (law.check)(model, trace.last()).err().ok_or(NO_SYMMETRY)?;
        return Ok(Violation::new(
            Kind::State,
            law.name,
            law.sentence,
            detail,
            &trace,
        ));
    }
    let law = &context.laws.step[law - index.state];
    let mut detail = None;
    trace.extend(model, |step| {
        detail = (law.check)(model, step).err();
        detail.is_some()
    });
    let detail = detail.ok_or(NO_SYMMETRY)?;
    Ok(Violation::new(
        Kind::Step,
        law.name,
        law.sentence,
        detail,
        &trace,
    ))
}

/// States which should be alike are told apart, by a law or by a step.
pub(super) const NO_SYMMETRY: &str =
    "`canonical` is no symmetry of this model (or the model is not deterministic)";

fn list_laws<M: Model>(laws: &Laws<M>) -> Vec<LawReport> {
    let entry = |kind, law: &str, sentence: &str| LawReport {
        law: law.to_owned(),
        sentence: sentence.to_owned(),
        kind,
        fairness: Vec::new(),
        standing: Standing::Open,
        witnesses: None,
    };
    let mut list = Vec::new();
    list.extend(
        laws.state
            .iter()
            .map(|law| entry(Kind::State, law.name, law.sentence)),
    );
    list.extend(
        laws.step
            .iter()
            .map(|law| entry(Kind::Step, law.name, law.sentence)),
    );
    list.push(entry(Kind::Deadlock, DEADLOCK, DEADLOCK_SENTENCE));
    list.extend(laws.leads_to.iter().map(|law| LawReport {
        fairness: law.fairness.clone(),
        ..entry(Kind::LeadsTo, law.name, law.sentence)
    }));
    list.extend(
        laws.sometimes
            .iter()
            .map(|law| entry(Kind::Sometimes, law.name, law.sentence)),
    );
    list
}

fn counts<N: Into<String>>(names: Vec<N>, counts: &[u64]) -> Vec<Count> {
    let names = names.into_iter().map(Into::into);
    names
        .zip(counts)
        .map(|(name, &count)| Count { name, count })
        .collect()
}

#[expect(clippy::cast_precision_loss, reason = "a ratio for people to read")]
fn ratio(whole: u64, parts: u64) -> f64 {
    whole as f64 / parts.max(1) as f64
}

fn incomplete_from_the_start<M: Model>(model: &M, why: String) -> Report {
    Report {
        name: model.name(),
        outcome: Outcome::Incomplete { why },
        complete: false,
        states: 0,
        transitions: 0,
        depth: 0,
        laws: list_laws(&model.laws()),
        violations: Vec::new(),
        classes: Vec::new(),
        counters: Vec::new(),
        seconds: 0.0,
        bytes_per_state: 0.0,
    }
}
