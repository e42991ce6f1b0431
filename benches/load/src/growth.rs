//! What waits costs memory, and what is long costs time: how much, and how it grows.

use std::time::Instant;

use outlive::Limits;
use outlive::ids::Seq;
use outlive::log::LogId;
use outlive::session::{Event, Machine, Session};
use outlive_server::hub::{Author, Failure, Hub, Turn};
use outlive_server::store::{Commit, SessionId, Sqlite, Store, Version};

use crate::Effort;
use crate::figures::{head, median, row, show};
use crate::process::{Server, own_cpu_us};
use crate::scenarios::file;
use crate::viewer::{attach as attach_to, connect, create, hear, request};

/// Connections that do nothing.
pub async fn idle(effort: Effort) {
    let (plain, ours) =
        (Server::start(&["serve", "plain"]), Server::start(&["serve", "ours", "memory"]));
    let count = 10_000 / effort.less;
    head(
        "Idle connections",
        &format!(
            "{count} WebSockets that say nothing; resident memory of the server divided by their number. Ours hold a session each, or share one in a thousand."
        ),
        &["server", "KiB per connection"],
    );
    let kib = |before: u64, after: u64| {
        #[allow(clippy::cast_precision_loss, reason = "a size")]
        let bytes = after.saturating_sub(before) as f64;
        show(bytes / 1_024.0 / f64::from(count))
    };
    let before = plain.memory();
    let mut held = Vec::new();
    for _ in 0..count {
        held.push(connect(&plain.address, "/idle", None).await);
    }
    row(&["plain axum".to_owned(), kib(before, plain.memory())]);
    drop(held);
    let before = ours.memory();
    let mut held = Vec::new();
    let mut session = create(&ours.address).await;
    for n in 0..count {
        if n % 900 == 899 {
            session = create(&ours.address).await;
        }
        held.push(attach_to(&ours.address, &session, &format!("c-{n}"), None).await);
    }
    row(&["outlive, shared sessions".to_owned(), kib(before, ours.memory())]);
    drop(held);
    drop(ours);
    let ours = Server::start(&["serve", "ours", "memory"]);
    let before = ours.memory();
    let mut held = Vec::new();
    for _ in 0..count {
        let session = create(&ours.address).await;
        held.push(attach_to(&ours.address, &session, "c", None).await);
    }
    row(&["outlive, a session each".to_owned(), kib(before, ours.memory())]);
    drop(held);
    drop(ours);
    nobody(count).await;
}

/// Sessions that nobody watches.
async fn nobody(count: u32) {
    head(
        "Idle sessions",
        &format!(
            "{count} sessions that nobody watches; resident memory of the server divided by their number. With the memory store their records are part of it. An ended session is a record and nothing else."
        ),
        &["a session", "bytes"],
    );
    let sqlite = file("idle");
    for (name, store, ends) in [
        ("CREATED, waits for its first prompt; SQLite", &*sqlite, false),
        ("CREATED, waits for its first prompt; memory", "memory", false),
        ("ENDED; memory", "memory", true),
    ] {
        let ours = Server::start(&["serve", "ours", store]);
        let mut before = 0;
        for n in 0..count + 100 {
            if n == 100 {
                // The first ones have brought what is there for all of them.
                before = ours.memory();
            }
            let session = create(&ours.address).await;
            if ends {
                request(&ours.address, "POST", &format!("/sessions/{session}/stop")).await;
            }
        }
        row(&[name.to_owned(), show_bytes(ours.memory().saturating_sub(before), count)]);
    }
}

fn show_bytes(bytes: u64, count: u32) -> String {
    #[allow(clippy::cast_precision_loss, reason = "a size")]
    show(bytes as f64 / f64::from(count))
}

/// A name for the n-th session.
pub fn name(n: u32) -> SessionId {
    SessionId::from_random(u128::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835))
}

/// Puts sessions into a store: each was prompted once; ended, or in the middle of its turn.
pub async fn fill(store: &impl Store, count: u32, ended: bool) {
    let machine = Machine::new(Limits::default()).expect("no limit is 0");
    let session = lived(&machine, ended);
    let entries: Vec<_> = (0..session.log().head.0).map(|_| line("hello")).collect();
    let mut pending = Vec::new();
    for n in 0..count {
        let commit = Commit {
            session: name(n),
            expect: Version::NONE,
            snapshot: session.snapshot(),
            entries: entries.clone(),
            principal: None,
        };
        pending.push(store.commit(commit));
        if pending.len() == 512 || n + 1 == count {
            for done in futures_util::future::join_all(pending.drain(..)).await {
                done.expect("there is room");
            }
        }
    }
}

fn line(text: &str) -> bytes::Bytes {
    format!(r#"{{"entry":"prompt","client":"c","n":1,"d":"{text}"}}"#).into()
}

/// A session that was prompted, and perhaps ended since.
pub fn lived(machine: &Machine, ended: bool) -> Session {
    use outlive::ids::{ClientId, Digest, Incarnation, PrincipalId, PromptNumber};
    let incarnation = Incarnation(1);
    let mut session = machine.create(LogId(7)).next;
    let mut events = vec![
        Event::Prompt {
            client: ClientId(1),
            principal: PrincipalId(0),
            n: PromptNumber::MIN,
            digest: Digest(1),
        },
        Event::Started { incarnation },
    ];
    if ended {
        events.push(Event::Exited { incarnation });
    }
    for event in events {
        session = machine.step(&session, &event).next;
    }
    session
}

async fn answer(_: Turn) -> Result<(), Failure> {
    Ok(())
}

/// Sessions that have ended, in a file.
pub async fn sleeping(effort: Effort) {
    head(
        "Sessions that sleep in a file",
        "Ended sessions in one SQLite file: opening it and having a hub; then the first prompt of one of them.",
        &["sessions", "open, ms", "first prompt accepted, ms", "live sessions after it"],
    );
    for count in [1_000, 10_000, 100_000].map(|count| (count / effort.less).max(10)) {
        let path = file("sleeping");
        let store = Sqlite::open(&path).expect("a file");
        store.open().await.expect("it is ours");
        fill(&store, count, true).await;
        drop(store);
        let began = Instant::now();
        let store = Sqlite::open(&path).expect("a file");
        let hub = Hub::builder().store(store).build(answer).await.expect("a hub");
        hub.recovered().await;
        let opened = began.elapsed();
        let began = Instant::now();
        // The client in the log is another one: the first number of this one is 1.
        let done = hub
            .session(&name(count / 2))
            .prompt(Author { principal: "p", client: "c" }, 1.try_into().expect("not 0"), &"hi")
            .await;
        done.expect("it is accepted");
        let prompted = began.elapsed();
        row(&[
            count.to_string(),
            show(opened.as_secs_f64() * 1e3),
            show(prompted.as_secs_f64() * 1e3),
            hub.loaded_sessions().to_string(),
        ]);
    }
}

/// Restart recovery of sessions that were in the middle of a turn.
pub async fn restart(effort: Effort) {
    head(
        "Recovery after a crash",
        "Every session was in the middle of a turn when the process was killed; each is read, fed `RESTARTED`, and committed.",
        &["sessions", "recovered in, s", "µs per session", "of the processors"],
    );
    let counts: &[u32] =
        if effort.less == 1 { &[10_000, 100_000, 1_000_000] } else { &[500, 5_000] };
    for &count in counts {
        let rounds = (1_000_000 / count as usize).clamp(1, effort.rounds);
        let (mut took, mut cpu) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            let path = file("restart");
            let store = Sqlite::open(&path).expect("a file");
            store.open().await.expect("it is ours");
            fill(&store, count, false).await;
            store.close().await.expect("it is in order");
            let (began, used) = (Instant::now(), own_cpu_us());
            let store = Sqlite::open(&path).expect("a file");
            let hub = Hub::builder().store(store).build(answer).await.expect("a hub");
            hub.recovered().await;
            took.push(began.elapsed().as_secs_f64());
            cpu.push(own_cpu_us() - used);
        }
        let (took, each) = (median(&mut took), f64::from(count));
        row(&[
            count.to_string(),
            show(took),
            show(took * 1e6 / each),
            show(median(&mut cpu) / each),
        ]);
    }
}

/// Attaching somewhere in a long log.
pub async fn attach(effort: Effort) {
    head(
        "Attaching anywhere in a long log",
        "From the request for a WebSocket to the first entry after the cursor, at cursors all over the log; SQLite.",
        &["entries", "p50, ms", "worst, ms"],
    );
    let counts: &[u64] =
        if effort.less == 1 { &[10_000, 100_000, 1_000_000, 10_000_000] } else { &[10_000] };
    for &count in counts {
        let path = file("attach");
        let session = long(&path, count).await;
        let server = Server::start(&["serve", "ours", &path]);
        // The first one loads the session; it is not counted.
        let log = LogId(7);
        let mut waits = Vec::new();
        for try_ in 0..=50_u64 {
            let seq = (count - 1) * try_ / 50;
            let began = Instant::now();
            let cursor = format!("{log}.{seq}");
            let client = format!("c-{try_}");
            let mut socket =
                attach_to(&server.address, session.as_str(), &client, Some(&cursor)).await;
            let text = hear(&mut socket).await.expect("an entry");
            assert!(text.contains(r#""t":"ev""#), "{text}");
            if try_ > 0 {
                waits.push(began.elapsed().as_secs_f64() * 1e3);
            }
        }
        let worst = waits.iter().copied().fold(0.0, f64::max);
        row(&[count.to_string(), show(median(&mut waits)), show(worst)]);
    }
}

/// A session whose log has this many entries.
async fn long(path: &str, count: u64) -> SessionId {
    let machine = Machine::new(Limits { retention: u64::MAX / 4, ..Limits::default() })
        .expect("no limit is 0");
    let store = Sqlite::open(path).expect("a file");
    store.open().await.expect("it is ours");
    let mut session = lived(&machine, true);
    let id = name(1);
    let first: Vec<_> = (0..session.log().head.0).map(|_| line("hello")).collect();
    let commit = |snapshot, expect, entries| Commit {
        session: id.clone(),
        expect,
        snapshot,
        entries,
        principal: None,
    };
    store.commit(commit(session.snapshot(), Version::NONE, first)).await.expect("there is room");
    let mut version = Version::NONE.next();
    while session.log().head.0 < count {
        let mut snapshot = session.snapshot();
        let more = 256.min(count - snapshot.log.head.0);
        snapshot.log.head = Seq(snapshot.log.head.0 + more);
        session = Session::restore(snapshot.clone()).expect("only longer");
        let entries = (0..more).map(|_| line("one more")).collect();
        store.commit(commit(snapshot, version, entries)).await.expect("there is room");
        version = version.next();
    }
    id
}

/// The cost of a frame as the log grows.
pub async fn longer(effort: Effort) {
    head(
        "A log that grows",
        "Processor time of the server per frame to one viewer, for answers of more and more frames; memory store.",
        &["frames", "µs per frame"],
    );
    for frames in [10_000, 100_000, 1_000_000].map(|frames| frames / effort.less) {
        let server = Server::start(&["serve", "ours", "memory"]);
        let session = create(&server.address).await;
        let mut socket = attach_to(&server.address, &session, "c", None).await;
        let before = server.cpu_us();
        let wish =
            format!(r#"{{"t":"prompt","n":1,"d":{{"frames":{frames},"batch":1,"pace_us":0}}}}"#);
        crate::viewer::say(&mut socket, wish).await;
        crate::viewer::watch(&mut socket, frames).await;
        row(&[frames.to_string(), show((server.cpu_us() - before) / f64::from(frames))]);
    }
}
