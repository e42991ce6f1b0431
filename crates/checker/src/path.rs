//! Behaviours as numbers which survive serialization.

use serde::{Deserialize, Serialize};

use super::model::{Model, Trace};

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

impl<M: Model> Trace<M> {
    /// The same behaviour as numbers and names.
    pub fn path(&self) -> Path {
        Path {
            initial: self.initial_index,
            picks: self.steps.iter().map(|step| step.index).collect(),
            actions: self.steps.iter().map(|step| step.action.to_string()).collect(),
            cycle: self.cycle,
        }
    }
}
