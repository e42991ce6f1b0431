//! What the session's machine does, step by step, for machines in other languages to be held against: a trace
//! (`docs/traces.md`) with everything expected.

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;
use core::num::{NonZeroU16, NonZeroU32};

use serde::Serialize;
use strum::VariantArray;

use super::dice::Dice;
use crate::ids::{
    ClientId, ConnectionId, Digest, Generation, Incarnation, PrincipalId, PromptNumber, Seq,
};
use crate::log::{Cursor, LogId, ResumeFrom};
use crate::session::limits::Limits;
use crate::session::{
    Connection, Effect, Event, Machine, Record, Session, Snapshot, Step, TurnState, WorkerOutcome,
};
use crate::table::Verdict;
use crate::words::{Reason, State, Timer, Trigger};

/// How many walks are tried, and how long each may be.
const WALKS: u64 = 700;
const STEPS: usize = 40;

/// The log of every walk, until it is renewed.
const LOG: LogId = LogId(0x9f3a);

#[derive(Serialize)]
struct Begin<'a> {
    outlive: u32,
    limits: &'a Limits,
    #[serde(skip_serializing_if = "Option::is_none")]
    log: Option<LogId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start: Option<&'a Snapshot>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'static str>,
}

#[derive(Serialize)]
struct Fed<'a> {
    #[serde(flatten)]
    event: &'a Event,
    expect: Expect<'a>,
}

#[derive(Serialize)]
struct Expect<'a> {
    state: State,
    rule: Vec<&'static str>,
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Reason>,
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<PromptNumber>,
    effects: &'a [Effect],
    records: &'a [Record],
}

/// What a step took: what happened, and the rows.
type Taken = (Trigger, Vec<&'static str>);

/// The walks, as a trace: those of many in which something is taken that none before them took, each up to the last such step.
pub fn render() -> String {
    let machine = machine();
    let mut text = String::new();
    let (mut triggers, mut known) = (BTreeSet::new(), BTreeSet::new());
    for seed in 0..WALKS {
        let mut walk = Walk::new(&machine, seed);
        let mut kept = None;
        for _ in 0..STEPS {
            let (trigger, rules) = walk.step();
            if triggers.insert(trigger) | known.insert(rules) {
                kept = Some((walk.text.clone(), walk.session.clone()));
            }
        }
        if let Some((lines, session)) = kept {
            walk.text = lines;
            walk.session = session;
            walk.restart(None);
            text.push_str(&walk.text);
        }
    }
    text
}

/// Small limits, so that they are reached.
fn machine() -> Machine {
    let limits = Limits {
        connections: 3,
        connections_per_principal: 2,
        queued: 2,
        queued_per_principal: 1,
        asks: 2,
        clients: 3,
        clients_per_principal: 2,
        batch: 4,
        retention: 6,
        pinned: 4,
        turn_ms: Some(60_000),
        ..Limits::default()
    };
    match Machine::new(limits) {
        Ok(machine) => machine,
        Err(zero) => unreachable!("{zero}"),
    }
}

/// A session and what was written about it.
struct Walk<'a> {
    machine: &'a Machine,
    session: Session,
    dice: Dice,
    /// The fence of the next connection.
    next: u64,
    text: String,
}

impl Walk<'_> {
    fn new(machine: &Machine, seed: u64) -> Walk<'_> {
        let session = machine.create(LOG).next;
        let mut walk =
            Walk { machine, session, dice: Dice::new(seed), next: 1, text: String::new() };
        walk.begin(Some(LOG), None);
        walk
    }

    fn line(&mut self, line: &impl Serialize) {
        // What is written here always has a JSON form.
        self.text.push_str(&serde_json::to_string(line).unwrap_or_default());
        self.text.push('\n');
    }

    fn begin(&mut self, log: Option<LogId>, start: Option<&Snapshot>) {
        let note = start.map(|_| "what the store has of the session above");
        let limits = self.machine.limits();
        self.line(&Begin { outlive: 1, limits, log, start, note });
    }

    /// The next event that can arise.
    fn step(&mut self) -> Taken {
        loop {
            if self.dice.roll(24) == 0 {
                let renew = (self.dice.roll(2) == 0).then(|| LogId(0x77c0 + self.dice.roll(16)));
                return self.restart(renew);
            }
            let event = self.draw();
            let step = self.machine.step(&self.session, &event);
            let impossible = Verdict::Ignore(Reason::Impossible);
            if step.rules().all(|row| row.verdict != impossible) {
                self.next += u64::from(matches!(event, Event::Attach { .. }));
                return self.take(&event, step);
            }
        }
    }

    fn take(&mut self, event: &Event, step: Step) -> Taken {
        let (verdict, reason) = match step.verdict() {
            Verdict::Go(_) => ("go", None),
            Verdict::Stay => ("stay", None),
            Verdict::Ignore(reason) => ("ignore", Some(reason)),
            Verdict::Refuse(reason) => ("refuse", Some(reason)),
        };
        let expect = Expect {
            state: step.next.state,
            rule: step.rules().map(|row| row.id).collect(),
            verdict,
            reason,
            number: step.refusal().and_then(|refusal| refusal.expected),
            effects: &step.effects,
            records: &step.records,
        };
        let taken = (step.trigger(), expect.rule.clone());
        self.line(&Fed { event, expect });
        self.session = step.next;
        taken
    }

    /// The process is gone, and another one reads the session back.
    fn restart(&mut self, renew: Option<LogId>) -> Taken {
        let snapshot = self.session.snapshot();
        self.begin(None, Some(&snapshot));
        if let Ok(restored) = Session::try_from(snapshot) {
            self.session = restored;
        }
        let event = Event::Restarted { renew };
        let step = self.machine.step(&self.session, &event);
        self.take(&event, step)
    }

    /// Something that may well happen: mostly what goes on, sometimes what goes wrong.
    fn draw(&mut self) -> Event {
        match self.dice.roll(10) {
            0 | 1 => self.viewer(),
            2 | 3 => self.transport(),
            4 | 5 => self.prompter(),
            6..=8 => self.worker(),
            _ => self.other(),
        }
    }

    /// One of the session's, or one that it does not know.
    fn connection(&mut self) -> (ConnectionId, Option<Connection>) {
        let known = self.session.connections.clone();
        if known.is_empty() || self.dice.roll(12) == 0 {
            let last = self.session.last_lost.unwrap_or(ConnectionId(0));
            return (last, None);
        }
        let connection = self.dice.pick(&known);
        (connection.id, Some(connection))
    }

    fn client(&mut self) -> (ClientId, PrincipalId) {
        let client = 1 + self.dice.roll(5);
        (ClientId(client), PrincipalId(client % 2))
    }

    fn viewer(&mut self) -> Event {
        let (client, principal) = self.client();
        let log = self.session.log;
        let at = |log, seq| ResumeFrom::At(Cursor { log, seq });
        let back = self.dice.roll(4);
        let behind = Seq(log.head.0.saturating_sub(back));
        let cursor = match self.dice.roll(8) {
            0 | 1 => ResumeFrom::Nothing,
            2 => at(log.id, Seq(self.dice.roll(log.head.0 + 2))),
            3 => at(LogId(1), log.head),
            4 => ResumeFrom::Malformed,
            _ => at(log.id, behind),
        };
        let fresh = self.dice.roll(30) > 0;
        let connection = ConnectionId(if fresh { self.next } else { self.next - 1 });
        Event::Attach { connection, client, principal, cursor }
    }

    fn transport(&mut self) -> Event {
        let (connection, known) = self.connection();
        let Some(Connection { next, in_flight, .. }) = known else {
            let seen = self.session.log.head;
            return match self.dice.roll(3) {
                0 => Event::Lost { connection },
                _ => Event::Suspend { connection, seen },
            };
        };
        let last = next.previous();
        let base = self.session.log.base;
        let trimmed = in_flight.filter(|from| *from <= base);
        match self.dice.roll(8) {
            0 | 1 => Event::Lost { connection },
            2 => Event::Suspend { connection, seen: in_flight.map_or(last, Seq::previous) },
            3 => Event::Resume { connection },
            _ => match (in_flight, trimmed) {
                (_, Some(from)) if self.dice.roll(2) == 0 => Event::Missed { connection, from },
                (Some(from), _) if self.dice.roll(4) == 0 => {
                    Event::Written { connection, through: from }
                }
                (Some(_) | None, _) => Event::Written { connection, through: last },
            },
        }
    }

    fn prompter(&mut self) -> Event {
        let (client, principal) = self.client();
        let last = self.session.last_accepted(client).map_or(0, PromptNumber::get);
        let (n, other) = match self.dice.roll(12) {
            0 => (last, false),
            1 => (last, true),
            2 => (last.saturating_sub(1), false),
            3 => (last + 2, false),
            _ => (last + 1, false),
        };
        let n = n.max(1);
        let digest = Digest(client.0 * 1_000 + n * 2 + u64::from(other));
        let n = PromptNumber::MIN.saturating_add(n - 1);
        let asks = self.session.asks.clone();
        match self.dice.roll(3) {
            0 if !asks.is_empty() => {
                Event::Answer { client, principal, ask: self.dice.pick(&asks) }
            }
            0 if self.dice.roll(6) == 0 => Event::Answer { client, principal, ask: Seq(1) },
            _ => Event::Prompt { client, principal, n, digest },
        }
    }

    fn worker(&mut self) -> Event {
        let stale = u32::from(self.dice.roll(30) == 0);
        let incarnation = Incarnation(self.session.incarnation.0.wrapping_sub(stale));
        let starts = self.session.state == State::Starting && self.dice.roll(4) > 0;
        if starts || self.dice.roll(16) == 0 {
            return match self.dice.roll(6) {
                0 => Event::StartFailed { incarnation },
                _ => Event::Started { incarnation },
            };
        }
        let turn = self.session.turn.id().unwrap_or(Seq(1));
        let asks = self.session.asks.clone();
        let outcome = self.dice.pick(&[
            WorkerOutcome::Completed,
            WorkerOutcome::Empty,
            WorkerOutcome::Interrupted,
            WorkerOutcome::Failed,
        ]);
        let number = 1 + self.dice.roll(3);
        match self.dice.roll(12) {
            0..=3 => {
                let turn = (self.dice.roll(5) > 0).then_some(turn);
                let count = NonZeroU32::MIN.saturating_add(u32::try_from(number).unwrap_or(1));
                Event::Output { incarnation, turn, count }
            }
            4 | 5 => Event::Asked { incarnation, turn },
            6 if !asks.is_empty() => Event::Withdrawn { incarnation, ask: self.dice.pick(&asks) },
            7 | 8 => {
                let asks = NonZeroU16::MIN.saturating_add(u16::from(number == 3));
                Event::TurnWaiting { incarnation, turn, asks }
            }
            9 => Event::Exited { incarnation },
            _ => Event::TurnEnded { incarnation, turn, outcome },
        }
    }

    /// Mostly one that runs in this state.
    fn timer(&mut self) -> Timer {
        let any = self.dice.pick(Timer::VARIANTS);
        let runs = match self.session.state {
            State::Created => Timer::Idle,
            State::Starting => Timer::Start,
            State::Active => match self.session.turn {
                TurnState::Idle => any,
                TurnState::Running(_) => Timer::Turn,
                TurnState::Interrupting(_) => Timer::Interrupt,
            },
            State::Detached => Timer::Detach,
            State::Suspended | State::Ended => Timer::Grace,
            State::Closing => Timer::Closeout,
        };
        self.dice.pick(&[any, runs])
    }

    fn other(&mut self) -> Event {
        let queue = self.session.queue.clone();
        match self.dice.roll(16) {
            0 => Event::Drain,
            1 | 2 => {
                let stale = u32::from(self.dice.roll(4) == 0);
                Event::Stop { incarnation: Incarnation(self.session.incarnation.0 + stale) }
            }
            3 | 4 if !queue.is_empty() => Event::Interrupt { turn: self.dice.pick(&queue).seq },
            3..=7 => Event::Interrupt { turn: self.session.turn.id().unwrap_or(Seq(1)) },
            _ => {
                let timer = self.timer();
                let stale = u32::from(self.dice.roll(12) == 0);
                let armed = self.session.generation(timer).0;
                Event::Expired { timer, generation: Generation(armed.saturating_sub(stale)) }
            }
        }
    }
}
