//! What can happen in the world, and when.

use std::fmt;
use std::prelude::v1::*;

use strum::VariantArray;

use super::World;
use super::moment::{Gone, Link, Message, Moment, Phase, Post, Word};
use crate::connection::{self, Trigger};
use crate::ids::Seq;
use crate::log::{Claim, Cursor};
use crate::session::WorkerOutcome;
use crate::words::Timer;

/// Something that can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// A client opens a connection and says hello.
    Dial {
        /// Who.
        client: usize,
        /// Whether the cursor it shows is made up.
        forged: bool,
    },
    /// The server takes the next message of a connection.
    Hear(u8),
    /// The server takes the next message of a connection, and the store fails.
    Unavailable(u8),
    /// The client takes the next frame of a connection.
    Receive(u8),
    /// The server reads the range from the store and writes it.
    Flush(u8),
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
    /// The session is told that a connection is gone.
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
    /// Somebody sends a request of its own.
    Send(Post),
    /// A request arrives.
    Arrive(Post),
    /// A worker takes in what it was told.
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
        /// Whether it recovers the session at once, or when somebody asks for it.
        eager: bool,
    },
    /// Another node takes the session over, while the old one still runs.
    TakeOver,
    /// A node that was taken over from learns it: a process that is fenced off aborts its worker,
    /// closes its connections and forgets the session.
    Fenced(usize),
    /// The record is deleted.
    Purge,
}

/// The classes of actions: fairness is promised by class.
pub const CLASSES: [&str; 15] = [
    "dial", "hear", "receive", "write", "report", "cut", "notice", "prompt", "forge", "hide",
    "post", "work", "timer", "crash", "open",
];

impl Action {
    /// The place of its class in [`CLASSES`].
    pub const fn class(&self) -> usize {
        match self {
            Action::Dial { .. } => 0,
            Action::Hear(_) => 1,
            Action::Receive(_) => 2,
            Action::Flush(_) => 3,
            Action::Written(_) | Action::TellGone(_) => 4,
            Action::Cut(_) | Action::Bye(_) | Action::Drain(_) => 5,
            Action::Notice(_)
            | Action::Silent(_)
            | Action::CloseTimeout(_)
            | Action::HelloTimeout(_) => 6,
            Action::Prompt(_) | Action::Unavailable(_) => 7,
            Action::Forge(..) | Action::LateCall(..) => 8,
            Action::Hide { .. } | Action::Show(_) => 9,
            Action::Send(_) | Action::Arrive(_) => 10,
            Action::Obey(_) | Action::Say(..) | Action::Listen(_) => 11,
            Action::Fire(..) | Action::FireLate(..) | Action::Late(..) => 12,
            Action::Crash { .. } | Action::TakeOver | Action::Purge => 13,
            Action::Fenced(_) => 6,
            Action::Open { .. } => 14,
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Action::Dial { client, forged: false } => write!(f, "client {client} connects"),
            Action::Dial { client, forged: true } => {
                write!(f, "client {client} connects with a made-up cursor")
            }
            Action::Hear(link) => write!(f, "the server hears connection {link}"),
            Action::Unavailable(link) => {
                write!(f, "the server hears connection {link}, and the store fails")
            }
            Action::Receive(link) => write!(f, "a frame of connection {link} arrives"),
            Action::Flush(link) => write!(f, "the server writes to connection {link}"),
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
                write!(f, "the session is told that connection {link} is gone")
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
            Action::Send(post) => write!(f, "somebody posts {post}"),
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
            Action::Fenced(node) => write!(f, "node {node} learns that the session is another's"),
            Action::Purge => f.write_str("the record is deleted"),
        }
    }
}

impl fmt::Display for Post {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Post::Stop { incarnation } => write!(f, "stop of incarnation {incarnation}"),
            Post::Interrupt { turn } => write!(f, "interrupt of turn {turn}"),
            Post::Answer { client, ask } => write!(f, "client {client}'s answer to ask {ask}"),
            Post::Suspend { link, seen } => {
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
            Word::TurnEnded { turn, outcome } => write!(f, "that turn {turn} is {outcome:?}"),
            Word::Exited => f.write_str("good-bye"),
        }
    }
}

impl World {
    /// Appends what may happen. An action that turns out not to be possible is harmless.
    pub(super) fn enabled(&self, now: &Moment, out: &mut Vec<Action>) {
        self.links_may(now, out);
        self.clients_may(now, out);
        self.posts_may(now, out);
        self.workers_may(now, out);
        self.timers_may(now, out);
        self.processes_may(now, out);
    }

    fn links_may(&self, now: &Moment, out: &mut Vec<Action>) {
        for link in &now.links {
            let id = link.id;
            let phase = link.server.phase();
            let open = phase == connection::Phase::Open;
            let served = now.nodes[link.node].up && link.held;
            if served && link.up.first().is_some_and(|first| Self::answers(now, link.node, first)) {
                out.push(Action::Hear(id));
                if self.scope.failing_store && matches!(link.up[0], Message::Prompt { .. }) {
                    out.push(Action::Unavailable(id));
                }
            }
            if link.alive && !link.down.is_empty() {
                out.push(Action::Receive(id));
            }
            if served && open && link.writing.is_some() && link.down.len() < self.scope.pipe {
                out.push(Action::Flush(id));
            }
            if now.nodes[link.node].up && link.written.is_some() {
                out.push(Action::Written(id));
            }
            if link.alive && link.held && now.left.cuts > 0 {
                out.push(Action::Cut(id));
                if self.scope.handshakes && !link.up.contains(&Message::Bye) {
                    out.push(Action::Bye(id));
                }
            }
            if served && !link.alive {
                out.push(Action::Notice(id));
            }
            if link.gone == Gone::Untold {
                out.push(Action::TellGone(id));
            }
            if self.scope.handshakes && served {
                Self::handshakes_may(now, id, phase, out);
            }
            if now.left.late > 0 && self.scope.handshakes {
                out.extend(late_calls(phase).iter().map(|trigger| Action::LateCall(id, *trigger)));
            }
        }
    }

    fn handshakes_may(now: &Moment, id: u8, phase: connection::Phase, out: &mut Vec<Action>) {
        match phase {
            connection::Phase::Connecting => {
                if now.left.late > 0 {
                    out.extend([Action::HelloTimeout(id), Action::Drain(id)]);
                }
            }
            connection::Phase::Open => {
                if now.left.late > 0 {
                    out.extend([Action::Silent(id), Action::Drain(id)]);
                }
            }
            connection::Phase::Closing => out.push(Action::CloseTimeout(id)),
            connection::Phase::Closed => {}
        }
    }

    fn clients_may(&self, now: &Moment, out: &mut Vec<Action>) {
        for (place, client) in now.clients.iter().enumerate() {
            let reachable = now.nodes.iter().any(|node| node.up);
            if client.link.is_none() && now.left.dials > 0 && reachable {
                out.push(Action::Dial { client: place, forged: false });
                if now.left.forgeries > 0 {
                    out.push(Action::Dial { client: place, forged: true });
                }
            }
            let Some(link) = client.link.and_then(|id| now.link(id)) else { continue };
            let quiet = link.up.len() < 2 && !link.up.contains(&Message::Bye);
            if !quiet {
                continue;
            }
            let owed = client.prompted > client.heard;
            if !client.asked && (owed || client.prompted < self.scope.prompts[place]) {
                out.push(Action::Prompt(place));
            }
            if now.left.forgeries > 0 && client.prompted > 0 {
                let n = client.prompted;
                out.extend([(n, 0), (n, 9), (n + 2, 0)].map(|(n, b)| Action::Forge(place, n, b)));
                if n > 1 {
                    out.push(Action::Forge(place, 1, 0));
                }
            }
            if now.left.hides > 0 && client.cursor.is_some() {
                out.push(Action::Hide { client: place, posted: false });
                if self.scope.beacons && now.posts.len() < 2 {
                    out.push(Action::Hide { client: place, posted: true });
                }
            }
            if client.hidden {
                out.push(Action::Show(place));
            }
        }
    }

    fn posts_may(&self, now: &Moment, out: &mut Vec<Action>) {
        let serving = now.nodes.iter().position(|node| node.up);
        let answers = serving.is_some_and(|node| Self::may_own(now, node));
        let arrives = |post: &&Post| answers || matches!(post, Post::Suspend { .. });
        out.extend(now.posts.iter().filter(arrives).map(|post| Action::Arrive(*post)));
        let session = now.nodes.iter().find_map(|node| node.session.as_ref());
        let Some(session) = session.filter(|_| now.left.posts > 0 && now.posts.len() < 2) else {
            return;
        };
        let mut post = |post: Post| {
            if !now.posts.contains(&post) {
                out.push(Action::Send(post));
            }
        };
        if self.scope.stops {
            post(Post::Stop {
                incarnation: u8::try_from(session.incarnation.0).unwrap_or(u8::MAX),
            });
        }
        if self.scope.interrupts {
            if let Some(turn) = session.turn.id() {
                post(Post::Interrupt { turn });
            }
            if let Some(turn) = session.queue.last() {
                post(Post::Interrupt { turn: *turn });
            }
        }
        for ask in &session.asks {
            for client in 0..now.clients.len() {
                post(Post::Answer { client, ask: *ask });
            }
        }
    }

    fn workers_may(&self, now: &Moment, out: &mut Vec<Action>) {
        for (place, worker) in now.workers.iter().enumerate() {
            if worker.said.is_some() && now.nodes[worker.node].up {
                out.push(Action::Listen(place));
            }
            if worker.phase == Phase::Dead || worker.said.is_some() {
                continue;
            }
            if !worker.inbox.is_empty() && worker.phase != Phase::Booting {
                out.push(Action::Obey(place));
            }
            let left = &now.left;
            let mut say = |word| out.push(Action::Say(place, word));
            match worker.phase {
                Phase::Booting => {
                    say(Word::Started);
                    if left.exits > 0 {
                        say(Word::StartFailed);
                    }
                }
                Phase::Busy { turn, interrupted } => {
                    if left.outputs > 0 {
                        say(Word::Output { turn: Some(turn) });
                    }
                    if left.asks > 0 {
                        say(Word::Asked { turn });
                    }
                    let outcome = if interrupted {
                        WorkerOutcome::Interrupted
                    } else {
                        WorkerOutcome::Completed
                    };
                    if worker.inbox.is_empty() {
                        say(Word::TurnEnded { turn, outcome });
                    }
                }
                Phase::Leaving => say(Word::Exited),
                Phase::Idle | Phase::Dead => {}
            }
            if self.scope.asides && left.outputs > 0 {
                say(Word::Output { turn: None });
            }
            if left.exits > 0 && !matches!(worker.phase, Phase::Leaving | Phase::Booting) {
                say(Word::Exited);
            }
        }
    }

    fn timers_may(&self, now: &Moment, out: &mut Vec<Action>) {
        for (place, node) in now.nodes.iter().enumerate().filter(|(_, node)| node.session.is_some())
        {
            for timer in self.scope.timers {
                let clock = node.timers[*timer as usize];
                if clock.armed {
                    out.push(Action::Fire(place, *timer));
                }
                if clock.armed && now.left.late > 0 && self.scope.late_timers && !clock.late {
                    out.push(Action::FireLate(place, *timer));
                }
                if clock.late {
                    out.push(Action::Late(place, *timer, false));
                }
                if clock.stale {
                    out.push(Action::Late(place, *timer, true));
                }
            }
        }
    }

    fn processes_may(&self, now: &Moment, out: &mut Vec<Action>) {
        let up = now.nodes.iter().any(|node| node.up);
        if up && now.left.crashes > 0 {
            out.push(Action::Crash { lossy: false });
            if now.left.losses > 0 && now.older.is_some() {
                out.push(Action::Crash { lossy: true });
            }
        }
        if !up {
            out.push(Action::Open { eager: true });
            if self.scope.lazy {
                out.push(Action::Open { eager: false });
            }
        }
        if up && now.left.takeovers > 0 && now.store.is_some() {
            out.push(Action::TakeOver);
        }
        for (place, node) in now.nodes.iter().enumerate().filter(|(_, node)| node.up) {
            let open = |link: &Link| {
                link.node == place
                    && matches!(
                        link.server.phase(),
                        connection::Phase::Connecting | connection::Phase::Open
                    )
            };
            if now.owner != place && (node.session.is_some() || now.links.iter().any(open)) {
                out.push(Action::Fenced(place));
            }
        }
        if up && now.left.purges > 0 && now.store.is_some() {
            out.push(Action::Purge);
        }
    }

    /// Whether a node's commits count, or would once it opened the store again.
    fn may_own(now: &Moment, node: usize) -> bool {
        now.owner == node || now.left.takeovers > 0
    }

    /// Whether a node answers a message. One whose commits do not count answers commands only by opening
    /// the store again: whoever does so owns the session. If it may not, it is going to be fenced off.
    fn answers(now: &Moment, node: usize, message: &Message) -> bool {
        match message {
            Message::Hello(_) | Message::Prompt { .. } => Self::may_own(now, node),
            Message::Subscribe | Message::Suspend { .. } | Message::Resume | Message::Bye => true,
        }
    }

    /// What a client shows when it connects.
    pub(super) fn claim(now: &Moment, client: usize, forged: bool) -> Claim {
        match (now.clients[client].cursor, forged) {
            (Some((log, seq)), false) => Claim::At(Cursor { log, seq }),
            (None, false) => Claim::Nothing,
            (Some((log, seq)), true) => Claim::At(Cursor { log, seq: Seq(seq.0 + 20) }),
            (None, true) => Claim::Malformed,
        }
    }
}

/// What a task that holds an old connection may still call.
const fn late_calls(phase: connection::Phase) -> &'static [Trigger] {
    use Trigger::*;
    match phase {
        connection::Phase::Connecting => &[Prompt, Send],
        connection::Phase::Open => &[Hello, HelloTimeout],
        connection::Phase::Closing => &[Hello, Prompt, Control, Send, Written, Close, HelloTimeout],
        connection::Phase::Closed => Trigger::VARIANTS,
    }
}
