//! A stream of server-sent events between its reader and its link.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{ACCEPT, CACHE_CONTROL, CONNECTION, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Version};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use tokio::sync::mpsc;
use tokio::time::{
    Duration, Instant, MissedTickBehavior, interval_at, sleep_until, timeout, timeout_at,
};

use super::authorize::Grant;
use super::context::RequestContext;
use super::endpoints::Endpoints;
use super::problem::Problem;
use super::sse;
use super::throttle::ConnectionPermit;
use crate::hub::{Entries, Frame, Hello, Hub, Link};
use crate::store::SessionId;
use outlive::connection::Phase;
use outlive::ids::Seq;
use outlive::log::{AttachOutcome, ResumeFrom};
use outlive::wire::{Refusable, ToClient, Welcome};
use outlive::{CloseCode, State as SessionState};

/// `GET /sessions/{id}/events`: a stream of server-sent events, from `Last-Event-ID` or `?cursor=` on.
///
/// `?client=` is the client's name: a newer stream of the same client ends the older one. Without it each
/// request is a client of its own. After [some time](super::EndpointLimits::stream_lifetime) the stream ends.
/// A browser reconnects by itself; other readers should, with the last id that they read.
///
/// `?until=head` ends the stream with the last entry that the log had when the request came. `?until=end` ends
/// it with the session, after the end of the incarnation. A reader that has all of it already gets a 204, which
/// tells a browser not to reconnect. To read one answer, read until the `turn_end` whose turn is the `seq` that
/// the prompt was accepted with.
///
/// # Errors
/// The [`Problem`] as JSON. An unusable cursor is no error: the first events tell what is lost. What is refused
/// for now (a server that leaves, a store that does not answer, a limit) is no error for a request that accepts
/// `text/event-stream`: it is [a short stream](super#what-is-refused-for-now), since `EventSource` never comes back
/// after another status.
pub async fn events(
    State(endpoints): State<Endpoints>,
    request: Request,
) -> Result<Response, Problem> {
    let (streams, version) = (accepts_stream(request.headers()), request.version());
    open(endpoints, request).await.or_else(|problem| refused(problem, streams, version))
}

/// What is refused for now is a stream, for a request that accepts one.
fn refused(problem: Problem, streams: bool, version: Version) -> Result<Response, Problem> {
    match problem.stream() {
        Some(stream) if streams => Ok(response(Body::from(stream), version)),
        Some(_) | None => Err(problem),
    }
}

/// Refuses a request with these headers, whatever it is for.
pub(super) fn refuse(problem: Problem, headers: &HeaderMap, version: Version) -> Response {
    refused(problem, accepts_stream(headers), version).unwrap_or_else(Problem::into_response)
}

/// Whether a content type is that of server-sent events.
pub(super) fn is_stream(kind: &HeaderValue) -> bool {
    kind.to_str().is_ok_and(is_event_stream)
}

/// Without its parameters.
fn is_event_stream(kind: &str) -> bool {
    kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(EVENT_STREAM)
}

/// Whether the request names the type of server-sent events among those that it accepts, as `EventSource` does.
fn accepts_stream(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut types = values.flat_map(|value| value.split(','));
    types.any(is_event_stream)
}

const EVENT_STREAM: &str = "text/event-stream";

fn response(body: Body, version: Version) -> Response {
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(EVENT_STREAM));
    // Not to be compressed, or a proxy would collect events until there is enough of them.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store, no-transform"));
    if version < Version::HTTP_2 {
        // The socket ends with the stream: its reader may be gone.
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    // nginx would collect events, and send many at once.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

async fn open(endpoints: Endpoints, request: Request) -> Result<Response, Problem> {
    let context = RequestContext::of(&endpoints, request).await?;
    let (grant, arrival) = context.arrive(&endpoints).await?;
    let session = context.session()?;
    let until = context.query("until").map(ReadUntil::parse).transpose()?;
    let last = context.parts.headers.get("last-event-id");
    let last = last.map(|id| String::from_utf8_lossy(id.as_bytes()).into_owned());
    let cursor = last
        .or_else(|| context.query("cursor").map(Into::into))
        .filter(|cursor| !cursor.is_empty());
    let client = context.query("client").filter(|client| !client.is_empty());
    let client = match client {
        Some(client) => client.to_owned(),
        None => format!("sse-{:x}", getrandom::u64().unwrap_or_default()),
    };
    let permit = arrival.seat(&session, &client)?;
    let Grant { principal, role, until: granted } = grant;
    let cursor = ResumeFrom::parse(cursor.as_deref());
    let looked = session.clone();
    let mut link = endpoints.hub.link();
    link.hello(Hello { session, principal, role, client, cursor });
    let welcome = welcomed(&endpoints.hub, &looked, &mut link).await?;
    if until.is_some_and(|until| until.is_over(&welcome)) {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let (sender, mut receiver) = mpsc::channel::<Bytes>(1);
    let options = endpoints.hub.options();
    let ping_interval = options.ping_interval.max(Duration::from_millis(1));
    let close_timeout = options.close_timeout;
    let first = sse::welcome(endpoints.limits.retry_delay, &welcome);
    let stop = until.map(|until| (until, welcome.head));
    let empty = sse::position(&welcome) >= welcome.head;
    let nothing = empty && until == Some(ReadUntil::Head);
    let lifetime = endpoints.limits.stream_lifetime.map(jittered);
    let expires = lifetime.and_then(|lifetime| Instant::now().checked_add(lifetime));
    let expires = expires.into_iter().chain(granted).min();
    let stream = EventStream {
        link,
        sender,
        ping_interval,
        close_timeout,
        stop,
        expires,
        closes: None,
        permit,
    };
    tokio::spawn(stream.run(first, nothing));
    let pieces = stream::poll_fn(move |cx| {
        receiver.poll_recv(cx).map(|piece| piece.map(Ok::<_, core::convert::Infallible>))
    });
    Ok(response(Body::from_stream(pieces), context.parts.version))
}

/// The welcome, or why there is none.
async fn welcomed(hub: &Hub, session: &SessionId, link: &mut Link) -> Result<Welcome, Problem> {
    loop {
        match link.next().await {
            Some(Frame::Say(ToClient::Welcome(welcome))) => return Ok(welcome),
            Some(Frame::Say(_) | Frame::Entries(_)) => {}
            // A code does not tell damage from a store that does not answer; a look does.
            Some(Frame::Close(CloseCode::Error)) => {
                return Err(match hub.snapshot(session).await {
                    Err(why) => Problem::of(hub, Refusable::Prompt, &why),
                    Ok(_) => Problem::closed(hub, CloseCode::Error),
                });
            }
            Some(Frame::Close(code)) => return Err(Problem::closed(hub, code)),
            None => return Err(Problem::unavailable("the session is gone", CloseCode::Error)),
        }
    }
}

/// Between half of a time and all of it, so that streams that began together do not end together.
fn jittered(most: Duration) -> Duration {
    // Without randomness they do, which is bad but no reason to fail.
    let random = f64::from(getrandom::u32().unwrap_or(0)) / f64::from(u32::MAX);
    (most / 2).mul_f64(1.0 + random)
}

/// How far a reader reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ReadUntil {
    /// To the last entry at the time of the request.
    Head,
    /// To the end of the incarnation.
    End,
}

impl ReadUntil {
    fn parse(until: &str) -> Result<ReadUntil, Problem> {
        match until {
            "head" => Ok(ReadUntil::Head),
            "end" => Ok(ReadUntil::End),
            _ => Err(Problem::malformed(format!("a stream cannot end at {until:?}"))
                .at("parameter until", "head, end, or no such parameter")),
        }
    }

    /// Whether the reader has everything already.
    fn is_over(self, welcome: &Welcome) -> bool {
        let head = welcome.head;
        let read = matches!(welcome.outcome, AttachOutcome::Resumed { from } if from > head);
        read && match self {
            ReadUntil::Head => true,
            ReadUntil::End => welcome.state == SessionState::Ended,
        }
    }

    /// Whether the reader has everything with these entries. `head` was the last entry at the time of the request.
    fn ends(self, entries: &Entries, head: Seq) -> bool {
        match self {
            ReadUntil::Head => entries.from.0 + entries.frames.len() as u64 > head.0,
            ReadUntil::End => sse::ends(entries, head),
        }
    }
}

/// A stream under way.
struct EventStream {
    link: Link,
    sender: mpsc::Sender<Bytes>,
    ping_interval: Duration,
    /// How long a reader may take to read why its stream ends.
    close_timeout: Duration,
    /// Where the stream ends, and the last entry when it began.
    stop: Option<(ReadUntil, Seq)>,
    /// The end of its lifetime, or of its grant.
    expires: Option<Instant>,
    /// By then the reader has to have taken what is left: the link wants to close.
    closes: Option<Instant>,
    permit: ConnectionPermit,
}

impl EventStream {
    async fn run(mut self, first: Bytes, nothing: bool) {
        if !self.send(first).await || nothing {
            return;
        }
        let mut alive = interval_at(Instant::now() + self.ping_interval, self.ping_interval);
        alive.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let expires = self.expires;
            let frame = tokio::select! {
                frame = self.link.next() => frame,
                () = self.sender.closed() => return,
                () = sleep_until(expires.unwrap_or(Instant::now())), if expires.is_some() => {
                    self.expires = None;
                    self.link.close(CloseCode::Reauthenticate);
                    continue;
                }
                () = self.permit.revoked(), if self.link.phase() == Phase::Open => {
                    self.link.close(CloseCode::Expired);
                    continue;
                }
                _ = alive.tick() => {
                    if self.send(sse::frame(&ToClient::Ping)).await { continue }
                    return;
                }
            };
            let more = match frame {
                None => false,
                Some(Frame::Say(said)) => self.send(sse::frame(&said)).await,
                Some(Frame::Entries(entries)) => {
                    let over = self.stop.is_some_and(|(until, head)| until.ends(&entries, head));
                    self.send_all(sse::entries(entries)).await && !over
                }
                Some(Frame::Close(code)) => {
                    // A reader that misses it reconnects, and is sent it again.
                    _ = timeout(self.close_timeout, self.sender.send(sse::close(code))).await;
                    false
                }
            };
            if !more {
                return;
            }
        }
    }

    /// Sends the pieces of entries. Returns whether the reader has taken them: half an event is followed by nothing, and
    /// a reader forgets it.
    async fn send_all(&mut self, pieces: sse::Pieces) -> bool {
        for piece in pieces {
            if !self.send(piece).await {
                return false;
            }
        }
        true
    }

    /// Returns whether the reader has taken the piece. It has two ping intervals to do so; once the link wants to close, it
    /// has the close timeout for all that is left, and its cursor tells what it did not take.
    async fn send(&mut self, piece: Bytes) -> bool {
        let EventStream { link, sender, ping_interval, close_timeout, closes, .. } = self;
        let sending = timeout(*ping_interval * 2, sender.send(piece));
        tokio::pin!(sending);
        if closes.is_none() && link.phase() == Phase::Open {
            tokio::select! {
                biased;
                sent = &mut sending => return matches!(sent, Ok(Ok(()))),
                () = link.closes() => {}
            }
        }
        let by = *closes.get_or_insert_with(|| Instant::now() + *close_timeout);
        matches!(timeout_at(by, sending).await, Ok(Ok(Ok(()))))
    }
}
