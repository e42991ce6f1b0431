//! The gateway between a hub and a backend that does what a test says, over real sockets.

mod backend;
mod connections;
mod failures;
mod forms;
mod logs;
mod openai;
mod pressure;
mod requests;
mod stage;
mod stops;
mod tls;
