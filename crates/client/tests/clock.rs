//! The time between two dials, on tokio's own clock, which jumps when everybody waits: nothing here takes as long
//! as it says.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use outlive::client::Settings;
use outlive_client::{Client, Target};
use serde_json::json;
use tokio::io::DuplexStream;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_tungstenite::accept_hdr_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

#[allow(
    clippy::result_large_err,
    clippy::unnecessary_wraps,
    reason = "the signature is the library's"
)]
fn select(_: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
    let selected = HeaderValue::from_static("outlive.v1");
    response.headers_mut().insert("sec-websocket-protocol", selected);
    Ok(response)
}

/// When the client dials a server that welcomes it or not, says when to come back, and closes.
async fn dials(count: usize, welcomes: bool, retry_after_ms: [u32; 2], code: u16) -> Vec<Instant> {
    let (told, mut dialled) = mpsc::unbounded_channel::<DuplexStream>();
    let dial = move |_: Target| {
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        told.send(theirs).unwrap();
        async move { Ok(ours) }
    };
    let _client =
        Client::builder("ws://nowhere.invalid").session("s_1").dialer(dial).start().unwrap();
    let mut at = Vec::new();
    while at.len() < count {
        let stream = dialled.recv().await.unwrap();
        at.push(Instant::now());
        let mut socket = accept_hdr_async(stream, select).await.unwrap();
        socket.next().await.unwrap().unwrap();
        let welcome = json!({ "t": "welcome", "connection": "1", "log": "9f3a", "head": 0, "base": 0,
            "state": "ACTIVE", "incarnation": 1, "queue": [], "asks": [], "outcome": "fresh", "ping_ms": 25000 });
        let goaway = json!({ "t": "goaway", "retry_after_ms": retry_after_ms });
        for frame in welcomes.then_some(welcome).into_iter().chain([goaway]) {
            socket.send(Message::text(frame.to_string())).await.unwrap();
        }
        let frame = CloseFrame { code: code.into(), reason: "because".into() };
        socket.close(Some(frame)).await.unwrap();
        while let Some(Ok(_)) = socket.next().await {}
    }
    at
}

#[tokio::test(start_paused = true)]
async fn there_is_a_second_between_two_dials_whatever_the_server_says() {
    let least = Duration::from_millis(Settings::default().spacing_ms.into());
    for code in [1001, 1011, 1012, 1013, 4208, 4300] {
        for welcomes in [true, false] {
            let at = dials(10, welcomes, [0, 0], code).await;
            let between = at.windows(2).map(|two| two[1] - two[0]);
            let shortest = between.min().unwrap();
            assert!(shortest >= least, "{code}, welcomed {welcomes}: {shortest:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_may_ask_for_24_days_and_no_more() {
    let at = dials(2, true, [u32::MAX, u32::MAX], 1012).await;
    let longest = Duration::from_millis((1 << 31) - 1);
    let waited = at[1] - at[0];
    assert!(waited >= longest && waited < longest + Duration::from_secs(1), "{waited:?}");
}
