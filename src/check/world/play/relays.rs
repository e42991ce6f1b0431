//! Connections that one node passes on to another one, which owns the session.

use super::*;
use crate::routing::Owner;

impl Transition<'_> {
    /// Whether a node that was passed a connection on does not own the session, and has nothing of it either. It says so
    /// before it reads anything.
    pub(super) fn is_misdirected(&self, id: u8) -> bool {
        let Some(link) = self.now.link(id).filter(|link| link.edge.is_some()) else { return false };
        let unheard = matches!(link.up.first(), Some(Message::Hello(_)));
        let here = self.now.nodes[link.node].session.is_some();
        unheard && !here && self.owner(link.node) == Owner::Another
    }

    /// The node that has passed it on hears of it, and asks the store again.
    pub(super) fn misdirected(&mut self, id: u8) -> Option<()> {
        if self.bug(Bug::PassOnAgain) {
            let owner = self.now.owner?;
            self.link(id)?.node = owner;
            self.breach(Law::PassedOnOnce, format!("connection {id} is passed on again"));
            return Some(());
        }
        self.link(id)?.held = false;
        self.stray(id)
    }

    /// The other end of a link is not the owner any more, or is gone. A hello that nothing was heard of is passed on to
    /// the owner that there is by now; a client that was heard is sent away.
    pub(super) fn stray(&mut self, id: u8) -> Option<()> {
        let link = self.link(id)?;
        let (client, edge) = (link.client, link.edge?);
        let hello = link.up.first().copied();
        link.alive = false;
        link.down.clear();
        if !link.held {
            link.up.clear();
        }
        if self.now.clients[client].link != Some(id) {
            return Some(());
        }
        (self.now.clients[client].link, self.now.clients[client].hidden) = (None, false);
        if let Some(Message::Hello(cursor)) = hello {
            if !self.now.can_pass_on(edge) {
                return None;
            }
            self.open_link(client, edge, cursor);
        }
        Some(())
    }

    /// The process is gone, and what it had in memory. Its commits are on their way all the same.
    pub(super) fn die(&mut self, node: usize) {
        self.now.left.crashes -= 1;
        self.now.nodes[node] = Node::down();
        self.now.workers.retain(|worker| worker.node != node);
        for flight in self.now.flights.iter_mut().filter(|flight| flight.node == node) {
            (flight.event, flight.then, flight.via) = (None, None, None);
        }
        self.now.flights.retain(|flight| flight.event.is_some() || flight.landed.is_none());
        for link in &mut self.now.links {
            if link.node == node {
                link.held = false;
                link.up.clear();
                (link.writing, link.written, link.gone) = (None, None, Gone::Told);
            }
            // One that another node passes on goes when that node sees it.
            if link.edge.unwrap_or(link.node) == node {
                link.alive = false;
                link.down.clear();
                let who = &mut self.now.clients[link.client];
                if who.link == Some(link.id) {
                    (who.link, who.hidden, who.away) = (None, false, true);
                }
            }
        }
    }
}
