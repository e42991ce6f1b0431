//! The server is killed at any moment, with SIGKILL, under clients that prompt and clients that watch.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{mpsc, watch};

use super::child::{Folder, Serving, outcome};
use super::returning::{Returning, Until, Up};

/// Splitmix: the same kills for the same seed, as far as two processes and a network can repeat anything.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

fn setting(name: &str) -> Option<u64> {
    let given = std::env::var(name).ok()?;
    Some(given.parse().unwrap_or_else(|_| panic!("{name} is {given:?}, and must be a number")))
}

/// A short answer, an answer that takes some time, a failure: in turns.
fn think(n: u64) -> String {
    match n % 8 {
        0 => "/long 4".to_owned(),
        2 => "/long 1".to_owned(),
        5 => "/fail".to_owned(),
        _ => format!("/fast {}", 1 + n % 37),
    }
}

/// A guard and no assertion: whoever waits for what never comes is to say so instead of hanging.
pub(super) async fn guard<T>(what: &str, wait: impl Future<Output = T>) -> T {
    let patience = Duration::from_secs(300);
    tokio::time::timeout(patience, wait).await.unwrap_or_else(|_| panic!("{what}: does not end"))
}

#[tokio::test]
async fn what_was_accepted_ends_once_however_often_the_server_is_killed() {
    let kills = setting("OUTLIVE_KILLS").unwrap_or(15);
    let seed = setting("OUTLIVE_SEED").unwrap_or_else(|| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        u64::from(now.unwrap().subsec_nanos())
    });
    println!("OUTLIVE_SEED={seed} OUTLIVE_KILLS={kills}");
    let folder = Folder::new("kill");
    let (store, record) = (folder.file("outlive.db"), folder.file("steps.jsonl"));
    let more = ["--record", record.to_str().unwrap()];
    let mut server = Serving::start("127.0.0.1:0", &store, &more).await;
    let at = server.site.at;
    let (up, view) = watch::channel(Up { at, life: 0, prompting: true });
    let (heads, head) = (0..2).map(|_| watch::channel(None)).collect::<(Vec<_>, Vec<_>)>();
    let (ticks, mut ticking) = mpsc::unbounded_channel();
    let (mut prompters, mut viewers) = (Vec::new(), Vec::new());
    for place in 0..2 {
        let session = server.site.session().await;
        for name in ["ann", "bob"] {
            let client = Returning::new(name, &session, Some(think), ticks.clone());
            prompters.push(tokio::spawn(client.run(view.clone(), Until::Answered)));
        }
        let viewer = Returning::new("eve", &session, None, ticks.clone());
        viewers.push(tokio::spawn(viewer.run(view.clone(), Until::Reached(head[place].clone()))));
    }
    // Nobody counts for a client that failed.
    drop(ticks);
    let mut chance = Chance(seed);
    let mut at_once = 0;
    for life in 1..=kills {
        // Shortly after the start, or in full flow; now and then before anybody was there.
        let frames = match chance.below(8) {
            0 => 0,
            1..=3 => 1 + chance.below(12),
            _ => 1 + chance.below(120),
        };
        at_once += u64::from(frames == 0);
        for _ in 0..frames {
            guard("a frame", ticking.recv()).await.expect("a client is there");
        }
        server.kill().await;
        // What was on its way counts for nothing.
        while ticking.try_recv().is_ok() {}
        server = Serving::start(&at.to_string(), &store, &more).await;
        up.send_modify(|up| up.life = u32::try_from(life).unwrap());
    }
    up.send_modify(|up| up.prompting = false);
    let mut clients = Vec::new();
    for prompter in prompters {
        clients.push(guard("a prompter", prompter).await.unwrap());
    }
    // Everything that was prompted has ended: here the logs end.
    let mut sum = Sum::default();
    for (viewer, (pair, head)) in viewers.into_iter().zip(clients.chunks(2).zip(heads)) {
        let session = &pair[0].session;
        let last = server.site.get(session).await.json()["head"].as_u64().unwrap();
        head.send_replace(Some(last));
        let viewer = guard("a viewer", viewer).await.unwrap();
        let (ticks, _) = mpsc::unbounded_channel();
        let fresh = Returning::new("fay", session, None, ticks);
        let until = Until::Reached(watch::channel(Some(last)).1);
        let fresh = guard("a fresh viewer", fresh.run(up.subscribe(), until)).await;
        sum.add(&viewer, &fresh, pair);
    }
    server.terminate().await;
    let (code, said) = server.left().await;
    assert_eq!(code, Some(0), "{said}");
    let record = record.to_str().unwrap();
    let (code, said) = outcome(&["replay", "--quiet", record]).await;
    assert_eq!(code, Some(0), "the record does not replay: {said}");
    println!("{kills} kills, {at_once} of them before anybody was there: {sum:?}");
}

/// What was held against the promises.
#[derive(Debug, Default)]
struct Sum {
    entries: usize,
    prompts: usize,
    outcomes: BTreeMap<String, usize>,
    /// How connections ended, by code.
    closes: BTreeMap<u16, u32>,
}

impl Sum {
    fn add(&mut self, viewer: &Returning, fresh: &Returning, prompters: &[Returning]) {
        self.entries += viewer.log.len();
        let mut everything = viewer.log.clone();
        for other in prompters.iter().chain([fresh]) {
            for (seq, entry) in &other.log {
                let known = everything.entry(*seq).or_insert_with(|| entry.clone());
                assert_eq!(known, entry, "{} was told something else", other.name);
            }
        }
        for client in prompters.iter().chain([viewer, fresh]) {
            client.is_whole();
            for (code, count) in &client.closes {
                *self.closes.entry(*code).or_default() += count;
            }
        }
        let turns = turns(&everything);
        for prompter in prompters {
            let mine = turns.values().filter(|turn| turn.client == prompter.name);
            let mine: BTreeMap<u64, u64> = mine.map(|turn| (turn.n, turn.seq)).collect();
            assert_eq!(mine, prompter.accepted, "{}: accepted is what is logged", prompter.name);
            let count = u64::try_from(mine.len()).unwrap();
            assert!(mine.keys().copied().eq(1..=count), "{}: a number is missing", prompter.name);
        }
        for turn in turns.values() {
            let ended = turn.outcome.clone();
            let ended = ended.unwrap_or_else(|| panic!("never ended: {turn:?}"));
            turn.said_what_it_had_to(&ended);
            *self.outcomes.entry(ended).or_default() += 1;
            self.prompts += 1;
        }
    }
}

impl Returning {
    /// Nothing is missing but what was declared. That nothing came twice it has seen to itself.
    fn is_whole(&self) {
        let mut places = self.log.keys();
        let Some(mut last) = places.next() else { return };
        for seq in places {
            let declared = self.lost.iter().any(|(from, to)| *from <= last + 1 && seq - 1 <= *to);
            assert!(*seq == last + 1 || declared, "{}: {last} and then {seq}", self.name);
            last = seq;
        }
    }
}

/// A prompt and what became of it.
#[derive(Debug)]
struct Turn {
    seq: u64,
    client: String,
    n: u64,
    prompt: String,
    said: Vec<String>,
    outcome: Option<String>,
}

/// The turns of a log. No two of them run at once, and none runs twice.
fn turns(log: &BTreeMap<u64, Value>) -> BTreeMap<u64, Turn> {
    let mut turns: BTreeMap<u64, Turn> = BTreeMap::new();
    let mut running = None;
    for (seq, entry) in log {
        let text = |field: &str| entry[field].as_str().unwrap_or_default().to_owned();
        match entry["entry"].as_str().unwrap() {
            "prompt" => {
                let (client, n) = (text("client"), entry["n"].as_u64().unwrap());
                let again = turns.values().any(|turn| turn.client == client && turn.n == n);
                assert!(!again, "accepted twice: {entry}");
                let (prompt, said, outcome) = (text("d"), Vec::new(), None);
                turns.insert(*seq, Turn { seq: *seq, client, n, prompt, said, outcome });
            }
            "output" => {
                // The last words of a worker that closes belong to no turn.
                let Some(turn) = entry["turn"].as_u64() else { continue };
                assert!(
                    running.is_none_or(|other| other == turn),
                    "{other:?} runs: {entry}",
                    other = running
                );
                running = Some(turn);
                let turn = turns.get_mut(&turn).expect("its prompt came first");
                assert_eq!(turn.outcome, None, "ended: {entry}");
                turn.said.push(text("d"));
            }
            "turn_end" => {
                let turn = entry["turn"].as_u64().unwrap();
                if running == Some(turn) {
                    running = None;
                }
                let turn = turns.get_mut(&turn).expect("its prompt came first");
                assert_eq!(turn.outcome.replace(text("outcome")), None, "a second end: {entry}");
            }
            "end" => assert_eq!(running, None, "a turn runs at the incarnation's end"),
            _ => {}
        }
    }
    turns
}

impl Turn {
    /// Its answer, as far as it came: each piece once, and in order.
    fn said_what_it_had_to(&self, outcome: &str) {
        let whole: Vec<String> = match self.prompt.split_once(' ') {
            Some((_, count)) => {
                (1..=count.parse::<u32>().unwrap()).map(|n| format!("{n} ")).collect()
            }
            None => "This will not end well:".split(' ').map(|word| format!("{word} ")).collect(),
        };
        match outcome {
            "completed" => assert_eq!(self.said, whole, "{self:?}"),
            "failed" if self.prompt == "/fail" => assert_eq!(self.said, whole, "{self:?}"),
            // The process that ran it was killed.
            _ => assert!(whole.starts_with(&self.said), "{self:?}"),
        }
    }
}
