//! What the clients do: connect, prompt, hide, and apply what they are sent.

use super::*;

impl Transition<'_> {
    pub(super) fn dial(&mut self, client: usize, node: usize, forged: bool) {
        let cursor = World::claim(self.now, client, forged);
        self.now.left.dials -= 1;
        self.now.left.forgeries -= u8::from(forged);
        self.open_link(client, node, cursor);
    }

    /// A connection from a client to a node, which looks up whose the session is before it reads anything.
    pub(super) fn open_link(&mut self, client: usize, node: usize, cursor: ResumeFrom) {
        let id = self.now.free_id();
        let owner = self.now.passes_on_to(node).filter(|_| self.world.scope.relays);
        let (node, edge) = owner.map_or((node, None), |owner| (owner, Some(node)));
        let who = &mut self.now.clients[client];
        (who.link, who.asked, who.hidden, who.away) = (Some(id), false, false, false);
        (who.posted, who.resumed) = (false, false);
        self.now.links.push(Link {
            id,
            client,
            node,
            edge,
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
    pub(super) fn message(&mut self, client: usize, message: Message) -> Option<()> {
        let id = self.now.clients[client].link?;
        self.link(id)?.up.push(message);
        Some(())
    }

    pub(super) fn prompt(&mut self, client: usize) -> Option<()> {
        let who = &mut self.now.clients[client];
        if who.prompted == who.heard {
            who.prompted += 1;
        }
        who.asked = true;
        let n = who.prompted;
        self.message(client, Message::Prompt { n, digest: 0 })
    }

    pub(super) fn hide(&mut self, client: usize, posted: bool) -> Option<()> {
        let who = &mut self.now.clients[client];
        self.now.left.hides -= 1;
        who.hidden = true;
        who.posted |= posted;
        let (link, (_, seen)) = (who.link?, who.cursor?);
        if posted {
            self.now.posts.push(Request::Suspend { link, seen });
            self.now.posts.sort_unstable();
            Some(())
        } else {
            self.message(client, Message::Suspend { seen })
        }
    }

    /// Back on the same connection; unless the notice went its own way and may still be on it: then the
    /// client hangs up, and comes back on another one.
    pub(super) fn show(&mut self, client: usize) -> Option<()> {
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

    pub(super) fn receive(&mut self, id: u8) -> Option<()> {
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
                who.away = match code.client_rule() {
                    ClientRule::Stop | ClientRule::Pause => true,
                    ClientRule::BackOff | ClientRule::Now | ClientRule::Fresh => false,
                };
                let link = self.link(id)?;
                link.alive = false;
                link.down.clear();
                link.up.push(Message::Bye);
            }
        }
        Some(())
    }

    pub(super) fn welcomed(
        &mut self,
        client: usize,
        id: u8,
        outcome: AttachOutcome,
        log: LogId,
        base: Seq,
    ) {
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
        let head = self.now.store.as_ref().map_or(Seq(0), |session| session.log().head);
        let lacks = matches!(outcome, AttachOutcome::Resumed { from } if from <= head);
        who.resumed = lacks && self.world.scope.track_resumption;
        who.cursor = Some((log, seq));
        if !declared {
            self.breach(Law::InOrderWithoutSilentGaps, format!("{outcome:?} for {cursor:?}"));
        }
    }

    pub(super) fn apply(&mut self, client: usize, from: Seq, to: Seq, history: u8) {
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

    pub(super) fn lose(&mut self, client: usize, from: Seq, to: Seq) {
        let who = &mut self.now.clients[client];
        who.resumed = false;
        let Some((_, seq)) = &mut who.cursor else { return };
        let has = *seq;
        *seq = to;
        if from != has.next() {
            self.breach(Law::InOrderWithoutSilentGaps, format!("gap {from} to {to} after {has}"));
        }
    }
}
