//! What a user supplies: a [`Model`], and if it should be quick an [`Encoding`] of its states.

use std::fmt::{Debug, Display};
use std::hash::Hash;

use super::laws::Properties;
use super::path::Trace;

/// A transition system: its states, what can happen in each, and the laws it must obey.
///
/// Only the first four methods are needed. Everything must be deterministic: the same state and
/// action give the same step, and the same state gives the same actions in the same order.
pub trait Model: Sized + Sync {
    /// One state of the whole world. Two states which are equal have the same future.
    type State: Clone + Eq + Hash + Debug + Send + Sync;
    /// Something that can happen in a state. Its `Display` names it in stories and tests.
    type Action: Clone + Display + Send + Sync;
    /// What a step did: judged by step laws, counted by coverage. `()` if there is nothing to say.
    type StepTrace;

    /// The states in which a behaviour may begin.
    fn initial(&self) -> Vec<Self::State>;

    /// Appends what may happen in `state` to the empty `out`.
    fn actions(&self, state: &Self::State, out: &mut Vec<Self::Action>);

    /// The state after `action`, or `None` if it turns out not to be enabled.
    fn step(
        &self,
        state: &Self::State,
        action: &Self::Action,
    ) -> Option<(Self::State, Self::StepTrace)>;

    /// What must hold.
    fn properties(&self) -> Properties<Self>;

    /// The name of the model in reports.
    fn name(&self) -> String {
        "model".to_owned()
    }

    /// The kinds of actions. Their steps are counted, a kind never seen is an error, and fairness
    /// is assumed by kind.
    fn classes(&self) -> Vec<&'static str> {
        vec!["step"]
    }

    /// The index in [`classes`](Model::classes) of `action`.
    fn class(&self, _action: &Self::Action) -> usize {
        0
    }

    /// Things which steps should exercise, for example the rows of a table.
    fn counters(&self) -> Vec<String> {
        Vec::new()
    }

    /// Calls `hit` with the index in [`counters`](Model::counters) of everything a step exercised.
    fn count(&self, _evidence: &Self::StepTrace, _hit: &mut dyn FnMut(usize)) {}

    /// Whether nothing need happen in `state`. A state without any step which is not declared
    /// terminal is a deadlock.
    fn terminal(&self, _state: &Self::State) -> bool {
        false
    }

    /// Whether [`canonical`](Model::canonical) is to be used.
    fn symmetric(&self) -> bool {
        false
    }

    /// One representative for all states which differ only in the order of interchangeable parts.
    /// Properties must not tell those states apart. Sound for safety only.
    fn canonical(&self, state: Self::State) -> Self::State {
        state
    }

    /// A state as one line of a story.
    fn describe(&self, state: &Self::State) -> String {
        format!("{state:?}")
    }

    /// Who acts on whom, for sequence diagrams.
    fn lane(&self, _action: &Self::Action) -> (String, String) {
        ("model".to_owned(), "model".to_owned())
    }

    /// A step as one line of a story.
    fn narrate(&self, step: &Step<'_, Self>) -> String {
        step.action.to_string()
    }

    /// A step as a line of a trace file; `None` for the engine's own form.
    fn trace_line(&self, _step: &Step<'_, Self>) -> Option<String> {
        None
    }

    /// The source of a `#[test]` which replays a counterexample to `law`; `None` for the engine's
    /// own form.
    fn test_code(&self, _law: &str, _trace: &Trace<Self>) -> Option<String> {
        None
    }

    /// The Rust expression which makes this model again, for the engine's own form of a test.
    fn expression(&self) -> String {
        "model()".to_owned()
    }
}

/// One step, as laws and stories see it.
pub struct Step<'a, M: Model> {
    /// The state it was taken in.
    pub before: &'a M::State,
    /// What happened.
    pub action: &'a M::Action,
    /// What it did.
    pub evidence: &'a M::StepTrace,
    /// The state it led to.
    pub after: &'a M::State,
}

/// An exact encoding of states: `unpack(pack(s)) == s`.
///
/// The search keeps keys instead of states, so a `u64`, a `u128`, a `[u64; N]` or a `Box<[u8]>`
/// saves memory and time. The law above is verified on every reached state in debug builds, and in
/// release builds on request ([`Search::verify_encoding`](super::Search::verify_encoding)).
pub trait Encoding<M: Model>: Sync {
    /// What is kept of each state.
    type Key: Clone + Eq + Hash + Send + Sync;

    /// Whether [`pack_owned`](Encoding::pack_owned) is cheaper than [`pack`](Encoding::pack),
    /// because the state becomes part of the key.
    const KEEPS_STATES: bool = false;

    /// The key of a state.
    fn pack(&self, state: &M::State) -> Self::Key;

    /// The state of a key.
    fn unpack(&self, key: &Self::Key) -> M::State;

    /// The key of a state which is no longer needed.
    fn pack_owned(&self, state: M::State) -> Self::Key {
        self.pack(&state)
    }

    /// The bytes `key` owns on the heap, for the bound on memory.
    fn heap_bytes(&self, _key: &Self::Key) -> usize {
        0
    }
}

/// No encoding: the key of a state is the state.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plain;

impl<M: Model> Encoding<M> for Plain {
    type Key = M::State;

    const KEEPS_STATES: bool = true;

    fn pack(&self, state: &M::State) -> M::State {
        state.clone()
    }

    fn unpack(&self, key: &M::State) -> M::State {
        key.clone()
    }

    fn pack_owned(&self, state: M::State) -> M::State {
        state
    }
}
