//! What workers do wrong, and how a session outlives it.

use std::time::Duration;

use outlive::wire::Entry;
use outlive::{CloseCode, EndReason, Limits, TurnOutcome};
use outlive_server::hub::{Frame, HubOptions, TurnError};

use crate::logs::Told;
use outlive_testkit::hub::{Part, Scene, Stage, ended, outputs, pass, settle};

fn end(why: EndReason) -> impl Fn(&Entry) -> bool {
    move |said| matches!(said, Entry::End { why: it, .. } if *it == why)
}

#[tokio::test(start_paused = true)]
async fn an_interrupted_turn_ends_as_interrupted_and_the_session_goes_on() {
    let stage = Stage::new().await;
    let session = stage.session().await;
    let mut viewer = stage.view(&session, "laptop");
    viewer.prompt(1, &Scene::SayThenWait(2)).await;
    viewer.until(|viewer| outputs(&viewer.applied, 1).len() == 2).await;
    viewer.interrupt(1).await;
    viewer.ended(1, TurnOutcome::Interrupted).await;
    viewer.prompt(2, &Scene::Say(1)).await;
    viewer.answered(2, TurnOutcome::Completed).await;
    assert_eq!(stage.actor.ledger().iter().filter(|what| what.starts_with("start")).count(), 1);
    stage.done();
}

/// All of it is on one thread, and the worker waits for nothing but for those who hear it.
#[tokio::test(start_paused = true)]
async fn an_interrupt_gets_through_to_a_worker_that_never_stops_talking() {
    const PIECES: u32 = 9_000;
    let stage = Stage::new().await;
    let session = stage.session().await;
    let mut viewer = stage.view(&session, "laptop");
    viewer.prompt(1, &Scene::Say(PIECES)).await;
    viewer.until(|viewer| !outputs(&viewer.applied, 1).is_empty()).await;
    viewer.interrupt(1).await;
    viewer.until(|viewer| ended(&viewer.applied, 1).is_some()).await;
    let said = outputs(&viewer.applied, 1).len();
    assert!(said < PIECES as usize, "it was not interrupted before all of its {said} pieces");
    viewer.ended(1, TurnOutcome::Interrupted).await;
    stage.done();
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_hears_no_interrupt_is_dropped() {
    let stage = Stage::new().await;
    let session = stage.session().await;
    let mut viewer = stage.view(&session, "laptop");
    viewer.prompt(1, &Scene::Deaf).await;
    viewer.prompt(2, &Scene::Say(1)).await;
    viewer.until(|viewer| viewer.heard.len() == 2).await;
    settle().await;
    viewer.interrupt(1).await;
    viewer.ended(1, TurnOutcome::Interrupted).await;
    // What waited is answered by the next incarnation.
    viewer.ended(2, TurnOutcome::Completed).await;
    assert!(viewer.has(end(EndReason::Unresponsive)));
    assert_eq!(stage.actor.most_alive(), 1);
    stage.done();
}

/// Incident D: about 8,700 sends into a closing socket.
#[tokio::test(start_paused = true)]
async fn a_stop_in_mid_stream_sends_nothing_after_the_close() {
    let (errors, _logs) = Told::from(tracing::Level::ERROR);
    let stage = Stage::new().await;
    let session = stage.session().await;
    let mut viewer = stage.view(&session, "laptop");
    viewer.prompt(1, &Scene::Say(8_700)).await;
    viewer.until(|viewer| outputs(&viewer.applied, 1).len() > 100).await;
    viewer.stop(1).await;
    viewer.link.close(CloseCode::Normal);
    let mut frames = 0;
    while let Some(frame) = viewer.link.next().await {
        frames += 1;
        assert!(matches!(frame, Frame::Close(CloseCode::Normal)), "{frame:?}");
    }
    assert_eq!(frames, 1);
    drop(viewer);
    settle().await;
    let mut back = stage.view(&session, "laptop");
    back.ended(1, TurnOutcome::Interrupted).await;
    assert!(outputs(&back.applied, 1).len() < 8_700);
    back.until(|viewer| viewer.has(end(EndReason::ClosedOut))).await;
    assert_eq!(*errors.lock().unwrap(), Vec::<String>::new());
    stage.done();
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_told_and_the_worker_stays() {
    let stage = Stage::new().await;
    let session = stage.session().await;
    let mut viewer = stage.view(&session, "laptop");
    viewer.prompt(1, &Scene::Fail("no more tea".into())).await;
    viewer.ended(1, TurnOutcome::Failed).await;
    assert!(viewer.has(|said| {
        matches!(said, Entry::TurnEnd { error: Some(error), .. } if error == "no more tea")
    }));
    viewer.prompt(2, &Scene::Recall).await;
    viewer.ended(4, TurnOutcome::Completed).await;
    assert_eq!(outputs(&viewer.applied, 4), ["4"]);
    assert_eq!(stage.actor.ledger().iter().filter(|what| what.starts_with("start")).count(), 1);
    stage.done();
}

#[tokio::test(start_paused = true)]
async fn a_fatal_failure_ends_the_worker_and_the_next_prompt_has_another() {
    let stage = Stage::new().await;
    let session = stage.session().await;
    let mut viewer = stage.view(&session, "laptop");
    viewer.prompt(1, &Scene::Fatal("burnt".into())).await;
    viewer.ended(1, TurnOutcome::Failed).await;
    viewer.until(|viewer| viewer.has(end(EndReason::Exited))).await;
    viewer.prompt(2, &Scene::Say(1)).await;
    viewer.ended(4, TurnOutcome::Completed).await;
    assert_eq!(
        stage.actor.ledger(),
        ["start 1", "turn 1 of laptop", "start 2r", "turn 4 of laptop"]
    );
    stage.done();
}

/// Of one word: a worker that told its turn's end first, and then that it leaves, was given the next prompt between
/// the two, and that one failed without having been begun.
#[tokio::test(start_paused = true)]
async fn what_waits_behind_a_fatal_failure_or_a_panic_is_answered_by_the_next_worker() {
    let why = "the worker panicked: in the middle of it";
    for (scene, why) in [(Scene::Fatal("burnt".into()), "burnt"), (Scene::Panic, why)] {
        let stage = Stage::new().await;
        let session = stage.session().await;
        let say = Scene::Say(1);
        let (one, two, three) = tokio::join!(
            stage.prompt(&session, 1, &scene),
            stage.prompt(&session, 2, &say),
            stage.prompt(&session, 3, &say),
        );
        assert!(one.is_ok() && two.is_ok() && three.is_ok(), "{one:?} {two:?} {three:?}");
        let mut viewer = stage.view(&session, "laptop");
        viewer.ended(1, TurnOutcome::Failed).await;
        assert!(
            viewer.has(|said| matches!(said, Entry::TurnEnd { error: Some(it), .. } if it == why))
        );
        viewer.ended(2, TurnOutcome::Completed).await;
        viewer.ended(3, TurnOutcome::Completed).await;
        assert_eq!(
            stage.actor.ledger(),
            ["start 1", "turn 1 of post", "start 2r", "turn 2 of post", "turn 3 of post"]
        );
        stage.done();
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_ends_the_turn_and_its_worker_and_what_waits_has_another() {
    let stage = Stage::new().await;
    let session = stage.session().await;
    stage.prompt(&session, 1, &Scene::Panic).await.unwrap();
    stage.prompt(&session, 2, &Scene::Say(1)).await.unwrap();
    let mut viewer = stage.view(&session, "laptop");
    let turn = viewer.answered(2, TurnOutcome::Completed).await;
    viewer.ended(1, TurnOutcome::Failed).await;
    assert!(viewer.has(|said| {
        let why = "the worker panicked: in the middle of it";
        matches!(said, Entry::TurnEnd { error: Some(it), .. } if it == why)
    }));
    assert!(viewer.has(end(EndReason::Exited)));
    let next = format!("turn {turn} of post");
    assert_eq!(stage.actor.ledger(), ["start 1", "turn 1 of post", "start 2r", &next]);
    assert_eq!(stage.actor.most_alive(), 1);
    stage.done();
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_fails_is_logged_once_and_one_that_is_interrupted_is_not() {
    for (scene, why) in [
        (Scene::Fail("no more tea".into()), Some("no more tea")),
        (Scene::Fatal("burnt".into()), Some("burnt")),
        (Scene::Panic, Some("the worker panicked: in the middle of it")),
        (Scene::SayThenWait(1), None),
        (Scene::Say(1), None),
    ] {
        let (told, _logs) = Told::from(tracing::Level::WARN);
        let stage = Stage::new().await;
        let session = stage.session().await;
        let mut viewer = stage.view(&session, "laptop");
        viewer.prompt(1, &scene).await;
        viewer.until(|viewer| !viewer.applied.is_empty()).await;
        settle().await;
        viewer.interrupt(1).await;
        viewer.until(|viewer| ended(&viewer.applied, 1).is_some()).await;
        let of = |why| format!(" message=the turn failed session={session} turn=1 why={why}");
        assert_eq!(*told.lock().unwrap(), why.map(of).into_iter().collect::<Vec<_>>());
        stage.done();
    }
}

#[tokio::test(start_paused = true)]
async fn a_start_that_fails_or_panics_ends_what_waits_and_is_not_repeated() {
    let stage = Stage::new().await;
    let session = stage.session().await;
    let mut viewer = stage.view(&session, "laptop");
    let mut turn = 1;
    for (number, part) in (1..).zip([Part::Fails, Part::Panics]) {
        stage.actor.starts(&[part]);
        viewer.prompt(number, &Scene::Say(1)).await;
        viewer.ended(turn, TurnOutcome::Failed).await;
        viewer.until(|viewer| viewer.applied.len() as u64 == turn + 2).await;
        let why = if part == Part::Fails { "no start" } else { "panicked" };
        assert!(viewer.has(|said| {
            matches!(said, Entry::TurnEnd { error: Some(it), .. } if it.contains(why))
        }));
        turn += 3;
    }
    viewer.prompt(3, &Scene::Say(1)).await;
    viewer.ended(turn, TurnOutcome::Completed).await;
    stage.done();
}

/// The provider never yields.
#[tokio::test(start_paused = true)]
async fn a_start_that_hangs_is_given_up() {
    let stage = Stage::new().await;
    let session = stage.session().await;
    stage.actor.starts(&[Part::Hangs]);
    let mut viewer = stage.view(&session, "laptop");
    viewer.prompt(1, &Scene::Say(1)).await;
    viewer.ended(1, TurnOutcome::Failed).await;
    viewer.until(|viewer| viewer.has(end(EndReason::StartTimeout))).await;
    viewer.prompt(2, &Scene::Say(1)).await;
    viewer.ended(4, TurnOutcome::Completed).await;
    stage.done();
}

/// A stop before it is up.
#[tokio::test(start_paused = true)]
async fn a_stop_while_it_starts_is_obeyed_when_it_is_up_or_never_is() {
    let stage = Stage::new().await;
    let session = stage.session().await;
    stage.actor.starts(&[Part::Hangs]);
    let mut viewer = stage.view(&session, "laptop");
    viewer.prompt(1, &Scene::Say(1)).await;
    viewer.until(|viewer| viewer.heard.len() == 1).await;
    viewer.stop(1).await;
    viewer.ended(1, TurnOutcome::Cancelled).await;
    viewer.until(|viewer| viewer.has(end(EndReason::CloseoutTimeout))).await;
    stage.done();
}

#[tokio::test(start_paused = true)]
async fn a_closeout_has_the_last_word_also_if_it_panics_or_hangs() {
    let stage = Stage::new().await;
    stage.actor.closes_out(&[Part::Speaks, Part::Panics, Part::SpeaksThenHangs]);
    for why in [EndReason::ClosedOut, EndReason::ClosedOut, EndReason::CloseoutTimeout] {
        let session = stage.session().await;
        let mut viewer = stage.view(&session, "laptop");
        viewer.prompt(1, &Scene::Say(1)).await;
        viewer.ended(1, TurnOutcome::Completed).await;
        viewer.stop(1).await;
        viewer.until(|viewer| viewer.has(end(why))).await;
        let words = viewer.applied.iter().filter(
            |(_, said)| matches!(said, Entry::Output { turn: None, d } if d.get() == "\"goodbye\""),
        );
        assert!(words.count() <= 1);
    }
    assert_eq!(stage.actor.most_alive(), 1);
    stage.done();
}

/// Race R7: neither swallowed nor given to the closing worker.
#[tokio::test(start_paused = true)]
async fn a_prompt_supersedes_a_closeout() {
    let stage = Stage::new().await;
    let session = stage.session().await;
    stage.actor.closes_out(&[Part::SpeaksThenHangs]);
    let mut viewer = stage.view(&session, "laptop");
    viewer.prompt(1, &Scene::Say(1)).await;
    viewer.ended(1, TurnOutcome::Completed).await;
    viewer.stop(1).await;
    viewer
        .until(|viewer| viewer.has(|said| matches!(said, Entry::Output { turn: None, .. })))
        .await;
    viewer.prompt(2, &Scene::Say(1)).await;
    viewer.until(|viewer| viewer.has(end(EndReason::Superseded))).await;
    viewer.answered(2, TurnOutcome::Completed).await;
    assert_eq!(stage.actor.most_alive(), 1);
    stage.done();
}

/// A worker that never comes to an `await` cannot be dropped. The next one waits until it is gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_workers_of_a_session_are_never_up_at_once() {
    let limits = Limits { interrupt_ms: 1, ..Limits::default() };
    let stage = Stage::with(limits, HubOptions::default()).await;
    let session = stage.session().await;
    let mut viewer = stage.view(&session, "laptop");
    viewer.prompt(1, &Scene::Block).await;
    viewer.until(|viewer| !viewer.applied.is_empty()).await;
    while stage.actor.ledger().len() < 2 {
        tokio::task::yield_now().await;
    }
    viewer.interrupt(1).await;
    viewer.prompt(2, &Scene::Say(1)).await;
    viewer.ended(1, TurnOutcome::Interrupted).await;
    // It is dismissed; its successor is called, and does not come.
    for _ in 0..100 {
        viewer.prompt(2, &Scene::Say(1)).await;
        viewer.pull().await;
    }
    assert_eq!(stage.actor.ledger(), ["start 1", "turn 1 of laptop"]);
    stage.actor.unblock();
    viewer.answered(2, TurnOutcome::Completed).await;
    assert_eq!(stage.actor.most_alive(), 1);
    stage.done();
}

/// A handle that is kept longer than its turn disturbs nobody (race R9).
#[tokio::test(start_paused = true)]
async fn a_leaked_turn_says_nothing_any_more() {
    let stage = Stage::new().await;
    let session = stage.session().await;
    let mut viewer = stage.view(&session, "laptop");
    viewer.prompt(1, &Scene::Leak).await;
    viewer.ended(1, TurnOutcome::Completed).await;
    let leaked = stage.actor.leaked();
    assert_eq!(leaked.emit(&"again").await, Err(TurnError::Stopped));
    assert_eq!(leaked.ask(&"again?").await, Err(TurnError::Stopped));
    viewer.prompt(2, &Scene::Say(1)).await;
    viewer.ended(4, TurnOutcome::Completed).await;
    assert_eq!(leaked.emit(&"again").await, Err(TurnError::Stopped));
    stage.done();
}

/// Incident S: nobody came back for a zombie; here it is closed out.
#[tokio::test(start_paused = true)]
async fn a_session_that_nobody_wants_is_closed_out_and_leaves_memory() {
    let stage = Stage::new().await;
    let session = stage.session().await;
    stage.prompt(&session, 1, &Scene::Say(1)).await.unwrap();
    settle().await;
    assert_eq!(stage.hub.loaded_sessions(), 1);
    pass(Duration::from_millis(u64::from(stage.limits.detach_ms))).await;
    assert_eq!(stage.hub.loaded_sessions(), 0);
    assert_eq!(stage.actor.ledger().last().unwrap(), "close out 1");
    stage.done();
}
