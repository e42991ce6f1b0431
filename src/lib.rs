//! Sessions that outlive their connections.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(feature = "check")]
extern crate std;

#[cfg(feature = "check")]
pub mod check;
pub mod connection;
#[cfg(feature = "docs")]
pub mod docs;
pub mod ids;
pub mod laws;
mod limits;
pub mod log;
pub mod routing;
pub mod session;
pub mod table;
mod words;

pub use limits::{Limits, ZeroLimit};
pub use words::*;
