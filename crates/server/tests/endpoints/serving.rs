//! [`serve`] returns, whatever its peers do. A test here ends because the call does: a server that waits for a slow
//! peer would never let it.

use std::time::Duration;

use axum::extract::ConnectInfo;
use outlive_server::http::{Anyone, ShutdownCause, endpoints, serve};
use outlive_server::hub::{Drain, FenceCause, Hub, HubOptions};
use outlive_server::store::Memory;
use serde_json::json;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use outlive_testkit::endpoints::{Site, Words, entry, freeze};

/// Long enough for every test, if it ends at all.
const PATIENCE: Duration = Duration::from_secs(60);

/// Everything at once: turns, connections and slow peers have a moment.
const BRIEF: Drain = Drain { window: Duration::ZERO, deadline: Duration::from_millis(50) };

/// A server that runs until it is asked to leave.
struct Serving {
    site: Site,
    hub: Hub,
    ask: oneshot::Sender<()>,
    served: JoinHandle<ShutdownCause>,
}

impl Serving {
    async fn new() -> Serving {
        Serving::with(Memory::new(), BRIEF).await
    }

    async fn with(store: Memory, drain: Drain) -> Serving {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let site = Site { at: listener.local_addr().unwrap() };
        let options = HubOptions::default().close_timeout(Duration::from_millis(50));
        let hub = Hub::builder().store(store).options(options).build(Words).await.unwrap();
        let peer = |ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.to_string() };
        let app = endpoints(hub.clone()).authorize(Anyone).router();
        let app = app.route("/peer", axum::routing::get(peer));
        let (ask, asked) = oneshot::channel();
        let signal = async { _ = asked.await };
        let served = tokio::spawn(serve(listener, app, hub.clone(), drain, signal));
        Serving { site, hub, ask, served }
    }

    /// Asks it to leave, and waits until it has.
    async fn leave(self) {
        self.ask.send(()).unwrap();
        let cause = timeout(PATIENCE, self.served).await.expect("it waits for a slow peer");
        assert_eq!(cause.unwrap(), ShutdownCause::Signal);
        assert!(TcpStream::connect(self.site.at).await.is_err(), "it still listens");
    }
}

async fn reads(stream: &mut TcpStream, end: &str) -> String {
    let mut read = Vec::new();
    while !read.ends_with(end.as_bytes()) {
        read.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(read).unwrap()
}

#[tokio::test]
async fn half_a_head_does_not_keep_it() {
    let serving = Serving::new().await;
    let mut stream = TcpStream::connect(serving.site.at).await.unwrap();
    stream.write_all(b"GET /sessions/s_ HTTP/1.1\r\nho").await.unwrap();
    // Connections are accepted in their order.
    assert_eq!(serving.site.get("/nowhere").await.status, 404);
    serving.leave().await;
    assert_eq!(stream.read(&mut [0]).await.unwrap_or(0), 0, "it is cut");
}

#[tokio::test]
async fn a_body_that_never_ends_does_not_keep_it() {
    let serving = Serving::new().await;
    let session = serving.site.session().await;
    let mut stream = TcpStream::connect(serving.site.at).await.unwrap();
    let text = format!(
        "POST {session}/prompts HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\n\
         content-length: 1000\r\n\r\n"
    );
    stream.write_all(text.as_bytes()).await.unwrap();
    // It waits for the body.
    assert!(reads(&mut stream, "\r\n\r\n").await.starts_with("HTTP/1.1 100"));
    stream.write_all(b"{").await.unwrap();
    serving.leave().await;
}

#[tokio::test]
async fn a_reader_that_does_not_read_does_not_keep_it() {
    let serving = Serving::new().await;
    let session = serving.site.session().await;
    let (mut socket, _) = serving.site.attach(&session, "laptop", None).await;
    // More than the system keeps for a peer.
    socket.prompt(1, "long 20000").await;
    socket.until(entry("turn_end")).await;
    let narrow = TcpSocket::new_v4().unwrap();
    narrow.set_recv_buffer_size(4_096).unwrap();
    let mut stream = narrow.connect(serving.site.at).await.unwrap();
    let text = format!("GET {session}/events HTTP/1.1\r\nhost: localhost\r\n\r\n");
    stream.write_all(text.as_bytes()).await.unwrap();
    reads(&mut stream, "event: welcome\n").await;
    serving.leave().await;
}

#[tokio::test]
async fn a_silent_connection_and_a_silent_socket_do_not_keep_it() {
    let serving = Serving::new().await;
    let session = serving.site.session().await;
    let _silent = TcpStream::connect(serving.site.at).await.unwrap();
    let _stranger = serving.site.dial(&session, &[]).await.unwrap();
    serving.leave().await;
}

#[tokio::test]
async fn who_has_not_attached_is_gone_when_it_returns() {
    let serving = Serving::new().await;
    let session = serving.site.session().await;
    let (mut stranger, _) = serving.site.dial(&session, &[]).await.unwrap();
    serving.leave().await;
    assert_eq!(stranger.hear().await.unwrap()["t"], "goaway");
    assert_eq!(stranger.code().await, 1012);
}

#[tokio::test]
async fn a_head_that_comes_in_drops_is_cut_in_bounded_time() {
    let serving = Serving::new().await;
    let mut stream = TcpStream::connect(serving.site.at).await.unwrap();
    stream.write_all(b"GET /sessions/s_ HTTP/1.1\r\n").await.unwrap();
    let _frozen = freeze();
    let mut seconds = 0;
    // Each drop is one more header, and each answer says that the server has come so far.
    while stream.write_all(b"a: b\r\n").await.is_ok() {
        if matches!(stream.try_read(&mut [0; 512]), Ok(0)) {
            break;
        }
        assert!(seconds <= 80, "it is waited for");
        tokio::time::advance(Duration::from_secs(5)).await;
        seconds += 5;
        assert_eq!(serving.site.get("/nowhere").await.status, 404);
    }
    assert!(seconds >= 75, "{seconds}");
}

#[tokio::test]
async fn a_request_that_is_under_way_is_answered() {
    let store = Memory::new();
    // As long as a test may take.
    let serving = Serving::with(store, Drain { deadline: PATIENCE, ..BRIEF }).await;
    let session = serving.site.session().await;
    let (mut socket, _) = serving.site.attach(&session, "laptop", None).await;
    socket.prompt(1, "hold").await;
    socket.until(|frame| frame["d"] == "holding").await;
    serving.ask.send(()).unwrap();
    assert_eq!(socket.code().await, 1012);
    // The turn keeps the drain.
    let told = serving.site.post(&format!("{session}/interrupt"), &json!({ "turn": 1 })).await;
    assert_eq!(told.status, 202);
    let cause = timeout(PATIENCE, serving.served).await.unwrap().unwrap();
    assert_eq!(cause, ShutdownCause::Signal);
}

#[tokio::test]
async fn it_leaves_by_itself_when_another_process_has_taken_the_store() {
    let store = Memory::new();
    let serving = Serving::with(store.clone(), Drain { deadline: PATIENCE, ..BRIEF }).await;
    let session = serving.site.session().await;
    let (mut socket, _) = serving.site.attach(&session, "laptop", None).await;
    let _newer = Hub::builder().store(store.another()).build(Words).await.unwrap();
    // It notices when it commits.
    socket.prompt(1, "hello").await;
    let cause = timeout(PATIENCE, serving.served).await.unwrap().unwrap();
    assert_eq!(cause, ShutdownCause::Fenced(FenceCause::Refused));
    assert_eq!(socket.code().await, 4200);
}

#[tokio::test]
async fn connections_are_cut_when_the_call_is_dropped() {
    let serving = Serving::new().await;
    let mut stream = TcpStream::connect(serving.site.at).await.unwrap();
    stream.write_all(b"GET /nowhere HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    reads(&mut stream, "\r\n\r\n").await;
    serving.served.abort();
    let read = timeout(PATIENCE, stream.read(&mut [0])).await.expect("it stays open");
    assert_eq!(read.unwrap_or(0), 0);
    drop(serving.hub);
}

#[tokio::test]
async fn a_request_has_the_address_of_its_peer() {
    let serving = Serving::new().await;
    let told = serving.site.get("/peer").await;
    assert!(told.body.starts_with("127.0.0.1:"), "{told:?}");
    serving.leave().await;
}
