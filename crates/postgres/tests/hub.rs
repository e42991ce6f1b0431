//! A hub on the store.

use std::time::Duration;

use outlive::wire::Entry;
use outlive::{CloseCode, TurnOutcome};
use outlive_postgres::Postgres;
use outlive_server::hub::{HubOptions, Role};
use outlive_server::store::Memory;
use outlive_testkit::hub::{Scene, Stage, outputs, soon};

use crate::place::Place;

async fn node(place: &Place, name: &str) -> (Stage, Postgres) {
    let options = Postgres::options().name(name).address(name).lease(Duration::from_secs(1));
    let store = options.connect(&place.url()).await.unwrap();
    let (limits, options) = (outlive::Limits::default(), HubOptions::default());
    // The sessions are in the database; what a stage keeps in memory is not used.
    (Stage::on(store.clone(), Memory::new(), limits, options).await, store)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_of_the_same_name_goes_on_at_once() {
    let Some(place) = Place::new().await else { return };
    let (before, _) = node(&place, "one").await;
    let session = before.session().await;
    let mut viewer = before.view(&session, "laptop");
    viewer.prompt(1, &Scene::SayThenWait(2)).await;
    before.prompt(&session, 1, &Scene::Say(3)).await.unwrap();
    viewer.until(|viewer| viewer.has(|said| matches!(said, Entry::Output { .. }))).await;
    let cursor = viewer.cursor();
    let (after, _) = node(&place, "one").await;
    let mut viewer = after.come(&session, "laptop", cursor, Role::Admin);
    viewer.ended(1, TurnOutcome::Ambiguous).await;
    viewer.ended(2, TurnOutcome::Completed).await;
    assert_eq!(outputs(&viewer.applied, 2), ["1", "2", "3"]);
    soon(before.hub.fenced()).await;
    before.done();
    after.done();
}

/// Its lease is over, and another node has judged it: nobody has asked for the session meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_dead_node_has_left_goes_on_elsewhere() {
    let Some(place) = Place::new().await else { return };
    let (west, _) = node(&place, "west").await;
    let (east, store) = node(&place, "east").await;
    let session = east.session().await;
    let mut viewer = east.view(&session, "laptop");
    viewer.prompt(1, &Scene::SayThenWait(1)).await;
    east.prompt(&session, 1, &Scene::Say(2)).await.unwrap();
    viewer.until(|viewer| viewer.has(|said| matches!(said, Entry::Output { .. }))).await;
    // It says nothing to the database any more.
    store.close().await;
    let client = place.client().await;
    let owners = "SELECT name = 'west' FROM outlive.session JOIN outlive.node ON owner = epoch";
    let taken = async {
        while !client.query_opt(owners, &[]).await.unwrap().is_some_and(|row| row.get(0)) {}
    };
    soon(taken).await;
    let mut viewer = west.view(&session, "phone");
    viewer.ended(1, TurnOutcome::Ambiguous).await;
    viewer.ended(2, TurnOutcome::Completed).await;
    assert_eq!(outputs(&viewer.applied, 2), ["1", "2"]);
    west.done();
}

/// As if a standby were promoted that lacks the last commits: the node has them in memory, and nobody has told it.
#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_of_what_the_database_has_lost_is_sent_back_to_the_beginning() {
    let Some(place) = Place::new().await else { return };
    let (one, _) = node(&place, "one").await;
    let client = place.client().await;
    let session = one.session().await;
    let mut viewer = one.view(&session, "laptop");
    viewer.prompt(1, &Scene::Say(1)).await;
    viewer.answered(1, TurnOutcome::Completed).await;
    client.batch_execute("CREATE TABLE kept AS SELECT * FROM outlive.session").await.unwrap();
    viewer.prompt(2, &Scene::Say(1)).await;
    viewer.answered(2, TurnOutcome::Completed).await;
    let lose = "BEGIN;
        UPDATE outlive.session s SET version = k.version, attempt = k.attempt, timeline = k.timeline - 1,
            state = k.state, was = k.was, base = k.base, head = k.head, snapshot = k.snapshot, sum = k.sum
        FROM kept k WHERE s.key = k.key;
        DELETE FROM outlive.chunk x USING kept k WHERE x.session = k.key AND x.last > k.head;
        COMMIT";
    client.batch_execute(lose).await.unwrap();
    let come = || one.come(&session, "phone", viewer.cursor(), Role::Admin);
    assert_eq!(come().is_closed().await, CloseCode::Moved);
    let mut phone = come();
    let welcome = phone.welcomed().await.welcome.clone().unwrap();
    assert_ne!(Some(welcome.log), viewer.welcome.as_ref().map(|welcome| welcome.log));
    phone.ended(1, TurnOutcome::Completed).await;
    one.done();
}
