//! Who watches: refreshes, tabs, phones, and viewers that do not read.

use std::time::Duration;

use outlive::connection::Phase;
use outlive::ids::Seq;
use outlive::log::{AttachOutcome, ResetReason, ResumeFrom};
use outlive::wire::{Entry, ToClient};
use outlive::{CloseCode, Limits, State, TurnOutcome};
use outlive_server::hub::{Author, Frame, HubOptions, Role};
use outlive_server::store::SessionId;

use outlive_testkit::hub::{Scene, Stage, Viewer, ended, outputs, pass, settle, soon};

/// Incident S: after a refresh every update went to the old socket.
#[tokio::test(start_paused = true)]
async fn twenty_refreshes_in_a_running_turn_give_one_whole_answer() {
    let stage = Stage::new().await;
    let session = stage.session().await;
    let mut page = stage.view(&session, "laptop");
    page.prompt(1, &Scene::OnCue(20)).await;
    let mut answer = Vec::new();
    for round in 0..20 {
        stage.actor.cues.add_permits(1);
        page.until(|page| page.has(|said| matches!(said, Entry::Output { .. }))).await;
        answer.append(&mut page.applied);
        let cursor = page.cursor();
        // Half of them never close: the newcomer does not wait for that.
        let old = std::mem::replace(&mut page, stage.come(&session, "laptop", cursor, Role::Admin));
        if round % 2 == 0 {
            drop(old);
        } else {
            page.welcomed().await;
            let mut old = old;
            assert_eq!(old.is_closed().await, CloseCode::Replaced);
        }
    }
    page.until(|page| page.has(|said| matches!(said, Entry::TurnEnd { .. }))).await;
    answer.append(&mut page.applied);
    let pieces: Vec<String> = (1..=20).map(|piece| piece.to_string()).collect();
    assert_eq!(outputs(&answer, 1), pieces);
    assert!(answer.iter().zip(1..).all(|((seq, _), place)| *seq == place));
    stage.done();
}

#[tokio::test(start_paused = true)]
async fn a_second_tab_sees_everything_too() {
    let stage = Stage::new().await;
    let session = stage.session().await;
    let mut one = stage.view(&session, "tab1");
    one.prompt(1, &Scene::OnCue(2)).await;
    stage.actor.cues.add_permits(1);
    one.until(|one| !outputs(&one.applied, 1).is_empty()).await;
    let mut two = stage.view(&session, "tab2");
    stage.actor.cues.add_permits(1);
    one.ended(1, TurnOutcome::Completed).await;
    two.ended(1, TurnOutcome::Completed).await;
    assert_eq!(outputs(&one.applied, 1), outputs(&two.applied, 1));
    stage.done();
}

/// The old transport is half-open: nobody pulls, nobody closes (rmcp c, race R2).
#[tokio::test(start_paused = true)]
async fn a_newer_connection_of_the_same_client_wins_though_the_old_one_never_closes() {
    let stage = Stage::new().await;
    let session = stage.session().await;
    let mut old = stage.view(&session, "laptop");
    old.prompt(1, &Scene::OnCue(1)).await;
    old.welcomed().await;
    let mut new = stage.view(&session, "laptop");
    stage.actor.cues.add_permits(1);
    new.ended(1, TurnOutcome::Completed).await;
    // It asks at last, and gets the close, and nothing else.
    assert_eq!(old.is_closed().await, CloseCode::Replaced);
    assert_eq!(old.applied.len(), 0);
    stage.done();
}

/// A transport that hangs in a write learns that it is not wanted any more.
#[tokio::test(start_paused = true)]
async fn a_transport_that_hangs_in_a_write_hears_of_the_close() {
    let stage = Stage::new().await;
    let session = stage.session().await;
    let mut old = stage.view(&session, "laptop");
    old.welcomed().await;
    let mut new = stage.view(&session, "laptop");
    new.welcomed().await;
    outlive_testkit::hub::soon(old.link.closes()).await;
    assert_eq!(old.link.phase(), Phase::Closing);
    assert_eq!(old.is_closed().await, CloseCode::Replaced);
    stage.done();
}

/// One viewer that does not read blocked everybody (rmcp d).
#[tokio::test(start_paused = true)]
async fn a_viewer_that_never_reads_holds_up_nobody() {
    let limits = Limits { connections: 101, connections_per_principal: 101, ..Limits::default() };
    let stage = Stage::with(limits, HubOptions::default()).await;
    let session = stage.session().await;
    let mut deaf = stage.view(&session, "deaf");
    deaf.welcomed().await;
    let mut others: Vec<_> = (0..100).map(|c| stage.view(&session, &format!("c{c}"))).collect();
    others[0].prompt(1, &Scene::Say(2_000)).await;
    for other in &mut others {
        other.ended(1, TurnOutcome::Completed).await;
        assert_eq!(outputs(&other.applied, 1).len(), 2_000);
    }
    // When it reads at last, it misses nothing either.
    deaf.ended(1, TurnOutcome::Completed).await;
    assert_eq!(outputs(&deaf.applied, 1).len(), 2_000);
    stage.done();
}

/// Nothing else happens in its session: that it has written what it was given is all that goes on.
#[tokio::test(start_paused = true)]
async fn a_viewer_that_reads_back_wakes_its_session_for_more() {
    let limits = Limits { batch: 2, ..Limits::default() };
    let stage = Stage::with(limits, HubOptions::default()).await;
    let session = stage.session().await;
    stage.prompt(&session, 1, &Scene::Say(9)).await.unwrap();
    settle().await;
    let mut viewer = stage.view(&session, "laptop");
    let reads = async { _ = viewer.ended(1, TurnOutcome::Completed).await };
    let read = tokio::time::timeout(Duration::from_secs(1), reads).await;
    assert!(
        read.is_ok(),
        "it has {} of 11 entries, and its session sleeps though it lacks the others",
        viewer.applied.len()
    );
    stage.done();
}

/// One that reads back costs a page of memory, however many large entries its range has.
#[tokio::test(start_paused = true)]
async fn a_viewer_that_reads_back_is_sent_a_page_at_a_time() {
    let options = HubOptions::default().page_bytes(400);
    let stage = Stage::with(Limits::default(), options).await;
    let session = stage.session().await;
    let large = Scene::Fail("x".repeat(1_000));
    for (number, scene) in (1..).zip([&Scene::Say(20), &large, &Scene::Say(1)]) {
        stage.prompt(&session, number, scene).await.unwrap();
    }
    settle().await;
    let mut viewer = stage.view(&session, "laptop");
    let mut pages = 0;
    while ended(&viewer.applied, 26).is_none() {
        let Some(frame) = soon(viewer.link.next()).await else { panic!("{viewer:?}") };
        if let Frame::Entries(entries) = &frame {
            pages += 1;
            let size: usize = entries.frames.iter().map(bytes::Bytes::len).sum();
            let alone = entries.frames.len() == 1;
            // What stands around a line in a frame is not counted.
            let around = 60 * entries.frames.len();
            assert!(alone || size <= 400 + around, "{size} bytes at a time");
        }
        viewer.take(frame);
    }
    assert!(pages > 5, "{pages} pages");
    stage.done();
}

/// Forty events while away, sixteen retained: a resume that said Ok lost 24 of them (rmcp b).
#[tokio::test(start_paused = true)]
async fn a_slow_viewer_is_told_what_it_has_lost() {
    let limits = Limits { retention: 16, batch: 4, ..Limits::default() };
    let options = HubOptions::default().tail_bytes(1);
    let stage = Stage::with(limits, options).await;
    let session = stage.session().await;
    let mut slow = stage.view(&session, "slow");
    slow.welcomed().await;
    let mut quick = stage.view(&session, "quick");
    quick.prompt(1, &Scene::Say(40)).await;
    quick.until(|quick| quick.has(|said| matches!(said, Entry::TurnEnd { .. }))).await;
    // Its range was trimmed before it was read: a gap in the middle of the stream.
    slow.until(|slow| slow.has(|said| matches!(said, Entry::TurnEnd { .. }))).await;
    assert!(!slow.lost.is_empty() && stage.watch.took("W10"));
    // Who comes back too late is told at once.
    let mut late = stage.come(&session, "late", at(&slow, 1), Role::View);
    let outcome = late.welcomed().await.welcome.as_ref().unwrap().outcome;
    assert!(matches!(outcome, AttachOutcome::Gap { lost_from: Seq(2), .. }), "{outcome:?}");
    stage.done();
}

/// Resuming after event 2 delivered event 2 again (rmcp a).
#[tokio::test(start_paused = true)]
async fn a_resume_goes_on_after_the_cursor() {
    let stage = Stage::new().await;
    let session = stage.session().await;
    let mut viewer = stage.view(&session, "laptop");
    viewer.prompt(1, &Scene::Say(5)).await;
    viewer.ended(1, TurnOutcome::Completed).await;
    let again = stage.come(&session, "laptop", at(&viewer, 1), Role::Admin);
    let mut again = again;
    again.ended(1, TurnOutcome::Completed).await;
    assert_eq!(again.applied.first().map(|(seq, _)| *seq), Some(2));
    for claim in [ResumeFrom::Malformed, at(&viewer, 99)] {
        let mut reset = stage.come(&session, "other", claim, Role::View);
        let outcome = reset.welcomed().await.welcome.as_ref().unwrap().outcome;
        assert!(matches!(
            outcome,
            AttachOutcome::Reset { why: ResetReason::Malformed | ResetReason::CursorAhead }
        ));
        reset.ended(1, TurnOutcome::Completed).await;
    }
    stage.done();
}

/// A cursor of the same log.
fn at(viewer: &Viewer, seq: u64) -> ResumeFrom {
    let ResumeFrom::At(cursor) = viewer.cursor() else { panic!("it has none") };
    ResumeFrom::At(outlive::log::Cursor { seq: Seq(seq), ..cursor })
}

/// A phone in the background, while nine pieces are to come and the log retains two entries.
async fn in_the_pocket() -> (Stage, SessionId, Viewer) {
    let limits = Limits { retention: 2, ..Limits::default() };
    let stage = Stage::with(limits, HubOptions::default()).await;
    let session = stage.session().await;
    let mut phone = stage.view(&session, "phone");
    phone.prompt(1, &Scene::OnCue(9)).await;
    phone.until(|phone| !phone.applied.is_empty()).await;
    phone.suspend().await;
    settle().await;
    assert!(stage.watch.took("A4"));
    (stage, session, phone)
}

/// Incident P: the phone in the pocket killed the running agent.
#[tokio::test(start_paused = true)]
async fn a_phone_in_the_pocket_misses_nothing() {
    let (stage, session, phone) = in_the_pocket().await;
    let cursor = phone.cursor();
    drop(phone);
    stage.actor.cues.add_permits(9);
    settle().await;
    let mut phone = stage.come(&session, "phone", cursor, Role::Admin);
    phone.until(|phone| phone.has(|said| matches!(said, Entry::TurnEnd { .. }))).await;
    assert!(phone.lost.is_empty() && outputs(&phone.applied, 1).len() == 9);
    stage.done();
}

/// Its place was given up as soon as anybody else came.
#[tokio::test(start_paused = true)]
async fn a_phone_in_the_pocket_misses_nothing_while_a_laptop_watches() {
    let (stage, session, phone) = in_the_pocket().await;
    let (cursor, other) = (phone.cursor(), phone.cursor());
    drop(phone);
    let mut laptop = stage.view(&session, "laptop");
    laptop.until(|laptop| !laptop.applied.is_empty()).await;
    stage.actor.cues.add_permits(9);
    laptop.ended(1, TurnOutcome::Completed).await;
    let mut phone = stage.come(&session, "phone", cursor, Role::Admin);
    phone.ended(1, TurnOutcome::Completed).await;
    assert!(phone.lost.is_empty() && outputs(&phone.applied, 1).len() == 9);
    // Its grace period over, the log is as short as everybody's.
    pass(Duration::from_millis(u64::from(stage.limits.grace_ms))).await;
    assert!(stage.watch.took("U8"));
    laptop.prompt(1, &Scene::Say(1)).await;
    laptop
        .until(|laptop| {
            laptop.has(|said| matches!(said, Entry::TurnEnd { turn, .. } if turn.0 > 1))
        })
        .await;
    let mut late = stage.come(&session, "late", other, Role::View);
    late.until(|late| !late.lost.is_empty()).await;
    stage.done();
}

#[tokio::test(start_paused = true)]
async fn a_resume_on_the_same_connection_goes_on_where_it_was() {
    let stage = Stage::new().await;
    let session = stage.session().await;
    let mut phone = stage.view(&session, "phone");
    phone.prompt(1, &Scene::OnCue(3)).await;
    phone.until(|phone| !phone.applied.is_empty()).await;
    phone.suspend().await;
    stage.actor.cues.add_permits(3);
    settle().await;
    phone.resume().await;
    phone.ended(1, TurnOutcome::Completed).await;
    assert!(stage.watch.took("U3"));
    stage.done();
}

#[tokio::test(start_paused = true)]
async fn a_promise_to_come_back_that_is_not_kept_closes_the_connection() {
    let stage = Stage::new().await;
    let session = stage.session().await;
    let mut phone = stage.view(&session, "phone");
    phone.prompt(1, &Scene::SayThenWait(1)).await;
    phone.until(|phone| !phone.applied.is_empty()).await;
    phone.suspend().await;
    settle().await;
    pass(Duration::from_millis(u64::from(stage.limits.grace_ms))).await;
    assert_eq!(phone.is_closed().await, CloseCode::IdleTimeout);
    assert!(stage.watch.took("U5"));
    stage.done();
}

/// A notice that was posted on the way out, and came after the loss.
#[tokio::test(start_paused = true)]
async fn a_posted_suspend_notice_may_come_after_the_loss() {
    let stage = Stage::new().await;
    let session = stage.session().await;
    let mut phone = stage.view(&session, "phone");
    phone.prompt(1, &Scene::SayThenWait(1)).await;
    phone.until(|phone| !phone.applied.is_empty()).await;
    let id = phone.link.id();
    drop(phone);
    settle().await;
    // Of somebody else: nothing.
    stage
        .hub
        .session(&session)
        .suspend(Author { principal: "eve", client: "phone" }, id, Seq(1))
        .unwrap();
    settle().await;
    assert!(!stage.watch.took("D2"));
    stage
        .hub
        .session(&session)
        .suspend(Author { principal: "ann", client: "phone" }, id, Seq(1))
        .unwrap();
    settle().await;
    assert!(stage.watch.took("D2"));
    stage.done();
}

/// The loss overtook the arrival, and left a ghost that was watched by nobody.
#[tokio::test(start_paused = true)]
async fn a_connection_that_is_lost_at_once_leaves_no_ghost() {
    let stage = Stage::new().await;
    let session = stage.session().await;
    stage.prompt(&session, 1, &Scene::SayThenWait(1)).await.unwrap();
    settle().await;
    for _ in 0..3 {
        let viewer = stage.view(&session, "laptop");
        drop(viewer);
        let mut closed = stage.view(&session, "laptop");
        closed.link.close(CloseCode::Normal);
        settle().await;
        let mut probe = stage.view(&session, "probe");
        let welcome = probe.welcomed().await.welcome.clone().unwrap();
        assert_eq!(welcome.state, State::Active);
        drop(probe);
        settle().await;
        drop(closed);
    }
    settle().await;
    assert!(stage.watch.story().last().is_some_and(|last| last.contains("DETACHED")));
    stage.done();
}

#[tokio::test(start_paused = true)]
async fn connections_are_bounded() {
    let limits = Limits { connections: 1, ..Limits::default() };
    let stage = Stage::with(limits, HubOptions::default()).await;
    let session = stage.session().await;
    let mut one = stage.view(&session, "one");
    one.welcomed().await;
    // What time mends is said to come back by itself.
    let mut two = stage.view(&session, "two");
    assert_eq!(two.is_closed().await, CloseCode::Overloaded);
    assert_eq!(CloseCode::Overloaded.client_rule(), outlive::ClientRule::BackOff);
    assert_eq!(two.heard, [ToClient::Goaway { retry_after_ms: [5_000, 10_000] }]);
    stage.done();
}

/// A connection without a hello is closed, and its late hello is not heard.
#[tokio::test(start_paused = true)]
async fn a_transport_without_a_hello_is_closed() {
    let stage = Stage::new().await;
    let mut link = stage.hub.link();
    assert!(matches!(link.next().await, Some(Frame::Close(CloseCode::IdleTimeout))));
    // Nor does it answer the close.
    assert!(link.next().await.is_none());
    stage.done();
}

/// A peer that floods with pings, and reads nothing, costs a bounded number of pongs.
#[tokio::test(start_paused = true)]
async fn a_flood_of_pings_is_not_answered_for_ever() {
    let stage = Stage::new().await;
    let session = stage.session().await;
    let mut viewer = stage.view(&session, "laptop");
    viewer.welcomed().await;
    for _ in 0..10_000 {
        viewer.link.receive(outlive::wire::ToServer::Ping).await;
    }
    assert!(!viewer.link.is_ready());
    viewer.until(|viewer| viewer.link.is_ready()).await;
    assert!(viewer.heard.len() < 100);
    stage.done();
}
