//! One state of the world: everything that has a future.

use std::fmt;

use strum::EnumCount;

pub use super::budget::Budget;
use super::members::{Flight, Member};
use crate::connection;
use crate::ids::{ClientId, PromptNumber, Seq};
use crate::laws::Witness;
use crate::log::{AttachOutcome, LogId, ResumeFrom};
use crate::session::{Session, TurnState, WorkerOutcome};
use crate::words::{CloseCode, Timer};

/// One state of the world.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct WorldState {
    /// What the store holds of the session; none if it was purged.
    pub(super) store: Option<Session>,
    /// What a store that loses its last commit falls back to. Kept only where that can happen.
    pub(super) older: Option<Session>,
    /// A commit that was answered as not kept and may still come in: only a planted bug leaves one.
    pub(super) on_its_way: Option<LateCommit>,
    /// The record's last commit is of before a standby was promoted: who reads it back does not know what it lacks.
    pub(super) aged: bool,
    /// The nodes do not reach each other.
    pub(super) parted: bool,
    /// How often the store lost the end of a log: entries of one history are not those of another.
    pub(super) history: u8,
    /// The node whose commits the store takes; none if the session was released.
    pub(super) owner: Option<usize>,
    /// The processes.
    pub(super) nodes: Vec<Node>,
    /// What the nodes are to each other, where they have leases.
    pub(super) members: Vec<Member>,
    /// Commits that are on their way, or whose results are, where that takes time.
    pub(super) flights: Vec<Flight>,
    /// The transports, oldest first; one is forgotten when no event can name it any more.
    pub(super) links: Vec<Link>,
    /// The people.
    pub(super) clients: Vec<Client>,
    /// The workers that are alive, and the dead whose last words are not heard yet.
    pub(super) workers: Vec<Worker>,
    /// Requests outside any connection, on their way.
    pub(super) posts: Vec<Request>,
    /// What is left of the scope's budget.
    pub(super) left: Budget,
    /// The prompts in the log, by key, and whether they ever ran.
    pub(super) keys: Vec<Key>,
    /// The turn that a careless recovery gives to the next worker again: only a planted bug sets it.
    pub(super) rerun: Option<Seq>,
    /// The first output while no viewer was connected, where that is remembered.
    pub(super) alone: Option<Seq>,
}

/// A prompt that is in the log; or, of [`PEOPLE`], the answer to an ask that outlived its turn, with the ask's place
/// as its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) client: ClientId,
    pub(super) n: PromptNumber,
    pub(super) turn: Seq,
    pub(super) ran: bool,
}

/// Whoever answered: of those who may, one does.
pub(super) const PEOPLE: ClientId = ClientId(255);

/// A commit that is still on its way to the store.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct LateCommit {
    /// The record that it builds on: over any other it is stale.
    pub(super) expect: Session,
    /// The record that it makes.
    pub(super) record: Session,
    /// The prompt that it keeps.
    pub(super) prompt: Key,
}

/// A process that serves the session.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Node {
    /// Whether it runs.
    pub(super) up: bool,
    /// The session in its memory.
    pub(super) session: Option<Session>,
    pub(super) witness: Option<Witness>,
    pub(super) timers: [Clock; Timer::COUNT],
}

/// One timer of a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Clock {
    pub(super) armed: bool,
    /// It fired, and the news of it is still on its way, with the generation that is current …
    pub(super) late: bool,
    /// … or was, before it was armed again.
    pub(super) stale: bool,
}

/// A transport between a client and a node.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Link {
    /// The fence. Small numbers are used again when no part of the state holds them.
    pub(super) id: u8,
    pub(super) client: usize,
    pub(super) node: usize,
    /// The node that the client dialled, where that one only passes on what comes: between it and the node above there
    /// is a connection of their own.
    pub(super) edge: Option<usize>,
    /// The server's side.
    pub(super) server: connection::Connection,
    /// Whether the server still has the transport.
    pub(super) held: bool,
    /// Whether the client still has it.
    pub(super) alive: bool,
    /// The range that is being written.
    pub(super) writing: Option<(Seq, Seq)>,
    /// The range that was written and not yet reported.
    pub(super) written: Option<Seq>,
    /// The session is to be fed the loss of the connection.
    pub(super) gone: Gone,
    /// To the client.
    pub(super) down: Vec<Frame>,
    /// To the server.
    pub(super) up: Vec<Message>,
}

/// What the session knows of a connection's loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Gone {
    No,
    Untold,
    Told,
}

/// From server to client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Frame {
    Welcome { outcome: AttachOutcome, log: LogId, base: Seq },
    Entries { from: Seq, to: Seq, history: u8 },
    Gap { from: Seq, to: Seq },
    Accepted { n: u8 },
    Refused,
    Close(CloseCode),
}

/// From client to server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Message {
    Hello(ResumeFrom),
    /// A planted bug's second half of a hello: see `Bug::ReplayThenSubscribe`.
    Subscribe,
    Prompt {
        n: u8,
        digest: u8,
    },
    Suspend {
        seen: Seq,
    },
    Resume,
    Bye,
}

/// A request of its own, such as an HTTP POST: it may arrive at any time later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Request {
    /// A stop.
    Stop {
        /// Of this incarnation.
        incarnation: u8,
    },
    /// An interrupt.
    Interrupt {
        /// Of this turn.
        turn: Seq,
    },
    /// An answer.
    Answer {
        /// Who answers.
        client: usize,
        /// Which ask.
        ask: Seq,
    },
    /// A suspend notice that does not use the connection it is about.
    Suspend {
        /// The connection.
        link: u8,
        /// What its client has seen.
        seen: Seq,
    },
}

/// A person with a device.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct Client {
    /// The transport it believes in.
    pub(super) link: Option<u8>,
    /// What it has applied: of which log, up to where.
    pub(super) cursor: Option<(LogId, Seq)>,
    /// Of which history that was.
    pub(super) history: u8,
    /// The highest prompt number it has given out.
    pub(super) prompted: u8,
    /// The highest it was told is accepted.
    pub(super) heard: u8,
    /// Whether it asked on this link already.
    pub(super) asked: bool,
    pub(super) hidden: bool,
    /// Whether a suspend notice about its link went its own way.
    pub(super) posted: bool,
    /// Whether its last link was cut by the network, or closed by itself: no process owes it anything.
    pub(super) away: bool,
    /// Whether it came back with a cursor, lacked something, and was told of no gap since; where that is
    /// remembered.
    pub(super) resumed: bool,
    /// The fence of its last welcome, and the last one that was issued: only a planted bug asks.
    pub(super) fence: (u8, u8),
}

/// A worker.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Worker {
    pub(super) node: usize,
    pub(super) incarnation: u32,
    pub(super) phase: Phase,
    /// The commands that it has not taken yet.
    pub(super) inbox: Vec<Order>,
    /// What it said and the driver has not heard.
    pub(super) said: Option<Word>,
    /// The answers that reached it in its turn.
    pub(super) answered: Vec<Seq>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Phase {
    Booting,
    Idle,
    Busy {
        turn: Seq,
        interrupted: bool,
    },
    Leaving,
    /// Aborted, or gone by itself.
    Dead,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Phase::Booting => f.write_str("booting"),
            Phase::Idle => f.write_str("idle"),
            Phase::Busy { turn, interrupted: false } => write!(f, "busy with turn {turn}"),
            Phase::Busy { turn, interrupted: true } => write!(f, "interrupted in turn {turn}"),
            Phase::Leaving => f.write_str("leaving"),
            Phase::Dead => f.write_str("gone"),
        }
    }
}

/// From node to worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Order {
    Turn(Seq),
    Interrupt(Seq),
    Answer(Seq),
    CloseOut,
}

/// From worker to node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Word {
    /// It is up.
    Started,
    /// It cannot start.
    StartFailed,
    /// An entry.
    Output {
        /// Of this turn, or of none.
        turn: Option<Seq>,
    },
    /// It asks.
    Asked {
        /// In this turn.
        turn: Seq,
    },
    /// It gives up an ask.
    Withdrawn {
        /// This one.
        ask: Seq,
    },
    /// The turn is over.
    TurnEnded {
        /// This turn.
        turn: Seq,
        /// How it went.
        outcome: WorkerOutcome,
    },
    /// The turn is over, and asks.
    TurnWaiting {
        /// This turn.
        turn: Seq,
    },
    /// It leaves.
    Exited,
}

/// One line of a story: what matters to a reader, not everything.
impl fmt::Display for WorldState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, node) in self.nodes.iter().enumerate().filter(|(_, node)| node.up) {
            let owner = if Some(place) == self.owner { "" } else { ", not the owner" };
            if self.nodes.len() > 1 {
                write!(f, "node {place}{owner}")?;
                if let Some(member) = self.members.get(place) {
                    show_member(*member, f)?;
                }
                f.write_str(": ")?;
            }
            match &node.session {
                Some(session) => show(session, f)?,
                None => f.write_str("no session; ")?,
            }
        }
        if self.nodes.iter().all(|node| !node.up) {
            let state = self.store.as_ref().map_or("nothing", |s| s.state().into_str());
            write!(f, "no process; the store holds {state}; ")?;
        }
        for (place, client) in self.clients.iter().enumerate() {
            let seen = client.cursor.map_or(0, |(_, seq)| seq.0);
            write!(f, "client {place} has seen {seen}")?;
            match client.link {
                Some(link) => write!(f, " on connection {link}; ")?,
                None => f.write_str(", not connected; ")?,
            }
        }
        let workers = self.workers.iter().enumerate();
        for (place, worker) in workers.filter(|(_, worker)| worker.phase != Phase::Dead) {
            let Worker { incarnation, phase, .. } = worker;
            write!(f, "worker {place} (incarnation {incarnation}) is {phase}; ")?;
        }
        Ok(())
    }
}

fn show_member(member: Member, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, ", {}", member.node.state())?;
    let words = [
        (!member.lease, ", its lease over"),
        (member.dead, ", dead"),
        (member.paused, ", paused"),
        (member.cut, ", cut off"),
    ];
    words.iter().filter(|(is, _)| *is).try_for_each(|(_, word)| f.write_str(word))
}

fn show(session: &Session, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let log = session.log();
    write!(f, "{} {}, ", session.state(), session.incarnation())?;
    if log.base == log.head {
        f.write_str("log empty")?;
    } else {
        write!(f, "log {}..={}", log.base.next(), log.head)?;
    }
    match session.turn() {
        TurnState::Idle => {}
        TurnState::Running(turn) => write!(f, ", turn {turn}")?,
        TurnState::Interrupting(turn) => write!(f, ", turn {turn} interrupted")?,
    }
    if !session.queue().is_empty() {
        let queue: Vec<u64> = session.queue().iter().map(|one| one.seq.0).collect();
        write!(f, ", queued {queue:?}")?;
    }
    for one in session.connections() {
        let quiet = if one.watches() { "" } else { " suspended" };
        write!(f, ", connection {}{quiet} next {}", one.id, one.next)?;
    }
    f.write_str("; ")
}

impl WorldState {
    pub(super) fn link(&self, id: u8) -> Option<&Link> {
        self.links.iter().find(|link| link.id == id)
    }

    /// Whether what is sent on a link gets through.
    pub(super) fn gets_through(&self, link: &Link) -> bool {
        link.edge.is_none() || !self.parted
    }

    /// The least fence that no part of the state holds.
    pub(super) fn free_id(&self) -> u8 {
        let remembered = |id: u8| {
            let fence = crate::ids::ConnectionId(u64::from(id));
            let sessions = self.nodes.iter().filter_map(|node| node.session.as_ref());
            let mut known = sessions.map(|session| {
                session.last_lost == Some(fence)
                    || session.connections.iter().any(|c| c.id == fence)
            });
            let posted =
                |post: &Request| matches!(post, Request::Suspend { link, .. } if *link == id);
            let fenced = |client: &Client| client.fence.0 == id || client.fence.1 == id;
            self.link(id).is_some()
                || known.any(|known| known)
                || self.posts.iter().any(posted)
                || self.clients.iter().any(fenced)
        };
        (1..u8::MAX).find(|id| !remembered(*id)).unwrap_or(u8::MAX)
    }

    /// The living worker of a node.
    pub(super) fn worker_on(&self, node: usize) -> Option<usize> {
        self.workers.iter().position(|w| w.node == node && w.phase != Phase::Dead)
    }
}

impl Node {
    /// It runs, and has nothing in memory.
    pub(super) fn idle() -> Node {
        Node { up: true, ..Node::down() }
    }

    pub(super) fn down() -> Node {
        Node { up: false, session: None, witness: None, timers: [Clock::default(); Timer::COUNT] }
    }

    pub(super) fn clock(&mut self, timer: Timer) -> &mut Clock {
        &mut self.timers[timer as usize]
    }
}

impl Link {
    /// No event can name it any more.
    pub(super) fn forgotten(&self) -> bool {
        let told = self.gone != Gone::Untold;
        !self.held
            && !self.alive
            && told
            && self.up.is_empty()
            && self.down.is_empty()
            && self.written.is_none()
    }
}
