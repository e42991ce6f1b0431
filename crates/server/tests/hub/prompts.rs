//! Prompts, asks, and what is refused.

use outlive::ids::{Incarnation, Seq};
use outlive::log::ResumeFrom;
use outlive::wire::{EndpointReason, Entry, Refusable, ToClient, ToServer, Why};
use outlive::{Limits, Reason, TurnOutcome};
use outlive_server::hub::{Accepted, Author, CommandError, HubOptions, Role};

use outlive_testkit::hub::{Part, Scene, Stage, n, outputs, soon};

fn accepted(number: u64, seq: u64, again: bool, incarnation: u32) -> ToClient {
    let (seq, incarnation) = (Seq(seq), Incarnation(incarnation));
    ToClient::Accepted { n: n(number), seq, again, incarnation }
}

#[tokio::test(start_paused = true)]
async fn a_prompt_is_answered() {
    let stage = Stage::new().await;
    let session = stage.session().await;
    let mut viewer = stage.view(&session, "laptop");
    viewer.prompt(1, &Scene::Say(3)).await;
    viewer.ended(1, TurnOutcome::Completed).await;
    assert_eq!(outputs(&viewer.applied, 1), ["1", "2", "3"]);
    assert_eq!(viewer.heard, [accepted(1, 1, false, 1)]);
    assert_eq!(stage.actor.ledger(), ["start 1", "turn 1 of laptop"]);
    stage.done();
}

#[tokio::test(start_paused = true)]
async fn an_answer_without_a_word_is_empty() {
    let stage = Stage::new().await;
    let session = stage.session().await;
    let mut viewer = stage.view(&session, "laptop");
    viewer.prompt(1, &Scene::Nothing).await;
    viewer.ended(1, TurnOutcome::Empty).await;
    stage.done();
}

#[tokio::test(start_paused = true)]
async fn a_prompt_that_is_sent_again_runs_once() {
    let stage = Stage::new().await;
    let session = stage.session().await;
    let mut viewer = stage.view(&session, "laptop");
    viewer.prompt(1, &Scene::Say(1)).await;
    viewer.prompt(1, &Scene::Say(1)).await;
    viewer.ended(1, TurnOutcome::Completed).await;
    assert_eq!(viewer.heard[1], accepted(1, 1, true, 1));
    // The same number with another body is refused, and says so.
    viewer.prompt(1, &Scene::Say(2)).await;
    let refused = viewer.refused().await;
    assert_eq!((refused.reason, refused.expected), (Why::Table(Reason::Conflict), Some(n(2))));
    // A number is left out: it is told which one would have been right.
    viewer.prompt(3, &Scene::Say(1)).await;
    let refused = viewer.refused().await;
    assert_eq!((refused.reason, refused.expected), (Why::Table(Reason::Gap), Some(n(2))));
    assert_eq!(stage.actor.ledger().len(), 2);
    stage.done();
}

/// A stop that follows at once would otherwise name a life that is over, and do nothing.
#[tokio::test(start_paused = true)]
async fn who_is_accepted_is_told_which_life_a_stop_is_for() {
    let stage = Stage::new().await;
    let session = stage.session().await;
    stage.actor.closes_out(&[Part::Hangs]);
    let mut viewer = stage.view(&session, "laptop");
    viewer.prompt(1, &Scene::Say(1)).await;
    viewer.ended(1, TurnOutcome::Completed).await;
    viewer.stop(1).await;
    viewer.until(|viewer| viewer.has(|said| matches!(said, Entry::Closing { .. }))).await;
    viewer.prompt(2, &Scene::SayThenWait(1)).await;
    let second = accepted(2, 6, false, 2);
    viewer.until(|viewer| viewer.heard.last() == Some(&second)).await;
    viewer.stop(2).await;
    let ends = |said: &Entry| matches!(said, Entry::End { incarnation: Incarnation(2), .. });
    viewer.until(|viewer| viewer.has(ends)).await;
    // Of a session that has ended it is the next one.
    viewer.prompt(2, &Scene::SayThenWait(1)).await;
    let again = accepted(2, 6, true, 3);
    viewer.until(|viewer| viewer.heard.last() == Some(&again)).await;
    stage.done();
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_is_refused_and_takes_no_number() {
    let limits = Limits { queued: 1, ..Limits::default() };
    let stage = Stage::with(limits, HubOptions::default()).await;
    let session = stage.session().await;
    let mut viewer = stage.view(&session, "laptop");
    viewer.prompt(1, &Scene::OnCue(1)).await;
    viewer.until(|viewer| viewer.heard.len() == 1).await;
    outlive_testkit::hub::settle().await;
    viewer.prompt(2, &Scene::Say(1)).await;
    viewer.prompt(3, &Scene::Say(1)).await;
    let refused = viewer.refused().await;
    assert_eq!((refused.n, refused.reason), (Some(n(3)), Why::Table(Reason::QueueFull)));
    stage.actor.cues.add_permits(1);
    viewer.ended(2, TurnOutcome::Completed).await;
    viewer.prompt(3, &Scene::Say(1)).await;
    let third = |said: &Entry| matches!(said, Entry::Prompt { n, .. } if n.get() == 3);
    viewer.until(|viewer| viewer.has(third)).await;
    stage.done();
}

/// The guest's prompts wait for the guest's own; the owner's is accepted meanwhile, and answered.
#[tokio::test(start_paused = true)]
async fn prompts_of_one_principal_do_not_fill_the_queue_for_another() {
    let limits = Limits { queued: 3, queued_per_principal: 1, ..Limits::default() };
    let stage = Stage::with(limits, HubOptions::default()).await;
    let session = stage.session().await;
    let prompt = async |principal, number, scene: Scene| {
        let author = Author { principal, client: "laptop" };
        soon(stage.hub.session(&session).prompt(author, n(number), &scene)).await
    };
    let seq = |done: Result<Accepted, CommandError>| done.unwrap().seq;
    let reason = |done: Result<Accepted, CommandError>| match done {
        Err(CommandError::Refused(refusal)) => refusal.reason,
        other => panic!("{other:?}"),
    };
    let mut viewer = stage.view(&session, "tab");
    let running = seq(prompt("guest", 1, Scene::OnCue(1)).await);
    outlive_testkit::hub::settle().await;
    let waiting = seq(prompt("guest", 2, Scene::Say(1)).await);
    assert_eq!(reason(prompt("guest", 3, Scene::Say(1)).await), Reason::QueueFull);
    let owners = seq(prompt("owner", 1, Scene::Say(1)).await);
    stage.actor.cues.add_permits(1);
    for turn in [running, waiting, owners] {
        viewer.ended(turn.0, TurnOutcome::Completed).await;
    }
    // The guest has a place again, under the number that was refused.
    let refused = seq(prompt("guest", 3, Scene::Say(1)).await);
    viewer.ended(refused.0, TurnOutcome::Completed).await;
    stage.done();
}

#[tokio::test(start_paused = true)]
async fn a_body_over_the_limit_is_refused_as_too_big() {
    let options = HubOptions::default();
    let options = options.body_bytes(16);
    let stage = Stage::with(Limits::default(), options).await;
    let session = stage.session().await;
    let mut viewer = stage.view(&session, "laptop");
    viewer.prompt(1, &"x".repeat(15)).await;
    let refused = viewer.refused().await;
    let why = Why::Endpoint(EndpointReason::TooBig);
    assert_eq!((refused.what, refused.n, refused.reason), (Refusable::Prompt, Some(n(1)), why));
    viewer.answer(1, &"x".repeat(15)).await;
    assert_eq!(viewer.refused().await.what, Refusable::Answer);
    let done = soon(stage.hub.session(&session).prompt(
        Author { principal: "ann", client: "post" },
        n(1),
        &"x".repeat(15),
    ))
    .await;
    assert!(matches!(done, Err(CommandError::Invalid(_))), "{done:?}");
    // The connection stays, and what fits is taken.
    viewer.prompt(1, &Scene::Say(1)).await;
    viewer.ended(1, TurnOutcome::Completed).await;
    stage.done();
}

#[tokio::test(start_paused = true)]
async fn the_first_answer_wins_and_later_ones_are_told_so() {
    let stage = Stage::new().await;
    let session = stage.session().await;
    let mut one = stage.view(&session, "laptop");
    let mut other = stage.view(&session, "phone");
    one.prompt(1, &Scene::Ask("may I?".into())).await;
    one.until(|viewer| viewer.has(|said| matches!(said, Entry::Ask { .. }))).await;
    other.until(|viewer| viewer.has(|said| matches!(said, Entry::Ask { .. }))).await;
    other.answer(2, "yes").await;
    one.ended(1, TurnOutcome::Completed).await;
    assert_eq!(outputs(&one.applied, 1), ["\"phone said yes\""]);
    one.answer(2, "no").await;
    let refused = one.refused().await;
    assert_eq!((refused.ask, refused.reason), (Some(Seq(2)), Why::Table(Reason::AskSettled)));
    assert!(one.has(|said| matches!(said, Entry::Answer { client, .. } if client == "phone")));
    stage.done();
}

#[tokio::test(start_paused = true)]
async fn an_ask_ends_with_its_turn() {
    let stage = Stage::new().await;
    let session = stage.session().await;
    let mut viewer = stage.view(&session, "laptop");
    viewer.prompt(1, &Scene::Ask("may I?".into())).await;
    viewer.until(|viewer| viewer.has(|said| matches!(said, Entry::Ask { .. }))).await;
    viewer.interrupt(1).await;
    viewer.ended(1, TurnOutcome::Interrupted).await;
    viewer.answer(2, "yes").await;
    assert_eq!(viewer.refused().await.reason, Why::Table(Reason::AskSettled));
    stage.done();
}

/// A late answer was accepted and reached nobody, and asks that were given up filled the limit.
#[tokio::test(start_paused = true)]
async fn an_ask_that_its_worker_gives_up_is_withdrawn_and_makes_room() {
    let limits = Limits { asks: 1, ..Limits::default() };
    let stage = Stage::with(limits, HubOptions::default()).await;
    let session = stage.session().await;
    let mut viewer = stage.view(&session, "laptop");
    viewer.prompt(1, &Scene::GiveUp(2)).await;
    viewer.until(|viewer| viewer.has(|said| matches!(said, Entry::Ask { .. }))).await;
    stage.actor.cues.add_permits(1);
    let withdrawn = |said: &Entry| matches!(said, Entry::Withdrawn { ask: Seq(2) });
    viewer.until(|viewer| viewer.has(withdrawn)).await;
    viewer.answer(2, "yes").await;
    assert_eq!(viewer.refused().await.reason, Why::Table(Reason::AskSettled));
    let asks = |viewer: &outlive_testkit::hub::Viewer| {
        viewer.applied.iter().filter(|(_, said)| matches!(said, Entry::Ask { .. })).count()
    };
    viewer.until(|viewer| asks(viewer) == 2).await;
    stage.actor.cues.add_permits(1);
    viewer.ended(1, TurnOutcome::Completed).await;
    assert_eq!(outputs(&viewer.applied, 1), ["\"without\"", "\"without\""]);
    stage.done();
}

/// Given up while nothing else happens: the driver hears of it by itself.
#[tokio::test(start_paused = true)]
async fn an_ask_that_is_given_up_in_silence_is_withdrawn_too() {
    let stage = Stage::new().await;
    let session = stage.session().await;
    let mut viewer = stage.view(&session, "laptop");
    viewer.prompt(1, &Scene::AskTooMuch(8)).await;
    viewer.until(|viewer| viewer.has(|said| matches!(said, Entry::Withdrawn { .. }))).await;
    viewer.ended(1, TurnOutcome::Completed).await;
    stage.done();
}

#[tokio::test(start_paused = true)]
async fn an_ask_too_many_is_refused_to_the_worker() {
    let limits = Limits { asks: 2, ..Limits::default() };
    let stage = Stage::with(limits, HubOptions::default()).await;
    let session = stage.session().await;
    let mut viewer = stage.view(&session, "laptop");
    viewer.prompt(1, &Scene::AskTooMuch(2)).await;
    viewer.ended(1, TurnOutcome::Completed).await;
    assert_eq!(outputs(&viewer.applied, 1), ["\"too many asks are pending\""]);
    stage.done();
}

#[tokio::test(start_paused = true)]
async fn who_may_only_watch_is_refused() {
    let stage = Stage::new().await;
    let session = stage.session().await;
    let mut viewer = stage.come(&session, "guest", ResumeFrom::Nothing, Role::View);
    viewer.prompt(1, &Scene::Say(1)).await;
    assert_eq!(viewer.refused().await.reason, Why::Endpoint(EndpointReason::Forbidden));
    viewer.stop(1).await;
    viewer.link.receive(ToServer::Ping).await;
    viewer.until(|viewer| viewer.heard.contains(&ToClient::Pong)).await;
    assert!(stage.actor.ledger().is_empty() && !stage.watch.took("C1"));
    stage.done();
}

#[tokio::test(start_paused = true)]
async fn a_queued_prompt_is_taken_back() {
    let stage = Stage::new().await;
    let session = stage.session().await;
    let mut viewer = stage.view(&session, "laptop");
    viewer.prompt(1, &Scene::OnCue(1)).await;
    viewer.prompt(2, &Scene::Say(1)).await;
    viewer.until(|viewer| viewer.heard.len() == 2).await;
    viewer.interrupt(2).await;
    viewer.ended(2, TurnOutcome::Cancelled).await;
    stage.actor.cues.add_permits(1);
    viewer.ended(1, TurnOutcome::Completed).await;
    assert_eq!(stage.actor.ledger().len(), 2);
    stage.done();
}

#[tokio::test(start_paused = true)]
async fn nobody_prompts_what_is_not_there() {
    let stage = Stage::new().await;
    let nowhere = "s_nowhere".parse().unwrap();
    assert_eq!(stage.prompt(&nowhere, 1, &Scene::Say(1)).await, Err(CommandError::NotFound));
    let mut viewer = stage.view(&nowhere, "laptop");
    assert_eq!(viewer.is_closed().await, outlive::CloseCode::NotFound);
    drop(viewer);
    outlive_testkit::hub::settle().await;
    assert_eq!(stage.hub.loaded_sessions(), 0);
    stage.done();
}

/// The prompt's own entry may be trimmed as soon as its turn is dispatched.
#[tokio::test(start_paused = true)]
async fn a_prompt_is_answered_also_when_the_log_keeps_one_entry() {
    let limits = Limits { retention: 1, ..Limits::default() };
    let stage = Stage::with(limits, HubOptions::default()).await;
    let session = stage.session().await;
    for number in 1..=4 {
        let done = stage.prompt(&session, number, &Scene::Say(2)).await.unwrap();
        assert!(matches!(done, Accepted { again: false, .. }));
    }
    outlive_testkit::hub::settle().await;
    assert_eq!(stage.actor.ledger().len(), 5);
    stage.done();
}
