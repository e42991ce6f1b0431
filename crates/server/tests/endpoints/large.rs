//! Entries that are larger than what a socket takes at once.

use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::client_async_with_config;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use outlive_testkit::endpoints::{Server, Socket, entry};

/// A prompt and its answer are an entry of three megabytes each.
async fn prompted(server: &Server) -> (String, String) {
    let session = server.session().await;
    let text = "x".repeat(3 << 20);
    let prompt = json!({ "client": "a", "n": 1, "d": text });
    assert_eq!(server.post(&format!("{session}/prompts"), &prompt).await.status, 202);
    (session, text)
}

/// The bodies of what was said.
fn bodies(frames: &[Value]) -> Vec<&Value> {
    frames.iter().map(|frame| &frame["d"]).filter(|body| body.is_string()).collect()
}

#[tokio::test]
async fn a_large_entry_comes_over_a_socket_in_small_frames_and_whole() {
    let server = Server::new().await;
    let (session, text) = prompted(&server).await;
    let stream = TcpStream::connect(server.at).await.unwrap();
    // A client that takes no larger frame.
    let config = WebSocketConfig::default().max_frame_size(Some(16 << 10));
    let address = format!("ws://{}{session}/ws", server.at);
    let (socket, _) = client_async_with_config(address, stream, Some(config)).await.unwrap();
    let mut socket = Socket(socket);
    socket.say(&json!({ "t": "attach", "client": "b" })).await;
    let frames = socket.until(entry("turn_end")).await;
    assert!(bodies(&frames) == [&text, &text]);
}

#[tokio::test]
async fn a_large_entry_comes_over_a_stream_whole() {
    let server = Server::new().await;
    let (session, text) = prompted(&server).await;
    let mut events = server.events(&format!("{session}/events"), &[]).await;
    let mut frames = Vec::new();
    while !frames.last().is_some_and(entry("turn_end")) {
        frames.push(events.until("ev").await.data);
    }
    assert!(bodies(&frames) == [&text, &text]);
}
