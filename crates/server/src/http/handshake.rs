//! The handshake of a WebSocket. It is made here, and not by axum, whose socket hides the bytes beneath it.

use std::future::Future;

use axum::body::Body;
use axum::http::header::SEC_WEBSOCKET_PROTOCOL;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Request};
use axum::response::Response;
use hyper::upgrade::OnUpgrade;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::problem::Problem;
use super::transport::Transport;
use outlive::wire::SUBPROTOCOL;

pub(super) type WebSocket = WebSocketStream<Transport>;

/// A request that asks for a WebSocket.
#[derive(Debug)]
pub(super) struct Handshake {
    on_upgrade: OnUpgrade,
    response: Response,
}

impl Handshake {
    pub(super) fn of(parts: &mut Parts) -> Result<Handshake, Problem> {
        let mut request = Request::new(());
        request.method_mut().clone_from(&parts.method);
        request.headers_mut().clone_from(&parts.headers);
        *request.version_mut() = parts.version;
        let mut response =
            create_response_with_body(&request, Body::empty).map_err(Problem::upgrade)?;
        let on_upgrade = parts.extensions.remove::<OnUpgrade>();
        let on_upgrade =
            on_upgrade.ok_or_else(|| Problem::upgrade("the connection is of no such kind"))?;
        let values = parts.headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter();
        let mut asked = values.filter_map(|value| value.to_str().ok()).flat_map(|v| v.split(','));
        if asked.any(|protocol| protocol.trim() == SUBPROTOCOL) {
            let selected = HeaderValue::from_static(SUBPROTOCOL);
            response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, selected);
        } else if parts.headers.contains_key(SEC_WEBSOCKET_PROTOCOL) {
            return Err(Problem::version());
        }
        Ok(Handshake { on_upgrade, response })
    }

    /// The response, after which the socket is served in a task of its own. `most` is the largest frame, in bytes.
    pub(super) fn serve<F: Future<Output = ()> + Send>(
        self,
        most: usize,
        serve: impl FnOnce(WebSocket) -> F + Send + 'static,
    ) -> Response {
        let config = WebSocketConfig::default()
            .read_buffer_size(4 << 10)
            // A buffer that has grown beyond this is kept until the connection ends.
            .write_buffer_size(16 << 10)
            .max_message_size(Some(most))
            .max_frame_size(Some(most));
        let on_upgrade = self.on_upgrade;
        tokio::spawn(async move {
            // Otherwise the peer has not waited for the response.
            if let Ok(upgraded) = on_upgrade.await {
                let transport = Transport::new(upgraded);
                let socket =
                    WebSocketStream::from_raw_socket(transport, Role::Server, Some(config));
                serve(socket.await).await;
            }
        });
        self.response
    }
}
