//! What must be so in the end. It knows the promises, and nothing of the hub.

use std::collections::{BTreeMap, BTreeSet};

use outlive::EndReason::{self, StartFailed, StartTimeout, TurnTimeout};
use outlive::ids::Seq;
use outlive::log::{LogId, ResumeFrom};
use outlive::wire::{Entry, Line};
use outlive::{State, TurnOutcome};
use outlive_server::hub::{Hub, Role};
use outlive_server::store::{SessionId, Store as _};

use super::World;
use super::client;
use super::laborer::{Does, Task};
use outlive_testkit::hub::Viewer;

/// A turn, as the log tells it.
struct Told {
    task: Task,
    outputs: Vec<String>,
    ends: Vec<TurnOutcome>,
    asks: u32,
    /// It failed, and not with the start of its worker.
    fails: bool,
}

/// In place of a prompt's number: a turn that an answer began.
const ANSWER: u64 = 0;

impl Told {
    fn new(task: Task) -> Told {
        Told { task, outputs: Vec::new(), ends: Vec::new(), asks: 0, fails: false }
    }
}

/// Everything that is wrong.
pub(super) fn judge(world: &World, clients: &[client::Shared]) -> Vec<String> {
    let mut wrong = Vec::new();
    let sessions = world.sessions.lock().unwrap().clone();
    for session in &sessions {
        let log = world.truth.of(session);
        let lines: Vec<Line> =
            log.iter().map(|line| serde_json::from_slice(line).unwrap()).collect();
        if !lines.is_sorted_by_key(|line| line.at) {
            wrong.push(format!("{session}: time runs backwards"));
        }
        let said: Vec<Entry> = lines.into_iter().map(|line| line.entry).collect();
        let turns = turns(session, &said, &mut wrong);
        judge_turns(world, &turns, &mut wrong);
        for me in clients.iter().map(|me| me.lock().unwrap()).filter(|me| me.session == *session) {
            judge_client(&me, &turns, &log, &mut wrong);
        }
    }
    for (key, begun) in &world.ledger.lock().unwrap().begun {
        if *begun > 1 {
            wrong.push(format!("{key} was run {begun} times"));
        }
    }
    wrong
}

/// The turns, by place.
fn turns(
    session: &SessionId,
    log: &[Entry],
    wrong: &mut Vec<String>,
) -> BTreeMap<u64, (String, u64, Told)> {
    let mut turns: BTreeMap<u64, (String, u64, Told)> = BTreeMap::new();
    let (mut asks, mut standing) = (BTreeMap::new(), BTreeSet::new());
    for (said, seq) in log.iter().zip(1_u64..) {
        match said {
            Entry::Prompt { client, n, d, .. } => {
                let task = serde_json::from_str(d.get()).unwrap();
                turns.insert(seq, (client.clone(), n.get(), Told::new(task)));
            }
            Entry::Output { turn: Some(turn), d } => {
                let (.., told) = turns.get_mut(&turn.0).expect("an output of a turn");
                if !told.ends.is_empty() {
                    wrong.push(format!("{seq} is output of a turn that has ended"));
                }
                told.outputs.push(d.get().into());
            }
            Entry::Ask { turn, stands, .. } => {
                turns.get_mut(&turn.0).expect("an ask of a turn").2.asks += 1;
                asks.insert(seq, 0);
                if *stands {
                    standing.insert(seq);
                }
            }
            Entry::Answer { ask, .. } | Entry::Withdrawn { ask } => {
                if let (true, Entry::Answer { client, .. }) = (standing.contains(&ask.0), said) {
                    let task = Task::of_answer(session, *ask);
                    turns.insert(seq, (client.clone(), ANSWER, Told::new(task)));
                }
                let answers = asks.entry(ask.0).or_insert(1);
                *answers += 1;
                if *answers > 1 {
                    wrong.push(format!("ask {ask} was settled twice, or never asked"));
                }
            }
            Entry::TurnEnd { turn, outcome, error, .. } => match turns.get_mut(&turn.0) {
                Some((.., told)) => {
                    told.ends.push(*outcome);
                    let end = end_behind(log, seq);
                    let failed = *outcome == TurnOutcome::Failed;
                    told.fails = failed && !matches!(end, Some(StartFailed | StartTimeout));
                    // The session's own end tells it of a timer.
                    let told_why =
                        error.is_some() || matches!(end, Some(StartTimeout | TurnTimeout));
                    if failed && !told_why {
                        wrong.push(format!("turn {turn} failed, and nobody says why"));
                    }
                }
                None => wrong.push(format!("{seq} ends no turn")),
            },
            Entry::Output { turn: None, .. } | Entry::Closing { .. } | Entry::End { .. } => {}
        }
    }
    turns
}

/// Why the session ended with the turns that end here, if it did.
fn end_behind(log: &[Entry], seq: u64) -> Option<EndReason> {
    let mut behind = log.iter().skip(usize::try_from(seq).unwrap());
    let next = behind.find(|said| !matches!(said, Entry::TurnEnd { .. }));
    if let Some(Entry::End { why, .. }) = next { Some(*why) } else { None }
}

fn judge_turns(world: &World, turns: &BTreeMap<u64, (String, u64, Told)>, wrong: &mut Vec<String>) {
    let ledger = world.ledger.lock().unwrap();
    let mut high = BTreeMap::new();
    for (seq, (client, number, told)) in turns {
        let Told { task, outputs, ends, .. } = told;
        let key = &task.key;
        // Numbers come from 1, each once.
        if *number != ANSWER {
            let before = high.insert(client, *number).unwrap_or_default();
            if *number != before + 1 {
                wrong.push(format!("{key}: {number} after {before}"));
            }
        }
        let [outcome] = ends[..] else {
            wrong.push(format!("{key}, turn {seq}, ended {ends:?}"));
            continue;
        };
        // What was said is in order, and whole if the turn was completed.
        let begun = ledger.begun.get(key).copied().unwrap_or_default();
        if let Does::Say(pieces, _) = task.does {
            let count = outputs.len() as u64;
            let in_order = outputs.iter().zip(1..).all(|(said, piece)| *said == piece.to_string());
            let whole = outcome != TurnOutcome::Completed || count == pieces;
            if !in_order || !whole || count > pieces {
                wrong.push(format!("{key}: {outputs:?} of {pieces}, {outcome}"));
            }
        }
        let ran =
            matches!(outcome, TurnOutcome::Completed | TurnOutcome::Empty | TurnOutcome::Waiting);
        if outcome == TurnOutcome::Waiting
            && !matches!(task.does, Does::Leave(asks) if asks == u64::from(told.asks))
        {
            wrong.push(format!("{key} waits, and asked {} times", told.asks));
        }
        let cancelled = outcome == TurnOutcome::Cancelled;
        if ((ran || told.fails) && begun != 1) || (cancelled && begun != 0) {
            wrong.push(format!("{key} is {outcome}, and was begun {begun} times"));
        }
    }
}

fn judge_client(
    me: &client::Client,
    turns: &BTreeMap<u64, (String, u64, Told)>,
    log: &[bytes::Bytes],
    wrong: &mut Vec<String>,
) {
    let name = &me.name;
    for (number, task) in &me.accepted {
        let mine = |(client, n, _): &&(String, u64, Told)| client == name && n == number;
        let kept: Vec<_> = turns.values().filter(mine).collect();
        match kept[..] {
            [(.., told)] if told.task.key == task.key && told.task.does == task.does => {}
            _ => {
                let times = kept.len();
                wrong.push(format!("{} was accepted, and is there {times} times", task.key));
            }
        }
    }
    // What it has is what was kept, and what it has not was declared lost.
    let ResumeFrom::At(cursor) = me.cursor else {
        return wrong.push(format!("{name} saw nothing"));
    };
    if cursor.seq.0 != me.read {
        wrong.push(format!("{name} is at {} of {}", cursor.seq, me.read));
    }
    for (line, seq) in log.iter().zip(1..=me.read) {
        match me.log.get(&seq) {
            Some(frame) if **frame == *outlive::wire::frame(cursor.log, Seq(seq), line) => {}
            Some(frame) => {
                let frame = String::from_utf8_lossy(frame);
                wrong.push(format!("{name} has at {seq} what was never kept: {frame}"));
            }
            None if me.is_lost(seq) => {}
            None => wrong.push(format!("{name} lacks {seq}, and was not told")),
        }
    }
}

/// A viewer that comes now reads what is kept; and nothing is under way any more.
pub(super) async fn judge_fresh(world: &World, hub: &Hub) {
    assert_eq!(hub.loaded_sessions(), 0, "sessions that nobody needs are in memory");
    let sessions = world.sessions.lock().unwrap().clone();
    for session in sessions {
        let stored = world.memory.load(&session).await.unwrap().expect("it is kept").snapshot;
        // Nobody watches any more, so nothing is held: no ghost of a viewer, no zombie of a worker.
        assert_eq!(stored.state, State::Ended, "{session}");
        assert_eq!(stored.log.head.0, world.truth.of(&session).len() as u64);
        let lines = kept(world, &session, stored.log.base, stored.log.head).await;
        let mut viewer = Viewer::hello(hub, &session, "fresh", ResumeFrom::Nothing, Role::View);
        let log: LogId = stored.log.id;
        while viewer.welcome.is_none() || viewer.cursor() != at(log, stored.log.head) {
            assert!(viewer.pull().await, "{viewer:?}");
        }
        let read = viewer.raw.iter().map(|(_, frame)| frame.clone());
        let kept = lines.iter().zip(stored.log.base.0 + 1..);
        let kept = kept.map(|(line, seq)| outlive::wire::frame(log, Seq(seq), line));
        assert!(read.eq(kept), "a fresh viewer reads something else than what is kept");
    }
    for session in world.truth.sessions() {
        let known = world.sessions.lock().unwrap().contains(&session);
        assert!(known || world.truth.of(&session).len() <= 1, "nobody knows {session}");
    }
}

async fn kept(world: &World, session: &SessionId, base: Seq, head: Seq) -> Vec<bytes::Bytes> {
    if base == head {
        return Vec::new();
    }
    world.memory.read(session, base.next(), head, usize::MAX).await.unwrap()
}

fn at(log: LogId, seq: Seq) -> ResumeFrom {
    ResumeFrom::At(outlive::log::Cursor { log, seq })
}
