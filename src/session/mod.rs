//! A session: what it holds, the table that rules it, and the step.
//!
//! * [`table`] — every rule: what the states do, which rule answers, what each rule does;
//! * [`Machine`] — a table and [`Limits`](crate::Limits): `classify → rule → apply`;
//! * [`Session`] — the value that a step replaces by the next one;
//! * [`Event`] goes in, [`Step`] with its [`Effect`]s comes out.

mod apply;
mod event;
pub(crate) mod limits;
mod machine;
mod op;
pub mod shape;
mod snapshot;
pub mod table;

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};
use strum::EnumCount;

pub use event::{Effect, EntryMeta, Event, Record, WorkerOutcome};
pub use machine::{MAX_RULES_PER_STEP, Machine, Refusal, Step};
pub use snapshot::{Snapshot, SnapshotError};

use crate::ids::{
    ClientId, ConnectionId, Digest, Generation, Incarnation, PrincipalId, PromptNumber, Seq,
};
use crate::log::{Log, LogId};
use crate::words::{State, Timer};

/// A session. A value: compare it, clone it, keep a million of them. Only a [`Machine`]'s step makes
/// the next one.
///
/// *Getters* are all it has: events go into [`Machine::step`], effects come out of it. In JSON it is its
/// [`Snapshot`], and what no session could be does not deserialise.
#[derive(Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Snapshot", into = "Snapshot")]
pub struct Session {
    pub(crate) state: State,
    pub(crate) incarnation: Incarnation,
    pub(crate) turn: TurnState,
    pub(crate) log: Log,
    /// Accepted prompts that wait, oldest first.
    pub(crate) queue: Vec<Queued>,
    /// Pending asks, oldest first: those that outlived their turns, then those of the running one.
    pub(crate) asks: Vec<Seq>,
    /// How many of them outlived their turns.
    pub(crate) standing: u16,
    /// Who prompted, and how far: kept for ever, so that no prompt runs twice.
    pub(crate) clients: Vec<ClientRecord>,

    // Volatile: not in the snapshot.
    pub(crate) connections: Vec<Connection>,
    /// The generation each timer was last armed with.
    pub(crate) generations: [Generation; Timer::COUNT],
    /// What suspended viewers have seen, until their grace period is over.
    pub(crate) pin: Option<Seq>,
    /// The connection that was lost last, until the next one comes: its suspend notice may still come.
    pub(crate) last_lost: Option<ConnectionId>,
    /// Nothing new is begun: the process is about to leave.
    pub(crate) draining: bool,
}

/// What the worker is at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TurnState {
    /// Nothing.
    #[default]
    Idle,
    /// The prompt at this place.
    Running(Seq),
    /// The same, and it was asked to stop.
    Interrupting(Seq),
}

impl TurnState {
    /// The running turn, interrupted or not.
    pub const fn id(self) -> Option<Seq> {
        match self {
            TurnState::Idle => None,
            TurnState::Running(turn) | TurnState::Interrupting(turn) => Some(turn),
        }
    }
}

/// A prompt, or an answer that is a turn of its own, that waits for the worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Queued {
    /// Its entry, which names the turn.
    pub seq: Seq,
    /// Whose it is.
    pub principal: PrincipalId,
}

/// A client that prompted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientRecord {
    /// Who.
    pub client: ClientId,
    /// Whose client that is; 0 if it is left out.
    #[serde(default, skip_serializing_if = "crate::ids::is_default")]
    pub principal: PrincipalId,
    /// The highest number accepted.
    #[serde(rename = "high")]
    pub last_accepted: PromptNumber,
    /// That prompt's entry.
    pub seq: Seq,
    /// That prompt's body.
    pub digest: Digest,
}

/// An open connection: a cursor over the log, never a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Connection {
    /// Its fence.
    pub id: ConnectionId,
    /// Whose it is. A client has one connection at most.
    pub client: ClientId,
    /// Whose client that is.
    pub principal: PrincipalId,
    /// The next entry to send.
    pub next: Seq,
    /// The first entry of the range in flight. None: the connection has credit.
    pub in_flight: Option<Seq>,
    /// What the client had seen when it went to the background. None: it watches.
    pub suspended: Option<Seq>,
}

impl Connection {
    /// Open, and not suspended.
    pub const fn watches(&self) -> bool {
        self.suspended.is_none()
    }
}

/// By hand, for `clone_from`: a step that is used again takes over a session without allocating.
impl Clone for Session {
    fn clone(&self) -> Session {
        Session {
            queue: self.queue.clone(),
            asks: self.asks.clone(),
            clients: self.clients.clone(),
            connections: self.connections.clone(),
            ..*self
        }
    }

    fn clone_from(&mut self, source: &Session) {
        let Session { queue, asks, clients, connections, .. } = self;
        queue.clone_from(&source.queue);
        asks.clone_from(&source.asks);
        clients.clone_from(&source.clients);
        connections.clone_from(&source.connections);
        self.state = source.state;
        self.incarnation = source.incarnation;
        self.turn = source.turn;
        self.log = source.log;
        self.generations = source.generations;
        self.standing = source.standing;
        self.pin = source.pin;
        self.last_lost = source.last_lost;
        self.draining = source.draining;
    }
}

impl Session {
    /// The state.
    pub const fn state(&self) -> State {
        self.state
    }

    /// Which life of the worker this is.
    pub const fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// Which life a stop that is sent now is for: this one, or, of a session that has ended, the next one.
    pub const fn stop_target(&self) -> Incarnation {
        match self.state {
            State::Ended => Incarnation(self.incarnation.0.saturating_add(1)),
            State::Created
            | State::Starting
            | State::Active
            | State::Detached
            | State::Suspended
            | State::Closing => self.incarnation,
        }
    }

    /// What the worker is at.
    pub const fn turn(&self) -> TurnState {
        self.turn
    }

    /// The log's edges.
    pub const fn log(&self) -> &Log {
        &self.log
    }

    /// Accepted prompts that wait, oldest first.
    pub fn queue(&self) -> &[Queued] {
        &self.queue
    }

    /// Whether this turn is one of the [`queue`](Session::queue).
    pub fn is_queued(&self, turn: Seq) -> bool {
        self.queue.iter().any(|queued| queued.seq == turn)
    }

    /// Pending asks, oldest first.
    pub fn asks(&self) -> &[Seq] {
        &self.asks
    }

    /// Those of the pending [`asks`](Session::asks) that outlived their turns: they stand until they are answered or
    /// withdrawn, in every state and over restarts, and an answer is a turn of its own.
    pub fn standing_asks(&self) -> &[Seq] {
        &self.asks[..usize::from(self.standing)]
    }

    /// Who prompted, and how far.
    pub fn clients(&self) -> &[ClientRecord] {
        &self.clients
    }

    /// The highest prompt number accepted of a client; none if it never prompted.
    pub fn last_accepted(&self, client: ClientId) -> Option<PromptNumber> {
        self.client_record(client).map(|known| known.last_accepted)
    }

    /// The open connections, in the order in which they came.
    pub fn connections(&self) -> &[Connection] {
        &self.connections
    }

    /// What is pinned for suspended viewers: entries after this one are not trimmed before the grace period is
    /// over, within [`Limits::pinned`](crate::Limits::pinned).
    pub const fn pin(&self) -> Option<Seq> {
        self.pin
    }

    /// Whether nothing new is begun, since the process is about to leave: see [`Event::Drain`].
    pub const fn is_draining(&self) -> bool {
        self.draining
    }

    /// The generation a timer was last armed with.
    pub const fn generation(&self, timer: Timer) -> Generation {
        self.generations[timer as usize]
    }

    pub(crate) fn new(log: LogId) -> Session {
        Session {
            state: State::Created,
            incarnation: Incarnation(1),
            turn: TurnState::Idle,
            log: Log::new(log),
            queue: Vec::new(),
            asks: Vec::new(),
            standing: 0,
            clients: Vec::new(),
            connections: Vec::new(),
            generations: [Generation(0); Timer::COUNT],
            pin: None,
            last_lost: None,
            draining: false,
        }
    }

    fn client_record(&self, client: ClientId) -> Option<&ClientRecord> {
        self.clients.iter().find(|known| known.client == client)
    }

    fn connection(&self, id: ConnectionId) -> Option<&Connection> {
        self.connections.iter().find(|connection| connection.id == id)
    }
}
