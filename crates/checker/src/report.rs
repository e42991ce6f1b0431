//! The verdict of a search, in a form which can be printed, serialized and compared.

use std::fmt;

use serde::Serialize;

use super::model::{Fairness, Model, Trace};
use super::path::Path;

pub(super) const DEADLOCK: &str = "deadlock";
pub(super) const DEADLOCK_SENTENCE: &str = "a state without any step is declared terminal";

/// How a search ended. Only the first of these is a pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "verdict")]
pub enum Outcome {
    /// Every reachable state was seen, exactly, and every law holds.
    Verified,
    /// At least one law does not hold.
    Violated,
    /// No law was found violated, but not everything was seen.
    Incomplete {
        /// What ended the search.
        why: String,
    },
}

impl Outcome {
    /// An exit code for a command: 0, 1 and 3, as those of `outlive`, where 2 is unusable input.
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Verified => 0,
            Self::Violated => 1,
            Self::Incomplete { .. } => 3,
        }
    }
}

/// What a law speaks about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Every reachable state.
    State,
    /// Every step.
    Step,
    /// States without any step must be declared terminal.
    Deadlock,
    /// What must come to pass.
    LeadsTo,
    /// What must hold in at least one state.
    Sometimes,
    /// Every class of actions and every counter is exercised.
    Coverage,
}

/// What is known about a law after the search.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It holds.
    Holds,
    /// It does not.
    Violated,
    /// The search ended too early to say.
    Open,
}

/// A law and what is known about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct LawReport {
    /// Its name.
    pub law: String,
    /// What it demands, in words.
    pub sentence: String,
    /// What it speaks about.
    pub kind: Kind,
    /// The assumptions under which it was judged.
    pub fairness: Vec<Fairness>,
    /// Whether it holds.
    pub standing: Standing,
    /// For [`Kind::Sometimes`]: in how many states it holds.
    pub witnesses: Option<u64>,
}

/// A law which does not hold, and a shortest behaviour that shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Violation {
    /// What the law speaks about.
    pub kind: Kind,
    /// Its name.
    pub law: String,
    /// What it demands, in words.
    pub sentence: String,
    /// What is wrong.
    pub detail: String,
    /// The behaviour. What never happens has none.
    pub path: Option<Path>,
}

impl Violation {
    pub(super) fn new<M: Model>(
        kind: Kind,
        law: &str,
        sentence: &str,
        detail: String,
        trace: &Trace<M>,
    ) -> Self {
        let path = Some(trace.path());
        Self { kind, law: law.to_owned(), sentence: sentence.to_owned(), detail, path }
    }

    pub(super) fn deadlock<M: Model>(trace: &Trace<M>) -> Self {
        let detail = "nothing can happen any more".to_owned();
        Self::new(Kind::Deadlock, DEADLOCK, DEADLOCK_SENTENCE, detail, trace)
    }

    pub(super) fn never(kind: Kind, law: &str, sentence: &str, detail: String) -> Self {
        Self { kind, law: law.to_owned(), sentence: sentence.to_owned(), detail, path: None }
    }
}

/// How often something happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Count {
    /// What.
    pub name: String,
    /// How often.
    pub count: u64,
}

/// All that a search found out.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// The name of the model.
    pub name: String,
    /// How the search ended.
    pub outcome: Outcome,
    /// Whether every reachable state was expanded.
    pub complete: bool,
    /// Distinct states reached.
    pub states: u64,
    /// Steps taken, those which change nothing included.
    pub transitions: u64,
    /// Steps to the state farthest from the initial ones.
    pub depth: u32,
    /// Every law and what is known about it.
    pub laws: Vec<LawReport>,
    /// The laws which do not hold.
    pub violations: Vec<Violation>,
    /// Steps by class of action.
    pub classes: Vec<Count>,
    /// What steps exercised.
    pub counters: Vec<Count>,
    /// How long it took.
    pub seconds: f64,
    /// Peak memory of the search for safety, per state.
    pub bytes_per_state: f64,
}

impl Report {
    /// Whether everything was seen and every law holds.
    pub fn is_verified(&self) -> bool {
        self.outcome == Outcome::Verified
    }

    /// The violation of the law with this name.
    pub fn violation(&self, law: &str) -> Option<&Violation> {
        self.violations.iter().find(|violation| violation.law == law)
    }

    /// Panics with the report and every story unless everything was seen and every law holds.
    pub fn assert_verified<M: Model>(&self, model: &M) {
        if self.is_verified() {
            return;
        }
        let stories: Vec<_> =
            self.violations.iter().map(|violation| violation.story(model)).collect();
        std::panic!("{self}\n{}", stories.join("\n"));
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.outcome {
            Outcome::Verified => writeln!(f, "{}: verified", self.name)?,
            Outcome::Violated => writeln!(f, "{}: violated", self.name)?,
            Outcome::Incomplete { why } => writeln!(f, "{}: incomplete, {why}", self.name)?,
        }
        let extent = if self.complete { "all" } else { "not all" };
        let Self { states, transitions, depth, .. } = self;
        writeln!(f, "  {states} states ({extent}), {transitions} transitions, depth {depth}")?;
        for law in &self.laws {
            let mark = match law.standing {
                Standing::Holds => "holds   ",
                Standing::Violated => "VIOLATED",
                Standing::Open => "open    ",
            };
            write!(f, "  {mark} {}: {}", law.law, law.sentence)?;
            for (number, fairness) in law.fairness.iter().enumerate() {
                let before = if number == 0 { " — assuming " } else { ", " };
                write!(f, "{before}{fairness}")?;
            }
            if law.kind == Kind::LeadsTo && law.fairness.is_empty() {
                write!(f, " — assuming nothing")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
