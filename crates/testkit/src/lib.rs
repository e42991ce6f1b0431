//! What the tests of several crates play with. Not published.

pub mod endpoints;
pub mod hub;
pub mod place;
