//! The worlds that are explored: each small enough to be complete, each about something.

mod cluster;
mod nightly;
mod small;

use super::{Budget, Scope};
use crate::session::limits::Limits;
use crate::words::Timer;
pub use cluster::{CUTS, EDGES, FAILOVERS, ORPHANS, PARTITIONS, PAUSES, RELEASES, UNKNOWNS};
pub use nightly::NIGHTLY;
pub use small::{LATE, SMALL_WORLDS};

/// Nothing happens, nothing is left: what the scopes below begin from.
const NOTHING: Budget = Budget {
    dials: 0,
    outputs: 0,
    asks: 0,
    hides: 0,
    cuts: 0,
    posts: 0,
    late: 0,
    exits: 0,
    crashes: 0,
    losses: 0,
    takeovers: 0,
    purges: 0,
    holds: 0,
    pages: 0,
    forgeries: 0,
    pauses: 0,
    expiries: 0,
    partitions: 0,
    unknowns: 0,
    leaves: 0,
    failovers: 0,
};

/// Small limits, so that every one of them is met.
const SMALL: Limits = Limits {
    connections: 2,
    connections_per_principal: 2,
    queued: 1,
    queued_per_principal: 1,
    asks: 1,
    clients: 2,
    clients_per_principal: 2,
    batch: 2,
    retention: 3,
    pinned: 9,
    idle_ms: 1,
    start_ms: 1,
    turn_ms: Some(1),
    interrupt_ms: 1,
    detach_ms: 1,
    grace_ms: 1,
    closeout_ms: 1,
};

const QUIET: Scope = Scope {
    name: "quiet",
    about: "nothing",
    nodes: 1,
    members: None,
    relays: false,
    prompts: &[1],
    principals: 1,
    limits: SMALL,
    budget: NOTHING,
    timers: &[],
    pipe: 2,
    quick_wire: false,
    handshakes: false,
    suspend_requests: false,
    stops: false,
    interrupts: false,
    late_timers: false,
    output_outside_turns: false,
    waits: false,
    failing_store: false,
    lazy_recovery: false,
    track_resumption: false,
    symmetric: false,
    live: false,
};

/// The worlds of every run.
pub const DEFAULT: &[Scope] = &[
    RECONNECTS,
    SUSPENDS,
    TURNS,
    APPROVALS,
    WAITING,
    CLOSING,
    ENDINGS,
    CRASHES,
    LOSSES,
    TWO_CLIENTS,
    CROWDED,
    SHARES,
    HOSTILE,
    HANDSHAKES,
    TAKEOVERS,
    REPLACED,
    PAUSES,
    PARTITIONS,
    UNKNOWNS,
    RELEASES,
    ORPHANS,
    EDGES,
    CUTS,
    FAILOVERS,
    DRAINS,
    PAGES,
    EVERYTHING,
];

/// How large the worlds are: states and steps. A world that silently shrinks proves less. A change of the table
/// that changes the counts writes the new ones here, and its commit says why they differ.
pub const PINNED: &[(&str, u64, u64)] = &[
    ("reconnects", 352_664, 1_416_807),
    ("suspends", 653_248, 2_964_102),
    ("turns", 1_089_660, 4_500_225),
    ("approvals", 5_536, 14_552),
    ("waiting", 433_718, 1_152_915),
    ("closing", 522_500, 2_347_293),
    ("endings", 77_020, 232_955),
    ("crashes", 89_799, 379_335),
    ("losses", 78_062, 194_101),
    ("two_clients", 769_048, 2_495_993),
    ("crowded", 265_682, 1_052_392),
    ("shares", 331_807, 1_262_245),
    ("hostile", 45_790, 162_002),
    ("handshakes", 9_743, 73_902),
    ("takeovers", 424_848, 2_310_530),
    ("replaced", 44_187, 155_519),
    ("pauses", 316_406, 1_849_315),
    ("partitions", 312_171, 1_682_604),
    ("unknowns", 40_905, 183_932),
    ("releases", 165_356, 755_326),
    ("orphans", 119_753, 605_576),
    ("edges", 162_819, 744_012),
    ("cuts", 51_412, 169_695),
    ("failovers", 174_639, 493_247),
    ("drains", 314_955, 1_436_569),
    ("pages", 248_274, 1_032_381),
    ("everything", 2_225_168, 10_172_960),
    ("nightly_reconnects", 1_248_182, 6_874_311),
    ("nightly_suspends", 9_234_852, 54_718_631),
    ("nightly_turns", 4_182_523, 19_604_923),
    ("nightly_late", 2_772_082, 12_707_888),
    ("nightly_closing", 11_941_200, 62_766_149),
    ("nightly_two_clients", 11_014_668, 53_022_898),
    ("nightly_everything", 8_818_167, 45_593_652),
    ("nightly_outputs", 3_805_387, 17_637_226),
    ("nightly_crashes", 3_038_541, 13_817_043),
    ("nightly_pages", 4_643_257, 22_571_939),
];

/// Every scope there is.
pub fn all() -> impl Iterator<Item = &'static Scope> {
    DEFAULT.iter().chain(NIGHTLY).chain(SMALL_WORLDS)
}

/// The scope with this name.
pub fn named(name: &str) -> Option<Scope> {
    all().find(|scope| scope.name == name).cloned()
}

/// Connections break half-way and come back: cursors, replay, retention.
pub const RECONNECTS: Scope = Scope {
    name: "reconnects",
    about: "connections break half-way and come back; the log is trimmed under slow viewers",
    budget: Budget { dials: 2, outputs: 4, cuts: 1, ..NOTHING },
    timers: &[Timer::Detach],
    track_resumption: true,
    live: true,
    ..QUIET
};

/// Phones go into pockets.
pub const SUSPENDS: Scope = Scope {
    name: "suspends",
    about: "viewers go to the background and come back, on the same connection or another, or never",
    budget: Budget { dials: 2, outputs: 1, cuts: 1, hides: 2, ..NOTHING },
    timers: &[Timer::Detach, Timer::Grace],
    quick_wire: true,
    late_timers: true,
    suspend_requests: true,
    live: true,
    ..QUIET
};

/// Prompts, turns, interrupts.
pub const TURNS: Scope = Scope {
    name: "turns",
    about: "prompts, queues, interrupts, a worker that crashes or hangs",
    prompts: &[3],
    budget: Budget { dials: 1, outputs: 1, posts: 1, exits: 1, late: 1, ..NOTHING },
    timers: &[Timer::Start, Timer::Turn, Timer::Interrupt],
    quick_wire: true,
    interrupts: true,
    late_timers: true,
    failing_store: true,
    ..QUIET
};

/// A worker asks, people answer.
pub const APPROVALS: Scope = Scope {
    name: "approvals",
    about: "a worker asks, two people answer, the turn ends under them",
    prompts: &[1, 0],
    budget: Budget { dials: 2, asks: 2, posts: 2, ..NOTHING },
    timers: &[],
    quick_wire: true,
    interrupts: true,
    live: true,
    ..QUIET
};

/// A turn ends with an ask, and whoever asked is gone when somebody answers.
pub const WAITING: Scope = Scope {
    name: "waiting",
    about: "a turn ends with an ask; it is answered or given up in any state, over restarts, drains and losses",
    prompts: &[2],
    budget: Budget { dials: 1, asks: 2, posts: 2, crashes: 1, losses: 1, holds: 1, ..NOTHING },
    timers: &[],
    quick_wire: true,
    stops: true,
    waits: true,
    live: true,
    ..QUIET
};

/// Stops, expiry, closeouts.
pub const CLOSING: Scope = Scope {
    name: "closing",
    about: "stops, expiry, closeouts, prompts against CLOSING",
    prompts: &[2],
    budget: Budget { dials: 2, outputs: 0, cuts: 1, posts: 1, late: 1, ..NOTHING },
    timers: &[Timer::Idle, Timer::Start, Timer::Detach, Timer::Closeout],
    quick_wire: true,
    stops: true,
    late_timers: true,
    output_outside_turns: true,
    ..QUIET
};

/// Every end comes.
pub const ENDINGS: Scope = Scope {
    name: "endings",
    about: "a session that is closing comes to its end, whichever part hangs",
    prompts: &[2],
    budget: Budget { dials: 1, cuts: 1, posts: 1, exits: 1, ..NOTHING },
    timers: &[Timer::Start, Timer::Turn, Timer::Interrupt, Timer::Detach, Timer::Closeout],
    interrupts: true,
    late_timers: false,
    output_outside_turns: false,
    live: true,
    ..CLOSING
};

/// The process dies at any moment.
pub const CRASHES: Scope = Scope {
    name: "crashes",
    about: "the process dies at any moment; answers are lost, prompts are sent again",
    prompts: &[2],
    budget: Budget { dials: 3, outputs: 0, crashes: 1, ..NOTHING },
    timers: &[Timer::Start, Timer::Detach],
    failing_store: true,
    lazy_recovery: true,
    live: true,
    ..QUIET
};

/// The power fails, and the last commit with it.
pub const LOSSES: Scope = Scope {
    name: "losses",
    about: "the power fails and the last commit with it; cursors of before come back",
    prompts: &[2],
    budget: Budget { dials: 2, outputs: 1, crashes: 1, losses: 1, ..NOTHING },
    timers: &[Timer::Idle],
    quick_wire: false,
    lazy_recovery: true,
    ..QUIET
};

/// Two people.
pub const TWO_CLIENTS: Scope = Scope {
    name: "two_clients",
    about: "two people watch and prompt, come and go",
    prompts: &[1, 1],
    budget: Budget { dials: 2, outputs: 1, cuts: 1, hides: 1, ..NOTHING },
    timers: &[Timer::Detach, Timer::Grace],
    quick_wire: true,
    symmetric: true,
    ..QUIET
};

/// Too many people.
pub const CROWDED: Scope = Scope {
    name: "crowded",
    about: "one more client than the limits allow",
    prompts: &[2, 1],
    limits: Limits { connections: 1, clients: 1, ..SMALL },
    budget: Budget { dials: 2, outputs: 0, cuts: 1, hides: 1, ..NOTHING },
    timers: &[Timer::Grace],
    quick_wire: true,
    ..QUIET
};

/// Two people, one of whom has two clients.
pub const SHARES: Scope = Scope {
    name: "shares",
    about: "what one principal may not have more of, another one may",
    prompts: &[2, 1, 1],
    principals: 2,
    limits: Limits { queued: 2, connections_per_principal: 1, clients_per_principal: 1, ..SMALL },
    budget: Budget { dials: 3, posts: 1, ..NOTHING },
    timers: &[],
    quick_wire: true,
    interrupts: true,
    ..QUIET
};

/// A hostile client.
pub const HOSTILE: Scope = Scope {
    name: "hostile",
    about: "made-up cursors, numbers out of order, other bodies under old numbers",
    prompts: &[2],
    budget: Budget { dials: 1, outputs: 0, forgeries: 2, ..NOTHING },
    timers: &[],
    ..QUIET
};

/// Hellos, pings and closes.
pub const HANDSHAKES: Scope = Scope {
    name: "handshakes",
    about: "hellos, pings and closes fail, and old tasks use old connections",
    prompts: &[1],
    budget: Budget { dials: 1, outputs: 1, cuts: 1, late: 2, ..NOTHING },
    timers: &[],
    handshakes: true,
    ..QUIET
};

/// Two nodes.
pub const TAKEOVERS: Scope = Scope {
    name: "takeovers",
    about: "another node takes over while the old one still runs; records are deleted under a worker",
    nodes: 2,
    prompts: &[2],
    budget: Budget { dials: 3, outputs: 0, takeovers: 2, purges: 1, ..NOTHING },
    timers: &[],
    quick_wire: true,
    ..QUIET
};

/// A client comes to the node that was taken over from.
pub const REPLACED: Scope = Scope {
    name: "replaced",
    about: "a client that has seen more comes to a node that was taken over from and does not know it",
    nodes: 2,
    prompts: &[2],
    budget: Budget { dials: 2, cuts: 1, takeovers: 1, ..NOTHING },
    timers: &[],
    quick_wire: true,
    ..QUIET
};

/// A process leaves in good order.
pub const DRAINS: Scope = Scope {
    name: "drains",
    about: "a process is about to leave: it begins nothing new, and the next one answers what waits",
    prompts: &[2],
    budget: Budget { dials: 2, posts: 1, exits: 1, crashes: 1, holds: 1, ..NOTHING },
    timers: &[Timer::Detach],
    quick_wire: true,
    stops: true,
    interrupts: true,
    live: true,
    ..QUIET
};

/// What is large is not read all at once.
pub const PAGES: Scope = Scope {
    name: "pages",
    about: "a range is written in parts, while the log is trimmed, connections break and viewers go away",
    budget: Budget { dials: 2, outputs: 3, cuts: 1, pages: 1, ..NOTHING },
    timers: &[Timer::Detach],
    live: true,
    ..QUIET
};

/// Everything at once.
pub const EVERYTHING: Scope = Scope {
    name: "everything",
    about: "everything at once, within small bounds",
    prompts: &[1],
    budget: Budget {
        dials: 1,
        outputs: 1,
        asks: 0,
        hides: 1,
        cuts: 1,
        posts: 1,
        late: 1,
        exits: 1,
        crashes: 1,
        ..NOTHING
    },
    timers: &[
        Timer::Idle,
        Timer::Start,
        Timer::Turn,
        Timer::Interrupt,
        Timer::Detach,
        Timer::Grace,
        Timer::Closeout,
    ],
    quick_wire: true,
    suspend_requests: true,
    stops: true,
    interrupts: true,
    late_timers: true,
    ..QUIET
};
