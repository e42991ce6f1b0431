//! The worlds of the night: the same as by day, with more of everything, in turn.

use super::{CLOSING, EVERYTHING, PAGES, RECONNECTS, SUSPENDS, TURNS, TWO_CLIENTS};
use crate::check::world::{Budget, Scope};

/// The worlds of the nightly run: many minutes, and up to two gigabytes for one. Nothing is asked of them
/// that must come to pass: the graph of so many steps would not fit beside the states.
pub const NIGHTLY: &[Scope] = &[
    Scope {
        name: "nightly_reconnects",
        budget: Budget { dials: 3, ..RECONNECTS.budget },
        track_resumption: false,
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
    Scope {
        name: "nightly_pages",
        budget: Budget { hides: 1, pages: 2, ..PAGES.budget },
        live: false,
        ..PAGES
    },
];
