//! Several nodes on one database: what holds for one process holds across them.

use outlive::check::Search;
use outlive::check::world::{Budget, Bug, Bytes, Scope, World, mutants, scopes};
use outlive::laws::Law;

/// A node is judged while it works, and another one takes over.
fn judged() -> World {
    let budget = Budget { dials: 2, expiries: 1, ..Budget::default() };
    World::new(Scope { prompts: &[2], budget, ..scopes::PAUSES }).expect("limits")
}

/// The first law that a planted bug breaks.
fn breaks(bug: Bug) -> Option<String> {
    let world = judged().with_bug(bug);
    let search = Search::packed(&world, Bytes).threads(2).max_states(200_000);
    let report = search.allow_idle_classes().allow_idle_counters().run();
    report.violations.first().map(|violation| violation.law.clone())
}

#[test]
fn what_ran_on_a_node_that_died_is_not_run_again_by_the_next_owner() {
    let law = breaks(Bug::RunAgainAfterRestart);
    assert_eq!(law.as_deref(), Some(Law::NoPromptRunsTwice.into_str()));
}

#[test]
fn each_rule_of_the_nodes_table_is_counted_among_those_that_a_world_takes() {
    let rules: Vec<String> = judged().rules();
    let node = rules.iter().filter(|rule| rule.starts_with("node "));
    let shipped = outlive::node::table::ROWS.iter().filter(|row| row.is_possible());
    let mut ids: Vec<&str> = shipped.map(|row| row.id).collect();
    ids.dedup();
    assert_eq!(node.count(), ids.len());
}

#[test]
fn every_change_of_what_a_node_does_about_its_lease_or_its_sessions_is_a_build_error() {
    let tables = ["node ", "routing Q9:", "routing Q10:", "routing Q11:"];
    let all = mutants::all();
    let of = |mutant: &&mutants::Mutant| tables.iter().any(|table| mutant.name.starts_with(table));
    let (broken, survive): (Vec<_>, Vec<_>) =
        all.iter().filter(of).partition(|mutant| mutant.shape_error().is_some());
    let survive: Vec<&str> = survive.iter().map(|mutant| mutant.name.as_str()).collect();
    assert!(survive.is_empty() && broken.len() > 50, "{} and {survive:?}", broken.len());
}
