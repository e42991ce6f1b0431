//! What the pages say of laws is what is checked.

use std::collections::BTreeSet;

use outlive::check::{Model, client, world};
use outlive::laws::{Law, Place, over_client_steps, over_steps};
use outlive::table::Verdict;
use outlive::{connection, node, session};
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

/// What a world lists is what is asked in it: each law that is not of shape alone is asked in some world.
#[test]
fn every_law_beyond_shape_is_listed_by_a_world() {
    let mut listed = BTreeSet::new();
    for scope in world::scopes::DEFAULT {
        let laws = world::World::new(scope.clone()).expect("limits").properties();
        listed.extend(laws.state.iter().map(|law| law.name));
        listed.extend(laws.step.iter().map(|law| law.name));
        listed.extend(laws.leads_to.iter().map(|law| law.name));
        listed.extend(laws.sometimes.iter().map(|law| law.name));
    }
    for scope in client::scopes::DEFAULT {
        let laws = client::World::new(scope.clone()).properties();
        listed.extend(laws.step.iter().map(|law| law.name));
        listed.extend(laws.leads_to.iter().map(|law| law.name));
    }
    let beyond = Law::VARIANTS.iter().filter(|law| law.checked() != [Place::Shape]);
    assert_eq!(listed, beyond.map(|law| law.into_str()).collect());
}

/// Three that no small change of a rule breaks are broken by hand.
#[test]
fn the_laws_of_shape_are_those_that_changed_rules_break() {
    let lists = session::table::TABLE.with("X1", |row| {
        (row.verdict, row.ops) = (Verdict::Stay, &[session::table::Op::List]);
    });
    let writes = connection::table::TABLE.with("N1", |row| {
        (row.verdict, row.ops) = (Verdict::Stay, &[connection::Op::Write]);
    });
    let by_hand = lists.rows.iter().filter_map(session::shape::violated_law);
    let revives = node::table::TABLE.with("Z1", |row| {
        (row.verdict, row.ops) = (Verdict::Stay, &[node::Op::ArmLate]);
    });
    let by_hand = by_hand.chain(revives.rows.iter().filter_map(node::table::violated_law));
    let by_hand = by_hand.chain(writes.rows.iter().filter_map(connection::table::violated_law));
    let session = world::mutants::all();
    let session = session.iter().filter_map(world::mutants::Mutant::shape_error);
    let client = client::mutants::all();
    let client = client.iter().filter_map(client::mutants::Mutant::shape_error);
    assert_eq!(at(Place::Shape), session.chain(client).chain(by_hand).collect());
}
