//! The checker.

pub mod trace;
