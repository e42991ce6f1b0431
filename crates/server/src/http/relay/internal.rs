//! The listener for other nodes.

use std::net::SocketAddr;

use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::serve::Listener;
use tokio::time::Instant;

use super::super::serve::Connections;
use super::{PEER, RELAY, Relay, Relayed, denied};
use crate::hub::Hub;

/// Serves a router to the other nodes, at the address that this node has in the store, until the hub has
/// [drained](Hub::drain). Run it beside [`serve`](super::super::serve()), with the same router; when the returned future is
/// dropped, its connections are cut.
///
/// A request without the nodes' secret gets 403. One that is passed on to a node that does not own the session gets 421, and
/// is never passed on again. Requests have the client's address as `ConnectInfo<SocketAddr>` if the listener of the other
/// node knows it.
///
/// ```no_run
/// use std::time::Duration;
/// use axum::serve::ListenerExt as _;
/// use outlive_server::http::{Anyone, Relay, endpoints, serve, serve_internal};
/// use outlive_server::hub::{Drain, Failure, Hub, Turn};
/// use outlive_server::store::Memory;
/// use tokio::net::TcpListener;
///
/// # async fn answer(turn: Turn) -> Result<(), Failure> { Ok(()) }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let internal = TcpListener::bind("10.0.0.1:7879").await?;
/// let listener = TcpListener::bind("0.0.0.0:7878").await?;
/// // A store that several processes share, in place of this one.
/// let store = Memory::leased(Duration::from_secs(5)).node("a", "10.0.0.1:7879");
/// let hub = Hub::builder().store(store).build(answer).await?;
/// let relay = Relay::new(&std::fs::read("cluster.secret")?);
/// let app = endpoints(hub.clone()).authorize(Anyone).relay(relay.clone()).router();
/// let drain = Drain { window: Duration::from_secs(1), deadline: Duration::from_secs(10) };
/// let nodelay = |tcp: &mut tokio::net::TcpStream| _ = tcp.set_nodelay(true);
/// tokio::join!(
///     serve_internal(internal.tap_io(nodelay), app.clone(), relay, hub.clone()),
///     serve(listener.tap_io(nodelay), app, hub, drain, async { _ = tokio::signal::ctrl_c().await }),
/// );
/// # Ok(())
/// # }
/// ```
pub async fn serve_internal<L>(listener: L, router: Router, relay: Relay, hub: Hub)
where
    L: Listener,
    L::Addr: Clone + Sync,
{
    let router = router.layer(from_fn_with_state(relay, admit));
    let connections = Connections::new(router);
    // However this future ends.
    let _cut = connections.cut_guard();
    connections.accept(listener, hub.left()).await;
    connections.finish(Instant::now() + hub.options().close_timeout).await;
}

/// Lets requests in that another node passes on.
async fn admit(State(relay): State<Relay>, mut request: Request, next: Next) -> Response {
    let peer = request.headers_mut().remove(PEER);
    let shown = request.headers_mut().remove(RELAY);
    if !shown.as_ref().is_some_and(|shown| relay.admits(shown)) {
        if shown.is_some() {
            let from = request.extensions().get::<ConnectInfo<SocketAddr>>();
            let from = from.map_or_else(|| "unknown".to_owned(), |ConnectInfo(at)| at.to_string());
            relay.secret_differs(&from);
        }
        return denied();
    }
    let peer = peer.and_then(|peer| peer.to_str().ok()?.parse::<SocketAddr>().ok());
    let extensions = request.extensions_mut();
    extensions.insert(Relayed);
    if let Some(peer) = peer {
        extensions.insert(ConnectInfo(peer));
    }
    next.run(request).await
}
