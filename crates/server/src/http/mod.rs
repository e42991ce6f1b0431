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
//! | `GET /sessions` | 200 `{"sessions":[{"session":"s_…"}],"next":null}`: those that the principal has created, the newest first; `?limit=`, `?cursor=` |
//! | `GET /sessions/{id}` | 200, the session's record |
//! | `GET /sessions/{id}/ws` | a WebSocket with the subprotocol [`outlive.v1`](outlive::wire::SUBPROTOCOL) |
//! | `GET /sessions/{id}/events` | server-sent events: `Last-Event-ID` or `?cursor=`, `?client=`, `?until=head` or `end` |
//! | `POST /sessions/{id}/prompts` | 202 `{"n":1,"seq":5,"again":false}`; 200 if it was accepted before |
//! | `POST /sessions/{id}/interrupt` | `{"turn":5}`: 202, or 200 if it came too late |
//! | `POST /sessions/{id}/stop` | `{"incarnation":1}` or nothing: 202, or 200 if it came too late |
//! | `POST /sessions/{id}/suspend` | `{"client":"…","connection":"…","seen":5}`: 202 |
//! | `DELETE /sessions/{id}` | 204 when it has ended, its worker has closed out, and its log is gone |
//! | `POST /sessions/{id}/asks/{seq}` | `{"client":"…","d":…}`: 202; 409 if it was settled before |
//!
//! A prompt is `{"client":"laptop","n":1,"d":…}`, or its body alone with a header
//! `Idempotency-Key: laptop.1`. A retry has the same number and the same JSON; space between its tokens does not
//! count. These routes answer mistakes, also a wrong method, with a [`Problem`] as JSON; other addresses belong to
//! your router. The frames of the WebSocket are those of [`wire`](outlive::wire).
//!
//! Every handler is a public function, for a router with other paths: its state is [`Endpoints`]. Routes of your own are
//! authorised in the same way by [`Endpoints::authorize`].
//!
//! # Who may do what
//! Every request is [authorised](Authorize) first; [`Bearer`] and [`Anyone`] are the simplest ways, a function is
//! another, and `Jwt` (feature `jwt`) takes signed tokens. [`OwnSessions`] lets each principal see the sessions that it has created, and no others. A session that the principal may not see looks like one that does not exist. Browsers name the origin
//! of a page: see [`Origins`]. With [`Anyone`] only `localhost` and IP addresses lead to the endpoints: see [`Hosts`]. Pages of other origins need CORS headers too, which are a layer of your own.
//!
//! Failed attempts are not counted here, since behind a proxy every request comes from the proxy's address. Let the
//! proxy limit them, or your [`Authorize`]: axum's `ConnectInfo` is in the [parts](AuthRequest::parts) if the router
//! is served with it, and [`AuthError::RateLimited`] is the answer. The connections and attaches of a known principal
//! are limited by [`EndpointLimits`].
//!
//! # Grants that end
//! A [`Grant`] may have an end, such as the end of its token. A connection whose grant ends is closed with 4201, and a stream of
//! events ends with that code: a client comes back at once and resumes, with the token that it shows then. If that one has
//! expired too, a request gets 401 `expired`, and a WebSocket 4010: the client keeps its prompts and waits for a fresh token.
//!
//! A WebSocket is kept by a fresh token in band, before the end comes: the frame `attach` once more, with the token. Its other
//! fields are not looked at, since a connection has one place in the session. What is sent behind it is done by what it grants,
//! also if that is less. A token that is refused for good closes the connection with the code that an attach would get; one
//! that cannot be checked now is answered with the frame `error`, and changes nothing; one of another principal closes
//! with 4201.
//!
//! [`Endpoints::revoke`] closes all connections of a principal with 4010.
//!
//! # Browsers and tokens
//! A page cannot send headers with a WebSocket or with `EventSource`. A WebSocket brings its token in the attach
//! frame. `EventSource` has two ways: a [cookie](AuthRequest::cookie), which is `HttpOnly` and `SameSite`, together with the
//! check of [`Origins`]; or a ticket in the query, which your [`Authorize`] reads from the [parts](AuthRequest::parts),
//! made for one use within seconds, since addresses end up in logs. `EventSource` reconnects with the same address:
//! with tickets, create a new `EventSource` yourself, with `?cursor=`. `fetch` can send headers, and read a stream too.
//!
//! # The stream's events
//! An event is named by its `t`: the frames `ev`, `welcome`, `gap`, `goaway` and `error` of
//! [`wire`](outlive::wire), and three of its own:
//!
//! | event | data |
//! |---|---|
//! | `ping` | `{"t":"ping"}`, every [`ping_interval`](crate::hub::HubOptions::ping_interval): the stream lives |
//! | `reset` | `{"t":"reset","why":"malformed"}`: the cursor is unusable, and all retained entries follow; the same as `outcome` of the welcome |
//! | `close` | `{"t":"close","code":4009,"rule":"stop","message":"…"}`: how a WebSocket would be closed, and the [rule](outlive::ClientRule) for what to do then; nothing follows |
//!
//! Entries have an SSE `id`, which is their cursor. The welcome has one too, so that a reader that is cut off before
//! the first entry resumes where it began. No other event has one.
//!
//! # What is refused for now
//! A server that leaves or whose store does not answer says 503 with `Retry-After`, a limit 429. `EventSource` takes
//! any status but 200 for final, and is closed for good. So a request for a stream with
//! `Accept: text/event-stream`, which `EventSource` sends, gets 200 in these cases: a field `retry` (milliseconds,
//! at random, not before the `Retry-After`), the event `goaway` if the server leaves, the event `close`, and the end.
//! None of it has an `id`, so the reader comes back with the last one that it read. What is refused for good (400,
//! 401, 403, 404) keeps its status, and `curl` without that header sees all of them.
//!
//! # Sizes
//!
//! | what | at most | set by | beyond it |
//! |---|---|---|---|
//! | a frame of a WebSocket, with all that is in it | 256 KiB | [`EndpointLimits::frame_bytes`] | close 1009 |
//! | what a WebSocket sends until it has attached | 16 KiB | [`EndpointLimits::hello_bytes`] | close 1009 |
//! | the body of a prompt or an answer, over HTTP | 4 MiB | [`HubOptions::body_bytes`](crate::hub::HubOptions::body_bytes) | 413 `too_big` |
//! | a piece of output, a question | 4 MiB | the same | [`TurnError::Body`](crate::hub::TurnError::Body) |
//! | what stands around a body over HTTP | 1 KiB | | 413 |
//! | a client's name | 64 bytes | | close 4002, 400 |
//!
//! How many bodies are read at a time, how much of them is in memory and how long one may take is bounded too, for each
//! principal and in all: [`EndpointLimits::bodies`] and what follows it. Beyond it: 429, or 408 for the time.
//!
//! Of a peer that is not authorised yet an attach frame is read, and no body. Send a large prompt by `POST`, under the
//! client's next number.
//!
//! # Viewers that do not read
//! An entry is in memory once, however many watch: it is written in pieces of 16 KiB, as the frames of one message or the
//! chunks of a stream, and only these are copied. A viewer that takes nothing costs what its system's socket takes, and of
//! this process 64 KiB over a WebSocket, 300 KiB over a stream; and it keeps the range that it was given, which is at most
//! [`page_bytes`](crate::hub::HubOptions::page_bytes) or one larger entry, until it is given up after two pings. What all viewers
//! hold of larger entries is bounded by [`held_bytes`](crate::hub::HubOptions::held_bytes). A close code seldom gets through a
//! full socket: such a client sees 1006, and comes back at its cursor.
//!
//! # Heads of requests
//! How long the head of a request may take is decided where connections are accepted, before these endpoints see
//! anything of it. [`serve`] gives it 75 s. `axum::serve` waits for ever: with it, have a proxy in front that does not.
//!
//! # Peers that are gone
//! A WebSocket is pinged every [`ping_interval`](crate::hub::HubOptions::ping_interval), by a ping of WebSocket and by
//! the frame `ping`, and given up after two intervals in which nothing came. Some proxies answer pings of WebSocket
//! themselves, for a peer that is gone: so once a peer has answered the frame `ping`, only text counts. The bytes of a
//! text that is under way count as it does, and so do those that the peer takes of a frame that has to wait for it. So
//! a frame may take longer than two intervals, on a line however slow. A page sees no such bytes:
//! [`body_bytes`](crate::hub::HubOptions::body_bytes) says how slow its line may be.
//!
//! The reader of a stream of events is sent the event `ping` as often, for a page that watches whether anything comes
//! (a welcome's `ping_ms` says how often); it has no answer. What is sent to a reader that is gone
//! waits in the system's buffers, and TCP may retry for a quarter of an hour if something is sent, or for ever if
//! nothing is. So each stream ends after its [lifetime](EndpointLimits::stream_lifetime): its reader reconnects with
//! its `Last-Event-ID`, is authorised again, and loses nothing. `EventSource` does so by itself; a reader such as
//! `curl` or a library must do so, as after any lost connection. Shorter times of the socket itself, such as
//! `TCP_USER_TIMEOUT` or TCP keep-alive, are set where `set_nodelay` is, below.
//!
//! # Small frames
//! Two small frames in a row wait for each other, up to 40 ms, unless Nagle's algorithm is off. Axum leaves it
//! on: serve `listener.tap_io(|tcp| _ = tcp.set_nodelay(true))`, with `axum::serve::ListenerExt`.
//!
//! # Several nodes
//! Where several processes share a store with a [lease](crate::store::Store::lease), a session is owned by one of them at a time. With
//! [`Endpoints::relay`] any of them may be dialled: what is for a session of another node is passed on to it, as it came, and
//! [`serve_internal`] serves the other nodes. The dialled node has admitted the [origin and the host](Origins), and its connections are
//! its own; the owner authorises, and all limits of [`EndpointLimits`] are the owner's.
//!
//! What may be sent again waits for an owner that does not answer, a lease and 2 s long. If nobody owns the session by then, this
//! node takes it over and answers; otherwise it says 503, or 1011 to the WebSocket of a page. If the owner is lost later, a WebSocket
//! is closed with 4200 and a stream ends, and their clients come back at once. What changes something is sent once: a client that gets
//! 503 for a prompt sends it again under its number.
//!
//! # Draining
//! [`Hub::drain`](crate::hub::Hub::drain) closes every WebSocket that has attached, and ends every stream of events; at its
//! end it closes those that have not attached.
//! [`serve`] runs it when the process is asked to leave, or when another process has taken the store, and returns within a
//! bounded time. What is passed on to other nodes is closed within its window too, a socket with 1012. A client that connects meanwhile learns when to come back: a WebSocket from a `goaway` frame and a close 1012
//! after its attach, a request from a 503 with `Retry-After`, `EventSource` from [a short stream](#what-is-refused-for-now).

mod authorize;
mod bodies;
mod commands;
mod context;
mod endpoints;
mod events;
mod expiry;
mod handshake;
mod heartbeat;
#[cfg(feature = "jwt")]
mod jwt;
mod limits;
mod origins;
mod own_sessions;
mod pending;
mod problem;
mod relay;
mod router;
mod serve;
mod socket;
mod socket_io;
mod sse;
mod throttle;
mod transport;
mod upgrade;

pub use authorize::{Anyone, AuthError, AuthRequest, Authorize, Bearer, Grant};
pub use commands::{
    answer, create, delete, interrupt, list, prompt, ready, snapshot, stop, suspend,
};
pub use endpoints::{Endpoints, EndpointsBuilder, endpoints};
pub use events::events;
#[cfg(feature = "jwt")]
pub use jwt::{Jwt, JwtKeyError};
pub use limits::EndpointLimits;
pub use origins::{Hosts, Origins};
pub use own_sessions::OwnSessions;
pub use problem::Problem;
pub use relay::{Relay, RelayCounts, relay, serve_internal};
pub use serve::{ShutdownCause, serve};
pub use upgrade::socket;
