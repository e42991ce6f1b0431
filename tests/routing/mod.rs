//! The one decision before any command: total, and always with an answer at its end.

use outlive::State;
use outlive::ids::Incarnation;
use outlive::routing::{Durable, Op, Runtime, rule};
use strum::VariantArray;

/// Every durable state against everything that may run.
fn cells() -> impl Iterator<Item = (Durable, Runtime)> {
    Durable::VARIANTS.iter().flat_map(|d| Runtime::VARIANTS.iter().map(move |r| (*d, *r)))
}

fn has_worker(durable: Durable) -> bool {
    use Durable::*;
    match durable {
        Unknown | Created | Ended => false,
        Starting | Active | Detached | Suspended | Closing => true,
    }
}

#[test]
fn every_cell_ends_with_an_answer_and_names_itself() {
    for (durable, runtime) in cells() {
        let row = rule(durable, runtime);
        assert!(row.from.contains(&durable) && row.on.contains(&runtime), "{}", row.id);
        let answer = if durable == Durable::Unknown { Op::NotFound } else { Op::Proceed };
        assert_eq!(row.ops.last(), Some(&answer), "{durable} x {runtime}");
    }
}

#[test]
fn a_zombie_is_aborted_before_anything_else_and_only_a_zombie_is() {
    for (durable, runtime) in cells() {
        let ops = rule(durable, runtime).ops;
        let runs = matches!(runtime, Runtime::Current | Runtime::Other);
        let wanted = has_worker(durable) && runtime == Runtime::Current;
        let zombie = runs && !wanted;
        assert_eq!(ops.contains(&Op::Abort), zombie, "{durable} x {runtime}");
        assert!(!zombie || ops[0] == Op::Abort, "{durable} x {runtime}");
    }
}

#[test]
fn a_record_that_counts_on_a_worker_that_is_not_there_is_recovered() {
    for (durable, runtime) in cells() {
        let recovers = rule(durable, runtime).ops.contains(&Op::Recover);
        let missing = has_worker(durable) && runtime != Runtime::Current;
        assert!(recovers || !missing, "{durable} x {runtime}");
    }
}

/// Whoever is read back has no timer, no viewer and no worker. A CREATED session that is not told so
/// would wait for ever, for nothing counts its idle time.
#[test]
fn whatever_is_read_back_from_the_store_is_told_that_its_process_is_gone() {
    for durable in Durable::VARIANTS.iter().filter(|durable| **durable != Durable::Unknown) {
        assert_eq!(rule(*durable, Runtime::unloaded(None)).ops, [Op::Recover, Op::Proceed]);
        let left_behind = Runtime::unloaded(Some(Incarnation(1)));
        assert_eq!(rule(*durable, left_behind).ops, [Op::Abort, Op::Recover, Op::Proceed]);
    }
    assert_eq!(rule(Durable::Unknown, Runtime::unloaded(None)).ops, [Op::NotFound]);
}

/// What is in memory and as its record says is not disturbed.
#[test]
fn a_session_that_agrees_with_its_record_is_left_alone() {
    for durable in Durable::VARIANTS.iter().filter(|durable| **durable != Durable::Unknown) {
        let agrees = if has_worker(*durable) { Runtime::Current } else { Runtime::Absent };
        assert_eq!(rule(*durable, agrees).ops, [Op::Proceed]);
    }
}

#[test]
fn ops_stand_in_order_and_none_twice() {
    for (durable, runtime) in cells() {
        let row = rule(durable, runtime);
        assert!(row.ops.windows(2).all(|pair| pair[0] < pair[1]), "{}", row.id);
    }
}

#[test]
fn each_state_has_its_column_of_the_same_name_and_no_record_is_unknown() {
    assert_eq!(Durable::of(None), Durable::Unknown);
    for state in State::VARIANTS {
        assert_eq!(Durable::of(Some(*state)).into_str(), state.into_str());
    }
}

#[test]
fn what_runs_is_told_apart_by_its_incarnation() {
    assert_eq!(Runtime::of(Incarnation(2), None), Runtime::Absent);
    assert_eq!(Runtime::of(Incarnation(2), Some(Incarnation(2))), Runtime::Current);
    assert_eq!(Runtime::of(Incarnation(2), Some(Incarnation(1))), Runtime::Other);
    assert_eq!(Runtime::of(Incarnation(2), Some(Incarnation(3))), Runtime::Other);
    assert_eq!(Runtime::unloaded(None), Runtime::Unloaded);
    assert_eq!(Runtime::unloaded(Some(Incarnation(2))), Runtime::Other, "nobody counts on it");
}
