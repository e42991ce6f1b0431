//! Mutants: every row of every table changed in every small way, and the law that notices.
//!
//! The laws are complete when no mutant survives, save those that are listed as equivalent.

use strum::VariantArray;

use super::{Bytes, Scope, World, is_rule, scopes};
use crate::check::Search;
use crate::connection;
use crate::laws::Law;
use crate::routing;
use crate::session::{shape, table};
use crate::table::{Row, Verdict};
use crate::words::{Reason, State};

/// A changed row.
#[derive(Clone, Debug)]
pub struct Mutant {
    /// Which table, which row, and what was changed, as in `session A1: go DETACHED → go SUSPENDED`.
    pub name: String,
    change: Change,
}

#[derive(Clone, Debug)]
enum Change {
    Session(usize, table::Row),
    Connection(usize, connection::table::Row),
    Routing(usize, routing::Row),
}

/// What became of a mutant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// A law noticed.
    Killed {
        /// Which one.
        law: String,
        /// In which world; none if the row's shape gave it away.
        world: Option<&'static str>,
    },
    /// Nothing can notice, for a reason.
    Equivalent {
        /// Why.
        why: &'static str,
    },
    /// No law noticed.
    Survived,
}

/// Mutants that change nothing anybody could notice, each with its reason: the beginning of a mutant's
/// name, and why.
pub const EQUIVALENT: &[(&str, &str)] = &[
    ("session B2: without Unpin", WITH_THE_PROCESS),
    ("session B2: without CloseAll", WITH_THE_PROCESS),
    ("session B2: without DisarmAll", WITH_THE_PROCESS),
    ("session B4: without CloseAll", WITH_THE_PROCESS),
];

const WITH_THE_PROCESS: &str = "a store loses the end of its log only together with the process, and what \
    is not durable went with it; the row lets go of it for a driver that feeds the event all the same";

/// Every mutant of every rule.
pub fn all() -> Vec<Mutant> {
    let mut all = Vec::new();
    for (place, row) in table::ROWS.iter().enumerate().filter(|(_, row)| is_rule(row)) {
        let reasons = [Reason::Stale, Reason::QueueFull];
        for (what, changed) in changes(row, State::VARIANTS, &reasons) {
            all.push(Mutant {
                name: format!("session {}: {what}", row.id),
                change: Change::Session(place, changed),
            });
        }
    }
    let possible =
        |row: &&connection::table::Row| row.verdict != Verdict::Ignore(Reason::Impossible);
    for (place, row) in connection::table::ROWS.iter().enumerate().filter(|(_, row)| possible(row))
    {
        let reasons = [Reason::Stale, Reason::QueueFull];
        for (what, changed) in changes(row, connection::Phase::VARIANTS, &reasons) {
            let change = Change::Connection(place, changed);
            all.push(Mutant { name: format!("connection {}: {what}", row.id), change });
        }
    }
    for (place, row) in routing::ROWS.iter().enumerate() {
        for (what, changed) in ops_changed(row) {
            let change = Change::Routing(place, changed);
            all.push(Mutant { name: format!("routing {}: {what}", row.id), change });
        }
    }
    all
}

/// Every small change of a row: another verdict or target, an op dropped, two neighbours swapped.
pub(in crate::check) fn changes<S, T, O, R>(
    row: &Row<S, T, O, R>,
    states: &[S],
    reasons: &[R; 2],
) -> Vec<(String, Row<S, T, O, R>)>
where
    S: Copy + PartialEq + std::fmt::Display,
    T: Copy,
    O: Copy + std::fmt::Debug,
    R: Copy + PartialEq + std::fmt::Display,
{
    let mut verdicts: Vec<Verdict<S, R>> = states.iter().map(|state| Verdict::Go(*state)).collect();
    verdicts.push(Verdict::Stay);
    let mut changed = Vec::new();
    for verdict in verdicts {
        let itself = row.from.iter().all(|from| verdict == Verdict::Go(*from));
        if verdict != row.verdict && !itself {
            changed.push((format!("{} → {verdict}", row.verdict), Row { verdict, ..*row }));
        }
    }
    // A row that stops acting keeps its shape: it loses its ops as well.
    let [ignore, refuse] = [Verdict::Ignore(reasons[0]), Verdict::Refuse(reasons[1])];
    for verdict in [ignore, refuse] {
        let kind = core::mem::discriminant(&verdict) == core::mem::discriminant(&row.verdict);
        if !kind {
            changed
                .push((format!("{} → {verdict}", row.verdict), Row { verdict, ops: &[], ..*row }));
        }
    }
    changed.extend(ops_changed(row));
    changed
}

fn ops_changed<S: Copy, T: Copy, O: Copy + std::fmt::Debug, R: Copy>(
    row: &Row<S, T, O, R>,
) -> Vec<(String, Row<S, T, O, R>)> {
    let mut changed = Vec::new();
    let mut with = |what: String, ops: Vec<O>| {
        // A few bytes for each mutant, for the life of the process: a table is static.
        changed.push((what, Row { ops: Box::leak(ops.into_boxed_slice()), ..*row }));
    };
    for (place, op) in row.ops.iter().enumerate() {
        let mut ops = row.ops.to_vec();
        ops.remove(place);
        with(format!("without {op:?}"), ops);
    }
    for place in 1..row.ops.len() {
        let mut ops = row.ops.to_vec();
        ops.swap(place - 1, place);
        with(format!("{:?} before {:?}", row.ops[place], row.ops[place - 1]), ops);
    }
    changed
}

impl Mutant {
    /// The law that the changed row breaks by its shape: it would not compile.
    pub fn misshapen(&self) -> Option<Law> {
        match &self.change {
            Change::Session(_, row) => shape::broken(row),
            Change::Connection(_, row) => connection::table::broken(row),
            Change::Routing(_, row) => routing::broken(row),
        }
    }

    /// The world with the changed row.
    fn in_world(&self, world: World) -> World {
        match &self.change {
            Change::Session(place, row) => {
                let mut rows = table::ROWS.to_vec();
                rows[*place] = *row;
                let table = table::Table { rows: Vec::leak(rows), index: table::INDEX };
                world.with_table(Box::leak(Box::new(table)))
            }
            Change::Connection(place, row) => {
                let mut rows = connection::table::ROWS.to_vec();
                rows[*place] = *row;
                let index = connection::table::INDEX;
                let table = connection::table::Table { rows: Vec::leak(rows), index };
                world.with_connections(Box::leak(Box::new(table)))
            }
            Change::Routing(place, row) => {
                let mut rows = routing::ROWS.to_vec();
                rows[*place] = *row;
                let table = routing::Table { rows: Vec::leak(rows), index: routing::INDEX };
                world.with_routes(Box::leak(Box::new(table)))
            }
        }
    }

    /// Looks for a law that notices: by shape, then in each of the worlds, up to twice as many states as
    /// the shipped table has there. A changed row may make a world endless.
    pub fn fate(&self, worlds: &[(&'static Scope, u64)], threads: usize) -> Fate {
        if let Some(law) = self.misshapen() {
            return Fate::Killed { law: law.to_string(), world: None };
        }
        for (scope, states) in worlds {
            let world = World::new((*scope).clone()).expect("the scopes' limits are not 0");
            let world = self.in_world(world);
            let search =
                Search::packed(&world, Bytes).threads(threads).max_states(2 * states + 1_000);
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

    /// The counter of its row in a world's report.
    pub fn row(&self) -> &str {
        self.name.split(':').next().unwrap_or_default()
    }
}

/// What becomes of every mutant. Each is looked for in the small worlds that take its row, the smallest
/// first. `progress` is told how many are done, and of how many.
pub fn survey(threads: usize, progress: impl Fn(usize, usize)) -> Vec<(Mutant, Fate)> {
    let explored = scopes::SMALL_WORLDS.iter().map(|scope| {
        let world = World::new(scope.clone()).expect("the scopes' limits are not 0");
        let search = Search::packed(&world, Bytes).threads(threads);
        (scope, search.allow_idle_classes().allow_idle_counters().run())
    });
    let mut explored: Vec<_> = explored.collect();
    explored.sort_by_key(|(_, report)| report.states);
    let mutants = all();
    let total = mutants.len();
    let fates = mutants.into_iter().enumerate().map(|(done, mutant)| {
        progress(done, total);
        let takes = |report: &crate::check::Report| {
            report.counters.iter().any(|row| row.name == mutant.row() && row.count > 0)
        };
        let worlds = explored.iter().filter(|(_, report)| takes(report));
        let worlds: Vec<_> = worlds.map(|(scope, report)| (*scope, report.states)).collect();
        let fate = mutant.fate(&worlds, threads);
        (mutant, fate)
    });
    fates.collect()
}
