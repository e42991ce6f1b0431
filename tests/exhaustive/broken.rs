//! Broken on purpose: rows, and worlds in which what should happen cannot. Each is noticed by the law that is
//! there for it.

use outlive::check::world::{Budget, Bytes, Scope, World, scopes};
use outlive::check::{Kind, Report, Search};
use outlive::laws::Law;
use outlive::session::table::Op;
use outlive::{Timer, routing};

use crate::laws::broken::without;

fn search(world: &World) -> Report {
    let search = Search::packed(world, Bytes).threads(2).max_states(20_000).every_violation();
    search.allow_idle_classes().allow_idle_counters().run()
}

fn notices(report: &Report, law: Law) -> bool {
    report.violations.iter().any(|violation| violation.law == law.into_str())
}

/// The routing table with a row that lacks an op.
fn routes(id: &str, op: routing::Op) -> &'static routing::Table {
    routing::TABLE.with(id, |row| {
        let left: Vec<_> = row.ops.iter().copied().filter(|other| *other != op).collect();
        assert_ne!(left.len(), row.ops.len(), "{id} has no {op}");
        row.ops = left.leak();
    })
}

/// A process crashes before the first prompt, and the next one reads the session when somebody asks for it.
fn forgotten() -> World {
    let budget = Budget { dials: 2, crashes: 1, ..Budget::default() };
    let timers = &[Timer::Idle];
    World::new(Scope { prompts: &[0], budget, timers, live: false, ..scopes::CRASHES })
        .expect("limits")
}

#[test]
fn a_created_session_that_is_read_when_somebody_asks_has_its_timer() {
    assert!(search(&forgotten()).is_verified());
    let broken = forgotten().with_routes(routes("Q8", routing::Op::Recover));
    assert!(notices(&search(&broken), Law::WaitingStatesHaveATimer));
}

#[test]
fn a_command_meets_no_session_whose_worker_is_gone() {
    let budget = Budget { dials: 1, exits: 1, ..Budget::default() };
    let scope = Scope { prompts: &[2], budget, live: false, ..scopes::APPROVALS };
    let world = || World::new(scope.clone()).expect("limits");
    assert!(search(&world()).is_verified());
    let broken = world().with_routes(routes("Q5", routing::Op::Recover));
    assert!(notices(&search(&broken), Law::CommandsMeetTheTruth));
}

#[test]
fn an_answer_reaches_the_worker_and_only_once() {
    let world = || World::new(scopes::APPROVALS).expect("limits");
    assert!(search(&world()).is_verified());
    let silent = search(&world().with_table(without("T5", Op::Deliver)));
    assert!(notices(&silent, Law::AnswersReachTheWorker));
    let pending = search(&world().with_table(without("T5", Op::LogAnswer)));
    assert!(notices(&pending, Law::AnswersArriveOnce));
}

#[test]
fn a_world_in_which_nobody_comes_back_does_not_pass_for_one_in_which_sessions_outlive_connections()
{
    let budget = Budget { dials: 1, outputs: 1, cuts: 1, ..Budget::default() };
    let world = World::new(Scope { budget, live: false, ..scopes::RECONNECTS }).expect("limits");
    let report = search(&world);
    assert!(report.complete && !report.is_verified());
    let missed: Vec<&str> = report.violations.iter().map(|it| it.law.as_str()).collect();
    assert_eq!(missed, ["sessions_outlive_connections", "resumed_viewers_catch_up"]);
    assert!(report.violations.iter().all(|it| it.kind == Kind::Sometimes));
}
