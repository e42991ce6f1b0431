//! The edges between the states: those that a session cannot do without, and a reason for each other.

use std::collections::BTreeMap;

use outlive::State::{self, *};
use outlive::Trigger;
use outlive::session::Machine;
use outlive::session::table::{ROWS, RULES, TABLE};
use outlive::table::Verdict;
use strum::VariantArray;

use crate::kit::{in_state, small};

/// What the machine was built for: without one of these it is another machine.
const NEEDED: &[(State, State)] = &[
    (Created, Starting),
    (Created, Ended),
    (Starting, Active),
    (Starting, Ended),
    (Active, Detached),
    (Active, Suspended),
    (Active, Closing),
    (Active, Ended),
    (Detached, Active),
    (Detached, Suspended),
    (Detached, Closing),
    (Detached, Ended),
    (Suspended, Active),
    (Suspended, Ended),
    (Closing, Ended),
    (Ended, Created),
];

/// What came to it, since otherwise a state would say what is not true.
const ADDED: &[(State, State)] = &[
    (Starting, Detached),
    (Starting, Suspended),
    (Starting, Closing),
    (Suspended, Detached),
    (Suspended, Closing),
];

/// Each edge of the table, and the rows that take it.
fn edges() -> BTreeMap<(State, State), Vec<&'static str>> {
    let mut edges = BTreeMap::<_, Vec<_>>::new();
    for row in ROWS {
        if let Verdict::Go(to) = row.verdict {
            for from in row.from {
                edges.entry((*from, to)).or_default().push(row.id);
            }
        }
    }
    edges
}

#[test]
fn every_transition_the_machine_was_built_for_is_an_edge_of_the_table() {
    for edge in NEEDED {
        assert!(edges().contains_key(edge), "no row goes from {} to {}", edge.0, edge.1);
    }
}

#[test]
fn every_other_edge_is_known_and_says_why_it_is_there() {
    for (edge, rows) in edges() {
        if NEEDED.contains(&edge) {
            continue;
        }
        assert!(ADDED.contains(&edge), "{rows:?} go from {} to {}: wanted?", edge.0, edge.1);
        for id in rows {
            let row = ROWS.iter().find(|row| row.id == id).unwrap();
            assert!(row.because.len() > 10, "{id} does not say why");
        }
    }
    for edge in ADDED {
        assert!(edges().contains_key(edge), "no row goes from {} to {}", edge.0, edge.1);
    }
}

#[test]
fn closing_leads_to_ended_and_ended_to_created_and_to_nothing_else() {
    let from = |state| edges().into_keys().filter(move |edge| edge.0 == state).map(|edge| edge.1);
    assert_eq!(from(Closing).collect::<Vec<_>>(), [Ended]);
    assert_eq!(from(Ended).collect::<Vec<_>>(), [Created]);
}

#[test]
fn a_restart_has_a_row_in_every_state_that_ends_what_runs() {
    for state in State::VARIANTS {
        for trigger in [Trigger::Restarted, Trigger::RestartedLossy] {
            let verdict = TABLE.rule(*state, trigger).verdict;
            match state {
                Ended => assert!(!matches!(verdict, Verdict::Go(_)), "{trigger}"),
                Created | Starting | Active | Detached | Suspended | Closing => {
                    assert_eq!(verdict, Verdict::Go(Ended), "{state} {trigger}");
                }
            }
        }
    }
}

#[test]
fn rule_ids_are_unique_and_no_because_is_empty() {
    for (place, rule) in RULES.iter().enumerate() {
        assert!(RULES[..place].iter().all(|other| other.id != rule.id), "{} twice", rule.id);
        assert!(!rule.because.is_empty(), "{}", rule.id);
    }
}

#[test]
fn the_stories_begin_in_every_state() {
    for state in State::VARIANTS {
        assert_eq!(in_state(*state).state(), *state);
    }
    assert_eq!(*Machine::new(small()).unwrap().table(), TABLE);
}
