//! Whatever the bytes are, reading them is an answer and never a panic; and what can be read can be
//! replayed, explained and written again.

use outlive::check::trace::{self, Bound, ExplainOptions, Recorder, Unsettled};
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::Value;

use super::walk;

fn exercise(bytes: &[u8]) -> Result<(), TestCaseError> {
    let Ok(trace) = trace::parse(bytes) else {
        return Ok(());
    };
    let strict = trace::replay(&trace);
    let options = ExplainOptions { candidates: 50, late: true, ..ExplainOptions::default() };
    let partial = trace::explain(&trace, &options);
    if strict.is_ok() {
        let bound = |unsettled: &Unsettled| {
            matches!(unsettled, Unsettled::Incomplete { bound: Bound::Candidates(_), .. })
        };
        prop_assert!(partial.as_ref().map_or_else(bound, |_| true), "{partial:?}");
    }
    let mut again = Recorder::new(Vec::new());
    for (_, line) in &trace.lines {
        again.line(line).expect("memory");
    }
    let again = trace::parse(&again.into_inner()).expect("it was just written");
    let lines =
        |trace: trace::Trace| -> Vec<_> { trace.lines.into_iter().map(|(_, line)| line).collect() };
    prop_assert_eq!(lines(again), lines(trace));
    Ok(())
}

fn text(picks: &[Index]) -> Vec<u8> {
    let mut recorder = Recorder::new(Vec::new());
    for (_, line) in &walk::recorded(picks).lines {
        recorder.line(line).expect("memory");
    }
    recorder.into_inner()
}

/// Puts a field that nobody knows into the `pick`th object of a value. Returns how many objects there are.
fn put(value: &mut Value, pick: Option<usize>, seen: &mut usize) {
    match value {
        Value::Object(fields) => {
            let here = pick == Some(*seen);
            *seen += 1;
            fields.values_mut().for_each(|value| put(value, pick, seen));
            if here {
                fields.insert("nobody_knows_this".into(), 9.into());
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| put(value, pick, seen)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

const LIKE_A_LINE: &str =
    "(\\{\"(event|outlive|expect)\":[\\[\\]{}a-z0-9\",:. -]{0,60}\\}\n?){1,4}";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        exercise(&bytes)?;
    }

    #[test]
    fn an_unknown_field_is_refused_at_every_depth(
        picks in prop::collection::vec(any::<Index>(), 1..12), line in any::<Index>(), place in any::<Index>(),
    ) {
        let text = String::from_utf8(text(&picks)).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let line = *line.get(&lines);
        prop_assert!(trace::parse(line.as_bytes()).is_ok(), "{line}");
        let mut value: Value = serde_json::from_str(line).unwrap();
        let mut objects = 0;
        put(&mut value, None, &mut objects);
        put(&mut value, Some(place.index(objects)), &mut 0);
        let refused = trace::parse(value.to_string().as_bytes()).map(drop).map_err(|why| why.to_string());
        let refused = refused.expect_err(&value.to_string());
        // Beside the name of a variant serde refuses any other field.
        let named = ["nobody_knows_this", "map with a single key"].iter().any(|it| refused.contains(it));
        prop_assert!(named, "{refused}");
    }

    #[test]
    fn any_text_that_looks_like_a_line(text in LIKE_A_LINE) {
        exercise(text.as_bytes())?;
    }

    #[test]
    fn a_trace_with_bytes_changed(
        picks in prop::collection::vec(any::<Index>(), 1..12),
        changes in prop::collection::vec((any::<Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = text(&picks);
        for (place, byte) in changes {
            *place.get_mut(&mut bytes) = byte;
        }
        exercise(&bytes)?;
    }

    #[test]
    fn a_trace_with_digits_changed(
        picks in prop::collection::vec(any::<Index>(), 1..12),
        changes in prop::collection::vec((any::<Index>(), b'0'..=b'9'), 1..6),
    ) {
        let mut bytes = text(&picks);
        let digit = |place: &usize| bytes[*place].is_ascii_digit();
        let digits: Vec<_> = (0..bytes.len()).filter(digit).collect();
        for (place, digit) in changes {
            bytes[*place.get(&digits)] = digit;
        }
        exercise(&bytes)?;
    }
}
