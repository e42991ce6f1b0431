//! What the server hears, through the routing table.

use super::*;
use crate::routing::Owner;

impl Transition<'_> {
    pub(super) fn hear(&mut self, id: u8) -> Option<()> {
        if self.is_misdirected(id) {
            return self.misdirected(id);
        }
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
        let principal = self.world.scope.principal(client);
        match message {
            Message::Hello(cursor) => {
                self.hello(id, node, Event::Attach { connection, client, principal, cursor });
            }
            Message::Subscribe => {
                let log = *self.now.nodes[node].session.as_ref()?.log();
                let cursor = ResumeFrom::At(Cursor { log: log.id, seq: log.head });
                self.feed(node, Event::Attach { connection, client, principal, cursor });
            }
            Message::Prompt { n, digest } => {
                let n = NonZeroU64::new(u64::from(n))?;
                let prompt =
                    Event::Prompt { client, principal, n, digest: Digest(u64::from(digest)) };
                self.command(node, Some(prompt));
            }
            Message::Suspend { seen } => self.feed(node, Event::Suspend { connection, seen }),
            Message::Resume => self.feed(node, Event::Resume { connection }),
            Message::Bye => {}
        }
        Some(())
    }

    pub(super) fn hello(&mut self, id: u8, node: usize, attach: Event) {
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
            if let (ResumeFrom::At(at), Some(session)) = (cursor, &self.now.nodes[node].session) {
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
        self.command(node, Some(attach));
    }

    pub(super) fn unavailable(&mut self, id: u8) -> Option<()> {
        let link = self.link(id)?;
        link.up.remove(0);
        if self.step_connection(id, Trigger::Prompt, CloseCode::Normal).passes {
            self.write(id, Frame::Refused);
        }
        Some(())
    }

    /// The server asks what became of the commit while nothing else of the session happens, so all that matters is
    /// whether the commit has come in by then. If it has, that is as if its result had been heard.
    pub(super) fn unknown(&mut self, id: u8) -> Option<()> {
        self.unknown = true;
        self.hear(id)?;
        // It had nothing to commit, or was not handed on.
        if self.unknown { None } else { Some(()) }
    }

    pub(super) fn arrive(&mut self, post: Request) -> Option<()> {
        let place = self.now.posts.iter().position(|other| *other == post)?;
        let node = self.now.nodes.iter().position(|node| node.up)?;
        self.now.posts.remove(place);
        match post {
            Request::Stop { incarnation } => {
                let incarnation = Incarnation(u32::from(incarnation));
                self.command(node, Some(Event::Stop { incarnation }));
            }
            Request::Interrupt { turn } => self.command(node, Some(Event::Interrupt { turn })),
            Request::Answer { client, ask } => {
                let client = ClientId(client as u64);
                let principal = self.world.scope.principal(client);
                self.command(node, Some(Event::Answer { client, principal, ask }));
            }
            Request::Suspend { link, seen } => {
                self.feed(node, Event::Suspend { connection: fence(link), seen });
            }
        }
        Some(())
    }

    /// A command goes through the routing table first. A process that recovers what it finds in the
    /// store goes the same way, and has no command.
    ///
    /// A node that was taken over from, and does not know it yet, goes by what it has in memory.
    pub(super) fn command(&mut self, node: usize, event: Option<Event>) {
        let loaded = self.now.nodes[node].session.is_some();
        // Where nodes have leases, a hello is looked up, and everything else goes by what the node has in memory.
        let unaware = if self.now.members.is_empty() {
            loaded && self.now.owner != Some(node)
        } else {
            loaded && !matches!(event, Some(Event::Attach { .. }))
        };
        self.reconcile(node, event, unaware);
    }

    /// What is known of the session is held against what the node has, and the command is fed.
    pub(super) fn reconcile(&mut self, node: usize, event: Option<Event>, unaware: bool) {
        let stored = if unaware { &self.now.nodes[node].session } else { &self.now.store }.as_ref();
        let durable = Durable::of(stored.map(Session::state));
        let incarnation = stored.map_or(Incarnation(0), Session::incarnation);
        let running =
            self.now.worker_on(node).map(|w| Incarnation(self.now.workers[w].incarnation));
        let owner =
            if unaware || self.now.members.is_empty() { Owner::Ours } else { self.owner(node) };
        let runtime = match self.now.nodes[node].session {
            Some(_) => Runtime::of(owner, incarnation, running),
            None => Runtime::unloaded(owner, running),
        };
        let row = self.world.routes.rule(durable, runtime);
        self.evidence.take_routing(self.world, row);
        for op in row.ops {
            match op {
                routing::Op::Abort => self.kill(node),
                routing::Op::Recover => {
                    self.claim(node, unaware);
                    let renew = self.renewed();
                    if !self.bug(Bug::ServeUnrecovered) {
                        self.feed(node, Event::Restarted { renew });
                    }
                }
                routing::Op::Proceed => {
                    self.claim(node, unaware);
                    if self.now.waits(node) {
                        self.follow(node, event);
                        continue;
                    }
                    self.meet(node);
                    if let Some(event) = event {
                        self.feed_command(node, event);
                    }
                }
                routing::Op::Claim => {
                    if !self.take(node) {
                        return;
                    }
                }
                // No world has links between nodes: the client is sent away, and comes to the owner.
                routing::Op::Forward => self.leave(node),
                routing::Op::NotFound => {
                    self.leave(node);
                    if let Some(id) = self.via {
                        self.connection(id, Trigger::Close, CloseCode::NotFound);
                    }
                }
            }
        }
    }

    /// The command is fed when the session is recovered.
    fn follow(&mut self, node: usize, event: Option<Event>) {
        let via = self.via;
        let recovery = self.now.flights.iter_mut().find(|flight| flight.node == node);
        if let Some(recovery) = recovery {
            (recovery.then, recovery.via) = (event, via);
        }
    }

    /// The new id of the log, if the store lost its end since it was opened last.
    fn renewed(&self) -> Option<LogId> {
        let kept = self.now.store.as_ref()?.log().id;
        if !self.now.members.is_empty() {
            let keeps = self.bug(Bug::KeepTheLogId);
            return self.now.aged.then_some(if keeps { kept } else { LogId(kept.0 + 1) });
        }
        let current = log_id(self.now.history);
        let lost = kept != current;
        lost.then_some(if self.bug(Bug::KeepTheLogId) { kept } else { current })
    }

    /// A command meets a session that is as its state says.
    pub(super) fn meet(&mut self, node: usize) {
        let Some(session) = &self.now.nodes[node].session else { return };
        let state = session.state();
        if judge::counts_on_a_worker(state) && self.now.worker_on(node).is_none() {
            self.breach(Law::CommandsMeetTheTruth, format!("{state}, and no worker"));
        }
    }

    /// The node has what the store has, and its commits count: the newest opener owns the store. One that does
    /// not know better believes so.
    fn claim(&mut self, node: usize, unaware: bool) {
        if unaware {
            return;
        }
        if self.now.owner != Some(node) {
            self.now.left.takeovers -= 1;
            self.leave(node);
            self.now.owner = Some(node);
        }
        if self.now.nodes[node].session.is_none() {
            self.now.nodes[node].session.clone_from(&self.now.store);
            let limits = self.world.machine.limits();
            let witness = self.now.store.as_ref().map(|session| Witness::restored(session, limits));
            self.now.nodes[node].witness = witness;
            self.now.nodes[node].timers = [Clock::default(); Timer::COUNT];
            if self.bug(Bug::RunAgainAfterRestart) {
                self.now.rerun = self.now.store.as_ref().and_then(|session| session.turn().id());
            }
            if self.bug(Bug::ForgetTheKeys) {
                if let Some(session) = &mut self.now.nodes[node].session {
                    session.clients.clear();
                }
            }
        }
    }
}
