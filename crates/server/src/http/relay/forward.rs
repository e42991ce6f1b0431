//! One request, on its way to the node that owns its session.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use axum::extract::{ConnectInfo, OriginalUri, Request};
use axum::http::header::{
    CONNECTION, CONTENT_TYPE, EXPECT, HOST, HeaderMap, HeaderName, HeaderValue, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE,
};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode, Uri};
use axum::response::Response;
use futures_util::{StreamExt as _, stream};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::super::context::is_browser;
use super::super::endpoints::Endpoints;
use super::super::events;
use super::super::handshake::Handshake;
use super::super::problem::Problem;
use super::super::socket;
use super::kept::KeptGuard;
use super::pump::pump;
use super::watch::{Heard, lost};
use super::{Open, PEER, RELAY, Relay, verdict};
use crate::store::SessionId;
use outlive::CloseCode;

/// A node of the same network accepts a connection within this time, or is not there.
const CONNECT: Duration = Duration::from_secs(1);

/// Why a request may be sent again over another connection.
const CLOSED: &str = "its connection was closed";

/// Headers of one connection, which are not passed on.
const HOP_BY_HOP: [HeaderName; 8] = [
    CONNECTION,
    UPGRADE,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    EXPECT,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// Why there is no response, for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unanswered {
    /// The request may be sent again: it was not sent, or changes nothing.
    Again(&'static str),
    /// The owner may have carried it out, or nothing is mended by sending it again.
    Lost(&'static str),
}

/// A request that is passed on.
pub(super) struct Forward {
    endpoints: Endpoints,
    relay: Relay,
    session: SessionId,
    parts: Parts,
    /// None: it was begun to be sent, and nobody has it any more.
    body: Option<Body>,
    upgrade: Option<OnUpgrade>,
    /// It changes nothing, so it may be sent more than once.
    is_safe: bool,
}

impl Forward {
    pub(super) fn new(
        endpoints: &Endpoints,
        relay: &Relay,
        session: SessionId,
        request: Request,
    ) -> Forward {
        let (mut parts, body) = request.into_parts();
        let upgrade = parts.extensions.remove::<OnUpgrade>();
        let is_safe = matches!(parts.method, Method::GET | Method::HEAD) && body.is_end_stream();
        let (endpoints, relay) = (endpoints.clone(), relay.clone());
        Forward { endpoints, relay, session, parts, body: Some(body), upgrade, is_safe }
    }

    /// The request as it came. Only one that may be sent again is whole.
    pub(super) fn into_request(mut self) -> Request {
        if let Some(upgrade) = self.upgrade {
            self.parts.extensions.insert(upgrade);
        }
        Request::from_parts(self.parts, self.body.unwrap_or_default())
    }

    /// Sends the request to a node, and returns its response.
    pub(super) async fn to(
        &mut self,
        address: &str,
        open: &Arc<Open>,
    ) -> Result<Response, Unanswered> {
        let heard = self.relay.shared.nodes.heard(address);
        let (hub, session) = (self.endpoints.hub.clone(), self.session.clone());
        let mut lost: Lost = Box::pin(lost(hub, session, address.to_owned(), Arc::clone(&heard)));
        let kept = self.relay.shared.kept.take(address);
        let (connection, response) = match kept {
            None => self.ask(connect(address).await?, &mut lost).await?,
            Some(kept) => match self.ask(kept, &mut lost).await {
                // It was closed while nobody looked.
                Err(Unanswered::Again(CLOSED)) => {
                    self.ask(connect(address).await?, &mut lost).await?
                }
                answered => answered?,
            },
        };
        heard.now();
        match verdict(&response) {
            Some(Unanswered::Lost(why)) => {
                self.relay.secret_differs(&address);
                return Err(Unanswered::Lost(why));
            }
            Some(Unanswered::Again(why)) => return Err(self.unanswered(why)),
            None => {}
        }
        let passing = Passing { heard, lost, open: Arc::clone(open) };
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            self.upgraded(response, passing)
        } else {
            let connection = self.relay.shared.kept.guard(address, connection);
            Ok(self.answered(response, passing, connection))
        }
    }

    /// Sends the request over a connection, and waits for the head of its response.
    async fn ask(
        &mut self,
        mut connection: SendRequest<Body>,
        lost: &mut Lost,
    ) -> Result<(SendRequest<Body>, Response<Incoming>), Unanswered> {
        let Some(body) = (if self.is_safe { Some(Body::empty()) } else { self.body.take() }) else {
            return Err(Unanswered::Lost("its body was begun to be sent"));
        };
        let request = self.request(body);
        let response = tokio::select! {
            biased;
            response = connection.try_send_request(request) => response,
            () = lost => return Err(self.unanswered("its node does not own the session any more")),
        };
        match response {
            Ok(response) => Ok((connection, response)),
            Err(mut error) => match error.take_message() {
                Some(unsent) => {
                    self.body = Some(unsent.into_body());
                    Err(Unanswered::Again(CLOSED))
                }
                None if self.is_safe => Err(Unanswered::Again(CLOSED)),
                None => Err(Unanswered::Lost("it went without a response")),
            },
        }
    }

    fn unanswered(&self, why: &'static str) -> Unanswered {
        if self.is_safe { Unanswered::Again(why) } else { Unanswered::Lost(why) }
    }

    /// The request for another node: with the secret, and the address of who sent it.
    fn request(&self, body: Body) -> hyper::Request<Body> {
        let Parts { method, uri, headers, extensions, .. } = &self.parts;
        // Where routes are nested, they see a part of the path.
        let uri = extensions.get::<OriginalUri>().map_or(uri, |OriginalUri(uri)| uri);
        let mut request = hyper::Request::new(body);
        *request.method_mut() = method.clone();
        let target = uri.path_and_query().map_or_else(|| "/".into(), ToString::to_string);
        *request.uri_mut() = target.parse::<Uri>().unwrap_or_default();
        let mut sent = headers.clone();
        remove_hop_by_hop(&mut sent);
        if let (None, Some(host)) = (headers.get(HOST), uri.authority()) {
            // Of a request over HTTP/2.
            sent.extend(HeaderValue::try_from(host.as_str()).ok().map(|host| (HOST, host)));
        }
        if let (Some(protocol), true) = (headers.get(UPGRADE), self.upgrade.is_some()) {
            sent.insert(CONNECTION, HeaderValue::from_static("upgrade"));
            sent.insert(UPGRADE, protocol.clone());
        }
        sent.remove(PEER);
        sent.insert(RELAY, self.relay.secret.clone());
        if let Some(ConnectInfo(peer)) = extensions.get::<ConnectInfo<SocketAddr>>() {
            sent.extend(HeaderValue::try_from(peer.to_string()).ok().map(|peer| (PEER, peer)));
        }
        *request.headers_mut() = sent;
        request
    }

    /// Passes a response on, and keeps its connection. A stream of events ends if its owner is lost, or this node leaves: its
    /// reader comes back.
    fn answered(
        &self,
        response: Response<Incoming>,
        passing: Passing,
        connection: KeptGuard,
    ) -> Response {
        let (mut parts, body) = response.into_parts();
        let is_stream = parts.headers.get(CONTENT_TYPE).is_some_and(events::is_stream);
        let closes = parts.headers.get(CONNECTION).filter(|_| is_stream).cloned();
        remove_hop_by_hop(&mut parts.headers);
        parts.headers.extend(closes.map(|close| (CONNECTION, close)));
        let hub = self.endpoints.hub.clone();
        let Passing { heard, lost, open } = passing;
        let held = (open, is_stream.then(|| hub.drain_guard()), connection);
        let mut over = Box::pin(async move {
            tokio::select! {
                () = lost => {}
                () = hub.departs(), if is_stream => {}
            }
        });
        let mut body = Body::new(body).into_data_stream();
        let mut ended = false;
        let pieces = stream::poll_fn(move |cx| {
            let _held = &held;
            if ended {
                return Poll::Ready(None);
            }
            let piece = match body.poll_next_unpin(cx) {
                Poll::Ready(Some(Ok(piece))) => {
                    heard.now();
                    return Poll::Ready(Some(Ok(piece)));
                }
                Poll::Ready(Some(Err(why))) => Some(Err(why)),
                Poll::Ready(None) => None,
                Poll::Pending if over.as_mut().poll(cx).is_ready() => {
                    Some(Err(axum::Error::new("the node that answers is lost")))
                }
                Poll::Pending => return Poll::Pending,
            };
            ended = true;
            Poll::Ready(piece.filter(|_| !is_stream))
        });
        Response::from_parts(parts, Body::from_stream(pieces))
    }

    /// Passes the bytes of a WebSocket on, in a task of its own.
    fn upgraded(
        &mut self,
        mut response: Response<Incoming>,
        passing: Passing,
    ) -> Result<Response, Unanswered> {
        let Some(client) = self.upgrade.take() else {
            return Err(Unanswered::Lost("it upgrades a request that did not ask for it"));
        };
        let owner = hyper::upgrade::on(&mut response);
        let hub = self.endpoints.hub.clone();
        let guard = hub.drain_guard();
        tokio::spawn(async move {
            let Passing { heard, lost, open } = passing;
            let _held = (guard, open);
            // A connection that is gone by then is nobody's loss.
            let Ok((client, owner)) = tokio::try_join!(client, owner) else { return };
            let close_timeout = hub.options().close_timeout;
            let over = async {
                tokio::select! {
                    () = lost => CloseCode::Moved,
                    () = hub.departs() => CloseCode::Restart,
                }
            };
            let (client, owner) = (TokioIo::new(client), TokioIo::new(owner));
            pump(client, owner, over, &heard, close_timeout).await;
        });
        let (parts, _) = response.into_parts();
        Ok(Response::from_parts(parts, Body::empty()))
    }

    /// Answers for an owner that does not, in the form that the client can read.
    pub(super) fn refuse(mut self, problem: Problem) -> Response {
        if let Some(upgrade) = self.upgrade.take() {
            self.parts.extensions.insert(upgrade);
        }
        let Forward { endpoints, mut parts, .. } = self;
        if is_browser(&parts) {
            // Its page would not see a status.
            if let Ok(handshake) = Handshake::of(&mut parts, &endpoints.limits) {
                let code = CloseCode::Error;
                return handshake
                    .accept(move |socket| socket::refuse(socket, endpoints, code, None));
            }
        }
        events::refuse(problem, &parts.headers, parts.version)
    }
}

/// Is done when the node does not own the session any more.
type Lost = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A new connection to a node.
async fn connect(address: &str) -> Result<SendRequest<Body>, Unanswered> {
    let unreachable = Unanswered::Again("it cannot be reached");
    let Ok(Ok(stream)) = timeout(CONNECT, TcpStream::connect(address)).await else {
        return Err(unreachable);
    };
    // A small frame would wait for the network otherwise.
    _ = stream.set_nodelay(true);
    let (sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|_| unreachable)?;
    // It ends when it is not kept, or the node closes it.
    tokio::spawn(connection.with_upgrades());
    Ok(sender)
}

/// What is held while something is passed on.
struct Passing {
    heard: Arc<Heard>,
    lost: Lost,
    open: Arc<Open>,
}

/// Removes the headers of one connection, and those that it names.
fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let values = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    let named = values.flat_map(|value| value.split(','));
    let named = named.filter_map(|name| name.trim().parse::<HeaderName>().ok());
    for name in named.chain(HOP_BY_HOP).collect::<Vec<_>>() {
        headers.remove(name);
    }
}
