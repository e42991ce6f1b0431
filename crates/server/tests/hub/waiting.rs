//! Turns that end with an ask, and whoever answers it later.

use std::time::Duration;

use outlive::ids::Seq;
use outlive::wire::{Entry, Why};
use outlive::{Limits, Reason, TurnOutcome};
use outlive_server::hub::{Drain, HubOptions};

use outlive_testkit::hub::{Scene, Stage, outputs, soon};

/// Longer than `soon` waits.
const THREE_DAYS: Duration = Duration::from_secs(72 * 3_600);

fn leave(questions: &[&str]) -> Scene {
    Scene::Leave(questions.iter().map(ToString::to_string).collect())
}

#[tokio::test(start_paused = true)]
async fn a_question_that_is_left_is_answered_in_a_turn_of_its_own() {
    let stage = Stage::new().await;
    let session = stage.session().await;
    let mut viewer = stage.view(&session, "laptop");
    viewer.prompt(1, &leave(&["Delete it?"])).await;
    viewer.ended(1, TurnOutcome::Waiting).await;
    let asks = |said: &Entry| {
        matches!(said, Entry::Ask { turn: Seq(1), stands: true, .. })
            && said.deserialize::<String>().unwrap() == "Delete it?"
    };
    assert!(viewer.has(asks), "{:?}", viewer.applied);
    // A viewer that comes now is told that it is pending.
    let mut phone = stage.view(&session, "phone");
    phone.welcomed().await;
    assert_eq!(phone.welcome.as_ref().unwrap().asks, [Seq(2)]);
    phone.answer(2, "yes").await;
    viewer.ended(4, TurnOutcome::Completed).await;
    assert_eq!(outputs(&viewer.applied, 4), ["\"phone said yes to Delete it?\""]);
    viewer.answer(2, "no").await;
    assert_eq!(viewer.refused().await.reason, Why::Table(Reason::AskSettled));
    assert_eq!(stage.actor.ledger(), ["start 1", "turn 1 of laptop", "turn 4 of phone"]);
    stage.done();
}

#[tokio::test(start_paused = true)]
async fn each_of_several_questions_is_answered_by_itself_in_any_order() {
    let stage = Stage::new().await;
    let session = stage.session().await;
    let mut viewer = stage.view(&session, "laptop");
    viewer.prompt(1, &leave(&["one", "two"])).await;
    viewer.ended(1, TurnOutcome::Waiting).await;
    viewer.answer(3, "b").await;
    viewer.answer(2, "a").await;
    viewer.ended(6, TurnOutcome::Completed).await;
    assert_eq!(outputs(&viewer.applied, 5), ["\"laptop said b to two\""]);
    assert_eq!(outputs(&viewer.applied, 6), ["\"laptop said a to one\""]);
    stage.done();
}

/// People wait overnight, and servers are deployed: the drain ends at once, and the next process has the answer.
#[tokio::test(start_paused = true)]
async fn it_outlives_the_process_and_no_drain_waits_for_it() {
    let stage = Stage::new().await;
    let session = stage.session().await;
    let mut viewer = stage.view(&session, "laptop");
    viewer.prompt(1, &leave(&["Deploy?"])).await;
    viewer.ended(1, TurnOutcome::Waiting).await;
    drop(viewer);
    let drain = Drain { window: Duration::from_secs(2), deadline: THREE_DAYS };
    soon(stage.hub.drain(drain)).await;
    let next = stage.another().await;
    let mut viewer = next.view(&session, "laptop");
    viewer.welcomed().await;
    assert_eq!(viewer.welcome.as_ref().unwrap().asks, [Seq(2)]);
    viewer.answer(2, "yes").await;
    viewer.until(|viewer| viewer.has(|said| matches!(said, Entry::Output { .. }))).await;
    let ledger = next.actor.ledger();
    assert_eq!(ledger, ["start 1", "turn 1 of laptop", "start 2r", "turn 5 of laptop"]);
    next.done();
}

#[tokio::test(start_paused = true)]
async fn the_next_worker_gives_it_up() {
    let stage = Stage::new().await;
    let session = stage.session().await;
    let mut viewer = stage.view(&session, "laptop");
    viewer.prompt(1, &leave(&["Which one?"])).await;
    viewer.ended(1, TurnOutcome::Waiting).await;
    viewer.prompt(2, &Scene::Withdraw(2)).await;
    viewer
        .until(|viewer| viewer.has(|said| matches!(said, Entry::Withdrawn { ask: Seq(2) })))
        .await;
    viewer.answer(2, "late").await;
    assert_eq!(viewer.refused().await.reason, Why::Table(Reason::AskSettled));
    stage.done();
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_leaves_too_many_fails_and_says_why() {
    let stage = Stage::with(Limits { asks: 1, ..Limits::default() }, HubOptions::default()).await;
    let session = stage.session().await;
    let mut viewer = stage.view(&session, "laptop");
    viewer.prompt(1, &leave(&["one", "two"])).await;
    viewer.ended(1, TurnOutcome::Failed).await;
    let said = |said: &Entry| matches!(said, Entry::TurnEnd { error: Some(why), .. } if why.contains("too many asks"));
    assert!(viewer.has(said), "{:?}", viewer.applied);
    assert!(!viewer.has(|said| matches!(said, Entry::Ask { .. })));
    stage.done();
}

#[tokio::test(start_paused = true)]
async fn a_question_that_was_trimmed_is_answered_without_it() {
    let limits = Limits { retention: 2, pinned: 1, ..Limits::default() };
    let stage = Stage::with(limits, HubOptions::default()).await;
    let session = stage.session().await;
    let mut viewer = stage.view(&session, "laptop");
    viewer.prompt(1, &leave(&["Long ago?"])).await;
    viewer.ended(1, TurnOutcome::Waiting).await;
    viewer.prompt(2, &Scene::Say(9)).await;
    viewer.ended(4, TurnOutcome::Completed).await;
    viewer.answer(2, "yes").await;
    viewer
        .until(|viewer| {
            let said = |said: &Entry| {
                matches!(said, Entry::Output { .. })
                    && said
                        .deserialize::<String>()
                        .is_ok_and(|text| text.ends_with("what was trimmed"))
            };
            viewer.has(said)
        })
        .await;
    stage.done();
}
