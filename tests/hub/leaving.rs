//! A process that leaves in good order.

use std::time::Duration;

use outlive::hub::{Drain, NotDone, Options};
use outlive::store::Memory;
use outlive::wire::ToClient;
use outlive::{CloseCode, Limits, TurnOutcome};

use super::kit::{Fault, Faulty, Scene, Stage, ended, outputs, settle, soon};

const DRAIN: Drain = Drain { window: Duration::from_secs(2), deadline: Duration::from_secs(60) };

#[tokio::test(start_paused = true)]
async fn a_drain_tells_everybody_and_lets_turns_finish() {
    let stage = Stage::new().await;
    let session = stage.session().await;
    let mut viewer = stage.view(&session, "laptop");
    viewer.prompt(1, &Scene::OnCue(2)).await;
    viewer.until(|viewer| viewer.applied.len() == 1).await;
    let hub = stage.hub.clone();
    let drained = tokio::spawn(async move { hub.drain(DRAIN).await });
    assert_eq!(viewer.is_closed().await, CloseCode::Restart);
    assert!(viewer.heard.iter().any(|said| matches!(said, ToClient::Goaway { .. })));
    // Who comes now is told to come back.
    assert_eq!(stage.view(&session, "phone").is_closed().await, CloseCode::Restart);
    assert_eq!(stage.hub.create().await, Err(NotDone::Draining));
    drop(viewer);
    stage.actor.cues.add_permits(2);
    soon(drained).await.unwrap();
    assert_eq!(stage.hub.live(), 0);
    // The next process finds a whole answer.
    let next = stage.another().await;
    let mut viewer = next.view(&session, "laptop");
    viewer.ended(1, TurnOutcome::Completed).await;
    assert_eq!(outputs(&viewer.applied, 1), ["1", "2"]);
    stage.done();
    next.done();
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_still_runs_at_the_deadline_is_left() {
    let stage = Stage::new().await;
    let session = stage.session().await;
    stage.prompt(&session, 1, &Scene::Deaf).await.unwrap();
    stage.prompt(&session, 2, &Scene::Say(1)).await.unwrap();
    settle().await;
    soon(stage.hub.drain(DRAIN)).await;
    assert_eq!(stage.hub.live(), 0);
    assert_eq!(stage.prompt(&session, 3, &Scene::Say(1)).await, Err(NotDone::Draining));
    let next = stage.another().await;
    let mut viewer = next.view(&session, "laptop");
    viewer.answered(2, TurnOutcome::Completed).await;
    assert_eq!(ended(&viewer.applied, 1), Some(TurnOutcome::Ambiguous));
    stage.done();
    next.done();
}

#[tokio::test(start_paused = true)]
async fn a_drain_ends_though_the_store_never_answers() {
    for fault in [Fault::Hangs, Fault::Fails] {
        let memory = Memory::new();
        let store = Faulty::new(memory.clone());
        let options = Options::default();
        let stage = Stage::on(store.clone(), memory, Limits::default(), options).await;
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
    assert_eq!(stage.hub.live(), 0);
    stage.done();
}
