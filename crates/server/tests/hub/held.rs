//! Large entries that viewers were given and do not take.

use outlive::wire::Entry;
use outlive::{CloseCode, Limits};
use outlive_server::hub::{Entries, Frame, HubOptions};
use outlive_server::store::SessionId;

use outlive_testkit::hub::{Scene, Stage, Viewer, settle, soon};

/// Room for two entries of a kilobyte, and not for three.
async fn stage() -> Stage {
    let options = HubOptions::default().page_bytes(400).tail_bytes(1).held_bytes(2_500);
    Stage::with(Limits::default(), options).await
}

/// A session whose first entry is a kilobyte.
async fn prompted(stage: &Stage) -> SessionId {
    let session = stage.session().await;
    stage.prompt(&session, 1, &Scene::Fail("x".repeat(1_000))).await.unwrap();
    settle().await;
    session
}

/// The entries that a viewer is given next; it takes nothing of them until it is asked for more.
async fn given(viewer: &mut Viewer) -> Entries {
    loop {
        match soon(viewer.link.next()).await {
            Some(Frame::Entries(entries)) => return entries,
            Some(frame) => viewer.take(frame),
            None => panic!("{viewer:?}"),
        }
    }
}

/// Whether the viewer's transport is to be closed.
async fn closes(viewer: &mut Viewer) -> bool {
    tokio::select! {
        biased;
        () = viewer.link.closes() => true,
        () = settle() => false,
    }
}

#[tokio::test(start_paused = true)]
async fn viewers_that_read_back_share_a_large_entry() {
    let stage = stage().await;
    let session = prompted(&stage).await;
    let (mut one, mut two) = (stage.view(&session, "one"), stage.view(&session, "two"));
    let (ones, twos) = (given(&mut one).await, given(&mut two).await);
    assert_eq!(ones.frames, twos.frames);
    assert_eq!(ones.frames[0].as_ptr(), twos.frames[0].as_ptr(), "each has read it for itself");
    stage.done();
}

#[tokio::test(start_paused = true)]
async fn what_all_viewers_hold_is_bounded_and_who_held_longest_comes_back() {
    let stage = stage().await;
    let mut deaf = Vec::new();
    for _ in 0..2 {
        let session = prompted(&stage).await;
        // The second viewer of a session holds the same.
        for name in ["deaf", "as deaf"] {
            let mut viewer = stage.view(&session, name);
            given(&mut viewer).await;
            deaf.push((session.clone(), viewer));
        }
    }
    for (_, viewer) in &mut deaf {
        assert!(!closes(viewer).await, "two entries are not too much");
    }
    let session = prompted(&stage).await;
    let mut last = stage.view(&session, "last");
    given(&mut last).await;
    for (place, (_, viewer)) in deaf.iter_mut().enumerate() {
        assert_eq!(closes(viewer).await, place < 2, "{place}");
    }
    assert!(!closes(&mut last).await);
    let (session, mut viewer) = deaf.remove(0);
    assert_eq!(viewer.is_closed().await, CloseCode::SlowConsumer);
    // Nothing is lost: it is given the same again.
    let mut back = stage.come(&session, "deaf", viewer.cursor(), outlive_server::hub::Role::View);
    assert_eq!(given(&mut back).await.from.0, 1);
    stage.done();
}

#[tokio::test(start_paused = true)]
async fn what_was_taken_or_left_is_held_no_more() {
    let stage = stage().await;
    // One has read to the end, and waits for more.
    let session = prompted(&stage).await;
    let mut reader = stage.view(&session, "reader");
    reader.until(|reader| reader.has(|said| matches!(said, Entry::TurnEnd { .. }))).await;
    tokio::select! {
        biased;
        more = reader.link.next() => panic!("{more:?}"),
        () = settle() => {}
    }
    let mut deaf = Vec::new();
    for _ in 0..3 {
        // The first of three is gone when the last one comes.
        deaf.drain(..usize::from(deaf.len() == 2));
        let session = prompted(&stage).await;
        deaf.push(stage.view(&session, "deaf"));
        given(deaf.last_mut().unwrap()).await;
    }
    for viewer in deaf.iter_mut().chain([&mut reader]) {
        assert!(!closes(viewer).await);
    }
    stage.done();
}
