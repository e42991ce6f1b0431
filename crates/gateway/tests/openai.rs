//! A server of `OpenAI`'s form, which is sent the conversation and streams an answer.

use outlive_gateway::{Gateway, GatewayError, GatewayOptions, OpenAi};
use outlive_server::hub::Hub;
use serde_json::{Value, json};
use tokio::net::UnixListener;

use super::backend::{Backend, Call};
use super::stage::{Ended, Stage};

const EVENTS: &str = "text/event-stream";

/// With a gateway to this server.
async fn stage(backend: &Backend, options: GatewayOptions) -> Stage {
    let openai = OpenAi::new("small").system("Be brief.").key("sk-1").unwrap();
    let gateway = Gateway::openai(backend.url("/v1"), openai, options).unwrap();
    Stage::of(Hub::builder(), gateway).await
}

/// An event with a piece of the answer.
fn piece(text: &str) -> String {
    event(&json!({ "choices": [{ "index": 0, "delta": { "content": text } }] }))
}

/// The event that says why the answer ends.
fn finish(why: &str) -> String {
    event(&json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": why }] }))
}

fn event(json: &Value) -> String {
    format!("data: {json}\n\n")
}

/// Answers with these pieces.
async fn say(call: Call, pieces: &[&str]) {
    let pieces: String = pieces.iter().map(|text| piece(text)).collect();
    call.send(200, EVENTS, &format!("{pieces}{}data: [DONE]\n\n", finish("stop"))).await;
}

/// The messages of a request, without that of the system.
fn messages(call: &Call) -> Vec<(&str, &str)> {
    let messages = call.json["messages"].as_array().unwrap().iter().skip(1);
    let text = |message: &'_ Value, field: &str| message[field].as_str().unwrap().to_owned().leak();
    messages.map(|one| (&*text(one, "role"), &*text(one, "content"))).collect()
}

/// A turn that is answered with this, to the end of the response.
async fn turn(body: &str) -> Ended {
    let mut backend = Backend::new().await;
    let mut stage = stage(&backend, GatewayOptions::default()).await;
    stage.prompt(1, &"hello").await;
    backend.call().await.send(200, EVENTS, body).await;
    stage.ended(1).await
}

#[tokio::test]
async fn a_prompt_is_a_completion_whose_pieces_are_entries() {
    let mut backend = Backend::new().await;
    let mut stage = stage(&backend, GatewayOptions::default()).await;
    stage.prompt(1, &"hello").await;
    let call = backend.call().await;
    assert_eq!(call.path, "/v1/chat/completions");
    assert_eq!(call.headers["authorization"], "Bearer sk-1");
    assert_eq!(call.headers["idempotency-key"], format!("{}/1", stage.session));
    let asked = json!([
        { "role": "system", "content": "Be brief." },
        { "role": "user", "content": "hello" },
    ]);
    assert_eq!(call.json, json!({ "model": "small", "stream": true, "messages": asked }));
    let role = event(&json!({ "choices": [{ "delta": { "role": "assistant", "content": "" } }] }));
    let thought = event(&json!({ "choices": [{ "delta": { "reasoning_content": "hm" } }] }));
    let usage = event(&json!({ "choices": [], "usage": { "total_tokens": 9 } }));
    let (hi, there, stop) = (piece("Hi"), piece(" there"), finish("stop"));
    let body = format!(": hm\n\n{role}{thought}{hi}{there}{stop}{usage}data: [DONE]\n\n");
    call.send(200, EVENTS, &body).await;
    let right = Ended {
        outputs: vec![json!("Hi"), json!(" there")],
        outcome: "completed".into(),
        error: String::new(),
    };
    assert_eq!(stage.ended(1).await, right);
}

/// Each answer stands behind its own prompt, also of prompts that waited; what has no answer is said with the next.
#[tokio::test]
async fn the_conversation_is_made_of_the_log_and_its_roles_take_turns() {
    let mut backend = Backend::new().await;
    let mut stage = stage(&backend, GatewayOptions::default()).await;
    stage.prompt(1, &"one").await;
    let call = backend.call().await;
    stage.prompt(2, &"two").await;
    stage.until(|entry| entry["n"] == 2).await;
    say(call, &["first", " answer"]).await;
    let call = backend.call().await;
    let so_far = [("user", "one"), ("assistant", "first answer"), ("user", "two")];
    assert_eq!(messages(&call), so_far);
    // An empty answer, a failure that has said nothing, and a prompt that is no text.
    call.send(200, EVENTS, "data: [DONE]\n\n").await;
    assert_eq!(stage.ended(2).await.outcome, "empty");
    stage.prompt(3, &"three").await;
    backend.call().await.send(500, "text/plain", "oh").await;
    stage.ended(3).await;
    stage.prompt(4, &json!({ "four": 4 })).await;
    let call = backend.call().await;
    let so_far = [so_far[0], so_far[1], ("user", "two\n\nthree\n\n{\"four\":4}")];
    assert_eq!(messages(&call), so_far);
    // What was said before an interrupt was read.
    let response = call.respond(200, EVENTS);
    response.send(piece("half")).await;
    stage.until(|entry| entry["d"] == "half").await;
    stage.viewer.interrupt(9).await;
    response.closed().await;
    assert_eq!(stage.ended(4).await.outcome, "interrupted");
    stage.prompt(5, &"five").await;
    let call = backend.call().await;
    assert_eq!(messages(&call)[2..], [so_far[2], ("assistant", "half"), ("user", "five")]);
}

#[tokio::test]
async fn the_conversation_is_bounded_and_begins_with_a_prompt() {
    for (options, right) in [
        (GatewayOptions::default().history(4, 1 << 20), &["again"][..]),
        (GatewayOptions::default().history(10, 170), &["again"]),
        (GatewayOptions::default().history(0, 1 << 20), &["again"]),
        (GatewayOptions::default(), &["hello", "well", "again"]),
    ] {
        let mut backend = Backend::new().await;
        let mut stage = stage(&backend, options).await;
        stage.prompt(1, &"hello").await;
        say(backend.call().await, &["w", "ell"]).await;
        stage.ended(1).await;
        stage.prompt(2, &"again").await;
        let call = backend.call().await;
        let said: Vec<&str> = messages(&call).iter().map(|(_, content)| *content).collect();
        assert_eq!(said, right);
    }
}

#[tokio::test]
async fn an_answer_ends_with_its_reason_or_with_done() {
    let hi = piece("hi");
    for (end, outcome, part) in [
        ("data: [DONE]\n\n".to_owned(), "completed", ""),
        (finish("stop"), "completed", ""),
        (finish("stop") + "data: no JSON any more\n\n", "completed", ""),
        (finish("length"), "failed", "before it was whole: length"),
        (finish("content_filter") + "data: [DONE]\n\n", "failed", "content_filter"),
        (String::new(), "failed", "after 1 entries without a finish_reason"),
        ("data: {\"choices\":".to_owned(), "failed", "middle of an event"),
        (event(&json!({ "error": { "message": "out of\n memory" } })), "failed", "out of memory"),
        (event(&json!({ "error": "out of memory" })), "failed", "failed: out of memory"),
        ("data: oops\n\n".to_owned(), "failed", "line 4 "),
    ] {
        let ended = turn(&format!("{hi}{end}")).await;
        assert_eq!((ended.outputs, ended.outcome.as_str()), (vec![json!("hi")], outcome), "{end}");
        assert!(ended.error.contains(part), "{} has no {part}", ended.error);
    }
}

#[tokio::test]
async fn a_stream_that_is_cut_fails_its_turn_and_after_its_reason_it_cannot() {
    let mut backend = Backend::new().await;
    let mut stage = stage(&backend, GatewayOptions::default()).await;
    for (number, body, outcome) in
        [(1, piece("hi"), "failed"), (2, piece("hi") + &finish("stop"), "completed")]
    {
        stage.prompt(number, &"hello").await;
        let response = backend.call().await.respond(200, EVENTS);
        response.send(body).await;
        response.cut().await;
        let ended = stage.ended(number.try_into().unwrap()).await;
        assert_eq!((ended.outputs, ended.outcome.as_str()), (vec![json!("hi")], outcome));
    }
    assert!(backend.is_idle(), "nothing was sent again");
}

#[tokio::test]
async fn a_refusal_of_the_model_is_its_answer_and_a_tool_that_it_calls_fails_the_turn() {
    let refusal = event(&json!({ "choices": [{ "delta": { "refusal": "No." } }] }));
    let ended = turn(&(refusal + &finish("stop"))).await;
    assert_eq!((ended.outputs, ended.outcome.as_str()), (vec![json!("No.")], "completed"));
    let call = json!([{ "index": 0, "function": { "name": "delete" } }]);
    let call = event(&json!({ "choices": [{ "delta": { "content": null, "tool_calls": call } }] }));
    let ended = turn(&(piece("hm") + &call + &finish("tool_calls"))).await;
    assert_eq!((ended.outputs, ended.outcome.as_str()), (vec![json!("hm")], "failed"));
    assert!(ended.error.contains("calls a tool"), "{}", ended.error);
}

#[tokio::test]
async fn an_error_of_the_server_is_the_turns_failure_with_its_message() {
    let mut backend = Backend::new().await;
    let mut stage = stage(&backend, GatewayOptions::default()).await;
    let error = json!({ "error": { "message": "no such model", "type": "invalid_request_error" } });
    for (number, status, content_type, body, right) in [
        (1, 404, "application/json", error.to_string(), "404 Not Found: no such model"),
        (2, 400, "application/json", r#"{"error":"too long"}"#.into(), "400 Bad Request: too long"),
        (
            3,
            200,
            "application/json",
            "{}".into(),
            "application/json, and must have one of text/event-stream",
        ),
    ] {
        stage.prompt(number, &"hello").await;
        backend.call().await.send(status, content_type, &body).await;
        let ended = stage.ended(number.try_into().unwrap()).await;
        assert_eq!((ended.outputs.len(), ended.outcome.as_str()), (0, "failed"));
        assert!(ended.error.contains(right), "{} has no {right}", ended.error);
        assert!(!ended.error.contains("ndjson"), "{}", ended.error);
    }
}

#[tokio::test]
async fn an_interrupt_closes_the_request_of_a_model_over_a_unix_socket() {
    let place = outlive_testkit::place::Place::new();
    let listener = UnixListener::bind(place.folder().join("model.sock")).unwrap();
    let mut backend = Backend::unix(listener);
    let openai = OpenAi::new("small");
    let gateway = Gateway::openai(backend.url("/"), openai, GatewayOptions::default()).unwrap();
    let mut stage = Stage::of(Hub::builder(), gateway).await;
    stage.prompt(1, &"hello").await;
    let call = backend.call().await;
    assert_eq!(call.path, "/v1/chat/completions");
    assert!(!call.headers.contains_key("authorization"));
    let response = call.respond(200, EVENTS);
    response.send(piece("hi")).await;
    stage.until(|entry| entry["d"] == "hi").await;
    stage.viewer.interrupt(1).await;
    response.closed().await;
    assert_eq!(stage.ended(1).await.outcome, "interrupted");
}

#[test]
fn what_can_never_work_is_said_at_once() {
    let new =
        |url: &str, options| Gateway::openai(url.parse().unwrap(), OpenAi::new("small"), options);
    for url in ["http://a/v1/chat/completions", "http://a/v1?x=y"] {
        let why = new(url, GatewayOptions::default()).unwrap_err();
        assert!(matches!(why, GatewayError::NoBase { .. }), "{why}");
        assert!(why.to_string().contains("http://127.0.0.1:8000/v1"), "{why}");
    }
    let why = new("http://a/v1", GatewayOptions::default().history_url("http://here"));
    assert_eq!(why.unwrap_err(), GatewayError::HistoryUrl);
    for key in ["", "two words", "a\nb"] {
        assert_eq!(OpenAi::new("small").key(key).unwrap_err(), GatewayError::Key);
    }
    let shown = format!("{:?}", OpenAi::new("small").key("hush").unwrap());
    assert!(!shown.contains("hush"), "{shown}");
}
