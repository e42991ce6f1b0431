//! The laws of the session's own table, over a row that leads from CLOSING back to ACTIVE.

use outlive::session::shape::violated_law;
use outlive::session::table::{Op, Row};
use outlive::table::Verdict;
use outlive::table::proof::fail;
use outlive::{State, Trigger};

const ROW: Row = Row::new(
    "L0",
    &[State::Closing],
    &[Trigger::Attach],
    Verdict::Go(State::Active),
    &[Op::Commit, Op::List],
    "somebody is back",
);

const _: () = {
    if let Some(law) = violated_law(&ROW) {
        fail(&["row ", ROW.id, " breaks ", law.into_str(), ": ", law.meaning()]);
    }
};

fn main() {}
