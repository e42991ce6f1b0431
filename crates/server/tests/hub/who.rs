//! Who caused an entry, and when it was committed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use outlive::ids::Seq;
use outlive::wire::Entry;
use outlive::{Reason, TurnOutcome};
use outlive_server::hub::{Author, Builder, Failure, HistoryEntry, Hub, Outcome, Turn};
use outlive_server::store::{Memory, SessionId};
use serde_json::{Value, json};

use outlive_testkit::hub::{Actor, Scene, Stage, n, settle, soon};

const ANN: Author<'_> = Author { principal: "ann", client: "bob" };

async fn log(hub: &Hub, session: &SessionId) -> Vec<HistoryEntry> {
    soon(hub.history(session).entries()).await.unwrap()
}

/// The name of each entry, and the principal that caused it.
async fn causes(hub: &Hub, session: &SessionId) -> Vec<(String, Value)> {
    let of = |said: &HistoryEntry| {
        let value = serde_json::to_value(&said.entry).unwrap();
        (value["entry"].as_str().unwrap().to_owned(), value["by"].clone())
    };
    log(hub, session).await.iter().map(of).collect()
}

/// Signed in as Ann, under the name "bob": it was Ann.
#[tokio::test(start_paused = true)]
async fn an_entry_names_the_principal_and_not_whom_a_client_calls_itself() {
    let stage = Stage::new().await;
    let (session, hub) = (stage.session().await, &stage.hub);
    hub.session(&session).prompt(ANN, n(1), &Scene::Ask("may I?".into())).await.unwrap();
    settle().await;
    let answer = hub.session(&session).answer(ANN, Seq(2), &"yes");
    answer.await.unwrap();
    settle().await;
    let by = json!("ann");
    let right = [("prompt", &by), ("ask", &Value::Null), ("answer", &by)];
    for ((entry, by), right) in causes(hub, &session).await.iter().zip(right) {
        assert_eq!((entry.as_str(), by), right);
    }
    assert!(log(hub, &session).await.iter().any(|said| matches!(
        &said.entry,
        Entry::Answer { client, by: Some(by), .. } if client == "bob" && by == "ann"
    )));
    stage.done();
}

/// An interrupt commits nothing: whose it was is known when the turn ends.
#[tokio::test(start_paused = true)]
async fn the_end_of_a_turn_names_who_interrupted_it_first() {
    let stage = Stage::new().await;
    let (session, hub) = (stage.session().await, &stage.hub);
    let mut viewer = stage.view(&session, "laptop");
    stage.prompt(&session, 1, &Scene::SayThenWait(1)).await.unwrap();
    stage.prompt(&session, 2, &Scene::Say(1)).await.unwrap();
    stage.prompt(&session, 3, &Scene::Say(1)).await.unwrap();
    settle().await;
    let handle = hub.session(&session);
    handle.by("eve").interrupt(Seq(3)).await.unwrap();
    let [first, second] = ["bob", "eve"].map(|who| handle.by(who).interrupt(Seq(1)));
    let (first, second) = tokio::join!(first, second);
    assert_eq!(first, Ok(Outcome::Taken));
    assert_eq!(second, Ok(Outcome::Ignored(Reason::AlreadyInterrupting)));
    viewer.answered(3, TurnOutcome::Completed).await;
    let end = |turn: u64, said: &Entry| {
        if let Entry::TurnEnd { turn: it, by, .. } = said {
            return (it.0 == turn).then(|| by.clone());
        }
        None
    };
    let ends = |turn: u64| viewer.applied.iter().find_map(|(_, said)| end(turn, said)).unwrap();
    assert_eq!(ends(1).as_deref(), Some("bob"));
    assert_eq!(ends(3).as_deref(), Some("eve"), "taken back before it began");
    assert_eq!(ends(4), None);
    stage.done();
}

#[tokio::test(start_paused = true)]
async fn what_a_stop_ends_names_who_stopped() {
    let stage = Stage::new().await;
    let (session, hub) = (stage.session().await, &stage.hub);
    stage.prompt(&session, 1, &Scene::SayThenWait(0)).await.unwrap();
    stage.prompt(&session, 2, &Scene::Say(1)).await.unwrap();
    settle().await;
    hub.session(&session).by("bob").stop(None).await.unwrap();
    settle().await;
    let (ann, bob) = (json!("ann"), json!("bob"));
    let right = [
        ("prompt", &ann),
        ("prompt", &ann),
        ("turn_end", &bob),
        ("turn_end", &bob),
        ("closing", &bob),
        ("end", &Value::Null),
    ];
    let causes = causes(hub, &session).await;
    assert_eq!(causes.len(), right.len(), "{causes:?}");
    for ((entry, by), right) in causes.iter().zip(right) {
        assert_eq!((entry.as_str(), by), right);
    }
    // The server's own code names whom it wants, or nobody.
    let idle = stage.session().await;
    hub.session(&idle).stop(None).await.unwrap();
    settle().await;
    assert!(
        log(hub, &idle).await.iter().all(|said| matches!(said.entry, Entry::End { by: None, .. }))
    );
    stage.done();
}

/// A clock that shows what it is set to, in milliseconds.
fn on(clock: &Arc<AtomicU64>, memory: Memory) -> Builder {
    let clock = Arc::clone(clock);
    let time = move || UNIX_EPOCH + Duration::from_millis(clock.load(Ordering::Relaxed));
    Hub::builder().store(memory).clock(time)
}

#[tokio::test(start_paused = true)]
async fn times_never_run_backwards_in_a_log_whatever_the_clock_does() {
    let (clock, memory, actor) = (Arc::new(AtomicU64::new(1_000)), Memory::new(), Actor::new());
    let hub = on(&clock, memory.clone()).build(actor.clone()).await.unwrap();
    let session = hub.create().await.unwrap();
    let prompt = async |hub: &Hub, number| {
        hub.session(&session).prompt(ANN, n(number), &Scene::Say(1)).await.unwrap();
        settle().await;
        log(hub, &session).await.last().unwrap().at
    };
    assert_eq!(prompt(&hub, 1).await, 1_000);
    clock.store(700, Ordering::Relaxed);
    assert_eq!(prompt(&hub, 2).await, 1_000, "it was set back");
    // Another process, whose clock is behind.
    let next = on(&clock, memory.another()).build(actor.clone()).await.unwrap();
    assert_eq!(prompt(&next, 3).await, 1_000);
    clock.store(2_000, Ordering::Relaxed);
    assert_eq!(prompt(&next, 4).await, 2_000);
    // A commit of the restart's own.
    clock.store(1, Ordering::Relaxed);
    let last = on(&clock, memory.another()).build(actor.clone()).await.unwrap();
    last.recovered().await;
    let times: Vec<u64> = log(&last, &session).await.iter().map(|said| said.at).collect();
    assert!(times.is_sorted() && times.last() == Some(&2_000), "{times:?}");
    actor.unblock();
}

/// Asks, and says what it knows of who prompted and who answered.
async fn witness(turn: Turn) -> Result<(), Failure> {
    if turn.answers().is_none() && turn.prompt().deserialize::<bool>()? {
        let answer = turn.ask(&"?").await?;
        turn.emit(&(&*answer.by, answer.at)).await?;
        turn.leave_ask(&"?")?;
    }
    turn.emit(&(turn.by(), turn.at())).await?;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_worker_knows_who_and_when_as_the_log_does() {
    let clock = Arc::new(AtomicU64::new(10));
    let hub = on(&clock, Memory::new()).build(witness).await.unwrap();
    let session = hub.create().await.unwrap();
    let handle = hub.session(&session);
    handle.prompt(ANN, n(1), &true).await.unwrap();
    // Waits in the queue, and is read back from the log.
    clock.store(11, Ordering::Relaxed);
    let bob = Author { principal: "bob", client: "post" };
    handle.prompt(bob, n(1), &false).await.unwrap();
    settle().await;
    clock.store(12, Ordering::Relaxed);
    handle.answer(bob, Seq(2), &"yes").await.or(handle.answer(bob, Seq(3), &"yes").await).unwrap();
    settle().await;
    clock.store(13, Ordering::Relaxed);
    let asks = hub.snapshot(&session).await.unwrap().asks;
    handle.answer(ANN, asks[0], &"later").await.unwrap();
    settle().await;
    let outputs: Vec<Value> = log(&hub, &session)
        .await
        .iter()
        .filter(|said| matches!(said.entry, Entry::Output { .. }))
        .map(|said| said.entry.deserialize().unwrap())
        .collect();
    let right = [("bob", 12), ("ann", 10), ("bob", 11), ("ann", 13)];
    assert_eq!(outputs, right.map(|(who, at)| json!([who, at])));
}
