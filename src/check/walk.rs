//! Random walks through a model: for property tests, and for what is too large to explore.

use std::prelude::v1::*;

use super::model::Model;
use super::path::{Taken, Trace};
use super::report::Violation;

/// Where a walk went.
#[must_use]
pub struct Walk<M: Model> {
    /// The way.
    pub trace: Trace<M>,
    /// The first law broken on the way; the walk ends there.
    pub violation: Option<Violation>,
}

impl<M: Model> Walk<M> {
    /// Panics with the story if a law was broken.
    pub fn assert_lawful(&self, model: &M) {
        if let Some(violation) = &self.violation {
            std::panic!("{}", violation.story(model));
        }
    }
}

/// Walks through a model, judging every state and every step. Each pick chooses among the enabled
/// actions (its remainder by their number); the first chooses the initial state if there are
/// several. Ends with the picks, with a violation, or where nothing is enabled.
pub fn walk<M: Model>(model: &M, picks: impl IntoIterator<Item = u32>) -> Walk<M> {
    walk_weighted(model, picks, |_| 1)
}

/// As [`walk`], but an action is chosen in proportion to its weight. An action of weight 0 is never
/// taken. Uniform walks seldom get far where one action is always enabled and ends everything.
///
/// # Panics
/// If the model has no initial state.
pub fn walk_weighted<M: Model>(
    model: &M,
    picks: impl IntoIterator<Item = u32>,
    weight: impl Fn(&M::Action) -> u32,
) -> Walk<M> {
    let laws = model.laws();
    let mut picks = picks.into_iter();
    let initials = model.initial().len();
    let first = if initials > 1 { picks.next().unwrap_or_default() as usize % initials } else { 0 };
    let mut trace = Trace::begin(model, first).expect("a model has an initial state");
    let mut violation = trace.judge_state(model, &laws);
    while violation.is_none() {
        let Some(pick) = picks.next() else { break };
        if !choose(model, &mut trace, pick, &weight) {
            violation = stuck(model, &trace);
            break;
        }
        violation = trace.judge_step(model, &laws).or_else(|| trace.judge_state(model, &laws));
    }
    Walk { trace, violation }
}

/// Takes the action that `pick` falls on; whether there was any to take.
fn choose<M: Model>(
    model: &M,
    trace: &mut Trace<M>,
    pick: u32,
    weight: &impl Fn(&M::Action) -> u32,
) -> bool {
    let mut actions = Vec::new();
    model.actions(trace.last(), &mut actions);
    let weigh = |(index, action): (usize, M::Action)| (index, u64::from(weight(&action)), action);
    let mut options: Vec<_> = actions.into_iter().enumerate().map(weigh).collect();
    loop {
        let total: u64 = options.iter().map(|&(_, weight, _)| weight).sum();
        if total == 0 {
            return false;
        }
        let mut left = u64::from(pick) % total;
        let chosen = options.iter().position(|&(_, weight, _)| {
            let here = left < weight;
            left = left.saturating_sub(weight);
            here
        });
        let (index, _, action) = options.remove(chosen.unwrap_or_default());
        // An action which is not enabled after all is no option: the pick falls on the rest.
        if let Some((after, evidence)) = model.step(trace.last(), &action) {
            trace.steps.push(Taken { index, action, evidence, after });
            return true;
        }
    }
}

/// The violation, if a walk ended where something should be able to happen.
fn stuck<M: Model>(model: &M, trace: &Trace<M>) -> Option<Violation> {
    let mut actions = Vec::new();
    model.actions(trace.last(), &mut actions);
    let able = actions.iter().any(|action| model.step(trace.last(), action).is_some());
    (!able && !model.terminal(trace.last())).then(|| Violation::deadlock(trace))
}
