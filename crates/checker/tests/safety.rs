//! The search for violations of safety agrees with brute force, and with itself.

use std::collections::BTreeMap;

use outlive_checker::{Outcome, Report, Search, Violation};
use proptest::prelude::*;

use super::brute_force::{distances, least_way, shortest_counterexamples};
use super::graph::{Boxed, Graph, graphs};
use super::ring::{Packed, Ring};

fn search(graph: &Graph) -> Search<'_, Graph> {
    Search::new(graph).allow_idle_classes()
}

/// A report without what differs from run to run.
pub(crate) fn comparable(mut report: Report) -> Report {
    report.seconds = 0.0;
    report.bytes_per_state = 0.0;
    report
}

fn safety_lengths(report: &Report) -> BTreeMap<&str, usize> {
    let violations = report.violations.iter().filter(|violation| violation.law != "arrives");
    violations.map(|violation| (violation.law.as_str(), length(violation))).collect()
}

fn length(violation: &Violation) -> usize {
    violation.path.as_ref().expect("a path").picks.len()
}

/// Whether a way is a counterexample to a law, by the graph alone.
fn ends_badly(graph: &Graph, law: &str, nodes: &[u8], picks: &[usize]) -> bool {
    let last = nodes[nodes.len() - 1];
    match law {
        "good_states" => graph.bad[usize::from(last)],
        "deadlock" => graph.leaving(last).count() == 0 && !graph.terminal[usize::from(last)],
        _ => picks.last().is_some_and(|&pick| {
            graph.leaving(nodes[nodes.len() - 2]).nth(pick).is_some_and(|arrow| arrow.bad)
        }),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn every_violation_has_its_shortest_length(graph in graphs(9)) {
        let report = search(&graph).every_violation().run();
        let expected: BTreeMap<_, _> = shortest_counterexamples(&graph).into_iter().collect();
        prop_assert_eq!(safety_lengths(&report), expected);
    }

    #[test]
    fn the_first_violations_are_all_of_the_least_length(graph in graphs(9)) {
        let report = search(&graph).run();
        let all = shortest_counterexamples(&graph);
        let least = all.iter().map(|&(_, length)| length).min();
        let first = all.into_iter().filter(|&(_, length)| Some(length) == least);
        prop_assert_eq!(safety_lengths(&report), first.collect::<BTreeMap<_, _>>());
        prop_assert_eq!(report.complete, least.is_none());
    }

    #[test]
    fn a_counterexample_is_the_least_of_the_shortest(graph in graphs(6)) {
        let report = search(&graph).every_violation().run();
        for violation in report.violations.iter().filter(|violation| violation.law != "arrives") {
            let path = violation.path.clone().expect("a path");
            let least = least_way(&graph, path.picks.len(), &|nodes, picks| {
                ends_badly(&graph, &violation.law, nodes, picks)
            });
            prop_assert_eq!(Some((path.initial, path.picks)), least);
        }
    }

    #[test]
    fn counts_are_those_of_the_reachable_part(graph in graphs(9)) {
        let report = search(&graph).every_violation().run();
        let distances = distances(&graph);
        let reached = |node: u8| distances[usize::from(node)].is_some();
        let transitions = graph.arrows.iter().filter(|arrow| reached(arrow.from)).count();
        prop_assert_eq!(report.states, (0..graph.nodes).filter(|&node| reached(node)).count() as u64);
        prop_assert_eq!(report.transitions, transitions as u64);
        prop_assert_eq!(Some(report.depth as usize), distances.into_iter().flatten().max());
        prop_assert_eq!(report.classes.iter().map(|class| class.count).sum::<u64>(), report.transitions);
    }

    #[test]
    fn the_encoding_does_not_show(graph in graphs(9)) {
        let packed = Search::packed(&graph, Boxed).allow_idle_classes();
        prop_assert_eq!(comparable(search(&graph).run()), comparable(packed.run()));
    }
}

#[test]
fn the_number_of_threads_does_not_show() {
    let ring = Ring { cells: 8, forbidden_sum: Some(9), forbidden: Some(0x2d71) };
    let reports = [1, 2, 3].map(|threads| {
        let search = Search::packed(&ring, Packed).threads(threads).every_violation();
        serde_json::to_string(&comparable(search.run())).expect("reports are data")
    });
    assert_eq!(reports[0], reports[1]);
    assert_eq!(reports[0], reports[2]);
    let report = comparable(Search::new(&ring).threads(2).every_violation().run());
    assert_eq!(reports[0], serde_json::to_string(&report).expect("reports are data"));
    assert_eq!(report.outcome, Outcome::Violated);
}

#[test]
fn a_search_which_stops_does_not_show_the_number_of_threads_either() {
    let ring = Ring { cells: 8, forbidden_sum: Some(9), forbidden: Some(0x2d71) };
    let [one, two] =
        [1, 2].map(|threads| comparable(Search::packed(&ring, Packed).threads(threads).run()));
    assert_eq!(one, two);
    assert!(!one.complete);
}

#[test]
fn the_ring_has_its_known_size() {
    let ring = Ring::of(8);
    let report = Search::packed(&ring, Packed).threads(2).run();
    report.assert_verified(&ring);
    // All but the state in which every cell is full: the last step to it is never free.
    assert_eq!((report.states, report.transitions), ((1 << 16) - 1, (8 * 3) << 14));
}
