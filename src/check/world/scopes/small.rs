//! The worlds in which mutants are looked for.

use super::{
    APPROVALS, CLOSING, CRASHES, CROWDED, DRAINS, HANDSHAKES, HOSTILE, LOSSES, NOTHING, RECONNECTS,
    SMALL, SUSPENDS, TAKEOVERS, TURNS, TWO_CLIENTS, WAITING,
};
use crate::check::world::{Budget, Scope};
use crate::session::limits::Limits;
use crate::words::Timer;

/// Timers that are heard of late, and little else.
pub const LATE: Scope = Scope {
    name: "small_late",
    prompts: &[1],
    budget: Budget { dials: 2, cuts: 1, posts: 1, late: 1, ..NOTHING },
    timers: &[Timer::Idle, Timer::Start, Timer::Detach, Timer::Closeout],
    live: false,
    ..CLOSING
};

/// The worlds in which mutants are looked for: the smallest in which each rule matters.
pub const SMALL_WORLDS: &[Scope] = &[
    APPROVALS,
    Scope {
        name: "small_waiting",
        prompts: &[1],
        budget: Budget { dials: 1, asks: 1, posts: 2, crashes: 1, losses: 1, ..NOTHING },
        live: false,
        ..WAITING
    },
    Scope {
        name: "small_too_many_asks",
        budget: Budget { dials: 1, asks: 2, posts: 1, ..NOTHING },
        interrupts: true,
        live: false,
        ..WAITING
    },
    Scope {
        name: "small_turns",
        prompts: &[2],
        budget: Budget { dials: 1, outputs: 1, posts: 1, exits: 1, ..NOTHING },
        output_outside_turns: true,
        late_timers: false,
        failing_store: false,
        live: false,
        ..TURNS
    },
    Scope {
        name: "small_queue",
        prompts: &[1, 1],
        limits: Limits { queued: 1, ..SMALL },
        budget: Budget { dials: 2, posts: 1, ..NOTHING },
        timers: &[Timer::Interrupt],
        late_timers: false,
        failing_store: false,
        live: false,
        ..TURNS
    },
    Scope {
        name: "small_closing",
        prompts: &[2],
        budget: Budget { dials: 1, outputs: 1, posts: 1, exits: 1, ..NOTHING },
        late_timers: false,
        live: false,
        ..CLOSING
    },
    LATE,
    Scope {
        name: "small_detached",
        prompts: &[1],
        budget: Budget { dials: 2, cuts: 1, posts: 1, exits: 1, ..NOTHING },
        timers: &[Timer::Detach, Timer::Turn, Timer::Interrupt, Timer::Closeout],
        interrupts: true,
        late_timers: false,
        live: false,
        ..CLOSING
    },
    Scope {
        name: "small_suspends",
        prompts: &[1],
        budget: Budget { dials: 2, outputs: 0, cuts: 1, hides: 2, late: 1, ..NOTHING },
        live: false,
        ..SUSPENDS
    },
    Scope {
        name: "small_pinned",
        limits: Limits { retention: 1, pinned: 1, ..SMALL },
        budget: Budget { dials: 2, outputs: 3, hides: 1, ..NOTHING },
        timers: &[Timer::Grace],
        late_timers: false,
        suspend_requests: false,
        live: false,
        ..SUSPENDS
    },
    Scope {
        name: "small_suspended",
        prompts: &[1],
        budget: Budget { dials: 1, hides: 1, posts: 1, exits: 1, ..NOTHING },
        timers: &[Timer::Turn, Timer::Interrupt, Timer::Grace, Timer::Closeout],
        interrupts: true,
        stops: true,
        late_timers: false,
        live: false,
        ..SUSPENDS
    },
    Scope {
        name: "small_stops",
        prompts: &[2],
        budget: Budget { dials: 1, hides: 1, cuts: 1, posts: 2, ..NOTHING },
        timers: &[Timer::Closeout],
        interrupts: true,
        stops: true,
        suspend_requests: false,
        late_timers: false,
        live: false,
        ..SUSPENDS
    },
    Scope {
        name: "small_two",
        prompts: &[1, 0],
        budget: Budget { dials: 2, cuts: 1, hides: 2, ..NOTHING },
        timers: &[Timer::Grace],
        symmetric: false,
        ..TWO_CLIENTS
    },
    Scope {
        name: "small_crowd",
        prompts: &[1, 1],
        budget: Budget { dials: 2, hides: 1, ..NOTHING },
        ..CROWDED
    },
    Scope {
        name: "small_wire",
        prompts: &[1],
        budget: Budget { dials: 2, outputs: 2, cuts: 1, ..NOTHING },
        live: false,
        ..RECONNECTS
    },
    Scope {
        name: "small_crashes",
        prompts: &[1],
        budget: Budget { dials: 2, hides: 1, crashes: 1, ..NOTHING },
        quick_wire: true,
        failing_store: false,
        live: false,
        ..CRASHES
    },
    Scope {
        name: "small_losses",
        prompts: &[2],
        budget: Budget { dials: 2, hides: 1, crashes: 1, losses: 1, ..NOTHING },
        quick_wire: true,
        ..LOSSES
    },
    HOSTILE,
    HANDSHAKES,
    Scope {
        name: "small_takeovers",
        prompts: &[1],
        budget: Budget { dials: 2, takeovers: 1, purges: 1, ..NOTHING },
        ..TAKEOVERS
    },
    TAKEOVERS,
    Scope {
        name: "small_drains",
        prompts: &[2],
        budget: Budget { dials: 1, posts: 1, holds: 1, ..NOTHING },
        interrupts: false,
        live: false,
        ..DRAINS
    },
];
