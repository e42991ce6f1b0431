//! Against vacuous passes: a walk over a table with one wrong row finds the law that it breaks.

use outlive::laws::{Breach, Law};
use outlive::session::Machine;
use outlive::session::table::{Op, ROWS, Row, TABLE, Table};
use outlive::table::Verdict;
use outlive::{State, Timer};
use proptest::test_runner::{Config, TestError, TestRunner};

use super::walker::{Walker, numbers, picks};
use crate::kit::small;

/// The shipped table with one rule changed.
pub(super) fn with(id: &str, change: impl Fn(&mut Row)) -> &'static Table {
    assert!(ROWS.iter().any(|row| row.id == id), "no rule {id}");
    TABLE.with(id, change)
}

pub(crate) fn without(id: &str, op: Op) -> &'static Table {
    with(id, |row| {
        let left: Vec<Op> = row.ops.iter().copied().filter(|one| *one != op).collect();
        assert_ne!(left, row.ops, "{id} has no {op:?}");
        row.ops = left.leak();
    })
}

fn instead(id: &str, verdict: Verdict<State, outlive::Reason>) -> &'static Table {
    with(id, |row| row.verdict = verdict)
}

/// The first breach on many walks.
fn breach(table: &'static Table) -> Option<Breach> {
    let machine = Machine::with_table(small(), table).unwrap();
    (1..400).find_map(|seed| {
        let mut walker = Walker::new(machine.clone());
        numbers(seed).take(80).find_map(|pick| walker.walk(pick).err())
    })
}

#[test]
fn the_shipped_table_breaks_no_law_on_these_walks() {
    assert_eq!(breach(&TABLE), None);
}

#[test]
fn a_walk_names_the_law_that_a_wrong_row_breaks() {
    use Law::*;
    let wrong = [
        (without("D1", Op::Disarm(Timer::Detach)), WaitingStatesHaveATimer),
        (without("S5", Op::Abort), WorkerMatchesTheState),
        (without("P1", Op::Reply), NoPromptIsSwallowed),
        (without("P1", Op::SendDue), ReadersReachTheHead),
        (without("T12", Op::EndTurn(outlive::TurnOutcome::Failed)), EndedHoldsNothing),
        (without("W2", Op::Replace), EffectsNameOnlyWatchers),
        (without("A4", Op::PinLog), ActiveMeansWatched),
        (without("G2", Op::NextIncarnation), EndedOnlyReopens),
        (without("T5", Op::Deliver), WorkerIsToldWhatIsTrue),
        (without("L2", Op::LogEnd(outlive::EndReason::CloseoutTimeout)), EndIsLoggedOnce),
        (without("B1", Op::CloseAll(outlive::CloseCode::Restart)), NewsIsTaken),
        (instead("A1", Verdict::Stay), DeliveredIsDurable),
        (instead("T1", Verdict::Go(State::Starting)), WorkNeedsAWorker),
        (
            with("X9", |row| (row.verdict, row.ops) = (Verdict::Stay, &[Op::DisarmAll])),
            TimersActWhereTheyWait,
        ),
        (instead("L3", Verdict::Stay), NothingDueIsLeft),
        (instead("L1", Verdict::Go(State::Detached)), ClosingOnlyEnds),
        (instead("P5", Verdict::Ignore(outlive::Reason::QueueFull)), NoPromptIsSwallowed),
    ];
    let missed = wrong.into_iter().filter_map(|(table, law)| {
        let changed = ROWS.iter().zip(table.rows).find(|(right, wrong)| right != wrong);
        let found = breach(table).map(|breach| breach.law);
        (found != Some(law)).then(|| (changed.map(|(row, _)| row.id), law, found))
    });
    assert_eq!(missed.collect::<Vec<_>>(), []);
}

#[test]
fn a_failing_walk_shrinks_to_a_short_story() {
    let table = without("D1", Op::Disarm(Timer::Detach));
    let machine = Machine::with_table(small(), table).unwrap();
    let config = Config { cases: 512, failure_persistence: None, ..Config::default() };
    let failed = TestRunner::new_with_rng(config, deterministic()).run(&picks(80), |picks| {
        let mut walker = Walker::new(machine.clone());
        let mut walk = picks.iter().map(|pick| walker.walk(*pick));
        walk.try_for_each(|walked| walked.map(|_| ()))
            .map_err(|breach| proptest::test_runner::TestCaseError::fail(breach.to_string()))
    });
    let Err(TestError::Fail(why, picks)) = failed else { panic!("{failed:?}") };
    assert!(why.message().starts_with("waiting_states_have_a_timer"), "{why}");
    assert!(picks.len() <= 4, "a prompt, the start, somebody who comes: {picks:?}");
    let mut walker = Walker::new(machine);
    let story: Vec<_> = picks.iter().map(|pick| walker.walk(*pick).map_err(|b| b.law)).collect();
    assert_eq!(story.last(), Some(&Err(Law::WaitingStatesHaveATimer)));
}

fn deterministic() -> proptest::test_runner::TestRng {
    use proptest::test_runner::{RngAlgorithm, TestRng};
    TestRng::deterministic_rng(RngAlgorithm::ChaCha)
}
