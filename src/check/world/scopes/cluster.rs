//! The worlds of several nodes on one database: leases, pauses, partitions, results that are not heard.

use super::{NOTHING, QUIET};
use crate::check::world::{Budget, Scope};

/// Two nodes with a lease each, and time in which a commit is on its way.
const CLUSTER: Scope = Scope { nodes: 2, members: Some(2), quick_wire: true, ..QUIET };

/// A node stands still.
pub const PAUSES: Scope = Scope {
    name: "pauses",
    about: "a node is paused, judged and taken over from, and goes on; its commit comes in late",
    budget: Budget { dials: 2, pauses: 1, expiries: 1, late: 1, ..NOTHING },
    ..CLUSTER
};

/// The database cannot be reached.
pub const PARTITIONS: Scope = Scope {
    name: "partitions",
    about: "nodes are cut from the database, one or all, give up or come back",
    budget: Budget { dials: 2, partitions: 2, ..NOTHING },
    ..CLUSTER
};

/// The result of a commit is not heard.
pub const UNKNOWNS: Scope = Scope {
    name: "unknowns",
    about: "the result of a commit is not heard; nodes leave, and release the session",
    budget: Budget { dials: 2, unknowns: 1, expiries: 1, leaves: 1, ..NOTHING },
    ..CLUSTER
};

/// Nobody asks for the session.
pub const ORPHANS: Scope = Scope {
    name: "orphans",
    about: "a node is paused or cut off while another one registers, and nobody asks for its session",
    members: Some(1),
    budget: Budget { dials: 1, pauses: 1, expiries: 1, partitions: 1, ..NOTHING },
    live: true,
    ..CLUSTER
};
