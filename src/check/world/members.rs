//! Several nodes on one database: what each is to the others, its commit that is on its way, and what may happen.

use super::world_state::{Key, Link, Phase, WorldState};
use super::{Action, Bug, World};
use crate::ids::ConnectionId;
use crate::node;
use crate::session::{Event, Session, TurnState};
use crate::words::State;

/// What a node is to the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct Member {
    /// What it takes itself for.
    pub(super) node: node::Node,
    /// The store: its lease is not over.
    pub(super) lease: bool,
    /// The store: it has been renewing for a whole lease without a gap.
    pub(super) steady: bool,
    /// The store: it is dead.
    pub(super) dead: bool,
    /// It does nothing for a while. What it has sent is on its way all the same.
    pub(super) paused: bool,
    /// It does not reach the database.
    pub(super) cut: bool,
    /// It took the session over, and has not recovered it yet.
    pub(super) unrecovered: bool,
}

/// A commit of a node's session, from when it is sent until its result is heard. A node has one at most.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Flight {
    pub(super) node: usize,
    /// The link whose message is being answered.
    pub(super) via: Option<u8>,
    /// What was fed; none when nobody waits for the result any more.
    pub(super) event: Option<Event>,
    /// The command that is fed next: what is taken over is recovered first.
    pub(super) then: Option<Event>,
    /// The record that it builds on: over any other it is stale.
    pub(super) expect: Session,
    /// The record that it makes.
    pub(super) record: Session,
    /// The prompts that it keeps.
    pub(super) keys: Vec<Key>,
    /// Whether the store has taken it, once it has come in.
    pub(super) landed: Option<bool>,
    /// The result will not be heard.
    pub(super) lost: bool,
    /// Somebody was told that it was not kept: only a planted bug says so too soon.
    pub(super) denied: bool,
}

impl Member {
    pub(super) const fn new(registered: bool) -> Member {
        let state = if registered { node::State::Member } else { node::State::Outside };
        Member {
            node: node::Node { state },
            lease: true,
            steady: registered,
            dead: false,
            paused: false,
            cut: false,
            unrecovered: false,
        }
    }

    /// Whether it takes itself for one that serves.
    pub(super) const fn serves(self) -> bool {
        match self.node.state() {
            node::State::Member | node::State::Unsure => true,
            node::State::Outside | node::State::Fenced | node::State::Left => false,
        }
    }
}

impl WorldState {
    /// Whether the node does anything.
    pub(super) fn runs(&self, node: usize) -> bool {
        let member = self.members.get(node);
        self.nodes[node].up && member.is_none_or(|member| member.serves() && !member.paused)
    }

    /// Whether the node waits for the result of a commit.
    pub(super) fn waits(&self, node: usize) -> bool {
        self.flights.iter().any(|flight| flight.node == node && flight.event.is_some())
    }

    /// Whether the node's session can be fed: a driver feeds nothing while it waits for the result of a commit.
    pub(super) fn is_free(&self, node: usize) -> bool {
        self.runs(node) && !self.waits(node)
    }

    /// Whether the node reaches the database.
    pub(super) fn reaches(&self, node: usize) -> bool {
        self.members.get(node).is_none_or(|member| !member.cut)
    }

    /// Whether the store says that the session's owner lives.
    pub(super) fn owner_lives(&self) -> bool {
        self.owner.is_some_and(|owner| self.members.get(owner).is_none_or(|member| !member.dead))
    }

    /// Whether the store has the session, and it has not ended.
    pub(super) fn is_unfinished(&self) -> bool {
        self.store.as_ref().is_some_and(|session| session.state() != State::Ended)
    }

    /// Whether a session that took its owner's place is not recovered yet, or is being recovered.
    pub(super) fn is_recovering(&self, node: usize) -> bool {
        let recovers = |event: &Option<Event>| matches!(event, Some(Event::Restarted { .. }));
        self.members.get(node).is_some_and(|member| member.unrecovered)
            || self.flights.iter().any(|flight| flight.node == node && recovers(&flight.event))
    }

    /// Whether the session is being told that a link is lost.
    pub(super) fn is_leaving(&self, link: ConnectionId) -> bool {
        let told = Some(Event::Lost { connection: link });
        self.flights.iter().any(|flight| flight.event == told)
    }

    /// Whether a link's hello is on its way into the session.
    pub(super) fn is_attaching(&self, link: u8) -> bool {
        self.flights.iter().any(|flight| flight.via == Some(link) && flight.event.is_some())
    }
}

impl WorldState {
    /// The node to which another one passes on what comes for the session: its owner, as the store says.
    pub(super) fn passes_on_to(&self, edge: usize) -> Option<usize> {
        let here = self.nodes[edge].session.is_some();
        self.owner.filter(|owner| !here && *owner != edge && self.owner_lives())
    }

    /// Whether a node that is dialled can do something for the client: a connection waits until it can.
    pub(super) fn can_pass_on(&self, edge: usize) -> bool {
        let accepts = |owner: usize| self.nodes[owner].up && self.members[owner].serves();
        let reaches = |owner: usize| self.runs(edge) && accepts(owner) && !self.parted;
        self.passes_on_to(edge).is_none_or(reaches)
    }

    /// Whether the node that passes a link on can see that it has to let go of it: its other end is gone, or the store
    /// says that the session is not that node's.
    pub(super) fn strays(&self, link: &Link) -> bool {
        let Some(edge) = link.edge.filter(|_| link.alive) else { return false };
        let moved = self.reaches(edge) && !(self.owner == Some(link.node) && self.owner_lives());
        self.runs(edge) && (moved || !link.held && !self.parted)
    }
}

/// A connection is passed on to a node that does not own the session any more, and another one does.
pub(super) fn strayed(now: &WorldState) -> bool {
    let owned = now.owner.is_some_and(|owner| now.owner_lives() && now.nodes[owner].up);
    let elsewhere = |link: &Link| now.strays(link) && now.owner != Some(link.node);
    owned && now.links.iter().any(elsewhere)
}

/// The session's owner is gone or does nothing, and another node could have it.
pub(super) fn orphaned(now: &WorldState) -> bool {
    let serves = |place: usize| {
        let member = &now.members[place];
        now.runs(place) && !member.cut && !member.dead
    };
    let owned = now.owner.is_some_and(serves);
    now.is_unfinished() && !owned && (0..now.members.len()).any(serves)
}

impl World {
    /// Appends what may happen to nodes with a lease.
    pub(super) fn members_may(&self, now: &WorldState, out: &mut Vec<Action>) {
        for (place, member) in now.members.iter().enumerate() {
            self.leases_may(now, place, out);
            if member.node.state() == node::State::Outside {
                out.push(Action::Register(place));
                continue;
            }
            if now.left.pauses > 0 && now.runs(place) {
                out.push(Action::Pause(place));
            }
            if member.paused {
                out.push(Action::Continue(place));
            }
            if now.left.crashes > 0 && now.runs(place) {
                out.push(Action::Die(place));
            }
            let cuts = now.left.partitions > 0 && !self.scope.relays;
            if cuts && now.runs(place) && !member.cut {
                out.push(Action::CutOff(place));
            }
            if member.cut {
                out.push(Action::Heal(place));
            }
            let idle = now.is_free(place) && !member.cut && now.worker_on(place).is_none();
            if now.left.leaves > 0 && idle {
                out.push(Action::Leave(place));
            }
            let at_rest = |session: &Session| {
                matches!(session.turn(), TurnState::Idle) && session.queue().is_empty()
            };
            let owns = now.owner == Some(place) && now.is_free(place) && !member.cut;
            let rests = now.nodes[place].session.as_ref().is_some_and(at_rest);
            if now.left.leaves > 0 && owns && rests {
                out.push(Action::Release(place));
            }
        }
        if now.left.partitions > 0 && self.scope.relays && !now.parted {
            out.push(Action::Part);
        }
        if now.parted {
            out.push(Action::Meet);
        }
        if now.left.failovers > 0 && now.store.is_some() {
            out.push(Action::FailOver { lossy: false });
            if now.older.is_some() {
                out.push(Action::FailOver { lossy: true });
            }
        }
        for flight in &now.flights {
            let (place, waits) = (flight.node, flight.event.is_some());
            if flight.landed.is_none() {
                out.push(Action::Arrived(place));
            }
            let hears = waits && now.runs(place) && now.reaches(place);
            if hears && flight.lost {
                out.push(Action::Settle(place));
            }
            if hears && !flight.lost && flight.landed.is_some() {
                out.push(Action::Answered(place));
            }
            if waits && !flight.lost && now.left.unknowns > 0 {
                out.push(Action::LoseReply(place));
            }
        }
    }

    fn leases_may(&self, now: &WorldState, place: usize, out: &mut Vec<Action>) {
        let member = &now.members[place];
        let (state, runs) = (member.node.state(), now.runs(place));
        let registered = state != node::State::Outside;
        let renews = runs && !member.cut;
        if registered && member.lease && !member.dead {
            // A lease that is not renewed is over at some time; one that is may be so too, if the renewal is slow.
            if !renews {
                out.push(Action::Expire(place));
            } else if now.left.expiries > 0 {
                out.push(Action::ExpireEarly(place));
            }
        }
        if renews && (self.changes_by_renewal(now, place) || state == node::State::Unsure) {
            out.push(Action::Renew(place));
        }
        if runs && !member.lease {
            out.push(Action::Overdue(place));
            if state == node::State::Unsure {
                out.push(Action::Abandon(place));
            }
        }
        let fired = member.serves() || state == node::State::Fenced;
        if now.left.late > 0 && !member.paused && fired {
            out.push(Action::AbandonLate(place));
        }
    }

    /// Whether a renewal would change anything.
    fn changes_by_renewal(&self, now: &WorldState, place: usize) -> bool {
        let member = &now.members[place];
        let others = now.members.iter().enumerate().filter(|(other, _)| *other != place);
        let silent = |(_, other): (usize, &super::members::Member)| {
            !other.dead && !other.lease && other.node.state() != node::State::Outside
        };
        let judges = others.clone().any(silent);
        let takes = now.is_unfinished() && !now.owner_lives() && now.is_free(place);
        let careless = self.bug == Some(Bug::LeaveOrphans);
        member.dead || !member.lease || !member.steady || judges || (takes && !careless)
    }
}

/// A node that is fenced, or has left, holds nothing.
pub(super) fn fenced_holds_nothing(_: &World, now: &WorldState) -> crate::check::Judgement {
    use crate::connection::Phase::{Closed, Closing};
    for (place, member) in now.members.iter().enumerate() {
        if !matches!(member.node.state(), node::State::Fenced | node::State::Left) {
            continue;
        }
        let state = member.node.state();
        if now.nodes[place].session.is_some() {
            return Err(format!("node {place} is {state} and has the session"));
        }
        if now.workers.iter().any(|one| one.node == place && one.phase != Phase::Dead) {
            return Err(format!("node {place} is {state} and has a worker"));
        }
        let open = |phase| !matches!(phase, Closing | Closed);
        if now.links.iter().any(|link| link.node == place && open(link.server.phase())) {
            return Err(format!("node {place} is {state} and has a viewer"));
        }
    }
    Ok(())
}
