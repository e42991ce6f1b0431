//! What the pages say of laws is what is checked.

use std::collections::BTreeSet;

use outlive::check::{client, world};
use outlive::laws::{Law, Place, over_client_steps, over_steps};
use outlive::table::Verdict;
use outlive::{connection, session};
use strum::VariantArray;

fn at(place: Place) -> BTreeSet<Law> {
    Law::VARIANTS.iter().filter(|law| law.is_checked(place)).copied().collect()
}

#[test]
fn every_law_is_checked_somewhere() {
    for law in Law::VARIANTS {
        assert!(!law.checked().is_empty(), "{law}");
    }
}

#[test]
fn the_laws_over_steps_are_those_that_are_asked() {
    assert_eq!(at(Place::Step), over_steps().chain(over_client_steps()).collect());
}

/// Two that no small change of a rule breaks are broken by hand.
#[test]
fn the_laws_of_shape_are_those_that_changed_rules_break() {
    let lists = session::table::TABLE.with("X1", |row| {
        (row.verdict, row.ops) = (Verdict::Stay, &[session::table::Op::List]);
    });
    let writes = connection::table::TABLE.with("N1", |row| {
        (row.verdict, row.ops) = (Verdict::Stay, &[connection::Op::Write]);
    });
    let by_hand = lists.rows.iter().filter_map(session::shape::violated_law);
    let by_hand = by_hand.chain(writes.rows.iter().filter_map(connection::table::violated_law));
    let session = world::mutants::all();
    let session = session.iter().filter_map(world::mutants::Mutant::shape_error);
    let client = client::mutants::all();
    let client = client.iter().filter_map(client::mutants::Mutant::shape_error);
    assert_eq!(at(Place::Shape), session.chain(client).chain(by_hand).collect());
}
