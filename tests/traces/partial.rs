//! Traces in which events are missing.

use outlive::State;
use outlive::check::trace::{
    self, Bound, ExplainOptions, Explained, Hidden, Line, Replayer, Trace, Unexplained, Unsettled,
};
use outlive::session::Event;
use proptest::prelude::*;
use proptest::sample::Index;

use super::walk;

fn parsed(text: &str) -> Trace {
    trace::parse(text.as_bytes()).expect("it can be read")
}

fn explained(text: &str) -> Explained {
    trace::explain(&parsed(text), &ExplainOptions::default())
        .unwrap_or_else(|why| panic!("{why:?}"))
}

fn refused(text: &str, options: &ExplainOptions) -> Unexplained {
    match trace::explain(&parsed(text), options) {
        Err(Unsettled::Unexplained(unexplained)) => *unexplained,
        other => panic!("{other:?}"),
    }
}

const UP: &str = r#"{"event":"attach","connection":1,"client":7}
{"event":"prompt","client":7,"n":1,"digest":1}
{"event":"started","incarnation":1,"expect":{"state":"ACTIVE"}}
"#;

fn hidden(event: &Event) -> bool {
    matches!(
        event,
        Event::Written { .. }
            | Event::Expired { .. }
            | Event::Lost { .. }
            | Event::Suspend { .. }
            | Event::Resume { .. }
    )
}

#[test]
fn acks_that_are_missing_are_found() {
    let text = format!(
        "{UP}{}",
        r#"{"event":"output","incarnation":1,"turn":1,"count":1,"expect":{"effects":[{"effect":"commit"},{"effect":"send","connection":1,"from":2,"to":2}]}}"#
    );
    assert!(trace::replay(&parsed(&text)).is_err(), "it is not complete");
    assert_eq!(explained(&text).lines, 4);
}

#[test]
fn a_loss_and_a_timer_that_are_missing_are_found() {
    let text = format!(
        "{UP}{}",
        r#"{"event":"turn_ended","incarnation":1,"turn":1,"outcome":"completed"}
        {"event":"exited","incarnation":1,"expect":{"rule":"L1"}}"#
    );
    let ends = explained(&text).candidates;
    assert!(ends.iter().all(|session| session.state() == State::Ended));
}

/// The loss is in the log, the notice that came after it is not.
#[test]
fn a_late_suspend_notice_that_is_missing_is_found() {
    let text = format!(
        "{UP}{}",
        r#"{"event":"lost","connection":1,"expect":{"state":"DETACHED"}}
        {"event":"attach","connection":2,"client":7,"expect":{"rule":"U1"}}"#
    );
    explained(&text);
}

#[test]
fn a_log_that_nothing_explains_is_refused_with_what_each_candidate_has_against_it() {
    let text = format!("{UP}{}", r#"{"event":"output","incarnation":1,"turn":2,"count":1}"#);
    let no = refused(&text, &ExplainOptions::default());
    assert_eq!((no.line, no.explained), (4, 3));
    let states: Vec<_> = no.rejected.iter().map(|one| one.session.state()).collect();
    assert_eq!(states, [State::Active, State::Detached, State::Suspended]);
    assert!(no.rejected.iter().all(|one| one.rule == "X2" && one.why.is_none()));
}

#[test]
fn an_expectation_that_no_candidate_meets_is_refused() {
    let text = format!(
        "{UP}{}",
        r#"{"event":"output","incarnation":1,"turn":1,"count":1,"expect":{"effects":[{"effect":"commit"},{"effect":"send","connection":1,"from":3,"to":3}]}}"#
    );
    let no = refused(&text, &ExplainOptions::default());
    assert!(no.rejected.iter().all(|one| one.why.is_some()));
}

/// The same log, and the loss is of a kind that this log never leaves out.
#[test]
fn what_cannot_be_missing_explains_nothing() {
    let text =
        format!("{UP}{}", r#"{"event":"attach","connection":2,"client":7,"expect":{"rule":"D1"}}"#);
    explained(&text);
    let options = ExplainOptions { hidden: [Hidden::Written].into(), ..ExplainOptions::default() };
    assert_eq!(refused(&text, &options).rejected[0].rule, "W2");
}

#[test]
fn late_news_must_be_said_or_allowed() {
    let text = format!("{UP}{}", r#"{"event":"lost","connection":9}"#);
    refused(&text, &ExplainOptions::default());
    trace::explain(&parsed(&text), &ExplainOptions { late: true, ..ExplainOptions::default() })
        .expect("late");
    explained(&text.replace(":9}", r#":9,"expect":{"verdict":"ignore"}}"#));
}

#[test]
fn a_generation_may_be_ahead_where_timers_may_have_been_armed_unseen() {
    let fired = r#"{"event":"expired","timer":"detach","generation":5,"expect":{"effects":[{"effect":"arm","timer":"detach","generation":6,"after_ms":1800000}]}}"#;
    let stale = fired.replace(":5", ":4").replace(
        r#"{"effects":[{"effect":"arm","timer":"detach","generation":6,"after_ms":1800000}]}"#,
        r#"{"rule":"X3"}"#,
    );
    explained(&format!("{UP}{fired}\n{stale}"));
    let options = ExplainOptions { hidden: [Hidden::Written].into(), ..ExplainOptions::default() };
    let lost = r#"{"event":"lost","connection":1}"#;
    refused(&format!("{UP}{lost}\n{fired}"), &options);
}

#[test]
fn too_many_candidates_are_no_answer() {
    let options = ExplainOptions { candidates: 2, ..ExplainOptions::default() };
    let answer = trace::explain(&parsed(UP), &options);
    let Err(Unsettled::Incomplete { line, bound, .. }) = answer else {
        panic!("{answer:?}");
    };
    assert_eq!((line, bound), (2, Bound::Candidates(2)));
}

/// A refusal is only one if nothing was left out of the search.
#[test]
fn too_many_missing_events_are_no_refusal() {
    let text = format!("{UP}{}", r#"{"event":"output","incarnation":1,"turn":2,"count":1}"#);
    let options = ExplainOptions { between: 1, ..ExplainOptions::default() };
    let answer = trace::explain(&parsed(&text), &options);
    let Err(Unsettled::Incomplete { line, bound, .. }) = answer else {
        panic!("{answer:?}");
    };
    assert_eq!((line, bound), (4, Bound::Between(1)));
}

/// The line as it is recorded, with everything that came of it.
fn completed(trace: &Trace) -> Trace {
    let mut replayer = Replayer::new();
    let complete = |(number, line): &(u64, Line)| {
        let taken = replayer.feed(*number, line).expect("it holds");
        (*number, taken.map_or_else(|| line.clone(), |taken| taken.complete()))
    };
    Trace { lines: trace.lines.iter().map(complete).collect() }
}

/// No false alarm: the incidents' traces, with everything expected, and every ack, timer and loss
/// left out.
#[test]
fn the_incidents_are_explained_without_their_acks_timers_and_losses() {
    for (name, trace) in crate::incidents::traces() {
        let mut thin = completed(&trace);
        thin.lines.retain(|(_, line)| !matches!(line, Line::Fed(fed) if hidden(&fed.event)));
        assert!(thin.lines.len() <= trace.lines.len());
        if let Err(why) = trace::explain(&thin, &ExplainOptions::default()) {
            panic!("{name}: {why:#?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// No false alarm, at random. What a bound keeps from being found is no alarm.
    #[test]
    fn a_run_is_explained_whatever_of_it_is_missing(
        picks in prop::collection::vec((any::<Index>(), any::<bool>()), 0..25)
    ) {
        let (picks, missing): (Vec<_>, Vec<_>) = picks.into_iter().unzip();
        let mut trace = walk::recorded(&picks);
        let mut missing = [false].into_iter().chain(missing);
        trace.lines.retain(|(_, line)| {
            let missing = missing.next().unwrap_or_default();
            !(missing && matches!(line, Line::Fed(fed) if hidden(&fed.event)))
        });
        let options = ExplainOptions { candidates: 1_000, ..ExplainOptions::default() };
        let answer = trace::explain(&trace, &options);
        let fine = matches!(answer, Ok(_) | Err(Unsettled::Incomplete { .. }));
        prop_assert!(fine, "{answer:#?}");
    }

    /// A complete log is explained by itself alone.
    #[test]
    fn nothing_missing_is_one_candidate(picks in prop::collection::vec(any::<Index>(), 0..40)) {
        let options = ExplainOptions { hidden: Vec::new(), ..ExplainOptions::default() };
        let explained = trace::explain(&walk::recorded(&picks), &options);
        let most = explained.expect("it is the run itself").most;
        prop_assert_eq!(most, usize::from(!picks.is_empty()));
    }
}
