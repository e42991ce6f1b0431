//! The checking engine, against brute force, against another checker, and against pinned results.

mod brute_force;
mod graph;
mod liveness;
mod lock;
mod options;
#[rustfmt::skip]
mod printed;
mod ring;
mod safety;
#[path = "../../testkit/src/skip.rs"]
#[allow(unreachable_pub)]
mod skip;
mod spin;
mod stories;
mod walks;
