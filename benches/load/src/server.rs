//! The servers that are measured, each a process of its own: ours, and axum without any session logic.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Query, State};
use axum::response::Response;
use axum::routing::get;
use axum::serve::ListenerExt as _;
use futures_util::SinkExt as _;
use outlive::Limits;
use outlive_postgres::Postgres;
use outlive_server::http::{Anyone, EndpointLimits, Relay, endpoints, serve_internal};
use outlive_server::hub::{Failure, Hub, Turn};
use outlive_server::store::{Memory, Sqlite};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// What a viewer asks for, of either server.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Wish {
    /// How many frames.
    pub frames: u32,
    /// Frames that are written between two flushes; ours ignores it: its batches make themselves.
    pub batch: u32,
    /// Microseconds between two frames; 0 is as fast as possible.
    pub pace_us: u64,
}

/// Nanoseconds since 1970: comparable between the processes of one machine.
pub fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_nanos()).unwrap_or(u64::MAX)
}

/// A token: when it was made, and nothing else.
pub fn token() -> String {
    format!("{:020}", now())
}

/// The frame that ours would send, so that both write the same bytes.
fn frame(seq: u32) -> String {
    format!(
        r#"{{"t":"ev","id":"9f3a5c7e1b2d4f60.{seq}","at":1764322800000,"entry":"output","turn":1,"d":"{}"}}"#,
        token()
    )
}

/// Waits for the next tick, if there is a pace.
pub async fn pace(clock: &mut Option<tokio::time::Interval>) {
    if let Some(clock) = clock {
        clock.tick().await;
    }
}

/// A clock with so many microseconds between two ticks; none for 0.
pub fn clock(pace_us: u64) -> Option<tokio::time::Interval> {
    (pace_us > 0).then(|| tokio::time::interval(Duration::from_micros(pace_us)))
}

/// Answers a prompt that is a wish.
async fn answer(turn: Turn) -> Result<(), Failure> {
    let wish: Wish = turn.prompt().deserialize()?;
    let mut clock = clock(wish.pace_us);
    for _ in 0..wish.frames {
        pace(&mut clock).await;
        turn.emit(&token()).await?;
    }
    Ok(())
}

/// Ours.
pub async fn ours(store: &str) {
    let builder = Hub::builder().limits(limits());
    let builder = match store {
        "memory" => builder.store(Memory::new()),
        path => builder.store(Sqlite::open(path).expect("the file can be opened")),
    };
    let hub = builder.build(answer).await.expect("the hub can be built");
    serve(endpoints(hub).authorize(Anyone).limits(endpoint_limits()).router()).await;
}

fn limits() -> Limits {
    Limits {
        connections: 1_000,
        connections_per_principal: 1_000,
        retention: 200_000,
        clients: 1_000,
        clients_per_principal: 1_000,
        ..Limits::default()
    }
}

fn endpoint_limits() -> EndpointLimits {
    EndpointLimits::default().connections(1_000_000).attach_burst(1_000_000)
}

/// Ours, as one node of several on a database.
pub async fn node(database: &str, name: &str) {
    let internal = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = internal.local_addr().expect("it is bound").to_string();
    let store = Postgres::options().name(name).address(address).connect(database).await;
    let store = store.expect("the database can be used");
    let hub = Hub::builder().limits(limits()).store(store).build(answer).await.expect("a hub");
    let relay = Relay::new(b"of all nodes");
    let app = endpoints(hub.clone()).authorize(Anyone).limits(endpoint_limits());
    let app = app.relay(relay.clone()).router();
    let internal = internal.tap_io(|tcp| _ = tcp.set_nodelay(true));
    tokio::join!(serve_internal(internal, app.clone(), relay, hub), serve(app));
}

/// Axum by itself: a socket, a loop; and a queue per viewer where one answer has many viewers.
pub async fn plain() {
    let crowd =
        Arc::new(tokio::sync::Mutex::new(Vec::<mpsc::Sender<axum::extract::ws::Utf8Bytes>>::new()));
    let app = Router::new()
        .route("/alone", get(alone))
        .route("/crowd", get(join))
        .route("/speak", get(speak))
        .route("/idle", get(idle))
        .with_state(crowd);
    serve(app).await;
}

type Crowd = Arc<tokio::sync::Mutex<Vec<mpsc::Sender<axum::extract::ws::Utf8Bytes>>>>;

fn small(upgrade: WebSocketUpgrade) -> WebSocketUpgrade {
    upgrade.read_buffer_size(4_096)
}

async fn alone(upgrade: WebSocketUpgrade, Query(wish): Query<Wish>) -> Response {
    small(upgrade).on_upgrade(move |mut socket| async move {
        // The wish is asked for again, as a prompt would be.
        while let Some(Ok(Message::Text(_))) = socket.recv().await {
            let mut clock = clock(wish.pace_us);
            for seq in 0..wish.frames {
                pace(&mut clock).await;
                let text = Message::Text(frame(seq).into());
                if socket.feed(text).await.is_err() {
                    return;
                }
                if (seq + 1) % wish.batch == 0 && socket.flush().await.is_err() {
                    return;
                }
            }
            _ = socket.flush().await;
        }
    })
}

async fn join(upgrade: WebSocketUpgrade, State(crowd): State<Crowd>) -> Response {
    small(upgrade).on_upgrade(move |socket| watch(socket, crowd))
}

async fn watch(mut socket: WebSocket, crowd: Crowd) {
    let (sender, mut queue) = mpsc::channel(1_024);
    crowd.lock().await.push(sender);
    let mut some = Vec::new();
    while queue.recv_many(&mut some, 64).await > 0 {
        for text in some.drain(..) {
            if socket.feed(Message::Text(text)).await.is_err() {
                return;
            }
        }
        if socket.flush().await.is_err() {
            return;
        }
    }
}

async fn speak(State(crowd): State<Crowd>, Query(wish): Query<Wish>) -> &'static str {
    let viewers = core::mem::take(&mut *crowd.lock().await);
    let mut clock = clock(wish.pace_us);
    for seq in 0..wish.frames {
        pace(&mut clock).await;
        let text = axum::extract::ws::Utf8Bytes::from(frame(seq));
        for viewer in &viewers {
            _ = viewer.send(text.clone()).await;
        }
    }
    "spoken"
}

async fn idle(upgrade: WebSocketUpgrade) -> Response {
    small(upgrade)
        .on_upgrade(|mut socket| async move { while let Some(Ok(_)) = socket.recv().await {} })
}

async fn serve(app: Router) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    println!("{}", listener.local_addr().expect("it is bound"));
    // Two small writes in a row would wait for each other otherwise.
    let listener = listener.tap_io(|tcp| _ = tcp.set_nodelay(true));
    axum::serve(listener, app).await.expect("it serves");
}
