//! Behaviours: as real states and steps ([`Trace`]), as numbers which survive serialization
//! ([`Path`]), and as names which survive in a test ([`replay`]).

use serde::{Deserialize, Serialize};

use super::laws::Properties;
use super::model::{Model, Step};
use super::report::{Kind, Violation};

/// A behaviour of a model, step by step.
pub struct Trace<M: Model> {
    /// Which of the model's initial states it begins in.
    pub initial_index: usize,
    /// That state.
    pub initial: M::State,
    /// The steps taken from there.
    pub steps: Vec<Taken<M>>,
    /// For a behaviour without end: the number of steps before the part which repeats for ever. If
    /// no step follows, then nothing happens any more.
    pub cycle: Option<usize>,
}

/// A step of a [`Trace`].
pub struct Taken<M: Model> {
    /// The index of the action among the actions of the state.
    pub index: usize,
    /// What happened.
    pub action: M::Action,
    /// What it did.
    pub evidence: M::StepTrace,
    /// The state it led to.
    pub after: M::State,
}

impl<M: Model> Trace<M> {
    /// The behaviour which has only begun. `None` if there is no such initial state.
    pub fn begin(model: &M, initial_index: usize) -> Option<Self> {
        let initial = model.initial().into_iter().nth(initial_index)?;
        Some(Self { initial_index, initial, steps: Vec::new(), cycle: None })
    }

    /// The state it has come to.
    pub fn last(&self) -> &M::State {
        self.state(self.steps.len())
    }

    /// The state after `steps` steps.
    pub fn state(&self, steps: usize) -> &M::State {
        match steps.checked_sub(1) {
            None => &self.initial,
            Some(last) => &self.steps[last].after,
        }
    }

    /// The step with this number, counted from 0.
    pub fn step(&self, number: usize) -> Step<'_, M> {
        let taken = &self.steps[number];
        Step {
            before: self.state(number),
            action: &taken.action,
            evidence: &taken.evidence,
            after: &taken.after,
        }
    }

    /// Takes the first step which `wanted` accepts; whether there was one.
    pub fn extend(&mut self, model: &M, mut wanted: impl FnMut(&Step<'_, M>) -> bool) -> bool {
        let mut actions = Vec::new();
        model.actions(self.last(), &mut actions);
        for (index, action) in actions.into_iter().enumerate() {
            let Some((after, evidence)) = model.step(self.last(), &action) else {
                continue;
            };
            let step =
                Step { before: self.last(), action: &action, evidence: &evidence, after: &after };
            if wanted(&step) {
                self.steps.push(Taken { index, action, evidence, after });
                return true;
            }
        }
        false
    }

    /// Takes the action with this index; whether it is enabled.
    pub fn take(&mut self, model: &M, index: usize) -> bool {
        let mut actions = Vec::new();
        model.actions(self.last(), &mut actions);
        if index >= actions.len() {
            return false;
        }
        let action = actions.swap_remove(index);
        let Some((after, evidence)) = model.step(self.last(), &action) else {
            return false;
        };
        self.steps.push(Taken { index, action, evidence, after });
        true
    }

    /// The same behaviour as numbers and names.
    pub fn path(&self) -> Path {
        Path {
            initial: self.initial_index,
            picks: self.steps.iter().map(|step| step.index).collect(),
            actions: self.steps.iter().map(|step| step.action.to_string()).collect(),
            cycle: self.cycle,
        }
    }

    /// The first state law which the last state breaks.
    pub(super) fn judge_state(&self, model: &M, laws: &Properties<M>) -> Option<Violation> {
        laws.state.iter().find_map(|law| {
            let detail = (law.check)(model, self.last()).err()?;
            Some(Violation::new(Kind::State, law.name, law.sentence, detail, self))
        })
    }

    /// The first step law which the last step breaks.
    pub(super) fn judge_step(&self, model: &M, laws: &Properties<M>) -> Option<Violation> {
        let step = self.step(self.steps.len().checked_sub(1)?);
        laws.step.iter().find_map(|law| {
            let detail = (law.check)(model, &step).err()?;
            Some(Violation::new(Kind::Step, law.name, law.sentence, detail, self))
        })
    }
}

/// A behaviour as numbers and names: small, without the types of the model, serializable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Path {
    /// Which of the model's initial states it begins in.
    pub initial: usize,
    /// Of each step, the index of the action among the actions of the state.
    pub picks: Vec<usize>,
    /// Of each step, the action in words.
    pub actions: Vec<String>,
    /// As in [`Trace::cycle`].
    pub cycle: Option<usize>,
}

impl Path {
    /// The same behaviour with its states; `None` if the model does not have it.
    pub fn follow<M: Model>(&self, model: &M) -> Option<Trace<M>> {
        let mut trace = Trace::begin(model, self.initial)?;
        let whole = self.picks.iter().all(|&pick| trace.take(model, pick));
        trace.cycle = self.cycle;
        whole.then_some(trace)
    }
}

/// What came of repeating a behaviour by the names of its actions.
#[must_use]
pub struct Replay<M: Model> {
    /// The part which could be repeated.
    pub trace: Trace<M>,
    /// The number of the first action, counted from 0, which is not enabled any more.
    pub missing: Option<usize>,
    /// The first law broken on the way.
    pub violation: Option<Violation>,
}

impl<M: Model> Replay<M> {
    /// Panics with the story if a law was broken. That an action is not enabled any more is well:
    /// the counterexample is gone.
    pub fn assert_lawful(&self, model: &M) {
        if let Some(violation) = &self.violation {
            std::panic!("{}", violation.story(model));
        }
    }

    /// Whether the behaviour could be repeated to its end, where it is back in the state after
    /// `steps` steps.
    pub fn returns_to(&self, steps: usize) -> bool {
        self.missing.is_none() && self.trace.last() == self.trace.state(steps)
    }
}

/// Repeats a behaviour by the names of its actions and judges every state and step of it.
///
/// # Panics
/// If the model has no such initial state.
pub fn replay<M: Model>(model: &M, initial: usize, actions: &[&str]) -> Replay<M> {
    let laws = model.properties();
    let mut trace = Trace::begin(model, initial).expect("the model has this initial state");
    let mut violation = trace.judge_state(model, &laws);
    let mut missing = None;
    for (number, name) in actions.iter().enumerate() {
        if violation.is_some() {
            break;
        }
        if !trace.extend(model, |step| step.action.to_string() == *name) {
            missing = Some(number);
            break;
        }
        violation = trace.judge_step(model, &laws).or_else(|| trace.judge_state(model, &laws));
    }
    Replay { trace, missing, violation }
}
