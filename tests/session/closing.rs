//! Tests for the CLOSING state.

use outlive::{State, Timer};

use crate::kit::*;

#[test]
fn the_closeout_is_done() {
    let mut play = closing();
    let step = play.feed(exited(1));
    assert_eq!((rows(&step), play.state()), (vec!["L1"], State::Ended));
    assert_eq!(
        (logged(&step), told(&step)),
        ("4: end (closed_out)".into(), "commit, disarm all".into())
    );
}

#[test]
fn no_closeout_takes_for_ever() {
    let mut play = closing();
    let step = play.feed(play.fire(Timer::Closeout));
    assert_eq!((rows(&step), play.state()), (vec!["L2"], State::Ended));
    assert_eq!(told(&step), "commit, abort worker 1, disarm all");
    assert_eq!(logged(&step), "4: end (closeout_timeout)");
}

#[test]
fn a_prompt_is_neither_swallowed_nor_given_to_the_worker_that_closes() {
    let mut play = closing();
    let step = play.feed(prompt(1, 2));
    assert_eq!(rows(&step), ["L3", "G2", "G1"]);
    assert_eq!(logged(&step), "4: end (superseded), 5: prompt 1/2");
    let expected = "commit, abort worker 1, disarm all, accepted 1/2 at 5, disarm idle, arm start 2, \
                    resume as worker 2";
    assert_eq!(told(&step), expected);
    assert_eq!(play.nothing(aside(1, 1)), "X2");
    assert_eq!(play.nothing(exited(1)), "X2");
    assert!(told(&play.feed(started(2))).ends_with("dispatch 5"));
}

#[test]
fn a_prompt_that_was_accepted_before_is_answered_again_and_revives_nothing() {
    let mut play = closing();
    assert_eq!(told(&play.feed(prompt(1, 1))), "accepted 1/1 at 1 again");
    assert_eq!(play.state(), State::Closing);
}

#[test]
fn a_viewer_that_comes_back_watches_until_the_end_and_revives_nothing() {
    let mut play = closing().after([lost(1)]);
    let step = play.feed(back(2, 1, 1));
    assert_eq!((rows(&step), play.state()), (vec!["W1"], State::Closing));
    play = play.after([written(2, 3)]);
    assert_eq!(told(&play.feed(aside(1, 1))), "commit, send 2: 4..=4");
    play = play.after([written(2, 4)]);
    assert_eq!(told(&play.feed(exited(1))), "commit, disarm all, send 2: 5..=5");
}

#[test]
fn whoever_goes_or_hides_now_changes_no_state() {
    for event in [lost(1), suspend(1, 1)] {
        assert_eq!(closing().after([event]).state(), State::Closing);
    }
}

#[test]
fn late_news_finds_the_turn_over() {
    let mut play = closing();
    for event in [turn_ended(1, 1), output(1, 1), asked(1, 1)] {
        assert_eq!(play.nothing(event), "X2", "{event:?}");
    }
    assert_eq!(play.nothing(interrupt(1)), "X4");
    assert_eq!(play.nothing(stop(1)), "L4");
    assert_eq!(play.nothing(started(1)), "T13");
}

#[test]
fn a_worker_that_was_stopped_while_it_started_may_fail_or_come_up_late() {
    let stopped = || starting().after([stop(1)]);
    assert_eq!(stopped().nothing(started(1)), "T13");
    assert_eq!(stopped().after([lost(1)]).nothing(started(1)), "T14");
    assert_eq!(rows(&stopped().feed(start_failed(1))), ["L1"]);
}

#[test]
fn the_process_dies_during_the_closeout() {
    let mut play = closing();
    let step = play.feed(RESTARTED);
    assert_eq!((logged(&step), play.state()), ("4: end (restarted)".into(), State::Ended));
}
