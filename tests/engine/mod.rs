//! The checking engine, against brute force, against another checker, and against pinned results.

mod rates;
mod ring;
