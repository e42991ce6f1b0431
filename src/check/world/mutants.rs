//! Mutants: every rule of every table, with all that its rows do, changed in every small way, and the law that
//! notices. The rows of a rule are changed together: they differ only in what their states add.
//!
//! The laws are complete when no mutant survives, save those that are listed as equivalent.

use strum::VariantArray;

use super::{Bytes, Scope, World, scopes};
use crate::check::Search;
use crate::connection;
use crate::law::Law;
use crate::session::{shape, table};
use crate::table::{Row, Table, Verdict, Word};
use crate::words::{Reason, State};
use crate::{node, routing};

/// A changed rule.
#[derive(Clone, Debug)]
pub struct Mutant {
    /// Which table, which rule, and what was changed, as in `session A1: go DETACHED → go SUSPENDED`.
    pub name: String,
    change: Change,
}

#[derive(Clone, Debug)]
enum Change {
    Session(usize, Vec<table::Row>),
    Connection(usize, Vec<connection::table::Row>),
    Routing(usize, Vec<routing::Row>),
    Node(usize, Vec<node::table::Row>),
}

/// What became of a mutant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MutantOutcome {
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

/// Mutants whose change cannot be observed, each with its reason: the beginning of a mutant's name, and why.
pub const EQUIVALENT: &[(&str, &str)] = &[
    ("session B2: without UnpinLog", WITH_THE_PROCESS),
    ("session B2: without CloseAll", WITH_THE_PROCESS),
    ("session B2: without DisarmAll", WITH_THE_PROCESS),
    ("session B4: without CloseAll", WITH_THE_PROCESS),
    ("session C2: without DisarmAll", FIRED),
    ("session S5: without DisarmAll", FIRED),
    ("session D3: without DisarmAll", FIRED),
    ("session U5: without Disarm(Grace)", FIRED),
    ("session L2: without DisarmAll", FIRED),
    ("session L1: without UnpinLog", RELEASED),
    ("session L2: without UnpinLog", RELEASED),
    ("session L3: without UnpinLog", RELEASED),
    ("session L5: without UnpinLog", RELEASED),
    (
        "session D3: without SendDue",
        "no viewer is connected in DETACHED, so nothing is due to be sent",
    ),
];

const FIRED: &str = "the timer that fired was the only one that was armed; its state disarms on exit, or the \
    next one on entry, for the rules by which nothing has fired";

const RELEASED: &str =
    "CLOSING released the pin on entry; ENDED does, for the rules that come from elsewhere";

const WITH_THE_PROCESS: &str = "a store loses the end of its log only together with the process, and what \
    is not durable went with it; the row lets go of it for a driver that feeds the event all the same";

/// Every mutant of every rule.
pub fn all() -> Vec<Mutant> {
    let reasons = [Reason::Stale, Reason::QueueFull];
    let mut all = Vec::new();
    let mut add = |name: String, change| all.push(Mutant { name, change });
    for (place, rows) in rules(table::ROWS) {
        for (what, changed) in changes(rows, State::VARIANTS, &reasons) {
            let name = format!("session {}: {what}", rows[0].id);
            add(name, Change::Session(place, changed));
        }
    }
    for (place, rows) in rules(connection::table::ROWS) {
        for (what, changed) in changes(rows, connection::Phase::VARIANTS, &reasons) {
            let name = format!("connection {}: {what}", rows[0].id);
            add(name, Change::Connection(place, changed));
        }
    }
    for (place, rows) in rules(routing::ROWS) {
        for (what, changed) in ops_changed(rows) {
            let name = format!("routing {}: {what}", rows[0].id);
            add(name, Change::Routing(place, changed));
        }
    }
    for (place, rows) in rules(node::table::ROWS) {
        for (what, changed) in changes(rows, node::State::VARIANTS, &reasons) {
            let name = format!("node {}: {what}", rows[0].id);
            add(name, Change::Node(place, changed));
        }
    }
    all
}

/// The rows of each rule, with the place of the first. No rule: the cells that cannot arise.
pub(in crate::check) fn rules<S: Copy, T, O>(
    rows: &[Row<S, T, O, Reason>],
) -> impl Iterator<Item = (usize, &[Row<S, T, O, Reason>])> {
    let mut place = 0;
    let rules = rows.chunk_by(|row, next| row.id == next.id).map(move |rows| {
        place += rows.len();
        (place - rows.len(), rows)
    });
    rules.filter(|(_, rows)| rows[0].is_possible())
}

/// What was changed in a rule, and its rows.
pub(in crate::check) type Changed<S, T, O, R> = (String, Vec<Row<S, T, O, R>>);

/// Every small change of a rule: another verdict or target, an op dropped, two neighbours swapped.
pub(in crate::check) fn changes<S, T, O, R>(
    rows: &[Row<S, T, O, R>],
    states: &[S],
    reasons: &[R; 2],
) -> Vec<Changed<S, T, O, R>>
where
    S: Copy + PartialEq + std::fmt::Display,
    T: Copy,
    O: Copy + Ord + std::fmt::Debug,
    R: Copy + PartialEq + std::fmt::Display,
{
    let was = rows[0].verdict;
    let mut verdicts: Vec<Verdict<S, R>> = states.iter().map(|state| Verdict::Go(*state)).collect();
    verdicts.push(Verdict::Stay);
    let mut changed = Vec::new();
    for verdict in verdicts {
        let itself = rows.iter().flat_map(|row| row.from).all(|from| verdict == Verdict::Go(*from));
        if verdict != was && !itself {
            changed.push((
                format!("{was} → {verdict}"),
                rows.iter().map(|row| Row { verdict, ..*row }).collect(),
            ));
        }
    }
    // A rule that stops acting keeps its shape: it loses its ops as well.
    let [ignore, refuse] = [Verdict::Ignore(reasons[0]), Verdict::Refuse(reasons[1])];
    for verdict in [ignore, refuse] {
        let kind = core::mem::discriminant(&verdict) == core::mem::discriminant(&was);
        if !kind {
            let without = rows.iter().map(|row| Row { verdict, ops: &[], ..*row }).collect();
            changed.push((format!("{was} → {verdict}"), without));
        }
    }
    changed.extend(ops_changed(rows));
    changed
}

/// An op is dropped, or swapped with its neighbour, in each row that has it so.
fn ops_changed<S: Copy, T: Copy, O: Copy + Ord + std::fmt::Debug, R: Copy>(
    rows: &[Row<S, T, O, R>],
) -> Vec<Changed<S, T, O, R>> {
    let with = |change: &dyn Fn(&mut Vec<O>)| {
        let row = |row: &Row<S, T, O, R>| {
            let mut ops = row.ops.to_vec();
            change(&mut ops);
            // A few bytes for each mutant, for the life of the process: a table is static.
            Row { ops: Box::leak(ops.into_boxed_slice()), ..*row }
        };
        rows.iter().map(row).collect::<Vec<_>>()
    };
    let mut ops: Vec<O> = rows.iter().flat_map(|row| row.ops).copied().collect();
    ops.sort();
    ops.dedup();
    let mut pairs: Vec<[O; 2]> =
        rows.iter().flat_map(|row| row.ops.windows(2)).map(|pair| [pair[0], pair[1]]).collect();
    pairs.sort();
    pairs.dedup();
    let dropped =
        ops.iter().map(|op| (format!("without {op:?}"), with(&|ops| ops.retain(|it| it != op))));
    let swapped = pairs.iter().map(|[first, then]| {
        let swap = |ops: &mut Vec<O>| {
            let place = ops.windows(2).position(|pair| pair == [*first, *then]);
            if let Some(place) = place {
                ops.swap(place, place + 1);
            }
        };
        (format!("{then:?} before {first:?}"), with(&swap))
    });
    dropped.chain(swapped).collect()
}

/// The table with these rows from a place on.
pub(in crate::check) fn replaced<S, T, O, R, const STATES: usize, const TRIGGERS: usize>(
    table: &Table<S, T, O, R, STATES, TRIGGERS>,
    place: usize,
    changed: &[Row<S, T, O, R>],
) -> &'static Table<S, T, O, R, STATES, TRIGGERS>
where
    S: Word,
    T: Word,
    O: Copy,
    R: Copy,
{
    let mut rows = table.rows.to_vec();
    rows[place..place + changed.len()].copy_from_slice(changed);
    Box::leak(Box::new(Table { rows: Vec::leak(rows), index: table.index }))
}

impl Mutant {
    /// The law that a changed row breaks by its shape: it would not compile.
    pub fn shape_error(&self) -> Option<Law> {
        match &self.change {
            Change::Session(_, rows) => rows.iter().find_map(shape::violated_law),
            Change::Connection(_, rows) => rows.iter().find_map(connection::table::violated_law),
            Change::Routing(_, rows) => rows.iter().find_map(routing::table::violated_law),
            Change::Node(_, rows) => rows.iter().find_map(node::table::violated_law),
        }
    }

    /// The world with the changed rule.
    fn in_world(&self, world: World) -> World {
        match &self.change {
            Change::Session(place, rows) => world.with_table(replaced(&table::TABLE, *place, rows)),
            Change::Connection(place, rows) => {
                world.with_connections(replaced(&connection::table::TABLE, *place, rows))
            }
            Change::Routing(place, rows) => {
                world.with_routes(replaced(&routing::TABLE, *place, rows))
            }
            Change::Node(place, rows) => {
                world.with_members(replaced(&node::table::TABLE, *place, rows))
            }
        }
    }

    /// Looks for a law that notices: by shape, then in each of the worlds, up to twice as many states as
    /// the shipped table has there. A changed row may make a world endless.
    pub fn fate(&self, worlds: &[(&'static Scope, u64)], threads: usize) -> MutantOutcome {
        if let Some(law) = self.shape_error() {
            return MutantOutcome::Killed { law: law.to_string(), world: None };
        }
        for (scope, states) in worlds {
            let world = World::new((*scope).clone()).expect("the scopes' limits are not 0");
            let world = self.in_world(world);
            let search =
                Search::packed(&world, Bytes).threads(threads).max_states(2 * states + 1_000);
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

    /// Whether a row is one of its rule, by the name that it has in a world's report.
    fn changes(&self, row: &str) -> bool {
        let rule = self.name.split(':').next().unwrap_or_default();
        row.strip_prefix(rule).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
    }
}

/// What becomes of every mutant. Each is looked for in the small worlds that take its row, the smallest
/// first. `progress` gets how many are done, and of how many.
pub fn run_all(threads: usize, progress: impl Fn(usize, usize)) -> Vec<(Mutant, MutantOutcome)> {
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
            report.counters.iter().any(|row| mutant.changes(&row.name) && row.count > 0)
        };
        let worlds = explored.iter().filter(|(_, report)| takes(report));
        let worlds: Vec<_> = worlds.map(|(scope, report)| (*scope, report.states)).collect();
        let fate = mutant.fate(&worlds, threads);
        (mutant, fate)
    });
    fates.collect()
}
