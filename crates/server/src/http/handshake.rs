//! The handshake of a WebSocket over HTTP/1.1, and the transport that it leads to.
//!
//! It is done here, and not by axum, because axum's messages cannot be sent in [pieces](super::socket_io), and
//! its sockets hide [the bytes](super::transport) beneath them.

use std::future::Future;

use axum::body::Body;
use axum::http::header::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version};
use axum::response::{IntoResponse as _, Response};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::limits::EndpointLimits;
use super::problem::Problem;
use super::transport::Transport;
use outlive::wire::SUBPROTOCOL;

/// The bytes behind a request that was upgraded.
pub(super) type UpgradedIo = TokioIo<hyper::upgrade::Upgraded>;

pub(super) type WebSocket<T = UpgradedIo> = WebSocketStream<Transport<T>>;

/// How a socket reads and writes.
pub(super) fn config(limits: &EndpointLimits) -> WebSocketConfig {
    // Twice the limit: a frame that is a little too large is read, and answered with a close that the peer has time to
    // read.
    let most = limits.frame_bytes.saturating_mul(2);
    WebSocketConfig::default()
        .read_buffer_size(4 << 10)
        // A buffer that has grown beyond this is kept until the connection ends.
        .write_buffer_size(16 << 10)
        .max_message_size(Some(most))
        .max_frame_size(Some(most))
}

/// A request that may become a WebSocket.
#[derive(Debug)]
pub(super) struct Handshake {
    upgrade: OnUpgrade,
    accept: String,
    /// The client has named the subprotocol, and is told that it was taken.
    named: bool,
    config: WebSocketConfig,
    hello_bytes: usize,
}

impl Handshake {
    /// Reads the request's headers.
    pub(super) fn of(parts: &mut Parts, limits: &EndpointLimits) -> Result<Handshake, Problem> {
        let headers = &parts.headers;
        let is = |wrong: bool, what: &str| if wrong { Err(Problem::upgrade(what)) } else { Ok(()) };
        is(parts.version > Version::HTTP_11, "over HTTP/1.1")?;
        is(parts.method != Method::GET, "its method is GET")?;
        is(!names(headers, &CONNECTION, "upgrade"), "header Connection is not `upgrade`")?;
        is(!names(headers, &UPGRADE, "websocket"), "header Upgrade is not `websocket`")?;
        is(
            !names(headers, &SEC_WEBSOCKET_VERSION, "13"),
            "header Sec-WebSocket-Version is not 13",
        )?;
        let key = headers.get(SEC_WEBSOCKET_KEY);
        let key = key.ok_or_else(|| Problem::upgrade("header Sec-WebSocket-Key is missing"))?;
        let accept = derive_accept_key(key.as_bytes());
        let named = names(headers, &SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL);
        if !named && headers.contains_key(SEC_WEBSOCKET_PROTOCOL) {
            return Err(Problem::version());
        }
        let upgrade = parts.extensions.remove::<OnUpgrade>();
        let upgrade = upgrade.ok_or_else(|| Problem::upgrade("this server cannot upgrade"))?;
        let config = config(limits);
        Ok(Handshake { upgrade, accept, named, config, hello_bytes: limits.hello_bytes })
    }

    /// Answers the request; `act` is given the transport when the answer is sent.
    pub(super) fn accept<Acts>(
        self,
        act: impl FnOnce(WebSocket) -> Acts + Send + 'static,
    ) -> Response
    where
        Acts: Future<Output = ()> + Send + 'static,
    {
        let Handshake { upgrade, accept, named, config, hello_bytes } = self;
        tokio::spawn(async move {
            // A connection that is gone by then is nobody's loss.
            let Ok(io) = upgrade.await else { return };
            let io = Transport::new(TokioIo::new(io), hello_bytes);
            let socket = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
            act(socket).await;
        });
        let mut response = Body::empty().into_response();
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        if let Ok(accept) = HeaderValue::try_from(accept) {
            headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
        }
        if named {
            headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
        }
        response
    }
}

/// Whether a header has this word in its list.
fn names(headers: &HeaderMap, header: &HeaderName, word: &str) -> bool {
    let values = headers.get_all(header).iter().filter_map(|value| value.to_str().ok());
    let mut words = values.flat_map(|value| value.split(','));
    words.any(|one| one.trim().eq_ignore_ascii_case(word))
}
