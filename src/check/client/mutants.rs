//! Mutants: every rule of the client's table changed in every small way, and the law that notices.
//!
//! The laws are complete when no mutant survives, save those that are listed as equivalent.

use strum::VariantArray;

use super::{Scope, World, scopes};
use crate::check::world::mutants::{MutantOutcome, changes, replaced, rules};
use crate::check::{Report, Search};
use crate::client::table::{ROWS, Row, TABLE};
use crate::client::{State, shape};
use crate::law::Law;
use crate::words::Reason;

/// A changed rule.
#[derive(Clone, Debug)]
pub struct Mutant {
    /// Which rule, and what was changed, as in `client V6: without Probe`.
    pub name: String,
    place: usize,
    rows: Vec<Row>,
}

/// Mutants whose change cannot be observed, each with its reason: the beginning of a mutant's name, and why.
pub const EQUIVALENT: &[(&str, &str)] = &[
    ("client U1: without DisarmAll", UNARMED),
    ("client U3: without DisarmAll", UNARMED),
    ("client V4: without DisarmAll", UNARMED),
    ("client P11: without DisarmAll", UNARMED),
    ("client C3: without DisarmAll", UNARMED),
    ("client L11: without DisarmAll", UNARMED),
];

const UNARMED: &str = "no timer is armed in STOPPED and DORMANT, and the only one of CONNECTING and ATTACHING has fired; \
    BACKING_OFF disarms on entry for the rules that come from elsewhere";

/// Every mutant of every rule.
pub fn all() -> Vec<Mutant> {
    let of = |(place, rows): (usize, &'static [Row])| {
        let changed = changes(rows, State::VARIANTS, &[Reason::Stale, Reason::NotStarted]);
        let mutant = move |(what, changed)| Mutant {
            name: format!("client {}: {what}", rows[0].id),
            place,
            rows: changed,
        };
        changed.into_iter().map(mutant).collect::<Vec<_>>()
    };
    rules(ROWS).flat_map(of).collect()
}

impl Mutant {
    /// The law that a changed row breaks by its shape: it would not compile.
    pub fn shape_error(&self) -> Option<Law> {
        self.rows.iter().find_map(shape::violated_law)
    }

    /// Whether a row is one of its rule, by the name that it has in a world's report.
    fn changes(&self, row: &str) -> bool {
        let rule = self.name.split(':').next().unwrap_or_default();
        row.strip_prefix(rule).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
    }

    /// The world with the changed row.
    pub fn in_world(&self, world: World) -> World {
        world.with_table(replaced(&TABLE, self.place, &self.rows))
    }

    /// Looks for a law that notices: by shape, then in each of the worlds, up to twice as many states as
    /// the shipped table has there. A changed row may make a world endless.
    pub fn fate(&self, worlds: &[(&'static Scope, u64)], threads: usize) -> MutantOutcome {
        if let Some(law) = self.shape_error() {
            return MutantOutcome::Killed { law: law.to_string(), world: None };
        }
        for (scope, states) in worlds {
            let world = self.in_world(World::new((*scope).clone()));
            let search = Search::new(&world).threads(threads).max_states(2 * states + 1_000);
            let report = search.allow_idle_classes().allow_idle_counters().run();
            if let Some(violation) = report.violations.first() {
                return MutantOutcome::Killed {
                    law: violation.law.clone(),
                    world: Some(scope.name),
                };
            }
        }
        match EQUIVALENT.iter().find(|(name, _)| self.name.starts_with(name)) {
            Some((_, why)) => MutantOutcome::Equivalent { why },
            None => MutantOutcome::Survived,
        }
    }
}

/// What becomes of every mutant. Each is looked for in the worlds that take its row, the smallest first.
/// `progress` gets how many are done, and of how many.
pub fn run_all(threads: usize, progress: impl Fn(usize, usize)) -> Vec<(Mutant, MutantOutcome)> {
    let explored = scopes::SMALL.iter().chain(scopes::DEFAULT).map(|scope| {
        let world = World::new(scope.clone());
        let search = Search::new(&world).threads(threads);
        (scope, search.allow_idle_classes().allow_idle_counters().run())
    });
    let mut explored: Vec<(&Scope, Report)> = explored.collect();
    explored.sort_by_key(|(_, report)| report.states);
    let mutants = all();
    let total = mutants.len();
    let fates = mutants.into_iter().enumerate().map(|(done, mutant)| {
        progress(done, total);
        let takes = |report: &Report| {
            report.counters.iter().any(|row| mutant.changes(&row.name) && row.count > 0)
        };
        let worlds = explored.iter().filter(|(_, report)| takes(report));
        let worlds: Vec<_> = worlds.map(|(scope, report)| (*scope, report.states)).collect();
        let fate = mutant.fate(&worlds, threads);
        (mutant, fate)
    });
    fates.collect()
}
