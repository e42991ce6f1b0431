//! Clients that prompt and watch, each with a transcript that is held against those of the others as it grows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use outlive::client::Settings;
use outlive::wire;
use outlive_client::{Client, Update};
use tokio::sync::{mpsc, watch};

use super::super::kill::think;

/// What anybody was told of a session: of each log, each entry.
#[derive(Debug, Default)]
pub(super) struct Book(Mutex<BTreeMap<String, BTreeMap<u64, String>>>);

impl Book {
    /// An entry, which is the same for all.
    fn add(&self, who: &str, log: &str, seq: u64, json: &str) {
        let mut logs = self.0.lock().unwrap();
        let entries = logs.entry(log.to_owned()).or_default();
        let known = entries.entry(seq).or_insert_with(|| json.to_owned());
        assert_eq!(known, json, "{who} was told something else of {log}.{seq}");
    }

    pub(super) fn log(&self, log: &str) -> BTreeMap<u64, String> {
        self.0.lock().unwrap().get(log).cloned().unwrap_or_default()
    }
}

/// A session, for all that are in it.
#[derive(Debug)]
pub(super) struct Room {
    pub(super) name: String,
    pub(super) book: Book,
}

/// What everybody is to do.
#[derive(Clone, Debug)]
pub(super) enum Phase {
    Prompt,
    /// Nobody prompts any more; what was prompted is answered.
    Quiet,
    /// To be gone when these places are reached, by session.
    Leave(Arc<BTreeMap<String, u64>>),
}

/// News for who watches over all of them.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum News {
    /// Somebody was told something.
    Tick,
    /// A prompter has had its last answer, after all was to be quiet.
    Idle,
}

/// A prompt that was accepted.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) n: u64,
    pub(super) seq: u64,
    /// How many fail-overs there had been when it was told.
    pub(super) era: u32,
}

/// A client, and all that it knows.
#[derive(Debug)]
pub(super) struct Person {
    pub(super) name: String,
    pub(super) room: Arc<Room>,
    prompts: bool,
    /// The log and the last entry of it that was applied.
    pub(super) log: Option<String>,
    last: u64,
    /// How often it began anew, and how many ranges it was told it has lost.
    pub(super) resets: u32,
    pub(super) gaps: u32,
    pub(super) kept: Vec<Kept>,
    /// Of this log: accepted, and not ended; ended.
    open: BTreeSet<u64>,
    ended: BTreeSet<u64>,
    era: watch::Receiver<u32>,
    news: mpsc::UnboundedSender<News>,
}

/// A client that is in a hurry, and never drops its cursor by itself: who begins anew was sent back by a server.
pub(super) fn settings() -> Settings {
    let mut settings = Settings::default();
    (settings.first_ms, settings.step_ms, settings.spacing_ms) = (50, 50, 50);
    (settings.most_ms, settings.failed_attaches) = (500, u8::MAX);
    settings
}

impl Person {
    pub(super) fn new(
        name: &str,
        room: &Arc<Room>,
        prompts: bool,
        era: watch::Receiver<u32>,
        news: mpsc::UnboundedSender<News>,
    ) -> Person {
        Person {
            name: name.to_owned(),
            room: Arc::clone(room),
            prompts,
            log: None,
            last: 0,
            resets: 0,
            gaps: 0,
            kept: Vec::new(),
            open: BTreeSet::new(),
            ended: BTreeSet::new(),
            era,
            news,
        }
    }

    /// Runs until it may leave.
    pub(super) async fn run(mut self, url: String, mut phase: watch::Receiver<Phase>) -> Person {
        let client = Client::builder(url).token("T").client(&self.name).settings(settings());
        let mut client = client.session(&self.room.name).start().unwrap();
        let (mut told, mut next, mut idle) = (FuturesUnordered::new(), 1, !self.prompts);
        loop {
            let now = phase.borrow_and_update().clone();
            match &now {
                Phase::Prompt => {
                    while self.prompts && self.log.is_some() && told.len() + self.open.len() < 2 {
                        told.push(client.prompt(think(next)));
                        next += 1;
                    }
                }
                Phase::Quiet | Phase::Leave(_) if !idle => {
                    idle = told.is_empty() && self.open.is_empty();
                    if idle {
                        _ = self.news.send(News::Idle);
                    }
                }
                Phase::Leave(places) if self.last >= places[&self.room.name] => {
                    client.close().await;
                    return self;
                }
                Phase::Quiet | Phase::Leave(_) => {}
            }
            tokio::select! {
                biased;
                Some(told) = told.next(), if !told.is_empty() => {
                    let told = told.unwrap_or_else(|why| panic!("{}: {why}", self.name));
                    self.accepted(told.n.get(), told.seq.0);
                }
                changed = phase.changed() => changed.expect("the test goes on"),
                update = client.next() => self.apply(update.expect("the client lives")),
            }
        }
    }

    fn accepted(&mut self, n: u64, seq: u64) {
        self.kept.push(Kept { n, seq, era: *self.era.borrow() });
        if !self.ended.contains(&seq) {
            self.open.insert(seq);
        }
    }

    fn apply(&mut self, update: Update) {
        let who = format!("{} in {}", self.name, self.room.name);
        match update {
            Update::Reset { welcome } => {
                let log = welcome.log.to_string();
                // Who is sent back says so by another name of the log: otherwise something comes twice, or never.
                let before = self.log.replace(log.clone());
                assert_ne!(before, Some(log), "{who} begins anew at {}: {welcome:?}", self.last);
                self.resets += u32::from(before.is_some());
                self.last = welcome.base.0;
                self.open.clear();
                self.ended.clear();
            }
            Update::Entry(entry) => {
                let (log, seq) = (entry.id.log.to_string(), entry.id.seq.0);
                assert_eq!(self.log.as_ref(), Some(&log), "{who}: another log: {}", entry.json);
                assert_eq!(seq, self.last + 1, "{who}: not the next entry: {}", entry.json);
                self.last = seq;
                self.room.book.add(&who, &log, seq, &entry.json);
                if let Some(wire::Entry::TurnEnd { turn, .. }) = &entry.said {
                    self.ended.insert(turn.0);
                    self.open.remove(&turn.0);
                }
                _ = self.news.send(News::Tick);
            }
            Update::Gap { lost_from, lost_to } => {
                assert_eq!(lost_from.0, self.last + 1, "{who}: a gap that begins elsewhere");
                self.last = lost_to.0;
                self.gaps += 1;
            }
            Update::Closed { code, reason } => panic!("{who} is sent away: {code} {reason}"),
            Update::Refused(why) => panic!("{who}: {why}"),
            Update::Error { message } => panic!("{who}: {message}"),
            Update::Welcome(_)
            | Update::CaughtUp
            | Update::State { .. }
            | Update::Unreached { .. }
            | _ => {}
        }
    }
}
