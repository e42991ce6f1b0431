//! One node: whether this process still counts among those that serve the sessions of one database, and the table that
//! rules it.
//!
//! Several processes (*nodes*) may serve one database; a session is owned by one of them at a time. Each node has a
//! *lease* there, and renews it. A node whose lease is over is declared dead by another, and its sessions are taken
//! over. The lease says only *when* that may happen: what keeps two owners apart is the fence in each commit.
//!
//! The driver holds one [`Node`] per process, steps it with what it hears of its lease, and performs the ops. It judges
//! by no clock but the database's: its own says when to renew, and when an answer is overdue. Where one process owns
//! all there is, as with a store in a file, there is no lease: no timer is ever armed, and nobody else is judged.

pub mod table;

use crate::table::Verdict;
use crate::vocabulary::{ops, vocabulary};
use table::{Row, TABLE, Table};

vocabulary! {
    /// What a node is to the others.
    State as "SCREAMING_SNAKE_CASE" {
        Outside = "Not registered yet: it owns nothing.",
        Member = "Registered, and the last renewal was answered in time.",
        Unsure = "A renewal is overdue: the node goes on from its memory, its commits wait, and it judges nobody.",
        Fenced = "The store says that it is dead, or it has given up by itself: for good. Another start is another node.",
        Left = "It said good-bye: what it owned is nobody's, at once.",
    }
}

vocabulary! {
    /// A column of the node's table: what it hears of its lease.
    Trigger as "SCREAMING_SNAKE_CASE" {
        Registered = "The store has the node, with a lease.",
        Renewed = "The store has renewed the lease.",
        Refused = "The store says that the node is dead: another one has judged so, or a newer process has its name.",
        Late = "A lease's time has passed since the last renewal that the store has answered.",
        Abandoned = "The time has passed for which workers are left running without the database.",
        Drained = "The drain is over: no worker runs here any more.",
    }
}

ops! {
    /// What a row does, in the order in which it must be done.
    Op on Trigger {
        Disarm                               = "Disarm the timer that runs.",
        ArmLate                              = "Arm the timer of a lease's time, anew if it runs: it counts from when the answered request was sent.",
        ArmAbandon                           = "Arm the timer after which workers are not left running without the database.",
        Judge                                = "Declare each node dead whose lease is over, and take over what no living node owns. The store does so only for a node that has been renewing for a whole lease without a gap.",
        AbortAll                             = "Abort every worker, forget every session and close every viewer with `moved`. From here on nothing is answered in the node's own name.",
        GoodBye                              = "Tell the store that the node is gone, so that the others need not wait for its lease.",
    }
}

/// One process among those that serve a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Node {
    pub(crate) state: State,
}

impl Default for Node {
    fn default() -> Node {
        Node::new()
    }
}

impl Node {
    /// A process that was just started: OUTSIDE. Register it.
    pub const fn new() -> Node {
        Node { state: State::Outside }
    }

    /// What it is to the others.
    pub const fn state(&self) -> State {
        self.state
    }

    /// What happens: the row whose ops the driver performs, in order.
    ///
    /// ```
    /// use outlive::node::{Node, Op, State, Trigger};
    ///
    /// let mut node = Node::new();
    /// node.step(Trigger::Registered);
    /// assert_eq!(node.step(Trigger::Renewed).ops, [Op::ArmLate, Op::Judge]);
    /// // The database is away for a while: this node's lease is as late as any other's, so it judges nobody.
    /// node.step(Trigger::Late);
    /// assert_eq!(node.step(Trigger::Renewed).ops, [Op::Disarm, Op::ArmLate]);
    /// // Another node has judged it. Whatever it hears now, it stays dead.
    /// assert_eq!(node.step(Trigger::Refused).ops, [Op::Disarm, Op::AbortAll]);
    /// node.step(Trigger::Renewed);
    /// assert_eq!(node.state(), State::Fenced);
    /// ```
    pub fn step(&mut self, trigger: Trigger) -> &'static Row {
        self.step_by(&TABLE, trigger)
    }

    /// As [`step`](Node::step), by another table: for checkers that change a row.
    pub fn step_by(&mut self, by: &Table, trigger: Trigger) -> &'static Row {
        let row = by.rule(self.state, trigger);
        match row.verdict {
            Verdict::Go(state) => self.state = state,
            Verdict::Stay | Verdict::Ignore(_) | Verdict::Refuse(_) => {}
        }
        row
    }
}
