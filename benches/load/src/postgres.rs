//! The store in `PostgreSQL` beside the one in a file, and several nodes that share it. The database is a private one, in the
//! same folder of temporary files, with its default settings: every commit is flushed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::join_all;
use outlive::Limits;
use outlive::ids::Seq;
use outlive::session::{Machine, Snapshot};
use outlive_postgres::Postgres;
use outlive_server::store::{Commit, Sqlite, Store, Version};
use tokio_postgres::{Client, NoTls};

use crate::Effort;
use crate::figures::{head, median, quantile, ratios, row, show};
use crate::growth::{fill, lived, name};
use crate::http;
use crate::private_server as private;
use crate::process::{Server, family_cpu_us, own_cpu_us};
use crate::scenarios::file;
use crate::server::Wish;
use crate::viewer::{attach, create, hear, watch};

/// A database, and a connection to it beside those of stores.
struct Place {
    server: private::Server,
    client: Client,
}

impl Place {
    /// None if there is no server to start, which is said.
    async fn new(settings: &str) -> Option<Place> {
        if private::programs().is_none() {
            eprintln!("skipped: there is no PostgreSQL");
            return None;
        }
        let server = private::Server::new(settings);
        let (client, connection) = tokio_postgres::connect(&server.url("postgres"), NoTls)
            .await
            .expect("the server takes connections");
        tokio::spawn(connection);
        Some(Place { server, client })
    }

    /// The URL of a schema.
    fn url(&self, schema: &str) -> String {
        format!("{}?schema={schema}", self.server.url("postgres"))
    }

    /// Processor time of the server so far, of all connections that are open, in microseconds.
    fn cpu_us(&self) -> f64 {
        let file = self.server.folder().join("data/postmaster.pid");
        let text = std::fs::read_to_string(file).expect("the server runs");
        family_cpu_us(text.lines().next().and_then(|id| id.parse().ok()).expect("its number"))
    }

    async fn number(&self, sql: &str) -> f64 {
        let row = self.client.query_one(sql, &[]).await.expect("the server answers");
        row.get(0)
    }
}

/// What commits have cost in a run.
#[derive(Default)]
struct Costs {
    rate: Vec<f64>,
    /// Our processor time for a commit, in microseconds.
    cpu: Vec<f64>,
    /// The server's.
    server_cpu: Vec<f64>,
}

/// Commits of many sessions, each of which begins the next one when it hears of the one before.
pub async fn commits(effort: Effort) {
    let Some(place) = Place::new("").await else { return };
    let time = Duration::from_secs(4) / effort.less.min(8);
    head(
        "PostgreSQL and a file: commits",
        &format!(
            "Sessions that commit one entry of 200 bytes at a time, for {} s, each beginning when the commit before is told; no hub. Processor time is that of this process, the sessions included, in µs a commit; the server's is in the last column. {} rounds, interleaved; in brackets the median of the rounds' ratios to SQLite, and their least and largest.",
            time.as_secs_f64(),
            effort.rounds
        ),
        &[
            "sessions",
            "SQLite (FULL), commits/s",
            "CPU",
            "PostgreSQL, commits/s",
            "CPU",
            "server's",
        ],
    );
    for sessions in [1_000, 256, 16] {
        let (mut sqlite, mut postgres) = (Costs::default(), Costs::default());
        for round in 0..effort.rounds {
            for turn in 0..2 {
                // Each is first equally often.
                if (round + turn) % 2 == 0 {
                    let store = Sqlite::open(file("commits")).expect("a file");
                    sqlite.run(store, sessions, time, None).await;
                } else {
                    let schema = format!("commits_{sessions}_{round}");
                    let store = Postgres::connect(&place.url(&schema)).await.expect("it is used");
                    postgres.run(store.clone(), sessions, time, Some(&place)).await;
                    store.close().await;
                    let drop = format!("DROP SCHEMA {schema} CASCADE");
                    place.client.batch_execute(&drop).await.expect("it is ours");
                }
            }
        }
        let beside = |ours: &[f64], theirs: &[f64]| {
            format!("{} ({})", show(median(&mut ours.to_vec())), ratios(ours, theirs))
        };
        row(&[
            sessions.to_string(),
            show(median(&mut sqlite.rate.clone())),
            show(median(&mut sqlite.cpu.clone())),
            beside(&postgres.rate, &sqlite.rate),
            beside(&postgres.cpu, &sqlite.cpu),
            show(median(&mut postgres.server_cpu)),
        ]);
    }
}

impl Costs {
    async fn run(
        &mut self,
        store: impl Store,
        sessions: u32,
        time: Duration,
        place: Option<&Place>,
    ) {
        store.open().await.expect("it is ours");
        let store = Arc::new(store);
        let (done, over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let machine = Machine::new(Limits::default()).expect("no limit is 0");
        let snapshot = lived(&machine, false).snapshot();
        let busy: Vec<_> = (0..sessions)
            .map(|n| {
                let (store, done, over) =
                    (Arc::clone(&store), Arc::clone(&done), Arc::clone(&over));
                let snapshot = snapshot.clone();
                tokio::spawn(async move {
                    let mut version = Version::NONE;
                    while !over.load(Ordering::Relaxed) {
                        store.commit(commit(n, version, &snapshot)).await.expect("there is room");
                        version = version.next();
                        done.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        // The sessions are made, and the caches are warm.
        tokio::time::sleep(time / 4).await;
        let (before, cpu, began) = (done.load(Ordering::Relaxed), own_cpu_us(), Instant::now());
        let server = place.map(Place::cpu_us);
        tokio::time::sleep(time).await;
        #[allow(clippy::cast_precision_loss, reason = "a count")]
        let count = (done.load(Ordering::Relaxed) - before) as f64;
        self.rate.push(count / began.elapsed().as_secs_f64());
        self.cpu.push((own_cpu_us() - cpu) / count);
        let server =
            place.map(Place::cpu_us).zip(server).map_or(f64::NAN, |(now, then)| now - then);
        self.server_cpu.push(server / count);
        over.store(true, Ordering::Relaxed);
        for session in busy {
            session.await.expect("it committed to the end");
        }
    }
}

/// The commit after `version`, with one entry; a session's first one has those that its record needs.
fn commit(n: u32, version: Version, snapshot: &Snapshot) -> Commit {
    const LINE: &[u8] = &[b'x'; 200];
    let mut snapshot = snapshot.clone();
    let entries = if version == Version::NONE { snapshot.log.head.0 } else { 1 };
    snapshot.log.head = Seq(snapshot.log.head.0 + version.0);
    Commit {
        session: name(n),
        expect: version,
        snapshot,
        entries: (0..entries).map(|_| Bytes::from_static(LINE)).collect(),
        principal: None,
    }
}

/// Frames that are seen at the node that owns the session, and at another one.
pub async fn relay(effort: Effort) {
    // `pg_stat_statements` counts at once; the server's own statistics come up to a second later.
    let settings = "-c shared_preload_libraries=pg_stat_statements -c max_connections=200";
    let Some(place) = Place::new(settings).await else { return };
    let sessions = 500 / effort.less;
    let time = Duration::from_secs(8) / effort.less.min(4);
    head(
        "A frame on another node",
        &format!(
            "Two nodes. One owns {sessions} sessions, which stream five frames a second each, for {} s. They are watched by nobody, or by two viewers each: one at the owner, and one at the other node. Each frame is committed before it is sent. {} rounds, interleaved; in brackets the median of the rounds' ratios to the column before, and their least and largest.",
            time.as_secs_f64(),
            effort.rounds
        ),
        &["", "nobody / at the owner", "both / at the other node"],
    );
    place
        .client
        .batch_execute("CREATE EXTENSION pg_stat_statements")
        .await
        .expect("the server has its extensions");
    let url = place.url("relay");
    let (owner, other) = (
        Server::start(&["serve", "node", &url, "a"]),
        Server::start(&["serve", "node", &url, "b"]),
    );
    let mut loads = [Load::default(), Load::default()];
    let mut ages: [[Vec<f64>; 2]; 2] = Default::default();
    let mut attaches = Vec::new();
    for round in 0..effort.rounds {
        for turn in 0..2 {
            let watched = (round + turn) % 2 == 1;
            let ids = join_all((0..sessions).map(|_| create(&owner.address))).await;
            let mut viewers = Vec::new();
            if watched {
                for (server, at) in [(&owner, 0), (&other, 1)] {
                    let before = place.number(CALLS).await;
                    for id in &ids {
                        let socket =
                            attach(&server.address, id, &format!("viewer{at}"), None).await;
                        viewers.push((socket, at));
                    }
                    if at == 1 {
                        let calls = place.number(CALLS).await - before;
                        attaches.push(calls / f64::from(sessions));
                    }
                }
            }
            let frames = prompt_all(&owner, &ids, time).await;
            let seen: Vec<_> = viewers
                .into_iter()
                .map(|(mut socket, at)| {
                    tokio::spawn(async move { (watch(&mut socket, frames).await, at) })
                })
                .collect();
            loads[usize::from(watched)].run(&place, &owner, &other, time).await;
            let mut both: [Vec<f64>; 2] = Default::default();
            for viewer in seen {
                let (seen, at) = viewer.await.expect("a viewer reads to the end");
                both[at].extend(seen);
            }
            if watched {
                for (at, seen) in both.iter_mut().enumerate() {
                    ages[0][at].push(quantile(seen, 0.5));
                    ages[1][at].push(quantile(seen, 0.99));
                }
            }
            for id in &ids {
                http::once(&owner.address, "POST", &format!("/sessions/{id}/stop"), "", "").await;
            }
        }
    }
    for (what, [own, others]) in ["age of a frame, p50, µs", "p99, µs"].iter().zip(&ages) {
        beside(what, own, others);
    }
    let [alone, watched] = &loads;
    beside("statements/s", &alone.calls, &watched.calls);
    beside("the server's CPU, µs a frame", &alone.server, &watched.server);
    beside("the owner's CPU, µs a frame", &alone.owner, &watched.owner);
    beside("the other node's CPU, µs a frame", &alone.other, &watched.other);
    row(&["statements to attach at the other node", "", &show(median(&mut attaches))]);
}

/// Statements so far, but for those of this program.
const CALLS: &str =
    "SELECT sum(calls)::float8 FROM pg_stat_statements WHERE query NOT LIKE '%pg_stat_statements%'";

fn beside(what: &str, first: &[f64], second: &[f64]) {
    let [left, right] = [first, second].map(|values| show(median(&mut values.to_vec())));
    row(&[what.to_owned(), left, format!("{right} ({})", ratios(second, first))]);
}

/// Each session begins to stream, for longer than the time that is measured. Returns the frames that come within it.
async fn prompt_all(owner: &Server, ids: &[String], time: Duration) -> u32 {
    const PACE: Duration = Duration::from_millis(200);
    let frames = u32::try_from(time.as_millis() / PACE.as_millis()).expect("a small number");
    let pace_us = u64::try_from(PACE.as_micros()).expect("a small number");
    let wish = Wish { frames: frames * 2 + 20, batch: 1, pace_us };
    let wish = serde_json::to_string(&wish).expect("numbers");
    let mut client = http::Client::connect(&owner.address).await;
    for id in ids {
        let path = format!("/sessions/{id}/prompts");
        client.send("POST", &path, "Idempotency-Key: poster.1\r\n", &wish).await;
        let (head, body) = client.head().await;
        assert!(head.starts_with("HTTP/1.1 2"), "{head}{body}");
    }
    frames
}

/// What a time of streaming costs.
#[derive(Default)]
struct Load {
    calls: Vec<f64>,
    server: Vec<f64>,
    owner: Vec<f64>,
    other: Vec<f64>,
}

impl Load {
    async fn run(&mut self, place: &Place, owner: &Server, other: &Server, time: Duration) {
        const FRAMES: &str = "SELECT sum(head)::float8 FROM relay.session";
        let now = async || {
            let (calls, frames) = (place.number(CALLS).await, place.number(FRAMES).await);
            [calls, frames, place.cpu_us(), owner.cpu_us(), other.cpu_us()]
        };
        let before = now().await;
        let began = Instant::now();
        tokio::time::sleep(time).await;
        let took = began.elapsed().as_secs_f64();
        let after = now().await;
        let [calls, frames, server, owner, other] =
            std::array::from_fn(|at| after[at] - before[at]);
        self.calls.push(calls / took);
        self.server.push(server / frames);
        self.owner.push(owner / frames);
        self.other.push(other / frames);
    }
}

/// A process that owns sessions in the middle of a turn, and does nothing but renew its lease.
pub async fn holder(database: &str, count: &str) {
    let count = count.parse().expect("a number");
    // Nothing listens there.
    let options = Postgres::options().name("holder").address("127.0.0.1:1");
    let store = options.connect(database).await.expect("the database can be used");
    store.open().await.expect("it can be used");
    fill(&store, count, false).await;
    let mut waits = Vec::new();
    for _ in 0..200 {
        let began = Instant::now();
        store.renew().await.expect("the database answers");
        waits.push(began.elapsed().as_secs_f64() * 1e3);
    }
    println!("{}", show(median(&mut waits)));
    loop {
        assert_eq!(store.renew().await, Ok(true));
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// From the death of a node to the last of its sessions.
pub async fn takeover(effort: Effort) {
    let count = 100_000 / effort.less;
    head(
        "Take-over",
        &format!(
            "A node owns {count} sessions in the middle of a turn, and is killed; lease 5 s. Another node is asked for one of them in that moment. {} rounds: the median, and the longest.",
            effort.rounds
        ),
        &["", "median", "longest"],
    );
    let settings = "-c shared_preload_libraries=pg_stat_statements";
    let Some(place) = Place::new(settings).await else { return };
    place
        .client
        .batch_execute("CREATE EXTENSION pg_stat_statements")
        .await
        .expect("the server has its extensions");
    let mut figures: [Vec<f64>; 6] = Default::default();
    for round in 0..effort.rounds {
        let schema = format!("takeover{round}");
        let url = place.url(&schema);
        let holder = Server::start(&["serve", "holder", &url, &count.to_string()]);
        let renewal = "SELECT (total_exec_time / calls)::float8 FROM pg_stat_statements \
                       WHERE query LIKE '%SET lease_until%' AND query LIKE '%' || $1 || '%'";
        let statement: f64 =
            place.client.query_one(renewal, &[&schema]).await.expect("it was counted").get(0);
        let node = Server::start(&["serve", "node", &url, "heir"]);
        // It judges nobody until it has renewed its own lease for as long as one lasts.
        tokio::time::sleep(Duration::from_secs(7)).await;
        let told: f64 = holder.address.parse().expect("a number");
        let (ours, server) = (node.cpu_us(), place.cpu_us());
        holder.kill();
        let began = Instant::now();
        let asked = async {
            let mut socket = attach(&node.address, name(count / 2).as_str(), "viewer", None).await;
            while !hear(&mut socket).await.expect("an entry").contains(r#""entry":"turn_end""#) {}
            began.elapsed().as_secs_f64()
        };
        // To count them would be most of what the server does.
        let left =
            format!("SELECT EXISTS (SELECT FROM {schema}.session WHERE version = 1)::int::float8");
        let last = async {
            while place.number(&left).await > 0.0 {
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            began.elapsed().as_secs_f64()
        };
        let (asked, last) = tokio::join!(asked, last);
        let each = |before: f64, now: f64| (now - before) / f64::from(count);
        let cpu = (each(ours, node.cpu_us()), each(server, place.cpu_us()));
        let all = [asked, last, cpu.0, cpu.1, statement, told];
        for (figures, figure) in figures.iter_mut().zip(all) {
            figures.push(figure);
        }
        drop(node);
        let drop = format!("DROP SCHEMA {schema} CASCADE; SELECT pg_stat_statements_reset()");
        place.client.batch_execute(&drop).await.expect("it is ours");
    }
    let names = [
        "a session that is asked for goes on after, s",
        "the last one goes on after, s",
        "CPU of the node, µs a session",
        "the server's CPU, µs a session",
        "a renewal of the lease with so many sessions: the server's statement, ms",
        "the same, until it is told, flushed to the disk, ms",
    ];
    for (name, mut figures) in names.into_iter().zip(figures) {
        let longest = show(quantile(&mut figures, 1.0));
        row(&[name.to_owned(), show(median(&mut figures)), longest]);
    }
}
