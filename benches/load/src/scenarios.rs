//! Streams: one viewer, many viewers, many sessions, a viewer that does not read.

use std::time::Instant;

use crate::Effort;
use crate::figures::{head, median, quantile, row, show};
use crate::process::Server;
use crate::server::Wish;
use crate::viewer::{Socket, attach, attach_narrow, connect, create, request, say, watch};

/// The body of a prompt.
fn prompt(n: u32, wish: Wish) -> String {
    let wish = serde_json::to_string(&wish).expect("numbers");
    format!(r#"{{"t":"prompt","n":{n},"d":{wish}}}"#)
}

/// The path of a plain stream.
fn alone_path(wish: Wish) -> String {
    format!("/alone?frames={}&batch={}&pace_us={}", wish.frames, wish.batch, wish.pace_us)
}

/// What a run of a stream took.
#[derive(Default)]
struct Taken {
    /// Server's processor time for a frame, in microseconds.
    cpu: Vec<f64>,
    /// Frames a second.
    rate: Vec<f64>,
    /// The oldest of a hundred tokens, in microseconds.
    p99: Vec<f64>,
}

impl Taken {
    async fn run<F: Future<Output = Vec<f64>>>(&mut self, server: &Server, frames: f64, run: F) {
        let (cpu, began) = (server.cpu_us(), Instant::now());
        let mut ages = run.await;
        self.rate.push(frames / began.elapsed().as_secs_f64());
        self.cpu.push((server.cpu_us() - cpu) / frames);
        self.p99.push(quantile(&mut ages, 0.99));
    }

    fn row(&mut self, name: &str, beside: f64) {
        let cpu = median(&mut self.cpu);
        row(&[
            name.to_owned(),
            show(cpu),
            format!("{}×", show(cpu / beside)),
            show(median(&mut self.rate)),
            show(median(&mut self.p99)),
        ]);
    }
}

const COLUMNS: &[&str] =
    &["server", "server CPU per frame, µs", "beside the peer", "frames/s", "p99 age, µs"];

fn ours(store: &str) -> Server {
    Server::start(&["serve", "ours", store])
}

fn plain() -> Server {
    Server::start(&["serve", "plain"])
}

/// A file that does not exist yet, for a store.
pub fn file(name: &str) -> String {
    let path = std::env::temp_dir().join(format!("{}{name}.db", prefix()));
    for end in ["", "-wal", "-shm"] {
        _ = std::fs::remove_file(format!("{}{end}", path.display()));
    }
    path.display().to_string()
}

/// An empty folder.
pub fn folder(name: &str) -> std::path::PathBuf {
    let path = std::env::temp_dir().join(format!("{}{name}", prefix()));
    _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir(&path).expect("a folder can be made");
    path
}

fn prefix() -> String {
    format!("outlive-load-{}-", std::process::id())
}

/// Removes all files of this run.
pub fn clear() {
    for file in std::fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten() {
        if file.file_name().to_string_lossy().starts_with(&prefix()) {
            _ = std::fs::remove_file(file.path());
            _ = std::fs::remove_dir_all(file.path());
        }
    }
}

/// One viewer, as fast as possible.
pub async fn alone(effort: Effort) {
    let frames = 100_000 / effort.less;
    head(
        "One viewer, as fast as possible",
        &format!(
            "{frames} small frames. Ours makes its batches itself; every batch is committed before it is sent."
        ),
        COLUMNS,
    );
    let path = file("alone");
    let (plain, memory, sqlite) = (plain(), ours("memory"), ours(&path));
    let mut taken: [Taken; 4] = Default::default();
    for _ in 0..effort.rounds {
        for (place, batch) in [(0, 1), (1, 64)] {
            let wish = Wish { frames, batch, pace_us: 0 };
            let mut socket = connect(&plain.address, &alone_path(wish), None).await;
            let stream = async {
                say(&mut socket, "go".into()).await;
                watch(&mut socket, frames).await
            };
            taken[place].run(&plain, frames.into(), stream).await;
        }
        for (place, server) in [(2, &memory), (3, &sqlite)] {
            let session = create(&server.address).await;
            let mut socket = attach(&server.address, &session, "viewer", None).await;
            let stream = async {
                say(&mut socket, prompt(1, Wish { frames, batch: 1, pace_us: 0 })).await;
                watch(&mut socket, frames).await
            };
            taken[place].run(server, frames.into(), stream).await;
        }
    }
    let beside = median(&mut taken[1].cpu.clone());
    let names = [
        "plain axum, each frame flushed",
        "plain axum, 64 a flush",
        "outlive, memory",
        "outlive, SQLite (FULL)",
    ];
    for (name, taken) in names.iter().zip(&mut taken) {
        taken.row(name, beside);
    }
}

/// Streams with a pace: each frame is flushed by itself, at both.
pub async fn paced(effort: Effort) {
    const STREAMS: u32 = 20;
    let frames = 5_000 / effort.less;
    head(
        "Paced streams: each frame flushed",
        &format!(
            "{STREAMS} streams at once, {frames} frames each, one a millisecond; so no two frames of a stream go into one flush."
        ),
        COLUMNS,
    );
    let (plain, memory) = (plain(), ours("memory"));
    let (mut theirs, mut mine) = (Taken::default(), Taken::default());
    let wish = Wish { frames, batch: 1, pace_us: 1_000 };
    for _ in 0..effort.rounds {
        let mut sockets = Vec::new();
        for _ in 0..STREAMS {
            sockets.push((connect(&plain.address, &alone_path(wish), None).await, "go".to_owned()));
        }
        theirs.run(&plain, f64::from(STREAMS * frames), all(sockets, frames)).await;
        let mut sockets = Vec::new();
        for _ in 0..STREAMS {
            let session = create(&memory.address).await;
            sockets
                .push((attach(&memory.address, &session, "viewer", None).await, prompt(1, wish)));
        }
        mine.run(&memory, f64::from(STREAMS * frames), all(sockets, frames)).await;
    }
    let beside = median(&mut theirs.cpu.clone());
    theirs.row("plain axum", beside);
    mine.row("outlive, memory", beside);
}

/// Says something on each socket, and reads from all at once.
async fn all(sockets: Vec<(Socket, String)>, frames: u32) -> Vec<f64> {
    let mut tasks = Vec::new();
    for (mut socket, word) in sockets {
        tasks.push(tokio::spawn(async move {
            if !word.is_empty() {
                say(&mut socket, word).await;
            }
            watch(&mut socket, frames).await
        }));
    }
    let mut ages = Vec::new();
    for task in tasks {
        ages.extend(task.await.expect("a viewer reads to the end"));
    }
    ages
}

/// A hundred viewers of one answer.
pub async fn crowd(effort: Effort) {
    const VIEWERS: u32 = 100;
    let frames = 20_000 / effort.less;
    head(
        "A hundred viewers of one answer",
        &format!(
            "{frames} small frames to each of {VIEWERS}. The peer has a queue per viewer and writes up to 64 frames a flush."
        ),
        COLUMNS,
    );
    let path = file("crowd");
    let (plain, memory, sqlite) = (plain(), ours("memory"), ours(&path));
    let mut taken: [Taken; 3] = Default::default();
    let wish = Wish { frames, batch: 64, pace_us: 0 };
    for _ in 0..effort.rounds {
        let mut sockets = Vec::new();
        for _ in 0..VIEWERS {
            sockets.push((connect(&plain.address, "/crowd", None).await, String::new()));
        }
        let path = format!("/speak?frames={frames}&batch=64&pace_us=0");
        let stream = async {
            let (ages, _) =
                tokio::join!(all(sockets, frames), request(&plain.address, "GET", &path));
            ages
        };
        taken[0].run(&plain, f64::from(VIEWERS * frames), stream).await;
        for (place, server) in [(1, &memory), (2, &sqlite)] {
            let session = create(&server.address).await;
            let mut sockets = Vec::new();
            for viewer in 0..VIEWERS {
                let client = format!("viewer-{viewer}");
                let socket = attach(&server.address, &session, &client, None).await;
                let word = if viewer == 0 { prompt(1, wish) } else { String::new() };
                sockets.push((socket, word));
            }
            taken[place].run(server, f64::from(VIEWERS * frames), all(sockets, frames)).await;
        }
    }
    let beside = median(&mut taken[0].cpu.clone());
    for (name, taken) in
        ["plain axum, a queue per viewer", "outlive, memory", "outlive, SQLite (FULL)"]
            .iter()
            .zip(&mut taken)
    {
        taken.row(name, beside);
    }
}

/// From a prompt to the first frame of its answer.
pub async fn first(effort: Effort) {
    let prompts = 2_000 / effort.less;
    head(
        "From a prompt to the first frame",
        &format!(
            "{prompts} prompts, one after the other. Ours accepts the prompt, commits it, gives it to a worker, commits the answer."
        ),
        &["server", "p50, µs", "p99, µs"],
    );
    let path = file("first");
    let (plain, memory, sqlite) = (plain(), ours("memory"), ours(&path));
    let wish = Wish { frames: 1, batch: 1, pace_us: 0 };
    let mut waits: [Vec<f64>; 3] = Default::default();
    let mut echo = connect(&plain.address, &alone_path(wish), None).await;
    let mut sockets = Vec::new();
    for server in [&memory, &sqlite] {
        let session = create(&server.address).await;
        let mut socket = attach(&server.address, &session, "viewer", None).await;
        // The worker's start is not what is measured.
        say(&mut socket, prompt(1, wish)).await;
        watch(&mut socket, 1).await;
        sockets.push(socket);
    }
    for n in 0..prompts {
        let began = Instant::now();
        say(&mut echo, "go".into()).await;
        watch(&mut echo, 1).await;
        waits[0].push(began.elapsed().as_secs_f64() * 1e6);
        for (place, socket) in sockets.iter_mut().enumerate() {
            let began = Instant::now();
            say(socket, prompt(n + 2, wish)).await;
            watch(socket, 1).await;
            waits[place + 1].push(began.elapsed().as_secs_f64() * 1e6);
        }
    }
    for (name, waits) in
        ["plain axum, an echo", "outlive, memory", "outlive, SQLite (FULL)"].iter().zip(&mut waits)
    {
        row(&[(*name).to_owned(), show(median(waits)), show(quantile(waits, 0.99))]);
    }
}

/// A thousand sessions with three viewers each.
pub async fn thousand(effort: Effort) {
    let sessions = 1_000 / effort.less;
    let frames = 100;
    head(
        "A thousand sessions, three viewers each",
        &format!(
            "{sessions} sessions, each streams {frames} frames, one in 100 ms, to three viewers. The peer streams to as many sockets, without sessions."
        ),
        COLUMNS,
    );
    let path = file("thousand");
    let (plain, memory, sqlite) = (plain(), ours("memory"), ours(&path));
    let mut taken: [Taken; 3] = Default::default();
    let wish = Wish { frames, batch: 1, pace_us: 100_000 };
    let total = f64::from(sessions * 3 * frames);
    for _ in 0..effort.rounds.min(3) {
        let mut sockets = Vec::new();
        for _ in 0..sessions * 3 {
            sockets.push((connect(&plain.address, &alone_path(wish), None).await, "go".to_owned()));
        }
        taken[0].run(&plain, total, all(sockets, frames)).await;
        for (place, server) in [(1, &memory), (2, &sqlite)] {
            let mut sockets = Vec::new();
            for _ in 0..sessions {
                let session = create(&server.address).await;
                for viewer in 0..3 {
                    let client = format!("viewer-{viewer}");
                    let socket = attach(&server.address, &session, &client, None).await;
                    let word = if viewer == 2 { prompt(1, wish) } else { String::new() };
                    sockets.push((socket, word));
                }
            }
            taken[place].run(server, total, all(sockets, frames)).await;
        }
    }
    let beside = median(&mut taken[0].cpu.clone());
    for (name, taken) in
        ["plain axum", "outlive, memory", "outlive, SQLite (FULL)"].iter().zip(&mut taken)
    {
        taken.row(name, beside);
    }
}

/// Ten viewers, with and without one that never reads.
pub async fn deaf(effort: Effort) {
    let frames = 2_500 / effort.less;
    head(
        "A viewer that does not read",
        &format!(
            "Ten viewers of a stream of {frames} frames, one a millisecond, with and without an eleventh that never reads, and has hardly any room for what it does not; and with an eleventh that does read."
        ),
        &[
            "viewers",
            "p99 age of those who read, µs",
            "beside ten",
            "the middle half of the rounds",
        ],
    );
    let memory = ours("memory");
    let wish = Wish { frames, batch: 1, pace_us: 1_000 };
    let variants =
        [("ten", 10, false), ("ten, and one that never reads", 10, true), ("eleven", 11, false)];
    let mut p99: [Vec<f64>; 3] = Default::default();
    // Each variant is first, second and last equally often.
    for round in 0..effort.rounds * variants.len() {
        for turn in 0..variants.len() {
            let place = (round + turn) % variants.len();
            let (_, readers, deaf) = variants[place];
            let session = create(&memory.address).await;
            let ignores = if deaf {
                Some(attach_narrow(&memory.address, &session, "deaf").await)
            } else {
                None
            };
            let mut sockets = Vec::new();
            for viewer in 0..readers {
                let client = format!("viewer-{viewer}");
                let socket = attach(&memory.address, &session, &client, None).await;
                let word = if viewer == 0 { prompt(1, wish) } else { String::new() };
                sockets.push((socket, word));
            }
            p99[place].push(quantile(&mut all(sockets, frames).await, 0.99));
            drop(ignores);
        }
    }
    for (place, (name, ..)) in variants.into_iter().enumerate() {
        let mut beside: Vec<f64> =
            p99[place].iter().zip(&p99[0]).map(|(one, ten)| one / ten).collect();
        let half = match place {
            0 => "–".to_owned(),
            _ => format!(
                "{} to {}×",
                show(quantile(&mut beside, 0.25)),
                show(quantile(&mut beside, 0.75))
            ),
        };
        row(&[
            name.to_owned(),
            show(median(&mut p99[place].clone())),
            format!("{}×", show(median(&mut beside))),
            half,
        ]);
    }
}
