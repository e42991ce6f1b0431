//! One test binary: with one `tests/main.rs` proptest keeps its regressions in `proptest-regressions/`.

#[cfg(feature = "cli")]
mod cli;
#[cfg(feature = "docs")]
mod docs;
#[cfg(feature = "check")]
mod engine;
#[cfg(feature = "check")]
mod incidents;
#[cfg(feature = "check")]
mod traces;
