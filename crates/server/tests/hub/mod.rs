//! The hub, run for real: in-memory transports, paused time. Every story ends by replaying what each
//! session was fed against the table.

mod asleep;
mod bodies;
mod held;
mod incidents;
mod leaving;
mod nodes;
mod observe;
mod options;
mod prompts;
mod ready;
mod simulation;
mod store;
mod viewers;
mod waiting;
mod who;
mod workers;
