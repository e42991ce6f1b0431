//! Peers that are gone without a word. Time stands still here, and is moved on.

use std::time::Duration;

use futures_util::StreamExt as _;
use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio_tungstenite::tungstenite::Message;

use outlive_testkit::endpoints::{Server, freeze};

#[tokio::test]
async fn a_reader_of_events_that_is_gone_is_released_in_bounded_time() {
    let server = Server::new().await;
    let session = server.session().await;
    let path = format!("{session}/events");
    let mut events = server.events(&path, &[]).await;
    // So that the socket ends with the stream.
    assert_eq!(events.answer.headers["connection"], "close");
    server
        .post(&format!("{session}/prompts"), &json!({ "client": "a", "n": 1, "d": "hold" }))
        .await;
    let mut last = events.until("ev").await;
    while last.data["d"] != "holding" {
        last = events.until("ev").await;
    }
    let id = session.trim_start_matches("/sessions/").parse().unwrap();
    let _frozen = freeze();
    // Nobody reads any more, and little is sent: the socket takes it all.
    let mut seconds = 0;
    while server.hub.snapshot(&id).await.unwrap().state != outlive::State::Detached {
        assert!(seconds <= 310, "it lives for ever");
        tokio::time::advance(Duration::from_secs(5)).await;
        seconds += 5;
    }
    assert!(seconds >= 150, "{seconds}");
    // One that was there after all is told, and goes on with what it has read.
    let close = events.until("close").await;
    assert_eq!((&close.data["code"], &close.data["rule"]), (&json!(4201), &json!("now")));
    assert_eq!(events.next().await, None);
    server.post(&format!("{session}/interrupt"), &json!({ "turn": 1 })).await;
    let mut events = server.events(&path, &[("last-event-id", &last.id.unwrap())]).await;
    let welcome = events.until("welcome").await;
    assert_eq!(welcome.data["outcome"]["resumed"]["from"], 3);
    assert_eq!(events.until("ev").await.data["entry"], "turn_end");
}

#[tokio::test]
async fn a_stream_of_events_may_live_for_ever() {
    let limits = outlive_server::http::EndpointLimits::default().stream_lifetime(None);
    let set = |endpoints: outlive_server::http::Endpoints| endpoints.limits(limits);
    let server = Server::with(outlive_server::hub::HubOptions::default(), set).await;
    let session = server.session().await;
    let mut events = server.events(&format!("{session}/events"), &[]).await;
    events.until("welcome").await;
    let _frozen = freeze();
    for _ in 0..100 {
        tokio::time::advance(Duration::from_secs(10)).await;
    }
    server.post(&format!("{session}/prompts"), &json!({ "client": "a", "n": 1, "d": "one" })).await;
    assert_eq!(events.until("ev").await.data["entry"], "prompt");
}

#[tokio::test]
async fn a_stream_that_says_nothing_else_says_that_it_lives() {
    let server = Server::new().await;
    let session = server.session().await;
    let mut events = server.events(&format!("{session}/events"), &[]).await;
    events.until("welcome").await;
    let _frozen = freeze();
    for _ in 0..3 {
        tokio::time::advance(Duration::from_secs(26)).await;
        let ping = events.next().await.unwrap();
        // It moves no cursor, and a page hears it.
        assert_eq!((ping.name.as_str(), ping.id, ping.retry), ("ping", None, None));
        assert_eq!(ping.data, json!({ "t": "ping" }));
    }
}

/// A peer for which a proxy answers the pings of WebSocket. Whether its session loses it.
async fn is_lost_behind_a_proxy(answers: bool) -> bool {
    let server = Server::new().await;
    let session = server.session().await;
    let (mut socket, _) = server.attach(&session, "laptop", None).await;
    socket.prompt(1, "hold").await;
    socket.until(|frame| frame["d"] == "holding").await;
    let _frozen = freeze();
    if answers {
        socket.say(&json!({ "t": "pong" })).await;
    }
    let mut lost = false;
    for _ in 0..30 {
        tokio::time::advance(Duration::from_secs(5)).await;
        _ = socket.send(Message::Pong(bytes::Bytes::new())).await;
        // By the time this is answered the server has read what was sent before.
        lost |= server.get(&session).await.json()["state"] == "DETACHED";
    }
    lost
}

#[tokio::test]
async fn who_has_answered_in_text_lives_by_text_alone() {
    assert!(is_lost_behind_a_proxy(true).await);
}

#[tokio::test]
async fn who_never_answers_in_text_lives_by_every_frame() {
    assert!(!is_lost_behind_a_proxy(false).await);
}

/// A frame of the WebSocket, as a client sends it: its head, with a mask of zeros, and its text.
fn masked(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).unwrap().to_be_bytes();
    let mut frame = vec![0x81, 0x80 | 0x7e, length[0], length[1], 0, 0, 0, 0];
    frame.extend(text.as_bytes());
    frame
}

#[tokio::test]
async fn who_has_answered_in_text_lives_by_the_bytes_of_a_message_too() {
    let server = Server::new().await;
    let session = server.session().await;
    let (mut socket, _) = server.attach(&session, "laptop", None).await;
    let _frozen = freeze();
    socket.say(&json!({ "t": "pong" })).await;
    let prompt = json!({ "t": "prompt", "n": 1, "d": "x".repeat(180) }).to_string();
    for byte in masked(&prompt) {
        socket.0.get_mut().write_all(&[byte]).await.unwrap();
        // By the time this is answered the server has read what was sent before.
        server.get(&session).await;
        tokio::time::advance(Duration::from_secs(5)).await;
    }
    socket.until(|frame| frame["t"] == "accepted").await;
}

#[tokio::test]
async fn who_takes_what_it_is_sent_lives_though_the_pings_are_behind_it() {
    let server = Server::new().await;
    let session = server.session().await;
    let (mut socket, _) = server.attach(&session, "laptop", None).await;
    let _frozen = freeze();
    socket.say(&json!({ "t": "pong" })).await;
    // More than the buffers on the way take.
    socket.prompt(1, "long 20000").await;
    for _ in 0..40 {
        // It is told of the prompt, and never answers.
        for _ in 0..400 {
            socket.hear().await.unwrap();
        }
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_ne!(server.get(&session).await.json()["state"], "DETACHED");
    }
}

#[tokio::test]
async fn who_says_no_hello_is_closed() {
    let server = Server::new().await;
    let session = server.session().await;
    let (mut socket, _) = server.dial(&session, &[]).await.unwrap();
    tokio::time::pause();
    assert_eq!(socket.code().await, 4108);
}

#[tokio::test]
async fn who_answers_pings_stays() {
    let server = Server::new().await;
    let session = server.session().await;
    let (mut socket, _) = server.attach(&session, "laptop", None).await;
    let _frozen = freeze();
    let mut pings = 0;
    for _ in 0..10 {
        tokio::time::advance(Duration::from_secs(26)).await;
        // A ping for the WebSocket, which answers by itself when it is read on, and one for the page.
        let mut asked = false;
        while !asked {
            let message = socket.0.next().await.unwrap().unwrap();
            if message.is_ping() {
                pings += 1;
            } else {
                assert_eq!(message.to_text().unwrap(), r#"{"t":"ping"}"#);
                asked = true;
            }
        }
        // What was sent before this was read before this is answered.
        socket.say(&json!({ "t": "ping" })).await;
        assert_eq!(socket.hear().await.unwrap()["t"], "pong");
    }
    assert_eq!(pings, 10);
}

#[tokio::test]
async fn a_server_that_slept_itself_gives_everybody_another_chance() {
    let server = Server::new().await;
    let session = server.session().await;
    let (mut socket, _) = server.attach(&session, "laptop", None).await;
    let _frozen = freeze();
    tokio::time::advance(Duration::from_secs(3_600)).await;
    assert_eq!(socket.hear().await.unwrap()["t"], "ping");
    socket.say(&json!({ "t": "ping" })).await;
    // The session's own time has passed, though.
    socket.until(|frame| frame["t"] == "pong").await;
}

#[tokio::test]
async fn who_is_silent_for_two_intervals_is_lost_to_its_session() {
    let server = Server::new().await;
    let session = server.session().await;
    let (mut socket, _) = server.attach(&session, "laptop", None).await;
    socket.prompt(1, "hold").await;
    socket.until(|frame| frame["d"] == "holding").await;
    let id = session.trim_start_matches("/sessions/").parse().unwrap();
    let frozen = freeze();
    // Nobody reads the socket, so nobody answers.
    loop {
        tokio::time::advance(Duration::from_secs(5)).await;
        if server.hub.snapshot(&id).await.unwrap().state == outlive::State::Detached {
            break;
        }
    }
    drop(frozen);
    assert_eq!(socket.code().await, 4208);
}

#[tokio::test]
async fn who_does_not_take_what_it_is_sent_is_silent_too() {
    let server = Server::new().await;
    let session = server.session().await;
    let (mut socket, _) = server.attach(&session, "laptop", None).await;
    // More than the buffers on the way take.
    socket.prompt(1, "long 20000").await;
    let (mut watcher, _) = server.attach(&session, "phone", None).await;
    watcher.until(outlive_testkit::endpoints::entry("turn_end")).await;
    watcher.prompt(1, "hold").await;
    watcher.until(|frame| frame["d"] == "holding").await;
    watcher.say(&json!({ "t": "detach" })).await;
    assert_eq!(watcher.code().await, 1000);
    let id = session.trim_start_matches("/sessions/").parse().unwrap();
    let _frozen = freeze();
    loop {
        tokio::time::advance(Duration::from_secs(5)).await;
        // It speaks, and does not listen.
        socket.say(&json!({ "t": "pong" })).await;
        if server.hub.snapshot(&id).await.unwrap().state == outlive::State::Detached {
            break;
        }
    }
}
