//! Real processes and real sockets: what is promised, held against signals, full disks and other people's
//! clients.

mod authorize;
mod backend;
#[cfg(unix)]
mod chaos;
mod child;
#[cfg(unix)]
mod deploy;
mod driver;
#[cfg(unix)]
mod examples;
#[cfg(unix)]
mod frameworks;
mod kill;
mod leaving;
#[cfg(unix)]
mod nodes;
mod operating;
mod others;
mod proxies;
mod returning;
mod rmcp;
mod stage;
mod stories;
