//! Tests for the STARTING state.

use outlive::{State, Timer};

use crate::kit::*;

#[test]
fn the_worker_comes_up_watched_and_gets_the_prompt() {
    let mut play = starting();
    let step = play.feed(started(1));
    assert_eq!((rows(&step), play.state()), (vec!["S1", "T1"], State::Active));
    assert_eq!(told(&step), "commit, disarm start, arm turn 1, dispatch 1");
}

#[test]
fn who_prompted_has_gone_before_the_worker_came() {
    let mut play = starting().after([lost(1)]);
    let step = play.feed(started(1));
    assert_eq!((rows(&step), play.state()), (vec!["S2", "T1"], State::Detached));
    assert_eq!(told(&step), "commit, disarm start, arm detach 1, arm turn 1, dispatch 1");
}

#[test]
fn who_prompted_put_the_phone_away_before_the_worker_came() {
    let mut play = starting().after([written(1, 1), suspend(1, 1)]);
    let step = play.feed(started(1));
    assert_eq!((rows(&step), play.state()), (vec!["S3", "T1"], State::Suspended));
    assert_eq!(play.session.pin().unwrap().0, 1);
    assert_eq!(told(&step), "commit, disarm start, arm grace 2, arm turn 1, dispatch 1");
}

#[test]
fn further_prompts_queue_until_the_worker_is_there_and_run_one_at_a_time() {
    let mut play = starting().after([prompt(1, 2)]);
    assert_eq!(play.session.queue().len(), 2);
    let step = play.feed(started(1));
    assert!(told(&step).ends_with("dispatch 1"), "{}", told(&step));
    let step = play.feed(turn_ended(1, 1));
    assert!(told(&step).ends_with("dispatch 2"), "{}", told(&step));
}

#[test]
fn a_start_that_fails_ends_every_prompt_that_waits() {
    for event in [start_failed(1), exited(1)] {
        let mut play = starting().after([prompt(1, 2), written(1, 1), written(1, 2)]);
        let step = play.feed(event);
        assert_eq!(logged(&step), "3: turn 1 failed, 4: turn 2 failed, 5: end (start_failed)");
        assert_eq!(told(&step), "commit, disarm all, send 1: 3..=5");
        assert_eq!(play.state(), State::Ended);
    }
}

#[test]
fn a_start_that_takes_too_long_is_aborted_after_the_commit_and_its_worker_never_counts() {
    let mut play = starting().after([lost(1)]);
    let step = play.feed(play.fire(Timer::Start));
    assert_eq!(told(&step), "commit, abort worker 1, disarm all");
    assert_eq!(logged(&step), "2: turn 1 failed, 3: end (start_timeout)");
    assert_eq!(play.nothing(started(1)), "E2");
}

#[test]
fn a_stop_cancels_what_waits_and_closes_out_a_worker_that_may_be_half_up() {
    let mut play = starting();
    let step = play.feed(stop(1));
    assert_eq!(logged(&step), "2: turn 1 cancelled, 3: closing (stopped)");
    assert_eq!(told(&step), "commit, disarm all, arm closeout 1, close out worker 1");
    assert_eq!(play.state(), State::Closing);
}

#[test]
fn a_prompt_that_waits_is_taken_back() {
    let mut play = starting();
    let step = play.feed(interrupt(1));
    assert_eq!((rows(&step), logged(&step)), (vec!["T9"], "2: turn 1 cancelled".into()));
    assert_eq!(rows(&play.feed(started(1))), ["S1"]);
}

#[test]
fn a_restart_reopens_the_session_for_the_prompt_that_waits() {
    let mut play = starting();
    let step = play.feed(RESTARTED);
    assert_eq!(rows(&step), ["B1", "G2", "G1"]);
    assert_eq!(logged(&step), "2: end (restarted)");
    let expected =
        "commit, close 1 (restart), disarm all, disarm idle, arm start 2, resume as worker 2";
    assert_eq!(told(&step), expected);
    assert_eq!((play.state(), play.session.queue().len()), (State::Starting, 1));
}

#[test]
fn what_a_worker_says_while_it_starts_is_logged() {
    let mut play = starting().after([written(1, 1)]);
    assert_eq!(told(&play.feed(aside(1, 2))), "commit, send 1: 2..=3");
}
