//! `docs/traces.md` says what is so.

use std::fs;
use std::path::Path;

use outlive::check::trace::{self, Hidden, Line};
use outlive::session::Event;
use outlive::{Limits, Timer};
use strum::VariantNames;

fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/traces.md");
    fs::read_to_string(path).expect("the page is there")
}

/// The blocks of the page in this language.
fn blocks(language: &str) -> Vec<String> {
    let page = page();
    let fence = format!("```{language}\n");
    let block = |rest: &str| rest.split("```").next().unwrap_or_default().to_owned();
    page.split(&fence).skip(1).map(block).collect()
}

#[test]
fn the_examples_hold() {
    let [one, many] = &blocks("jsonl")[..] else {
        panic!("there are two examples");
    };
    for (example, sessions, steps) in [(one, 1, 8), (many, 2, 4)] {
        let trace = trace::parse(example.as_bytes()).expect("it can be read");
        let replayed = trace::replay(&trace).expect("it is right");
        assert_eq!((replayed.ends.len(), replayed.steps), (sessions, steps));
    }
}

#[test]
fn the_snapshot_can_be_restored() {
    for block in blocks("json") {
        let trace = trace::parse(block.as_bytes()).expect("it can be read");
        assert!(matches!(&trace.lines[..], [(_, Line::Begin(begin))] if begin.start.is_some()));
    }
}

/// The first words of the rows of the table under this heading.
fn listed(heading: &str) -> Vec<(String, String)> {
    let page = page();
    let (_, section) = page.split_once(heading).expect("the heading is there");
    let rows = section.lines().skip_while(|line| !line.starts_with("|---")).skip(1);
    rows.take_while(|line| line.starts_with('|'))
        .filter_map(|row| {
            let mut cells = row.split('|').skip(1);
            Some((cells.next()?.replace('`', "").trim().to_owned(), cells.next()?.to_owned()))
        })
        .collect()
}

#[test]
fn the_events_are_all_there_with_their_fields() {
    let listed = listed("## Events");
    let refused = Line::parse(r#"{"event":"?"}"#).expect_err("no such event").to_string();
    let known: Vec<_> = refused.split('`').skip(3).step_by(2).collect();
    assert_eq!(listed.iter().map(|(name, _)| name).collect::<Vec<_>>(), known);
    for (name, fields) in listed {
        let refused = serde_json::from_str::<Event>(&format!(r#"{{"event":"{name}","?":0}}"#));
        let refused = refused.expect_err("no such field").to_string();
        let known: Vec<_> = refused.split('`').skip(3).step_by(2).collect();
        let fields: Vec<_> = fields.split('`').skip(1).step_by(2).collect();
        assert_eq!(fields, known, "{name}");
    }
}

#[test]
fn the_names_are_all_there() {
    let page = page();
    let limits = serde_json::to_value(Limits::default()).expect("it is JSON");
    let limits = limits.as_object().expect("it has fields");
    for name in limits.keys().map(String::as_str).chain(Hidden::VARIANTS.iter().copied()) {
        assert!(page.contains(&format!("`{name}`")), "{name}");
    }
    for timer in Timer::VARIANTS {
        assert!(page.contains(&format!("`{timer}`")), "{timer}");
    }
    let unknown = Line::parse(r#"{"event":"lost","connection":1,"expect":{"?":0}}"#);
    let refused = unknown.expect_err("no such field").to_string();
    let known: Vec<_> = refused.split('`').skip(3).step_by(2).collect();
    let listed: Vec<_> = listed("## What is expected").into_iter().map(|(name, _)| name).collect();
    assert_eq!(listed, known);
}
