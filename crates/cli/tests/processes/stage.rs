//! A server in this process with a worker that does what a story needs, and somebody who counts complaints.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use outlive::Limits;
use outlive_server::http::{Anyone, EndpointLimits, endpoints};
use outlive_server::hub::{CloseoutContext, Failure, Hub, HubOptions, Turn, Worker, WorkerContext};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{Notify, Semaphore};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::DefaultGuard;
use tracing::{Event, Level, Metadata, Subscriber};

use outlive_testkit::endpoints::{Server, Socket};

/// What a story and its worker say to each other.
#[derive(Debug)]
pub(super) struct Cues {
    /// A piece of `step N` needs one of these.
    pub(super) pieces: Semaphore,
    /// A closeout needs one.
    pub(super) closings: Semaphore,
    /// A `stream` has said all it wanted to.
    pub(super) out: Notify,
    /// What could be said in a turn after it was asked to stop.
    pub(super) late: AtomicUsize,
    /// What could not.
    pub(super) refused: AtomicUsize,
}

/// `step N` says N pieces, each on its cue; `stream N` says N large ones, and goes on after it was stopped;
/// `nothing` says nothing. Other prompts are answered with themselves.
struct Actor(Arc<Cues>);

impl Worker for Actor {
    type Run = ();

    async fn start(&self, _: WorkerContext) -> Result<(), Failure> {
        Ok(())
    }

    async fn answer(&self, (): &mut (), turn: Turn) -> Result<(), Failure> {
        let prompt: String = turn.prompt().deserialize()?;
        let (word, count) = prompt.split_once(' ').unwrap_or((&prompt, ""));
        match word {
            "step" => {
                for n in 1..=count.parse::<u32>()? {
                    self.0.pieces.acquire().await?.forget();
                    turn.emit(&n).await?;
                }
            }
            "stream" => {
                let text = "x".repeat(2_000);
                for _ in 0..count.parse::<u32>()? {
                    turn.emit(&text).await?;
                }
                self.0.out.notify_one();
                turn.cancellation().cancelled().await;
                // A source that does not listen, and a second handle that somebody kept.
                let kept = turn.clone();
                for _ in 0..100 {
                    let said = [turn.emit(&"late").await, kept.emit(&"late").await];
                    let late = said.iter().filter(|said| said.is_ok()).count();
                    self.0.late.fetch_add(late, Ordering::Relaxed);
                    self.0.refused.fetch_add(2 - late, Ordering::Relaxed);
                }
            }
            "nothing" => {}
            _ => turn.emit(&prompt).await?,
        }
        Ok(())
    }

    async fn close_out(&self, (): (), farewell: CloseoutContext) {
        if let Ok(permit) = self.0.closings.acquire().await {
            permit.forget();
            _ = farewell.emit(&"goodbye").await;
        }
    }
}

/// A server, its worker's cues, and the count of complaints.
pub(super) struct Stage {
    pub(super) server: Server,
    pub(super) cues: Arc<Cues>,
    complaints: Arc<AtomicUsize>,
    _seen: DefaultGuard,
}

impl std::ops::Deref for Stage {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

impl Stage {
    pub(super) async fn new(limits: Limits) -> Stage {
        Stage::on(TcpListener::bind("127.0.0.1:0").await.unwrap(), limits).await
    }

    pub(super) async fn on(listener: TcpListener, limits: Limits) -> Stage {
        let complaints = Arc::new(AtomicUsize::new(0));
        let seen = tracing::subscriber::set_default(Counting(Arc::clone(&complaints)));
        let cues = Arc::new(Cues {
            pieces: Semaphore::new(0),
            closings: Semaphore::new(1_000),
            out: Notify::new(),
            late: AtomicUsize::new(0),
            refused: AtomicUsize::new(0),
        });
        // Nobody is taken for gone because this machine is busy.
        let options = HubOptions::default().ping_interval(std::time::Duration::from_secs(3_600));
        let hub = Hub::builder().limits(limits).options(options);
        let hub = hub.build(Actor(Arc::clone(&cues))).await.unwrap();
        let limits = EndpointLimits::default().connections(1_000).attach_burst(1_000);
        let limits = limits.attach_interval(std::time::Duration::from_millis(1));
        let endpoints = endpoints(hub.clone()).authorize(Anyone).limits(limits);
        Stage { server: Server::on(listener, hub, endpoints), cues, complaints, _seen: seen }
    }

    /// Nothing of what happened was worth a warning.
    pub(super) fn is_quiet(&self) {
        assert_eq!(self.complaints.load(Ordering::Relaxed), 0, "warnings and errors");
    }

    /// Returns when the session's record is like that.
    pub(super) async fn record(&self, session: &str, is: impl Fn(&Value) -> bool) -> Value {
        loop {
            let record = self.get(session).await.json();
            if is(&record) {
                return record;
            }
        }
    }

    /// The whole log, as whoever comes now reads it.
    pub(super) async fn log(&self, session: &str) -> Vec<Value> {
        let (mut socket, welcome) = self.attach(session, "reader", None).await;
        let head = welcome["head"].as_u64().unwrap();
        let mut entries = Vec::new();
        while entries.last().map_or(0, place) < head {
            let frame = socket.hear().await.unwrap();
            if frame["t"] == "ev" {
                entries.push(frame);
            }
        }
        entries
    }
}

/// An entry's place.
pub(super) fn place(entry: &Value) -> u64 {
    entry["id"].as_str().unwrap().split_once('.').unwrap().1.parse().unwrap()
}

/// The numbers that a `step` said in these frames.
pub(super) fn numbers(frames: &[Value]) -> Vec<u64> {
    let outputs = frames.iter().filter(|frame| frame["entry"] == "output");
    outputs.map(|frame| frame["d"].as_u64().unwrap()).collect()
}

/// What happens to turns and incarnations in these frames.
pub(super) fn ends(frames: &[Value]) -> Vec<&str> {
    let ends = frames.iter().filter_map(|frame| match frame["entry"].as_str() {
        Some("turn_end") => frame["outcome"].as_str(),
        Some(other @ ("closing" | "end")) => Some(other),
        _ => None,
    });
    ends.collect()
}

/// Hears frames until it has had this output.
pub(super) async fn until_number(socket: &mut Socket, n: u64) -> Vec<Value> {
    socket.until(|frame| frame["d"] == n && frame["entry"] == "output").await
}

/// The cursor after these frames.
pub(super) fn cursor(frames: &[Value]) -> String {
    let id = frames.iter().rev().find_map(|frame| frame["id"].as_str());
    id.expect("an entry").to_owned()
}

/// Counts warnings and errors.
struct Counting(Arc<AtomicUsize>);

impl Subscriber for Counting {
    fn enabled(&self, about: &Metadata<'_>) -> bool {
        *about.level() <= Level::WARN
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn event(&self, event: &Event<'_>) {
        println!("{event:?}");
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}
