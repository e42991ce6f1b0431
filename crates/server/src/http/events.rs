//! A stream of server-sent events between its reader and its link.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue, StatusCode, Version};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use tokio::sync::mpsc;
use tokio::time::{Duration, Instant, MissedTickBehavior, interval_at, sleep_until, timeout};

use super::Endpoints;
use super::problem::Problem;
use super::request::Inquiry;
use super::sse;
use super::throttle::Seat;
use crate::hub::{Entries, Frame, Hello, Link, Role};
use outlive::CloseCode;
use outlive::State as SessionState;
use outlive::connection::Phase;
use outlive::ids::Seq;
use outlive::log::{AttachOutcome, Claim};
use outlive::wire::{ToClient, Welcome};

/// `GET /sessions/{id}/events`: a stream of server-sent events, from `Last-Event-ID` or `?cursor=` on.
///
/// `?client=` is the client's own name for itself: a newer stream of the same client ends the older one.
/// Without it each request is a client of its own. After [a time](super::EndpointLimits::sse_ms) the stream
/// ends; a browser comes back by itself, others should, with the last id that they read.
///
/// `?until=head` fetches what is there: the stream ends with the last entry that the log had when the request
/// came. `?until=end`: it ends with the session, after the incarnation's end. Whoever has read it all gets a
/// 204, which tells a browser not to come back. Who wants one answer reads until the `turn_end` of its turn,
/// which is the place that `accepted` named.
///
/// # Errors
/// As JSON. A cursor that is of no use is no error: the first events say what is lost.
pub async fn events(
    State(endpoints): State<Endpoints>,
    request: Request,
) -> Result<Response, Problem> {
    let inquiry = Inquiry::of(&endpoints, request).await?;
    let grant = inquiry.grant(&endpoints, Role::View).await?;
    let session = inquiry.session()?;
    let until = inquiry.query("until").map(|until| Until::parse(&until)).transpose()?;
    let seat = endpoints.throttle.attach(&grant.principal)?;
    let last = inquiry.parts.headers.get("last-event-id");
    let last = last.map(|id| String::from_utf8_lossy(id.as_bytes()).into_owned());
    let cursor = last.or_else(|| inquiry.query("cursor")).filter(|cursor| !cursor.is_empty());
    let client = inquiry.query("client").filter(|client| !client.is_empty());
    let client = match client {
        Some(client) => client,
        None => format!("sse-{:x}", getrandom::u64().unwrap_or_default()),
    };
    let (principal, role) = (grant.principal, grant.role);
    let cursor = Claim::parse(cursor.as_deref());
    let mut link = endpoints.hub.link();
    link.hello(Hello { session, principal, role, client, cursor });
    let welcome = welcomed(&mut link).await?;
    if until.is_some_and(|until| until.is_over(&welcome)) {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let (sender, mut receiver) = mpsc::channel::<Bytes>(1);
    let options = endpoints.hub.options();
    let every = Duration::from_millis(u64::from(options.ping_ms.max(1)));
    let last_words = Duration::from_millis(u64::from(options.close_ms));
    let first = sse::welcome(endpoints.limits.retry_ms, &welcome);
    let stop = until.map(|until| (until, welcome.head));
    let empty = sse::position(&welcome) >= welcome.head;
    let nothing = empty && until == Some(Until::Head);
    let until = endpoints.limits.sse_ms.map(life).map(|life| Instant::now() + life);
    let stream = Stream { link, sender, every, last_words, stop, until, _seat: seat };
    tokio::spawn(stream.run(first, nothing));
    let pieces = stream::poll_fn(move |cx| {
        receiver.poll_recv(cx).map(|piece| piece.map(Ok::<_, core::convert::Infallible>))
    });
    let mut response = Body::from_stream(pieces).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if inquiry.parts.version < Version::HTTP_2 {
        // So that the socket ends with the stream: nobody may be at its other end any more.
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    // For nginx, which would keep events back to send many at once.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    Ok(response)
}

/// The welcome, or why there is none.
async fn welcomed(link: &mut Link) -> Result<Welcome, Problem> {
    loop {
        match link.next().await {
            Some(Frame::Say(ToClient::Welcome(welcome))) => return Ok(welcome),
            Some(Frame::Say(_) | Frame::Entries(_)) => {}
            Some(Frame::Close(code)) => return Err(Problem::closed(code)),
            None => return Err(Problem::unavailable("the session is gone")),
        }
    }
}

/// How long a stream lives: those that began together do not end together.
fn life(most_ms: u32) -> Duration {
    let least = most_ms / 2;
    // Without randomness they do, which is bad and no reason to fail.
    let more = getrandom::u32().unwrap_or(0) % (most_ms - least).max(1);
    Duration::from_millis(u64::from(least) + u64::from(more))
}

/// How far a reader wants to read, if not for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Until {
    /// To what is the last entry when the request comes.
    Head,
    /// To the end of the incarnation.
    End,
}

impl Until {
    fn parse(until: &str) -> Result<Until, Problem> {
        match until {
            "head" => Ok(Until::Head),
            "end" => Ok(Until::End),
            _ => Err(Problem::malformed(format!("nothing is read until {until:?}"))
                .at("parameter until", "head, end, or no such parameter")),
        }
    }

    /// Whether the viewer had read everything before it came.
    fn is_over(self, welcome: &Welcome) -> bool {
        let head = welcome.head;
        let read = matches!(welcome.outcome, AttachOutcome::Resumed { from } if from > head);
        read && match self {
            Until::Head => true,
            Until::End => welcome.state == SessionState::Ended,
        }
    }

    /// Whether it has with these entries. `head` was the last one when it came.
    fn ends(self, entries: &Entries, head: Seq) -> bool {
        match self {
            Until::Head => entries.from.0 + entries.frames.len() as u64 > head.0,
            Until::End => sse::ends(entries, head),
        }
    }
}

/// A stream under way.
struct Stream {
    link: Link,
    sender: mpsc::Sender<Bytes>,
    every: Duration,
    /// How long a reader may take to hear why its stream ends.
    last_words: Duration,
    /// What is the end of the stream, and the last entry when it began.
    stop: Option<(Until, Seq)>,
    /// When it has lived long enough.
    until: Option<Instant>,
    _seat: Seat,
}

impl Stream {
    async fn run(mut self, first: Bytes, nothing: bool) {
        if !self.send(first).await || nothing {
            return;
        }
        let mut alive = interval_at(Instant::now() + self.every, self.every);
        alive.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let old = self.until;
            let frame = tokio::select! {
                frame = self.link.next() => frame,
                () = self.sender.closed() => return,
                () = sleep_until(old.unwrap_or(Instant::now())), if old.is_some() => {
                    self.until = None;
                    self.link.close(CloseCode::Reauthenticate);
                    continue;
                }
                _ = alive.tick() => {
                    if self.send(sse::COMMENT).await { continue }
                    return;
                }
            };
            let more = match frame {
                None => false,
                Some(Frame::Say(said)) => self.send(sse::frame(&said)).await,
                Some(Frame::Entries(entries)) => {
                    let over = self.stop.is_some_and(|(until, head)| until.ends(&entries, head));
                    self.send(sse::entries(&entries)).await && !over
                }
                Some(Frame::Close(code)) => {
                    // Whoever does not take it comes back and is told again.
                    _ = timeout(self.last_words, self.sender.send(sse::close(code))).await;
                    false
                }
            };
            if !more {
                return;
            }
        }
    }

    /// Returns whether there is still a reader: one that takes nothing for two intervals is none. When the
    /// link is to close, it may take as long as last words do; the cursor knows what it did not take.
    async fn send(&mut self, piece: Bytes) -> bool {
        let Stream { link, sender, every, last_words, .. } = self;
        let open = link.phase() == Phase::Open;
        let sending = timeout(*every * 2, sender.send(piece));
        tokio::pin!(sending);
        tokio::select! {
            biased;
            sent = &mut sending => matches!(sent, Ok(Ok(()))),
            () = link.closes(), if open => {
                _ = timeout(*last_words, sending).await;
                true
            }
        }
    }
}
