//! Interrupts, stops and closeouts.

use std::time::Duration;

use outlive::Limits;
use outlive_gateway::{Gateway, GatewayOptions};
use outlive_server::hub::Hub;
use outlive_testkit::endpoints::freeze;
use serde_json::{Value, json};

use super::backend::{Backend, Pieces};
use super::logs::{hear, line};
use super::stage::{Stage, outputs};

/// A turn that has said one thing, and would say more.
async fn begun(stage: &mut Stage, backend: &mut Backend) -> Pieces {
    stage.prompt(1, &"hello").await;
    let response = backend.call().await.respond(200, "text/plain");
    response.send("begun").await;
    stage.until(|entry| entry["d"] == "begun").await;
    response
}

#[tokio::test]
async fn an_interrupt_closes_the_request() {
    let mut backend = Backend::new().await;
    let mut stage = Stage::new(&backend, GatewayOptions::default()).await;
    let response = begun(&mut stage, &mut backend).await;
    stage.viewer.interrupt(1).await;
    response.closed().await;
    let ended = stage.ended(1).await;
    assert_eq!((ended.outputs, ended.outcome.as_str()), (vec![json!("begun")], "interrupted"));
    assert!(backend.is_idle());
    // And before the backend has answered at all.
    stage.prompt(2, &"hello").await;
    let call = backend.call().await;
    stage.viewer.interrupt(call.json["turn"].as_u64().unwrap()).await;
    assert_eq!(stage.ended(2).await.outcome, "interrupted");
    call.respond(200, "text/plain").closed().await;
}

#[tokio::test]
async fn an_interrupt_is_told_before_the_request_is_closed() {
    let mut backend = Backend::new().await;
    let options = GatewayOptions::default().interrupt(backend.url("/interrupt"));
    let mut stage = Stage::new(&backend, options).await;
    let response = begun(&mut stage, &mut backend).await;
    stage.viewer.interrupt(1).await;
    let call = backend.call().await;
    assert!(!response.is_closed());
    let session = stage.session.to_string();
    assert_eq!(call.path, "/interrupt");
    assert_eq!(call.json, json!({ "session": session, "incarnation": 1, "turn": 1 }));
    assert_eq!(call.headers["idempotency-key"], format!("{session}/1/interrupt"));
    drop(call.respond(204, ""));
    response.closed().await;
    assert_eq!(stage.ended(1).await.outcome, "interrupted");
}

#[tokio::test]
async fn an_interrupt_that_is_not_answered_has_a_deadline_of_its_own() {
    let mut lines = hear();
    let mut backend = Backend::new().await;
    let options = GatewayOptions::default().interrupt(backend.url("/interrupt"));
    let mut stage = Stage::new(&backend, options).await;
    let response = begun(&mut stage, &mut backend).await;
    let _frozen = freeze();
    stage.viewer.interrupt(1).await;
    let call = backend.call().await;
    tokio::time::advance(Duration::from_millis(5_001)).await;
    response.closed().await;
    assert_eq!(stage.ended(1).await.outcome, "interrupted");
    line(&mut lines, &[stage.session.as_str(), "did not answer an interrupt in time"]).await;
    drop(call);
}

#[tokio::test]
async fn an_interrupt_that_the_backend_refuses_is_logged_and_the_turn_ends() {
    let mut lines = hear();
    let mut backend = Backend::new().await;
    let options = GatewayOptions::default().interrupt(backend.url("/interrupt"));
    let mut stage = Stage::new(&backend, options).await;
    let _response = begun(&mut stage, &mut backend).await;
    stage.viewer.interrupt(1).await;
    backend.call().await.send(500, "text/plain", "no").await;
    assert_eq!(stage.ended(1).await.outcome, "interrupted");
    line(&mut lines, &[stage.session.as_str(), "500", "refused an interrupt"]).await;
}

#[tokio::test]
async fn a_backend_that_hangs_meets_the_timeout_of_turns_and_its_request_is_closed() {
    let mut backend = Backend::new().await;
    let gateway = Gateway::new(backend.url("/answer"), GatewayOptions::default()).unwrap();
    let limits = Limits { turn_ms: Some(60_000), ..Limits::default() };
    let mut stage = Stage::of(Hub::builder().limits(limits), gateway).await;
    let _frozen = freeze();
    let response = begun(&mut stage, &mut backend).await;
    tokio::time::advance(Duration::from_millis(60_001)).await;
    response.closed().await;
    assert_eq!(stage.ended(1).await.outcome, "failed");
    stage.until(|entry| entry["entry"] == "end" && entry["why"] == "turn_timeout").await;
    stage.prompt(2, &"again").await;
    let call = backend.call().await;
    assert_eq!((&call.json["prompt"], &call.json["incarnation"]), (&json!("again"), &json!(2)));
}

#[tokio::test]
async fn a_stop_in_mid_answer_is_an_interrupt_and_then_a_closeout_whose_response_is_the_last_output()
 {
    let mut backend = Backend::new().await;
    let options = GatewayOptions::default()
        .interrupt(backend.url("/interrupt"))
        .closeout(backend.url("/closeout"));
    let mut stage = Stage::new(&backend, options).await;
    let response = begun(&mut stage, &mut backend).await;
    stage.viewer.stop(1).await;
    let call = backend.call().await;
    assert_eq!(call.path, "/interrupt");
    drop(call.respond(204, ""));
    response.closed().await;
    let call = backend.call().await;
    let session = stage.session.to_string();
    assert_eq!(call.path, "/closeout");
    assert_eq!(call.headers["idempotency-key"], format!("{session}/closeout/1"));
    assert_eq!((&call.json["session"], &call.json["incarnation"]), (&json!(session), &json!(1)));
    assert_eq!(call.json["history"]["entries"][0]["d"], "hello");
    call.send(200, "text/event-stream", "data: saved\n\ndata: goodbye\n\n").await;
    stage.until(|entry| entry["entry"] == "end").await;
    assert_eq!(outputs(&stage.log(), &Value::Null), ["saved", "goodbye"]);
    assert_eq!(stage.ended(1).await.outcome, "interrupted");
}

#[tokio::test]
async fn a_closeout_that_hangs_has_a_deadline_of_its_own() {
    let mut lines = hear();
    let mut backend = Backend::new().await;
    let options = GatewayOptions::default().closeout(backend.url("/closeout"));
    let mut stage = Stage::new(&backend, options).await;
    stage.prompt(1, &"hello").await;
    backend.call().await.send(200, "text/plain", "well").await;
    stage.ended(1).await;
    let _frozen = freeze();
    stage.viewer.stop(1).await;
    let response = backend.call().await.respond(200, "text/plain");
    response.send("half").await;
    stage.until(|entry| entry["d"] == "half").await;
    tokio::time::advance(Duration::from_millis(60_001)).await;
    response.closed().await;
    stage.until(|entry| entry["entry"] == "end").await;
    line(&mut lines, &[stage.session.as_str(), "did not close out in time"]).await;
}

#[tokio::test]
async fn a_closeout_that_fails_is_logged_and_the_session_ends() {
    let mut lines = hear();
    let mut backend = Backend::new().await;
    let options = GatewayOptions::default().closeout(backend.url("/closeout"));
    let mut stage = Stage::new(&backend, options).await;
    stage.prompt(1, &"hello").await;
    backend.call().await.send(200, "text/plain", "well").await;
    stage.ended(1).await;
    stage.viewer.stop(1).await;
    backend.call().await.send(500, "text/plain", "no").await;
    stage.until(|entry| entry["entry"] == "end").await;
    line(&mut lines, &[stage.session.as_str(), "500", "failed to close out"]).await;
}
