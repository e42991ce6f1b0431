//! What the tests of several crates play with. Not published.

#![allow(clippy::new_without_default)]

pub mod cluster;
pub mod endpoints;
pub mod hub;
pub mod place;
#[cfg(unix)]
pub mod postgres;
pub mod schema;
pub mod skip;
