//! Commits that are sent, come in and are heard, each at its own time.

use super::*;

impl Transition<'_> {
    /// Sends the commit of a step. Until its result is heard, the session is as it was.
    pub(super) fn send_off(&mut self, node: usize, session: Session, event: Event, step: &Step) {
        self.now.flights.push(Flight {
            node,
            via: self.via,
            event: Some(event),
            then: None,
            expect: session.record(),
            record: step.next.record(),
            keys: keys_of(step).collect(),
            landed: None,
            lost: false,
            denied: false,
        });
        self.now.nodes[node].session = Some(session);
    }

    fn flight(&self, node: usize, wanted: impl Fn(&Flight) -> bool) -> Option<usize> {
        self.now.flights.iter().position(|flight| flight.node == node && wanted(flight))
    }

    /// The commit comes in. The store takes it over the record that it builds on, from the session's owner.
    pub(super) fn arrived(&mut self, node: usize) -> Option<()> {
        let place = self.flight(node, |flight| flight.landed.is_none())?;
        let owns = self.now.owner == Some(node);
        let flight = self.now.flights[place].clone();
        let current = self.now.store.as_ref() == Some(&flight.expect);
        let kept = current && (owns || self.bug(Bug::CommitWithoutOwner));
        self.now.flights[place].landed = Some(kept);
        if flight.event.is_none() {
            self.now.flights.remove(place);
        }
        if !kept {
            return Some(());
        }
        if self.now.left.failovers > 0 {
            self.now.older = self.now.store.take();
        }
        self.now.store = Some(flight.record);
        self.now.aged = false;
        self.now.keys.extend(flight.keys);
        let worker = matches!(
            flight.event,
            Some(Event::Started { .. } | Event::Output { .. } | Event::TurnEnded { .. })
        );
        if flight.denied {
            let detail = "a commit comes in that its sender was told is not kept";
            self.breach(Law::NoMeansNo, detail);
        } else if !owns && worker {
            let detail = format!("the worker of node {node} is heard, which is not the owner");
            self.breach(Law::AtMostOneWorker, detail);
        } else if !owns {
            let detail = format!("node {node} commits, and is not the owner");
            self.breach(Law::AtMostOneOwnerCommits, detail);
        }
        Some(())
    }

    /// The node hears what became of its commit.
    pub(super) fn answered(&mut self, node: usize) -> Option<()> {
        let place = self.flight(node, |f| f.landed.is_some() && !f.lost && f.event.is_some())?;
        let flight = self.now.flights.remove(place);
        self.kept(node, &flight);
        Some(())
    }

    /// Goes on where the commit was kept; where it was not, the session is another's.
    fn kept(&mut self, node: usize, flight: &Flight) {
        let (Some(event), Some(true)) = (flight.event, flight.landed) else {
            return self.fence_off(node);
        };
        let Some(session) = self.now.nodes[node].session.take() else { return };
        self.via = flight.via;
        let mut step = core::mem::take(&mut self.evidence.room);
        self.world.machine.step_into(&session, &event, &mut step);
        self.judge(node, &session, &event, &step);
        self.adopt(node, session, event, step);
        if let Some(then) = flight.then {
            self.meet(node);
            self.feed_command(node, then);
        }
    }

    /// The node does not know what became of its commit. The store sees to it that one which has not come in never
    /// will, and then says what it has. A command is answered with no; a fact is sent again.
    pub(super) fn settle_flight(&mut self, node: usize) -> Option<()> {
        let place = self.flight(node, |flight| flight.lost && flight.event.is_some())?;
        let mut flight = self.now.flights.remove(place);
        let event = flight.event?;
        if flight.landed.is_some() || self.now.owner != Some(node) {
            self.kept(node, &flight);
        } else if matches!(event, Event::Attach { .. } | Event::Prompt { .. }) {
            self.via = flight.via;
            if self.bug(Bug::ReadUnsettled) {
                (flight.event, flight.denied) = (None, true);
                self.now.flights.push(flight);
            }
            self.refused(&event);
        } else {
            flight.lost = false;
            self.now.flights.push(flight);
        }
        Some(())
    }

    pub(super) fn lose_reply(&mut self, node: usize) -> Option<()> {
        let place = self.flight(node, |flight| !flight.lost && flight.event.is_some())?;
        self.now.left.unknowns -= 1;
        self.now.flights[place].lost = true;
        Some(())
    }
}

/// The prompts that a step keeps; and the answers to asks that outlived their turns.
pub(super) fn keys_of(step: &Step) -> impl Iterator<Item = Key> {
    step.records.iter().filter_map(|record| {
        let (turn, ran) = (record.seq, false);
        let key = match record.entry {
            EntryMeta::Prompt { client, n } => Some((client, n)),
            EntryMeta::Answer { ask, .. } => {
                let session = &step.next;
                let begins = session.turn.id() == Some(turn) || session.is_queued(turn);
                PromptNumber::new(ask.0).filter(|_| begins).map(|n| (PEOPLE, n))
            }
            EntryMeta::Output { .. }
            | EntryMeta::Ask { .. }
            | EntryMeta::Withdrawn { .. }
            | EntryMeta::TurnEnd { .. }
            | EntryMeta::Closing { .. }
            | EntryMeta::End { .. } => None,
        };
        key.map(|(client, n)| Key { client, n, turn, ran })
    })
}
