//! Nodes on one database: their leases, and whose the session is.

use super::*;
use crate::node;
use crate::routing::Owner;

impl Transition<'_> {
    /// What becomes of a node that hears of its lease, as its table says.
    pub(super) fn member(&mut self, place: usize, trigger: node::Trigger) {
        let row = self.now.members[place].node.step_by(self.world.members, trigger);
        self.evidence.take_member(self.world, row);
        for op in row.ops {
            match op {
                // Timers fire whenever they may.
                node::Op::Disarm | node::Op::ArmLate | node::Op::ArmAbandon => {}
                node::Op::Judge => self.judge_others(place),
                node::Op::AbortAll => self.abort_all(place),
                node::Op::GoodBye => self.now.members[place].dead = true,
            }
        }
    }

    /// The lease is over. What renews from now on has a gap.
    pub(super) fn expire(&mut self, place: usize) {
        let member = &mut self.now.members[place];
        (member.lease, member.steady) = (false, false);
    }

    pub(super) fn expire_early(&mut self, place: usize) {
        self.now.left.expiries -= 1;
        self.expire(place);
    }

    pub(super) fn abandon_late(&mut self, place: usize) {
        self.now.left.late -= 1;
        self.member(place, node::Trigger::Abandoned);
    }

    pub(super) fn pause(&mut self, place: usize) {
        self.now.left.pauses -= 1;
        self.now.members[place].paused = true;
    }

    pub(super) fn renew(&mut self, place: usize) {
        let revives = self.bug(Bug::RenewTheDead);
        let member = &mut self.now.members[place];
        if member.dead && !revives {
            return self.member(place, node::Trigger::Refused);
        }
        let was_dead = core::mem::take(&mut member.dead);
        (member.steady, member.lease) = (member.lease, true);
        if was_dead {
            self.breach(Law::DeadStaysDead, format!("node {place} is dead and renews its lease"));
        }
        self.member(place, node::Trigger::Renewed);
    }

    /// What was judged before is taken over; then those whose lease is over are declared dead. So between the two
    /// anything may happen.
    fn judge_others(&mut self, place: usize) {
        let steady = self.now.members[place].steady;
        if !steady && !self.bug(Bug::JudgeTooSoon) {
            return;
        }
        let nobodys = self.owner(place) == Owner::Nobody && self.now.is_unfinished();
        if nobodys && self.now.is_free(place) && !self.bug(Bug::LeaveOrphans) {
            self.reconcile(place, None, false);
        }
        for other in 0..self.now.members.len() {
            let judged = &mut self.now.members[other];
            let registered = judged.node.state() != node::State::Outside;
            if other == place || judged.dead || judged.lease || !registered {
                continue;
            }
            judged.dead = true;
            if !steady {
                let detail =
                    format!("node {place}, which was silent itself, declares {other} dead");
                self.breach(Law::JudgedByTheSteady, detail);
            }
        }
    }

    /// Whose session it is, as the store says.
    pub(super) fn owner(&self, place: usize) -> Owner {
        let lives = |owner: usize| {
            let Some(member) = self.now.members.get(owner) else { return true };
            !member.dead && (member.lease || !self.bug(Bug::ClaimTheLiving))
        };
        match self.now.owner {
            Some(owner) if owner == place && lives(owner) => Owner::Ours,
            Some(owner) if lives(owner) => Owner::Another,
            Some(_) | None => Owner::Nobody,
        }
    }

    /// Makes the node the session's owner in the store. Returns whether it is: the store takes no claim of the dead.
    pub(super) fn take(&mut self, place: usize) -> bool {
        if self.now.members[place].dead {
            self.member(place, node::Trigger::Refused);
            return false;
        }
        if self.now.owner_lives() {
            let detail = format!("node {place} takes the session from a living one");
            self.breach(Law::AClaimNeedsADeadOwner, detail);
        }
        self.now.owner = Some(place);
        self.now.members[place].unrecovered = true;
        true
    }

    /// Nothing is done here any more, and nobody waits for what is on its way.
    fn abort_all(&mut self, place: usize) {
        self.fence_off(place);
        self.now.workers.retain(|worker| worker.node != place);
        for flight in self.now.flights.iter_mut().filter(|flight| flight.node == place) {
            (flight.event, flight.then, flight.via) = (None, None, None);
        }
        self.now.flights.retain(|flight| flight.event.is_some() || flight.landed.is_none());
    }

    pub(super) fn cut_off(&mut self, place: usize) {
        self.now.left.partitions -= 1;
        self.now.members[place].cut = true;
        for flight in self.now.flights.iter_mut().filter(|flight| flight.node == place) {
            flight.lost |= flight.event.is_some();
        }
    }

    /// The drain is over: no worker runs here.
    pub(super) fn depart(&mut self, place: usize) {
        self.now.left.leaves -= 1;
        self.fence_off(place);
        self.member(place, node::Trigger::Drained);
    }

    /// A node that is about to leave lets go of a session that is at rest, and another one has it at once.
    pub(super) fn release(&mut self, place: usize) {
        self.now.left.leaves -= 1;
        self.fence_off(place);
        self.now.owner = None;
    }
}
