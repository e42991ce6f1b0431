//! The laws on random walks: of the machine among events of every kind, and of the world around it.
//!
//! A walk is a list of numbers, each of which picks among what can happen next: nothing is ever
//! rejected, it shrinks well, and when the pick means something else tomorrow it still is a walk.

pub(crate) mod broken;
mod cells;
mod hostile;
mod snapshots;
mod walker;
#[cfg(feature = "check")]
mod worlds;
