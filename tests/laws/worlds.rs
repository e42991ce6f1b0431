//! Walks through the world: the machine with its connections, clients, worker, timers, store and
//! processes, with budgets far beyond those that are explored completely.

use std::collections::BTreeSet;

use outlive::check::world::{Action, Budget, Bug, Scope, World, scopes};
use outlive::check::{Model, Walk, walk, walk_weighted};
use outlive::connection;
use outlive::laws::Law;
use outlive::session::table::Op;
use outlive::table::Verdict;
use outlive::{Limits, Timer};
use proptest::prelude::*;
use strum::VariantArray;

use super::broken::without;
use super::walker::{numbers, picks};

const PLENTY: Budget = Budget {
    dials: 40,
    outputs: 40,
    asks: 10,
    hides: 20,
    cuts: 20,
    posts: 20,
    late: 20,
    exits: 4,
    crashes: 4,
    losses: 2,
    takeovers: 0,
    purges: 0,
    holds: 2,
    pages: 4,
    forgeries: 10,
    pauses: 0,
    expiries: 0,
    partitions: 0,
    unknowns: 0,
    leaves: 0,
    failovers: 0,
};

/// Everything that can happen on one node, for as long as a walk lasts.
fn one_node() -> Scope {
    Scope {
        name: "one_node",
        about: "everything on one node",
        prompts: &[9, 9, 9],
        budget: PLENTY,
        timers: Timer::VARIANTS,
        quick_wire: false,
        handshakes: true,
        suspend_requests: true,
        stops: true,
        interrupts: true,
        late_timers: true,
        output_outside_turns: true,
        waits: true,
        failing_store: true,
        lazy_recovery: true,
        limits: Limits {
            connections: 2,
            queued: 2,
            asks: 1,
            retention: 6,
            batch: 3,
            ..scopes::EVERYTHING.limits
        },
        ..scopes::EVERYTHING
    }
}

/// Two nodes that take the session over from each other, and records that are deleted. Nothing is
/// trimmed here: what a node still writes for a session that it has lost and read again is not
/// protected by the session any more.
fn two_nodes() -> Scope {
    let budget = Budget { takeovers: 9, purges: 1, losses: 0, ..PLENTY };
    let limits = Limits { retention: 1000, ..one_node().limits };
    Scope { name: "two_nodes", about: "takeovers", nodes: 2, budget, limits, ..one_node() }
}

/// What ends nearly every walk early is rare.
fn weight(action: &Action) -> u32 {
    use Action::*;
    let rare = matches!(action, Crash { .. } | TakeOver | Hold(_) | Purge | Send(_));
    let seldom = matches!(action, Forge(..) | LateCall(..) | Cut(_) | Bye(_) | Drain(_) | Fire(..))
        || matches!(action, Silent(_) | HelloTimeout(_));
    match (rare, seldom) {
        (true, _) => 2,
        (false, true) => 4,
        (false, false) => 24,
    }
}

fn world(scope: Scope) -> World {
    World::new(scope).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, max_shrink_iters: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn everything_that_happens_on_one_node_obeys_every_law(picks in picks(250)) {
        let world = world(one_node());
        let walk = walk_weighted(&world, picks, weight);
        prop_assert!(walk.violation.is_none(), "{}", story(&world, &walk));
    }

    #[test]
    fn nodes_that_take_over_from_each_other_obey_every_law(picks in picks(250)) {
        let world = world(two_nodes());
        let walk = walk_weighted(&world, picks, weight);
        prop_assert!(walk.violation.is_none(), "{}", story(&world, &walk));
    }

    #[test]
    fn the_worlds_that_are_explored_hold_on_walks_as_well(
        which in 0..scopes::DEFAULT.len(), picks in picks(80),
    ) {
        let world = world(scopes::DEFAULT[which].clone());
        let walk = walk(&world, picks);
        prop_assert!(walk.violation.is_none(), "{}", story(&world, &walk));
    }
}

fn story(world: &World, walk: &Walk<World>) -> String {
    walk.violation.as_ref().map_or(String::new(), |violation| violation.story(world))
}

/// The names of the rows that these walks take.
fn rows_taken(world: &World, walks: u64) -> BTreeSet<String> {
    let names = world.counters();
    let mut taken = BTreeSet::new();
    for seed in 1..=walks {
        let walk = walk_weighted(world, numbers(seed).take(250), weight);
        walk.assert_lawful(world);
        for step in &walk.trace.steps {
            world.count(&step.evidence, &mut |row| _ = taken.insert(names[row].clone()));
        }
    }
    taken
}

#[test]
fn the_walks_take_nearly_every_row_that_can_be_taken() {
    let mut taken = rows_taken(&world(one_node()), 400);
    taken.extend(rows_taken(&world(two_nodes()), 20));
    for scope in scopes::DEFAULT {
        taken.extend(rows_taken(&world(scope.clone()), 60));
    }
    let never = |name: &str| {
        let of = |table: &str| name.strip_prefix(table).map(str::trim);
        let session = of("session").is_some_and(|id| id.starts_with('N'));
        let node = of("node").is_some_and(|id| id.starts_with('N'));
        session || node || matches!(of("connection"), Some("N5" | "N6"))
    };
    let missed: Vec<_> =
        world(one_node()).counters().into_iter().filter(|name| !taken.contains(name)).collect();
    let unexpected: Vec<_> = missed.iter().filter(|name| !never(name)).collect();
    assert!(unexpected.len() <= 6, "never taken: {unexpected:?}");
    assert!(taken.iter().all(|name| !never(name)), "an impossible row was taken");
}

/// The law that one of many walks finds broken.
fn found(world: &World) -> Option<Law> {
    (1..400).find_map(|seed| {
        let walk = walk_weighted(world, numbers(seed).take(250), weight);
        walk.violation.map(|violation| violation.law.parse().unwrap())
    })
}

#[test]
fn a_walk_finds_a_worker_that_is_not_aborted() {
    let broken = world(one_node()).with_table(without("S5", Op::Abort));
    let law = found(&broken);
    let laws = [Law::StopAbortsTheWorker, Law::WorkerMatchesTheState];
    assert!(law.is_some_and(|law| laws.contains(&law)), "{law:?}");
}

#[test]
fn a_walk_finds_a_viewer_that_is_sent_an_entry_in_flight_again() {
    let broken = world(one_node()).with_table(without("W4", Op::Credit));
    assert_eq!(found(&broken), Some(Law::InOrderWithoutSilentGaps));
}

#[test]
fn a_walk_finds_a_socket_that_is_written_to_while_it_closes() {
    let table = connection::table::TABLE.with("N1", |row| {
        (row.verdict, row.ops) = (Verdict::Stay, &[connection::Op::Write]);
    });
    let broken = world(one_node()).with_connections(table);
    assert_eq!(found(&broken), Some(Law::NoSendAfterClose));
}

#[test]
fn a_walk_finds_the_bugs_that_drivers_have() {
    for bug in [Bug::ForgetTheKeys, Bug::WriteWithoutAsking] {
        assert!(found(&world(one_node()).with_bug(bug)).is_some(), "{bug}");
    }
}

#[test]
fn a_failing_walk_tells_a_story_that_can_be_walked_again() {
    let broken = world(one_node()).with_bug(Bug::WriteWithoutAsking);
    let failing = (1..400).find_map(|seed| {
        let walk = walk_weighted(&broken, numbers(seed).take(250), weight);
        walk.violation.is_some().then_some(walk)
    });
    let failing = failing.unwrap();
    let actions = failing.trace.path().actions;
    let names: Vec<&str> = actions.iter().map(String::as_str).collect();
    let again = outlive::check::replay(&broken, 0, &names);
    let law = failing.violation.as_ref().unwrap().law.clone();
    assert!(story(&broken, &failing).starts_with(&law));
    assert_eq!(again.violation.map(|violation| violation.law), Some(law));
}
