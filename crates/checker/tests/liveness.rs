//! Leads-to under fairness agrees with brute force, and its counterexamples are what they claim.

use outlive_checker::{Fairness, Model, Outcome, Properties, Search, Trace};
use proptest::prelude::*;

use super::brute_force::shortest_stem;
use super::graph::{Arrow, CLASSES, Graph, safe_graphs};

/// Judges a lasso by the definitions alone.
fn is_fair_lasso(graph: &Graph, trace: &Trace<Graph>) -> Result<(), String> {
    let cycle = trace.cycle.ok_or("no cycle")?;
    if trace.last() != trace.state(cycle) {
        return Err("the cycle does not close".to_owned());
    }
    let owes = (0..=trace.steps.len()).fold(false, |owes, steps| {
        let state = usize::from(*trace.state(steps));
        !graph.to[state] && (owes || graph.from[state])
    });
    let on_cycle: Vec<u8> = (cycle..=trace.steps.len()).map(|steps| *trace.state(steps)).collect();
    if !owes || on_cycle.iter().any(|&state| graph.to[usize::from(state)]) {
        return Err("the obligation is met".to_owned());
    }
    for &fairness in &graph.fairness {
        let class = CLASSES.iter().position(|name| *name == fairness.class()).ok_or("a class")?;
        let moves = |arrow: &&Arrow| arrow.class == class && arrow.from != arrow.to;
        let taken =
            trace.steps[cycle..].iter().any(|step| graph.arrows[step.evidence].class == class);
        let enabled_in = |state: &&u8| graph.leaving(**state).any(|arrow| moves(&arrow));
        let enabled = on_cycle.iter().filter(enabled_in).count();
        let fair = match fairness {
            Fairness::Weak(_) => taken || enabled < on_cycle.len(),
            Fairness::Strong(_) => taken || enabled == 0,
        };
        if !fair {
            return Err(format!("not fair: {fairness}"));
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn leads_to_agrees_with_brute_force(graph in safe_graphs(6)) {
        let report = Search::new(&graph).allow_idle_classes().run();
        let violation = report.violation("arrives");
        let stem = violation.map(|violation| {
            let trace = violation.trace(&graph).expect("a behaviour of the graph");
            is_fair_lasso(&graph, &trace).map(|()| trace.cycle.expect("a cycle"))
        });
        prop_assert_eq!(stem, shortest_stem(&graph).map(Ok));
    }

    #[test]
    fn the_number_of_threads_does_not_show_in_a_lasso(graph in safe_graphs(6)) {
        let [one, two] = [1, 3].map(|threads| {
            Search::new(&graph).allow_idle_classes().threads(threads).run().violations
        });
        prop_assert_eq!(one, two);
    }
}

/// 0 ⇄ 1 by red, 1 → 2 by green: green is enabled again and again, but not for good.
fn flapping(fairness: Vec<Fairness>) -> Graph {
    let arrow = |from, to, class| Arrow { from, to, class, bad: false };
    Graph {
        nodes: 3,
        initial: vec![0],
        arrows: vec![arrow(0, 1, 0), arrow(1, 0, 0), arrow(1, 2, 1)],
        bad: vec![false; 3],
        terminal: vec![false, false, true],
        from: vec![true, false, false],
        to: vec![false, false, true],
        fairness,
    }
}

fn lasso_of(graph: &Graph) -> Option<(Vec<usize>, Option<usize>)> {
    let report = Search::new(graph).allow_idle_classes().run();
    let path = report.violation("arrives")?.path.clone()?;
    Some((path.picks, path.cycle))
}

#[test]
fn without_fairness_everything_may_stand_still() {
    assert_eq!(lasso_of(&flapping(vec![])), Some((vec![], Some(0))));
}

#[test]
fn weak_fairness_is_no_help_against_flapping() {
    let graph = flapping(vec![Fairness::Weak("red"), Fairness::Weak("green")]);
    assert_eq!(lasso_of(&graph), Some((vec![0, 0], Some(0))));
}

#[test]
fn strong_fairness_ends_flapping() {
    let graph = flapping(vec![Fairness::Weak("red"), Fairness::Strong("green")]);
    assert_eq!(lasso_of(&graph), None);
}

#[test]
fn strong_fairness_of_one_step_does_not_start_another() {
    let graph = flapping(vec![Fairness::Strong("green")]);
    assert_eq!(lasso_of(&graph), Some((vec![], Some(0))), "red need never happen");
}

#[test]
fn a_terminal_state_short_of_the_goal_is_a_counterexample() {
    let mut graph = flapping(vec![Fairness::Weak("red"), Fairness::Strong("green")]);
    graph.to[2] = false;
    assert_eq!(lasso_of(&graph), Some((vec![0, 1], Some(2))));
}

#[test]
fn the_assumptions_are_part_of_the_report() {
    let graph = flapping(vec![Fairness::Weak("red"), Fairness::Strong("green")]);
    let report = Search::new(&graph).allow_idle_classes().run();
    assert_eq!(report.outcome, Outcome::Verified);
    let text = report.to_string();
    assert!(
        text.contains("arrives: from leads to to — assuming weak(red), strong(green)"),
        "{text}"
    );
}

#[test]
fn fairness_of_an_unknown_class_is_refused() {
    let graph = flapping(vec![Fairness::Weak("yellow")]);
    let report = Search::new(&graph).allow_idle_classes().run();
    let why = "fairness speaks of yellow, which is no class of actions".to_owned();
    assert_eq!(report.outcome, Outcome::Incomplete { why });
}

/// Many states after one, enough for several threads: each goes on to one that it shares with a neighbour, and those
/// to the end. The trapped one goes back instead.
struct Fan {
    trapped: Option<u32>,
}

impl Model for Fan {
    type State = (u8, u32);
    type Action = u32;
    type StepTrace = ();

    fn initial(&self) -> Vec<(u8, u32)> {
        vec![(0, 0)]
    }

    fn actions(&self, &(level, place): &(u8, u32), out: &mut Vec<u32>) {
        match level {
            0 => out.extend(0..4_000),
            1 => out.push(place / 2),
            2 if self.trapped == Some(place) => out.push(2 * place),
            2 => out.push(0),
            _ => {}
        }
    }

    fn step(&self, &(level, place): &(u8, u32), to: &u32) -> Option<((u8, u32), ())> {
        let back = level == 2 && self.trapped == Some(place);
        Some(((if back { 1 } else { level + 1 }, *to), ()))
    }

    fn properties(&self) -> Properties<Self> {
        let fair = [Fairness::Weak("step")];
        let ends = |_: &Self, state: &(u8, u32)| state.0 == 3;
        Properties::<Self>::new().leads_to("ends", "it ends", |_, state| state.0 == 0, ends, fair)
    }

    fn terminal(&self, state: &(u8, u32)) -> bool {
        state.0 == 3
    }
}

#[test]
fn where_a_step_leads_is_known_whichever_thread_took_it() {
    let search = |trapped, threads| Search::new(&Fan { trapped }).threads(threads).run();
    for threads in [1, 2, 3] {
        let report = search(None, threads);
        assert!(report.is_verified(), "{report}");
        assert_eq!((report.states, report.transitions), (6_002, 10_000));
        let trapped = search(Some(1_234), threads);
        let path = trapped.violations[0].path.as_ref().expect("a lasso");
        assert_eq!((&path.picks[..], path.cycle), (&[2_468, 0, 0][..], Some(1)));
    }
}
