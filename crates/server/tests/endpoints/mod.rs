//! The endpoints over real sockets. Nothing here waits for a clock: where time must pass, it is paused and
//! jumps.

mod access;
mod events;
mod grants;
mod jwt;
mod large;
mod leaving;
mod limits;
mod lists;
mod liveness;
mod relay;
mod requests;
mod serving;
mod shares;
mod sockets;
mod strangers;
