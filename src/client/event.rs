//! What comes to a client, and what its driver is to do.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::ids::{Generation, PromptNumber, Seq};
use crate::log::{AttachOutcome, Cursor, LogId};
use crate::words::{ClientRule, CloseCode};

use super::words::Timer;

/// The generation of a socket, counted up with each dial: news of an older one changes nothing.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Socket(pub u32);

/// The driver's own name for a prompt that waits, never used twice: the prompt's number may still change,
/// this does not.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct PromptId(pub u64);

/// What a welcome says that concerns the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Welcome {
    /// Which log it is.
    pub log: LogId,
    /// The last entry that was trimmed.
    pub base: Seq,
    /// The last entry.
    pub head: Seq,
    /// The client's own highest accepted prompt.
    pub high: Option<PromptNumber>,
    /// Where the client goes on.
    pub outcome: AttachOutcome,
    /// How often the server pings, in milliseconds.
    pub ping_ms: u32,
}

/// How the server closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Close(pub u16);

impl Close {
    /// What to do about it.
    pub const fn rule(self) -> ClientRule {
        ClientRule::of(self.0)
    }

    /// What the status of a refused upgrade says; none if it says no more than that it failed.
    pub fn of_status(status: u16) -> Option<Close> {
        CloseCode::of_status(status).map(|code| Close(code.number()))
    }

    /// Whether it says that the server leaves, or is not reached by its proxy, or is overloaded: 1001, 1011, 1012
    /// and 1013 (RFC 6455, section 7.4.1, and its registry of close codes). Such a close is about the server, and
    /// never about what the client said.
    pub const fn is_leaving(self) -> bool {
        matches!(self.0, 1001 | 1011 | 1012 | 1013)
    }

    /// Whether a frame was too large.
    pub const fn is_too_big(self) -> bool {
        self.0 == CloseCode::TooBig.number()
    }
}

/// Something that happened. What names a `socket`, a `generation` or an `epoch` is held against the link's
/// own before anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The user wants the session; if that is known already: now.
    Start,
    /// The user does not want it any more.
    Stop,
    /// The page goes to the background.
    Hide,
    /// The page is in the foreground.
    Show {
        /// For how long nothing has been heard.
        silent_ms: u32,
    },
    /// The page is told that there is a network again. That there is none is no event: what the page is told of it may be
    /// wrong (a VPN, a server on the same machine), and a dial that fails costs little.
    Online,
    /// The application prompts.
    Prompt {
        /// A fresh name for it.
        ticket: PromptId,
    },
    /// The application interrupts, stops the session or answers an ask.
    Command,
    /// The application has applied what was handed over.
    Applied {
        /// As it was handed over.
        epoch: u32,
        /// The place it leads to.
        seq: Seq,
        /// Whether it was the notice to begin anew, and no entry or gap.
        notice: bool,
    },
    /// The socket is open.
    Opened {
        /// Which.
        socket: Socket,
    },
    /// The server's first frame.
    Welcome {
        /// Which socket it came on.
        socket: Socket,
        /// What it says.
        welcome: Welcome,
    },
    /// An entry of the log.
    Entry {
        /// Which socket it came on.
        socket: Socket,
        /// Of which log.
        log: LogId,
        /// Its place.
        seq: Seq,
    },
    /// Entries that are lost to this client.
    Gap {
        /// Which socket it came on.
        socket: Socket,
        /// The first one.
        lost_from: Seq,
        /// The last one.
        lost_to: Seq,
    },
    /// A prompt is accepted.
    Accepted {
        /// Which socket it came on.
        socket: Socket,
        /// Which prompt.
        n: PromptNumber,
        /// Its place in the log.
        seq: Seq,
    },
    /// A prompt is refused.
    Refused {
        /// Which socket it came on.
        socket: Socket,
        /// Which prompt.
        n: PromptNumber,
        /// The number that would have been right.
        expected: Option<PromptNumber>,
        /// Whether the same may be taken later, as its [reason](crate::EndpointReason::is_for_now) says.
        #[serde(default)]
        for_now: bool,
    },
    /// The server answered a ping.
    Pong {
        /// Which socket it came on.
        socket: Socket,
    },
    /// The server will close: come back between so many milliseconds.
    Goaway {
        /// Which socket it came on.
        socket: Socket,
        /// Not before,
        least_ms: u32,
        /// and not after.
        most_ms: u32,
    },
    /// The socket failed, or could not be opened.
    Lost {
        /// Which.
        socket: Socket,
    },
    /// The server closed it, or refused to open it.
    Closed {
        /// Which.
        socket: Socket,
        /// With this code.
        code: Close,
        /// Not to come back before, in milliseconds, if the server set it: the `Retry-After` of a refused upgrade.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after_ms: Option<u32>,
    },
    /// A timer fired.
    Timer {
        /// Which.
        timer: Timer,
        /// As it was armed.
        generation: Generation,
    },
}

impl Event {
    /// The socket that the event is news of; none if it is not about one.
    pub const fn socket(&self) -> Option<Socket> {
        match *self {
            Event::Opened { socket }
            | Event::Welcome { socket, .. }
            | Event::Entry { socket, .. }
            | Event::Gap { socket, .. }
            | Event::Accepted { socket, .. }
            | Event::Refused { socket, .. }
            | Event::Pong { socket }
            | Event::Goaway { socket, .. }
            | Event::Lost { socket }
            | Event::Closed { socket, .. } => Some(socket),
            Event::Start
            | Event::Stop
            | Event::Hide
            | Event::Show { .. }
            | Event::Online
            | Event::Prompt { .. }
            | Event::Command
            | Event::Applied { .. }
            | Event::Timer { .. } => None,
        }
    }

    /// Not to come back before, in milliseconds, if a close set it.
    pub(super) const fn after_ms(&self) -> Option<u32> {
        if let Event::Closed { after_ms, .. } = *self { after_ms } else { None }
    }
}

/// How long a timer waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wait {
    /// So long.
    For {
        /// In milliseconds.
        ms: u32,
    },
    /// A random time between the two, drawn by the driver: clients must not come back in step.
    Between {
        /// In milliseconds.
        least_ms: u32,
        /// In milliseconds.
        most_ms: u32,
    },
    /// Until so long after the last dial; not at all, if that is past or there was none.
    Since {
        /// In milliseconds.
        ms: u32,
    },
    /// Until nothing has been heard for so long.
    Silence {
        /// In milliseconds.
        ms: u32,
    },
}

impl Wait {
    /// The time to wait, in milliseconds: `chance` is drawn anew each time, `since_dial_ms`
    /// is the time since the last dial. Both are looked at only where they matter.
    pub fn ms(self, chance: Jitter, since_dial_ms: Option<u32>) -> u32 {
        match self {
            Wait::For { ms } | Wait::Silence { ms } => ms,
            Wait::Between { least_ms, most_ms } => {
                let span = u64::from(most_ms.saturating_sub(least_ms)) + 1;
                let drawn = (span * u64::from(chance.0)) >> 32;
                least_ms.saturating_add(u32::try_from(drawn).unwrap_or(u32::MAX))
            }
            Wait::Since { ms } => since_dial_ms.map_or(0, |since| ms.saturating_sub(since)),
        }
    }
}

/// 32 random bits: a number below 1, in steps of 2⁻³².
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Jitter(pub u32);

/// What the driver does, in order. One that names a socket which is gone is dropped silently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "effect", rename_all = "snake_case")]
pub enum Effect {
    /// Open a socket. There is no other one.
    Dial {
        /// Under this name.
        socket: Socket,
    },
    /// Drop the socket.
    HangUp {
        /// Which.
        socket: Socket,
    },
    /// Keep [`Link::saved`](super::Link::saved), as one value, before anything that follows is done.
    Save,
    /// Arm a timer; it replaces its older self.
    Arm {
        /// Which.
        timer: Timer,
        /// Comes back with [`Event::Timer`].
        generation: Generation,
        /// How long.
        wait: Wait,
    },
    /// Disarm a timer.
    Disarm {
        /// Which.
        timer: Timer,
    },
    /// Send the hello.
    Hello {
        /// What has been handed over so far.
        cursor: Option<Cursor>,
    },
    /// Send the leave.
    SendDetach,
    /// Send the suspend notice.
    SendSuspend {
        /// The last entry that was applied.
        seen: Seq,
    },
    /// Send that the client is back.
    SendResume,
    /// Send a ping.
    SendPing,
    /// Send a prompt.
    SendPrompt {
        /// Under this number.
        n: PromptNumber,
        /// Which.
        ticket: PromptId,
    },
    /// Send the command that the event brought.
    SendCommand,
    /// Hand the notice to the application that it begins anew: what it has of the session is void.
    BeginAnew {
        /// Comes back with [`Event::Applied`],
        epoch: u32,
        /// and so does this: what follows begins after it.
        seq: Seq,
    },
    /// Hand the welcome to the application: it may look, and need not say that it did.
    Welcomed,
    /// Hand the entry to the application.
    Deliver {
        /// Comes back with [`Event::Applied`],
        epoch: u32,
        /// and so does its place.
        seq: Seq,
    },
    /// Tell the application that these entries are lost to it.
    DeliverGap {
        /// Comes back with [`Event::Applied`].
        epoch: u32,
        /// The first one.
        lost_from: Seq,
        /// The last one; comes back with [`Event::Applied`].
        lost_to: Seq,
    },
    /// Tell the application that it has caught up.
    TellCaughtUp,
    /// Tell the application that its prompt is accepted.
    TellAccepted {
        /// Which.
        ticket: PromptId,
        /// Under this number.
        n: PromptNumber,
        /// Its place in the log.
        seq: Seq,
    },
    /// Tell the application that its prompt failed, with what the event says of it: a refusal or a close.
    TellFailed {
        /// Which.
        ticket: PromptId,
    },
    /// Tell the application that the server sent it away, with the event's code.
    TellClosed,
}

/// What outlives the process: kept and restored as one value, beside the prompts' bodies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LinkState {
    /// How far the application has applied the log.
    pub cursor: Option<Cursor>,
    /// The number of the first prompt that waits, or of the next one.
    pub next: Option<PromptNumber>,
    /// Whether the first of them may have been sent.
    pub tried: bool,
    /// The prompts that wait, in order.
    pub outbox: Vec<PromptId>,
}
