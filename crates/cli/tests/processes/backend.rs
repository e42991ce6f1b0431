//! `outlive serve --backend`, in front of a backend that answers as its test says.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse as _, Response};
use axum::{Json, Router};
use futures_util::stream;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::child::{COMES_BACK, Folder, Serving};
use super::kill::guard;
use super::stage::ends;
use outlive_testkit::endpoints::{entry, outputs};

/// A request, and where the pieces of its answer are put.
struct Call {
    path: String,
    key: String,
    authorization: String,
    json: Value,
    pieces: mpsc::Sender<Result<String, Infallible>>,
}

impl Call {
    async fn say(&self, piece: &str) {
        self.pieces.send(Ok(format!("data: {}\n\n", json!(piece)))).await.unwrap();
    }

    /// A piece of an answer in `OpenAI`'s form, which may be the last one.
    async fn complete(&self, piece: &str, finish: Option<&str>) {
        let choice = json!({ "delta": { "content": piece }, "finish_reason": finish });
        let event = json!({ "choices": [choice] });
        self.pieces.send(Ok(format!("data: {event}\n\n"))).await.unwrap();
    }
}

async fn answer(
    State(calls): State<Arc<mpsc::UnboundedSender<Call>>>,
    uri: Uri,
    headers: HeaderMap,
    Json(json): Json<Value>,
) -> Response {
    let text = |name| headers.get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
    let (key, authorization) = (text("idempotency-key"), text("authorization"));
    let (pieces, said) = mpsc::channel(1);
    let path = uri.path().to_owned();
    calls.send(Call { path, key, authorization, json, pieces }).unwrap();
    let said = stream::unfold(said, async |mut said| Some((said.recv().await?, said)));
    ([(CONTENT_TYPE, "text/event-stream")], Body::from_stream(said)).into_response()
}

/// A backend: where it is, and what it is asked.
async fn backend() -> (String, mpsc::UnboundedReceiver<Call>) {
    let (sender, calls) = mpsc::unbounded_channel();
    let app = Router::new().fallback(answer).with_state(Arc::new(sender));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/answer", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    (url, calls)
}

#[tokio::test]
async fn a_backends_answer_outlives_its_viewer_and_is_asked_for_once_over_a_kill() {
    let folder = Folder::new("backend");
    let file = folder.file("outlive.db");
    let (url, mut calls) = backend().await;
    let mut server = Serving::start(COMES_BACK, &file, &["--backend", &url]).await;
    let at = server.site.at.to_string();
    let session = server.site.session().await;
    let (mut page, _) = server.site.attach(&session, "page", None).await;
    page.prompt(1, "hello").await;
    let call = guard("a request", calls.recv()).await.unwrap();
    assert_eq!(call.key, format!("{}/1", session.trim_start_matches("/sessions/")));
    assert_eq!(call.json["prompt"], "hello");
    call.say("one").await;
    let frames = guard("a piece", page.until(|frame| frame["d"] == "one")).await;
    let read = frames.last().unwrap()["id"].as_str().unwrap().to_owned();
    // The window is closed in mid-answer, and opened again.
    drop(page);
    call.say("two").await;
    let (mut page, _) = server.site.attach(&session, "page", Some(&read)).await;
    call.say("three").await;
    drop(call);
    let frames = guard("the end", page.until(entry("turn_end"))).await;
    assert_eq!((outputs(&frames), ends(&frames)), (vec!["two", "three"], vec!["completed"]));

    // The gateway is killed in mid-answer: the request is closed, and is not made again.
    page.prompt(2, "again").await;
    let call = guard("a request", calls.recv()).await.unwrap();
    assert_eq!(call.json["history"]["entries"].as_array().unwrap().len(), 5);
    call.say("half").await;
    let frames = guard("a piece", page.until(|frame| frame["d"] == "half")).await;
    let read = frames.last().unwrap()["id"].as_str().unwrap().to_owned();
    server.kill().await;
    guard("the close", call.pieces.closed()).await;
    server = Serving::start(&at, &file, &["--backend", &url]).await;
    let (mut page, _) = server.site.attach(&session, "page", Some(&read)).await;
    let frames = guard("the end", page.until(entry("turn_end"))).await;
    assert_eq!(ends(&frames), ["ambiguous"]);
    page.prompt(3, "and again").await;
    let call = guard("a request", calls.recv()).await.unwrap();
    assert_eq!((&call.json["prompt"], &call.json["incarnation"]), (&json!("and again"), &json!(2)));
    call.say("well").await;
    drop(call);
    let frames = guard("the end", page.until(entry("turn_end"))).await;
    assert_eq!((outputs(&frames), *ends(&frames).last().unwrap()), (vec!["well"], "completed"));
}

#[tokio::test]
async fn the_flags_of_a_backend_say_what_it_is_told() {
    let folder = Folder::new("flags");
    let (url, mut calls) = backend().await;
    let [interrupt, closeout] =
        ["interrupt", "closeout"].map(|path| url.replace("/answer", &format!("/{path}")));
    let mut flags = vec!["--backend", &url, "--backend-interrupt", &interrupt];
    flags.extend(["--backend-closeout", &closeout, "--backend-history-url", "http://here"]);
    let server = Serving::start("127.0.0.1:0", &folder.file("outlive.db"), &flags).await;
    let session = server.site.session().await;
    let (mut page, _) = server.site.attach(&session, "page", None).await;
    page.prompt(1, "hello").await;
    let call = guard("a request", calls.recv()).await.unwrap();
    let history = json!({ "url": format!("http://here{session}/events?until=head") });
    assert_eq!((call.path.as_str(), &call.json["history"]), ("/answer", &history));
    page.say(&json!({ "t": "interrupt", "turn": 1 })).await;
    let told = guard("a request", calls.recv()).await.unwrap();
    assert_eq!((told.path.as_str(), &told.json["turn"]), ("/interrupt", &json!(1)));
    drop(told);
    guard("the close", call.pieces.closed()).await;
    page.say(&json!({ "t": "stop", "incarnation": 1 })).await;
    let goodbye = guard("a request", calls.recv()).await.unwrap();
    assert_eq!((goodbye.path.as_str(), &goodbye.json["history"]), ("/closeout", &history));
    goodbye.say("goodbye").await;
    drop(goodbye);
    let frames = guard("the end", page.until(entry("end"))).await;
    assert_eq!(
        (outputs(&frames), ends(&frames)),
        (vec!["goodbye"], vec!["interrupted", "closing", "end"])
    );
}

#[tokio::test]
async fn a_turn_that_takes_too_long_fails() {
    let folder = Folder::new("timeout");
    let (url, mut calls) = backend().await;
    let flags = ["--backend", &url, "--turn-timeout", "1"];
    let server = Serving::start("127.0.0.1:0", &folder.file("outlive.db"), &flags).await;
    let session = server.site.session().await;
    let (mut page, _) = server.site.attach(&session, "page", None).await;
    page.prompt(1, "hello").await;
    let call = guard("a request", calls.recv()).await.unwrap();
    guard("the close", call.pieces.closed()).await;
    let frames = guard("the end", page.until(entry("end"))).await;
    assert_eq!(ends(&frames), ["failed", "end"]);
}

/// The conversation is in the store, and in no process.
#[tokio::test]
async fn a_model_is_sent_the_conversation_also_after_a_kill_in_mid_answer() {
    let folder = Folder::new("model");
    let file = folder.file("outlive.db");
    std::fs::write(folder.file("key"), "sk-1\n").unwrap();
    let (url, mut calls) = backend().await;
    let url = format!("openai+{}", url.replace("/answer", "/v1/"));
    let key = folder.file("key").display().to_string();
    let mut flags = vec!["--backend", &url, "--backend-model", "small"];
    flags.extend(["--backend-system", "Be brief.", "--backend-key-file", &key]);
    let mut server = Serving::start(COMES_BACK, &file, &flags).await;
    let at = server.site.at.to_string();
    let session = server.site.session().await;
    let (mut page, _) = server.site.attach(&session, "page", None).await;
    page.prompt(1, "hello").await;
    let call = guard("a request", calls.recv()).await.unwrap();
    assert_eq!(call.path, "/v1/chat/completions");
    assert_eq!(call.authorization, "Bearer sk-1");
    assert_eq!((&call.json["model"], &call.json["stream"]), (&json!("small"), &json!(true)));
    call.complete("Hi", None).await;
    call.complete(" there", Some("stop")).await;
    drop(call);
    let frames = guard("the end", page.until(entry("turn_end"))).await;
    assert_eq!((outputs(&frames), ends(&frames)), (vec!["Hi", " there"], vec!["completed"]));
    page.prompt(2, "again").await;
    let call = guard("a request", calls.recv()).await.unwrap();
    call.complete("half", None).await;
    guard("a piece", page.until(|frame| frame["d"] == "half")).await;
    server.kill().await;
    guard("the close", call.pieces.closed()).await;
    server = Serving::start(&at, &file, &flags).await;
    let (mut page, _) = server.site.attach(&session, "page", None).await;
    page.prompt(3, "go on").await;
    let call = guard("a request", calls.recv()).await.unwrap();
    let messages = json!([
        { "role": "system", "content": "Be brief." },
        { "role": "user", "content": "hello" },
        { "role": "assistant", "content": "Hi there" },
        { "role": "user", "content": "again" },
        { "role": "assistant", "content": "half" },
        { "role": "user", "content": "go on" },
    ]);
    assert_eq!(call.json["messages"], messages);
}
