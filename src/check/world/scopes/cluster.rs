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
    about: "the result of a commit is not heard, while its node is judged and taken over from",
    budget: Budget { dials: 2, unknowns: 1, expiries: 1, ..NOTHING },
    ..CLUSTER
};

/// A node goes.
pub const RELEASES: Scope = Scope {
    name: "releases",
    about: "nodes leave, and release the session, while another one is judged",
    budget: Budget { dials: 2, expiries: 1, leaves: 1, ..NOTHING },
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

/// Any node is dialled, and passes on what is another one's.
pub const EDGES: Scope = Scope {
    name: "edges",
    about: "a node passes a connection on to the owner, which is paused, dies or is taken over from meanwhile",
    relays: true,
    budget: Budget { dials: 2, pauses: 1, crashes: 1, ..NOTHING },
    live: true,
    ..CLUSTER
};

/// The nodes do not reach each other.
pub const CUTS: Scope = Scope {
    name: "cuts",
    about: "nodes that pass connections on are cut from each other, release the session, and leave",
    relays: true,
    budget: Budget { dials: 2, partitions: 1, leaves: 1, ..NOTHING },
    live: true,
    ..CLUSTER
};

/// Another database.
pub const FAILOVERS: Scope = Scope {
    name: "failovers",
    about: "a standby takes the database's place, with all commits or without the last one; nodes die, results are lost",
    prompts: &[2],
    budget: Budget { dials: 2, crashes: 1, unknowns: 1, failovers: 1, ..NOTHING },
    ..CLUSTER
};
