//! What a line says must have come of its event.

use serde::{Deserialize, Serialize};

use crate::ids::PromptNumber;
use crate::session::{Effect, Record, Step};
use crate::table::Verdict;
use crate::vocabulary::vocabulary;
use crate::words::{Reason, State};

vocabulary! {
    /// What became of an event, in a word.
    Word as "snake_case" {
        Go = "Acted on, and the state changed.",
        Stay = "Acted on in the same state.",
        Ignore = "Late news: nothing changed.",
        Refuse = "The sender got the reason: nothing changed.",
    }
}

/// The rows that were taken.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a row's id, or a list of the ids of all rows taken")]
pub enum Rules {
    /// The event's own row, whatever followed.
    First(String),
    /// All of them, in order.
    All(Vec<String>),
}

/// What must have come of an event. What is left out is not compared.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Expect {
    /// The state after the step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<State>,
    /// The rows taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<Rules>,
    /// What became of the event itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Word>,
    /// Why it was ignored or refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// The number that a refused prompt should have had.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<PromptNumber>,
    /// All effects, in order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effects: Option<Vec<Effect>>,
    /// All records, in order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub records: Option<Vec<Record>>,
}

/// A difference between what a line expects and what the machine did.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}: expected {expected}, got {got}")]
#[non_exhaustive]
pub struct Mismatch {
    /// The field of [`Expect`].
    pub what: &'static str,
    /// What the line says.
    pub expected: String,
    /// What happened.
    pub got: String,
}

impl Expect {
    /// Everything that came of a step.
    pub fn of(step: &Step) -> Expect {
        let (verdict, reason) = match step.verdict() {
            Verdict::Go(_) => (Word::Go, None),
            Verdict::Stay => (Word::Stay, None),
            Verdict::Ignore(reason) => (Word::Ignore, Some(reason)),
            Verdict::Refuse(reason) => (Word::Refuse, Some(reason)),
        };
        let rules = step.rules().map(|row| row.id.to_string()).collect();
        Expect {
            state: Some(step.next.state()),
            rule: Some(Rules::All(rules)),
            verdict: Some(verdict),
            reason,
            number: step.refusal().and_then(|refusal| refusal.expected),
            effects: Some(step.effects.clone()),
            records: Some(step.records.clone()),
        }
    }

    /// Where `got` is not what is expected here.
    pub fn differences(&self, got: &Expect) -> Vec<Mismatch> {
        let rule = match (&self.rule, &got.rule) {
            (Some(Rules::First(_)), Some(Rules::All(rules))) => {
                rules.first().cloned().map(Rules::First)
            }
            (_, rule) => rule.clone(),
        };
        [
            differ("state", self.state.as_ref(), got.state.as_ref()),
            differ("rule", self.rule.as_ref(), rule.as_ref()),
            differ("verdict", self.verdict.as_ref(), got.verdict.as_ref()),
            differ("reason", self.reason.as_ref(), got.reason.as_ref()),
            differ("number", self.number.as_ref(), got.number.as_ref()),
            differ("effects", self.effects.as_ref(), got.effects.as_ref()),
            differ("records", self.records.as_ref(), got.records.as_ref()),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

fn differ<T: PartialEq + Serialize>(
    what: &'static str,
    expected: Option<&T>,
    got: Option<&T>,
) -> Option<Mismatch> {
    let wanted = expected?;
    (Some(wanted) != got).then(|| Mismatch {
        what,
        expected: json(wanted),
        got: got.map_or_else(|| "nothing".into(), json),
    })
}

/// A value as a trace would spell it.
pub(super) fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_else(|error| format!("({error})"))
}
