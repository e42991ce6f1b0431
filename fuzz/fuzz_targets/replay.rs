//! Whatever the bytes are, reading them as a trace is an answer; what can be read can be replayed,
//! explained, and written again as it was.
//!
//! `cargo +nightly fuzz run replay fuzz/corpus/replay tests/incidents`
#![no_main]

use libfuzzer_sys::fuzz_target;
use outlive::check::trace::{self, ExplainOptions, Line, Recorder, Trace};

fn lines(trace: Trace) -> Vec<Line> {
    trace.lines.into_iter().map(|(_, line)| line).collect()
}

fuzz_target!(|bytes: &[u8]| {
    let Ok(trace) = trace::parse(bytes) else {
        return;
    };
    let holds = trace::replay(&trace).is_ok();
    let nothing_hidden =
        ExplainOptions { hidden: Vec::new(), late: true, ..ExplainOptions::default() };
    // The two ask the same when nothing may be missing.
    assert_eq!(trace::explain(&trace, &nothing_hidden).is_ok(), holds);
    let some_hidden =
        ExplainOptions { candidates: 20, between: 3, late: true, ..ExplainOptions::default() };
    let _ = trace::explain(&trace, &some_hidden);
    let mut recorder = Recorder::new(Vec::new());
    for (_, line) in &trace.lines {
        recorder.line(line).expect("memory");
    }
    let again = trace::parse(&recorder.into_inner()).expect("it was just written");
    assert_eq!(lines(again), lines(trace));
});
