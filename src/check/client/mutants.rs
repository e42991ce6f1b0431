//! Mutants: every row of the client's table changed in every small way, and the law that notices.
//!
//! The laws are complete when no mutant survives, save those that are listed as equivalent.

use strum::VariantArray;

use super::{Scope, World, is_rule, scopes};
use crate::check::world::mutants::{Fate, changes};
use crate::check::{Report, Search};
use crate::client::table::{INDEX, ROWS, Row, Table};
use crate::client::{State, shape};
use crate::laws::Law;
use crate::words::Reason;

/// A changed row.
#[derive(Clone, Debug)]
pub struct Mutant {
    /// Which row, and what was changed, as in `client V6: without Probe`.
    pub name: String,
    place: usize,
    row: Row,
}

/// Mutants that change nothing anybody could notice, each with its reason: the beginning of a mutant's
/// name, and why.
pub const EQUIVALENT: &[(&str, &str)] = &[];

/// Every mutant of every rule.
pub fn all() -> Vec<Mutant> {
    let rules = ROWS.iter().enumerate().filter(|(_, row)| is_rule(row));
    let of = |(place, row): (usize, &Row)| {
        let changed = changes(row, State::VARIANTS, &[Reason::Stale, Reason::NotStarted]);
        let mutant = move |(what, changed)| Mutant {
            name: format!("client {}: {what}", row.id),
            place,
            row: changed,
        };
        changed.into_iter().map(mutant).collect::<Vec<_>>()
    };
    rules.flat_map(of).collect()
}

impl Mutant {
    /// The law that the changed row breaks by its shape: it would not compile.
    pub fn misshapen(&self) -> Option<Law> {
        shape::broken(&self.row)
    }

    /// The counter of its row in a world's report.
    pub fn row(&self) -> &str {
        self.name.split(':').next().unwrap_or_default()
    }

    /// The world with the changed row.
    pub fn in_world(&self, world: World) -> World {
        let mut rows = ROWS.to_vec();
        rows[self.place] = self.row;
        let table = Table { rows: Vec::leak(rows), index: INDEX };
        world.with_table(Box::leak(Box::new(table)))
    }

    /// Looks for a law that notices: by shape, then in each of the worlds, up to twice as many states as
    /// the shipped table has there. A changed row may make a world endless.
    pub fn fate(&self, worlds: &[(&'static Scope, u64)], threads: usize) -> Fate {
        if let Some(law) = self.misshapen() {
            return Fate::Killed { law: law.to_string(), world: None };
        }
        for (scope, states) in worlds {
            let world = self.in_world(World::new((*scope).clone()));
            let search = Search::new(&world).threads(threads).max_states(2 * states + 1_000);
            let report = search.allow_idle_classes().allow_idle_counters().run();
            if let Some(violation) = report.violations.first() {
                return Fate::Killed { law: violation.law.clone(), world: Some(scope.name) };
            }
        }
        match EQUIVALENT.iter().find(|(name, _)| self.name.starts_with(name)) {
            Some((_, why)) => Fate::Equivalent { why },
            None => Fate::Survived,
        }
    }
}

/// What becomes of every mutant. Each is looked for in the worlds that take its row, the smallest first.
/// `progress` is told how many are done, and of how many.
pub fn survey(threads: usize, progress: impl Fn(usize, usize)) -> Vec<(Mutant, Fate)> {
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
            report.counters.iter().any(|row| row.name == mutant.row() && row.count > 0)
        };
        let worlds = explored.iter().filter(|(_, report)| takes(report));
        let worlds: Vec<_> = worlds.map(|(scope, report)| (*scope, report.states)).collect();
        let fate = mutant.fate(&worlds, threads);
        (mutant, fate)
    });
    fates.collect()
}
