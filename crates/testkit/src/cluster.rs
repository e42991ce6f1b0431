//! Several servers on one store in memory, each a node, with an internal address for the others.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::serve::ListenerExt as _;
use outlive_server::http::{Anyone, Endpoints, Relay, endpoints, serve, serve_internal};
use outlive_server::hub::{Drain, Hub, HubOptions};
use outlive_server::store::{Memory, Store as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use crate::endpoints::{Site, Words};

/// Longer than any test takes: no lease ends by itself.
pub const LEASE: Duration = Duration::from_secs(60);

/// Nodes that share a store.
pub struct Cluster {
    place: Memory,
}

/// A server of a cluster.
pub struct Node {
    site: Site,
    /// For the other nodes.
    pub internal: Site,
    pub hub: Hub,
    pub relay: Relay,
    store: Memory,
    leaves: Arc<Notify>,
}

impl std::ops::Deref for Node {
    type Target = Site;

    fn deref(&self) -> &Site {
        &self.site
    }
}

impl Node {
    /// The store says from now on that the node is dead.
    pub async fn judged(&self) {
        self.store.leave().await.unwrap();
    }

    /// Asks it to leave.
    pub fn leave(&self) {
        self.leaves.notify_one();
    }
}

/// A node in a runtime of its own, which can die.
pub struct Mortal {
    pub node: Node,
    runtime: Option<tokio::runtime::Runtime>,
}

impl std::ops::Deref for Mortal {
    type Target = Node;

    fn deref(&self) -> &Node {
        &self.node
    }
}

impl Mortal {
    /// Everything of the process is gone. The store does not know it yet.
    pub fn kill(&mut self) {
        self.runtime.take().unwrap().shutdown_background();
    }
}

impl Drop for Mortal {
    fn drop(&mut self) {
        // A runtime that is dropped waits for its tasks, which may not be done in a task.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    (listener, at)
}

impl Cluster {
    pub fn new() -> Cluster {
        Cluster::leased(LEASE)
    }

    pub fn leased(lease: Duration) -> Cluster {
        Cluster { place: Memory::leased(lease) }
    }

    /// A node with the secret of this name.
    pub async fn node(&self, name: &str, secret: &str) -> Node {
        Cluster::start(self.place.clone(), name.to_owned(), secret.to_owned(), |app| app).await
    }

    /// A node that has its routes below another path, or passes requests on in another way.
    pub async fn with(
        &self,
        name: &str,
        relay: Relay,
        set: impl FnOnce(Endpoints) -> Router,
    ) -> Node {
        let (internal, at) = listen().await;
        let store = self.place.node(name, &at.to_string());
        Cluster::serve(store, internal, relay, set).await
    }

    async fn start(
        place: Memory,
        name: String,
        secret: String,
        set: impl FnOnce(Endpoints) -> Endpoints,
    ) -> Node {
        let (internal, at) = listen().await;
        let relay = Relay::new(secret.as_bytes());
        let set = |endpoints| set(endpoints).router();
        Cluster::serve(place.node(&name, &at.to_string()), internal, relay, set).await
    }

    async fn serve(
        store: Memory,
        internal: TcpListener,
        relay: Relay,
        set: impl FnOnce(Endpoints) -> Router,
    ) -> Node {
        let hub = Hub::builder().options(HubOptions::default()).store(store.clone());
        let hub = hub.build(Words).await.unwrap();
        let app = set(endpoints(hub.clone()).authorize(Anyone).relay(relay.clone()));
        let inside = Site { at: internal.local_addr().unwrap() };
        let nodelay = |tcp: &mut TcpStream| _ = tcp.set_nodelay(true);
        let served =
            serve_internal(internal.tap_io(nodelay), app.clone(), relay.clone(), hub.clone());
        tokio::spawn(served);
        let (listener, at) = listen().await;
        let leaves = Arc::new(Notify::new());
        let (asked, leaving) = (Arc::clone(&leaves), hub.clone());
        let drain = Drain { window: Duration::ZERO, deadline: LEASE };
        tokio::spawn(async move {
            let signal = async { asked.notified().await };
            serve(listener.tap_io(nodelay), app, leaving, drain, signal).await
        });
        Node { site: Site { at }, internal: inside, hub, relay, store, leaves }
    }

    /// A node that can die.
    pub async fn mortal(&self, name: &str, secret: &str) -> Mortal {
        let runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = { runtime }.worker_threads(1).enable_all().build().unwrap();
        let (place, name, secret) = (self.place.clone(), name.to_owned(), secret.to_owned());
        let node = runtime.spawn(Cluster::start(place, name, secret, |endpoints| endpoints));
        Mortal { node: node.await.unwrap(), runtime: Some(runtime) }
    }

    /// A node whose internal address is the test's.
    pub async fn puppet(&self, name: &str) -> Puppet {
        let (listener, at) = listen().await;
        let store = self.place.node(name, &at.to_string());
        let hub = Hub::builder().store(store.clone()).build(Words).await.unwrap();
        Puppet { hub, store, listener }
    }
}

/// A node that owns sessions, and whose answers to other nodes the test writes.
pub struct Puppet {
    pub hub: Hub,
    store: Memory,
    pub listener: TcpListener,
}

impl Puppet {
    /// The path of a new session.
    pub async fn session(&self) -> String {
        format!("/sessions/{}", self.hub.create().await.unwrap())
    }

    /// The store says from now on that the node is dead.
    pub async fn judged(&self) {
        self.store.leave().await.unwrap();
    }

    /// The next connection, with the head of its request.
    pub async fn request(&self) -> (TcpStream, String) {
        let (mut stream, _) = self.listener.accept().await.unwrap();
        let head = head(&mut stream).await;
        (stream, head)
    }

    /// Answers the next request with this, and hangs up. Returns the head of the request.
    pub async fn answer(&self, answer: &str) -> String {
        let (mut stream, head) = self.request().await;
        stream.write_all(answer.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        head
    }

    /// The next connection, as a WebSocket whose bytes the test writes.
    pub async fn upgrade(&self) -> TcpStream {
        let (stream, _) = self.listener.accept().await.unwrap();
        tokio_tungstenite::accept_async(stream).await.unwrap().into_inner()
    }
}

/// The head of the next request of a connection.
pub async fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.expect("a request"));
    }
    String::from_utf8(head).unwrap()
}

/// The value of a header in the head of a request.
pub fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut headers = head.lines().filter_map(|line| line.split_once(": "));
    headers.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}
