//! Single bits that change on the disk: what is read is what was written, or an error.

use std::fs;

use bytes::Bytes;
use outlive::State;
use outlive::ids::Seq;
use outlive::session::Snapshot;
use outlive_server::store::{Commit, Sqlite, Store, StoreError};
use rusqlite::Connection;

use super::owned;
use outlive_testkit::place::{Place, commit, line, name, snapshot};

/// The sessions, and the edges of their logs.
const SESSIONS: [(&str, u64, u64); 5] = [
    ("a", 0, 40),
    ("b", 7, 20),
    ("s_long-name-of-a-session", 0, 3),
    ("ended", 0, 2),
    ("big", 0, 1),
];

/// Large enough for pages of its own.
fn big() -> Bytes {
    format!("\"{}\"", "0123456789abcdef".repeat(700)).into()
}

fn entry(session: &str, seq: u64) -> Bytes {
    if session == "big" { big() } else { line(seq) }
}

fn record(session: &str, base: u64, head: u64) -> Snapshot {
    let state = if session == "ended" { State::Ended } else { State::Detached };
    Snapshot { state, ..snapshot(base, head) }
}

/// A closed file with these sessions, in pages of this size.
async fn filled(place: &Place, page: u32) {
    let store = owned(place).await;
    for (session, base, head) in SESSIONS {
        for version in 0..head {
            let base = if version + 1 == head { base } else { 0 };
            let step = Commit {
                snapshot: record(session, base, version + 1),
                entries: vec![entry(session, version + 1)],
                ..commit(session, version, version, 1)
            };
            store.commit(step).await.unwrap();
        }
    }
    store.commit(commit("gone", 0, 0, 1)).await.unwrap();
    store.forget(&name("gone")).await.unwrap();
    store.close().await.unwrap();
    let file = Connection::open(place.file()).unwrap();
    let compact =
        "PRAGMA journal_mode = DELETE; PRAGMA page_size = {}; VACUUM; PRAGMA journal_mode = WAL";
    file.execute_batch(&compact.replace("{}", &page.to_string())).unwrap();
}

/// Whether it was noticed. What was not noticed must be right.
async fn is_told(place: &Place, bit: usize) -> bool {
    let Ok(store) = Sqlite::options().readers(1).open(place.file()) else { return true };
    let mut told = false;
    for (session, base, head) in SESSIONS {
        match store.load(&name(session)).await {
            Ok(Some(stored)) => {
                assert_eq!(stored.snapshot, record(session, base, head), "bit {bit}");
                assert_eq!((stored.version.0, stored.lossy), (head, false), "bit {bit}");
            }
            Ok(None) => panic!("bit {bit}: {session} is not found"),
            Err(_) => told = true,
        }
        match store.read(&name(session), Seq(base + 1), Seq(head), usize::MAX).await {
            Ok(lines) => {
                let right: Vec<_> = (base + 1..=head).map(|seq| entry(session, seq)).collect();
                assert!(lines == right, "bit {bit}: the log of {session} has another text");
            }
            Err(StoreError::Trimmed) => panic!("bit {bit}: the log of {session} is not found"),
            Err(_) => told = true,
        }
    }
    assert!(matches!(store.load(&name("gone")).await, Ok(None) | Err(_)), "bit {bit}");
    let mut listed = Vec::new();
    let mut from = None;
    loop {
        match store.unfinished(from.as_ref(), 2).await {
            Ok(page) => {
                listed.extend(page.sessions);
                from = page.next;
            }
            Err(_) => return true,
        }
        if from.is_none() {
            break;
        }
    }
    let right: Vec<_> =
        SESSIONS.iter().filter(|row| row.0 != "ended").map(|row| name(row.0)).collect();
    assert_eq!(listed, right, "bit {bit}");
    told
}

/// `OUTLIVE_FLIPS` of them, or so many that a test is short; with 0 every one.
fn stride(bits: usize) -> usize {
    let flips = std::env::var("OUTLIVE_FLIPS").ok().and_then(|flips| flips.parse().ok());
    match flips.unwrap_or(700) {
        0 => 1,
        // Odd, so that it meets every place in a byte.
        flips => (bits / flips).max(1) | 1,
    }
}

async fn every_flip_is_told_or_harmless(page: u32) {
    let place = Place::new();
    filled(&place, page).await;
    let whole = fs::read(place.file()).unwrap();
    assert!(!is_told(&place, usize::MAX).await, "nothing is flipped yet");
    let (mut told, mut tried) = (0, 0);
    for bit in (0..whole.len() * 8).step_by(stride(whole.len() * 8)) {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        fs::write(place.file(), bytes).unwrap();
        told += usize::from(is_told(&place, bit).await);
        tried += 1;
        for beside in ["sessions.db-wal", "sessions.db-shm"] {
            let _ = fs::remove_file(place.folder().join(beside));
        }
    }
    // Much of a small file is unused.
    assert!(told > tried / 10, "{told} of {tried}");
}

#[tokio::test]
async fn a_bit_that_flips_gives_what_was_written_or_an_error() {
    every_flip_is_told_or_harmless(512).await;
}

#[tokio::test]
async fn a_bit_that_flips_in_a_large_page_gives_what_was_written_or_an_error() {
    every_flip_is_told_or_harmless(8192).await;
}
