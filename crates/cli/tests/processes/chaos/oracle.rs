//! What is held against the promises: the clients' transcripts and the log in the database. It knows nothing of hubs.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::kill::turns;
use super::people::{Person, Room};

/// What there was to be held against them.
#[derive(Debug, Default)]
pub(super) struct Sum {
    entries: usize,
    prompts: usize,
    outcomes: BTreeMap<String, usize>,
    /// Ranges that somebody was told are lost, and how often somebody was told that the log is another one.
    gaps: u32,
    resets: u32,
    /// Prompts that were accepted and went with a fail-over.
    lost: usize,
}

/// A session as the database has it.
struct Stored {
    log: String,
    base: u64,
    head: u64,
    lines: BTreeMap<u64, Value>,
}

/// As docs/postgres.md says it is read.
const LINES: &str = "SELECT first, convert_from(body, 'UTF8') FROM outlive.chunk c
    JOIN outlive.session s ON s.key = c.session WHERE s.id = $1 AND last > base ORDER BY last";

/// Its record. Nothing that the lines are held against is written any more.
const RECORD: &str =
    "SELECT base, head, convert_from(snapshot, 'UTF8') FROM outlive.session WHERE id = $1";

async fn stored(client: &tokio_postgres::Client, session: &str) -> Stored {
    let row = client.query_one(RECORD, &[&session]).await.unwrap();
    let number = |column| u64::try_from(row.get::<_, i64>(column)).unwrap();
    let snapshot: Value = serde_json::from_str(row.get(2)).unwrap();
    let (base, head) = (number(0), number(1));
    let mut lines = BTreeMap::new();
    for row in client.query(LINES, &[&session]).await.unwrap() {
        let first = u64::try_from(row.get::<_, i64>(0)).unwrap();
        for (seq, line) in (first..).zip(row.get::<_, &str>(1).lines()) {
            let before = lines.insert(seq, serde_json::from_str(line).unwrap());
            assert_eq!(before, None, "{session}: {seq} is in the database twice");
        }
    }
    let log = snapshot["log"]["id"].as_str().unwrap().to_owned();
    Stored { log, base, head, lines }
}

/// A session's last place, as the database has it.
pub(super) async fn head(client: &tokio_postgres::Client, session: &str) -> u64 {
    stored(client, session).await.head
}

impl Sum {
    /// Holds a session against the promises. All its people have read to `upto`. What was accepted before fail-over number
    /// `lossy` may be lost with it.
    pub(super) async fn add(
        &mut self,
        client: &tokio_postgres::Client,
        room: &Room,
        people: &[&Person],
        upto: u64,
        lossy: u32,
    ) {
        let session = &room.name;
        let stored = stored(client, session).await;
        for person in people {
            // Whoever was told of a log that is gone has been told of this one, or has lost nothing.
            assert_eq!(person.log.as_ref(), Some(&stored.log), "{}: {session}", person.name);
            assert!(lossy > 0 || person.resets == 0, "{}: {session} lost nothing", person.name);
            self.resets += person.resets;
            self.gaps += person.gaps;
        }
        let told = room.book.log(&stored.log);
        let told: BTreeMap<u64, Value> =
            told.iter().map(|(seq, json)| (*seq, serde_json::from_str(json).unwrap())).collect();
        assert!(told.keys().copied().eq(1..=told.len() as u64), "{session}: nobody has it all");
        assert!(stored.lines.keys().copied().eq(stored.base + 1..=stored.head), "{session}: lines");
        for (seq, line) in stored.lines.iter().take_while(|(seq, _)| **seq <= upto) {
            let mut frame = told[seq].clone();
            let frame = frame.as_object_mut().unwrap();
            frame.remove("t");
            assert_eq!(frame.remove("id"), Some(format!("{}.{seq}", stored.log).into()));
            assert_eq!(Some(&*frame), line.as_object(), "{session}: {seq} in the database");
        }
        let turns = turns(&told);
        for person in people {
            let mine = turns.values().filter(|turn| turn.client == person.name);
            let mine: BTreeMap<u64, u64> = mine.map(|turn| (turn.n, turn.seq)).collect();
            let (kept, gone): (Vec<_>, Vec<_>) =
                person.kept.iter().partition(|kept| mine.get(&kept.n) == Some(&kept.seq));
            for kept in &gone {
                let late =
                    format!("{}: {session}: accepted, and not logged: {kept:?}", person.name);
                assert!(kept.era < lossy, "{late}");
            }
            self.lost += gone.len();
            if lossy == 0 {
                let count = kept.len() as u64;
                assert_eq!(mine.len(), kept.len(), "{}: accepted is what is logged", person.name);
                assert!(mine.keys().copied().eq(1..=count), "{}: a number is missing", person.name);
            }
        }
        for turn in turns.values() {
            let ended = turn.outcome.clone();
            let ended = ended.unwrap_or_else(|| panic!("{session}: never ended: {turn:?}"));
            turn.said_what_it_had_to(&ended);
            *self.outcomes.entry(ended).or_default() += 1;
        }
        self.prompts += turns.len();
        self.entries += told.len();
    }
}
