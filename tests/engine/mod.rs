//! The checking engine, against brute force, against another checker, and against pinned results.

mod brute_force;
mod graph;
mod liveness;

mod rates;
mod ring;
mod safety;
