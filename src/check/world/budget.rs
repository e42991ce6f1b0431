//! How much may happen.

/// How often the adversary, and the people, may still do what they do. It bounds the world.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Budget {
    /// Connections.
    pub dials: u8,
    /// Entries a worker may write.
    pub outputs: u8,
    /// Asks for approval.
    pub asks: u8,
    /// Suspend notices.
    pub hides: u8,
    /// Connections that the network cuts, or that the client closes.
    pub cuts: u8,
    /// Stops, interrupts and answers.
    pub posts: u8,
    /// Timers that fire and are heard of later, calls of tasks that hold an old connection.
    pub late: u8,
    /// Workers that crash, or leave by themselves.
    pub exits: u8,
    /// Processes that crash.
    pub crashes: u8,
    /// Stores that lose their last commit in a crash.
    pub losses: u8,
    /// Nodes that take the session over from one that still runs.
    pub takeovers: u8,
    /// Records that are deleted.
    pub purges: u8,
    /// Processes that are about to leave, and begin nothing new.
    pub holds: u8,
    /// Ranges of which only a part is written at a time.
    pub pages: u8,
    /// What a hostile or careless client sends.
    pub forgeries: u8,
    /// Nodes that do nothing for a while.
    pub pauses: u8,
    /// Leases that are over although their nodes renew them: the renewal is slow.
    pub expiries: u8,
    /// Nodes that do not reach the database for a while.
    pub partitions: u8,
    /// Commits whose results are not heard.
    pub unknowns: u8,
    /// Nodes that leave, and sessions that are released.
    pub leaves: u8,
    /// Standbys that are promoted in the place of the database.
    pub failovers: u8,
}
