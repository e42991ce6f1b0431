//! The tables as text: pages, diagrams and JSON; and the protocol's schema. Pure: the tables in, text out, no I/O.
//!
//! A [`Sheet`] is any of the tables in one form; the renderers know sheets and nothing else, so that
//! nothing is written four times. [`pages`] is all of `docs/generated`.
#![allow(clippy::format_push_string, reason = "text that is rendered once is written as it reads")]

mod asyncapi;
mod diagram;
mod dice;
pub mod dot;
pub mod json;
pub mod laws;
mod layout;
pub mod markdown;
pub mod mermaid;
mod ops;
pub(crate) mod schema;
mod sheet;
pub mod svg;
pub mod vectors;
pub mod walks;

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

pub use diagram::{Arrow, By, Edge};
pub use ops::Op;
pub use sheet::{Bounds, Group, Line, Named, Section, Sheet};

/// The command that writes [`pages`] to `docs/generated`.
pub const REFRESH: &str = "cargo run -- docs";

/// A file of `docs/generated`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page {
    /// Its name in the folder.
    pub path: &'static str,
    /// All of it.
    pub text: String,
}

/// Everything in `docs/generated`.
pub fn pages() -> Vec<Page> {
    let (session, connection, routing) = (Sheet::session(), Sheet::connection(), Sheet::routing());
    let (node, client) = (Sheet::node(), Sheet::client());
    let page = |path, text| Page { path, text };
    vec![
        page("README.md", markdown::index(&Sheet::all())),
        page("client.dot", dot::render(&client)),
        page("client.json", json::table(&client)),
        page("client.md", markdown::page(&client)),
        page("client.mmd", mermaid::render(&client)),
        page("client.svg", svg::render(&client)),
        page("close-codes.md", markdown::close_codes()),
        page("connection.dot", dot::render(&connection)),
        page("connection.json", json::table(&connection)),
        page("connection.md", markdown::page(&connection)),
        page("connection.mmd", mermaid::render(&connection)),
        page("connection.svg", svg::render(&connection)),
        page("laws.md", laws::page()),
        page("node.dot", dot::render(&node)),
        page("node.json", json::table(&node)),
        page("node.md", markdown::page(&node)),
        page("node.mmd", mermaid::render(&node)),
        page("node.svg", svg::render(&node)),
        page(asyncapi::NAME, asyncapi::render()),
        page(schema::NAME, schema::render()),
        page("routing.json", json::table(&routing)),
        page("routing.md", markdown::page(&routing)),
        page("session-vectors.jsonl", walks::render()),
        page("session.dot", dot::render(&session)),
        page("session.json", json::table(&session)),
        page("session.md", markdown::page(&session)),
        page("session.mmd", mermaid::render(&session)),
        page("session.svg", svg::render(&session)),
        page("words.json", json::words()),
    ]
}

/// The client in JavaScript, as it is published: for servers that serve a page of their own.
pub mod javascript {
    /// What a page imports.
    pub const OUTLIVE: &str = include_str!("../../clients/js/outlive.js");
    /// What a server's frame must be before the client acts on it.
    pub const FRAMES: &str = include_str!("../../clients/js/frames.js");
    /// The machine, which runs the table.
    pub const MACHINE: &str = include_str!("../../clients/js/machine.js");
    /// The settings, and what they are if nothing is said.
    pub const OPTIONS: &str = include_str!("../../clients/js/options.js");
    /// Which tab is which client.
    pub const SEAT: &str = include_str!("../../clients/js/seat.js");
    /// The client's table, generated.
    pub const TABLE: &str = include_str!("../../clients/js/table.js");
}

/// The diagram of the session's states, as `docs/generated/session.svg` has it.
pub const SESSION_SVG: &str = include_str!("../../docs/generated/session.svg");

/// Everything in `clients` that is generated, as paths from `clients/js`: the client's table, as a module and as JSON, and
/// the steps that each client's machine is held against.
pub fn clients() -> Vec<Page> {
    let table = json::table(&Sheet::client());
    vec![
        Page { path: "table.js", text: vectors::module(&table) },
        Page { path: "vectors.json", text: vectors::render() },
        Page { path: "../python/src/outlive/table.json", text: table },
    ]
}
