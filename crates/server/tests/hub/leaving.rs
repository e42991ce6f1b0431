//! A process that leaves in good order.

use std::time::Duration;

use outlive::wire::{Entry, ToClient};
use outlive::{CloseCode, TurnOutcome};
use outlive_server::hub::{Accepted, Author, CommandError, Drain};
use tokio::task::JoinHandle;

use outlive_testkit::hub::{
    Fault, Faulty, Scene, Stage, Viewer, ended, n, outputs, pass, settle, soon,
};

const DRAIN: Drain = Drain { window: Duration::from_secs(2), deadline: Duration::from_secs(60) };

/// The hub leaves, and the story goes on.
fn leaves(stage: &Stage) -> JoinHandle<()> {
    let hub = stage.hub.clone();
    tokio::spawn(async move { hub.drain(DRAIN).await })
}

#[tokio::test(start_paused = true)]
async fn a_drain_tells_everybody_and_lets_turns_finish() {
    let stage = Stage::new().await;
    let (session, elsewhere) = (stage.session().await, stage.session().await);
    let mut viewer = stage.view(&session, "laptop");
    viewer.prompt(1, &Scene::OnCue(2)).await;
    viewer.until(|viewer| viewer.applied.len() == 1).await;
    let drained = leaves(&stage);
    assert_eq!(viewer.is_closed().await, CloseCode::Restart);
    assert!(viewer.heard.iter().any(|said| matches!(said, ToClient::Goaway { .. })));
    // Who comes now is told when to come back, whether the session is here or not.
    for session in [&session, &elsewhere] {
        let mut late = stage.view(session, "phone");
        assert_eq!(late.is_closed().await, CloseCode::Restart);
        // A turn runs, and the deadline is farther than clients are sent away.
        assert_eq!(late.heard, [ToClient::Goaway { retry_after_ms: [11_000, 15_000] }]);
    }
    assert_eq!(stage.hub.create().await, Err(CommandError::Draining));
    drop(viewer);
    stage.actor.cues.add_permits(2);
    soon(drained).await.unwrap();
    assert_eq!(stage.hub.loaded_sessions(), 0);
    // The next process finds a whole answer.
    let next = stage.another().await;
    let mut viewer = next.view(&session, "laptop");
    viewer.ended(1, TurnOutcome::Completed).await;
    assert_eq!(outputs(&viewer.applied, 1), ["1", "2"]);
    stage.done();
    next.done();
}

/// It was closed at once, and its page stood still in the middle of the answer until the next process came.
#[tokio::test(start_paused = true)]
async fn a_session_that_is_alone_is_watched_until_the_window_ends() {
    let stage = Stage::new().await;
    let session = stage.session().await;
    let mut viewer = stage.view(&session, "laptop");
    viewer.prompt(1, &Scene::OnCue(2)).await;
    viewer.until(|viewer| viewer.applied.len() == 1).await;
    let drained = leaves(&stage);
    settle().await;
    stage.actor.cues.add_permits(2);
    viewer.ended(1, TurnOutcome::Completed).await;
    assert_eq!(outputs(&viewer.applied, 1), ["1", "2"]);
    assert_eq!(viewer.is_closed().await, CloseCode::Restart);
    drop(viewer);
    soon(drained).await.unwrap();
    stage.done();
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_still_runs_at_the_deadline_is_left() {
    let stage = Stage::new().await;
    let session = stage.session().await;
    stage.prompt(&session, 1, &Scene::Deaf).await.unwrap();
    stage.prompt(&session, 2, &Scene::Say(1)).await.unwrap();
    settle().await;
    soon(stage.hub.drain(DRAIN)).await;
    assert_eq!(stage.hub.loaded_sessions(), 0);
    assert_eq!(stage.prompt(&session, 3, &Scene::Say(1)).await, Err(CommandError::Draining));
    let next = stage.another().await;
    let mut viewer = next.view(&session, "laptop");
    viewer.answered(2, TurnOutcome::Completed).await;
    assert_eq!(ended(&viewer.applied, 1), Some(TurnOutcome::Ambiguous));
    stage.done();
    next.done();
}

/// The prompts of this number that the log has.
fn accepted(viewer: &Viewer, number: u64) -> usize {
    let prompt = |said: &Entry| matches!(said, Entry::Prompt { n, .. } if n.get() == number);
    viewer.applied.iter().filter(|(_, said)| prompt(said)).count()
}

/// The turns that were begun, by all processes.
fn turns(stage: &Stage) -> Vec<String> {
    stage.actor.ledger().into_iter().filter(|what| what.starts_with("turn")).collect()
}

#[tokio::test(start_paused = true)]
async fn a_prompt_that_waits_is_not_begun_and_the_next_process_answers_it_once() {
    let stage = Stage::new().await;
    let session = stage.session().await;
    stage.prompt(&session, 1, &Scene::OnCue(2)).await.unwrap();
    stage.prompt(&session, 2, &Scene::Say(3)).await.unwrap();
    settle().await;
    let drained = leaves(&stage);
    pass(Duration::from_secs(10)).await;
    assert!(!drained.is_finished(), "the turn that runs may finish");
    stage.actor.cues.add_permits(2);
    soon(drained).await.unwrap();
    assert_eq!(stage.hub.loaded_sessions(), 0);
    assert_eq!(turns(&stage), ["turn 1 of post"], "the one that waits is not begun");
    let next = stage.another().await;
    let mut viewer = next.view(&session, "laptop");
    let turn = viewer.answered(2, TurnOutcome::Completed).await;
    assert_eq!(ended(&viewer.applied, 1), Some(TurnOutcome::Completed));
    assert_eq!(
        (outputs(&viewer.applied, 1), outputs(&viewer.applied, turn).len()),
        (vec!["1".into(), "2".into()], 3)
    );
    assert_eq!((accepted(&viewer, 1), accepted(&viewer, 2)), (1, 1));
    pass(Duration::from_secs(10)).await;
    assert_eq!(turns(&stage), ["turn 1 of post".to_owned(), format!("turn {turn} of post")]);
    stage.done();
    next.done();
}

#[tokio::test(start_paused = true)]
async fn a_prompt_that_comes_while_the_hub_drains_is_kept_for_the_next_process() {
    let stage = Stage::new().await;
    let session = stage.session().await;
    let mut viewer = stage.view(&session, "laptop");
    viewer.welcomed().await;
    stage.prompt(&session, 1, &Scene::OnCue(1)).await.unwrap();
    settle().await;
    let drained = leaves(&stage);
    settle().await;
    let done = stage.prompt(&session, 2, &Scene::Say(2)).await.unwrap();
    assert!(matches!(done, Accepted { again: false, .. }), "{done:?}");
    stage.actor.cues.add_permits(1);
    viewer.is_closed().await;
    drop(viewer);
    soon(drained).await.unwrap();
    assert_eq!(turns(&stage), ["turn 1 of post"]);
    let next = stage.another().await;
    let mut viewer = next.view(&session, "laptop");
    let turn = viewer.answered(2, TurnOutcome::Completed).await;
    assert_eq!((outputs(&viewer.applied, turn).len(), accepted(&viewer, 2)), (2, 1));
    // Sent again by who does not know: it is the same prompt.
    let done = next.prompt(&session, 2, &Scene::Say(2)).await.unwrap();
    assert!(matches!(done, Accepted { again: true, .. }), "{done:?}");
    pass(Duration::from_secs(10)).await;
    assert_eq!(turns(&stage).len(), 2);
    stage.done();
    next.done();
}

/// Nobody has prompted yet, and somebody watches.
#[tokio::test(start_paused = true)]
async fn the_first_prompt_that_comes_while_the_hub_drains_starts_no_worker_here() {
    let stage = Stage::new().await;
    let session = stage.session().await;
    let mut viewer = stage.view(&session, "laptop");
    viewer.welcomed().await;
    // The window is over as many connections: this one is closed last.
    let _other = stage.session().await;
    let drained = leaves(&stage);
    tokio::task::yield_now().await;
    viewer.prompt(1, &Scene::Say(1)).await;
    viewer.is_closed().await;
    drop(viewer);
    soon(drained).await.unwrap();
    assert_eq!(stage.actor.ledger(), Vec::<String>::new());
    let next = stage.another().await;
    let mut viewer = next.view(&session, "laptop");
    viewer.answered(1, TurnOutcome::Completed).await;
    assert_eq!(accepted(&viewer, 1), 1);
    stage.done();
    next.done();
}

/// Its recovery would begin what waits, before its driver hears of the drain.
#[tokio::test(start_paused = true)]
async fn a_session_that_is_still_read_when_the_drain_begins_begins_nothing() {
    let first = Stage::new().await;
    let session = first.session().await;
    first.prompt(&session, 1, &Scene::SayThenWait(1)).await.unwrap();
    first.prompt(&session, 2, &Scene::Say(1)).await.unwrap();
    settle().await;
    let memory = first.memory.another();
    let store = Faulty::new(memory.clone());
    store.loads([Fault::Waits]);
    let stage = Stage::on(store.clone(), memory, first.limits, first.options.clone()).await;
    let hub = stage.hub.clone();
    let (to, scene) = (session.clone(), Scene::Say(1));
    let prompted = tokio::spawn(async move {
        hub.session(&to).prompt(Author { principal: "ann", client: "post" }, n(3), &scene).await
    });
    let mut viewer = stage.view(&session, "laptop");
    settle().await;
    let drained = leaves(&stage);
    settle().await;
    store.gate.add_permits(1);
    let prompted = soon(prompted).await.unwrap();
    assert_eq!(viewer.is_closed().await, CloseCode::Restart);
    assert!(matches!(viewer.heard[..], [ToClient::Goaway { .. }]), "{:?}", viewer.heard);
    drop(viewer);
    soon(drained).await.unwrap();
    assert_eq!(stage.actor.ledger(), Vec::<String>::new(), "a hub that leaves starts no worker");
    assert_eq!(prompted, Err(CommandError::Draining));
    let next = stage.another().await;
    let mut viewer = next.view(&session, "laptop");
    let turn = viewer.answered(2, TurnOutcome::Completed).await;
    assert_eq!((accepted(&viewer, 2), accepted(&viewer, 3)), (1, 0));
    pass(Duration::from_secs(10)).await;
    assert_eq!(turns(&stage), [format!("turn {turn} of post")]);
    first.done();
    stage.done();
    next.done();
}

/// The end of the turn before is not kept at once, and the next turn would begin with it.
#[tokio::test(start_paused = true)]
async fn what_is_kept_late_begins_nothing_in_a_hub_that_leaves_meanwhile() {
    let (stage, store) = Stage::faulty().await;
    let session = stage.session().await;
    stage.prompt(&session, 1, &Scene::OnCue(1)).await.unwrap();
    stage.prompt(&session, 2, &Scene::Say(1)).await.unwrap();
    settle().await;
    store.commits([Fault::None, Fault::Fails, Fault::Fails]);
    stage.actor.cues.add_permits(1);
    settle().await;
    soon(stage.hub.drain(DRAIN)).await;
    assert_eq!(turns(&stage), ["turn 1 of post"], "a hub that leaves begins no turn");
    let next = stage.another().await;
    let mut viewer = next.view(&session, "laptop");
    viewer.answered(2, TurnOutcome::Completed).await;
    assert_eq!(ended(&viewer.applied, 1), Some(TurnOutcome::Completed));
    stage.done();
    next.done();
}

#[tokio::test(start_paused = true)]
async fn a_drain_ends_though_the_store_never_answers() {
    for fault in [Fault::Hangs, Fault::Fails] {
        let (stage, store) = Stage::faulty().await;
        let session = stage.session().await;
        stage.prompt(&session, 1, &Scene::OnCue(1)).await.unwrap();
        settle().await;
        store.commits(vec![fault; 1_000]);
        stage.actor.cues.add_permits(1);
        settle().await;
        soon(stage.hub.drain(DRAIN)).await;
        assert!(futures_util::FutureExt::now_or_never(stage.hub.fenced()).is_none());
        let next = stage.another().await;
        next.view(&session, "laptop").ended(1, TurnOutcome::Ambiguous).await;
        stage.done();
        next.done();
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_hub_drains_at_once() {
    let stage = Stage::new().await;
    let session = stage.session().await;
    let viewer = stage.view(&session, "gone");
    drop(viewer);
    soon(stage.hub.drain(DRAIN)).await;
    assert_eq!(stage.hub.loaded_sessions(), 0);
    stage.done();
}
