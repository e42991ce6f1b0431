//! What an action does: the driver, the wire, the clients and the workers, played honestly. The planted
//! bugs are the places where a driver goes wrong in the field.

use core::num::{NonZeroU32, NonZeroU64};
use std::prelude::v1::*;
use std::{format, vec};

use super::action::Action;
use super::moment::{
    Clock, Frame, Gone, Key, Link, Message, Moment, Node, Order, Phase, Post, Word, Worker,
};
use super::{Bug, CURRENT, Evidence, OLD, World};
use crate::connection::{self, Connection, Trigger};
use crate::ids::{ClientId, ConnectionId, Digest, Generation, Incarnation, Seq};
use crate::laws::{self, Breach, Law, Witness};
use crate::log::{AttachOutcome, Claim, Cursor, LogId};
use crate::routing::{self, Durable, Runtime};
use crate::session::{Effect, Entry, Event, Session, Step};
use crate::words::{ClientRule, CloseCode, Timer};

/// One action being played.
pub(super) struct Play<'a> {
    world: &'a World,
    pub(super) now: Moment,
    pub(super) evidence: Evidence,
    /// The link whose message is being answered.
    via: Option<u8>,
}

impl<'a> Play<'a> {
    pub(super) fn new(world: &'a World, now: &Moment) -> Play<'a> {
        Play { world, now: now.clone(), evidence: Evidence::default(), via: None }
    }

    /// Plays the action; none if it is not possible.
    pub(super) fn play(mut self, action: &Action) -> Option<(Moment, Evidence)> {
        match *action {
            Action::Dial { client, forged } => self.dial(client, forged),
            Action::Hear(link) => self.hear(link)?,
            Action::Unavailable(link) => self.unavailable(link)?,
            Action::Receive(link) => self.receive(link)?,
            Action::Flush(link) => self.flush(link)?,
            Action::Written(link) => self.written(link)?,
            Action::Cut(link) => self.cut(link)?,
            Action::Bye(link) => self.bye(link)?,
            Action::Notice(link) => self.connection(link, Trigger::Lost, CloseCode::Normal),
            Action::Silent(link) => self.budgeted(link, Trigger::Silent),
            Action::HelloTimeout(link) => self.budgeted(link, Trigger::HelloTimeout),
            Action::Drain(link) => self.budgeted(link, Trigger::Close),
            Action::LateCall(link, Trigger::Send) => {
                self.now.left.late -= 1;
                self.write(link, Frame::Refused);
            }
            Action::LateCall(link, trigger) => self.budgeted(link, trigger),
            Action::CloseTimeout(link) => {
                self.connection(link, Trigger::CloseTimeout, CloseCode::Normal);
            }
            Action::TellGone(link) => self.tell_gone(link)?,
            Action::Prompt(client) => self.prompt(client)?,
            Action::Forge(client, n, digest) => {
                self.now.left.forgeries -= 1;
                self.message(client, Message::Prompt { n, digest })?;
            }
            Action::Hide { client, posted } => self.hide(client, posted)?,
            Action::Show(client) => self.show(client)?,
            Action::Send(post) => {
                self.now.left.posts -= 1;
                self.now.posts.push(post);
                self.now.posts.sort_unstable();
            }
            Action::Arrive(post) => self.arrive(post)?,
            Action::Obey(worker) => self.obey(worker),
            Action::Say(worker, word) => self.say(worker, word)?,
            Action::Listen(worker) => self.listen(worker)?,
            Action::Fire(node, timer) => {
                self.now.nodes[node].clock(timer).armed = false;
                self.feed(node, Event::Expired { timer, generation: CURRENT });
            }
            Action::FireLate(node, timer) => {
                self.now.left.late -= 1;
                let clock = self.now.nodes[node].clock(timer);
                (clock.armed, clock.late) = (false, true);
            }
            Action::Late(node, timer, stale) => self.late(node, timer, stale),
            Action::Crash { lossy } => self.crash(lossy),
            Action::Open { eager } => self.open(eager),
            Action::TakeOver => self.take_over()?,
            Action::Purge => {
                self.now.left.purges -= 1;
                self.now.store = None;
            }
        }
        if self.world.scope.quick_wire {
            self.deliver();
        }
        self.now.links.retain(|link| !link.forgotten());
        self.now.workers.retain(|worker| worker.phase != Phase::Dead || worker.said.is_some());
        Some((self.now, self.evidence))
    }

    fn breach(&mut self, law: Law, detail: impl Into<String>) {
        if self.evidence.breach.is_none() {
            self.evidence.breach = Some(Breach { law, detail: detail.into() });
        }
    }

    fn bug(&self, bug: Bug) -> bool {
        self.world.bug == Some(bug)
    }

    fn link(&mut self, id: u8) -> Option<&mut Link> {
        self.now.links.iter_mut().find(|link| link.id == id)
    }

    // The clients.

    fn dial(&mut self, client: usize, forged: bool) {
        let cursor = World::claim(&self.now, client, forged);
        let id = self.now.free_id();
        let serving = |node: &Node| node.up && node.session.is_some();
        let node = self.now.nodes.iter().position(serving);
        let node = node.or_else(|| self.now.nodes.iter().position(|node| node.up)).unwrap_or(0);
        self.now.left.dials -= 1;
        self.now.left.forgeries -= u8::from(forged);
        let who = &mut self.now.clients[client];
        (who.link, who.asked, who.hidden, who.away) = (Some(id), false, false, false);
        who.posted = false;
        self.now.links.push(Link {
            id,
            client,
            node,
            server: Connection::new(),
            held: true,
            alive: true,
            writing: None,
            written: None,
            gone: Gone::No,
            down: Vec::new(),
            up: vec![Message::Hello(cursor)],
        });
    }

    /// Sends on the link a client believes in.
    fn message(&mut self, client: usize, message: Message) -> Option<()> {
        let id = self.now.clients[client].link?;
        self.link(id)?.up.push(message);
        Some(())
    }

    fn prompt(&mut self, client: usize) -> Option<()> {
        let who = &mut self.now.clients[client];
        if who.prompted == who.heard {
            who.prompted += 1;
        }
        who.asked = true;
        let n = who.prompted;
        self.message(client, Message::Prompt { n, digest: 0 })
    }

    fn hide(&mut self, client: usize, posted: bool) -> Option<()> {
        let who = &mut self.now.clients[client];
        self.now.left.hides -= 1;
        who.hidden = true;
        who.posted |= posted;
        let (link, (_, seen)) = (who.link?, who.cursor?);
        if posted {
            self.now.posts.push(Post::Suspend { link, seen });
            self.now.posts.sort_unstable();
            Some(())
        } else {
            self.message(client, Message::Suspend { seen })
        }
    }

    /// Back on the same connection; unless the notice went its own way and may still be on it: then the
    /// client hangs up, and comes back on another one.
    fn show(&mut self, client: usize) -> Option<()> {
        let id = self.now.clients[client].link?;
        self.now.clients[client].hidden = false;
        if !self.now.clients[client].posted {
            return self.message(client, Message::Resume);
        }
        let link = self.link(id)?;
        link.alive = false;
        link.down.clear();
        link.up.push(Message::Bye);
        let who = &mut self.now.clients[client];
        (who.link, who.away) = (None, true);
        Some(())
    }

    fn receive(&mut self, id: u8) -> Option<()> {
        let link = self.link(id)?;
        let (client, frame) = (link.client, link.down.remove(0));
        match frame {
            Frame::Welcome { outcome, log, base } => self.welcomed(client, id, outcome, log, base),
            Frame::Entries { from, to, history } => self.apply(client, from, to, history),
            Frame::Gap { from, to } => self.lose(client, from, to),
            Frame::Accepted { n } => {
                let who = &mut self.now.clients[client];
                who.heard = who.heard.max(n.min(who.prompted));
                who.asked = false;
            }
            Frame::Refused => self.now.clients[client].asked = false,
            Frame::Close(code) => {
                let who = &mut self.now.clients[client];
                (who.link, who.hidden) = (None, false);
                who.away = code.client_rule() == ClientRule::Stop && code != CloseCode::Limit;
                let link = self.link(id)?;
                link.alive = false;
                link.down.clear();
                link.up.push(Message::Bye);
            }
        }
        Some(())
    }

    fn welcomed(&mut self, client: usize, id: u8, outcome: AttachOutcome, log: LogId, base: Seq) {
        let history = self.now.history;
        let who = &mut self.now.clients[client];
        who.fence.0 = if self.world.bug == Some(Bug::EchoTheFence) { id } else { 0 };
        let cursor = who.cursor.filter(|(known, _)| *known == log).map(|(_, seq)| seq);
        let (seq, declared) = match outcome {
            AttachOutcome::Fresh | AttachOutcome::Reset { .. } => (base, true),
            AttachOutcome::Resumed { from } => (from.previous(), cursor == Some(from.previous())),
            AttachOutcome::Gap { lost_from, lost_to } => {
                (lost_to, cursor == Some(lost_from.previous()))
            }
        };
        if !matches!(outcome, AttachOutcome::Resumed { .. } | AttachOutcome::Gap { .. }) {
            who.history = history;
        }
        who.cursor = Some((log, seq));
        if !declared {
            self.breach(Law::InOrderWithoutSilentGaps, format!("{outcome:?} for {cursor:?}"));
        }
    }

    fn apply(&mut self, client: usize, from: Seq, to: Seq, history: u8) {
        let who = &mut self.now.clients[client];
        let Some((_, seq)) = &mut who.cursor else { return };
        let (has, known) = (*seq, who.history);
        *seq = to;
        who.history = history;
        if from <= has {
            self.breach(Law::NoDoubleDelivery, format!("{from} to {to} comes after {has}"));
        } else if from > has.next() {
            self.breach(Law::InOrderWithoutSilentGaps, format!("{from} to {to} comes after {has}"));
        } else if known != history && has > Seq(0) {
            let detail = format!("{from} to {to} is of another history than {has}");
            self.breach(Law::InOrderWithoutSilentGaps, detail);
        }
    }

    fn lose(&mut self, client: usize, from: Seq, to: Seq) {
        let Some((_, seq)) = &mut self.now.clients[client].cursor else { return };
        let has = *seq;
        *seq = to;
        if from != has.next() {
            self.breach(Law::InOrderWithoutSilentGaps, format!("gap {from} to {to} after {has}"));
        }
    }

    // The wire.

    fn cut(&mut self, id: u8) -> Option<()> {
        self.now.left.cuts -= 1;
        let link = self.link(id)?;
        link.alive = false;
        link.down.clear();
        let client = link.client;
        let who = &mut self.now.clients[client];
        if who.link == Some(id) {
            (who.link, who.hidden, who.away) = (None, false, true);
        }
        Some(())
    }

    fn bye(&mut self, id: u8) -> Option<()> {
        self.cut(id)?;
        self.link(id)?.up.push(Message::Bye);
        Some(())
    }

    fn budgeted(&mut self, id: u8, trigger: Trigger) {
        self.now.left.late -= 1;
        self.connection(id, trigger, CloseCode::Restart);
    }

    /// Something happens to the server's side of a link: the connection's table says what is done.
    /// Returns whether the event is to be handed on to the session.
    fn connection(&mut self, id: u8, trigger: Trigger, code: CloseCode) {
        _ = self.step_connection(id, trigger, code);
    }

    fn step_connection(&mut self, id: u8, trigger: Trigger, code: CloseCode) -> Did {
        let world = self.world;
        let mut did = Did::default();
        let Some(link) = self.now.links.iter_mut().find(|link| link.id == id) else { return did };
        let was = link.server;
        let row = link.server.step_by(world.connections, trigger, code);
        let held = laws::of_connection(&was, trigger, code, row, &link.server);
        let mut twice = false;
        for op in row.ops {
            match op {
                connection::Op::Admit | connection::Op::Pass => did.passes = true,
                connection::Op::Write => did.writes = true,
                connection::Op::SendClose => {
                    link.writing = None;
                    if link.alive {
                        let code = link.server.code().unwrap_or(code);
                        link.down.push(Frame::Close(code));
                    }
                }
                connection::Op::Gone => {
                    twice = link.gone != Gone::No;
                    link.gone = Gone::Untold;
                }
                connection::Op::Release => {
                    link.held = false;
                    link.writing = None;
                    link.up.clear();
                }
                connection::Op::Code(_)
                | connection::Op::CodeAsAsked
                | connection::Op::DisarmHello
                | connection::Op::DisarmClose
                | connection::Op::ArmClose => {}
            }
        }
        self.evidence.take_connection(world, row);
        if twice {
            self.breach(Law::OneGonePerConnection, format!("{trigger} in {}", was.phase()));
        }
        if let Err(breach) = held {
            self.breach(breach.law, breach.detail);
        }
        did
    }

    /// Puts a frame on the wire, if the connection's table lets it.
    fn write(&mut self, id: u8, frame: Frame) {
        let writes = self.step_connection(id, Trigger::Send, CloseCode::Normal).writes;
        let careless = self.bug(Bug::WriteWithoutAsking);
        let Some(link) = self.link(id) else { return };
        let open = link.server.phase() == connection::Phase::Open;
        if !writes && !careless {
            return;
        }
        if link.alive {
            link.down.push(frame);
        }
        if !open {
            self.breach(Law::NoSendAfterClose, format!("{frame:?} on connection {id}"));
        }
    }

    fn flush(&mut self, id: u8) -> Option<()> {
        let history = self.now.history;
        let link = self.now.link(id)?;
        let ((mut from, to), node) = (link.writing?, link.node);
        let log = self.now.store.as_ref().map(|session| *session.log());
        let owner = self.now.owner == node;
        let Some(log) = log.filter(|log| owner || from > log.base) else {
            self.connection(id, Trigger::Close, CloseCode::Moved);
            return Some(());
        };
        if from <= log.base {
            // The viewer is slow, the log went on.
            if !self.bug(Bug::SkipWhatIsTrimmed) {
                self.link(id)?.writing = None;
                if self.step_connection(id, Trigger::Written, CloseCode::Normal).passes {
                    self.feed(node, Event::Missed { connection: fence(id), from });
                }
                return Some(());
            }
            from = log.base.next();
        }
        if to > log.head {
            let detail = format!("{to} was to be written, the log ends at {}", log.head);
            self.breach(Law::DeliveredIsDurable, detail);
        }
        let link = self.link(id)?;
        link.writing = None;
        link.written = Some(to);
        if link.alive {
            link.down.push(Frame::Entries { from, to, history });
        }
        Some(())
    }

    /// A wire that is not what the world is about: what is written arrives at once.
    fn deliver(&mut self) {
        while let Some(action) = self.now.links.iter().find_map(|link| {
            let open = link.server.phase() == connection::Phase::Open;
            if link.alive && !link.down.is_empty() {
                Some(Next::Receive(link.id))
            } else if link.held && open && link.writing.is_some() {
                Some(Next::Flush(link.id))
            } else {
                link.written.map(|_| Next::Written(link.id))
            }
        }) {
            let done = match action {
                Next::Receive(link) => self.receive(link),
                Next::Flush(link) => self.flush(link),
                Next::Written(link) => self.written(link),
            };
            if done.is_none() {
                break;
            }
        }
    }

    fn written(&mut self, id: u8) -> Option<()> {
        let link = self.link(id)?;
        let (through, node) = (link.written.take()?, link.node);
        if self.step_connection(id, Trigger::Written, CloseCode::Normal).passes {
            self.feed(node, Event::Written { connection: fence(id), through });
        }
        Some(())
    }

    fn tell_gone(&mut self, id: u8) -> Option<()> {
        let link = self.link(id)?;
        link.gone = Gone::Told;
        let (node, client) = (link.node, link.client);
        let mut connection = fence(id);
        if self.bug(Bug::LossByClient) {
            // The registry knows clients, not connections.
            let session = self.now.nodes[node].session.as_ref()?;
            let who = ClientId(client as u64);
            connection = session.connections().iter().find(|c| c.client == who)?.id;
        }
        self.feed(node, Event::Lost { connection });
        Some(())
    }

    // The server.

    fn hear(&mut self, id: u8) -> Option<()> {
        let link = self.link(id)?;
        let (node, client, message) = (link.node, link.client, link.up.remove(0));
        let trigger = match message {
            Message::Hello(_) => Trigger::Hello,
            Message::Prompt { .. } => Trigger::Prompt,
            Message::Suspend { .. } | Message::Resume | Message::Subscribe => Trigger::Control,
            Message::Bye => Trigger::PeerClosed,
        };
        if !self.step_connection(id, trigger, CloseCode::Normal).passes {
            return Some(());
        }
        self.via = Some(id);
        let (connection, client) = (fence(id), ClientId(client as u64));
        match message {
            Message::Hello(cursor) => {
                self.hello(id, node, Event::Attach { connection, client, cursor });
            }
            Message::Subscribe => {
                let log = *self.now.nodes[node].session.as_ref()?.log();
                let cursor = Claim::At(Cursor { log: log.id, seq: log.head });
                self.feed(node, Event::Attach { connection, client, cursor });
            }
            Message::Prompt { n, digest } => {
                let n = NonZeroU64::new(u64::from(n))?;
                let prompt = Event::Prompt { client, n, digest: Digest(u64::from(digest)) };
                self.command(node, prompt);
            }
            Message::Suspend { seen } => self.feed(node, Event::Suspend { connection, seen }),
            Message::Resume => self.feed(node, Event::Resume { connection }),
            Message::Bye => {}
        }
        Some(())
    }

    fn hello(&mut self, id: u8, node: usize, attach: Event) {
        let Event::Attach { client, cursor, .. } = attach else { return };
        let place = usize::try_from(client.0).unwrap_or(0);
        if self.bug(Bug::EchoTheFence) {
            let (heard, issued) = self.now.clients[place].fence;
            if heard != issued {
                self.breach(Law::NewsIsTaken, format!("{attach:?} never reaches the session"));
                return self.connection(id, Trigger::Close, CloseCode::Error);
            }
            self.now.clients[place].fence.1 = id;
        }
        if self.bug(Bug::ReplayThenSubscribe) {
            if let (Claim::At(at), Some(session)) = (cursor, &self.now.nodes[node].session) {
                let (head, history) = (session.log().head, self.now.history);
                if at.seq < head {
                    self.write(id, Frame::Entries { from: at.seq.next(), to: head, history });
                }
                if let Some(link) = self.link(id) {
                    link.up.push(Message::Subscribe);
                }
                return;
            }
        }
        self.command(node, attach);
    }

    fn unavailable(&mut self, id: u8) -> Option<()> {
        let link = self.link(id)?;
        link.up.remove(0);
        if self.step_connection(id, Trigger::Prompt, CloseCode::Normal).passes {
            self.write(id, Frame::Refused);
        }
        Some(())
    }

    fn arrive(&mut self, post: Post) -> Option<()> {
        let place = self.now.posts.iter().position(|other| *other == post)?;
        let node = self.now.nodes.iter().position(|node| node.up)?;
        self.now.posts.remove(place);
        match post {
            Post::Stop { incarnation } => {
                let incarnation = Incarnation(u32::from(incarnation));
                self.command(node, Event::Stop { incarnation });
            }
            Post::Interrupt { turn } => self.command(node, Event::Interrupt { turn }),
            Post::Answer { client, ask } => {
                self.command(node, Event::Answer { client: ClientId(client as u64), ask });
            }
            Post::Suspend { link, seen } => {
                self.feed(node, Event::Suspend { connection: fence(link), seen });
            }
        }
        Some(())
    }

    /// A command goes through the routing table first.
    fn command(&mut self, node: usize, event: Event) {
        let stored = self.now.store.as_ref();
        let durable = Durable::of(stored.map(Session::state));
        let incarnation = stored.map_or(Incarnation(0), Session::incarnation);
        let running =
            self.now.worker_on(node).map(|w| Incarnation(self.now.workers[w].incarnation));
        let row = self.world.routes.rule(durable, Runtime::of(incarnation, running));
        self.evidence.take_routing(self.world, row);
        let owner = self.now.owner == node;
        if !owner && self.now.left.takeovers == 0 && self.now.nodes[self.now.owner].up {
            // Somebody else's: the client is sent there.
            return self.fence_off(node);
        }
        for op in row.ops {
            match op {
                routing::Op::Abort => self.kill(node),
                routing::Op::Recover => {
                    self.claim(node);
                    self.feed(node, Event::Restarted { renew: None });
                }
                routing::Op::Proceed => {
                    self.claim(node);
                    self.feed(node, event);
                }
                routing::Op::NotFound => {
                    self.leave(node);
                    if let Some(id) = self.via {
                        self.connection(id, Trigger::Close, CloseCode::NotFound);
                    }
                }
            }
        }
    }

    /// The node holds what the store holds, and its commits count.
    fn claim(&mut self, node: usize) {
        if self.now.owner != node {
            self.now.left.takeovers = self.now.left.takeovers.saturating_sub(1);
            // What it holds is not what the store holds: its viewers come back and find the truth.
            self.leave(node);
            self.now.owner = node;
        }
        if self.now.nodes[node].session.is_none() {
            self.now.nodes[node].session.clone_from(&self.now.store);
            let limits = self.world.machine.limits();
            let witness = self.now.store.as_ref().map(|session| Witness::of(session, limits));
            self.now.nodes[node].witness = witness;
            self.now.nodes[node].timers = [Clock::default(); 7];
        }
    }

    /// Feeds an event to a node's session: one step, one commit, effects in order.
    fn feed(&mut self, node: usize, event: Event) {
        let Some(session) = self.now.nodes[node].session.take() else { return };
        let step = self.world.machine.step(&session, &event);
        self.judge(node, &session, &event, &step);
        if step.commits() && self.now.owner != node && !self.bug(Bug::CommitWithoutFence) {
            return self.fence_off(node);
        }
        if step.commits() && self.now.owner == node {
            self.commit(&step);
        }
        self.evidence.events.push((node, event));
        for effect in &step.effects {
            self.perform(node, effect);
        }
        if step.refusal().is_some() {
            self.refused(&event);
        }
        let mut next = step.next;
        self.forget_generations(node, &mut next);
        self.now.nodes[node].session = Some(next);
    }

    fn judge(&mut self, node: usize, session: &Session, event: &Event, step: &Step) {
        let limits = *self.world.machine.limits();
        for row in step.rules() {
            self.evidence.take_session(self.world, row);
        }
        let mut held = laws::of_step(&limits, session, event, step);
        if let Some(witness) = &mut self.now.nodes[node].witness {
            held = held.and(witness.observe(&limits, session, event, step));
        }
        if let Err(breach) = held {
            self.breach(breach.law, breach.detail);
        }
    }

    fn commit(&mut self, step: &Step) {
        if self.world.scope.budget.losses > 0 {
            self.now.older = self.now.store.take();
        }
        self.now.store = Some(step.next.record());
        for record in &step.records {
            if let Entry::Prompt { client, n } = record.entry {
                self.now.keys.push(Key { client, n, turn: record.seq, ran: false });
            }
        }
    }

    /// Generations matter only to those that can still come back.
    fn forget_generations(&mut self, node: usize, session: &mut Session) {
        for (clock, generation) in self.now.nodes[node].timers.iter().zip(&mut session.generations)
        {
            let remembered = clock.armed || clock.late || clock.stale;
            *generation = if remembered { CURRENT } else { Generation(0) };
        }
    }

    fn refused(&mut self, event: &Event) {
        let Some(id) = self.via else { return };
        if matches!(event, Event::Attach { .. }) {
            self.connection(id, Trigger::Close, CloseCode::Limit);
        }
        if matches!(event, Event::Prompt { .. }) {
            self.write(id, Frame::Refused);
        }
    }

    fn perform(&mut self, node: usize, effect: &Effect) {
        let id = |connection: ConnectionId| u8::try_from(connection.0).unwrap_or(u8::MAX);
        match *effect {
            // Committed already; what an answer does to a worker is not this world's matter.
            Effect::Commit | Effect::Deliver { .. } => {}
            Effect::Abort { .. } => self.kill(node),
            Effect::Arm { timer, .. } => {
                let clock = self.now.nodes[node].clock(timer);
                clock.stale |= core::mem::take(&mut clock.late);
                clock.armed = true;
            }
            Effect::Disarm { timer } => self.now.nodes[node].clock(timer).armed = false,
            Effect::DisarmAll => {
                self.now.nodes[node].timers.iter_mut().for_each(|c| c.armed = false);
            }
            Effect::Start { incarnation, .. } => self.start(node, incarnation),
            Effect::CloseOut { .. } => self.order(node, Order::CloseOut),
            Effect::Dispatch { turn, .. } => self.order(node, Order::Turn(turn)),
            Effect::Interrupt { turn, .. } => self.order(node, Order::Interrupt(turn)),
            Effect::Accepted { n, .. } => {
                if let Some(link) = self.via {
                    self.write(
                        link,
                        Frame::Accepted { n: u8::try_from(n.get()).unwrap_or(u8::MAX) },
                    );
                }
            }
            Effect::Close { connection, code } => {
                self.connection(id(connection), Trigger::Close, code);
            }
            Effect::Welcome { connection, outcome } => {
                let log = self.now.store.as_ref().map(|session| *session.log());
                let Some(log) = log else { return };
                self.write(id(connection), Frame::Welcome { outcome, log: log.id, base: log.base });
            }
            Effect::Gap { connection, lost_from, lost_to } => {
                self.write(id(connection), Frame::Gap { from: lost_from, to: lost_to });
            }
            Effect::Send { connection, from, to } => self.send(id(connection), from, to),
        }
    }

    fn send(&mut self, id: u8, from: Seq, to: Seq) {
        let writes = self.step_connection(id, Trigger::Send, CloseCode::Normal).writes;
        let careless = self.bug(Bug::WriteWithoutAsking);
        let Some(link) = self.link(id) else { return };
        let open = link.server.phase() == connection::Phase::Open;
        if writes || careless {
            link.writing = Some((from, to));
            if !open {
                self.breach(Law::NoSendAfterClose, format!("{from} to {to} on connection {id}"));
            }
        }
    }

    /// The node's commit was refused: another one owns the session. It does nothing more for it.
    fn fence_off(&mut self, node: usize) {
        self.kill(node);
        self.leave(node);
    }

    /// The node forgets the session and closes its connections.
    fn leave(&mut self, node: usize) {
        self.now.nodes[node].session = None;
        self.now.nodes[node].witness = None;
        self.now.nodes[node].timers = [Clock::default(); 7];
        let links: Vec<u8> =
            self.now.links.iter().filter(|l| l.node == node).map(|l| l.id).collect();
        for id in links {
            self.connection(id, Trigger::Close, CloseCode::Moved);
        }
    }

    // The worker.

    fn start(&mut self, node: usize, incarnation: Incarnation) {
        if self.now.worker_on(node).is_some() {
            let detail = format!("worker {incarnation} is started beside another");
            self.breach(Law::AtMostOneWorker, detail);
        }
        let (incarnation, phase) = (incarnation.0, Phase::Booting);
        let mut inbox = Vec::new();
        inbox.extend(self.now.rerun.take().map(Order::Turn));
        self.now.workers.push(Worker { node, incarnation, phase, inbox, said: None });
    }

    fn order(&mut self, node: usize, order: Order) {
        if let Some(worker) = self.now.worker_on(node) {
            self.now.workers[worker].inbox.push(order);
        }
    }

    fn kill(&mut self, node: usize) {
        if let Some(worker) = self.now.worker_on(node) {
            let worker = &mut self.now.workers[worker];
            worker.phase = Phase::Dead;
            worker.inbox.clear();
        }
    }

    fn obey(&mut self, place: usize) {
        let worker = &mut self.now.workers[place];
        match (worker.inbox.remove(0), worker.phase) {
            (Order::Turn(turn), _) => {
                worker.phase = Phase::Busy { turn, interrupted: false };
                self.run(turn);
            }
            (Order::Interrupt(turn), Phase::Busy { turn: busy, .. }) if busy == turn => {
                worker.phase = Phase::Busy { turn, interrupted: true };
            }
            (Order::Interrupt(_), _) => {}
            (Order::CloseOut, _) => {
                worker.phase = Phase::Leaving;
                worker.inbox.clear();
            }
        }
    }

    /// A prompt runs: for the first time, whatever number its client gave it.
    fn run(&mut self, turn: Seq) {
        let Some(key) = self.now.keys.iter().find(|key| key.turn == turn).copied() else { return };
        let same = |other: &&mut Key| other.client == key.client && other.n == key.n;
        let mut ran = false;
        for other in self.now.keys.iter_mut().filter(same) {
            ran |= core::mem::replace(&mut other.ran, true);
        }
        if ran {
            let detail = format!("prompt {} of client {} runs again", key.n, key.client);
            self.breach(Law::NoPromptRunsTwice, detail);
        }
    }

    fn say(&mut self, place: usize, word: Word) -> Option<()> {
        let left = &mut self.now.left;
        let worker = self.now.workers.get_mut(place)?;
        match word {
            Word::Started | Word::TurnEnded { .. } => worker.phase = Phase::Idle,
            Word::StartFailed => {
                left.exits -= 1;
                worker.phase = Phase::Dead;
            }
            Word::Output { .. } => left.outputs -= 1,
            Word::Asked { .. } => left.asks -= 1,
            Word::Exited => {
                left.exits -= u8::from(worker.phase != Phase::Leaving);
                worker.phase = Phase::Dead;
            }
        }
        if worker.phase == Phase::Dead {
            worker.inbox.clear();
        }
        worker.said = Some(word);
        Some(())
    }

    fn listen(&mut self, place: usize) -> Option<()> {
        let worker = self.now.workers.get_mut(place)?;
        let (node, word) = (worker.node, worker.said.take()?);
        let incarnation = Incarnation(worker.incarnation);
        let count = NonZeroU32::MIN;
        let event = match word {
            Word::Started => Event::Started { incarnation },
            Word::StartFailed => Event::StartFailed { incarnation },
            Word::Output { turn } => Event::Output { incarnation, turn, count },
            Word::Asked { turn } => Event::Asked { incarnation, turn },
            Word::TurnEnded { turn, outcome } => Event::TurnEnded { incarnation, turn, outcome },
            Word::Exited => Event::Exited { incarnation },
        };
        self.feed(node, event);
        Some(())
    }

    // Time and processes.

    fn late(&mut self, node: usize, timer: Timer, stale: bool) {
        let clock = self.now.nodes[node].clock(timer);
        if stale {
            clock.stale = false;
        } else {
            clock.late = false;
        }
        let generation = if stale { OLD } else { CURRENT };
        self.feed(node, Event::Expired { timer, generation });
    }

    fn crash(&mut self, lossy: bool) {
        self.now.left.crashes -= 1;
        if lossy {
            self.now.left.losses -= 1;
            self.now.history += 1;
            self.now.store = self.now.older.take();
            let head = self.now.store.as_ref().map_or(Seq(0), |session| session.log().head);
            self.now.keys.retain(|key| key.turn <= head);
        }
        for node in &mut self.now.nodes {
            *node = Node::down();
        }
        self.now.workers.clear();
        for link in core::mem::take(&mut self.now.links) {
            let who = &mut self.now.clients[link.client];
            if who.link == Some(link.id) {
                (who.link, who.hidden, who.away) = (None, false, true);
            }
        }
    }

    fn open(&mut self, eager: bool) {
        let lost = self.now.store.as_ref().is_some_and(|s| s.log().id != log_id(self.now.history));
        self.now.owner = 0;
        self.now.nodes[0].up = true;
        if self.now.store.is_none() || !(eager || lost) {
            return;
        }
        self.claim(0);
        if self.bug(Bug::RunAgainAfterRestart) {
            self.now.rerun = self.now.store.as_ref().and_then(|session| session.turn().id());
        }
        let kept = self.now.store.as_ref().map(|session| session.log().id);
        let id = kept.filter(|_| self.bug(Bug::KeepTheLogId)).unwrap_or(log_id(self.now.history));
        let renew = lost.then_some(id);
        if self.bug(Bug::ForgetTheKeys) {
            if let Some(session) = &mut self.now.nodes[0].session {
                session.clients.clear();
            }
        }
        self.feed(0, Event::Restarted { renew });
    }

    fn take_over(&mut self) -> Option<()> {
        self.now.left.takeovers -= 1;
        let other = 1 - self.now.owner;
        self.fence_off(other);
        self.now.nodes.get_mut(other)?.up = true;
        self.now.owner = other;
        self.claim(other);
        self.feed(other, Event::Restarted { renew: None });
        Some(())
    }
}

/// What a quick wire does next with a link.
enum Next {
    Receive(u8),
    Flush(u8),
    Written(u8),
}

/// What a connection's row asked for.
#[derive(Clone, Copy, Default)]
struct Did {
    passes: bool,
    writes: bool,
}

const fn fence(id: u8) -> ConnectionId {
    ConnectionId(id as u64)
}

/// The id that the log of a history is given.
pub(super) const fn log_id(history: u8) -> LogId {
    LogId(1 + history as u64)
}
