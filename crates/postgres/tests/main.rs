//! The store on a real `PostgreSQL`, of which each test program starts one of its own.

mod hub;
mod place;
mod proxy;
mod store;
mod tls;
