//! Tests for the CREATED state.

use outlive::{State, Timer};

use crate::kit::*;

#[test]
fn a_new_session_commits_itself_and_waits_for_its_first_prompt() {
    let step = created().machine.create(LOG);
    assert_eq!(told(&step), "commit, arm idle 1");
    assert_eq!((step.next.state(), step.next.incarnation().0), (State::Created, 1));
    assert_eq!((step.rules().count(), step.records.len()), (0, 0));
}

#[test]
fn the_first_prompt_is_durable_then_answered_then_starts_the_worker() {
    let mut play = created();
    let step = play.feed(prompt(1, 1));
    assert_eq!(rows(&step), ["P1", "G1"]);
    assert_eq!(logged(&step), "1: prompt 1/1");
    assert_eq!(told(&step), "commit, accepted 1/1 at 1, disarm idle, arm start 1, start worker 1");
    assert_eq!(play.state(), State::Starting);
}

#[test]
fn who_watches_before_the_first_prompt_sees_it() {
    let mut play = created();
    assert_eq!(told(&play.feed(attach(1, 1))), "welcome 1 Fresh");
    let step = play.feed(prompt(2, 1));
    assert!(told(&step).contains("send 1: 1..=1"), "{}", told(&step));
}

#[test]
fn nobody_prompts_in_time_and_the_session_ends() {
    let mut play = created();
    let step = play.feed(play.fire(Timer::Idle));
    assert_eq!(rows(&step), ["C2"]);
    assert_eq!(
        (logged(&step), told(&step)),
        ("1: end (expired)".into(), "commit, disarm all".into())
    );
    assert_eq!(play.state(), State::Ended);
}

#[test]
fn a_stop_ends_it_without_a_closeout_since_there_is_no_worker() {
    let mut play = created().after([attach(1, 1)]);
    let step = play.feed(stop(1));
    assert_eq!(logged(&step), "1: end (stopped)");
    assert_eq!(told(&step), "commit, disarm all, send 1: 1..=1");
}

#[test]
fn a_restart_ends_it_and_a_prompt_brings_it_back() {
    let mut play = created().after([RESTARTED]);
    assert_eq!(play.state(), State::Ended);
    let step = play.feed(prompt(1, 1));
    assert_eq!((rows(&step), play.state()), (vec!["P1", "G2", "G1"], State::Starting));
}

#[test]
fn viewers_come_go_and_hide_without_any_commit() {
    let mut play = created().after([attach(1, 1)]);
    for event in [suspend(1, 0), resume(1), attach(2, 1), lost(2)] {
        assert!(!play.feed(event).commits(), "{event:?}");
        assert_eq!(play.state(), State::Created);
    }
}
