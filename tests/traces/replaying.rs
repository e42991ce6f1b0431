//! Complete traces.

use outlive::check::trace::{self, Divergence, Line, Recorder, Replayer, Why};
use outlive::laws::Law;
use outlive::session::table::Op;
use outlive::session::table::TABLE;
use outlive::{State, Timer};
use proptest::prelude::*;
use proptest::sample::Index;

use super::walk;

fn diverges(text: &str) -> Divergence {
    trace::replay(&trace::parse(text.as_bytes()).expect("it can be read")).expect_err("it is wrong")
}

#[test]
fn a_wrong_expectation_is_reported_with_both_sides() {
    let wrong = diverges(
        r#"{"event":"attach","connection":1,"client":7}
           {"event":"prompt","client":7,"n":1,"digest":1,"expect":{"state":"ACTIVE","rule":["P1","G2"]}}"#,
    );
    assert_eq!(
        wrong.to_string(),
        r#"line 2: state: expected "ACTIVE", got "STARTING"; rule: expected ["P1","G2"], got ["P1","G1"]"#
    );
}

#[test]
fn a_restored_session_is_told_that_its_process_is_gone_before_anything_else() {
    let start = r#"{"outlive":1,"start":{"state":"DETACHED","incarnation":1,"turn":null,
        "log":{"id":"1","base":0,"head":2},"queue":[],"asks":[],"clients":[]}}"#
        .replace('\n', "");
    let wrong = diverges(&format!("{start}\n{{\"event\":\"exited\",\"incarnation\":1}}"));
    assert_eq!(wrong.why, Why::NotRestarted(State::Detached));
    assert_eq!(wrong.line, 2);
}

#[test]
fn a_second_beginning_is_a_second_session() {
    let text = r#"{"event":"stop","incarnation":1,"expect":{"rule":"C1"}}
        {"outlive":1,"log":"9f3a"}
        {"event":"attach","connection":1,"client":7,"cursor":"9f3a.0","expect":{"state":"CREATED",
        "effects":[{"effect":"welcome","connection":1,"outcome":{"resumed":{"from":1}}}]}}"#
        .replace(",\n", ",");
    let replayed = trace::replay(&trace::parse(text.as_bytes()).expect("it can be read"));
    let replayed = replayed.expect("it is right");
    assert_eq!((replayed.sessions, replayed.steps), (2, 2));
    assert_eq!(replayed.rules.keys().copied().collect::<Vec<_>>(), ["C1", "W1"]);
}

/// A table that forgets to disarm the start timer breaks no law over a step: only whoever followed
/// the session's effects can tell.
#[test]
fn a_timer_that_is_left_behind_is_a_broken_law() {
    let forgetful = TABLE.with("S1", |row| row.ops = &[Op::Commit]);
    let text = r#"{"event":"attach","connection":1,"client":7}
        {"event":"prompt","client":7,"n":1,"digest":1}
        {"event":"started","incarnation":1}"#;
    let mut replayer = Replayer::by(forgetful);
    let trace = trace::parse(text.as_bytes()).expect("it can be read");
    let fed: Result<Vec<_>, _> =
        trace.lines.iter().map(|(n, line)| replayer.feed(*n, line)).collect();
    let wrong = fed.expect_err("the timer is still armed");
    let Why::Breaks(breach) = wrong.why else {
        panic!("{wrong}");
    };
    assert_eq!((wrong.line, breach.law), (3, Law::WaitingStatesHaveATimer));
    assert!(breach.detail.contains(&format!("{:?}", Timer::Start)), "{}", breach.detail);
}

/// Found by changing a digit of a recorded trace: the machine ignored the acknowledgement, and a
/// law took it for credit.
#[test]
fn an_acknowledgement_of_another_range_is_late_news() {
    let text = r#"{"event":"attach","connection":1,"client":7}
        {"event":"prompt","client":7,"n":1,"digest":1}
        {"event":"written","connection":1,"through":2,"expect":{"rule":"X1"}}
        {"event":"written","connection":1,"through":9007199254740991,"expect":{"rule":"X1"}}
        {"event":"written","connection":1,"through":1,"expect":{"rule":"W4"}}"#;
    trace::replay(&trace::parse(text.as_bytes()).expect("it can be read")).expect("it is right");
}

/// Found by fuzzing: limits may be others after a restart, and a law asked why the older ones had
/// trimmed more.
#[test]
fn a_session_that_was_trimmed_by_a_smaller_limit_is_restored_under_a_larger_one() {
    let text =
        r#"{"outlive":1,"limits":{"retention":100},"start":{"state":"DETACHED","incarnation":1,
        "turn":null,"log":{"id":"1","base":7,"head":9},"queue":[],"asks":[],"clients":[]}}
        {"event":"restarted","expect":{"state":"ENDED","rule":"B1"}}"#
            .replace(",\n", ",");
    trace::replay(&trace::parse(text.as_bytes()).expect("it can be read")).expect("it is right");
}

/// Found by fuzzing: the id is random, so this says that the driver's randomness is broken. It is no
/// reason to fall over a commit that changes nothing.
#[test]
fn a_log_that_is_renewed_with_the_id_it_has_is_committed_all_the_same() {
    let text = r#"{"event":"stop","incarnation":1,"expect":{"rule":"C1"}}
        {"event":"restarted","renew":"1","expect":{"rule":"B4"}}"#;
    trace::replay(&trace::parse(text.as_bytes()).expect("it can be read")).expect("it is right");
}

proptest! {
    #[test]
    fn what_a_driver_records_is_what_the_table_does(
        picks in prop::collection::vec(any::<Index>(), 0..60)
    ) {
        let trace = walk::recorded(&picks);
        let replayed = trace::replay(&trace).expect("it was recorded by the same table");
        prop_assert_eq!(replayed.steps, picks.len() as u64);
        let mut again = Recorder::new(Vec::new());
        for (_, line) in &trace.lines {
            again.line(line).expect("memory");
        }
        prop_assert_eq!(trace::parse(&again.into_inner()).expect("it was just written"), trace);
    }

    #[test]
    fn a_completed_step_is_the_line_that_was_recorded(
        picks in prop::collection::vec(any::<Index>(), 0..30)
    ) {
        let trace = walk::recorded(&picks);
        let mut replayer = Replayer::new();
        for (number, line) in &trace.lines {
            let taken = replayer.feed(*number, line).expect("it is right");
            if let (Line::Fed(_), Some(taken)) = (line, taken) {
                prop_assert_eq!(&taken.complete(), line);
            }
        }
    }
}
