//! Behaviours as names which survive in a test, and what the laws say of them.

use super::model::{Model, Properties, Trace};
use super::report::{Kind, Violation};

impl<M: Model> Trace<M> {
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
