//! The WebSocket.

use futures_util::StreamExt as _;
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use outlive_testkit::endpoints::{Server, entry, outputs};

#[tokio::test]
async fn a_client_attaches_prompts_and_is_answered() {
    let server = Server::new().await;
    let session = server.session().await;
    let (mut socket, welcome) = server.attach(&session, "laptop", None).await;
    assert_eq!(welcome["state"], "CREATED");
    assert_eq!(welcome["outcome"], "fresh");
    assert_eq!((&welcome["head"], &welcome["high"]), (&json!(0), &json!(null)));
    socket.prompt(1, "one two three").await;
    let frames = socket.until(entry("turn_end")).await;
    let accepted = json!({ "t": "accepted", "n": 1, "seq": 1, "again": false, "incarnation": 1 });
    assert!(frames.contains(&accepted));
    assert_eq!(outputs(&frames), ["one", "two", "three"]);
    assert_eq!(frames.last().unwrap()["outcome"], "completed");
}

#[tokio::test]
async fn a_client_that_comes_back_is_sent_what_it_lacks_and_nothing_twice() {
    let server = Server::new().await;
    let session = server.session().await;
    let (mut socket, _) = server.attach(&session, "laptop", None).await;
    socket.prompt(1, "one two three").await;
    let frames = socket.until(|frame| frame["d"] == "two").await;
    let cursor = frames.last().unwrap()["id"].as_str().unwrap().to_owned();
    // Not closed: cut.
    drop(socket);
    let (mut socket, welcome) = server.attach(&session, "laptop", Some(&cursor)).await;
    assert!(welcome["outcome"]["resumed"]["from"].is_number(), "{welcome}");
    assert_eq!(welcome["high"], 1);
    let frames = socket.until(entry("turn_end")).await;
    assert_eq!(outputs(&frames), ["three"]);
    // What was accepted before is accepted again, and does not run again.
    socket.prompt(1, "one two three").await;
    let again = socket.until(|frame| frame["t"] == "accepted").await;
    assert_eq!(again.last().unwrap()["again"], true);
}

#[tokio::test]
async fn a_cursor_that_is_of_no_use_is_said_in_the_welcome() {
    let server = Server::new().await;
    let session = server.session().await;
    for (cursor, why) in [("rubbish", "malformed"), ("1.0", "log_changed")] {
        let (_, welcome) = server.attach(&session, "laptop", Some(cursor)).await;
        assert_eq!(welcome["outcome"]["reset"]["why"], why);
    }
}

#[tokio::test]
async fn a_second_connection_of_a_client_closes_its_first() {
    let server = Server::new().await;
    let session = server.session().await;
    let (mut first, _) = server.attach(&session, "laptop", None).await;
    let (mut second, _) = server.attach(&session, "laptop", None).await;
    assert_eq!(first.code().await, 4009);
    second.prompt(1, "hello").await;
    assert_eq!(outputs(&second.until(entry("turn_end")).await), ["hello"]);
}

#[tokio::test]
async fn two_clients_see_the_same() {
    let server = Server::new().await;
    let session = server.session().await;
    let (mut laptop, _) = server.attach(&session, "laptop", None).await;
    let (mut phone, _) = server.attach(&session, "phone", None).await;
    laptop.prompt(1, "one two").await;
    let logged = |frames: Vec<serde_json::Value>| -> Vec<serde_json::Value> {
        frames.into_iter().filter(|frame| frame["t"] == "ev").collect()
    };
    let (laptop, phone) =
        (laptop.until(entry("turn_end")).await, phone.until(entry("turn_end")).await);
    assert_eq!(logged(laptop), logged(phone));
}

#[tokio::test]
async fn a_turn_is_interrupted_and_a_session_is_stopped_over_the_socket() {
    let server = Server::new().await;
    let session = server.session().await;
    let (mut socket, _) = server.attach(&session, "laptop", None).await;
    socket.prompt(1, "hold").await;
    socket.until(|frame| frame["d"] == "holding").await;
    socket.say(&json!({ "t": "interrupt", "turn": 1 })).await;
    let frames = socket.until(entry("turn_end")).await;
    assert_eq!(frames.last().unwrap()["outcome"], "interrupted");
    socket.say(&json!({ "t": "stop", "incarnation": 1 })).await;
    let frames = socket.until(entry("end")).await;
    assert_eq!(outputs(&frames), ["goodbye"]);
}

#[tokio::test]
async fn what_is_asked_is_answered_by_whoever_is_first() {
    let server = Server::new().await;
    let session = server.session().await;
    let (mut socket, _) = server.attach(&session, "laptop", None).await;
    socket.prompt(1, "ask").await;
    let asked = socket.until(entry("ask")).await;
    let ask: u64 =
        asked.last().unwrap()["id"].as_str().unwrap().split('.').nth(1).unwrap().parse().unwrap();
    socket.say(&json!({ "t": "answer", "ask": ask, "d": "yes" })).await;
    let frames = socket.until(entry("turn_end")).await;
    assert_eq!(outputs(&frames), ["yes"]);
    socket.say(&json!({ "t": "answer", "ask": ask, "d": "no" })).await;
    let late = socket.until(|frame| frame["t"] == "refused").await;
    assert_eq!(late.last().unwrap()["reason"], "ask_settled");
}

#[tokio::test]
async fn a_prompt_out_of_order_is_refused_with_the_rule_and_the_connection_stays() {
    let server = Server::new().await;
    let session = server.session().await;
    let (mut socket, _) = server.attach(&session, "laptop", None).await;
    socket.prompt(7, "too early").await;
    let refused = socket.hear().await.unwrap();
    assert_eq!(refused["t"], "refused");
    assert_eq!((&refused["reason"], &refused["rule"]), (&json!("gap"), &json!("P4")));
    assert_eq!((&refused["n"], &refused["expected"]), (&json!(7), &json!(1)));
    socket.say(&json!({ "t": "ping" })).await;
    assert_eq!(socket.hear().await.unwrap()["t"], "pong");
}

#[tokio::test]
async fn a_first_frame_that_is_no_attach_closes() {
    let server = Server::new().await;
    let session = server.session().await;
    for first in
        [r#"{"t":"prompt","n":1,"d":1}"#, r#"{"t":"resume"}"#, "rubbish", r#"{"t":"what"}"#]
    {
        let (mut socket, _) = server.dial(&session, &[]).await.unwrap();
        socket.send(Message::text(first)).await.unwrap();
        assert_eq!(socket.code().await, 4002, "{first}");
    }
}

#[tokio::test]
async fn what_is_no_frame_is_told_and_at_last_closes() {
    let server = Server::new().await;
    let session = server.session().await;
    let (mut socket, _) = server.attach(&session, "laptop", None).await;
    for _ in 0..9 {
        socket.send(Message::text("{")).await.unwrap();
        let told = socket.hear().await.unwrap();
        assert_eq!(told["t"], "error");
        assert!(told["message"].as_str().unwrap().contains("EOF"), "{told}");
    }
    socket.send(Message::text(r#"{"t":"dance"}"#)).await.unwrap();
    assert_eq!(socket.code().await, 4002);
}

#[tokio::test]
async fn a_second_attach_changes_nothing() {
    let server = Server::new().await;
    let session = server.session().await;
    let (mut socket, _) = server.attach(&session, "laptop", None).await;
    socket.say(&json!({ "t": "attach", "client": "phone" })).await;
    socket.say(&json!({ "t": "ping" })).await;
    assert_eq!(socket.hear().await.unwrap()["t"], "pong");
}

#[tokio::test]
async fn binary_frames_and_frames_that_are_too_large_close() {
    let server = Server::new().await;
    let session = server.session().await;
    let (mut socket, _) = server.attach(&session, "laptop", None).await;
    socket.send(Message::binary(vec![0])).await.unwrap();
    assert_eq!(socket.code().await, 4002);
    // A little too large, and then so large that it is not read.
    for size in [300 << 10, 600 << 10] {
        let (mut socket, _) = server.attach(&session, "laptop", None).await;
        // The server may have closed before all of it was sent.
        _ = socket.send(Message::text("x".repeat(size))).await;
        assert_eq!(socket.code().await, 1009, "{size}");
    }
}

#[tokio::test]
async fn the_subprotocol_is_selected_or_refused() {
    let server = Server::new().await;
    let session = server.session().await;
    let ask = |protocols| [("sec-websocket-protocol", protocols)];
    let (_, selected) = server.dial(&session, &ask("other, outlive.v1")).await.unwrap();
    assert_eq!(selected.as_deref(), Some("outlive.v1"));
    let (status, problem) = server.dial(&session, &ask("outlive.v9")).await.err().unwrap();
    assert_eq!((status, &problem["error"]), (426, &json!("version")));
    assert_eq!(problem["right"], "outlive.v1");
    let (_, selected) = server.dial(&session, &[]).await.unwrap();
    assert_eq!(selected, None);
    let plain = server.get(&format!("{session}/ws")).await;
    assert_eq!((plain.status, plain.json()["error"].clone()), (426, json!("upgrade")));
}

#[tokio::test]
async fn a_detach_is_answered_with_a_close() {
    let server = Server::new().await;
    let session = server.session().await;
    let (mut socket, _) = server.attach(&session, "laptop", None).await;
    socket.say(&json!({ "t": "detach" })).await;
    assert_eq!(socket.code().await, 1000);
}

#[tokio::test]
async fn a_client_that_closes_gets_its_close_back() {
    let server = Server::new().await;
    let session = server.session().await;
    let (mut socket, _) = server.attach(&session, "laptop", None).await;
    socket.send(Message::Close(None)).await.unwrap();
    // The echo, and then the end: no cut.
    assert!(matches!(socket.0.next().await, Some(Ok(Message::Close(_)))));
    assert!(socket.0.next().await.is_none());
}

#[tokio::test]
async fn a_long_answer_comes_whole_and_in_order() {
    let server = Server::new().await;
    let session = server.session().await;
    let (mut socket, _) = server.attach(&session, "laptop", None).await;
    socket.prompt(1, "long 2000").await;
    let frames = socket.until(entry("turn_end")).await;
    let places = frames.iter().filter_map(|frame| frame["id"].as_str());
    let places: Vec<u64> =
        places.map(|id| id.split('.').nth(1).unwrap().parse().unwrap()).collect();
    assert_eq!(places, (1..=2_002).collect::<Vec<u64>>());
}

#[tokio::test]
async fn a_close_for_what_the_peer_did_wrong_says_what_it_was() {
    let server = Server::new().await;
    let session = server.session().await;
    let attach =
        |client: &str| Message::text(json!({ "t": "attach", "client": client }).to_string());
    for (sent, why) in [
        (attach(""), "a client's name is 1 to 64 bytes"),
        (attach(&"x".repeat(65)), "a client's name is 1 to 64 bytes"),
        (Message::binary(vec![1]), "not binary ones"),
        (Message::text("{\"t\":\"prompt\",\"n\":1,\"d\":1}"), "the first frame must be `attach`"),
        (Message::text("{\"t\":\"hello\"}"), "this is no frame"),
        (Message::text("[]"), "a frame is a JSON object"),
    ] {
        let (mut socket, _) = server.dial(&session, &[]).await.unwrap();
        socket.send(sent).await.unwrap();
        let said = loop {
            match socket.0.next().await {
                Some(Ok(Message::Close(Some(close)))) => break close,
                Some(Ok(_)) => {}
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(u16::from(said.code), 4002);
        assert!(said.reason.contains(why), "{said:?}");
    }
}

#[tokio::test]
async fn a_close_after_too_many_mistakes_says_that_there_were_too_many() {
    let server = Server::new().await;
    let session = server.session().await;
    let (mut socket, _) = server.attach(&session, "laptop", None).await;
    for mistake in 1..=10 {
        socket.send(Message::text("[]")).await.unwrap();
        match socket.0.next().await {
            Some(Ok(Message::Text(told))) if mistake < 10 => {
                assert!(told.contains("this is no frame"), "{told}");
            }
            Some(Ok(Message::Close(Some(said)))) if mistake == 10 => {
                assert_eq!(u16::from(said.code), 4002);
                assert!(said.reason.starts_with("too many frames"), "{said:?}");
            }
            other => panic!("{mistake}: {other:?}"),
        }
    }
}
