//! What a response may look like, and what becomes of it.

use outlive_gateway::GatewayOptions;
use serde_json::{Value, json};

use super::backend::Backend;
use super::stage::{Ended, Stage};

/// A turn that is answered with this, in these chunks.
async fn turn(content_type: &str, chunks: &[&'static [u8]]) -> Ended {
    let mut backend = Backend::new().await;
    let mut stage = Stage::new(&backend, GatewayOptions::default()).await;
    stage.prompt(1, &"hello").await;
    let response = backend.call().await.respond(200, content_type);
    for chunk in chunks {
        response.send(*chunk).await;
    }
    drop(response);
    let ended = stage.ended(1).await;
    assert!(ended.error.len() < 1_000, "{}", ended.error);
    ended
}

fn completed(outputs: Value) -> Ended {
    let Value::Array(outputs) = outputs else { panic!("{outputs}") };
    Ended { outputs, outcome: "completed".into(), error: String::new() }
}

#[tokio::test]
async fn each_event_is_an_entry_however_it_is_cut_into_chunks() {
    let text = ": hello\r\n\r\ndata: {\"a\":\r\ndata: 1}\r\n\r\nevent: tool\rdata: ü\r\rdata:plain text\n\nid: 3\nretry: 9\ndata: [\"x\"]\n\n";
    let right = json!([{ "a": 1 }, { "event": "tool", "data": "ü" }, "plain text", ["x"]]);
    let bytes: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
    let halves = text.as_bytes().chunks(text.len() / 2).collect();
    for chunks in [vec![text.as_bytes()], halves, bytes] {
        assert_eq!(turn("text/event-stream", &chunks).await, completed(right.clone()));
    }
}

#[tokio::test]
async fn each_line_is_an_entry_and_the_last_one_may_lack_its_end() {
    let text = "{\"a\": \"ü\"}\n\n \"b\"\r\n[1,2]\n3.0";
    let right = json!([{ "a": "ü" }, "b", [1, 2], 3.0]);
    let bytes: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
    for chunks in [vec![text.as_bytes()], bytes] {
        let ended = turn("application/x-ndjson; charset=utf-8", &chunks).await;
        assert_eq!(ended, completed(right.clone()));
    }
}

#[tokio::test]
async fn a_json_document_is_one_entry() {
    let ended = turn("application/json", &[b"{\"a\":", b" [1,\n", b"2]}\n"]).await;
    assert_eq!(ended, completed(json!([{ "a": [1, 2] }])));
}

#[tokio::test]
async fn each_chunk_of_text_is_an_entry_and_no_character_is_cut() {
    let text = "aü€😀".as_bytes();
    let whole = turn("text/plain; charset=UTF-8", &[b"one ", b"two\n", text]).await;
    assert_eq!(whole, completed(json!(["one ", "two\n", "aü€😀"])));
    let bytes: Vec<&[u8]> = text.chunks(1).collect();
    let cut = turn("text/plain", &bytes).await;
    assert_eq!(cut, completed(json!(["a", "ü", "€", "😀"])));
}

#[tokio::test]
async fn an_answer_without_entries_is_empty() {
    let empty = Ended { outputs: vec![], outcome: "empty".into(), error: String::new() };
    for content_type in ["text/event-stream", "application/x-ndjson", "text/plain"] {
        assert_eq!(turn(content_type, &[]).await, empty);
    }
    let mut backend = Backend::new().await;
    let mut stage = Stage::new(&backend, GatewayOptions::default()).await;
    stage.prompt(1, &"hello").await;
    drop(backend.call().await.respond(204, ""));
    assert_eq!(stage.ended(1).await, empty);
}

#[tokio::test]
async fn what_is_malformed_fails_the_turn_with_its_line_and_keeps_what_came_before() {
    let events = "text/event-stream";
    let lines = "application/x-ndjson";
    for (content_type, body, outputs, parts) in [
        (lines, &b"1\n2\n{oops\n3\n"[..], 2, &["line 3 ", "no JSON", "{oops"][..]),
        (lines, b"1\n\n\"a\" \"b\"\n", 1, &["line 3 ", "\"a\" \"b\""]),
        (lines, b"1\n\"\xff\"\n", 1, &["line 2 "]),
        (events, b"data: 1\n\ndata: \xff\n\n", 1, &["line 3 ", "not UTF-8"]),
        (
            events,
            b"data: 1\n\ndata: 2\n",
            1,
            &["in the middle of an event", "line 3", "empty line"],
        ),
        (events, b"data: 1\n\ndata: 2", 1, &["in the middle of an event", "line 3"]),
        ("application/json", b"", 0, &["no JSON"]),
        ("application/json", b"<html>", 0, &["no JSON", "<html>"]),
        ("text/plain", b"a\xffb", 0, &["not UTF-8 after 1 bytes"]),
        ("text/plain", b"a\xe2\x82", 1, &["not UTF-8 after 1 bytes"]),
    ] {
        let ended = turn(content_type, &[body]).await;
        assert_eq!((ended.outputs.len(), ended.outcome.as_str()), (outputs, "failed"), "{ended:?}");
        for part in parts {
            assert!(ended.error.contains(part), "{} has no {part}", ended.error);
        }
    }
}

#[tokio::test]
async fn another_content_type_fails_the_turn_and_says_what_would_be_right() {
    for (content_type, parts) in [
        ("text/html", &["text/html", "text/event-stream", "application/x-ndjson"][..]),
        ("", &["no content type", "application/json", "text/plain"]),
        ("text/plain; charset=iso-8859-1", &["iso-8859-1", "UTF-8"]),
    ] {
        let ended = turn(content_type, &[b"hello"]).await;
        assert_eq!((ended.outputs.len(), ended.outcome.as_str()), (0, "failed"));
        for part in parts {
            assert!(ended.error.contains(part), "{} has no {part}", ended.error);
        }
    }
    let mut backend = Backend::new().await;
    let mut stage = Stage::new(&backend, GatewayOptions::default()).await;
    stage.prompt(1, &"hello").await;
    drop(backend.call().await.respond_with(200, |headers| {
        headers.insert("content-type", "text/plain".parse().unwrap());
        headers.insert("content-encoding", "gzip".parse().unwrap());
    }));
    let error = stage.ended(1).await.error;
    assert!(error.contains("compressed (gzip)"), "{error}");
}

/// What a response asks outlives it: the answer is a request of its own.
#[tokio::test]
async fn a_response_that_asks_ends_the_turn_and_the_answer_is_a_request_of_its_own() {
    for (content_type, body) in [
        ("text/event-stream", "data: \"hm\"\n\nevent: outlive.ask\ndata: {\"delete\":\"all\"}\n\n"),
        ("application/x-ndjson", "\"hm\"\n{\"outlive.ask\":{\"delete\":\"all\"}}\n"),
    ] {
        let mut backend = Backend::new().await;
        let mut stage = Stage::new(&backend, GatewayOptions::default()).await;
        stage.prompt(1, &"clean up").await;
        backend.call().await.send(200, content_type, body).await;
        let ended = stage.ended(1).await;
        assert_eq!((ended.outputs, ended.outcome.as_str()), (vec![json!("hm")], "waiting"));
        stage.answer(3, &json!({ "yes": true })).await;
        let call = backend.call().await;
        let session = stage.session.to_string();
        assert_eq!(call.headers["idempotency-key"], format!("{session}/5"));
        let answers =
            json!({ "ask": 3, "question": { "delete": "all" }, "answer": { "yes": true } });
        assert_eq!((&call.json["turn"], &call.json["prompt"]), (&json!(5), &Value::Null));
        assert_eq!((&call.json["answers"], &call.json["client"]), (&answers, &json!("laptop")));
        assert_eq!((&call.json["by"], call.json["at"].is_u64()), (&json!("ann"), true));
        let places = call.json["history"]["entries"].as_array().unwrap().iter();
        assert!(places.map(|entry| entry["seq"].as_u64().unwrap()).eq([1, 2, 3, 4]));
        call.send(200, "text/plain", "done").await;
        assert_eq!(stage.ended(2).await, completed(json!(["done"])));
    }
}

#[tokio::test]
async fn a_document_may_be_a_question_and_a_question_among_other_fields_is_an_entry() {
    let asks = turn("application/json", &[b"{\"outlive.ask\": \"sure?\"}"]).await;
    assert_eq!((asks.outputs, asks.outcome.as_str()), (vec![], "waiting"));
    let more = json!({ "outlive.ask": "sure?", "by": "me" });
    let line = br#"{"outlive.ask":"sure?","by":"me"}"#;
    assert_eq!(turn("application/x-ndjson", &[line]).await, completed(json!([more])));
}

#[tokio::test]
async fn a_response_that_breaks_after_its_question_asks_nothing() {
    let ended = turn("application/x-ndjson", &[b"{\"outlive.ask\":\"sure?\"}\n{no json\n"]).await;
    assert_eq!(ended.outcome, "failed");
}
