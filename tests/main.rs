//! One test binary: with one `tests/main.rs` proptest keeps its regressions in `proptest-regressions/`.

mod build;
#[cfg(feature = "cli")]
mod cli;
mod client;
mod connection;
#[cfg(feature = "docs")]
mod docs;
#[cfg(feature = "axum")]
mod endpoints;
#[cfg(feature = "check")]
mod engine;
#[cfg(feature = "check")]
mod exhaustive;
#[cfg(feature = "tokio")]
mod hub;
#[cfg(feature = "check")]
mod incidents;
mod kit;
mod laws;
mod layers;
#[cfg(all(feature = "serve", feature = "client"))]
mod processes;
mod routing;
mod session;
#[cfg(feature = "tokio")]
mod store;
#[cfg(feature = "check")]
mod traces;
mod wire;
