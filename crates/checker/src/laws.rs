//! Properties: named values with a sentence, so that a verdict can say what it is about.

use std::fmt;

use serde::Serialize;

use super::model::{Model, Step};

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
