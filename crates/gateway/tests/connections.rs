//! Connections: kept, refused, and broken at the wrong moment.

use std::time::Duration;

use outlive_gateway::{Gateway, GatewayOptions};
use outlive_server::hub::Hub;
use outlive_testkit::endpoints::freeze;
use outlive_testkit::hub::settle;
use outlive_testkit::place::Place;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixListener};

use super::backend::Backend;
use super::logs::{hear, line};
use super::stage::{Stage, soon};

#[tokio::test]
async fn a_connection_is_used_again() {
    let mut backend = Backend::new().await;
    let mut stage = Stage::new(&backend, GatewayOptions::default()).await;
    for (number, content_type, body) in [
        (1, "text/event-stream", "data: well\n\n"),
        (2, "application/x-ndjson", "\"well\"\n"),
        (3, "application/json", "\"well\""),
        (4, "text/plain", "well"),
    ] {
        stage.prompt(number, &"hello").await;
        backend.call().await.send(200, content_type, body).await;
        assert_eq!(stage.ended(number.try_into().unwrap()).await.outputs, ["well"]);
    }
    assert_eq!(backend.connections(), 1);
}

#[tokio::test]
async fn a_unix_socket_is_a_backend_too() {
    let place = Place::new();
    let path = place.folder().join("the backend.sock");
    let mut backend = Backend::unix(UnixListener::bind(&path).unwrap());
    let mut stage = Stage::new(&backend, GatewayOptions::default()).await;
    for number in 1..=2 {
        stage.prompt(number, &"hello").await;
        let call = backend.call().await;
        assert_eq!(
            (call.path.as_str(), &call.headers["host"]),
            ("/answer", &"localhost".parse().unwrap())
        );
        call.send(200, "text/plain", "well").await;
        assert_eq!(stage.ended(number.try_into().unwrap()).await.outputs, ["well"]);
    }
    assert_eq!(backend.connections(), 1);
}

/// As a backend does that is started anew between two prompts, or that keeps no connection for long.
#[tokio::test]
async fn a_connection_that_was_closed_meanwhile_is_not_used() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let mut stage = stage_at(&base, GatewayOptions::default()).await;
    stage.prompt(1, &"hello").await;
    let mut stream = accept(&listener).await;
    let response = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 4\r\n\r\nwell";
    stream.write_all(response.as_bytes()).await.unwrap();
    assert_eq!(stage.ended(1).await.outputs, ["well"]);
    drop(stream);
    settle().await;
    stage.prompt(2, &"hello").await;
    let mut backend = Backend::on(listener);
    backend.call().await.send(200, "text/plain", "well").await;
    assert_eq!(stage.ended(2).await.outputs, ["well"]);
}

/// uvicorn and Node close an idle connection after five seconds: a request that meets the close would be lost.
#[tokio::test]
async fn a_connection_that_waits_for_four_seconds_is_closed() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let mut stage = stage_at(&base, GatewayOptions::default()).await;
    stage.prompt(1, &"hello").await;
    let mut stream = accept(&listener).await;
    let response = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 4\r\n\r\nwell";
    stream.write_all(response.as_bytes()).await.unwrap();
    assert_eq!(stage.ended(1).await.outputs, ["well"]);
    let _frozen = freeze();
    // A clock of milliseconds: one more.
    tokio::time::advance(Duration::from_millis(3_900)).await;
    settle().await;
    let kept = stream.try_read(&mut [0]).unwrap_err();
    assert_eq!(kept.kind(), std::io::ErrorKind::WouldBlock);
    tokio::time::advance(Duration::from_millis(101)).await;
    for _ in 0..1_000 {
        settle().await;
        if let Ok(0) = stream.try_read(&mut [0]) {
            return;
        }
    }
    panic!("it is open still");
}

/// A connection whose first request has come.
async fn accept(listener: &TcpListener) -> TcpStream {
    let (mut stream, _) = soon(listener.accept()).await.unwrap();
    let mut request = Vec::new();
    while !request.ends_with(b"}}") {
        soon(stream.read_buf(&mut request)).await.unwrap();
    }
    stream
}

/// Its port is taken, and nobody listens there.
fn closed() -> (TcpSocket, String) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let base = format!("http://{}", socket.local_addr().unwrap());
    (socket, base)
}

async fn stage_at(base: &str, options: GatewayOptions) -> Stage {
    let gateway = Gateway::new(format!("{base}/answer").parse().unwrap(), options).unwrap();
    Stage::of(Hub::builder(), gateway).await
}

#[tokio::test]
async fn a_backend_that_is_started_late_is_sent_the_prompt_once() {
    let mut lines = hear();
    let (socket, base) = closed();
    let mut stage = stage_at(&base, GatewayOptions::default()).await;
    stage.prompt(1, &"hello").await;
    line(&mut lines, &[&base, "is tried again"]).await;
    let mut backend = Backend::on(socket.listen(8).unwrap());
    backend.call().await.send(200, "text/plain", "well").await;
    assert_eq!(stage.ended(1).await.outputs, ["well"]);
    assert!(backend.is_idle());
}

#[tokio::test]
async fn a_backend_that_is_not_there_is_tried_until_the_start_timeout() {
    let mut lines = hear();
    let (_socket, base) = closed();
    let _frozen = freeze();
    let options = GatewayOptions::default().start_timeout(Duration::from_millis(400));
    let mut stage = stage_at(&base, options).await;
    stage.prompt(1, &"hello").await;
    // A clock of milliseconds: one more each.
    for wait in [101, 201, 101] {
        line(&mut lines, &[&base, "is tried again"]).await;
        tokio::time::advance(Duration::from_millis(wait)).await;
    }
    let ended = stage.ended(1).await;
    assert_eq!(ended.outcome, "failed");
    assert!(ended.error.starts_with("the backend cannot be reached for 0 s: "), "{}", ended.error);
    assert!(!ended.error.contains(&base), "who reads the log need not know it: {}", ended.error);
}

#[tokio::test]
async fn a_socket_that_is_not_there_is_refused_too() {
    let place = Place::new();
    let path = place.folder().join("none.sock").display().to_string();
    let options = GatewayOptions::default().start_timeout(Duration::ZERO);
    let mut stage = stage_at(&format!("unix:{path}:"), options).await;
    stage.prompt(1, &"hello").await;
    let ended = stage.ended(1).await;
    assert!(ended.error.starts_with("the backend cannot be reached"), "{}", ended.error);
}

/// The request is there, and nobody knows what came of it.
#[tokio::test]
async fn a_request_whose_connection_breaks_is_not_sent_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let mut stage = stage_at(&base, GatewayOptions::default()).await;
    stage.prompt(1, &"hello").await;
    drop(accept(&listener).await);
    let ended = stage.ended(1).await;
    assert_eq!(ended.outcome, "failed");
    assert!(ended.error.contains("is not sent again"), "{}", ended.error);
    // The next connection is that of the next prompt.
    stage.prompt(2, &"another").await;
    let mut backend = Backend::on(listener);
    let call = backend.call().await;
    assert_eq!(call.json["prompt"], "another");
    assert_eq!(backend.connections(), 1);
}
