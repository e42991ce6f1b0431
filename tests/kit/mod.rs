//! What the stories are told with: short names for events, a session that is played by the laws, and
//! one line for what a step did.

use std::num::{NonZeroU16, NonZeroU32, NonZeroU64};

use outlive::ids::{ClientId, ConnectionId, Digest, Incarnation, PrincipalId, Seq};
use outlive::laws::Witness;
use outlive::log::{Cursor, LogId, ResumeFrom};
use outlive::session::{Effect, EntryMeta, Event, Machine, Record, Session, Step, WorkerOutcome};
use outlive::{Limits, State, Timer};

/// The id of every log here.
pub(crate) const LOG: LogId = LogId(0x9f3a);

/// Limits that are met quickly.
pub(crate) fn small() -> Limits {
    Limits {
        connections: 2,
        queued: 2,
        asks: 1,
        clients: 2,
        batch: 4,
        retention: 8,
        turn_ms: Some(60_000),
        ..Limits::default()
    }
}

/// A session in the hands of an honest driver. Every step is held against the laws.
#[derive(Clone)]
pub(crate) struct Play {
    pub(crate) machine: Machine,
    pub(crate) session: Session,
    pub(crate) witness: Witness,
}

impl Play {
    pub(crate) fn with(limits: Limits) -> Play {
        Play::by(Machine::new(limits).unwrap())
    }

    /// Created by this machine.
    pub(crate) fn by(machine: Machine) -> Play {
        let session = machine.create(LOG).next;
        Play::restored(machine, session)
    }

    /// A session that a store gave back.
    pub(crate) fn restored(machine: Machine, session: Session) -> Play {
        let witness = Witness::of(&session, machine.limits());
        Play { machine, session, witness }
    }

    /// Feeds an event and adopts what it leads to.
    pub(crate) fn feed(&mut self, event: Event) -> Step {
        let step = self.machine.step(&self.session, &event);
        let limits = *self.machine.limits();
        let judged = outlive::laws::of_step(&limits, &self.session, &event, &step);
        assert_eq!(judged, Ok(()), "{event:?} in {:?}", self.session);
        let judged = self.witness.observe(&limits, &self.session, &event, &step);
        assert_eq!(judged, Ok(()), "{event:?} in {:?}", self.session);
        self.session.clone_from(&step.next);
        step
    }

    /// The same, for a story.
    pub(crate) fn after(mut self, events: impl IntoIterator<Item = Event>) -> Play {
        for event in events {
            let step = self.feed(event);
            assert_eq!(step.refusal(), None, "{event:?}");
        }
        self
    }

    /// Feeds an event that must leave everything as it was, and returns the row that said so.
    pub(crate) fn nothing(&mut self, event: Event) -> &'static str {
        let before = self.session.clone();
        let step = self.feed(event);
        assert!(!step.verdict().acts(), "{event:?} acted: {}", told(&step));
        assert_eq!(self.session, before);
        assert!(step.effects.is_empty() && step.records.is_empty());
        step.rules().next().unwrap().id
    }

    pub(crate) fn state(&self) -> State {
        self.session.state()
    }

    /// The news that a timer fired which was armed last.
    pub(crate) fn fire(&self, timer: Timer) -> Event {
        Event::Expired { timer, generation: self.session.generation(timer) }
    }
}

/// CREATED, nobody there.
pub(crate) fn created() -> Play {
    Play::with(small())
}

/// STARTING: client 1 watches on connection 1 and has prompted; the prompt is entry 1.
pub(crate) fn starting() -> Play {
    created().after([attach(1, 1), prompt(1, 1)])
}

/// ACTIVE: turn 1 runs, client 1 has read it.
pub(crate) fn active() -> Play {
    starting().after([written(1, 1), started(1)])
}

/// ACTIVE, and no turn runs: entry 2 ended it.
pub(crate) fn idle() -> Play {
    active().after([turn_ended(1, 1), written(1, 2)])
}

/// DETACHED: turn 1 runs, nobody watches.
pub(crate) fn detached() -> Play {
    active().after([lost(1)])
}

/// SUSPENDED: turn 1 runs, connection 1 is in the background and has seen entry 1.
pub(crate) fn suspended() -> Play {
    active().after([suspend(1, 1)])
}

/// CLOSING: stopped while turn 1 ran; entries 2 and 3 say so.
pub(crate) fn closing() -> Play {
    active().after([stop(1)])
}

/// ENDED: stopped, closed out, connection 1 still watches.
pub(crate) fn ended() -> Play {
    closing().after([exited(1)])
}

/// A story of each state.
pub(crate) fn in_state(state: State) -> Play {
    let play = match state {
        State::Created => created(),
        State::Starting => starting(),
        State::Active => active(),
        State::Detached => detached(),
        State::Suspended => suspended(),
        State::Closing => closing(),
        State::Ended => ended(),
    };
    assert_eq!(play.state(), state);
    play
}

// Events.

pub(crate) fn attach(connection: u64, client: u64) -> Event {
    claim(connection, client, ResumeFrom::Nothing)
}

/// Back with a cursor.
pub(crate) fn back(connection: u64, client: u64, seq: u64) -> Event {
    claim(connection, client, ResumeFrom::At(Cursor { log: LOG, seq: Seq(seq) }))
}

pub(crate) fn claim(connection: u64, client: u64, cursor: ResumeFrom) -> Event {
    let (connection, client) = (ConnectionId(connection), ClientId(client));
    Event::Attach { connection, client, principal: PrincipalId(0), cursor }
}

pub(crate) fn written(connection: u64, through: u64) -> Event {
    Event::Written { connection: ConnectionId(connection), through: Seq(through) }
}

pub(crate) fn missed(connection: u64, from: u64) -> Event {
    Event::Missed { connection: ConnectionId(connection), from: Seq(from) }
}

pub(crate) fn suspend(connection: u64, seen: u64) -> Event {
    Event::Suspend { connection: ConnectionId(connection), seen: Seq(seen) }
}

pub(crate) fn resume(connection: u64) -> Event {
    Event::Resume { connection: ConnectionId(connection) }
}

pub(crate) fn lost(connection: u64) -> Event {
    Event::Lost { connection: ConnectionId(connection) }
}

/// The body of a client's prompt `n` is always the same.
pub(crate) fn prompt(client: u64, n: u64) -> Event {
    body(client, n, n)
}

pub(crate) fn body(client: u64, n: u64, digest: u64) -> Event {
    let n = NonZeroU64::new(n).unwrap();
    Event::Prompt { client: ClientId(client), principal: PrincipalId(0), n, digest: Digest(digest) }
}

/// The same event, of a client of this principal.
pub(crate) fn of(whose: u64, mut event: Event) -> Event {
    if let Event::Attach { principal, .. }
    | Event::Prompt { principal, .. }
    | Event::Answer { principal, .. } = &mut event
    {
        *principal = PrincipalId(whose);
    }
    event
}

pub(crate) fn interrupt(turn: u64) -> Event {
    Event::Interrupt { turn: Seq(turn) }
}

pub(crate) fn stop(incarnation: u32) -> Event {
    Event::Stop { incarnation: Incarnation(incarnation) }
}

pub(crate) fn answer(client: u64, ask: u64) -> Event {
    Event::Answer { client: ClientId(client), principal: PrincipalId(0), ask: Seq(ask) }
}

pub(crate) fn started(incarnation: u32) -> Event {
    Event::Started { incarnation: Incarnation(incarnation) }
}

pub(crate) fn start_failed(incarnation: u32) -> Event {
    Event::StartFailed { incarnation: Incarnation(incarnation) }
}

pub(crate) fn exited(incarnation: u32) -> Event {
    Event::Exited { incarnation: Incarnation(incarnation) }
}

/// Output of a turn of the first incarnation.
pub(crate) fn output(turn: u64, count: u32) -> Event {
    let count = NonZeroU32::new(count).unwrap();
    Event::Output { incarnation: Incarnation(1), turn: Some(Seq(turn)), count }
}

/// Output outside a turn.
pub(crate) fn aside(incarnation: u32, count: u32) -> Event {
    let count = NonZeroU32::new(count).unwrap();
    Event::Output { incarnation: Incarnation(incarnation), turn: None, count }
}

pub(crate) fn asked(incarnation: u32, turn: u64) -> Event {
    Event::Asked { incarnation: Incarnation(incarnation), turn: Seq(turn) }
}

pub(crate) fn waiting(incarnation: u32, turn: u64, asks: u16) -> Event {
    let asks = NonZeroU16::new(asks).expect("at least one ask");
    Event::TurnWaiting { incarnation: Incarnation(incarnation), turn: Seq(turn), asks }
}

pub(crate) fn withdrawn(incarnation: u32, ask: u64) -> Event {
    Event::Withdrawn { incarnation: Incarnation(incarnation), ask: Seq(ask) }
}

/// The worker says that the turn is completed.
pub(crate) fn turn_ended(incarnation: u32, turn: u64) -> Event {
    let outcome = WorkerOutcome::Completed;
    Event::TurnEnded { incarnation: Incarnation(incarnation), turn: Seq(turn), outcome }
}

pub(crate) const RESTARTED: Event = Event::Restarted { renew: None };

/// The process is about to leave.
pub(crate) const DRAIN: Event = Event::Drain;

/// Another process, and the log may have lost its end.
pub(crate) fn lossy(log: u64) -> Event {
    Event::Restarted { renew: Some(LogId(log)) }
}

// What a step did.

/// The effects in order, in one line.
pub(crate) fn told(step: &Step) -> String {
    step.effects.iter().map(effect).collect::<Vec<_>>().join(", ")
}

/// The records in order, in one line.
pub(crate) fn logged(step: &Step) -> String {
    step.records.iter().map(record).collect::<Vec<_>>().join(", ")
}

/// The rows that were taken, in order.
pub(crate) fn rows(step: &Step) -> Vec<&'static str> {
    step.rules().map(|row| row.id).collect()
}

fn effect(effect: &Effect) -> String {
    match *effect {
        Effect::Commit => "commit".into(),
        Effect::Abort { incarnation } => format!("abort worker {incarnation}"),
        Effect::Arm { timer, generation, .. } => format!("arm {timer} {generation}"),
        Effect::Disarm { timer } => format!("disarm {timer}"),
        Effect::DisarmAll => "disarm all".into(),
        Effect::Start { incarnation, resume: false } => format!("start worker {incarnation}"),
        Effect::Start { incarnation, resume: true } => format!("resume as worker {incarnation}"),
        Effect::CloseOut { incarnation } => format!("close out worker {incarnation}"),
        Effect::Dispatch { turn, .. } => format!("dispatch {turn}"),
        Effect::Interrupt { turn, .. } => format!("interrupt {turn}"),
        Effect::Deliver { ask, .. } => format!("deliver answer to {ask}"),
        Effect::Accepted { client, n, seq, again } => {
            let again = if again { " again" } else { "" };
            format!("accepted {client}/{n} at {seq}{again}")
        }
        Effect::Close { connection, code } => format!("close {connection} ({code})"),
        Effect::Welcome { connection, outcome } => format!("welcome {connection} {outcome:?}"),
        Effect::Gap { connection, lost_from, lost_to } => {
            format!("gap {connection}: {lost_from}..={lost_to}")
        }
        Effect::Send { connection, from, to } => format!("send {connection}: {from}..={to}"),
    }
}

fn record(&Record { seq, entry }: &Record) -> String {
    let what = match entry {
        EntryMeta::Prompt { client, n } => format!("prompt {client}/{n}"),
        EntryMeta::Output { count } => format!("{count} of output"),
        EntryMeta::Ask { turn, stands: false } => format!("ask of {turn}"),
        EntryMeta::Ask { turn, stands: true } => format!("ask of {turn} that stands"),
        EntryMeta::Answer { client, ask } => format!("answer of {client} to {ask}"),
        EntryMeta::Withdrawn { ask } => format!("withdrawn {ask}"),
        EntryMeta::TurnEnd { turn, outcome } => format!("turn {turn} {outcome}"),
        EntryMeta::Closing { why } => format!("closing ({why})"),
        EntryMeta::End { why } => format!("end ({why})"),
    };
    format!("{seq}: {what}")
}
