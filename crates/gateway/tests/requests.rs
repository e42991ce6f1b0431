//! What a backend is sent.

use outlive::Limits;
use outlive_gateway::{Gateway, GatewayOptions};
use outlive_server::hub::Hub;
use serde_json::json;

use super::backend::Backend;
use super::stage::Stage;

#[tokio::test]
async fn a_prompt_is_one_post_with_the_conversation_so_far_and_a_key() {
    let mut backend = Backend::new().await;
    let mut stage = Stage::new(&backend, GatewayOptions::default()).await;
    stage.prompt(1, &json!({ "text": "hello" })).await;
    let call = backend.call().await;
    let session = stage.session.to_string();
    assert_eq!(call.path, "/answer");
    assert_eq!(call.headers["idempotency-key"], format!("{session}/1"));
    assert_eq!(call.headers["fencing-token"], "1");
    assert_eq!(call.headers["content-type"], "application/json");
    let accepted = call.headers["accept"].to_str().unwrap();
    assert!(accepted.starts_with("text/event-stream, application/x-ndjson"), "{accepted}");
    let at = call.json["at"].as_u64().unwrap();
    let right = json!({
        "session": session, "incarnation": 1, "turn": 1, "client": "laptop", "by": "ann", "at": at,
        "prompt": { "text": "hello" }, "history": { "complete": true, "entries": [] },
    });
    assert_eq!(call.json, right);
    // Those that wait are not said yet.
    for (number, prompt) in [(2, "again"), (3, "and again")] {
        stage.prompt(number, &prompt).await;
    }
    stage.until(|entry| entry["n"] == 3).await;
    call.send(200, "application/x-ndjson", "\"hi\"\n").await;
    let call = backend.call().await;
    assert_eq!(call.headers["idempotency-key"], format!("{session}/2"));
    assert_eq!((&call.json["turn"], &call.json["prompt"]), (&json!(2), &json!("again")));
    let mut history = call.json["history"].clone();
    let entries = history["entries"].as_array_mut().unwrap();
    let times = entries.iter_mut().map(|entry| entry.as_object_mut().unwrap().remove("at"));
    let times: Vec<u64> = times.map(|at| at.unwrap().as_u64().unwrap()).collect();
    assert!(times[0] == at && times.is_sorted(), "{times:?} after {at}");
    let entries = json!([
        { "seq": 1, "entry": "prompt", "client": "laptop", "by": "ann", "n": 1, "d": { "text": "hello" } },
        { "seq": 4, "entry": "output", "turn": 1, "d": "hi" },
        { "seq": 5, "entry": "turn_end", "turn": 1, "outcome": "completed" },
    ]);
    assert_eq!(history, json!({ "complete": true, "entries": entries }));
    call.send(200, "text/plain", "well").await;
    let call = backend.call().await;
    let places = call.json["history"]["entries"].as_array().unwrap().iter();
    assert!(places.map(|entry| entry["seq"].as_u64().unwrap()).eq([1, 2, 4, 5, 6, 7]));
}

#[tokio::test]
async fn the_conversation_is_bounded_in_entries_and_in_bytes() {
    for (options, right) in [
        (GatewayOptions::default().history(2, 1 << 20), Some(vec![3])),
        (GatewayOptions::default().history(10, 220), Some(vec![3])),
        (GatewayOptions::default().history(0, 1 << 20), Some(vec![])),
        (GatewayOptions::default().history_url("http://here/"), None),
    ] {
        let mut backend = Backend::new().await;
        let mut stage = Stage::new(&backend, options).await;
        stage.prompt(1, &"hello").await;
        backend.call().await.send(200, "text/plain", "well").await;
        stage.ended(1).await;
        stage.prompt(2, &"x".repeat(30)).await;
        let history = backend.call().await.json["history"].clone();
        let Some(right) = right else {
            let url = format!("http://here/sessions/{}/events?until=head", stage.session);
            assert_eq!(history, json!({ "url": url }));
            continue;
        };
        assert_eq!(history["complete"], false);
        let entries = history["entries"].as_array().unwrap().iter();
        let places: Vec<u64> = entries.map(|entry| entry["seq"].as_u64().unwrap()).collect();
        assert_eq!(places, right, "the turn's own prompt counts, and is left out");
    }
}

#[tokio::test]
async fn a_log_that_was_trimmed_is_not_complete() {
    let mut backend = Backend::new().await;
    let gateway = Gateway::new(backend.url("/answer"), GatewayOptions::default()).unwrap();
    let limits = Limits { retention: 3, ..Limits::default() };
    let mut stage = Stage::of(Hub::builder().limits(limits), gateway).await;
    for number in 1..=2 {
        stage.prompt(number, &"hello").await;
        backend.call().await.send(200, "text/plain", "well").await;
        stage.ended(number.try_into().unwrap()).await;
    }
    stage.prompt(3, &"hello").await;
    let history = backend.call().await.json["history"].clone();
    assert_eq!(history["complete"], false, "{history}");
    assert_eq!(history["entries"].as_array().unwrap().len(), 2, "{history}");
}
