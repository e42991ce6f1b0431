//! What the server hears, through the routing table.

use super::*;

impl Play<'_> {
    pub(super) fn hear(&mut self, id: u8) -> Option<()> {
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

    pub(super) fn unavailable(&mut self, id: u8) -> Option<()> {
        let link = self.link(id)?;
        link.up.remove(0);
        if self.step_connection(id, Trigger::Prompt, CloseCode::Normal).passes {
            self.write(id, Frame::Refused);
        }
        Some(())
    }

    pub(super) fn arrive(&mut self, post: Post) -> Option<()> {
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
    pub(super) fn command(&mut self, node: usize, event: Event) {
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
    pub(super) fn claim(&mut self, node: usize) {
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
}
