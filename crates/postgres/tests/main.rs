//! The store on a real `PostgreSQL`, of which each test program starts one of its own.

mod proxy;
mod server;
mod store;
