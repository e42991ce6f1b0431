//! Nothing: see `tests/main.rs`.
