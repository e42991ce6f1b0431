//! The client's worlds, explored completely; the large ones by `outlive check`.

use std::fmt::Write as _;

use outlive::check::client::{World, mutants, scopes};
use outlive::check::world::mutants::MutantOutcome;
use outlive::check::{Report, Search};

fn explore(scope: &scopes::Scope) -> Report {
    let world = World::new(scope.clone());
    let search = Search::new(&world).threads(2).allow_idle_classes().allow_idle_counters();
    let report = search.run();
    report.assert_verified(&world);
    report
}

#[test]
fn the_small_worlds_hold_and_are_as_large_as_they_were() {
    let mut told = String::new();
    for scope in scopes::SMALL {
        let found = explore(scope);
        let rows = found.counters.iter().filter(|row| row.count > 0).count();
        let (states, steps, depth) = (found.states, found.transitions, found.depth);
        writeln!(
            told,
            "{:24} {states:>5} states {steps:>6} steps depth {depth} rows {rows}",
            scope.name
        )
        .expect("a string");
    }
    insta::assert_snapshot!(told);
}

/// All of them take minutes: `outlive check --mutants`. Here one for each law that only a world, or a step
/// in one, can tell.
#[test]
fn a_changed_row_is_noticed_by_its_law() {
    let all = mutants::all();
    let worlds: Vec<_> = scopes::SMALL.iter().map(|scope| (scope, 20_000)).collect();
    for (name, law) in [
        ("client V5: without NoteShown", "news_is_taken"),
        ("client E9: without ResetAttempts", "failures_count"),
        ("client A2: without Renumber", "news_is_taken"),
        ("client A3: without Renumber", "news_is_taken"),
        ("client L4: without ClearStrikes", "failures_count"),
        ("client F1: go LIVE → go HIDDEN", "live_means_caught_up"),
        ("client L1: without DisarmAll", "waiting_states_have_a_timer"),
    ] {
        let mutant = all.iter().find(|mutant| mutant.name == name).expect(name);
        let fate = mutant.fate(&worlds, 1);
        let MutantOutcome::Killed { law: by, .. } = &fate else { panic!("{name}: {fate:?}") };
        assert_eq!(by, law, "{name}");
    }
    let by_shape = all.iter().filter(|mutant| mutant.shape_error().is_some()).count();
    assert!(by_shape * 2 > all.len(), "{by_shape} of {}", all.len());
}
