//! One socket, from its dial to its end, in a task of its own: a peer that does not read must not keep the
//! client from noticing.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderValue, header};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode as Code;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::config::Route;
use super::problem::Problem;
use super::signs::{LastSign, Watched};
use outlive::wire::SUBPROTOCOL;

/// How long a farewell may take.
const FAREWELL: Duration = Duration::from_secs(5);

/// What a socket says.
#[derive(Debug)]
pub(super) enum Heard {
    Opened,
    Text(String),
    Lost,
    /// There was never a socket.
    Unreached(String),
    /// Nor here: the server refused the upgrade with an HTTP status.
    Refused {
        status: u16,
        reason: String,
        after_ms: Option<u32>,
    },
    Closed(u16, String),
}

/// A socket: dropped, it says farewell and is gone.
pub(super) struct Wire {
    up: mpsc::UnboundedSender<String>,
    down: mpsc::Receiver<Heard>,
}

impl Wire {
    /// Dials. What moves on the socket is a sign of its life.
    pub(super) fn dial(way: &Route, token: Option<String>, sign: LastSign) -> Wire {
        let (up, queued) = mpsc::unbounded_channel();
        let (heard, down) = mpsc::channel(16);
        let way = way.clone();
        tokio::spawn(async move {
            let end = live(&way, token.as_deref(), sign, queued, &heard).await;
            // The task does not listen any more if the wire was dropped.
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
    way: &Route,
    token: Option<&str>,
    sign: LastSign,
    mut queued: mpsc::UnboundedReceiver<String>,
    heard: &mpsc::Sender<Heard>,
) -> Heard {
    let dialled = tokio::select! {
        dialled = dial(way, token, sign) => dialled,
        // Given up: nothing is left of it.
        () = heard.closed() => return Heard::Lost,
    };
    let mut socket = match dialled {
        Ok(socket) => socket,
        Err(error) => return unreached(&error),
    };
    if heard.send(Heard::Opened).await.is_err() {
        return farewell(socket).await;
    }
    let mut flushed = true;
    loop {
        tokio::select! {
            text = queued.recv(), if flushed => match text {
                Some(text) => {
                    if socket.feed(Message::text(text)).await.is_err() {
                        return Heard::Lost;
                    }
                    flushed = false;
                }
                None => return farewell(socket).await,
            },
            () = heard.closed(), if !flushed => return farewell(socket).await,
            moved = flush_or_read(&mut socket, flushed) => {
                let message = match moved {
                    Moved::Flushed(Ok(())) => {
                        flushed = true;
                        continue;
                    }
                    Moved::Flushed(Err(_)) => return Heard::Lost,
                    Moved::Read(message) => message,
                };
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

type Socket = WebSocketStream<Watched>;

/// What a socket did.
enum Moved {
    Flushed(Result<(), Error>),
    Read(Option<Result<Message, Error>>),
}

/// Reads, and flushes what is not flushed. A large frame is written while others are read.
async fn flush_or_read(socket: &mut Socket, flushed: bool) -> Moved {
    poll_fn(|cx| {
        if !flushed {
            if let Poll::Ready(done) = socket.poll_flush_unpin(cx) {
                return Poll::Ready(Moved::Flushed(done));
            }
        }
        socket.poll_next_unpin(cx).map(Moved::Read)
    })
    .await
}

/// Why there is no socket.
fn unreached(error: &Error) -> Heard {
    let Error::Http(response) = error else { return Heard::Unreached(error.to_string()) };
    // As much of the body as came together with its head.
    let said = response.body().as_deref().map(serde_json::from_slice::<Problem>);
    let status = response.status();
    let after = response.headers().get(header::RETRY_AFTER).and_then(|after| after.to_str().ok());
    Heard::Refused {
        status: status.as_u16(),
        reason: match said {
            Some(Ok(Problem { message })) => format!("{status}: {message}"),
            Some(Err(_)) | None => status.to_string(),
        },
        after_ms: retry_after(after),
    }
}

/// A `Retry-After`, in milliseconds. One that names a date is passed over: the clocks may differ.
pub(super) fn retry_after(value: Option<&str>) -> Option<u32> {
    let seconds: u64 = value?.trim().parse().ok()?;
    Some(u32::try_from(seconds.saturating_mul(1_000)).unwrap_or(u32::MAX))
}

/// A token as a header.
pub(super) fn bearer(token: &str) -> std::io::Result<HeaderValue> {
    let mut shown = HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| {
        std::io::Error::new(std::io::ErrorKind::InvalidInput, "the token fits into no header")
    })?;
    shown.set_sensitive(true);
    Ok(shown)
}

async fn dial(way: &Route, token: Option<&str>, sign: LastSign) -> Result<Socket, Error> {
    let mut request = way.address.as_str().into_client_request()?;
    let headers = request.headers_mut();
    headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
    if let Some(token) = token {
        headers.insert(header::AUTHORIZATION, bearer(token)?);
    }
    let stream = Watched::new(way.dialer.dial(&way.target).await?, sign);
    let (socket, _) = tokio_tungstenite::client_async(request, stream).await?;
    Ok(socket)
}

async fn farewell(mut socket: Socket) -> Heard {
    let close = CloseFrame { code: Code::Normal, reason: "".into() };
    _ = tokio::time::timeout(FAREWELL, socket.close(Some(close))).await;
    Heard::Lost
}
