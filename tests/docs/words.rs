//! What the pages say of ops and laws is what the source says.

use std::collections::BTreeSet;

use outlive::docs::Sheet;
use outlive::docs::laws::{Place, checked};
use outlive::laws::Law;
use strum::VariantArray;

use super::file;

/// The ops of a source file, each with its documentation: `("end_turn", "End the running turn …")`.
fn ops_of(source: &str) -> Vec<(String, String)> {
    let body = source.split("pub enum Op {").nth(1).unwrap();
    let body = body.split("\n}").next().unwrap();
    let mut ops = Vec::new();
    let mut doc = String::new();
    for line in body.lines().map(str::trim) {
        if let Some(text) = line.strip_prefix("/// ") {
            doc = String::from(text);
        } else if !line.is_empty() {
            let name = line.split(['(', ',']).next().unwrap();
            ops.push((snake(name), std::mem::take(&mut doc)));
        }
    }
    ops
}

fn snake(name: &str) -> String {
    let mut text = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.extend(letter.to_lowercase());
    }
    text
}

#[test]
fn every_op_is_spelled_and_explained_as_in_the_source() {
    let sources = ["src/session/table.rs", "src/connection/mod.rs", "src/client/table.rs"];
    let sheets = [Sheet::session(), Sheet::connection(), Sheet::client()];
    for (sheet, source) in sheets.iter().zip(sources) {
        let said: Vec<(String, String)> =
            sheet.ops.iter().map(|op| (op.name.to_owned(), op.meaning.to_owned())).collect();
        assert_eq!(said, ops_of(&file(source)), "{source}");
    }
}

/// The laws that a source file names.
fn named(source: &str) -> BTreeSet<Law> {
    let of = |law: &&Law| {
        let name = format!("Law::{law:?}");
        let follows = |rest: &str| rest.chars().next().is_none_or(|c| !c.is_alphanumeric());
        source.split(&name).skip(1).any(follows)
    };
    Law::VARIANTS.iter().filter(of).copied().collect()
}

fn at(place: Place) -> BTreeSet<Law> {
    let of = |law: &&Law| checked(**law).contains(&place);
    Law::VARIANTS.iter().filter(of).copied().collect()
}

#[test]
fn the_laws_of_shape_are_those_that_the_shape_checks_name() {
    let source = file("src/session/shape.rs")
        + &file("src/connection/table.rs")
        + &file("src/client/shape.rs");
    assert_eq!(at(Place::Shape), named(&source));
}

#[test]
fn the_laws_of_the_witness_are_those_that_it_names() {
    assert_eq!(at(Place::Witness), named(&file("src/laws/witness.rs")));
}

#[test]
fn every_law_is_checked_somewhere() {
    for law in Law::VARIANTS {
        assert!(!checked(*law).is_empty(), "{law}");
    }
}
