//! One test binary: with one `tests/main.rs` proptest keeps its regressions in `proptest-regressions/`.

#[cfg(feature = "check")]
mod incidents;
#[cfg(feature = "check")]
mod traces;
