//! One test binary: with one `tests/main.rs` proptest keeps its regressions in `proptest-regressions/`.

mod build;
mod client;
mod connection;
#[cfg(feature = "docs")]
mod docs;
#[cfg(feature = "check")]
mod exhaustive;
#[cfg(feature = "check")]
mod incidents;
mod kit;
mod laws;
mod layers;
mod node;
mod routing;
mod session;
#[path = "../crates/testkit/src/skip.rs"]
#[allow(unreachable_pub)]
mod skip;
#[cfg(feature = "check")]
mod traces;
mod wire;
