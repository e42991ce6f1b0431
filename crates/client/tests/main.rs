//! The client on real sockets: against a server that says what a test wants, and against the hub.

mod clock;
mod driver;
mod frames;
mod hub;
mod proxy;
mod slow;
mod tls;
