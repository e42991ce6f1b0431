//! `outlive serve --backend` beside nginx, which hands the same stream on unbuffered. Both stand before the same backend.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use tokio_tungstenite::tungstenite::Message;

use crate::Effort;
use crate::backend::{Answer, Form};
use crate::figures::{head, median, quantile, ratios, row, show};
use crate::http::{Client, once};
use crate::process::Server;
use crate::scenarios::{file, folder};
use crate::viewer::{Socket, attach, attach_as, create, hear, say, watch};

/// `outlive serve` before a backend, with its default limits.
fn outlive(backend: &Server, store: &str, flags: &[&str]) -> Server {
    let mut program: PathBuf = std::env::current_exe().expect("this program has a path");
    program.set_file_name("outlive");
    assert!(
        program.exists(),
        "`cargo build --release -p outlive-cli` first, or `benches/run gateway`"
    );
    let url = format!("http://{}/answer", backend.address);
    let mut args = vec!["serve", "--listen", "127.0.0.1:0", "--store", store, "--backend", &url];
    args.extend(flags);
    Server::run(&program, &args, |line| {
        let (_, rest) = line.split_once("http://")?;
        rest.split('/').next().map(str::to_owned)
    })
}

/// nginx before the same backend: what comes is handed on at once, and connections are kept at both sides.
fn nginx(backend: &Server) -> Server {
    let folder = folder("nginx");
    let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = port.local_addr().expect("it is bound").to_string();
    drop(port);
    let (at, to) = (folder.display(), &backend.address);
    let configuration = format!(
        "worker_processes 2;
daemon off;
pid {at}/pid;
error_log {at}/error.log;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    tcp_nodelay on;
    keepalive_requests 1000000;
    client_body_temp_path {at}/body;
    proxy_temp_path {at}/proxy;
    fastcgi_temp_path {at}/fastcgi;
    uwsgi_temp_path {at}/uwsgi;
    scgi_temp_path {at}/scgi;
    upstream backend {{ server {to}; keepalive 64; keepalive_requests 1000000; }}
    server {{
        listen {address};
        location / {{
            proxy_pass http://backend;
            proxy_http_version 1.1;
            proxy_set_header Connection '';
            proxy_buffering off;
        }}
    }}
}}
"
    );
    let path = folder.join("nginx.conf");
    std::fs::write(&path, configuration).expect("the folder can be written");
    let path = path.display().to_string();
    Server::spawn("nginx".as_ref(), &["-c", &path, "-p", &at.to_string()], address)
}

/// Whether the peer is here; if not, there is nothing to compare with.
fn peer_is_missing() -> bool {
    let mut version = std::process::Command::new("nginx");
    let missing = version.arg("-v").stderr(std::process::Stdio::null()).status().is_err();
    if missing {
        eprintln!("skipped: there is no nginx");
    }
    missing
}

fn backend() -> Server {
    Server::start(&["serve", "backend"])
}

/// A prompt, as it is posted through nginx, and as the gateway posts it in an object with more.
fn posted(answer: Answer) -> String {
    format!(r#"{{"prompt":{}}}"#, json(answer))
}

fn json(answer: Answer) -> String {
    serde_json::to_string(&answer).expect("numbers")
}

fn prompt(n: u32, answer: Answer) -> String {
    format!(r#"{{"t":"prompt","n":{n},"d":{}}}"#, json(answer))
}

/// A stream of events from the beginning of a session, behind its welcome.
async fn events(address: &str, session: &str) -> Client {
    let mut client = Client::connect(address).await;
    let path = format!("/sessions/{session}/events?client=viewer");
    client.send("GET", &path, "Accept: text/event-stream\r\n", "").await;
    let (head, _) = client.head().await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    client.lines(5).await;
    client
}

/// The lines of an event that has an id.
const EVENT_LINES: u32 = 4;

/// The processor time of each way for an entry, in one run.
#[derive(Default)]
struct Ways {
    nginx: Vec<f64>,
    socket: Vec<f64>,
    events: Vec<f64>,
    /// Entries a second, flat out.
    rates: [Vec<f64>; 3],
}

/// Processor time for an entry.
pub async fn stream(effort: Effort) {
    if peer_is_missing() {
        return;
    }
    let (paced, flat) = (1_000 / effort.less, 100_000 / effort.less);
    head(
        "The gateway and nginx: processor time for an entry",
        &format!(
            "One backend, one viewer, memory store. The backend writes each entry by itself: {paced} entries, one a millisecond, or {flat} as fast as they are taken. The peer is nginx, unbuffered, and one client that posts the prompt itself. {} rounds, interleaved; in brackets the median of the rounds' ratios to nginx, and their least and largest.",
            effort.rounds
        ),
        &[
            "stream",
            "nginx, µs",
            "outlive to a WebSocket, µs",
            "outlive to an event stream, µs",
            "entries/s",
        ],
    );
    let backend = backend();
    let (nginx, outlive) = (nginx(&backend), outlive(&backend, "memory", &[]));
    for (pace_us, entries, pace) in [(1_000, paced, "paced"), (0, flat, "flat out")] {
        for (form, name) in [(Form::Ndjson, "NDJSON"), (Form::Sse, "SSE")] {
            for size in [40, 200] {
                let answer = Answer { entries, size, form, pace_us, together: 1 };
                let mut ways = Ways::default();
                for _ in 0..effort.rounds {
                    ways.round(&nginx, &outlive, answer).await;
                }
                ways.row(&format!("{pace}, {name}, {size} bytes"));
            }
        }
    }
}

impl Ways {
    async fn round(&mut self, nginx: &Server, outlive: &Server, answer: Answer) {
        let mut client = Client::connect(&nginx.address).await;
        let lines = answer.entries * if answer.form == Form::Sse { 2 } else { 1 };
        let (cpu, rate) = measure(nginx, answer, async {
            client.send("POST", "/answer", "", &posted(answer)).await;
            client.head().await;
            client.lines(lines).await;
            client.end().await;
        })
        .await;
        self.nginx.push(cpu);
        self.rates[0].push(rate);

        let session = create(&outlive.address).await;
        let mut socket = attach(&outlive.address, &session, "viewer", None).await;
        let (cpu, rate) = measure(outlive, answer, async {
            say(&mut socket, prompt(1, answer)).await;
            watch(&mut socket, answer.entries).await;
            ended(&mut socket).await;
        })
        .await;
        self.socket.push(cpu);
        self.rates[1].push(rate);
        drop(socket);

        let session = create(&outlive.address).await;
        let mut viewer = events(&outlive.address, &session).await;
        let mut client = Client::connect(&outlive.address).await;
        let path = format!("/sessions/{session}/prompts");
        let (cpu, rate) = measure(outlive, answer, async {
            client.send("POST", &path, "Idempotency-Key: viewer.1\r\n", &json(answer)).await;
            client.head().await;
            // The prompt, the entries, the end of the turn.
            viewer.lines((answer.entries + 2) * EVENT_LINES).await;
        })
        .await;
        self.events.push(cpu);
        self.rates[2].push(rate);
    }

    fn row(&self, name: &str) {
        let beside = |ours: &[f64]| {
            let ours = ours.to_vec();
            let cpu = show(median(&mut ours.clone()));
            format!("{cpu} ({})", ratios(&ours, &self.nginx))
        };
        let rates = self.rates.iter().map(|rates| show(median(&mut rates.clone())));
        row(&[
            name.to_owned(),
            show(median(&mut self.nginx.clone())),
            beside(&self.socket),
            beside(&self.events),
            rates.collect::<Vec<_>>().join(", "),
        ]);
    }
}

async fn measure(server: &Server, answer: Answer, run: impl Future<Output = ()>) -> (f64, f64) {
    let (cpu, began) = (server.cpu_us(), Instant::now());
    run.await;
    let entries = f64::from(answer.entries);
    let rate = entries / began.elapsed().as_secs_f64();
    ((server.cpu_us() - cpu) / entries, rate)
}

/// Waits for the end of the turn.
async fn ended(socket: &mut Socket) {
    while !hear(socket).await.expect("the turn ends").contains(r#""entry":"turn_end""#) {}
}

/// From a prompt to the first entry.
pub async fn first(effort: Effort) {
    const SESSIONS: u32 = 10;
    if peer_is_missing() {
        return;
    }
    let prompts = (20 / effort.less).max(2);
    head(
        "The gateway and nginx: from a prompt to the first entry",
        &format!(
            "{SESSIONS} sessions of {prompts} prompts each way, one prompt after the other, {} rounds, interleaved; memory store. The backend answers at once with one entry of 40 bytes. All connections are kept. In brackets the median of the rounds' ratios to nginx, and their least and largest.",
            effort.rounds
        ),
        &["way", "p50, µs", "p99, µs"],
    );
    let backend = backend();
    let answer = Answer { entries: 1, size: 40, form: Form::Ndjson, pace_us: 0, together: 1 };
    let names = [
        "directly",
        "through nginx",
        "outlive, prompt and viewer over one WebSocket",
        "outlive, POST, and an event stream",
    ];
    let mut p50: [Vec<f64>; 4] = Default::default();
    let mut p99: [Vec<f64>; 4] = Default::default();
    for _ in 0..effort.rounds {
        let (nginx, outlive) = (nginx(&backend), outlive(&backend, "memory", &[]));
        let address = &outlive.address;
        let mut waits: [Vec<f64>; 4] = Default::default();
        let mut plain =
            [Client::connect(&backend.address).await, Client::connect(&nginx.address).await];
        let mut poster = Client::connect(address).await;
        for _ in 0..SESSIONS {
            let session = create(address).await;
            let mut socket = attach(address, &session, "viewer", None).await;
            let session = create(address).await;
            let path = format!("/sessions/{session}/prompts");
            let mut viewer = events(address, &session).await;
            for n in 1..=prompts {
                for (client, waits) in plain.iter_mut().zip(&mut waits) {
                    let began = Instant::now();
                    client.send("POST", "/answer", "", &posted(answer)).await;
                    client.head().await;
                    client.lines(1).await;
                    waits.push(micros(began));
                    client.end().await;
                }
                let began = Instant::now();
                say(&mut socket, prompt(n, answer)).await;
                watch(&mut socket, 1).await;
                waits[2].push(micros(began));
                ended(&mut socket).await;

                let key = format!("Idempotency-Key: viewer.{n}\r\n");
                let began = Instant::now();
                poster.send("POST", &path, &key, &json(answer)).await;
                viewer.until(r#""entry":"output""#).await;
                waits[3].push(micros(began));
                viewer.until(r#""entry":"turn_end""#).await;
                poster.head().await;
            }
        }
        for (place, waits) in waits.iter_mut().enumerate() {
            p50[place].push(median(waits));
            p99[place].push(quantile(waits, 0.99));
        }
    }
    for (place, name) in names.into_iter().enumerate() {
        let middle = show(median(&mut p50[place].clone()));
        let middle = match place {
            0 | 1 => middle,
            _ => format!("{middle} ({})", ratios(&p50[place], &p50[1])),
        };
        row(&[name.to_owned(), middle, show(median(&mut p99[place]))]);
    }
}

fn micros(began: Instant) -> f64 {
    began.elapsed().as_secs_f64() * 1e6
}

/// A thousand turns that stream at once.
pub async fn turns(effort: Effort) {
    let turns = 1_000 / effort.less;
    let small =
        Answer { entries: 100, size: 200, form: Form::Ndjson, pace_us: 100_000, together: 1 };
    let large = Answer { entries: 128, size: 4_096, form: Form::Ndjson, pace_us: 0, together: 1 };
    head(
        "The gateway: a thousand turns at once",
        &format!(
            "{turns} sessions of as many principals (`--authorize`), a viewer each, all turns begin together. Small answers are 100 entries of 200 bytes, one in 100 ms; large ones 128 of 4 KiB, as fast as they are taken: twice of what the hub keeps ready for a viewer. Resident memory of the gateway, in MiB, and in KiB for a turn; with the memory store the log is part of it."
        ),
        &[
            "answers, store, viewers",
            "started",
            "all attached",
            "peak",
            "viewers gone",
            "a turn, KiB",
        ],
    );
    for (what, answer, store) in [("small", small, "memory"), ("large", large, "SQLite")] {
        for reads in [true, false] {
            let path = file("turns");
            let at = if store == "memory" { store } else { &path };
            let answer = Answer { together: turns as usize, ..answer };
            let memory = many(turns, answer, at, reads).await;
            let viewers = if reads { "that read" } else { "that do not read" };
            let mib = memory.map(|bytes| show(bytes / f64::from(1 << 20)));
            let [started, attached, peak, gone] = mib;
            let a_turn = show((memory[2] - memory[1]) / f64::from(turns) / 1_024.0);
            let name = format!("{what}, {store}, viewers {viewers}");
            row(&[name, started, attached, peak, gone, a_turn]);
        }
    }
}

/// Resident memory at the start, when all are attached, at most, and when the viewers are gone.
async fn many(turns: u32, answer: Answer, store: &str, reads: bool) -> [f64; 4] {
    let backend = backend();
    let may = format!("http://{}/may", backend.address);
    let flags = ["--authorize", &may, "--durability", "fast"];
    let outlive = outlive(&backend, store, &flags);
    let address = &outlive.address;
    #[allow(clippy::cast_precision_loss, reason = "a size")]
    let memory = || outlive.memory() as f64;
    let started = memory();
    let mut sockets = Vec::new();
    for n in 0..turns {
        let header = format!("Authorization: Bearer u{n}\r\n");
        let created = once(address, "POST", "/sessions", &header, "").await;
        let (_, rest) = created.split_once(r#""session":""#).expect("a session");
        let session = rest.split('"').next().expect("its name");
        sockets.push(attach_as(address, session, &format!("u{n}"), reads).await);
    }
    let attached = memory();
    let mut viewers = Vec::new();
    let mut silent = Vec::new();
    for mut socket in sockets {
        say(&mut socket, prompt(1, answer)).await;
        if reads {
            viewers.push(tokio::spawn(async move {
                watch(&mut socket, answer.entries).await;
                ended(&mut socket).await;
                socket
            }));
        } else {
            silent.push(socket);
        }
    }
    while once(&backend.address, "GET", "/done", "", "").await != turns.to_string() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for viewer in viewers {
        silent.push(viewer.await.expect("a viewer reads to the end"));
    }
    if !reads {
        // The end of what was written is on its way to the store.
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    for mut socket in silent {
        _ = futures_util::SinkExt::send(&mut socket, Message::Close(None)).await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    #[allow(clippy::cast_precision_loss, reason = "a size")]
    let peak = outlive.peak_memory() as f64;
    [started, attached, peak, memory()]
}
