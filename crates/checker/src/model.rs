//! What a user supplies: a [`Model`] and its [`Properties`]; and what the engine shows of it: a [`Trace`].
//!
//! Properties are named values with a sentence, so that a verdict can say what it is about.

use std::fmt::{self, Debug, Display};
use std::hash::Hash;

use serde::Serialize;

/// A transition system: its states, what can happen in each, and the laws it must obey.
///
/// Only `initial`, `actions`, `step` and `properties` are needed. Everything must be deterministic: the same state and
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

    /// As [`step`](Model::step), with memory that is used again; whether `action` is enabled. `taken` is empty or has
    /// what another step led to, and has what this one leads to if it is enabled. Override it for states that own
    /// memory: most steps lead to a state that is known, and is dropped at once.
    fn step_into(
        &self,
        state: &Self::State,
        action: &Self::Action,
        taken: &mut Option<(Self::State, Self::StepTrace)>,
    ) -> bool {
        *taken = self.step(state, action);
        taken.is_some()
    }

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
}

/// What a law says about one state or step: `Err` with what is wrong.
pub type Judgement = Result<(), String>;

/// `Ok` if `holds`, otherwise `detail` as what is wrong.
///
/// # Errors
/// If `holds` is false.
pub fn ensure(holds: bool, detail: impl Into<String>) -> Judgement {
    if holds { Ok(()) } else { Err(detail.into()) }
}

/// The laws of a model, collected by [`Model::properties`](super::Model::properties).
pub struct Properties<M: Model> {
    /// What must hold in every state.
    pub state: Vec<StateLaw<M>>,
    /// What must hold of every step.
    pub step: Vec<StepLaw<M>>,
    /// Whether a step may break one of these: if not, none of them is asked.
    pub suspect: Option<fn(&M, &Step<'_, M>) -> bool>,
    /// What must come to pass.
    pub leads_to: Vec<LeadsTo<M>>,
    /// What must hold in at least one state.
    pub sometimes: Vec<Sometimes<M>>,
}

impl<M: Model> Default for Properties<M> {
    fn default() -> Self {
        Self::new()
    }
}

impl<M: Model> Properties<M> {
    /// No laws yet.
    pub fn new() -> Self {
        Self {
            state: Vec::new(),
            step: Vec::new(),
            suspect: None,
            leads_to: Vec::new(),
            sometimes: Vec::new(),
        }
    }

    /// Adds a law about every reachable state.
    #[must_use]
    pub fn always(
        mut self,
        name: &'static str,
        sentence: &'static str,
        check: fn(&M, &M::State) -> Judgement,
    ) -> Self {
        self.state.push(StateLaw { name, sentence, check });
        self
    }

    /// Adds a law about every step.
    #[must_use]
    pub fn every_step(
        mut self,
        name: &'static str,
        sentence: &'static str,
        check: fn(&M, &Step<'_, M>) -> Judgement,
    ) -> Self {
        self.step.push(StepLaw { name, sentence, check });
        self
    }

    /// Lets the search ask the laws about steps only of steps where `suspect` is true: for models with
    /// many of them whose evidence shows at once that all are kept. It must be true of every step that
    /// breaks one.
    #[must_use]
    pub fn suspecting(mut self, suspect: fn(&M, &Step<'_, M>) -> bool) -> Self {
        self.suspect = Some(suspect);
        self
    }

    /// Adds a law about what follows: from every state where `from` holds, every fair behaviour
    /// comes to a state where `to` holds.
    #[must_use]
    pub fn leads_to(
        mut self,
        name: &'static str,
        sentence: &'static str,
        from: fn(&M, &M::State) -> bool,
        to: fn(&M, &M::State) -> bool,
        fairness: impl Into<Vec<Fairness>>,
    ) -> Self {
        let fairness = fairness.into();
        self.leads_to.push(LeadsTo { name, sentence, from, to, fairness });
        self
    }

    /// Adds a guard against vacuous passes: some reachable state must satisfy `holds`.
    #[must_use]
    pub fn sometimes(
        mut self,
        name: &'static str,
        sentence: &'static str,
        holds: fn(&M, &M::State) -> bool,
    ) -> Self {
        self.sometimes.push(Sometimes { name, sentence, holds });
        self
    }
}

/// A law about every reachable state.
pub struct StateLaw<M: Model> {
    /// Its name, an identifier.
    pub name: &'static str,
    /// What it demands, in words.
    pub sentence: &'static str,
    /// Whether a state obeys it.
    pub check: fn(&M, &M::State) -> Judgement,
}

/// A law about every step.
pub struct StepLaw<M: Model> {
    /// Its name, an identifier.
    pub name: &'static str,
    /// What it demands, in words.
    pub sentence: &'static str,
    /// Whether a step obeys it.
    pub check: fn(&M, &Step<'_, M>) -> Judgement,
}

/// A law about what must come to pass, under assumptions about fairness.
pub struct LeadsTo<M: Model> {
    /// Its name, an identifier.
    pub name: &'static str,
    /// What it demands, in words.
    pub sentence: &'static str,
    /// The states which raise the obligation.
    pub from: fn(&M, &M::State) -> bool,
    /// The states which discharge it.
    pub to: fn(&M, &M::State) -> bool,
    /// What is assumed of the world. Without assumptions nothing at all need ever happen.
    pub fairness: Vec<Fairness>,
}

/// A guard against vacuous passes: a state which must be reachable.
pub struct Sometimes<M: Model> {
    /// Its name, an identifier.
    pub name: &'static str,
    /// What it demands, in words.
    pub sentence: &'static str,
    /// Whether this is such a state.
    pub holds: fn(&M, &M::State) -> bool,
}

/// An assumption about one class of actions (see [`Model::classes`](super::Model::classes)).
///
/// As in TLA+, a step which changes nothing is no step: it neither enables a class nor satisfies
/// its fairness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fairness {
    /// A class which stays enabled is taken at last.
    Weak(&'static str),
    /// A class which is enabled again and again is taken at last.
    Strong(&'static str),
}

impl Fairness {
    /// The name of the class.
    pub const fn class(self) -> &'static str {
        match self {
            Self::Weak(class) | Self::Strong(class) => class,
        }
    }
}

impl fmt::Display for Fairness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Weak(class) => write!(f, "weak({class})"),
            Self::Strong(class) => write!(f, "strong({class})"),
        }
    }
}
