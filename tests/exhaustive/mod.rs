//! The worlds that are small enough for a debug build, explored completely; the counts are pinned, so that
//! a world that silently shrinks is noticed. The default worlds are explored by `outlive check`.

mod broken;
mod nodes;

use std::fmt::Write as _;

use outlive::check::world::races::{self, RACES};
use outlive::check::world::{Budget, Bytes, Scope, World, mutants, scopes};
use outlive::check::{Outcome, Report, Search};

/// More states than this take too long without optimisation.
const SMALL: u64 = 12_000;

fn explore(name: &str, threads: usize) -> Report {
    let world = World::new(scopes::named(name).expect("a world")).expect("limits");
    let search = Search::packed(&world, Bytes).threads(threads).max_states(SMALL);
    search.allow_idle_classes().allow_idle_counters().run()
}

#[test]
fn the_small_worlds_hold_and_are_as_large_as_they_were() {
    let mut report = String::new();
    for scope in scopes::DEFAULT.iter().chain(scopes::SMALL_WORLDS) {
        let found = explore(scope.name, 2);
        if !found.complete {
            continue;
        }
        assert_eq!(found.outcome, Outcome::Verified, "{}", scope.name);
        let rows = found.counters.iter().filter(|row| row.count > 0).count();
        let (states, steps, depth) = (found.states, found.transitions, found.depth);
        writeln!(
            report,
            "{:16} {states:>6} states {steps:>6} steps depth {depth:>2} rows {rows:>2}",
            scope.name
        )
        .expect("a string");
    }
    insta::assert_snapshot!(report);
}

/// A world of the night is explored in no test: its size is only pinned.
#[test]
fn every_world_that_check_explores_is_pinned_and_the_night_has_fifty_million_states() {
    let pinned = |scope: &Scope| scopes::PINNED.iter().find(|(name, ..)| *name == scope.name);
    let states = |scopes: &[Scope]| {
        scopes.iter().map(|scope| pinned(scope).expect(scope.name).1).sum::<u64>()
    };
    assert!(states(scopes::DEFAULT) > 5_000_000);
    assert!(states(scopes::NIGHTLY) > 50_000_000);
    assert_eq!(scopes::PINNED.len(), scopes::DEFAULT.len() + scopes::NIGHTLY.len());
}

#[test]
fn one_thread_and_two_find_the_same() {
    let (one, two) = (explore("handshakes", 1), explore("handshakes", 2));
    assert_eq!((one.states, one.transitions, one.depth), (two.states, two.transitions, two.depth));
    assert_eq!(one.counters, two.counters);
}

#[test]
fn of_two_clients_that_may_do_the_same_one_order_is_enough() {
    let explore = |symmetric| {
        let budget = Budget { dials: 2, cuts: 1, ..Budget::default() };
        let world = World::new(Scope { budget, symmetric, ..scopes::TWO_CLIENTS }).expect("limits");
        let search = Search::packed(&world, Bytes).threads(2);
        search.allow_idle_classes().allow_idle_counters().run()
    };
    let (all, half) = (explore(false), explore(true));
    assert!(all.is_verified() && half.is_verified());
    // Only moments in which both have the same are their own twins.
    assert!(half.states * 2 >= all.states && half.states < all.states * 6 / 10);
    let taken =
        |report: &Report| report.counters.iter().map(|row| row.count > 0).collect::<Vec<_>>();
    assert_eq!(taken(&all), taken(&half));
}

#[test]
fn an_unfinished_search_is_no_pass() {
    let world = World::new(scopes::EVERYTHING).expect("limits");
    let report = Search::packed(&world, Bytes).max_states(1_000).run();
    assert!(matches!(report.outcome, Outcome::Incomplete { .. }), "{:?}", report.outcome);
    assert!(!report.is_verified());
}

#[test]
fn each_race_is_found_by_its_law_and_its_story_is_documented() {
    for race in RACES {
        let world = race.world();
        let report = race.find(&world);
        let laws: Vec<&str> = report.violations.iter().map(|found| found.law.as_str()).collect();
        assert!(laws.contains(&race.law.into_str()), "{}: {laws:?}", race.id);
    }
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/races.md"));
    let refresh = "cargo run --release -- check --races --format markdown > docs/races.md";
    assert!(page.is_ok_and(|page| page == races::page()), "docs/races.md is stale: {refresh}");
}

#[test]
fn a_counterexample_is_a_trace_that_replay_reads() {
    let race = RACES.iter().find(|race| race.id == "R8").expect("a race");
    let world = race.world();
    let report = race.find(&world);
    let violation = report.violations.first().expect("found");
    let recorded = world.recorded(violation);
    // The bug is the driver's: what the session itself was fed is lawful.
    let trace = outlive::check::trace::parse(recorded.as_bytes()).expect("readable");
    assert!(outlive::check::trace::replay(&trace).is_ok(), "{recorded}");
    assert!(violation.test_code(&world).contains("#[test]"));
    assert!(violation.sequence_diagram(&world).starts_with("sequenceDiagram"));
}

#[test]
fn a_test_that_is_written_for_a_changed_table_says_so_and_asks_for_it() {
    let race = RACES.iter().find(|race| race.id == "R7").expect("a race");
    let world = race.world();
    let report = race.find(&world);
    let code = report.violations.first().expect("found").test_code(&world);
    let says = "        // Not the shipped rows: L3.\n        .with_table(changed_table());\n";
    assert!(code.contains(says), "{code}");
    let honest = RACES.iter().find(|race| race.id == "R8").expect("a race").world();
    assert!(outlive::check::Model::expression(&honest).ends_with("Bug::RunAgainAfterRestart)"));
}

/// All of them take minutes: `outlive check --mutants`. Here the ones that do not compile, and one of each
/// kind that only a world can tell.
#[test]
fn a_changed_row_is_noticed_by_shape_or_by_a_law() {
    let all = mutants::all();
    let by_shape = all.iter().filter(|mutant| mutant.shape_error().is_some()).count();
    assert!(by_shape * 2 > all.len(), "{by_shape} of {}", all.len());
    let world = [(&scopes::APPROVALS, 2_000)];
    for name in ["session T5: without LogAnswer", "session S1: go ACTIVE → go DETACHED"] {
        let mutant = all.iter().find(|mutant| mutant.name == name).expect(name);
        let fate = mutant.fate(&world, 1);
        assert!(matches!(fate, mutants::MutantOutcome::Killed { .. }), "{name}: {fate:?}");
    }
}
