//! A backend that fails. The turn does, and the session lives.

use outlive_gateway::GatewayOptions;
use serde_json::json;

use super::backend::Backend;
use super::stage::Stage;

#[tokio::test]
async fn an_error_of_the_backend_is_the_turns_failure_with_the_problems_text() {
    let mut backend = Backend::new().await;
    let mut stage = Stage::new(&backend, GatewayOptions::default()).await;
    let long = "x".repeat(100_000);
    let problem = json!({ "title": "No credit", "detail": "Pay\n first", "status": 402 });
    let cases = [
        (
            402,
            "application/problem+json",
            problem.to_string(),
            "402 Payment Required: No credit: Pay first",
        ),
        (
            422,
            "application/json",
            json!({ "detail": "no" }).to_string(),
            "422 Unprocessable Entity: no",
        ),
        (500, "application/json", "[1]".into(), "500 Internal Server Error: [1]"),
        (
            500,
            "text/plain",
            "Internal Server Error".into(),
            "500 Internal Server Error: Internal Server Error",
        ),
        (503, "", String::new(), "503 Service Unavailable"),
        (502, "text/html", long, "502 Bad Gateway"),
        (
            307,
            "text/plain",
            "elsewhere".into(),
            "307 Temporary Redirect, and redirects are not followed",
        ),
    ];
    for (number, (status, content_type, body, text)) in (1..).zip(cases) {
        stage.prompt(number, &"hello").await;
        backend.call().await.send(status, content_type, &body).await;
        let ended = stage.ended(number.try_into().unwrap()).await;
        assert_eq!((ended.outputs.len(), ended.outcome.as_str()), (0, "failed"));
        let right = format!("the backend answered {text}");
        assert!(ended.error.starts_with(&right) && ended.error.len() < 700, "{}", ended.error);
        assert!(body.len() > 1_000 || ended.error == right, "{}", ended.error);
    }
    assert!(backend.is_idle(), "nothing was sent again");
}

#[tokio::test]
async fn an_answer_that_is_cut_off_fails_the_turn_and_keeps_what_came() {
    let mut backend = Backend::new().await;
    let mut stage = Stage::new(&backend, GatewayOptions::default()).await;
    for (number, content_type, whole, half) in [
        (1, "text/event-stream", "data: 1\n\n", "data: 2"),
        (2, "application/x-ndjson", "1\n", "2"),
        (3, "application/json", "", "[1]"),
        (4, "text/plain", "one", ""),
    ] {
        stage.prompt(number, &"hello").await;
        let response = backend.call().await.respond(200, content_type);
        response.send(whole).await;
        response.send(half).await;
        response.cut().await;
        let ended = stage.ended(number.try_into().unwrap()).await;
        let came = usize::from(!whole.is_empty());
        assert_eq!((ended.outputs.len(), ended.outcome.as_str()), (came, "failed"), "{ended:?}");
        let right = format!("the backend's answer was cut off after {came} entries: ");
        assert!(ended.error.starts_with(&right), "{}", ended.error);
    }
    stage.prompt(5, &"hello").await;
    backend.call().await.send(200, "text/plain", "well").await;
    assert_eq!(stage.ended(5).await.outputs, ["well"], "the session lives");
    assert!(backend.is_idle(), "nothing was sent again");
}

#[tokio::test]
async fn a_line_that_is_too_long_fails_the_turn_before_its_end_has_come() {
    let mut backend = Backend::new().await;
    let mut stage = Stage::new(&backend, GatewayOptions::default().entry_bytes(1_000)).await;
    for (number, content_type, begin) in [
        (1, "application/x-ndjson", "1\n\""),
        (2, "text/event-stream", "data: 1\n\ndata: "),
        (3, "application/json", "\""),
    ] {
        stage.prompt(number, &"hello").await;
        let response = backend.call().await.respond(200, content_type);
        response.send(begin).await;
        // It would go on for ever.
        while !response.is_closed() {
            response.send("x".repeat(900)).await;
        }
        let ended = stage.ended(number.try_into().unwrap()).await;
        assert_eq!(ended.outcome, "failed");
        assert!(ended.error.contains("1000 bytes"), "{}", ended.error);
        assert!(number == 3 || ended.outputs == [1], "{ended:?}");
    }
    stage.prompt(4, &"hello").await;
    let response = backend.call().await.respond(200, "text/event-stream");
    for _ in 0..10 {
        response.send(format!("data: {}\n", "x".repeat(300))).await;
    }
    let error = stage.ended(4).await.error;
    assert!(error.contains("line 4 ") && error.contains("1000 bytes"), "{error}");
}

#[tokio::test]
async fn text_of_any_length_is_cut_into_entries() {
    let mut backend = Backend::new().await;
    let mut stage = Stage::new(&backend, GatewayOptions::default().entry_bytes(600)).await;
    stage.prompt(1, &"hello").await;
    let text = "aü\u{1}".repeat(1_000);
    backend.call().await.send(200, "text/plain", &text).await;
    let ended = stage.ended(1).await;
    assert_eq!(ended.outcome, "completed");
    let pieces: Vec<&str> = ended.outputs.iter().map(|piece| piece.as_str().unwrap()).collect();
    assert_eq!(pieces.concat(), text);
    assert!(ended.outputs.iter().all(|piece| piece.to_string().len() <= 602));
}
