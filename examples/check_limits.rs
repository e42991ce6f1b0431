//! Model-check your own limits in your CI: `cargo run --release --example check_limits`.
//!
//! The world is the shipped one, with connections that break; the limits are yours. Durations do not
//! matter to a world, in which every timer may fire at any time.

use outlive::Limits;
use outlive::check::Search;
use outlive::check::world::{Bytes, Scope, World, scopes};

fn main() {
    let limits = Limits { connections: 1, retention: 2, batch: 1, ..Limits::default() };
    let scope = Scope { name: "my limits", limits, ..scopes::RECONNECTS };
    let world = World::new(scope).expect("no limit is 0");
    let search = Search::packed(&world, Bytes).threads(2).max_states(5_000_000);
    // One world takes some of the rows: those that it leaves out are no error here.
    let report = search.allow_idle_classes().allow_idle_counters().run();
    report.assert_verified(&world);
    println!("{} states, every law holds", report.states);
}
