//! Random walks.

use outlive_checker::{Kind, Model, walk, walk_weighted};
use proptest::collection::vec;
use proptest::prelude::*;

use super::graph::graphs;
use super::lock::{Action, CAREFUL, CARELESS, Lock};

proptest! {
    #[test]
    fn a_lawful_model_is_lawful_on_every_walk(picks in vec(any::<u32>(), 0..60)) {
        let lock = Lock { clients: 4, ..CAREFUL };
        let walked = walk(&lock, picks.iter().copied());
        walked.assert_lawful(&lock);
        prop_assert_eq!(walked.trace.steps.len(), picks.len());
    }

    #[test]
    fn a_walk_is_a_behaviour_of_the_model(
        graph in graphs(6),
        picks in vec(any::<u32>(), 0..30),
    ) {
        let walked = walk(&graph, picks.iter().copied());
        let again = walked.trace.path().follow(&graph).expect("a behaviour");
        prop_assert_eq!(again.last(), walked.trace.last());
        // It goes on until the picks are used up, unless something is wrong or over.
        let choices = usize::from(graph.initial().len() > 1);
        let spent = walked.trace.steps.len() + choices >= picks.len();
        let over = graph.leaving(*walked.trace.last()).count() == 0;
        prop_assert!(spent || over || walked.violation.is_some());
    }

    #[test]
    fn what_a_walk_calls_wrong_is_wrong(graph in graphs(6), picks in vec(any::<u32>(), 0..30)) {
        let walked = walk(&graph, picks.iter().copied());
        let last = *walked.trace.last();
        let bad_state = graph.bad[usize::from(last)];
        let bad_step = walked.trace.steps.last().is_some_and(|step| graph.arrows[step.evidence].bad);
        match walked.violation.map(|violation| violation.kind) {
            Some(Kind::State) => prop_assert!(bad_state),
            Some(Kind::Step) => prop_assert!(bad_step),
            Some(kind) => {
                prop_assert_eq!(kind, Kind::Deadlock);
                prop_assert_eq!(graph.leaving(last).count(), 0);
            }
            None => prop_assert!(!bad_state && !bad_step),
        }
    }
}

#[test]
fn picks_choose_among_what_is_enabled() {
    // In the beginning two may look; then 1 may look and 0 may take.
    let walked = walk(&CAREFUL, [0, 1]);
    assert_eq!(walked.trace.path().actions, ["0 looks", "1 looks"]);
    let walked = walk(&CARELESS, [0, 1, 0, 1]);
    assert_eq!(walked.violation.expect("both hold it").law, "one_holder");
}

#[test]
fn an_action_without_weight_is_never_taken() {
    let weight = |action: &Action| u32::from(!matches!(action, Action::Release(_)));
    let walked = walk_weighted(&CAREFUL, [0; 20], weight);
    let releases = walked.trace.path().actions.iter().any(|action| action.ends_with("releases"));
    assert!(!releases && walked.violation.is_none());
}

#[test]
fn weights_are_proportions() {
    let weight = |action: &Action| match action {
        Action::Look(0) => 3,
        Action::Look(_) => 1,
        Action::Take(_) | Action::Release(_) => 0,
    };
    let first = |pick| walk_weighted(&CAREFUL, [pick], weight).trace.path().actions[0].clone();
    let chosen: Vec<_> = (0..4).map(first).collect();
    assert_eq!(chosen, ["0 looks", "0 looks", "0 looks", "1 looks"]);
}
