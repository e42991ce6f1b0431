//! Sessions that sleep: a value each, no task, and one clock for all.

use std::time::Duration;

use outlive::{State, TurnOutcome};
use outlive_server::hub::Drain;
use outlive_server::store::{SessionId, Store as _};
use tokio::runtime::Handle;

use outlive_testkit::hub::{Scene, Stage, outputs, pass, settle, soon};

const SECOND: Duration = Duration::from_secs(1);

fn idle(stage: &Stage) -> Duration {
    Duration::from_millis(u64::from(stage.limits.idle_ms))
}

async fn state(stage: &Stage, session: &SessionId) -> State {
    let stored = stage.memory.load(session).await.unwrap();
    stored.expect("it is known").snapshot.state
}

fn tasks() -> usize {
    Handle::current().metrics().num_alive_tasks()
}

#[tokio::test(start_paused = true)]
async fn a_session_that_waits_for_its_first_prompt_has_no_task() {
    let stage = Stage::new().await;
    settle().await;
    let before = tasks();
    for _ in 0..50 {
        stage.session().await;
    }
    settle().await;
    assert_eq!((stage.hub.loaded_sessions(), tasks()), (50, before));
    stage.done();
}

#[tokio::test(start_paused = true)]
async fn each_ends_when_its_own_time_is_up() {
    let stage = Stage::new().await;
    let first = stage.session().await;
    pass(3 * SECOND).await;
    let second = stage.session().await;
    pass(idle(&stage).saturating_sub(4 * SECOND)).await;
    assert_eq!(state(&stage, &first).await, State::Created);
    pass(2 * SECOND).await;
    assert_eq!(state(&stage, &first).await, State::Ended);
    assert_eq!((state(&stage, &second).await, stage.hub.loaded_sessions()), (State::Created, 1));
    pass(3 * SECOND).await;
    assert_eq!((state(&stage, &second).await, stage.hub.loaded_sessions()), (State::Ended, 0));
    stage.done();
}

#[tokio::test(start_paused = true)]
async fn one_that_was_woken_is_not_woken_by_the_alarm_of_before() {
    let stage = Stage::new().await;
    let session = stage.session().await;
    pass(SECOND).await;
    stage.prompt(&session, 1, &Scene::Say(1)).await.unwrap();
    let mut viewer = stage.view(&session, "laptop");
    viewer.ended(1, TurnOutcome::Completed).await;
    assert_eq!(outputs(&viewer.applied, 1), ["1"]);
    stage.hub.session(&session).stop(None).await.unwrap();
    drop(viewer);
    settle().await;
    assert_eq!((state(&stage, &session).await, stage.hub.loaded_sessions()), (State::Ended, 0));
    let story = stage.watch.story();
    pass(idle(&stage)).await;
    assert_eq!(stage.watch.story(), story);
    stage.done();
}

#[tokio::test(start_paused = true)]
async fn whoever_looks_and_leaves_lets_it_sleep_again() {
    let stage = Stage::new().await;
    let session = stage.session().await;
    settle().await;
    let asleep = tasks();
    let mut viewer = stage.view(&session, "laptop");
    viewer.welcomed().await;
    drop(viewer);
    settle().await;
    assert_eq!((stage.hub.loaded_sessions(), tasks()), (1, asleep));
    stage.hub.snapshot(&session).await.unwrap();
    settle().await;
    assert_eq!((stage.hub.loaded_sessions(), tasks()), (1, asleep));
    pass(idle(&stage)).await;
    assert_eq!((state(&stage, &session).await, stage.hub.loaded_sessions()), (State::Ended, 0));
    stage.done();
}

#[tokio::test(start_paused = true)]
async fn a_drain_leaves_it_to_the_next_process() {
    let stage = Stage::new().await;
    let session = stage.session().await;
    settle().await;
    let drain = Drain { window: SECOND, deadline: SECOND };
    soon(stage.hub.drain(drain)).await;
    assert_eq!((state(&stage, &session).await, stage.hub.loaded_sessions()), (State::Created, 0));
    pass(2 * idle(&stage)).await;
    assert_eq!(state(&stage, &session).await, State::Created);
    let next = stage.another().await;
    assert_eq!((state(&next, &session).await, next.hub.loaded_sessions()), (State::Ended, 0));
    stage.done();
    next.done();
}
