//! A client: it comes and goes as clients do, and never forgets what it was promised.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use outlive::ids::Seq;
use outlive::log::{AttachOutcome, ResumeFrom};
use outlive::wire::{EndpointReason, Entry, ToClient, ToServer, Why};
use outlive::{CloseCode, Reason};
use outlive_server::hub::{Accepted, Author, CommandError, Role};
use outlive_server::store::SessionId;
use serde_json::value::to_raw_value;

use super::World;
use super::laborer::{Does, Task};
use super::rng::Rng;
use outlive_testkit::hub::{Viewer, n};

/// What outlives a client's connections, and the server.
pub(super) struct Client {
    pub(super) name: String,
    pub(super) session: SessionId,
    rng: Rng,
    /// Prompts that it still means to send.
    budget: u64,
    /// The last number it used.
    number: u64,
    /// What was sent, or is to be, and not answered yet.
    pending: Option<Task>,
    /// What was accepted.
    pub(super) accepted: BTreeMap<u64, Task>,
    /// Its log, as it came.
    pub(super) log: BTreeMap<u64, Bytes>,
    /// Ranges that were declared lost.
    pub(super) lost: Vec<(u64, u64)>,
    pub(super) cursor: ResumeFrom,
    /// How long the log was when it left for good.
    pub(super) read: u64,
    /// What can be interrupted and answered.
    turns: Vec<u64>,
    asks: Vec<u64>,
    incarnation: u32,
}

pub(super) type Shared = Arc<Mutex<Client>>;

impl Client {
    pub(super) fn new(name: String, session: SessionId, mut rng: Rng) -> Client {
        let budget = rng.below(6);
        Client {
            name,
            session,
            rng,
            budget,
            number: 0,
            pending: None,
            accepted: BTreeMap::new(),
            log: BTreeMap::new(),
            lost: Vec::new(),
            cursor: ResumeFrom::Nothing,
            read: 0,
            turns: Vec::new(),
            asks: Vec::new(),
            incarnation: 1,
        }
    }

    pub(super) fn is_done(&self) -> bool {
        self.pending.is_none() && self.budget == 0
    }

    /// Whether an entry was declared lost, or trimmed before it came for the first time.
    pub(super) fn is_lost(&self, seq: u64) -> bool {
        self.lost.iter().any(|(from, to)| (*from..=*to).contains(&seq))
    }

    fn accept(&mut self, number: u64) {
        if number == self.number {
            if let Some(task) = self.pending.take() {
                self.accepted.insert(number, task);
            }
        }
    }

    /// Takes over what the viewer was given since. Whatever else is wrong with it, the viewer says.
    fn learn(&mut self, viewer: &mut Viewer, known: &mut usize) {
        for (seq, frame) in viewer.raw.drain(..) {
            if let Some(before) = self.log.insert(seq, frame.clone()) {
                assert_eq!(before, frame, "{seq} says something else now");
            }
        }
        for (seq, said) in viewer.applied.drain(..) {
            match said {
                Entry::Prompt { .. } => self.turns.push(seq),
                Entry::Ask { .. } => self.asks.push(seq),
                Entry::End { incarnation, .. } => self.incarnation = incarnation.0 + 1,
                Entry::Output { .. }
                | Entry::Answer { .. }
                | Entry::TurnEnd { .. }
                | Entry::Withdrawn { .. }
                | Entry::Closing { .. } => {}
            }
        }
        self.lost.append(&mut viewer.lost);
        if viewer.welcome.is_some() {
            self.cursor = viewer.cursor();
        }
        for said in viewer.heard.drain(*known..) {
            match said {
                ToClient::Accepted { n, .. } => self.accept(n.get()),
                // What is sent again may have been overtaken by what is sent behind it.
                ToClient::Refused(refused) if refused.reason == Why::Table(Reason::TooOld) => {
                    let accepted = self.accepted.last_key_value().map_or(0, |(n, _)| *n);
                    assert!(refused.n.is_some_and(|n| n.get() <= accepted), "{refused:?}");
                }
                ToClient::Refused(refused) => {
                    let why = refused.reason;
                    let fine = matches!(
                        why,
                        Why::Endpoint(EndpointReason::Unavailable | EndpointReason::Draining)
                            | Why::Table(Reason::QueueFull | Reason::AskSettled)
                    );
                    assert!(fine, "{refused:?}");
                }
                ToClient::Welcome(_)
                | ToClient::Gap { .. }
                | ToClient::Goaway { .. }
                | ToClient::Error { .. }
                | ToClient::Ping
                | ToClient::Pong => {}
            }
        }
        *known = viewer.heard.len();
    }

    /// The prompt to be sent now, if there is one.
    fn outbox(&mut self) -> Option<(u64, Task)> {
        if self.pending.is_none() && self.budget > 0 {
            self.budget -= 1;
            self.number += 1;
            let key = format!("{}/{}/{}", self.session, self.name, self.number);
            self.pending = Some(Task { key, does: Does::draw(&mut self.rng) });
        }
        self.pending.clone().map(|task| (self.number, task))
    }
}

/// Plays a client until the bell has rung and it has read all there is.
pub(super) async fn play(world: Arc<World>, me: Shared) {
    // Connections that it has left, and that nobody closes.
    let mut half_open = Vec::new();
    loop {
        let (mut viewer, name, seen) = {
            let mut me = me.lock().unwrap();
            let claim = match me.rng.below(12) {
                0 => ResumeFrom::Nothing,
                1 => ResumeFrom::Malformed,
                _ => me.cursor,
            };
            let hub = world.reached(&mut me.rng);
            let viewer = Viewer::hello(&hub, &me.session, &me.name, claim, Role::Admin);
            world.note(|| format!("{} comes as {} with {claim:?}", me.name, viewer.link.id()));
            (viewer, me.name.clone(), matches!(claim, ResumeFrom::At(_)))
        };
        let end = stay(&world, &me, &mut viewer, seen).await;
        world.note(|| format!("{name} leaves {}: {end:?}", viewer.link.id()));
        match end {
            End::Bell => return,
            End::HalfOpen => half_open.push(viewer),
            End::Closed(code) => {
                assert_ne!(code, CloseCode::NotFound, "the session is there");
                // Nothing comes after the close, however long it is not answered.
                let wait = Duration::from_millis(me.lock().unwrap().rng.pick(&[0, 1, 50]));
                _ = tokio::time::timeout(wait, viewer.pull()).await;
                let answers = me.lock().unwrap().rng.often(700);
                if answers {
                    viewer.link.peer_closed();
                    assert!(viewer.link.next().await.is_none(), "after the close");
                } else {
                    half_open.push(viewer);
                }
            }
            End::Cut | End::Gone => drop(viewer),
        }
        if half_open.len() > 2 {
            half_open.remove(0);
        }
        let away = me.lock().unwrap().rng.pick(&[0, 0, 10, 100, 1_000, 4_000]);
        tokio::time::sleep(Duration::from_millis(away)).await;
    }
}

#[derive(Debug)]
enum End {
    Bell,
    Cut,
    HalfOpen,
    Closed(CloseCode),
    Gone,
}

/// One connection; whether it has shown a cursor, which is true.
async fn stay(world: &World, me: &Shared, viewer: &mut Viewer, seen: bool) -> End {
    let mut known = 0;
    let mut quiet = 0;
    let mut idle_for = 0;
    let mut welcomed = false;
    // What it was promised before it came.
    let least = me.lock().unwrap().accepted.keys().next_back().copied().unwrap_or_default();
    loop {
        // Reads for a while, or not at all if it is slow.
        let (wait, slow) = {
            let mut me = me.lock().unwrap();
            let calm = world.is_healed();
            let wait = me.rng.pick(&[0, 1, 10, 100, 500]);
            let wait = if calm && me.is_done() { 4_000 + wait } else { wait };
            (wait, me.rng.often(200) && !calm)
        };
        let until = tokio::time::Instant::now() + Duration::from_millis(wait + 1);
        if slow {
            tokio::time::sleep_until(until).await;
        }
        loop {
            let frame = tokio::select! {
                biased;
                frame = viewer.link.next() => frame,
                () = tokio::time::sleep_until(until) => break,
            };
            let Some(frame) = frame else { return End::Gone };
            quiet = 0;
            viewer.take(frame);
            let mut me = me.lock().unwrap();
            me.learn(viewer, &mut known);
            if let (false, Some(welcome)) = (welcomed, &viewer.welcome) {
                me.incarnation = welcome.incarnation.0;
                let reset = matches!(welcome.outcome, AttachOutcome::Reset { .. });
                assert!(!(seen && reset), "it has seen more than {welcome:?}");
                if let AttachOutcome::Fresh | AttachOutcome::Reset { .. } = welcome.outcome {
                    // Everything that is retained: the rest is told by the base.
                    me.lost.push((1, welcome.base.0));
                }
                welcomed = true;
                let high = welcome.high.map_or(0, std::num::NonZero::get);
                assert!((least..=me.number).contains(&high), "{least} is accepted, not {high}");
                me.accept(high);
            }
            if let Some(code) = viewer.closed {
                return End::Closed(code);
            }
        }
        quiet += 1;
        if world.has_rung() && quiet > 2 && viewer.welcome.is_some() {
            let mut me = me.lock().unwrap();
            me.read = world.truth.of(&me.session).len() as u64;
            return End::Bell;
        }
        // A welcome that does not come is a lost connection.
        idle_for += if viewer.welcome.is_none() { wait + 1 } else { 0 };
        if idle_for > 60_000 {
            assert!(!world.is_healed(), "no welcome");
            return End::Cut;
        }
        if let Some(end) = act(world, me, viewer).await {
            return end;
        }
    }
}

/// Does something, or nothing.
async fn act(world: &World, me: &Shared, viewer: &mut Viewer) -> Option<End> {
    let deed = {
        let mut me = me.lock().unwrap();
        let calm = world.is_healed();
        let roll = me.rng.below(if calm { 400 } else { 100 });
        if calm && roll > 40 { 0 } else { roll }
    };
    let note = |what: &str| {
        let (name, id) = (me.lock().unwrap().name.clone(), viewer.link.id());
        world.note(|| format!("{name} on {id}: {what}"));
    };
    match deed {
        0..=39 => {
            let outbox = me.lock().unwrap().outbox();
            let post = me.lock().unwrap().rng.often(150);
            if let Some((number, task)) = outbox {
                note(&format!("prompt {number} {task:?}"));
                if post {
                    return self_post(world, me, number, &task).await;
                }
                let d = to_raw_value(&task).unwrap();
                viewer.link.receive(ToServer::Prompt { n: n(number), d }).await;
            }
        }
        40..=42 => {
            // Something that was accepted long ago.
            let again =
                me.lock().unwrap().accepted.iter().next_back().map(|(k, v)| (*k, v.clone()));
            if let Some((number, task)) = again {
                note(&format!("prompt {number} again"));
                let d = to_raw_value(&task).unwrap();
                viewer.link.receive(ToServer::Prompt { n: n(number), d }).await;
            }
        }
        43..=50 => {
            let turn = pick(me, |me| me.turns.clone());
            if let Some(turn) = turn {
                note(&format!("interrupt {turn}"));
                viewer.interrupt(turn).await;
            }
        }
        51..=62 => {
            let ask = pick(me, |me| me.asks.clone());
            if let Some(ask) = ask {
                note(&format!("answer {ask}"));
                viewer.answer(ask, "yes").await;
            }
        }
        63..=65 => {
            let incarnation = me.lock().unwrap().incarnation;
            note(&format!("stop {incarnation}"));
            viewer.stop(incarnation).await;
        }
        66..=70 => {
            note("suspend");
            viewer.suspend().await;
            let away = me.lock().unwrap().rng.pick(&[0, 100, 2_000, 5_000]);
            tokio::time::sleep(Duration::from_millis(away)).await;
            if me.lock().unwrap().rng.often(600) {
                viewer.resume().await;
            } else {
                return Some(End::Cut);
            }
        }
        71..=74 => return Some(End::Cut),
        75 | 76 => return Some(End::HalfOpen),
        77 => viewer.link.receive(ToServer::Detach).await,
        78 => viewer.link.silent(),
        79 => viewer.link.receive(ToServer::Ping).await,
        80 => {
            let (session, name, seen) = {
                let me = me.lock().unwrap();
                (me.session.clone(), me.name.clone(), Seq(me.log.len() as u64))
            };
            let id = viewer.link.id();
            let author = Author { principal: "ann", client: &name };
            world.hub().session(&session).suspend(author, id, seen).unwrap();
        }
        _ => {}
    }
    None
}

fn pick(me: &Shared, of: impl Fn(&Client) -> Vec<u64>) -> Option<u64> {
    let mut me = me.lock().unwrap();
    let known = of(&me);
    // Mostly the newest.
    let recent = known.len().saturating_sub(3);
    if known.is_empty() { None } else { Some(me.rng.pick(&known[recent..])) }
}

/// A prompt that goes its own way.
async fn self_post(world: &World, me: &Shared, number: u64, task: &Task) -> Option<End> {
    let (session, name) = {
        let me = me.lock().unwrap();
        (me.session.clone(), me.name.clone())
    };
    let post = world.hub();
    let author = Author { principal: "ann", client: &name };
    let post = post.session(&session).prompt(author, n(number), task);
    // A request has its time, and a client that does not wait for the answer sends again.
    let calm = world.is_healed();
    let Ok(done) = tokio::time::timeout(Duration::from_secs(60), post).await else {
        assert!(!calm, "no answer to a request");
        return None;
    };
    match done {
        Ok(Accepted { n, .. }) => me.lock().unwrap().accept(n.get()),
        Err(CommandError::Refused(refusal)) => assert_eq!(refusal.reason, Reason::QueueFull),
        Err(CommandError::Unavailable(_) | CommandError::Moved | CommandError::Draining) => {}
        other => panic!("{other:?}"),
    }
    None
}
