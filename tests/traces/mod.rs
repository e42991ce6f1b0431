//! Reading, replaying and explaining traces.

mod arbitrary;
mod docs;
mod partial;
mod reading;
mod replaying;
mod sessions;
#[cfg(feature = "docs")]
mod vectors;
mod walk;
