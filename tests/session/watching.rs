//! Who watches: the newest connection of a client wins, cursors move on credit, gaps are declared.

use outlive::State;
use outlive::log::{Cursor, LogId, ResumeFrom};
use strum::VariantArray;

use crate::kit::*;

#[test]
fn the_newest_connection_of_a_client_wins_at_once_in_every_state() {
    for state in State::VARIANTS {
        let mut play = in_state(*state);
        if play.session.connections().is_empty() {
            play = play.after([attach(7, 1)]);
        }
        let old = play.session.connections()[0].id.0;
        let step = play.feed(attach(8, 1));
        assert!(told(&step).contains(&format!("close {old} (replaced)")), "{}", told(&step));
        assert_eq!(play.session.connections().len(), 1);
        assert_eq!(play.nothing(lost(old)), "X1", "its late close tears down nothing");
        assert_eq!(play.nothing(resume(old)), "X1");
        assert_eq!(play.nothing(written(old, 1)), "X1");
    }
}

#[test]
fn a_full_session_still_takes_a_newer_connection_of_a_client_it_has() {
    let mut play = active().after([attach(2, 2)]);
    assert_eq!(play.nothing(attach(3, 3)), "W3");
    assert_eq!(rows(&play.feed(attach(3, 1))), ["W2"]);
}

#[test]
fn a_hello_said_twice_is_late_news() {
    assert_eq!(active().nothing(attach(1, 1)), "X1");
    assert_eq!(active().nothing(attach(1, 2)), "X1");
}

#[test]
fn every_viewer_may_watch_prompt_interrupt_and_stop_for_there_is_no_owner() {
    let play = active().after([attach(2, 2), prompt(2, 1), interrupt(1), stop(1)]);
    assert_eq!((play.state(), play.session.connections().len()), (State::Closing, 2));
}

#[test]
fn the_base_overtakes_a_slow_viewer_and_it_gets_a_gap_in_mid_stream() {
    let mut play = active().after([output(1, 1), output(1, 60)]);
    assert_eq!(play.session.log().base.0, 54, "the log waits for nobody");
    assert_eq!(told(&play.feed(written(1, 2))), "gap 1: 3..=54, send 1: 55..=58");
}

#[test]
fn what_was_written_of_a_range_counts_and_the_rest_is_sent_again_or_declared_lost() {
    let mut play = starting().after([started(1), output(1, 7)]);
    assert_eq!(told(&play.feed(written(1, 1))), "send 1: 2..=5");
    for other in [0, 1, 6] {
        assert_eq!(play.nothing(written(1, other)), "X1", "{other} is not of the range");
    }
    assert_eq!(told(&play.feed(written(1, 3))), "send 1: 4..=7");
    assert_eq!(play.nothing(written(1, 3)), "X1", "said twice");
    let mut play = play.after([output(1, 60)]);
    assert_eq!(told(&play.feed(written(1, 4))), "gap 1: 5..=60, send 1: 61..=64");
}

#[test]
fn a_range_that_was_trimmed_before_it_was_read_is_missed_and_declared_lost() {
    let mut play = starting().after([started(1), output(1, 60)]);
    assert_eq!(play.nothing(missed(1, 2)), "X1", "not the range that was given");
    let step = play.feed(missed(1, 1));
    assert_eq!((rows(&step), told(&step)), (vec!["W10"], "gap 1: 1..=53, send 1: 54..=57".into()));
    assert_eq!(play.nothing(missed(1, 1)), "X1", "said twice");
}

#[test]
fn where_a_viewer_goes_on_is_said_in_every_case() {
    let play = detached().after([output(1, 30)]);
    assert_eq!((play.session.log().base.0, play.session.log().head.0), (23, 31));
    let at = |log, seq| ResumeFrom::At(Cursor { log, seq: outlive::ids::Seq(seq) });
    let cases = [
        (ResumeFrom::Nothing, "welcome 5 Fresh, send 5: 24..=27"),
        (at(LOG, 31), "welcome 5 Resumed { from: Seq(32) }"),
        (at(LOG, 30), "welcome 5 Resumed { from: Seq(31) }, send 5: 31..=31"),
        (at(LOG, 23), "welcome 5 Resumed { from: Seq(24) }, send 5: 24..=27"),
        (at(LOG, 22), "welcome 5 Gap { lost_from: Seq(23), lost_to: Seq(23) }, send 5: 24..=27"),
        (at(LOG, 0), "welcome 5 Gap { lost_from: Seq(1), lost_to: Seq(23) }, send 5: 24..=27"),
        (at(LOG, 32), "welcome 5 Reset { why: CursorAhead }, send 5: 24..=27"),
        (at(LOG, u64::MAX), "welcome 5 Reset { why: CursorAhead }, send 5: 24..=27"),
        (at(LogId(1), 30), "welcome 5 Reset { why: LogChanged }, send 5: 24..=27"),
        (ResumeFrom::Malformed, "welcome 5 Reset { why: Malformed }, send 5: 24..=27"),
    ];
    for (cursor, expected) in cases {
        let step = play.clone().feed(claim(5, 9, cursor));
        assert_eq!(told(&step), format!("commit, disarm detach, {expected}"), "{cursor:?}");
    }
}

#[test]
fn credit_counts_for_the_range_that_was_given_and_for_no_other() {
    let mut play = active().after([output(1, 2)]);
    for through in [0, 1, 4, 1 << 60] {
        assert_eq!(play.nothing(written(1, through)), "X1", "{through}");
    }
    assert_eq!(rows(&play.feed(written(1, 3))), ["W4"]);
    assert_eq!(play.nothing(written(1, 3)), "X1", "said twice");
}

#[test]
fn a_report_of_writing_beyond_any_log_is_late_news_as_well() {
    assert_eq!(active().nothing(written(1, u64::MAX)), "X1");
    assert_eq!(starting().nothing(written(1, u64::MAX)), "X1");
}

#[test]
fn a_suspended_viewer_still_reports_what_it_has_written() {
    let mut play = active().after([output(1, 2), suspend(1, 1)]);
    let step = play.feed(written(1, 3));
    assert_eq!((rows(&step), told(&step)), (vec!["W4"], String::new()));
}
