//! Endpoints for a hub: a WebSocket, server-sent events, and plain requests.
//!
//! ```no_run
//! use outlive_server::http::{Anyone, endpoints};
//! use outlive_server::hub::{Failure, Hub, Turn};
//!
//! async fn answer(turn: Turn) -> Result<(), Failure> {
//!     turn.emit(&"hello").await?;
//!     Ok(())
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let hub = Hub::builder().build(answer).await?;
//! let app = axum::Router::new().nest("/api", endpoints(hub).authorize(Anyone).router());
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:7878").await?;
//! axum::serve(listener, app).await?;
//! # Ok(())
//! # }
//! ```
//!
//! | request | answer |
//! |---|---|
//! | `POST /sessions` | 201 `{"session":"s_…"}` |
//! | `GET /sessions/{id}` | 200, the session's record |
//! | `GET /sessions/{id}/ws` | a WebSocket with the subprotocol [`outlive.v1`](outlive::wire::SUBPROTOCOL) |
//! | `GET /sessions/{id}/events` | server-sent events: `Last-Event-ID` or `?cursor=`, `?client=`, `?until=head` or `end` |
//! | `POST /sessions/{id}/prompts` | 202 `{"n":1,"seq":5,"again":false}`; 200 if it was accepted before |
//! | `POST /sessions/{id}/interrupt` | `{"turn":5}`: 202, or 200 if it came too late |
//! | `POST /sessions/{id}/stop` | `{"incarnation":1}` or nothing: 202, or 200 if it came too late |
//! | `POST /sessions/{id}/suspend` | `{"client":"…","connection":"…","seen":5}`: 202 |
//! | `POST /sessions/{id}/asks/{seq}` | `{"client":"…","d":…}`: 202; 409 if it was settled before |
//!
//! A prompt is `{"client":"laptop","n":1,"d":…}`, or its body alone with a header
//! `Idempotency-Key: laptop.1`. One that is sent again has the same number and the same JSON; space between its
//! tokens does not count. What is wrong is told as JSON by these routes, also a wrong method, see [`Problem`];
//! what is said of other addresses is a matter of your router. The frames of the WebSocket are those of
//! [`wire`](outlive::wire).
//!
//! Every handler is a function of its own, for a router with other paths: its state is [`Endpoints`].
//!
//! # Who may do what
//! Nothing is served before somebody [authorised](Authorize) it; [`Bearer`] and [`Anyone`] are the simplest
//! ways, a function is another. A session that one may not see looks like
//! one that does not exist. Browsers say where a page came from: see [`Origins`]. Pages of other origins
//! need CORS headers too, which are a layer of your own.
//!
//! Failed attempts are not counted here, for only you know whose they are: behind a proxy every request comes
//! from the proxy. Let the proxy limit them, or your [`Authorize`]: axum's `ConnectInfo` is in the
//! [parts](Ask::parts) if the router is served with it, and [`Denied::TooOften`] is the answer. What somebody
//! known may have, and how often it may attach, is in [`EndpointLimits`].
//!
//! # Browsers and tokens
//! A page cannot send headers with a WebSocket or with `EventSource`. A WebSocket brings its token in the attach
//! frame. `EventSource` has two ways: a [cookie](Ask::cookie), which is `HttpOnly` and `SameSite`, together with the
//! check of [`Origins`]; or a ticket in the query, which your [`Authorize`] reads from the [parts](Ask::parts),
//! made for one use within seconds, since addresses end up in logs. `EventSource` comes back with the same address:
//! with tickets, make a new one yourself with `?cursor=`. `fetch` can send headers, and read a stream too.
//!
//! # The stream's events
//! An event is named by its `t`: the frames `ev`, `welcome`, `gap`, `goaway` and `error` of
//! [`wire`](outlive::wire), and two of its own:
//!
//! | event | data |
//! |---|---|
//! | `reset` | `{"t":"reset","why":"malformed"}`: the cursor is of no use, all that is retained follows; the same as `outcome` of the welcome |
//! | `close` | `{"t":"close","code":4009,"rule":"stop","message":"…"}`: what a WebSocket would be closed with, and the [rule](crate::ClientRule) for what to do then; nothing follows |
//!
//! Entries have an SSE `id`, which is their cursor. The welcome has one too, so that a reader that is cut before
//! the first entry comes back to where it began; no other event has.
//!
//! # Sizes
//!
//! | what | at most | set by | beyond it |
//! |---|---|---|---|
//! | a frame of a WebSocket, with all that is in it | 256 KiB | [`EndpointLimits::frame_bytes`] | close 1009 |
//! | the body of a prompt or an answer, over HTTP | 4 MiB | [`Options::body_bytes`](crate::hub::Options::body_bytes) | 413 `too_big` |
//! | a piece of output, a question | 4 MiB | the same | [`TurnError::Body`](crate::hub::TurnError::Body) |
//! | what stands around a body over HTTP | 1 KiB | | 413 |
//! | a client's name | 64 bytes | | close 4002, 400 |
//!
//! A frame is held in memory before it is known who sends it, a request's body only afterwards. So what is large goes
//! by `POST`, under the same client's next number.
//!
//! # Peers that are gone
//! A WebSocket is pinged every [`ping_ms`](crate::hub::Options::ping_ms), and given up after two intervals
//! without a sign of life. A stream of events cannot be asked: what is sent to a peer that is gone waits in
//! the system's buffers, and TCP may try for a quarter of an hour once something is sent, or for ever if
//! nothing is. So each stream ends after a [time](EndpointLimits::sse_ms), minutes if nothing is said: its
//! reader comes back with its `Last-Event-ID`, is authorised again, and loses nothing. `EventSource` does it
//! by itself; whoever reads a stream with `curl` or a library must, as it must after any cut. What goes over
//! the socket sooner, such as `TCP_USER_TIMEOUT` or keep-alives of TCP, is set where `set_nodelay` is, below.
//!
//! # Small frames
//! Two small frames in a row wait for each other, up to 40 ms, unless Nagle's algorithm is off. Axum leaves it
//! on: serve `listener.tap_io(|tcp| _ = tcp.set_nodelay(true))`, with `axum::serve::ListenerExt`.
//!
//! # Leaving
//! [`Hub::drain`] closes every WebSocket that has attached and ends every stream of events; let it run beside
//! `axum::serve(…).with_graceful_shutdown(…)`, which waits for streams
//! but not for what was upgraded: the drain does, until each has closed or the deadline has passed. Whoever comes meanwhile is told when to come back: a WebSocket by a `goaway` frame
//! and a close 1012 after its attach, a request by 503 and `Retry-After`.

mod authorize;
mod commands;
mod events;
mod limits;
mod origins;
mod problem;
mod pulse;
mod pump;
mod request;
mod socket;
mod sse;
mod throttle;
mod upgrade;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

pub use authorize::{Anyone, Ask, Authorize, Bearer, Denied, Grant};
pub use commands::{answer, create, interrupt, look, prompt, ready, stop, suspend};
pub use events::events;
pub use limits::EndpointLimits;
pub use origins::Origins;
pub use problem::Problem;
pub use upgrade::socket;

use self::authorize::Authorizer;
use self::throttle::Throttle;
use crate::hub::Hub;

/// The endpoints of a hub, as soon as it is said who may use them: [`Unauthorized::authorize`].
pub fn endpoints(hub: Hub) -> Unauthorized {
    Unauthorized(hub)
}

/// Endpoints that nobody may use yet: say first who may, with [`authorize`](Unauthorized::authorize). It gives the
/// [`Endpoints`], which have `router`, `origins` and `limits`:
///
/// ```
/// # use outlive_server::http::{Anyone, endpoints};
/// # fn routes(hub: outlive_server::hub::Hub) -> axum::Router {
/// endpoints(hub).authorize(Anyone).router()
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Unauthorized(Hub);

impl Unauthorized {
    /// Who decides who may do what.
    pub fn authorize(self, authorize: impl Authorize) -> Endpoints {
        let limits = EndpointLimits::default();
        Endpoints {
            hub: self.0,
            authorizer: Arc::new(authorize),
            origins: Arc::new(Origins::same_host()),
            throttle: Arc::new(Throttle::new(&limits)),
            limits: Arc::new(limits),
        }
    }
}

/// The endpoints of a hub, and the state of their handlers. Clones are the same endpoints.
#[derive(Clone)]
pub struct Endpoints {
    hub: Hub,
    authorizer: Arc<dyn Authorizer>,
    origins: Arc<Origins>,
    limits: Arc<EndpointLimits>,
    throttle: Arc<Throttle>,
}

impl core::fmt::Debug for Endpoints {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Endpoints").field("hub", &self.hub).finish_non_exhaustive()
    }
}

impl Endpoints {
    /// Which pages may connect. Those of the same host, if nothing is said: see [`Origins::same_host`].
    #[must_use]
    pub fn origins(mut self, origins: Origins) -> Endpoints {
        self.origins = Arc::new(origins);
        self
    }

    /// What one principal may have, and one frame. The defaults are those of [`EndpointLimits`]. Counts begin
    /// anew: say it before the endpoints are cloned.
    #[must_use]
    pub fn limits(mut self, limits: EndpointLimits) -> Endpoints {
        self.throttle = Arc::new(Throttle::new(&limits));
        self.limits = Arc::new(limits);
        self
    }

    /// The hub.
    pub fn hub(&self) -> &Hub {
        &self.hub
    }

    /// All of them, to be merged or nested.
    pub fn router<S: Clone + Send + Sync + 'static>(self) -> Router<S> {
        Router::new()
            .route("/sessions", post(create))
            .route("/sessions/{id}", get(look))
            .route("/sessions/{id}/ws", get(socket))
            .route("/sessions/{id}/events", get(events))
            .route("/sessions/{id}/prompts", post(prompt))
            .route("/sessions/{id}/interrupt", post(interrupt))
            .route("/sessions/{id}/stop", post(stop))
            .route("/sessions/{id}/suspend", post(suspend))
            .route("/sessions/{id}/asks/{seq}", post(answer))
            .method_not_allowed_fallback(problem::method)
            .with_state(self)
    }
}
