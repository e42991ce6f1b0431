//! Requests for a session that another node owns are passed on to that node. Nothing is decided here: the store says who
//! owns the session, and the owner does the rest, as if it had been dialled itself.

mod forward;
mod frames;
mod internal;
mod kept;
mod pump;
mod watch;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::{RawPathParams, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use sha2::{Digest as _, Sha256};
use tokio::time::{Instant, sleep};

use self::forward::{Forward, Unanswered};
use self::kept::Kept;
use self::watch::Nodes;
use super::endpoints::Endpoints;
use super::problem::Problem;
use crate::hub::Destination;
use crate::store::SessionId;
use outlive::CloseCode;

pub use internal::serve_internal;

/// Of a request that is passed on: the digest of the nodes' secret. Of a response: what the node says to the other one
/// that has passed the request on, and not to the client.
const RELAY: HeaderName = HeaderName::from_static("outlive-relay");

/// Of a request that is passed on: the address of the client, as the node has it that was dialled.
const PEER: HeaderName = HeaderName::from_static("outlive-relay-peer");

/// The node does not own the session: ask the store again.
const ELSEWHERE: HeaderValue = HeaderValue::from_static("elsewhere");

/// The node has another secret.
const DENIED: HeaderValue = HeaderValue::from_static("denied");

/// A request is passed on once at most: this one was.
#[derive(Clone, Copy, Debug)]
pub(super) struct Relayed;

/// How often the store is asked again whose a session is, while its owner does not answer.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// For so long, beyond a lease, a request waits for an owner that answers.
const PATIENCE: Duration = Duration::from_secs(2);

/// Passes on what is for a session of another node: see [`Endpoints::relay`]. Clones are the same one.
#[derive(Clone)]
pub struct Relay {
    /// The digest of the secret, in hexadecimal digits.
    secret: HeaderValue,
    redirect: Option<Arc<Redirect>>,
    shared: Arc<Shared>,
}

type Redirect = dyn Fn(&str) -> Response + Send + Sync;

/// What the connections have in common.
#[derive(Debug, Default)]
struct Shared {
    nodes: Nodes,
    kept: Kept,
    open: AtomicU64,
    begun: AtomicU64,
    failed: AtomicU64,
    /// It was said that a node has another secret.
    denied: AtomicBool,
}

/// How much was passed on to other nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RelayCounts {
    /// Requests, streams of events and sockets that are being passed on now.
    pub open: u64,
    /// All that were passed on since the process began, those that failed included.
    pub begun: u64,
    /// Those for which no owner was found that answers.
    pub failed: u64,
}

impl Relay {
    /// With the secret that all nodes have. What knows it, and reaches a node's internal listener, is believed whose
    /// address a request is from. Only a digest of it is kept and sent.
    pub fn new(secret: &[u8]) -> Relay {
        use std::fmt::Write as _;
        let digest = Sha256::new().chain_update("outlive-relay\0").chain_update(secret).finalize();
        let digits = digest.iter().fold(String::new(), |mut digits, byte| {
            // Writing into a text does not fail.
            _ = write!(digits, "{byte:02x}");
            digits
        });
        let mut secret = HeaderValue::try_from(digits).unwrap_or(DENIED);
        secret.set_sensitive(true);
        Relay { secret, redirect: None, shared: Arc::default() }
    }

    /// Answers with what `redirect` returns, for the address of the owner, in place of passing requests on: for platforms that
    /// send a request to another machine if a response asks them to, such as by a header `fly-replay`.
    #[must_use]
    pub fn redirect(self, redirect: impl Fn(&str) -> Response + Send + Sync + 'static) -> Relay {
        Relay { redirect: Some(Arc::new(redirect)), ..self }
    }

    /// How much was passed on.
    pub fn counts(&self) -> RelayCounts {
        let Shared { open, begun, failed, .. } = &*self.shared;
        let [open, begun, failed] =
            [open, begun, failed].map(|count| count.load(Ordering::Relaxed));
        RelayCounts { open, begun, failed }
    }

    /// Whether a node shows the secret. The time that this takes does not depend on what is shown.
    fn admits(&self, shown: &HeaderValue) -> bool {
        let (ours, shown) = (self.secret.as_bytes(), shown.as_bytes());
        let differs = ours.iter().zip(shown).fold(0, |differs, (a, b)| differs | (a ^ b));
        ours.len() == shown.len() && differs == 0
    }

    /// Counts one more, until the guard is dropped.
    fn begin(&self) -> Open {
        self.shared.begun.fetch_add(1, Ordering::Relaxed);
        self.shared.open.fetch_add(1, Ordering::Relaxed);
        Open(Arc::clone(&self.shared))
    }

    fn failed(&self) {
        self.shared.failed.fetch_add(1, Ordering::Relaxed);
    }

    /// Says once that the secrets differ. `who` is the other node.
    fn secret_differs(&self, who: &dyn fmt::Display) {
        if !self.shared.denied.swap(true, Ordering::Relaxed) {
            tracing::error!(
                node = %who,
                "the secret of this node and that of another one differ: nothing is passed on between them"
            );
        }
    }
}

impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relay").field("counts", &self.counts()).finish_non_exhaustive()
    }
}

/// Something is being passed on.
#[derive(Debug)]
struct Open(Arc<Shared>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Passes a request on if another node owns the session that its path names by `{id}`. The routes of
/// [`Endpoints::router`](super::Endpoints::router) do so by themselves; this is for a router with other paths:
///
/// ```
/// use axum::middleware::from_fn_with_state;
/// use axum::routing::get;
/// use outlive_server::http::{self, Endpoints};
///
/// # fn app(endpoints: Endpoints) -> axum::Router {
/// axum::Router::new()
///     .route("/chats/{id}/socket", get(http::socket))
///     .route_layer(from_fn_with_state(endpoints.clone(), http::relay))
///     .with_state(endpoints)
/// # }
/// ```
pub async fn relay(State(endpoints): State<Endpoints>, request: Request, next: Next) -> Response {
    let Some(relay) = endpoints.relay.clone() else { return next.run(request).await };
    let (mut parts, body) = request.into_parts();
    let session = session(&mut parts).await;
    // What is refused whoever owns the session is refused here: the handler says why.
    let passes = endpoints.admit(&parts).is_ok() && !endpoints.hub.is_draining();
    let request = Request::from_parts(parts, body);
    let Some(session) = session.filter(|_| passes) else { return next.run(request).await };
    match endpoints.hub.destination(&session).await {
        // So does the hub, of a store that does not answer.
        Err(_) | Ok(Destination::Here) => next.run(request).await,
        Ok(Destination::Node(_)) if request.extensions().get::<Relayed>().is_some() => elsewhere(),
        Ok(Destination::Node(address)) => match &relay.redirect {
            Some(redirect) => redirect(&address),
            None => pass_on(&endpoints, &relay, session, address, request, next).await,
        },
    }
}

/// The session that the path names.
async fn session(parts: &mut axum::http::request::Parts) -> Option<SessionId> {
    use axum::extract::FromRequestParts as _;
    // It fails for a path without parameters, which has none.
    let params = RawPathParams::from_request_parts(parts, &()).await.ok()?;
    params.iter().find(|(key, _)| *key == "id").and_then(|(_, id)| id.parse().ok())
}

/// Passes a request on to the owner of its session, or waits until there is one that answers. If that is this node, it
/// answers itself.
async fn pass_on(
    endpoints: &Endpoints,
    relay: &Relay,
    session: SessionId,
    mut address: String,
    request: Request,
    next: Next,
) -> Response {
    let open = Arc::new(relay.begin());
    let wait = endpoints.hub.lease().unwrap_or_default() + PATIENCE;
    let until = Instant::now() + wait;
    let mut forward = Forward::new(endpoints, relay, session.clone(), request);
    loop {
        let why = match forward.to(&address, &open).await {
            Ok(response) => return response,
            Err(Unanswered::Again(why)) if Instant::now() < until => {
                tracing::debug!(%session, %address, why, "the owner of a session does not answer");
                sleep(LOOK_AGAIN).await;
                match endpoints.hub.destination(&session).await {
                    Ok(Destination::Node(owner)) if !endpoints.hub.is_draining() => address = owner,
                    Ok(_) | Err(_) => {
                        drop(open);
                        return next.run(forward.into_request()).await;
                    }
                }
                continue;
            }
            Err(Unanswered::Again(why) | Unanswered::Lost(why)) => why,
        };
        relay.failed();
        tracing::warn!(%session, %address, why, "a request could not be passed on");
        return forward.refuse(unanswered());
    }
}

/// The session is another node's, and this request was passed on once.
fn elsewhere() -> Response {
    let message = "this node does not own the session";
    let problem = Problem::misdirected(message).into_response();
    ([(RELAY, ELSEWHERE)], problem).into_response()
}

/// The node that shows no secret of ours may not pass anything on.
fn denied() -> Response {
    let message = "this is the internal address of a node, for other nodes with its secret";
    let response = Problem::denied(message).into_response();
    ([(RELAY, DENIED)], response).into_response()
}

fn unanswered() -> Problem {
    Problem::unavailable("the node that owns the session does not answer", CloseCode::Error)
}

/// What a node says to the one that passed a request on: the response is not for the client.
fn verdict(response: &axum::http::Response<hyper::body::Incoming>) -> Option<Unanswered> {
    let said = response.headers().get(RELAY)?;
    match response.status() {
        StatusCode::MISDIRECTED_REQUEST if said == ELSEWHERE => {
            Some(Unanswered::Again("it does not own the session"))
        }
        StatusCode::FORBIDDEN if said == DENIED => Some(Unanswered::Lost("its secret is another")),
        _ => None,
    }
}
