//! Stores: what each must keep, what goes wrong with files, and that the kit notices.

mod broken;
mod faulty;
mod memory;
pub(crate) mod place;
#[cfg(feature = "sqlite")]
mod sqlite;
