//! From what was explored to a verdict.

use std::mem;

use super::encoding::Encoding;
use super::explorer::{Explored, Explorer, Stop};
use super::limits::Limits;
use super::liveness;
use super::model::{Model, Properties};
use super::report::{
    Count, DEADLOCK, DEADLOCK_SENTENCE, Kind, LawReport, Outcome, Report, Standing, Violation,
};
use super::retrace;
use super::store::Id;
use super::worker::{Context, Counts, LawIndex};

const CLASSES: &str = "every class of actions is seen";
const COUNTERS: &str = "everything counted is exercised";

/// Explores a model, and judges it.
pub(super) fn judge<M: Model, E: Encoding<M>>(
    context: Context<'_, M, E>,
    limits: &Limits<'_>,
) -> Report {
    let mut report = blank(&context);
    let mut fault = liveness::refusal(&context);
    if fault.is_none() {
        fault = search(context, limits, &mut report);
    }
    report.outcome = match fault {
        _ if !report.violations.is_empty() => Outcome::Violated,
        Some(why) => Outcome::Incomplete { why },
        None => Outcome::Verified,
    };
    report.seconds = limits.started.elapsed().as_secs_f64();
    report
}

/// Fills the report; why not all could be judged, if so.
fn search<M: Model, E: Encoding<M>>(
    context: Context<'_, M, E>,
    limits: &Limits<'_>,
    report: &mut Report,
) -> Option<String> {
    let mut explored = Explorer::new(context, limits).run();
    count(context.model, &explored, report);
    let mut judged = Judged::default();
    let mut fault = match safety(context, &explored) {
        Ok(violations) => {
            report.violations = violations;
            judged.safety = report.complete;
            None
        }
        Err(why) => Some(why),
    };
    match explored.stopped {
        None => {
            coverage(context, limits, &explored.tally, &mut report.violations);
            let steps = mem::take(&mut explored.steps);
            match liveness::judge(context, &explored.store, steps, limits) {
                Ok(violations) => {
                    judged.liveness = true;
                    report.violations.extend(violations);
                }
                Err(why) => fault = Some(why),
            }
        }
        Some(Stop::Violation) => {}
        Some(Stop::Unfinished(why)) => fault = Some(why),
    }
    settle_standings(report, judged, &explored.tally);
    fault
}

/// Which laws would be known to be violated if they were.
#[derive(Clone, Copy, Default)]
struct Judged {
    safety: bool,
    liveness: bool,
}

fn settle_standings(report: &mut Report, judged: Judged, tally: &Counts) {
    let mut witnesses = tally.sometimes.iter().copied();
    for law in &mut report.laws {
        let (kind, name) = (law.kind, &law.law);
        law.witnesses = if kind == Kind::Sometimes { witnesses.next() } else { None };
        let seen = law.witnesses.is_some_and(|count| count > 0);
        let known = if kind == Kind::LeadsTo { judged.liveness } else { judged.safety };
        let is_broken = |broken: &Violation| broken.kind == kind && broken.law == *name;
        law.standing = if report.violations.iter().any(is_broken) {
            Standing::Violated
        } else if seen || known {
            Standing::Holds
        } else {
            Standing::Open
        };
    }
}

fn count<M: Model, K: Eq + std::hash::Hash>(
    model: &M,
    explored: &Explored<K>,
    report: &mut Report,
) {
    let tally = &explored.tally;
    report.complete = explored.stopped.is_none();
    report.states = explored.store.len() as u64;
    report.transitions = tally.transitions;
    report.depth = explored.depth;
    report.classes = counts(model.classes(), &tally.classes);
    report.counters = counts(model.counters(), &tally.counters);
    report.bytes_per_state = ratio(explored.bytes as u64, report.states);
}

/// What never happened: known only at the end of a complete search.
fn coverage<M: Model, E: Encoding<M>>(
    context: Context<'_, M, E>,
    limits: &Limits<'_>,
    tally: &Counts,
    violations: &mut Vec<Violation>,
) {
    for (law, &count) in context.laws.sometimes.iter().zip(&tally.sometimes) {
        if count == 0 {
            let detail = "no reachable state is like that".to_owned();
            let never = Violation::never(Kind::Sometimes, law.name, law.sentence, detail);
            violations.push(never);
        }
    }
    let mut demand = |law, sentence, names: Vec<String>, counts: &[u64]| {
        let idle = names.iter().zip(counts).filter(|&(_, &count)| count == 0);
        violations.extend(idle.map(|(name, _)| {
            let detail = format!("{name} was never seen");
            Violation::never(Kind::Coverage, law, sentence, detail)
        }));
    };
    if limits.demand_classes {
        let names = context.model.classes().into_iter().map(str::to_owned).collect();
        demand("every_class", CLASSES, names, &tally.classes);
    }
    if limits.demand_counters {
        demand("every_counter", COUNTERS, context.model.counters(), &tally.counters);
    }
}

/// Turns the states in which a safety law was found violated into traces.
fn safety<M: Model, E: Encoding<M>>(
    context: Context<'_, M, E>,
    explored: &Explored<E::Key>,
) -> Result<Vec<Violation>, String> {
    let found = explored.found.iter().enumerate();
    let found = found.filter_map(|(law, id)| Some((law, (*id)?)));
    let mut violations = found
        .map(|(law, id)| safety_violation(context, explored, law, id))
        .collect::<Result<Vec<_>, _>>()?;
    // Shortest first; the order of the laws decides among equals.
    violations.sort_by_key(|violation| violation.path.as_ref().map_or(0, |path| path.picks.len()));
    Ok(violations)
}

fn safety_violation<M: Model, E: Encoding<M>>(
    context: Context<'_, M, E>,
    explored: &Explored<E::Key>,
    law: usize,
    id: Id,
) -> Result<Violation, String> {
    let index = LawIndex::of(context.laws);
    let model = context.model;
    let mut trace = retrace::trace_to(context, &explored.store, id)?;
    if law == index.deadlock() {
        return Ok(Violation::deadlock(&trace));
    }
    if let Some(law) = context.laws.state.get(law) {
        let detail = (law.check)(model, trace.last()).err().ok_or(retrace::NO_SYMMETRY)?;
        return Ok(Violation::new(Kind::State, law.name, law.sentence, detail, &trace));
    }
    let law = &context.laws.step[law - index.state];
    let mut detail = None;
    trace.extend(model, |step| {
        detail = (law.check)(model, step).err();
        detail.is_some()
    });
    let detail = detail.ok_or(retrace::NO_SYMMETRY)?;
    Ok(Violation::new(Kind::Step, law.name, law.sentence, detail, &trace))
}

fn list_laws<M: Model>(laws: &Properties<M>) -> Vec<LawReport> {
    let entry = |kind, law: &str, sentence: &str| LawReport {
        law: law.to_owned(),
        sentence: sentence.to_owned(),
        kind,
        fairness: Vec::new(),
        standing: Standing::Open,
        witnesses: None,
    };
    let mut list = Vec::new();
    list.extend(laws.state.iter().map(|law| entry(Kind::State, law.name, law.sentence)));
    list.extend(laws.step.iter().map(|law| entry(Kind::Step, law.name, law.sentence)));
    list.push(entry(Kind::Deadlock, DEADLOCK, DEADLOCK_SENTENCE));
    list.extend(laws.leads_to.iter().map(|law| LawReport {
        fairness: law.fairness.clone(),
        ..entry(Kind::LeadsTo, law.name, law.sentence)
    }));
    list.extend(laws.sometimes.iter().map(|law| entry(Kind::Sometimes, law.name, law.sentence)));
    list
}

fn counts<N: Into<String>>(names: Vec<N>, counts: &[u64]) -> Vec<Count> {
    let names = names.into_iter().map(Into::into);
    names.zip(counts).map(|(name, &count)| Count { name, count }).collect()
}

#[expect(clippy::cast_precision_loss, reason = "a ratio for people to read")]
fn ratio(whole: u64, parts: u64) -> f64 {
    whole as f64 / parts.max(1) as f64
}

/// Nothing is known yet.
fn blank<M: Model, E: Encoding<M>>(context: &Context<'_, M, E>) -> Report {
    Report {
        name: context.model.name(),
        outcome: Outcome::Incomplete { why: String::new() },
        complete: false,
        states: 0,
        transitions: 0,
        depth: 0,
        laws: list_laws(context.laws),
        violations: Vec::new(),
        classes: Vec::new(),
        counters: Vec::new(),
        seconds: 0.0,
        bytes_per_state: 0.0,
    }
}
