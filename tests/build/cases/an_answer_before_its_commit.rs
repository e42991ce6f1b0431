//! The laws of the session's own table, over a row that accepts a prompt and forgets to commit.

use outlive::session::shape::violated_law;
use outlive::session::table::{Op, Row};
use outlive::table::Verdict;
use outlive::table::proof::fail;
use outlive::{State, Trigger};

const ROW: Row = Row::new(
    "P0",
    &[State::Active],
    &[Trigger::Prompt],
    Verdict::Stay,
    &[Op::Accept, Op::Reply],
    "quick",
);

const _: () = {
    if let Some(law) = violated_law(&ROW) {
        fail(&["row ", ROW.id, " breaks ", law.into_str(), ": ", law.meaning()]);
    }
};

fn main() {}
