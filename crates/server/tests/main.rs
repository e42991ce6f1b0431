//! The hub, the stores and the endpoints.

mod endpoints;
mod hub;
mod logs;
mod store;
