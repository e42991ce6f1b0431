//! A program that reads the JSON has the very tables that run.

use std::collections::BTreeMap;

use outlive::session::table::{ROWS, RULES, TABLE};
use outlive::table::Operation;
use outlive::{CloseCode, State, Trigger};
use serde_json::Value;
use strum::VariantArray;

use super::page;

fn read(path: &str) -> Value {
    serde_json::from_str(&page(path)).unwrap()
}

fn list<'a>(value: &'a Value, key: &str) -> &'a Vec<Value> {
    value[key].as_array().unwrap_or_else(|| panic!("no list {key}"))
}

fn names(value: &Value, key: &str) -> Vec<String> {
    let name = |word: &Value| word["name"].as_str().unwrap().to_owned();
    list(value, key).iter().map(name).collect()
}

fn list_has(list: &Value, name: &str) -> bool {
    list.as_array().unwrap().iter().any(|one| one == name)
}

/// `(state, trigger) → id`, from the rows alone.
fn from_rows(table: &Value) -> BTreeMap<(String, String), String> {
    let mut cells = BTreeMap::new();
    for row in list(table, "rows") {
        for from in list(row, "from") {
            for on in list(row, "on") {
                let cell = (from.as_str().unwrap().to_owned(), on.as_str().unwrap().to_owned());
                let id = row["id"].as_str().unwrap().to_owned();
                let other = cells.insert(cell.clone(), id);
                assert_eq!(other, None, "two rows for {cell:?}");
            }
        }
    }
    cells
}

#[test]
fn the_index_rebuilt_from_the_rows_is_the_index_that_runs() {
    let cells = from_rows(&read("session.json"));
    for state in State::VARIANTS {
        for trigger in Trigger::VARIANTS {
            let id = &cells[&(state.to_string(), trigger.to_string())];
            assert_eq!(id, TABLE.rule(*state, *trigger).id, "{state} {trigger}");
        }
    }
}

#[test]
fn the_index_in_each_file_is_the_one_its_rows_give() {
    for path in ["session.json", "connection.json", "routing.json", "node.json", "client.json"] {
        let table = read(path);
        let mut cells = BTreeMap::new();
        for state in names(&table, "states") {
            for trigger in names(&table, "triggers") {
                let id = table["index"][&state][&trigger].as_str().unwrap().to_owned();
                cells.insert((state.clone(), trigger), id);
            }
        }
        assert_eq!(cells, from_rows(&table), "{path}");
    }
}

#[test]
fn every_word_in_a_row_is_explained() {
    let words = read("words.json");
    for path in ["session.json", "connection.json", "routing.json", "node.json", "client.json"] {
        let table = read(path);
        for row in list(&table, "rows") {
            if let Some(to) = row["to"].as_str() {
                assert!(names(&table, "states").iter().any(|name| name == to), "{row}");
            }
            if let Some(reason) = row["reason"].as_str() {
                assert!(names(&table, "reasons").iter().any(|name| name == reason), "{row}");
            }
            for call in list(row, "ops") {
                let op = list(&table, "ops").iter().find(|op| op["name"] == call["op"]);
                let op = op.unwrap_or_else(|| panic!("{call} is not explained"));
                assert_eq!(op.get("argument").is_some(), call.get("argument").is_some(), "{call}");
                if let (Some(list), Some(word)) =
                    (op["argument"].as_str(), call["argument"].as_str())
                {
                    assert!(names(&words, list).iter().any(|name| name == word), "{call}");
                }
            }
        }
    }
}

#[test]
fn the_rows_say_what_the_source_says() {
    let table = read("session.json");
    let rules: Vec<_> = list(&table, "rows").iter().map(|json| &json["id"]).collect();
    assert_eq!(rules, RULES.iter().map(|rule| rule.id).collect::<Vec<_>>());
    for row in ROWS {
        let json = list(&table, "rows").iter().find(|json| json["id"] == row.id).unwrap();
        assert_eq!(json["because"], row.because);
        for from in row.from {
            let here = |op: &&Value| op.get("in").is_none_or(|of| list_has(of, from.into_str()));
            let ops: Vec<_> = list(json, "ops").iter().filter(here).map(|op| &op["op"]).collect();
            let done: Vec<_> = row.ops.iter().map(|op| op.name()).collect();
            assert_eq!(ops, done, "{} in {from}", row.id);
        }
        let said = match (json["verdict"].as_str().unwrap(), &json["to"], &json["reason"]) {
            ("go", to, Value::Null) => format!("go {}", to.as_str().unwrap()),
            ("stay", Value::Null, Value::Null) => "stay".to_owned(),
            (verdict, Value::Null, reason) => format!("{verdict} ({})", reason.as_str().unwrap()),
            (verdict, to, reason) => panic!("{}: {verdict} {to} {reason}", row.id),
        };
        assert_eq!(said, row.verdict.to_string());
    }
}

#[test]
fn every_close_code_stands_in_the_words_and_on_its_page() {
    let words = read("words.json");
    let page = page("close-codes.md");
    for (code, json) in CloseCode::VARIANTS.iter().zip(list(&words, "close_codes")) {
        assert_eq!(json["name"], code.into_str());
        assert_eq!(json["number"], code.number());
        assert_eq!(json["client_rule"], code.client_rule().into_str());
        let rule = code.client_rule().into_str();
        let line = page.lines().find(|line| line.starts_with(&format!("| {} |", code.number())));
        let line = line.unwrap_or_else(|| panic!("{code} is not on its page"));
        assert!(line.contains(code.into_str()) && line.contains(rule), "{line}");
    }
}
