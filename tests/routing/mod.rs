//! The one decision before any command: total, and always with an answer at its end.

use outlive::State;
use outlive::ids::Incarnation;
use outlive::laws::Law;
use outlive::routing::table::violated_law;
use outlive::routing::{Durable, Op, Owner, Row, Runtime, rule};
use strum::VariantArray;

/// Every durable state against everything that may run.
fn cells() -> impl Iterator<Item = (Durable, Runtime)> {
    Durable::VARIANTS.iter().flat_map(|d| Runtime::VARIANTS.iter().map(move |r| (*d, *r)))
}

/// Whose session a column is about; none if it is nobody's, and nothing of it is here.
fn owned(runtime: Runtime) -> Option<Owner> {
    match runtime {
        Runtime::Absent | Runtime::Current | Runtime::Other | Runtime::Unloaded => {
            Some(Owner::Ours)
        }
        Runtime::Elsewhere | Runtime::LeftBehind => Some(Owner::Another),
        Runtime::Vacant => None,
    }
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
        let answer = match (durable, owned(runtime)) {
            (Durable::Unknown, _) => Op::NotFound,
            (_, Some(Owner::Ours) | None) => Op::Proceed,
            (_, Some(Owner::Another | Owner::Nobody)) => Op::Forward,
        };
        assert_eq!(row.ops.last(), Some(&answer), "{durable} x {runtime}");
    }
}

#[test]
fn a_zombie_is_aborted_before_anything_else_and_only_a_zombie_is() {
    for (durable, runtime) in cells() {
        let ops = rule(durable, runtime).ops;
        let runs = matches!(runtime, Runtime::Current | Runtime::Other | Runtime::LeftBehind);
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
        let ours = owned(runtime) != Some(Owner::Another);
        let missing = has_worker(durable) && ours && runtime != Runtime::Current;
        assert!(recovers || !missing, "{durable} x {runtime}");
    }
}

/// Whoever is read back has no timer, no viewer and no worker. A CREATED session that is not told so
/// would wait for ever, for nothing counts its idle time.
#[test]
fn whatever_is_read_back_from_the_store_is_told_that_its_process_is_gone() {
    for durable in Durable::VARIANTS.iter().filter(|durable| **durable != Durable::Unknown) {
        assert_eq!(
            rule(*durable, Runtime::unloaded(Owner::Ours, None)).ops,
            [Op::Recover, Op::Proceed]
        );
        let left_behind = Runtime::unloaded(Owner::Ours, Some(Incarnation(1)));
        assert_eq!(rule(*durable, left_behind).ops, [Op::Abort, Op::Recover, Op::Proceed]);
    }
    assert_eq!(rule(Durable::Unknown, Runtime::unloaded(Owner::Ours, None)).ops, [Op::NotFound]);
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
    let of =
        |running: Option<u32>| Runtime::of(Owner::Ours, Incarnation(2), running.map(Incarnation));
    assert_eq!(of(None), Runtime::Absent);
    assert_eq!(of(Some(2)), Runtime::Current);
    assert_eq!(of(Some(1)), Runtime::Other);
    assert_eq!(of(Some(3)), Runtime::Other);
    let unloaded = |running: Option<u32>| Runtime::unloaded(Owner::Ours, running.map(Incarnation));
    assert_eq!(unloaded(None), Runtime::Unloaded);
    assert_eq!(unloaded(Some(2)), Runtime::Other, "nobody counts on it");
}

#[test]
fn what_is_here_of_a_session_that_is_not_this_nodes_is_left_behind() {
    let (incarnation, worker) = (Incarnation(2), Some(Incarnation(2)));
    for owner in [Owner::Another, Owner::Nobody] {
        for running in [None, worker] {
            assert_eq!(Runtime::of(owner, incarnation, running), Runtime::LeftBehind);
        }
        assert_eq!(Runtime::unloaded(owner, worker), Runtime::LeftBehind);
    }
    assert_eq!(Runtime::unloaded(Owner::Another, None), Runtime::Elsewhere);
    assert_eq!(Runtime::unloaded(Owner::Nobody, None), Runtime::Vacant);
}

#[test]
fn a_session_is_claimed_exactly_where_nobody_owns_it_and_then_recovered_first() {
    for (durable, runtime) in cells().filter(|(durable, _)| *durable != Durable::Unknown) {
        let ops = rule(durable, runtime).ops;
        let vacant = runtime == Runtime::Vacant;
        assert_eq!(ops.first() == Some(&Op::Claim), vacant, "{durable} x {runtime}");
        assert!(!vacant || ops == [Op::Claim, Op::Recover, Op::Proceed], "{durable} x {runtime}");
    }
}

#[test]
fn a_node_does_nothing_for_a_session_of_another_but_abort_what_it_left_and_forward() {
    for durable in Durable::VARIANTS.iter().filter(|durable| **durable != Durable::Unknown) {
        assert_eq!(rule(*durable, Runtime::Elsewhere).ops, [Op::Forward]);
        assert_eq!(rule(*durable, Runtime::LeftBehind).ops, [Op::Abort, Op::Forward]);
    }
    for gone in [Runtime::Elsewhere, Runtime::Vacant] {
        assert_eq!(rule(Durable::Unknown, gone).ops, [Op::NotFound]);
    }
    assert_eq!(rule(Durable::Unknown, Runtime::LeftBehind).ops, [Op::Abort, Op::NotFound]);
}

/// Who works on what.
#[test]
fn a_row_that_does_not_fit_the_sessions_owner_would_break_a_law() {
    let broken = |on: &'static [Runtime], ops: &'static [Op]| {
        violated_law(&Row { on, ops, ..*rule(Durable::Active, Runtime::Vacant) })
    };
    let (ours, others) = (&[Runtime::Unloaded], &[Runtime::LeftBehind]);
    assert_eq!(broken(&[Runtime::Vacant], &[Op::Claim, Op::Recover, Op::Proceed]), None);
    let unowned = Some(Law::UnownedIsRecovered);
    assert_eq!(broken(&[Runtime::Vacant], &[Op::Claim, Op::Proceed]), unowned);
    let two = Some(Law::AtMostOneOwnerCommits);
    assert_eq!(broken(&[Runtime::Vacant], &[Op::Recover, Op::Proceed]), two);
    assert_eq!(broken(others, &[Op::Abort, Op::Recover, Op::Proceed]), two);
    assert_eq!(broken(others, &[Op::Abort, Op::Claim, Op::Recover, Op::Proceed]), two);
    assert_eq!(broken(others, &[Op::Forward]), Some(Law::StopAbortsTheWorker));
    assert_eq!(broken(ours, &[Op::Claim, Op::Recover, Op::Proceed]), two);
}
