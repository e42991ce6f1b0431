//! When what can happen may happen: the bounds of a world.

use strum::VariantArray;

use super::world_state::{Gone, Link, Message, Node, Phase, Request, Word, WorldState};
use super::{Action, Bug, World};
use crate::connection::{self, Trigger};
use crate::ids::Seq;
use crate::log::{Cursor, ResumeFrom};
use crate::session::WorkerOutcome;

impl World {
    /// Appends what may happen. An action that turns out not to be possible is harmless.
    pub(super) fn enabled(&self, now: &WorldState, out: &mut Vec<Action>) {
        self.links_may(now, out);
        self.clients_may(now, out);
        self.posts_may(now, out);
        self.workers_may(now, out);
        self.timers_may(now, out);
        self.processes_may(now, out);
        self.members_may(now, out);
    }

    fn links_may(&self, now: &WorldState, out: &mut Vec<Action>) {
        for link in &now.links {
            let id = link.id;
            let phase = link.server.phase();
            let open = phase == connection::Phase::Open;
            let served = now.is_free(link.node) && link.held;
            let through = now.gets_through(link);
            if served
                && through
                && link.up.first().is_some_and(|first| Self::answers(now, link.node, first))
            {
                out.push(Action::Hear(id));
                if self.scope.failing_store && matches!(link.up[0], Message::Prompt { .. }) {
                    out.extend([Action::Unavailable(id), Action::Unknown(id)]);
                }
            }
            if link.alive && through && !link.down.is_empty() {
                out.push(Action::Receive(id));
            }
            let reads = served && open && now.reaches(link.node);
            if reads && link.writing.is_some() && link.down.len() < self.scope.pipe {
                out.push(Action::Flush(id));
                if now.left.pages > 0 && link.writing.is_some_and(|(from, to)| from < to) {
                    out.push(Action::FlushPart(id));
                }
            }
            if now.is_free(link.node) && link.written.is_some() {
                out.push(Action::Written(id));
            }
            if link.alive && link.held && now.left.cuts > 0 {
                out.push(Action::Cut(id));
                if self.scope.handshakes && !link.up.contains(&Message::Bye) {
                    out.push(Action::Bye(id));
                }
            }
            // Of a link that nothing comes through its pings tell the same.
            if served && (!link.alive || !through) {
                out.push(Action::Notice(id));
            }
            if now.strays(link) && self.bug != Some(Bug::KeepTheLink) {
                out.push(Action::Stray(id));
            }
            let told = now.is_free(link.node) || now.nodes[link.node].session.is_none();
            if told && link.gone == Gone::Untold {
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

    fn handshakes_may(now: &WorldState, id: u8, phase: connection::Phase, out: &mut Vec<Action>) {
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

    fn clients_may(&self, now: &WorldState, out: &mut Vec<Action>) {
        for (place, client) in now.clients.iter().enumerate() {
            if client.link.is_none() && now.left.dials > 0 {
                let dial = |node, forged| Action::Dial { client: place, node, forged };
                out.extend(self.reachable(now).map(|node| dial(node, false)));
                if now.left.forgeries > 0 {
                    out.extend(self.reachable(now).map(|node| dial(node, true)));
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
                if self.scope.suspend_requests && now.posts.len() < 2 {
                    out.push(Action::Hide { client: place, posted: true });
                }
            }
            if client.hidden {
                out.push(Action::Show(place));
            }
        }
    }

    fn posts_may(&self, now: &WorldState, out: &mut Vec<Action>) {
        let serving = now.nodes.iter().position(|node| node.up);
        let answers = serving.is_some_and(|node| Self::may_answer(now, node));
        let arrives = |post: &&Request| answers || matches!(post, Request::Suspend { .. });
        out.extend(now.posts.iter().filter(arrives).map(|post| Action::Arrive(*post)));
        let session = now.nodes.iter().find_map(|node| node.session.as_ref());
        let Some(session) = session.filter(|_| now.left.posts > 0 && now.posts.len() < 2) else {
            return;
        };
        let mut post = |post: Request| {
            if !now.posts.contains(&post) {
                out.push(Action::Send(post));
            }
        };
        if self.scope.stops {
            post(Request::Stop {
                incarnation: u8::try_from(session.incarnation.0).unwrap_or(u8::MAX),
            });
        }
        if self.scope.interrupts {
            if let Some(turn) = session.turn.id() {
                post(Request::Interrupt { turn });
            }
            if let Some(queued) = session.queue.last() {
                post(Request::Interrupt { turn: queued.seq });
            }
        }
        for ask in &session.asks {
            for client in 0..now.clients.len() {
                post(Request::Answer { client, ask: *ask });
            }
        }
    }

    fn workers_may(&self, now: &WorldState, out: &mut Vec<Action>) {
        for (place, worker) in now.workers.iter().enumerate() {
            if worker.said.is_some() && now.is_free(worker.node) {
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
                    if left.asks > 0 && self.scope.waits && worker.inbox.is_empty() {
                        say(Word::TurnWaiting { turn });
                    }
                    let pending =
                        now.nodes[worker.node].session.as_ref().map(|session| &session.asks);
                    for ask in pending.into_iter().flatten() {
                        say(Word::Withdrawn { ask: *ask });
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
            if self.scope.output_outside_turns && left.outputs > 0 {
                say(Word::Output { turn: None });
            }
            if left.exits > 0 && !matches!(worker.phase, Phase::Leaving | Phase::Booting) {
                say(Word::Exited);
            }
        }
    }

    fn timers_may(&self, now: &WorldState, out: &mut Vec<Action>) {
        let fed = |place: usize, node: &Node| node.session.is_some() && now.is_free(place);
        for (place, node) in now.nodes.iter().enumerate().filter(|(place, node)| fed(*place, node))
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

    fn processes_may(&self, now: &WorldState, out: &mut Vec<Action>) {
        if now.on_its_way.is_some() {
            out.push(Action::Land);
        }
        let up = now.nodes.iter().any(|node| node.up);
        if up && now.left.crashes > 0 && now.members.is_empty() {
            out.push(Action::Crash { lossy: false });
            if now.left.losses > 0 && now.older.is_some() {
                out.push(Action::Crash { lossy: true });
            }
        }
        if !up && now.members.is_empty() {
            out.push(Action::Open { eager: true });
            if self.scope.lazy_recovery {
                out.push(Action::Open { eager: false });
            }
        }
        if up && now.left.takeovers > 0 && now.store.is_some() {
            out.push(Action::TakeOver);
        }
        let unaware = now.members.is_empty();
        for (place, node) in now.nodes.iter().enumerate().filter(|(_, node)| unaware && node.up) {
            let open = |link: &Link| {
                link.node == place
                    && matches!(
                        link.server.phase(),
                        connection::Phase::Connecting | connection::Phase::Open
                    )
            };
            if now.owner != Some(place) && (node.session.is_some() || now.links.iter().any(open)) {
                out.push(Action::Fenced(place));
                if node.session.is_some() && now.left.takeovers > 0 {
                    out.push(Action::TakeBack(place));
                }
            }
        }
        if now.left.holds > 0 {
            let stays =
                |node: &Node| node.session.as_ref().is_some_and(|session| !session.draining);
            let nodes = now.nodes.iter().enumerate().filter(|(_, node)| stays(node));
            out.extend(nodes.map(|(place, _)| Action::Hold(place)));
        }
        if up && now.left.purges > 0 && now.store.is_some() {
            out.push(Action::Purge);
        }
    }

    /// The nodes that a client may come to: those that have the session in memory, whoever owns it; where none
    /// has it, the first that runs. Where nodes have leases, each that serves.
    fn reachable(&self, now: &WorldState) -> impl Iterator<Item = usize> {
        let up = now.nodes.iter().position(|node| node.up);
        let any = now.nodes.iter().any(|node| node.up && node.session.is_some());
        let relays = self.scope.relays;
        let nodes = now.nodes.iter().enumerate();
        nodes.filter_map(move |(place, node)| {
            if let Some(member) = now.members.get(place) {
                return (member.serves() && (!relays || now.can_pass_on(place))).then_some(place);
            }
            let serves = if any { node.up && node.session.is_some() } else { up == Some(place) };
            serves.then_some(place)
        })
    }

    /// Whether a node answers commands. One that was taken over from does, from its memory, until it learns of it.
    /// One that has no session in memory opens the store, which makes it the owner; if it may not, it is going to
    /// be fenced off.
    fn may_answer(now: &WorldState, node: usize) -> bool {
        if !now.members.is_empty() {
            return now.reaches(node);
        }
        now.owner == Some(node) || now.nodes[node].session.is_some() || now.left.takeovers > 0
    }

    /// Whether a node answers a message.
    fn answers(now: &WorldState, node: usize, message: &Message) -> bool {
        match message {
            Message::Hello(_) | Message::Prompt { .. } => Self::may_answer(now, node),
            Message::Subscribe | Message::Suspend { .. } | Message::Resume | Message::Bye => true,
        }
    }

    /// What a client shows when it connects.
    pub(super) fn claim(now: &WorldState, client: usize, forged: bool) -> ResumeFrom {
        match (now.clients[client].cursor, forged) {
            (Some((log, seq)), false) => ResumeFrom::At(Cursor { log, seq }),
            (None, false) => ResumeFrom::Nothing,
            (Some((log, seq)), true) => ResumeFrom::At(Cursor { log, seq: Seq(seq.0 + 20) }),
            (None, true) => ResumeFrom::Malformed,
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
