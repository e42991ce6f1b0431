//! One socket, from its dial to its end, in a task of its own: a peer that does not read must not keep the
//! client from noticing.

use std::format;
use std::string::{String, ToString};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderValue, header};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode as Code;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::wire::SUBPROTOCOL;
use crate::words::CloseCode;

/// How long a farewell may take.
const FAREWELL: Duration = Duration::from_secs(5);

/// What a socket says.
#[derive(Debug)]
pub(super) enum Heard {
    Opened,
    Text(String),
    Lost,
    Closed(u16, String),
}

/// A socket: dropped, it says farewell and is gone.
pub(super) struct Wire {
    up: mpsc::UnboundedSender<String>,
    down: mpsc::Receiver<Heard>,
}

impl Wire {
    /// Dials.
    pub(super) fn dial(url: &str, session: &str, token: Option<&str>) -> Wire {
        let (up, queued) = mpsc::unbounded_channel();
        let (heard, down) = mpsc::channel(16);
        let address = format!("{}/sessions/{session}/ws", url.trim_end_matches('/'));
        let token = token.map(ToString::to_string);
        tokio::spawn(async move {
            let end = live(&address, token.as_deref(), queued, &heard).await;
            // Nobody listens any more if it was dropped.
            _ = heard.send(end).await;
        });
        Wire { up, down }
    }

    /// Sends; if the socket is gone, that is on its way as news of its own.
    pub(super) fn send(&self, text: String) {
        _ = self.up.send(text);
    }

    pub(super) async fn next(&mut self) -> Heard {
        self.down.recv().await.unwrap_or(Heard::Lost)
    }
}

/// Lives until either side ends it; returns how it ended.
async fn live(
    address: &str,
    token: Option<&str>,
    mut queued: mpsc::UnboundedReceiver<String>,
    heard: &mpsc::Sender<Heard>,
) -> Heard {
    let mut socket = match dial(address, token).await {
        Ok(socket) => socket,
        Err(error) => return unreached(&error),
    };
    if heard.send(Heard::Opened).await.is_err() {
        return farewell(socket).await;
    }
    loop {
        tokio::select! {
            text = queued.recv() => match text {
                Some(text) => {
                    if socket.send(Message::text(text)).await.is_err() {
                        return Heard::Lost;
                    }
                }
                None => return farewell(socket).await,
            },
            message = socket.next() => {
                let end = match message {
                    Some(Ok(Message::Text(text))) => {
                        if heard.send(Heard::Text(text.as_str().into())).await.is_err() {
                            return farewell(socket).await;
                        }
                        continue;
                    }
                    Some(Ok(Message::Close(Some(frame)))) => {
                        Heard::Closed(frame.code.into(), frame.reason.as_str().into())
                    }
                    Some(Ok(Message::Close(None)) | Err(_)) | None => Heard::Lost,
                    // Pings are answered by the socket, and what is binary is not ours.
                    Some(Ok(_)) => continue,
                };
                // The answer to a close goes out with the flush.
                _ = tokio::time::timeout(FAREWELL, socket.flush()).await;
                return end;
            }
        }
    }
}

type Stream = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn dial(address: &str, token: Option<&str>) -> Result<Stream, Error> {
    let mut request = address.into_client_request()?;
    let headers = request.headers_mut();
    headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
    if let Some(token) = token {
        let mut shown = HeaderValue::try_from(format!("Bearer {token}"))
            .map_err(|error| Error::HttpFormat(error.into()))?;
        shown.set_sensitive(true);
        headers.insert(header::AUTHORIZATION, shown);
    }
    let (socket, _) = tokio_tungstenite::connect_async(request).await?;
    Ok(socket)
}

/// Before there is a socket, HTTP says what a close code would.
fn unreached(error: &Error) -> Heard {
    let Error::Http(response) = error else { return Heard::Lost };
    let code = match response.status().as_u16() {
        401 => CloseCode::Unauthenticated,
        403 => CloseCode::Forbidden,
        404 => CloseCode::NotFound,
        410 => CloseCode::Expired,
        400 | 426 => CloseCode::Version,
        429 => CloseCode::RateLimited,
        503 => CloseCode::Overloaded,
        _ => return Heard::Lost,
    };
    Heard::Closed(code.number(), response.status().to_string())
}

async fn farewell(mut socket: Stream) -> Heard {
    let close = CloseFrame { code: Code::Normal, reason: "".into() };
    _ = tokio::time::timeout(FAREWELL, socket.close(Some(close))).await;
    Heard::Lost
}
