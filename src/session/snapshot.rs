//! What the store keeps of a session, and what it refuses to read back.

use alloc::vec::Vec;
use core::iter;

use serde::{Deserialize, Serialize};

use super::{ClientRecord, Queued, Session, TurnState};
use crate::ids::{Incarnation, PrincipalId, Seq};
use crate::log::Log;
use crate::words::State;

/// The durable part of a session. Connections, credit, timers, a pending interrupt and a drain are not in
/// it: they go with the process.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    /// The state.
    pub state: State,
    /// Which life of the worker this is.
    pub incarnation: Incarnation,
    /// The running turn.
    pub turn: Option<Seq>,
    /// The log's edges.
    pub log: Log,
    /// Accepted prompts that wait, oldest first.
    pub queue: Vec<Seq>,
    /// Whose each of these is, in the same order. Empty, which may be left out, if they are all of principal 0, and in
    /// a record that was written before it was kept: there they are of no principal's share.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub queued_by: Vec<PrincipalId>,
    /// Pending asks, oldest first.
    pub asks: Vec<Seq>,
    /// How many of them, the oldest, outlived their turns; 0 if it is left out.
    #[serde(default, skip_serializing_if = "crate::ids::is_default")]
    pub standing: u16,
    /// Who prompted, and how far.
    pub clients: Vec<ClientRecord>,
}

/// A snapshot that no session could have written: it was damaged, or not written by this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("impossible session in {state}: {defect}")]
pub struct SnapshotError {
    /// The state it claims.
    pub state: State,
    /// What cannot be.
    pub defect: &'static str,
}

impl Session {
    /// The durable part.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            state: self.state,
            incarnation: self.incarnation,
            turn: self.turn.id(),
            log: self.log,
            queue: self.queue.iter().map(|queued| queued.seq).collect(),
            queued_by: self.queued_by(),
            asks: self.asks.clone(),
            standing: self.standing,
            clients: self.clients.clone(),
        }
    }

    fn queued_by(&self) -> Vec<PrincipalId> {
        let mut all: Vec<_> = self.queue.iter().map(|queued| queued.principal).collect();
        if all.iter().all(|principal| *principal == PrincipalId::default()) {
            all.clear();
        }
        all
    }

    /// The session a store kept. It has no connections, no worker and no timers, whatever its state says:
    /// feed it [`Event::Restarted`](super::Event::Restarted) before anything else, as the
    /// [routing table](crate::routing) says. In ENDED that is ignored, unless the log gets a new id.
    ///
    /// # Errors
    /// [`SnapshotError`], if no session could have written this.
    pub fn restore(snapshot: Snapshot) -> Result<Session, SnapshotError> {
        let state = snapshot.state;
        defect(&snapshot).map_or(Ok(()), |defect| Err(SnapshotError { state, defect }))?;
        let Snapshot { state, incarnation, turn, log, queue, queued_by, asks, standing, clients } =
            snapshot;
        let whose = queued_by.into_iter().chain(iter::repeat(PrincipalId::default()));
        let queue = queue.into_iter().zip(whose);
        let queue = queue.map(|(seq, principal)| Queued { seq, principal }).collect();
        let turn = turn.map_or(TurnState::Idle, TurnState::Running);
        Ok(Session {
            state,
            incarnation,
            turn,
            log,
            queue,
            asks,
            standing,
            clients,
            ..Session::new(log.id)
        })
    }

    /// The session that [`restore`](Session::restore) makes of this one's snapshot.
    #[cfg(feature = "check")]
    pub(crate) fn record(&self) -> Session {
        let mut record = Session::new(self.log.id);
        self.record_into(&mut record);
        record
    }

    /// As [`record`](Session::record), into a session whose memory is used again.
    #[cfg(feature = "check")]
    pub(crate) fn record_into(&self, record: &mut Session) {
        let mut of = core::mem::replace(record, Session::new(self.log.id));
        of.queue.clone_from(&self.queue);
        of.asks.clone_from(&self.asks);
        of.clients.clone_from(&self.clients);
        of.connections.clear();
        *record = Session {
            state: self.state,
            incarnation: self.incarnation,
            turn: self.turn.id().map_or(TurnState::Idle, TurnState::Running),
            log: self.log,
            queue: of.queue,
            asks: of.asks,
            standing: self.standing,
            clients: of.clients,
            connections: of.connections,
            ..Session::new(self.log.id)
        };
    }

    /// Whether this is the [`record`](Session::record) of `live`, without making that one.
    #[cfg(feature = "check")]
    pub(crate) fn is_record_of(&self, live: &Session) -> bool {
        let restored = self.connections.is_empty()
            && self.generations.iter().all(|generation| generation.0 == 0)
            && self.pin.is_none()
            && self.last_lost.is_none()
            && !self.draining
            && !matches!(self.turn, TurnState::Interrupting(_));
        restored && self.same_record(live)
    }

    /// Whether the durable part of the two is the same.
    pub(crate) fn same_record(&self, other: &Session) -> bool {
        self.state == other.state
            && self.incarnation == other.incarnation
            && self.turn.id() == other.turn.id()
            && self.log == other.log
            && self.queue == other.queue
            && self.asks == other.asks
            && self.standing == other.standing
            && self.clients == other.clients
    }
}

impl TryFrom<Snapshot> for Session {
    type Error = SnapshotError;

    fn try_from(snapshot: Snapshot) -> Result<Session, SnapshotError> {
        Session::restore(snapshot)
    }
}

impl From<Session> for Snapshot {
    fn from(session: Session) -> Snapshot {
        session.snapshot()
    }
}

/// What cannot be, if anything.
fn defect(snapshot: &Snapshot) -> Option<&'static str> {
    let Snapshot { state, incarnation, turn, log, queue, queued_by, asks, standing, clients } =
        snapshot;
    let (standing, own) = asks.split_at(usize::from(*standing).min(asks.len()));
    let within = |seq: &Seq| *seq > Seq(0) && *seq <= log.head;
    let retained = |seq: &Seq| *seq > log.base && *seq <= log.head;
    let ascending = |list: &[Seq]| list.windows(2).all(|pair| pair[0] < pair[1]);
    let (may_queue, may_run) = match state {
        State::Closing | State::Ended => (false, false),
        // In CREATED a prompt waits for the next process, where this one is about to leave.
        State::Created | State::Starting => (true, false),
        State::Active | State::Detached | State::Suspended => (true, true),
    };
    let repeated = |(place, one): (usize, &ClientRecord)| {
        let same = |other: &ClientRecord| other.client == one.client || other.seq == one.seq;
        clients[..place].iter().any(same)
    };
    let defects = [
        (incarnation.0 == 0, "incarnations count from 1"),
        (incarnation.0 > u32::MAX / 2, "no session lives this often"),
        (log.base > log.head, "the log begins after its end"),
        (log.head > Seq(Seq::MAX.0 / 2), "the log is longer than any log"),
        (*state != State::Created && log.head == Seq(0), "only CREATED has an empty log"),
        (incarnation.0 > 1 && log.head == Seq(0), "an incarnation before, and no word of it"),
        (!may_run && turn.is_some(), "a turn without a worker"),
        (!may_queue && !queue.is_empty(), "prompts that wait for no worker"),
        (turn.is_some_and(|turn| !within(&turn)), "a turn that is not in the log"),
        (!queue.iter().all(retained), "a queued prompt that is not retained"),
        (!ascending(queue), "queued prompts out of order"),
        (
            !queued_by.is_empty() && queued_by.len() != queue.len(),
            "queued prompts, and not whose each is",
        ),
        (
            turn.is_some_and(|turn| queue.first() <= Some(&turn) && !queue.is_empty()),
            "a queued prompt before the running one",
        ),
        (standing.len() < usize::from(snapshot.standing), "more asks that stand than asks"),
        (turn.is_none() && !own.is_empty(), "asks without a turn"),
        (!own.iter().all(retained), "an ask that is not retained"),
        (!standing.iter().all(within), "an ask that is not in the log"),
        (!ascending(asks), "asks out of order"),
        (turn.is_some_and(|turn| own.iter().any(|ask| *ask <= turn)), "an ask before its turn"),
        (
            !clients.iter().all(|known| within(&known.seq)),
            "a client's prompt that is not in the log",
        ),
        (clients.iter().enumerate().any(repeated), "a client twice, or a prompt of two clients"),
    ];
    defects.iter().find(|(wrong, _)| *wrong).map(|(_, defect)| *defect)
}
