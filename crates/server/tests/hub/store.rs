//! What the store does wrong, and what nobody loses by it.

use std::time::Duration;

use futures_util::FutureExt as _;
use outlive::ids::Seq;
use outlive::log::AttachOutcome;
use outlive::wire::{EndpointReason, Entry, ToClient, Why};
use outlive::{CloseCode, TurnOutcome};
use outlive_server::hub::{Accepted, CommandError, Role};

use outlive_testkit::hub::{Fault, Faulty, Scene, Stage, n, outputs, pass, settle, soon};

#[tokio::test(start_paused = true)]
async fn a_command_that_is_not_kept_is_refused_and_may_be_sent_again() {
    let (stage, store) = Stage::faulty().await;
    let session = stage.session().await;
    let mut viewer = stage.view(&session, "laptop");
    viewer.welcomed().await;
    store.commits([Fault::Fails]);
    viewer.prompt(1, &Scene::Say(1)).await;
    let refused = viewer.refused().await;
    assert_eq!(refused.reason, Why::Endpoint(EndpointReason::Unavailable));
    // Nothing of what was not kept is shown to anybody.
    let mut other = stage.view(&session, "other");
    assert_eq!(other.welcomed().await.welcome.as_ref().unwrap().head.0, 0);
    viewer.prompt(1, &Scene::Say(1)).await;
    viewer.ended(1, TurnOutcome::Completed).await;
    stage.done();
}

/// A step without entries came after one that was not kept: it must not publish the other's lines.
#[tokio::test(start_paused = true)]
async fn what_was_not_kept_is_not_shown_by_the_next_step() {
    let (stage, store) = Stage::faulty().await;
    let session = stage.session().await;
    let mut viewer = stage.view(&session, "laptop");
    viewer.prompt(1, &Scene::OnCue(1)).await;
    viewer.until(|viewer| viewer.applied.len() == 1).await;
    settle().await;
    store.commits([Fault::Fails]);
    viewer.prompt(2, &Scene::Say(3)).await;
    viewer.refused().await;
    let mut other = stage.view(&session, "other");
    other.welcomed().await;
    stage.actor.cues.add_permits(1);
    viewer.ended(1, TurnOutcome::Completed).await;
    other.ended(1, TurnOutcome::Completed).await;
    assert_eq!(outputs(&other.applied, 1), ["1"]);
    stage.done();
}

#[tokio::test(start_paused = true)]
async fn a_fact_waits_for_the_store_and_commands_are_told() {
    let (stage, store) = Stage::faulty().await;
    let session = stage.session().await;
    let mut viewer = stage.view(&session, "laptop");
    viewer.prompt(1, &Scene::OnCue(1)).await;
    viewer.until(|viewer| viewer.applied.len() == 1).await;
    settle().await;
    store.commits([Fault::Fails; 8]);
    stage.actor.cues.add_permits(1);
    settle().await;
    viewer.prompt(2, &Scene::Say(1)).await;
    let refused = viewer.refused().await;
    assert_eq!(refused.reason, Why::Endpoint(EndpointReason::Unavailable));
    viewer.stop(1).await;
    viewer.until(|v| v.heard.iter().any(|said| matches!(said, ToClient::Error { .. }))).await;
    // Who comes meanwhile is told to come back, and does.
    assert_eq!(stage.view(&session, "late").is_closed().await, CloseCode::Error);
    viewer.ended(1, TurnOutcome::Completed).await;
    assert_eq!(outputs(&viewer.applied, 1), ["1"]);
    stage.done();
}

#[tokio::test(start_paused = true)]
async fn a_commit_of_which_nobody_knows_is_found_out() {
    for fault in [Fault::UnknownKept, Fault::UnknownLost] {
        let (stage, store) = Stage::faulty().await;
        let session = stage.session().await;
        store.commits([fault]);
        store.reads([Fault::Fails, Fault::Fails]);
        let done = stage.prompt(&session, 1, &Scene::Say(2)).await;
        if fault == Fault::UnknownKept {
            assert!(matches!(done, Ok(Accepted { again: false, .. })));
        } else {
            assert!(matches!(done, Err(CommandError::Unavailable(_))));
        }
        let done = stage.prompt(&session, 1, &Scene::Say(2)).await.unwrap();
        let again = fault == Fault::UnknownKept;
        assert!(matches!(done, Accepted { again: it, .. } if it == again));
        // Facts too.
        let mut viewer = stage.view(&session, "laptop");
        viewer.welcomed().await;
        store.commits([fault, fault, fault]);
        viewer.ended(1, TurnOutcome::Completed).await;
        assert_eq!(outputs(&viewer.applied, 1), ["1", "2"]);
        assert_eq!(stage.actor.ledger(), ["start 1", "turn 1 of post"]);
        stage.done();
    }
}

#[tokio::test(start_paused = true)]
async fn a_log_that_cannot_be_read_closes_the_viewer_after_a_while() {
    let (stage, store) = Stage::faulty().await;
    let session = stage.session().await;
    stage.prompt(&session, 1, &Scene::Say(3)).await.unwrap();
    settle().await;
    store.reads([Fault::Fails; 3]);
    let mut viewer = stage.view(&session, "laptop");
    viewer.ended(1, TurnOutcome::Completed).await;
    store.reads([Fault::Fails; 100]);
    assert_eq!(stage.view(&session, "phone").is_closed().await, CloseCode::Error);
    store.heals();
    stage.view(&session, "phone").ended(1, TurnOutcome::Completed).await;
    stage.done();
}

/// A close does not wait for a store that hangs.
#[tokio::test(start_paused = true)]
async fn control_is_not_behind_a_read() {
    let (stage, store) = Stage::faulty().await;
    let session = stage.session().await;
    stage.prompt(&session, 1, &Scene::Say(3)).await.unwrap();
    settle().await;
    store.reads([Fault::Hangs]);
    let mut old = stage.view(&session, "laptop");
    old.welcomed().await;
    assert!(futures_util::FutureExt::now_or_never(old.link.next()).is_none());
    let mut new = stage.view(&session, "laptop");
    new.ended(1, TurnOutcome::Completed).await;
    assert_eq!(old.is_closed().await, CloseCode::Replaced);
    stage.done();
}

#[tokio::test(start_paused = true)]
async fn a_session_that_cannot_be_read_now_can_be_read_later() {
    let (stage, store) = Stage::faulty().await;
    let session = stage.session().await;
    stage.hub.session(&session).stop(None).await.unwrap();
    settle().await;
    assert_eq!(stage.hub.loaded_sessions(), 0);
    store.reads([Fault::Fails]);
    let mut early = stage.view(&session, "laptop");
    assert!(early.pull().await && early.closed == Some(CloseCode::Error));
    // The one that was turned away has not gone yet: nobody is kept out by that.
    let mut late = stage.view(&session, "laptop");
    late.until(|late| late.has(|said| matches!(said, Entry::End { .. }))).await;
    stage.done();
}

#[tokio::test(start_paused = true)]
async fn an_ended_session_leaves_memory_and_is_read_back() {
    let stage = Stage::new().await;
    let session = stage.session().await;
    let mut viewer = stage.view(&session, "laptop");
    viewer.prompt(1, &Scene::Say(1)).await;
    viewer.ended(1, TurnOutcome::Completed).await;
    viewer.stop(1).await;
    viewer.until(|viewer| viewer.has(|said| matches!(said, Entry::End { .. }))).await;
    assert_eq!(stage.hub.loaded_sessions(), 1);
    let cursor = viewer.cursor();
    drop(viewer);
    settle().await;
    assert_eq!(stage.hub.loaded_sessions(), 0);
    let mut viewer = stage.come(&session, "laptop", cursor, outlive_server::hub::Role::Admin);
    let welcome = viewer.welcomed().await.welcome.clone().unwrap();
    assert_eq!(welcome.high, Some(n(1)));
    viewer.prompt(2, &Scene::Recall).await;
    let turn = welcome.head.0 + 1;
    viewer.ended(turn, TurnOutcome::Completed).await;
    assert_eq!(outputs(&viewer.applied, turn), [turn.to_string()]);
    stage.done();
}

#[tokio::test(start_paused = true)]
async fn what_is_forgotten_is_gone_and_nobody_is_fenced_by_it() {
    let stage = Stage::new().await;
    let session = stage.session().await;
    let mut viewer = stage.view(&session, "laptop");
    viewer.prompt(1, &Scene::Say(5_000)).await;
    viewer.until(|viewer| viewer.applied.len() > 2).await;
    soon(stage.hub.forget(&session)).await.unwrap();
    assert_eq!(viewer.is_closed().await, CloseCode::NotFound);
    assert_eq!(stage.prompt(&session, 1, &Scene::Say(1)).await, Err(CommandError::NotFound));
    drop(viewer);
    settle().await;
    assert_eq!(stage.hub.loaded_sessions(), 0);
    soon(stage.hub.forget(&session)).await.unwrap();
    let other = stage.session().await;
    assert!(stage.prompt(&other, 1, &Scene::Say(1)).await.is_ok());
    stage.done();
}

#[tokio::test(start_paused = true)]
async fn a_session_is_forgotten_also_if_the_store_does_not_say_so() {
    for (fault, done) in [(Fault::UnknownKept, true), (Fault::UnknownLost, false)] {
        let (stage, store) = Stage::faulty().await;
        let session = stage.session().await;
        store.commits([fault]);
        assert_eq!(soon(stage.hub.forget(&session)).await.is_ok(), done);
        let there = stage.prompt(&session, 1, &Scene::Say(1)).await != Err(CommandError::NotFound);
        assert_eq!(there, !done);
        stage.done();
    }
}

// Another process.

#[tokio::test(start_paused = true)]
async fn after_a_restart_what_ran_is_ambiguous_and_what_waited_is_answered() {
    let stage = Stage::new().await;
    let session = stage.session().await;
    stage.prompt(&session, 1, &Scene::SayThenWait(1)).await.unwrap();
    stage.prompt(&session, 2, &Scene::Say(1)).await.unwrap();
    settle().await;
    let next = stage.another().await;
    settle().await;
    let mut viewer = next.view(&session, "laptop");
    viewer.ended(1, TurnOutcome::Ambiguous).await;
    viewer.answered(2, TurnOutcome::Completed).await;
    let turns = |what: &&String| what.starts_with("turn 1");
    assert_eq!(stage.actor.ledger().iter().filter(turns).count(), 1);
    stage.done();
    next.done();
}

/// Race R12: the one before still runs, and finds out by its next commit.
#[tokio::test(start_paused = true)]
async fn a_second_process_fences_the_first() {
    let stage = Stage::new().await;
    let (busy, idle) = (stage.session().await, stage.session().await);
    let mut viewer = stage.view(&busy, "laptop");
    viewer.prompt(1, &Scene::OnCue(2)).await;
    viewer.until(|viewer| viewer.applied.len() == 1).await;
    stage.hub.session(&idle).stop(None).await.unwrap();
    let mut watcher = stage.view(&idle, "laptop");
    watcher.welcomed().await;
    let next = stage.another().await;
    next.view(&busy, "laptop").ended(1, TurnOutcome::Ambiguous).await;
    stage.actor.cues.add_permits(2);
    soon(stage.hub.fenced()).await;
    assert_eq!(viewer.is_closed().await, CloseCode::Moved);
    // Also those who only watch: what they are shown is of before.
    watcher.until(|watcher| watcher.closed.is_some()).await;
    assert_eq!(watcher.closed, Some(CloseCode::Moved));
    assert!(!viewer.has(|said| matches!(said, Entry::Output { .. })));
    assert_eq!(stage.prompt(&busy, 2, &Scene::Say(1)).await, Err(CommandError::Moved));
    assert_eq!(stage.view(&busy, "laptop").is_closed().await, CloseCode::Moved);
    settle().await;
    assert_eq!(stage.hub.loaded_sessions(), 0);
    stage.done();
    next.done();
}

/// It has nothing to commit, and shows what is not true any more (race R12).
#[tokio::test(start_paused = true)]
async fn a_process_that_only_watches_notices_too_that_it_is_fenced() {
    let stage = Stage::new().await;
    let session = stage.session().await;
    stage.hub.session(&session).stop(None).await.unwrap();
    let mut watcher = stage.view(&session, "laptop");
    watcher.welcomed().await;
    let next = stage.another().await;
    next.prompt(&session, 1, &Scene::Say(1)).await.unwrap();
    assert_eq!(watcher.is_closed().await, CloseCode::Moved);
    let cursor = watcher.cursor();
    let mut watcher = next.come(&session, "laptop", cursor, outlive_server::hub::Role::View);
    watcher.answered(1, TurnOutcome::Completed).await;
    stage.done();
    next.done();
}

/// Its head is of before, so a client that has seen more would lose its place (race R13).
#[tokio::test(start_paused = true)]
async fn a_process_that_was_replaced_welcomes_nobody() {
    let stage = Stage::new().await;
    let session = stage.session().await;
    let mut watcher = stage.view(&session, "laptop");
    watcher.welcomed().await;
    let next = stage.another().await;
    let mut viewer = next.view(&session, "phone");
    viewer.prompt(1, &Scene::Say(1)).await;
    viewer.answered(1, TurnOutcome::Completed).await;
    let cursor = viewer.cursor();
    assert!(stage.hub.fenced().now_or_never().is_none(), "it knows before it is asked");
    let mut viewer = stage.come(&session, "phone", cursor, Role::Admin);
    assert_eq!((viewer.is_closed().await, &viewer.welcome), (CloseCode::Moved, &None));
    assert_eq!(watcher.is_closed().await, CloseCode::Moved);
    let mut viewer = next.come(&session, "phone", cursor, Role::Admin);
    let outcome = viewer.welcomed().await.welcome.as_ref().unwrap().outcome;
    assert!(matches!(outcome, AttachOutcome::Resumed { .. }), "{outcome:?}");
    stage.done();
    next.done();
}

#[tokio::test(start_paused = true)]
async fn a_process_that_was_replaced_answers_nothing_that_needs_no_commit() {
    for interrupts in [true, false] {
        let stage = Stage::new().await;
        let session = stage.session().await;
        stage.prompt(&session, 1, &Scene::SayThenWait(1)).await.unwrap();
        settle().await;
        let next = stage.another().await;
        assert!(stage.hub.fenced().now_or_never().is_none(), "it knows before it is asked");
        let told = if interrupts {
            soon(stage.hub.session(&session).interrupt(Seq(1))).await.map(|_| ())
        } else {
            // The same prompt again: it was accepted.
            stage.prompt(&session, 1, &Scene::SayThenWait(1)).await.map(|_| ())
        };
        assert_eq!(told, Err(CommandError::Moved));
        stage.done();
        next.done();
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_is_welcomed_while_the_store_does_not_say_whose_it_is() {
    let (stage, store) = Stage::faulty().await;
    let session = stage.session().await;
    store.owners([Fault::Fails]);
    let mut viewer = stage.view(&session, "laptop");
    assert_eq!((viewer.is_closed().await, &viewer.welcome), (CloseCode::Error, &None));
    stage.view(&session, "laptop").welcomed().await;
    stage.done();
}

/// A user's stop waits for no store: only the answer does (rule T7).
#[tokio::test(start_paused = true)]
async fn an_interrupt_reaches_the_worker_also_if_the_store_does_not_say_whose_it_is() {
    let (stage, store) = Stage::faulty().await;
    let session = stage.session().await;
    let mut viewer = stage.view(&session, "laptop");
    viewer.prompt(1, &Scene::SayThenWait(1)).await;
    viewer.until(|viewer| viewer.has(|said| matches!(said, Entry::Output { .. }))).await;
    store.owners([Fault::Fails]);
    let told = soon(stage.hub.session(&session).interrupt(Seq(1))).await;
    assert!(matches!(told, Err(CommandError::Unavailable(_))), "{told:?}");
    viewer.ended(1, TurnOutcome::Interrupted).await;
    stage.done();
}

#[tokio::test(start_paused = true)]
async fn recovery_asks_again_until_the_store_answers() {
    let stage = Stage::new().await;
    let session = stage.session().await;
    stage.prompt(&session, 1, &Scene::SayThenWait(1)).await.unwrap();
    stage.prompt(&session, 2, &Scene::Say(1)).await.unwrap();
    settle().await;
    let memory = stage.memory.another();
    let store = Faulty::new(memory.clone());
    store.reads([Fault::Fails; 20]);
    store.commits([Fault::Fails, Fault::UnknownLost, Fault::UnknownKept]);
    let next = Stage::on(store, memory, stage.limits, stage.options.clone()).await;
    soon(next.hub.recovered()).await;
    settle().await;
    assert!(next.actor.ledger().contains(&"turn 3 of post".into()));
    stage.done();
    next.done();
}

/// The store lists a thousand at a time.
#[tokio::test(start_paused = true)]
async fn all_are_recovered_page_by_page() {
    const SESSIONS: usize = 2_001;
    let stage = Stage::new().await;
    for _ in 0..SESSIONS {
        stage.session().await;
    }
    let next = stage.another().await;
    let story = next.watch.story();
    let came = story.iter().filter(|line| line.contains(" is in memory, ")).count();
    assert_eq!(came, SESSIONS, "each once");
    stage.done();
    next.done();
}

/// What the other one's recovery committed has the version that this one meant to make.
#[tokio::test(start_paused = true)]
async fn a_commit_of_another_owner_is_not_taken_for_ones_own() {
    let (stage, store) = Stage::faulty().await;
    let session = stage.session().await;
    let mut viewer = stage.view(&session, "laptop");
    viewer.prompt(1, &Scene::OnCue(1)).await;
    viewer.until(|viewer| viewer.applied.len() == 1).await;
    settle().await;
    // The other one ends the turn as ambiguous; this one meant to end it as failed.
    let next = stage.another().await;
    store.commits([Fault::UnknownLost]);
    stage.actor.cues.close();
    soon(stage.hub.fenced()).await;
    assert_eq!(viewer.is_closed().await, CloseCode::Moved);
    pass(Duration::from_secs(1)).await;
    stage.done();
    next.done();
}
