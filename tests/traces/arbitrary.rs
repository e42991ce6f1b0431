//! Whatever the bytes are, reading them is an answer and never a panic; and what can be read can be
//! replayed, explained and written again.

use outlive::check::trace::{self, Bound, Options, Recorder, Unsettled};
use proptest::prelude::*;
use proptest::sample::Index;

use super::walk;

fn exercise(bytes: &[u8]) -> Result<(), TestCaseError> {
    let Ok(trace) = trace::parse(bytes) else {
        return Ok(());
    };
    let strict = trace::replay(&trace);
    let options = Options { candidates: 50, late: true, ..Options::default() };
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

const LIKE_A_LINE: &str =
    "(\\{\"(event|outlive|expect)\":[\\[\\]{}a-z0-9\",:. -]{0,60}\\}\n?){1,4}";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        exercise(&bytes)?;
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
