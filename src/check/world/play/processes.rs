//! Time, crashes, and other nodes.

use super::*;

impl Transition<'_> {
    pub(super) fn late(&mut self, node: usize, timer: Timer, stale: bool) {
        let clock = self.now.nodes[node].clock(timer);
        if stale {
            clock.stale = false;
        } else {
            clock.late = false;
        }
        let generation = if stale { OLD } else { CURRENT };
        self.feed(node, Event::Expired { timer, generation });
    }

    pub(super) fn crash(&mut self, lossy: bool) {
        self.now.left.crashes -= 1;
        if lossy {
            self.now.left.losses -= 1;
            self.lose_the_end();
        }
        // The next process owns the store before it reads, and what is sent by an earlier owner is stale then.
        self.now.on_its_way = None;
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

    /// The store has the record of before its last commit.
    fn lose_the_end(&mut self) {
        self.now.history += 1;
        self.now.store = self.now.older.take();
        let head = self.now.store.as_ref().map_or(Seq(0), |session| session.log().head);
        // What ran has run, also where the log does not say so any more: of an ask that is still in it, the answer.
        self.now.keys.retain_mut(|key| {
            let kept = key.turn <= head;
            let ran = key.ran && key.client == PEOPLE && key.n.get() <= head.0;
            if !kept {
                key.turn = Seq(0);
            }
            kept || ran
        });
    }

    /// A standby takes the database's place. Nothing is heard any more of what was on its way to the one before, nor of
    /// what that one would have said: had it been heard, that would have been before.
    pub(super) fn fail_over(&mut self, lossy: bool) {
        self.now.left.failovers -= 1;
        if lossy {
            self.lose_the_end();
            // Who has seen nothing of what is lost has seen what there is.
            let (history, head) = (self.now.history, self.now.store.as_ref().map(|s| s.log().head));
            for client in &mut self.now.clients {
                let whole = client.cursor.is_none_or(|(_, seq)| Some(seq) <= head);
                client.history = if whole { history } else { client.history };
            }
        }
        (self.now.older, self.now.aged) = (None, true);
        for flight in &mut self.now.flights {
            flight.lost |= flight.event.is_some();
            if lossy {
                flight.landed = None;
            }
        }
    }

    /// A process opens the store, and recovers what it finds there: at once, or at the first request for it.
    pub(super) fn open(&mut self, eager: bool) {
        self.now.owner = Some(0);
        self.now.nodes[0].up = true;
        if eager {
            self.command(0, None);
        }
    }

    pub(super) fn take_over(&mut self) -> Option<()> {
        self.now.left.takeovers -= 1;
        let other = 1 - self.now.owner?;
        self.fence_off(other);
        self.now.nodes.get_mut(other)?.up = true;
        self.now.owner = Some(other);
        self.command(other, None);
        Some(())
    }
}
