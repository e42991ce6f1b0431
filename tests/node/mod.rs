//! One node, through every sequence of what it can hear of its lease.

use outlive::Reason;
use outlive::laws::Law;
use outlive::node::table::{ROWS, Row, TABLE, violated_law};
use outlive::node::{Node, Op, State, Trigger};
use outlive::table::Verdict;
use strum::VariantArray;

/// Is shown a node, what was done before, what comes, the row that answers, and the node after it.
type Judge<'a> = dyn Fn(&Node, &[Op], Trigger, &Row, &Node) + 'a;

/// Each sequence of so many triggers, or fewer.
const DEPTH: usize = 6;

/// Takes every trigger that can come, in turn, and judges each step with what was done before; returns how many
/// sequences there were.
fn explore(node: Node, done: &[Op], depth: usize, judge: &Judge) -> u64 {
    if depth == DEPTH {
        return 1;
    }
    let mut sequences = 1;
    for trigger in Trigger::VARIANTS {
        let mut after = node;
        let row = after.step(*trigger);
        if matches!(row.verdict, Verdict::Ignore(Reason::Impossible)) {
            continue;
        }
        judge(&node, done, *trigger, row, &after);
        sequences += explore(after, &[done, row.ops].concat(), depth + 1, judge);
    }
    sequences
}

fn every_sequence(judge: impl Fn(&Node, &[Op], Trigger, &Row, &Node)) {
    let sequences = explore(Node::new(), &[], 0, &judge);
    assert!(sequences > 5_000, "only {sequences} sequences");
}

#[test]
fn a_node_that_is_fenced_or_has_left_hears_nothing_any_more() {
    every_sequence(|before, _, trigger, row, after| {
        if matches!(before.state(), State::Fenced | State::Left) {
            assert!(!row.verdict.acts() && before == after, "{trigger} in {}", before.state());
        }
    });
}

#[test]
fn a_node_judges_others_only_at_a_renewal_that_follows_another_in_time() {
    every_sequence(|before, _, trigger, row, _| {
        let judges = row.ops.contains(&Op::Judge);
        assert_eq!(judges, before.state() == State::Member && trigger == Trigger::Renewed);
    });
}

#[test]
fn everything_is_aborted_once_and_exactly_when_the_node_is_fenced() {
    every_sequence(|_, done, _, row, after| {
        let aborts = [done, row.ops].concat().iter().filter(|op| **op == Op::AbortAll).count();
        assert_eq!(aborts, usize::from(after.state() == State::Fenced));
    });
}

#[test]
fn a_good_bye_is_said_once_and_exactly_when_the_node_leaves_in_good_order() {
    every_sequence(|_, done, _, row, after| {
        let said = [done, row.ops].concat().iter().filter(|op| **op == Op::GoodBye).count();
        assert_eq!(said, usize::from(after.state() == State::Left));
    });
}

#[test]
fn the_timer_that_runs_is_that_of_the_state_and_each_renewal_arms_it_anew() {
    every_sequence(|before, done, trigger, row, after| {
        let timer = |op: &&Op| matches!(op, Op::Disarm | Op::ArmLate | Op::ArmAbandon);
        let runs = [done, row.ops].concat().iter().rfind(timer).copied();
        match after.state() {
            State::Outside => assert_eq!(runs, None),
            State::Member => assert_eq!(runs, Some(Op::ArmLate)),
            State::Unsure => assert_eq!(runs, Some(Op::ArmAbandon)),
            State::Fenced | State::Left => assert!(matches!(runs, None | Some(Op::Disarm))),
        }
        let member = before.state() == State::Member && trigger == Trigger::Renewed;
        assert!(!member || row.ops.contains(&Op::ArmLate));
    });
}

#[test]
fn a_database_that_was_away_makes_nobody_judge_and_nobody_leave() {
    let mut node = Node::new();
    node.step(Trigger::Registered);
    for _ in 0..2 {
        assert_eq!(node.step(Trigger::Late).ops, [Op::Disarm, Op::ArmAbandon]);
        assert!(node.step(Trigger::Late).ops.is_empty());
        assert_eq!(node.state(), State::Unsure);
        assert_eq!(node.step(Trigger::Renewed).ops, [Op::Disarm, Op::ArmLate]);
        assert_eq!(node.step(Trigger::Renewed).ops, [Op::ArmLate, Op::Judge]);
    }
}

#[test]
fn a_database_that_stays_away_ends_the_node_and_its_return_brings_nothing_back() {
    let mut node = Node::new();
    node.step(Trigger::Registered);
    assert!(node.step(Trigger::Abandoned).ops.is_empty(), "a renewal was there first");
    node.step(Trigger::Late);
    assert_eq!(node.step(Trigger::Abandoned).ops, [Op::Disarm, Op::AbortAll]);
    for trigger in Trigger::VARIANTS {
        assert!(node.step(*trigger).ops.is_empty(), "{trigger}");
    }
    assert_eq!(node.state(), State::Fenced);
}

#[test]
fn every_row_of_the_table_has_a_cell() {
    let mut taken = vec![0; ROWS.len()];
    for state in State::VARIANTS {
        for trigger in Trigger::VARIANTS {
            let row = TABLE.rule(*state, *trigger);
            assert!(row.from.contains(state) && row.on.contains(trigger));
            taken[ROWS.iter().position(|other| other == row).unwrap()] += 1;
        }
    }
    assert!(taken.iter().all(|cells| *cells > 0), "{taken:?}");
}

#[test]
fn a_row_that_revives_the_dead_or_judges_too_soon_would_break_a_law() {
    let of = |state, trigger| *TABLE.rule(state, trigger);
    let ops = &[Op::ArmLate];
    let revived =
        Row { verdict: Verdict::Go(State::Member), ops, ..of(State::Fenced, Trigger::Renewed) };
    assert_eq!(violated_law(&revived), Some(Law::DeadStaysDead));
    let ops = &[Op::Disarm, Op::ArmLate, Op::Judge];
    let too_soon = Row { ops, ..of(State::Unsure, Trigger::Renewed) };
    assert_eq!(violated_law(&too_soon), Some(Law::JudgedByTheSteady));
    let silent = Row { ops: &[Op::Disarm], ..of(State::Member, Trigger::Drained) };
    assert_eq!(violated_law(&silent), Some(Law::LeavingIsTold));
    let holding = Row { ops: &[Op::Disarm], ..of(State::Unsure, Trigger::Abandoned) };
    assert_eq!(violated_law(&holding), Some(Law::FencedHoldsNothing));
}
