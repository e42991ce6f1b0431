//! Serves a router until the process is asked to leave, and leaves within a bounded time.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use axum::serve::Listener;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::hub::{Drain, FenceCause, Hub};

/// The head of a request has to arrive within this time; a connection that sends none is closed after it. It is longer
/// than the time for which proxies keep idle connections by default, so a proxy does not send a request on a
/// connection that is being closed.
const HEAD_TIMEOUT: Duration = Duration::from_secs(75);

/// Why [`serve`] returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShutdownCause {
    /// The signal came.
    Signal,
    /// This process owns nothing in the store any more, for this cause: see [`Hub::fenced`]. Exit with 0 all the same. Where
    /// one process owns the whole store, a supervisor that starts this one again would take it from the new owner, and the
    /// two would fence each other for ever.
    Fenced(FenceCause),
}

/// Serves a router over HTTP/1.1 until `signal` completes or the hub is [fenced](Hub::fenced). Then it
/// [drains](Hub::drain) the hub, stops to accept, lets the requests that are under way finish, and returns.
///
/// While the hub drains, connections are accepted and told when to come back. A fenced hub is drained without a window: its
/// clients have a server to go to.
///
/// It returns within [`Drain::deadline`] and one [`close_timeout`](crate::hub::HubOptions::close_timeout), whatever the
/// peers do: after the drain requests have one close timeout more, but no longer than that in all. Connections that are still
/// open are cut: half a request, a body that does not end, a response that is not read. When the returned future is
/// dropped, they are cut at once. This is the difference to `axum::serve(…).with_graceful_shutdown(…)`, which waits for
/// the slowest peer for ever.
///
/// The head of each request has to arrive within 75 s, however slowly it drips, and an idle connection is closed after that
/// time; with `axum::serve` it may take for ever. A WebSocket that has not attached when the drain is over is told when to come
/// back, and closed. Requests have the
/// peer's address as `ConnectInfo<L::Addr>`.
///
/// ```no_run
/// use std::time::Duration;
/// use axum::serve::ListenerExt as _;
/// use outlive_server::http::{Anyone, endpoints, serve};
/// use outlive_server::hub::{Drain, Failure, Hub, Turn};
///
/// # async fn answer(turn: Turn) -> Result<(), Failure> { Ok(()) }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:7878").await?;
/// let listener = listener.tap_io(|tcp| _ = tcp.set_nodelay(true));
/// let hub = Hub::builder().build(answer).await?;
/// let app = endpoints(hub.clone()).authorize(Anyone).router();
/// let drain = Drain { window: Duration::from_secs(1), deadline: Duration::from_secs(10) };
/// serve(listener, app, hub, drain, async { _ = tokio::signal::ctrl_c().await }).await;
/// # Ok(())
/// # }
/// ```
pub async fn serve<L>(
    listener: L,
    router: Router,
    hub: Hub,
    drain: Drain,
    signal: impl Future<Output = ()>,
) -> ShutdownCause
where
    L: Listener,
    L::Addr: Clone + Sync,
{
    let connections = Connections::new(router);
    // However this future ends.
    let _cut = connections.cut_guard();
    let close_timeout = hub.options().close_timeout;
    let (cause, until) = connections.accept(listener, leave(&hub, drain, signal)).await;
    connections.finish(until.min(Instant::now() + close_timeout)).await;
    cause
}

/// Drains the hub when it is time. Returns why, and when the last connection has to be gone.
async fn leave(
    hub: &Hub,
    drain: Drain,
    signal: impl Future<Output = ()>,
) -> (ShutdownCause, Instant) {
    let (cause, drain) = tokio::select! {
        () = signal => (ShutdownCause::Signal, drain),
        cause = hub.fenced() => (ShutdownCause::Fenced(cause), Drain { window: Duration::ZERO, ..drain }),
    };
    let until = Instant::now() + drain.deadline + hub.options().close_timeout;
    hub.drain(drain).await;
    (cause, until)
}

/// The connections that are not upgraded. A WebSocket is a task of its own, for which the drain waits.
pub(super) struct Connections {
    router: Router,
    http: http1::Builder,
    tasks: TaskTracker,
    /// Requests that are under way may finish, and no more come.
    leave: CancellationToken,
    cut: CancellationToken,
}

impl Connections {
    pub(super) fn new(router: Router) -> Connections {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
        Connections {
            router,
            http,
            tasks: TaskTracker::new(),
            leave: CancellationToken::new(),
            cut: CancellationToken::new(),
        }
    }

    /// When it is dropped, the connections are cut.
    pub(super) fn cut_guard(&self) -> DropGuard {
        self.cut.clone().drop_guard()
    }

    /// Accepts connections until `stop` completes.
    pub(super) async fn accept<L, T>(&self, mut listener: L, stop: impl Future<Output = T>) -> T
    where
        L: Listener,
        L::Addr: Clone + Sync,
    {
        let mut stop = pin!(stop);
        loop {
            tokio::select! {
                (io, peer) = listener.accept() => self.spawn(io, peer),
                stopped = &mut stop => return stopped,
            }
        }
    }

    /// Lets the requests that are under way finish until then, and cuts the others.
    pub(super) async fn finish(&self, until: Instant) {
        self.leave.cancel();
        self.tasks.close();
        if timeout_at(until, self.tasks.wait()).await.is_err() {
            let open = self.tasks.len();
            tracing::info!(open, "cuts the connections of peers that are slow");
            self.cut.cancel();
            self.tasks.wait().await;
        }
    }

    fn spawn<I, A>(&self, io: I, peer: A)
    where
        I: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
        A: Clone + Send + Sync + 'static,
    {
        let routes = TowerToHyperService::new(self.router.clone());
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer.clone()));
            routes.call(request)
        });
        let connection = self.http.serve_connection(TokioIo::new(io), service).with_upgrades();
        let (leave, cut) = (self.leave.clone(), self.cut.clone());
        self.tasks.spawn(async move {
            let mut connection = pin!(connection);
            tokio::select! {
                // How a connection ends is the peer's matter.
                _ = connection.as_mut() => return,
                () = leave.cancelled() => connection.as_mut().graceful_shutdown(),
                () = cut.cancelled() => return,
            }
            tokio::select! {
                _ = connection => {}
                () = cut.cancelled() => {}
            }
        });
    }
}
