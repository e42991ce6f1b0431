//! The worlds of the night: the same, with more of everything. Together they have more than fifty million
//! states.

use super::{CLOSING, EVERYTHING, NOTHING, RECONNECTS, SUSPENDS, TURNS, TWO_CLIENTS};
use crate::check::world::{Budget, Scope};

/// The worlds of the nightly run: many minutes, and up to three gigabytes for one. Nothing is asked of them
/// that must come to pass: the graph of so many steps would not fit beside the states.
pub const NIGHTLY: &[Scope] = &[
    Scope {
        name: "nightly_reconnects",
        budget: Budget { dials: 3, outputs: 3, cuts: 2, ..NOTHING },
        sequels: false,
        live: false,
        ..RECONNECTS
    },
    Scope {
        name: "nightly_suspends",
        budget: Budget { dials: 3, outputs: 1, cuts: 1, hides: 2, ..NOTHING },
        live: false,
        ..SUSPENDS
    },
    Scope {
        name: "nightly_turns",
        budget: Budget { dials: 2, outputs: 1, cuts: 1, posts: 1, exits: 1, late: 1, ..NOTHING },
        live: false,
        ..TURNS
    },
    Scope {
        name: "nightly_closing",
        budget: Budget { dials: 2, outputs: 1, cuts: 1, posts: 2, late: 1, ..NOTHING },
        ..CLOSING
    },
    Scope {
        name: "nightly_two_clients",
        budget: Budget { dials: 3, outputs: 1, cuts: 1, hides: 1, ..NOTHING },
        ..TWO_CLIENTS
    },
    Scope {
        name: "nightly_everything",
        budget: Budget { hides: 2, ..EVERYTHING.budget },
        ..EVERYTHING
    },
];
