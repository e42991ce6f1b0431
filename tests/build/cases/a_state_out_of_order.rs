//! The states are swapped where their ops are said.

#[path = "../door.rs"]
mod door;

use door::{Door::{self, *}, Op::{self, *}, Push};
use outlive::table::{Cells, Rule, StateOps, cells, rule, state};

const STATES: &[StateOps<Door, Op>] = &[
    state(Shut, &[Lock], &[]),
    state(Open, &[], &[]),
];

const CELLS: Cells = cells! {
    Door x Push: Open Shut;
    "hands"
    Pull: D1 D2;
    Slam: D1 D3;
};

const RULES: &[Rule<Door, Op, &str>] = &[
    rule("D1").go(Shut, &[Swing]).because("it is not held"),
    rule("D2").go(Open, &[Swing]).because("somebody wants to get in"),
    rule("D3").ignore("shut").because("a slam is for a door that is open"),
];

outlive::table! { Door, Push, Op, &'static str }

fn main() {
    let _ = &TABLE;
}
