//! The laws over what the driver was told: which timers are armed, whether a worker is up.

use alloc::format;
use alloc::string::String;

use super::{Breach, Law, Place, ensure};
use crate::ids::{Incarnation, Seq};
use crate::session::limits::Limits;
use crate::session::{Effect, EntryMeta, Event, Session, Step, TurnState};
use crate::words::{State, Timer};

/// Follows a session's events and effects as an honest driver would, and knows nothing of the table.
///
/// It keeps what a step alone cannot show: a timer that was armed long ago, a worker that was never told
/// to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Witness {
    /// The armed timers, a bit each.
    armed: u8,
    worker: Option<(Incarnation, Worker)>,
    /// The last turn that was dispatched. Turns are dispatched in the order of the log.
    dispatched: Seq,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Worker {
    Starting,
    Up,
    Leaving,
}

impl Witness {
    /// Of a session that was read back from the store: no timer is armed and no worker is up, whatever
    /// its state says. Until it is fed `RESTARTED`, that is a breach.
    pub fn restored(session: &Session, limits: &Limits) -> Witness {
        Witness { armed: 0, worker: None, ..Witness::of(session, limits) }
    }

    /// Of a session that was just created, or met in the middle of its life.
    pub fn of(session: &Session, limits: &Limits) -> Witness {
        let dispatched = match session.turn().id() {
            Some(turn) => turn,
            None => {
                session.queue().first().map_or(session.log().head, |first| first.seq.previous())
            }
        };
        let worker = worker_in(session.state()).map(|worker| (session.incarnation(), worker));
        Witness { armed: timers_of(session, limits), worker, dispatched }
    }

    /// As four bytes, where every number is small.
    #[cfg(feature = "check")]
    pub(crate) fn packed(&self) -> [u8; 4] {
        let small =
            |number: u64| u8::try_from(number).expect("a number in a world outgrew its byte");
        let worker = self.worker.map_or(0, |(_, worker)| worker as u8 + 1);
        let incarnation = self.worker.map_or(0, |(incarnation, _)| u64::from(incarnation.0));
        [self.armed, worker, small(incarnation), small(self.dispatched.0)]
    }

    #[cfg(feature = "check")]
    pub(crate) fn unpacked([armed, worker, incarnation, dispatched]: [u8; 4]) -> Witness {
        let worker = match worker {
            0 => None,
            1 => Some(Worker::Starting),
            2 => Some(Worker::Up),
            _ => Some(Worker::Leaving),
        };
        let worker = worker.map(|worker| (Incarnation(u32::from(incarnation)), worker));
        Witness { armed, worker, dispatched: Seq(u64::from(dispatched)) }
    }

    /// Takes in a step and holds it against the laws.
    ///
    /// # Errors
    /// The first law that is broken.
    pub fn observe(
        &mut self,
        limits: &Limits,
        before: &Session,
        event: &Event,
        step: &Step,
    ) -> Result<(), Breach> {
        self.hear(before, event);
        // What a lossy restart withdraws, no worker did.
        let by_worker = !matches!(event, Event::Restarted { .. });
        let spoke = |entry: &EntryMeta| {
            matches!(entry, EntryMeta::Output { .. } | EntryMeta::Ask { .. })
                || by_worker && matches!(entry, EntryMeta::Withdrawn { .. })
        };
        let spoke = step.records.iter().any(|record| spoke(&record.entry));
        let law = |law: Law, held: Result<(), String>| {
            debug_assert!(law.is_checked(Place::Witness), "{law}");
            held.map_err(|detail| Breach { law, detail })
        };
        law(
            Law::NothingFromAnAbortedWorkerIsLogged,
            ensure(!spoke || self.worker.is_some(), || "logged, and no worker is alive".into()),
        )?;
        for effect in &step.effects {
            self.obey(effect)?;
        }
        let next = &step.next;
        let (armed, due) = (self.armed, timers_of(next, limits));
        law(
            Law::WaitingStatesHaveATimer,
            ensure(armed == due, || {
                format!("{} has {:?} armed instead of {:?}", next.state(), names(armed), names(due))
            }),
        )?;
        let worker = worker_in(next.state()).map(|worker| (next.incarnation(), worker));
        law(
            Law::WorkerMatchesTheState,
            ensure(self.worker == worker, || match self.worker {
                Some((incarnation, worker)) => {
                    format!("{}, and worker {incarnation} is {worker:?}", next.state())
                }
                None => format!("{}, and no worker", next.state()),
            }),
        )
    }

    /// What the event says of worker and timers, before any effect.
    fn hear(&mut self, before: &Session, event: &Event) {
        let current = |incarnation| self.worker.is_some_and(|(known, _)| known == incarnation);
        match *event {
            Event::Started { incarnation } if current(incarnation) => {
                if self.worker == Some((incarnation, Worker::Starting)) {
                    self.worker = Some((incarnation, Worker::Up));
                }
            }
            Event::StartFailed { incarnation } | Event::Exited { incarnation }
                if current(incarnation) =>
            {
                self.worker = None;
            }
            Event::Expired { timer, generation } if before.generation(timer) == generation => {
                self.armed &= !bit(timer);
            }
            Event::Restarted { .. } => self.worker = None,
            Event::Started { .. }
            | Event::StartFailed { .. }
            | Event::Exited { .. }
            | Event::Expired { .. }
            | Event::Attach { .. }
            | Event::Written { .. }
            | Event::Missed { .. }
            | Event::Suspend { .. }
            | Event::Resume { .. }
            | Event::Lost { .. }
            | Event::Prompt { .. }
            | Event::Interrupt { .. }
            | Event::Stop { .. }
            | Event::Answer { .. }
            | Event::Output { .. }
            | Event::Asked { .. }
            | Event::Withdrawn { .. }
            | Event::TurnEnded { .. }
            | Event::TurnWaiting { .. }
            | Event::Drain => {}
        }
    }

    /// What the driver does.
    fn obey(&mut self, effect: &Effect) -> Result<(), Breach> {
        let broken = |law: Law, detail| {
            debug_assert!(law.is_checked(Place::Witness), "{law}");
            Err(Breach { law, detail })
        };
        match *effect {
            Effect::Arm { timer, .. } => self.armed |= bit(timer),
            Effect::Disarm { timer } => self.armed &= !bit(timer),
            Effect::DisarmAll => self.armed = 0,
            Effect::Abort { incarnation } => {
                if self.worker.is_none_or(|(known, _)| known != incarnation) {
                    let detail = format!("worker {incarnation} is aborted, and is not alive");
                    return broken(Law::WorkerIsToldWhatIsTrue, detail);
                }
                self.worker = None;
            }
            Effect::Start { incarnation, .. } => {
                if let Some((other, _)) = self.worker {
                    let detail = format!("worker {incarnation} is started beside {other}");
                    return broken(Law::AtMostOneWorker, detail);
                }
                self.worker = Some((incarnation, Worker::Starting));
            }
            Effect::CloseOut { incarnation } => self.worker = Some((incarnation, Worker::Leaving)),
            Effect::Dispatch { turn, .. } => {
                if turn <= self.dispatched {
                    let detail = format!("turn {turn} after {}", self.dispatched);
                    return broken(Law::NoPromptRunsTwice, detail);
                }
                self.dispatched = turn;
            }
            Effect::Commit
            | Effect::Interrupt { .. }
            | Effect::Deliver { .. }
            | Effect::Accepted { .. }
            | Effect::Close { .. }
            | Effect::Welcome { .. }
            | Effect::Gap { .. }
            | Effect::Send { .. } => {}
        }
        Ok(())
    }
}

/// The worker that a state means.
fn worker_in(state: State) -> Option<Worker> {
    match state {
        State::Created | State::Ended => None,
        State::Starting => Some(Worker::Starting),
        State::Active | State::Detached | State::Suspended => Some(Worker::Up),
        State::Closing => Some(Worker::Leaving),
    }
}

/// The timers that a state and its turn mean: every wait has an end.
fn timers_of(session: &Session, limits: &Limits) -> u8 {
    let wait = match session.state() {
        State::Created if session.is_draining() => 0,
        State::Created => bit(Timer::Idle),
        State::Starting => bit(Timer::Start),
        State::Detached => bit(Timer::Detach),
        State::Closing => bit(Timer::Closeout),
        State::Active | State::Suspended | State::Ended => 0,
    };
    let turn = match session.turn() {
        TurnState::Idle => 0,
        TurnState::Running(_) if limits.turn_ms.is_none() => 0,
        TurnState::Running(_) => bit(Timer::Turn),
        TurnState::Interrupting(_) => bit(Timer::Interrupt),
    };
    let pinned = if session.pin().is_some() { bit(Timer::Grace) } else { 0 };
    wait | turn | pinned
}

const fn bit(timer: Timer) -> u8 {
    1 << timer as u8
}

fn names(set: u8) -> impl core::fmt::Debug {
    use alloc::vec::Vec;
    use strum::VariantArray;
    Timer::VARIANTS.iter().filter(|timer| set & bit(**timer) != 0).collect::<Vec<_>>()
}
