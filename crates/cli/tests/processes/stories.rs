//! What went wrong in five systems, over real sockets. The letters and numbers are those of the incidents
//! that `tests/incidents` has as traces: D, M, A, P, S, and F-numbers for single failures.

use std::sync::atomic::Ordering;

use futures_util::StreamExt as _;
use outlive::Limits;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use super::stage::{Stage, cursor, ends, numbers, until_number};
use outlive_testkit::endpoints::{entry, outputs};

/// D: a stop in mid-stream closes the socket, and about 8,700 frames were sent on it
/// afterwards, with an error each.
#[tokio::test]
async fn d_nothing_is_sent_after_a_stop_in_mid_stream_and_nobody_complains() {
    const PENDING: usize = 8_700;
    let stage = Stage::new(Limits::default()).await;
    let session = stage.session().await;
    let (mut socket, _) = stage.attach(&session, "browser", None).await;
    socket.prompt(1, &format!("stream {PENDING}")).await;
    // Everything is in the log, and nobody reads: it waits, in the socket and behind it.
    stage.cues.out.notified().await;
    socket.say(&json!({ "t": "stop", "incarnation": 1 })).await;
    socket.send(Message::Close(None)).await.unwrap();
    let (mut heard, mut closed) = (0, false);
    while let Some(Ok(message)) = socket.0.next().await {
        assert!(!closed, "after the close: {message:?}");
        if matches!(message, Message::Close(_)) {
            closed = true;
        } else {
            heard += 1;
        }
    }
    assert!(heard < PENDING, "{heard} frames were sent: nothing was pending");
    stage.record(&session, |record| record["state"] == "ENDED").await;
    // Neither the source nor who kept a handle to it said another word.
    assert_eq!(stage.cues.late.load(Ordering::Relaxed), 0);
    assert_eq!(stage.cues.refused.load(Ordering::Relaxed), 200);
    let log = stage.log(&session).await;
    assert_eq!(ends(&log), ["interrupted", "closing", "end"]);
    let end = log.iter().find(|entry| entry["entry"] == "turn_end").unwrap();
    assert_eq!(end["error"], Value::Null, "the user's own stop is no error");
    let said = outputs(&log);
    assert_eq!((said.len(), said.last()), (PENDING + 1, Some(&"goodbye")));
    stage.is_quiet();
}

/// M: the session has ended, its page is still open. The first message after that was swallowed, the
/// second one woke the agent.
#[tokio::test]
async fn m_the_first_message_to_a_session_that_has_ended_is_answered() {
    let stage = Stage::new(Limits::default()).await;
    let session = stage.session().await;
    let (mut socket, _) = stage.attach(&session, "browser", None).await;
    socket.prompt(1, "before").await;
    socket.until(entry("turn_end")).await;
    socket.say(&json!({ "t": "stop", "incarnation": 1 })).await;
    let frames = socket.until(entry("end")).await;
    let read = cursor(&frames);
    drop(socket);
    let (mut socket, welcome) = stage.attach(&session, "browser", Some(&read)).await;
    // What has ended is not shown as running.
    assert_eq!((&welcome["state"], &welcome["turn"]), (&json!("ENDED"), &json!(null)));
    socket.prompt(2, "after").await;
    let frames = socket.until(entry("turn_end")).await;
    assert_eq!((outputs(&frames), ends(&frames)), (vec!["after"], vec!["completed"]));
    stage.record(&session, |record| record["incarnation"] == 2).await;
    stage.is_quiet();
}

/// M: a message to a session that is closing raced the closeout. It is for the next worker, and
/// the zombie is aborted.
#[tokio::test]
async fn m_a_message_to_a_closing_session_is_answered_once_by_the_next_worker() {
    let stage = Stage::new(Limits::default()).await;
    stage.cues.closings.forget_permits(1_000);
    let session = stage.session().await;
    let (mut socket, _) = stage.attach(&session, "browser", None).await;
    socket.prompt(1, "before").await;
    socket.until(entry("turn_end")).await;
    socket.say(&json!({ "t": "stop", "incarnation": 1 })).await;
    socket.until(entry("closing")).await;
    socket.prompt(2, "in between").await;
    let frames = socket.until(entry("turn_end")).await;
    assert_eq!((outputs(&frames), ends(&frames)), (vec!["in between"], vec!["end", "completed"]));
    // The one that was closing may go on now, and has nothing to say any more.
    stage.cues.closings.add_permits(1);
    socket.prompt(3, "and later").await;
    let frames = socket.until(entry("turn_end")).await;
    assert_eq!(outputs(&frames), ["and later"]);
    stage.is_quiet();
}

/// P: a phone in the pocket killed the run. Here its notice comes after its connection is gone.
#[tokio::test]
async fn p_a_phone_in_the_pocket_finds_the_rest_and_can_still_interrupt() {
    let stage = Stage::new(Limits::default()).await;
    let session = stage.session().await;
    let (mut phone, welcome) = stage.attach(&session, "phone", None).await;
    phone.prompt(1, "step 10").await;
    stage.cues.pieces.add_permits(3);
    let frames = until_number(&mut phone, 3).await;
    let read = cursor(&frames);
    drop(phone);
    stage.record(&session, |record| record["state"] == "DETACHED").await;
    let seen: u64 = read.split_once('.').unwrap().1.parse().unwrap();
    let notice = json!({ "client": "phone", "connection": welcome["connection"], "seen": seen });
    let told = stage.post(&format!("{session}/suspend"), &notice).await;
    assert_eq!(told.status, 202, "{}", told.body);
    stage.record(&session, |record| record["state"] == "SUSPENDED").await;
    stage.cues.pieces.add_permits(4);
    stage.record(&session, |record| record["head"] == seen + 4).await;
    let (mut phone, welcome) = stage.attach(&session, "phone", Some(&read)).await;
    assert_eq!(welcome["turn"], 1, "the run goes on");
    assert_eq!(numbers(&until_number(&mut phone, 7).await), [4, 5, 6, 7]);
    phone.say(&json!({ "t": "interrupt", "turn": 1 })).await;
    let frames = phone.until(entry("turn_end")).await;
    // The worker was in a wait that nobody ends: it is aborted when its time is over, or listens.
    assert_eq!(numbers(&frames), [0; 0]);
    assert_eq!(ends(&frames), ["interrupted"]);
    stage.is_quiet();
}

/// S: a task kept the socket it started with. Twenty refreshes, and one answer.
#[tokio::test]
async fn s_twenty_refreshes_in_a_running_turn_give_one_answer() {
    let stage = Stage::new(Limits::default()).await;
    let session = stage.session().await;
    let (mut socket, _) = stage.attach(&session, "page", None).await;
    socket.prompt(1, "step 60").await;
    let (mut heard, mut read) = (Vec::new(), None::<String>);
    for refresh in 1..=20 {
        // One while it looks, one that may be on its way, one while it is away.
        stage.cues.pieces.add_permits(2);
        let frames = until_number(&mut socket, heard.len() as u64 + 1).await;
        heard.extend(numbers(&frames));
        read = Some(cursor(&frames));
        if refresh % 2 == 0 {
            socket.send(Message::Close(None)).await.unwrap();
        }
        drop(socket);
        stage.cues.pieces.add_permits(1);
        (socket, _) = stage.attach(&session, "page", read.as_deref()).await;
    }
    let frames = socket.until(entry("turn_end")).await;
    heard.extend(numbers(&frames));
    assert_eq!(heard, (1..=60).collect::<Vec<u64>>(), "from {read:?} on");
    // Whoever comes when all is over finds the same.
    let log = stage.log(&session).await;
    assert_eq!((numbers(&log), ends(&log)), (heard, vec!["completed"]));
    stage.is_quiet();
}

/// A: the window is closed in mid-answer; and an answer that is empty was not stored, so
/// that the next one was taken for it.
#[tokio::test]
async fn a_the_answer_is_whole_and_an_empty_one_has_its_own_end() {
    let stage = Stage::new(Limits::default()).await;
    let session = stage.session().await;
    let (mut window, _) = stage.attach(&session, "window", None).await;
    window.prompt(1, "step 5").await;
    window.prompt(2, "nothing").await;
    window.prompt(3, "the third").await;
    window.until(|frame| frame["t"] == "accepted" && frame["n"] == 3).await;
    stage.cues.pieces.add_permits(2);
    let read = cursor(&until_number(&mut window, 2).await);
    drop(window);
    stage.record(&session, |record| record["state"] == "DETACHED").await;
    stage.cues.pieces.add_permits(3);
    stage.record(&session, |record| record["turn"].is_null() && record["queue"] == json!([])).await;
    let (mut window, welcome) = stage.attach(&session, "window", Some(&read)).await;
    assert_eq!(welcome["high"], 3);
    let frames = window.until(|frame| frame["entry"] == "turn_end" && frame["turn"] == 3).await;
    assert_eq!(ends(&frames), ["completed", "empty", "completed"]);
    let said: Vec<_> = frames.iter().filter(|frame| frame["entry"] == "output").collect();
    let said: Vec<_> =
        said.iter().map(|frame| (frame["turn"].clone(), frame["d"].clone())).collect();
    let piece = |turn: u64, d: Value| (json!(turn), d);
    assert_eq!(
        said,
        [piece(1, json!(3)), piece(1, json!(4)), piece(1, json!(5)), piece(3, json!("the third"))]
    );
    stage.is_quiet();
}
