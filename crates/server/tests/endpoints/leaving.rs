//! The server leaves.

use std::time::Duration;

use outlive_server::hub::Drain;
use serde_json::json;

use outlive_testkit::endpoints::Server;

const AT_ONCE: Drain = Drain { window: Duration::ZERO, deadline: Duration::ZERO };

#[tokio::test]
async fn every_connection_is_told_and_closed() {
    let server = Server::new().await;
    let session = server.session().await;
    let (mut socket, _) = server.attach(&session, "laptop", None).await;
    let (mut stranger, _) = server.dial(&session, &[]).await.unwrap();
    let mut events = server.events(&format!("{session}/events"), &[]).await;
    events.until("welcome").await;
    let patient = Drain { window: Duration::ZERO, deadline: Duration::from_secs(600) };
    let hub = server.hub.clone();
    let drained = tokio::spawn(async move { hub.drain(patient).await });
    assert_eq!(socket.hear().await.unwrap()["t"], "goaway");
    assert_eq!(socket.code().await, 1012);
    // Who has not said who it is hears of it when it does.
    stranger.say(&json!({ "t": "attach", "client": "stranger" })).await;
    assert_eq!(stranger.hear().await.unwrap()["t"], "goaway");
    assert_eq!(stranger.code().await, 1012);
    let goaway = events.until("goaway").await;
    assert!(goaway.retry.is_some());
    assert_eq!(events.until("close").await.data["code"], 1012);
    assert_eq!(events.next().await, None);
    drained.await.unwrap();
}

#[tokio::test]
async fn who_comes_while_the_server_leaves_is_sent_on() {
    let server = Server::new().await;
    let session = server.session().await;
    assert_eq!(server.get("/ready").await.status, 200);
    server.hub.drain(AT_ONCE).await;
    let ready = server.get("/ready").await;
    assert_eq!((ready.status, ready.json()["error"].clone()), (503, json!("draining")));
    let told = server.request("POST", "/sessions", &[], "").await;
    assert_eq!((told.status, told.headers["retry-after"].as_str()), (503, "5"));
    let told = server.get(&format!("{session}/events")).await;
    assert_eq!((told.status, told.headers["retry-after"].as_str()), (503, "5"));
    let (mut socket, _) = server.dial(&session, &[]).await.unwrap();
    socket.say(&json!({ "t": "attach", "client": "laptop" })).await;
    let goaway = json!({ "t": "goaway", "retry_after_ms": [1_000, 5_000] });
    assert_eq!(socket.hear().await, Ok(goaway), "no hint when to come back");
    assert_eq!(socket.code().await, 1012);
}

#[tokio::test]
async fn a_turn_that_runs_may_finish() {
    let server = Server::new().await;
    let session = server.session().await;
    let (mut socket, _) = server.attach(&session, "laptop", None).await;
    socket.prompt(1, "hold").await;
    socket.until(|frame| frame["d"] == "holding").await;
    let hub = server.hub.clone();
    let patient = Drain { window: Duration::ZERO, deadline: Duration::from_secs(600) };
    let drained = tokio::spawn(async move { hub.drain(patient).await });
    assert_eq!(socket.code().await, 1012);
    // The session is here until its turn is over.
    let told = server.post(&format!("{session}/interrupt"), &json!({ "turn": 1 })).await;
    assert_eq!(told.status, 202);
    drained.await.unwrap();
}
