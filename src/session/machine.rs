//! classify → rule → apply. Data becomes a column in [`Machine::classify`] and nowhere else.

use alloc::vec::Vec;

use super::event::{Effect, Event, Record};
use super::table::{Row, TABLE, Table};
use super::{Session, TurnState};
use crate::ids::{ClientId, ConnectionId, Digest, Generation, PrincipalId, PromptNumber, Seq};
use crate::laws;
use crate::log::LogId;
use crate::session::limits::{Limits, ZeroLimitError};
use crate::table::Verdict;
use crate::words::{Reason, State, Timer, Trigger};

/// The most rows one step can take: the event's own, then what is due (`PROMPT` in CLOSING ends,
/// reopens and begins), and one more that only a broken table takes.
pub const MAX_RULES_PER_STEP: usize = 4;

/// The rules that sessions live by: a table, and limits.
///
/// # The driver's contract
/// A step is a transaction, and pure: it returns the next session and the effects, and changes nothing.
///
/// 1. Feed one event at a time per session to [`step`](Machine::step).
/// 2. If the first effect is [`Effect::Commit`], commit the step's records and the snapshot of its next
///    session as one. *If the commit fails*, the step did not happen: tell a command's sender that the
///    service is unavailable; keep a fact (a loss, an exit, a timer) and feed it again before anything
///    else of this session. *If its result is unknown*, read the store and find out which of the two it
///    was before the next step, and that it stays so: no commit may come in after it was denied. *If a
///    command commits nothing*, and another process may take the session over, ask the store whether
///    one has before you answer.
/// 3. Adopt the next session.
/// 4. Perform the other effects, in order.
///
/// An effect that can no longer be performed, because its connection or worker is gone, is dropped
/// silently: that news is on its way as an event of its own.
///
/// Cancel-safety: a driver that is dropped between 1 and 2 loses nothing; between 2 and 4 it must
/// reload and feed [`Event::Restarted`], exactly as after a crash.
#[derive(Clone, Debug)]
pub struct Machine {
    limits: Limits,
    table: &'static Table,
}

/// What one event did.
#[must_use = "a step is nothing before its effects are performed and its next session adopted"]
#[derive(Clone, Debug)]
pub struct Step {
    /// The session after the step. Adopt it when the commit has succeeded.
    pub next: Session,
    /// The log entries to commit, in order.
    pub records: Vec<Record>,
    /// What to do, in order.
    pub effects: Vec<Effect>,
    /// The number a client should have sent, if its prompt was refused for a gap.
    pub(super) expected: Option<PromptNumber>,
    state: State,
    trigger: Trigger,
    trail: [Option<&'static Row>; MAX_RULES_PER_STEP],
}

/// Why an event was refused, for its sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{trigger} refused in {state}: {reason} (rule {rule}){}", Expected(*.expected))]
#[non_exhaustive]
pub struct Refusal {
    /// What came.
    pub trigger: Trigger,
    /// Where.
    pub state: State,
    /// Why not.
    pub reason: Reason,
    /// The row that refused.
    pub rule: &'static str,
    /// The number that would have been right, if it was the number.
    pub expected: Option<PromptNumber>,
}

struct Expected(Option<PromptNumber>);

impl core::fmt::Display for Expected {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.map_or(Ok(()), |n| write!(f, "; expected number {n}"))
    }
}

impl Machine {
    /// A machine with the shipped table.
    ///
    /// # Errors
    /// A limit is 0.
    pub fn new(limits: Limits) -> Result<Machine, ZeroLimitError> {
        Machine::with_table(limits, &TABLE)
    }

    /// A machine with another table: for checkers that change a row and see which law notices.
    ///
    /// # Errors
    /// A limit is 0.
    pub fn with_table(limits: Limits, table: &'static Table) -> Result<Machine, ZeroLimitError> {
        limits.check()?;
        Ok(Machine { limits, table })
    }

    /// The limits.
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The table.
    pub const fn table(&self) -> &'static Table {
        self.table
    }

    /// A new session, CREATED, with an empty log. `log` is 64 random bits from the driver. Perform its
    /// effects as those of any other step.
    pub fn create(&self, log: LogId) -> Step {
        let mut step = Step { next: Session::new(log), ..Step::default() };
        step.commit();
        step.arm(Timer::Idle, &self.limits);
        step
    }

    /// What one event does to a session. Pure; allocates.
    pub fn step(&self, session: &Session, event: &Event) -> Step {
        let mut step = Step::default();
        self.step_into(session, event, &mut step);
        step
    }

    /// As [`step`](Machine::step), into a step whose memory is used again: once it is warm, steps that
    /// make nothing longer than before do not allocate.
    pub fn step_into(&self, session: &Session, event: &Event, step: &mut Step) {
        step.begin(session, self.classify(session, event));
        let mut due = Some(step.trigger);
        for place in 0..MAX_RULES_PER_STEP {
            let Some(trigger) = due else { break };
            let row = self.table.rule(step.next.state, trigger);
            step.trail[place] = Some(row);
            step.apply(row, event, &self.limits);
            due = if row.verdict.acts() { step.next.due() } else { None };
        }
        debug_assert!(
            !core::ptr::eq(self.table, &raw const TABLE)
                || laws::of_step(&self.limits, session, event, step) == Ok(()),
            "{:?}",
            laws::of_step(&self.limits, session, event, step)
        );
    }

    /// Holds an event against the session's data: the column of the table that answers it. Fences first:
    /// what is stale is stale whatever else it is.
    pub fn classify(&self, session: &Session, event: &Event) -> Trigger {
        let worker = |incarnation, trigger| {
            if incarnation == session.incarnation { trigger } else { Trigger::StaleWorker }
        };
        let of_turn = |incarnation, turn, trigger| {
            let current = session.turn.id() == Some(turn);
            worker(incarnation, if current { trigger } else { Trigger::StaleWorker })
        };
        match *event {
            Event::Attach { connection, client, principal, .. } => {
                self.attach(session, connection, client, principal)
            }
            Event::Written { connection, through } => written(session, connection, through),
            Event::Missed { connection, from } => missed(session, connection, from),
            Event::Suspend { connection, .. } => suspend(session, connection),
            Event::Resume { connection } => match session.connection(connection) {
                Some(_) => Trigger::Resume,
                None => Trigger::StaleConnection,
            },
            Event::Lost { connection } => lost(session, connection),
            Event::Prompt { client, principal, n, digest } => {
                self.prompt(session, (client, principal), n, digest)
            }
            Event::Interrupt { turn } => interrupt(session, turn),
            Event::Stop { incarnation } if incarnation == session.incarnation => Trigger::Stop,
            Event::Stop { .. } => Trigger::StaleCommand,
            Event::Answer { principal, ask, .. } => self.answer(session, principal, ask),
            Event::Started { incarnation } => worker(incarnation, started(session)),
            Event::StartFailed { incarnation } => worker(incarnation, Trigger::StartFailed),
            Event::Output { incarnation, turn: None, .. } => worker(incarnation, Trigger::Output),
            Event::Output { incarnation, turn: Some(turn), .. } => {
                of_turn(incarnation, turn, Trigger::Output)
            }
            Event::Asked { incarnation, turn } => {
                let full = session.asks.len() >= usize::from(self.limits.asks);
                of_turn(incarnation, turn, if full { Trigger::AskedFull } else { Trigger::Asked })
            }
            Event::Withdrawn { incarnation, ask } if session.asks.contains(&ask) => {
                worker(incarnation, Trigger::Withdrawn)
            }
            Event::Withdrawn { .. } => Trigger::StaleWorker,
            Event::TurnEnded { incarnation, turn, .. } => {
                of_turn(incarnation, turn, Trigger::TurnEnded)
            }
            Event::TurnWaiting { incarnation, turn, asks } => {
                let all = u32::from(session.standing) + u32::from(asks.get());
                let full = all > u32::from(self.limits.asks);
                let waits = if full { Trigger::TurnWaitingFull } else { Trigger::TurnWaiting };
                of_turn(incarnation, turn, waits)
            }
            Event::Exited { incarnation } if matches!(session.turn, TurnState::Interrupting(_)) => {
                worker(incarnation, Trigger::ExitedInterrupted)
            }
            Event::Exited { incarnation } => worker(incarnation, Trigger::Exited),
            Event::Expired { timer, generation } => expired(session, timer, generation),
            Event::Restarted { renew: None } => Trigger::Restarted,
            Event::Restarted { renew: Some(_) } => Trigger::RestartedLossy,
            Event::Drain => Trigger::Drain,
        }
    }

    fn attach(
        &self,
        session: &Session,
        id: ConnectionId,
        client: ClientId,
        principal: PrincipalId,
    ) -> Trigger {
        let own = session.connections.iter().filter(|other| other.principal == principal);
        if session.connection(id).is_some() {
            Trigger::StaleConnection
        } else if session.connections.iter().any(|other| other.client == client) {
            Trigger::AttachAgain
        } else if session.connections.len() >= usize::from(self.limits.connections)
            || own.count() >= usize::from(self.limits.connections_per_principal)
        {
            Trigger::AttachFull
        } else {
            Trigger::Attach
        }
    }

    fn prompt(
        &self,
        session: &Session,
        (from, principal): (ClientId, PrincipalId),
        n: PromptNumber,
        body: Digest,
    ) -> Trigger {
        let known = session.client_record(from);
        let own = session.clients.iter().filter(|other| other.principal == principal);
        let crowded = session.clients.len() >= usize::from(self.limits.clients)
            || own.count() >= usize::from(self.limits.clients_per_principal);
        match known {
            Some(known) if n == known.last_accepted && body != known.digest => {
                Trigger::PromptConflict
            }
            Some(known) if n == known.last_accepted => Trigger::PromptAgain,
            Some(known) if n < known.last_accepted => Trigger::PromptTooOld,
            Some(_) | None if n != expected(known.map(|known| known.last_accepted)) => {
                Trigger::PromptGap
            }
            None if crowded => Trigger::PromptCrowded,
            Some(_) | None if self.queue_is_full(session, principal) => Trigger::PromptFull,
            Some(_) | None => Trigger::Prompt,
        }
    }

    fn answer(&self, session: &Session, from: PrincipalId, ask: Seq) -> Trigger {
        if !session.asks.contains(&ask) {
            Trigger::AnswerLate
        } else if !session.standing_asks().contains(&ask) {
            Trigger::Answer
        } else if self.queue_is_full(session, from) {
            Trigger::AnswerStandingFull
        } else {
            Trigger::AnswerStanding
        }
    }

    fn queue_is_full(&self, session: &Session, principal: PrincipalId) -> bool {
        let own = session.queue.iter().filter(|other| other.principal == principal);
        session.queue.len() >= usize::from(self.limits.queued)
            || own.count() >= usize::from(self.limits.queued_per_principal)
    }
}

/// The number that a client should send next.
pub(super) fn expected(last_accepted: Option<PromptNumber>) -> PromptNumber {
    last_accepted.map_or(PromptNumber::MIN, |last_accepted| last_accepted.saturating_add(1))
}

fn written(session: &Session, id: ConnectionId, through: Seq) -> Trigger {
    match session.connection(id) {
        Some(c) if c.in_flight.is_some_and(|from| (from..c.next).contains(&through)) => {
            Trigger::Written
        }
        Some(_) | None => Trigger::StaleConnection,
    }
}

fn missed(session: &Session, id: ConnectionId, from: Seq) -> Trigger {
    match session.connection(id) {
        Some(connection) if connection.in_flight == Some(from) => Trigger::Missed,
        Some(_) | None => Trigger::StaleConnection,
    }
}

fn suspend(session: &Session, id: ConnectionId) -> Trigger {
    let mut others = session.connections.iter().filter(|other| other.id != id);
    match session.connection(id) {
        Some(_) if others.any(super::Connection::watches) => Trigger::Suspend,
        Some(_) => Trigger::SuspendLast,
        None if session.last_lost == Some(id) => Trigger::SuspendLate,
        None => Trigger::StaleConnection,
    }
}

fn lost(session: &Session, id: ConnectionId) -> Trigger {
    let mut others = session.connections.iter().filter(|other| other.id != id);
    match session.connection(id) {
        None => Trigger::StaleConnection,
        Some(_) if session.connections.len() == 1 => Trigger::LostLast,
        Some(_) if others.any(super::Connection::watches) => Trigger::Lost,
        Some(_) => Trigger::LostToSuspended,
    }
}

fn interrupt(session: &Session, turn: Seq) -> Trigger {
    match session.turn {
        TurnState::Running(running) if running == turn => Trigger::Interrupt,
        TurnState::Interrupting(running) if running == turn => Trigger::InterruptAgain,
        TurnState::Idle | TurnState::Running(_) | TurnState::Interrupting(_) => {
            if session.is_queued(turn) { Trigger::InterruptQueued } else { Trigger::StaleCommand }
        }
    }
}

fn started(session: &Session) -> Trigger {
    if session.connections.is_empty() {
        Trigger::StartedUnwatched
    } else if session.connections.iter().any(super::Connection::watches) {
        Trigger::Started
    } else {
        Trigger::StartedSuspended
    }
}

fn expired(session: &Session, timer: Timer, generation: Generation) -> Trigger {
    if generation == Generation(0) || generation != session.generation(timer) {
        return Trigger::StaleTimer;
    }
    match (timer, session.turn) {
        // Disarmed by the drain: no first prompt is awaited here any more.
        (Timer::Idle, _) if session.draining => Trigger::StaleTimer,
        (Timer::Idle, _) => Trigger::IdleExpired,
        (Timer::Start, _) => Trigger::StartTimeout,
        (Timer::Turn, TurnState::Running(_)) => Trigger::TurnTimeout,
        (Timer::Interrupt, TurnState::Interrupting(_)) => Trigger::InterruptTimeout,
        (Timer::Turn, TurnState::Idle | TurnState::Interrupting(_))
        | (Timer::Interrupt, TurnState::Idle | TurnState::Running(_)) => Trigger::StaleTimer,
        (Timer::Detach, TurnState::Idle) if session.queue.is_empty() => Trigger::DetachExpired,
        (Timer::Detach, TurnState::Idle | TurnState::Running(_) | TurnState::Interrupting(_)) => {
            Trigger::DetachExpiredBusy
        }
        (Timer::Grace, _) => Trigger::GraceExpired,
        (Timer::Closeout, _) => Trigger::CloseoutTimeout,
    }
}

impl Session {
    /// What is due without any event: done in the step that made it due. In a session that is draining
    /// nothing is begun; it is still reopened, for no prompt waits in ENDED.
    pub(crate) fn due(&self) -> Option<Trigger> {
        match self.state {
            State::Created | State::Ended if self.queue.is_empty() => None,
            State::Created => (!self.draining).then_some(Trigger::Begin),
            State::Ended => Some(Trigger::Reopen),
            State::Active | State::Detached | State::Suspended => {
                let free = self.turn == TurnState::Idle && !self.queue.is_empty() && !self.draining;
                free.then_some(Trigger::Next)
            }
            State::Starting | State::Closing => None,
        }
    }
}

impl Default for Step {
    /// An empty step, for [`Machine::step_into`].
    fn default() -> Step {
        Step {
            next: Session::new(LogId(0)),
            records: Vec::new(),
            effects: Vec::new(),
            expected: None,
            state: State::Created,
            trigger: Trigger::Restarted,
            trail: [None; MAX_RULES_PER_STEP],
        }
    }
}

impl Step {
    fn begin(&mut self, session: &Session, trigger: Trigger) {
        self.next.clone_from(session);
        self.records.clear();
        self.effects.clear();
        self.expected = None;
        self.state = session.state;
        self.trigger = trigger;
        self.trail = [None; MAX_RULES_PER_STEP];
    }

    /// The column the event came to.
    pub const fn trigger(&self) -> Trigger {
        self.trigger
    }

    /// The rows that were taken, in order: the event's own, then what was due. Empty for
    /// [`Machine::create`].
    pub fn rules(&self) -> impl Iterator<Item = &'static Row> + '_ {
        self.trail.iter().copied().flatten()
    }

    /// What became of the event itself. [`Verdict::Stay`] for [`Machine::create`].
    pub fn verdict(&self) -> Verdict<State, Reason> {
        self.trail[0].map_or(Verdict::Stay, |row| row.verdict)
    }

    /// Why the event was refused, if it was: for its sender.
    pub fn refusal(&self) -> Option<Refusal> {
        let row = self.trail[0]?;
        let Verdict::Refuse(reason) = row.verdict else {
            return None;
        };
        Some(Refusal {
            trigger: self.trigger,
            state: self.state,
            reason,
            rule: row.id,
            expected: self.expected,
        })
    }

    /// Whether the step must be committed before it is adopted.
    pub fn commits(&self) -> bool {
        self.effects.first() == Some(&Effect::Commit)
    }

    /// Whether the worker is asked to stop its turn, which waits for no store (rule T7): an answer to who asked may.
    pub fn interrupts(&self) -> bool {
        self.effects.iter().any(|effect| matches!(effect, Effect::Interrupt { .. }))
    }
}
