//! The session's machine, told as stories: one section per state, then what runs through all of them.

mod active;
mod closing;
mod created;
mod detached;
mod draining;
mod edges;
mod ended;
mod limits;
mod log;
mod prompts;
mod size;
mod starting;
mod suspended;
mod waiting;
mod watching;
