//! The driver: one step, one commit, the effects in order.

use super::*;

impl Transition<'_> {
    /// Feeds a command, for which somebody waits. What commits nothing is answered only if the node still owns the
    /// store at this moment. Another one may take the store over before the answer arrives; what is answered was
    /// true then, and a cursor that is shown to the node was made before. A real driver tells its worker of an interrupt
    /// before it asks; of a node that turns out to be fenced off that is the same, for its worker is killed.
    pub(super) fn feed_command(&mut self, node: usize, event: Event) {
        self.play_event(node, event, !self.bug(Bug::AnswerUnconfirmed));
    }

    /// Feeds a fact, for which nobody waits.
    pub(super) fn feed(&mut self, node: usize, event: Event) {
        self.play_event(node, event, false);
    }

    /// One step, one commit, effects in order.
    fn play_event(&mut self, node: usize, event: Event, confirmed: bool) {
        let Some(session) = self.now.nodes[node].session.take() else { return };
        let mut step = core::mem::take(&mut self.evidence.room);
        self.world.machine.step_into(&session, &event, &mut step);
        if let Some(member) = self.now.members.get_mut(node) {
            let recovers = matches!(event, Event::Restarted { .. });
            let unrecovered = core::mem::take(&mut member.unrecovered) && !recovers;
            if member.cut && (step.commits() || confirmed) {
                self.stuck = true;
                return;
            }
            if unrecovered {
                let detail = format!("{event:?} comes before the restart");
                self.breach(Law::UnownedIsRecovered, detail);
            }
            if step.commits() {
                self.send_off(node, session, event, &step);
                self.evidence.room = step;
                return;
            }
        }
        let unknown = self.unknown && matches!(event, Event::Prompt { .. });
        if unknown && step.commits() && self.now.owner == Some(node) {
            self.unknown = false;
            self.send_commit(&event, &step);
            self.settle();
            // The store has the record of before: the commit was not kept.
            self.now.nodes[node].session = Some(session);
            return self.refused(&event);
        }
        self.judge(node, &session, &event, &step);
        let fenced = if step.commits() { !self.bug(Bug::CommitWithoutFence) } else { confirmed };
        if fenced && !self.is_confirmed(node, &session) {
            return self.fence_off(node);
        }
        if step.commits() && self.now.owner == Some(node) {
            self.commit(&step);
        }
        self.adopt(node, session, event, step);
    }

    /// Whether the session is the node's, and its record is the one that the node has.
    fn is_confirmed(&self, node: usize, session: &Session) -> bool {
        let unread = self.now.members.is_empty() || self.bug(Bug::ConfirmTheOwner);
        let current = unread || self.now.store.as_ref().is_some_and(|s| s.is_record_of(session));
        self.now.owner == Some(node) && current
    }

    /// What was committed, or needed no commit, is so: the effects in order, then the next session.
    pub(super) fn adopt(&mut self, node: usize, session: Session, event: Event, mut step: Step) {
        if self.world.scope.track_resumption && session.connections().is_empty() {
            let output = |entry: &EntryMeta| matches!(entry, EntryMeta::Output { .. });
            let first = step.records.iter().find(|record| output(&record.entry));
            self.now.alone = self.now.alone.or(first.map(|record| record.seq));
        }
        self.evidence.events.push((node, event));
        for effect in &step.effects {
            self.perform(node, effect, &step.next);
        }
        self.judge_welcome(&event, &step);
        if step.refusal().is_some() {
            self.refused(&event);
        }
        // The session of before is memory for the next step.
        let mut next = core::mem::replace(&mut step.next, session);
        self.forget_generations(node, &mut next);
        self.now.nodes[node].session = Some(next);
        self.evidence.room = step;
    }

    pub(super) fn judge(&mut self, node: usize, session: &Session, event: &Event, step: &Step) {
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

    /// A cursor that the store's log reaches is no reason to begin anew; one that a lost log has reached is.
    fn judge_welcome(&mut self, event: &Event, step: &Step) {
        let Event::Attach { client, cursor: ResumeFrom::At(cursor), .. } = event else { return };
        let reset =
            |e: &Effect| matches!(e, Effect::Welcome { outcome: AttachOutcome::Reset { .. }, .. });
        let place = usize::try_from(client.0).unwrap_or(0);
        let has = &self.now.clients[place];
        let lost = has.history != self.now.history && cursor.seq > Seq(0);
        // One that has been sent back since it showed the cursor has another one.
        let shows = has.cursor == Some((cursor.log, cursor.seq));
        let welcome = |e: &Effect| matches!(e, Effect::Welcome { .. });
        if lost && shows && step.effects.iter().any(welcome) && !step.effects.iter().any(reset) {
            let detail = format!("a viewer goes on from {}, which is lost", cursor.seq);
            self.breach(Law::LostSuffixChangesTheLogId, detail);
        }
        let log = self.now.store.as_ref().map(|session| *session.log());
        let reached = log.is_some_and(|log| log.id == cursor.log && cursor.seq <= log.head);
        if reached && step.effects.iter().any(reset) {
            let detail = format!("a viewer that has seen {} is sent back", cursor.seq);
            self.breach(Law::ACursorNeverGoesBack, detail);
        }
    }

    pub(super) fn commit(&mut self, step: &Step) {
        if self.world.scope.budget.losses > 0 {
            self.now.older = self.now.store.take();
        }
        match &mut self.now.store {
            Some(store) => step.next.record_into(store),
            store => *store = Some(step.next.record()),
        }
        self.now.keys.extend(flights::keys_of(step));
    }

    /// A commit of which nothing is heard: it is on its way.
    fn send_commit(&mut self, event: &Event, step: &Step) {
        let Event::Prompt { client, n, .. } = *event else { return };
        let turn = step.records.first().map_or(Seq(0), |record| record.seq);
        let late = self.now.store.clone().map(|expect| LateCommit {
            expect,
            record: step.next.record(),
            prompt: Key { client, n, turn, ran: false },
        });
        self.now.on_its_way = late;
    }

    /// The store sees to it that a commit which has not come in never will, before it says what became of it.
    pub(super) fn settle(&mut self) {
        if !self.bug(Bug::ReadUnsettled) {
            self.now.on_its_way = None;
        }
    }

    pub(super) fn land(&mut self) -> Option<()> {
        let LateCommit { record, prompt, .. } = self.now.on_its_way.take()?;
        let (n, client) = (prompt.n, prompt.client);
        self.now.store = Some(record);
        self.now.keys.push(prompt);
        let detail = format!("client {client} was told no, and its prompt {n} is in the log");
        self.breach(Law::NoMeansNo, detail);
        Some(())
    }

    /// Generations matter only to those that can still come back.
    pub(super) fn forget_generations(&mut self, node: usize, session: &mut Session) {
        for (clock, generation) in self.now.nodes[node].timers.iter().zip(&mut session.generations)
        {
            let remembered = clock.armed || clock.late || clock.stale;
            *generation = if remembered { CURRENT } else { Generation(0) };
        }
    }

    pub(super) fn refused(&mut self, event: &Event) {
        let Some(id) = self.via else { return };
        if matches!(event, Event::Attach { .. }) {
            self.connection(id, Trigger::Close, CloseCode::Overloaded);
        }
        if matches!(event, Event::Prompt { .. }) {
            self.write(id, Frame::Refused);
        }
    }

    pub(super) fn perform(&mut self, node: usize, effect: &Effect, next: &Session) {
        let id = |connection: ConnectionId| u8::try_from(connection.0).unwrap_or(u8::MAX);
        match *effect {
            // Committed already.
            Effect::Commit => {}
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
            Effect::Deliver { ask, .. } => self.order(node, Order::Answer(ask)),
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
                let log = next.log();
                self.write(id(connection), Frame::Welcome { outcome, log: log.id, base: log.base });
            }
            Effect::Gap { connection, lost_from, lost_to } => {
                self.write(id(connection), Frame::Gap { from: lost_from, to: lost_to });
            }
            Effect::Send { connection, from, to } => self.send(id(connection), from, to),
        }
    }

    pub(super) fn send(&mut self, id: u8, from: Seq, to: Seq) {
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
    pub(super) fn fence_off(&mut self, node: usize) {
        self.kill(node);
        self.leave(node);
    }

    /// The node forgets the session and closes its connections.
    pub(super) fn leave(&mut self, node: usize) {
        self.now.nodes[node].session = None;
        self.now.nodes[node].witness = None;
        self.now.nodes[node].timers = [Clock::default(); Timer::COUNT];
        let links: Vec<u8> =
            self.now.links.iter().filter(|l| l.node == node).map(|l| l.id).collect();
        for id in links {
            self.connection(id, Trigger::Close, CloseCode::Moved);
        }
    }
}
