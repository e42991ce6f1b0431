//! Incidents that only a whole hub can show.

use outlive::TurnOutcome;
use outlive::wire::Entry;

use outlive_testkit::hub::{Scene, Stage, outputs, settle};

/// Incident A, rmcp e: the final answer came while nobody was connected, and was lost.
#[tokio::test(start_paused = true)]
async fn an_answer_that_nobody_saw_is_there_for_whoever_comes_back() {
    let stage = Stage::new().await;
    let session = stage.session().await;
    let mut page = stage.view(&session, "laptop");
    page.prompt(1, &Scene::OnCue(3)).await;
    page.until(|page| !page.applied.is_empty()).await;
    let cursor = page.cursor();
    drop(page);
    stage.actor.cues.add_permits(3);
    settle().await;
    let mut page = stage.come(&session, "laptop", cursor, outlive_server::hub::Role::Admin);
    page.ended(1, TurnOutcome::Completed).await;
    assert_eq!(outputs(&page.applied, 1), ["1", "2", "3"]);
    stage.done();
}

/// Incident M: the first message after coming back was swallowed, the second one woke the agent.
#[tokio::test(start_paused = true)]
async fn the_first_message_after_coming_back_is_answered() {
    let stage = Stage::new().await;
    let session = stage.session().await;
    let mut page = stage.view(&session, "laptop");
    page.prompt(1, &Scene::Say(1)).await;
    page.ended(1, TurnOutcome::Completed).await;
    page.stop(1).await;
    drop(page);
    settle().await;
    let mut page = stage.view(&session, "laptop");
    page.prompt(2, &Scene::Say(1)).await;
    page.answered(2, TurnOutcome::Completed).await;
    stage.done();
}

/// Two senders interleaved in one history.
#[tokio::test(start_paused = true)]
async fn two_senders_are_answered_one_after_the_other() {
    let stage = Stage::new().await;
    let session = stage.session().await;
    let mut ann = stage.view(&session, "ann");
    let mut bob = stage.view(&session, "bob");
    ann.prompt(1, &Scene::Say(50)).await;
    bob.prompt(1, &Scene::Say(50)).await;
    ann.ended(1, TurnOutcome::Completed).await;
    ann.ended(2, TurnOutcome::Completed).await;
    bob.ended(2, TurnOutcome::Completed).await;
    let turns: Vec<u64> = ann
        .applied
        .iter()
        .filter_map(|(_, said)| {
            if let Entry::Output { turn, .. } = said { turn.map(|turn| turn.0) } else { None }
        })
        .collect();
    assert!(turns.is_sorted() && turns.len() == 100);
    stage.done();
}

/// Said twice on one socket, everything came twice.
#[tokio::test(start_paused = true)]
async fn a_second_hello_on_the_same_connection_changes_nothing() {
    let stage = Stage::new().await;
    let session = stage.session().await;
    let mut page = stage.view(&session, "laptop");
    page.welcomed().await;
    page.link.hello(outlive_server::hub::Hello {
        session: session.clone(),
        principal: "ann".into(),
        role: outlive_server::hub::Role::View,
        client: "laptop".into(),
        cursor: outlive::log::ResumeFrom::Nothing,
    });
    page.prompt(1, &Scene::Say(2)).await;
    page.ended(1, TurnOutcome::Completed).await;
    stage.done();
}

/// A client's name is its own in the name of its principal: nobody takes it over by saying it.
#[tokio::test(start_paused = true)]
async fn nobody_replaces_another_principals_client_by_its_name() {
    let stage = Stage::new().await;
    let session = stage.session().await;
    let mut page = stage.view(&session, "laptop");
    page.welcomed().await;
    let mut eve = stage.hub.link();
    eve.hello(outlive_server::hub::Hello {
        session: session.clone(),
        principal: "eve".into(),
        role: outlive_server::hub::Role::View,
        client: "laptop".into(),
        cursor: outlive::log::ResumeFrom::Nothing,
    });
    settle().await;
    page.prompt(1, &Scene::Say(2)).await;
    page.ended(1, TurnOutcome::Completed).await;
    stage.done();
}
