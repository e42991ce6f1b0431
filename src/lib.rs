//! Sessions that outlive their connections.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(feature = "check")]
extern crate std;

#[cfg(feature = "check")]
pub mod check;
