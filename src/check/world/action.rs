//! What can happen in the world.

use std::fmt;

use super::world_state::{Request, Word};
use crate::connection::Trigger;
use crate::words::Timer;

/// Something that can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// A client opens a connection and says hello.
    Dial {
        /// Who.
        client: usize,
        /// To which node.
        node: usize,
        /// Whether the cursor it shows is made up.
        forged: bool,
    },
    /// The server takes the next message of a connection.
    Hear(u8),
    /// The server takes the next message of a connection, and the store fails.
    Unavailable(u8),
    /// The server takes the next message of a connection, and the result of its commit is unknown: the commit is
    /// still on its way when the server asks what became of it.
    Unknown(u8),
    /// A commit comes in late.
    Land,
    /// The client takes the next frame of a connection.
    Receive(u8),
    /// The server reads the range from the store and writes it.
    Flush(u8),
    /// As [`Flush`](Action::Flush), and no more than the first entry: that is as much as is read at a time.
    FlushPart(u8),
    /// The server hears that the range is written.
    Written(u8),
    /// The network cuts a connection; the client notices at once, the server later.
    Cut(u8),
    /// The client closes its connection.
    Bye(u8),
    /// The server notices a cut connection.
    Notice(u8),
    /// The server's patience with a silent connection is over.
    Silent(u8),
    /// The client did not answer the close.
    CloseTimeout(u8),
    /// The hello did not come.
    HelloTimeout(u8),
    /// The server wants to close a connection, as when it drains.
    Drain(u8),
    /// A task that still holds an old connection uses it.
    LateCall(u8, Trigger),
    /// The driver feeds the session the loss of a connection.
    TellGone(u8),
    /// A client sends its next prompt, or one that was not answered again.
    Prompt(usize),
    /// A client sends a prompt it has no right to: a number twice, another body, a number too high.
    Forge(usize, u8, u8),
    /// A client goes to the background.
    Hide {
        /// Who.
        client: usize,
        /// Whether the notice goes its own way.
        posted: bool,
    },
    /// A client comes to the foreground on the connection it has.
    Show(usize),
    /// A client sends a request that goes its own way, beside any connection.
    Send(Request),
    /// A request arrives.
    Arrive(Request),
    /// A worker takes its next command.
    Obey(usize),
    /// A worker says something.
    Say(usize, Word),
    /// The node hears it.
    Listen(usize),
    /// A timer fires and is heard.
    Fire(usize, Timer),
    /// A timer fires; the news is on its way.
    FireLate(usize, Timer),
    /// The late news of a timer is heard: of the current generation, or of an old one.
    Late(usize, Timer, bool),
    /// The process dies.
    Crash {
        /// Whether the store loses its last commit with it.
        lossy: bool,
    },
    /// Another process opens the store.
    Open {
        /// Whether it recovers the session at once, or at the first request for it.
        eager: bool,
    },
    /// Another node takes the session over, while the old one still runs.
    TakeOver,
    /// A node that was taken over from opens the store again, with all that it still has.
    TakeBack(usize),
    /// A node that was taken over from learns it: a process that is fenced off aborts its worker,
    /// closes its connections and forgets the session.
    Fenced(usize),
    /// A node is about to leave: it begins nothing new.
    Hold(usize),
    /// The record is deleted.
    Purge,
    /// A node's registration is answered.
    Register(usize),
    /// The lease of a node is over that does not renew it.
    Expire(usize),
    /// The lease of a node is over, although it renews it.
    ExpireEarly(usize),
    /// A node renews its lease, and hears of it.
    Renew(usize),
    /// A node notices that a renewal is overdue.
    Overdue(usize),
    /// A node has been without the database for too long.
    Abandon(usize),
    /// The same, and the news is late.
    AbandonLate(usize),
    /// A node stops doing anything.
    Pause(usize),
    /// It goes on, and knows of nothing.
    Continue(usize),
    /// A node is cut from the database.
    CutOff(usize),
    /// It reaches the database again.
    Heal(usize),
    /// A node's commit comes in at the store.
    Arrived(usize),
    /// A node hears what became of its commit.
    Answered(usize),
    /// The answer to a node's commit is lost.
    LoseReply(usize),
    /// A node asks the store what became of its commit.
    Settle(usize),
    /// A node leaves in good order.
    Leave(usize),
    /// A node that is about to leave lets go of a session.
    Release(usize),
    /// The process of a node dies, and is not started again.
    Die(usize),
    /// The nodes are cut from each other.
    Part,
    /// They reach each other again.
    Meet,
    /// The node that passes a connection on learns that its session is not that node's any more.
    Stray(u8),
    /// A standby takes the database's place.
    FailOver {
        /// Whether it lacks the last commit.
        lossy: bool,
    },
}

/// The classes of actions: fairness is promised by class.
pub const CLASSES: [&str; 20] = [
    "dial", "hear", "receive", "write", "report", "cut", "notice", "prompt", "forge", "hide",
    "post", "work", "timer", "crash", "open", "renew", "lease", "commit", "pause", "heal",
];

impl Action {
    /// The place of its class in [`CLASSES`].
    pub const fn class(&self) -> usize {
        match self {
            Action::Dial { .. } => 0,
            Action::Hear(_) => 1,
            Action::Receive(_) => 2,
            Action::Flush(_) | Action::FlushPart(_) => 3,
            Action::Written(_) | Action::TellGone(_) => 4,
            Action::Cut(_) | Action::Bye(_) | Action::Drain(_) => 5,
            Action::Notice(_)
            | Action::Silent(_)
            | Action::CloseTimeout(_)
            | Action::HelloTimeout(_)
            | Action::Fenced(_)
            | Action::Stray(_) => 6,
            Action::Prompt(_) | Action::Unavailable(_) | Action::Unknown(_) | Action::Land => 7,
            Action::Forge(..) | Action::LateCall(..) => 8,
            Action::Hide { .. } | Action::Show(_) => 9,
            Action::Send(_) | Action::Arrive(_) => 10,
            Action::Obey(_) | Action::Say(..) | Action::Listen(_) => 11,
            Action::Fire(..) | Action::FireLate(..) | Action::Late(..) => 12,
            Action::Crash { .. }
            | Action::TakeOver
            | Action::TakeBack(_)
            | Action::Hold(_)
            | Action::Die(_)
            | Action::FailOver { .. }
            | Action::Purge => 13,
            Action::Open { .. } => 14,
            Action::Register(_) | Action::Renew(_) => 15,
            Action::Expire(_) => 16,
            Action::Arrived(_) | Action::Answered(_) | Action::Settle(_) => 17,
            Action::ExpireEarly(_)
            | Action::Overdue(_)
            | Action::Abandon(_)
            | Action::AbandonLate(_)
            | Action::Pause(_)
            | Action::CutOff(_)
            | Action::Part
            | Action::LoseReply(_)
            | Action::Leave(_)
            | Action::Release(_) => 18,
            Action::Continue(_) | Action::Heal(_) | Action::Meet => 19,
        }
    }
}

impl fmt::Display for Action {
    #[allow(clippy::too_many_lines, reason = "a sentence for each")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Action::Dial { client, node, forged } => {
                write!(f, "client {client} connects")?;
                if *node > 0 {
                    write!(f, " to node {node}")?;
                }
                f.write_str(if *forged { " with a made-up cursor" } else { "" })
            }
            Action::Hear(link) => write!(f, "the server hears connection {link}"),
            Action::Unavailable(link) => {
                write!(f, "the server hears connection {link}, and the store fails")
            }
            Action::Unknown(link) => {
                write!(
                    f,
                    "the server hears connection {link}, and the result of its commit is unknown"
                )
            }
            Action::Land => f.write_str("a commit comes in late"),
            Action::Receive(link) => write!(f, "a frame of connection {link} arrives"),
            Action::Flush(link) => write!(f, "the server writes to connection {link}"),
            Action::FlushPart(link) => {
                write!(f, "the server writes the first entry of its range to connection {link}")
            }
            Action::Written(link) => write!(f, "connection {link} has written its range"),
            Action::Cut(link) => write!(f, "the network cuts connection {link}"),
            Action::Bye(link) => write!(f, "the client closes connection {link}"),
            Action::Notice(link) => write!(f, "the server notices that connection {link} is cut"),
            Action::Silent(link) => write!(f, "connection {link} was silent for too long"),
            Action::CloseTimeout(link) => write!(f, "connection {link} does not answer the close"),
            Action::HelloTimeout(link) => write!(f, "connection {link} says no hello in time"),
            Action::Drain(link) => write!(f, "the server closes connection {link}"),
            Action::LateCall(link, trigger) => {
                write!(f, "an old task still uses connection {link}: {trigger}")
            }
            Action::TellGone(link) => {
                write!(f, "the session is fed the loss of connection {link}")
            }
            Action::Prompt(client) => write!(f, "client {client} prompts"),
            Action::Forge(client, n, digest) => {
                write!(f, "client {client} forges prompt {n} with body {digest}")
            }
            Action::Hide { client, posted: false } => {
                write!(f, "client {client} goes to the background")
            }
            Action::Hide { client, posted: true } => {
                write!(f, "client {client} goes to the background and posts a notice")
            }
            Action::Show(client) => write!(f, "client {client} comes to the foreground"),
            Action::Send(post) => write!(f, "a client posts {post}"),
            Action::Arrive(post) => write!(f, "the post arrives: {post}"),
            Action::Obey(worker) => write!(f, "worker {worker} takes in what it was told"),
            Action::Say(worker, word) => write!(f, "worker {worker} says {word}"),
            Action::Listen(worker) => write!(f, "the server hears worker {worker}"),
            Action::Fire(node, timer) => write!(f, "the {timer} timer of node {node} fires"),
            Action::FireLate(node, timer) => {
                write!(f, "the {timer} timer of node {node} fires, not yet heard")
            }
            Action::Late(node, timer, stale) => {
                let which = if *stale { "an old" } else { "the" };
                write!(f, "node {node} hears late of {which} {timer} timer")
            }
            Action::Crash { lossy: false } => f.write_str("the process is killed"),
            Action::Crash { lossy: true } => {
                f.write_str("the power fails, and the last commit with it")
            }
            Action::Open { eager: true } => {
                f.write_str("a new process opens the store and recovers")
            }
            Action::Open { eager: false } => f.write_str("a new process opens the store"),
            Action::TakeOver => f.write_str("another node takes over"),
            Action::TakeBack(node) => write!(f, "node {node} takes the session back"),
            Action::Fenced(node) => write!(f, "node {node} learns that the session is another's"),
            Action::Hold(node) => write!(f, "node {node} is about to leave"),
            Action::Purge => f.write_str("the record is deleted"),
            Action::Register(node) => write!(f, "node {node} is registered"),
            Action::Expire(node) => write!(f, "the lease of node {node} is over"),
            Action::ExpireEarly(node) => write!(f, "node {node} renews its lease too late"),
            Action::Renew(node) => write!(f, "node {node} asks for another lease"),
            Action::Overdue(node) => write!(f, "node {node} notices that its renewal is overdue"),
            Action::Abandon(node) => write!(f, "node {node} was without the database for too long"),
            Action::AbandonLate(node) => {
                write!(f, "node {node} hears late that it was without the database for too long")
            }
            Action::Pause(node) => write!(f, "node {node} is paused"),
            Action::Continue(node) => write!(f, "node {node} goes on, and knows of nothing"),
            Action::CutOff(node) => write!(f, "node {node} is cut from the database"),
            Action::Heal(node) => write!(f, "node {node} reaches the database again"),
            Action::Arrived(node) => write!(f, "the commit of node {node} comes in"),
            Action::Answered(node) => write!(f, "node {node} hears what became of its commit"),
            Action::LoseReply(node) => write!(f, "the answer to the commit of node {node} is lost"),
            Action::Settle(node) => {
                write!(f, "node {node} asks the store what became of its commit")
            }
            Action::Leave(node) => write!(f, "node {node} leaves in good order"),
            Action::Release(node) => write!(f, "node {node} releases the session"),
            Action::Die(node) => write!(f, "the process of node {node} dies"),
            Action::Part => f.write_str("the nodes are cut from each other"),
            Action::Meet => f.write_str("the nodes reach each other again"),
            Action::Stray(link) => {
                write!(
                    f,
                    "connection {link} was passed on to a node that is not the owner any more"
                )
            }
            Action::FailOver { lossy: false } => {
                f.write_str("a standby with all commits is promoted")
            }
            Action::FailOver { lossy: true } => {
                f.write_str("a standby without the last commit is promoted")
            }
        }
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Request::Stop { incarnation } => write!(f, "stop of incarnation {incarnation}"),
            Request::Interrupt { turn } => write!(f, "interrupt of turn {turn}"),
            Request::Answer { client, ask } => write!(f, "client {client}'s answer to ask {ask}"),
            Request::Suspend { link, seen } => {
                write!(f, "connection {link} is suspended, {seen} seen")
            }
        }
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Word::Started => f.write_str("that it is up"),
            Word::StartFailed => f.write_str("that it cannot start"),
            Word::Output { turn: Some(turn) } => write!(f, "something in turn {turn}"),
            Word::Output { turn: None } => f.write_str("something outside any turn"),
            Word::Asked { turn } => write!(f, "that it asks in turn {turn}"),
            Word::Withdrawn { ask } => write!(f, "that it gives up ask {ask}"),
            Word::TurnWaiting { turn } => write!(f, "that turn {turn} ends with an ask"),
            Word::TurnEnded { turn, outcome } => write!(f, "that turn {turn} is {outcome:?}"),
            Word::Exited => f.write_str("good-bye"),
        }
    }
}
