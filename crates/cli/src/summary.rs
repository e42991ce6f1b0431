//! What all explored worlds together showed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use outlive::check::{Kind, Model, Outcome, Report, Standing, client, world};
use serde_json::{Value, json};

use crate::Exit;
use crate::output::thousands;

/// What all worlds together showed.
#[derive(Default)]
pub(crate) struct Summary {
    worlds: Vec<Value>,
    violations: Vec<Value>,
    /// Every rule of the tables, and those that were taken.
    rules: BTreeSet<String>,
    taken: BTreeSet<String>,
    states: u64,
    laws: BTreeSet<String>,
    fairness: BTreeSet<String>,
    /// What must happen somewhere, and the worlds in which it did.
    seen: BTreeMap<String, Vec<&'static str>>,
    violated: bool,
    incomplete: Vec<String>,
    /// Worlds that are not as large as they were.
    changed: Vec<String>,
    seconds: f64,
}

/// A world, whatever it is a world of.
pub(crate) trait Explored: Model {
    /// Its name, and what it is about.
    fn told(&self) -> (&'static str, &'static str);
    /// The rules that it may take.
    fn rules(&self) -> Vec<String>;
    /// Where the pinned counts stand.
    const PINNED: (&'static [(&'static str, u64, u64)], &'static str);
}

impl Explored for world::World {
    fn told(&self) -> (&'static str, &'static str) {
        (self.scope().name, self.scope().about)
    }

    fn rules(&self) -> Vec<String> {
        self.rules()
    }

    const PINNED: (&'static [(&'static str, u64, u64)], &'static str) =
        (world::scopes::PINNED, "src/check/world/scopes/mod.rs");
}

impl Explored for client::World {
    fn told(&self) -> (&'static str, &'static str) {
        (self.scope().name, self.scope().about)
    }

    fn rules(&self) -> Vec<String> {
        self.rules()
    }

    const PINNED: (&'static [(&'static str, u64, u64)], &'static str) =
        (client::scopes::PINNED, "src/check/client/scopes.rs");
}

impl Summary {
    pub(crate) fn take<W: Explored>(&mut self, world: &W, report: &Report) {
        let rules = world.rules();
        let (name, about) = world.told();
        let taken = rules.iter().filter(|rule| {
            // A rule has several rows if its states do not all add the same: `session A5 (SUSPENDED)`.
            let of = |row: &str| {
                row.strip_prefix(rule.as_str())
                    .is_some_and(|is| is.is_empty() || is.starts_with(' '))
            };
            report.counters.iter().any(|counter| of(&counter.name) && counter.count > 0)
        });
        let taken: BTreeSet<String> = taken.cloned().collect();
        let fair = |law: &outlive::check::LawReport| {
            let fairness: Vec<String> = law.fairness.iter().map(ToString::to_string).collect();
            let holds = law.standing == Standing::Holds;
            (holds && !fairness.is_empty())
                .then(|| format!("{} under {}", law.law, fairness.join(", ")))
        };
        for law in report.laws.iter().filter(|law| law.witnesses.is_some_and(|count| count > 0)) {
            self.seen.entry(law.law.clone()).or_default().push(name);
        }
        self.fairness.extend(report.laws.iter().filter_map(fair));
        let everywhere = report.laws.iter().filter(|law| law.kind != Kind::Sometimes);
        self.laws.extend(everywhere.map(|law| law.law.clone()));
        let laws: Vec<Value> = report
            .laws
            .iter()
            .map(|law| {
                json!({
                    "law": law.law, "holds": law.standing == Standing::Holds, "fairness":
                    law.fairness.iter().map(ToString::to_string).collect::<Vec<_>>(),
                    "witnesses": law.witnesses,
                })
            })
            .collect();
        self.worlds.push(json!({
            "name": name, "about": about, "states": report.states,
            "transitions": report.transitions, "depth": report.depth, "complete": report.complete,
            "laws": laws, "rows_taken": taken.len(), "rows_total": rules.len(),
            "seconds": report.seconds, "bytes_per_state": report.bytes_per_state,
        }));
        for violation in &report.violations {
            let story = violation.story(world);
            self.violations.push(json!({
                "world": name, "law": violation.law, "sentence": violation.sentence,
                "detail": violation.detail, "trace": story.lines().collect::<Vec<_>>(),
            }));
        }
        self.rules.extend(rules);
        self.taken.extend(taken);
        self.states += report.states;
        self.seconds += report.seconds;
        let (pinned, place) = W::PINNED;
        if let Some((_, states, steps)) = pinned.iter().find(|(pinned, ..)| *pinned == name) {
            let (is, was) = ((report.states, report.transitions), (*states, *steps));
            if report.is_verified() && is != was {
                self.changed.push(format!(
                    "{name} has {} states and {} steps, pinned are {states} and {steps}: if that is meant, \
                     write it into PINNED in {place}",
                    is.0, is.1,
                ));
            }
        }
        match &report.outcome {
            Outcome::Verified => {}
            Outcome::Violated => self.violated = true,
            Outcome::Incomplete { why } => self.incomplete.push(format!("{name}: {why}")),
        }
    }

    fn never(&self) -> Vec<&str> {
        self.rules.difference(&self.taken).map(String::as_str).collect()
    }

    pub(crate) fn exit(&self, whole: bool) -> Exit {
        if self.violated {
            Exit::Violated
        } else if !self.incomplete.is_empty() {
            Exit::Incomplete
        } else if !self.changed.is_empty() || (whole && !self.never().is_empty()) {
            Exit::Violated
        } else {
            Exit::Holds
        }
    }

    pub(crate) fn summary(&self, whole: bool) -> String {
        let (states, taken, rules) = (thousands(self.states), self.taken.len(), self.rules.len());
        let mut text =
            format!("\n{states} states in {:.0} s; {taken} of {rules} rules taken\n", self.seconds);
        let never = self.never();
        let searched = !self.violated && self.incomplete.is_empty();
        if whole && searched && !never.is_empty() {
            let _ = writeln!(text, "no world takes: {}", never.join(", "));
        }
        for world in &self.changed {
            let _ = writeln!(text, "CHANGED {world}");
        }
        for why in &self.incomplete {
            let _ = writeln!(text, "INCOMPLETE {why}");
        }
        for law in &self.fairness {
            let _ = writeln!(text, "{law}");
        }
        for (law, worlds) in &self.seen {
            let _ = writeln!(text, "{law} in {}", worlds.join(", "));
        }
        let laws = self.laws.len();
        let verdict = match self.exit(whole) {
            Exit::Holds => format!("all {laws} laws hold, in every state and every step\n"),
            Exit::Incomplete => {
                "no violation was found, and not everything was seen: this is no pass\n".into()
            }
            Exit::Violated | Exit::Unusable if self.violations.is_empty() => {
                "no law is broken, but the worlds are not what they were\n".into()
            }
            Exit::Violated | Exit::Unusable => match self.violations.len() {
                1 => "1 violation\n".into(),
                many => format!("{many} violations\n"),
            },
        };
        text + &verdict
    }

    pub(crate) fn json(&self, whole: bool) -> String {
        let never = if whole { self.never() } else { Vec::new() };
        let told = json!({
            "worlds": self.worlds, "violations": self.violations, "rows_never_taken": never,
            "incomplete": self.incomplete, "changed": self.changed, "states": self.states,
            "holds": self.exit(whole) == Exit::Holds,
        });
        format!("{told:#}\n")
    }
}
