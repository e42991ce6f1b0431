//! Five things that an official SDK does with its in-memory sessions, (a) to (e), over real sockets.

use futures_util::future::join_all;
use outlive::Limits;
use serde_json::json;
use tokio::net::{TcpListener, TcpSocket};

use super::stage::{Stage, cursor, numbers, place, until_number};
use outlive_testkit::endpoints::{entry, outputs};

/// (a): resuming after event 2 delivered event 2 again.
#[tokio::test]
async fn a_a_stream_resumes_after_what_was_read() {
    let stage = Stage::new(Limits::default()).await;
    let session = stage.session().await;
    let path = format!("{session}/events");
    let mut events = stage.events(&path, &[]).await;
    events.until("welcome").await;
    stage.cues.pieces.add_permits(4);
    stage
        .post(&format!("{session}/prompts"), &json!({ "client": "c", "n": 1, "d": "step 4" }))
        .await;
    events.next().await.unwrap();
    let second = events.next().await.unwrap();
    drop(events);
    let last = second.id.unwrap();
    let mut events = stage.events(&path, &[("last-event-id", &last)]).await;
    let welcome = events.until("welcome").await;
    assert_eq!(welcome.id.as_deref(), Some(last.as_str()), "whoever is cut here is where it was");
    let next = events.next().await.unwrap();
    assert_eq!(place(&next.data), place(&second.data) + 1);
    stage.is_quiet();
}

/// (b): 40 events while away, 16 are kept: resume said it was fine, and 24 were gone.
#[tokio::test]
async fn b_what_is_lost_is_said_to_be_lost() {
    let stage = Stage::new(Limits { retention: 16, ..Limits::default() }).await;
    let session = stage.session().await;
    let (mut socket, _) = stage.attach(&session, "page", None).await;
    socket.prompt(1, "step 40").await;
    let frames = socket.until(|frame| frame["t"] == "ev").await;
    let (read, seen) = (cursor(&frames), place(frames.last().unwrap()));
    drop(socket);
    stage.record(&session, |record| record["state"] == "DETACHED").await;
    stage.cues.pieces.add_permits(40);
    let record = stage.record(&session, |record| record["turn"].is_null()).await;
    let base = record["base"].as_u64().unwrap();
    assert!(base > seen, "{record}");
    let (mut socket, welcome) = stage.attach(&session, "page", Some(&read)).await;
    assert_eq!(welcome["outcome"]["gap"], json!({ "lost_from": seen + 1, "lost_to": base }));
    let frames = socket.until(entry("turn_end")).await;
    let places: Vec<u64> = frames.iter().filter(|frame| frame["t"] == "ev").map(place).collect();
    assert_eq!(places, (base + 1..=record["head"].as_u64().unwrap()).collect::<Vec<_>>());
    stage.is_quiet();
}

/// (c): while the old connection was half-open the newcomer got a stream on which nothing came.
#[tokio::test]
async fn c_the_newcomer_has_the_stream_while_the_old_connection_is_half_open() {
    let stage = Stage::new(Limits::default()).await;
    let session = stage.session().await;
    let (mut old, _) = stage.attach(&session, "page", None).await;
    old.prompt(1, "step 4").await;
    stage.cues.pieces.add_permits(1);
    let read = cursor(&until_number(&mut old, 1).await);
    // Neither closed nor read any more, as behind a network that is gone.
    let (mut new, _) = stage.attach(&session, "page", Some(&read)).await;
    stage.cues.pieces.add_permits(1);
    assert_eq!(numbers(&until_number(&mut new, 2).await), [2]);
    // Also when the old one is gone at last.
    assert_eq!(old.code().await, 4009);
    drop(old);
    stage.cues.pieces.add_permits(2);
    assert_eq!(numbers(&new.until(entry("turn_end")).await), [3, 4]);
    stage.is_quiet();
}

/// What a connection holds of what nobody reads, however much this machine would allow: far less than
/// there is to send.
const NARROW: u32 = 64 << 10;

fn narrow() -> TcpListener {
    let socket = TcpSocket::new_v4().unwrap();
    // Those it takes have it too.
    socket.set_send_buffer_size(NARROW).unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    socket.listen(1_024).unwrap()
}

/// (d): one viewer that does not read blocked the session for everybody.
#[tokio::test]
async fn d_a_hundred_others_read_to_the_end_beside_one_that_never_reads() {
    const PIECES: usize = 1_500; // three megabytes
    let limits = Limits { connections: 128, connections_per_principal: 128, ..Limits::default() };
    let stage = Stage::on(narrow(), limits).await;
    let session = stage.session().await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(NARROW).unwrap();
    let stream = socket.connect(stage.at).await.unwrap();
    let (mut deaf, _) = stage.attach_over(stream, &session, "deaf", None).await;
    let (mut first, _) = stage.attach(&session, "first", None).await;
    let others = (0..100).map(|n| {
        let (stage, session) = (&stage, &session);
        async move { stage.attach(session, &format!("viewer-{n}"), None).await.0 }
    });
    let others = join_all(others).await;
    let stream = async {
        first.prompt(1, &format!("stream {PIECES}")).await;
        stage.cues.out.notified().await;
        first.say(&json!({ "t": "interrupt", "turn": 1 })).await;
    };
    let read = others.into_iter().map(|mut socket| async move {
        let frames = socket.until(entry("turn_end")).await;
        let places: Vec<u64> =
            frames.iter().filter(|frame| frame["t"] == "ev").map(place).collect();
        (outputs(&frames).len(), places)
    });
    let whole: Vec<u64> = (1..=PIECES as u64 + 2).collect();
    let ((), read) = tokio::join!(stream, join_all(read));
    for (said, places) in read {
        assert_eq!(said, PIECES);
        assert_eq!(places, whole);
    }
    // Nothing is written after a close, so all that the deaf one can hear now was written before: the
    // server had stopped, in the middle, while the others were sent everything.
    let (mut again, _) = stage.attach(&session, "deaf", None).await;
    let mut heard = 0;
    let code = loop {
        match deaf.hear().await {
            Ok(frame) => heard += usize::from(frame["t"] == "ev"),
            Err(code) => break code,
        }
    };
    assert_eq!(code, 4009);
    assert!(heard < PIECES, "{heard} frames were written: nobody had to wait for a reader");
    // And it is sent everything when it reads.
    let frames = again.until(entry("turn_end")).await;
    let places: Vec<u64> = frames.iter().filter(|frame| frame["t"] == "ev").map(place).collect();
    assert_eq!(places, whole);
    stage.is_quiet();
}

/// (e): the final answer, produced while nobody was connected, was lost.
#[tokio::test]
async fn e_the_final_answer_waits_for_whoever_comes() {
    let stage = Stage::new(Limits::default()).await;
    let session = stage.session().await;
    let (mut socket, _) = stage.attach(&session, "page", None).await;
    socket.prompt(1, "step 3").await;
    let read = cursor(&socket.until(|frame| frame["t"] == "ev").await);
    drop(socket);
    stage.record(&session, |record| record["state"] == "DETACHED").await;
    stage.cues.pieces.add_permits(3);
    stage.record(&session, |record| record["turn"].is_null()).await;
    let (mut socket, welcome) = stage.attach(&session, "page", Some(&read)).await;
    assert_eq!(welcome["turn"], json!(null));
    let frames = socket.until(entry("turn_end")).await;
    assert_eq!(numbers(&frames), [1, 2, 3]);
    // Once: who comes again with the new cursor has nothing to read.
    let (_, welcome) = stage.attach(&session, "page", Some(&cursor(&frames))).await;
    let head = welcome["head"].as_u64().unwrap();
    assert_eq!(welcome["outcome"]["resumed"]["from"], head + 1);
    stage.is_quiet();
}
