//! One state of everything around a client: page, driver, wire, server.

use std::collections::VecDeque;

use crate::client::{Link, LinkState, PromptId, Welcome};
use crate::ids::{PromptNumber, Seq};
use crate::log::{Cursor, Log, LogId, ResumeFrom};

/// How often something may still happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Budget {
    /// The server's worker puts entries into the log.
    pub outputs: u8,
    /// The server trims its log.
    pub trims: u8,
    /// The server loses the end of its log.
    pub losses: u8,
    /// A connection fails: when it is dialled, or later.
    pub cuts: u8,
    /// The server closes a connection.
    pub closes: u8,
    /// A timer fires although all is well.
    pub alarms: u8,
    /// News of an older socket, a timer that was disarmed, an entry that is applied twice.
    pub late: u8,
    /// The page is hidden, or shown once more.
    pub hides: u8,
    /// The page is told that there is a network.
    pub networks: u8,
    /// The application prompts.
    pub prompts: u8,
    /// The server refuses a prompt.
    pub refusals: u8,
    /// The application interrupts.
    pub commands: u8,
    /// The user stops, or asks again.
    pub stops: u8,
    /// The page is loaded anew.
    pub reloads: u8,
    /// The server sends what no honest server sends.
    pub lies: u8,
    /// Another holder of the client's name takes its place, and prompts.
    pub rivals: u8,
}

/// From client to server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Up {
    /// The hello.
    Hello(Option<Cursor>),
    /// A prompt.
    Prompt(PromptNumber, PromptId),
    /// The suspend notice.
    Suspend,
    /// It is back.
    Resume,
    /// A ping.
    Ping,
    /// An interrupt.
    Command,
}

/// From server to client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Down {
    /// The welcome.
    Welcome(Welcome),
    /// An entry.
    Entry(LogId, Seq),
    /// Entries that are lost.
    Gap(Seq, Seq),
    /// A prompt is accepted.
    Accepted(PromptNumber, Seq),
    /// A prompt is refused.
    Refused(PromptNumber, Option<PromptNumber>),
    /// A prompt is refused, and may be taken later.
    RefusedForNow(PromptNumber),
    /// The answer to a ping.
    Pong,
    /// The server will close.
    Goaway,
    /// The server closes.
    Closed(u16),
}

/// How far a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Dialled.
    Dialled,
    /// Open.
    Open,
    /// Broken: what is in flight may still arrive, nothing else will.
    Broken,
}

/// A connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Wire {
    /// How far it is.
    pub phase: Phase,
    /// What is on its way to the server.
    pub up: VecDeque<Up>,
    /// What is on its way to the client.
    pub down: VecDeque<Down>,
    /// The next entry that the server sends on it; none before the hello.
    pub next: Option<Seq>,
    /// The server holds back.
    pub suspended: bool,
    /// The server has closed it, or will.
    pub closing: bool,
}

impl Wire {
    pub(super) fn new() -> Wire {
        let (up, down) = (VecDeque::new(), VecDeque::new());
        Wire { phase: Phase::Dialled, up, down, next: None, suspended: false, closing: false }
    }

    /// Sends to the client, unless nothing arrives any more.
    pub(super) fn tell(&mut self, down: Down) {
        if self.phase == Phase::Open && !self.closing {
            self.down.push_back(down);
        }
    }
}

/// What the driver has handed over and the application has not applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Handed {
    /// As it was handed over.
    pub epoch: u32,
    /// In which log.
    pub log: LogId,
    /// What.
    pub what: What,
}

/// What is handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum What {
    /// It begins anew, after this entry.
    Anew(Seq),
    /// An entry.
    Entry(Seq),
    /// Entries that are lost.
    Gap(Seq, Seq),
}

/// The first prompt of another holder of the client's name.
pub const RIVAL: PromptId = PromptId(1 << 32);

/// The server: a log, and what it knows of the client's prompts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Server {
    /// Its log.
    pub log: Log,
    /// The prompts that it accepted, in order. Those of another holder of the client's name are [`RIVAL`] and above.
    pub accepted: Vec<(PromptId, Seq)>,
}

impl Server {
    pub(super) fn high(&self) -> Option<PromptNumber> {
        PromptNumber::new(self.accepted.len() as u64)
    }

    /// The welcome, and the first entry that follows.
    pub(super) fn welcome(&self, cursor: Option<Cursor>) -> (Welcome, Seq) {
        let (outcome, next) = self.log.attach(cursor.map_or(ResumeFrom::Nothing, ResumeFrom::At));
        let Log { id: log, base, head } = self.log;
        (Welcome { log, base, head, high: self.high(), outcome, ping_ms: 10 }, next)
    }
}

/// How a prompt fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PromptOutcome {
    /// It is neither accepted nor failed yet.
    Waits,
    /// The application learned that it is accepted.
    Accepted,
    /// The application learned that it failed.
    Failed,
}

/// One state of everything.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WorldState {
    /// The machine under test.
    pub link: Link,
    /// What its driver saved.
    pub stored: LinkState,
    /// What waits for the application.
    pub handed: VecDeque<Handed>,
    /// What the application shows: everything up to here.
    pub shown: Option<Cursor>,
    /// How each prompt fares, in the order in which they were given.
    pub prompts: Vec<PromptOutcome>,
    /// The connection.
    pub wire: Option<Wire>,
    /// A prompt that is still in flight on the connection before.
    pub stray: Option<(PromptNumber, PromptId)>,
    /// The server.
    pub server: Server,
    /// How often something may still happen.
    pub left: Budget,
}
