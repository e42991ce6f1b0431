//! Peers that have not said who they are.

use std::time::Duration;

use futures_util::SinkExt as _;
use outlive_server::http::{EndpointLimits, Endpoints};
use outlive_server::hub::{Drain, HubOptions};
use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio_tungstenite::tungstenite::Message;

use outlive_testkit::endpoints::{Server, entry};

/// The head of a masked text frame of so many bytes; the mask is 0.
fn head(bytes: u64) -> Vec<u8> {
    let mut head = vec![0x81, 0x80 | 127];
    head.extend(bytes.to_be_bytes());
    head.extend([0; 4]);
    head
}

#[tokio::test]
async fn a_frame_that_a_stranger_announces_is_not_waited_for() {
    let server = Server::new().await;
    let session = server.session().await;
    let (mut stranger, _) = server.dial(&session, &[]).await.unwrap();
    let stream = stranger.0.get_mut();
    // A frame that is within the limit of one, and of which the last bytes never come.
    stream.write_all(&head(200 << 10)).await.unwrap();
    stream.write_all(&vec![b' '; 17 << 10]).await.unwrap();
    assert_eq!(stranger.code().await, 1009);
}

#[tokio::test]
async fn small_frames_of_a_stranger_are_bounded_together() {
    let limits = EndpointLimits::default().hello_bytes(1_000);
    let set = |endpoints: Endpoints| endpoints.limits(limits);
    let server = Server::with(HubOptions::default(), set).await;
    let session = server.session().await;
    let (mut stranger, _) = server.dial(&session, &[]).await.unwrap();
    for _ in 0..100 {
        // The server may have closed before all of it was sent.
        _ = stranger.send(Message::Ping(bytes::Bytes::from_static(&[0; 100]))).await;
    }
    assert_eq!(stranger.code().await, 1009);
}

#[tokio::test]
async fn who_has_attached_sends_what_a_frame_may_have() {
    let server = Server::new().await;
    let session = server.session().await;
    let (mut socket, _) = server.dial(&session, &[]).await.unwrap();
    // At once, and most of it is read only when the attach is answered.
    let attach = json!({ "t": "attach", "client": "a", "token": "x".repeat(10 << 10) });
    let prompt = json!({ "t": "prompt", "n": 1, "d": "x".repeat(200 << 10) });
    for frame in [attach, prompt] {
        socket.0.feed(Message::text(frame.to_string())).await.unwrap();
    }
    socket.0.flush().await.unwrap();
    let frames = socket.until(entry("turn_end")).await;
    assert_eq!(frames[0]["t"], "welcome");
}

#[tokio::test]
async fn a_stranger_is_told_and_closed_when_the_server_has_left() {
    let server = Server::new().await;
    let session = server.session().await;
    let (mut stranger, _) = server.dial(&session, &[]).await.unwrap();
    let hub = server.hub.clone();
    let at_once = Drain { window: Duration::ZERO, deadline: Duration::ZERO };
    let drained = tokio::spawn(async move { hub.drain(at_once).await });
    assert_eq!(stranger.hear().await.unwrap()["t"], "goaway");
    assert_eq!(stranger.code().await, 1012);
    drained.await.unwrap();
}
