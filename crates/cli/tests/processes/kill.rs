//! The server is killed at any moment, with SIGKILL, under clients that prompt and clients that watch.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{mpsc, watch};

use super::child::{COMES_BACK, Folder, Serving, outcome};
use super::returning::{Returning, Until, Up};

/// Splitmix: the same kills for the same seed, as far as two processes and a network can repeat anything.
pub(super) struct Chance(pub(super) u64);

impl Chance {
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

pub(super) fn setting(name: &str) -> Option<u64> {
    let given = std::env::var(name).ok()?;
    Some(given.parse().unwrap_or_else(|_| panic!("{name} is {given:?}, and must be a number")))
}

/// The seed that is asked for, or a new one.
pub(super) fn seed() -> u64 {
    setting("OUTLIVE_SEED").unwrap_or_else(|| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        u64::from(now.unwrap().subsec_nanos())
    })
}

/// A short answer, an answer that takes some time, a failure: in turns.
pub(super) fn think(n: u64) -> String {
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
    let kills = setting("OUTLIVE_KILLS").unwrap_or(30);
    let seed = seed();
    println!("OUTLIVE_SEED={seed} OUTLIVE_KILLS={kills}");
    let folder = Folder::new("kill");
    let store = folder.file("outlive.db");
    let record = folder.file("steps.jsonl");
    let mut killer = Killer::begin(&store, &record, Chance(seed)).await;
    let server = killer.serving.as_ref().expect("it was started");
    let at = server.site.at;
    let (up, view) = watch::channel(Up { at, life: 0, prompting: true });
    let (heads, head) = (0..2).map(|_| watch::channel(None)).collect::<(Vec<_>, Vec<_>)>();
    let (ticks, mut ticking) = mpsc::unbounded_channel();
    let (mut sessions, mut prompters, mut viewers) = (Vec::new(), Vec::new(), Vec::new());
    for head in &head {
        let session = server.site.session().await;
        sessions.push(session.clone());
        for name in ["ann", "bob"] {
            let client = Returning::new(name, &session, Some(think), ticks.clone());
            prompters.push(tokio::spawn(client.run(view.clone(), Until::Answered)));
        }
        let socket = Returning::new("eve", &session, None, ticks.clone());
        let stream = Returning::streaming("sid", &session, ticks.clone());
        for viewer in [socket, stream] {
            viewers.push(tokio::spawn(viewer.run(view.clone(), Until::Reached(head.clone()))));
        }
    }
    // Nobody counts for a client that failed.
    drop(ticks);
    for _ in 0..kills {
        killer.kill(&mut ticking).await;
        // Now and then the next one is not let up either.
        if killer.chance.below(3) > 0 {
            killer.start().await;
            up.send_modify(|up| up.life += 1);
        }
    }
    let (server, hits) = killer.end().await;
    up.send_modify(|up| (up.life, up.prompting) = (up.life + 1, false));
    let mut clients = Vec::new();
    for prompter in prompters {
        clients.push(guard("a prompter", prompter).await.unwrap());
    }
    // Everything that was prompted has ended: here the logs end.
    let mut lasts = Vec::new();
    for (session, head) in sessions.iter().zip(heads) {
        let last = server.site.get(session).await.json()["head"].as_u64().unwrap();
        head.send_replace(Some(last));
        lasts.push(last);
    }
    let mut readers = Vec::new();
    for viewer in viewers {
        readers.push(guard("a viewer", viewer).await.unwrap());
    }
    let mut sum = Sum::default();
    for (session, last) in sessions.iter().zip(lasts) {
        let (ticks, _) = mpsc::unbounded_channel();
        let until = Until::Reached(watch::channel(Some(last)).1);
        let socket = Returning::new("fay", session, None, ticks.clone());
        let stream = Returning::streaming("flo", session, ticks);
        for fresh in [socket, stream] {
            let fresh = fresh.run(up.subscribe(), until.clone());
            readers.push(guard("a fresh viewer", fresh).await);
        }
        let of = |all: &[Returning]| {
            let here = all.iter().filter(|client| client.session == *session);
            here.cloned().collect::<Vec<_>>()
        };
        sum.add(&of(&readers), &of(&clients));
    }
    server.terminate().await;
    let (code, said) = server.left().await;
    assert_eq!(code, Some(0), "{said}");
    let record = record.to_str().unwrap();
    let (code, said) = outcome(&["replay", "--quiet", record]).await;
    assert_eq!(code, Some(0), "the record does not replay: {said}");
    println!("{kills} kills: {hits:?}; {sum:?}");
}

/// The server, in one life after the other, and who ends them.
struct Killer<'a> {
    store: &'a Path,
    record: &'a Path,
    at: String,
    serving: Option<Serving>,
    /// Moments in the life of one that is started are drawn from so many.
    moments: u64,
    chance: Chance,
    hits: Hits,
}

/// What the kills hit.
#[derive(Debug, Default)]
struct Hits {
    /// A server that did not listen yet.
    starting: u32,
    /// One that nobody knew of, and that read back what the one before had left.
    recovering: u32,
    /// One that nobody knew of, and that listened.
    listening: u32,
    /// One that clients were just told of.
    announced: u32,
    /// One with clients on it.
    in_flight: u32,
}

impl<'a> Killer<'a> {
    async fn begin(store: &'a Path, record: &'a Path, chance: Chance) -> Killer<'a> {
        let (at, moments, hits) = (COMES_BACK.to_owned(), 1 << 14, Hits::default());
        let mut killer = Killer { store, record, at, serving: None, moments, chance, hits };
        killer.start().await;
        killer
    }

    fn words(&mut self) -> [&'a str; 4] {
        // Where the system does not say whether it was booted since, a fast one begins new logs.
        let fast = cfg!(target_os = "linux") && self.chance.below(2) == 0;
        let durability = if fast { "fast" } else { "full" };
        ["--record", self.record.to_str().unwrap(), "--durability", durability]
    }

    async fn start(&mut self) {
        let words = self.words();
        let server = Serving::start(&self.at, self.store, &words).await;
        self.at = server.site.at.to_string();
        self.serving = Some(server);
    }

    /// The server that is up; or one that is just being started, and that nobody is told of.
    async fn kill(&mut self, ticking: &mut mpsc::UnboundedReceiver<()>) {
        match self.serving.take() {
            Some(server) => self.kill_serving(server, ticking).await,
            None => self.kill_starting().await,
        }
        // What was on its way counts for nothing.
        while ticking.try_recv().is_ok() {}
    }

    async fn kill_serving(&mut self, server: Serving, ticking: &mut mpsc::UnboundedReceiver<()>) {
        // Shortly after the start, or in full flow; now and then before anybody was there.
        let frames = match self.chance.below(8) {
            0 => 0,
            1..=3 => 1 + self.chance.below(12),
            _ => 1 + self.chance.below(120),
        };
        for _ in 0..frames {
            guard("a frame", ticking.recv()).await.expect("a client is there");
        }
        server.kill().await;
        let hit = if frames == 0 { &mut self.hits.announced } else { &mut self.hits.in_flight };
        *hit += 1;
    }

    /// At any moment from its first one to some time after it listens.
    async fn kill_starting(&mut self) {
        let moment = self.chance.below(self.moments);
        let before = self.recorded();
        let words = self.words();
        let listened = Serving::stillborn(&self.at, self.store, &words, moment).await;
        let hit = match (self.recorded() > before, listened) {
            (true, _) => &mut self.hits.recovering,
            (false, true) => &mut self.hits.listening,
            (false, false) => &mut self.hits.starting,
        };
        *hit += 1;
        // As many before it listens as after it, however fast this machine is.
        self.moments = if listened { self.moments.div_ceil(2) } else { self.moments * 2 };
    }

    fn recorded(&self) -> u64 {
        std::fs::metadata(self.record).map_or(0, |record| record.len())
    }

    /// The last server, which may live.
    async fn end(mut self) -> (Serving, Hits) {
        if self.serving.is_none() {
            self.start().await;
        }
        (self.serving.expect("it was started"), self.hits)
    }
}

/// What was held against the promises.
#[derive(Debug, Default)]
struct Sum {
    entries: usize,
    /// Ranges that somebody was told are lost.
    gaps: usize,
    prompts: usize,
    outcomes: BTreeMap<String, usize>,
    /// How connections ended, by code.
    closes: BTreeMap<u16, u32>,
}

impl Sum {
    /// The clients of a session.
    fn add(&mut self, viewers: &[Returning], prompters: &[Returning]) {
        let mut everything = BTreeMap::new();
        for other in viewers.iter().chain(prompters) {
            for (seq, entry) in &other.log {
                let known = everything.entry(*seq).or_insert_with(|| entry.clone());
                assert_eq!(known, entry, "{} was told something else", other.name);
            }
        }
        for viewer in viewers {
            let whole = viewer.log.len() == everything.len() || !viewer.lost.is_empty();
            assert!(whole, "{} has not seen everything", viewer.name);
        }
        self.entries += everything.len();
        for client in viewers.iter().chain(prompters) {
            client.is_whole();
            self.gaps += client.lost.len();
            for (code, count) in &client.closes {
                *self.closes.entry(*code).or_default() += count;
            }
        }
        let turns = turns(&everything);
        for prompter in prompters {
            let mine = turns.values().filter(|turn| turn.client == prompter.name);
            let mine: BTreeMap<u64, u64> = mine.map(|turn| (turn.n, turn.seq)).collect();
            let mut told = prompter.accepted.clone();
            for n in &prompter.accepted_somewhere {
                let seq = *mine.get(n).unwrap_or_else(|| panic!("{n} is accepted, and not logged"));
                told.entry(*n).or_insert(seq);
            }
            assert_eq!(mine, told, "{}: accepted is what is logged", prompter.name);
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
pub(super) struct Turn {
    pub(super) seq: u64,
    pub(super) client: String,
    pub(super) n: u64,
    prompt: String,
    said: Vec<String>,
    pub(super) outcome: Option<String>,
}

/// The turns of a log. No two of them run at once, and none runs twice.
pub(super) fn turns(log: &BTreeMap<u64, Value>) -> BTreeMap<u64, Turn> {
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
                assert!(running.is_none_or(|other| other == turn), "{running:?} runs: {entry}");
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
    pub(super) fn said_what_it_had_to(&self, outcome: &str) {
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
