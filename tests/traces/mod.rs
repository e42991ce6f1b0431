//! Reading, replaying and explaining traces.

mod arbitrary;
#[cfg(feature = "cli")]
mod command;
mod docs;
mod partial;
mod reading;
mod replaying;
mod sessions;
mod walk;
