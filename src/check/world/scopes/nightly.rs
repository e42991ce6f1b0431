//! The worlds of the night: the same, with more of everything.

use super::{CLOSING, EVERYTHING, NOTHING, RECONNECTS, SUSPENDS, TURNS, TWO_CLIENTS};
use crate::check::world::{Budget, Scope};

/// The worlds of the nightly run: many minutes, and up to three gigabytes for one. Nothing is asked of them
/// that must come to pass: the graph of so many steps would not fit beside the states.
pub const NIGHTLY: &[Scope] = &[
    Scope {
        name: "nightly_reconnects",
        budget: Budget { dials: 3, outputs: 4, cuts: 2, ..NOTHING },
        sequels: false,
        live: false,
        ..RECONNECTS
    },
    Scope {
        name: "nightly_suspends",
        budget: Budget { dials: 3, ..SUSPENDS.budget },
        live: false,
        ..SUSPENDS
    },
    Scope { name: "nightly_turns", budget: Budget { posts: 2, ..TURNS.budget }, ..TURNS },
    Scope { name: "nightly_late", budget: Budget { late: 2, ..TURNS.budget }, ..TURNS },
    Scope {
        name: "nightly_closing",
        budget: Budget { outputs: 1, posts: 2, ..CLOSING.budget },
        ..CLOSING
    },
    Scope {
        name: "nightly_two_clients",
        budget: Budget { dials: 3, ..TWO_CLIENTS.budget },
        ..TWO_CLIENTS
    },
    Scope {
        name: "nightly_everything",
        budget: Budget { hides: 2, ..EVERYTHING.budget },
        ..EVERYTHING
    },
    Scope {
        name: "nightly_outputs",
        budget: Budget { outputs: 2, ..EVERYTHING.budget },
        ..EVERYTHING
    },
    Scope {
        name: "nightly_crashes",
        budget: Budget { crashes: 2, ..EVERYTHING.budget },
        ..EVERYTHING
    },
];
