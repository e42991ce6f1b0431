//! Runs of a session, as a driver with luck and without could have recorded them.

use core::num::{NonZeroU16, NonZeroU32};

use outlive::check::trace::{self, Recorder, Trace};
use outlive::ids::{ClientId, ConnectionId, Digest, Generation, PrincipalId, PromptNumber, Seq};
use outlive::log::{Cursor, LogId, ResumeFrom};
use outlive::session::{Event, Machine, Session, WorkerOutcome};
use outlive::{Limits, Timer};
use proptest::sample::Index;
use strum::VariantArray;

/// Small enough that every bound is met.
pub(crate) fn limits() -> Limits {
    Limits {
        connections: 2,
        queued: 2,
        asks: 1,
        clients: 2,
        batch: 2,
        retention: 6,
        turn_ms: Some(1),
        ..Limits::default()
    }
}

/// What could happen next to the session; `fresh` is a connection that was never used.
pub(crate) fn choices(session: &Session, fresh: ConnectionId) -> Vec<Event> {
    let incarnation = session.incarnation();
    let log = session.log();
    let mut events = Vec::new();
    for client in [ClientId(1), ClientId(2), ClientId(3)] {
        for seq in [log.base, log.head] {
            let cursor = ResumeFrom::At(Cursor { log: log.id, seq });
            events.push(Event::Attach {
                connection: fresh,
                client,
                principal: PrincipalId(0),
                cursor,
            });
        }
        let next = session.last_accepted(client).map_or(PromptNumber::MIN, |n| n.saturating_add(1));
        for n in [next, next, next.saturating_add(1)] {
            events.push(Event::Prompt {
                client,
                principal: PrincipalId(0),
                n,
                digest: Digest(n.get()),
            });
        }
    }
    for one in session.connections() {
        let connection = one.id;
        let through = one.next.previous();
        events.push(Event::Written { connection, through });
        events.push(Event::Suspend { connection, seen: through });
        events.push(Event::Resume { connection });
        events.push(Event::Lost { connection });
    }
    // Of a connection that may be gone: the notice that comes late.
    events.push(Event::Suspend {
        connection: ConnectionId(fresh.0.saturating_sub(2)),
        seen: log.head,
    });
    events.push(Event::Started { incarnation });
    events.push(Event::StartFailed { incarnation });
    events.push(Event::Exited { incarnation });
    events.push(Event::Stop { incarnation });
    events.push(Event::Restarted { renew: None });
    for count in [1, 3] {
        let count = NonZeroU32::new(count).expect("not 0");
        events.push(Event::Output { incarnation, turn: session.turn().id(), count });
    }
    if let Some(turn) = session.turn().id() {
        let outcome = WorkerOutcome::Completed;
        events.push(Event::Asked { incarnation, turn });
        events.extend(session.asks().iter().map(|ask| Event::Withdrawn { incarnation, ask: *ask }));
        events.push(Event::TurnEnded { incarnation, turn, outcome });
        events.push(Event::TurnEnded { incarnation, turn, outcome });
        events.push(Event::TurnWaiting { incarnation, turn, asks: NonZeroU16::MIN });
        events.push(Event::Interrupt { turn });
    }
    events.extend(session.queue().iter().map(|one| Event::Interrupt { turn: one.seq }));
    for ask in session.asks().iter().chain([&Seq(1)]) {
        events.push(Event::Answer { client: ClientId(1), principal: PrincipalId(0), ask: *ask });
    }
    for timer in Timer::VARIANTS {
        let generation = session.generation(*timer);
        if generation > Generation(0) {
            events.push(Event::Expired { timer: *timer, generation });
        }
    }
    events
}

/// The trace of a run, each step chosen among what could happen.
pub(crate) fn recorded(picks: &[Index]) -> Trace {
    let log = LogId(1);
    let machine = Machine::new(limits()).expect("no limit is 0");
    let mut recorder = Recorder::new(Vec::new());
    recorder.created(&limits(), log).expect("memory");
    let mut session = machine.create(log).next;
    for (pick, fresh) in picks.iter().zip(1..) {
        let event = *pick.get(&choices(&session, ConnectionId(fresh)));
        let step = machine.step(&session, &event);
        recorder.step(&event, &step).expect("memory");
        session = step.next;
    }
    trace::parse(&recorder.into_inner()).expect("it was just written")
}
