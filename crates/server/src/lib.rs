//! Sessions that outlive their connections, served on tokio.
//!
//! | module | |
//! |---|---|
//! | [`hub`] | sessions, workers and viewers |
//! | [`store`] | what a store promises; in memory, and in a file (feature `sqlite`) |
//! | [`conformance`] | what any store must pass |
//! | `http` (feature) | WebSocket and SSE endpoints, as an axum router |
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

pub mod conformance;
#[cfg(feature = "http")]
pub mod http;
pub mod hub;
pub mod store;

/// The README's examples are tests. Some of them search, and one serves.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
