//! The events that a log may leave out, and which of them a session could have met.

use strum::VariantArray;

use crate::ids::{ClientId, ConnectionId, Generation, PrincipalId};
use crate::session::{Event, Session, TurnState, WorkerOutcome};
use crate::vocabulary::vocabulary;
use crate::words::{State, Timer};

vocabulary! {
    /// A kind of event that a log may leave out. The kinds that are not here carry what a replay cannot
    /// guess: who attaches, what is prompted, how much is put out.
    Hidden as "snake_case" {
        Written = "A connection has written what it was given.",
        Expired = "An armed timer fired.",
        Lost = "A connection is gone.",
        Suspend = "A client went to the background.",
        Resume = "A client came back to the foreground.",
        Started = "The worker came up.",
        StartFailed = "The worker could not be started.",
        TurnEnded = "The worker finished the turn.",
        Exited = "The worker left.",
        Interrupt = "A client interrupted a turn or took a prompt back.",
        Answer = "A client answered an ask.",
        Stop = "A client stopped the session.",
        Restarted = "The process was restarted, and the store lost nothing.",
    }
}

impl Hidden {
    /// What a log usually leaves out: what no user does and no worker says.
    pub const USUAL: &'static [Hidden] =
        &[Hidden::Written, Hidden::Expired, Hidden::Lost, Hidden::Suspend, Hidden::Resume];

    /// Whether an event of this kind may lead to a timer being armed.
    pub(super) const fn arms(self) -> bool {
        !matches!(self, Hidden::Written | Hidden::Resume)
    }

    /// Every event of this kind that could mean something to the session. Of a suspended viewer,
    /// what it has seen is guessed: all it was sent, or all it has written.
    pub(super) fn events(self, session: &Session, left: Option<ConnectionId>) -> Vec<Event> {
        let incarnation = session.incarnation();
        match self {
            Hidden::Written => written(session),
            Hidden::Expired => expired(session),
            Hidden::Lost => each(session, true, |connection| Event::Lost { connection }),
            Hidden::Suspend => suspend(session, left),
            Hidden::Resume => each(session, false, |connection| Event::Resume { connection }),
            Hidden::Started => [Event::Started { incarnation }].into(),
            Hidden::StartFailed => [Event::StartFailed { incarnation }].into(),
            Hidden::Exited => [Event::Exited { incarnation }].into(),
            Hidden::Stop => [Event::Stop { incarnation }].into(),
            Hidden::Restarted => [Event::Restarted { renew: None }].into(),
            Hidden::TurnEnded => session
                .turn()
                .id()
                .map(|turn| Event::TurnEnded {
                    incarnation,
                    turn,
                    outcome: WorkerOutcome::Completed,
                })
                .into_iter()
                .collect(),
            Hidden::Interrupt => match session.turn() {
                TurnState::Running(turn) => Some(turn),
                TurnState::Idle | TurnState::Interrupting(_) => None,
            }
            .into_iter()
            .chain(session.queue().iter().map(|one| one.seq))
            .map(|turn| Event::Interrupt { turn })
            .collect(),
            Hidden::Answer => session
                .asks()
                .iter()
                .map(|ask| Event::Answer {
                    client: ClientId(0),
                    principal: PrincipalId(0),
                    ask: *ask,
                })
                .collect(),
        }
    }
}

fn each(session: &Session, all: bool, event: fn(ConnectionId) -> Event) -> Vec<Event> {
    let listed = session.connections().iter();
    listed.filter(|one| all || !one.watches()).map(|one| event(one.id)).collect()
}

fn written(session: &Session) -> Vec<Event> {
    let listed = session.connections().iter();
    listed
        .filter(|one| one.in_flight.is_some())
        .map(|one| Event::Written { connection: one.id, through: one.next.previous() })
        .collect()
}

fn expired(session: &Session) -> Vec<Event> {
    Timer::VARIANTS
        .iter()
        .map(|timer| (*timer, session.generation(*timer)))
        .filter(|(_, generation)| *generation > Generation(0))
        .map(|(timer, generation)| Event::Expired { timer, generation })
        .collect()
}

fn suspend(session: &Session, left: Option<ConnectionId>) -> Vec<Event> {
    let mut events = Vec::new();
    for one in session.connections().iter().filter(|one| one.watches()) {
        let sent = Some(one.next.previous());
        let written = one.in_flight.map(crate::ids::Seq::previous);
        events.extend(
            [sent, written]
                .into_iter()
                .flatten()
                .map(|seen| Event::Suspend { connection: one.id, seen }),
        );
    }
    if let (Some(connection), State::Detached) = (left, session.state()) {
        let log = session.log();
        events.extend([log.head, log.base].map(|seen| Event::Suspend { connection, seen }));
    }
    events
}
