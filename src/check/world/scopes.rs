//! The worlds that are explored: each small enough to be complete, each about something.

use super::{Budget, Scope};
use crate::limits::Limits;
use crate::words::Timer;

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
    forgeries: 0,
};

/// Small limits, so that every one of them is met.
const SMALL: Limits = Limits {
    connections: 2,
    queued: 1,
    asks: 1,
    clients: 2,
    batch: 2,
    retention: 3,
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
    prompts: &[1],
    limits: SMALL,
    budget: NOTHING,
    timers: &[],
    pipe: 2,
    handshakes: false,
    beacons: false,
    stops: false,
    interrupts: false,
    late_timers: false,
    asides: false,
    failing_store: false,
    lazy: false,
    symmetric: false,
    live: false,
};

/// The worlds of every run.
pub const DEFAULT: &[Scope] = &[RECONNECTS, TURNS, CLOSING];

/// Connections break half-way and come back: cursors, replay, retention, suspends.
pub const RECONNECTS: Scope = Scope {
    name: "reconnects",
    about: "connections break half-way and come back; the log is trimmed under slow viewers",
    budget: Budget { dials: 3, outputs: 3, cuts: 2, hides: 1, ..NOTHING },
    timers: &[Timer::Detach, Timer::Grace],
    beacons: true,
    live: true,
    ..QUIET
};

/// Prompts, turns, interrupts, approvals.
pub const TURNS: Scope = Scope {
    name: "turns",
    about: "prompts, queues, interrupts, approvals, a worker that crashes",
    prompts: &[2],
    budget: Budget { dials: 2, outputs: 1, asks: 1, cuts: 1, posts: 2, exits: 1, late: 1, ..NOTHING },
    timers: &[Timer::Start, Timer::Turn, Timer::Interrupt],
    interrupts: true,
    late_timers: true,
    live: true,
    ..QUIET
};

/// Stops, expiry, closeouts.
pub const CLOSING: Scope = Scope {
    name: "closing",
    about: "stops, expiry, closeouts, prompts against CLOSING",
    prompts: &[2],
    budget: Budget { dials: 2, outputs: 1, cuts: 1, posts: 2, late: 1, exits: 1, ..NOTHING },
    timers: &[Timer::Idle, Timer::Start, Timer::Detach, Timer::Closeout],
    stops: true,
    late_timers: true,
    asides: true,
    live: true,
    ..QUIET
};
